"""Why a pack answered as it did: rules, inputs, articles, and what would have changed the answer.

Pure, from the ruling's own context and the version it was made by, so that the reason can be given
for ever. No clock, no other fact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from pydantic import JsonValue

from cases.rulings import Fired, Ruling
from rules.evaluate import again, evaluate
from rules.model import AT, All, AnyOf, Condition, Leaf, Not, Rule, Title
from rules.nearest import Found, nearest
from rules.pack import Pack, Slice
from rules.plain import predicate
from rules.tables.table import DEFAULT
from rules.words import Words, words_of


@dataclass(frozen=True)
class Compared:
    """One comparison of a rule, with the value it met."""

    field: str
    title: Title
    unit: str
    op: str
    found: JsonValue
    """None: missing."""
    against: JsonValue
    """The constant; for `of`, the number it came to, None where that is missing."""
    of: Title | None
    """Title of the other field; None: a constant."""
    is_denied: bool
    """It stands under a `not`: the rule asks that it be false."""
    holds: bool
    """As the rule asks it."""


@dataclass(frozen=True)
class Reason:
    """One rule that held, or one row of a decision table that decided."""

    rule: str
    title: Title
    basis: str
    verified: bool
    note: str
    in_force: str
    """`2026-03-01 –` or `2016-01-01 – 2026-02-28`, the last day included."""
    then: Mapping[str, JsonValue]
    compared: tuple[Compared, ...]
    """Without `all` and `any`: what was looked at, in the order of the rule."""


@dataclass(frozen=True)
class Input:
    """One fact the pack was given."""

    field: str
    title: Title
    unit: str
    value: JsonValue


@dataclass(frozen=True)
class Why:
    """A ruling with its reasons. `derived`: what scales and rules set themselves on the way."""

    ruling: Ruling
    at: datetime
    pack: Title
    inputs: tuple[Input, ...]
    derived: tuple[Input, ...]
    reasons: tuple[Reason, ...]
    nearest: Found
    changes: tuple[Input, ...]
    """The changed fields of `nearest`, with their new values; None is a missing value."""
    otherwise: Mapping[str, JsonValue]
    """What `nearest` would have answered, where it differs; None: no answer to that."""
    outcome_titles: Mapping[str, Title]
    words: Mapping[str, Words]
    """Field or outcome → code → what people call it."""


def why(pack: Pack, context: Mapping[str, JsonValue], at: datetime, rule: str = "") -> Why:
    """Return the ruling on a context with its reasons, by the plain twin.

    With `rule`, the smallest change is that after which this rule says otherwise than now; without,
    that after which anything of the outcome differs. Raises as `rules.evaluate.evaluate` does.
    """
    return _why(pack, evaluate(pack, context, at), rule)


def why_again(pack: Pack, ruling: Ruling, rule: str = "") -> Why:
    """Return the reasons of a stored ruling. Raises `ValueError` on another version of the pack,
    or when it would be answered otherwise than stored: impossible."""
    now = again(pack, ruling)
    if now != ruling:
        raise ValueError(f"expected {ruling.outcome}, found {now.outcome} for {ruling.digest}")
    return _why(pack, ruling, rule)


def _why(pack: Pack, ruling: Ruling, rule: str) -> Why:
    at = datetime.fromisoformat(str(ruling.context[AT]))
    given = {name: value for name, value in ruling.context.items() if name != AT}
    in_force = pack.slice_at(at)
    found_indices = in_force.indices(given)
    settled = {name: ruling.outcome[name] for name in pack.derived if name in ruling.outcome}
    fact = given | found_indices | settled
    named = _named(in_force)
    found = nearest(pack, given, at, _says(rule) if rule else _outcome)
    other = found.ruling.outcome if found.ruling else {}
    return Why(
        ruling=ruling,
        at=at,
        pack=pack.definition.title,
        inputs=_inputs(pack, given),
        derived=_inputs(pack, found_indices | settled),
        reasons=tuple(_reason(pack, named[one.rule], one, fact) for one in ruling.fired),
        nearest=found,
        changes=_inputs(pack, {change.field: change.new for change in found.changes}),
        otherwise={
            key: other.get(key)
            for key in pack.definition.outcome
            if found.ruling and other.get(key) != ruling.outcome.get(key)
        },
        outcome_titles={key: spec.title for key, spec in pack.definition.outcome.items()},
        words=words_of(pack.definition),
    )


def _named(in_force: Slice) -> dict[str, Rule]:
    """Return rules, and rows of tables as rules, by the name under which they fired."""
    named = {rule.id: rule for rule in in_force.rules}
    for table in in_force.tables:
        spec = table.spec
        for row, rule in zip(table.rows, table.rules, strict=True):
            title = Title(zh=f"{spec.title.zh} 第 {row.id} 行", en=f"{spec.title.en}, row {row.id}")
            named[f"{table.id}.{row.id}"] = rule.model_copy(update={"title": title})
        nothing = {"when": All(all=()), "title": spec.title, "basis": spec.basis}
        named[f"{table.id}.{DEFAULT}"] = table.rules[0].model_copy(update=nothing)
    return named


def _outcome(ruling: Ruling) -> object:
    return ruling.outcome


def _says(rule: str) -> Any:
    def said(ruling: Ruling) -> object:
        return next((one.then for one in ruling.fired if one.rule == rule), None)

    return said


def _inputs(pack: Pack, values: Mapping[str, JsonValue]) -> tuple[Input, ...]:
    return tuple(
        Input(name, spec.title, spec.unit, values[name])
        for name, spec in pack.definition.fields.items()
        if name in values
    )


def _reason(pack: Pack, rule: Rule, fired: Fired, fact: Mapping[str, Any]) -> Reason:
    until = "" if rule.in_force_until is None else f" {_day_before(rule)}"
    return Reason(
        rule=fired.rule,
        title=rule.title,
        basis=rule.basis,
        verified=rule.verified,
        note=rule.note,
        in_force=f"{rule.in_force_from} –{until}",
        then=fired.then,
        compared=tuple(_compared(pack, *one, fact) for one in _signed(rule.condition)),
    )


def _day_before(rule: Rule) -> str:
    assert rule.in_force_until is not None
    return rule.in_force_until.fromordinal(rule.in_force_until.toordinal() - 1).isoformat()


def _signed(condition: Condition, is_denied: bool = False) -> Iterator[tuple[Leaf, bool]]:
    """Yield every comparison, and whether the rule asks that it be false."""
    match condition:
        case All():
            for part in condition.all:
                yield from _signed(part, is_denied)
        case AnyOf():
            for part in condition.any:
                yield from _signed(part, is_denied)
        case Not():
            yield from _signed(condition.not_, not is_denied)
        case Leaf():
            yield condition, is_denied
        case _:
            assert_never(condition)


def _compared(pack: Pack, leaf: Leaf, is_denied: bool, fact: Mapping[str, Any]) -> Compared:
    spec = pack.definition.fields[leaf.field]
    against: JsonValue = leaf.value
    of = None
    if leaf.of:
        other = fact.get(leaf.of)
        against = None if other is None else other * leaf.times + leaf.plus
        of = pack.definition.fields[leaf.of].title
    return Compared(
        field=leaf.field,
        title=spec.title,
        unit=spec.unit,
        op=leaf.op,
        found=fact.get(leaf.field),
        against=against,
        of=of,
        is_denied=is_denied,
        holds=predicate(leaf)(fact) is not is_denied,
    )
