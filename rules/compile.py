"""From conditions to the JSON of durable_rules: single patterns, negation pushed to the leaves.

The forms are exactly those of the reference page §2.2, the ones covered by the differential test.
A rule set is cut into shards so that the engine's stack of 64 never overflows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import Any, assert_never

from rules.model import CLEAR, All, AnyOf, Condition, Leaf, Not, Rule
from rules.strict import surely_not

BUDGET = 56
"""Branches that may be true at once in one shard; the engine's stack holds 64 (`events.c:18`)."""
LEAVES = 120
"""Predicates in one shard. The engine bears 511 under one node, 255 identical ones and 128
"missing" ones (`rules.h:61-63`); 120 stays below each, whatever shares a node."""

OPPOSITE: Mapping[str, str] = {
    "eq": "ne", "ne": "eq", "gt": "lte", "lte": "gt", "lt": "gte", "gte": "lt",
}  # fmt: skip

Json = dict[str, Any]


def number_text(value: float) -> str:
    """Return a float as the engine can read it: `1e-05` is its error 204, `1.0e-05` is not."""
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else text


def engine_text(value: Any) -> str:
    """Return JSON for the engine, the same spelling for rule constants and for contexts."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return repr(value)
        case float():
            return number_text(value)
        case dict():
            inner = (f"{engine_text(k)}:{engine_text(v)}" for k, v in value.items())
            return "{" + ",".join(inner) + "}"
        case list() | tuple():
            return "[" + ",".join(map(engine_text, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def fact_text(fact: Mapping[str, Any]) -> str:
    """Return the one fact that a context is: constant id, and the anchor `k`."""
    parts = ['{"id":"c","k":1']
    for name, value in fact.items():
        kind = type(value)
        if kind is str:
            spelled = quoted(value)
        elif kind is float:
            spelled = number_text(value)
        else:
            spelled = engine_text(value)
        parts.append(f'"{name}":{spelled}')  # a field's name needs no escape (rules.validate)
    return ",".join(parts) + "}"


def compare(op: str, name: str, value: Any) -> Json:
    """Return one comparison; equality has no operator of its own in the engine."""
    return {name: value} if op == "eq" else {f"${_engine_op(op)}": {name: value}}


def _engine_op(op: str) -> str:
    return "neq" if op == "ne" else op


def body(condition: Condition) -> Json:
    """Return the engine's form of a condition."""
    match condition:
        case All():
            return {"$and": [body(part) for part in condition.all]}
        case AnyOf():
            return {"$or": [body(part) for part in condition.any]}
        case Not():
            return negated(condition.not_)
        case Leaf():
            return _leaf(condition)
        case _:
            assert_never(condition)


def negated(condition: Condition) -> Json:
    """Return the engine's form of the opposite, true where a field is missing."""
    match condition:
        case All():
            return {"$or": [negated(part) for part in condition.all]}
        case AnyOf():
            return {"$and": [negated(part) for part in condition.any]}
        case Not():
            return body(condition.not_)
        case Leaf():
            return _not_leaf(condition)
        case _:
            assert_never(condition)


def _ratio_value(leaf: Leaf) -> Json:
    product: Json = {"$mul": {"$l": {"$m": leaf.of}, "$r": float(leaf.times)}}
    return {"$add": {"$l": product, "$r": float(leaf.plus)}} if leaf.plus else product


def _ratio(leaf: Leaf, op: str) -> Json:
    # A missing `of` inside the arithmetic reads uninitialised memory: `$ex` stands before it.
    return {"$and": [{"$ex": {leaf.of: 1}}, compare(op, leaf.field, _ratio_value(leaf))]}


def _leaf(leaf: Leaf) -> Json:
    name, value = leaf.field, leaf.value
    if leaf.of:
        return _ratio(leaf, leaf.op)
    match leaf.op:
        case "exists":
            return {"$ex": {name: 1}}
        case "missing":
            return {"$nex": {name: 1}}
        case "in":
            assert isinstance(value, list)
            return {"$or": [{name: item} for item in value]}
        case "between":
            assert isinstance(value, list)
            return {"$and": [{"$gte": {name: value[0]}}, {"$lte": {name: value[1]}}]}
        case "any_item":
            return {"$iany": {name: compare(leaf.item_op, "$i", value)}}
        case "all_items":
            return {"$iall": {name: compare(leaf.item_op, "$i", value)}}
        case "eq" | "ne" | "gt" | "gte" | "lt" | "lte":
            return compare(leaf.op, name, value)
        case _:
            assert_never(leaf.op)


def _not_leaf(leaf: Leaf) -> Json:
    name, value = leaf.field, leaf.value
    missing: Json = {"$nex": {name: 1}}
    if leaf.of:
        return {"$or": [missing, {"$nex": {leaf.of: 1}}, _ratio(leaf, OPPOSITE[leaf.op])]}
    match leaf.op:
        case "exists":
            return missing
        case "missing":
            return {"$ex": {name: 1}}
        case "in":
            assert isinstance(value, list)
            others: Json = {"$and": [{"$neq": {name: item}} for item in value]}
            return {"$or": [missing, others]}
        case "between":
            assert isinstance(value, list)
            return {"$or": [missing, {"$lt": {name: value[0]}}, {"$gt": {name: value[1]}}]}
        case "any_item":
            none = {"$iall": {name: compare(OPPOSITE[leaf.item_op], "$i", value)}}
            return {"$or": [missing, none]}
        case "all_items":
            some = {"$iany": {name: compare(OPPOSITE[leaf.item_op], "$i", value)}}
            return {"$or": [missing, some]}
        case "eq" | "ne" | "gt" | "gte" | "lt" | "lte":
            return {"$or": [missing, compare(OPPOSITE[leaf.op], name, value)]}
        case _:
            assert_never(leaf.op)


@dataclass(frozen=True)
class Size:
    """What a rule costs the engine.

    `branches`: at most so many of its ways are true at once. `leaves`: predicates.
    `groups`: `$and` and `$or`, of which the engine bears 15 in one rule.
    """

    branches: int
    leaves: int
    groups: int


def size(condition: Condition, positive: bool = True) -> Size:
    """Return the cost of a condition (or of its opposite)."""
    match condition:
        case Not():
            return size(condition.not_, not positive)
        case Leaf():
            return _leaf_size(condition, positive)
        case All():
            parts = [size(part, positive) for part in condition.all]
            conjunction = positive
        case AnyOf():
            parts = [size(part, positive) for part in condition.any]
            conjunction = not positive
        case _:
            assert_never(condition)
    branches = 1 if conjunction else 0
    for part in parts:
        branches = branches * part.branches if conjunction else branches + part.branches
    return Size(branches, sum(p.leaves for p in parts), 1 + sum(p.groups for p in parts))


def _leaf_size(leaf: Leaf, positive: bool) -> Size:
    """Alternatives of one field exclude one another; only a ratio may miss two fields at once."""
    if leaf.of:
        return Size(1, 2, 1) if positive else Size(2, 4, 2)
    count = len(leaf.value) if leaf.op in ("in", "between") and isinstance(leaf.value, list) else 1
    if positive:
        return Size(1, count, 1 if count > 1 or leaf.op == "in" else 0)
    groups = {"exists": 0, "missing": 0, "in": 2}.get(leaf.op, 1)
    return Size(1, count + (0 if leaf.op in ("exists", "missing") else 1), groups)


@dataclass(frozen=True)
class Pattern:
    """What the engine is asked of one name: a rule, or what ends its alarm (`CLEAR`)."""

    name: str
    priority: int
    gates: tuple[Leaf, ...]
    """`applies_to`, side by side with the anchor: what is first compared cuts off most."""
    condition: Condition

    @property
    def whole(self) -> Condition:
        """Gates and condition as one."""
        return All(all=(*self.gates, self.condition)) if self.gates else self.condition

    @property
    def json(self) -> Json:
        """The rule in the wrapper whose anchor keeps it off the engine's own state fact."""
        parts = [{"k": 1}, *map(body, self.gates), body(self.condition)]
        return {"pri": self.priority, "all": [{"m": {"$and": parts}}]}


def patterns(rule: Rule) -> tuple[Pattern, ...]:
    """Return what the engine is asked of a rule: when it holds and, of an alarm, what ends it."""
    when = Pattern(rule.id, rule.priority, rule.gates, rule.when)
    if rule.alarm is None:
        return (when,)
    clear = rule.alarm.clear or surely_not(rule.when)
    return when, Pattern(rule.id + CLEAR, rule.priority, rule.gates, clear)


Routes = Mapping[Any, tuple[int, ...]]


@dataclass(frozen=True)
class Shards:
    """The rule sets of one slice, and which of them a fact has to be asked of."""

    texts: tuple[str, ...]
    """One JSON text each, for durable_rules."""
    field: str
    """The field by whose value they are sorted; empty: each fact is asked of all."""
    routes: Routes
    """Value of that field → numbers of the texts that a rule for it stands in."""
    others: tuple[int, ...]
    """Numbers of the texts that are asked of every fact."""

    def route(self, fact: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the numbers of the texts in which a rule could hold for a fact."""
        return self.routes.get(fact.get(self.field), self.others)


def shards(rules: Iterable[Rule]) -> Shards:
    """Return the rule sets that together hold all rules, each within bounds.

    Rules that ask for one of some values of a field stand together, by that value: of a thousand
    rules a fact is then asked of the few sets that can be about it.
    """
    asked = [pattern for rule in rules for pattern in patterns(rule)]
    field = _discriminating(asked)
    keyed = [(keys(pattern).get(field), pattern) for pattern in asked]
    keyed.sort(key=lambda one: (one[0] is not None, sorted(map(str, one[0] or ()))))
    held = _filled(keyed)
    routes: dict[Any, list[int]] = {}
    others: list[int] = []
    for number, group in enumerate(held):
        if any(values is None for values, _ in group):
            others.append(number)
    for number, group in enumerate(held):
        for value in {value for values, _ in group for value in values or ()}:
            routes.setdefault(value, list(others)).append(number)
    return Shards(
        tuple(_shard([pattern for _, pattern in group]) for group in held),
        field,
        {value: tuple(dict.fromkeys(numbers)) for value, numbers in routes.items()},
        tuple(others),
    )


_Keyed = tuple[frozenset[Any] | None, Pattern]


def _filled(keyed: Iterable[_Keyed]) -> list[list[_Keyed]]:
    held: list[list[_Keyed]] = []
    branches = leaves = 0
    for values, pattern in keyed:
        cost = size(pattern.whole)
        branches, leaves = branches + cost.branches, leaves + cost.leaves
        if not held or branches > BUDGET or leaves > LEAVES:
            held.append([])
            branches, leaves = cost.branches, cost.leaves
        held[-1].append((values, pattern))
    return held


def keys(pattern: Pattern) -> dict[str, frozenset[Any]]:
    """Return, by field, the values of which a fact must have one for the pattern to be true."""
    parts: list[Condition] = [*pattern.gates, pattern.condition]
    found: dict[str, frozenset[Any]] = {}
    while parts:
        part = parts.pop()
        if isinstance(part, All):
            parts.extend(part.all)
        elif isinstance(part, Leaf) and part.op in ("eq", "in") and not part.of:
            values = frozenset(part.value if isinstance(part.value, list) else [part.value])
            found[part.field] = found.get(part.field, values) & values
    return found


def _discriminating(asked: Sequence[Pattern]) -> str:
    """Return the field that most rules ask a value of; of equal ones that with most values."""
    count: dict[str, int] = {}
    values: dict[str, set[Any]] = {}
    for pattern in asked:
        for name, wanted in keys(pattern).items():
            count[name] = count.get(name, 0) + 1
            values.setdefault(name, set()).update(wanted)
    useful = [name for name in count if len(values[name]) > 1]
    return max(useful, key=lambda name: (count[name], len(values[name]), name), default="")


def _shard(held: Sequence[Pattern]) -> str:
    return engine_text({pattern.name: pattern.json for pattern in held})
