"""Terms, sleep and the quarterly review at the pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from cases.account_life import ASLEEP_AFTER, AccountLife
from cases.web_tables import account
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town


def post(page: Browser, path: str, **form: str) -> Any:
    posted = {"csrf": page.token("/password")} | form
    return page.post(path, data=posted, follow_redirects=False)


@pytest.fixture
def life(town: Town) -> AccountLife:
    return AccountLife(town.web, town.changes.record, "Asia/Shanghai")


def test_a_term_ends_with_its_last_day_in_legal_time(
    browser: Browsers, town: Town, life: AccountLife
) -> None:
    admin, person = browser("sysadmin"), town.ids["wu"]
    assert post(admin, f"/accounts/{person}/term", last="2126-11-30").status_code == 303
    assert "2126-11-30" in admin.get(f"/accounts/{person}").text
    found = town.accounts.find(person)
    assert found is not None
    assert found.valid_until == datetime(2126, 11, 30, 16, 0, tzinfo=UTC)
    assert post(admin, f"/accounts/{person}/term", last="").status_code == 303
    assert "不限" in admin.get(f"/accounts/{person}").text


@pytest.mark.parametrize(("last", "status"), [("2020-01-01", 409), ("morgen", 422)])
def test_a_term_that_has_passed_or_is_no_day_is_refused(
    last: str, status: int, browser: Browsers, town: Town
) -> None:
    answer = post(browser("sysadmin"), f"/accounts/{town.ids['wu']}/term", last=last)
    assert answer.status_code == status


@pytest.mark.parametrize("login", ["secadmin", "auditor", "feng", "chen"])
def test_only_the_system_administrator_sets_terms_and_wakes(
    login: str, browser: Browsers, town: Town
) -> None:
    page, person = browser(login), town.ids["zheng"]
    assert post(page, f"/accounts/{person}/term", last="").status_code == 403
    assert post(page, f"/accounts/{person}", do="wake").status_code == 403


def _last_used(town: Town, user: str, at: datetime) -> None:
    with town.web.begin() as connection:
        # Its creation would count as its last use.
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS account_identity")
        mine = update(account).where(account.c.id == user)
        connection.execute(mine.values(last_sign_in_at=at, created_at=at))


def test_who_falls_asleep_is_announced_ends_and_is_woken(
    browser: Browsers, town: Town, life: AccountLife
) -> None:
    admin, person, now = browser("sysadmin"), town.ids["editor"], datetime.now(UTC)
    _last_used(town, person, now - ASLEEP_AFTER + timedelta(days=3))
    page = admin.get("/accounts").text
    assert "七日内将自行停用" in page and "即将休眠" in page
    _last_used(town, person, now - ASLEEP_AFTER)
    assert [one.account.id for one in life.end_due(now)] == [person]
    page = admin.get(f"/accounts/{person}").text
    assert (
        "休眠停用" in page
        and "提出权限变更" not in browser("secadmin").get(f"/accounts/{person}").text
    )
    woken = post(admin, f"/accounts/{person}", do="wake")
    assert woken.status_code == 200 and re.search(r'class="mono code">[^<]+<', woken.text)
    assert "待登记" in admin.get(f"/accounts/{person}").text
    assert post(admin, f"/accounts/{person}", do="wake").status_code == 409


def test_the_review_says_who_holds_what_since_when_and_is_worked_through(
    browser: Browsers, town: Town
) -> None:
    page, person = browser("secadmin"), town.ids["zhao"]
    listed = page.get("/accounts/review").text
    assert "科室经办人 · 市住建局" in listed and "未复核" in listed
    assert f'action="/accounts/{town.ids["secadmin"]}/review"' not in listed  # not oneself
    assert post(page, f"/accounts/{person}/review", do="kept").status_code == 303
    assert "确认保留" in page.get("/accounts/review").text
    again = post(browser("secadmin2"), f"/accounts/{person}/review", do="removal")
    assert again.status_code == 409 and "本季度已经复核过" in again.text


def test_a_removal_found_in_the_review_waits_for_the_second_person(
    browser: Browsers, town: Town
) -> None:
    page, person = browser("secadmin"), town.ids["signer"]
    assert post(page, f"/accounts/{person}/review", do="removal").status_code == 303
    assert "已提出收回" in page.get("/accounts/review").text
    assert "季度复核：不再需要" in browser("secadmin2").get("/grants").text
    assert town.actor("signer").grants


@pytest.mark.parametrize(
    ("login", "status"), [("sysadmin", 200), ("auditor", 200), ("feng", 403), ("wu", 403)]
)
def test_who_reads_the_review(login: str, status: int, browser: Browsers, town: Town) -> None:
    page = browser(login)
    answer = page.get("/accounts/review")
    assert answer.status_code == status
    assert "/review" not in re.sub(r'href="[^"]*"', "", answer.text)  # nothing to press
    assert post(page, f"/accounts/{town.ids['sun']}/review", do="kept").status_code == 403


def test_a_service_is_given_its_key_and_its_next_token_on_its_page(
    browser: Browsers, town: Town
) -> None:
    admin = browser("sysadmin")
    user, first = town.accounts.create_account(
        "portal", "门户", "zjj", at=datetime.now(UTC), by="u:x", kind="service"
    )
    key = "U" + "B" * 55
    assert post(admin, f"/accounts/{user}", do="key", nkey="not a key").status_code == 409
    assert post(admin, f"/accounts/{user}", do="key", nkey=key).status_code == 303
    assert key in admin.get(f"/accounts/{user}").text
    rotated = post(admin, f"/accounts/{user}", do="rotate")
    shown = re.search(r'class="mono code">([^<]+)<', rotated.text)
    assert shown and shown[1] not in admin.get(f"/accounts/{user}").text
    assert town.accounts.service(shown[1]) and town.accounts.service(first)
    person = town.ids["zhao"]
    assert post(admin, f"/accounts/{person}", do="rotate").status_code == 409
    assert "轮换令牌" not in admin.get(f"/accounts/{person}").text
