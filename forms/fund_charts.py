"""The money curve: planned against paid, cumulative by month, as SVG. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from cases.charts import Series, lines
from cases.payments import FEN_IN_YUAN

MOST_LABELS = 12
IN_TEN_THOUSAND = 10_000 * FEN_IN_YUAN
"""Fen in ten thousand yuan (万元), the unit of the picture; figures to the fen stand in tables."""


def money_curve_svg(
    months: Sequence[date],
    planned_fen: Sequence[int],
    paid_fen: Sequence[int | None],
    *,
    planned: str = "计划",
    paid: str = "已拨付",
    unit: str = "万元",
) -> str:
    """Return the curve of cumulative sums, one value for each month; empty without months. None:
    the month is still to come.

    `planned`, `paid`, `unit`: the words of the picture, in the reader's language.
    """
    if not months:
        return ""
    every = max(1, -(-len(months) // MOST_LABELS))
    labels = [f"{one:%Y-%m}" if n % every == 0 else "" for n, one in enumerate(months)]
    series = [
        Series(planned, [fen // IN_TEN_THOUSAND for fen in planned_fen]),
        Series(paid, [None if fen is None else fen // IN_TEN_THOUSAND for fen in paid_fen]),
    ]
    return lines(labels, series, unit=unit)
