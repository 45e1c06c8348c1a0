"""Air: the vectors of the standards, both sides of each limit, three tables by their days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Literal

import pytest

from rules.air import LEVELS, AirQuality, Report, air_quality, level_of
from rules.evaluate import evaluate
from rules.load import load_packs
from rules.scales import NotANumber, Number
from rules.standards import scales_on

AIR = load_packs()["air"]
OLD, NEW, LAST, STAGE_2 = (
    date(2026, 2, 28),
    date(2026, 3, 1),
    date(2030, 12, 31),
    date(2031, 1, 1),
)
NONE: dict[str, Literal["/"]] = {
    "so2": "/", "no2": "/", "pm10": "/", "co": "/", "o3": "/", "pm25": "/",
}  # fmt: skip


def quality(day: date, report: Report = "day", **measured: Number | None) -> AirQuality:
    return air_quality(scales_on(AIR.definition, day), {**NONE, **measured}, report, day)


@pytest.mark.parametrize(
    ("pollutant", "value", "index"),
    [
        ("pm25", 35, 50), ("pm25", 50, 80), ("pm25", 60, 100), ("pm25", 61, 101),
        ("pm25", 75, 114), ("pm25", 115, 150), ("pm25", 151, 201), ("pm25", 500, 500),
        ("pm25", 501, 500), ("pm10", 120, 100), ("pm10", 150, 112), ("pm10", 50, 50),
        ("o3", 160, 100), ("o3", 161, 101), ("o3", 800, 300), ("o3", 801, 300),
        ("so2", 100, 75), ("so2", 2620, 500), ("no2", 80, 100), ("no2", 81, 101),
        ("co", 4, 100), ("co", 4.1, 101), ("co", 2.2, 55), ("co", "2.25", 55), ("co", "2.35", 60),
        ("pm25", "35.5", 52), ("pm25", "34.5", 49),
    ],
)  # fmt: skip
def test_a_days_index_of_2026(pollutant: str, value: Number, index: int) -> None:
    assert quality(NEW, "day", **{pollutant: value}).aqi == index


@pytest.mark.parametrize(
    ("pollutant", "value", "index"),
    [("pm25", 75, 100), ("pm25", 76, 102), ("pm10", 150, 100), ("pm10", 151, 101)],
)
def test_a_days_index_of_2012(pollutant: str, value: Number, index: int) -> None:
    assert quality(OLD, "day", **{pollutant: value}).aqi == index


@pytest.mark.parametrize(
    ("day", "so2_over", "o3_over"), [(OLD, None, None), (NEW, 200, 300), (STAGE_2, 200, 300)]
)
def test_past_800_is_counted_since_2026_and_was_not_before(
    day: date, so2_over: int | None, o3_over: int | None
) -> None:
    assert quality(day, "hour", so2=800).aqi == 200
    assert quality(day, "hour", so2=801).aqi == so2_over
    assert quality(day, "day", o3=801).aqi == o3_over


@pytest.mark.parametrize(
    ("day", "pm25_100", "pm10_100"),
    [(OLD, 75, 150), (NEW, 60, 120), (LAST, 60, 120), (STAGE_2, 50, 100)],
)
def test_three_tables_by_the_day_of_the_observation(
    day: date, pm25_100: int, pm10_100: int
) -> None:
    assert quality(day, pm25=pm25_100).aqi == 100
    assert quality(day, pm25=pm25_100 + 1).aqi in (101, 102)
    assert quality(day, pm10=pm10_100).aqi == 100
    assert quality(day, pm10=pm10_100 + 1).aqi == 101
    assert quality(day, pm25=115, pm10=250).aqi == 150, "150 and more did not move"


@pytest.mark.parametrize(("midnight", "before", "after"), [(NEW, 100, 114), (STAGE_2, 114, 120)])
def test_the_tables_change_at_midnight_in_beijing(midnight: date, before: int, after: int) -> None:
    at = datetime(midnight.year, midnight.month, midnight.day, tzinfo=UTC) - timedelta(hours=8)
    for moment, index in ((at - timedelta(microseconds=1), before), (at, after)):
        assert AIR.slice_at(moment).indices({"pm25_24h": 75}) == {"iaqi_pm25_24h": index}


def test_an_hours_particles_are_read_in_the_24_hour_columns() -> None:
    assert quality(NEW, "hour", pm25=61, pm10=119).aqi == 101
    assert quality(NEW, "hour", o3=200).aqi == 100
    assert quality(NEW, "hour", co=10).aqi == 100


def test_pollutants_that_tie_are_all_primary_and_none_is_up_to_50() -> None:
    tied = quality(NEW, pm25=60, pm10=120, o3=150)
    assert tied.primary == ("pm10", "pm25")
    assert tied.primary_names == ("颗粒物(PM10)", "细颗粒物(PM2.5)")
    assert quality(NEW, pm25=35).primary == ()
    assert quality(NEW, pm25=36).primary == ("pm25",)


@pytest.mark.parametrize(
    ("day", "pm25", "shown"),
    [(NEW, 60, "NA"), (NEW, 61, "101"), (OLD, 60, "82"), (STAGE_2, 50, "NA")],
)
def test_with_a_value_missing_only_an_index_above_100_is_published(
    day: date, pm25: int, shown: str
) -> None:
    assert quality(day, pm25=pm25, o3=None).shown == shown


def test_what_is_not_monitored_by_plan_is_not_missing() -> None:
    found = quality(NEW, pm25=60)
    assert (found.shown, found.missing) == ("100", ())
    assert quality(NEW, pm25=60, co="NA").missing == ("co",)


def test_a_station_without_a_value_has_no_index() -> None:
    found = quality(NEW, pm25=None)
    assert (found.aqi, found.level, found.shown, found.primary) == (None, None, "NA", ())


@pytest.mark.parametrize("bad", [-1, "-0.1", float("nan"), "x"])
def test_what_is_no_concentration_is_refused(bad: Number) -> None:
    with pytest.raises(NotANumber):
        quality(NEW, pm25=bad)


@pytest.mark.parametrize(
    ("aqi", "name"),
    [
        (0, "优"), (50, "优"), (51, "良"), (100, "良"), (101, "轻度污染"), (150, "轻度污染"),
        (151, "中度污染"), (200, "中度污染"), (201, "重度污染"), (300, "重度污染"),
        (301, "严重污染"),
    ],
)  # fmt: skip
def test_levels_on_both_sides_of_each_limit(aqi: int, name: str) -> None:
    assert level_of(aqi).name == name


@pytest.mark.parametrize("day", [OLD, NEW, STAGE_2])
def test_the_packs_rules_say_the_same_level_for_every_index(day: date) -> None:
    noon = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
    for aqi in range(501):
        said = evaluate(AIR, {"aqi": aqi}, noon).outcome
        level = LEVELS[level_of(aqi).number - 1]
        assert (said["level_number"], said["category"], said["colour"], said["rgb"]) == (
            level.number, level.name, level.colour, level.rgb,
        )  # fmt: skip


def test_the_stage_of_2031_is_marked_as_derived() -> None:
    derived = [s for s in AIR.definition.scales if s.in_force_from == STAGE_2]
    assert {s.field for s in derived} == {"pm10_24h", "pm10_1h", "pm25_24h", "pm25_1h"}
    assert not any(s.verified for s in derived)
    assert all("推导" in s.note for s in derived)
