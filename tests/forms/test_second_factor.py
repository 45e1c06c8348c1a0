"""The second factor at the pages: signing in, proving again, one's own factors and sessions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pyotp
import pytest
from sqlalchemy import select, update

from cases.web_tables import account, session
from forms.around import CONTENT_POLICY, SCRIPTED_POLICY
from policies.vocabulary import ACTS, STEP_UP
from tests.cases.soft_passkey import SoftPasskey
from tests.forms.conftest import Browser, Browsers
from tests.forms.entering import aged, code_of
from tests.forms.test_case import decided_upon, posted
from tests.forms.town import PASSWORD, Town

PERMITS = {"result": "grant", "valid_until": "2031-12-31"}


def _half(page: Browser, login: str, password: str = PASSWORD) -> str:
    """Show the password; return where the second step is."""
    form = {"login": login, "password": password, "csrf": page.token("/sign-in")}
    return str(page.post("/sign-in", data=form, follow_redirects=False).headers["location"])


def _newcomer(town: Town, page: Browser, login: str) -> str:
    """Create an account and set its password; return where that leads."""
    _, code = town.accounts.create_account(login, "新人", "zjj", at=datetime.now(UTC), by="system")
    form = {
        "login": login, "code": code, "new": PASSWORD, "again": PASSWORD,
        "csrf": page.token("/enrol"),
    }  # fmt: skip
    return str(page.post("/enrol", data=form, follow_redirects=False).headers["location"])


def _options(html: str) -> str:
    found = re.search(r'data-options="([^"]+)"', html)
    assert found, html
    return unescape(found[1])


# --- signing in ----------------------------------------------------------------------------------


def test_after_the_password_no_page_opens_before_the_second_factor(browser: Browsers) -> None:
    page = browser()
    assert _half(page, "chen") == "/sign-in/second?next=/"
    assert page.cookies.get("__Host-yichuang") is None
    for path in ("/", "/cases", "/security", "/password", "/prove"):
        answer = page.get(path, follow_redirects=False)
        assert answer.headers["location"].startswith("/sign-in?next="), path


def test_a_wrong_code_is_told_and_the_form_comes_back(browser: Browsers) -> None:
    page = browser()
    where = _half(page, "zhou")
    form = {"proof.code": "000000", "csrf": page.token(where)}
    answer = page.post("/sign-in/second", data=form)
    assert answer.status_code == 422
    assert "不正确" in answer.text and "动态码" in answer.text
    assert page.cookies.get("__Host-yichuang") is None


def test_without_a_password_there_is_no_second_step(browser: Browsers) -> None:
    page = browser()
    for path in ("/sign-in/second", "/sign-in/set-up"):
        answer = page.get(path, follow_redirects=False)
        assert answer.headers["location"].startswith("/sign-in?why=half")


def test_the_first_time_leads_from_code_to_password_to_factor_to_recovery_codes(
    browser: Browsers, town: Town
) -> None:
    page = browser()
    assert _newcomer(town, page, "xin1") == "/sign-in/set-up?next=/"
    html = page.get("/sign-in/set-up").text
    assert "<svg" in html
    found = re.search(r'class="mono code small">([A-Z2-7]{32})<', html)
    assert found
    form = {
        "code": pyotp.TOTP(found[1]).now(), "name": "我的手机",
        "csrf": page.token("/sign-in/set-up"),
    }  # fmt: skip
    assert page.post("/sign-in/set-up", data=form, follow_redirects=False).status_code == 303
    for path in ("/", "/security", "/password", "/deputies"):  # until the codes are seen
        assert page.get(path, follow_redirects=False).headers["location"] == "/security/codes"
    made = page.post("/security/codes", data={"csrf": page.token("/security/codes")}).text
    codes = re.findall(r'<li class="mono">([0-9A-Z-]{19})</li>', made)
    assert len(set(codes)) == 10
    assert codes[0] not in page.get("/security/codes").text
    form = {"csrf": page.token("/security/codes")}
    kept = page.post("/security/codes/kept", data=form, follow_redirects=False)
    assert kept.headers["location"] == "/"
    assert "我的手机" in page.get("/security").text
    again = browser()
    where = _half(again, "xin1")
    form = {"proof.recovery": codes[0].lower(), "csrf": again.token(where)}
    assert again.post("/sign-in/second", data=form, follow_redirects=False).status_code == 303
    assert "还可用 9 个" in again.get("/security").text


def test_a_passkey_is_registered_and_signs_in(browser: Browsers, town: Town) -> None:
    key, page = SoftPasskey(), browser()
    _newcomer(town, page, "xin2")
    said = key.make(_options(page.get("/sign-in/set-up").text))
    form = {"made": said, "name": "", "csrf": page.token("/sign-in")}
    assert page.post("/sign-in/set-up", data=form, follow_redirects=False).status_code == 303
    again = browser()
    where = _half(again, "xin2")
    html = again.get(where).text
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', html)
    assert token
    form = {"proof.assertion": key.use(_options(html)), "csrf": token[1]}
    assert again.post("/sign-in/second", data=form, follow_redirects=False).status_code == 303


def test_who_has_a_factor_cannot_register_another_with_the_password_alone(
    browser: Browsers,
) -> None:
    page = browser()
    _half(page, "chen")
    shown = page.get("/sign-in/set-up", follow_redirects=False)
    assert shown.headers["location"] == "/sign-in/second?next=/"
    form = {"code": "123456", "csrf": page.token("/sign-in")}
    assert page.post("/sign-in/set-up", data=form).status_code == 422


def test_without_keys_only_lists_and_pages_that_speak_with_a_passkey_may_load_a_script(
    browser: Browsers,
) -> None:
    page = browser()
    _half(page, "chen")
    assert page.get("/sign-in/second").headers["content-security-policy"] == SCRIPTED_POLICY
    inside = browser("chen")
    inside.post("/preferences", data={"csrf": inside.token("/security"), "keys": "off"})
    scripted = {
        path
        for path in ("/", "/security", "/security/codes", "/security/factor", "/prove", "/new")
        if inside.get(path).headers["content-security-policy"] != CONTENT_POLICY
    }
    assert scripted == {"/", "/security/factor", "/prove"}
    assert "'unsafe" not in SCRIPTED_POLICY


# --- before what cannot be taken back ------------------------------------------------------------


def test_an_act_that_cannot_be_taken_back_asks_for_a_proof_before_its_form(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = decided_upon(town)
    chief = browser("wu")
    path = f"/cases/{case_no}/do/decide"
    assert chief.get(path, follow_redirects=False).status_code == 200  # proved at sign-in
    aged(town, "wu", proved_at=timedelta(minutes=16))
    asked = chief.get(path, follow_redirects=False)
    assert asked.headers["location"].startswith("/prove?act=decide&next=/cases/")
    form = {
        "proof.code": code_of(town, "wu"), "next": path,
        "csrf": chief.token(asked.headers["location"]),
    }  # fmt: skip
    gone = chief.post("/prove", data=form, follow_redirects=False)
    assert gone.headers["location"] == path
    assert chief.get(path, follow_redirects=False).status_code == 200


def test_an_act_that_can_be_taken_back_asks_for_none(browser: Browsers, town: Town) -> None:
    case_no, _ = decided_upon(town)
    clerk = browser("chen")
    aged(town, "chen", proved_at=timedelta(hours=3))
    assert clerk.get(f"/cases/{case_no}/do/urge", follow_redirects=False).status_code == 200


def test_who_may_not_do_it_hears_no_before_any_proof_is_asked(
    browser: Browsers, town: Town
) -> None:
    case_no, _ = decided_upon(town)
    clerk = browser("chen")
    aged(town, "chen", proved_at=timedelta(hours=3))
    answer = clerk.get(f"/cases/{case_no}/do/decide", follow_redirects=False)
    assert answer.status_code == 403


def test_what_was_typed_when_the_proof_ran_out_goes_on_with_the_new_one(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = decided_upon(town)
    chief = browser("wu")
    path = f"/cases/{case_no}/do/decide"
    form = posted(chief, path, **PERMITS, step="confirmed")
    aged(town, "wu", proved_at=timedelta(minutes=16))
    asked = chief.post(path, data=form)
    assert asked.status_code == 403 and "您已填写的内容都还在" in asked.text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', asked.text))
    assert hidden["valid_until"] == "2031-12-31" and hidden["command"] == form["command"]
    state = town.queries.state(case_id)
    assert state is not None and state.stage == "decision"
    wrong = chief.post(path, data=hidden | {"proof.code": "000000"})
    assert wrong.status_code == 422 and 'value="2031-12-31"' in wrong.text
    done = chief.post(path, data=hidden | {"proof.code": code_of(town, "wu")})
    assert "已完成" in done.text
    state = town.queries.state(case_id)
    assert state is not None and state.stage != "decision"


def test_a_proof_changes_the_cookie_and_a_form_open_in_another_tab_still_counts(
    browser: Browsers, town: Town
) -> None:
    page = browser("chen")
    token, before = page.token("/new/construction-permit"), page.cookies["__Host-yichuang"]
    form = {"proof.code": code_of(town, "chen"), "next": "/", "csrf": page.token("/prove")}
    page.post("/prove", data=form)
    assert page.cookies["__Host-yichuang"] != before
    answer = page.post("/new/construction-permit", data={"csrf": token, "command": "x"})
    assert answer.status_code == 422  # read, and found incomplete: the token was good
    old = browser()
    old.cookies.set("__Host-yichuang", before, domain="town.test")
    assert old.get("/", follow_redirects=False).status_code == 303


def test_the_acts_that_need_a_proof_are_acts_of_the_policy_each_with_its_reason() -> None:
    for (thing, act), reason in STEP_UP.items():
        assert act in ACTS[thing]
        assert len(reason) > 8


# --- sessions ------------------------------------------------------------------------------------


def test_what_was_typed_when_the_session_ended_is_sent_on_after_signing_in(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = decided_upon(town)
    chief = browser("wu")
    path = f"/cases/{case_no}/do/decide"
    form = posted(chief, path, **PERMITS, step="confirmed")
    aged(town, "wu", seen_at=timedelta(minutes=16))
    ended = chief.post(path, data=form)
    assert ended.status_code == 401
    assert "15 分钟没有操作" in ended.text and "您刚才填写的内容都还在" in ended.text
    kept = re.search(r'name="kept" value="([^"]+)"', ended.text)
    assert kept
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', ended.text)
    assert token
    first = {"login": "wu", "password": PASSWORD, "csrf": token[1], "kept": kept[1]}
    second = chief.post("/sign-in", data=first)
    assert second.status_code == 200 and kept[1] in second.text
    proof = {"proof.code": code_of(town, "wu"), "kept": kept[1], "csrf": token[1]}
    resumed = chief.post("/sign-in/second", data=proof)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', resumed.text))
    assert hidden["valid_until"] == "2031-12-31" and "csrf" in hidden
    done = chief.post(path, data=hidden)
    assert "已完成" in done.text
    state = town.queries.state(case_id)
    assert state is not None and state.stage != "decision"


def test_what_one_person_typed_is_not_handed_to_another(browser: Browsers, town: Town) -> None:
    case_no, _ = decided_upon(town)
    page = browser("wu")
    path = f"/cases/{case_no}/do/decide"
    form = posted(page, path, **PERMITS, step="confirmed")
    aged(town, "wu", seen_at=timedelta(minutes=16))
    html = page.post(path, data=form).text
    kept = re.search(r'name="kept" value="([^"]+)"', html)
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', html)
    assert kept and token
    first = {"login": "chen", "password": PASSWORD, "csrf": token[1], "kept": kept[1]}
    page.post("/sign-in", data=first)
    proof = {"proof.code": code_of(town, "chen"), "kept": kept[1], "csrf": token[1]}
    answer = page.post("/sign-in/second", data=proof, follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == "/"


def test_a_post_from_another_site_brings_nothing_through_sign_in(
    browser: Browsers, town: Town
) -> None:
    page = browser("wu")
    aged(town, "wu", seen_at=timedelta(minutes=16))
    forged = page.post(
        "/new/construction-permit", data={"form.x": "y"}, follow_redirects=False,
        headers={"origin": "https://evil.test", "sec-fetch-site": "cross-site"},
    )  # fmt: skip
    assert forged.status_code == 303 and forged.headers["location"] == "/sign-in?ended=1"


@pytest.mark.parametrize("next", ["//evil.test/x", "https://evil.test", "x"])
def test_what_is_carried_through_sign_in_is_sent_nowhere_else(next: str) -> None:
    from forms.second_step import Kept, unpacked

    assert unpacked(Kept("/new", "u:1", (("a", "b"),), False).packed()) is not None
    assert unpacked(Kept(next, "u:1", (("a", "b"),), False).packed()) is None


@pytest.mark.parametrize("text", ["", "no base64!", "eyJ4IjoxfQ=="])
def test_what_was_not_packed_by_us_is_dropped(text: str) -> None:
    from forms.second_step import unpacked

    assert unpacked(text) is None


def test_the_sign_in_page_says_why_the_session_is_over(browser: Browsers, town: Town) -> None:
    page = browser("sun")
    aged(town, "sun", seen_at=timedelta(minutes=16))
    assert "您已 15 分钟没有操作" in page.get("/").text
    page = browser("sun")
    aged(town, "sun", ends_at=timedelta(minutes=1))
    assert "一次登录最长 10 小时" in page.get("/").text
    page = browser("sun")
    town.accounts.revoke_sessions(town.ids["sun"], "u:x", datetime.now(UTC))
    assert "已在别处被结束" in page.get("/").text


def test_one_sees_and_ends_ones_other_sessions(browser: Browsers, town: Town) -> None:
    mine, other = browser("editor"), browser("editor")
    html = mine.get("/security").text
    assert html.count("testclient") >= 2
    ids = re.findall(r'name="session" value="([0-9a-f]{16})"', html)
    mine.post("/security/sessions", data={"csrf": mine.token("/security"), "session": ids[0]})
    assert other.get("/", follow_redirects=False).status_code == 303
    third = browser("editor")
    mine.post("/security/sessions", data={"csrf": mine.token("/security")})
    assert third.get("/", follow_redirects=False).status_code == 303
    assert mine.get("/security").status_code == 200


def test_a_factor_is_added_and_removed_only_after_a_proof(browser: Browsers, town: Town) -> None:
    key, page = SoftPasskey(), browser("editor")
    aged(town, "editor", proved_at=timedelta(minutes=16))
    asked = page.get("/security/factor", follow_redirects=False)
    assert asked.headers["location"].startswith("/prove")
    form = {"proof.code": code_of(town, "editor"), "csrf": page.token("/prove")}
    page.post("/prove", data=form)
    html = page.get("/security/factor").text
    form = {"made": key.make(_options(html)), "name": "办公室的钥匙"}
    page.post("/security/factor", data=form | {"csrf": page.token("/security")})
    html = page.get("/security").text
    assert "办公室的钥匙" in html
    first = re.search(r'action="(/security/factors/[0-9a-f]{16}/remove)"', html)
    assert first
    aged(town, "editor", proved_at=timedelta(minutes=16))
    refused = page.post(first[1], data={"csrf": page.token("/security")})
    assert refused.status_code == 403
    assert len(town.entrance.factors.listing(town.ids["editor"])) == 2


def test_a_session_of_before_the_second_factor_opens_nothing(browser: Browsers, town: Town) -> None:
    page = browser("sun")
    with town.web.begin() as connection:
        connection.execute(
            update(session).where(session.c.account_id == town.ids["sun"]).values(proved_at=None)
        )
    assert page.get("/", follow_redirects=False).status_code == 303


def test_a_closed_accounts_half_way_sign_in_opens_nothing(browser: Browsers, town: Town) -> None:
    page = browser()
    _newcomer(town, page, "xin3")
    with town.web.connect() as connection:
        user = connection.execute(
            select(account.c.id).where(account.c.login == "xin3")
        ).scalar_one()
    town.accounts.close(user, "u:x", datetime.now(UTC))
    answer = page.get("/sign-in/set-up", follow_redirects=False)
    assert answer.headers["location"].startswith("/sign-in?why=half")
