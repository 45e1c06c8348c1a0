"""A CAP alert as a signal: kind, level, place, words. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from cases.incidents.cap import Alert, Area, Circle, Info, Point
from cases.incidents.cap_chain import Step, elsewhere
from cases.incidents.place import Place
from cases.incidents.signal import RANK, Change, Level, Signal
from catalogue.cap_sources import CapSource
from catalogue.grid import Cell, Grid, distance_m
from catalogue.incident_types import IncidentTypes

LONGEST: Final = 1000
"""Characters of a signal's text (`cases.messages.Remark`)."""


def level_of(info: Info, source: CapSource) -> Level:
    """Return the colour that the sender's own field says; empty where it says none we know."""
    said = source.level
    match said.field:
        case "severity":
            return said.values.get(info.severity, "")
        case "parameter":
            pairs = info.parameters
        case "event_code":
            pairs = info.codes
    found = [said.values[value] for name, value in pairs
             if name == said.name and value in said.values]  # fmt: skip
    return min(found, key=lambda level: RANK[level], default="")


def chosen(infos: Sequence[Info], source: CapSource) -> Info | None:
    """Return what is read: of the Chinese blocks, else of all, the one of the highest level."""
    chinese = [one for one in infos if one.language.lower().startswith("zh")]
    return min(chinese or infos, key=lambda one: RANK[level_of(one, source)], default=None)


def place_of(areas: Sequence[Area], grid: Grid, source: CapSource) -> Place | None:
    """Return where in the city the alert is; None: its areas all lie elsewhere.

    A shape is where the middle of its cells lies; a whole district is that district without a
    point; the whole city is no district and no point. Without shapes the sender's geocodes count;
    without both it may be anywhere, so it is here.
    """
    address = "、".join(one.description for one in areas if one.description)[:LONGEST]
    cells = [cell for cell in grid.cells if _touches(areas, cell)]
    districts = set(_districts(areas, source))
    shaped = any(one.polygons or one.circles for one in areas)
    coded = source.geocodes is not None and any(
        name == source.geocodes.scheme for one in areas for name, _ in one.geocodes
    )
    if (shaped or coded) and not cells and not districts:
        return None
    if not cells or len(cells) == len(grid.cells):
        return Place(address=address, district=districts.pop() if len(districts) == 1 else "")
    within = {cell.district for cell in cells}
    if len(within) > 1:
        return Place(address=address)
    district = within.pop()
    if len(cells) == sum(one.district == district for one in grid.cells):
        return Place(address=address, district=district)
    lon, lat = (sum(cell.centre[n] for cell in cells) / len(cells) for n in (0, 1))
    return Place(lon=round(lon, 6), lat=round(lat, 6), address=address, district=district)


def _touches(areas: Sequence[Area], cell: Cell) -> bool:
    centre = cell.centre
    return any(
        any(holds(ring, centre) for ring in area.polygons)
        or any(_within(one, cell) for one in area.circles)
        for area in areas
    )


def _within(circle: Circle, cell: Cell) -> bool:
    """Whether a cell lies in a circle: by its middle, or, of a circle smaller than a cell, by the
    circle's own."""
    if distance_m(circle.centre, cell.centre) <= circle.radius_km * 1000:
        return True
    return holds((*cell.ring, cell.ring[0]), circle.centre)


def holds(ring: Sequence[Point], point: Point) -> bool:
    """Whether a closed ring holds a point, by the even-odd rule."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def _districts(areas: Sequence[Area], source: CapSource) -> Iterator[str]:
    if source.geocodes is None:
        return
    for area in areas:
        for name, value in area.geocodes:
            if name == source.geocodes.scheme and value in source.geocodes.values:
                yield source.geocodes.values[value]


def follow(
    alert: Alert, taken: Step, source: CapSource, types: IncidentTypes, grid: Grid
) -> tuple[Step, tuple[Signal, ...]]:
    """Return the step, corrected for an alert of elsewhere, with the signals that follow."""
    info = chosen(alert.infos, source)
    place = place_of(info.areas if info else (), grid, source)
    if taken.what in ("new", "update") and place is None:
        taken = elsewhere(alert, taken)
    made = [
        _signal(alert, change, root, info, place, source, types)
        for change, root in _said(taken)
    ]  # fmt: skip
    return taken, tuple(made)


def _said(taken: Step) -> Iterator[tuple[Change, str]]:
    if taken.what != "nothing":
        yield taken.what, taken.root
    for root in taken.withdrawn:
        yield "cancel", root


def _signal(
    alert: Alert, change: Change, root: str, info: Info | None, place: Place | None,
    source: CapSource, types: IncidentTypes,
) -> Signal:  # fmt: skip
    event = info.event if info else ""
    kind = types.of_cap(event)
    words = [info.description, info.instruction] if info else [alert.note]
    title = (info.headline or info.event) if info else f"{source.name}取消预警"
    return Signal(
        id=f"cap:{_short(str(alert.reference))}:{_short(root)}",
        source=source.source,
        type=kind.code if kind else "other",
        level=level_of(info, source) if info and change != "cancel" else "",
        title=_legible(title)[:200] or f"{source.name}预警",
        text="\n".join(filter(None, words))[:LONGEST],
        place=place or Place(),
        occurred_at=alert.sent,
        reference=f"cap:{_short(root)}",
        change=change,
    )


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _legible(text: str) -> str:
    return " ".join("".join(sign for sign in text if sign.isprintable() or sign == " ").split())
