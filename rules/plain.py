"""The plain-Python twin: what a condition means, in the fewest words.

It is the oracle the engine is tested against, and the answer when the engine may not be asked.
A fact here is a checked context without nulls and empty lists: both count as missing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from rules.model import All, AnyOf, Condition, Leaf, Not

Fact = Mapping[str, Any]
Predicate = Callable[[Fact], bool]

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def predicate(condition: Condition) -> Predicate:
    """Return the condition as a function of a fact; it never raises for a checked fact."""
    match condition:
        case All():
            parts = [predicate(part) for part in condition.all]
            return lambda fact: all(part(fact) for part in parts)
        case AnyOf():
            parts = [predicate(part) for part in condition.any]
            return lambda fact: any(part(fact) for part in parts)
        case Not():
            inner = predicate(condition.not_)
            return lambda fact: not inner(fact)
        case Leaf():
            return _ratio(condition) if condition.of else _leaf(condition)
        case _:
            assert_never(condition)


def _leaf(leaf: Leaf) -> Predicate:
    name, value = leaf.field, leaf.value
    match leaf.op:
        case "exists":
            return lambda fact: name in fact
        case "missing":
            return lambda fact: name not in fact
        case "in":
            assert isinstance(value, list)
            return lambda fact: name in fact and fact[name] in value
        case "between":
            assert isinstance(value, list)
            low: Any
            high: Any
            low, high = value
            return lambda fact: name in fact and low <= fact[name] <= high
        case "any_item":
            same = COMPARE[leaf.item_op]
            return lambda fact: name in fact and any(same(item, value) for item in fact[name])
        case "all_items":
            same = COMPARE[leaf.item_op]
            return lambda fact: name in fact and all(same(item, value) for item in fact[name])
        case "eq" | "ne" | "gt" | "gte" | "lt" | "lte":
            compare = COMPARE[leaf.op]
            return lambda fact: name in fact and compare(fact[name], value)
        case _:
            assert_never(leaf.op)


def _ratio(leaf: Leaf) -> Predicate:
    """Compare two fields, in the engine's order of operations: doubles, product before sum."""
    name, of, compare = leaf.field, leaf.of, COMPARE[leaf.op]
    times, plus = float(leaf.times), float(leaf.plus)

    def holds(fact: Fact) -> bool:
        return name in fact and of in fact and compare(fact[name], fact[of] * times + plus)

    return holds
