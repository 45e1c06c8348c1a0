"""Who used a period: each day of a ledger divided among departments, applicant and procedures.

The rule (`RULE`; docs/attribution.md) says who holds a case at an instant, and how a day is
divided. Shares are fractions, so that they sum to the ledger exactly: nothing is rounded until a
page shows it. Pure and total: whatever the events are, every day finds its holder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from cases.clocks.model import Ledger, Row
from cases.clocks.periods import ground_of
from cases.state import ClockEvent

RULE = "YC-FT-1"
"""Id of the house's rule of attribution (分摊规则), version 1; no law gives one."""

Kind = Literal["department", "applicant", "procedure"]

SUPPLEMENT = "supplement"
"""Ground of a pause that waits for the applicant."""
ENDS_WAITING = frozenset(
    {"supplied", "accepted", "decided", "withdrawn", "closed", "refused_acceptance"}
)
"""Events after which nobody waits for supplements."""
ENDS_REVIEW = frozenset({"decided", "withdrawn", "closed"})
"""Events after which nobody reviews."""
OTHERS = "others"
"""Name of the holder of a third party's or another organ's own period."""

_INSTANT = timedelta(microseconds=1)
_Span = tuple[datetime, datetime]
_HeldAt = Callable[[datetime], "frozenset[Holder]"]


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    """Whom time is put down to."""

    kind: Kind
    name: str = ""
    """Code of the department; kind of the procedure (`hearing`); empty for the applicant."""


APPLICANT = Holder("applicant")


@dataclass(frozen=True, slots=True)
class Holding:
    """Somebody holds the case from one instant to another; None: still."""

    holder: Holder
    since: datetime
    until: datetime | None = None

    def covers(self, instant: datetime) -> bool:
        return self.since <= instant and (self.until is None or instant < self.until)


@dataclass(frozen=True, slots=True)
class Holdings:
    """Who held a case when: what outsiders, reviewing departments and the desk in charge did."""

    outside: tuple[Holding, ...]
    """The applicant while papers are awaited; procedures under way. They come first."""
    reviews: tuple[Holding, ...]
    """Departments with an open review task."""
    desks: tuple[Holding, ...]
    """Whose desk the case lies on when nobody reviews it: implementing department or lead."""
    tasks: Mapping[str, Holder] = field(default_factory=dict)
    """Review task → its department."""

    def at(self, instant: datetime) -> frozenset[Holder]:
        """Return who holds the case at an instant; never nobody."""
        for level in (self.outside, self.reviews, self.desks):
            found = frozenset(one.holder for one in level if one.covers(instant))
            if found:
                return found
        return frozenset({self.desks[0].holder})  # before the first event

    def edges(self) -> Iterable[datetime]:
        """Yield the instants at which the holders may change."""
        for one in (*self.outside, *self.reviews, *self.desks):
            yield one.since
            if one.until is not None:
                yield one.until


def holdings(events: Iterable[ClockEvent], implementing: str, lead: str = "") -> Holdings:
    """Return who held a case when, from its clock events in the order they became known.

    `implementing` is the department that accepts and decides, `lead` the one that gathers.
    """
    reading = _Reading(
        Holder("department", implementing), Holder("department", lead or implementing)
    )
    for event in events:
        reading.read(event)
    return reading.done()


class _Reading:
    """Reads events in order. What makes no sense (an end before a start) changes nothing."""

    def __init__(self, implementing: Holder, lead: Holder) -> None:
        self.implementing, self.lead = implementing, lead
        self.open: dict[tuple[str, str], Holding] = {}
        """(level, name) → what began and has not ended."""
        self.closed: dict[str, list[tuple[str, Holding]]] = {"outside": [], "reviews": []}
        """Level → what has ended, with its name."""
        self.desks: list[Holding] = []
        self.unlawful: set[str] = set()
        """Names of pauses that supervision does not allow: nobody outside held the case then."""
        self.tasks: dict[str, Holder] = {}
        self.desk = Holding(implementing, datetime.min.replace(tzinfo=UTC))

    def read(self, event: ClockEvent) -> None:
        match event.kind:
            case "step_opened" | "step_done":
                self._review(event)
            case "paused" | "resumed" | "pause_disallowed" | "pause_restored":
                self._stop(event)
            case "noticed":
                self._begin("outside", SUPPLEMENT, APPLICANT, event.at)
            case "returned" | "gathered":
                back = event.kind == "gathered" or event.detail.get("to") == "received"
                self._move(self.implementing if back else self.lead, event.at)
            case "supplied" if not event.detail.get("complete"):
                pass
            case kind if kind in ENDS_WAITING:
                self._end("outside", SUPPLEMENT, event.at)
        if event.kind in ENDS_REVIEW:
            for level, name in [one for one in self.open if one[0] == "reviews"]:
                self._end(level, name, event.at)
            self._move(self.implementing, event.at)

    def _review(self, event: ClockEvent) -> None:
        name = str(event.detail.get("task", ""))
        if event.kind == "step_done":
            self._end("reviews", name, event.at)
            return
        holder = Holder("department", str(event.detail.get("department", "")))
        self.tasks[name] = holder
        self._begin("reviews", name, holder, event.at)
        self._move(self.lead, event.at)

    def _stop(self, event: ClockEvent) -> None:
        ground, name = ground_of(event.detail)
        if event.kind == "resumed":
            self._end("outside", name, event.at)
        elif event.kind == "pause_disallowed":
            self.unlawful.add(name)
        elif event.kind == "pause_restored":
            self.unlawful.discard(name)
        elif ground:
            self._begin("outside", name, holder_of(ground), event.at)

    def _begin(self, level: str, name: str, holder: Holder, at: datetime) -> None:
        known = self.open.get((level, name))
        if known is not None:
            if known.holder == holder:
                return
            self._end(level, name, at)
        self.open[level, name] = Holding(holder, at)

    def _end(self, level: str, name: str, at: datetime) -> None:
        known = self.open.pop((level, name), None)
        if known is not None and known.since < at:
            self.closed[level].append((name, Holding(known.holder, known.since, at)))

    def _move(self, holder: Holder, at: datetime) -> None:
        if self.desk.holder != holder:
            if self.desk.since < at:
                self.desks.append(Holding(self.desk.holder, self.desk.since, at))
            self.desk = Holding(holder, at)

    def done(self) -> Holdings:
        for (level, name), holding in self.open.items():
            self.closed[level].append((name, holding))
        outside = (one for name, one in self.closed["outside"] if name not in self.unlawful)
        reviews = (one for _, one in self.closed["reviews"])
        return Holdings(tuple(outside), tuple(reviews), (*self.desks, self.desk), dict(self.tasks))


# --- dividing a ledger ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DayShare:
    """One row of the ledger that costs somebody something."""

    row: Row
    paused: bool
    shares: Mapping[Holder, Fraction]


@dataclass(frozen=True, slots=True)
class Attribution:
    """A ledger divided. `used` and `paused` sum exactly to the ledger's own."""

    rule: str
    used: Mapping[Holder, Fraction]
    """Counted days (microseconds, where the ledger has them), overdue ones included."""
    over: Mapping[Holder, Fraction]
    """The part of `used` that came after the end."""
    paused: Mapping[Holder, Fraction]
    days: tuple[DayShare, ...]


def attribute(
    ledger: Ledger,
    held: Holdings,
    hours: Sequence[tuple[time, time]],
    zone: str,
    until: datetime,
) -> Attribution:
    """Return a ledger divided by rule `YC-FT-1`.

    `hours` are the calendar's office hours. `until` is the instant for which the ledger was made;
    a period that has ended is divided up to its end, whatever `until` says.
    """
    divided = _Divided(ledger, held, hours, ZoneInfo(zone), until)
    days = tuple(divided.days())
    return Attribution(
        RULE,
        used=_summed(day.shares for day in days if not day.paused),
        over=_summed(day.shares for day in days if day.row.state == "over"),
        paused=_summed(day.shares for day in days if day.paused),
        days=days,
    )


def _summed(parts: Iterable[Mapping[Holder, Fraction]]) -> dict[Holder, Fraction]:
    total: dict[Holder, Fraction] = {}
    for part in parts:
        for holder, share in part.items():
            total[holder] = total.get(holder, Fraction(0)) + share
    return dict(sorted(total.items()))


class _Divided:
    def __init__(
        self,
        ledger: Ledger,
        held: Holdings,
        hours: Sequence[tuple[time, time]],
        tz: ZoneInfo,
        until: datetime,
    ) -> None:
        self.ledger, self.held, self.hours, self.tz = ledger, held, hours, tz
        period = ledger.period
        self.start = period.start.at
        self.as_of = until if period.end is None else period.end.at
        self.edges = sorted(set(held.edges()))
        self.owner = _owner(ledger, held)

    def days(self) -> Iterable[DayShare]:
        today = self.as_of.astimezone(self.tz).date()
        for n, row in enumerate(self.ledger.rows):
            if self.ledger.scale == "day" and row.day > today:
                return
            amount = self._amount(n, row)
            if not amount:
                continue
            paused = row.state == "paused"
            parts = self._paused(row) if paused else self._counted(row)
            yield DayShare(row, paused, {who: amount * part for who, part in parts.items()})

    def _amount(self, n: int, row: Row) -> int:
        """Return what the row adds to the ledger's `used` or `paused`."""
        if self.ledger.scale == "microsecond":
            if row.state == "paused":
                counts = row.working and row.since < self.as_of
            else:
                counts = row.state in ("counted", "over") and row.until <= self.as_of
            return (row.until - row.since) // _INSTANT if counts else 0
        if row.state == "paused":
            unit = self.ledger.period.parts[row.part].limit.unit
            return int(n > 0 and (row.working or unit != "working_day"))
        return int(row.state in ("counted", "over"))

    def _counted(self, row: Row) -> Mapping[Holder, Fraction]:
        if self.owner is not None:
            return {self.owner: Fraction(1)}
        return self._divide(row, self.held.at)

    def _paused(self, row: Row) -> Mapping[Holder, Fraction]:
        """Divide a paused row among what stopped the clock; days in between belong to its cause."""
        stops = self.ledger.period.stops
        cause = next((one for one in stops if one.since.id == row.cause), stops[0])
        named = {holder_of(cause.ground)}

        def stopped(instant: datetime) -> frozenset[Holder]:
            found = frozenset(
                holder_of(one.ground)
                for one in stops
                if one.since.at <= instant and (one.until is None or instant < one.until.at)
            )
            return found or frozenset(named)

        return self._divide(row, stopped)

    def _divide(self, row: Row, held_at: _HeldAt) -> Mapping[Holder, Fraction]:
        """Divide one row: each moment of its office time equally among those who hold it."""
        found: dict[Holder, Fraction] = {}
        pieces = [piece for span in self._spans(row) for piece in self._cut(*span)]
        whole = sum((until - since) // _INSTANT for since, until in pieces)
        if not whole:  # it ended at the very instant at which the day began
            who = held_at(row.since)
            return {one: Fraction(1, len(who)) for one in who}
        for since, until in pieces:
            who = held_at(since)
            part = Fraction((until - since) // _INSTANT, whole * len(who))
            for one in who:
                found[one] = found.get(one, Fraction(0)) + part
        return found

    def _spans(self, row: Row) -> list[_Span]:
        """Return the moments of a row that count: office time while the clock was there."""
        first, last = max(row.since, self.start), min(row.until, self.as_of)
        if last <= first:
            return []
        if self.ledger.scale == "day" and row.working:
            office = [
                (max(first, since), min(last, until))
                for since, until in (
                    (self._instant(row, a), self._instant(row, b)) for a, b in self.hours
                )
                if max(first, since) < min(last, until)
            ]
            if office:
                return office
        return [(first, last)]

    def _instant(self, row: Row, wall: time) -> datetime:
        return datetime.combine(row.day, wall, self.tz).astimezone(UTC)

    def _cut(self, since: datetime, until: datetime) -> Iterable[_Span]:
        edges = [*self.edges, *self._stop_edges()]
        for edge in sorted({one for one in edges if since < one < until}):
            yield since, edge
            since = edge
        yield since, until

    def _stop_edges(self) -> Iterable[datetime]:
        for one in self.ledger.period.stops:
            yield one.since.at
            if one.until is not None:
                yield one.until.at


def holder_of(ground: str) -> Holder:
    """Return whom a pause on this ground is put down to."""
    return APPLICANT if ground == SUPPLEMENT else Holder("procedure", ground)


def _owner(ledger: Ledger, held: Holdings) -> Holder | None:
    """Return whose own period it is: a step's department, the applicant; None: it is shared."""
    rule = ledger.period.rule
    if rule.side == "applicant":
        return APPLICANT
    if rule.side == "other":
        return Holder("procedure", OTHERS)
    if rule.key_by:
        name = ledger.period.key.partition(":")[2]
        if rule.key_by == "department":
            return Holder("department", name)
        return held.tasks.get(name)
    return None
