"""What one station's air is worth: AQI, the pollutants that make it so, level, name and colour.

The breakpoints are those of the rule pack `air` (HJ 633-2012, HJ 633-2026, by the day of the
observation); here stands the rest of the standard. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from rules.scales import NotANumber, Number, Scale, decimal_of

Report = Literal["hour", "day"]
"""Real-time report of an hour, or report of a natural day (HJ 633-2026, 5.2)."""

FIELDS: Mapping[Report, Mapping[str, str]] = {
    "hour": {
        "so2": "so2_1h", "no2": "no2_1h", "pm10": "pm10_1h",
        "co": "co_1h", "o3": "o3_1h", "pm25": "pm25_1h",
    },
    "day": {
        "so2": "so2_24h", "no2": "no2_24h", "pm10": "pm10_24h",
        "co": "co_24h", "o3": "o3_8h", "pm25": "pm25_24h",
    },
}  # fmt: skip
"""Pollutant → the mean its index is taken of, as a field of the pack `air`.

HJ 633-2026, table 3 and 4.2.4: the one-hour columns serve the real-time report only, and there the
hour's PM2.5 and PM10 are read in the 24-hour columns; a day has ozone's largest 8-hour mean.
"""
POLLUTANTS = tuple(FIELDS["hour"])

POLLUTANT_NAMES: Mapping[str, str] = {
    "so2": "二氧化硫", "no2": "二氧化氮", "pm10": "颗粒物(PM10)",
    "co": "一氧化碳", "o3": "臭氧", "pm25": "细颗粒物(PM2.5)",
}  # fmt: skip


@dataclass(frozen=True)
class Level:
    """One of the six levels (HJ 633-2012 and -2026, table 1; RGB from annex A)."""

    number: int
    upto: int | None
    """The largest AQI of the level; None: no end."""
    name: str
    name_en: str
    colour: str
    colour_en: str
    rgb: str


LEVELS = (
    Level(1, 50, "优", "excellent", "绿色", "green", "#00E400"),
    Level(2, 100, "良", "good", "黄色", "yellow", "#FFFF00"),
    Level(3, 150, "轻度污染", "lightly polluted", "橙色", "orange", "#FF7E00"),
    Level(4, 200, "中度污染", "moderately polluted", "红色", "red", "#FF0000"),
    Level(5, 300, "重度污染", "heavily polluted", "紫色", "purple", "#99004C"),
    Level(6, None, "严重污染", "severely polluted", "褐红色", "maroon", "#7E0023"),
)

PRIMARY_ABOVE = 50
"""A primary pollutant is named above this AQI (HJ 633-2012 4.4; HJ 633-2026 4.3.1)."""
WITHHELD_UP_TO = 100
"""With a value missing, an AQI up to this is not published (HJ 633-2026, 5.3.1)."""
WITHHELD_FROM = date(2026, 3, 1)
"""HJ 633-2012 had no such rule: 273 stations of 2018-02-20 were published without their PM10."""

Missing = Literal["NA", "/"]
"""No valid value came; or not measured there, by plan (HJ 633-2026, tables 4 and 5)."""


@dataclass(frozen=True)
class AirQuality:
    """The answer for one station and one report."""

    aqi: int | None
    """Of the values there are; None when there is none."""
    published: bool
    """False: it is shown as `NA`."""
    level: Level | None
    primary: tuple[str, ...]
    """Pollutants whose index is the AQI, when that is above 50; ties together, in table order."""
    indices: Mapping[str, int]
    """IAQI by pollutant."""
    missing: tuple[str, ...]
    """Pollutants that should be there and are not."""

    @property
    def shown(self) -> str:
        """Return the AQI as it is published."""
        return str(self.aqi) if self.published and self.aqi is not None else "NA"

    @property
    def primary_names(self) -> tuple[str, ...]:
        """Return the names of the primary pollutants as a report has them."""
        return tuple(POLLUTANT_NAMES[pollutant] for pollutant in self.primary)


def level_of(aqi: int) -> Level:
    """Return the level of an AQI of 0 and more."""
    return next(level for level in LEVELS if level.upto is None or aqi <= level.upto)


def air_quality(
    scales: Mapping[str, Scale],
    measured: Mapping[str, Number | Missing | None],
    report: Report,
    day: date,
) -> AirQuality:
    """Return what the six pollutants come to.

    `scales` are those in force on `day` (in Beijing), by field. `measured` is by pollutant: µg/m³,
    CO in mg/m³; `None` and `NA` are missing values, `/` is not measured by plan. A value for which
    the scale has no index (2012: SO2 above 800 in an hour) counts as none, but is not missing.
    Raises `NotANumber` for a value that is no concentration.
    """
    indices: dict[str, int] = {}
    missing = []
    for pollutant, field in FIELDS[report].items():
        value = measured.get(pollutant)
        if value is None or value == "NA":
            missing.append(pollutant)
        elif value != "/":
            index = scales[field].index(_concentration(value))
            if index is not None:
                indices[pollutant] = int(index)
    aqi = max(indices.values(), default=None)
    withheld = bool(missing) and day >= WITHHELD_FROM and (aqi is None or aqi <= WITHHELD_UP_TO)
    return AirQuality(
        aqi=aqi,
        published=aqi is not None and not withheld,
        level=None if aqi is None else level_of(aqi),
        primary=_primary(indices, aqi),
        indices=indices,
        missing=tuple(missing),
    )


def _primary(indices: Mapping[str, int], aqi: int | None) -> tuple[str, ...]:
    if aqi is None or aqi <= PRIMARY_ABOVE:
        return ()
    return tuple(pollutant for pollutant, index in indices.items() if index == aqi)


def _concentration(value: Number) -> Number:
    if decimal_of(value) < 0:
        raise NotANumber(f"浓度为负：{value}")
    return value
