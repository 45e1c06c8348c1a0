"""`yichuang rules table FILE`: a decision table, its gaps and overlaps; DMN as a pack's YAML.

FILE is a CSV table, a rule pack with `tables:`, or a DMN model. Nothing is written: what
`--import-dmn` prints is for a lawyer to name the articles in, and goes the way of every rule.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import yaml
from pydantic import ValidationError

from rules.load import load_file
from rules.shapes import Title
from rules.tables.dmn import DmnRefused, load_dmn
from rules.tables.dmn_model import DmnModel
from rules.tables.files import FileRefused, read_csv
from rules.tables.spec import TableSpec
from rules.tables.table import Table, TableRefused, build
from rules.tables.written import lines_of, pack_parts, refusals, report_of
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "决策表：缺口、重叠与 DMN 导入 (a decision table: gaps, overlaps, import from DMN)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="CSV、规则包或 .dmn")
    parser.add_argument(
        "--import-dmn", action="store_true", help="以规则包的 YAML 输出 (print as a pack's YAML)"
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 when nothing is wrong, 1 when something is, 2 for a file that is no table."""
    del settings  # a table stands in a file, whatever the form of the house
    try:
        tables, refused, model = _read(args.file)
    except (OSError, DmnRefused, FileRefused) as wrong:
        remedy = getattr(wrong, "remedy", "检查路径")
        line = f"第 {wrong.line} 行: " if isinstance(wrong, FileRefused) else ""
        complain(f"{args.file.name}: {line}{wrong} → {remedy}")
        return 2
    if args.import_dmn:
        if model is None:
            complain(f"{args.file.name}: 不是 .dmn")
            return 2
        say(yaml.safe_dump(pack_parts(model), allow_unicode=True, sort_keys=False, width=100))
        return _complained(refused)
    reports = [report_of(table) for table in tables]
    if args.json:
        say_json({"tables": reports, "refused": list(refused)})
        return 1 if refused or any(report["faults"] for report in reports) else 0
    for table, report in zip(tables, reports, strict=True):
        for line in (*lines_of(table), *(f"  ! {fault}" for fault in report["faults"])):
            say(line)
        for remark in report["remarks"]:
            say(f"  · {remark}")
        if report["complete"] and not report["faults"]:
            say("  没有缺口")
    code = _complained(refused)
    return 1 if any(report["faults"] for report in reports) else code


def _complained(refused: Sequence[str]) -> int:
    for one in refused:
        complain(one)
    return 1 if refused else 0


def _read(file: Path) -> tuple[list[Table], list[str], DmnModel | None]:
    """Return the tables of a file, what could not be read of it, and the model it is."""
    if file.suffix == ".dmn":
        model = load_dmn(file)
        tables = [d.table.table for d in model.decisions.values() if d.table is not None]
        return tables, list(refusals(model).values()), model
    if file.suffix == ".csv":
        try:
            return [_of_csv(file)], [], None
        except TableRefused as refused:
            return [], [f"{file.name}: {p.message} → {p.remedy}" for p in refused.problems], None
        except ValidationError as wrong:
            told = wrong.errors()[0]
            return [], [f"{file.name}: {'.'.join(map(str, told['loc']))}: {told['msg']}"], None
    loaded, faults = load_file(file)
    return list(loaded.pack.tables) if loaded else [], list(map(str, faults)), None


def _of_csv(file: Path) -> Table:
    raw = read_csv(file.read_bytes()).raw
    head = {"id": "csv", "title": Title(zh=file.stem, en=file.stem), "basis": file.stem}
    return build(TableSpec.model_validate({**head, "in_force_from": date.min, **raw}))
