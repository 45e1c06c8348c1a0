"""The instants of a case in a step: what time has done before it, when the next ones come, and what
supervision makes of it.

Asks no row: state and clock events come as values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activities.supervising import RECHECKED, Supervision
from cases import approval, messages
from cases.messages import Command
from cases.rulings import Ruling
from cases.settling import Question
from cases.state import CaseState, ClockEvent, Event, Timer
from cases.supervision import ruling_role
from catalogue.load import Catalogue
from catalogue.working_days import NONE, Calendar


class Rules(Protocol):
    """The rules, as the worker hands them in."""

    def digest(self, pack: str) -> str:
        """Return the digest of the version of a pack that is active now. Raises `KeyError`."""
        ...

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        """Return the ruling of that version. Raises `RuleForbids` for a context it refuses."""
        ...


@dataclass(frozen=True, slots=True)
class Instants:
    """What time and supervision do in a step. Holds no state of its own."""

    catalogue: Callable[[], Catalogue]
    rules: Rules
    now: Callable[[], datetime]
    supervision: Supervision | None = None
    """None: no card is ever given."""

    def timers(self, state: CaseState, clock: Sequence[ClockEvent]) -> tuple[Timer, ...]:
        """Return the instants of every period that runs in this state.

        `clock` are all clock events of the case so far.
        """
        return approval.timers_of(state, clock, self.calendar(state.plan.calendar))

    def cards(
        self, state: CaseState, clock: Sequence[ClockEvent], at: datetime
    ) -> tuple[Timer, ...]:
        """Return the instants of the next cards as they are seen at `at`, or at the newest step."""
        return self._card_timers(state, max(at, state.last_at or at), clock)

    def retimed(
        self,
        state: CaseState,
        command: Command,
        body: messages.Frozen,
        clock: Sequence[ClockEvent],
    ) -> tuple[CaseState, tuple[Event, ...]]:
        """Derive the instants again, first of all, where the calendar is another than it was.

        Else an instant that no longer counts could pass in this very step.
        """
        calendar = self.calendar(state.plan.calendar)
        why = body if isinstance(body, messages.Retimed) else None
        if why is None and all(t.calendar_version == calendar.version for t in state.timers):
            return state, ()
        timers = self.timers(state, clock)
        if why is None and not (state.timers and approval.moved(state.timers, timers)):
            return state, ()
        rules = why is not None and why.kind == "rules"
        if why is None or (
            not rules and why.name == calendar.name and why.version != calendar.version
        ):
            # Found here, or told before yet another version came into force.
            why = messages.Retimed(
                cause=f"{calendar.name}@{calendar.version}",
                kind="calendar",
                name=calendar.name,
                version=calendar.version,
                article=approval.WORKING_DAYS,
            )
        now = approval.instant_of(state, command)
        # Cards by other rules are looked for from when those count; a calendar counts all along.
        at = now if rules else state.last_at or now
        timers = (*timers, *self._card_timers(state, at, clock))
        events = approval.retimed(state, timers, why, at)
        return folded(state, events), events

    def time_passed(
        self,
        state: CaseState,
        command: Command,
        body: messages.Frozen,
        clock: Sequence[ClockEvent],
    ) -> tuple[CaseState, tuple[Event, ...], dict[str, Ruling]]:
        """Let every instant that came before the order happen first, in its order.

        A timer's own order stops at its own instant, which `decide` then makes law. Returns the
        rulings that were asked for on the way too: they are recorded with the step.
        """
        until = approval.instant_of(state, command)
        own = body.timer if isinstance(body, messages.TimerFired) else ""
        seq = state.seq + 1
        events: list[Event] = []
        ruled: dict[str, Ruling] = {}
        while pending := approval.pending_timers(state)[:1]:
            (timer,) = pending
            if timer.due_at > until or timer.key == own:
                break
            told = (*clock, *approval.clock_events(events, seq))
            questions = approval.questions_of_time(state, until)
            rulings = self.ruled(state, questions, timer.due_at)
            rulings |= self._card_ruling(state, timer, told)
            ruled |= rulings
            passed = self.addressed(state, approval.passed_timers(state, until, rulings))
            state = folded(state, passed)
            events += passed
            told = (*clock, *approval.clock_events(events, seq))
            state, more = self.with_timers(state, passed[-1].at, told)
            events += more
        return state, tuple(events), ruled

    def with_timers(
        self, state: CaseState, at: datetime, clock: Sequence[ClockEvent]
    ) -> tuple[CaseState, tuple[Event, ...]]:
        """Return the state with the instants that follow from it, and the event that says so."""
        timers = (*self.timers(state, clock), *self._card_timers(state, at, clock))
        events = approval.timers_set(state, timers, at)
        return folded(state, events), events

    # --- supervision -----------------------------------------------------------------------------

    def _card_timers(
        self, state: CaseState, at: datetime, clock: Sequence[ClockEvent]
    ) -> tuple[Timer, ...]:
        """Return the instants of the next cards, and of those that are due and not yet settled.

        What the law makes of an instant comes before its card and may end the clock (a deemed
        acceptance ends the notice period): the card is owed all the same.
        """
        if self.supervision is None or state.stage == "ended":
            return ()
        calendar = self.calendar(state.plan.calendar)
        found = {one.key: one for one in self.supervision.timers(state, clock, calendar, at)}
        owed = [
            one
            for one in approval.pending_timers(state)
            if one.is_card and one.due_at <= at and one.key not in found
        ]
        return (*found.values(), *owed)

    def _card_ruling(
        self, state: CaseState, timer: Timer, clock: Sequence[ClockEvent]
    ) -> dict[str, Ruling]:
        if self.supervision is None:
            return {}
        calendar = self.calendar(state.plan.calendar)
        return self.supervision.ruling(state, clock, calendar, timer)

    def on_card(
        self,
        state: CaseState,
        command: Command,
        body: messages.Frozen,
        clock: Sequence[ClockEvent],
    ) -> dict[str, Ruling]:
        """Return what the rules say of the card that the order is about, if it is about one."""
        if self.supervision is None:
            return {}
        if isinstance(body, messages.IssueCard):
            at = approval.instant_of(state, command)
            return self.supervision.by_hand(state, command, body, at)
        if isinstance(body, messages.TimerFired):
            timer = Timer(key=body.timer, due_at=body.due_at, article=body.article)
            return self._card_ruling(state, timer, clock)
        return {}

    def addressed(self, state: CaseState, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """Return the events, each card with whom it goes to."""
        if self.supervision is None:
            return events
        return self.supervision.addressed(state, events, self.now())

    def rechecked(
        self, state: CaseState, events: Sequence[Event], clock: Sequence[ClockEvent]
    ) -> tuple[CaseState, tuple[Event, ...], dict[str, Ruling]]:
        """Take back the cards whose condition, as it is now known, was never true."""
        cause = next((event.kind for event in events if event.kind in RECHECKED), "")
        if self.supervision is None or not cause:
            return state, (), {}
        calendar = self.calendar(state.plan.calendar)
        false_now = self.supervision.false_now(state, clock, calendar)
        taken_back = approval.taken_back(
            state, [card for card, _ in false_now], cause, events[-1].at
        )
        rulings = {ruling_role(card.number): ruling for card, ruling in false_now}
        return folded(state, taken_back), taken_back, rulings

    def ruled(
        self, state: CaseState, questions: Sequence[Question], at: datetime
    ) -> dict[str, Ruling]:
        """Return the answers of the rules that the case was filed under, by role."""
        digests = state.plan.rule_digests
        return {
            question.role: self.rules.evaluate(digests[question.role], question.context, at)
            for question in questions
        }

    def calendar(self, name: str) -> Calendar:
        """Return the calendar in force of that name. Raises `KeyError`."""
        return NONE if name == NONE.name else self.catalogue().calendars[name]


def folded(state: CaseState, events: Sequence[Event]) -> CaseState:
    """Return the state after events."""
    for event in events:
        state = approval.evolve(state, event)
    return state
