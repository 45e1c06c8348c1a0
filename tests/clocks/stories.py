"""Case histories as a workflow can make them, drawn at random: what both clocks are told.

A story is drawn from anything that chooses: `random.Random(seed)` for speed, or Hypothesis, which
then finds the smallest story that shows a fault. Instants like to stand at the edges of a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from cases.state import ClockEvent
from tests.clocks.by_day import DayTable, tell
from tests.clocks.timetable import EIGHT, Span, Timetable

_T = TypeVar("_T")

CHINA = "Asia/Shanghai"
MINUTES = (0, 1, 540, 720, 1050, 1439)
"""Minutes of a day that are drawn often: its edges, opening, noon, closing."""
GROUNDS = (*sorted(EIGHT), "site_visit", "publicity")
DEPARTMENTS = ("planning", "fire", "heritage")


class Chooser(Protocol):
    """What a story is drawn from."""

    def below(self, n: int) -> int:
        """Return a number from 0 to n - 1."""
        ...


class Seeded:
    """Drawn from a seed: the same story everywhere and always."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed).random

    def below(self, n: int) -> int:
        return int(self.random() * n)


@dataclass
class Story:
    """One case: whose numbers, what happened, and when one asks."""

    timetable: Timetable
    events: list[ClockEvent]
    until: datetime


def _steps(*spans: Span) -> dict[str, Span]:
    return {f"review-{name}": span for name, span in zip(DEPARTMENTS, spans, strict=False)}


def _days(statutory: int, promised: int, more: int, pauses: frozenset[str]) -> Timetable:
    return Timetable(
        zone=CHINA,
        statutory=(statutory, "working_day"),
        promised=(promised, "working_day"),
        extension=(more, "working_day") if more else None,
        promise_pauses=pauses,
        steps=_steps((8, "working_day"), (5, "working_day"), (3, "day")),
        undertaking=(5, "working_day"),
    )


_OWN = EIGHT | {"supplement", "site_visit", "publicity"}
TIMETABLES: tuple[Timetable, ...] = (
    _days(20, 10, 0, EIGHT),  # 第四十二条第一款, not to be extended
    _days(20, 10, 10, EIGHT),
    _days(20, 10, 10, _OWN),
    _days(45, 22, 15, _OWN),  # 第四十二条第二款
    _days(45, 22, 15, frozenset()),  # a promise that nothing stops
    _days(1, 1, 1, _OWN),
    Timetable(
        zone=CHINA, statutory=(60, "day"), promised=(30, "day"), notice=(7, "day"),
        delivery=(10, "day"), extension=(30, "day"), promise_pauses=_OWN,
        steps=_steps((8, "day"), (5, "working_day"), (1, "day")), undertaking=(30, "day"),
    ),
    Timetable(
        zone=CHINA, statutory=(1, "working_day"), promised=(0, "on_the_spot"),
        notice=(0, "on_the_spot"), promise_pauses=_OWN, steps=_steps((0, "on_the_spot")),
    ),
    Timetable(
        zone=CHINA, statutory=(20, "working_day"), promised=(16, "working_hour"),
        promise_pauses=_OWN, steps=_steps((8, "working_hour"), (24, "hour"), (90, "minute")),
    ),
    Timetable(
        zone=CHINA, statutory=(72, "hour"), promised=(24, "hour"), extension=(24, "hour"),
        promise_pauses=_OWN, steps=_steps((3, "working_hour"), (15, "minute")),
    ),
    Timetable(  # 政府信息公开: from receipt, anew after a supplement
        zone=CHINA, statutory=(20, "working_day"), promised=(15, "working_day"),
        notice=(7, "working_day"), delivery=(5, "working_day"), extension=(20, "working_day"),
        promise_pauses=frozenset({"supplement"}), counts_from="receipt",
    ),
    Timetable(  # 延续, and inspectors to be named within five working days
        zone=CHINA, statutory=(20, "working_day"), promised=(15, "working_day"),
        extension=(10, "working_day"), assignment=(5, "working_day"), late_renews=False,
    ),
    Timetable(
        zone="Europe/Amsterdam", statutory=(56, "day"), promised=(56, "day"), notice=(56, "day"),
        delivery=(7, "day"), extension=(42, "day"), promise_pauses=frozenset({"supplement"}),
    ),
)  # fmt: skip

FIRST = date(2019, 11, 1).toordinal()
LAST = date(2027, 2, 28).toordinal()
"""A few begin past the last published notice (2026-12-31)."""


def story(choose: Chooser, table: DayTable) -> Story:
    """Return a case from its receipt to wherever it got to."""
    teller = _Teller(choose, TIMETABLES[choose.below(len(TIMETABLES))], table)
    teller.tell()
    return Story(teller.timetable, teller.events, teller.asked_at())


@dataclass
class _Teller:
    choose: Chooser
    timetable: Timetable
    table: DayTable
    events: list[ClockEvent] = field(default_factory=list)
    now: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    noticed: bool = False
    extended: bool = False
    undertaking: bool = False
    assigned: bool = False
    hearing: str = ""
    """What came last of the hearing on request."""
    accepted_at: datetime | None = None
    open: dict[str, str] = field(default_factory=dict)
    """Pauses that stand: name → ground; a supplement is one too."""
    numbers: dict[str, int] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    """Names of pauses that were, for supervision to look at."""
    steps: dict[str, bool] = field(default_factory=dict)
    """Task → whether it is open."""

    def tell(self) -> None:
        self.now = self._at(FIRST + self.choose.below(LAST - FIRST))
        self.say("received", None, **self._licence())
        if not self._until_acceptance():
            return
        self._review()

    def asked_at(self) -> datetime:
        """Return the instant at which one asks: now, or up to thirty days later."""
        days = (0, 0, 1, 7, 30)[self.choose.below(5)]
        return max(self.now, self._later(days)) if days else self.now

    # --- time ---

    def _at(self, ordinal: int) -> datetime:
        pick = self.choose.below(len(MINUTES) + 3)
        minute = MINUTES[pick] if pick < len(MINUTES) else self.choose.below(1440)
        day = date.fromordinal(ordinal)
        clock = time(minute // 60, minute % 60)
        return datetime.combine(day, clock, ZoneInfo(self.timetable.zone)).astimezone(UTC)

    def _later(self, most: int) -> datetime:
        """Return an instant up to so many days on, never before now."""
        zone = ZoneInfo(self.timetable.zone)
        ordinal = self.now.astimezone(zone).toordinal() + self.choose.below(most + 1)
        return max(self.now, self._at(ordinal))

    def _go_on(self, most: int) -> None:
        """Let time pass: not at all, minutes, or days."""
        match self.choose.below(4):
            case 0:
                pass
            case 1:
                self.now += timedelta(minutes=1 + self.choose.below(240))
            case _:
                self.now = self._later(most)

    def chance(self, percent: int) -> bool:
        return self.choose.below(100) < percent

    def one_of(self, these: Sequence[_T]) -> _T:
        return these[self.choose.below(len(these))]

    def say(self, kind: str, at: datetime | None = None, **detail: JsonValue) -> None:
        self.events.append(
            ClockEvent(
                id=f"{len(self.events) + 1}.0",
                kind=kind,
                at=at or self.now,
                article="XKF-42-1",
                detail=detail,
            )
        )

    def _licence(self) -> dict[str, JsonValue]:
        """Return what a request for renewal says of the licence."""
        if self.timetable.late_renews is None:
            return {}
        days = self.choose.below(60)
        zone = ZoneInfo(self.timetable.zone)
        until = self.now.astimezone(zone).date() + timedelta(days=days)
        return {"licence_until": until.isoformat(), "requested_late": days < 30}

    # --- before acceptance ---

    def _until_acceptance(self) -> bool:
        """Tell how it came to acceptance; False when it never did."""
        notice_due = self._notice_due()
        if self.chance(15):
            self.now = notice_due  # silence to the end
        self._go_on(6)
        if self.now >= notice_due:
            self._deemed(notice_due)
            return True
        match self.choose.below(10):
            case 0:
                self.say("refused_acceptance", ending="not_accepted")
                return False
            case 1:
                self.say("withdrawn", ending="withdrawn")
                return False
            case 2 | 3 | 4:
                if not self._supplemented():
                    return False
        self._accept()
        return True

    def _notice_due(self) -> datetime:
        """Return when silence makes an acceptance: lived through with nothing else told."""
        lived = tell(self.timetable, self.table, self.events, self.now)
        (due_at,) = (run.due_at for run in lived if run.key == "notice")
        assert due_at is not None
        return due_at

    def _deemed(self, at: datetime) -> None:
        received_at = self.events[0].at
        self.now = max(self.now, at)
        self.say("timer_passed", timer="notice", due_at=at.isoformat())
        self.say("deemed_accepted", at=received_at)
        self.accepted_at = received_at
        self._open_steps()

    def _supplemented(self) -> bool:
        self.noticed = True
        days = 1 + self.choose.below(30)
        self.say("noticed", lacking=["plan"], supply_within_days=days, back_to="received")
        while self.chance(30):
            self._go_on(10)
            self.say("supplied", complete=False)
        self._go_on(20)
        if self.chance(15):
            self.say("withdrawn", ending="withdrawn")
            return False
        self.say("supplied", complete=True)
        self._go_on(5)
        return True

    def _accept(self) -> None:
        self.undertaking = self.timetable.undertaking is not None and self.chance(20)
        self.say("accepted", mode="tolerant" if self.undertaking else "plain")
        self.accepted_at = self.now
        self._open_steps()

    def _open_steps(self) -> None:
        for name in DEPARTMENTS[: 1 + self.choose.below(3)]:
            self._open_step(f"review-{name}")

    def _open_step(self, task: str) -> None:
        self.steps[task] = True
        self.say("step_opened", task=task, department=task.removeprefix("review-"))

    # --- review ---

    def _review(self) -> None:
        for _ in range(self.choose.below(14)):
            self._go_on(12)
            self._something()
        self._go_on(20)
        match self.choose.below(10):
            case 0 | 1 | 2:
                return
            case 3:
                self._end_pauses()
                self._end_steps()
                self.say("withdrawn", ending="withdrawn")
            case _:
                self._end_pauses()
                if not self.open:
                    self._decided()

    def _something(self) -> None:
        match self.choose.below(12):
            case 0 | 1 | 2:
                self._start_pause()
            case 3 | 4 | 5:
                self._end_one_pause()
            case 6:
                self._ask_supplement()
            case 7:
                self._extend()
            case 8:
                self._step()
            case 9:
                self._hear()
            case _:
                self._supervise()

    def _start_pause(self) -> None:
        ground = self.one_of(GROUNDS)
        if ground in self.open.values():
            return
        self.numbers[ground] = self.numbers.get(ground, 0) + 1
        name = f"{ground}-{self.numbers[ground]}"
        self.open[name] = ground
        self.say("paused", ground=ground, name=name, expected_days=9)

    def _end_one_pause(self) -> None:
        if not self.open:
            return
        name = self.one_of(sorted(self.open))
        ground = self.open.pop(name)
        self.ended.append(name)
        if name == "supplement":
            self.say("supplied", complete=True)
        else:
            self.say("resumed", ground=ground, name=name)
        if self.chance(15) and ground in EIGHT:
            self._again(ground)  # touching: ends and begins at the same instant

    def _again(self, ground: str) -> None:
        self.numbers[ground] += 1
        name = f"{ground}-{self.numbers[ground]}"
        self.open[name] = ground
        self.say("paused", ground=ground, name=name, expected_days=9)

    def _end_pauses(self) -> None:
        for name in sorted(self.open):
            if name != "supplement":
                self.say("resumed", ground=self.open.pop(name), name=name)

    def _ask_supplement(self) -> None:
        if self.noticed:
            return
        self.noticed = True
        self.open["supplement"] = "supplement"
        self.say("noticed", lacking=["plan"], supply_within_days=15, back_to="review")

    def _extend(self) -> None:
        """第四十二条: once, and before the statutory period has expired."""
        if self.extended or self.timetable.extension is None:
            return
        lived = tell(self.timetable, self.table, self.events, self.now)
        statutory = next(run for run in reversed(lived) if run.key == "statutory")
        if statutory.due_at is not None and self.now >= statutory.due_at:
            return
        self.extended = True
        n, unit = self.timetable.extension
        self.say("extended", n=n, unit=unit, rank="organ_head")

    def _step(self) -> None:
        task = self.one_of(sorted(self.steps))
        if self.steps[task]:
            self.steps[task] = False
            self.say("step_done", task=task, state="done", department=task.removeprefix("review-"))
        else:
            self._open_step(task)

    def _end_steps(self) -> None:
        for task in sorted(task for task, is_open in self.steps.items() if is_open):
            self.steps[task] = False
            self.say(
                "step_done", task=task, state="cancelled", department=task.removeprefix("review-")
            )

    def _hear(self) -> None:
        """The hearing, one step further; or inspectors are named."""
        if self.timetable.assignment is not None and not self.assigned:
            self.assigned = True
            self.say("inspectors_assigned", officers=2)
            return
        following = {
            "": ("hearing_right_told",),
            "hearing_right_told": ("hearing_requested", "hearing_requested", "hearing_lapsed"),
            "hearing_requested": ("hearing_held", "hearing_cancelled"),
        }.get(self.hearing)
        if following is not None:
            self.hearing = self.one_of(following)
            self.say(self.hearing)

    def _supervise(self) -> None:
        names = sorted({*self.ended, *self.open})
        if self.undertaking and self.chance(50):
            self.undertaking = False
            self.say("supplied", complete=False, made_good=True)
        elif names:
            name = self.one_of(names)
            self.say("pause_disallowed", name=name)
            if self.chance(40):
                self._go_on(3)
                self.say("pause_restored", name=name)

    def _decided(self) -> None:
        self._end_steps()
        result = self.one_of(("grant", "grant", "refuse", "terminate"))
        self.say("decided", result=result, check=False)
        if result != "terminate" and self.chance(80):
            decided_at = self.now
            self._go_on(20)
            # Service may be recorded afterwards, with its own day.
            served_at = decided_at if self.chance(20) else self.now
            self.say("delivered", at=served_at, method="post")
        if self.chance(70):
            self._go_on(5)
            self.say("closed", ending="granted")
            if self.chance(50):
                self._go_on(35)
                self.say("rated", good=True)
