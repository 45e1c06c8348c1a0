"""Who is sent, and why: the responsibility table, what rulings taught it, and the principle.

部件先属主后属地，事件先属地后属主. Pure: the table, the grid and what was learnt come in as values.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cases.incidents.place import Place
from catalogue.grid import Cell, Grid
from catalogue.incident_types import IncidentType
from catalogue.responsibility import OWNER, TERRITORY, Line, Responsibility

PRINCIPLE: Final = "YCYX-14"
"""Article that gives the order of owner and territory."""
RULING: Final = "YCYX-15"
"""Article that makes an arbiter's ruling a line of the table."""
CENTRE: Final = "zhzx"
"""The command centre: whose everything is that is nobody's (YCYX-14)."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A line that a ruling taught: such incidents in that street are that department's."""

    type: str
    street: str
    """Code of the street office; empty: the whole city, where the ruled incident had no cell."""
    department: str
    incident_id: str
    number: str
    """The ruled incident's number, 云突〔2026〕000123号."""
    ruled_at: datetime


@dataclass(frozen=True, slots=True)
class Routed:
    """One department that is sent, with the reason in a sentence and its article."""

    department: str
    lead: bool
    why: str
    basis: str
    line: str
    """The table's line, `ruling:<incident>`, or `principle`."""
    note: str = ""
    """What the line itself adds."""


def cell_of(place: Place, grid: Grid) -> Cell | None:
    """Return the cell of a place: by its point, else by the cell it names; None: not known."""
    found = grid.cell_at(place.lon, place.lat)
    return found if found is not None else grid.cell_by_id.get(place.cell)


def route(
    kind: IncidentType,
    place: Place,
    table: Responsibility,
    grid: Grid,
    learned: Sequence[Learned] = (),
    *,
    owner: str = "",
    refused: Collection[str] = (),
) -> tuple[Routed, ...]:
    """Return who is sent, the one lead first; never empty.

    `owner` is the thing's own owner where the report names it (the mark on a cover); else the
    type's. Who `refused` this incident is passed over for the next in the order, and the command
    centre leads when nobody is left.
    """
    cell = cell_of(place, grid)
    of_whom = owner or kind.owner
    line = table.line_for(kind.code, cell, place.district)
    leads = [
        *_rulings(kind, cell, learned),
        *(() if line is None else (_lead(line, kind, cell, grid, of_whom),)),
        *_principle(kind, cell, grid, of_whom),
        Routed(CENTRE, True, "没有别的责任单位，由指挥中心指定", PRINCIPLE, "principle"),
    ]
    lead = next(one for one in leads if one.department and one.department not in refused)
    assisting = () if line is None else _assisting(line, cell, grid, of_whom)
    passed = {lead.department, *refused}
    return (lead, *(one for one in assisting if one.department not in passed))


def _rulings(kind: IncidentType, cell: Cell | None, learned: Sequence[Learned]) -> list[Routed]:
    """Return what rulings taught: the street's before the city's, the newest first."""
    street = cell.department if cell else ""
    there = [one for one in learned if one.type == kind.code and one.street in ("", street)]
    there.sort(key=lambda one: (bool(one.street), one.ruled_at), reverse=True)
    return [
        Routed(
            one.department, True, f"{one.number}的派单仲裁裁定同类事件归其处置",
            RULING, f"ruling:{one.incident_id}",
        )
        for one in there
    ]  # fmt: skip


def _lead(line: Line, kind: IncidentType, cell: Cell | None, grid: Grid, owner: str) -> Routed:
    why = f"责任清单 {line.id}：{kind.name}由其牵头{_place(line, cell, grid)}"
    if line.note:
        why = f"{why}（{line.note}）"
    return Routed(_named(line.lead, cell, owner), True, why, line.basis, line.id, line.note)


def _assisting(line: Line, cell: Cell | None, grid: Grid, owner: str) -> tuple[Routed, ...]:
    why = f"责任清单 {line.id}：协同{_place(line, cell, grid)}"
    named = dict.fromkeys(_named(word, cell, owner) for word in line.assist)
    return tuple(Routed(who, False, why, line.basis, line.id) for who in named if who)


def _place(line: Line, cell: Cell | None, grid: Grid) -> str:
    """Return in which territory a line speaks, in words; empty for the whole city."""
    if not line.where.rank:
        return ""
    if cell is None:
        names = (grid.district_by_code[code].name for code in line.where.districts)
        return f"，限{'、'.join(names)}"
    if line.where.cells:
        return f"，限{cell.name}"
    if line.where.streets:
        return f"，限{grid.street_by_department[cell.department].name}"
    return f"，限{grid.district_by_code[cell.district].name}"


def _named(word: str, cell: Cell | None, owner: str) -> str:
    """Return the department that a line's word means here; empty where the place is not known."""
    if word == OWNER:
        return owner
    if word == TERRITORY:
        return cell.department if cell else ""
    return word


def _principle(kind: IncidentType, cell: Cell | None, grid: Grid, owner: str) -> list[Routed]:
    """Return owner and territory in the order of the principle."""
    part = kind.kind == "part"
    rule = "部件先属主后属地" if part else "事件先属地后属主"
    whose: list[Routed] = []
    if owner:
        whose.append(Routed(owner, True, f"{rule}：{kind.name}的属主", PRINCIPLE, "principle"))
    if cell is not None:
        street = grid.street_by_department[cell.department].name
        land = f"{rule}：{cell.name}的属地（{street}）"
        where = Routed(cell.department, True, land, PRINCIPLE, "principle")
        whose.insert(len(whose) if part else 0, where)
    return whose
