"""One line of the board, and one mark of its map, as values and as HTML.

The live stream sends the same HTML that the page has, made by the same macro.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from cases.incident_lists import IncidentRow, UnitRow
from cases.incidents.map import shape
from catalogue.grid import Grid
from forms.incident_words import GRADES, KEYS, LEVELS, STAGES, STRAIGHT, UNIT_STATES, VERBS
from forms.rendering import environment
from forms.visit import Visit
from forms.words import N_

PROMISE: timedelta = timedelta(minutes=15)
"""突发事件 15 分钟内响应: from 接报 to the first 签收. The command centre's own promise (YCYX)."""

NEXT: Mapping[str, tuple[str, ...]] = {
    "reported": ("verify",),
    "verified": ("grade",),
    "graded": ("dispatch",),
    "dispatched": ("acknowledge", "refuse_dispatch", "arbitrate"),
    "acknowledged": ("set_out", "acknowledge", "arbitrate"),
    "under_way": ("arrive", "acknowledge"),
    "on_site": ("answer", "progress"),
    "handling": ("answer", "progress"),
    "answered": ("check",),
    "checked": ("close",),
}
"""Stage → what a line offers, the first one first; the incident's page offers the rest."""

OF_UNITS = frozenset({"acknowledge", "refuse_dispatch", "set_out", "arrive", "answer"})


@dataclass(frozen=True)
class Button:
    """One thing that can be done from a line."""

    verb: str
    words: str
    key: str
    url: str
    straight: bool
    """Nothing is asked: it is posted at once."""
    command: str = ""
    department: str = ""


@dataclass(frozen=True)
class Line:
    """One incident as the board shows it; words are in the reader's language."""

    id: str
    number: str
    url: str
    level: str
    level_words: str
    grade: str
    title: str
    kind: str
    place: str
    stage: str
    stage_words: str
    response: int
    signals: int
    late: int
    reported_at: datetime
    acknowledged_at: datetime | None
    promised_at: datetime
    due_at: datetime | None
    lead: str
    units: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True)
class Scene:
    """What every line of one reader's board depends on."""

    visit: Visit
    departments: Mapping[str, str]
    verbs: Collection[str]
    """What the reader may ever order."""
    own: Collection[str]
    """Departments for which they may order as a unit."""


def line_of(scene: Scene, row: IncidentRow, units: Sequence[UnitRow]) -> Line:
    """Return a row as a line."""
    visit, say = scene.visit, scene.visit.say
    ports = visit.ports.incidents
    kind = ports.kinds.get(row.type)
    english = visit.language == "en"
    named = row.type if kind is None else kind.english if english else kind.name
    cell = ports.grid.cell_by_id.get(row.cell)
    where = row.address or (cell.named(english) if cell else "") or row.district
    sent = [
        f"{scene.departments.get(one.department, one.department)} "
        f"{say(UNIT_STATES.get(one.state, one.state))}"
        for one in units
        if one.state not in ("moved", "stood_down")
    ]
    return Line(
        row.id, row.number, f"/incidents/{row.id}", row.level,
        say(LEVELS.get(row.level, row.level)),
        say(GRADES[row.grade]) if row.grade in GRADES and row.grade else "",
        row.title, named, where, row.stage, say(STAGES.get(row.stage, row.stage)),
        row.response_level, row.signals, row.late, row.reported_at, row.acknowledged_at,
        row.reported_at + PROMISE, row.due_at,
        scene.departments.get(row.lead, row.lead), scene.visit.say(N_("；")).join(sent),
        buttons_of(scene, row, units),
    )  # fmt: skip


def buttons_of(scene: Scene, row: IncidentRow, units: Sequence[UnitRow]) -> tuple[Button, ...]:
    """Return what this reader may do next with the incident."""
    found = []
    for verb in NEXT.get(row.stage, ()):
        if verb not in scene.verbs:
            continue
        department = _for_whom(scene, verb, units) if verb in OF_UNITS else ""
        if verb in OF_UNITS and not department:
            continue
        if verb == "arbitrate" and not any(one.state == "disputed" for one in units):
            continue
        url = f"/incidents/{row.id}/do/{verb}" + (f"?department={department}" if department else "")
        # The same line offers the same command: a second press finds what the first one did.
        command = str(uuid5(NAMESPACE_URL, f"{scene.visit.csrf}\n{row.id}\n{row.seq}\n{verb}"))
        found.append(
            Button(
                verb,
                scene.visit.say(VERBS[verb]),
                KEYS.get(verb, ""),
                url,
                verb in STRAIGHT,
                command,
                department,
            )
        )
    return tuple(found)


_WANTS: Mapping[str, Collection[str]] = {
    "acknowledge": ("dispatched",),
    "refuse_dispatch": ("dispatched",),
    "set_out": ("acknowledged",),
    "arrive": ("acknowledged", "under_way"),
    "answer": ("on_site",),
}


def _for_whom(scene: Scene, verb: str, units: Sequence[UnitRow]) -> str:
    return next(
        (
            one.department
            for one in units
            if one.department in scene.own and one.state in _WANTS[verb]
        ),
        "",
    )


@dataclass(frozen=True)
class Spot:
    """One incident on the map."""

    id: str
    x: float
    y: float
    level: str
    words: str
    """Read aloud, and shown when pointed at."""


def spot_of(visit: Visit, grid: Grid, row: IncidentRow) -> Spot | None:
    """Return where an incident stands on the map: its point, else its cell; None: nowhere."""
    point = (row.lon, row.lat)
    if row.lon is None or row.lat is None or grid.cell_at(row.lon, row.lat) is None:
        cell = grid.cell_by_id.get(row.cell)
        if cell is None:
            return None
        point = cell.centre
    lon, lat = point
    assert lon is not None and lat is not None
    x, y = grid.spot(lon, lat)
    words = f"{row.number} {visit.say(LEVELS.get(row.level, ''))} {row.title}"
    return Spot(row.id, x, y, row.level, words)


def spot_svg(spot: Spot) -> str:
    """Return the inner SVG of a mark; `cases.incidents.map.shape` gives level its shape."""
    return shape(spot.level, spot.x, spot.y, 11 if spot.level == "red" else 8)


def line_html(visit: Visit, line: Line, now: datetime) -> str:
    """Return a line as the page has it."""
    macros = environment(visit.language).get_template("macros/incidents.html").module
    return str(macros.row(line, visit.zone, visit.csrf, now))  # type: ignore[attr-defined]


def counter_words(visit: Visit) -> Mapping[str, str]:
    """Return what each figure of the strip is called, in its order."""
    say = visit.say
    return {
        "open": say(N_("在办")),
        "red": say(N_("红色")),
        "ungraded": say(N_("未定级")),
        "unsent": say(N_("未派发")),
        "unsigned": say(N_("未签收")),
        "late": say(N_("有超时")),
    }
