"""A report of the plan through the real doors: taken once, corrected by another row, bound."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from benchmarks import ground
from benchmarks.step import SOURCE
from cases import plan_rows
from cases.database import open_engine
from cases.messages import Actor, Grant
from cases.plan.messages import PlanReportAnswer, ReportFigure, report_id
from cases.plan_tables import plan_report, plan_snapshot
from cases.reception import Request
from tests.yichuang.registry import Town, settings, template, town
from yichuang import asyncapi
from yichuang.events import EventInvalid
from yichuang.orders import order_event, request_of
from yichuang.plan_door import PlanDoor, WithPlan
from yichuang.subjects import parse_order

__all__ = ["settings", "template", "town"]


def clerk(department: str = "cgj", role: str = "section_clerk", name: str = "qian") -> Actor:
    return Actor(
        id=f"u:{name}", department=department, grants=(Grant(role=role, department=department),)
    )


def doors(town: Town) -> PlanDoor:
    release = town.door
    return PlanDoor(
        release._client, release._task_queue, access=town.access,
        engine=open_engine(town.settings.store_url("cases"), read_only=True),
        refusals=release._refusals,
    )  # fmt: skip


def body(**changes: Any) -> dict[str, Any]:
    return {
        "kpi": "waste", "department": "cgj", "on": "2026-06-30", "numerator": 7_000,
        "denominator": 10_000, "evidence": [{"name": "抽检表.pdf", "sha256": "a" * 64}],
    } | changes  # fmt: skip


async def report(
    town: Town, who: Actor | None = None, key: str = "", **changes: Any
) -> PlanReportAnswer:
    ground.admit(town.settings, who or clerk())
    asked = ReportFigure.model_validate(body(**changes))
    return await doors(town).report(who or clerk(), SOURCE, key or str(uuid4()), asked)


def rows(town: Town) -> list[Any]:
    with town.shop.cases.connect() as connection:
        return list(connection.execute(select(plan_report)))


def newest(town: Town, until: date = date(2026, 12, 31)) -> dict[str, plan_rows.KeptReport]:
    with town.shop.cases.connect() as connection:
        return plan_rows.newest(connection, until, datetime.now(UTC))


async def test_a_report_is_kept_with_its_entry_and_is_the_newest(town: Town) -> None:
    made = await report(town)
    assert (made.status, made.revision, made.reason) == ("done", 1, "")
    (entry,) = town.entries(f"plan:{made.report}")
    assert (entry["act"], entry["why"], entry["id"]) == ("plan_report", "waste", made.entry)
    assert entry["who"]["org"] == "cgj" and entry["pol"]
    kept = newest(town)["waste"]
    assert (kept.numerator, kept.denominator, kept.on) == (7_000, 10_000, date(2026, 6, 30))
    assert kept.evidence[0].name == "抽检表.pdf"
    later = await report(town, on="2026-09-30", numerator=8_000)
    assert newest(town)["waste"].id == later.report
    assert newest(town, date(2026, 7, 1))["waste"].id == made.report


async def test_the_same_command_is_one_report_and_another_body_is_refused(town: Town) -> None:
    first, again = await report(town, key="once"), await report(town, key="once")
    assert again.repeated and again.report == first.report == report_id("once")
    other = await report(town, key="once", numerator=1)
    assert (other.status, other.code) == ("refused", "id_reused")
    assert len(rows(town)) == 1
    same = await asyncio.gather(*(report(town, key="at-once", on="2026-07-31") for _ in range(5)))
    assert len({one.report for one in same}) == 1 and len(rows(town)) == 2


async def test_a_correction_names_what_it_corrects_and_why_and_both_stay(town: Town) -> None:
    first = await report(town)
    bare = await report(town, numerator=7_100)
    assert (bare.code, bare.field) == ("already_reported", "body.corrects")
    silent = await report(town, numerator=7_100, corrects=first.report)
    assert (silent.code, silent.field) == ("no_reason", "body.note")
    second = await report(town, numerator=7_100, corrects=first.report, note="漏计一个街道")
    assert (second.status, second.revision) == ("done", 2)
    assert newest(town)["waste"].numerator == 7_100 and len(rows(town)) == 2
    stale = await report(town, numerator=1, corrects=first.report, note="再改")
    assert stale.code == "already_reported"


async def test_of_two_corrections_at_once_one_stands(town: Town) -> None:
    first = await report(town)
    both = await asyncio.gather(
        *(report(town, numerator=n, corrects=first.report, note="更正") for n in (1, 2))
    )
    assert sorted(one.status for one in both) == ["done", "refused"]
    assert [one.revision for one in rows(town)] == [1, 2]


REFUSED: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"kpi": "nothing"}, "unknown_kpi", "body.kpi"),
    ({"kpi": "satisfaction"}, "own_source", "body.kpi"),
    ({"department": "gxj"}, "not_answerable", "body.department"),
    ({"on": "2025-12-30"}, "before_baseline", "body.on"),
    ({"numerator": 10_001}, "counts", "body.numerator"),
)


async def test_what_cannot_be_is_refused_with_its_article_and_field(town: Town) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(hours=8, days=1)).date()
    for changes, code, field in (*REFUSED, ({"on": tomorrow.isoformat()}, "future", "body.on")):
        made = await report(town, clerk("*"), **changes)
        assert (made.status, made.code, made.field) == ("refused", code, field), changes
    assert rows(town) == [] and len(town.entries("plan:-")) == len(REFUSED) + 1
    assert (await report(town, on="2025-12-31", numerator=10_000)).status == "done"


async def test_who_does_not_answer_for_a_number_reports_none(town: Town) -> None:
    for who in (
        clerk("gxj"), clerk("cgj", "organ_head"), clerk("*", "supervisor"), clerk("*", "sysadmin"),
        Actor(id="u:nobody"), Actor(id="citizen:0123456789", kind="citizen"),
    ):  # fmt: skip
        assert (await report(town, who)).status == "refused"
    deputy = clerk().model_copy(update={"on_behalf": "u:sun"})
    assert (await report(town, deputy)).status == "refused"
    assert rows(town) == []


async def test_a_warrant_for_other_counts_is_refused_by_the_worker(town: Town) -> None:
    door = doors(town)
    asking = door._ask

    async def altered(command: Any) -> PlanReportAnswer:
        return await asking(
            command.model_copy(update={"body": command.body | {"numerator": 9_999}})
        )

    door._ask = altered  # type: ignore[method-assign]
    ground.admit(town.settings, clerk())
    await door.report(clerk(), SOURCE, str(uuid4()), ReportFigure.model_validate(body()))
    assert rows(town) == []
    (entry,) = town.entries("plan:-")
    assert (entry["res"], entry["act"]) == ("deny", "plan_report")


async def test_a_system_reports_over_nats_in_the_words_of_every_order(town: Town) -> None:
    system = Actor(
        id="s:hygiene", kind="service", department="cgj",
        grants=(Grant(role="service_intake", department="cgj"),),
    )  # fmt: skip
    ground.admit(town.settings, system)
    request = Request(
        id="m:1", verb="plan_report",
        body=ReportFigure.model_validate(body()).model_dump(mode="json"),
    )  # fmt: skip
    reception = WithPlan(town.reception, doors(town))
    (outcome,) = await reception.handle(system, SOURCE, (request,))
    (again,) = await reception.handle(system, SOURCE, (request,))
    assert outcome.status == "done" and again.repeated and again.case_id == outcome.case_id
    assert rows(town)[0].door == SOURCE.door


def test_a_report_is_understood_by_its_subject_and_refused_by_its_field() -> None:
    subject = parse_order("cmd.yunchuan.cgj.hygiene.plan.report")
    assert subject is not None
    event = order_event(
        "yunchuan", "report", {"body": body()}, source="/x", event_id="1", thing="plan"
    )
    assert request_of(event, subject).verb == "plan_report"
    schema = Draft202012Validator(asyncapi.plan_schema())
    assert schema.is_valid({"body": body()})
    for wrong, field in (
        ({"numerator": -1}, "data.body.numerator"),
        ({"numerator": 1.5}, "data.body.numerator"),
        ({"denominator": 0}, "data.body.denominator"),
        ({"kpi": "No Such"}, "data.body.kpi"),
    ):
        bad = {"body": body(**wrong)}
        assert not schema.is_valid(bad)
        with pytest.raises(EventInvalid) as no:
            request_of(order_event("yunchuan", "report", bad, source="/x", thing="plan"), subject)
        assert no.value.field == field
    other = parse_order("cmd.yunchuan.cgj.hygiene.plan.request")
    assert other is not None
    with pytest.raises(EventInvalid):
        request_of(
            order_event("yunchuan", "request", {"body": body()}, source="/x", thing="plan"), other
        )


async def test_nobody_changes_a_report_not_even_by_sql(town: Town) -> None:
    made = await report(town)
    (row,) = rows(town)
    value = {
        "quarter": "2026Q1", "kpi": "waste", "on_day": "", "value": "", "expected": "",
        "light": "grey", "taken_at": datetime.now(UTC), "entry_id": "x",
    }  # fmt: skip
    with town.shop.cases.begin() as connection:
        connection.execute(insert(plan_snapshot).values(value))
    for statement in (
        update(plan_report).values(numerator=1),
        delete(plan_report),
        insert(plan_report).values({**row._mapping, "command_id": "y"}).prefix_with("OR REPLACE"),
        insert(plan_report).values({**row._mapping, "id": "x", "command_id": "y"}),
        update(plan_snapshot).values(light="green"),
        delete(plan_snapshot),
        insert(plan_snapshot).values(value | {"light": "green"}).prefix_with("OR REPLACE"),
    ):
        with pytest.raises(DatabaseError), town.shop.cases.begin() as connection:
            connection.execute(statement)
    assert rows(town) == [row] and made.report == row.id


async def test_the_database_itself_refuses_counts_that_cannot_be(town: Town) -> None:
    await report(town)
    fresh = {**rows(town)[0]._mapping, "id": "x", "command_id": "x", "on_day": "2026-01-31"}
    for wrong in (
        {"numerator": -1}, {"denominator": 0}, {"revision": 0}, {"revision": 2},
        {"corrects": "somebody"},
    ):  # fmt: skip
        with pytest.raises(IntegrityError), town.shop.cases.begin() as connection:
            connection.execute(insert(plan_report).values(fresh | wrong))


async def test_a_report_that_was_changed_past_us_is_named_by_its_column(town: Town) -> None:
    made = await report(town)
    said = {one["obj"]["id"]: one["after"] for one in town.entries(f"plan:{made.report}")}
    with town.shop.cases.begin() as connection:
        assert list(plan_rows.check(connection, said)) == []
        assert "no entry" in next(plan_rows.check(connection, {})).expected
        connection.execute(text("DROP TRIGGER plan_report_no_update"))
        connection.execute(update(plan_report).values(numerator=9_000))
        (wrong,) = plan_rows.check(connection, said)
        assert wrong.column == "numerator"
    assert orjson.loads(rows(town)[0].digests)
