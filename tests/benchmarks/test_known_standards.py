"""Published air indices and water classes against ours: rows, traps, what cannot be read."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.known import KnownUnreadable, air, water

SHARED = Path(__file__).parents[3] / "shared/data"
AIR, WATER = SHARED / "air_hourly_official", SHARED / "water_gb3838"
needs_air = pytest.mark.skipif(not AIR.is_dir(), reason="no ../shared/data here")
needs_water = pytest.mark.skipif(not WATER.is_dir(), reason="no ../shared/data here")

STATION: dict[str, Any] = {
    "timepoint": "2026-04-01T10:00:00", "stationcode": "1001A", "positionname": "甲站",
    "aqi": "120", "primarypollutant": "颗粒物(PM10)", "quality": "轻度污染",
    "pm2_5": "61", "pm10": "170", "so2": "4", "no2": "47", "o3": "900", "o3_24h": "17", "co": "0.8",
}  # fmt: skip


def geojson(path: Path, *stations: Any, packed: bool = False) -> Path:
    features = [{"type": "Feature", "properties": one} for one in stations]
    raw = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    path.write_bytes(gzip.compress(raw) if packed else raw)
    return path


def as_csv(path: Path, *stations: dict[str, Any]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(stations[0]))
        writer.writeheader()
        writer.writerows(stations)
    return path


# --- air ---


@needs_air
def test_every_published_index_primary_pollutant_and_level_is_ours() -> None:
    found = air.run(AIR)
    assert (found.different, found.differences) == (0, [])
    assert found.cases == found.report["aqi_equal"] == found.report["primary_equal"]
    assert found.cases > 1500
    assert found.report["level_equal"] == found.report["levels_published"] == 1475
    assert found.report["malformed"] == 0


@needs_air
def test_ozone_read_in_the_wrong_column_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(air.COLUMNS, "o3", "o3")
    assert air.run(AIR).different > 100


@needs_air
def test_the_old_table_on_the_new_days_would_be_seen(tmp_path: Path) -> None:
    rows = list(csv.DictReader((AIR / "cnemc_2026-04-01T10_subset.csv").open(encoding="utf-8")))
    old = as_csv(tmp_path / "old.csv", *({**r, "timepoint": "2026-02-28T10:00:00"} for r in rows))
    assert air.run(old).different > 20


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_either_form_is_read_alone_or_in_a_folder(tmp_path: Path, packed: bool) -> None:
    one = geojson(tmp_path / ("a.json.gz" if packed else "a.json"), STATION, packed=packed)
    as_csv(tmp_path / "b.csv", STATION)
    (tmp_path / "README.md").write_text("not data", "utf-8")
    assert (air.run(one).cases, air.run(one).different) == (1, 0)
    assert (air.run(tmp_path).cases, air.run(tmp_path).different) == (2, 0)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"aqi": "121"}, "aqi 我方 120，公布 121"),
        ({"primarypollutant": "细颗粒物(PM2.5)"}, "primary 我方 pm10，公布 pm25"),
        ({"quality": "良"}, "level 我方 轻度污染，公布 良"),
    ],
)
def test_a_difference_is_named_with_its_row(
    tmp_path: Path, change: dict[str, str], part: str
) -> None:
    found = air.run(geojson(tmp_path / "a.json", {**STATION, **change}))
    assert (found.cases, found.equal) == (1, 0)
    assert found.differences[0].startswith("a.json:1 1001A 甲站：")
    assert part in found.differences[0]


def test_the_day_chooses_the_table_and_no_table_is_said(tmp_path: Path) -> None:
    before = {**STATION, "timepoint": "2026-02-28T23:00:00", "aqi": "110"}
    utc = {**STATION, "timepoint": "2026-02-28T16:00:00+00:00"}
    ancient = {**STATION, "timepoint": "2015-12-31T23:00:00"}
    found = air.run(geojson(tmp_path / "a.json", before, utc, ancient))
    assert (found.cases, found.different) == (2, 0)
    assert found.report["malformed_rows"] == ["a.json:3：2015-12-31 没有生效的分指数表"]


def test_missing_values_are_skipped_and_an_unpublished_index_is_no_case(tmp_path: Path) -> None:
    gap = {**STATION, "co": "-;", "so2": "/", "o3_24h": ""}
    withheld = {**STATION, "pm10": "100", "pm2_5": "NA", "aqi": "NA", "primarypollutant": "NA"}
    found = air.run(geojson(tmp_path / "a.json", gap, withheld))
    assert (found.cases, found.different) == (1, 0)
    assert found.report["unpublished_by_the_rule"] == found.report["unpublished"] == 1


@pytest.mark.parametrize(
    "bad",
    [
        {**STATION, "pm10": "abc"},
        {**STATION, "pm10": -3},
        {**STATION, "pm10": float("nan")},
        {**STATION, "pm10": [1]},
        {**STATION, "aqi": "12.5"},
        {**STATION, "timepoint": "yesterday"},
        {**STATION, "timepoint": None},
        {**STATION, "primarypollutant": "氡"},
        {**STATION, "quality": "很好"},
        {k: v for k, v in STATION.items() if k != "pm2_5"},
        "a text",
        None,
        7,
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_the_others_go_on(tmp_path: Path, bad: Any) -> None:
    found = air.run(geojson(tmp_path / "a.json", bad, STATION))
    assert (found.cases, found.equal, found.report["malformed"]) == (1, 1, 1)
    assert re.match(r"\[.a\.json:1：", str(found.report["malformed_rows"]))


def test_a_row_with_too_few_cells_is_named_with_its_line(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "a.csv", STATION)
    with path.open("a", encoding="utf-8") as file:
        file.write("2026-04-01T10:00:00,1002A\n")
    assert air.run(path).report["malformed_rows"] == ["a.csv:3：列数与表头不符"]


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.json", b"{"), ("a.json", b"[]"), ("a.json", b"{}"), ("a.csv", b"a,b\n1,2\n"),
        ("a.csv", b"\xff\xfe\x00"), ("a.json.gz", b"\x1f\x8bxx"), ("a.csv", b""),
    ],
)  # fmt: skip
def test_a_file_of_no_such_form_is_refused_and_in_a_folder_passed_over(
    tmp_path: Path, name: str, raw: bytes
) -> None:
    broken = tmp_path / name
    broken.write_bytes(raw)
    with pytest.raises(KnownUnreadable, match=name):
        air.run(broken)
    geojson(tmp_path / "z.json", STATION)
    found = air.run(tmp_path)
    assert (found.cases, found.different, found.report["malformed"]) == (1, 0, 1)


# --- water ---

SECTION = {
    "省份": "某省", "流域": "某流域", "断面名称": "甲桥", "监测时间": "02-04 11:00",
    "水质类别": "Ⅲ",
    "pH(无量纲)": "8.1", "溶解氧(mg/L)": "9.0", "高锰酸盐指数(mg/L)": "4.1",
    "氨氮(mg/L)": "0.2", "总磷(mg/L)": "0.03", "总氮(mg/L)": "9",
}  # fmt: skip
LAKE = {"省份": "某省", "流域": "某流域", "断面名称": "甲桥", "水质类别": "Ⅲ"}


@needs_water
def test_every_published_class_is_ours_or_hidden_by_the_printed_digits() -> None:
    found = water.run(WATER)
    assert (found.cases, found.equal, found.differences) == (569, 569, [])
    said = str(found.report["undetermined_sections"])
    assert found.report["undetermined"] == 3
    assert all(name in said for name in ("永昌桥", "高速公路桥", "张湾"))


@needs_water
def test_a_file_alone_finds_the_lakes_beside_it() -> None:
    assert water.run(WATER / "szzdjc_2026-02-04_sections.csv").report["lakes"] == 15


@needs_water
def test_without_the_lakes_the_lakes_differ_and_that_is_said(tmp_path: Path) -> None:
    name = "szzdjc_2026-02-04_sections.csv"
    (tmp_path / name).write_bytes((WATER / name).read_bytes())
    found = water.run(tmp_path)
    assert found.different + int(str(found.report["undetermined"])) - 3 == 15
    assert found.different == 14  # one more stands on a river's limit
    assert "没有湖库名单：全部按河流的总磷限值" in found.lines


def test_a_lake_is_judged_as_a_lake_by_list_or_by_column(tmp_path: Path) -> None:
    as_csv(tmp_path / "sections.csv", {**SECTION, "总磷(mg/L)": "0.06", "水质类别": "Ⅳ"})
    assert water.run(tmp_path).different == 1
    as_csv(tmp_path / "lakes.csv", LAKE)
    assert (water.run(tmp_path).equal, water.run(tmp_path).different) == (1, 0)
    (tmp_path / "lakes.csv").unlink()
    as_csv(
        tmp_path / "sections.csv",
        {**SECTION, "总磷(mg/L)": "0.06", "水质类别": "Ⅳ", "水体类型": "湖库"},
    )
    assert water.run(tmp_path).different == 0


@pytest.mark.parametrize(
    ("printed", "published", "undetermined", "different"),
    [
        ("0.200", "Ⅲ", 0, 0),  # on the limit, as printed
        ("0.200", "Ⅳ", 1, 0),  # on the limit, and above it before it was rounded
        ("0.199", "Ⅳ", 0, 1),  # no rounding makes 0.1994 more than 0.2
        ("0.201", "Ⅲ", 0, 1),
        ("0.200", "Ⅴ", 0, 1),
    ],
)
def test_a_value_printed_on_a_limit_neither_confirms_nor_denies(
    tmp_path: Path, printed: str, published: str, undetermined: int, different: int
) -> None:
    row = {**SECTION, "总磷(mg/L)": printed, "水质类别": published}
    found = water.run(as_csv(tmp_path / "a.csv", row))
    assert (found.report["undetermined"], found.different) == (undetermined, different)


@pytest.mark.parametrize(
    "bad",
    [
        {"氨氮(mg/L)": "x"}, {"氨氮(mg/L)": "-1"}, {"氨氮(mg/L)": "nan"}, {"水质类别": "Ⅶ"},
    ],
)  # fmt: skip
def test_a_section_that_cannot_be_read_is_named(tmp_path: Path, bad: dict[str, str]) -> None:
    found = water.run(as_csv(tmp_path / "a.csv", {**SECTION, **bad}, SECTION))
    assert (found.cases, found.equal, found.report["malformed"]) == (1, 1, 1)
    assert re.match(r"\[.a\.csv:2：", str(found.report["malformed_rows"]))


def test_no_class_or_no_reading_is_no_case_and_no_crash(tmp_path: Path) -> None:
    empty = {k: "--" if k.endswith(")") else v for k, v in SECTION.items()}
    none = {**empty, "水质类别": "--"}
    found = water.run(as_csv(tmp_path / "a.csv", none, empty))
    assert (found.cases, found.different, found.report["unpublished"]) == (1, 1, 1)


def test_what_is_no_such_csv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnownUnreadable):
        water.run(tmp_path)
    (tmp_path / "a.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(KnownUnreadable, match="缺少列"):
        water.run(tmp_path / "a.csv")
