"""Scales: from a measured number to an index or a class, exactly as a standard prints it.

Pure, and exact: numbers are decimal texts, never binary fractions. A float is taken by its shortest
decimal text, so that 2.2 is 2.2 (2.2 mg/m³ of CO is an index of 55; with binary fractions 56).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Literal, assert_never

Number = int | float | Decimal | str
"""A number as it is written: text and `Decimal` digit by digit, a float by its shortest text."""
Above = Literal["cap", "extend", "none"]
"""Beyond the last point: its index, the slope of the last piece, or no index at all."""
Shape = Literal["linear", "steps", "falling_steps"]
"""A line through the points; or classes: at most the limit (at least it, when falling)."""
Rounding = Literal["exact", "up"]
"""What becomes of the index: kept, or raised to the next whole number (HJ 633, 4.2.6)."""

Point = tuple[Decimal, Decimal]
"""A measured value and the index it has."""
MAX_DIGITS = 30
"""Digits of one number; no instrument has more, and a longer one is a fault, not a measurement."""


class NotANumber(ValueError):
    """Not a finite decimal number; the text says what came."""


def decimal_of(value: Number) -> Decimal:
    """Return the number digit by digit. Raises `NotANumber` for NaN, infinity and other text."""
    if isinstance(value, bool):
        raise NotANumber(f"{value!r} 不是数")
    try:
        found = Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, ValueError, TypeError):
        raise NotANumber(f"{value!r} 不是数") from None
    if not found.is_finite():
        raise NotANumber(f"{value!r} 不是有限的数")
    if abs(found.adjusted()) > MAX_DIGITS or len(found.as_tuple().digits) > MAX_DIGITS:
        raise NotANumber(f"{str(value)[:40]!r} 超出可能的量程")
    return found


def rounded(value: Number, decimals: int) -> Decimal:
    """Return the number with so many digits after the point, a half to the even digit.

    GB/T 8170-2008, 3.2: 四舍六入五成双, once and on the decimal text.
    """
    return decimal_of(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Scale:
    """One scale. `points` rise strictly in the value (fall, for `falling_steps`).

    A step is a limit and the class of what keeps it: `[2, 1], [4, 2]` is class 1 up to 2, class 2
    up to 4, and `beyond` for all that is worse.
    """

    points: tuple[Point, ...]
    above: Above = "cap"
    decimals: int | None = None
    """Digits after the point that the measured value keeps before anything else; None: all."""
    rounding: Rounding = "exact"
    shape: Shape = "linear"
    beyond: Decimal | None = None
    """The index past the last point; it takes the place of `above`."""

    @classmethod
    def of(
        cls,
        points: Iterable[Sequence[Number]],
        above: Above = "cap",
        *,
        decimals: int | None = None,
        rounding: Rounding = "exact",
        shape: Shape = "linear",
        beyond: Number | None = None,
    ) -> Scale:
        """Return the scale of points as written. Raises `ValueError` with what is wrong."""
        pairs = [tuple(point) for point in points]
        if faults := point_faults(pairs, shape):
            raise ValueError("; ".join(faults))
        return cls(
            tuple((decimal_of(x), decimal_of(y)) for x, y in pairs),
            above,
            decimals,
            rounding,
            shape,
            None if beyond is None else decimal_of(beyond),
        )

    @cached_property
    def _exact(self) -> tuple[tuple[Fraction, Fraction], ...]:
        return tuple((Fraction(x), Fraction(y)) for x, y in self.points)

    def index(self, measured: Number) -> Fraction | None:
        """Return the index, exactly; None where the scale has none.

        A line has none below its first point, nor past its last one when `above` is `none`.
        Raises `NotANumber`.
        """
        value = decimal_of(measured)
        if self.decimals is not None:
            value = rounded(value, self.decimals)
        index = self._line(Fraction(value)) if self.shape == "linear" else self._step(value)
        if index is None or self.rounding == "exact":
            return index
        return Fraction(math.ceil(index))

    def number(self, measured: Number) -> int | float | None:
        """Return the same as a plain number: whole ones as `int`, others as the nearest `float`."""
        index = self.index(measured)
        if index is None:
            return None
        return int(index) if index.denominator == 1 else float(index)

    def _line(self, value: Fraction) -> Fraction | None:
        points = self._exact
        if value < points[0][0]:
            return None
        for low, high in pairwise(points):
            if value <= high[0]:
                return _on(low, high, value)
        return self._past(value)

    def _step(self, value: Decimal) -> Fraction | None:
        for limit, grade in self.points:
            if value >= limit if self.shape == "falling_steps" else value <= limit:
                return Fraction(grade)
        return self._past(None)

    def _past(self, value: Fraction | None) -> Fraction | None:
        if self.beyond is not None:
            return Fraction(self.beyond)
        match self.above:
            case "cap":
                return self._exact[-1][1]
            case "extend":
                # Steps have no slope: the last class goes on.
                last = self._exact[-1]
                return last[1] if value is None else _on(self._exact[-2], last, value)
            case "none":
                return None
            case _:
                assert_never(self.above)


def _on(low: tuple[Fraction, Fraction], high: tuple[Fraction, Fraction], at: Fraction) -> Fraction:
    """HJ 633, formula (1): the line through two points."""
    return (high[1] - low[1]) / (high[0] - low[0]) * (at - low[0]) + low[1]


def point_faults(points: Sequence[Sequence[Number]], shape: Shape = "linear") -> list[str]:
    """Return what is wrong with the points of a scale, in Chinese; none when they are one."""
    if len(points) < 2:
        return ["标尺至少要两个点"]
    if any(len(point) != 2 for point in points):
        return ["每个点写成 [值, 指数]"]
    try:
        pairs = [(decimal_of(x), decimal_of(y)) for x, y in points]
    except NotANumber as wrong:
        return [str(wrong)]
    falling = shape == "falling_steps"
    faults = []
    for low, high in pairwise(pairs):
        if high[0] >= low[0] if falling else high[0] <= low[0]:
            faults.append(f"值应{'递减' if falling else '递增'}：{low[0]} 之后是 {high[0]}")
        if high[1] < low[1]:
            faults.append(f"指数不应下降：{low[1]} 之后是 {high[1]}")
    return faults
