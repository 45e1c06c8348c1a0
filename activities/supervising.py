"""Supervision: when the next card of a case is due, what the rules say of it, whom it goes to.

Forecasts are made by the rules' plain twin; a card follows from the ruling of the engine at its
instant, by the version of the rules in force then. Asks no row: events and state come as values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import JsonValue

from cases import approval, clocks
from cases.approval.cards import BY_HAND_ROLE, is_paused, number_of
from cases.clock import Due
from cases.clocks import Cause, Part, Period
from cases.holders import EVERYWHERE, PERSON, Holders
from cases.messages import Command, IssueCard
from cases.rulings import Ruling
from cases.state import Card, CaseState, ClockEvent, Event, Timer
from cases.supervision import (
    BY_HAND,
    LEVELS,
    Clock,
    Found,
    Seen,
    card_key,
    facts,
    next_cards,
    parts_of,
    ruling_role,
)
from cases.supervision.hindsight import WATCHED
from catalogue.clock_rules import ClockRule, Title
from catalogue.matters import Limit
from catalogue.working_days import Calendar

BEYOND_DAYS = 40
"""Days past the end over which cards are looked for, besides what the rules themselves name: the
longest run of days off so far is nine (春节 2026)."""

RECHECKED = frozenset({"retimed", "pause_disallowed", "pause_restored"})
"""Events that change a clock in hindsight: cards whose condition was never true are taken back."""
PAUSING = ("paused_at_left_working_days", "paused_total_percent")
"""Facts of what was done with pauses: they stay true of a pause that was disallowed since."""
FINDINGS = frozenset({"pause_disallowed", "pause_restored"})


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a version of the rules looks."""

    days: int
    """The largest number of working days past an end that a rule names."""
    percent: int
    """The largest share of a period that a rule names; at least 100."""


class CardRules(Protocol):
    """The rules of supervision, as the worker hands them in."""

    def in_force(self, at: datetime) -> str | None:
        """Return the digest of the version in force at an instant, known today; None: there is
        none, and no card."""
        ...

    def held(
        self, digest: str, context: Mapping[str, JsonValue], at: datetime
    ) -> Collection[tuple[str, str]]:
        """Return the rules that hold (id, article), by the plain twin."""
        ...

    def reach(self, digest: str) -> Reach: ...

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        """Return the ruling of that version, by the engine."""
        ...


class Addressees(Protocol):
    """Who there is, as the worker hands it in."""

    def look(self) -> Holders | None:
        """Return who there is now; None: the accounts cannot be read."""
        ...

    def upwards(self, department: str) -> Sequence[str]:
        """Return the department and those above it."""
        ...

    @property
    def centre(self) -> str:
        """Code of the department that supervises."""
        ...

    @property
    def discipline(self) -> str:
        """Code of the department for discipline (纪检); the centre where the city names none."""
        ...


@dataclass(frozen=True, slots=True)
class Supervision:
    """What the planner asks about cards. Holds no state of its own."""

    rules: CardRules
    addressees: Addressees

    def timers(
        self,
        state: CaseState,
        told: Sequence[ClockEvent],
        calendar: Calendar,
        at: datetime,
    ) -> tuple[Timer, ...]:
        """Return the next instant of each clock at which a card not yet given would be due.

        `at` is the instant of the step; nothing before it is looked at again.
        """
        if state.stage == "ended" or state.plan.process != "approval" or is_paused(state):
            return ()
        # A version that is signed already may come into force before the card's instant.
        digest = self.rules.in_force(at) or self.rules.in_force(at + timedelta(days=BEYOND_DAYS))
        if digest is None:
            return ()
        reach = self.rules.reach(digest)
        found = []
        for period in _open(state, told):
            horizon = _horizon(period, calendar, state.plan.zone, at, reach)
            if horizon is None:
                continue
            due, until = horizon
            for one in self._next(state, period, calendar, at, until, due.at, reach):
                found.append(
                    Timer(
                        key=card_key(period.key, one.rule),
                        due_at=one.at,
                        article=one.article,
                        provisional=due.provisional,
                        calendar_version=calendar.version,
                    )
                )
        return tuple(found)

    def _next(
        self,
        state: CaseState,
        period: Period,
        calendar: Calendar,
        at: datetime,
        until: datetime,
        due_at: datetime,
        reach: Reach,
    ) -> tuple[Found, ...]:
        """Return the next cards of a clock. Most come by its end: the days after it are laid out
        only where none does."""
        seen = seen_of(state, period)
        for last in (due_at, until) if at < due_at < until else (until,):
            clock = Clock.of(period, calendar, state.plan.zone, last)
            found = next_cards(clock, seen, at, last, self._held, reach.percent)
            if found:
                return found
        return ()

    def _held(self, context: Mapping[str, JsonValue], at: datetime) -> Collection[tuple[str, str]]:
        digest = self.rules.in_force(at)
        return () if digest is None else self.rules.held(digest, context, at)

    def ruling(
        self, state: CaseState, told: Sequence[ClockEvent], calendar: Calendar, timer: Timer
    ) -> dict[str, Ruling]:
        """Return the ruling on the card of a timer, under its role; {} for any other timer."""
        if not timer.is_card:
            return {}
        key, _ = parts_of(timer.key)
        period = _period(state, told, key)
        digest = self.rules.in_force(timer.due_at)
        if period is None or digest is None:
            return {}
        context = self._context(state, period, calendar, timer.due_at)
        ruling = self.rules.evaluate(digest, context, timer.due_at)
        return {ruling_role(number_of(state, timer)): ruling}

    def by_hand(
        self, state: CaseState, command: Command, body: IssueCard, at: datetime
    ) -> dict[str, Ruling]:
        """Return the ruling on a card that a supervisor issues."""
        digest = self.rules.in_force(at)
        if digest is None:
            return {}
        context: dict[str, JsonValue] = {
            "clock": BY_HAND,
            "ground": body.ground,
            "is_paused": is_paused(state),
            "department": body.department or state.plan.department,
            "matter": state.plan.matter,
            "backfilled": state.backfilled,
        }
        return {BY_HAND_ROLE: self.rules.evaluate(digest, context, at)}

    def _context(
        self, state: CaseState, period: Period, calendar: Calendar, at: datetime
    ) -> dict[str, JsonValue]:
        clock = Clock.of(period, calendar, state.plan.zone, at + timedelta(days=1))
        return facts(clock, at, seen_of(state, period))

    # --- in hindsight ----------------------------------------------------------------------------

    def false_now(
        self, state: CaseState, told: Sequence[ClockEvent], calendar: Calendar
    ) -> tuple[tuple[Card, Ruling], ...]:
        """Return the cards of clocks for which no rule of their level or a graver one would have
        held at their instant, as the clocks are seen now, each with the ruling that says so."""
        found = []
        rules = approval.clock_rules(state.plan)
        every = clocks.periods(rules, told)
        done = clocks.periods(rules, [one for one in told if one.kind not in FINDINGS])
        for card in state.cards:
            if not card.stands or card.since is None or card.clock.startswith("explain"):
                continue
            period = next((p for p in reversed(every) if p.key == card.clock), None)
            if period is None:
                continue
            before = replace_cards(state, card)
            context = self._context(before, period, calendar, card.at)
            paused = next((p for p in reversed(done) if p.key == card.clock), period)
            then = self._context(before, paused, calendar, card.at)
            context |= {name: then[name] for name in PAUSING if name in then}
            ruling = self.rules.evaluate(card.digest, context, card.at)
            graver = LEVELS[LEVELS.index(card.level) :]
            if all(one.then.get("level") not in graver for one in ruling.fired):
                found.append((card, ruling))
        return tuple(found)

    # --- to whom ---------------------------------------------------------------------------------

    def addressed(
        self, state: CaseState, events: Sequence[Event], now: datetime
    ) -> tuple[Event, ...]:
        """Return the events with what only this moment knows: to whom each card goes, and how late
        it was recorded."""
        return tuple(
            self._addressed(state, event, now) if event.kind == "card_issued" else event
            for event in events
        )

    def _addressed(self, state: CaseState, event: Event, now: datetime) -> Event:
        department = str(event.data["department"])
        wanted = event.data["recipients"]
        assert isinstance(wanted, list)
        holders = self.addressees.look()
        to: list[str] = []
        nobody: list[JsonValue] = []
        waits: list[str] = []
        for role in map(str, wanted):
            found = self._recipient(state, role, department, holders)
            if found:
                to.append(found)
            if not found or (holders is not None and not holders.has(found)):
                nobody.append(role)
            if not found:
                waits += [f"r:{role}:{code}" for code in self._levels(role, department)]
        if nobody or not to or holders is None:
            # Nobody to tell, or nobody known, must not mean that nobody is told.
            to.append(f"d:{self.addressees.centre}")
        late = max(timedelta(0), now - event.at)
        more: dict[str, JsonValue] = {
            "to": [*dict.fromkeys(to)],
            "nobody": nobody,
            "waits": [*dict.fromkeys(waits)],
            "organ": self.addressees.centre,
            "told_at": max(now, event.at).isoformat(),
            "late_seconds": int(late.total_seconds()),
        }
        return event.model_copy(update={"data": {**event.data, **more}})

    def _recipient(
        self, state: CaseState, role: str, department: str, holders: Holders | None
    ) -> str:
        """Return whom a role means here; empty: nobody holds it, in the department or above."""
        if role == "handler":
            holder = next(
                (
                    task.holder
                    for task in state.tasks
                    if task.state == "open" and task.department == department and task.holder
                ),
                "",
            )
            there = holders is None or holders.has(holder)
            # A system that holds a task reads no cards: its department does.
            return holder if holder.startswith(PERSON) and there else f"d:{department}"
        if role == "discipline":
            return f"d:{self.addressees.discipline}"
        levels = self._levels(role, department)
        if holders is None:
            return f"r:{role}:{levels[0]}"
        code = holders.nearest(role, levels)
        return f"r:{role}:{code}" if code else ""

    def _levels(self, role: str, department: str) -> tuple[str, ...]:
        """Return where a role is looked for, the nearest first."""
        if role == "supervisor":
            return (EVERYWHERE,)
        return (*self.addressees.upwards(department), EVERYWHERE)


def seen_of(state: CaseState, period: Period) -> Seen:
    """Return what the case knows of a run of a clock besides its ledger."""
    own = [
        card
        for card in state.cards
        if card.clock == period.key and card.since == period.start.at and card.revoked != "system"
    ]
    yellow = [card.told_at for card in own if card.level == "yellow" and card.stands]
    return Seen(
        department=department_of(state, period.key),
        matter=state.plan.matter,
        backfilled=state.backfilled,
        issued=frozenset(card.rule for card in own),
        levels=tuple(dict.fromkeys(card.level for card in own)),
        yellow_since=min(yellow, default=None),
    )


def department_of(state: CaseState, key: str) -> str:
    """Return the department responsible for a clock: a step's own, else the implementing one."""
    name, _, rest = key.partition(":")
    if name == "step":
        return next((t.department for t in state.tasks if t.key == rest), state.plan.department)
    if name == "explain":
        return next((c.department for c in state.cards if c.number == rest), state.plan.department)
    return state.plan.department


def replace_cards(state: CaseState, card: Card) -> CaseState:
    """Return the case as it was before a card was given."""
    index = state.cards.index(card)
    return state.model_copy(update={"cards": state.cards[:index]})


def _open(state: CaseState, told: Sequence[ClockEvent]) -> list[Period]:
    found = clocks.newest(clocks.periods(approval.clock_rules(state.plan), told)).values()
    own = [one for one in found if one.is_open and one.rule.clock in WATCHED]
    return [*own, *_explanations(state)]


def _period(state: CaseState, told: Sequence[ClockEvent], key: str) -> Period | None:
    """Return the newest run of a clock, ended or not: a breach is not undone by what came of it."""
    if key.startswith("explain:"):
        return next((one for one in _explanations(state) if one.key == key), None)
    return clocks.newest(clocks.periods(approval.clock_rules(state.plan), told)).get(key)


def _explanations(state: CaseState) -> list[Period]:
    """Return the periods in which written explanations are due."""
    found = []
    for card in state.cards:
        if not card.waits_for_explanation or card.explain_from is None:
            continue
        limit = Limit(n=card.explain_days, unit="working_day", basis=_EXPLAIN.id)
        start = Cause(card.number, "card_issued", card.explain_from, _EXPLAIN.id)
        rule = _EXPLAIN.model_copy(update={"limit": limit})
        found.append(Period(rule, f"explain:{card.number}", start, (Part(limit, start),)))
    return found


_EXPLAIN = ClockRule.model_validate(
    {
        "id": "YCJC-4",
        "clock": "explain",
        "title": Title(zh="书面说明期限", en="Time for a written explanation"),
        "starts": ({"event": "card_issued"},),
        "ends": ({"event": "card_explained"},),
        "limit": Limit(n=1, unit="working_day", basis="YCJC-4"),
        "verified": False,
    }
)


def _horizon(
    period: Period, calendar: Calendar, zone: str, at: datetime, reach: Reach
) -> tuple[Due, datetime] | None:
    """Return the end, and how far to look; None while the period stands still."""
    due = clocks.due_of(replace(period, end=None), calendar, zone)
    if due is None:
        return None
    more = (due.at - period.start.at) * max(0, reach.percent - 100) / 100
    return due, max(due.at + more, at) + timedelta(days=BEYOND_DAYS + 2 * reach.days)
