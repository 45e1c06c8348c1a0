"""Documents per second: our press, from typed facts to a PDF/A file, against WeasyPrint alone.

Both print in one process of their own, warm, the very same HTML; ours also writes that HTML, draws
the QR code, refuses missing glyphs and makes PDF/A-2b. One document at a time, so that the figure
is the cost of one press; more presses make more documents.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from activities import document_facts as facts
from activities.documents import html_for
from activities.press import ENVIRONMENT, DocumentPress
from activities.press_child import ORDER, READY, receive, send
from catalogue.load import load_catalogue

ROUNDS = 20
VERIFY_AT = "https://city.invalid/v"

_Kind = TypeVar("_Kind", bound=facts.Letter)


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Return documents per second over `rounds` rounds of three kinds, ours and alone in turn."""
    press = DocumentPress(load_catalogue, VERIFY_AT)
    try:
        press.warm()
        with _alone() as alone:
            return _compared(press, alone, rounds)
    finally:
        press.close()


def _compared(press: DocumentPress, alone: Callable[[str], bytes], rounds: int) -> dict[str, Any]:
    letters = samples()
    pages = [html_for(one.kind, one) for one in letters]
    for one, page in zip(letters, pages, strict=True):  # caches of both
        press.print(one.kind, one)
        alone(page)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        for one, page in zip(letters, pages, strict=True):
            pair = [(ours, partial(press.print, one.kind, one)), (theirs, partial(alone, page))]
            # Who comes first changes, so that neither always meets the warmer machine.
            for times, work in pair[:: 1 if number % 2 else -1]:
                times.append(_seconds(work))
    value, baseline = len(ours) / sum(ours), len(theirs) / sum(theirs)
    return {
        "name": "document",
        "value": round(value, 2),
        "unit": "documents/s",
        "baseline": round(baseline, 2),
        "ratio": round(value / baseline, 3),
        "documents": len(ours),
        "kinds": [one.kind for one in letters],
        "ours_ms_p50": round(statistics.median(ours) * 1000, 1),
        "alone_ms_p50": round(statistics.median(theirs) * 1000, 1),
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def _alone() -> Iterator[Callable[[str], bytes]]:
    """Start the baseline's process and give the call that prints one page in it."""
    ours, theirs = socket.socketpair()
    descriptor = theirs.fileno()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.alone", str(descriptor)],
        cwd=Path(__file__).parents[1],
        env=ENVIRONMENT,
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
    )
    theirs.close()
    what, _ = receive(ours)
    assert what == READY, f"expected a ready process, found {what!r}"

    def printed(html: str) -> bytes:
        send(ours, ORDER, html.encode())
        return receive(ours)[1]

    try:
        yield printed
    finally:
        ours.close()
        process.kill()
        process.wait()


def samples() -> tuple[facts.DocumentFacts, ...]:
    """Return three documents as they are issued every day: short, with a list, with reasons."""
    return (
        _letter(
            facts.AcceptanceNotice,
            title="受理通知书",
            received_on="2026年3月2日",
            accepted_on="2026年3月4日",
            deemed=False,
            contact="13800000000",
            period="20个工作日",
            decide_by="2026年4月1日",
            provisional=False,
            promised_by="2026年3月18日",
            missing=(),
            missing_by="",
            overdue="",
            undertaking="",
            basis="《中华人民共和国行政许可法》第三十二条第一款第（五）项",
        ),
        _letter(
            facts.SupplementNotice,
            title="补正告知书",
            received_on="2026年3月2日",
            lacking=tuple(
                facts.LackingLine(f"第{place}项材料须加盖公章并注明日期", "原件与复印件不一致")
                for place in range(1, 8)
            ),
            within_days=30,
            supply_by="2026年4月3日",
            provisional=False,
            basis="《中华人民共和国行政许可法》第三十二条第一款第（四）项",
        ),
        _letter(
            facts.Refusal,
            title="不予行政许可决定书",
            accepted_on="2026年3月4日",
            activity="行政许可",
            reasons="经审查，经营场所与设施布局不符合食品安全标准的要求。" * 6,
            basis="《中华人民共和国行政许可法》第三十八条第二款",
            remedies=facts.Remedies("云川市人民政府", "云川市云溪区人民法院", False),
        ),
    )


def _letter(kind: type[_Kind], **own: Any) -> _Kind:
    common = {
        "organ": "云川市市场监督管理局",
        "number": "云市监许受〔2026〕12号",
        "addressee": "云川市清泉餐饮有限公司",
        "matter": "食品经营许可",
        "case_no": "SCJG2026030200012",
        "issued_on": "2026年3月4日",
        "address": "云川市商务路18号",
        "phone": "0990-1000203",
        "code": "7K2M-9QXP-4T",
        "verify_address": f"{VERIFY_AT}/7K2M-9QXP-4T",
    }
    return kind(**{**common, **own})
