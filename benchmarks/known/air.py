"""Published air quality of stations: index, primary pollutant and level, ours against theirs.

Forms: GeoJSON of the national stations' hour (also gzipped) and CSV of the same feed; one file, or
a folder with any number of both. Each row's hour chooses the table (HJ 633-2012 to 2026-02-28).

In this feed `o3_24h` is the ozone of the hour, and `o3` the largest of the day so far (the set's
README measured it); only without an `o3_24h` column is `o3` read. A row that cannot be read is
named and left out; it is no answer of either side.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from benchmarks.known import SHOWN, Known, KnownUnreadable
from benchmarks.known_files import csv_records, text_of
from rules.air import POLLUTANTS, WITHHELD_FROM, AirQuality, air_quality
from rules.load import PACKS, load_file
from rules.model import Definition
from rules.scales import NotANumber, decimal_of
from rules.standards import scales_on

BEIJING = ZoneInfo("Asia/Shanghai")
COLUMNS = {"so2": "so2", "no2": "no2", "pm10": "pm10", "co": "co", "o3": "o3_24h", "pm25": "pm2_5"}
"""Pollutant → column of the hour's mean."""
NEEDED = ("timepoint", "stationcode", "aqi", "primarypollutant", *COLUMNS.values())
MISSING = frozenset({"", "-;", "-", "—", "--", "_", "NA", "N/A", "null", "None"})
BY_PLAN = "/"
NAMES = {
    "二氧化硫": "so2", "二氧化氮": "no2", "颗粒物(PM10)": "pm10", "一氧化碳": "co",
    "臭氧": "o3", "臭氧1小时": "o3", "臭氧8小时": "o3", "臭氧(O3)": "o3",
    "细颗粒物(PM2.5)": "pm25",
}  # fmt: skip
"""Names of primary pollutants in the feed; an hour's ozone is called 臭氧1小时."""
LEVELS = frozenset({"优", "良", "轻度污染", "中度污染", "重度污染", "严重污染"})
SUFFIXES = (".json", ".geojson", ".csv", ".json.gz", ".geojson.gz", ".csv.gz")


@dataclass(frozen=True, slots=True)
class Row:
    """One station's hour as published."""

    where: str
    station: str
    day: date
    measured: Mapping[str, str | None]
    aqi: int | None
    primary: frozenset[str]
    level: str
    """Empty: not published (the CSV has none)."""


def run(path: Path) -> Known:
    """Return at how many stations index, primary pollutant and level are the published ones."""
    malformed: list[str] = []
    rows = list(read_rows(path, malformed))
    if not rows and not malformed:
        raise KnownUnreadable(f"{path}：没有一行")
    tally: Counter[str] = Counter()
    cases, differences = 0, []
    for row, ours in _answered(rows, malformed):
        if row.aqi is None:
            tally["unpublished"] += 1
            tally["unpublished_by_the_rule"] += not ours.published
            tally["unpublished_without_a_value"] += ours.aqi is None
            continue
        cases += 1
        if wrong := list(_compared(row, ours, tally)):
            differences.append(f"{row.where} {row.station}：" + "；".join(wrong))
    report = _report(rows, tally, malformed)
    lines = [f"{name}: {value}" for name, value in report.items() if isinstance(value, int | str)]
    lines += [f"读不懂 {one}" for one in malformed[:SHOWN]]
    return Known(cases, cases - len(differences), differences, report, lines)


def _answered(rows: list[Row], malformed: list[str]) -> Iterator[tuple[Row, AirQuality]]:
    """Yield each row with our answer, by the table in force on its day."""
    air = _air()
    by_day = {day: scales_on(air, day) for day in {row.day for row in rows}}
    for row in rows:
        if by_day[row.day]:
            yield row, air_quality(by_day[row.day], row.measured, "hour", row.day)
        else:
            malformed.append(f"{row.where}：{row.day} 没有生效的分指数表")


@lru_cache(maxsize=1)
def _air() -> Definition:
    loaded, faults = load_file(PACKS / "air.yaml")
    if loaded is None:
        raise KnownUnreadable("\n".join(map(str, faults)))
    return loaded.pack.definition


def _compared(row: Row, ours: AirQuality, tally: Counter[str]) -> Iterator[str]:
    """Yield what differs, and count what is equal."""
    for name, mine, theirs in (
        ("aqi", ours.aqi, row.aqi),
        ("primary", "、".join(sorted(ours.primary)), "、".join(sorted(row.primary))),
        ("level", ours.level.name if ours.level and row.level else "", row.level),
    ):
        if mine == theirs:
            tally[f"{name}_equal"] += name != "level" or bool(row.level)
        else:
            yield f"{name} 我方 {mine or '无'}，公布 {theirs or '无'}"
    tally["levels_published"] += bool(row.level)
    # The standard withholds such an index; the feed shows it all the same.
    tally["published_though_to_be_withheld"] += ours.aqi is not None and not ours.published


def _report(rows: list[Row], tally: Counter[str], malformed: list[str]) -> dict[str, JsonValue]:
    days = sorted({row.day for row in rows})
    return {
        "stations": len(rows),
        "days": "、".join(map(str, days[:SHOWN])),
        "by_hj633_2012": sum(row.day < WITHHELD_FROM for row in rows),
        "by_hj633_2026": sum(row.day >= WITHHELD_FROM for row in rows),
        "aqi_equal": tally["aqi_equal"],
        "primary_equal": tally["primary_equal"],
        "level_equal": tally["level_equal"],
        "levels_published": tally["levels_published"],
        "unpublished": tally["unpublished"],
        "unpublished_by_the_rule": tally["unpublished_by_the_rule"],
        "unpublished_without_a_value": tally["unpublished_without_a_value"],
        "published_though_to_be_withheld": tally["published_though_to_be_withheld"],
        "malformed": len(malformed),
        "malformed_rows": list[JsonValue](malformed[:SHOWN]),
    }


# --- reading ---------------------------------------------------------------------------------


def read_rows(path: Path, malformed: list[str]) -> Iterator[Row]:
    """Yield the rows of a file, or of every file of a folder; what cannot be read is noted.

    Raises `KnownUnreadable` when no file has either form.
    """
    files = [path]
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.name.lower().endswith(SUFFIXES))
        if not files:
            raise KnownUnreadable(f"{path}：没有 {'、'.join(SUFFIXES)} 文件")
    unreadable: list[str] = []
    for file in files:
        try:
            records = list(_records(file))
        except KnownUnreadable as broken:
            unreadable.append(str(broken))
            continue
        for number, raw in records:
            where = f"{file.name}:{number}"
            try:
                yield _row(where, raw)
            except (ValueError, TypeError) as wrong:
                malformed.append(f"{where}：{wrong}")
    if len(unreadable) == len(files):
        raise KnownUnreadable("\n".join(unreadable))
    malformed.extend(unreadable)


def _records(file: Path) -> Iterator[tuple[int, object]]:
    """Yield (line of the CSV, or place in the GeoJSON from 1; the record) of one file."""
    text = text_of(file)
    if text.lstrip()[:1] in ("{", "["):
        yield from enumerate(_features(file, text), start=1)
        return
    yield from csv_records(
        file, text, lambda has: [c for c in NEEDED if c != COLUMNS["o3"] or "o3" not in has]
    )


def _features(file: Path, text: str) -> Iterable[object]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as broken:
        raise KnownUnreadable(f"{file}：不是 JSON（{broken}）") from broken
    features = whole.get("features") if isinstance(whole, dict) else None
    if not isinstance(features, list):
        raise KnownUnreadable(f"{file}：不是 GeoJSON（没有 features 列表）")
    return [f.get("properties") if isinstance(f, dict) else f for f in features]


def _row(where: str, raw: object) -> Row:
    """Return one record as a row. Raises `ValueError` saying which column is wrong and how."""
    if not isinstance(raw, dict):
        raise ValueError(raw if isinstance(raw, str) else "不是一条记录")
    columns = dict(COLUMNS) if COLUMNS["o3"] in raw else {**COLUMNS, "o3": "o3"}
    measured = {pollutant: _value(raw, columns[pollutant]) for pollutant in POLLUTANTS}
    aqi = _value(raw, "aqi")
    level = _text(raw, "quality", "")
    return Row(
        where=where,
        station=f"{_text(raw, 'stationcode', '?')} {_text(raw, 'positionname', '')}".strip(),
        day=_day(_text(raw, "timepoint", "")),
        measured=measured,
        aqi=None if aqi in (None, BY_PLAN) else _whole(aqi),
        primary=_primary(_text(raw, "primarypollutant", "")),
        level=_level("" if level in MISSING or level == BY_PLAN else level),
    )


def _text(raw: Mapping[str, Any], column: str, default: str) -> str:
    value = raw.get(column)
    return default if value is None else str(value).strip()


def _value(raw: Mapping[str, Any], column: str) -> str | None:
    """Return a number's text, `/`, or None for a missing value."""
    if column not in raw:
        raise ValueError(f"缺少 {column}")
    text = _text(raw, column, "")
    if text in MISSING:
        return None
    if text == BY_PLAN:
        return text
    try:
        if decimal_of(text) < 0:
            raise NotANumber(f"{text} 为负")
    except NotANumber as wrong:
        raise ValueError(f"{column} {wrong}") from wrong
    return text


def _day(text: str) -> date:
    """Return the day in Beijing; the feed's times are Beijing's and name no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"timepoint {text!r} 不是时刻") from None
    return (moment.astimezone(BEIJING) if moment.tzinfo else moment).date()


def _whole(text: str | None) -> int:
    number = decimal_of(text or "")
    if number != int(number):
        raise ValueError(f"aqi {text} 不是整数")
    return int(number)


def _primary(text: str) -> frozenset[str]:
    names = [name.strip() for name in text.replace("，", ",").replace("、", ",").split(",")]
    found = [name for name in names if name not in MISSING and name != BY_PLAN]
    if unknown := [name for name in found if name not in NAMES]:
        raise ValueError(f"primarypollutant 不认识 {'、'.join(unknown)}")
    return frozenset(NAMES[name] for name in found)


def _level(text: str) -> str:
    if text and text not in LEVELS:
        raise ValueError(f"quality 不认识 {text}")
    return text
