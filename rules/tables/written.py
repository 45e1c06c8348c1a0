"""Tables as text: for people, and as the parts of a pack's YAML that a DMN model comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rules.tables.cells import Kind, spelled, spelled_cell
from rules.tables.dmn_model import DmnModel, TableLogic
from rules.tables.gaps import analyse, findings
from rules.tables.spec import LISTS
from rules.tables.table import Table

TO_NAME = "待定"
"""Stands where a person has to name an article; the register has no such entry."""


def lines_of(table: Table) -> Iterator[str]:
    """Yield a table as lines of text: its head, its columns, its rows."""
    spec = table.spec
    yield f"{table.id} ({table.hit}) {spec.title.zh}: {len(table.rows)} 行"
    head = ["", *(f"{c.label}{f' {c.unit}' if c.unit else ''}" for c in table.columns), "→"]
    grid = [[*head, *(output.name for output in table.outputs)]]
    for row in table.rows:
        cells, values = map(spelled_cell, row.cells), map(spelled, row.values)
        grid.append([row.id, *cells, "→", *values])
    if table.has_default:
        defaults = (spelled(o.default) if o.has_default else "" for o in table.outputs)
        grid.append(["默认", *("" for _ in table.columns), "→", *defaults])
    widths = [max(len(line[n]) for line in grid) for n in range(len(grid[0]))]
    for line in grid:
        yield "  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip()


def report_of(table: Table) -> dict[str, Any]:
    """Return what the analysis finds, as JSON would have it."""
    found = analyse(table)
    faults, remarks = findings(found)
    return {
        "table": table.id,
        "hit": table.hit,
        "rows": len(table.rows),
        "columns": len(table.columns),
        "exact": found.is_exact,
        "complete": found.is_complete,
        "gaps": [found.said(gap.given) for gap in found.gaps],
        "overlaps": [{"rows": list(o.rows), "at": found.said(o.given)} for o in found.overlaps],
        "overlapping_pairs": found.overlapping,
        "faults": [problem.message for problem in faults],
        "remarks": remarks,
    }


# --- a model as the parts of a pack ---------------------------------------------------------------


def pack_parts(model: DmnModel) -> dict[str, Any]:
    """Return `fields`, `outcome` and `tables` of a pack that answers as a DMN model does.

    Articles are left to be named. Decisions that were not read are left out.
    """
    names = _Names()
    fields: dict[str, Any] = {}
    outcome: dict[str, Any] = {}
    tables: list[dict[str, Any]] = []
    decided = {name for name, one in model.decisions.items() if one.table is not None}
    for name in _in_order(model):
        logic = model.decisions[name].table
        if logic is None:
            continue
        for source, column in zip(logic.sources, logic.table.columns, strict=True):
            fields.setdefault(
                names.of(source),
                {"type": column.kind, "title": {"zh": source, "en": source}}
                | ({"derived": True} if source in decided else {}),
            )
        tables.append(_table(name, logic, names))
        for output in logic.table.outputs:
            whole = name if len(logic.table.outputs) == 1 else f"{name} {output.name}"
            outcome[names.of(whole)] = _outcome(whole, output.kind, logic.table)
    return {"fields": fields, "outcome": outcome, "tables": tables}


def _outcome(name: str, kind: Kind, table: Table) -> dict[str, Any]:
    title = {"zh": name, "en": name}
    if table.hit in LISTS:
        return {"type": f"{kind}_list", "title": title, "merge": "union"}
    return {"type": "number" if table.hit == "C#" else kind, "title": title}


def _table(name: str, logic: TableLogic, names: _Names) -> dict[str, Any]:
    table = logic.table
    spec = table.spec
    one = len(table.outputs) == 1
    gaps = analyse(table)
    allowed = {} if gaps.is_complete else {"gaps": "allowed", "gaps_reason": "DMN 模型如此"}
    return {
        "id": names.of(name).replace("_", "-")[:40],
        "title": {"zh": name, "en": name},
        "basis": TO_NAME,
        "in_force_from": TO_NAME,
        "hit": table.hit,
        **allowed,
        "inputs": [
            {"field": names.of(source), "type": column.kind}
            | ({"values": given.values} if given.values else {})
            for source, column, given in zip(logic.sources, table.columns, spec.inputs, strict=True)
        ],
        "outputs": [
            {"name": names.of(name if one else f"{name} {output.name}"), "type": output.kind}
            | ({"values": given.values} if given.values else {})
            | ({"default": given.default} if given.default is not None else {})
            for output, given in zip(table.outputs, spec.outputs, strict=True)
        ],
        "rows": [
            [*map(spelled_cell, row.cells), *map(spelled, row.values)]
            + ([row.note] if row.note else [])
            for row in table.rows
        ],
        "verified": False,
    }


def _in_order(model: DmnModel) -> Iterator[str]:
    """Yield decisions after those that they need."""
    done: set[str] = set()

    def after(name: str) -> Iterator[str]:
        if name not in done and name in model.decisions:
            done.add(name)
            for other in model.decisions[name].requires:
                yield from after(other)
            yield name

    for name in model.decisions:
        yield from after(name)


class _Names:
    """Names of a model as names of a pack, each once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        if name not in self._known:
            word = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:50]
            if not re.match(r"[a-z]", word):
                word = f"f{len(self._known) + 1}"
            while word in self._known.values():
                word += "_"
            self._known[name] = word
        return self._known[name]


def refusals(model: DmnModel) -> Mapping[str, str]:
    """Return why decisions are no tables of constants, by name."""
    return {
        name: one.refusal or f"决策 {name!r} 第 {one.line} 行: 不是由常量组成的决策表"
        for name, one in model.decisions.items()
        if one.table is None
    }
