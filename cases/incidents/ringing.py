"""What happens when an instant comes: who is told, what counts as late. Each key rings once."""

from __future__ import annotations

from typing import Any, Final

from cases.incidents.routing import CENTRE
from cases.incidents.state import IncidentState, Late, Unit
from cases.incidents.step import Known, Step, Tell, advanced, centre, leaders, role, unit
from cases.lives import Due
from cases.messages import Command, TimerFired
from cases.settling import RuleForbids

LIMITS: Final = frozenset({"graded", "dispatched", "acknowledged", "arrive", "finish", "rung:100"})
"""Timers that are limits themselves: passing one is lateness."""


def ring(state: IncidentState, _command: Command, body: TimerFired, _known: Known) -> Step:
    """Return what an instant brings. Raises `RuleForbids` when it no longer waits."""
    timer = next(
        (one for one in state.timers if one.key == body.timer and one.due_at == body.due_at), None
    )
    if timer is None:
        raise RuleForbids("not_pending", "这一时刻已不再等待")
    late = timer.key in LIMITS or timer.key.startswith(("report:", "lesson:"))
    state, told = _rung(state, timer)
    changed: dict[str, Any] = {"passed": (*state.passed, timer.key)}
    if late:
        missed = Late(key=timer.key, due_at=timer.due_at, article=timer.article)
        changed["late"] = (*state.late, missed)
    return Step(
        state=advanced(state, **changed),
        told=tuple(told),
        said={"timer": timer.key, "article": timer.article, "late": late},
    )


def _rung(state: IncidentState, timer: Due) -> tuple[IncidentState, list[Tell]]:
    word, _, rest = timer.key.partition(":")
    due = timer.due_at.isoformat()
    match word:
        case "rung":
            return state, _escalated(state, rest, due)
        case "again":
            return _again(state, int(rest), timer, due)
        case "forgotten":
            return _forgotten(state, int(rest.split(":")[0]), timer, due)
        case "report" | "report_soon":
            return state, _report_due(state, word, timer, due)
        case "lesson":
            lesson = next(one for one in state.lessons if one.id == rest)
            return state, leaders([lesson.department], "lesson", timer.key, due=due)
        case "response":
            return state, [role("commander", "response", timer.key, due=due)]
        case "arrive" | "finish":
            sent = [one.department for one in state.active if one.lead]
            return state, [
                *leaders(sent, "escalated", timer.key, limit=word, due=due),
                role("commander", "escalated", timer.key, limit=word, due=due),
            ]
        case _:
            return state, [centre(state, "escalated", timer.key, limit=word, due=due)]


def _escalated(state: IncidentState, key: str, due: str) -> list[Tell]:
    """Return the notices of one rung: duty officer, unit leader, 指挥长, 分管市领导."""
    rung = next(one for one in state.limits.rungs if one.key == key)
    told: list[Tell] = []
    for who in rung.told:
        match who:
            case "duty_officer":
                told.append(centre(state, "escalated", f"rung:{key}", rung=key, due=due))
            case "unit_leader":
                unsigned = [one.department for one in state.active if one.state == "dispatched"]
                told += leaders(unsigned or [CENTRE], "escalated", f"rung:{key}", rung=key, due=due)
            case "city_leader":
                told.append(role("government_head", "escalated", f"rung:{key}", rung=key, due=due))
            case _:
                told.append(role(who, "escalated", f"rung:{key}", rung=key, due=due))
    return told


def _again(state: IncidentState, n: int, timer: Due, due: str) -> tuple[IncidentState, list[Tell]]:
    """Five minutes unsigned: unit and leader are rung again, and the centre may redirect."""
    one = _unit(state, n)
    units = tuple(
        other.model_copy(update={"rung": other.rung + 1}) if other.n == n else other
        for other in state.units
    )
    told = [
        unit(state, one.department, "rung_again", timer.key, due=due),
        *leaders([one.department], "rung_again", timer.key, due=due),
        centre(state, "rung_again", timer.key, unit=one.department, due=due),
    ]
    return state.model_copy(update={"units": units}), told


def _forgotten(
    state: IncidentState, n: int, timer: Due, due: str
) -> tuple[IncidentState, list[Tell]]:
    """Acknowledged and silent too long: the unit is reminded, the second time its leader too."""
    one = _unit(state, n)
    units = tuple(
        other.model_copy(update={"forgotten": other.forgotten + 1}) if other.n == n else other
        for other in state.units
    )
    told = [
        unit(state, one.department, "forgotten", timer.key, due=due),
        centre(state, "forgotten", timer.key, unit=one.department, due=due),
    ]
    if one.forgotten:
        told += leaders([one.department], "forgotten", timer.key, due=due)
    return state.model_copy(update={"units": units}), told


def _report_due(state: IncidentState, word: str, timer: Due, due: str) -> list[Tell]:
    told = [centre(state, "report_due", timer.key, limit=timer.key.split(":")[1], due=due)]
    if word == "report":
        told.append(role("commander", "report_due", timer.key, due=due))
    return told


def _unit(state: IncidentState, n: int) -> Unit:
    return next(one for one in state.units if one.n == n)
