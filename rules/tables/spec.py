"""A decision table as written: in a pack's `tables:`, in a file beside it, or made from DMN.

Cells are text (`rules.tables.cells`); what YAML reads as a number, a truth value or a date is
written back as one. `rules.tables.table` turns a spec into a table that can be asked.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from rules.shapes import Frozen, Title
from rules.tables.cells import Kind

Hit = Literal["U", "A", "P", "F", "R", "O", "C", "C+", "C<", "C>", "C#"]
"""Hit policies of DMN: unique, any, priority, first, rule order, output order, collect, and collect
with sum, minimum, maximum, count."""
HITS: tuple[Hit, ...] = ("U", "A", "P", "F", "R", "O", "C", "C+", "C<", "C>", "C#")
LISTS: frozenset[Hit] = frozenset({"R", "O", "C"})
"""Policies that answer with a list."""
AGGREGATES: frozenset[Hit] = frozenset({"C+", "C<", "C>", "C#"})
SINGLE: frozenset[Hit] = frozenset({"U", "A", "P", "F"})
"""Policies that answer with one row; a gap in such a table is a fault."""


def cell_text(raw: object) -> object:
    """Return what YAML made of a cell as the text that was meant; other things unchanged."""
    match raw:
        case None:
            return "null"
        case bool():
            return "true" if raw else "false"
        case int() | float():
            return f"{Decimal(repr(raw)):f}"
        case date():
            return f'date("{raw.isoformat()}")'
        case _:
            return raw


class InputSpec(Frozen):
    """One input column."""

    field: str
    type: Kind | None = None
    """Absent: that of the pack's field."""
    title: str = ""
    unit: str = ""
    values: str = ""
    """Domain as unary tests, e.g. `[0..150]` or `"甲", "乙"`; absent: every value of the type."""
    whole: bool = False
    """Only whole numbers occur: nothing lies between 17 and 18."""
    optional: bool = False
    """A missing value has to be covered too."""

    _values = field_validator("values", mode="before")(cell_text)


class OutputSpec(Frozen):
    """One output column."""

    name: str
    type: Kind | None = None
    """Absent: that of the pack's outcome."""
    title: str = ""
    unit: str = ""
    values: str = ""
    """Allowed values with commas, the highest priority first (P and O go by this order)."""
    default: str | None = None
    """What is answered when no row matches; absent: nothing."""

    _values = field_validator("values", mode="before")(cell_text)

    @field_validator("default", mode="before")
    @classmethod
    def _default(cls, raw: object) -> object:
        return None if raw is None else cell_text(raw)


class RowSpec(Frozen):
    """One row. Written as a list, it is the cells of `when`, then of `then`, then a note."""

    id: str = ""
    """Absent: `r1`, `r2`, … by place."""
    when: tuple[str, ...]
    then: tuple[str, ...]
    basis: str = ""
    """Article of this row alone; absent: that of the table."""
    note: str = ""

    @field_validator("when", "then", mode="before")
    @classmethod
    def _cells(cls, raw: object) -> object:
        return tuple(map(cell_text, raw)) if isinstance(raw, list | tuple) else raw


class TableExample(Frozen):
    """A context, the rows that decide it, and what the whole pack must answer at least."""

    given: dict[str, JsonValue]
    rows: tuple[str, ...] = ()
    """Row ids in the order of the answer; `default` for the defaults; none: no row matches."""
    outcome: dict[str, JsonValue] = Field(default_factory=dict)
    day: date | None = None
    """Absent: the table's first day."""


class TableSpec(Frozen):
    """A decision table."""

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")
    title: Title
    basis: str = Field(min_length=1)
    """Id of an article in the law register."""
    in_force_from: date
    in_force_until: date | None = None
    """The first day on which it no longer holds; absent: still in force."""
    hit: Hit = "U"
    gaps: Literal["refused", "allowed", ""] = ""
    """Whether an input that no row covers is a fault. Absent: yes for U A P F without default."""
    gaps_reason: str = ""
    """Why gaps are allowed."""
    file: str = ""
    """CSV beside the pack that holds `inputs`, `outputs` and `rows`; read in when loading."""
    inputs: tuple[InputSpec, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    rows: tuple[RowSpec, ...] = ()
    examples: tuple[TableExample, ...] = ()
    """Tried when the pack is loaded; what no row covers is found without them."""
    verified: bool = True
    """False: the text of the article has not been checked against its official publication."""
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _rows_as_lists(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("rows"), list | tuple):
            return raw
        counts = [len(raw[key]) if isinstance(raw.get(key), list | tuple) else 0
                  for key in ("inputs", "outputs")]  # fmt: skip
        return {**raw, "rows": [_row(row, *counts) for row in raw["rows"]]}


def _row(raw: Any, inputs: int, outputs: int) -> Any:
    if not isinstance(raw, list | tuple):
        return raw
    cells = inputs + outputs
    if not cells <= len(raw) <= cells + 1:
        raise ValueError(f"row {list(raw)!r}: {len(raw)} cells, expected {inputs} + {outputs}")
    note = {"note": str(raw[cells])} if len(raw) > cells and raw[cells] is not None else {}
    return {"when": list(raw[:inputs]), "then": list(raw[inputs:cells]), **note}
