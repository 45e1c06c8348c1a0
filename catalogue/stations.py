"""Measuring stations and what they measure, as catalogue/stations.yaml has them.

A reading is taken only from a station and of an item that stand here, in the item's own unit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalogue.marks import Fault, Marked
from catalogue.shaped_file import read_shaped

FILE = "stations.yaml"

MINUTES_OF_AN_HOUR = 45
"""Minutes of an hour that must be measured for a valid hourly mean.

GB 3095-2026 表 4 (GB 3095-2012 表 4 the same): 每小时至少有 45 min 的采样时间."""
HOURS_OF_A_DAY = 20
"""Hourly means that a mean of 24 hours needs. GB 3095-2026 表 4: 每日至少有 20 个小时平均浓度值."""
HOURS_OF_EIGHT = 6
"""Hourly means that a mean of eight hours needs. GB 3095-2026 表 4: 每 8 h 至少有 6 个."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Item(_Frozen):
    """One thing that is measured."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    unit: str
    minutes: int = Field(default=60, ge=1, le=60)
    """Minutes between two readings; 60 / minutes of them make an hour."""
    least: float
    most: float
    """Outside these a sensor is at fault: the reading is kept with the flag `range`."""
    above: float | None = None
    """What `hours_above` counts against; None: that window is not made."""
    eight: bool = False
    """Whether the largest mean of eight hours in a day is made (`max_8h_mean`); ozone's."""

    @property
    def expected(self) -> int:
        """Return how many readings make a whole hour."""
        return max(1, 60 // self.minutes)

    @property
    def needed(self) -> int:
        """Return how many valid readings a valid hourly mean needs."""
        return max(1, -(-self.expected * MINUTES_OF_AN_HOUR // 60))


class Station(_Frozen):
    """One place that measures."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    kind: Literal[
        "air", "water", "noise", "weather", "traffic", "crowd", "waste", "charging", "parking",
        "power", "gas", "lift", "heating", "health",
    ]  # fmt: skip
    department: str
    """Code of the department that answers for it; stands in the subject of its messages."""
    district: str = ""
    zone_class: str = ""
    """Class of its functional area: air 1/2, noise 0/1/2/3/4a/4b, water river/lake:III."""
    items: tuple[str, ...] = Field(min_length=1)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    latitude: float | None = Field(default=None, ge=-90, le=90)


class Stations(_Frozen):
    """The whole of catalogue/stations.yaml."""

    items: tuple[Item, ...] = Field(min_length=1)
    stations: tuple[Station, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for what, ids in (("items", [i.id for i in self.items]),
                          ("stations", [s.id for s in self.stations])):  # fmt: skip
            twice = {one for one in ids if ids.count(one) > 1}
            if twice:
                raise ValueError(f"{what}: {'、'.join(sorted(twice))} 写了两次，请改名或删去一个")
        return self

    @cached_property
    def item_by_id(self) -> Mapping[str, Item]:
        return {one.id: one for one in self.items}

    @cached_property
    def station_by_id(self) -> Mapping[str, Station]:
        return {one.id: one for one in self.stations}


class StationsFaulty(Exception):
    """The file of stations cannot be used; the text says where and what to do."""


def read_stations(folder: Path) -> tuple[Stations | None, Marked | None, list[Fault]]:
    """Return the stations of a catalogue's folder, with what is wrong with their file.

    A folder without the file has no stations and no fault.
    """
    return read_shaped(folder, FILE, Stations)


def station_faults(folder: Path, departments: Collection[str]) -> list[Fault]:
    """Return every fault of the file of stations, those against the city's departments too."""
    stations, marked, faults = read_stations(folder)
    if stations is None or marked is None:
        return faults
    items = stations.item_by_id
    for n, one in enumerate(stations.items):
        if one.least >= one.most:
            faults.append(
                marked.fault(("items", n, "least"), f"{one.id}：least 不小于 most", "请改正上下限")
            )
    for n, station in enumerate(stations.stations):
        if departments and station.department not in departments:
            faults.append(
                marked.fault(
                    ("stations", n, "department"),
                    f"没有部门「{station.department}」",
                    "请用 city.yaml 中的部门标识",
                )
            )
        faults += [
            marked.fault(
                ("stations", n, "items", m), f"没有监测项目「{name}」", "请先在 items 中写明"
            )
            for m, name in enumerate(station.items)
            if name not in items
        ]
    return faults


def load_stations(folder: Path) -> Stations:
    """Return the stations of a folder. Raises `StationsFaulty`."""
    stations, _, faults = read_stations(folder)
    if stations is None:
        said = "\n".join(str(fault) for fault in faults) or f"{folder / FILE} 不存在"
        raise StationsFaulty(said)
    return stations
