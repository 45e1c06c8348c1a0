"""A living city and the audit office's witness, a process of its own that goes away and comes back;
and what it alone can show when the city's whole store and signer are put back to an old backup."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from audit.cosignatures import last_cosigned, standings
from audit.entry import What
from audit.logstore import LogReader
from audit.reading import reading
from audit.witness_orders import main as office
from cases.tables import outbox
from tests.chaos.city import City
from yichuang.log_entries import record_of_the_log
from yichuang.settings import CHECKOUT
from yichuang.witness import FOR_SHOW

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

WITHIN = 60.0
NAME = "audit-office.example/w1"


@contextmanager
def serving(folder: Path, listen: str) -> Iterator[str]:
    """Run the office's own program on its folder; yield where it listens."""
    words = ["-m", "audit.witness_orders", "serve", "--listen", listen, "--folder", str(folder)]
    door = subprocess.Popen(
        [sys.executable, *words, "--json"], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert door.stdout is not None
        yield str(json.loads(door.stdout.readline())["listening"])
    finally:
        door.send_signal(signal.SIGKILL)
        door.wait()


def newest(city: City) -> int:
    with reading(city.store("log")) as connection:
        head = LogReader(connection).last_checkpoint()
    return head.size if head else 0


def cosigned(city: City, name: str) -> int:
    with reading(city.store("log")) as connection:
        last = last_cosigned(connection, name)
    return last[0] if last else 0


def absent(city: City) -> bool:
    with reading(city.store("log")) as connection:
        found = [one for one in standings(connection) if one.name == NAME]
    return bool(found) and found[0].absent_at is not None


def alarms(city: City) -> list[str]:
    answer: dict[str, Any] = json.loads(city.command("status", "--json").stdout)
    return [one["key"] for one in answer["alarms"] if one["kind"] == "witness_absent"]


def acts(city: City) -> list[str]:
    with reading(city.store("log")) as connection:
        bodies = [json.loads(one.body) for one in LogReader(connection).stream("sys:log")]
    return [str(one["act"]) for one in bodies if "witness" in one["act"]]


def told(city: City) -> list[str]:
    """Return the types of the events about the witness that wait or were published."""
    # Reading: another connection would hold the worker's write lock until it is collected.
    with reading(city.store("cases")) as connection:
        events = [json.loads(one) for one in connection.scalars(select(outbox.c.event))]
    return [str(one["type"]) for one in events if "witness_absent" in one.get("subject", "")]


def test_a_witness_goes_away_and_comes_back_and_the_city_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "office"
    assert office(["init", "--name", NAME, "--folder", str(folder)]) == 0
    vkey = (folder / "witness.vkey").read_text().strip()
    with City(tmp_path / "city", {"witness_absent_minutes": 0.1}) as city:
        city.start()
        # The witness for show cosigns from the first head on, and says what it is.
        shown = f"{city.settings.city}.yichuang.invalid/witness"
        city.until(lambda: 0 < cosigned(city, shown) == newest(city), WITHIN, "cosigned for show")
        assert FOR_SHOW in city.command("status").stdout
        assert city.command("audit", "verify", "--witness").returncode == 0

        log_key = (city.settings.secrets_folder / "log.vkey").read_text().strip()
        assert office(["watch", log_key, "--folder", str(folder)]) == 0
        with serving(folder, "127.0.0.1:0") as listening:
            url = f"http://{listening}"
            assert city.command("witness", "trust", vkey, "--url", url).returncode == 0
            city.until(lambda: 0 < cosigned(city, NAME) == newest(city), WITHIN, "cosigned")
            said = json.loads(city.command("audit", "verify", "--witness", "--json").stdout)
            assert (said["exit_code"], list(said["log"]["cosigned"])) == (0, [NAME])

        city.stop()
        backup = city.copy(tmp_path / "backup")
        city.start()
        size = newest(city)
        asked = city.command("audit", "verify", "--witness")
        assert asked.returncode == 2 and "witness http://" in asked.stdout
        entered(city)
        city.until(lambda: newest(city) > size, WITHIN, "sealed without a witness")
        city.until(lambda: absent(city), WITHIN, "noted as absent")
        city.until(lambda: alarms(city) == [f"witness_absent:{NAME}"], WITHIN, "alarmed")
        assert any(one.endswith(".alarm.raised.v1") for one in told(city))
        assert city.command("audit", "verify", "--max-age", "0").returncode == 2
        assert "失联" in city.command("audit", "status").stdout

        with serving(folder, listening):
            city.until(lambda: not absent(city), 90, "back")
            city.until(lambda: cosigned(city, NAME) == newest(city), WITHIN, "cosigned again")
            city.until(lambda: alarms(city) == [], 2 * WITHIN, "no longer alarmed")
            assert any(one.endswith(".alarm.cleared.v1") for one in told(city))
            city.until(
                lambda: acts(city) == ["audit.witness_absent", "audit.witness_back"], WITHIN, "told"
            )
            city.until(lambda: cosigned(city, NAME) == newest(city), WITHIN, "cosigned once more")
            assert city.command("audit", "verify", "--witness").returncode == 0
            # The whole city as it was: its stores and its key show nothing, the witness does.
            assert backup.command("audit", "verify").returncode == 0
            assert backup.command("audit", "verify", "--witness").returncode == 1
        state = tmp_path / "state.txt"
        listed = subprocess.run(
            [sys.executable, "-m", "audit.witness_orders", "status", "--head",
             log_key.partition("+")[0], "--folder", str(folder)],
            cwd=CHECKOUT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        state.write_text(listed.stdout, encoding="utf-8")
        kept = ("audit", "verify", "--witness-state", str(state))
        assert city.command(*kept).returncode == 0
        assert backup.command(*kept).returncode == 1


def entered(city: City) -> None:
    """Record an entry, so that there is a new head."""
    obj = What("log", city.settings.origin)
    record_of_the_log(city.settings, act="audit.verified", obj=obj, command_id=uuid4())
