"""The life of a project's performance, order by order; each refusal with its article."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.messages import Actor, Command, Grant, Source
from cases.projects import performing_messages as m
from cases.projects.performance import payable_for
from cases.projects.performing import Around, ProjectSeen, due_facts, perform, questions
from cases.projects.performing_state import Performance, months_between
from cases.settling import RuleForbids
from catalogue.load import load_catalogue
from rules.evaluate import evaluate
from rules.load import load_packs

TABLES = load_catalogue().performance.by_id
PACKS = load_packs()
ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2027, 2, 1, 2, tzinfo=UTC)
PLAN: dict[str, Any] = {
    "regime": "stock",
    "department": "jsj",
    "operator": "spv1",
    "since_year": 2026,
    "until_year": 2045,
    "terms": {"availability_fen": 100_000_000, "operation_fen": 20_000_000, "linked_bp": 3_000},
    "indicators": [
        {"code": "A", "branch": "output", "title": "可用率", "weight_bp": 5_000},
        {"code": "B", "branch": "effect", "title": "满意度", "weight_bp": 3_000},
        {"code": "C", "branch": "management", "title": "报表", "weight_bp": 2_000},
    ],
}
CLERK = Actor(id="u:clerk", department="jsj")
LEAD = Actor(id="u:lead", department="jsj")
PROJECT = ProjectSeen(regime="stock", department="jsj", operator="spv1")
EVALUATOR = Actor(id="u:evaluator", department="pjzx")
FOR_OPERATOR = (Grant(role="operator", department="spv1"),)
OPERATOR = Actor(id="u:operator", department="spv1", grants=FOR_OPERATOR)


def scores(a: int = 9_500, b: int = 9_000, c: int = 8_000, **changed: Any) -> dict[str, Any]:
    lines = [
        {"code": code, "points": points, "evidence": "监测报告 12 号"}
        for code, points in (("A", a), ("B", b), ("C", c))
    ]
    return {"year": 2026, "scores": lines, **changed}


def order(verb: str, body: Mapping[str, Any], actor: Actor) -> tuple[Command, Any]:
    command = Command(
        id=f"c-{verb}", verb=verb, case_id="PRJ-1", body=dict(body), actor=actor,
        source=Source(door="web"), occurred_at=NOW,
    )  # fmt: skip
    return command, m.BODIES[verb].model_validate(body)


def done(
    state: Performance | None, verb: str, body: Mapping[str, Any], actor: Actor,
    at: datetime = NOW, project: ProjectSeen | None = PROJECT,
) -> Performance:  # fmt: skip
    """Carry an order out as the activity does: the packs first, then the machine."""
    command, parsed = order(verb, body, actor)
    for asked in questions(state, command, parsed):
        ruling = evaluate(PACKS[asked.pack], dict(asked.facts), at)
        if ruling.outcome.get("forbidden"):
            raise RuleForbids(ruling.fired[0].rule, ruling.fired[0].title, ruling.fired[0].basis)
    around = Around(
        at=at, today=at.astimezone(ZONE).date(), tables=TABLES,
        departments=frozenset({"jsj", "spv1", "pjzx"}), project=project,
    )  # fmt: skip
    return perform(state, command, parsed, around)


def refused(*args: Any, **named: Any) -> tuple[str, str]:
    with pytest.raises(RuleForbids) as no:
        done(*args, **named)
    return no.value.code, no.value.basis


def planned(**changed: Any) -> Performance:
    body = {**PLAN, **changed}
    return done(None, m.PLAN, body, CLERK, project=replace(PROJECT, regime=body["regime"]))


def evaluated(**changed: Any) -> Performance:
    return done(planned(), m.EVALUATE, scores(**changed), EVALUATOR)


def with_terms(**changed: Any) -> dict[str, Any]:
    return {**PLAN["terms"], **changed}


# --- 指标 ----------------------------------------------------------------------------------------


def test_a_linked_share_of_thirty_percent_is_enough_and_a_hundredth_less_is_not() -> None:
    assert planned(terms=with_terms(linked_bp=3_000)).seq == 1
    for linked in (2_999, 2_900):
        body = {**PLAN, "terms": with_terms(linked_bp=linked)}
        assert refused(None, m.PLAN, body, CLERK) == ("PPP-30", "CZGF-30")


def test_a_concession_is_paid_for_operation_and_never_for_building() -> None:
    nothing = with_terms(availability_fen=0)
    assert planned(regime="concession", terms=nothing).plan.regime == "concession"
    body = {**PLAN, "regime": "concession", "terms": with_terms(availability_fen=1)}
    assert refused(None, m.PLAN, body, CLERK) == ("XM-SUBSIDY", "GBH115-5")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"operator": "jsj"}, "one_side"),
        ({"operator": "nobody"}, "unknown_department"),
        ({"until_year": 2025}, "years"),
        ({"table": "other"}, "unknown_table"),
        ({"indicators": PLAN["indicators"][:2]}, "weights_not_whole"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(changed: dict[str, Any], code: str) -> None:
    assert refused(None, m.PLAN, {**PLAN, **changed}, CLERK)[0] == code


def test_a_plan_changes_with_a_reason_and_not_under_an_open_evaluation() -> None:
    anew = {**PLAN, "reason": "新增一项服务"}
    assert len(done(planned(), m.PLAN, anew, CLERK).plans) == 2
    assert refused(planned(), m.PLAN, PLAN, CLERK)[0] == "reason_missing"
    assert refused(evaluated(), m.PLAN, anew, CLERK)[0] == "evaluation_open"


def test_nothing_is_evaluated_before_there_are_indicators() -> None:
    assert refused(None, m.EVALUATE, scores(), EVALUATOR) == ("not_planned", "YCJX-1")


# --- 评价 ----------------------------------------------------------------------------------------


def test_an_evaluation_gives_score_and_coefficient_and_pays_nothing_yet() -> None:
    state = evaluated()
    one = state.evaluations[0]
    assert (one.score, one.coefficient_bp, one.stage) == (9_050, 10_000, "given")
    assert state.payable(2026) is None


@pytest.mark.parametrize(
    "actor",
    [
        OPERATOR,
        Actor(id="u:other", department="spv1"),
        Actor(id="u:evaluator", department="pjzx", on_behalf="u:operator"),
        Actor(id="u:both", department="pjzx", grants=FOR_OPERATOR),
    ],
)
def test_the_operator_evaluates_itself_neither_by_person_department_role_nor_deputy(
    actor: Actor,
) -> None:
    # The operator has acted here before, so that its people are known as such.
    state = done(evaluated(), m.OBJECT_TO, {"year": 2026, "ground": "数据有误"}, OPERATOR)
    again = {"year": 2026, "ruling": "again", "answer": "重评"}
    state = done(state, m.CONFIRM, again, LEAD)
    assert refused(state, m.EVALUATE, scores(), actor) == ("XM-APART", "YCJX-4")
    assert done(state, m.EVALUATE, scores(), EVALUATOR).of_year(2026).n == 2  # type: ignore[union-attr]  # it was just made


def test_who_has_evaluated_never_acts_for_the_operator() -> None:
    body = {"year": 2026, "ground": "数据有误"}
    assert refused(evaluated(), m.OBJECT_TO, body, EVALUATOR) == ("evaluator_is_operator", "YCJX-4")


def test_a_score_lies_between_nothing_and_a_hundred_and_has_its_evidence() -> None:
    assert evaluated(a=10_000, b=0, c=0).evaluations[0].score == 5_000
    for points in (10_001, 10_100, -1, 95.5):
        with pytest.raises(ValueError, match="points"):
            order(m.EVALUATE, scores(a=points), EVALUATOR)  # type: ignore[arg-type]  # a fraction on purpose
    bare = scores()
    bare["scores"][1]["evidence"] = "有"
    assert refused(planned(), m.EVALUATE, bare, EVALUATOR) == ("evidence_missing", "YCJX-2")
    bare["scores"][1]["digest"] = "a" * 64
    assert done(planned(), m.EVALUATE, bare, EVALUATOR).seq == 2


@pytest.mark.parametrize(
    ("year", "code"), [(2025, "year_outside"), (2028, "year_ahead"), (2046, "year_outside")]
)
def test_a_year_is_evaluated_once_and_in_its_time(year: int, code: str) -> None:
    assert refused(planned(), m.EVALUATE, scores(year=year), EVALUATOR)[0] == code
    assert refused(evaluated(), m.EVALUATE, scores(), EVALUATOR)[0] == "evaluated"


# --- 异议、确认 ----------------------------------------------------------------------------------

CONFIRM = {"year": 2026}


def test_a_score_waits_fifteen_days_for_the_operator_or_for_its_word() -> None:
    state = evaluated()
    last = NOW + timedelta(days=15)
    assert refused(state, m.CONFIRM, CONFIRM, LEAD, last) == ("objection_open", "YCJX-5")
    assert done(state, m.CONFIRM, CONFIRM, LEAD, last + timedelta(seconds=1)).payable(2026)
    accepted = done(state, m.ACCEPT, CONFIRM, OPERATOR)
    assert done(accepted, m.CONFIRM, CONFIRM, LEAD).payable(2026)


def test_an_objection_comes_in_time_with_a_ground_and_is_answered() -> None:
    state, last = evaluated(), NOW + timedelta(days=15)
    body = {"year": 2026, "ground": "数据有误"}
    assert refused(state, m.OBJECT_TO, body, OPERATOR, last + timedelta(seconds=1))[0] == "too_late"
    assert refused(state, m.OBJECT_TO, {**body, "ground": " "}, OPERATOR)[0] == "ground_missing"
    objected = done(state, m.OBJECT_TO, body, OPERATOR, last)
    assert refused(objected, m.CONFIRM, CONFIRM, LEAD)[0] == "answer_missing"
    answered = done(objected, m.CONFIRM, {**CONFIRM, "answer": "数据核实无误"}, LEAD)
    assert answered.payable(2026)


def test_who_has_evaluated_does_not_confirm() -> None:
    state = done(evaluated(), m.ACCEPT, CONFIRM, OPERATOR)
    for actor in (EVALUATOR, Actor(id="u:deputy", department="jsj", on_behalf="u:evaluator")):
        assert refused(state, m.CONFIRM, CONFIRM, actor) == ("XM-CONFIRM", "YCJX-5")


def test_a_returned_score_pays_nothing_and_is_made_anew() -> None:
    again = {"year": 2026, "ruling": "again", "answer": "漏了一季度"}
    assert refused(evaluated(), m.CONFIRM, {**again, "answer": ""}, LEAD)[0] == "answer_missing"
    state = done(evaluated(), m.CONFIRM, again, LEAD)
    assert state.payable(2026) is None
    anew = done(state, m.EVALUATE, scores(a=6_000, b=6_000, c=6_000), EVALUATOR)
    assert [(one.n, one.stage) for one in anew.evaluations] == [(1, "returned"), (2, "given")]


def test_what_is_confirmed_is_paid_by_the_plan_it_was_evaluated_by_and_is_final() -> None:
    state = done(evaluated(a=7_000, b=7_000, c=7_000), m.ACCEPT, CONFIRM, OPERATOR)
    state = done(state, m.CONFIRM, CONFIRM, LEAD)
    richer = {**PLAN, "reason": "调价", "terms": with_terms(availability_fen=900_000_000)}
    state = done(state, m.PLAN, richer, CLERK)
    found = state.payable(2026)
    assert found is not None
    # 70 million fixed, 0.75 of the thirty that hang on it, 0.75 of the operation.
    assert (found.coefficient_bp, found.amount_fen) == (7_500, 107_500_000)
    assert refused(state, m.CONFIRM, CONFIRM, LEAD)[0] == "wrong_stage"
    assert refused(state, m.EVALUATE, scores(), EVALUATOR)[0] == "evaluated"


# --- 整改 ----------------------------------------------------------------------------------------


def test_a_task_has_a_day_ahead_is_done_with_evidence_and_is_late_the_day_after() -> None:
    task = {"year": 2026, "code": "A", "what": "更换水泵", "due_on": "2027-02-02"}
    assert (
        refused(evaluated(), m.RECTIFY, {**task, "due_on": "2027-02-01"}, LEAD)[0] == "due_passed"
    )
    assert refused(evaluated(), m.RECTIFY, {**task, "code": "Z"}, LEAD)[0] == "kpi_unknown"
    state = done(evaluated(), m.RECTIFY, task, LEAD)
    assert state.overdue(date(2027, 2, 2)) == ()
    assert [one.id for one in state.overdue(date(2027, 2, 3))] == [1]
    shown = {"task": 1, "evidence": "验收单 7 号"}
    bare = {**shown, "evidence": "好"}
    assert refused(state, m.RECTIFIED, bare, OPERATOR)[0] == "evidence_missing"
    state = done(state, m.RECTIFIED, shown, OPERATOR)
    assert state.overdue(date(2028, 1, 1)) == ()
    assert refused(state, m.RECTIFIED, shown, OPERATOR)[0] == "no_such_task"


# --- what falls due ------------------------------------------------------------------------------


def test_months_are_counted_when_they_are_full() -> None:
    assert months_between(date(2026, 1, 31), date(2026, 2, 28)) == 0
    assert months_between(date(2026, 1, 31), date(2026, 3, 31)) == 2
    assert months_between(date(2026, 1, 1), date(2027, 1, 1)) == 12


def ruled(state: Performance, today: date) -> dict[str, Any]:
    facts = due_facts(state, today, ZONE)
    return evaluate(PACKS["project"], dict(facts), NOW).outcome


def test_a_year_without_evaluation_and_five_without_a_mid_term_one_are_late() -> None:
    state = planned()
    assert "duties" not in ruled(state, date(2027, 1, 31))
    assert ruled(state, date(2027, 2, 1))["duties"] == ["evaluate"]
    assert "duties" not in ruled(evaluated(), date(2028, 2, 29))
    assert ruled(evaluated(), date(2028, 3, 1))["duties"] == ["evaluate"]
    assert "mid_term" not in ruled(state, date(2028, 12, 31))
    assert ruled(state, date(2029, 1, 1))["mid_term"] == "open"
    assert ruled(state, date(2031, 1, 31))["mid_term"] == "open"
    assert ruled(state, date(2031, 2, 1))["mid_term"] == "late"


def test_a_mid_term_evaluation_begins_the_years_anew_and_the_end_of_the_term_ends_them() -> None:
    at = datetime(2029, 6, 1, 2, tzinfo=UTC)
    body = {"on": "2029-05-01", "findings": "总体达标"}
    state = done(planned(), m.MID_TERM, body, EVALUATOR, at)
    assert ruled(state, date(2032, 4, 30)).get("mid_term") is None
    assert ruled(state, date(2032, 5, 1))["mid_term"] == "open"
    assert due_facts(state, date(2046, 1, 1), ZONE) == {"project": "PRJ-1"}
    assert refused(state, m.MID_TERM, {**body, "on": "2029-04-30"}, EVALUATOR, at)[0] == "day_wrong"
    assert refused(state, m.MID_TERM, {**body, "on": "2029-06-02"}, EVALUATOR, at)[0] == "day_wrong"


# --- a whole life --------------------------------------------------------------------------------


def plainly(points: float) -> float:
    """Return the coefficient of the shipped table, written by hand."""
    if points >= 90:
        return 1
    if points >= 80:
        return 0.9 + (points - 80) / 100
    return 0.6 + (points - 60) * 0.015 if points >= 60 else 0


@given(st.lists(st.tuples(*[st.integers(0, 10_000)] * 3), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_each_year_of_a_life_pays_what_its_own_scores_say(
    years: list[tuple[int, int, int]],
) -> None:
    state = planned()
    for n, (a, b, c) in enumerate(years):
        year = 2026 + n
        at = datetime(year + 1, 2, 1, tzinfo=UTC)
        state = done(state, m.EVALUATE, scores(a, b, c, year=year), EVALUATOR, at)
        state = done(state, m.ACCEPT, {"year": year}, OPERATOR, at)
        state = done(state, m.CONFIRM, {"year": year}, LEAD, at)
    for n, (a, b, c) in enumerate(years):
        score = (2 * (5 * a + 3 * b + 2 * c) + 10) // 20
        found = state.payable(2026 + n)
        assert found is not None
        assert found == payable_for(2026 + n, state.plan.terms, score, found.coefficient_bp)
        assert abs(found.coefficient_bp / 10_000 - plainly(score / 100)) <= 0.00005 + 1e-9
        assert found.amount_fen == 70_000_000 + 5_000 * found.coefficient_bp
    assert state.seq == 1 + 3 * len(years)


@pytest.mark.parametrize(
    ("project", "code", "basis"),
    [
        (None, "unknown_project", "YCJX-1"),
        (replace(PROJECT, regime="government"), "regime_differs", "YCJX-1"),
        (replace(PROJECT, department="pjzx"), "department_differs", "YCJX-1"),
        (replace(PROJECT, operator="pjzx"), "operator_differs", "YCJX-4"),
    ],
)
def test_a_plan_that_says_of_the_project_what_its_own_rows_do_not_is_refused(
    project: ProjectSeen | None, code: str, basis: str
) -> None:
    assert refused(None, m.PLAN, PLAN, CLERK, project=project) == (code, basis)


def test_before_anybody_has_signed_the_plan_names_the_operator() -> None:
    assert done(None, m.PLAN, PLAN, CLERK, project=replace(PROJECT, operator="")).seq == 1
