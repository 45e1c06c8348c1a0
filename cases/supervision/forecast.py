"""When the rules would next give a card if nothing more happened."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from heapq import merge
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from cases.supervision.clock import Clock, Seen, facts

Held = Callable[[Mapping[str, JsonValue], datetime], Collection[tuple[str, str]]]
"""The rules (id, article) that hold for a context at an instant."""

PERCENT_GRID = 100
"""Hundredths of a period in hours or minutes at which the rules are asked."""

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Found:
    """A rule that would give a card, and when."""

    rule: str
    article: str
    at: datetime


def next_cards(
    clock: Clock, seen: Seen, since: datetime, until: datetime, held: Held, percent: int = 100
) -> tuple[Found, ...]:
    """Return the rules not yet used that hold first, all at one instant of [since, until].

    () while the clock stands still: a paused case gets no card, and time alone ends no pause.
    `percent`: the largest share of a period that the rules speak of.
    """
    if clock.stands_still:
        return ()
    for at in instants(clock, since, until, percent):
        if clock.is_paused(at):
            continue
        found = tuple(
            Found(rule, article, at)
            for rule, article in held(facts(clock, at, seen), at)
            if rule not in seen.issued
        )
        if found:
            return found
    return ()


def instants(
    clock: Clock, since: datetime, until: datetime, percent: int = 100
) -> Iterator[datetime]:
    """Yield `since` and every later instant at which time alone changes the facts, in order.

    That is each midnight, and in periods of hours or minutes each hundredth of the limit.
    """
    yield since
    last = since
    for mark in merge(_midnights(clock.zone, since, until), sorted(_marks(clock, percent))):
        if mark > until:
            return
        if mark > last:
            yield mark
            last = mark


def _midnights(zone: str, since: datetime, until: datetime) -> Iterator[datetime]:
    tz = ZoneInfo(zone)
    first, last = since.astimezone(tz).toordinal(), until.astimezone(tz).toordinal()
    utc = since.tzinfo
    for ordinal in range(first + 1, last + 1):
        day = date.fromordinal(ordinal)
        yield datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(utc)


def _marks(clock: Clock, most: int) -> Iterator[datetime]:
    if clock.due is not None:
        yield clock.due.at
    if clock.in_days or not clock.book.budget:
        return
    budget, before, percent = clock.book.budget, 0, 1
    for row in clock.book.rows:
        if row.state not in ("counted", "over"):
            continue
        while percent <= most and (wanted := -(-budget * percent // PERCENT_GRID)) <= row.used:
            yield row.since + (wanted - before) * _INSTANT
            percent += 1
        before = row.used
