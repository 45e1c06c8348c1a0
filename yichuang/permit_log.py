"""Reading a permit log: one CSV row per recorded step, columns as in the CoSeLoG receipt log.

Columns used: `case:concept:name`, `concept:name`, `time:timestamp`, `case:startdate`, and, where
they are there, `case:deadline`, `case:channel`, `org:resource`, `org:group`, `concept:instance`.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

NEEDED = ("case:concept:name", "concept:name", "time:timestamp", "case:startdate")


class LogUnreadable(Exception):
    """The file is not such a log; the text names line and column and says what to do."""


@dataclass(frozen=True)
class LoggedStep:
    """One row: which step was completed when, by whom. `at` is aware."""

    step: str
    at: datetime
    handler: str
    group: str
    instance: str


@dataclass(frozen=True)
class LoggedCase:
    """One case of the log, its steps in the order of the file."""

    name: str
    channel: str
    started_at: datetime
    deadline: datetime | None
    """The authority's own column: compared with, never an input."""
    steps: tuple[LoggedStep, ...]


@dataclass(frozen=True)
class PermitLog:
    """A whole log. `digest` is SHA-256 (hex) of the unpacked file."""

    digest: str
    cases: tuple[LoggedCase, ...]

    @property
    def events(self) -> int:
        return sum(len(case.steps) for case in self.cases)


def read_log(path: Path, limit: int | None = None) -> PermitLog:
    """Return the log in a CSV file (also gzipped), or in the only such file of a folder.

    `limit` keeps the first so many cases. Raises `LogUnreadable`.
    """
    if path.is_dir():
        found = sorted([*path.glob("*.csv"), *path.glob("*.csv.gz")])
        if len(found) != 1:
            raise LogUnreadable(f"{path}：应只有一个 .csv 或 .csv.gz，找到 {len(found)} 个")
        path = found[0]
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as broken:
        raise LogUnreadable(f"{path}：读不出来（{broken}）") from broken
    digest = hashlib.sha256(text.encode()).hexdigest()
    rows: dict[str, list[dict[str, str]]] = {}
    for row in _rows(text.splitlines(keepends=True), path):
        name = row["case:concept:name"]
        if name not in rows:
            if limit is not None and len(rows) == limit:
                continue
            rows[name] = []
        rows[name].append(row)
    return PermitLog(digest, tuple(_case(name, steps, path) for name, steps in rows.items()))


def _rows(lines: list[str], path: Path) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(lines)
    missing = [column for column in NEEDED if column not in (reader.fieldnames or [])]
    if missing:
        raise LogUnreadable(f"{path}：第 1 行缺少列 {'、'.join(missing)}")
    for row in reader:
        if any(not row[column] for column in NEEDED):
            raise LogUnreadable(f"{path}：第 {reader.line_num} 行有必填列为空")
        yield row


def _case(name: str, rows: list[dict[str, str]], path: Path) -> LoggedCase:
    first = rows[0]
    steps = tuple(
        LoggedStep(
            step=row["concept:name"],
            at=_moment(row["time:timestamp"], path, name),
            handler=row.get("org:resource") or "",
            group=row.get("org:group") or "",
            instance=row.get("concept:instance") or "",
        )
        for row in rows
    )
    deadline = first.get("case:deadline") or ""
    return LoggedCase(
        name=name,
        channel=first.get("case:channel") or "",
        started_at=_moment(first["case:startdate"], path, name),
        deadline=_moment(deadline, path, name) if deadline else None,
        # A case's own order is its business time; rows of one instant keep the file's order.
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _moment(text: str, path: Path, case: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as broken:
        raise LogUnreadable(f"{path}：办件 {case} 的时间 {text!r} 读不懂") from broken
    if moment.tzinfo is None:
        raise LogUnreadable(f"{path}：办件 {case} 的时间 {text!r} 没有时区")
    return moment


__all__ = ["LogUnreadable", "LoggedCase", "LoggedStep", "PermitLog", "read_log"]
