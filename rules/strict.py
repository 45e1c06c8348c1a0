"""What is beyond doubt: a condition, or its opposite, that a missing value never makes true.

`not` of a comparison is true where the field is missing (`rules.plain`). An alarm must not end
because a sensor fell silent: what ends it is the strict opposite, false where a value is missing.
"""

from __future__ import annotations

from typing import assert_never

from rules.model import All, AnyOf, Condition, Leaf, Not, Op

_OPPOSITE: dict[Op, Op] = {
    "eq": "ne", "ne": "eq", "gt": "lte", "lte": "gt", "lt": "gte", "gte": "lt",
    "exists": "missing", "missing": "exists",
}  # fmt: skip
_ITEMS: dict[Op, Op] = {"any_item": "all_items", "all_items": "any_item"}


def surely(condition: Condition) -> Condition:
    """Return the condition without the truths that only a missing value makes."""
    match condition:
        case All():
            return All(all=tuple(map(surely, condition.all)))
        case AnyOf():
            return AnyOf(any=tuple(map(surely, condition.any)))
        case Not():
            return surely_not(condition.not_)
        case Leaf():
            return condition
        case _:
            assert_never(condition)


def surely_not(condition: Condition) -> Condition:
    """Return what is true when the condition is false and no value that it compares is missing."""
    match condition:
        case All():
            return AnyOf(any=tuple(map(surely_not, condition.all)))
        case AnyOf():
            return All(all=tuple(map(surely_not, condition.any)))
        case Not():
            return surely(condition.not_)
        case Leaf():
            return _opposite(condition)
        case _:
            assert_never(condition)


def _opposite(leaf: Leaf) -> Condition:
    match leaf.op:
        case "between":
            assert isinstance(leaf.value, list)
            low, high = leaf.value
            return AnyOf(
                any=(
                    Leaf(field=leaf.field, op="lt", value=low),
                    Leaf(field=leaf.field, op="gt", value=high),
                )
            )
        case "in":
            assert isinstance(leaf.value, list)
            return All(
                all=tuple(Leaf(field=leaf.field, op="ne", value=value) for value in leaf.value)
            )
        case "any_item" | "all_items":
            item_op = _OPPOSITE[leaf.item_op]
            return Leaf.model_validate(
                {**leaf.model_dump(), "op": _ITEMS[leaf.op], "item_op": item_op}
            )
        case "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "exists" | "missing":
            return leaf.model_copy(update={"op": _OPPOSITE[leaf.op]})
        case _:
            assert_never(leaf.op)
