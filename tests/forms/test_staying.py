"""A session that ends for want of use says so before, and goes on by a press or by work (WCAG
2.2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from cases.web_tables import session
from tests.forms.conftest import Browsers
from tests.forms.test_browser import (  # noqa: F401 -- fixtures
    CHROMIUM,
    Opener,
    address,
    chromium,
    opened,
)
from tests.forms.town import Town

in_chromium = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]
USE = "/still-here.svg"


def idle_for(town: Town, minutes: float) -> None:
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    with town.web.begin() as connection:
        connection.execute(update(session).values(seen_at=at))


def newest(town: Town) -> datetime:
    with town.web.connect() as connection:
        found: datetime = connection.execute(
            select(session.c.seen_at).order_by(session.c.seen_at.desc()).limit(1)
        ).scalar_one()
    return found


def test_use_moves_the_session_and_revives_none_that_is_over(town: Town, browser: Browsers) -> None:
    chen = browser("chen")
    idle_for(town, 14)
    answer = chen.get(USE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.headers["cache-control"] == "no-store"
    assert datetime.now(UTC) - newest(town) < timedelta(minutes=1)
    idle_for(town, 15.1)
    before = newest(town)
    answer = chen.get(USE, follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
    assert newest(town) == before


@contextmanager
def uses(page: Page) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(request: object) -> None:
        url: str = request.url  # type: ignore[attr-defined]
        if USE in url:
            asked.append(url)

    page.on("request", note)
    yield asked
    page.remove_listener("request", note)


@pytest.fixture
def page(opened: Opener) -> Page:  # noqa: F811
    page = opened("zhao")
    page.clock.install()
    page.goto("/deputies")
    page.wait_for_load_state("load")
    return page


class TestInTheBrowser:
    pytestmark = in_chromium

    def test_the_end_is_told_before_and_a_press_puts_it_off(self, page: Page) -> None:
        told = page.locator("#staying")
        page.clock.run_for(11 * 60_000)
        expect(told).to_be_hidden()
        page.clock.run_for(90_000)
        expect(told).to_contain_text("约 2 分钟后会话结束")
        assert page.title().startswith("会话将结束")
        with uses(page) as asked:
            told.get_by_role("button", name="继续工作").click()
            expect(told).to_be_hidden()
        assert len(asked) == 1
        assert not page.title().startswith("会话将结束")
        page.clock.run_for(750_000)
        expect(told).to_contain_text("分钟后会话结束")

    def test_who_types_is_at_work(self, page: Page) -> None:
        told, field = page.locator("#staying"), page.locator("#find")
        with uses(page) as asked:
            for _ in range(20):
                page.clock.run_for(61_000)
                field.press_sequentially("字")
                page.wait_for_timeout(50)
            expect(told).to_be_hidden()
        assert 15 <= len(asked) <= 21

    def test_once_it_is_over_the_page_says_what_to_do(self, page: Page) -> None:
        page.clock.run_for(15 * 60_000)
        told = page.locator("#staying")
        expect(told).to_contain_text("会话已因长时间没有操作而结束")
        expect(told.get_by_role("link", name="重新登录")).to_have_attribute(
            "href", "/sign-in?next=/deputies"
        )

    def test_another_tab_at_work_keeps_this_one(self, page: Page) -> None:
        other = page.context.new_page()
        page.clock.run_for(750_000)
        expect(page.locator("#staying")).to_be_visible()
        other.goto("/notices")
        other.evaluate("at => localStorage.setItem('yichuang-used', String(at))",
                       page.evaluate("Date.now()"))  # fmt: skip
        page.clock.run_for(6_000)
        expect(page.locator("#staying")).to_be_hidden()
