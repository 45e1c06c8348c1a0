"""pm4py reads the event logs, and its counts equal the log's.

It is under the AGPL and brings half a gigabyte: it lives in an interpreter of its own, beside this
one, made from a lock of its own; nothing of the house knows it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.yichuang import test_event_logs as event_logs
from tests.yichuang.test_event_logs import City, expected
from yichuang.event_logs.gather import CASEWORK

pytestmark = [pytest.mark.long, pytest.mark.timeout(420)]

HERE = Path(__file__).parent
LOCK = HERE / "pm4py.lock"

city = event_logs.city


@pytest.fixture(scope="module")
def theirs() -> Path:
    """The interpreter that has pm4py; made once for each lock."""
    digest = sha256(LOCK.read_bytes()).hexdigest()[:16]
    place = Path(sys.prefix) / f"outside-pm4py-{digest}"
    python = place / "bin" / "python"
    if not (place / "whole").exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        said = subprocess.run(
            [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps",
             "--require-hashes", "--only-binary", ":all:", "-r", LOCK],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if said.returncode:
            shutil.rmtree(place, ignore_errors=True)
            # A hash that differs, or a set that does not install, is a fault and no absence.
            if "hash" in said.stderr.lower() or "No matching" not in said.stderr:
                pytest.fail(said.stderr[-2000:])
            pytest.skip(f"no registry to take pm4py from: {said.stderr[-300:]}")
        (place / "whole").touch()
    return python


def _read(python: Path, folder: Path, *names: str) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [python, "-I", HERE / "pm4py_reads.py", *names],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def read(
    city: City, theirs: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """File → what pm4py makes of it; with a copy of which one event was taken away."""
    folder = tmp_path_factory.mktemp("pm4py")
    city.export(folder / "o.json")
    city.export(folder / "o.sqlite", "ocel-sqlite")
    city.export(folder / "case.xes", "xes")
    city.export(folder / "incident.xes", "xes", of="incident")
    less = json.loads((folder / "o.json").read_bytes())
    less["events"] = [one for one in less["events"] if one["type"] != "case decide refused"]
    (folder / "less.json").write_text(json.dumps(less), "utf-8")
    return _read(theirs, folder, "o.json", "o.sqlite", "less.json", "case.xes", "incident.xes")


@pytest.mark.parametrize("name", ["o.json", "o.sqlite"])
def test_every_event_of_the_log_is_one_of_theirs(
    read: dict[str, dict[str, Any]], city: City, name: str
) -> None:
    found = read[name]
    assert Counter(found["events"]) == expected(city)
    assert set(found["mined"]) == set(expected(city))
    leaves = {f"e1-{n}" for n, one in enumerate(city.bodies()) if _is_casework(one)}
    assert set(found["ids"]) == leaves
    assert found["links"] and found["ties"]


def _is_casework(body: dict[str, Any]) -> bool:
    return body["s"]["id"].split(":")[0] in CASEWORK


def test_both_forms_of_ocel_are_the_same_to_them(read: dict[str, dict[str, Any]]) -> None:
    assert read["o.json"] == read["o.sqlite"]
    assert read["o.json"]["objects"]["case"] == 3


def test_an_event_taken_away_is_missed_by_their_count(
    read: dict[str, dict[str, Any]], city: City
) -> None:
    gone = expected(city) - Counter(read["less.json"]["events"])
    assert gone == Counter({"case decide refused": 3})


@pytest.mark.parametrize(("kind", "traces"), [("case", 3), ("incident", 1)])
def test_every_trace_of_the_log_is_one_of_theirs(
    read: dict[str, dict[str, Any]], city: City, kind: str, traces: int
) -> None:
    found = read[f"{kind}.xes"]
    events = Counter({k: n for k, n in expected(city).items() if k.startswith(f"{kind} ")})
    assert found["traces"] == traces
    assert +Counter(found["events"]) == events - Counter({"incident report refused": 1})
    # A trace of n events has n - 1 arrows; a model mined from it replays it whole.
    assert found["arrows"] == sum(found["events"].values()) - traces
    assert found["fitness"] == 1.0
