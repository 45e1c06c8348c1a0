"""The supervisors' board while it is open: it follows what happens, and a lost line is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Route, expect
from sqlalchemy import select, update

from activities.alarming import Alarms
from cases.alarms import Alarm
from cases.messages import Outcome
from cases.tables import clock
from cases.web_tables import session
from tests.forms.conftest import Browsers
from tests.forms.entering import aged, sign_in_by_browser
from tests.forms.test_browser import CHROMIUM, address, chromium  # noqa: F401 -- fixtures
from tests.forms.test_incident_board import Stream
from tests.forms.town import Town


@pytest.fixture(scope="module")
def filed(town: Town) -> Iterator[Outcome]:
    found = town.file()
    town.order("chen", "accept", {"mode": "plain"}, found.case_id)
    yield found


def let_run_out(town: Town, case_id: str) -> None:
    """The promise of a case is over since an hour, as its row has it."""
    with town.cases.begin() as connection:
        connection.execute(
            update(clock)
            .where(clock.c.case_id == case_id, clock.c.key == "promised")
            .values(due_at=datetime.now(UTC) - timedelta(hours=1))
        )


async def test_a_line_that_was_lost_has_everything_when_it_is_back(
    town: Town, filed: Outcome, browser: Browsers
) -> None:
    client = browser("feng")
    async with Stream(client, "/supervision/changes") as stream:
        first = await anext(stream.told("running"))
    assert filed.case_no not in first["html"]
    let_run_out(town, filed.case_id)  # while nobody listens
    async with Stream(client, "/supervision/changes") as stream:
        second = await anext(stream.told("running"))
    assert filed.case_no in second["html"]
    assert datetime.fromisoformat(second["at"]) > datetime.fromisoformat(first["at"])
    # The page and its stream have it alike, so that nothing jumps when the line stands.
    assert second["html"] in client.get("/supervision").text


async def test_it_is_of_the_matter_and_department_that_the_page_is_of(
    town: Town, filed: Outcome, browser: Browsers
) -> None:
    let_run_out(town, filed.case_id)
    for query, there in (("?matter=construction-permit", True), ("?matter=food-operation", False)):
        async with Stream(browser("feng"), f"/supervision/changes{query}") as stream:
            told = await anext(stream.told("running"))
        assert (filed.case_no in told["html"]) is there
    page = browser("feng").get("/supervision?matter=food-operation").text
    assert 'data-stream="/supervision/changes?' in page
    assert "matter=food-operation" in page.partition('data-stream="')[2].partition('"')[0]


def test_it_is_for_who_supervises(filed: Outcome, browser: Browsers) -> None:
    assert browser("zhao").get("/supervision/changes").status_code == 403
    assert browser().get("/supervision/changes", follow_redirects=False).status_code == 303


async def test_an_alarm_is_text_whatever_it_holds(
    town: Town, filed: Outcome, browser: Browsers
) -> None:
    sounding = Alarms("demo", "https://city.invalid/schemas")
    bad = Alarm("card_unheard:r:section_head:xf", "card_unheard", "<script>alert(1)</script>", "")
    with town.cases.begin() as connection:
        sounding.sound(connection, bad, datetime.now(UTC))
    async with Stream(browser("feng"), "/supervision/changes") as stream:
        told = await anext(stream.told("running"))
    assert "<script>alert" not in told["html"]
    assert "&lt;script&gt;" in told["html"]


async def test_who_only_listens_does_nothing_and_the_session_goes_on_being_idle(
    town: Town, filed: Outcome, browser: Browsers
) -> None:
    client = browser("feng")
    aged(town, "feng", seen_at=timedelta(minutes=10))

    def seen() -> list[datetime]:
        query = select(session.c.seen_at).where(session.c.account_id == town.ids["feng"])
        with town.web.connect() as connection:
            return list(connection.execute(query).scalars())

    before = seen()
    async with Stream(client, "/supervision/changes") as stream:
        await anext(stream.told("running"))
    assert seen() == before


def test_without_a_script_it_says_when_it_was_read_and_is_read_again_by_a_link(
    filed: Outcome, browser: Browsers
) -> None:
    page = browser("feng").get("/supervision?matter=food-operation").text
    assert "数据时刻" in page
    assert 'id="again" href="/supervision?matter=food-operation">刷新</a>' in page
    assert 'id="live" role="status" hidden' in page


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）")
def test_a_lost_line_is_said_and_so_is_that_it_stands_again(
    town: Town,
    filed: Outcome,
    chromium: Chromium,  # noqa: F811
    address: str,  # noqa: F811
) -> None:
    let_run_out(town, filed.case_id)
    context = chromium.new_context(base_url=address, locale="zh-CN")
    page = context.new_page()
    sign_in_by_browser(page, town, "feng")

    def broken(route: Route) -> None:
        route.abort()

    page.route("**/supervision/changes*", broken)
    page.goto("/supervision")
    live = page.locator("#live")
    expect(live).to_have_text("已断开")
    expect(page.locator("#running")).to_contain_text(filed.case_no)
    page.unroute("**/supervision/changes*", broken)
    expect(live).to_have_text("实时")
    expect(page.locator("#age")).to_contain_text("秒前")
    expect(page.locator("#old")).to_be_hidden()
    context.close()  # the server ends when nobody listens
