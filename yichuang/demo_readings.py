"""Readings of the demo city: three days of every station up to now, with an episode of smog in the
north, phosphorus in the river and a loud night. The same for the same hour."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from catalogue.stations import Item, Station, Stations

HOURS = 72
USUAL = {
    "pm25": 32.0, "pm10": 55.0, "so2": 9.0, "no2": 34.0, "co": 0.6, "o3": 62.0, "ph": 7.6,
    "do": 7.8, "codmn": 3.1, "nh3n": 0.3, "tp": 0.11, "noise": 39.0, "indoor": 21.0,
    "dtp": 0.2, "crowd_share": 42.0, "crowd_density": 0.9, "sorting_accuracy": 92.0,
    "bin_fill": 45.0, "charging_coverage": 86.0, "charging_availability": 99.5,
    "parking_occupancy": 64.0, "illegal_parking": 0.0, "power_gap": 0.0, "gas_lel": 2.0,
    "lift_trapped": 0.0, "ed_occupancy": 61.0, "icu_occupancy": 70.0,
}  # fmt: skip
"""What a station says of an item on a quiet day; the demo has a value for every item there is."""
EPISODES = {
    ("north-gate", "pm25"): 190.0,
    ("yunxi-bridge", "tp"): 0.34,
    ("school-road", "noise"): 63.0,
    ("old-town-gate", "crowd_share"): 88.0,
}
"""What a station says of an item in the last 36 hours instead."""
SPREAD = 0.04


def readings(stations: Stations, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the readings, hour by hour; `now` is aware."""
    whole = now.replace(minute=0, second=0, microsecond=0)
    for back in range(HOURS, 0, -1):
        at = whole - timedelta(hours=back)
        for station in stations.stations:
            for name in station.items:
                yield _one(station, stations.item_by_id[name], at, back)


def _one(station: Station, item: Item, at: datetime, back: int) -> dict[str, Any]:
    chance = random.Random(f"{station.id} {item.id} {at.isoformat()}")  # noqa: S311 -- weather
    usual = USUAL[item.id]
    episode = EPISODES.get((station.id, item.id), usual)
    level = episode if back <= HOURS // 2 else usual
    value = level * (1 + chance.uniform(-SPREAD, SPREAD))
    return {
        "station": station.id, "item": item.id, "at": at.isoformat(),
        "value": round(max(item.least, min(item.most, value)), 3), "unit": item.unit, "flag": "ok",
    }  # fmt: skip
