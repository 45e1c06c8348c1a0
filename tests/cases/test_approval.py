"""The approval machine by its paths: each a table, walked without Temporal and without rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cases import approval
from cases.clocks import newest, periods
from cases.messages import Actor, Command
from cases.settling import RuleForbids
from cases.state import CaseState, Event
from tests.histories.paths import BY_NAME, HEAD, PATHS, Path
from tests.histories.sample import (
    JOINT,
    MONDAY,
    OPEN,
    PlainSettlement,
    body_of_file,
    clock_of,
    matter,
    order,
    passed,
    ruling,
)
from workflows.approval import timer_command


def walk(path: Path) -> tuple[CaseState, list[Event]]:
    """Return the state at the end of a path and all its events; each refusal must be as told."""
    settlement = path.settlement()
    state: CaseState | None = None
    seen: list[Event] = []
    for step, command in zip((None, *path.steps), path.commands("case-1"), strict=True):
        try:
            state, events = settlement.walk(state, command)
        except RuleForbids as no:
            assert step is not None and no.code == step.refused, (step, no)
            continue
        assert step is None or not step.refused, f"{step} was not refused"
        seen += events
    assert state is not None
    last = order("urge", {"text": "?"}, at=command.occurred_at + timedelta(days=path.wait_days))
    late = passed(state, last)
    for event in late:
        state = approval.evolve(state, event)
    return state, [*seen, *late]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_path_ends_where_its_table_says(path: Path) -> None:
    state, events = walk(path)
    assert (state.stage, state.ending) == (path.stage, path.ending)
    entered = tuple(str(e.data["stage"]) for e in events if e.kind == "stage_entered")
    assert not path.stages or entered == path.stages


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_the_events_alone_make_the_state_again(path: Path) -> None:
    state, events = walk(path)
    command = path.commands("case-1")[0]
    again, opened = approval.open_case(command, path.matter(), "d" * 64, "NO-1")
    assert tuple(events[: len(opened)]) == opened
    for event in events[len(opened) :]:
        again = approval.evolve(again, Event.model_validate_json(event.model_dump_json()))
    assert again.model_copy(update={"seq": state.seq}) == state


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_no_personal_data_stands_in_state_or_events(path: Path) -> None:
    state, events = walk(path)
    text = state.model_dump_json() + "".join(event.model_dump_json() for event in events)
    for secret in ("某某公司", "张三", "李四", "态度差", "符合条件", "案情复杂"):
        assert secret not in text


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_business_time_never_runs_backwards(path: Path) -> None:
    _, events = walk(path)
    instants = [event.at for event in events]
    assert instants == sorted(instants)


# --- the law's points ----------------------------------------------------------------------------


def at(name: str, steps: int) -> tuple[PlainSettlement, CaseState]:
    """Return the case after the filing and so many steps of a path that were not refused."""
    path = BY_NAME[name]
    settlement = path.settlement()
    state: CaseState | None = None
    done = 0
    told = [""] + [step.refused for step in path.steps]
    for refused, command in zip(told, path.commands("case-1"), strict=True):
        if done > steps:
            break
        if not refused:
            state, _ = settlement.walk(state, command)
            done += 1
    assert state is not None
    return settlement, state


def code_of(state: CaseState | None, command: Command) -> str:
    no = approval.impossible(state, command)
    return "" if no is None else no.code


def test_silence_accepts_back_to_the_day_of_receipt() -> None:
    state, events = walk(BY_NAME["deemed-acceptance"])
    assert state.accepted_at == MONDAY
    clock = [one for one in approval.clock_events(events) if one.kind == "deemed_accepted"]
    assert [one.at for one in clock] == [MONDAY]
    assert clock[0].article == "XKF-32-4"


def test_the_statutory_period_of_a_deemed_acceptance_runs_from_receipt() -> None:
    _, state = at("deemed-acceptance", 0)
    events = passed(state, order("urge", {"text": "?"}, at=MONDAY + timedelta(days=6)))
    clock = (*clock_of(state), *approval.clock_events(events, state.seq + 1))
    running = newest(periods(approval.clock_rules(state.plan), clock))["statutory"]
    assert running.start.at == MONDAY
    assert running.start.kind == "deemed_accepted"


def test_a_notice_on_the_last_day_is_in_time_and_a_moment_later_too_late() -> None:
    settlement, state = at("plain-grant", 0)
    due = next(timer.due_at for timer in state.timers if timer.key == "notice")
    body = {"lacking": [{"code": "plan", "what": "平面图"}]}
    just = order("ask_supplement", body, at=due - timedelta(microseconds=1))
    after, _ = settlement.walk(state, just)
    assert after.stage == "supplement"
    with pytest.raises(RuleForbids) as no:
        settlement.walk(state, order("ask_supplement", body | {"supply_within_days": 9}, at=due))
    assert no.value.code == "already_accepted"


def test_an_extension_at_the_instant_of_expiry_is_too_late() -> None:
    settlement, state = at("plain-grant", 1)
    due = next(timer.due_at for timer in state.timers if timer.key == "statutory")
    late = order("extend", {"reason": "复杂"}, at=due, who="u:o", role="organ_head")
    just = order(
        "extend", {"reason": "复杂"}, at=due - timedelta(seconds=1), who="u:o", role="organ_head"
    )
    with pytest.raises(RuleForbids, match="expired"):
        settlement.walk(state, late)
    assert settlement.walk(state, just)[0].extended


def test_a_hearing_pauses_the_statutory_clock_and_an_inspection_does_not() -> None:
    state, events = walk(BY_NAME["joint-with-hearing"])
    clock = approval.clock_events(events)
    assert [one.kind for one in clock if one.kind in ("paused", "resumed")] == [
        "paused",
        "resumed",
    ]
    found = newest(periods(approval.clock_rules(state.plan), clock_of(state)))
    assert [one.ground for one in found["statutory"].stops] == ["hearing"]
    assert all(one.detail.get("kind") == "hearing" for one in clock if one.kind == "resumed")


def test_a_paused_period_has_no_instant() -> None:
    _, state = at("joint-with-hearing", 6)
    assert any(one.ended_at is None for one in state.procedures)
    assert not any(timer.key == "statutory" for timer in state.timers)


def test_a_procedure_outside_the_matter_is_refused() -> None:
    _, state = at("plain-grant", 1)
    body = {"kind": "auction", "ground": "拍卖", "expected_days": 9}
    at_ = MONDAY + timedelta(days=2)
    assert code_of(state, order("start_procedure", body, at=at_)) == "procedure_not_allowed"


def test_who_accepted_may_not_decide_not_even_through_a_deputy() -> None:
    _, state = at("plain-grant", 2)
    decide = order("decide", {"result": "grant"}, at=MONDAY + timedelta(days=4), who="u:other")
    deputy = decide.model_copy(update={"actor": Actor(id="u:other", on_behalf="u:clerk")})
    assert code_of(state, decide) == ""
    assert code_of(state, deputy) == "same_person"


def test_departments_review_side_by_side_each_with_its_own_deadline() -> None:
    _, state = at("joint-with-hearing", 1)
    open_ones = {task.department for task in state.tasks if task.state == "open"}
    assert open_ones == {"planning", "fire", "heritage", "transport"}
    keys = {timer.key for timer in state.timers}
    assert {f"step:review-{name}" for name in open_ones} <= keys


def test_only_the_departments_ruled_in_and_the_constant_ones_review() -> None:
    steps = [{**step, "必经": step["环节编码"] == "planning"} for step in JOINT["办理环节"]]
    joint = matter(**JOINT | {"办理环节": steps, "规则": {"routing": "routing"}})
    settlement = PlainSettlement(joint, {"routing": ruling("routing", departments=["fire"])})
    state, _ = settlement.walk(None, order("file", body_of_file()))
    state, _ = settlement.walk(state, order("accept", at=MONDAY + timedelta(days=1)))
    assert {t.department for t in state.tasks if t.state == "open"} == {"planning", "fire"}


def test_the_rules_are_asked_with_what_their_packs_know() -> None:
    rules = {"routing": "routing", "completeness": "completeness", "on_the_spot": "on_the_spot"}
    settlement = PlainSettlement(matter(规则=rules))
    state, _ = settlement.walk(None, order("file", body_of_file(materials=[{"code": "form"}])))
    asked = approval.questions(state, order("accept", at=MONDAY))
    contexts: dict[str, Any] = {question.role: question.context for question in asked}
    assert contexts["completeness"]["required_missing"] == 0
    assert contexts["completeness"]["secondary_missing"] == 1
    assert contexts["routing"] == {
        "area_m2": 120, "matter": "sample-permit", "step_departments": ["market"],
    }  # fmt: skip
    assert contexts["on_the_spot"]["case_kind"] == "promised"
    assert approval.questions(state, order("withdraw", at=MONDAY)) == ()


def test_a_ruling_that_papers_are_wrong_forbids_acceptance() -> None:
    settlement = PlainSettlement(
        matter(规则={"completeness": "completeness"}),
        {"completeness": ruling("completeness", acceptance="supplement")},
    )
    state, _ = settlement.walk(None, order("file", body_of_file()))
    with pytest.raises(RuleForbids, match="not_complete"):
        settlement.walk(state, order("accept", at=MONDAY))


@pytest.mark.parametrize(
    ("overdue", "stage", "ending"),
    [
        ("withdrawn", "ended", "withdrawn"),
        ("refused", "service", "refused"),
        ("revoked", "rating", "revoked"),
    ],
)
def test_what_follows_a_broken_undertaking_is_the_matters_choice(
    overdue: str, stage: str, ending: str
) -> None:
    tolerance = {
        "补齐时限": {"时限": 5, "单位": "day", "依据": "AY-24"}, "逾期处理": overdue,
        "依据": "AY-24",
    }  # fmt: skip
    settlement = PlainSettlement(matter(容缺受理=tolerance))
    state, _ = settlement.walk(None, order("file", body_of_file(materials=[{"code": "form"}])))
    state, _ = settlement.walk(
        state, order("accept", {"mode": "tolerant", "undertaking": "补齐"}, at=MONDAY)
    )
    for event in passed(state, order("urge", {"text": "?"}, at=MONDAY + timedelta(days=6))):
        state = approval.evolve(state, event)
    assert (state.stage, state.ending) == (stage, ending)


def test_backfilled_orders_must_come_in_order() -> None:
    settlement = PlainSettlement(matter(**OPEN))
    state, _ = settlement.walk(None, order("file", body_of_file(), backfill=True))
    step = {"step": "T02"}
    earlier = order("record_step", step, at=MONDAY - timedelta(seconds=1), backfill=True)
    same = order("record_step", step, at=MONDAY, backfill=True)
    assert code_of(state, earlier) == "time_backwards"
    assert code_of(state, same) == ""


def test_a_live_order_from_a_slower_clock_stands_at_the_newest_instant() -> None:
    settlement, state = at("plain-grant", 1)
    assert state.last_at is not None
    slow = order("urge", {"text": "?"}, at=state.last_at - timedelta(seconds=2))
    _, events = settlement.walk(state, slow)
    assert {event.at for event in events} == {state.last_at}


def test_instants_between_two_backfilled_steps_become_events_in_order() -> None:
    settlement = PlainSettlement(matter(**OPEN))
    state, _ = settlement.walk(None, order("file", body_of_file(), backfill=True))
    after = order("record_step", {"step": "T06"}, at=MONDAY + timedelta(days=40), backfill=True)
    _, events = settlement.walk(state, after)
    gone = [e.data["timer"] for e in events if e.kind == "timer_passed"]
    assert gone == ["promised", "statutory"]


def test_a_filing_counts_from_the_receipt_that_it_names() -> None:
    earlier = MONDAY - timedelta(days=3)
    body = body_of_file(received_at=earlier.isoformat())
    settlement = PlainSettlement(matter(**OPEN))
    state, events = settlement.walk(None, order("file", body, backfill=True))
    assert (state.received_at, state.accepted_at) == (earlier, earlier)
    assert [one.at for one in approval.clock_events(events)][:2] == [earlier, earlier]
    with pytest.raises(RuleForbids):
        settlement.walk(None, order("file", body))


def test_the_same_order_twice_is_stale_when_it_is_a_timer() -> None:
    settlement, state = at("plain-grant", 0)
    fired = timer_command("case-1", state.timers[0])
    state, _ = settlement.walk(state, fired)
    assert state.accept_mode == "deemed"
    assert code_of(state, fired) == "timer_stale"


def test_a_filing_without_a_case_is_the_only_first_order() -> None:
    assert code_of(None, order("accept")) == "not_filed"
    assert code_of(None, order("file", body_of_file())) == ""
    _, state = at("plain-grant", 0)
    assert code_of(state, order("file", body_of_file())) == "already_filed"


def test_a_material_that_the_matter_does_not_ask_for_is_named_and_refused() -> None:
    body = body_of_file(materials=[{"code": "form"}, {"code": "blood-type"}])
    with pytest.raises(RuleForbids) as no:
        approval.open_case(order("file", body), matter(), "d" * 64)
    assert no.value.field == "body.materials.1.code"


def test_a_bad_body_names_its_field() -> None:
    _, state = at("plain-grant", 0)
    no = approval.impossible(state, order("ask_supplement", {"lacking": []}))
    assert no is not None and (no.code, no.field) == ("bad_body", "body.lacking")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ""),
        ({"actor": "u:somebody"}, "wrong_warrant"),
        ({"act": "decide"}, "wrong_warrant"),
        ({"object_id": "case-2"}, "wrong_warrant"),
        ({"command_digest": "0" * 64}, "wrong_warrant"),
        ({"on_behalf": "u:boss"}, "wrong_warrant"),
        ({"expires_at": MONDAY}, "warrant_expired"),
    ],
)
def test_a_warrant_for_something_else_is_refused(change: dict[str, Any], code: str) -> None:
    command = order("accept")
    assert command.warrant is not None
    changed = command.model_copy(update={"warrant": command.warrant.model_copy(update=change)})
    no = approval.warrant_fault(changed, MONDAY)
    assert ("" if no is None else no.code) == code
    bare = approval.warrant_fault(command.model_copy(update={"warrant": None}), MONDAY)
    assert bare is not None and bare.code == "no_warrant"


def test_documents_follow_the_events_and_backfill_issues_none() -> None:
    settlement = PlainSettlement(matter())
    filing = order("file", body_of_file())
    state, events = settlement.walk(None, filing)
    kinds = [one.kind for one in approval.document_wishes(None, filing, events, state)]
    assert kinds == ["receipt"]
    accepting = order("accept", at=MONDAY)
    after, events = settlement.walk(state, accepting)
    kinds = [one.kind for one in approval.document_wishes(state, accepting, events, after)]
    assert kinds == ["acceptance_notice"]
    old = accepting.model_copy(update={"backfill": True})
    assert approval.document_wishes(state, old, events, after) == ()


def test_what_a_stage_allows_is_what_the_table_says() -> None:
    _, state = at("plain-grant", 0)
    assert "accept" in approval.actions(state)
    assert "decide" not in approval.actions(state)
    ended, _ = walk(BY_NAME["plain-grant"])
    assert approval.actions(ended) == ("revoke_licence", "reissue")
    assert HEAD in ended.hands["decide"]


def test_what_only_the_rules_know_is_not_refused_before_they_are_asked() -> None:
    """Accepted by silence meanwhile, the case is with departments that the routing pack names."""
    late = MONDAY + timedelta(days=8)
    opinion = {"task": "review-review", "result": "agree", "text": "同意"}
    routed = PlainSettlement(matter(规则={"routing": "routing"}))
    state, _ = routed.walk(None, order("file", body_of_file()))
    assert [one.role for one in approval.questions_of_time(state, late)] == ["routing"]
    assert code_of(state, order("opine", opinion, at=late, who="u:r")) == ""
    assert code_of(state, order("opine", {"task": "x"}, at=late)) == "bad_body"
    assert code_of(state, order("file", body_of_file(), at=late)) == "already_filed"
    in_time = order("opine", opinion, at=MONDAY + timedelta(days=1), who="u:r")
    assert code_of(state, in_time) == "wrong_stage"
    assert approval.questions_of_time(state, in_time.occurred_at) == ()


def test_a_field_of_a_group_counts_as_supplied_once_it_is_there() -> None:
    lacking = [{"code": f"owner.{one}", "what": one, "why": "更正"} for one in ("name", "phone")]
    notice = {"lacking": lacking, "supply_within_days": 15}
    settlement = PlainSettlement(matter())
    state, _ = settlement.walk(None, order("file", body_of_file()))
    state, _ = settlement.walk(state, order("ask_supplement", notice, at=MONDAY))
    state, _ = settlement.walk(state, order("supply", {"form": {"owner": {"name": "王某"}}}))
    assert (state.stage, state.lacking) == ("supplement", ("owner.phone",))
    state, _ = settlement.walk(state, order("supply", {"form": {"owner": {"phone": "138"}}}))
    assert (state.stage, state.lacking) == ("received", ())
