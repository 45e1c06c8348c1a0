"""Pages over a bad network in a real Chromium: slow, broken off, silent. Nothing that was typed or
sent is lost or done twice, nothing that happened is missed, and the page says what it does."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import func, select

from cases.tables import case
from forms.app import FAULT_HEADER
from tests.forms.entering import sign_in_by_browser
from tests.forms.incident_rows import change, made, put
from tests.forms.line import Line, laid
from tests.forms.test_browser import CHROMIUM, _fill, chromium  # noqa: F401 -- a fixture
from tests.forms.test_case import accepted
from tests.forms.test_incident_board import DUTY
from tests.forms.town import Town

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]

GPRS = 12_000
"""Bytes a second: the slowest that a village still has."""


KEEP_WHAT_IS_SAID = """() => {
  const box = document.getElementById("sending");
  new MutationObserver(() => sessionStorage.setItem("said", box.innerText))
    .observe(box, {subtree: true, childList: true, attributes: true});
}"""
"""What a page says on its way out: another page is there when one asks."""

NUMBERS_CAME = """() => {
  const elt = document.querySelector('[hx-get^="/counts"]');
  const detail = {elt, target: elt, successful: true};
  elt.dispatchEvent(new CustomEvent("htmx:afterRequest", {bubbles: true, detail}));
}"""
"""What htmx tells of the numbers beside the list, which come every half minute."""


@pytest.fixture(scope="module")
def line(town: Town) -> Iterator[tuple[str, Line]]:
    """Where the browser goes, and the line on the way there."""
    with socket.create_server(("127.0.0.1", 0)) as ours, socket.socket() as theirs:
        theirs.bind(("127.0.0.1", 0))
        where = f"http://localhost:{ours.getsockname()[1]}"
        config = uvicorn.Config(town.app(where, ["localhost"]), log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([theirs],))
        thread.start()
        until = time.monotonic() + 60
        while not server.started and time.monotonic() < until:
            time.sleep(0.05)
        with laid(ours, theirs.getsockname()[1]) as found:
            yield where, found
        server.should_exit = True
        thread.join()


@pytest.fixture
def way(line: tuple[str, Line]) -> Iterator[Line]:
    yield line[1]
    line[1].mend()
    line[1].rate = line[1].latency = 0.0


def seated(chromium: Browser, line: tuple[str, Line], town: Town, login: str) -> Page:  # noqa: F811
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, base_url=line[0])
    page = context.new_page()
    sign_in_by_browser(page, town, login)
    return page


@pytest.fixture(scope="module")
def clerk(
    chromium: Browser,  # noqa: F811
    line: tuple[str, Line],
    town: Town,
) -> Iterator[Page]:
    page = seated(chromium, line, town, "chen")
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def duty(
    chromium: Browser,  # noqa: F811
    line: tuple[str, Line],
    town: Town,
) -> Iterator[Page]:
    town.settle_in("ding", DUTY)
    page = seated(chromium, line, town, "ding")
    page.clock.install()
    yield page
    page.context.close()


def cases_of(town: Town) -> int:
    with town.cases.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(case)).scalar_one())


def test_a_file_that_breaks_off_goes_on_and_a_form_pressed_again_is_sent_once(
    clerk: Page, way: Line, town: Town, tmp_path: Path
) -> None:
    large = tmp_path / "设计图.pdf"
    large.write_bytes(b"%PDF-1.7 " + b"x" * 1_200_000)
    clerk.goto("/new")
    clerk.get_by_role("link", name="建筑工程施工许可").click()
    _fill(clerk)
    before = cases_of(town)
    way.rate = 100_000
    chooser = clerk.locator('input[type="file"]').first
    chooser.set_input_files(large)
    sending = clerk.locator(".sending")
    expect(sending).to_contain_text(re.compile(r"已传 [1-9]\d?%"))
    way.cut()
    expect(sending).to_contain_text("网络中断，连上后自动接着传")
    way.mend()
    way.rate = 0
    expect(clerk.locator("[data-here]")).to_contain_text("设计图.pdf", timeout=30_000)
    expect(sending).to_have_count(0)
    way.latency = 1.5
    clerk.evaluate(KEEP_WHAT_IS_SAID)
    sent: list[str] = []
    clerk.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
    clerk.get_by_role("button", name="收件并出具收件凭证").dblclick()
    done = clerk.get_by_role("status").filter(has_text="已完成").first
    expect(done).to_be_visible(timeout=60_000)
    assert "正在提交，请等一下…" in clerk.evaluate("sessionStorage.getItem('said')")
    assert len([one for one in sent if one.endswith("/new/construction-permit")]) == 1
    assert cases_of(town) == before + 1


def test_a_form_that_could_not_be_sent_stays_on_its_page_with_what_was_typed(
    clerk: Page, way: Line, town: Town
) -> None:
    filed = town.file("断线的公司")
    clerk.goto(f"/cases/{filed.case_no}/do/withdraw")
    typed = clerk.locator("main textarea").first
    typed.fill("另选地址，以后再办。")
    way.cut()
    clerk.get_by_role("button", name="下一步：核对").click()
    sending = clerk.locator("#sending")
    expect(sending).to_contain_text("连不上，没有提交。填的内容都还在本页")
    assert typed.input_value() == "另选地址，以后再办。"
    way.mend()
    clerk.get_by_role("button", name="下一步：核对").click()
    expect(clerk.locator("main")).to_contain_text("提交以后")
    expect(clerk.locator("main")).to_contain_text("另选地址，以后再办。")


def test_a_page_of_any_desk_keeps_what_was_typed_while_the_line_is_cut(
    clerk: Page, way: Line
) -> None:
    clerk.goto("/deputies")
    typed = clerk.get_by_label("止日")
    typed.fill("2020-01-01")
    way.cut()
    send = clerk.get_by_role("button", name="提出，待代理人接受")
    send.click()
    expect(clerk.locator("#sending")).to_contain_text("连不上，没有提交")
    assert typed.input_value() == "2020-01-01"
    way.mend()
    send.click()
    expect(clerk.get_by_role("alert")).to_contain_text("有问题需要更正")
    assert typed.input_value() == "2020-01-01"


def test_what_is_typed_off_line_is_kept_when_the_line_is_back(clerk: Page, way: Line) -> None:
    clerk.goto("/new/enterprise-start")
    way.cut()
    clerk.locator("#f-form-company_name").fill("离线有限公司")
    expect(clerk.locator("[data-kept-fault]")).to_contain_text("暂时连不上，草稿没有保存")
    way.mend()
    way.rate = GPRS
    expect(clerk.locator("[data-kept-state]")).to_contain_text("已自动保存")
    expect(clerk.locator("[data-kept-fault]")).to_have_text("")
    way.rate = 0
    clerk.goto("/new")
    clerk.get_by_role("link", name="企业开办").first.click()
    assert clerk.locator("#f-form-company_name").input_value() == "离线有限公司"


def _answered(status: int, headers: dict[str, str], route: Route) -> None:
    route.fulfill(status=status, headers=headers, body="不行")


def test_the_queue_says_that_it_waits_or_is_cut_off_and_goes_on(
    clerk: Page, way: Line, town: Town
) -> None:
    accepted(town)
    clerk.goto("/cases")
    clerk.evaluate("window.same = true")
    away = clerk.locator("#away")
    way.holds = True
    clerk.get_by_role("link", name=re.compile("^预警")).click()
    expect(away).to_contain_text("正在读取列表")
    clerk.evaluate(NUMBERS_CAME)
    expect(away).to_contain_text("正在读取列表")
    way.holds = False
    expect(clerk.locator('a[aria-current="true"]')).to_contain_text("预警")
    expect(away).to_be_hidden()
    way.cut()
    clerk.get_by_role("link", name=re.compile("^超期")).click()
    expect(away).to_contain_text(re.compile(r"连不上：列表和件数停在 \d\d:\d\d:\d\d"))
    expect(clerk.locator('a[aria-current="true"]')).to_contain_text("预警")
    way.mend()
    for status, headers, said in (
        (503, {}, "系统现在太忙或者正在重启"),
        (500, {FAULT_HEADER: "0a1b2c3d"}, "请把编号 0a1b2c3d 告诉系统管理员"),
    ):
        clerk.route("**/cases?state=overdue*", partial(_answered, status, headers))
        clerk.get_by_role("link", name=re.compile("^超期")).click()
        expect(away).to_contain_text(said)
        clerk.unroute("**/cases?state=overdue*")
    clerk.evaluate(NUMBERS_CAME)
    expect(away).to_contain_text("请把编号 0a1b2c3d 告诉系统管理员")
    clerk.get_by_role("link", name=re.compile("^超期")).click()
    expect(clerk.locator('a[aria-current="true"]')).to_contain_text("超期")
    expect(away).to_be_hidden()
    assert clerk.evaluate("window.same")


def test_a_board_whose_line_falls_silent_says_so_and_misses_nothing(
    duty: Page, way: Line, town: Town
) -> None:
    duty.goto("/incidents")
    live = duty.locator("#live")
    expect(live).to_have_text("实时")
    way.silent = True
    kind = town.incidents.kinds["gas_leak"]
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    one = made(7101, kind, town.incidents.grid, long_ago, level="red")
    put(town.cases, [one])
    time.sleep(0.5)  # what was on its way has come
    duty.clock.run_for(65_000)  # a line that lives and says nothing: the browser does not notice
    expect(live).to_contain_text("连接中断，正在重连")
    way.mend()
    duty.clock.run_for(31_000)
    expect(live).to_have_text("实时")
    expect(duty.locator("#lines")).to_contain_text(one.number)
    told = duty.locator("#news li", has_text=f"{one.number} 接报")
    expect(told).to_have_count(1)
    way.cut()
    expect(live).to_contain_text("连接中断，正在重连")
    way.mend()
    expect(live).to_have_text("实时")
    expect(told).to_have_count(1)


def test_an_incident_whose_line_is_lost_says_when_it_stopped_and_comes_up_to_date(
    duty: Page, way: Line, town: Town
) -> None:
    kind, now = town.incidents.kinds["gas_leak"], datetime.now(UTC)
    one = made(7102, kind, town.incidents.grid, now, level="red")
    put(town.cases, [one])
    duty.goto(f"/incidents/{one.incident_id}")
    lost = duty.locator("#lost")
    expect(lost).to_be_hidden()
    way.cut()
    expect(lost).to_contain_text(re.compile(r"连接中断，本页停在 \d\d:\d\d:\d\d"))
    change(town.cases, one.model_copy(update={"seq": 2, "stage": "verified"}), "verify")
    way.mend()
    expect(duty.locator("#incident dl.facts dd").first).to_have_text("核实")
    expect(lost).to_be_hidden()


def test_a_wall_whose_line_falls_silent_goes_on_by_itself(duty: Page, way: Line) -> None:
    duty.goto("/wall")
    old = duty.locator("#old")
    expect(old).to_be_hidden()
    way.silent = True
    time.sleep(0.5)
    duty.clock.run_for(65_000)
    expect(old).to_contain_text("正在重连")
    way.mend()
    duty.clock.run_for(31_000)
    expect(old).to_be_hidden()
