"""CAP alerts with the verdicts of OASIS' own schemas; hostile documents must all be refused.

Form: a folder with `xsd_verdicts.csv` (file, cap_version, xsd_valid), the alerts it names, and
`hostile_*` documents. A valid alert that is written and read again must be the same. What the
standard's prose forbids although the schema allows it is reported beside the verdicts.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from benchmarks.known import Known, KnownUnreadable
from cases.incidents.cap import Alert, CapRefused, prose_faults, read_alert, write_alert
from cases.incidents.xml_in import XmlRefused, read_xml

VERDICTS = "xsd_verdicts.csv"


def run(path: Path) -> Known:
    """Return how many of the published verdicts the reader gives too."""
    if not (path / VERDICTS).is_file():
        raise KnownUnreadable(f"{path}：没有 {VERDICTS}；应是带有 XSD 结论的 CAP 文件夹")
    with (path / VERDICTS).open(newline="", encoding="utf-8") as file:
        rows = [(row["file"], row["xsd_valid"] == "True") for row in csv.DictReader(file)]
    hostile = sorted(path.glob("hostile_*"))
    if not rows:
        raise KnownUnreadable(f"{path / VERDICTS}：一行也没有")
    prose: dict[str, list[str]] = {}
    differences = [said for name, valid in rows if (said := _difference(path / name, valid, prose))]
    differences += [said for file in hostile if (said := _taken(file))]
    cases = len(rows) + len(hostile)
    against_prose: dict[str, JsonValue] = {name: [*told] for name, told in prose.items()}
    return Known(
        cases, cases - len(differences), differences,
        report={"hostile_refused": len(hostile), "prose": against_prose},
        lines=[f"合乎 XSD 而违背正文：{name}：{'；'.join(told)}" for name, told in prose.items()],
    )  # fmt: skip


def _difference(file: Path, valid: bool, prose: dict[str, list[str]]) -> str:
    """Return what differs from the verdict, an empty string when nothing does."""
    try:
        alert = read_alert(file.read_bytes())
    except CapRefused as refused:
        return f"{file.name}: refused ({refused})" if valid else ""
    if not valid:
        return f"{file.name}: accepted"
    if told := prose_faults(alert):
        prose[file.name] = list(told)
    if _again(alert) != replace(alert, version="1.2"):
        return f"{file.name}: written and read again it is another alert"
    return ""


def _again(alert: Alert) -> Alert:
    return read_alert(write_alert(alert))


def _taken(file: Path) -> str:
    try:
        read_xml(file.read_bytes())
    except XmlRefused:
        return ""
    return f"{file.name}: read, and it should have been refused"
