"""The performance of a project through the real door: settled once, kept, bound, told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import orjson
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from benchmarks import ground
from benchmarks.step import SOURCE
from cases import performance_rows, project_lists, tables
from cases.database import open_engine, reading
from cases.messages import Actor, Grant
from cases.performance_tables import performance_act
from cases.projects import performing_messages as m
from cases.projects.performing_messages import PerformanceAnswer
from cases.projects.performing_state import Performance
from tests.forms.project_rows import Maker
from tests.yichuang.registry import Town, settings, template, town
from yichuang import asyncapi
from yichuang.performance_door import PerformanceDoor

__all__ = ["settings", "template", "town"]

TITLE = "城东垃圾焚烧"
PROJECT = str(uuid5(NAMESPACE_URL, TITLE))


def somebody(name: str, department: str, *roles: str) -> Actor:
    grants = tuple(Grant(role=role, department=department) for role in roles)
    return Actor(id=f"u:{name}", department=department, grants=grants)


CLERK = somebody("clerk", "zxb", "project_clerk")
LEAD = somebody("lead", "zxb", "project_lead")
EVALUATOR = somebody("evaluator", "pjzx", "performance_evaluator")
FINANCE = somebody("finance", "czj", "payment_reviewer")
OPERATOR = somebody("operator", "spv1", "operator")

PLAN: dict[str, Any] = {
    "regime": "stock",
    "department": "zxb",
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
FISCAL: dict[str, Any] = {
    "assumptions": {"base_year": 2025, "budget_fen": 10**12, "budget_growth_bp": 0,
                    "price_growth_bp": 0, "source": "2025 年决算"},
    "lines": [{"kind": "operation", "since": 2026, "until": 2045, "yearly_fen": 10**10}],
}  # fmt: skip
INDICATORS: list[dict[str, Any]] = PLAN["indicators"]
YEAR = {"year": 2026}


TODAY = datetime.now(UTC).date().isoformat()


def scores(points: int = 7_000) -> dict[str, Any]:
    lines = [{"code": code, "points": points, "evidence": "监测报告 12 号"} for code in "ABC"]
    return {**YEAR, "scores": lines}


def established(town: Town) -> None:
    """Put the project into its rows, once."""
    with reading(town.shop.cases) as connection:
        if project_lists.state_of(connection, PROJECT) is not None:
            return
    signed = ("sign_contract", {"operator": "spv1", "number": "XY-1", "signed_on": "2026-01-05",
                                "ends_on": "2045-12-31"})  # fmt: skip
    Maker(town.shop.cases, date(2026, 11, 27)).project(
        TITLE, [signed], template="stock", department="zxb", regime="stock",
        procured_before_stop=True, starts_on="2026-01-01",
    )  # fmt: skip


async def act(
    town: Town, verb: str, body: Mapping[str, Any], who: Actor, key: str = "",
    project: str = PROJECT,
) -> PerformanceAnswer:  # fmt: skip
    ground.admit(town.settings, who)
    if project == PROJECT:
        established(town)
    door = PerformanceDoor(
        town.door._client,
        town.door._task_queue,
        access=town.access,
        engine=open_engine(town.settings.store_url("cases"), read_only=True),
        refusals=town.door._refusals,
    )
    return await door.act(who, SOURCE, key or str(uuid4()), verb, project, dict(body))


async def confirmed(town: Town, points: int = 7_000) -> None:
    for verb, body, who in (
        (m.PLAN, PLAN, CLERK), (m.EVALUATE, scores(points), EVALUATOR), (m.ACCEPT, YEAR, OPERATOR),
        (m.CONFIRM, YEAR, LEAD),
    ):  # fmt: skip
        done = await act(town, verb, body, who)
        assert (done.status, done.reason) == ("done", "")


def rows(town: Town, table: Any = performance_act) -> list[Any]:
    with town.shop.cases.connect() as connection:
        return list(connection.execute(select(table)))


async def test_a_year_goes_from_indicators_to_what_is_payable_with_rows_entries_and_events(
    town: Town,
) -> None:
    await confirmed(town)
    with town.shop.cases.connect() as connection:
        found = performance_rows.payable_of(connection, PROJECT, 2026)
        assert performance_rows.payable_of(connection, PROJECT, 2027) is None
        assert performance_rows.payable_of(connection, "other", 2026) is None
    assert found is not None
    assert (found.score, found.coefficient_bp, found.amount_fen) == (7_000, 7_500, 107_500_000)
    entries = town.entries(f"performance:{PROJECT}")
    assert [one["act"] for one in entries] == [m.PLAN, m.EVALUATE, m.ACCEPT, m.CONFIRM]
    assert [one.entry_id for one in rows(town)] == [one["id"] for one in entries]
    assert "监测报告" not in orjson.dumps(entries).decode()
    told = [one for one in rows(town, tables.outbox) if ".performance." in one.subject]
    assert len(told) == 4
    for one in told:
        event = orjson.loads(one.event)
        schema = asyncapi.schemas()[event["dataschema"].rsplit("/", 1)[1]]
        Draft202012Validator(schema).validate(event["data"])
    assert orjson.loads(told[-1].event)["data"]["payable_fen"] == 107_500_000


async def test_an_objection_its_answer_and_what_is_put_right_are_entries_too(town: Town) -> None:
    for verb, body, who in (
        (m.PLAN, PLAN, CLERK), (m.EVALUATE, scores(), EVALUATOR),
        (m.OBJECT_TO, {**YEAR, "ground": "监测点位有误"}, OPERATOR),
        (m.CONFIRM, {**YEAR, "answer": "已复核，点位无误"}, LEAD),
        (m.RECTIFY, {**YEAR, "code": "A", "what": "更换滤料", "due_on": "2099-12-31"}, LEAD),
        (m.RECTIFIED, {"task": 1, "evidence": "更换记录 3 号"}, OPERATOR),
        (m.MID_TERM, {"on": TODAY, "findings": "运行平稳"}, EVALUATOR),
        (m.FISCAL, FISCAL, FINANCE),
    ):  # fmt: skip
        done = await act(town, verb, body, who)
        assert (done.status, done.reason) == ("done", ""), verb
    assert [one["act"] for one in town.entries(f"performance:{PROJECT}")] == [
        "performance_plan", "performance_evaluate", "performance_object", "performance_confirm",
        "performance_rectify", "performance_rectified", "performance_mid_term",
        "performance_fiscal",
    ]  # fmt: skip


async def test_an_operator_that_accepts_a_score_is_an_entry(town: Town) -> None:
    await confirmed(town)
    acts = [one["act"] for one in town.entries(f"performance:{PROJECT}")]
    assert acts[2] == "performance_accept"


async def test_the_same_order_gets_the_same_answer_and_one_row(town: Town) -> None:
    same = await asyncio.gather(*(act(town, m.PLAN, PLAN, CLERK, "a-plan") for _ in range(4)))
    again = await act(town, m.PLAN, PLAN, CLERK, "a-plan")
    assert again.repeated and {one.entry for one in same} == {again.entry}
    other = await act(town, m.PLAN, {**PLAN, "until_year": 2030}, CLERK, "a-plan")
    assert (other.status, other.code) == ("refused", "id_reused")
    assert len(rows(town)) == len(town.entries(f"performance:{PROJECT}")) == 1


async def test_of_two_evaluators_at_once_one_scores_and_the_other_is_told(town: Town) -> None:
    await act(town, m.PLAN, PLAN, CLERK)
    second = somebody("second", "pjzx", "performance_evaluator")
    both = await asyncio.gather(
        act(town, m.EVALUATE, scores(9_000), EVALUATOR), act(town, m.EVALUATE, scores(), second)
    )
    assert sorted((one.status, one.code) for one in both) == [
        ("done", ""), ("refused", "evaluated"),
    ]  # fmt: skip
    assert [one.seq for one in rows(town)] == [1, 2]


@pytest.mark.parametrize(
    ("body", "code", "basis", "field"),
    [
        (
            {"terms": {**PLAN["terms"], "linked_bp": 2_900}}, "PPP-30", "CZGF-30",
            "body.terms.linked_bp",
        ),
        (
            {"regime": "concession"}, "XM-SUBSIDY", "GBH115-5", "body.terms.availability_fen",
        ),
        (
            {"indicators": [*INDICATORS[:2], {**INDICATORS[2], "weight_bp": 1_900}]},
            "weights_not_whole",
            "YCJX-1",
            "body.indicators",
        ),
    ],
)  # fmt: skip
async def test_what_may_not_be_planned_is_refused_with_its_article_and_an_entry(
    town: Town, body: dict[str, Any], code: str, basis: str, field: str
) -> None:
    no = await act(town, m.PLAN, {**PLAN, **body}, CLERK)
    assert (no.status, no.code, no.basis, no.field) == ("refused", code, basis, field)
    assert rows(town) == []
    (entry,) = town.entries("performance:-")
    assert (entry["res"], entry["why"]) == ("deny", code)


async def test_the_operator_neither_evaluates_nor_confirms_and_others_have_no_right(
    town: Town,
) -> None:
    await act(town, m.PLAN, PLAN, CLERK)
    both = somebody("both", "spv1", "operator", "performance_evaluator")
    elsewhere = somebody("elsewhere", "pjzx", "performance_evaluator", "project_lead")
    refused = [
        (m.EVALUATE, scores(), both, "XM-APART"),
        (m.EVALUATE, scores(), OPERATOR, "no_right"),
        (m.EVALUATE, scores(), LEAD, "no_right"),
        (m.PLAN, {**PLAN, "reason": "调整"}, somebody("far", "fgw", "project_clerk"), "no_right"),
    ]
    for verb, body, who, code in refused:
        no = await act(town, verb, body, who)
        assert (no.status, no.code) == ("refused", code)
    await act(town, m.EVALUATE, scores(), elsewhere)
    await act(town, m.ACCEPT, YEAR, OPERATOR)
    no = await act(town, m.CONFIRM, YEAR, somebody("elsewhere", "zxb", "project_lead"))
    assert (no.status, no.code, no.basis) == ("refused", "XM-CONFIRM", "YCJX-5")
    assert (await act(town, m.CONFIRM, YEAR, OPERATOR)).code == "no_right"


async def test_a_deputy_neither_evaluates_nor_confirms(town: Town) -> None:
    await act(town, m.PLAN, PLAN, CLERK)
    deputy = EVALUATOR.model_copy(update={"id": "u:deputy", "on_behalf": EVALUATOR.id})
    ground.admit(town.settings, EVALUATOR)
    assert (await act(town, m.EVALUATE, scores(), deputy)).status == "refused"
    assert len(rows(town)) == 1


async def test_a_score_of_a_hundred_and_one_is_no_score(town: Town) -> None:
    await act(town, m.PLAN, PLAN, CLERK)
    no = await act(town, m.EVALUATE, scores(10_100), EVALUATOR)
    assert (no.status, no.code) == ("refused", "malformed")
    assert no.field.startswith("body.scores")


async def test_a_changed_or_lost_act_is_found_against_the_log(town: Town) -> None:
    await confirmed(town)
    after = town.entries(f"performance:{PROJECT}")[-1]["after"]
    said = {PROJECT: after}
    with town.shop.cases.connect() as connection:
        assert list(performance_rows.check(connection, said)) == []
        assert [one.column for one in performance_rows.check(connection, {})] == ["performance_act"]
    more = performance_act.c.seq == 2
    with pytest.raises(DatabaseError, match="append-only"), town.shop.cases.begin() as connection:
        connection.execute(update(performance_act).where(more).values(body="{}"))
    with pytest.raises(DatabaseError, match="append-only"), town.shop.cases.begin() as connection:
        connection.execute(delete(performance_act).where(more))
    row = dict(rows(town)[1]._mapping)
    with pytest.raises(IntegrityError), town.shop.cases.begin() as connection:
        raw = {**row, "seq": 5, "command_id": "other", "operator": row["department"]}
        connection.execute(insert(performance_act).values(raw))
    with town.shop.cases.begin() as connection:
        for name in ("no_update", "no_delete"):
            connection.execute(text(f"DROP TRIGGER performance_act_{name}"))
        connection.execute(update(performance_act).where(more).values(body="{}"))
        found = list(performance_rows.check(connection, said))
        assert [(one.seq, one.column) for one in found] == [(2, "body")]
        connection.execute(delete(performance_act).where(performance_act.c.seq <= 2))
        assert [one.seq for one in performance_rows.check(connection, said)] == [2]


async def test_scores_and_their_evidence_stand_in_the_act_that_gave_them(town: Town) -> None:
    await confirmed(town)
    with town.shop.cases.connect() as connection:
        state = performance_rows.state_of(connection, PROJECT)
        assert isinstance(state, Performance)
        given = performance_rows.scores_of(connection, PROJECT, state.evaluations[0])
        assert [one.verb for one in performance_rows.acts(connection, PROJECT)][-1] == m.CONFIRM
        assert performance_rows.listing(connection) == [state]
    assert [one.evidence for one in given.scores] == ["监测报告 12 号"] * 3


async def test_a_project_that_nobody_established_and_a_regime_not_its_own_are_refused(
    town: Town,
) -> None:
    no = await act(town, m.PLAN, PLAN, CLERK, project="PRJ-NONE")
    assert (no.status, no.code, no.basis) == ("refused", "unknown_project", "YCJX-1")
    terms = {"availability_fen": 0, "operation_fen": 1_000, "linked_bp": 0}
    other = {**PLAN, "regime": "government", "terms": terms}
    no = await act(town, m.PLAN, other, CLERK)
    assert (no.status, no.code, no.field) == ("refused", "regime_differs", "body.regime")
    assert rows(town) == []


async def test_a_file_that_was_never_uploaded_is_no_evidence(town: Town) -> None:
    await act(town, m.PLAN, PLAN, CLERK)
    made_up = {"upload": "0" * 32, "sha256": "0" * 64, "name": "x.pdf",
               "media": "application/pdf", "size": 1}  # fmt: skip
    no = await act(town, m.EVALUATE, {**scores(), "attached": [made_up]}, EVALUATOR)
    assert (no.status, no.code, no.field) == ("refused", "file_unknown", "body.attached")
    assert len(rows(town)) == 1
