"""The city's own grid: cells, streets and districts, as catalogue/grid.geojson has them.

WGS-84 degrees throughout. Cells share their corners, so that they neither overlap nor leave gaps;
a point on a shared edge belongs to exactly one of them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import cos, hypot, radians
from pathlib import Path
from typing import Any

from catalogue.marks import Fault

FILE = "grid.geojson"

Point = tuple[float, float]
"""Longitude and latitude."""

METRES_OF_A_DEGREE = 111_195.0
"""One degree of a great circle, in metres: π · 6 371 008.8 m / 180, the mean radius of WGS-84
(IUGG R1)."""


class GridFaulty(Exception):
    """The file of the grid cannot be used; the text says where and what to do."""


@dataclass(frozen=True, slots=True)
class District:
    """区."""

    code: str
    name: str
    name_en: str

    def named(self, english: bool) -> str:
        """Return its name in the reader's language."""
        return self.name_en if english else self.name


@dataclass(frozen=True, slots=True)
class Street:
    """街道, with the street office that answers for it (属地)."""

    department: str
    name: str
    name_en: str
    district: str

    def named(self, english: bool) -> str:
        """Return its name in the reader's language."""
        return self.name_en if english else self.name


@dataclass(frozen=True, slots=True)
class Cell:
    """单元网格: the smallest piece of the city that somebody answers for."""

    id: str
    name: str
    district: str
    department: str
    """Code of the street office: 属地."""
    ring: tuple[Point, ...]
    """Its outline, first corner not repeated."""
    name_en: str = ""
    """Empty: it has none, and is called by its Chinese name."""

    def named(self, english: bool) -> str:
        """Return its name in the reader's language."""
        return self.name_en or self.name if english else self.name

    @property
    def centre(self) -> Point:
        """Return the mean of the corners: where a mark is drawn when only the cell is known."""
        return (
            sum(lon for lon, _ in self.ring) / len(self.ring),
            sum(lat for _, lat in self.ring) / len(self.ring),
        )


def distance_m(one: Point, other: Point) -> float:
    """Return metres on the ground between two points.

    Plane with the shorter degree of longitude: within a city (50 km) off by less than 0.1 %.
    """
    middle = radians((one[1] + other[1]) / 2)
    return hypot((one[0] - other[0]) * cos(middle), one[1] - other[1]) * METRES_OF_A_DEGREE


@dataclass(frozen=True)
class Grid:
    """The whole of catalogue/grid.geojson."""

    city: str
    districts: tuple[District, ...]
    streets: tuple[Street, ...]
    cells: tuple[Cell, ...]

    @cached_property
    def cell_by_id(self) -> Mapping[str, Cell]:
        return {one.id: one for one in self.cells}

    @cached_property
    def district_by_code(self) -> Mapping[str, District]:
        return {one.code: one for one in self.districts}

    @cached_property
    def street_by_department(self) -> Mapping[str, Street]:
        return {one.department: one for one in self.streets}

    def cell_at(self, lon: float | None, lat: float | None) -> Cell | None:
        """Return the cell in which a point lies; None outside the city, or where none is given."""
        if lon is None or lat is None:
            return None
        for box, cell in self._boxes:
            west, south, east, north = box
            if west <= lon <= east and south <= lat <= north and _holds(cell.ring, lon, lat):
                return cell
        return None

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north of the city."""
        lons = [lon for cell in self.cells for lon, _ in cell.ring]
        lats = [lat for cell in self.cells for _, lat in cell.ring]
        return min(lons), min(lats), max(lons), max(lats)

    @cached_property
    def shapes(self) -> tuple[tuple[Cell, str], ...]:
        """Return each cell with the `d` of its path in an SVG of `view_box`."""
        return tuple((cell, path_of([self.spot(*point) for point in cell.ring]))
                     for cell in self.cells)  # fmt: skip

    @cached_property
    def borders(self) -> tuple[tuple[District, str], ...]:
        """Return each district with the `d` of its border: the edges that only it has."""
        return tuple(
            (
                one,
                " ".join(
                    f"M{_number(a[0])} {_number(a[1])}L{_number(b[0])} {_number(b[1])}"
                    for a, b in self._edges(one.code)
                ),
            )
            for one in self.districts
        )

    def _edges(self, district: str) -> Iterator[tuple[Point, Point]]:
        counted: dict[tuple[Point, Point], int] = {}
        for cell in self.cells:
            if cell.district == district:
                for edge in _edges(cell.ring):
                    counted[edge] = counted.get(edge, 0) + 1
        for (one, other), times in counted.items():
            if times == 1:
                yield self.spot(*one), self.spot(*other)

    WIDTH = 1000.0
    """Units across the picture; its height follows from the city's own shape."""

    @cached_property
    def height(self) -> float:
        """Return the picture's height in its units, so that a metre is as long up as across."""
        west, south, east, north = self.bounds
        across = (east - west) * cos(radians((south + north) / 2))
        return round(self.WIDTH * (north - south) / across, 1)

    @property
    def view_box(self) -> str:
        """Return the viewBox of an SVG in which `spot` places things."""
        return f"0 0 {_number(self.WIDTH)} {_number(self.height)}"

    def spot(self, lon: float, lat: float) -> Point:
        """Return where a point stands in the picture, north upwards."""
        west, south, east, north = self.bounds
        return (
            round((lon - west) / (east - west) * self.WIDTH, 1),
            round((north - lat) / (north - south) * self.height, 1),
        )

    @cached_property
    def _boxes(self) -> tuple[tuple[tuple[float, float, float, float], Cell], ...]:
        return tuple(
            (
                (
                    min(lon for lon, _ in cell.ring),
                    min(lat for _, lat in cell.ring),
                    max(lon for lon, _ in cell.ring),
                    max(lat for _, lat in cell.ring),
                ),
                cell,
            )
            for cell in self.cells
        )


NO_GRID = Grid("", (), (), ())
"""Of a catalogue without the file."""


def _number(value: float) -> str:
    return f"{value:g}"


def path_of(points: Collection[Point]) -> str:
    """Return the `d` of a closed path."""
    return "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points) + "Z"


def _edges(ring: tuple[Point, ...]) -> Iterator[tuple[Point, Point]]:
    """Yield the sides of an outline, each from its lesser corner: alike for both neighbours."""
    for one, other in zip(ring, (*ring[1:], ring[0]), strict=True):
        yield (one, other) if one <= other else (other, one)


def _holds(ring: tuple[Point, ...], lon: float, lat: float) -> bool:
    """Tell whether a point lies inside: crossings of a ray to the east, counted half-open.

    Two neighbours compute a shared side from the same corners in the same order, so a point on it
    is inside exactly one of them.
    """
    inside = False
    for (x1, y1), (x2, y2) in _edges(ring):
        if (y1 > lat) != (y2 > lat) and lon < x1 + (lat - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


# --- reading -------------------------------------------------------------------------------------


def read_grid(folder: Path) -> Grid | None:
    """Return the grid of a catalogue's folder; None where it has none. Raises `GridFaulty`."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        return Grid(
            whole["name"],
            tuple(District(**one) for one in whole["districts"]),
            tuple(Street(**one) for one in whole["streets"]),
            tuple(_cell(one) for one in whole["features"]),
        )
    except (ValueError, KeyError, TypeError) as wrong:
        raise GridFaulty(f"{FILE}：读不懂（{wrong!r}）。请对照 catalogue/grid.py 改正") from wrong


def _cell(feature: Mapping[str, Any]) -> Cell:
    said, shape = feature["properties"], feature["geometry"]
    if shape["type"] != "Polygon" or len(shape["coordinates"]) != 1:
        raise ValueError(f"{said['id']}: 只能是没有空洞的多边形")
    ring = [(float(lon), float(lat)) for lon, lat in shape["coordinates"][0]]
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise ValueError(f"{said['id']}: 多边形没有闭合")
    return Cell(
        said["id"], said["name"], said["district"], said["street"], tuple(ring[:-1]),
        said.get("name_en", ""),
    )  # fmt: skip


def grid_faults(folder: Path, departments: Collection[str]) -> Iterator[Fault]:
    """Yield every fault of the grid's file, those against the city's departments too."""
    try:
        grid = read_grid(folder)
    except GridFaulty as wrong:
        yield Fault(FILE, 1, str(wrong), "请改正")
        return
    if grid is None:
        return
    seen: set[str] = set()
    for cell in grid.cells:
        if cell.id in seen:
            yield Fault(FILE, 1, f"网格「{cell.id}」写了两次", "请改编码")
        seen.add(cell.id)
        if cell.district not in grid.district_by_code:
            yield Fault(FILE, 1, f"网格「{cell.id}」：没有区「{cell.district}」", "请先写明区")
        street = grid.street_by_department.get(cell.department)
        if street is None or street.district != cell.district:
            yield Fault(
                FILE, 1, f"网格「{cell.id}」：街道「{cell.department}」不在该区", "请改正街道"
            )
    for one in grid.streets:
        if departments and one.department not in departments:
            yield Fault(FILE, 1, f"没有部门「{one.department}」", "请用 city.yaml 中的部门标识")


def load_grid(folder: Path | None = None) -> Grid:
    """Return the grid of a folder, of the shipped one by default. Raises `GridFaulty`."""
    grid = read_grid(Path(__file__).parent if folder is None else folder)
    if grid is None:
        raise GridFaulty(f"没有 {FILE}")
    return grid
