"""The real permit log is backfilled while parts die; afterwards one changed byte is named."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from cases.database import reading
from cases.tables import step
from tests.chaos import ledgers
from tests.chaos.city import City
from yichuang.settings import CHECKOUT

pytestmark = [pytest.mark.long, pytest.mark.timeout(480)]

RECEIPT = CHECKOUT.parent / "shared" / "data" / "permits_receipt"
LIMIT = 60
SEED = 8577
VICTIMS = ("worker", "gateway", "nats", "temporal", "relay")
STEPS_APART = (15, 30)
"""Steps from one kill to the next; the cases taken have more than 300."""


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[City, dict[str, Any]]]:
    """A stopped city that has carried the log's first cases under kills, and what replay said."""
    if not RECEIPT.is_dir():
        pytest.skip("no permit log at ../shared/data/permits_receipt beside the checkout")
    with City(tmp_path_factory.mktemp("replay")) as city:
        city.start()
        answer = _under_kills(city)
        city.until(city.is_whole, 90, "whole again")
        city.until(lambda: ledgers.unsent(city) == 0, 90, "relayed")
        city.until(lambda: _is_sealed(city), 90, "sealed")
        city.stop()
        yield city, answer


def _under_kills(city: City) -> dict[str, Any]:
    chance = random.Random(SEED)
    words = [sys.executable, "-m", "yichuang.cli", "replay", str(RECEIPT), "--json"]
    complaints = city.folder / "replay.log"
    with (
        complaints.open("w") as told,
        subprocess.Popen(
            [*words, "--limit", str(LIMIT)],
            cwd=CHECKOUT,
            env=city.environment(),
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        ) as running,
    ):
        killed = 0
        until = time.monotonic() + 300
        # Every part twice, each after so many more steps: a quick machine carries the whole log
        # in the time in which a slow one carries a part of it.
        due = chance.randint(*STEPS_APART)
        while running.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
            if killed < 2 * len(VICTIMS) and _steps(city) >= due:
                killed += city.kill(VICTIMS[killed % len(VICTIMS)])
                due = _steps(city) + chance.randint(*STEPS_APART)
        in_time = running.poll() is not None
        if not in_time:
            running.kill()
        said = running.stdout.read() if running.stdout else ""
    lines = [line for line in said.splitlines() if line.startswith("{")]
    assert lines, (in_time, killed, said[-2000:], complaints.read_text()[-4000:])
    return {**json.loads(lines[-1]), "killed": killed}


def _steps(city: City) -> int:
    """Return how many steps the cases have taken."""
    with reading(city.store("cases")) as connection:
        return connection.execute(select(func.count()).select_from(step)).scalar_one()


def _is_sealed(city: City) -> bool:
    said = city.answer("audit", "status")
    return bool(said["entries"]) and (
        said["entries"] == said["sealed"] and not any(said["waiting"].values())
    )


def test_nothing_is_lost_and_nothing_refused(replayed: tuple[City, dict[str, Any]]) -> None:
    _, answer = replayed
    assert answer["killed"] >= len(VICTIMS)
    assert (answer["cases"], answer["lost"], answer["refused"]) == (LIMIT, 0, {})
    assert answer["applied"] == answer["events"]
    assert answer["sequences_equal"] == LIMIT
    assert answer["deadlines_equal"] > LIMIT // 2


def test_every_event_is_one_step(replayed: tuple[City, dict[str, Any]]) -> None:
    city, answer = replayed
    assert ledgers.commands_twice(city) == []
    assert ledgers.steps_with_gaps(city) == []
    assert ledgers.number_faults(city) == []
    with closing(sqlite3.connect(city.folder / "cases.sqlite")) as rows:
        recorded = rows.execute("SELECT count(*) FROM step WHERE verb <> 'timer_fired'")
        assert recorded.fetchone()[0] == answer["events"]


def test_the_log_verifies(replayed: tuple[City, dict[str, Any]]) -> None:
    city, _ = replayed
    assert city.command("audit", "verify").returncode == 0


@pytest.mark.parametrize(
    ("store", "statement", "named"),
    [
        ("cases", "UPDATE step SET actor = 's:archivf' WHERE seq = 2 AND case_id = ?", "actor"),
        ("cases", "UPDATE step SET events = replace(events, '\"T', '\"t') WHERE case_id = ?", ""),
        ("cases", "UPDATE step SET body_sealed = x'00' WHERE seq = 1 AND case_id = ?", ""),
        ("cases", "UPDATE case_file SET department = 'ck' WHERE id = ?", "department"),
        (
            "log",
            "UPDATE audit_entry SET body = CAST(replace(CAST(body AS TEXT), 'record_step',"
            " 'record_stop') AS BLOB) WHERE seq = (SELECT max(seq) FROM audit_entry"
            " WHERE CAST(body AS TEXT) LIKE '%record_step%')",
            "",
        ),
    ],
)
def test_one_byte_changed_is_named(
    replayed: tuple[City, dict[str, Any]],
    tmp_path: Path,
    store: str,
    statement: str,
    named: str,
) -> None:
    city, _ = replayed
    damaged = city.copy(tmp_path / "damaged")
    with closing(sqlite3.connect(city.folder / "cases.sqlite")) as rows:
        case_id = rows.execute("SELECT case_id FROM step WHERE seq = 2 LIMIT 1").fetchone()[0]
    with closing(sqlite3.connect(damaged.folder / f"{store}.sqlite")) as rows, rows:
        _without_triggers(rows)
        changed = rows.execute(statement, (case_id,) if "?" in statement else ())
        assert changed.rowcount > 0
    verified = damaged.command("audit", "verify", "--json")
    assert verified.returncode == 1, verified.stdout[-2000:]
    said = verified.stdout
    assert (case_id if store == "cases" else '"first_wrong": {') in said, said[-2000:]
    assert named in said


def _without_triggers(rows: sqlite3.Connection) -> None:
    names = rows.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in names:
        rows.execute(f"DROP TRIGGER {name}")
