"""Which instants a project waits for, and what is so when one comes.

A function of the state and of how days end in the city. Only instants after the last step: what
had passed before it is in the state already (a slippage, a lapse).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

from cases.lives import Due
from cases.messages import Command, TimerFired
from cases.projects.schedule import Span, critical, slipped, turns
from cases.projects.state import ProjectState, Security
from cases.projects.step import Known, Step, Tell, advanced, clerks, leads
from cases.settling import RuleForbids

EndOf = Callable[[date], datetime]

REMIND_DAYS: Final = (90, 30, 7)
"""Days before a guarantee or insurance ends on which its clerks are told; our own (YCJX-11)."""
AHEAD_DAYS: Final = 365
"""Before a term ends its handing over is prepared; our own (YCJX-11)."""
SCHEDULE, HOLDING, CAPITAL, TERM = "YCJX-10", "YCJX-11", "GBH84-1", "GBH115-5"


def timers_of(state: ProjectState, end_of: EndOf) -> tuple[Due, ...]:
    """Return every instant that has not rung yet, the earliest first.

    One that came before the last step and was waited for then is waited for still: a worker that
    was away rings it when it is back.
    """
    waited = {(one.key, one.due_at) for one in state.timers}
    found = [
        one
        for one in _all(state, end_of)
        if one.key not in state.passed
        and (one.due_at >= state.updated_at or (one.key, one.due_at) in waited)
    ]
    found.sort(key=lambda one: (one.due_at, one.key))
    return tuple(_first_slips(found))


def _first_slips(found: list[Due]) -> Iterator[Due]:
    """Yield of each milestone's turns the next alone: the others follow when it has rung."""
    seen: set[str] = set()
    for one in found:
        kind, _, rest = one.key.partition(":")
        milestone = rest.partition(":")[0]
        if kind == "slip":
            if milestone in seen:
                continue
            seen.add(milestone)
        yield one


def _all(state: ProjectState, end_of: EndOf) -> Iterator[Due]:
    if state.stage == "finished":
        return
    if state.stage == "running":
        yield from _of_plan(state, end_of)
        yield from _of_contract(state, end_of)
    for held in state.securities:
        if not held.ended and not held.lapsed:
            yield from _of_security(held, end_of)
    year = end_of(date(state.year, 12, 31))
    yield Due(key=f"year:{state.year + 1}", due_at=year, article=SCHEDULE)


def _of_plan(state: ProjectState, end_of: EndOf) -> Iterator[Due]:
    for one in state.milestones:
        if one.achieved:
            continue
        for turn in turns(one.plan_on, one.days, one.critical):
            # A class changes when the day before it has ended.
            when = end_of(turn - timedelta(days=1))
            yield Due(key=f"slip:{one.id}:{turn}", due_at=when, article=SCHEDULE)


def _of_contract(state: ProjectState, end_of: EndOf) -> Iterator[Due]:
    for n, owed in enumerate(state.capital):
        if owed.paid_fen < owed.due.amount_fen:
            yield Due(key=f"capital:{n}", due_at=end_of(owed.due.due_on), article=CAPITAL)
    if state.ends_on is not None:
        ahead = end_of(state.ends_on - timedelta(days=AHEAD_DAYS))
        yield Due(key=f"ahead:{state.ends_on}", due_at=ahead, article=TERM)
        yield Due(key=f"term:{state.ends_on}", due_at=end_of(state.ends_on), article=TERM)


def _of_security(held: Security, end_of: EndOf) -> Iterator[Due]:
    for before in REMIND_DAYS:
        when = end_of(held.until - timedelta(days=before))
        key = f"security:{held.id}:{held.until}:{before}"
        yield Due(key=key, due_at=when, article=HOLDING)
    yield Due(key=f"lapse:{held.id}:{held.until}", due_at=end_of(held.until), article=HOLDING)


def settled(state: ProjectState, today: date) -> ProjectState:
    """Return the state with critical path and slippage as they are on a day."""
    spans = {one.id: Span(one.begins_on, one.plan_on) for one in state.milestones}
    path = critical(state.milestones, spans)
    milestones = []
    for one in state.milestones:
        expected = one.actual_on or max(one.forecast_on or today, today)
        is_critical = one.id in path
        found = slipped(one.plan_on, one.days, expected, is_critical)
        milestones.append(one.model_copy(update={"critical": is_critical, "slippage": found}))
    return state.model_copy(update={"milestones": tuple(milestones)})


def ring(state: ProjectState, command: Command, body: TimerFired, known: Known) -> Step:
    """An instant has come. Raises `RuleForbids` for one that is not waited for any more."""
    due = next((one for one in state.timers if one.key == body.timer), None)
    if due is None or due.due_at != body.due_at:
        raise RuleForbids("not_waited_for", "这一时刻已不再等待")
    kind, _, rest = due.key.partition(":")
    changed: dict[str, Any] = {"passed": _kept(state, due.key)}
    told: tuple[Tell, ...] = ()
    match kind:
        case "slip":
            # Which class it comes to is reckoned for every step, on the day that begins now.
            told = (_tell(clerks(state), "milestone", due), _tell(leads(state), "milestone", due))
        case "capital":
            told = (_tell(leads(state), "capital", due),)
            changed["duties"] = tuple(dict.fromkeys((*state.duties, "pay_capital")))
        case "ahead" | "term":
            told = (_tell(leads(state), "project", due),)
        case "security":
            told = (_tell(clerks(state), "security", due),)
        case "lapse":
            told = (_tell(clerks(state), "security", due), _tell(leads(state), "security", due))
            key = rest.partition(":")[0]
            changed["securities"] = tuple(
                one.model_copy(update={"lapsed": True}) if one.id == key else one
                for one in state.securities
            )
        case "year":
            changed["year"] = int(rest)
            changed["passed"] = ()
    return Step(state=advanced(state, **changed), said={"timer": due.key}, told=told)


def _kept(state: ProjectState, key: str) -> tuple[str, ...]:
    """Return the keys that rang in this year: an older one lies before the last step for good."""
    return (*state.passed, key)


def _tell(recipient: str, kind: Any, due: Due) -> Tell:
    return Tell(recipient=recipient, kind=kind, key=due.key, fields={"basis": due.article})
