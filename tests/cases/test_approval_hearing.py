"""听证: told, asked for within five days, held within twenty, notified seven days before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cases import approval
from cases.state import CaseState, Reissue, Task
from tests.cases.test_approval_pauses import accepted, code_of, day, do, timer
from tests.histories.sample import PlainSettlement, clock_of, order, remembered
from workflows.approval import timer_command

INTEREST = {"interest": "与邻户有重大利益关系", "parties": ["王五"]}


def told() -> tuple[PlainSettlement, CaseState]:
    """The right is told on day 2, a Wednesday."""
    settlement, state = accepted()
    return settlement, do(settlement, state, "tell_hearing_right", 2, **INTEREST)


def requested() -> tuple[PlainSettlement, CaseState]:
    settlement, state = told()
    return settlement, do(settlement, state, "request_hearing", 3)


def notice(hearing: float, **more: Any) -> dict[str, Any]:
    return {
        "hearing_at": day(hearing).isoformat(), "place": "听证室", "host": "u:host",
        "host_name": "周主持",
    } | more  # fmt: skip


def reviewed(settlement: PlainSettlement, state: CaseState, at: float) -> CaseState:
    agree = {"task": "review-review", "result": "agree", "text": "同意"}
    state, _ = settlement.walk(state, order("opine", agree, at=day(at), who="u:reviewer"))
    return state


def decide(at: float, result: str = "grant", record: str = "") -> Any:
    body = {"result": result, "reasons": "依法", "hearing_record": record}
    return order("decide", body, at=day(at), who="u:head")


def test_the_right_is_told_with_its_notice_and_starts_the_five_days() -> None:
    settlement, state = accepted()
    tell = order("tell_hearing_right", INTEREST, at=day(2))
    after, events = settlement.walk(state, tell)
    kinds = [one.kind for one in approval.document_wishes(state, tell, events, after)]
    assert kinds == ["hearing_right_notice"]
    due = timer(after, "hearing_request")
    assert due is not None and due.article == "XKF-47a"
    assert (due.due_at - day(2)).days == 5  # calendar days: the applicant's own period
    assert code_of(after, order("tell_hearing_right", INTEREST, at=day(3))) == (
        "already_told", "XKF-47a",
    )  # fmt: skip


def test_names_of_interested_parties_stay_out_of_state_and_events() -> None:
    settlement, state = accepted()
    after, events = settlement.walk(state, order("tell_hearing_right", INTEREST, at=day(2)))
    assert "王五" not in after.model_dump_json() + "".join(e.model_dump_json() for e in events)


def test_a_hearing_is_asked_for_on_the_fifth_day_and_a_moment_later_not_any_more() -> None:
    settlement, state = told()
    due = timer(state, "hearing_request")
    assert due is not None
    just = order("request_hearing", at=due.due_at - timedelta(microseconds=1))
    assert settlement.walk(state, just)[0].hearing is not None
    late = order("request_hearing", at=due.due_at)
    assert code_of(state, late) == ("hearing_right_lapsed", "XKF-47a")


def test_silence_for_five_days_lets_the_right_lapse_by_law() -> None:
    settlement, state = told()
    due = timer(state, "hearing_request")
    assert due is not None
    state, events = settlement.walk(state, timer_command("case-1", due))
    assert [one.kind for one in events if one.kind.startswith("hearing")] == ["hearing_lapsed"]
    assert state.hearing is not None and state.hearing.lapsed


def test_without_the_right_told_nobody_asks_and_once_is_enough() -> None:
    _, state = accepted()
    ask = order("request_hearing", at=day(2))
    assert code_of(state, ask) == ("hearing_right_not_told", "XKF-47a")
    _settlement, state = requested()
    assert code_of(state, order("request_hearing", at=day(4))) == ("already_requested", "XKF-47a")


def test_an_interested_party_is_named() -> None:
    _, state = told()
    nameless = order("request_hearing", {"by": "interested_party"}, at=day(3))
    assert code_of(state, nameless)[0] == "requester_missing"
    named = order("request_hearing", {"by": "interested_party", "requester": "王五"}, at=day(3))
    assert code_of(state, named) == ("", "")


def test_the_hearing_is_owed_within_twenty_working_days_of_the_request() -> None:
    _, state = requested()
    due = timer(state, "hearing")
    assert due is not None
    assert (due.article, due.due_at.date()) == ("XKF-47b", day(23).date())
    assert timer(state, "hearing_request") is None


@pytest.mark.parametrize(("hearing", "code"), [(10, "notice_too_late"), (11, "")])
def test_the_notice_goes_out_seven_days_before_the_day_of_the_hearing(
    hearing: float, code: str
) -> None:
    _, state = requested()
    command = order("notify_hearing", notice(hearing), at=day(4))
    assert code_of(state, command) == (code, "XKF-48-1" if code else "")


def test_a_notice_a_minute_before_midnight_still_counts_for_its_day() -> None:
    _, state = requested()
    midnight = day(4) + timedelta(hours=14, minutes=59)  # 23:59 in Beijing
    early_morning = day(11) - timedelta(hours=8, minutes=59)  # 00:01 in Beijing, seven days on
    command = order("notify_hearing", notice(11, hearing_at=early_morning.isoformat()), at=midnight)
    assert code_of(state, command) == ("", "")
    too_late = command.model_copy(update={"occurred_at": midnight + timedelta(minutes=2)})
    assert code_of(state, too_late)[0] == "notice_too_late"


def test_the_notice_is_a_document_and_may_be_given_anew_for_another_day() -> None:
    settlement, state = requested()
    command = order("notify_hearing", notice(12), at=day(4))
    after, events = settlement.walk(state, command)
    kinds = [one.kind for one in approval.document_wishes(state, command, events, after)]
    assert kinds == ["hearing_notice"]
    again = do(settlement, after, "notify_hearing", 5, **notice(14))
    assert again.hearing is not None and again.hearing.hearing_at == day(14)


def test_nobody_is_invited_to_a_hearing_that_nobody_asked_for() -> None:
    _, state = told()
    command = order("notify_hearing", notice(20), at=day(3))
    assert code_of(state, command) == ("no_hearing_requested", "XKF-47b")


def test_who_reviews_does_not_preside_and_who_presides_does_not_review() -> None:
    settlement, state = requested()
    reviewing = reviewed(settlement, state, 4)
    mine = order("notify_hearing", notice(20, host="u:reviewer"), at=day(5))
    assert code_of(reviewing, mine)[0] == "same_person"
    hosted = do(settlement, state, "notify_hearing", 4, **notice(20))
    agree = {"task": "review-review", "result": "agree", "text": "同意"}
    assert code_of(hosted, order("opine", agree, at=day(5), who="u:host"))[0] == "same_person"


def test_no_decision_before_the_five_days_are_over() -> None:
    settlement, state = told()
    state = reviewed(settlement, state, 3)
    assert code_of(state, decide(6)) == ("hearing_right_open", "XKF-47a")
    assert code_of(state, decide(8)) == ("", "")


def test_no_decision_before_a_hearing_that_was_asked_for_is_held() -> None:
    settlement, state = requested()
    state = reviewed(settlement, state, 4)
    assert code_of(state, decide(9)) == ("hearing_due", "XKF-48-end")
    state = do(settlement, state, "notify_hearing", 4, **notice(12))
    state = do(settlement, state, "start_procedure", 12, kind="hearing", ground="依申请",
               expected_days=1, host="u:host")  # fmt: skip
    state = do(settlement, state, "end_procedure", 12.2, procedure="hearing-1", result="笔录")
    assert state.hearing is not None and state.hearing.held_at == day(12)
    assert timer(state, "hearing") is None
    assert code_of(state, decide(13)) == ("hearing_record_missing", "XKF-48-end")
    assert code_of(state, decide(13, record="采纳" * 5)) == ("", "")


def held() -> tuple[PlainSettlement, CaseState]:
    """A hearing held on day 12, the review done: what is left is the decision."""
    settlement, state = held_of_its_own()
    state = do(settlement, state, "notify_hearing", 4, **notice(12, **ANNOUNCED))
    state, _ = settlement.walk(state, end(12))
    return settlement, reviewed(settlement, state, 12.5)


@pytest.mark.parametrize("result", ["grant", "refuse"])
@pytest.mark.parametrize(
    ("record", "code"),
    [("", "hearing_record_missing"), ("采" * 9, "hearing_record_missing"), ("采" * 10, "")],
)
def test_a_decision_after_a_hearing_says_how_it_rests_on_the_record(
    result: str, record: str, code: str
) -> None:
    _, state = held()
    assert code_of(state, decide(13, result, record)) == (code, "XKF-48-end" if code else "")


def test_the_decision_names_the_hearing_it_rests_on() -> None:
    settlement, state = held()
    _, events = settlement.walk(state, decide(13, record="邻户的意见已经采纳，限高十二米"))
    decided = next(one for one in events if one.kind == "decided")
    assert decided.data["hearing_held_at"] == day(12).isoformat()
    assert "邻户" not in decided.model_dump_json()


def test_an_end_without_a_decision_on_the_licence_needs_no_record() -> None:
    _, state = held()
    assert code_of(state, decide(13, "terminate")) == ("", "")


def test_no_record_is_named_where_no_hearing_was_held() -> None:
    settlement, state = accepted()
    state = reviewed(settlement, state, 3)
    assert code_of(state, decide(4, record="笔" * 10)) == ("no_hearing_held", "XKF-48-end")


def test_a_hearing_cannot_end_before_it_was_notified_or_before_its_time() -> None:
    settlement, state = requested()
    state = do(settlement, state, "start_procedure", 4, kind="hearing", ground="依申请",
               expected_days=9, host="u:host")  # fmt: skip
    end = {"procedure": "hearing-1", "result": "笔录"}
    assert code_of(state, order("end_procedure", end, at=day(5))) == (
        "hearing_not_notified", "XKF-48-1",
    )  # fmt: skip
    state = do(settlement, state, "notify_hearing", 5, **notice(12))
    early = order("end_procedure", end, at=day(12) - timedelta(seconds=1))
    assert code_of(state, early) == ("hearing_not_held", "XKF-48-end")
    assert code_of(state, order("end_procedure", end, at=day(12))) == ("", "")


def test_a_hearing_that_was_cancelled_is_owed_no_more() -> None:
    settlement, state = requested()
    state = reviewed(settlement, state, 4)
    state = do(settlement, state, "start_procedure", 4, kind="hearing", ground="依申请",
               expected_days=9, host="u:host")  # fmt: skip
    state = do(settlement, state, "end_procedure", 5, procedure="hearing-1",
               result="申请人撤回听证申请", cancelled=True)  # fmt: skip
    assert state.hearing is not None and state.hearing.cancelled
    assert timer(state, "hearing") is None
    assert code_of(state, decide(6)) == ("", "")


def test_the_time_of_the_hearing_is_the_procedures_and_not_that_of_the_waiting() -> None:
    _, plain = accepted()
    settlement, state = requested()
    assert timer(state, "statutory") == timer(plain, "statutory")
    state = do(settlement, state, "notify_hearing", 4, **notice(12))
    assert timer(state, "statutory") == timer(plain, "statutory")
    state = do(settlement, state, "start_procedure", 12, kind="hearing", ground="依申请",
               expected_days=1, host="u:host")  # fmt: skip
    assert timer(state, "statutory") is None


def test_a_matter_without_hearings_tells_of_none() -> None:
    _settlement, state = accepted(特别程序=["testing"])
    tell = order("tell_hearing_right", INTEREST, at=day(2))
    assert code_of(state, tell)[0] == "procedure_not_allowed"


def test_an_act_is_offered_only_where_it_has_a_sense() -> None:
    special = {
        "start_wait", "end_wait", "disallow_pause", "restore_pause", "tell_hearing_right",
        "request_hearing", "notify_hearing", "assign_inspectors", "confirm_receipt",
    }  # fmt: skip

    def offered(state: CaseState) -> set[str]:
        return special & set(approval.actions(state))

    _, bare = accepted(承诺时限停表=[], 特别程序=[])
    assert offered(bare) == set()
    settlement, state = accepted()
    assert offered(state) == {"start_wait", "tell_hearing_right"}
    state = do(settlement, state, "tell_hearing_right", 2, **INTEREST)
    assert offered(state) == {"start_wait", "request_hearing"}
    state = do(settlement, state, "request_hearing", 3)
    assert offered(state) == {"start_wait", "notify_hearing"}
    wait = {"ground": "publicity", "reason": "公示", "expected_days": 5}
    state = do(settlement, state, "start_wait", 4, **wait)
    assert offered(state) == {"start_wait", "notify_hearing", "end_wait", "disallow_pause"}
    state = do(settlement, state, "disallow_pause", 4, pause="publicity-1", reason="没有公示")
    assert offered(state) == {"start_wait", "notify_hearing", "end_wait", "restore_pause"}


# --- ex officio (第四十六条) ---

OF_ITS_OWN = {"kind": "hearing", "ground": "涉及公共利益", "expected_days": 20}
ANNOUNCED = {"announcement": "3月5日，市政府网站"}


def held_of_its_own() -> tuple[PlainSettlement, CaseState]:
    """The authority begins a hearing on day 3 that nobody asked for."""
    settlement, state = accepted()
    return settlement, do(settlement, state, "start_procedure", 3, **OF_ITS_OWN)


def end(at: float, **more: Any) -> Any:
    body = {"procedure": "hearing-1", "result": "听证笔录已作成"} | more
    return order("end_procedure", body, at=day(at), who="u:host")


def test_a_hearing_that_nobody_asked_for_is_made_known_to_the_public_too() -> None:
    settlement, state = held_of_its_own()
    assert "notify_hearing" in approval.actions(state)
    silent = order("notify_hearing", notice(12), at=day(4))
    assert code_of(state, silent) == ("not_announced", "XKF-46")
    state = do(settlement, state, "notify_hearing", 4, **notice(12, **ANNOUNCED))
    assert state.hearing is not None and state.hearing.told_at is None


@pytest.mark.parametrize(("days", "code"), [(7, ""), (6, "notice_too_late")])
def test_it_too_is_made_known_seven_days_before(days: int, code: str) -> None:
    _, state = held_of_its_own()
    told = order("notify_hearing", notice(4 + days, **ANNOUNCED), at=day(4))
    assert code_of(state, told)[0] == code


def test_it_cannot_end_before_it_is_made_known_and_the_time_has_come() -> None:
    settlement, state = held_of_its_own()
    assert code_of(state, end(20)) == ("hearing_not_notified", "XKF-48-1")
    state = do(settlement, state, "notify_hearing", 4, **notice(12, **ANNOUNCED))
    assert code_of(state, end(11.9)) == ("hearing_not_held", "XKF-48-end")
    after, events = settlement.walk(state, end(12))
    told = [(one.kind, one.data["article"]) for one in events if one.kind == "hearing_held"]
    assert told == [("hearing_held", "XKF-46")]
    assert after.hearing is not None and after.hearing.held_at == day(12)


def test_its_host_must_not_review_the_case_either() -> None:
    settlement, state = held_of_its_own()
    state = do(settlement, state, "notify_hearing", 4, **notice(12, **ANNOUNCED))
    agree = {"task": "review-review", "result": "agree", "text": "同意"}
    opine = order("opine", agree, at=day(5), who="u:host")
    assert code_of(state, opine) == ("same_person", "XKF-48-3")


def test_one_that_is_called_off_ends_at_once_and_a_second_is_made_known_anew() -> None:
    settlement, state = held_of_its_own()
    state = do(settlement, state, "notify_hearing", 4, **notice(12, **ANNOUNCED))
    state, _ = settlement.walk(state, end(5, cancelled=True))
    state = do(settlement, state, "start_procedure", 6, **OF_ITS_OWN)
    second = end(20, procedure="hearing-2")
    assert code_of(state, second) == ("hearing_not_notified", "XKF-48-1")


def test_one_in_progress_since_before_is_asked_for_its_notice_when_it_is_to_end() -> None:
    _, state = held_of_its_own()
    old = CaseState.model_validate_json(state.model_dump_json())
    assert old.hearing is None
    assert code_of(old, end(20)) == ("hearing_not_notified", "XKF-48-1")
    assert code_of(old, end(20, cancelled=True)) == ("", "")


def test_the_right_to_ask_is_told_although_the_authority_has_held_one_of_its_own() -> None:
    settlement, state = held_of_its_own()
    state = do(settlement, state, "notify_hearing", 4, **notice(12, **ANNOUNCED))
    state, _ = settlement.walk(state, end(12))
    state = do(settlement, state, "tell_hearing_right", 13, **INTEREST)
    assert state.hearing is not None and state.hearing.held_at == day(12)
    state = do(settlement, state, "request_hearing", 14)
    assert state.hearing is not None and state.hearing.is_owed
    state = reviewed(settlement, state, 15)
    assert code_of(state, decide(16)) == ("hearing_due", "XKF-48-end")


def test_a_decision_waits_while_a_hearing_is_under_way() -> None:
    settlement, state = held_of_its_own()
    state = reviewed(settlement, state, 4)
    assert code_of(state, decide(5)) == ("procedure_open", "XKF-45")


def test_the_notice_of_a_hearing_that_is_put_off_waits_no_more_to_be_served_again() -> None:
    settlement, state = requested()
    state, _ = settlement.walk(state, order("notify_hearing", notice(14), at=day(4)))
    again = Reissue(
        document="d", step=9, at=day(5), kind="hearing_notice", ground="loss", origin=state.seq
    )
    waiting = Task(
        key="serve_again-9", step="serve_again", department=state.plan.department,
        kind="serve_again", opened_at=day(5),
    )  # fmt: skip
    more = {"reissues": (again,), "tasks": (*state.tasks, waiting)}
    state = remembered(state.model_copy(update=more), clock_of(state))
    after, _ = settlement.walk(state, order("notify_hearing", notice(18), at=day(6)))
    assert {one.key: one.state for one in after.tasks}["serve_again-9"] == "cancelled"
