"""Where a warning holds: cells of the city's own grid and perhaps a circle, beside the words.

Both are public and become areas of the CAP message: each cell a polygon and a geocode, so that a
receiver without a map can name the place too. WGS-84 degrees, longitude first; CAP itself writes
the latitude first (`cases.incidents.cap`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import Field, StrictInt

from cases.incidents.cap import Area, Circle
from cases.messages import Frozen
from catalogue.grid import Grid

SCHEME: Final = "YCWG"
"""valueName of the geocodes: cells of catalogue/grid.geojson (网格)."""
WIDEST_M: Final = 50_000
"""A circle wider than the city and its neighbours is a slip of the keyboard (a design)."""


class Round(Frozen):
    """A circle on the ground."""

    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    radius_m: StrictInt = Field(ge=1, le=WIDEST_M)


@dataclass(frozen=True, slots=True)
class Shape:
    """Cells and circle of one warning."""

    cells: tuple[str, ...] = ()
    circle: Round | None = None


def unknown_cells(cells: Iterable[str], grid: Grid) -> list[str]:
    """Return those that are no cells of the grid."""
    return [one for one in cells if one not in grid.cell_by_id]


def area_of(words: str, shape: Shape, grid: Grid) -> Area:
    """Return the area of a message. A cell that the grid has lost since stays a geocode alone."""
    found = [grid.cell_by_id[one] for one in shape.cells if one in grid.cell_by_id]
    circle = shape.circle
    return Area(
        words,
        polygons=tuple((*one.ring, one.ring[0]) for one in found),
        circles=(Circle((circle.lon, circle.lat), circle.radius_m / 1000),) if circle else (),
        geocodes=tuple((SCHEME, one) for one in shape.cells),
    )


def cells_of(streets: Collection[str], cells: Collection[str], grid: Grid) -> tuple[str, ...]:
    """Return every cell that is chosen singly or with its whole street, in the grid's order; what
    is no cell of the grid stays at the end, to be refused by its name."""
    chosen = [one.id for one in grid.cells if one.department in streets or one.id in cells]
    return (*chosen, *sorted(unknown_cells(cells, grid)))


def whole_streets(cells: Collection[str], grid: Grid) -> Iterator[str]:
    """Yield the streets of which every cell is chosen."""
    for street in grid.streets:
        own = [one.id for one in grid.cells if one.department == street.department]
        if own and set(own) <= set(cells):
            yield street.department
