"""What the parts of a FEEL expression do when they are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from rules.tables.feel_functions import BUILT_IN
from rules.tables.feel_values import (
    Expr,
    FeelRefused,
    Function,
    Scope,
    arithmetic,
    bounded,
    equal,
    reached,
)


def constant(value: Any) -> Expr:
    """Return what answers this value always."""
    return lambda scope: value


def joined_by(first: Expr, rest: Sequence[tuple[str, Expr]]) -> Expr:
    """Return operands joined by their signs, from left to right."""

    def joined(scope: Scope) -> Any:
        found = first(scope)
        for sign, part in rest:
            found = arithmetic(sign, found, part(scope))
        return found

    return joined


def member_of(of: Expr, name: str) -> Expr:
    """Return the member of a name of what an expression answers."""
    return lambda scope: reached(of(scope), name)


def negative(value: Any) -> Any:
    """Return the number with the other sign; `None` of what is no number."""
    return -value if isinstance(value, Decimal) else None


def meets(scope: Scope, value: Any, whole: Expr) -> bool | None:
    """Tell whether a value meets an expression: is it, is in it, or makes it true."""
    found = whole(scope.with_values({"?": value}))
    if isinstance(found, list):
        return value in found or equal(value, found) is True
    if isinstance(found, bool) and not isinstance(value, bool):
        return found
    return equal(value, found)


def filtered(scope: Scope, value: Any, condition: Expr) -> Any:
    """Return the item at a place (from 1, or from the end), or those that meet a condition."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    place = condition(scope)
    if isinstance(place, Decimal) and place == place.to_integral_value():
        n = int(place)
        inside = 1 <= abs(n) <= len(items)
        return items[n - 1 if n > 0 else n] if inside else None
    kept = []
    for item in items:
        scope.budget.spend()
        members = item if isinstance(item, dict) else {}
        if condition(scope.with_values({**members, "item": item})) is True:
            kept.append(item)
    return kept


def context_value(scope: Scope, entries: Sequence[tuple[str, Expr]]) -> dict[str, Any]:
    """Return a context, each entry seeing those before it."""
    found: dict[str, Any] = {}
    for name, entry in entries:
        found[name] = entry(scope.with_values(found))
    bounded(found)
    return found


def called(scope: Scope, of: Any, placed: list[Expr], named: Mapping[str, Expr]) -> Any:
    """Return what a function answers; `None` where it cannot be called so."""
    if isinstance(of, Function):
        if len(placed) > len(of.parameters) or set(named) - set(of.parameters):
            return None
        given = dict(zip(of.parameters, (one(scope) for one in placed), strict=False))
        return of.call(scope, {**given, **{name: one(scope) for name, one in named.items()}})
    if of is BUILT_IN["sort"]:
        return in_order(scope, *(one(scope) for one in (*placed, *named.values())))
    if callable(of):
        try:
            return bounded(of(*(one(scope) for one in (*placed, *named.values()))))
        except FeelRefused:
            raise
        except (TypeError, ValueError, ArithmeticError, AttributeError, OverflowError):
            return None
    return None


def in_order(scope: Scope, *given: Any) -> Any:
    """Return a list in the order of a function that says whether one comes before another."""
    match given:
        case (list() as items, Function() as precedes) if len(precedes.parameters) == 2:
            first, second = precedes.parameters

            def order(a: Any, b: Any) -> int:
                if precedes.call(scope, {first: a, second: b}) is True:
                    return -1
                return 1 if precedes.call(scope, {first: b, second: a}) is True else 0

            return sorted(items, key=cmp_to_key(order))
        case _:
            return None
