"""Waits that stop the promise alone, and pauses that supervision finds unlawful."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cases import approval
from cases.messages import Command
from cases.settling import RuleForbids
from cases.state import CaseState, Timer
from tests.histories.sample import MONDAY, PlainSettlement, body_of_file, matter, order

PAUSES = {"承诺时限停表": ["hearing", "supplement", "site_visit", "publicity"]}


def day(n: float) -> Any:
    return MONDAY + timedelta(days=n)


def accepted(**changed: Any) -> tuple[PlainSettlement, CaseState]:
    settlement = PlainSettlement(matter(**PAUSES | changed))
    state, _ = settlement.walk(None, order("file", body_of_file()))
    state, _ = settlement.walk(state, order("accept", at=day(1)))
    return settlement, state


def do(
    settlement: PlainSettlement, state: CaseState, verb: str, at: float, **body: Any
) -> CaseState:
    after, _ = settlement.walk(state, order(verb, body, at=day(at)))
    return after


def timer(state: CaseState, key: str) -> Timer | None:
    return next((one for one in state.timers if one.key == key), None)


def code_of(state: CaseState, command: Command) -> tuple[str, str]:
    no = approval.impossible(state, command)
    return ("", "") if no is None else (no.code, no.basis)


VISIT = {"ground": "site_visit", "reason": "核对场地", "expected_days": 3}


@pytest.mark.parametrize("ground", ["site_visit", "publicity"])
def test_a_wait_stops_the_promise_and_never_the_statutory_clock(ground: str) -> None:
    settlement, state = accepted()
    before = timer(state, "statutory"), timer(state, "promised")
    state = do(settlement, state, "start_wait", 2, **VISIT | {"ground": ground})
    assert timer(state, "promised") is None
    assert timer(state, "statutory") == before[0]
    state = do(settlement, state, "end_wait", 4, wait=f"{ground}-1", result="完成")
    after = timer(state, "promised")
    assert after is not None and before[1] is not None
    assert after.due_at - before[1].due_at == timedelta(days=3)  # three days had a paused part
    assert timer(state, "statutory") == before[0]


def test_a_wait_that_the_matter_does_not_name_is_refused_with_the_article() -> None:
    _, state = accepted(承诺时限停表=["hearing"])
    assert code_of(state, order("start_wait", VISIT, at=day(2))) == ("wait_not_allowed", "AY-37")
    publicity = VISIT | {"ground": "publicity"}
    assert code_of(state, order("start_wait", publicity, at=day(2))) == (
        "wait_not_allowed", "BZ-19",
    )  # fmt: skip


@pytest.mark.parametrize("body", [VISIT | {"ground": "hearing"}, VISIT | {"expected_days": 0},
                                  VISIT | {"reason": " "}, {"ground": "site_visit"}])  # fmt: skip
def test_a_wait_without_ground_reason_or_time_needed_is_no_order(body: dict[str, Any]) -> None:
    _, state = accepted()
    assert code_of(state, order("start_wait", body, at=day(2)))[0] == "bad_body"


@pytest.mark.parametrize("field", ["ground", "expected_days"])
def test_a_special_procedure_without_ground_or_time_needed_is_no_order(field: str) -> None:
    _, state = accepted()
    body = {"kind": "testing", "ground": "检测", "expected_days": 4}
    assert code_of(state, order("start_procedure", body, at=day(2))) == ("", "")
    del body[field]
    assert code_of(state, order("start_procedure", body, at=day(2)))[0] == "bad_body"


def test_a_ninth_special_procedure_does_not_exist() -> None:
    _, state = accepted()
    body = {"kind": "site_visit", "ground": "核查", "expected_days": 4}
    assert code_of(state, order("start_procedure", body, at=day(2)))[0] == "bad_body"


def test_a_procedure_is_started_with_its_written_notice_whatever_the_matter_lists() -> None:
    settlement, state = accepted()
    assert "procedure_notice" not in state.plan.documents
    start = order(
        "start_procedure", {"kind": "testing", "ground": "检测", "expected_days": 4}, at=day(2)
    )
    after, events = settlement.walk(state, start)
    kinds = [one.kind for one in approval.document_wishes(state, start, events, after)]
    assert kinds == ["procedure_notice"]


def test_the_applicant_is_told_in_writing_of_a_wait() -> None:
    settlement, state = accepted()
    start = order("start_wait", VISIT, at=day(2))
    after, events = settlement.walk(state, start)
    (wish,) = approval.document_wishes(state, start, events, after)
    assert (wish.kind, wish.facts["article"]) == ("wait_notice", "AY-37")


def test_two_waits_of_one_ground_do_not_overlap_and_of_two_grounds_may() -> None:
    settlement, state = accepted()
    state = do(settlement, state, "start_wait", 2, **VISIT)
    assert code_of(state, order("start_wait", VISIT, at=day(3))) == ("wait_open", "AY-37")
    state = do(settlement, state, "start_wait", 3, **VISIT | {"ground": "publicity"})
    assert code_of(state, order("end_wait", {"wait": "x", "result": "?"}, at=day(3)))[0] == (
        "no_such_wait"
    )
    state = do(settlement, state, "end_wait", 4, wait="site_visit-1", result="完成")
    assert timer(state, "promised") is None
    state = do(settlement, state, "end_wait", 5, wait="publicity-1", result="完成")
    assert timer(state, "promised") is not None


def test_nothing_is_decided_while_a_wait_is_open() -> None:
    settlement, state = accepted()
    agree = {"task": "review-review", "result": "agree", "text": "同意"}
    state, _ = settlement.walk(state, order("opine", agree, at=day(2), who="u:reviewer"))
    state = do(settlement, state, "start_wait", 3, **VISIT)
    decide = order("decide", {"result": "grant"}, at=day(3), who="u:head")
    back = order("return_step", {"to": "review", "reason": "重审"}, at=day(3))
    assert code_of(state, decide) == code_of(state, back) == ("wait_open", "AY-37")
    state = do(settlement, state, "end_wait", 4, wait="site_visit-1", result="完成")
    later = order("decide", {"result": "grant"}, at=day(4), who="u:head")
    assert code_of(state, later) == ("", "")


def test_withdrawal_ends_what_was_waiting() -> None:
    settlement, state = accepted()
    state = do(settlement, state, "start_wait", 3, **VISIT)
    state = do(settlement, state, "withdraw", 4)
    assert all(one.ended_at is not None for one in state.waits)


# --- 认定停表不当 ---------------------------------------------------------------------------------


def heard(ended: bool = True) -> tuple[PlainSettlement, CaseState]:
    settlement, state = accepted()
    state = do(settlement, state, "start_procedure", 2, kind="testing", ground="检测",
               expected_days=5)  # fmt: skip
    if ended:
        state = do(settlement, state, "end_procedure", 6, procedure="testing-1", result="合格")
    return settlement, state


def test_a_disallowed_pause_counts_as_if_it_had_not_been() -> None:
    _plain, unpaused = accepted()
    settlement, state = heard()
    assert timer(state, "statutory") != timer(unpaused, "statutory")
    state = do(settlement, state, "disallow_pause", 7, pause="testing-1", reason="未实际送检")
    assert timer(state, "statutory") == timer(unpaused, "statutory")
    assert state.procedures[0].ended_at == day(6)  # what happened stays on record


def test_a_pause_that_still_runs_may_be_disallowed_and_the_clock_goes_on() -> None:
    _, unpaused = accepted()
    settlement, state = heard(ended=False)
    assert timer(state, "statutory") is None
    state = do(settlement, state, "disallow_pause", 3, pause="testing-1", reason="无依据")
    assert timer(state, "statutory") == timer(unpaused, "statutory")


def test_a_period_found_over_in_hindsight_passes_at_once() -> None:
    settlement, state = accepted()
    state = do(settlement, state, "start_procedure", 2, kind="testing", ground="检测",
               expected_days=30)  # fmt: skip
    state = do(settlement, state, "end_procedure", 40, procedure="testing-1", result="完")
    assert "statutory" not in state.passed
    state = do(settlement, state, "disallow_pause", 41, pause="testing-1", reason="没有举行")
    due = timer(state, "statutory")
    assert due is not None and due.due_at < day(41)
    assert due in approval.pending_timers(state)
    late = order("extend", {"reason": "复杂"}, at=day(41), who="u:o", role="organ_head")
    assert code_of(state, late)[0] == "expired"


def test_a_wait_and_a_supplement_after_acceptance_may_be_disallowed() -> None:
    settlement, state = accepted()
    promised = timer(state, "promised")
    lack = {"lacking": [{"code": "plan", "what": "平面图"}]}
    state = do(settlement, state, "ask_supplement", 2, **lack)
    state = do(settlement, state, "supply", 4, materials=[{"code": "plan"}])
    state = do(settlement, state, "start_wait", 5, **VISIT)
    state = do(settlement, state, "end_wait", 6, wait="site_visit-1", result="完")
    assert timer(state, "promised") != promised
    for pause in ("supplement", "site_visit-1"):
        state = do(settlement, state, "disallow_pause", 7, pause=pause, reason="无依据")
    assert timer(state, "promised") == promised


def test_a_pause_is_disallowed_once_and_never_twice() -> None:
    settlement, state = heard()
    body = {"pause": "testing-1", "reason": "无依据"}
    state = do(settlement, state, "disallow_pause", 7, **body)
    again = order("disallow_pause", body, at=day(8))
    assert code_of(state, again) == ("already_disallowed", "XKF-60")
    with pytest.raises(RuleForbids):
        settlement.walk(state, again)


def test_what_was_disallowed_comes_back_by_a_second_finding_alone_and_for_good() -> None:
    settlement, paused = heard()
    body = {"pause": "testing-1", "reason": "查明送检"}
    assert code_of(paused, order("restore_pause", body, at=day(7)))[0] == "not_disallowed"
    state = do(settlement, paused, "disallow_pause", 7, **body)
    state = do(settlement, state, "restore_pause", 8, **body)
    assert timer(state, "statutory") == timer(paused, "statutory")
    assert code_of(state, order("disallow_pause", body, at=day(9)))[0] == "already_disallowed"
    assert (state.disallowed, state.restored) == ((), ("testing-1",))


@pytest.mark.parametrize("pause", ["hearing-1", "supplement", "site_visit-1"])
def test_a_pause_that_never_was_cannot_be_disallowed(pause: str) -> None:
    _, state = heard()
    body = {"pause": pause, "reason": "无依据"}
    assert code_of(state, order("disallow_pause", body, at=day(7))) == ("no_such_pause", "XKF-60")


@pytest.mark.parametrize("body", [{"pause": "testing-1"}, {"pause": "testing-1", "reason": " "}])
def test_a_finding_without_reasons_is_none(body: dict[str, Any]) -> None:
    _, state = heard()
    assert code_of(state, order("disallow_pause", body, at=day(7)))[0] == "bad_body"


# --- 延期 ----------------------------------------------------------------------------------------


def extend(at: float, role: str, **body: Any) -> Command:
    return order("extend", body or {"reason": "复杂"}, at=day(at), who="u:o", role=role)


def test_an_extension_is_refused_with_its_article_by_the_wrong_rank_twice_or_late() -> None:
    settlement, state = accepted()
    assert code_of(state, extend(2, "section_head")) == ("rank_too_low", "XKF-42-1")
    assert code_of(state, extend(2, "government_head")) == ("rank_too_low", "XKF-42-1")
    assert code_of(state, extend(60, "organ_head")) == ("expired", "XKF-42-1")
    assert code_of(state, extend(2, "organ_head", reason=" "))[0] == "bad_body"
    state, _ = settlement.walk(state, extend(2, "organ_head"))
    assert code_of(state, extend(3, "organ_head")) == ("second_extension", "XKF-42-1")


def test_a_joint_case_is_extended_by_the_head_of_government_alone() -> None:
    joint = {"时限": 15, "单位": "working_day", "批准人": "government_head", "依据": "XKF-42-2x"}
    settlement, state = accepted(延长审批=joint)
    before = timer(state, "statutory")
    assert code_of(state, extend(2, "organ_head")) == ("rank_too_low", "XKF-42-2x")
    granted = extend(2, "government_head")
    after, events = settlement.walk(state, granted)
    kinds = [one.kind for one in approval.document_wishes(state, granted, events, after)]
    assert kinds == ["extension_notice"]
    due = timer(after, "statutory")
    assert due is not None and before is not None
    assert due.due_at - before.due_at == timedelta(days=15)  # the sample's calendar has no days off


# --- 指派 ----------------------------------------------------------------------------------------

ASSIGN = {"检验指派时限": {"时限": 5, "单位": "working_day", "依据": "XKF-55"}}


def test_inspectors_are_named_two_or_more_within_five_days_of_acceptance() -> None:
    settlement, state = accepted(**ASSIGN)
    due = timer(state, "assignment")
    assert due is not None and (due.article, due.due_at.date()) == ("XKF-55", day(6).date())
    one = order("assign_inspectors", {"inspectors": ["甲", "甲"]}, at=day(2))
    assert code_of(state, one) == ("too_few_inspectors", "XKF-55")
    state = do(settlement, state, "assign_inspectors", 2, inspectors=["甲", "乙"])
    assert timer(state, "assignment") is None
    again = order("assign_inspectors", {"inspectors": ["甲", "乙"]}, at=day(3))
    assert code_of(state, again) == ("already_assigned", "XKF-55")


def test_a_matter_without_inspection_asks_for_no_inspectors() -> None:
    _, state = accepted()
    named = order("assign_inspectors", {"inspectors": ["甲", "乙"]}, at=day(2))
    assert code_of(state, named)[0] == "assignment_not_asked"
    assert timer(state, "assignment") is None


def test_a_lower_bodys_review_is_a_step_with_the_article_of_its_twenty_days() -> None:
    lower = {
        "环节编码": "county", "环节名称": "县级审查", "办理部门": "market",
        "环节时限": {"时限": 20, "单位": "working_day", "依据": "XKF-43"},
    }  # fmt: skip
    _, state = accepted(办理环节=[lower])
    due = timer(state, "step:review-county")
    assert due is not None and due.article == "XKF-43"


# --- 确认收到 ------------------------------------------------------------------------------------

CONFIRM = {"收到规则": "confirmation", "时限起算": "receipt", "网上申请须预审": False}


def requested(channel: str) -> tuple[PlainSettlement, CaseState]:
    settlement = PlainSettlement(matter(**CONFIRM))
    state, _ = settlement.walk(None, order("file", body_of_file(channel=channel)))
    return settlement, state


@pytest.mark.parametrize("channel", ["computer", "mobile"])
def test_a_request_over_the_internet_counts_from_the_day_both_sides_confirm(channel: str) -> None:
    settlement, state = requested(channel)
    assert state.timers == ()
    assert code_of(state, order("accept", at=day(1))) == ("receipt_unconfirmed", "XXGK-31")
    state = do(settlement, state, "confirm_receipt", 3, way="phone")
    assert state.received_at == day(3)
    due = timer(state, "notice")
    assert due is not None and due.due_at.date() == day(8).date()
    assert code_of(state, order("accept", at=day(4))) == ("", "")
    twice = order("confirm_receipt", {"way": "phone"}, at=day(4))
    assert code_of(state, twice) == ("nothing_to_confirm", "XXGK-31")


def test_a_backfilled_request_that_names_its_receipt_was_confirmed_that_day() -> None:
    settlement = PlainSettlement(matter(**CONFIRM))
    body = body_of_file(channel="computer", received_at=day(-3).isoformat())
    state, _ = settlement.walk(None, order("file", body, backfill=True))
    assert (state.unconfirmed, state.received_at) == (False, day(-3))


@pytest.mark.parametrize("channel", ["window", "post"])
def test_a_request_handed_in_or_posted_counts_at_once(channel: str) -> None:
    _, state = requested(channel)
    assert timer(state, "notice") is not None
    confirm = order("confirm_receipt", {"way": "phone"}, at=day(1))
    assert code_of(state, confirm)[0] == "nothing_to_confirm"


def test_other_matters_count_from_the_instant_the_message_enters_the_system() -> None:
    settlement = PlainSettlement(matter(网上申请须预审=False))
    state, events = settlement.walk(None, order("file", body_of_file(channel="computer")))
    assert state.received_at == MONDAY and not state.unconfirmed
    assert next(iter(approval.clock_events(events))).kind == "received"


def test_a_period_from_receipt_begins_anew_once_everything_was_supplied() -> None:
    settlement, state = requested("window")
    first = timer(state, "statutory")
    assert first is not None and first.due_at.date() == day(20).date()
    lack = {"lacking": [{"code": "plan", "what": "平面图"}]}
    state = do(settlement, state, "ask_supplement", 2, **lack)
    assert timer(state, "statutory") is None
    state = do(settlement, state, "supply", 5, materials=[{"code": "plan"}])
    anew = timer(state, "statutory")
    assert anew is not None and anew.due_at.date() == day(25).date()
