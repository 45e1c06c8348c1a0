"""Cards in hindsight: those that a version of the rules would have given over all of a case's past.

Derived from the clock events alone, all that is known of them today, so that two versions are
compared on the same ground. Cards by hand and on explanations are left out: what a person would
have done about another card, nobody can know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cases.clocks import Period, periods
from cases.state import ClockEvent, Plan
from cases.supervision.clock import Clock, Seen
from cases.supervision.forecast import Held, next_cards
from catalogue.clock_rules import ClockRule
from catalogue.working_days import Calendar

WATCHED = frozenset({"promised", "statutory", "notice", "step", "delivery", "check"})
"""Clocks of an office on which cards are given; those of the applicant are not its fault."""

_INSTANT = timedelta(microseconds=1)

MOST_CARDS = 40
"""On one run of one clock; every rule gives one at most."""


@dataclass(frozen=True, slots=True)
class WouldBe:
    """A card that a version would have given."""

    clock: str
    since: datetime
    rule: str
    level: str
    at: datetime
    department: str


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the rules of supervision, as far as hindsight asks it."""

    held: Held
    level: Callable[[str], str]
    """The level of the card that a rule gives; empty: it gives none."""
    percent: int
    """The largest share of a period that a rule names."""


def would_be(
    version: Version,
    rules: Sequence[ClockRule],
    events: Sequence[ClockEvent],
    calendar: Calendar,
    plan: Plan,
    since: datetime,
    until: datetime,
    backfilled: bool = False,
) -> tuple[WouldBe, ...]:
    """Return the cards whose instants lie in [since, until], by clock and instant."""
    calendar = calendar.of(plan.department)
    details = {event.id: event.detail for event in events}
    found: list[WouldBe] = []
    for period in periods(rules, events):
        if period.rule.clock not in WATCHED:
            continue
        started = details.get(period.start.id, {})
        own = str(started.get("department", "")) if period.rule.key_by else ""
        seen = Seen(own or plan.department, plan.matter, backfilled)
        cards = _on(version, period, calendar, plan.zone, seen, until)
        found += [one for one in cards if since <= one.at]
    return tuple(found)


def _on(
    version: Version, period: Period, calendar: Calendar, zone: str, seen: Seen, until: datetime
) -> Iterator[WouldBe]:
    """Yield the cards on one run of a clock: none once it had ended, or stood still for good."""
    lasts = [stop.since.at for stop in period.stops if stop.until is None]
    if period.end is not None and period.end.kind != period.rule.expiry:
        lasts.append(period.end.at - _INSTANT)
    running = replace(period, stops=tuple(s for s in period.stops if s.until is not None))
    last = min([until, *lasts])
    if last <= period.start.at:
        return
    clock = Clock.of(running, calendar, zone, last)
    if period.end is not None and period.end.kind == period.rule.expiry and clock.due is not None:
        # What silence made of it came at its own end: the breach stands, and so does its card.
        last = min(last, clock.due.at)
    at = period.start.at
    for _ in range(MOST_CARDS):
        cards = next_cards(clock, seen, at, last, version.held, version.percent)
        if not cards:
            return
        at = cards[0].at
        for card in cards:
            level = version.level(card.rule)
            if level:
                yield WouldBe(period.key, period.start.at, card.rule, level, at, seen.department)
        seen = _after(seen, [(card.rule, version.level(card.rule)) for card in cards], at)


def _after(seen: Seen, cards: Sequence[tuple[str, str]], at: datetime) -> Seen:
    levels = [*seen.levels, *(level for _, level in cards if level)]
    yellow = any(level == "yellow" for _, level in cards)
    return replace(
        seen,
        issued=seen.issued | {rule for rule, _ in cards},
        levels=tuple(dict.fromkeys(levels)),
        yellow_since=at if yellow and seen.yellow_since is None else seen.yellow_since,
    )
