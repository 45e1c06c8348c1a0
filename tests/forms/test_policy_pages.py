"""The pages of the access policy: rows in words, a proposal with its proof, approval by another."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cases.releases import Check
from forms.policy_ports import PolicyProposal
from forms.release_ports import Release
from policies.policy import MODEL_FILE, ROWS_FILE, parse_policy
from tests.forms.conftest import Browsers
from tests.forms.town import Town

TEXT = ROWS_FILE.read_text("utf-8")
ROW = "section_head, implementing, case, serve, always, allow # 实施主体的科室负责人可送达"
OWN = "#? section_head@food | serve | plain | allowed"
APPROVE, WITHDRAW = "/policy/one/approve", "/policy/one/withdraw"


@pytest.fixture
def proposed(town: Town) -> Release:
    """A change that another security administrator has proposed, and the gate has passed."""
    return put(town, "u:somebody-else", "proposed", Check("判定表逐条相符", True))


def put(town: Town, by: str, state: str, *gate: Check) -> Release:
    text = f"{OWN}\n{TEXT}{ROW}\n"
    policy = parse_policy(MODEL_FILE.read_text("utf-8"), text)
    at = datetime(2026, 11, 20, tzinfo=UTC)
    one = Release("one", "policy", "access", policy.version[:32], "0" * 64, state, by, at, None)  # type: ignore[arg-type]  # a state
    town.releases.releases[:] = [one]
    town.policies.proposals["one"] = PolicyProposal("one", policy, text, gate)
    return one


def test_the_policy_is_shown_by_roles_with_who_holds_them_today(browser: Browsers) -> None:
    page = browser("secadmin").get("/policy").text
    assert "综合窗口人员" in page and "2 人" in page
    assert "先于一切行" in page and "职责分离" in page
    assert "/policy/new" in page


def test_the_rows_of_a_role_are_shown_in_words_with_their_lines(browser: Browsers) -> None:
    page = browser("secadmin").get("/policy?role=window_clerk&type=case&act=accept").text
    assert "实施主体的综合窗口人员可受理" in page
    assert "在实施主体或其上级任职" in page
    assert "已终结（归档）的办件不得再受理" in page  # what is forbidden to all concerns it too
    assert "科室负责人可" not in page


@pytest.mark.parametrize("query", ["role=superuser", "type=tables", "act=fly", "role=<script>"])
def test_a_word_that_there_is_not_finds_no_row_of_a_role(query: str, browser: Browsers) -> None:
    answer = browser("secadmin").get(f"/policy?{query}")
    assert answer.status_code == 200
    assert "综合窗口人员可" not in answer.text and "<script>" not in answer.text


def test_an_auditor_reads_the_policy_and_proposes_nothing(browser: Browsers) -> None:
    auditor = browser("auditor")
    assert "/policy/new" not in auditor.get("/policy").text
    assert auditor.get("/policy/new").status_code == 403


@pytest.mark.parametrize("login", ["chen", "sysadmin", "editor"])
def test_others_see_neither_the_policy_nor_a_proposal(
    login: str, browser: Browsers, proposed: Release
) -> None:
    for path in ("/policy", "/policy/new", f"/policy/{proposed.id}"):
        assert browser(login).get(path).status_code == 403


@pytest.mark.usefixtures("proposed")
def test_a_proposal_shows_its_rows_who_gains_and_the_table(browser: Browsers) -> None:
    page = browser("secadmin").get("/policy/one").text
    assert "科室负责人可以对办件「送达」" in page and "今天 3 人" in page
    assert "实施主体的科室负责人可送达" in page
    assert "section_head@food | serve | plain | allowed" in page
    assert "删 0 行，加 1 行" in page
    assert APPROVE in page and WITHDRAW not in page


def test_ones_own_proposal_may_be_withdrawn_and_not_approved(town: Town, browser: Browsers) -> None:
    put(town, town.actor("secadmin").id, "proposed", Check("判定表逐条相符", True))
    guard = browser("secadmin")
    page = guard.get("/policy/one").text
    assert APPROVE not in page and WITHDRAW in page
    assert "须由另一名安全管理员批准" in page
    token = guard.token("/policy/one")
    assert guard.post(APPROVE, data={"csrf": token}).status_code == 403
    assert guard.post(WITHDRAW, data={"csrf": token}, follow_redirects=False).status_code == 303
    assert town.releases.releases[0].state == "rejected"


@pytest.mark.usefixtures("proposed")
def test_another_approves(town: Town, browser: Browsers) -> None:
    guard = browser("secadmin")
    token = guard.token("/policy/one")
    asked = guard.post(APPROVE, data={"csrf": token}, follow_redirects=False)
    assert asked.status_code == 200 and "签署后对全市生效，不能撤回" in asked.text
    sure = {"csrf": token, "step": "confirmed"}
    answer = guard.post(APPROVE, data=sure, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/policy/one")
    assert town.releases.releases[0].state == "active"


def test_a_blocked_proposal_shows_its_counterexamples_and_no_approval(
    town: Town, browser: Browsers
) -> None:
    finding = "policy.csv:77: 角色「科室负责人」（section_head）：accept、decide。一个角色即可"
    put(town, "u:somebody-else", "blocked", Check("受理与决定不集于一个角色", False, (finding,)))
    page = browser("secadmin").get("/policy/one").text
    assert finding in page and "受理与决定不集于一个角色" in page
    assert APPROVE not in page


def test_what_is_proposed_goes_to_the_gate_as_it_was_typed(town: Town, browser: Browsers) -> None:
    guard = browser("secadmin")
    page = guard.get("/policy/new").text
    assert "window_clerk,      implementing,  case,         accept" in page
    token = guard.token("/policy/new")
    answer = guard.post("/policy/new", data={"csrf": token, "text": "# 标识\n" + ROW})
    assert town.releases.texts == ["# 标识\n" + ROW] or town.releases.texts == ["# 标识\r\n" + ROW]
    assert answer.status_code in (200, 303, 404)  # the list of this town knows no such policy


def test_what_cannot_be_read_comes_back_with_its_faults(browser: Browsers) -> None:
    guard = browser("secadmin")
    token = guard.token("/policy/new")
    answer = guard.post("/policy/new", data={"csrf": token, "text": "半行 <b>"})
    assert answer.status_code == 422
    assert "第 1 行" in answer.text and "半行 &lt;b&gt;" in answer.text
    assert guard.post("/policy/new", data={"csrf": token, "text": " "}).status_code == 422


def test_a_version_that_there_is_not_is_not_found(browser: Browsers) -> None:
    assert browser("secadmin").get("/policy/none").status_code == 404
