"""Replay: what was ruled, ruled again, and ruled by a version that is not in force yet.

A proposed rule may begin next year. Asked of the past it is taken as if its day had come: rules
that the two versions share keep their own days; those that differ stand as they will on the day
from which the proposal is to count, and nothing else of the proposal reaches into the past.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from pydantic import JsonValue

from cases.rulings import Ruling
from rules.evaluate import NoFixpoint, NoRuling, again, evaluate
from rules.model import AT, Rule, ScaleSpec
from rules.pack import ContextRefused, Pack
from rules.tables.spec import TableSpec

_Dated = TypeVar("_Dated", Rule, ScaleSpec, TableSpec)

LONG_AGO = date(1949, 10, 1)
"""Before anything that is replayed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a version says of a context: its rules and outcome, or that it says nothing."""

    fired: tuple[str, ...] = ()
    outcome: Mapping[str, JsonValue] | None = None
    refusal: str = ""
    """Why there is no ruling."""


def differing(current: Pack | None, proposed: Pack) -> tuple[str, ...]:
    """Return the ids of rules, scales and tables that were added, taken out, or differ at all."""
    before = {} if current is None else _dated(current)
    after = _dated(proposed)
    return tuple(
        one for one in dict.fromkeys([*after, *before]) if before.get(one) != after.get(one)
    )


def first_day(current: Pack | None, proposed: Pack, today: date) -> date:
    """Return the day from which the proposal changes anything: not before today."""
    changed = set(differing(current, proposed))
    begins = [one.in_force_from for name, one in _dated(proposed).items() if name in changed]
    return max(today, min(begins, default=today))


def as_if_in_force(current: Pack | None, proposed: Pack, today: date) -> Pack:
    """Return the proposal as it is asked about the past: see the module. Its digest stays."""
    changed, day = set(differing(current, proposed)), first_day(current, proposed, today)
    whole = proposed.definition
    standing = {
        "rules": tuple(_standing(whole.rules, changed, day)),
        "scales": tuple(_standing(whole.scales, changed, day)),
        "tables": tuple(_standing(whole.tables, changed, day)),
    }
    return Pack(whole.model_copy(update=standing), proposed.stored, proposed.digest)


def _dated(pack: Pack) -> dict[str, Rule | ScaleSpec | TableSpec]:
    whole = pack.definition
    dated: list[Rule | ScaleSpec | TableSpec] = [*whole.rules, *whole.scales, *whole.tables]
    return {one.id: one for one in dated}


def _standing(all_: Iterable[_Dated], changed: Collection[str], day: date) -> Iterator[_Dated]:
    """Yield what is shared as it is, and of what differs what is in force on the day, for ever."""
    always = {"in_force_from": LONG_AGO, "in_force_until": None}
    for one in all_:
        until = one.in_force_until
        if one.id not in changed:
            yield one
        elif one.in_force_from <= day and (until is None or day < until):
            yield one.model_copy(update=always)


def answer(pack: Pack, context: Mapping[str, JsonValue], at: datetime) -> Answer:
    """Return what a version says, by the twin; a context that does not fit it is an answer too."""
    given = {name: value for name, value in context.items() if name != AT}
    try:
        ruling = evaluate(pack, pack.select(given), at)
    except (ContextRefused, NoRuling, NoFixpoint) as no:
        return Answer(refusal=str(no))
    return Answer(tuple(one.rule for one in ruling.fired), ruling.outcome)


def answer_of(ruling: Ruling) -> Answer:
    """Return a stored ruling's answer."""
    return Answer(tuple(one.rule for one in ruling.fired), ruling.outcome)


def same_again(pack: Pack, ruling: Ruling) -> str:
    """Return what a stored ruling and its own version's ruling of today differ in; empty: nothing.

    Raises `ValueError` where the pack is not the version that ruled.
    """
    try:
        anew = again(pack, ruling)
    except (ContextRefused, NoRuling, NoFixpoint) as no:
        return f"现在没有答案：{no}"
    if (anew.fired, anew.outcome) == (ruling.fired, ruling.outcome):
        return ""
    return f"当时 {dict(ruling.outcome)}，重放 {dict(anew.outcome)}"


def instant_of(ruling: Ruling) -> datetime:
    """Return the legally relevant instant that a stored ruling was asked for."""
    return datetime.fromisoformat(str(ruling.context[AT]))
