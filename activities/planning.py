"""Everything about a step that needs no transaction: warrant, time passed, ruling, law, papers.

What comes out is a `Planned` step, whole, so that the one transaction only writes. Time and cards
stand in `instants`, what is written in `recording`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import Engine, bindparam, select

from activities.announcing import Announcer
from activities.indexing import BlindIndex
from activities.instants import Instants, Rules, folded
from activities.papers import Press
from activities.recording import Draft, Names, Recording, Walked, erased, nobody_is_named
from activities.reissuing import Reissuing, reissued
from activities.sealing import Sealer
from activities.supervising import Supervision
from audit.vault import KeyDestroyed
from cases import approval, messages, numbers
from cases.acceptance import bars_of, standing_of
from cases.approval import articles
from cases.approval.bars import check_may_apply
from cases.case_view import clock_event_of
from cases.database import reading
from cases.messages import Command
from cases.rulings import Ruling
from cases.settling import DocumentWish, Forged, RuleForbids
from cases.state import CaseState, ClockEvent, Event, Timer
from cases.store import Filing, StepRecord
from cases.tables import clock_event
from catalogue.load import Catalogue, MatterUnknown, canonical, digest
from catalogue.matters import Matter

Verify = Callable[[Command], RuleForbids | None]
"""Says what is wrong with a command's warrant, signature included; None where nothing is. Expiry
is not judged again: it was when the command was admitted."""

Again = Callable[[Command, CaseState | None], RuleForbids | None]
"""Asks policy once more, for the actor as they stand now and the case as it is; None: yes. Raises
when that cannot be known: then nothing is settled and it is tried again."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A step ready to be written, and the numbers that it uses."""

    record: StepRecord
    numbers: tuple[numbers.Number, ...] = ()


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans steps. Holds what is needed to, and no state of its own."""

    engine: Engine
    sealer: Sealer
    catalogue: Callable[[], Catalogue]
    rules: Rules
    verify: Verify
    again: Again
    press: Press
    announcer: Announcer
    now: Callable[[], datetime]
    zones: dict[str, ZoneInfo] = field(default_factory=dict)
    supervision: Supervision | None = None
    """None: no card is ever given."""
    names: Names = nobody_is_named

    def plan(self, walked: Walked, command: Command) -> Planned:
        """Return the step and move `walked` on. Raises `RuleForbids`: then nothing has moved."""
        fault = self._warrant_fault(command)
        if fault is not None:
            raise fault
        body = _parsed(command)
        no = self.again(command, walked.state)
        if no is not None:
            # What the state forbids anyway is the better answer: it says what to do instead.
            raise approval.impossible(walked.state, command) or no
        if walked.state is None:
            refusal = approval.impossible(None, command)
            if refusal is not None:
                raise refusal
            return self._file(walked, command, body)
        return self._step(walked, walked.state, command, body)

    def timers(self, state: CaseState, clock: Sequence[ClockEvent]) -> tuple[Timer, ...]:
        """Return the instants of every period that runs in this state.

        `clock` are all clock events of the case so far.
        """
        return self._instants.timers(state, clock)

    def cards(
        self, state: CaseState, clock: Sequence[ClockEvent], at: datetime
    ) -> tuple[Timer, ...]:
        """Return the instants of the next cards as they are seen at `at`, or at the newest step."""
        return self._instants.cards(state, clock, at)

    def clock(self, walked: Walked) -> tuple[ClockEvent, ...]:
        """Return the clock events of the case up to its newest settled step."""
        if walked.clock is None:
            state = walked.state
            walked.clock = () if state is None else self._clock(state.case_id, state.seq)
        return walked.clock

    def _clock(self, case_id: str, seq: int) -> tuple[ClockEvent, ...]:
        with reading(self.engine) as connection:
            rows = connection.execute(_CLOCK, {"case_id": case_id, "newest": seq}).all()
        return tuple(clock_event_of(row) for row in rows)

    def reopened(self, command: Command, newest: CaseState, events: Sequence[Event]) -> CaseState:
        """Return the state after a filing that was settled before, from its stored events."""
        body = _parsed(command)
        assert isinstance(body, messages.File)
        matter = self._matter(body, command)
        state, opened = approval.open_case(
            command,
            matter,
            newest.plan.digest,
            newest.case_no,
            subject=newest.subject,
            calendar=self._instants.calendar(matter.calendar),
        )
        # The plan is the one filed under, also when other rules have been activated since.
        state = state.model_copy(update={"plan": newest.plan})
        for event in events[len(opened) :]:
            state = approval.evolve(state, event)
        return state

    # --- the two kinds of step -------------------------------------------------------------------

    def _file(self, walked: Walked, command: Command, body: messages.Frozen) -> Planned:
        assert isinstance(body, messages.File)
        matter = self._matter(body, command)
        subject = self.sealer.subject(body.applicant, command.case_id)
        state, events = approval.open_case(
            command,
            matter,
            digest(matter),
            subject=subject,
            rule_digests={
                role: self.rules.digest(pack) for role, pack in sorted(matter.rules.items())
            },
            calendar=self._instants.calendar(matter.calendar),
        )
        judged = self._may_apply(state, events[-1])
        state, events = folded(state, judged), (*events, *judged)
        at = self.now()
        state, more = self._instants.with_timers(
            state, events[-1].at, approval.clock_events(events, 1)
        )
        events = (*events, *more)
        wishes = approval.document_wishes(None, command, events, state)
        series = numbers.case_series(matter.department, self._local(at).date())
        first, *others = self._reserve(command, wishes, at, [series])
        state = state.model_copy(update={"case_no": first.text})
        try:
            filing = Filing(
                indexed=BlindIndex(self.engine, self.sealer).of(body.applicant),
                applicant=self.sealer.applicant(body.applicant, subject, command.case_id),
                public_code=self.sealer.code("case", command.case_id),
                matter=canonical(matter).decode(),
            )
        except KeyDestroyed as gone:
            raise erased() from gone
        walked.applicant = body.applicant
        fresh = Walked(None, {}, body.applicant)
        record = self._recording.record(
            Draft(command, body, at, None, state, events, {}), fresh, wishes, others, matter
        )
        walked.state, walked.form, walked.clock = state, fresh.form, record.clock
        return Planned(replace(record, filing=filing), (first, *others))

    def _may_apply(self, state: CaseState, filed: Event) -> tuple[Event, ...]:
        """Refuse who may not apply for the same licence again yet; else say what was looked at.

        Judged at the instant of receipt, by the cases of the same applicant as they stand now.
        """
        if not state.plan.concerns_safety:
            return ()
        with reading(self.engine) as connection:
            earlier, bars = bars_of(connection, state.subject, state.plan.matter)
        assert state.received_at is not None  # it was filed
        check_may_apply(bars, state.received_at, state.plan.zone)
        data: dict[str, Any] = {
            "earlier": earlier, "bars": len(bars), "article": articles.FALSE_MATERIALS,
        }  # fmt: skip
        return (filed.model_copy(update={"kind": "bars_judged", "data": data}),)

    def _in_turn(self, state: CaseState, body: messages.Frozen, at: datetime) -> Sequence[Event]:
        """Refuse a grant over the head of whoever was accepted before; else name the place.

        有数量限制的行政许可 alone, where its matter says that the order of acceptance decides.
        """
        scarce = state.plan.scarcity
        if scarce is None or not scarce.by_acceptance:
            return ()
        if not isinstance(body, messages.Decide) or body.result != "grant":
            return ()
        with reading(self.engine) as connection:
            standing = standing_of(connection, state)
        if standing is None:
            return ()
        if standing.undecided:
            raise RuleForbids(
                "out_of_turn",
                f"本许可有数量限制，受理在先的 {'、'.join(standing.undecided[:5])} "
                f"等 {len(standing.undecided)} 件尚未决定；请按受理先后顺序作出决定",
                scarce.basis,
            )
        data: dict[str, Any] = {"place": standing.place, "article": scarce.basis}
        return (Event(kind="order_judged", at=at, by="system", data=data),)

    def _step(
        self, walked: Walked, before: CaseState, command: Command, body: messages.Frozen
    ) -> Planned:
        clock, instants = self.clock(walked), self._instants
        state, events = instants.retimed(before, command, body, clock)
        rulings: dict[str, Ruling] = {}
        if not _overtaken(state, body, events):
            state, more, of_time = instants.time_passed(state, command, body, clock)
            told = (*clock, *approval.clock_events((*events, *more), before.seq + 1))
            asked = approval.questions(state, command)
            ruled = instants.ruled(state, asked, approval.instant_of(state, command))
            ruled |= instants.on_card(state, command, body, told)
            decided = instants.addressed(state, approval.decide(state, command, ruled))
            decided = reissued(self.engine, state, command, body, decided)
            in_turn = self._in_turn(state, body, approval.instant_of(state, command))
            decided = (*decided, *in_turn)
            state = folded(state, decided)
            events = (*events, *more, *decided)
            rulings = {**of_time, **ruled}
        told = (*clock, *approval.clock_events(events, before.seq + 1))
        state, taken_back, more_rulings = instants.rechecked(state, events, told)
        events, rulings = (*events, *taken_back), rulings | more_rulings
        state, more = instants.with_timers(state, approval.instant_of(before, command), told)
        events = (*events, *more)
        after = state.model_copy(update={"seq": before.seq + 1})
        at = self.now()
        wishes = approval.document_wishes(before, command, events, after)
        reserved = self._reserve(command, wishes, at, [])
        draft = Draft(command, body, at, before, after, events, rulings)
        record = self._recording.record(draft, walked, wishes, reserved, None)
        walked.state, walked.clock = after, (*clock, *record.clock)
        return Planned(record, tuple(reserved))

    # --- pieces ----------------------------------------------------------------------------------

    def _warrant_fault(self, command: Command) -> RuleForbids | None:
        # Expiry was judged at admission; at the warrant's own instant it has not expired.
        issued = command.warrant.issued_at if command.warrant else self.now()
        fault = approval.warrant_fault(command, issued)
        if fault is not None:
            return Forged(fault.code, fault.reason, fault.basis, fault.field)
        return self.verify(command)

    def _matter(self, body: messages.File, command: Command) -> Matter:
        catalogue = self.catalogue()
        try:
            if body.version:
                return catalogue.matter(body.matter, body.version)
            return catalogue.matter_at(body.matter, command.occurred_at)
        except MatterUnknown as unknown:
            raise RuleForbids("unknown_matter", str(unknown), "", "body.matter") from unknown

    def _reserve(
        self,
        command: Command,
        wishes: Sequence[DocumentWish],
        at: datetime,
        first: list[numbers.Series],
    ) -> list[numbers.Number]:
        city = self.catalogue().city
        day = self._local(at).date()
        wanted = first + [
            numbers.document_series(
                wish.department, city.department(wish.department).number_prefix, wish.kind, day
            )
            for wish in wishes
        ]
        return numbers.reserve(self.engine, command.id, command.case_id, wanted, at)

    def _local(self, at: datetime) -> datetime:
        name = self.catalogue().city.zone
        zone = self.zones.get(name) or self.zones.setdefault(name, ZoneInfo(name))
        return at.astimezone(zone)

    @property
    def _instants(self) -> Instants:
        return Instants(self.catalogue, self.rules, self.now, self.supervision)

    @property
    def _recording(self) -> Recording:
        return Recording(
            self.engine, self.sealer, self.press, self.announcer, self._instants, self.names,
            Reissuing(self.engine, self.sealer, self.reopened),
        )  # fmt: skip


_CLOCK = (
    select(clock_event)
    .where(clock_event.c.case_id == bindparam("case_id"), clock_event.c.seq <= bindparam("newest"))
    .order_by(clock_event.c.seq, clock_event.c.n)
)


def _parsed(command: Command) -> messages.Frozen:
    try:
        return command.parsed()
    except KeyError as unknown:
        raise RuleForbids(
            "unknown_verb", f"没有「{command.verb}」这种办理动作", "", "verb"
        ) from unknown
    except ValidationError as malformed:
        first = malformed.errors()[0]
        path = ".".join(str(part) for part in ("body", *first["loc"]))
        basis = articles.asked_by(command.verb, first["loc"])
        raise RuleForbids("malformed", f"内容不合格式：{first['msg']}", basis, path) from malformed


def _overtaken(state: CaseState, body: messages.Frozen, retimed: Sequence[Event]) -> bool:
    """Whether nothing is left to do: an order to retime, or an instant that was moved away."""
    if isinstance(body, messages.Retimed):
        return state.stage != "ended"  # of an ended case the machine says its no
    if not retimed or not isinstance(body, messages.TimerFired):
        return False
    pending = {(timer.key, timer.due_at) for timer in approval.pending_timers(state)}
    return (body.timer, body.due_at) not in pending


__all__ = ["Again", "Planned", "Planner", "Rules", "Verify", "Walked"]
