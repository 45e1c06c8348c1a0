"""A row as one condition of the engine, and a value as the engine and a context hold it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from rules.model import All, AnyOf, Condition, Leaf
from rules.tables.cells import MAX_NUMBER, Cell, Equal, Part, Range, Scalar


def plain_number(value: Decimal) -> int | float:
    """Return an exact number as the engine and JSON write it."""
    return int(value) if value == value.to_integral_value() else float(value)


def plain(value: Scalar) -> str | int | float | bool | None:
    """Return a value as a context holds it: a date as its ISO text."""
    match value:
        case Decimal():
            return plain_number(value)
        case date():
            return value.isoformat()
        case _:
            return value


def exact(value: object) -> Scalar:
    """Return a context's value as the exact one that its writing means."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str | bool | Decimal | date) else None
    return Decimal(repr(value))


def is_double(value: Scalar) -> bool:
    """Tell whether the engine, which counts in doubles, holds this very value."""
    if not isinstance(value, Decimal):
        return True
    near = plain_number(value)
    return abs(value) <= MAX_NUMBER and Decimal(repr(near)) == value


def fact_value(value: Scalar) -> str | int | float | bool | None:
    """Return a value as the engine compares it: a date as the number of its day."""
    return value.toordinal() if isinstance(value, date) else plain(value)


def condition(fields: Sequence[str], cells: Sequence[Cell]) -> Condition:
    """Return a row as one condition: every column's cell, in the engine's forms."""
    parts = [
        part for field, cell in zip(fields, cells, strict=True) for part in _conjuncts(field, cell)
    ]
    if not parts:
        name = fields[0]
        # An empty `all` is refused by the validator; this holds of everything, on one branch.
        return AnyOf(any=(Leaf(field=name, op="exists"), Leaf(field=name, op="missing")))
    return parts[0] if len(parts) == 1 else All(all=tuple(parts))


def _conjuncts(name: str, cell: Cell) -> Iterator[Condition]:
    """Yield what must all hold of a field; a comparison is false of a missing one."""
    if cell.is_any:
        return
    if cell.negated:
        other = [
            Leaf(field=name, op="exists"),
            *(o for p in cell.parts for o in _opposite(name, p)),
        ]
        if cell.or_missing:
            yield AnyOf(any=(Leaf(field=name, op="missing"), All(all=tuple(other))))
        else:
            yield from other
        return
    if len(cell.parts) == 1:
        yield from _part(name, cell.parts[0])
        return
    values = [part.value for part in cell.parts if isinstance(part, Equal)]
    ways: list[Condition] = []
    listed = [fact_value(v) for v in values if v is not None and not isinstance(v, bool)]
    if len(listed) > 1:
        ways.append(Leaf(field=name, op="in", value=list(listed)))
    for part in cell.parts:
        if len(listed) > 1 and isinstance(part, Equal) and fact_value(part.value) in listed:
            if not isinstance(part.value, bool):
                continue
        bounds = list(_part(name, part))
        ways.append(bounds[0] if len(bounds) == 1 else All(all=tuple(bounds)))
    yield ways[0] if len(ways) == 1 else AnyOf(any=tuple(ways))


def _part(name: str, part: Part) -> Iterator[Condition]:
    match part:
        case Equal(value=None):
            yield Leaf(field=name, op="missing")
        case Equal(value=value):
            yield Leaf(field=name, op="eq", value=fact_value(value))
        case Range(low=low, high=high):
            if low is not None:
                op = "gte" if part.low_closed else "gt"
                yield Leaf(field=name, op=op, value=fact_value(low))
            if high is not None:
                op = "lte" if part.high_closed else "lt"
                yield Leaf(field=name, op=op, value=fact_value(high))


def _opposite(name: str, part: Part) -> Iterator[Condition]:
    match part:
        case Equal(value=None):
            return  # that it exists was said already
        case Equal(value=value):
            yield Leaf(field=name, op="ne", value=fact_value(value))
        case Range(low=low, high=high):
            ways: list[Condition] = []
            if low is not None:
                op = "lt" if part.low_closed else "lte"
                ways.append(Leaf(field=name, op=op, value=fact_value(low)))
            if high is not None:
                op = "gt" if part.high_closed else "gte"
                ways.append(Leaf(field=name, op=op, value=fact_value(high)))
            yield ways[0] if len(ways) == 1 else AnyOf(any=tuple(ways))
