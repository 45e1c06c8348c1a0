"""The counts of `cases.counting` from sums made ahead, exact at the moment of reading.

    sums of the groups that the reader sees
      − what cases that stand apart have put into them
      + what these cases say now, as far as the reader sees them

Apart stand the cases that have moved since they were summed (marked), and those that name the
reader and so may be seen otherwise than their group. Where sums are not whole, of other rules, or
too many cases stand apart, there is no tally: the caller counts rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

import orjson
from sqlalchemy import ColumnElement, Connection, and_, select, true

from cases.counting import Counts, Question
from cases.each_case import asked_each
from cases.months import month_at
from cases.oversight import OpenStep
from cases.process import ProcessMap
from cases.process_rows import Held
from cases.seen import GROUP_COLUMNS, Group, Seen
from cases.tables import case
from cases.tallied_process import process_of
from cases.tallied_running import Running, days_taken, open_steps, running
from cases.tally import BILLIONTHS, kept, rules_of, shares_of
from cases.tally_cards import CardsSummed, cards_of
from cases.tally_share import (
    ALWAYS,
    BETWEEN,
    BY_DAY,
    CARDS,
    DAYS,
    DECIDED_CLOCK,
    DUTY,
    FIGURES,
    HAND,
    PARTS,
    PROCESS,
    RUNNING,
    SHARES,
    STEPS,
    Numbers,
    Share,
)
from cases.tally_tables import tally_mark, tally_state, tally_sum

APART: Final = 2_000
"""So many cases are taken from their rows at most (0.3 ms each); where more stand apart, all are
counted by the database."""
AT_ONCE: Final = 500
EVERYBODY: Final = Seen(true(), lambda _group: True)
"""Whoever counts for the whole city."""


Moved = dict[str, dict[str, dict[Group, Numbers]]]
"""Part → month → group → numbers to add."""


@dataclass
class Tally:
    """The sums as one reader sees them at one moment. Use it within one reading."""

    connection: Connection
    seen: Seen
    zone: str
    apart: Moved
    """What the cases that stand apart add to the sums that the reader sees (or take from them)."""
    moved: Moved
    """The same for everybody: what the sums lag behind the rows."""
    _seen: dict[Group, bool] = field(default_factory=dict)
    _running: dict[tuple[str, str, datetime], Running] = field(default_factory=dict)

    # --- what pages ask ---

    def counted(self, question: Question) -> Counts:
        """Return every count of every cell, as `cases.counting.counted` does, but what is late in
        a month that has not ended."""
        found: Counts = {}
        months = [name for name, _, _ in question.span.months]
        for month, group, numbers in self._sums(FIGURES, question, months):
            figures = found.setdefault((group.matter, group.department, month), {})
            for name, n in numbers.items():
                figures[name] = figures.get(name, 0) + n
        for cell, figures in self._in_hand(question):
            found.setdefault(cell, {}).update(figures)
        return found

    def _in_hand(self, question: Question) -> Iterator[tuple[tuple[str, str, str], dict[str, int]]]:
        """Yield what was in hand when each month ended: whatever had begun and was not over."""
        moved: dict[tuple[str, str], dict[str, Numbers]] = {}
        months = [one for one in question.span.months if one[1] <= question.now]
        for month, group, numbers in self._sums(HAND, question, None):
            of_month = moved.setdefault((group.matter, group.department), {})
            sums = of_month.setdefault(month, {})
            for name, n in numbers.items():
                sums[name] = sums.get(name, 0) + n
        for (matter, department), of_month in moved.items():
            for name, _, _ in months:
                known = [numbers for month, numbers in of_month.items() if month <= name]
                began, over, late, late_over = (
                    sum(one.get(kind, 0) for one in known)
                    for kind in ("began", "over", "late", "late_over")
                )
                if began - over:
                    figures = {"open": began - over, "late_open": late - late_over}
                    yield (matter, department, name), figures

    def duties(self, question: Question) -> dict[str, Numbers]:
        """Return what departments did in the span: steps that ended, cards against them."""
        found: dict[str, Numbers] = {}
        months = [name for name, _, _ in question.span.months]
        for _, _, numbers in self._sums(DUTY, question, months):
            for key, n in numbers.items():
                department, name = key.split(BETWEEN)
                one = found.setdefault(department, {})
                one[name] = one.get(name, 0) + n
        return found

    def shares(self, question: Question) -> dict[tuple[str, str, bool], float]:
        """Return whose the time of the decided cases was; see `counting.shares_by_holder`."""
        found: dict[tuple[str, str, bool], int] = {}
        months = [name for name, _, _ in question.span.months]
        for _, _, numbers in self._sums(SHARES, question, months):
            for key, n in numbers.items():
                clock, kind, name, what = key.split(BETWEEN)
                if clock == DECIDED_CLOCK and what in ("used", "paused"):
                    holder = (kind, name, what == "paused")
                    found[holder] = found.get(holder, 0) + n
        return {holder: n / BILLIONTHS for holder, n in found.items() if n}

    def divided(self, question: Question, clock: str) -> dict[tuple[str, str, str], dict[str, int]]:
        """Return, by holder and version of the matter, clocks and amounts in billionths."""
        found: dict[tuple[str, str, str], dict[str, int]] = {}
        months = [name for name, _, _ in question.span.months]
        for _, group, numbers in self._sums(SHARES, question, months):
            for key, n in numbers.items():
                of, kind, name, what = key.split(BETWEEN)
                if of == clock:
                    one = found.setdefault((kind, name, group.digest), {})
                    one[what] = one.get(what, 0) + n
        return found

    def late_now(self, question: Question) -> Mapping[tuple[str, str], int]:
        """Return how many promises are late now, by matter and implementing department."""
        return self.running(question.matter, question.department, question.now).late_promises

    def steps_now(self, question: Question) -> Mapping[str, tuple[int, int]]:
        """Return how many steps each department has open now, and how many of them are late."""
        found = self.running(question.matter, question.department, question.now)
        late = found.late_steps
        return {name: (n, late.get(name, 0)) for name, n in found.open_steps.items() if n}

    def running(self, matter: str, department: str, now: datetime) -> Running:
        """Return what runs now; a board asks it more than once."""
        key = (matter, department, now)
        if key not in self._running:
            sums = self._of(RUNNING, true(), matter, "")
            self._running[key] = running(sums, department, now)
        return self._running[key]

    def open_steps(self, matter: str, department: str, since: datetime) -> Mapping[OpenStep, int]:
        """Return how many open steps there are of each kind that is foreseen alike; those that
        were due, with their cases, in a month before `since` are left out."""
        months = tally_sum.c.month >= month_at(since, self.zone)
        return open_steps(self._of(STEPS, months, matter, ""), department)

    def days_taken(self) -> Mapping[tuple[str, str, str], Mapping[int, int]]:
        """Return how long the city's ended steps took, whoever asks; see `days_taken`."""
        return days_taken(self._everybody_s(STEPS, ALWAYS))

    def process(
        self, months: Sequence[str], matter: str, department: str
    ) -> tuple[ProcessMap, Sequence[Held]]:
        """Return the map of the cases that came in in these months, and who held them."""
        return process_of(self._in_months(PROCESS, months, matter, department))

    def of_days(self, first: date, last: date) -> Mapping[tuple[str, str], int]:
        """Return what counted on the days from the first up to before the last; see
        `cases.plan_values.Kept`."""
        found: dict[tuple[str, str], int] = {}
        since, until = first.isoformat(), last.isoformat()
        months = and_(tally_sum.c.month >= since[:7], tally_sum.c.month <= until[:7])
        for month, group, numbers in self._of(DAYS, months, "", ""):
            for name, n in numbers.items():
                day, what = name.split(BETWEEN)
                if since <= f"{month}-{day}" < until:
                    found[group.matter, what] = found.get((group.matter, what), 0) + n
        return found

    def by_day(self, question: Question, count: str) -> Mapping[tuple[str, str, str], int]:
        """Return a count by matter, implementing department and day: 2026-11-05."""
        found: dict[tuple[str, str, str], int] = {}
        months = [name for name, _, _ in question.span.months]
        for month, group, numbers in self._sums(BY_DAY, question, months):
            for key, n in numbers.items():
                day, name = key.split(BETWEEN)
                if name == count:
                    cell = (group.matter, group.department, f"{month}-{day}")
                    found[cell] = found.get(cell, 0) + n
        return found

    def cards(self) -> Sequence[CardsSummed]:
        """Return the supervision cards that there are."""
        return cards_of(self._of(CARDS, true(), "", ""))

    def everybodys(self) -> Tally:
        """Return the sums of the whole city at the same moment."""
        return replace(self, seen=EVERYBODY, apart=self.moved, _seen={}, _running={})

    # --- sums ---

    def _sums(
        self, part: str, question: Question, months: Sequence[str] | None
    ) -> Iterator[tuple[str, Group, Numbers]]:
        """Yield month, group and numbers of what is seen; all months where none are named."""
        if months is None:
            return self._of(part, true(), question.matter, question.department)
        return self._in_months(part, months, question.matter, question.department)

    def _in_months(
        self, part: str, months: Sequence[str], matter: str, department: str
    ) -> Iterator[tuple[str, Group, Numbers]]:
        named = set(months)
        for month, group, numbers in self._of(
            part, tally_sum.c.month.in_(months), matter, department
        ):
            if month in named:
                yield month, group, numbers

    def _of(
        self, part: str, months: ColumnElement[bool], matter: str, department: str
    ) -> Iterator[tuple[str, Group, Numbers]]:
        """Yield month, group and numbers of what is seen. What stands apart comes of every month:
        it may have left one that was asked for, or come into it."""
        wanted = [months]
        if matter:
            wanted.append(tally_sum.c.matter == matter)
        if department:
            wanted.append(tally_sum.c.department == department)
        for month, group, numbers in self._rows(part, and_(*wanted)):
            if self._covers(group):
                yield month, group, numbers
        for month, groups in self.apart.get(part, {}).items():
            for group, numbers in groups.items():
                if matter in ("", group.matter) and department in ("", group.department):
                    yield month, group, numbers

    def _everybody_s(self, part: str, month: str) -> Iterator[tuple[str, Group, Numbers]]:
        yield from self._rows(part, tally_sum.c.month == month)
        for group, numbers in self.moved.get(part, {}).get(month, {}).items():
            yield month, group, numbers

    def _rows(
        self, part: str, condition: ColumnElement[bool]
    ) -> Iterator[tuple[str, Group, Numbers]]:
        table = tally_sum.c
        query = select(table.month, *(table[name] for name in GROUP_COLUMNS), table.said)
        for row in self.connection.execute(query.where(table.part == part, condition)):
            yield row[0], Group(*row[1:7]), orjson.loads(row[7])

    def _covers(self, group: Group) -> bool:
        known = self._seen.get(group)
        if known is None:
            assert self.seen.covers is not None  # else there is no tally
            known = self._seen[group] = self.seen.covers(group)
        return known


def opened(connection: Connection, seen: Seen, zone: str) -> Tally | None:
    """Return the sums for this reader; None where rows must be counted.

    The connection must see one moment (`cases.database.one_moment`): a worker may put further cases
    in meanwhile.
    """
    state = connection.execute(select(tally_state)).one_or_none()
    if seen.covers is None or state is None:
        return None
    if not state.is_whole or state.rules != rules_of(zone):
        return None
    marked = select(tally_mark.c.case_id).distinct().limit(APART + 1)
    apart = set(connection.execute(marked).scalars())
    if len(apart) > APART:
        return None
    if seen.named is not None:
        columns = (case.c.id, asked_each(seen.where), *(case.c[name] for name in GROUP_COLUMNS))
        for id, is_seen, *group in connection.execute(select(*columns).where(seen.named)):
            if bool(is_seen) != seen.covers(Group(*group)):
                apart.add(id)
    if len(apart) > APART:
        return None
    return Tally(connection, seen, zone, *_apart(connection, seen, sorted(apart), zone))


def _apart(
    connection: Connection, seen: Seen, ids: Sequence[str], zone: str
) -> tuple[Moved, Moved]:
    """Return what these cases change for the reader, and for everybody."""
    mine: Moved = {part: {} for part in PARTS}
    every: Moved = {part: {} for part in PARTS}
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        assert seen.covers is not None  # else there is no tally
        before, after = kept(connection, some).values(), shares_of(connection, some, zone)
        visible = select(case.c.id).where(case.c.id.in_(some), asked_each(seen.where))
        there = set(connection.execute(visible).scalars())
        _add(mine, [one for one in before if seen.covers(one.group)], -1)
        _add(mine, [one for case_id, one in after.items() if case_id in there], 1)
        _add(every, before, -1)
        _add(every, after.values(), 1)
    return mine, every


def _add(found: Moved, shares: Iterable[Share], sign: int) -> None:
    for share in shares:
        for part, months in share.said.items():
            for month, numbers in months.items():
                of_group = found[part].setdefault(month, {}).setdefault(share.group, {})
                for name, n in numbers.items():
                    of_group[name] = of_group.get(name, 0) + sign * n
