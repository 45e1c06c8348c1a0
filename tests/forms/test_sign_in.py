"""Coming in, going out, and who is not let in."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from tests.forms.conftest import Browsers
from tests.forms.entering import sign_in_fully
from tests.forms.town import PASSWORD, Town


def test_a_page_without_a_session_leads_to_sign_in_and_back(browser: Browsers, town: Town) -> None:
    page = browser()
    answer = page.get("/cases?stage=review", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/cases%3Fstage%3Dreview"
    form = {
        "login": "chen", "password": PASSWORD, "csrf": page.token("/sign-in"),
        "next": "/cases?stage=review",
    }  # fmt: skip
    half = page.post("/sign-in", data=form, follow_redirects=False)
    assert half.headers["location"] == "/sign-in/second?next=/cases%3Fstage%3Dreview"
    entered = sign_in_fully(page, town, "chen", then="/cases?stage=review")
    assert entered.headers["location"] == "/cases?stage=review"


def test_the_session_cookie_is_secure_http_only_and_bound_to_this_host(
    browser: Browsers, town: Town
) -> None:
    cookie = sign_in_fully(browser(), town, "chen").headers["set-cookie"]
    assert cookie.startswith("__Host-yichuang=")
    for word in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert word.lower() in cookie.lower()
    assert "domain" not in cookie.lower()


@pytest.mark.parametrize("there", ["https://evil.test/", "//evil.test", "/\\evil.test", "x"])
def test_sign_in_leads_nowhere_else(browser: Browsers, town: Town, there: str) -> None:
    page = browser()
    form = {
        "login": "chen", "password": PASSWORD, "csrf": page.token("/sign-in"), "next": there,
    }  # fmt: skip
    half = page.post("/sign-in", data=form, follow_redirects=False)
    assert half.headers["location"] == "/sign-in/second?next=/"
    assert sign_in_fully(page, town, "chen", then=there).headers["location"] == "/"


def test_a_wrong_password_keeps_the_login_shows_why_and_is_an_entry(
    browser: Browsers, town: Town
) -> None:
    before = _auth_entries(town)
    page = browser()
    form = {"login": "zhou", "password": "wrong", "csrf": page.token("/sign-in")}
    answer = page.post("/sign-in", data=form)
    assert answer.status_code == 422
    assert "<title>错误：" in answer.text
    assert "登录名或口令不正确" in answer.text
    assert 'value="zhou"' in answer.text
    assert 'value="wrong"' not in answer.text
    assert _auth_entries(town) == before + 1


def _auth_entries(town: Town) -> int:
    query = text("SELECT count(*) FROM audit_recorded WHERE stream = 'sys:auth'")
    with town.web.connect() as connection:
        return int(connection.execute(query).scalar_one())


def test_after_sign_out_the_same_cookie_opens_nothing(browser: Browsers) -> None:
    page = browser("chen")
    kept = page.cookies.get("__Host-yichuang")
    token = page.token("/")
    assert page.post("/sign-out", data={"csrf": token}).status_code == 200
    again = browser()
    again.cookies.set("__Host-yichuang", str(kept), domain="town.test")
    assert again.get("/", follow_redirects=False).status_code == 303


def test_a_one_time_code_sets_the_password_and_works_once(browser: Browsers) -> None:
    admin = browser("sysadmin")
    form = {
        "login": "neu", "name": "新人", "department": "zjj", "kind": "human",
        "csrf": admin.token("/accounts"),
    }  # fmt: skip
    made = admin.post("/accounts", data=form)
    found = re.search(r'class="mono code">([^<]+)<', made.text)
    assert found, made.text
    assert found[1] not in admin.get("/accounts").text
    page = browser()
    enrol = {
        "login": "neu", "code": found[1], "new": PASSWORD, "again": PASSWORD,
        "csrf": page.token("/enrol"),
    }  # fmt: skip
    assert page.post("/enrol", data=enrol, follow_redirects=False).status_code == 303
    second = browser()
    enrol["csrf"] = second.token("/enrol")
    assert second.post("/enrol", data=enrol).status_code == 422


def test_english_is_a_link_away_and_stays(browser: Browsers) -> None:
    page = browser("chen")
    assert "团队队列" in page.get("/").text
    shown = page.get("/language/en?next=/")
    assert "Team queue" in shown.text
    assert 'lang="en"' in page.get("/team").text


def test_an_administrator_sees_no_case(browser: Browsers, town: Town) -> None:
    case_no = town.file().case_no
    page = browser("sysadmin")
    assert page.get("/").url.path == "/accounts"
    assert page.get(f"/cases/{case_no}").status_code == 404
    assert page.get("/team").status_code == 403


def test_who_is_signed_in_signs_in_anew_also_as_somebody_else(browser: Browsers) -> None:
    page = browser("chen")
    page.sign_in("chen")  # the code proves the new sign-in, not the session that is there
    assert "陈窗" in page.get("/").text
    page.sign_in("zhou")
    assert "陈窗" not in page.get("/").text
