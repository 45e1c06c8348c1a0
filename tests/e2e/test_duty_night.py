"""A night on duty, from the first signal to the after-action report, with the keyboard alone.

Everything is real: a signal over NATS, Temporal, the stores, worker, signer. Nobody touches a
mouse: keys choose, forms open where their first answer goes, Enter sends.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from cases.incidents.place import Place
from cases.incidents.signal import Signal
from tests.chaos.city import City
from tests.e2e.test_construction_permit import (  # noqa: F401 -- a fixture
    CHROMIUM,
    Office,
    chromium,
)
from yichuang.bus import connect
from yichuang.signals.door import SignalDoor

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]

TITLE = "学府路主干管爆裂"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("night") / "var"
    with City(folder, {"nats_integrators": {"portal": ("*",)}}) as city:
        city.start()
        yield city


async def _signal(city: City) -> None:
    bus = await connect(city.settings, "portal")
    door = SignalDoor(bus.jetstream(), city.settings.city, "portal")
    await door.submit(
        Signal(
            id="night-1", source="portal", type="water_damage", level="red", title=TITLE,
            text="水已漫上路面", place=Place(lon=112.47, lat=33.13),
            occurred_at=datetime.now(UTC),
        )
    )  # fmt: skip
    await bus.close()


def asked(page: Page, *tabs: str) -> None:
    """Send the form of what is for good: it is asked once more, by a page with its own button."""
    pressed(page, *tabs)
    expect(page.get_by_role("heading", level=1)).to_contain_text("请核对")


def pressed(page: Page, *tabs: str) -> None:
    """Press the button: Enter where a choice has the focus, else by Tab to it."""
    for text in tabs:
        page.keyboard.insert_text(text)
    for _ in range(12):
        if page.evaluate("document.activeElement.matches('button[type=submit]')"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")


def sent(page: Page, *tabs: str) -> None:
    """Send the form, and come back to the incident."""
    pressed(page, *tabs)
    page.wait_for_url(re.compile("done="))
    expect(page.locator("#incident")).to_be_visible()


def begun(page: Page, key: str, words: str) -> None:
    """Press the key of an act, and come to its form with the focus in it."""
    page.locator(f'[data-key="{key.upper()}"]').first.wait_for()
    page.wait_for_load_state("domcontentloaded")  # until then no script hears a key
    page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_contain_text(words)
    # Not by a function that is waited for: the page's policy forbids it to be tried a second time.
    expect(page.locator("form.act :focus")).to_have_count(1)


def chosen(page: Page, value: str) -> None:
    """Choose in the list that has the focus, by arrows."""
    for _ in range(80):
        if page.evaluate("document.activeElement.value") == value:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(value)


def opened(page: Page) -> None:
    """Go to the first line of the list and open it."""
    page.locator("tr.incident").first.wait_for()
    page.wait_for_load_state("domcontentloaded")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#incident")).to_be_visible()


def test_a_night_from_the_first_signal_to_the_after_action_report_by_keys_alone(
    city: City,
    chromium: Browser,  # noqa: F811
) -> None:
    office = Office(city, chromium)
    duty = office.desk("zhiban1")
    duty.goto("/incidents")
    expect(duty.locator("#live")).to_have_text("实时")
    expect(duty.locator("tr.incident")).to_have_count(0)

    # 接报: the signal comes over NATS and is on the board without a reload
    with ThreadPoolExecutor(1) as other:
        other.submit(asyncio.run, _signal(city)).result()
    expect(duty.locator("tr.incident")).to_have_count(1, timeout=60_000)
    expect(duty.locator("tr.incident")).to_contain_text(TITLE)

    # 核实, 定级, 派发
    duty.keyboard.press("j")
    begun(duty, "v", "核实")
    sent(duty)
    begun(duty, "g", "研判定级")
    duty.keyboard.press("5")
    sent(duty)
    begun(duty, "d", "派发")
    sent(duty)
    expect(duty.locator(".units")).to_contain_text("待签收")

    # 签收 by one key from the list; 出动, 到场, 续报, 反馈
    unit = office.desk("shuiwu1")
    unit.goto("/incidents/unit")
    unit.locator('[data-key="A"]').first.wait_for()
    unit.wait_for_load_state("domcontentloaded")
    unit.keyboard.press("j")
    unit.keyboard.press("a")
    unit.wait_for_url(re.compile("/incidents$"))
    expect(duty.locator(".units")).to_contain_text("已签收", timeout=60_000)  # live
    opened(unit)
    for key, words, text in (
        ("o", "出动", "抢修队两车六人"), ("r", "到场", "DN600 管爆裂"),
        ("p", "续报", "已关上下游两阀"), ("f", "反馈", "换管完毕，恢复供水"),
    ):  # fmt: skip
        begun(unit, key, words)
        sent(unit, text)

    # 核查 by the other centre, 办结 by the one that sent
    check = office.desk("hecha1")
    check.goto("/incidents")
    opened(check)
    begun(check, "c", "核查")
    sent(check)
    begun(duty, "e", "办结")
    asked(duty, "供水恢复，路面清理完毕")
    sent(duty)

    # 教训, 评价; the unit does what was learnt; 归档
    begun(check, "l", "记教训")
    check.keyboard.insert_text("普查同批管材")
    check.keyboard.press("Tab")
    chosen(check, "sw")
    check.keyboard.press("Tab")
    check.keyboard.type("12312099")
    sent(check)
    begun(check, "s", "综合评价")
    check.keyboard.press("4")
    asked(check)
    sent(check)
    begun(unit, "i", "完成整改")
    unit.keyboard.press("Tab")
    sent(unit, "已普查，更换三处")
    begun(check, "z", "归档")
    asked(check)
    sent(check)
    expect(check.locator("aside")).to_contain_text("归档")

    # 复盘报告
    for _ in range(60):
        if check.evaluate("document.activeElement.href || ''").endswith("/papers/after_action"):
            break
        check.keyboard.press("Tab")
    with check.expect_download() as download:
        check.keyboard.press("Enter")
    assert download.value.path().read_bytes().startswith(b"%PDF-")
