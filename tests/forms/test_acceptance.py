"""受理先后 on its page and on the command line: who was first, with the proof of it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from cases.acceptance import order_of_acceptance
from cases.database import reading
from cases.views import Order
from tests.forms.conftest import Browsers
from tests.forms.test_case import accepted
from tests.forms.town import Town
from yichuang.commands.acceptance import lines

MATTER = "construction-permit"
PAGE = f"/acceptance?matter={MATTER}"
ZONE = ZoneInfo("Asia/Shanghai")


def order_in(town: Town, page: int = 1) -> Order:
    with reading(town.cases) as connection:
        return order_of_acceptance(connection, MATTER, page)


@pytest.mark.parametrize(("login", "status"), [("chen", 200), ("feng", 200), ("sysadmin", 403)])
def test_the_page_is_for_those_who_may_list_cases(
    browser: Browsers, login: str, status: int
) -> None:
    assert browser(login).get(PAGE).status_code == status


def test_the_page_shows_place_instant_and_log_entry(browser: Browsers, town: Town) -> None:
    case_no, _ = accepted(town)
    order = order_in(town)
    order = order_in(town, order.pages)
    last = order.places[-1]
    assert (last.case_no, last.place) == (case_no, order.total)
    html = browser("chen").get(f"{PAGE}&page={order.pages}").text
    assert f'href="/cases/{case_no}"' in html and last.entry in html
    assert last.accepted_at.astimezone(ZONE).isoformat(" ", "microseconds") in html


def test_what_is_filed_and_not_accepted_has_no_place(browser: Browsers, town: Town) -> None:
    filed = town.file()
    pages = order_in(town).pages
    told = [one.case_no for page in range(1, pages + 1) for one in order_in(town, page).places]
    assert filed.case_no not in told


@pytest.mark.parametrize("query", ["", "?matter=nothing", f"?matter={MATTER}&page=x"])
def test_an_address_that_says_nothing_shows_the_choice(browser: Browsers, query: str) -> None:
    page = browser("chen").get(f"/acceptance{query}")
    assert page.status_code == 200 and "q-matter" in page.text


def test_the_page_is_there_in_english(browser: Browsers) -> None:
    reader = browser("chen")
    reader.get("/language/en")
    assert "Order of acceptance" in reader.get("/acceptance").text


def test_the_command_says_the_same_in_words(town: Town) -> None:
    case_no, _ = accepted(town)
    order = order_in(town, order_in(town).pages)
    said = lines(order, ZONE)
    assert said[0].startswith(f"共受理 {order.total} 件")
    assert case_no in said[-1] and order.places[-1].entry in said[-1]
