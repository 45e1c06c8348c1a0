"""Everything about a step that needs no transaction: warrant, time passed, ruling, law, papers.

What comes out is a `Planned` step, whole, so that the one transaction only writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError
from sqlalchemy import Engine, bindparam, select

from activities.announcing import Announcer
from activities.entries import STEP
from activities.papers import DocumentOrder, Press
from activities.printing import FontsMissing, GlyphMissing
from activities.sealing import Sealer, merged_form
from activities.supervising import RECHECKED, Supervision
from audit.entry import entry_id
from audit.vault import KeyDestroyed
from cases import approval, messages, numbers
from cases.acceptance import bars_of, standing_of
from cases.approval import articles
from cases.approval.bars import check_may_apply
from cases.case_view import clock_event_of
from cases.clocks.lines import ClockLine, lines
from cases.database import reading
from cases.messages import NAMESPACE, Command, DocumentRef, Outcome, Person
from cases.rulings import Ruling
from cases.settling import DocumentWish, Question, RuleForbids
from cases.state import CaseState, ClockEvent, Event, Plan, Timer
from cases.store import DocumentFile, Filing, StepRecord, place
from cases.supervision import ruling_role
from cases.tables import case, clock_event
from catalogue.load import Catalogue, MatterUnknown, canonical, digest
from catalogue.matters import Matter
from catalogue.working_days import NONE, Calendar


class Rules(Protocol):
    """The rules, as the worker hands them in."""

    def digest(self, pack: str) -> str:
        """Return the digest of the version of a pack that is active now. Raises `KeyError`."""
        ...

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        """Return the ruling of that version. Raises `RuleForbids` for a context it refuses."""
        ...


Verify = Callable[[Command], RuleForbids | None]
"""Says what is wrong with a command's warrant, signature included; None where nothing is. Expiry
is not judged again: it was when the command was admitted."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A step ready to be written, and the numbers that it uses."""

    record: StepRecord
    numbers: tuple[numbers.Number, ...] = ()


@dataclass(slots=True)
class Walked:
    """The case while the batch is planned: the newest state, and what was read of the rows."""

    state: CaseState | None
    form: dict[str, Any] | None = None
    applicant: Person | None = None
    clock: tuple[ClockEvent, ...] | None = None
    """Clock events up to `state.seq`; None: not read yet."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans steps. Holds what is needed to, and no state of its own."""

    engine: Engine
    sealer: Sealer
    catalogue: Callable[[], Catalogue]
    rules: Rules
    verify: Verify
    press: Press
    announcer: Announcer
    now: Callable[[], datetime]
    zones: dict[str, ZoneInfo] = field(default_factory=dict)
    supervision: Supervision | None = None
    """None: no card is ever given."""

    def plan(self, walked: Walked, command: Command) -> Planned:
        """Return the step and move `walked` on. Raises `RuleForbids`: then nothing has moved."""
        fault = self._warrant_fault(command)
        if fault is not None:
            raise fault
        body = _parsed(command)
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
        return approval.timers_of(state, clock, self._calendar(state.plan.calendar))

    def cards(
        self, state: CaseState, clock: Sequence[ClockEvent], at: datetime
    ) -> tuple[Timer, ...]:
        """Return the instants of the next cards as they are seen at `at`, or at the newest step."""
        return self._card_timers(state, max(at, state.last_at or at), clock)

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
            calendar=self._calendar(matter.calendar),
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
            calendar=self._calendar(matter.calendar),
        )
        judged = self._may_apply(state, events[-1])
        state, events = _folded(state, judged), (*events, *judged)
        at = self.now()
        state, more = self._with_timers(state, events[-1].at, approval.clock_events(events, 1))
        events = (*events, *more)
        wishes = approval.document_wishes(None, command, events, state)
        series = numbers.case_series(matter.department, self._local(at).date())
        first, *others = self._reserve(command, wishes, at, [series])
        state = state.model_copy(update={"case_no": first.text})
        try:
            filing = Filing(
                name_mac=self.sealer.name_mac(body.applicant.name),
                applicant=self.sealer.applicant(body.applicant, subject, command.case_id),
                public_code=self.sealer.code("case", command.case_id),
                matter=canonical(matter).decode(),
            )
        except KeyDestroyed as erased:
            raise _erased() from erased
        walked.applicant = body.applicant
        fresh = Walked(None, {}, body.applicant)
        record = self._record(
            _Draft(command, body, at, None, state, events, {}), fresh, wishes, others, matter
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
        clock = self.clock(walked)
        state, events = self._retimed(before, command, body, clock)
        rulings: dict[str, Ruling] = {}
        if not _overtaken(state, body, events):
            state, more, of_time = self._time_passed(state, command, body, clock)
            told = (*clock, *approval.clock_events((*events, *more), before.seq + 1))
            asked = approval.questions(state, command)
            ruled = self._ruled(state, asked, approval.instant_of(state, command))
            ruled |= self._on_card(state, command, body, told)
            decided = self._addressed(state, approval.decide(state, command, ruled))
            in_turn = self._in_turn(state, body, approval.instant_of(state, command))
            decided = (*decided, *in_turn)
            state = _folded(state, decided)
            events = (*events, *more, *decided)
            rulings = {**of_time, **ruled}
        told = (*clock, *approval.clock_events(events, before.seq + 1))
        state, taken_back, more_rulings = self._rechecked(state, events, told)
        events, rulings = (*events, *taken_back), rulings | more_rulings
        state, more = self._with_timers(state, approval.instant_of(before, command), told)
        events = (*events, *more)
        after = state.model_copy(update={"seq": before.seq + 1})
        at = self.now()
        wishes = approval.document_wishes(before, command, events, after)
        reserved = self._reserve(command, wishes, at, [])
        draft = _Draft(command, body, at, before, after, events, rulings)
        record = self._record(draft, walked, wishes, reserved, None)
        walked.state, walked.clock = after, (*clock, *record.clock)
        return Planned(record, tuple(reserved))

    def _record(
        self,
        draft: _Draft,
        walked: Walked,
        wishes: Sequence[DocumentWish],
        reserved: Sequence[numbers.Number],
        matter: Matter | None,
    ) -> StepRecord:
        command, after = draft.command, draft.after
        form = self._form(walked, command, draft.body)
        try:
            sealed = self.sealer.step(
                command, draft.body, after.subject, after.seq, draft.rulings, form
            )
            files = tuple(
                self._document(draft, walked, wish, number, matter)
                for wish, number in zip(wishes, reserved, strict=True)
            )
        except KeyDestroyed as erased:
            raise _erased() from erased
        entry = entry_id(command.id, STEP)
        if form is not None:
            walked.form = form
        told = approval.clock_events(draft.events, after.seq)
        return StepRecord(
            command=command,
            body=draft.body,
            recorded_at=draft.at,
            before=draft.before,
            after=after,
            events=draft.events,
            clock=told,
            rulings=draft.rulings,
            sealed=sealed,
            entry_id=entry,
            outcome=Outcome(
                command_id=command.id,
                case_id=command.case_id,
                status="done",
                case_no=after.case_no,
                seq=after.seq,
                stage=after.stage,
                documents=tuple(file.ref for file in files),
                entry=entry,
                recorded_at=draft.at,
            ),
            documents=files,
            messages=self.announcer.messages(command, after, draft.events),
            lines=self._lines(walked.clock or (), told, after.plan, draft.events),
        )

    def _lines(
        self,
        earlier: Sequence[ClockEvent],
        told: Sequence[ClockEvent],
        plan: Plan,
        of_step: Sequence[Event],
    ) -> tuple[ClockLine, ...]:
        """Return the lines of the clocks that this step began, changed or ended; all, if retimed"""
        again = any(event.kind == "retimed" for event in of_step)
        if not told and not again:
            return ()
        events = (*earlier, *told)
        rules, calendar = approval.clock_rules(plan), self._calendar(plan.calendar)
        return lines(rules, events, calendar, plan, already=0 if again else len(earlier))

    # --- pieces ----------------------------------------------------------------------------------

    def _warrant_fault(self, command: Command) -> RuleForbids | None:
        # Expiry was judged at admission; at the warrant's own instant it has not expired.
        issued = command.warrant.issued_at if command.warrant else self.now()
        return approval.warrant_fault(command, issued) or self.verify(command)

    def _matter(self, body: messages.File, command: Command) -> Matter:
        catalogue = self.catalogue()
        try:
            if body.version:
                return catalogue.matter(body.matter, body.version)
            return catalogue.matter_at(body.matter, command.occurred_at)
        except MatterUnknown as unknown:
            raise RuleForbids("unknown_matter", str(unknown), "", "body.matter") from unknown

    def _retimed(
        self,
        state: CaseState,
        command: Command,
        body: messages.Frozen,
        clock: Sequence[ClockEvent],
    ) -> tuple[CaseState, tuple[Event, ...]]:
        """Derive the instants again, first of all, where the calendar is another than it was.

        Else an instant that no longer counts could pass in this very step.
        """
        calendar = self._calendar(state.plan.calendar)
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
        return _folded(state, events), events

    def _time_passed(
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
            rulings = self._ruled(state, questions, timer.due_at)
            rulings |= self._card_ruling(state, timer, told)
            ruled |= rulings
            passed = self._addressed(state, approval.passed_timers(state, until, rulings))
            state = _folded(state, passed)
            events += passed
            told = (*clock, *approval.clock_events(events, seq))
            state, more = self._with_timers(state, passed[-1].at, told)
            events += more
        return state, tuple(events), ruled

    def _with_timers(
        self, state: CaseState, at: datetime, clock: Sequence[ClockEvent]
    ) -> tuple[CaseState, tuple[Event, ...]]:
        timers = (*self.timers(state, clock), *self._card_timers(state, at, clock))
        events = approval.timers_set(state, timers, at)
        return _folded(state, events), events

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
        calendar = self._calendar(state.plan.calendar)
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
        calendar = self._calendar(state.plan.calendar)
        return self.supervision.ruling(state, clock, calendar, timer)

    def _on_card(
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

    def _addressed(self, state: CaseState, events: tuple[Event, ...]) -> tuple[Event, ...]:
        if self.supervision is None:
            return events
        return self.supervision.addressed(state, events, self.now())

    def _rechecked(
        self, state: CaseState, events: Sequence[Event], clock: Sequence[ClockEvent]
    ) -> tuple[CaseState, tuple[Event, ...], dict[str, Ruling]]:
        """Take back the cards whose condition, as it is now known, was never true."""
        cause = next((event.kind for event in events if event.kind in RECHECKED), "")
        if self.supervision is None or not cause:
            return state, (), {}
        calendar = self._calendar(state.plan.calendar)
        false_now = self.supervision.false_now(state, clock, calendar)
        taken_back = approval.taken_back(
            state, [card for card, _ in false_now], cause, events[-1].at
        )
        rulings = {ruling_role(card.number): ruling for card, ruling in false_now}
        return _folded(state, taken_back), taken_back, rulings

    def _ruled(
        self, state: CaseState, questions: Sequence[Question], at: datetime
    ) -> dict[str, Ruling]:
        digests = state.plan.rule_digests
        return {
            question.role: self.rules.evaluate(digests[question.role], question.context, at)
            for question in questions
        }

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

    def _document(
        self,
        draft: _Draft,
        walked: Walked,
        wish: DocumentWish,
        number: numbers.Number,
        matter: Matter | None,
    ) -> DocumentFile:
        command, after = draft.command, draft.after
        document_id = str(uuid5(_root(command.id), f"document:{number.text}"))
        plan = after.plan
        order = DocumentOrder(
            kind=wish.kind,
            number=number.text,
            code=self.sealer.code("document", document_id),
            issued_at=draft.at,
            department=self.catalogue().city.department(wish.department),
            matter=matter or self.catalogue().matter(plan.matter, plan.version),
            case=after,
            applicant=self._applicant(walked, command.case_id),
            command=command,
            facts=wish.facts,
        )
        content = self._printed(order)
        ref = DocumentRef(
            id=document_id,
            kind=wish.kind,
            number=number.text,
            digest=sha256(content).hexdigest(),
            code=order.code,
        )
        sealed = self.sealer.document(content, after.subject, command.case_id, document_id)
        return DocumentFile(ref, wish.department, number, sealed)

    def _printed(self, order: DocumentOrder) -> bytes:
        """Return the file. A character that no font has is a *no*: whoever typed it must see it.

        A machine without any Chinese font is the world being away: `FontsMissing` rises.
        """
        try:
            return self.press.render(order)
        except FontsMissing:
            raise
        except GlyphMissing as missing:
            raise RuleForbids(
                "glyph_missing",
                f"文书字库没有这些字：{missing.characters}。请改用规范字，或由系统管理员安装字体后重新提交",
                "GB 18030-2022",
            ) from missing

    def _form(
        self, walked: Walked, command: Command, body: messages.Frozen
    ) -> dict[str, Any] | None:
        if merged_form({}, body) is None:
            return None
        if walked.form is None:
            walked.form = orjson.loads(self._opened(command.case_id, "form"))
        return merged_form(walked.form, body)

    def _applicant(self, walked: Walked, case_id: str) -> Person:
        if walked.applicant is None:
            walked.applicant = Person.model_validate_json(self._opened(case_id, "applicant"))
        return walked.applicant

    def _opened(self, case_id: str, column: str) -> bytes:
        sealed = case.c[f"{column}_sealed"]
        with reading(self.engine) as connection:
            row = connection.execute(
                select(case.c.subject, sealed).where(case.c.id == case_id)
            ).one()
        return self.sealer.vault.open(row[0], row[1], place("case", column, case_id))

    def _calendar(self, name: str) -> Calendar:
        return NONE if name == NONE.name else self.catalogue().calendars[name]

    def _local(self, at: datetime) -> datetime:
        name = self.catalogue().city.zone
        zone = self.zones.get(name) or self.zones.setdefault(name, ZoneInfo(name))
        return at.astimezone(zone)


_CLOCK = (
    select(clock_event)
    .where(clock_event.c.case_id == bindparam("case_id"), clock_event.c.seq <= bindparam("newest"))
    .order_by(clock_event.c.seq, clock_event.c.n)
)


@dataclass(frozen=True, slots=True)
class _Draft:
    """What law has made of a command, before anything is sealed or rendered."""

    command: Command
    body: messages.Frozen
    at: datetime
    before: CaseState | None
    after: CaseState
    events: tuple[Event, ...]
    rulings: Mapping[str, Ruling]


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


def _folded(state: CaseState, events: Sequence[Event]) -> CaseState:
    for event in events:
        state = approval.evolve(state, event)
    return state


def _overtaken(state: CaseState, body: messages.Frozen, retimed: Sequence[Event]) -> bool:
    """Whether nothing is left to do: an order to retime, or an instant that was moved away."""
    if isinstance(body, messages.Retimed):
        return state.stage != "ended"  # of an ended case the machine says its no
    if not retimed or not isinstance(body, messages.TimerFired):
        return False
    pending = {(timer.key, timer.due_at) for timer in approval.pending_timers(state)}
    return (body.timer, body.due_at) not in pending


def _erased() -> RuleForbids:
    return RuleForbids(
        "erased", "申请人的个人信息已依法删除，本件不能再办理", "个人信息保护法第四十七条"
    )


def _root(command_id: str) -> UUID:
    return uuid5(NAMESPACE, f"command\n{command_id}")
