"""Ask a pack: a pure function of (pack, context, instant), whoever does the matching.

The legally relevant instant chooses the rules; `now` is never read. Derived fields are set by
our own loop, because chaining inside the engine is neither safe nor explainable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, assert_never

from pydantic import JsonValue

from cases.rulings import Fired, Ruling
from rules.model import AT, CLEAR, Rule
from rules.pack import Pack, Slice, said
from rules.plain import Fact
from rules.tables.in_pack import TableSilent, answered

MAX_ROUNDS = 5
"""Rounds in which derived fields must settle (reference page on durable_rules §8, item 2)."""

Match = Callable[[Slice, Fact], Collection[str]]
"""Given the rules in force and a fact, the ids of those that hold, and id + `CLEAR` of each whose
alarm would end."""


class NoRuling(ValueError):
    """No rule in force sets what the pack must answer; the pack has a hole, or the day is wrong."""


class NoFixpoint(RuntimeError):
    """Impossible: derived fields never settle; the pack contradicts itself."""


def plain_match(rules: Slice, fact: Fact) -> Collection[str]:
    """Return the names of what holds, by the plain-Python twin."""
    return {name for name, holds in rules.patterns if holds(fact)}


def evaluate(
    pack: Pack,
    context: Mapping[str, object],
    at: datetime,
    match: Match = plain_match,
    engine: Literal["durable_rules", "plain"] = "plain",
) -> Ruling:
    """Return the ruling of the rules in force at `at` (aware) on a context.

    `Ruling.context` holds the context as admitted and `at` in UTC: with the same pack it gives
    the same ruling again (`again`). Raises `ContextRefused` for a context that does not fit,
    `NoRuling` when a required outcome is not set, `NoFixpoint` when a pack never settles.
    """
    if at.tzinfo is None:
        raise ValueError(f"expected an aware instant, found {at!r}")
    return decide(pack, pack.admit(context), at, match, engine)


def decide(
    pack: Pack,
    given: Mapping[str, JsonValue],
    at: datetime,
    match: Match,
    engine: Literal["durable_rules", "plain"],
) -> Ruling:
    """Return the ruling on a context as admitted; see `evaluate`."""
    rules = pack.slice_at(at)
    known = {**given, **rules.indices(given)}
    derived: dict[str, JsonValue] = {}
    for _ in range(MAX_ROUNDS):
        fact = known | derived
        held = match(rules, fact)
        fired = tuple(_fired(rules, rule, fact) for rule in rules.in_order(held))
        outcome = _merged(pack, [one.then for one in fired])
        if rules.tables:
            rows, said = _of_tables(pack, rules, held, fact)
            fired, outcome = (*fired, *rows), outcome | said
        settled = {name: outcome[name] for name in pack.derived if name in outcome}
        if settled == derived:
            break
        derived = settled
    else:
        raise NoFixpoint(f"规则包 {pack.id}: {MAX_ROUNDS} 轮之后仍未稳定")
    _answered(pack, outcome, at)
    return Ruling(
        pack=pack.id,
        version=pack.version,
        digest=pack.digest,
        engine=engine,
        context={**given, AT: at.astimezone(UTC).isoformat()},
        fired=fired,
        outcome=outcome,
        cleared=_cleared(rules, held),
    )


def again(pack: Pack, ruling: Ruling, match: Match = plain_match) -> Ruling:
    """Return the ruling made anew from what a stored one keeps. Raises `ValueError` on another
    pack version than the one it was made by."""
    if pack.digest != ruling.digest:
        raise ValueError(f"expected pack {ruling.digest}, found {pack.digest}")
    context = {name: value for name, value in ruling.context.items() if name != AT}
    at = datetime.fromisoformat(str(ruling.context[AT]))
    return evaluate(pack, context, at, match, ruling.engine)


def _fired(rules: Slice, rule: Rule, fact: Mapping[str, Any]) -> Fired:
    """Return what is said of a rule that holds, `{field: name}` replaced by the field's value."""
    if (constant := rules.fired.get(rule.id)) is not None:
        return constant
    then: dict[str, JsonValue] = {}
    for key, value in rule.then.items():
        if not isinstance(value, dict):
            then[key] = value
        elif (name := str(value["field"])) in fact:
            then[key] = fact[name]
    return said(rule, then)


def _cleared(rules: Slice, held: Collection[str]) -> tuple[str, ...]:
    ended = [name.removesuffix(CLEAR) for name in held if name.endswith(CLEAR)]
    return tuple(rule.id for rule in rules.in_order(ended))


def _of_tables(
    pack: Pack, rules: Slice, held: Container[str], fact: Mapping[str, Any]
) -> tuple[list[Fired], dict[str, JsonValue]]:
    try:
        return answered(rules.tables, held, fact)
    except TableSilent as silent:
        raise NoRuling(f"规则包 {pack.id}: {silent}") from silent


def _merged(pack: Pack, settings: Sequence[Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
    outcome: dict[str, JsonValue] = {}
    for key, spec in pack.definition.outcome.items():
        values: list[Any] = [setting[key] for setting in settings if key in setting]
        if not values:
            continue
        match spec.merge:
            case "first":
                outcome[key] = values[0]
            case "union":
                outcome[key] = list(dict.fromkeys(item for value in values for item in value))
            case "max":
                outcome[key] = max(values)
            case "min":
                outcome[key] = min(values)
            case _:
                assert_never(spec.merge)
    return outcome


def _answered(pack: Pack, outcome: Mapping[str, JsonValue], at: datetime) -> None:
    for key, spec in pack.definition.outcome.items():
        if spec.required and key not in outcome:
            raise NoRuling(f"规则包 {pack.id}: 在 {at.isoformat()} 没有规则给出 {key}")
