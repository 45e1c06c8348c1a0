"""The readings store on PostgreSQL: the same rows as on SQLite, whatever the order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from tests.postgres.conftest import Stores
from tests.telemetry.city import deliver, dump, found, fresh_engine, one, store_of

START = 412_000


def story() -> list[list[dict[str, Any]]]:
    """Return batches of readings of three items, late, twice, flagged, corrected."""
    chance = random.Random(7)
    line: list[tuple[float, dict[str, Any]]] = []
    for hour in range(START, START + 90):
        for item, level in (("pm25", 180.0), ("o3", 150.0), ("quick", 5.0)):
            value = round(level + chance.uniform(-150, 150) * (item != "quick"), 1)
            said = one(item, hour, max(0.0, value))
            if chance.random() < 0.1:
                said |= {"flag": "fault"}
            line.append((hour + (chance.random() < 0.1) * chance.uniform(1, 60), said))
            if chance.random() < 0.1:
                line.append((hour + chance.uniform(0, 60), said))
            if chance.random() < 0.05:
                line.append((hour + 30, said | {"value": 333.3, "revision": 1, "flag": "ok"}))
    line.sort(key=lambda placed: placed[0])
    readings = [said for _, said in line]
    return [readings[n : n + 40] for n in range(0, len(readings), 40)]


def taken(engine: Engine) -> dict[str, Any]:
    store = store_of(engine)
    for n, batch in enumerate(story()):
        deliver(store, batch, first=n + 1)
    store.close()
    assert found(engine)
    return dump(engine)


def test_both_databases_have_the_same_readings_windows_and_alarms(
    stores: Stores, tmp_path: Path
) -> None:
    assert taken(stores["readings"]) == taken(fresh_engine(tmp_path))
