"""The plan's seventeen numbers, shown and counted again from the log's orders: equal; and unequal,
or named, as soon as somebody changes a row."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import Engine, text

from benchmarks import ground
from benchmarks.step import SOURCE, steps_of_a_case
from cases import fund as f
from cases.approval import plan_of
from cases.clocks.lines import lines
from cases.counting import DECIDED, IN_DAYS
from cases.database import open_engine
from cases.fund import FUND_LIMIT_FEN
from cases.messages import Actor, Grant
from cases.plan.messages import ReportFigure
from cases.plan_recount import _spent
from cases.projection import json_text
from catalogue.kpis import load_kpis
from catalogue.load import load_catalogue
from tests.clocks.plans import _elements, rules_of, table_of
from tests.clocks.stories import TIMETABLES, Seeded, story
from tests.histories.sample import matter
from tests.incidents.town import BURST, DUTY, WATER
from tests.plan.test_suggestions import FILING, zxb
from tests.projects.town import CLERK as OFFICE
from tests.projects.town import GATE_ONE, LEAD, paper
from tests.yichuang.registry import Town, settings, template, town
from yichuang.fund_door import FundDoor
from yichuang.incident_door import IncidentDoor, incident_id_for
from yichuang.plan_door import PlanDoor
from yichuang.plan_recount import Compared, compared
from yichuang.project_door import ProjectDoor, project_id_for

__all__ = ["settings", "template", "town"]

KPIS = load_kpis()
OWN = {one.code for one in KPIS.kpis if one.own}


def person(name: str, role: str, department: str) -> Actor:
    return Actor(
        id=f"u:{name}", department=department, grants=(Grant(role=role, department=department),)
    )


@dataclass
class City:
    """A town with every door whose orders the numbers are made of."""

    town: Town
    incidents: IncidentDoor
    projects: ProjectDoor
    money: FundDoor
    plan: PlanDoor

    @classmethod
    def of(cls, town: Town) -> City:
        release = town.door
        given: dict[str, Any] = {
            "access": town.access, "refusals": release._refusals,
            "engine": open_engine(town.settings.store_url("cases"), read_only=True),
        }  # fmt: skip
        client, queue = release._client, release._task_queue
        doors = (IncidentDoor, ProjectDoor, FundDoor, PlanDoor)
        return cls(town, *(door(client, queue, **given) for door in doors))  # type: ignore[arg-type]

    async def of_life(
        self, door: Any, who: Actor, thing: str, verb: str, body: dict[str, Any]
    ) -> None:
        ground.admit(self.town.settings, who)
        outcome = await door.order(who, SOURCE, str(uuid4()), thing, verb, body)
        assert outcome.status == "done", (verb, outcome)

    async def cases(self) -> None:
        """A licence at the window, and two suggestions answered: one rated well, one ill."""
        (who, verb, body), *_ = steps_of_a_case()
        await self.town.order(who, verb, body)
        for n, (channel, grade) in enumerate((("window", 2), ("mobile", 5))):
            said = FILING | {"channel": channel}
            filed = await self.town.order(zxb("portal", "service_intake", "service"), "file", said)
            window, key = zxb("window", "window_clerk"), filed.case_id
            await self.town.order(window, "accept", {}, key)
            opinion = {"task": "review-answer", "result": "agree", "text": "已列入计划。"}
            await self.town.order(zxb("clerk", "section_clerk"), "opine", opinion, key)
            await self.town.order(zxb("head", "section_head"), "decide", {"result": "grant"}, key)
            letter = {"certificate": "市民建议答复书", "number": f"DF{n}"}
            await self.town.order(zxb("desk", "certificate_desk"), "certify", letter, key)
            served = {"method": "direct", "recipient": "何市民"}
            await self.town.order(window, "serve", served, key)
            await self.town.order(window, "close", {}, key)
            await self.town.order(window, "rate", {"grade": grade, "text": "评价"}, key)

    async def told_of(self) -> None:
        """An incident that is signed for, one that is unfounded, one that nobody was sent to."""
        for turn in ("signed", "unfounded", "waiting"):
            key = incident_id_for(str(uuid4()))
            await self.of_life(self.incidents, DUTY, key, "report", dict(BURST))
            if turn == "waiting":
                continue
            true = turn == "signed"
            check = {"true": true} if true else {"true": False, "ground": "误报"}
            await self.of_life(self.incidents, DUTY, key, "verify", check)
            if true:
                await self.of_life(self.incidents, DUTY, key, "grade", {"level": "none"})
                units = {"units": [{"department": "sw", "lead": True}]}
                await self.of_life(self.incidents, DUTY, key, "dispatch", units)
                await self.of_life(self.incidents, WATER, key, "acknowledge", {"department": "sw"})

    async def pilots(self) -> None:
        """Two pilot areas, one of which is given up; money for the other."""
        for n in range(2):
            key = project_id_for(str(uuid4()))
            body = {
                "template": "pilot_area", "title": f"试点{n}", "department": "zxb",
                "regime": "government", "starts_on": "2026-06-01",
            }  # fmt: skip
            await self.of_life(self.projects, OFFICE, key, "establish", body)
            if n:
                on = datetime.now(UTC).date().isoformat()
                end = {"ground": "agreed", "reason": "并入", "on": on, "paper": paper("终止协议")}
                await self.of_life(self.projects, LEAD, key, "terminate", end)
                continue
            reviewer = person("shenhe", "payment_reviewer", "fgw")
            ground.admit(self.town.settings, reviewer, GATE_ONE)
            opened: dict[str, Any] = {"title": "专项基金", "limit_fen": FUND_LIMIT_FEN}
            given: dict[str, Any] = {
                "project": key,
                "department": "zxb",
                "budget_year": 2026,
                "document": "指1",
            }
            for verb, said in (
                (f.OPEN, opened),
                (f.ALLOT, given | {"amount_fen": 70_000_000_00}),
                (f.ALLOT, given | {"amount_fen": -5_000_000_01}),
            ):
                answer = await self.money.act(reviewer, SOURCE, str(uuid4()), verb, "", said)
                assert answer.status == "done", answer

    async def reports(self) -> None:
        """One report of each number that is reported; of one a newer day, and a correction."""
        for kpi in KPIS.kpis:
            if kpi.own:
                continue
            who = person(f"r{kpi.department}", "plan_reporter", kpi.department)
            ground.admit(self.town.settings, who)
            body = {
                "kpi": kpi.code, "department": kpi.department, "on": "2026-09-30",
                "numerator": 8_123, "denominator": 1 if kpi.countless else 9_001,
            }  # fmt: skip
            made = await self._reported(who, body)
            if kpi.code == "waste":
                await self._reported(who, body | {"on": "2026-06-30", "numerator": 1})
                more = {"numerator": 8_124, "corrects": made, "note": "漏计"}
                await self._reported(who, body | more)

    async def _reported(self, who: Actor, body: dict[str, Any]) -> str:
        asked = ReportFigure.model_validate(body)
        answer = await self.plan.report(who, SOURCE, str(uuid4()), asked)
        assert answer.status == "done", answer
        return answer.report


def found(town: Town, cases: Engine, now: datetime) -> Compared:
    log = open_engine(town.settings.store_url("log"), read_only=True)
    calendars = town.released.catalogue().calendars
    try:
        return compared(cases, log, calendars, KPIS, town.settings.zone, now)
    finally:
        log.dispose()


ATTACKS: tuple[tuple[str, str], ...] = (
    ("UPDATE case_file SET channel = 'post' WHERE channel = 'mobile'", "online"),
    ("UPDATE case_file SET channel = 'post' WHERE matter = 'food-operation'", "window"),
    ("UPDATE case_file SET grade = 1", "satisfaction"),
    ("UPDATE clock SET used = used + 1 WHERE key = 'statutory'", "approval_time"),
    ("UPDATE incident SET acknowledged_at = reported_at", "response"),
    ("UPDATE project SET stage = 'terminated'", "pilots"),
    ("UPDATE fund_total SET allotted_fen = allotted_fen - 1 WHERE scope = 'fund'", "fund"),
    ("UPDATE plan_report SET numerator = 9 WHERE kpi = 'carbon'", "carbon"),
    ("UPDATE plan_report SET numerator = 9, digests = '{}' WHERE kpi = 'carbon'", "carbon"),
)
"""A row changed past every check, and the number that is then not the one counted again."""

NAMED: tuple[tuple[str, str], ...] = (
    ("UPDATE step SET events = replace(events, '\"grade\":5', '\"grade\":1')", "step.events"),
    ("UPDATE clock_event SET at = '2026-01-05 01:00:00.000000' WHERE kind = 'decided'",
     "clock_event"),
    ("UPDATE incident_event SET after = 'x' WHERE kind = 'acknowledge'", "与日志所记不符"),
    ("UPDATE project_event SET kind = 'establish' WHERE kind = 'terminate'", "与日志所记不符"),
    ("UPDATE fund_order SET body = replace(body, '7000000000', '7100000000')", "fund_order.body"),
    ("DELETE FROM audit_outbox", "日志没有这一步"),
)  # fmt: skip
"""An order changed, or without its entry, and what is said of it."""


@contextmanager
def changed(source: Path, folder: Path, attack: str) -> Iterator[Engine]:
    """A copy of the store in which somebody has changed rows past every trigger and check."""
    copy = folder / f"{uuid4()}.sqlite"
    shutil.copy(source, copy)
    engine = open_engine(f"sqlite:///{copy}")
    with engine.begin() as connection:
        query = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for name in connection.execute(query).scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        assert connection.exec_driver_sql(attack).rowcount
    yield engine
    engine.dispose()


@pytest.mark.timeout(240)
async def test_every_number_counted_again_from_the_log_is_the_one_that_is_shown(
    town: Town, tmp_path: Path
) -> None:
    city = City.of(town)
    await city.cases()
    await city.told_of()
    await city.pilots()
    await city.reports()
    now = datetime.now(UTC) + timedelta(minutes=16)  # late: what nobody was sent to counts too
    first = found(town, town.shop.cases, now)
    assert first.faults == () and first.orders > 40
    told = {one.kpi.code: one for one in first.numbers}
    assert len(told) == 17 and all(one.shown for one in told.values())
    assert {code: one.as_json() for code, one in told.items() if not one.equal} == {}
    counted = {code: (one.counted.numerator, one.counted.denominator)
               for code, one in told.items() if one.counted}  # fmt: skip
    assert (counted["satisfaction"], counted["pilots"]) == ((1, 2), (1, 1))
    assert (counted["online"], counted["window"]) == ((1, 2), (2, 2))
    assert counted["fund"] == (6_499_999_999, 1) and counted["response"][1] == 3
    assert counted["waste"] == (8_124, 9_001)
    assert counted["approval_time"] == (0, 10)  # two suggestions of five days, answered at once
    source = tmp_path / "source.sqlite"
    with closing(sqlite3.connect(town.settings.data / "cases.sqlite")) as store:
        with closing(sqlite3.connect(source)) as copy:
            store.backup(copy)
    for attack, code in ATTACKS:
        with changed(source, tmp_path, attack) as store:
            after = found(town, store, now)
        unequal = {one.kpi.code for one in after.numbers if not one.equal}
        assert unequal == {code} and not after.sound, (attack, unequal)
    for attack, said in NAMED:
        with changed(source, tmp_path, attack) as store:
            after = found(town, store, now)
        assert any(said in one for one in after.faults) and not after.sound, (attack, after.faults)


# --- days, walked --------------------------------------------------------------------------------

CN = load_catalogue().calendars["cn"]
PLAN = {"statutory": {"n": 20, "unit": "working_day"}, "zone": "Asia/Shanghai",
        "extension": {"n": 10, "unit": "working_day"}}  # fmt: skip


def told(day: str, kind: str, detail: str = "{}") -> dict[str, Any]:
    """Return an event at ten in the morning of a day in Beijing."""
    at = datetime.combine(date.fromisoformat(day), time(2), UTC)
    return {"kind": kind, "at": at, "detail": detail}


HEARING = '{"procedure": {"kind": "hearing", "id": "hearing-1"}}'
OVER = '{"name": "hearing-1"}'


@pytest.mark.parametrize(
    ("events", "used"),
    [
        ([("2026-11-02", "accepted"), ("2026-11-02", "decided")], (0, 20)),
        ([("2026-11-02", "accepted"), ("2026-11-09", "decided")], (5, 20)),
        ([("2026-11-02", "accepted"), ("2026-11-03", "paused", HEARING),
          ("2026-11-05", "resumed", OVER), ("2026-11-09", "decided")], (2, 20)),
        ([("2026-11-02", "accepted"), ("2026-11-03", "paused", HEARING),
          ("2026-11-04", "pause_disallowed", OVER), ("2026-11-09", "decided")], (5, 20)),
        ([("2026-11-02", "accepted"), ("2026-11-10", "extended"), ("2026-11-11", "extended"),
          ("2026-11-16", "decided")], (10, 30)),
        ([("2026-10-08", "accepted"), ("2026-11-06", "extended"), ("2026-11-20", "decided")],
         (32, 20)),  # 20 working days end on 4 November (10 October is worked): too late
        ([("2026-11-02", "accepted"), ("2026-11-03", "withdrawn")], (0, 0)),
        ([("2026-11-02", "accepted")], (0, 0)),
    ],
)  # fmt: skip
def test_days_are_walked_as_the_law_counts_them(
    events: list[tuple[str, ...]], used: tuple[int, int]
) -> None:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert _spent(PLAN, [told(*one) for one in events], CN, since, until) == used


def test_of_whatever_happens_to_cases_the_days_walked_are_those_of_the_clocks() -> None:
    since, until = datetime(2000, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
    table, ended, paused, extended = table_of(CN), 0, 0, 0
    for seed in range(700):
        one = story(Seeded(seed), table)
        index = TIMETABLES.index(one.timetable)
        plan = plan_of(matter(**_elements(one.timetable)), "0" * 64)
        rows = [
            {"kind": each.kind, "at": each.at, "detail": json_text(each.detail)}
            for each in one.events
        ]
        ours = _spent(orjson.loads(plan.model_dump_json()), rows, CN, since, until)
        found = {each.key: each for each in lines(rules_of(index), one.events, CN, plan)}
        line, promised = found.get("statutory"), found.get("promised")
        theirs = (0, 0)
        if line is not None and promised is not None and promised.ended_by in DECIDED:
            if line.limit_unit in IN_DAYS and line.used is not None and line.budget:
                theirs = (line.used, line.budget)
                paused, extended = paused + bool(line.paused), extended + line.extended
        assert ours == theirs, seed
        ended += theirs[1] > 0
    assert ended > 200 and paused > 50 and extended > 20
