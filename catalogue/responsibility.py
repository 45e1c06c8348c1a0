"""The responsibility table (责任清单): which kind of incident is whose, where.

Lines name a kind, perhaps a territory, a lead and who assists. Where none speaks, the principle
does: a part goes to its owner first, an event to its territory first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalogue.grid import Cell, Grid
from catalogue.incident_types import IncidentTypes
from catalogue.law import Article
from catalogue.marks import Fault, Marked
from catalogue.shaped_file import read_shaped

FILE = "responsibility.yaml"

OWNER: Final = "owner"
"""In a line: whoever owns such things (the type's own owner)."""
TERRITORY: Final = "territory"
"""In a line: the street office of the cell where it is."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Where(_Frozen):
    """A territory; nothing named: the whole city."""

    districts: tuple[str, ...] = ()
    streets: tuple[str, ...] = ()
    """Codes of street offices."""
    cells: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(bool(one) for one in (self.districts, self.streets, self.cells)) > 1:
            raise ValueError("只能写区、街道、网格中的一种")
        return self

    @property
    def rank(self) -> int:
        """Return how narrow it is: 3 cells, 2 streets, 1 districts, 0 the whole city."""
        return 3 if self.cells else 2 if self.streets else 1 if self.districts else 0

    def holds(self, cell: Cell | None, district: str) -> bool:
        """Tell whether a place lies in it; a cell that is not known lies in the whole city only.

        A place of which only the district is known lies in its district.
        """
        if not self.rank:
            return True
        if cell is None:
            return district in self.districts
        return (
            cell.id in self.cells
            or cell.department in self.streets
            or cell.district in self.districts
        )


class Line(_Frozen):
    """One line of the table."""

    id: str = Field(pattern=r"^[A-Z][A-Z0-9-]{1,31}$")
    type: str
    where: Where = Where()
    lead: str
    assist: tuple[str, ...] = ()
    basis: str
    verified: bool = True
    note: str = ""


class Responsibility(_Frozen):
    """The whole of catalogue/responsibility.yaml."""

    lines: tuple[Line, ...]

    def line_for(self, kind: str, cell: Cell | None, district: str = "") -> Line | None:
        """Return the narrowest line for a kind at a place; None: the principle speaks."""
        there = [one for one in self.lines if one.type == kind and one.where.holds(cell, district)]
        return max(there, key=lambda one: one.where.rank, default=None)


NO_LINES = Responsibility(lines=())
"""Of a catalogue without the file: the principle alone speaks."""


def read_responsibility(folder: Path) -> tuple[Responsibility | None, Marked | None, list[Fault]]:
    """Return the table of a catalogue's folder, with what is wrong with the shape of its file."""
    return read_shaped(folder, FILE, Responsibility)


def responsibility_faults(
    folder: Path,
    types: IncidentTypes,
    grid: Grid,
    departments: Collection[str],
    law: Mapping[str, Article],
) -> Iterator[Fault]:
    """Yield every fault of the table: unknown words, and lines that speak of one place twice."""
    table, marked, faults = read_responsibility(folder)
    yield from faults
    if table is None or marked is None:
        return
    known = {*departments, OWNER, TERRITORY}
    for n, one in enumerate(table.lines):
        for key, word, there, remedy in _words_of(one, types, grid, known, law):
            if word not in there:
                yield marked.fault(("lines", n, key), f"「{one.id}」：没有「{word}」", remedy)
        article = law.get(one.basis)
        if article is not None and not article.verified and one.verified:
            yield marked.fault(
                ("lines", n, "verified"),
                f"「{one.id}」依据未核对的条文，却标为已核对",
                "请写 verified: false",
            )
        if one.lead in one.assist:
            yield marked.fault(("lines", n, "assist"), f"「{one.id}」：牵头又协同", "请删去一个")
    for (_, one), (m, other) in combinations(enumerate(table.lines), 2):
        if one.id == other.id:
            yield marked.fault(("lines", m, "id"), f"「{one.id}」写了两次", "请改编号")
        if one.type == other.type and _both(one.where, other.where):
            yield marked.fault(
                ("lines", m), f"「{other.id}」与「{one.id}」说的是同一处", "请合并或写清地域"
            )


def _both(one: Where, other: Where) -> bool:
    """Tell whether two territories of one rank meet."""
    if one.rank != other.rank:
        return False
    return not one.rank or bool(
        {*one.cells, *one.streets, *one.districts}
        & {*other.cells, *other.streets, *other.districts}
    )


def _words_of(
    one: Line,
    types: IncidentTypes,
    grid: Grid,
    known: Collection[str],
    law: Mapping[str, Article],
) -> Iterator[tuple[str, str, Collection[str], str]]:
    yield "type", one.type, types.by_code, "请用 incident_types.yaml 中的种类"
    for department in (one.lead, *one.assist):
        yield "lead", department, known, "请用 city.yaml 中的部门标识、owner 或 territory"
    yield "basis", one.basis, law, "请先在法条登记簿登记条文"
    for place in one.where.districts:
        yield "where", place, grid.district_by_code, "请用 grid.geojson 中的区"
    for place in one.where.streets:
        yield "where", place, grid.street_by_department, "请用 grid.geojson 中的街道"
    for place in one.where.cells:
        yield "where", place, grid.cell_by_id, "请用 grid.geojson 中的网格"
