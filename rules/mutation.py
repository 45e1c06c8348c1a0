"""Mutation: which of a rule's own examples would notice that the rule had been written wrongly.

Each mutant is the rule with one small falsification: a threshold moved by its smallest unit, a
comparison turned, a condition left out, a first or last day moved, its precedence swapped with its
neighbour's, a value that it sets changed. Asked are only the rule's own examples, by the twin.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, assert_never

from pydantic import JsonValue

from rules.evaluate import NoFixpoint, NoRuling, evaluate
from rules.load import example_instant
from rules.model import All, AnyOf, Condition, Definition, Example, Leaf, Not, Rule, leaves
from rules.pack import ContextRefused, Pack

MutantKind = Literal[
    "threshold", "operator", "dropped", "dates", "priority", "value", "clear", "hold"
]  # fmt: skip

TURNED: Mapping[str, str] = {
    "eq": "ne", "ne": "eq", "gt": "gte", "gte": "gt", "lt": "lte", "lte": "lt",
    "exists": "missing", "missing": "exists",
    "any_item": "all_items", "all_items": "any_item",
}  # fmt: skip

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A falsified rule."""

    kind: MutantKind
    what: str
    """What was changed, in Chinese."""
    rule: Rule
    swapped: Rule | None = None
    """Another rule of the pack that is changed with it."""
    about: str = ""
    """The comparison that was falsified, as `comparisons` says it."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A mutant of a rule and the places (from 1) of the examples that notice it."""

    rule: str
    kind: MutantKind
    what: str
    noticed_by: tuple[int, ...]
    about: str = ""


def comparisons(rule: Rule) -> frozenset[str]:
    """Return every comparison of a rule in words: those of two versions can be compared."""
    return frozenset(map(_named, leaves(rule.when)))


def survey(pack: Pack, rules: Collection[str]) -> Iterator[Survey]:
    """Yield every mutant of the named rules, in the order of the file."""
    for rule in pack.definition.rules:
        if rule.id not in rules:
            continue
        for one in mutants(pack.definition, rule):
            yield Survey(rule.id, one.kind, one.what, noticed_by(pack, rule, one), one.about)


def mutants(definition: Definition, rule: Rule) -> Iterator[Mutant]:
    """Yield the falsifications of one rule."""
    for kind, about, what, when in _conditions(rule.when):
        yield Mutant(kind, what, _with(rule, when=when), about=about)
    for name in rule.applies_to:
        rest = {key: values for key, values in rule.applies_to.items() if key != name}
        yield Mutant("dropped", f"去掉适用范围 {name}", _with(rule, applies_to=rest))
    yield from _dates(rule)
    yield from _priorities(definition, rule)
    yield from _values(definition, rule)
    yield from _of_alarm(rule)


def _of_alarm(rule: Rule) -> Iterator[Mutant]:
    """Yield what falsifies when an alarm ends, and how long either has to hold."""
    alarm = rule.alarm
    if alarm is None:
        return
    if alarm.clear is not None:
        for _, about, what, clear in _conditions(alarm.clear):
            other = alarm.model_copy(update={"clear": clear})
            yield Mutant("clear", f"解除条件 {what}", _with(rule, alarm=other), about=about)
        without = alarm.model_copy(update={"clear": None})
        yield Mutant("clear", "去掉解除条件", _with(rule, alarm=without))
    for name, word in (("hold", "持续"), ("clear_hold", "解除条件持续")):
        written = getattr(alarm, name)
        for moved in _longer(written):
            other = alarm.model_copy(update={name: moved})
            yield Mutant("hold", f"{word} {written} 改为 {moved}", _with(rule, alarm=other))


def _longer(written: str) -> Iterator[str]:
    """Yield a duration of hours longer and shorter by its unit; none of another form."""
    match = re.fullmatch(r"PT(\d+)H", written)
    if match is not None:
        hours = int(match[1])
        yield f"PT{hours + 1}H"
        if hours:
            yield f"PT{hours - 1}H"
    elif written == "PT0S":
        yield "PT1H"


def _with(rule: Rule, **fields: object) -> Rule:
    """Return the rule with other fields, made anew: a copy would keep what was derived from them.

    Not checked: a falsified rule need not be one that may be used.
    """
    own = {name: getattr(rule, name) for name in Rule.model_fields}
    return Rule.model_construct(**{**own, **fields})


def noticed_by(pack: Pack, rule: Rule, mutant: Mutant) -> tuple[int, ...]:
    """Return the places, from 1, of the rule's examples that answer otherwise of the mutant."""
    others = {mutant.rule.id: mutant.rule}
    if mutant.swapped is not None:
        others[mutant.swapped.id] = mutant.swapped
    rules = tuple(others.get(one.id, one) for one in pack.definition.rules)
    # Not checked: a falsified pack need not be one that may be used.
    falsified = Pack(pack.definition.model_copy(update={"rules": rules}), "", "mutant")
    examples = [
        (n, example, example_instant(pack, rule, example))
        for n, example in enumerate(rule.examples, 1)
    ]
    if mutant.kind == "clear":
        # No example says when an alarm ends: one notices whose context tells the two apart.
        return tuple(
            n
            for n, example, at in examples
            if _clears(pack, rule.id, example, at) != _clears(falsified, rule.id, example, at)
        )
    return tuple(n for n, one, at in examples if contradicts(falsified, rule.id, one, at))


def _clears(pack: Pack, rule: str, example: Example, at: datetime) -> bool | None:
    """Tell whether a standing alarm of the rule would end in an example; None: no ruling."""
    try:
        return rule in evaluate(pack, example.given, at).cleared
    except (ContextRefused, NoRuling, NoFixpoint):
        return None


def contradicts(pack: Pack, rule: str, example: Example, at: datetime) -> bool:
    """Tell whether a pack answers otherwise than an example of one of its rules says."""
    try:
        ruling = evaluate(pack, example.given, at)
    except (ContextRefused, NoRuling, NoFixpoint):
        return True
    if any(one.rule == rule for one in ruling.fired) != example.holds:
        return True
    return any(ruling.outcome.get(key) != value for key, value in example.outcome.items())


# --- the condition -------------------------------------------------------------------------------

_Falsified = tuple[MutantKind, str, str, Condition]


def _conditions(condition: Condition) -> Iterator[_Falsified]:
    match condition:
        case All():
            for kind, about, what, parts in _parts(condition.all):
                yield kind, about, what, All(all=parts)
        case AnyOf():
            for kind, about, what, parts in _parts(condition.any):
                yield kind, about, what, AnyOf(any=parts)
        case Not():
            for kind, about, what, part in _conditions(condition.not_):
                yield kind, about, what, Not.model_validate({"not": part})
        case Leaf():
            yield from _leaf(condition)
        case _:
            assert_never(condition)


def _parts(
    parts: tuple[Condition, ...],
) -> Iterator[tuple[MutantKind, str, str, tuple[Condition, ...]]]:
    for n, part in enumerate(parts):
        if len(parts) > 1:
            yield "dropped", "", f"去掉条件 {_named(part)}", parts[:n] + parts[n + 1 :]
        for kind, about, what, other in _conditions(part):
            yield kind, about, what, (*parts[:n], other, *parts[n + 1 :])


def _leaf(leaf: Leaf) -> Iterator[_Falsified]:
    about = _named(leaf)
    if leaf.op in TURNED:
        to = TURNED[leaf.op]
        yield "operator", about, f"{about}：比较改为 {to}", leaf.model_copy(update={"op": to})
    for name, value in (("value", leaf.value), ("times", leaf.times), ("plus", leaf.plus)):
        if name != "value" and (not leaf.of or (name == "plus" and not value)):
            continue
        for said, other in _nudged(value):
            yield "threshold", about, f"{about}：{said}", leaf.model_copy(update={name: other})


def _nudged(value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """Yield a threshold moved up and down by the smallest unit in which it is written."""
    if isinstance(value, list):
        for n, item in enumerate(value):
            for said, other in _nudged(item):
                yield said, [*value[:n], other, *value[n + 1 :]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        written = Decimal(repr(value))
        exponent = written.as_tuple().exponent
        assert isinstance(exponent, int)  # no infinity: the validator refuses it
        unit = Decimal(1).scaleb(min(exponent, 0))
        for moved in (written + unit, written - unit):
            yield f"{written} 改为 {moved}", int(moved) if isinstance(value, int) else float(moved)


def _named(part: Condition) -> str:
    match part:
        case Leaf():
            compared = f"{part.of}×{part.times}+{part.plus}" if part.of else part.value
            return f"{part.field} {part.op} {'' if compared is None else compared}".rstrip()
        case All():
            return f"（{'、'.join(map(_named, part.all))}）"
        case AnyOf():
            return f"（{' 或 '.join(map(_named, part.any))}）"
        case Not():
            return f"非 {_named(part.not_)}"
        case _:
            assert_never(part)


# --- days, precedence, what it sets --------------------------------------------------------------


def _dates(rule: Rule) -> Iterator[Mutant]:
    for days, word in ((_DAY, "推后"), (-_DAY, "提前")):
        yield Mutant(
            "dates",
            f"生效日期{word}一天",
            _with(rule, in_force_from=rule.in_force_from + days),
        )
        if rule.in_force_until is not None:
            until = rule.in_force_until + days
            yield Mutant("dates", f"失效日期{word}一天", _with(rule, in_force_until=until))


def _priorities(definition: Definition, rule: Rule) -> Iterator[Mutant]:
    """Swap with the next rule of another precedence that sets one of the same `first` keys."""
    first = {key for key, spec in definition.outcome.items() if spec.merge == "first"}
    ordered = sorted(definition.rules, key=lambda one: one.priority)
    following = (
        one
        for one in ordered[ordered.index(rule) + 1 :]
        if one.priority > rule.priority and first & rule.then.keys() & one.then.keys()
    )
    other = next(following, None)
    if other is not None:
        yield Mutant(
            "priority",
            f"与 {other.id} 对调优先顺序",
            _with(rule, priority=other.priority),
            _with(other, priority=rule.priority),
        )


def _values(definition: Definition, rule: Rule) -> Iterator[Mutant]:
    for key, value in rule.then.items():
        choices = definition.outcome[key].choices if key in definition.outcome else ()
        other = _another(value, choices)
        if other is not None:
            then: dict[str, Any] = {**rule.then, key: other}
            yield Mutant("value", f"{key} 由 {value} 改为 {other}", _with(rule, then=then))


def _another(value: JsonValue, choices: tuple[str, ...]) -> JsonValue:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return next((one for one in choices if one != value), f"{value}?")
    if isinstance(value, list) and value:
        return value[:-1]
    return None


__all__ = ["Mutant", "Survey", "comparisons", "contradicts", "mutants", "noticed_by", "survey"]
