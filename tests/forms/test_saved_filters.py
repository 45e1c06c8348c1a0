"""Filters of a list: between days, kept under a name, and how many lines a page has."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from cases.habits import MOST_FILTERS
from cases.tables import case
from cases.web_tables import saved_filter
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town

NAME = "云川长虹置业有限公司"


@pytest.fixture(scope="module")
def numbers(town: Town) -> list[str]:
    """Three cases, received on three days around a midnight of the city."""
    found = [town.file().case_no, town.file().case_no, town.file(NAME).case_no]
    days = (
        datetime(2026, 11, 2, 15, 59, 59, tzinfo=UTC),  # 23:59:59 of 2 November
        datetime(2026, 11, 2, 16, 0, tzinfo=UTC),  # 00:00 of 3 November
        datetime(2026, 11, 3, 16, 0, tzinfo=UTC),  # 00:00 of 4 November
    )
    with town.cases.begin() as connection:
        for number, day in zip(found, days, strict=True):
            connection.execute(update(case).where(case.c.case_no == number).values(received_at=day))
    return found


def listed(page: Browser, address: str) -> set[str]:
    return set(re.findall(r'class="number"><a href="/cases/([^"]+)"', page.get(address).text))


@pytest.mark.parametrize(
    ("days", "which"),
    [
        ("received_from=2026-11-03&received_until=2026-11-03", {1}),
        ("received_until=2026-11-02", {0}),
        ("received_from=2026-11-03", {1, 2}),
        ("received_from=2026-11-05", set()),
        ("received_from=9999-12-31", {0, 1, 2}),  # no day of a calendar: left out
        ("received_until=yesterday", {0, 1, 2}),
    ],
)
def test_days_of_receipt_are_days_of_the_city_and_both_ends_count(
    browser: Browsers, numbers: list[str], days: str, which: set[int]
) -> None:
    assert listed(browser("chen"), f"/cases?{days}") == {numbers[n] for n in which}


def test_a_last_day_before_the_first_is_told(browser: Browsers, numbers: list[str]) -> None:
    address = "/cases?received_from=2026-11-03&received_until=2026-11-02"
    assert "晚于" in browser("chen").get(address).text


def test_the_other_scopes_are_one_click_away_with_the_same_filters(
    browser: Browsers, numbers: list[str]
) -> None:
    shown = browser("chen").get("/cases?stage=received").text
    assert 'href="/team?stage=received"' in shown and 'href="/?stage=received"' in shown


def kept(page: Browser, name: str, **given: str) -> str:
    """Keep filters under a name; return the address of the list that it led to."""
    form = {"csrf": page.token("/cases"), "name": name, "scope": "all", **given}
    answer = page.post("/filters", data=form, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def links(page: Browser) -> dict[str, str]:
    """Return name → address of the filters that the list offers."""
    return {name: url for url, name in re.findall(
        r'href="(/filters/[^"]+)"[^>]*>([^<]+)</a>', page.get("/cases").text
    )}  # fmt: skip


def test_a_filter_kept_by_name_opens_the_same_list(browser: Browsers, numbers: list[str]) -> None:
    page = browser("chen")
    where = kept(page, "三日收件", received_from="2026-11-03", received_until="2026-11-03")
    assert where == "/cases?received_from=2026-11-03&received_until=2026-11-03"
    assert listed(page, links(page)["三日收件"]) == {numbers[1]}
    again = browser("chen")  # another session of the same person
    assert listed(again, links(again)["三日收件"]) == {numbers[1]}
    assert 'aria-current="true">三日收件' in page.get(where).text


def test_what_is_searched_for_is_kept_sealed_and_stands_in_no_address(
    town: Town, browser: Browsers, numbers: list[str]
) -> None:
    page = browser("chen")
    where = kept(page, "长虹", text=NAME)
    assert NAME not in where and "%E4%BA%91" not in where
    assert listed(browser("chen"), links(page)["长虹"]) == {numbers[2]}
    with town.web.connect() as connection:
        rows = connection.execute(select(saved_filter.c.sealed)).scalars().all()
    assert rows and not [one for one in rows if NAME.encode() in one or "长虹".encode() in one]
    assert 'href="/cases">/cases</a>' in page.get("/filters").text  # what colleagues may open


def test_a_filter_is_no_others(browser: Browsers, numbers: list[str]) -> None:
    page = browser("chen")
    kept(page, "只有我的", stage="received")
    own = links(page)["只有我的"]
    other = browser("zhou")
    assert "只有我的" not in other.get("/cases").text + other.get("/filters").text
    assert other.get(own, follow_redirects=False).status_code == 404
    form = {"csrf": other.token("/filters"), "do": "rename", "name": "偷改"}
    assert other.post(own, data=form, follow_redirects=False).status_code == 404
    other.post(own, data={**form, "do": "remove"})
    assert "只有我的" in page.get("/filters").text


def test_a_filter_is_renamed_and_thrown_away(browser: Browsers, numbers: list[str]) -> None:
    page = browser("chen")
    kept(page, "旧名", stage="review")
    own, csrf = links(page)["旧名"], page.token("/filters")
    page.post(own, data={"csrf": csrf, "do": "rename", "name": "新名"})
    assert links(page)["新名"] == own and "旧名" not in links(page)
    for _ in range(2):  # a double click throws it away once
        done = page.post(own, data={"csrf": csrf, "do": "remove"}, follow_redirects=False)
        assert done.status_code == 303
    assert "新名" not in links(page)


@pytest.mark.parametrize("name", ["", "字" * 41, "重名"])
def test_a_name_that_cannot_be_is_told_and_what_was_typed_is_kept(
    browser: Browsers, numbers: list[str], name: str
) -> None:
    page = browser("chen")
    if name == "重名":
        kept(page, name, stage="decision")
    form = {"csrf": page.token("/cases"), "name": name, "scope": "team", "stage": "review"}
    answer = page.post("/filters", data=form)
    assert answer.status_code == 422
    assert "<title>错误：" in answer.text
    assert 'name="stage" value="review"' in answer.text
    assert 'name="scope" value="team"' in answer.text
    assert f'value="{name}"' in answer.text


def test_one_keeps_no_more_than_the_limit_and_is_told(
    browser: Browsers, numbers: list[str]
) -> None:
    page = browser("wu")
    for n in range(MOST_FILTERS):
        kept(page, f"第{n}个", stage="review")
    form = {"csrf": page.token("/cases"), "name": "多一个", "scope": "all", "stage": "review"}
    answer = page.post("/filters", data=form)
    assert answer.status_code == 422 and f"最多保存 {MOST_FILTERS} 个" in answer.text


def test_the_lines_of_a_page_are_chosen_once(browser: Browsers, numbers: list[str]) -> None:
    page = browser("zhao")
    form = {"csrf": page.token("/cases"), "scope": "team", "stage": "review", "size": "50"}
    answer = page.post("/find", data=form, follow_redirects=False)
    assert answer.headers["location"] == "/team?stage=review"
    assert "<strong>50</strong>" in browser("zhao").get("/cases").text
    assert "<strong>25</strong>" in browser("chen").get("/cases").text
    page.post("/find", data={**form, "size": "26"})
    assert "<strong>50</strong>" in page.get("/cases").text


def test_days_asked_for_are_far_from_where_counting_ends(town: Town, browser: Browsers) -> None:
    later = datetime.now(UTC) + timedelta(days=40000)
    page = browser("chen")
    assert page.get(f"/cases?received_until={later.date()}").status_code == 200
    assert page.get("/cases?received_until=2199-12-31").status_code == 200


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"received_from": "2026-11-03"}, "收件自 2026-11-03"),
        ({"received_until": "2026-11-04"}, "收件至 2026-11-04"),
        ({"received_from": "2026-11-03", "received_until": "2026-11-04"},
         "收件 2026-11-03 至 2026-11-04"),
    ],
)  # fmt: skip
def test_a_kept_filter_says_its_days_in_words(
    browser: Browsers, numbers: list[str], given: dict[str, str], said: str
) -> None:
    page = browser("li")
    kept(page, said, **given)
    assert f"全部办件 · {said}</td>" in page.get("/filters").text
