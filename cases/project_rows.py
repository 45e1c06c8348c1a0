"""Rows of projects: written in the caller's transaction, one step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from cases.life_rows import (
    LateInstant,
    LifeTables,
    digest_of,
    late_of,
    state_json,
)
from cases.messages import Command, Outcome
from cases.project_tables import (
    project,
    project_event,
    project_gate,
    project_milestone,
    project_paper,
)
from cases.projection import json_text
from cases.projects.schedule import ORDER
from cases.projects.state import Milestone, ProjectState
from cases.projects.step import Step


@dataclass(frozen=True, slots=True)
class Recorded:
    """One step on its way into the store."""

    command: Command
    order_digest: str
    before: ProjectState | None
    step: Step
    recorded_at: datetime
    entry_id: str


LIVES = LifeTables(project, project_event, "project_id")


def answered(connection: Connection, command_id: str) -> tuple[Outcome, str] | None:
    """Return the outcome of an order that was carried out before, and the digest of what was
    ordered; None: it was not."""
    return LIVES.answered(connection, command_id)


def write(connection: Connection, one: Recorded) -> None:
    """Write a step. Raises `LostRace` when the project is not as it was; never commits."""
    state = one.step.state
    LIVES.put(connection, row_of(state), None if one.before is None else one.before.seq)
    connection.execute(insert(project_event).values(event_row(one)))
    _write_milestones(connection, one.before, state)
    _write_people(connection, one.before, state)


def overdue(connection: Connection, before: datetime, most: int = 500) -> Sequence[str]:
    """Return the projects whose next instant was to ring before `before` and has not."""
    return LIVES.overdue(connection, before, most)


def late_instants(connection: Connection, before: datetime, most: int) -> list[LateInstant]:
    """Return what was to ring before `before` and has not, by SQL alone, the latest first."""
    return late_of(connection, project, before, most)


def waiting_after(connection: Connection, last: str, most: int) -> Sequence[str]:
    """Return projects that wait for an instant, in the order of their ids, after `last`."""
    query = (
        select(project.c.id)
        .where(project.c.id > last, project.c.due_at.is_not(None))
        .order_by(project.c.id)
        .limit(most)
    )
    return list(connection.execute(query).scalars())


# --- the rows -----------------------------------------------------------------------------------


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def row_of(state: ProjectState) -> dict[str, Any]:
    """Return the project's row."""
    following = state.next_milestone
    risks = [one for one in state.risks if one.closed_at is None]
    return {
        "id": state.project_id,
        "number": state.number,
        "seq": state.seq,
        "stage": state.stage,
        "is_open": state.open,
        "template": state.template,
        "regime": state.regime,
        "title": state.title,
        "department": state.department,
        "operator": state.operator,
        "sector": state.sector,
        "pay": state.pay,
        "starts_on": _day(state.starts_on),
        "ends_on": _day(state.ends_on),
        "estimate_fen": state.estimate_fen,
        "total_fen": state.total_fen,
        "slippage": ORDER[state.slippage],
        "milestones": len(state.milestones),
        "achieved": sum(one.achieved for one in state.milestones),
        "next_milestone": following.id if following else "",
        "next_plan_on": _day(following.plan_on if following else None),
        "risks": len(risks),
        "high_risks": sum(one.level == "high" for one in risks),
        "established_at": state.established_at,
        "updated_at": state.updated_at,
        "due_at": state.timers[0].due_at if state.timers else None,
        "state": state_json(state),
    }


def event_row(one: Recorded) -> dict[str, Any]:
    """Return the row of a settled order."""
    state = one.step.state
    command, warrant = one.command, one.command.warrant
    return {
        "project_id": state.project_id,
        "seq": state.seq,
        "command_id": command.id,
        "order_digest": one.order_digest,
        "kind": command.verb,
        "at": state.updated_at,
        "recorded_at": one.recorded_at,
        "actor": command.actor.id,
        "on_behalf": command.actor.on_behalf,
        "role": warrant.role if warrant else "",
        "department": (warrant.department if warrant else "") or command.actor.department,
        "stage": state.stage,
        "said": json_text(dict(one.step.said)),
        "body": json_text(command.body),
        "entry_id": one.entry_id,
        "after": digest_of(state),
    }


def milestone_row(one: Milestone, place: int) -> dict[str, Any]:
    """Return a milestone's row without its keys."""
    return {
        "place": place,
        "stage": one.stage,
        "title": one.title,
        "pays": one.pays,
        "begins_on": _day(one.begins_on),
        "baseline_on": _day(one.baseline_on),
        "plan_on": _day(one.plan_on),
        "forecast_on": _day(one.forecast_on),
        "actual_on": _day(one.actual_on),
        "critical": one.critical,
        "slippage": ORDER[one.slippage],
        "evidence": len(one.evidence),
        "gate_open": one.gate_open,
    }


def _write_milestones(
    connection: Connection, before: ProjectState | None, state: ProjectState
) -> None:
    known = {one.id: one for one in before.milestones} if before else {}
    fresh = []
    for place, one in enumerate(state.milestones):
        if known.get(one.id) == one:
            continue
        row = milestone_row(one, place)
        if one.id not in known:
            fresh.append({"project_id": state.project_id, "id": one.id, **row})
            continue
        connection.execute(
            update(project_milestone)
            .where(
                project_milestone.c.project_id == state.project_id,
                project_milestone.c.id == one.id,
            )
            .values(row)
        )
    if fresh:
        connection.execute(insert(project_milestone), fresh)


def _write_people(connection: Connection, before: ProjectState | None, state: ProjectState) -> None:
    known = {one.id: one for one in before.milestones} if before else {}
    papers, passes = [], []
    for one in state.milestones:
        had = known.get(one.id)
        for given in one.evidence[len(had.evidence) if had else 0 :]:
            papers += [
                {"project_id": state.project_id, "milestone": one.id,
                 "sha256": given.paper.sha256, "person": person}
                for person in given.by
            ]  # fmt: skip
        same_round = had is not None and had.round == one.round
        for passed in one.passes[len(had.passes) if had and same_round else 0 :]:
            passes += [
                {"project_id": state.project_id, "milestone": one.id, "round": one.round,
                 "person": person}
                for person in passed.by
            ]  # fmt: skip
    if papers:
        connection.execute(insert(project_paper), papers)
    if passes:
        connection.execute(insert(project_gate), passes)
