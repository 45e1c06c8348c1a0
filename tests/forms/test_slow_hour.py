"""An hour of a bad line at a clerk's desk and at the board of the command centre.

The line is slow, breaks off, falls silent and comes back, as the weather below says. A clerk works
on as people do: reads the queue, files with an upload, writes an opinion, lets a draft save itself;
beside it a duty officer watches the board. What was typed is there in the end, what was sent was
done once, and whenever a page waits or is cut off it says so.

A run takes a minute for the hour; `--hour MINUTES` takes so many, by hand:

    python -m pytest tests/forms/test_slow_hour.py -n0 --log-cli-level INFO --hour 60
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Error, Locator, Page, expect
from sqlalchemy import select

from cases.tables import case
from tests.forms.incident_rows import made, put
from tests.forms.line import Line
from tests.forms.test_browser import CHROMIUM, _fill, chromium  # noqa: F401 -- a fixture
from tests.forms.test_case import accepted
from tests.forms.test_incident_board import DUTY
from tests.forms.test_slow_network import GPRS, line, seated  # noqa: F401 -- a fixture
from tests.forms.town import Town

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]


@dataclass(frozen=True)
class Weather:
    """How the line is for some minutes of the hour."""

    minutes: float
    rate: float = 0.0
    latency: float = 0.0
    state: str = "up"
    """`up`, `cut`: it breaks and takes nothing; `silent`: it lives and says nothing; `flickers`: it
    breaks every two minutes for a quarter of one."""


HOUR: Final = (
    Weather(6, 60_000, 0.3),
    Weather(9, GPRS, 0.8),
    Weather(4, state="cut"),
    Weather(7, 30_000, 0.5),
    Weather(3, state="silent"),
    Weather(11, 40_000, 0.5, "flickers"),
    Weather(3, state="cut"),
    Weather(9, 30_000, 1.5),
    Weather(2, state="silent"),
    Weather(6, 100_000, 0.2),
)
assert sum(one.minutes for one in HOUR) == 60

_log = logging.getLogger(__name__)

LAST: Final = 90.0
"""Seconds in which what was begun is ended, once the hour is over and the line is good."""


@dataclass
class Desk:
    """A clerk, what they have typed and sent, and what their pages told them meanwhile."""

    page: Page
    until: float
    told: Counter[str] = field(default_factory=Counter)
    did: Counter[str] = field(default_factory=Counter)
    filed: list[str] = field(default_factory=list)
    opinions: dict[str, str] = field(default_factory=dict)
    drafted: str = ""

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    def come_to(self, address: str, sight: Callable[[Page], Locator]) -> Locator:
        """Open a page as one does who gets an error page instead: again, until it is there."""
        while True:
            try:
                self.page.goto(address, timeout=20_000)
                found = sight(self.page)
                found.wait_for(timeout=10_000)
            except Error:
                self.told["no page came"] += 1
                assert not self.is_past, f"{address} never came"
                time.sleep(0.5)
            else:
                return found

    def hand_in(self, name: str | re.Pattern[str], comes: Callable[[Page], Locator]) -> None:
        """Press a button until what it leads to has come. The page is never lost over it."""
        there = comes(self.page)
        said = self.page.locator("#sending")
        button = self.page.get_by_role("button", name=name).first
        while True:
            try:
                if button.is_visible():
                    button.click(timeout=2_000, no_wait_after=True)
                there.wait_for(timeout=4_000)
            except Error:
                if self.page.url.startswith("chrome-error:"):
                    # The line broke between the knock and the form: the browser sends it again.
                    self.told["the browser's own error page"] += 1
                    with suppress(Error):  # still cut
                        self.page.reload(timeout=20_000)
                elif said.count() and said.is_visible():
                    self.told[said.inner_text()[:12]] += 1
                elif not button.is_visible() and not there.is_visible():
                    # It was done, and the line broke while the next page came: half of it is there.
                    self.told["half a page came"] += 1
                    with suppress(Error):
                        self.page.reload(timeout=20_000)
                assert not self.is_past, f"{name} led nowhere: {self.page.url}"
            else:
                return

    @property
    def is_past(self) -> bool:
        return time.monotonic() > self.until + LAST


@contextmanager
def weather(way: Line, seconds: float) -> Iterator[None]:
    """Let the line be as the hour's weather says, an hour being so long; good afterwards."""
    ended = threading.Event()
    per_minute = seconds / 60

    def change() -> None:
        for one in HOUR:
            if ended.is_set():
                return
            way.rate, way.latency, way.silent = one.rate, one.latency, one.state == "silent"
            if one.state == "cut":
                way.cut()
            elif one.state == "flickers":
                for _ in range(int(one.minutes / 2)):
                    ended.wait(1.75 * per_minute)
                    way.cut()
                    ended.wait(0.25 * per_minute)
                    way.dead = False
                ended.wait(one.minutes % 2 * per_minute)
            if one.state != "flickers":
                ended.wait(one.minutes * per_minute)
            was_silent, way.dead, way.silent = way.silent, False, False
            if was_silent:
                way.cut()  # what lived through the silence never speaks again, and is told so
                way.dead = False
        way.rate = way.latency = 0.0

    changing = threading.Thread(target=change)
    changing.start()
    try:
        yield
    finally:
        ended.set()
        changing.join()
        way.mend()
        way.rate = way.latency = 0.0


def filings(town: Town) -> list[str]:
    with town.cases.connect() as connection:
        return list(connection.execute(select(case.c.case_no)).scalars())


SENDING: Final = "document.querySelector('.sending')?.innerText ?? ''"


def files_with_an_upload(desk: Desk, large: Path) -> None:
    """收件 with a plan of a few hundred kilobytes that travels piece by piece."""
    page = desk.page
    desk.come_to("/new/construction-permit", lambda one: one.locator("#f-form-project_name"))
    _fill(page)
    page.locator('input[type="file"]').first.set_input_files(large)
    here, going = page.locator("div[data-here]"), page.locator(".sending")
    while not here.count():
        text = page.evaluate(SENDING)
        assert not desk.is_past, text
        if text:
            assert "已传" in text, text
            desk.told["progress of a file"] += 1
            desk.told["a file waits for the line"] += "网络中断" in text
        if (on := going.get_by_role("button", name="继续上传")).is_visible():
            on.click()
        time.sleep(0.3)
    desk.hand_in("收件并出具收件凭证", _done)
    found = re.search(r"ZJJ\d{13}", page.locator("main").inner_text())
    assert found
    desk.filed.append(found[0])
    desk.did["filed"] += 1


def _done(page: Page) -> Locator:
    return page.get_by_role("status").filter(has_text="已完成").first


def opened_draft(desk: Desk) -> Locator:
    """Return the first field of the form that is kept, come to by the list of what one may file."""
    listed = desk.come_to("/new", lambda one: one.get_by_role("link", name="企业开办").first)
    address = listed.get_attribute("href")
    assert address
    return desk.come_to(address, lambda one: one.locator("#f-form-company_name"))


def lets_a_draft_save_itself(desk: Desk) -> None:
    """Types into a form that is not handed in; the page says whether it is kept."""
    name = f"慢网有限公司第{desk.did['drafted'] + 1}稿"
    field_ = opened_draft(desk)
    if desk.drafted:
        assert field_.input_value() == desk.drafted, "what was kept is there again"
    field_.fill(name)
    state = desk.page.locator("[data-kept-state]")
    fault = desk.page.locator("[data-kept-fault]")
    kept = state.filter(has_text="已自动保存")
    while not kept.count():
        assert not desk.is_past, fault.inner_text()
        assert field_.input_value() == name
        desk.told["a draft could not be kept yet"] += "暂时连不上" in fault.inner_text()
        time.sleep(0.3)
    desk.drafted = name
    desk.did["drafted"] += 1


def reads_the_queue(desk: Desk) -> None:
    """Changes the filter: the list is the new one, or the page says why it is not."""
    tabs = {"预警": "warning", "超期": "overdue", "全部": ""}
    desk.come_to("/cases", lambda one: one.locator("#list h1"))
    away = desk.page.locator("#away")
    for name in tabs:
        link = desk.page.locator(".states").get_by_role("link", name=re.compile(f"^{name}"))
        current = desk.page.locator('.states a[aria-current="true"]', has_text=name)
        while not current.count():
            if away.is_visible():
                desk.told[away.inner_text()[:6]] += 1
            assert not desk.is_past, away.inner_text()
            try:
                link.click(timeout=2_000, no_wait_after=True)
                current.wait_for(timeout=5_000)
            except Error:
                said = away.is_visible() or desk.page.url.startswith("chrome-error:")
                assert said or current.count(), "the list waits and does not say so"
                if desk.page.url.startswith("chrome-error:"):
                    desk.come_to("/cases", lambda one: one.locator("#list h1"))
    desk.did["read the queue"] += 1


def writes_an_opinion(desk: Desk, town: Town) -> None:
    """A case from its page to an opinion on the confirm page, and what was typed stands in it."""
    number, case_id = accepted(town)
    said = f"具备条件，同意（{number}）。"
    desk.come_to(f"/cases/{number}/do/opine", lambda one: one.locator("main textarea").first)
    text = desk.page.locator("main textarea").first
    text.fill(said)
    desk.page.get_by_label("同意", exact=True).first.check()
    desk.hand_in("下一步：核对", lambda one: one.get_by_text("提交以后").first)
    desk.hand_in(re.compile("^提交审查意见"), _done)
    desk.opinions[case_id] = said
    desk.did["gave an opinion"] += 1


@pytest.fixture
def minutes(request: pytest.FixtureRequest) -> float:
    return float(request.config.getoption("--hour") or 1)


def stays_at_the_board(board: Page, heard: Counter[str]) -> None:
    """Whoever only watches is told before their session ends, and presses 继续工作."""
    on = board.locator("#staying").get_by_role("button")
    if on.is_visible():
        heard[board.locator("#staying span").inner_text()[:6]] += 1
        on.click()


def test_an_hour_of_a_bad_line_loses_nothing_and_the_pages_say_what_they_do(
    chromium: Browser,  # noqa: F811
    line: tuple[str, Line],  # noqa: F811
    town: Town,
    tmp_path: Path,
    minutes: float,
) -> None:
    large = tmp_path / "设计图.pdf"
    large.write_bytes(b"%PDF-1.7 " + b"x" * 400_000)
    town.settle_in("ding", DUTY)
    window, section = seated(chromium, line, town, "chen"), seated(chromium, line, town, "qian")
    board = seated(chromium, line, town, "ding")
    board.goto("/incidents")
    live = board.locator("#live")
    expect(live).to_have_text("实时")
    began, seconds = time.monotonic(), minutes * 60
    until = began + seconds
    clerk, officer = (Desk(one, until) for one in (window, section))
    before = filings(town)
    incidents, heard = [], Counter[str]()
    works = (
        lambda: lets_a_draft_save_itself(clerk),
        lambda: files_with_an_upload(clerk, large),
        lambda: reads_the_queue(clerk),
        lambda: writes_an_opinion(officer, town),
    )
    with weather(line[1], seconds):
        turn = 0
        while clerk.goes_on or turn < len(works):
            now = datetime.now(UTC)
            kind = town.incidents.kinds["gas_leak"]
            one = made(7200 + turn, kind, town.incidents.grid, now, level="red")
            put(town.cases, [one])
            incidents.append(one.number)
            works[turn % len(works)]()
            heard[live.inner_text()[:4]] += 1
            stays_at_the_board(board, heard)
            turn += 1
            _log.info(
                "%.1f min, turn %s: %s; told %s; the board %s", (time.monotonic() - began) / 60,
                turn, dict(clerk.did + officer.did), dict(clerk.told + officer.told), dict(heard),
            )  # fmt: skip
            time.sleep(min(1.0, seconds / 60 / 4))
    assert {"drafted", "filed", "read the queue"} <= clerk.did.keys() and officer.did
    made_by_us = [one for one in filings(town) if one not in before]
    by_hand = set(made_by_us) & set(clerk.filed)
    assert len(clerk.filed) == len(set(clerk.filed)) == len(by_hand) == clerk.did["filed"]
    assert len(made_by_us) == clerk.did["filed"] + officer.did["gave an opinion"]
    for case_id, said in officer.opinions.items():
        view = town.ports.reader.case(town.actor("qian"), case_id)
        assert view is not None
        assert [one.text for one in view.opinions] == [said]
    kept = opened_draft(clerk)
    assert kept.input_value() == clerk.drafted
    expect(live).to_have_text("实时", timeout=90_000)
    for number in incidents[:50][-25:]:  # one page of them
        expect(board.locator("#lines")).to_contain_text(number, timeout=60_000)
        # Told once each, however often the line was lost.
        assert board.locator("#news li", has_text=f"{number} 接报").count() <= 1
    assert clerk.told["progress of a file"]
    for page in (window, section, board):
        page.context.close()
