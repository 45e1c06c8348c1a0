"""Rights at the pages: one security administrator proposes, another approves, everybody else reads
or is turned away."""

from __future__ import annotations

import re

import pytest
from httpx2 import Response

from cases.messages import Grant
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town

HEAD = {
    "role1": "section_head",
    "department1": "zjj",
    "clearance": "3",
    "reason": "任职文件 2026-7",
}


def propose(page: Browser, account: str, **form: str) -> Response:
    """Propose what an account shall hold; the roles that it has stay."""
    posted = {"csrf": page.token("/password"), "clearance": "3", "reason": "调岗"} | form
    answer: Response = page.post(f"/accounts/{account}/rights", data=posted, follow_redirects=False)
    return answer


def change_of(page: Browser, account: str) -> str:
    """Return the id of the change that waits for an account."""
    found = re.search(r"/grants/([0-9a-f-]{36})/", page.get(f"/accounts/{account}").text)
    assert found
    return found[1]


def settle(page: Browser, change: str, how: str, **form: str) -> Response:
    posted = {"csrf": page.token("/password")} | form
    answer: Response = page.post(f"/grants/{change}/{how}", data=posted, follow_redirects=False)
    return answer


def test_two_security_administrators_give_a_role(browser: Browsers, town: Town) -> None:
    one, other, person = browser("secadmin"), browser("secadmin2"), town.ids["qian"]
    assert propose(one, person, **HEAD, compartments="health").status_code == 303
    assert "待批准的变更" in one.get(f"/accounts/{person}").text
    assert Grant(role="section_head", department="zjj") not in town.actor("qian").grants
    listed = other.get("/grants").text
    assert (
        "待批准 (1)" in listed and "任职文件 2026-7" in listed and "科室负责人 · 市住建局" in listed
    )
    change = change_of(other, person)
    answer = settle(other, change, "approve", back="grants")
    assert (answer.status_code, answer.headers["location"]) == (303, "/grants")
    actor = town.actor("qian")
    assert set(actor.grants) == {
        Grant(role="section_clerk", department="zrzy"),
        Grant(role="section_head", department="zjj"),
    }
    assert actor.compartments == ("health",)
    history = browser("auditor").get(f"/accounts/{person}").text
    assert all(word in history for word in ("安全管理员", "安全管理员二", "任职文件", "已批准"))


def test_who_proposed_is_offered_to_withdraw_and_not_to_approve(
    browser: Browsers, town: Town
) -> None:
    one, person = browser("secadmin"), town.ids["sun"]
    propose(one, person, clearance="4")
    page = one.get(f"/accounts/{person}").text
    change = change_of(one, person)
    assert f"/grants/{change}/withdraw" in page and f"/grants/{change}/approve" not in page
    refused = settle(one, change, "approve")
    assert refused.status_code == 403 and "提出人不得批准" in refused.text
    assert settle(one, change, "withdraw").status_code == 303
    assert "已撤回" in one.get(f"/accounts/{person}").text


def test_a_refusal_has_its_reason_and_the_second_answer_says_who_was_faster(
    browser: Browsers, town: Town
) -> None:
    one, other, person = browser("secadmin"), browser("secadmin2"), town.ids["li"]
    propose(one, person, clearance="4")
    change = change_of(other, person)
    assert "请写明不批准的理由" in settle(other, change, "refuse").text
    assert settle(other, change, "refuse", reason="无依据").status_code == 303
    late = settle(other, change, "approve")
    assert late.status_code == 409
    assert "这项变更已由安全管理员二不批准，请刷新后查看" in late.text


@pytest.mark.parametrize("login", ["sysadmin", "auditor", "feng", "zhou", "chen", "editor"])
def test_nobody_else_proposes_or_approves(login: str, browser: Browsers, town: Town) -> None:
    one, person = browser("secadmin"), town.ids["zheng"]
    propose(one, person, clearance="4")
    change, page = change_of(one, person), browser(login)
    assert propose(page, person, **HEAD).status_code == 403
    for how in ("approve", "refuse", "withdraw"):
        assert settle(page, change, how, reason="x").status_code == 403
    settle(one, change, "withdraw")


@pytest.mark.parametrize(
    ("login", "status"),
    [("sysadmin", 200), ("secadmin", 200), ("auditor", 200), ("feng", 403), ("wu", 403)],
)
def test_who_reads_accounts_and_changes(
    login: str, status: int, browser: Browsers, town: Town
) -> None:
    page = browser(login)
    for path in ("/accounts", "/grants", f"/accounts/{town.ids['chen']}"):
        assert page.get(path).status_code == status


def test_a_role_that_may_not_meet_another_is_refused_with_the_reason(
    browser: Browsers, town: Town
) -> None:
    one, person = browser("secadmin"), town.ids["editor"]
    answer = propose(one, person, role1="sysadmin", department1="*")
    assert answer.status_code == 422 and "互斥" in answer.text
    answer = propose(one, person, role1="catalogue_signer", department1="sp", reason="双岗")
    assert answer.status_code == 422 and "编制与签署须由两人任职" in answer.text
    assert "双岗" in answer.text  # what was typed is still there
    assert propose(one, person, remove="catalogue_editor@*", role1="catalogue_signer",
                   department1="sp").status_code == 303  # fmt: skip


def test_an_administrator_stays_one_and_nothing_else(browser: Browsers, town: Town) -> None:
    one = browser("secadmin")
    for login in ("sysadmin", "auditor", "secadmin2"):
        answer = propose(one, town.ids[login], role1="section_clerk", department1="zjj")
        assert answer.status_code == 422 and "互斥" in answer.text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"role1": "section_head", "department1": "nowhere"}, "没有部门"),
        ({"role1": "service_intake", "department1": "zjj"}, "不能授予这一类账号"),
        ({"role1": "citizen", "department1": "zjj"}, "不能授予这一类账号"),
        ({"role1": "root", "department1": "zjj"}, "没有角色"),
        ({"role1": "section_head", "department1": ""}, "请选择任职部门"),
        ({"clearance": "5"}, "许可级别为 1 至 4"),
        ({"clearance": "-1"}, "许可级别为 1 至 4"),
        ({"clearance": "many"}, "许可级别为 1 至 4"),
        ({"compartments": "secret"}, "没有知悉范围"),
        ({"reason": " "}, "请写明理由"),
        ({"reason": "字" * 501}, "理由最多"),
        ({}, "没有变更"),
    ],
)
def test_what_the_closed_lists_do_not_have_is_refused(
    form: dict[str, str], said: str, browser: Browsers, town: Town
) -> None:
    answer = propose(browser("secadmin"), town.ids["zhao"], **form)
    assert answer.status_code == 422 and said in answer.text


def test_a_security_administrator_is_offered_no_form_for_himself(
    browser: Browsers, town: Town
) -> None:
    page = browser("secadmin")
    assert "提出权限变更" not in page.get(f"/accounts/{town.ids['secadmin']}").text
    assert propose(page, town.ids["secadmin"], clearance="4").status_code == 403
    assert "提出权限变更" in page.get(f"/accounts/{town.ids['zhao']}").text


def test_an_account_of_a_person_is_closed_on_its_page_and_its_sessions_end(
    browser: Browsers, town: Town
) -> None:
    leaving, admin = browser("intake"), browser("sysadmin")
    person = town.ids["intake"]
    assert leaving.get("/letters").status_code == 200
    form = {"csrf": admin.token("/password"), "do": "close"}
    asked = admin.post(f"/accounts/{person}", data=form, follow_redirects=False)
    assert asked.status_code == 200 and "停用后会话立即终止，不能恢复" in asked.text
    assert leaving.get("/letters").status_code == 200, "nothing is done by asking"
    form["step"] = "confirmed"
    assert admin.post(f"/accounts/{person}", data=form, follow_redirects=False).status_code == 303
    assert leaving.get("/letters", follow_redirects=False).status_code == 303
    page = admin.get(f"/accounts/{person}").text
    assert "停用" in page and "提出权限变更" not in page


def test_the_last_administrators_are_not_closed(browser: Browsers, town: Town) -> None:
    admin = browser("sysadmin")
    for login in ("secadmin", "auditor"):
        form = {"csrf": admin.token("/password"), "do": "close", "step": "confirmed"}
        answer = admin.post(f"/accounts/{town.ids[login]}", data=form)
        assert answer.status_code == 409 and "请先任命接任的人" in answer.text


def test_what_is_not_there_is_not_found(browser: Browsers) -> None:
    page = browser("secadmin")
    assert page.get("/accounts/u:nobody").status_code == 404
    assert propose(page, "u:nobody", **HEAD).status_code == 404
    for how in ("approve", "refuse", "withdraw"):
        assert settle(page, "nothing", how).status_code == 404
