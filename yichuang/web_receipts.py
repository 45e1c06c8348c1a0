"""Receipts as pages hand them out: `forms.receipt_ports.Receipts` over the stores, entry first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from activities.receipt_paper import PaperClock, PaperStep, ReceiptPaper, receipt_html
from audit import yichuang_verify
from audit.entry import EntryDraft, What, Who, entry_id
from audit.entry import Where as EntryWhere
from audit.outbox import record
from audit.receipts import NothingToProve
from cases.messages import Actor
from cases.reception import NotNow
from forms.access_ports import Thing
from forms.entrance_ports import Where
from forms.reader_ports import File
from forms.words import timer_word, word
from yichuang.receipts import ISSUED, Issue, ReceiptDesk, nothing, own_words
from yichuang.web_ports import who_is

STREAM = "sys:receipt"
"""Every issue of a receipt through the pages, in the order of the entries."""

RESULTS = {"ok": "完成", "deny": "不准", "error": "出错"}


class Press(Protocol):
    """What prints a page."""

    def print_html(self, html: str) -> bytes: ...


@dataclass(frozen=True)
class WebReceipts:
    """`forms.receipt_ports.Receipts`."""

    desk: ReceiptDesk
    engine: Engine
    """The web store."""
    press: Press
    trust: Callable[[], str]
    """The text of the city's policy of trust, read anew: witnesses come and go."""
    subject_of: Callable[[str], str]
    """Case id → pseudonym of the applicant."""
    pseudonym_of: Callable[[str], str]
    address: str
    """Public address, which the paper prints."""
    zone: str
    now: Callable[[], datetime]

    def of_case(
        self,
        actor: Actor | None,
        where: Where,
        case_id: str,
        paper: bool,
        opened: bool = True,
    ) -> File | None:
        try:
            issue = self.desk.of_case(case_id, own_words if opened else nothing)
        except NothingToProve:
            return None
        except FileNotFoundError as away:  # the archive of a closed shard
            raise NotNow(str(away)) from away
        # Printed before the transaction: a page takes a fifth of a second, and may fail.
        printed = self.press.print_html(self._html(issue)) if paper else b""
        self._record(actor, where, case_id, issue)
        if paper:
            return File(f"回执 {issue.case_no}.pdf", "application/pdf", printed)
        return File(issue.name, "application/json", issue.content)

    def of_entry(self, actor: Actor, where: Where, thing: Thing, entry: str) -> File | None:
        try:
            issue = self.desk.of_entry(entry)
        except NothingToProve:
            return None
        except FileNotFoundError as away:  # the archive of a closed shard
            raise NotNow(str(away)) from away
        self._note(who_is(actor, self.pseudonym_of), where, thing.type, thing.id, issue)
        return File(issue.name, "application/json", issue.content)

    def policy(self) -> str:
        return self.trust()

    def program(self) -> bytes:
        return Path(yichuang_verify.__file__).read_bytes()

    def _record(self, actor: Actor | None, where: Where, case_id: str, issue: Issue) -> None:
        citizen = Who(self.subject_of(case_id), "citizen")
        who = citizen if actor is None else who_is(actor, self.pseudonym_of)
        self._note(who, where, "case", case_id, issue)

    def _note(self, who: Who, where: Where, kind: str, id: str, issue: Issue) -> None:
        draft = EntryDraft(
            id=entry_id(uuid4(), ISSUED),
            stream=STREAM,
            at=self.now(),
            who=who,
            act=ISSUED,
            obj=What(kind, id, doc=issue.digest),
            where=EntryWhere(ip=where.ip or None, svc="web"),
        )
        with self.engine.begin() as connection:
            record(connection, draft)

    def _html(self, issue: Issue) -> str:
        policy = self.trust()
        report = yichuang_verify.verify(issue.content, policy)
        verdict = yichuang_verify.VERDICTS[report.exit_code][0]
        if report.faults:
            verdict = f"{verdict}（{report.faults[0]['text']}）"
        said = issue.receipt["issued"]
        return receipt_html(
            ReceiptPaper(
                organ=said["city"],
                case_no=said["case_no"],
                matter=said["matter"],
                issued_at=f"出具时间：{self._told(said['at'])}",
                verdict=verdict,
                file_name=issue.name,
                file=issue.content,
                digest=issue.digest,
                policy_digest=hashlib.sha256(policy.encode()).hexdigest(),
                checked=tuple(zh for zh, _ in report.checked),
                unchecked=tuple(zh for zh, _ in report.unchecked),
                vouchers=tuple(zh for zh, _ in report.vouchers),
                steps=tuple(self._step(one) for one in report.steps),
                clocks=tuple(self._clocks(issue.receipt["clock"])),
                verify_address=f"{self.address}/verify/receipt",
            )
        )

    def _step(self, one: dict[str, Any]) -> PaperStep:
        index = "未封" if one["index"] is None else str(one["index"])
        act = word("verb", one["act"])
        return PaperStep(one["seq"], self._told(one["t"]), act, RESULTS[one["res"]], index)

    def _clocks(self, clock: dict[str, Any] | None) -> list[PaperClock]:
        if clock is None:
            return []
        return [
            PaperClock(
                clock=timer_word(one["clock"]),
                started=self._told(one["started"])[:10],
                due=one["due"] or "停表中未定",
                used=f"{one['used']} / {one['budget']} 天" if one["scale"] == "day" else "按小时计",
                article=clock["articles"].get(one["article"], one["article"]),
            )
            for one in clock["clocks"]
        ]

    def _told(self, text: str) -> str:
        at = datetime.fromisoformat(text).astimezone(ZoneInfo(self.zone))
        return at.strftime("%Y-%m-%d %H:%M")
