"""An act that is for good is shown once more: what follows, from which page, and only once."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from httpx2 import Response

from cases import approval
from cases.messages import Command, Source
from forms.act_finality import FINAL, TAKEN_BACK
from forms.acts import ACTS
from forms.rendering import due
from tests.forms.conftest import Browser, Browsers
from tests.forms.test_case import accepted, decided_upon, posted
from tests.forms.town import Town

SOMETIMES = {"pre_review", "call_back", "check_afterwards"}
"""Acts that are for good by what is filled in."""


def stage(town: Town, case_id: str) -> str:
    state = town.queries.state(case_id)
    assert state is not None
    return state.stage


def send(page: Browser, path: str, form: dict[str, Any], step: str = "") -> Response:
    return page.post(path, data=form | ({"step": step} if step else {}), follow_redirects=False)


def seen_on(answer: Response) -> str:
    found = re.search(r'name="seen" value="(\d+)"', answer.text)
    assert found
    return found[1]


def test_each_act_is_for_good_or_says_how_it_is_taken_back() -> None:
    assert set(FINAL) | set(TAKEN_BACK) == set(ACTS)
    assert not set(FINAL) & set(TAKEN_BACK)
    assert {verb for verb, act in ACTS.items() if not act.button} == set(FINAL) - SOMETIMES


def test_an_act_without_a_field_says_at_once_what_follows(town: Town, browser: Browsers) -> None:
    filed = town.file()
    page, path = browser("chen"), f"/cases/{filed.case_no}/do/accept"
    shown = page.get(path)
    assert "出具文书：受理通知书" in shown.text and "第三十二条" in shown.text
    assert "承诺时限：开始计时" in shown.text and "受理审查：不再计时" in shown.text
    assert (
        "autofocus>受理并出具受理通知书</button>" in shown.text and 'value="back"' not in shown.text
    )
    assert stage(town, filed.case_id) == "received", "nothing is done by looking"
    form = posted(page, path, mode="plain", seen=seen_on(shown))
    assert send(page, path, form, "confirmed").status_code == 303
    state = town.queries.state(filed.case_id)
    assert state is not None and state.accepted_at is not None
    for timer in state.timers:
        if timer.key in ("promised", "statutory"):
            assert due(timer.due_at, ZoneInfo("Asia/Shanghai")) in shown.text, timer.key


def test_going_back_keeps_what_was_typed_and_does_nothing(town: Town, browser: Browsers) -> None:
    filed = town.file()
    page, path = browser("chen"), f"/cases/{filed.case_no}/do/refuse_acceptance"
    form = posted(page, path, reason="不属于本机关职权范围", apply_to="市住建局")
    asked = send(page, path, form)
    assert asked.status_code == 200 and "不予受理，并出具不予受理决定书" in asked.text
    assert "出具文书：不予受理决定书" in asked.text
    back = send(page, path, form, "back")
    assert "不属于本机关职权范围</textarea>" in back.text and "市住建局</textarea>" in back.text
    assert stage(town, filed.case_id) == "received"


def test_a_double_press_does_it_once(town: Town, browser: Browsers) -> None:
    filed = town.file()
    page, path = browser("chen"), f"/cases/{filed.case_no}/do/accept"
    form = posted(page, path, mode="plain")
    first, second = (send(page, path, form, "confirmed") for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    view = town.ports.reader.case(town.actor("chen"), filed.case_id)
    assert view is not None and [one.verb for one in view.timeline].count("accept") == 1


def an_opinion(browser: Browsers, case_no: str) -> tuple[Browser, str, dict[str, Any]]:
    """Return a planner's desk, where their opinion is sent to, and what is sent."""
    page, path = browser("qian"), f"/cases/{case_no}/do/opine"
    form = posted(page, path, task="review-planning", result="agree", text="同意")
    return page, path, form | {"seen": seen_on(page.get(path))}


def test_an_opinion_sent_again_because_its_answer_was_lost_leads_on_as_before(
    town: Town, browser: Browsers
) -> None:
    case_no, case_id = accepted(town)
    page, path, form = an_opinion(browser, case_no)
    first, second = (send(page, path, form, "confirmed") for _ in range(2))
    assert first.status_code == second.status_code == 303, second.text
    assert first.headers["location"] == second.headers["location"]
    view = town.ports.reader.case(town.actor("qian"), case_id)
    assert view is not None and len(view.opinions) == 1
    elsewhere = town.order(
        "qian", "opine", {"task": "review-planning", "result": "agree", "text": "同意"},
        accepted(town)[1],
    )  # fmt: skip
    for command in (str(uuid4()), elsewhere.command_id):
        other = send(page, path, form | {"command": command}, "confirmed")
        assert other.status_code == 403, "another order is another opinion, and forbidden"


def test_what_somebody_did_meanwhile_is_read_before_it_is_done(
    town: Town, browser: Browsers
) -> None:
    case_no, case_id = accepted(town)
    page, path, form = an_opinion(browser, case_no)
    asked = send(page, path, form)
    assert asked.status_code == 200 and "又有新的办理" not in asked.text
    form["seen"] = seen_on(asked)
    body = {"task": "review-fire", "result": "disagree", "text": "消防车道不足"}
    town.order("sun", "opine", body, case_id)
    late = send(page, path, form, "confirmed")
    assert late.status_code == 409 and "又有新的办理" in late.text and "孙消防" in late.text
    assert "autofocus>提交审查意见" not in late.text, "Enter reads first"
    form["seen"] = seen_on(late)
    assert send(page, path, form, "confirmed").status_code == 303


def test_what_would_be_refused_is_said_on_the_form_and_not_after_it(
    town: Town, browser: Browsers
) -> None:
    case_no, case_id = accepted(town)
    town.order("zhao", "claim", {"task": "review-housing"}, case_id)
    page, path = browser("zhao"), f"/cases/{case_no}/do/opine"
    form = posted(page, path, task="review-housing", result="agree", text="同意")
    answer = send(page, path, form)
    assert answer.status_code == 422 and "核查并记录后才能提出意见" in answer.text
    assert "同意</textarea>" in answer.text


def told(town: Town, login: str, verb: str, body: dict[str, Any], case_id: str) -> None:
    """Compare what is foretold of an order with what comes of it."""
    state = town.queries.state(case_id)
    view = town.ports.reader.case(town.actor(login), case_id)
    assert state is not None and view is not None
    command = Command(
        id=f"look-{verb}-{case_id}", verb=verb, case_id=case_id, body=body,
        actor=town.actor(login), source=Source(door="web"), occurred_at=datetime.now(UTC),
    )  # fmt: skip
    calendar = town.ports.catalogue.calendar(state.plan.calendar)
    found = approval.foretold(state, command, view.clock, calendar)
    assert isinstance(found, approval.Foretold)
    outcome = town.order(login, verb, body, case_id)
    after = town.queries.state(case_id)
    assert after is not None
    assert sorted(found.documents) == sorted(one.kind for one in outcome.documents), verb
    if not found.ruled:
        assert (found.stage or state.stage) == after.stage, verb
    was = {one.key for one in state.timers}
    now = {one.key: one.due_at for one in after.timers}
    for move in found.moves:
        if move.after is None:
            assert move.key in was and move.key not in now, (verb, move.key)
        else:
            # An instant may lie a moment later: it was foretold before it was done.
            assert abs((now[move.key] - move.after.due_at).total_seconds()) < 60, (verb, move.key)


def test_what_is_foretold_is_what_comes(town: Town) -> None:
    filed = town.file()
    told(town, "chen", "accept", {"mode": "plain"}, filed.case_id)
    procedure = {"kind": "expert_review", "ground": "须专家评审", "expected_days": 10}
    told(town, "zhou", "start_procedure", procedure, filed.case_id)
    _, case_id = decided_upon(town)
    told(town, "wu", "decide", {"result": "grant"}, case_id)
    told(town, "zheng", "certify", {"certificate": "建筑工程施工许可证"}, case_id)
    told(town, "zheng", "serve", {"method": "direct", "recipient": "王小明"}, case_id)
    told(town, "chen", "close", {}, case_id)
    told(town, "chen", "rate", {"grade": "1", "channel": "window"}, case_id)
