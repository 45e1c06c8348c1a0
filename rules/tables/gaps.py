"""Gaps and overlaps of a decision table: exact, with an input that shows each, and bounded.

Rows are boxes over the atoms of `rules.tables.domains`. Two boxes meet when they meet in every
column. Boxes that nowhere meet leave no gap exactly when their volumes add up to the domain's, and
the way down to a gap is where a slice's volume is short. Boxes that may meet are walked column by
column; when that takes too many steps the answer is "not known", never "complete".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from rules.shapes import Problem
from rules.tables.cells import Scalar, spelled
from rules.tables.domains import Domain, domains
from rules.tables.spec import SINGLE
from rules.tables.table import Row, Table

SHOWN = 5
"""Gaps and overlaps that are shown; one is enough to refuse."""
MAX_STEPS = 2_000_000
"""Steps of the walk over rows that meet: some three seconds (2026-11-26)."""

Inputs = tuple[Scalar, ...]
"""One value per column; `None` is missing."""


@dataclass(frozen=True)
class Gap:
    """An input that no row covers."""

    given: Inputs


@dataclass(frozen=True)
class Overlap:
    """Two rows that both match an input. `differs`: they do not say the same."""

    rows: tuple[str, str]
    given: Inputs
    differs: bool


@dataclass(frozen=True)
class Analysis:
    """What was found. `is_exact`: false when a limit was reached; then a gap may be unseen."""

    table: Table
    gaps: tuple[Gap, ...]
    overlaps: tuple[Overlap, ...]
    """The first few."""
    overlapping: int
    """Pairs of rows that meet."""
    dead: tuple[str, ...]
    """Rows that match nothing of the domain."""
    is_exact: bool = True

    @property
    def is_complete(self) -> bool:
        return self.is_exact and not self.gaps

    def said(self, given: Inputs) -> str:
        """Return an input as people read it."""
        return ", ".join(
            f"{column.label}={'缺失' if value is None else spelled(value)}{column.unit}"
            for column, value in zip(self.table.columns, given, strict=True)
        )


def analyse(table: Table, max_steps: int = MAX_STEPS) -> Analysis:
    """Return the gaps, overlaps and dead rows of a table."""
    cut = domains(table)
    boxes = [
        tuple(domain.mask(cell) for domain, cell in zip(cut, row.cells, strict=True))
        for row in table.rows
    ]
    dead = tuple(row.id for row, box in zip(table.rows, boxes, strict=True) if not all(box))
    alive = [n for n, box in enumerate(boxes) if all(box)]
    overlaps, count = _overlaps(table, cut, boxes, alive)
    space = _Space(cut, [boxes[n] for n in alive])
    if count == 0:
        gaps, exact = list(_first(space.short_slices())), True
    else:
        gaps, exact = space.walk(max_steps)
    found = tuple(Gap(tuple(d.example(a) for d, a in zip(cut, at, strict=True))) for at in gaps)
    return Analysis(table, found, overlaps, count, dead, exact)


def _first(found: Iterator[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    for _, one in zip(range(SHOWN), found, strict=False):
        yield one


def _overlaps(
    table: Table, cut: tuple[Domain, ...], boxes: list[tuple[int, ...]], alive: list[int]
) -> tuple[tuple[Overlap, ...], int]:
    """Return some overlaps, those with different answers first, and how many there are."""
    agreeing: list[Overlap] = []
    differing: list[Overlap] = []
    count = 0
    for place, a in enumerate(alive):
        box = boxes[a]
        for b in alive[place + 1 :]:
            other = boxes[b]
            if not all(x & y for x, y in zip(box, other, strict=True)):
                continue
            count += 1
            differs = table.rows[a].values != table.rows[b].values
            kept = differing if differs else agreeing
            if len(kept) < SHOWN:
                given = tuple(
                    domain.example(_lowest(x & y))
                    for domain, x, y in zip(cut, box, other, strict=True)
                )
                kept.append(Overlap((table.rows[a].id, table.rows[b].id), given, differs))
    return tuple((differing + agreeing)[:SHOWN]), count


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _atoms(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class _Space:
    """All inputs, and the boxes that cover some of them."""

    def __init__(self, cut: tuple[Domain, ...], boxes: list[tuple[int, ...]]) -> None:
        self._boxes = boxes
        self._whole = [domain.whole for domain in cut]
        self._columns = range(len(cut))
        # For each column, the sets of boxes (bit sets) that its atoms are in, each once, with the
        # first atom that is in exactly these.
        self._groups = [self._grouped(column) for column in self._columns]
        # The boxes that cover everything from a column on.
        self._rest = [
            sum(
                1 << n
                for n, box in enumerate(boxes)
                if all(box[c] == self._whole[c] for c in self._columns[column:])
            )
            for column in range(len(cut) + 1)
        ]

    def _grouped(self, column: int) -> list[tuple[int, int]]:
        inside: dict[int, int] = dict.fromkeys(_atoms(self._whole[column]), 0)
        for n, box in enumerate(self._boxes):
            bit = 1 << n
            for atom in _atoms(box[column]):
                inside[atom] |= bit
        first: dict[int, int] = {}
        for atom, rows in inside.items():
            first.setdefault(rows, atom)
        return [(atom, rows) for rows, atom in first.items()]

    def short_slices(self) -> Iterator[tuple[int, ...]]:
        """Yield atoms that no box covers, given that no two boxes meet: by volume."""
        sizes = [[mask.bit_count() for mask in box] for box in self._boxes]
        rest = [[prod(size[column:]) for size in sizes] for column in range(len(self._whole) + 1)]
        full = [prod(m.bit_count() for m in self._whole[c:]) for c in range(len(self._whole) + 1)]

        def down(column: int, active: int) -> Iterator[tuple[int, ...]]:
            if sum(rest[column][n] for n in _atoms(active)) == full[column]:
                return
            if column == len(self._whole):
                yield ()
                return
            for atom, rows in self._groups[column]:
                for tail in down(column + 1, active & rows):
                    yield (atom, *tail)

        yield from down(0, (1 << len(self._boxes)) - 1)

    def walk(self, max_steps: int) -> tuple[list[tuple[int, ...]], bool]:
        """Return atoms that no box covers, and whether the walk came to its end."""
        covered: set[tuple[int, int]] = set()
        found: list[tuple[int, ...]] = []
        steps = 0

        def down(column: int, active: int, path: tuple[int, ...]) -> bool:
            """Tell whether all below is covered; false also when the walk broke off."""
            nonlocal steps
            if active & self._rest[column] or (column, active) in covered:
                return True
            if not active:
                tail = tuple(_lowest(mask) for mask in self._whole[column:])
                found.append(path + tail)
                return False
            whole = True
            for atom, rows in self._groups[column]:
                steps += 1
                if steps > max_steps or len(found) >= SHOWN:
                    return False
                whole &= down(column + 1, active & rows, (*path, atom))
            if whole:
                covered.add((column, active))
            return whole

        down(0, (1 << len(self._boxes)) - 1, ())
        return found, steps <= max_steps


# --- what of it is a fault ------------------------------------------------------------------------


def findings(analysis: Analysis) -> tuple[list[Problem], list[str]]:
    """Return the faults that keep a table from loading, and remarks that do not."""
    table = analysis.table
    faults: list[Problem] = []
    remarks: list[str] = []
    place = {row.id: n for n, row in enumerate(table.rows)}
    for row in analysis.dead:
        faults.append(
            Problem(
                ("rows", place[row]), f"第 {row} 行在取值范围内永不命中", "改这一行或列的 values"
            )
        )
    for gap in analysis.gaps:
        text = f"没有一行覆盖: {analysis.said(gap.given)}"
        if _gaps_refused(table):
            faults.append(
                Problem(("rows",), text, "补一行, 写默认值, 或写 gaps: allowed 与 gaps_reason")
            )
        else:
            remarks.append(text)
    if not analysis.is_exact:
        text = "表太复杂, 缺口分析没有做完, 不能说它是完整的"
        if _gaps_refused(table) and not analysis.gaps:
            faults.append(Problem(("rows",), text, "拆成几张表, 或写默认值, 或写 gaps: allowed"))
        else:
            remarks.append(text)
    for overlap in analysis.overlaps:
        rows, given = "、".join(overlap.rows), analysis.said(overlap.given)
        text = f"第 {rows} 行都覆盖: {given}"
        if table.hit == "U" or (table.hit == "A" and overlap.differs):
            why = " (U 只许一行命中)" if table.hit == "U" else " (结果不同)"
            faults.append(
                Problem(("rows", place[overlap.rows[1]]), text + why, "改其中一行, 或换命中策略")
            )
        else:
            remarks.append(text)
    if analysis.overlapping > len(analysis.overlaps):
        remarks.append(f"重叠的行共 {analysis.overlapping} 对")
    return faults, remarks


def _gaps_refused(table: Table) -> bool:
    if table.spec.gaps:
        return table.spec.gaps == "refused"
    return table.hit in SINGLE and not table.has_default


def row_of(table: Table, name: str) -> Row:
    """Return the row of an id. Raises `KeyError`."""
    for row in table.rows:
        if row.id == name:
            return row
    raise KeyError(name)
