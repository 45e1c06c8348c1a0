"""Pictures of a project's performance as SVG text: radar of branches, history, fiscal curve. Pure.

What colour says, words say too: each corner of a radar carries its figure, each series of a history
its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import cos, pi, sin
from typing import Final

from cases.charts import COLOURS, FONT, INK, RULE, SOFT, Series, lines
from cases.projects.fiscal import LINES_BP, FiscalYear
from cases.projects.performance import hundredths
from cases.projects.performing_state import Performance
from catalogue.performance import WHOLE

RINGS: Final = (2_500, 5_000, 7_500, 10_000)
"""Hundredths of a point at which a radar has a ring."""
MOST_LABELS: Final = 12
"""Years that find room below a curve."""
FEWEST: Final = 3
"""Corners below which there is no area to look at."""


def radar_svg(axes: Sequence[tuple[str, int]], *, size: int = 300) -> str:
    """Return a radar of scores: name and hundredths of a point of each corner, clockwise from noon.

    Raises `ValueError` for fewer than three corners, or a score that is none.
    """
    if len(axes) < FEWEST:
        raise ValueError(f"expected at least {FEWEST} corners, found {len(axes)}")
    if wrong := [score for _, score in axes if not 0 <= score <= WHOLE]:
        raise ValueError(f"scores beyond 0 to 100: {wrong}")
    middle, reach = size / 2, size / 2 - 48
    turns = [2 * pi * n / len(axes) for n in range(len(axes))]

    def point(turn: float, score: float) -> tuple[float, float]:
        away = reach * score / WHOLE
        return middle + away * sin(turn), middle - away * cos(turn)

    def ring(scores: Sequence[float]) -> str:
        places = (point(*one) for one in zip(turns, scores, strict=True))
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)

    body = [
        f'<polygon points="{ring([at] * len(axes))}" fill="none" stroke="{RULE}"/>' for at in RINGS
    ]
    for turn in turns:
        x, y = point(turn, WHOLE)
        body.append(
            f'<line x1="{middle}" y1="{middle}" x2="{x:.1f}" y2="{y:.1f}" stroke="{RULE}"/>'
        )
    found = ring([score for _, score in axes])
    body.append(
        f'<polygon points="{found}" fill="{COLOURS[0]}" fill-opacity="0.18" '
        f'stroke="{COLOURS[0]}" stroke-width="2"/>'
    )
    for turn, (name, score) in zip(turns, axes, strict=True):
        x, y = point(turn, WHOLE + 1_900)
        body.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="13" fill="{INK}">'
            f'{escape(name)}<tspan x="{x:.1f}" dy="16" fill="{SOFT}">{hundredths(score)}</tspan>'
            "</text>"
        )
    told = "，".join(f"{name} {hundredths(score)}" for name, score in axes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" role="img" '
        f'aria-label="{escape(told, quote=True)}" '
        f'font-family="{FONT}" class="chart">{"".join(body)}</svg>'
    )


def history_svg(state: Performance, names: tuple[str, str], *, width: int = 640) -> str:
    """Return score and coefficient of each confirmed year, both out of a hundred; empty: no year.

    `names` are the words for score and coefficient.
    """
    years = [one for one in state.evaluations if one.stage == "confirmed"]
    if not years:
        return ""
    return lines(
        [str(one.year) for one in years],
        [
            Series(names[0], [one.score / 100 for one in years]),
            Series(names[1], [one.coefficient_bp / 100 for one in years]),
        ],
        most=100,
        width=width,
    )


def fiscal_svg(
    years: Sequence[FiscalYear], names: tuple[str, str, str, str], *, width: int = 640
) -> str:
    """Return the share of the budget in percent by year beside the lines of 10, 7 and 5 percent.

    `names` are the words for the share and for the three lines.
    """
    drawn = [Series(names[0], [one.share_percent for one in years])]
    for name, line in zip(names[1:], ("forbidden", "warning", "government_pay"), strict=True):
        drawn.append(Series(name, [LINES_BP[line] / 100] * len(years)))
    every = -(-len(years) // MOST_LABELS)
    labels = [str(one.year) if n % every == 0 else "" for n, one in enumerate(years)]
    return lines(labels, drawn, unit="%", width=width)
