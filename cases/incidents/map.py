"""The city's grid as a picture, with incidents on it: plain SVG, no tiles, no script.

Levels differ by shape and by colour, so that who cannot tell colours, and a black printer, can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import cos, radians
from typing import Final

from catalogue.grid import METRES_OF_A_DEGREE, Grid

COLOURS: Final[Mapping[str, str]] = {
    "red": "#c8102e", "orange": "#d9660f", "yellow": "#8a6d00", "blue": "#1f5fa8", "": "#4a5663",
}  # fmt: skip
"""Level → colour. The yellow is dark: on white it must still stand out 3 to 1."""

LEVEL_NAMES: Final[Mapping[str, str]] = {
    "red": "红", "orange": "橙", "yellow": "黄", "blue": "蓝", "": "未定",
}  # fmt: skip

MARK: Final = 13.0
"""Half the size of a mark, in the picture's units."""


@dataclass(frozen=True, slots=True)
class MapWords:
    """What is written on the picture, in the language of whoever reads it."""

    levels: Mapping[str, str]
    scale: str = "{n} 公里"
    """What the bar under the map measures; `n`: kilometres."""
    english: bool = False
    """Districts are called by their English names."""


IN_CHINESE: Final = MapWords(LEVEL_NAMES)


@dataclass(frozen=True, slots=True)
class Mark:
    """An incident on the map."""

    lon: float
    lat: float
    level: str
    label: str = ""
    chief: bool = False
    """The one that the picture is about: larger, ringed, labelled if it has a label."""


def shape(level: str, x: float, y: float, size: float = MARK) -> str:
    """Return an SVG element: red a triangle, orange a diamond, yellow a square, blue a disc; what
    has no level is a ring."""
    colour = COLOURS.get(level, COLOURS[""])
    if level == "red":
        foot = y + size * 0.8
        points = f"{x:g},{y - size:g} {x + size:g},{foot:g} {x - size:g},{foot:g}"
        return f'<polygon points="{points}" fill="{colour}"/>'
    if level == "orange":
        points = f"{x:g},{y - size:g} {x + size:g},{y:g} {x:g},{y + size:g} {x - size:g},{y:g}"
        return f'<polygon points="{points}" fill="{colour}"/>'
    if level == "yellow":
        side = size * 1.6
        return (
            f'<rect x="{x - side / 2:g}" y="{y - side / 2:g}" width="{side:g}" height="{side:g}" '
            f'fill="{colour}"/>'
        )
    if level == "blue":
        return f'<circle cx="{x:g}" cy="{y:g}" r="{size * 0.85:g}" fill="{colour}"/>'
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="{size * 0.8:g}" fill="#fff" stroke="{colour}" '
        'stroke-width="4"/>'
    )


def map_svg(grid: Grid, marks: Sequence[Mark], title: str, words: MapWords = IN_CHINESE) -> str:
    """Return the whole picture: cells, borders, names of the districts, marks, a scale.

    A mark outside the city's bounds is left out. `title` is read aloud in the picture's place.
    """
    return "".join(_parts(grid, marks, title, words))


def _parts(grid: Grid, marks: Sequence[Mark], title: str, words: MapWords) -> Iterator[str]:
    foot = 46
    yield (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="-14 -14 1028 {grid.height + 14 + foot:g}" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
    )
    for cell, path in grid.shapes:
        tint = 0 if not grid.districts else list(grid.district_by_code).index(cell.district) % 3
        yield (
            f'<path d="{path}" fill="{("#f3f6f2", "#eef2f7", "#f7f3ec")[tint]}" '
            'stroke="#c5ced6" stroke-width="1"/>'
        )
    for _, path in grid.borders:
        yield f'<path d="{path}" fill="none" stroke="#5b6b78" stroke-width="3"/>'
    yield from _names(grid, words)
    west, south, east, north = grid.bounds
    inside = [one for one in marks if west <= one.lon <= east and south <= one.lat <= north]
    for one in sorted(inside, key=lambda one: one.chief):
        yield from _mark(grid, one)
    yield from _scale(grid, words)
    yield "</svg>"


def _names(grid: Grid, words: MapWords) -> Iterator[str]:
    # English names are longer: close letters, or those of neighbours run into each other.
    size, apart = (30, 0) if words.english else (34, 10)
    for one in grid.districts:
        spots = [grid.spot(*cell.centre) for cell in grid.cells if cell.district == one.code]
        x = sum(spot[0] for spot in spots) / len(spots)
        y = sum(spot[1] for spot in spots) / len(spots)
        yield (
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="middle" fill="#9aa7b2" '
            f'letter-spacing="{apart}">{escape(one.name_en if words.english else one.name)}</text>'
        )


def _mark(grid: Grid, one: Mark) -> Iterator[str]:
    x, y = grid.spot(one.lon, one.lat)
    if not one.chief:
        yield f'<g opacity="0.55">{shape(one.level, x, y, MARK * 0.75)}</g>'
        return
    yield (
        f'<circle cx="{x:g}" cy="{y:g}" r="34" fill="none" '
        f'stroke="{COLOURS.get(one.level, COLOURS[""])}" stroke-width="4"/>'
    )
    yield shape(one.level, x, y, MARK * 1.35)
    if not one.label:
        return
    left = x > Grid.WIDTH * 0.6
    anchor, at = ("end", x - 44) if left else ("start", x + 44)
    yield (
        f'<text x="{at:g}" y="{y + 9:g}" font-size="26" text-anchor="{anchor}" fill="#17202a" '
        f'stroke="#fff" stroke-width="6" paint-order="stroke">{escape(one.label)}</text>'
        f'<text x="{at:g}" y="{y + 9:g}" font-size="26" text-anchor="{anchor}" fill="#17202a">'
        f"{escape(one.label)}</text>"
    )


SCALE_M: Final = 2000
"""What the bar under the map measures, in metres."""


def _scale(grid: Grid, words: MapWords) -> Iterator[str]:
    west, south, east, north = grid.bounds
    across_m = (east - west) * cos(radians((south + north) / 2)) * METRES_OF_A_DEGREE
    long, y = Grid.WIDTH * SCALE_M / across_m, grid.height + 24
    yield (
        f'<path d="M0 {y - 8:g}V{y:g}H{long:g}V{y - 8:g}" fill="none" stroke="#4a5663" '
        f'stroke-width="3"/><text x="{long + 12:g}" y="{y + 4:g}" font-size="22" fill="#4a5663">'
        f"{escape(words.scale.format(n=SCALE_M // 1000))}</text>"
    )
    x = long + 130
    for level, name in words.levels.items():
        yield shape(level, x, y - 4, MARK * 0.8)
        yield f'<text x="{x + 18:g}" y="{y + 4:g}" font-size="22" fill="#4a5663">{name}</text>'
        x += 92
