"""Alarms of the past by another version: the one in force gives those of the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine

from cases.dossier import DossierSpan, Section
from rules.load import load_packs
from rules.model import Definition
from rules.pack import Pack
from tests.telemetry.city import STATIONS, TRIAL, deliver, found, fresh_engine, one, store_of
from yichuang.alarm_replay import AlarmReplay
from yichuang.reading_rules import instant

START = 412_000
"""16:00 UTC of the last day of 2016."""
HOURS = 120


@dataclass
class Past:
    engine: Engine

    def tried(self, proposed: Pack, first: int = START, last: int = START + HOURS) -> Section:
        span = DossierSpan(months=1, since=instant(first), until=instant(last))
        return AlarmReplay(self.engine, STATIONS)(pack(), proposed, span)


def value(n: int) -> float | None:
    """A day of 160, a day of 320 with a gap, two days of 60, then 170."""
    if n in (30, 31):
        return None
    return 160.0 if n < 24 else 320.0 if n < 48 else 60.0 if n < 96 else 170.0


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder: Path = tmp_path_factory.mktemp("readings")
    engine = fresh_engine(folder)
    store = store_of(engine, [pack()])
    told = [
        [
            one("pm25", START + n, reading, station=station)
            for station in ("dongsi", "wanliu")
            if (reading := value(n)) is not None
        ]
        for n in range(HOURS)
    ]
    for n in range(0, HOURS, 24):
        deliver(store, *(some for some in told[n : n + 24] if some), first=1 + n)
    store.close()
    yield Past(engine)
    engine.dispose()


def pack(*changes: tuple[str, str]) -> Pack:
    """Return the trial pack, changed in its text."""
    text = TRIAL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return Pack.of(Definition.model_validate(yaml.safe_load(text)))


def test_the_version_in_force_gives_the_alarms_of_the_store_and_differs_in_nothing(
    past: Past,
) -> None:
    made = past.tried(pack())
    stored = [alarm for alarms in found(past.engine).values() for alarm in alarms]
    assert made.compared and made.changes == () and made.looked_at == 2 * (HOURS - 2)
    assert made.counts["现行版本"] == made.counts["已发"] == len(stored) > 4


def test_a_higher_threshold_leaves_alarms_out_by_station_and_department(past: Past) -> None:
    stricter = pack(("value: 300}", "value: 330}"), ("mean_1h: 300}", "mean_1h: 330}"),
                    ("mean_1h: 299.9}", "mean_1h: 329.9}"))  # fmt: skip
    made = past.tried(stricter)
    gone = [one for one in made.changes if one.kind == "cleared"]
    assert {one.rule for one in made.changes} == {"hour-orange"}
    assert {one.department for one in gone} == {"sthj"} and len(gone) == len(made.changes)
    assert {place for one in gone for place in ("dongsi", "wanliu") if place in one.about} == {
        "dongsi", "wanliu",
    }  # fmt: skip
    assert made.departments == {"sthj": len(gone)}


def test_a_lower_threshold_raises_more(past: Past) -> None:
    looser = pack(("value: 300}", "value: 160}"), ("mean_1h: 300}", "mean_1h: 160}"),
                  ("mean_1h: 299.9}", "mean_1h: 159.9}"))  # fmt: skip
    kinds = past.tried(looser).kinds
    assert kinds["raised"] >= 2


def test_a_longer_hold_moves_an_alarm_and_its_clearing_is_told(past: Past) -> None:
    made = past.tried(pack(("clear_hold: PT2H, precedence_group: day",
                            "clear_hold: PT9H, precedence_group: day")))  # fmt: skip
    moved = [one for one in made.changes if one.kind == "moved"]
    assert moved and all(one.before != one.after for one in moved)


def test_hours_outside_the_span_are_not_asked(past: Past) -> None:
    made = past.tried(pack(), START + 40, START + 49)
    assert made.looked_at == 20


def test_a_pack_about_cases_has_no_alarms(past: Past) -> None:
    made = past.tried(load_packs()["supervision"])
    assert not made.compared and made.reason
