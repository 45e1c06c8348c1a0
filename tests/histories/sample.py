"""A sample matter, its people, and a settlement in memory that stands in for rows only.

The settlement calls the same machine and the same calendar arithmetic as `activities.settle`; it
keeps outcomes by command id, so that a repeated order gets its stored answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid5

from temporalio import activity

from activities.supervising import Supervision
from cases import approval
from cases.messages import (
    NAMESPACE,
    Actor,
    Command,
    Grant,
    Outcome,
    Retimed,
    Source,
    TimerFired,
    Warrant,
)
from cases.rulings import Ruling
from cases.settling import Batch, RuleForbids, Settled, SettledStep
from cases.state import CaseState, ClockEvent, Event, Timer
from catalogue.matters import Matter
from catalogue.working_days import NONE, TABLE_FIRST, TABLE_LAST, Calendar

MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""Monday 2026-03-02 09:00 in Beijing."""


def _step(code: str, department: str, inspectors: int = 0) -> dict[str, Any]:
    return {
        "环节编码": code,
        "环节名称": code,
        "办理部门": department,
        "环节时限": {"时限": 8, "单位": "day", "依据": "XKF-42-1"},
        "核查人数": inspectors,
    }


_LIMIT = {"时限": 20, "单位": "working_day", "依据": "XKF-42-1"}

MATTER: dict[str, Any] = {
    "标识": "sample-permit",
    "版本": "2026.1",
    "事项名称": "示例许可",
    "事项英文名称": "Sample permit",
    "基本编码": "000100000000",
    "实施编码": "11330000000000000000010000",
    "事项类型代码": "01",
    "行使层级代码": "3",
    "设定依据": ["XKF-42-1"],
    "实施主体": "market",
    "办件类型": "promised",
    "服务对象": ["enterprise"],
    "生效日期": "2026-01-01",
    "日历": "none",
    "法定办结时限": _LIMIT | {"单位": "day"},
    "承诺办结时限": _LIMIT | {"时限": 10, "单位": "day"},
    "补正告知时限": {"时限": 5, "单位": "day", "依据": "XKF-32-4"},
    "送达时限": {"时限": 10, "单位": "day", "依据": "XKF-44"},
    "延长审批": {"时限": 10, "单位": "day", "批准人": "organ_head", "依据": "XKF-42-1"},
    "特别程序": ["hearing", "testing"],
    "承诺时限停表": ["hearing", "supplement"],
    "网上申请须预审": True,
    "办理环节": [_step("review", "market")],
    "职责分离": [{"不得同人": ["accept", "decide"], "依据": "XKF-74"}],
    "申请材料": [
        {"材料编码": "form", "材料名称": "申请书"},
        {"材料编码": "plan", "材料名称": "平面图", "可容缺": True},
    ],
    "容缺受理": {
        "补齐时限": {"时限": 5, "单位": "day", "依据": "AY-24"},
        "逾期处理": "withdrawn",
        "依据": "AY-24",
    },
    "告知承诺": {"核查时限": {"时限": 60, "单位": "day", "依据": "ZJ-14"}, "依据": "AY-25"},
    "表单": {
        "type": "object",
        "properties": {
            "area_m2": {"type": "number", "title": "面积"},
            "owner": {"type": "string", "title": "负责人", "x-personal": True},
        },
    },
    "文书": ["receipt", "supplement_notice", "acceptance_notice", "grant", "refusal"],
    "规则": {},
    "结果名称": "示例许可证",
}  # fmt: skip


def matter(**changed: Any) -> Matter:
    return Matter.model_validate(MATTER | changed)


JOINT: dict[str, Any] = {
    "办理环节": [
        _step("planning", "planning"),
        _step("fire", "fire", inspectors=2),
        _step("heritage", "heritage"),
        _step("transport", "transport"),
    ],
    "牵头部门": "housing",
    "规则": {},
}  # fmt: skip
RENEWAL: dict[str, Any] = {
    "延续": {
        "有效期字段": "licence_until",
        "申请提前": {"时限": 30, "单位": "day", "依据": "XKF-50"},
        "依据": "XKF-50",
    },
    "表单": {
        "type": "object",
        "required": ["licence_until"],
        "properties": {"licence_until": {"type": "string", "format": "date", "title": "有效期"}},
    },
}  # fmt: skip
_MONDAYS = frozenset(
    date.fromordinal(ordinal)
    for ordinal in range(TABLE_FIRST.toordinal(), TABLE_LAST.toordinal() + 1, 7)
)
assert TABLE_FIRST.weekday() == 0
WEEKDAYS = Calendar("town", "weekdays", TABLE_FIRST, TABLE_LAST)
WITHOUT_MONDAYS = Calendar("town", "without-mondays", TABLE_FIRST, TABLE_LAST, off=_MONDAYS)
"""Two versions of one calendar: a week has one working day less in the second."""
EVERY_DAY = Calendar("town", "every-day", TABLE_FIRST, TABLE_LAST, every_day=True)
_IN_WORKING_DAYS = {"单位": "working_day"}
WORKING_DAYS: dict[str, Any] = {
    "日历": "town",
    "法定办结时限": _LIMIT | _IN_WORKING_DAYS,
    "承诺办结时限": _LIMIT | {"时限": 10} | _IN_WORKING_DAYS,
}
OPEN: dict[str, Any] = {"流程": "open", "职责分离": [], "办理环节": []}


def body_of_file(matter_code: str = "sample-permit", **more: Any) -> dict[str, Any]:
    return {
        "matter": matter_code,
        "applicant": {"kind": "enterprise", "name": "某某公司", "id_type": "USCC"},
        "form": {"area_m2": 120, "owner": "张三"},
        "materials": [{"code": "form"}, {"code": "plan"}],
    } | more


def order(
    verb: str,
    body: Mapping[str, Any] | None = None,
    *,
    case_id: str = "case-1",
    at: datetime = MONDAY,
    who: str = "u:clerk",
    role: str = "",
    name: str = "",
    backfill: bool = False,
    warranted_at: datetime | None = None,
) -> Command:
    """Return a command with a well-formed (unsigned) warrant."""
    command = Command(
        id=str(uuid5(NAMESPACE, f"{case_id}\n{name or verb}\n{at.isoformat()}\n{who}")),
        verb=verb,
        case_id=case_id,
        body=dict(body or {}),
        actor=Actor(id=who, grants=(Grant(role=role, department="market"),) if role else ()),
        source=Source(door="web"),
        occurred_at=at,
        backfill=backfill,
    )
    issued = warranted_at or at
    warrant = Warrant(
        command_id=command.id,
        command_digest=command.digest(),
        actor=who,
        act=verb,
        object_type="case",
        object_id=case_id,
        policy="test",
        row="test",
        role=role,
        issued_at=issued,
        expires_at=issued + timedelta(days=3650),
        issuer="web",
    )
    return command.model_copy(update={"warrant": warrant})


def retimed_body(version: str, cause: str = "") -> dict[str, Any]:
    """Return the body of the order by which another version of the calendar counts."""
    why = Retimed(
        cause=cause or f"cause-{version}", kind="calendar", name="town", version=version,
        article="XKF-82",
    )  # fmt: skip
    return why.model_dump(mode="json")


class PlainSettlement:
    """Settles in memory. `rulings` answers each question by its role."""

    def __init__(
        self,
        matter: Matter,
        rulings: Mapping[str, Ruling] | None = None,
        supervision: Supervision | None = None,
    ) -> None:
        self.matter = matter
        self.rulings = dict(rulings or {})
        self.calendar = NONE if matter.calendar == "none" else WEEKDAYS
        self.supervision = supervision
        self.stored: dict[str, SettledStep] = {}
        self.calls = 0

    @activity.defn(name="settle")
    def settle(self, batch: Batch) -> Settled:
        self.calls += 1
        state, filed = batch.state, None
        steps = []
        for command in batch.commands:
            step = self.stored.get(command.id)
            if step is None:
                state, step = self._new(state, command)
                self.stored[command.id] = step
            elif step.events and (state is None or step.outcome.seq > state.seq):
                state = self._fold(state, command, step.events)
            steps.append(step)
            if filed is None and batch.state is None:
                filed = state
        return Settled(steps=tuple(steps), state=filed)

    def _new(
        self, state: CaseState | None, command: Command
    ) -> tuple[CaseState | None, SettledStep]:
        try:
            after, events = self.walk(state, command)
        except RuleForbids as no:
            return state, SettledStep(
                outcome=Outcome(
                    command_id=command.id, case_id=command.case_id, status="refused",
                    code=no.code, reason=no.reason, basis=no.basis, field=no.field,
                )
            )  # fmt: skip
        outcome = Outcome(
            command_id=command.id, case_id=command.case_id, status="done",
            seq=after.seq, stage=after.stage, case_no=after.case_no,
            recorded_at=activity.info().scheduled_time if activity.in_activity() else None,
        )  # fmt: skip
        return after, SettledStep(outcome=outcome, events=events)

    def _fold(
        self, state: CaseState | None, command: Command, events: tuple[Event, ...]
    ) -> CaseState:
        if state is not None:
            clock = (*clock_of(state), *approval.clock_events(events, state.seq + 1))
            return remembered(approval.apply(state, events), clock)
        state, opened = approval.open_case(command, self.matter, "d" * 64, "NO-1")
        for event in events[len(opened) :]:
            state = approval.evolve(state, event)
        return remembered(state, approval.clock_events(events, 1))

    def walk(
        self, state: CaseState | None, command: Command
    ) -> tuple[CaseState, tuple[Event, ...]]:
        """Return the state after one command and its events, as `settle` walks them."""
        no = approval.impossible(state, command)
        if no is not None:
            raise no
        if state is None:
            state, events = approval.open_case(command, self.matter, "d" * 64, "NO-1")
            clock = approval.clock_events(events, 1)
            more = self._timers_set(state, clock, command.occurred_at)
            for event in more:
                state = approval.evolve(state, event)
            return remembered(state, clock), (*events, *more)
        clock = clock_of(state)
        if command.verb == "retimed":
            return self._retimed(state, command, clock)
        events = self.passed(state, command)
        now = folded(state, events)
        rulings = {q.role: self.rulings[q.role] for q in approval.questions(now, command)}
        rulings |= self._on_card(now, command, (*clock, *approval.clock_events(events)))
        events = (*events, *self._addressed(now, approval.decide(now, command, rulings)))
        now = folded(state, events)
        clock = (*clock, *approval.clock_events(events, state.seq + 1))
        events = (*events, *self._timers_set(now, clock, approval.instant_of(state, command)))
        return remembered(approval.apply(state, events), clock), events

    def _retimed(
        self, state: CaseState, command: Command, clock: tuple[ClockEvent, ...]
    ) -> tuple[CaseState, tuple[Event, ...]]:
        why = command.parsed()
        assert isinstance(why, Retimed)
        versions = (WEEKDAYS, WITHOUT_MONDAYS, EVERY_DAY)
        self.calendar = next(one for one in versions if one.version == why.version)
        at = approval.instant_of(state, command)
        events = approval.retimed(state, timers(state, clock, self.calendar), why, at)
        return remembered(approval.apply(state, events), clock), events

    def passed(self, state: CaseState, command: Command) -> tuple[Event, ...]:
        """Return what time alone made happen before the command, in order."""
        until = approval.instant_of(state, command)
        own = command.body.get("timer") if command.verb == "timer_fired" else None
        events: tuple[Event, ...] = ()
        clock, seq = clock_of(state), state.seq
        while pending := approval.pending_timers(state)[:1]:
            (timer,) = pending
            if timer.due_at > until or timer.key == own:
                break
            told = (*clock, *approval.clock_events(events, seq + 1))
            gone = self._addressed(
                state, approval.timer_events(state, timer, self._ruling(state, told, timer))
            )
            state = folded(state, gone)
            events = (*events, *gone)
            told = (*clock, *approval.clock_events(events, seq + 1))
            more = self._timers_set(state, told, gone[-1].at)
            state = folded(state, more)
            events = (*events, *more)
        return events

    def _timers_set(
        self, state: CaseState, clock: Sequence[ClockEvent], at: datetime
    ) -> tuple[Event, ...]:
        found = timers(state, clock, self.calendar)
        if self.supervision is not None:
            cards = self.supervision.timers(state, clock, self.calendar, at)
            known = {one.key for one in cards}
            owed = (one for one in approval.pending_timers(state) if one.is_card)
            late = (one for one in owed if one.due_at <= at and one.key not in known)
            found = (*found, *cards, *(late if state.stage != "ended" else ()))
        return approval.timers_set(state, found, at)

    def _ruling(
        self, state: CaseState, clock: Sequence[ClockEvent], timer: Timer
    ) -> dict[str, Ruling]:
        if self.supervision is None:
            return {}
        return self.supervision.ruling(state, clock, self.calendar, timer)

    def _on_card(
        self, state: CaseState, command: Command, clock: Sequence[ClockEvent]
    ) -> dict[str, Ruling]:
        body = command.parsed()
        if not isinstance(body, TimerFired):
            return {}
        timer = Timer(key=body.timer, due_at=body.due_at, article=body.article)
        return self._ruling(state, clock, timer)

    def _addressed(self, state: CaseState, events: tuple[Event, ...]) -> tuple[Event, ...]:
        if self.supervision is None or not events:
            return events
        return self.supervision.addressed(state, events, events[0].at)


def passed(state: CaseState, command: Command) -> tuple[Event, ...]:
    """Return what time alone made happen before the command, without supervision."""
    return PlainSettlement(matter()).passed(state, command)


def folded(state: CaseState, events: tuple[Event, ...]) -> CaseState:
    for event in events:
        state = approval.evolve(state, event)
    return state


_CLOCKS: dict[str, tuple[ClockEvent, ...]] = {}
"""A settled state as JSON → the clock events that led to it: what the rows keep beside it."""


def remembered(state: CaseState, clock: tuple[ClockEvent, ...]) -> CaseState:
    _CLOCKS[state.model_dump_json()] = clock
    return state


def clock_of(state: CaseState) -> tuple[ClockEvent, ...]:
    """Return the clock events of a state that was settled here. Raises `KeyError`."""
    return _CLOCKS[state.model_dump_json()]


def timers(
    state: CaseState, clock: Sequence[ClockEvent], calendar: Calendar = NONE
) -> tuple[Timer, ...]:
    return approval.timers_of(state, clock, calendar)


def ruling(role: str, **outcome: Any) -> Ruling:
    return Ruling(
        pack=role, version="1", digest="d" * 64, engine="plain", context={}, outcome=outcome
    )
