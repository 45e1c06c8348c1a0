"""Folding the machines again where new or late readings changed what the rules say.

`Machines` is the writer's own copy of all states and turns; the store has the same after each
commit. A machine is folded from the earliest hour that changed until it goes on as it went before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from cases import reading_alarms as rows
from cases.reading_alarms import FoldRow, TurnRow
from rules.alarms import IDLE, Guard, Said, State, Step, Turn, advance, together
from yichuang.reading_rules import Machine, ReadingRules, Subject, spoken

CHUNK_HOURS = 240
"""Hours of verdicts read at a time while a fold goes on."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An hour of a subject that is new, or of which the rules say something else now."""

    subject: Subject
    hour: int
    before: str
    now: str


@dataclass(frozen=True)
class Fold:
    """A machine's new history from `first` to `last` (None: to its end)."""

    machine: Machine
    number: int
    first: int
    last: int | None
    states: tuple[tuple[int, str], ...]
    turns: tuple[TurnRow, ...]
    before: tuple[TurnRow, ...]
    """The turns that this part had until now."""

    @property
    def row(self) -> FoldRow:
        """Return it as the store takes it."""
        return FoldRow(self.number, self.first, self.last, self.states, self.turns)


@dataclass
class _Held:
    """A machine's copy: parallel lists by hour."""

    number: int
    hours: list[int] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    turns: list[TurnRow] = field(default_factory=list)

    def state_before(self, hour: int) -> str:
        n = bisect_left(self.hours, hour)
        return self.states[n - 1] if n else ""

    def state_at(self, hour: int) -> str:
        n = bisect_right(self.hours, hour)
        return self.states[n - 1] if n else ""


class Machines:
    """All machines of a store. Not for several threads at once."""

    def __init__(self, connection: Connection, rules: ReadingRules) -> None:
        """Read what the store has."""
        self._rules = rules
        self._held: dict[Machine, _Held] = {}
        states, turns = rows.states(connection), rows.turns(connection)
        for key, number in rows.machines(connection).items():
            pairs = states.get(number, [])
            self._held[key] = _Held(
                number, [h for h, _ in pairs], [s for _, s in pairs], turns.get(number, [])
            )
        self._next = max((one.number for one in self._held.values()), default=0) + 1
        self._members: dict[Machine, list[Subject]] = {}
        self._is_placed: set[int] = set()
        self._active: set[int] = set()
        """Subjects whose hours matter even where no rule holds: a machine of theirs has a past."""
        self.fresh: dict[Machine, int] = {}
        """Machines that the store does not have yet."""

    def place(self, subjects: Iterable[Subject]) -> None:
        """Note which machines the subjects belong to; those that are known cost nothing."""
        for subject in subjects:
            if subject.id in self._is_placed:
                continue
            self._is_placed.add(subject.id)
            for machine in self._rules.feeds(subject):
                self._members.setdefault(machine, []).append(subject)
                if (held := self._held.get(machine)) is not None and held.hours:
                    self._active.add(subject.id)

    def forget_members(self) -> None:
        """Say that there are other rules than before; the subjects are placed again then."""
        self._members.clear()
        self._is_placed.clear()

    def members(self, machine: Machine) -> Sequence[Subject]:
        """Return the subjects whose hours are the machine's steps."""
        return self._members.get(machine, ())

    def refold(self, connection: Connection, changed: Sequence[Changed]) -> list[Fold]:
        """Return the machines whose history changes, folded. Changes nothing here yet."""
        now: dict[int, dict[int, str]] = {}
        spans: dict[Machine, tuple[int, int]] = {}
        for one in changed:
            now.setdefault(one.subject.id, {})[one.hour] = one.now
            if not one.now and not one.before and one.subject.id not in self._active:
                continue
            for machine in self._touched(one):
                first, last = spans.get(machine, (one.hour, one.hour))
                spans[machine] = (min(first, one.hour), max(last, one.hour))
        folds = [
            self._fold(connection, machine, self.members(machine), first, last, now)
            for machine, (first, last) in spans.items()
        ]
        return [one for one in folds if one is not None]

    def kept(self, folds: Sequence[Fold]) -> None:
        """Take folds over, after they were committed."""
        for fold in folds:
            held = self._held[fold.machine]
            low = bisect_left(held.hours, fold.first)
            high = len(held.hours) if fold.last is None else bisect_right(held.hours, fold.last)
            held.hours[low:high] = [h for h, _ in fold.states]
            held.states[low:high] = [s for _, s in fold.states]
            turns = [t for t in held.turns if not _within(t.at, fold.first, fold.last)]
            held.turns = sorted([*turns, *fold.turns], key=lambda turn: turn.at)
            if held.hours:
                self._active |= {one.id for one in self.members(fold.machine)}
        self.fresh.clear()

    def turns(self, fold: Fold) -> list[TurnRow]:
        """Return all turns of a machine as they are with the fold."""
        kept = [t for t in self._held[fold.machine].turns
                if not _within(t.at, fold.first, fold.last)]  # fmt: skip
        return sorted([*kept, *fold.turns], key=lambda turn: turn.at)

    # --- which, and from where -------------------------------------------------------------------

    def _touched(self, one: Changed) -> list[Machine]:
        askers = self._rules.askers(one.subject, one.hour)
        if not askers:  # no rule is in force: whatever its machines were doing ends
            return [
                machine
                for machine in self._rules.feeds(one.subject)
                if (held := self._held.get(machine)) is not None and held.hours
            ]
        return [
            machine
            for asker in askers
            for machine, guards in asker.machines.items()
            if self._is_touched(machine, guards, one)
        ]

    def _is_touched(self, machine: Machine, guards: Sequence[Guard], one: Changed) -> bool:
        """Whether the hour can matter: a rule holds or held, or the machine is not idle there."""
        held = self._held.get(machine)
        if held is not None and held.hours:
            if held.state_before(one.hour) or held.hours[-1] >= one.hour:
                return True
        for verdict in (one.now, one.before):
            if verdict and '"h"' in verdict:
                said = spoken(verdict).get(machine[0], {})
                if any(said.get(guard.rule) == "held" for guard in guards):
                    return True
        return False

    # --- the fold --------------------------------------------------------------------------------

    def _fold(
        self,
        connection: Connection,
        machine: Machine,
        members: Sequence[Subject],
        first: int,
        last: int,
        now: Mapping[int, Mapping[int, str]],
    ) -> Fold | None:
        held = self._held.get(machine)
        if held is None:
            held = self._held[machine] = _Held(self._next)
            self.fresh[machine] = self._next
            self._next += 1
        series = {one.id: one for one in members}
        previous = _latest(
            rows.hour_before(connection, list(series), first),
            [h for number in series for h in now.get(number, ()) if h < first],
        )
        before = held.state_before(first)
        state = State.of(before)
        states: list[tuple[int, str]] = []
        turns: list[TurnRow] = []
        text = before
        happened: tuple[Turn, ...]
        for hour, said in self._steps(connection, series, first, now):
            if (state is IDLE or state == IDLE) and not any('"h"' in v for _, v in said):
                new, happened = IDLE, ()
            else:
                new, happened = self._advance(machine, state, previous, hour, said)
            turns += [self._turn(machine, turn, said) for turn in happened]
            if (written := text if new == state else new.text()) != text:
                states.append((hour, written))
                text = written
            state, previous = new, hour
            if hour > last and text == held.state_at(hour):
                return self._made(machine, held, first, hour, states, turns)
        return self._made(machine, held, first, None, states, turns)

    def _made(
        self,
        machine: Machine,
        held: _Held,
        first: int,
        last: int | None,
        states: Sequence[tuple[int, str]],
        turns: Sequence[TurnRow],
    ) -> Fold | None:
        before = tuple(turn for turn in held.turns if _within(turn.at, first, last))
        old = [(h, s) for h, s in zip(held.hours, held.states, strict=True)
               if _within(h, first, last)]  # fmt: skip
        if tuple(turns) == before and list(states) == old:
            return None
        return Fold(machine, held.number, first, last, tuple(states), tuple(turns), before)

    def _steps(
        self,
        connection: Connection,
        series: Mapping[int, Subject],
        first: int,
        now: Mapping[int, Mapping[int, str]],
    ) -> Iterable[tuple[int, list[tuple[Subject, str]]]]:
        """Yield each hour with data from `first` on, with what was said of each series in it."""
        changed = [(number, h, v) for number in series for h, v in now.get(number, {}).items()]
        newest = _latest(rows.newest_hour(connection, list(series)), [h for _, h, _ in changed])
        start = first
        while newest is not None and start <= newest:
            end = min(start + CHUNK_HOURS - 1, newest)
            found: dict[int, dict[int, str]] = {}
            for hour, number, verdict in rows.verdicts(connection, list(series), start, end):
                found.setdefault(hour, {})[number] = verdict
            for number, hour, verdict in changed:
                if start <= hour <= end:
                    found.setdefault(hour, {})[number] = verdict
            for hour in sorted(found):
                yield hour, [(series[n], v) for n, v in sorted(found[hour].items())]
            start = end + 1

    def _guards(self, machine: Machine, hour: int, subjects: Iterable[Subject]) -> list[Guard]:
        guards: dict[str, Guard] = {}
        for subject in subjects:
            for asker in self._rules.askers(subject, hour):
                for guard in asker.machines.get(machine, ()):
                    guards[guard.rule] = guard
        return list(guards.values())

    def _advance(
        self,
        machine: Machine,
        state: State,
        previous: int | None,
        hour: int,
        said: Sequence[tuple[Subject, str]],
    ) -> tuple[State, tuple[Turn, ...]]:
        guards = self._guards(machine, hour, [subject for subject, _ in said])
        words: list[Mapping[str, Said]] = [spoken(v).get(machine[0], {}) for _, v in said]
        whole = together(words, [guard.rule for guard in guards])
        return advance(state, previous, Step(hour, tuple(guards), whole))

    def _turn(self, machine: Machine, turn: Turn, said: Sequence[tuple[Subject, str]]) -> TurnRow:
        guards = self._guards(machine, turn.at, [subject for subject, _ in said])
        level = next((one.level for one in guards if one.rule == turn.rule), "")
        return TurnRow(turn.at, turn.kind, turn.raised_at, turn.rule, level)


def _within(hour: int, first: int, last: int | None) -> bool:
    return hour >= first and (last is None or hour <= last)


def _latest(stored: int | None, others: Iterable[int]) -> int | None:
    return max([*([] if stored is None else [stored]), *others], default=None)
