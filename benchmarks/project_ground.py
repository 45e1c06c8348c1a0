"""A city's projects for `bench project`: lives lived through the machine, copied as rows.

Each of a few kinds of life is established and driven by real orders through the reducer
(`cases.projects.machine`): milestones reached in time or late, forecasts, risks. A copy has an id,
number, title and department of its own; its rows are those that the store's writer makes of its
state. `insist_lived` reads some back, holds every column against the state that the row keeps, and
lets the machine and the store's own writer go on from there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import uuid5
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from sqlalchemy import Engine, insert, select

from audit.entry import COMMAND_NAMESPACE
from cases import project_lists, project_rows
from cases.database import reading
from cases.messages import Actor, Command, Grant, Source
from cases.project_tables import project, project_event, project_milestone
from cases.projects import messages as m
from cases.projects.machine import step
from cases.projects.state import ProjectState
from cases.projects.step import Judged, Known
from catalogue.project_templates import ProjectTemplate, TemplateStage, TemplateStep, Title

ZONE: Final = ZoneInfo("Asia/Shanghai")
TODAY: Final = date(2026, 11, 26)
DEPARTMENTS: Final = ("gxj", "zjj", "jtj", "czj", "fgw", "cgj", "sthj", "jj")
STAGES: Final = 10
LIVES: Final = 12
"""Kinds of life; more differ in nothing that is measured."""
AT_ONCE: Final = 100
CLERK = Actor(
    id="u:clerk", department="zxb", grants=(Grant(role="project_clerk", department="zxb"),)
)


class NoRules:
    """Asks no pack: what a pack forbids is not measured here."""

    def judge(self, pack: str, facts: Mapping[str, JsonValue], at: datetime) -> Judged:
        return Judged()


def template_of(steps: int) -> ProjectTemplate:
    """Return a template of so many steps in ten stages: each waits for the one before it in its
    stage, each tenth for one of the stage before too."""
    each = -(-steps // STAGES)
    found = []
    for n in range(steps):
        stage, place = divmod(n, each)
        after = [f"m{n - 1}"] if place else []
        if stage and place % 10 == 0:
            after.append(f"m{n - each}")
        found.append(
            TemplateStep(
                id=f"m{n}", stage=f"s{stage}", zh=f"第{n}项工程节点完成", en=f"Works, part {n}",
                days=20 + n % 40, after=tuple(after), pays=n % 5 == 0,
            )
        )  # fmt: skip
    stages = tuple(TemplateStage(id=f"s{n}", zh=f"阶段{n}", en=f"Stage {n}") for n in range(STAGES))
    return ProjectTemplate(
        id="large", title=Title(zh="大型项目", en="Large project"), basis="YCJX-10",
        stages=stages, steps=tuple(found),
    )  # fmt: skip


@dataclass
class Life:
    """One project with the orders that made it what it is."""

    state: ProjectState
    events: list[dict[str, Any]] = field(default_factory=list)


def instant(day: date) -> datetime:
    """Return ten in the morning of a day, in the city."""
    return datetime.combine(day, time(10), ZONE).astimezone(UTC)


def lived(seed: int, steps: int) -> Life:
    """Return a life: some stages over, some under way, some late, some risks open."""
    dice = random.Random(seed)  # noqa: S311  lives to measure with, no secret
    template = template_of(steps)
    begun = TODAY - timedelta(days=dice.randrange(100, 900))
    body: dict[str, Any] = {
        "template": "large", "title": "项目", "department": "gxj", "regime": "government",
        "starts_on": begun.isoformat(), "feasibility_fen": 80_000_000_00,
    }  # fmt: skip
    life = Life(_ordered(None, "establish", body, begun, template, []))
    for one in life.state.milestones:
        reached = one.plan_on + timedelta(days=dice.choice((-3, 0, 0, 2, 9, 40)))
        before = {known.id: known.actual_on for known in life.state.milestones}
        days = [before[key] for key in one.after]
        if reached >= TODAY or any(day is None for day in days):
            continue
        reached = max([reached, *(day for day in days if day is not None)])
        if reached < TODAY and dice.random() < 0.995:
            _go_on(life, "achieve", {"milestone": one.id, "on": reached.isoformat()})
    waiting = [one for one in life.state.milestones if not one.achieved]
    for one in waiting[:6]:
        on = max(one.plan_on, TODAY) + timedelta(days=dice.randrange(1, 60))
        _go_on(life, "forecast", {"milestone": one.id, "on": on.isoformat(), "reason": "征地"})
    for n in range(dice.randrange(0, 4)):
        level = dice.choice(("high", "medium", "low"))
        _go_on(life, "add_risk", {"title": f"风险{n}", "level": level, "answer": "专班跟进"})
    return life


def _go_on(life: Life, verb: str, body: dict[str, Any]) -> None:
    life.state = _ordered(life.state, verb, body, TODAY, None, life.events)


def _ordered(
    before: ProjectState | None, verb: str, body: dict[str, Any], on: date,
    template: ProjectTemplate | None, events: list[dict[str, Any]],
) -> ProjectState:  # fmt: skip
    one = _recorded(before, "p", verb, body, on, template)
    row = project_rows.event_row(one)
    events.append(row)
    return one.step.state


def _recorded(
    before: ProjectState | None, key: str, verb: str, body: dict[str, Any], on: date,
    template: ProjectTemplate | None,
) -> project_rows.Recorded:  # fmt: skip
    seq = 1 if before is None else before.seq + 1
    command = Command(
        id=f"{key}:{seq}", verb=verb, case_id=key, body=body, actor=CLERK,
        source=Source(door="web"), occurred_at=instant(on),
    )  # fmt: skip
    known = Known(
        rules=NoRules(), today=on, end_of=lambda day: instant(day) + timedelta(hours=14),
        template=template, number="0", departments=frozenset(DEPARTMENTS),
    )  # fmt: skip
    done = step(before, command, m.PROJECT_BODIES[verb].model_validate(body), known)
    entry = str(uuid5(COMMAND_NAMESPACE, command.id))
    return project_rows.Recorded(command, "0" * 64, before, done, instant(on), entry)


# --- rows ----------------------------------------------------------------------------------------


def filled(engine: Engine, projects: int, steps: int, seed: int = 1) -> None:
    """Lay so many projects, each of so many milestones, in transactions of a hundred."""
    lives = [lived(seed * LIVES + n, steps) for n in range(LIVES)]
    for start in range(0, projects, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, projects))
        states = [(n, lives[n % LIVES], copied(lives[n % LIVES].state, n)) for n in numbers]
        with engine.begin() as connection:
            connection.execute(insert(project), [project_rows.row_of(one) for _, _, one in states])
            connection.execute(
                insert(project_milestone),
                [row for _, _, one in states for row in milestones_of(one)],
            )
            events = [row for n, life, one in states for row in _events(life, one.project_id, n)]
            connection.execute(insert(project_event), events)
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


def copied(state: ProjectState, n: int) -> ProjectState:
    """Return the same life as another project's."""
    return state.model_copy(
        update={
            "project_id": id_of(n), "number": f"云川项〔2026〕{n}号", "title": f"第{n}号工程",
            "department": DEPARTMENTS[n % len(DEPARTMENTS)],
            "operator": f"spv{n % 200}",
        }
    )  # fmt: skip


def id_of(n: int) -> str:
    """Return a project's id."""
    return str(uuid5(COMMAND_NAMESPACE, f"project {n}"))


def milestones_of(state: ProjectState) -> Iterator[dict[str, Any]]:
    """Yield the milestones' rows as the store's writer makes them."""
    for place, one in enumerate(state.milestones):
        keys = {"project_id": state.project_id, "id": one.id}
        yield keys | project_rows.milestone_row(one, place)


def _events(life: Life, key: str, n: int) -> Iterator[dict[str, Any]]:
    for row in life.events:
        entry = str(uuid5(COMMAND_NAMESPACE, f"{n} {row['seq']}"))
        yield row | {"project_id": key, "command_id": f"{n}:{row['seq']}", "entry_id": entry}


def insist_lived(engine: Engine, numbers: Sequence[int]) -> None:
    """Hold rows against the states that they keep, and go on with one more real order.

    Raises `AssertionError`: the copies are not what the store would have written.
    """
    for n in numbers:
        key = id_of(n)
        with reading(engine) as connection:
            state = project_lists.state_of(connection, key)
            assert state is not None, key
            row = connection.execute(select(project).where(project.c.id == key)).mappings().one()
            kept = connection.execute(
                select(project_milestone)
                .where(project_milestone.c.project_id == key)
                .order_by(project_milestone.c.place)
            ).mappings()
            assert dict(row) == project_rows.row_of(state), key
            assert [dict(one) for one in kept] == list(milestones_of(state)), key
        body = {"title": "汛期停工", "level": "high", "answer": "顺延"}
        one = _recorded(state, key, "add_risk", body, TODAY, None)
        with engine.begin() as connection:
            project_rows.write(connection, one)
        with reading(engine) as connection:
            after = project_lists.state_of(connection, key)
        assert after is not None and len(after.risks) == len(state.risks) + 1, key
