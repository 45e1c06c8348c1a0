"""The domain of a column cut at every boundary that a cell names.

Between two neighbouring boundaries all values are alike, so a column is a finite list of atoms and
a cell is a set of them (an int as bit set). All that is said of atoms is true of the whole domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from rules.tables.cells import Cell, Equal, Number, Range, Scalar
from rules.tables.table import Column, Table

OTHER = "其他"
"""Stands for a text that no cell names."""


@dataclass(frozen=True)
class Domain:
    """The atoms of one column, in order: numbers as (below, point, between, point, …, above)."""

    column: Column
    points: tuple[Number, ...]
    """Boundaries of a number or date column, ascending."""
    values: tuple[Scalar, ...]
    """Atoms of a text or boolean column; the last text is one that nobody names."""

    @property
    def count(self) -> int:
        """Atoms, the missing value among them as the last."""
        ordered = 2 * len(self.points) + 1
        return (ordered if self.is_ordered else len(self.values)) + 1

    @property
    def is_ordered(self) -> bool:
        return self.column.kind in ("number", "date")

    @cached_property
    def whole(self) -> int:
        """The atoms that can occur at all."""
        every = (1 << (self.count - 1)) - 1
        if self.is_ordered and self.column.whole:
            for n in range(2 * len(self.points) + 1):
                if not self._has_whole(n):
                    every &= ~(1 << n)
        if not self.column.domain.is_any:
            every &= self._raw(self.column.domain)
        return every | (1 << (self.count - 1) if self.column.optional else 0)

    def mask(self, cell: Cell) -> int:
        """Return the atoms that a cell matches, within the domain."""
        return self.whole if cell.is_any else self._raw(cell) & self.whole

    def _raw(self, cell: Cell) -> int:
        found = 0
        for part in cell.parts:
            found |= self._range(part) if isinstance(part, Range) else self._equal(part)
        if cell.negated:
            missing = 1 << (self.count - 1)
            found = (missing - 1) & ~found | (missing if cell.or_missing else 0)
        return found

    def _equal(self, part: Equal) -> int:
        if part.value is None:
            return 1 << (self.count - 1)
        if self.is_ordered:
            assert isinstance(part.value, Decimal | date)
            return 1 << self._place(part.value)
        return 1 << self.values.index(part.value)

    def _place(self, point: Number) -> int:
        return 2 * self._index[point] + 1

    @cached_property
    def _index(self) -> dict[Number, int]:
        return {point: n for n, point in enumerate(self.points)}

    def _range(self, part: Range) -> int:
        first, last = 0, 2 * len(self.points)
        if part.low is not None:
            first = self._place(part.low) + (0 if part.low_closed else 1)
        if part.high is not None:
            last = self._place(part.high) - (0 if part.high_closed else 1)
        return ((1 << (last + 1)) - 1) & ~((1 << first) - 1)

    def _has_whole(self, atom: int) -> bool:
        if atom % 2:
            point = self.points[atom // 2]
            return isinstance(point, date) or point == point.to_integral_value()
        low, high = self._between(atom)
        if low is None or high is None:
            return True
        return _whole_between(low, high) is not None

    def _between(self, atom: int) -> tuple[Number | None, Number | None]:
        n = atom // 2
        return (
            self.points[n - 1] if n else None,
            self.points[n] if n < len(self.points) else None,
        )

    def example(self, atom: int) -> Scalar:
        """Return a value of the atom, a plain one where there is a choice; `None`: missing."""
        if atom == self.count - 1:
            return None
        if not self.is_ordered:
            return self.values[atom]
        if atom % 2:
            return self.points[atom // 2]
        return _pick(*self._between(atom), self.column.kind == "date")


def _whole_between(low: Number, high: Number) -> Number | None:
    if isinstance(low, date) and isinstance(high, date):
        day = low.toordinal() + 1
        return date.fromordinal(day) if day < high.toordinal() else None
    assert isinstance(low, Decimal)
    assert isinstance(high, Decimal)
    number = low.to_integral_value(rounding="ROUND_FLOOR") + 1
    return number if number < high else None


def _pick(low: Number | None, high: Number | None, is_date: bool) -> Scalar:
    """Return a value strictly between, a whole one if there is one."""
    if is_date:
        low_day = low.toordinal() if isinstance(low, date) else None
        high_day = high.toordinal() if isinstance(high, date) else None
        if low_day is None and high_day is None:
            return date(2026, 1, 1)
        return date.fromordinal(low_day + 1 if low_day is not None else (high_day or 2) - 1)
    assert low is None or isinstance(low, Decimal)
    assert high is None or isinstance(high, Decimal)
    if low is None:
        top = Decimal(1) if high is None else high
        return top.to_integral_value(rounding="ROUND_CEILING") - 1
    if high is None:
        return low.to_integral_value(rounding="ROUND_FLOOR") + 1
    whole = _whole_between(low, high)
    return (low + high) / 2 if whole is None else whole


def domains(table: Table) -> tuple[Domain, ...]:
    """Return the domain of each column, cut where any of its cells, or its own bounds, cut."""
    return tuple(
        _domain(column, [column.domain, *(row.cells[n] for row in table.rows)])
        for n, column in enumerate(table.columns)
    )


def _domain(column: Column, cells: Iterable[Cell]) -> Domain:
    distinct = set(cells)
    named = _values(part.value for c in distinct for part in c.parts if isinstance(part, Equal))
    if column.kind in ("number", "date"):
        bounds = {p for p in named if isinstance(p, Decimal | date)}
        for cell in distinct:
            for part in cell.parts:
                if isinstance(part, Range):
                    bounds |= {b for b in (part.low, part.high) if b is not None}
        return Domain(column, tuple(sorted(bounds)), ())
    if column.kind == "boolean":
        return Domain(column, (), (True, False))
    texts = sorted(value for value in named if isinstance(value, str))
    return Domain(column, (), (*texts, _unnamed(texts)))


def _values(found: Iterable[Scalar]) -> list[Scalar]:
    return [value for value in dict.fromkeys(found) if value is not None]


def _unnamed(texts: Sequence[str]) -> str:
    word, n = OTHER, 1
    while word in texts:
        n += 1
        word = f"{OTHER}{n}"
    return word
