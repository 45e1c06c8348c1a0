"""Published classes of surface-water sections, ours against theirs (GB 3838-2002, table 1).

Form: CSV of the national automatic stations, one file or a folder with any number. Whether a
section is a river or a lake is not in it and must be given: in the same folder, a CSV with the
columns 省份, 流域, 断面名称 and no readings lists the lakes and reservoirs; or the file itself has
a column 水体类型 (河流, 湖库). Without either all are taken for rivers, and that is said.

A published class rests on values with more digits than are printed. Where ours differs, but the
printed value stands so near a limit that its rounding hides on which side it was, the published
class can neither be confirmed nor denied: such a section is counted and named as undetermined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from benchmarks.known import SHOWN, Known, KnownUnreadable
from benchmarks.known_files import csv_records, text_of
from rules.load import PACKS, load_file
from rules.scales import NotANumber, Scale, decimal_of
from rules.standards import scales_on
from rules.water import CLASSES, WaterClass, water_class

PLACE = ("省份", "流域", "断面名称")
CLASS = "水质类别"
BODY = "水体类型"
COLUMNS = {
    "ph": "pH(无量纲)",
    "do": "溶解氧(mg/L)",
    "codmn": "高锰酸盐指数(mg/L)",
    "nh3n": "氨氮(mg/L)",
    "tp": "总磷(mg/L)",
}
"""Item → column. 总氮 and 水温 do not count for the class."""
MORE = {
    "cod": "化学需氧量(mg/L)",
    "bod5": "五日生化需氧量(mg/L)",
    "fluoride": "氟化物(mg/L)",
    "do_saturation": "溶解氧饱和率(%)",
}
"""Read where the file has them."""
MISSING = frozenset({"", "--", "-", "—", "NA", "/", "*"})
LAKES = frozenset({"湖库", "湖泊", "水库", "湖", "库", "lake", "reservoir"})
RIVERS = frozenset({"河流", "河", "river"})
ASCII = dict(zip(("I", "II", "III", "IV", "V", "劣V"), CLASSES, strict=True))
IN_FORCE = date(2026, 2, 4)
"""Day by which the table is chosen: the readings print no year. One table so far."""

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One row."""

    where: str
    place: Place
    body: str
    """`river` or `lake`."""
    measured: Mapping[str, str]
    """Printed values of what was measured, by item."""
    published: str
    """Empty: no class was published."""


def run(path: Path) -> Known:
    """Return for how many sections the class is the published one."""
    malformed: list[str] = []
    lakes, files = _files(path, malformed)
    sections = [s for file, text in files for s in _sections(file, text, lakes, malformed)]
    if not sections and not malformed:
        raise KnownUnreadable(f"{path}：没有一行")
    scales = _scales()
    compared = [section for section in sections if section.published]
    undetermined, differences = [], []
    classes: Counter[str] = Counter()
    on_a_limit = 0
    for section in compared:
        ours = water_class(scales[section.body], section.measured)
        best, worst = possible(scales[section.body], section.measured)
        on_a_limit += best != worst
        if ours.name == section.published:
            classes[ours.name] += 1
        elif best != worst and section.published in CLASSES[best - 1 : worst]:
            undetermined.append(_undetermined(section, best, worst))
        else:
            differences.append(_different(section, ours))
    report: dict[str, JsonValue] = {
        "sections": len(sections),
        "rivers": sum(section.body == "river" for section in sections),
        "lakes": sum(section.body == "lake" for section in sections),
        "lake_list": "given" if lakes or any(s.body == "lake" for s in sections) else "none",
        "undetermined": len(undetermined),
        "undetermined_sections": list[JsonValue](undetermined),
        "printed_on_a_limit": on_a_limit,
        "unpublished": len(sections) - len(compared),
        "equal_by_class": dict[str, JsonValue]((c, classes[c]) for c in CLASSES),
        "malformed": len(malformed),
        "malformed_rows": list[JsonValue](malformed[:SHOWN]),
    }
    equal = len(compared) - len(undetermined) - len(differences)
    return Known(
        equal + len(differences), equal, differences, report, list(_lines(report, undetermined))
    )


def possible(scales: Mapping[str, Scale], measured: Mapping[str, str]) -> tuple[int, int]:
    """Return the best and the worst class that the printed digits allow; (0, 0) without any.

    A printed value stands for all that round to it: half a unit of its last digit either way.
    """
    best = worst = 0
    for item, text in measured.items():
        value = decimal_of(text)
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)  # finite: `decimal_of`
        half = Decimal(5).scaleb(exponent - 1)
        grades = [
            water_class(scales, {**measured, item: at}).factors[_factor(item)]
            for at in (max(value - half, Decimal(0)), value, value + half)
        ]
        best, worst = max(best, min(grades)), max(worst, max(grades))
    return best, worst


def _factor(item: str) -> str:
    return "do" if item == "do_saturation" else item


@lru_cache(maxsize=1)
def _scales() -> dict[str, dict[str, Scale]]:
    loaded, faults = load_file(PACKS / "water.yaml")
    if loaded is None:
        raise KnownUnreadable("\n".join(map(str, faults)))
    pack = loaded.pack.definition
    return {body: scales_on(pack, IN_FORCE, {"water_body": body}) for body in ("river", "lake")}


def _undetermined(section: Section, best: int, worst: int) -> str:
    span = "或".join(CLASSES[best - 1 : worst])
    return (
        f"{_said(section)}：印出的数字只能定到 {span}，公布 {section.published}"
        "（数值恰在限值上，修约前在哪一侧看不出）"
    )


def _different(section: Section, ours: WaterClass) -> str:
    why = "、".join(f"{item} {section.measured[item]}" for item in ours.worst)
    return f"{_said(section)}：我方 {ours.name}（{why or '无超标因子'}），公布 {section.published}"


def _said(section: Section) -> str:
    return f"{section.where} {'/'.join(section.place)}"


def _lines(report: Mapping[str, JsonValue], undetermined: Iterable[str]) -> Iterator[str]:
    for name, value in report.items():
        if isinstance(value, int | str):
            yield f"{name}: {value}"
    if report["lake_list"] == "none":
        yield "没有湖库名单：全部按河流的总磷限值"
    for one in undetermined:
        yield f"不能判定 {one}"
    rows = report["malformed_rows"]
    assert isinstance(rows, list)
    for row in rows:
        yield f"读不懂 {row}"


# --- reading ---------------------------------------------------------------------------------


def _files(path: Path, malformed: list[str]) -> tuple[frozenset[Place], list[tuple[Path, str]]]:
    """Return the lakes named beside the readings, and the files with readings.

    Raises `KnownUnreadable` when there is no file with readings.
    """
    folder = path if path.is_dir() else path.parent
    lakes: set[Place] = set()
    readings: list[tuple[Path, str]] = []
    unreadable: list[str] = []
    for file in sorted({*folder.glob("*.csv"), *folder.glob("*.csv.gz"), path} - {folder}):
        try:
            text = text_of(file)
            header = set(text.partition("\n")[0].strip().split(","))
            if path.is_dir() or file == path:
                if COLUMNS["ph"] in header or file == path:
                    readings.append((file, text))
            if header.issuperset(PLACE) and COLUMNS["ph"] not in header and file != path:
                lakes |= _lakes(file, text)
        except KnownUnreadable as broken:
            if file == path:
                raise
            unreadable.append(str(broken))
    if not readings:
        raise KnownUnreadable("\n".join([f"{path}：没有断面数据的 CSV", *unreadable]))
    if path.is_dir():
        malformed.extend(unreadable)
    return frozenset(lakes), readings


def _lakes(file: Path, text: str) -> set[Place]:
    rows = csv_records(file, text, lambda _: PLACE)
    return {tuple(row[c].strip() for c in PLACE) for _, row in rows if isinstance(row, dict)}


def _sections(
    file: Path, text: str, lakes: frozenset[Place], malformed: list[str]
) -> Iterator[Section]:
    for line, row in csv_records(file, text, lambda _: (*PLACE, CLASS, *COLUMNS.values())):
        where = f"{file.name}:{line}"
        try:
            yield _section(where, row, lakes)
        except ValueError as wrong:
            malformed.append(f"{where}：{wrong}")


def _section(where: str, row: object, lakes: frozenset[Place]) -> Section:
    """Return one row. Raises `ValueError` saying which column is wrong and how."""
    if not isinstance(row, dict):
        raise ValueError(str(row))
    place = tuple(row[column].strip() for column in PLACE)
    measured = {item: row[column] for item, column in {**COLUMNS, **MORE}.items() if column in row}
    return Section(
        where=where,
        place=place,
        body=_body(row, "lake" if place in lakes else "river"),
        measured=dict(_values(measured)),
        published=_class(row[CLASS].strip()),
    )


def _values(printed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for item, raw in printed.items():
        text = raw.strip()
        if text in MISSING:
            continue
        try:
            if decimal_of(text) < 0:
                raise NotANumber(f"{text} 为负")
        except NotANumber as wrong:
            raise ValueError(f"{item} {wrong}") from wrong
        yield item, text


def _body(row: Mapping[str, Any], otherwise: str) -> str:
    text = str(row.get(BODY, "")).strip()
    if not text:
        return otherwise
    if text not in LAKES | RIVERS:
        raise ValueError(f"{BODY} 不认识 {text}")
    return "lake" if text in LAKES else "river"


def _class(text: str) -> str:
    if text in MISSING:
        return ""
    name = ASCII.get(text.removesuffix("类"), text.removesuffix("类"))
    if name not in CLASSES:
        raise ValueError(f"{CLASS} 不认识 {text}")
    return name
