"""The power goes at a random moment: un-synced writes are lost, in whole or by sectors.

SIGKILL proves nothing of this: the system still writes what a dead process had handed over. Every
operation on the log's files is recorded below the C library, cut off at a random place, and what
the disk may then hold is opened by a new process's eyes.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from audit.check import verify_stores
from audit.logstore import LogReader
from audit.merkle import Frontier
from audit.sequencer import LogBehindSigner, Sequencer
from audit.signer import Signer, SignerRefused
from audit.verify import CLEAN
from tests.audit.conftest import House, sqlite_engine
from tests.audit.powercut.disk import Asked, Disk, Loss, acknowledged, read_record

HERE = Path(__file__).resolve().parent / "powercut"
REPOSITORY = HERE.parents[2]
ENTRIES = 150
CUTS = 60
LOSSES: tuple[Loss, ...] = ("all", "some", "torn")


@dataclass
class Recording:
    """What a run asked of the disk, from a folder that was all synced."""

    base: Path
    asked: list[Asked]
    live: Path


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorder, compiled; every machine that builds durable_rules has a compiler."""
    library = tmp_path_factory.mktemp("recorder") / "recorder.so"
    words = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(HERE / "recorder.c"), "-ldl"]
    subprocess.run(words, check=True)
    return library


def _recorded(house: House, folder: Path, recorder: Path, synchronous: str) -> Recording:
    house.signer.close()
    for engine in (house.cases, house.web, house.log):
        engine.dispose()  # the last to close a store takes its write-ahead log in
    base, record = folder.parent / f"{folder.name}-base", folder.parent / f"{folder.name}.record"
    shutil.copytree(folder, base)
    words = [sys.executable, "-m", "tests.audit.powercut.victim", str(folder), str(ENTRIES)]
    surroundings = {
        **os.environ,
        "LD_PRELOAD": str(recorder),
        "RECORD_ROOT": str(folder) + "/",
        "RECORD_LOG": str(record),
    }
    subprocess.run([*words, synchronous], cwd=REPOSITORY, env=surroundings, check=True)
    return Recording(base, read_record(record), folder)


def _lost(recording: Recording, seed: int, into: Path) -> tuple[list[str], House, list[str]]:
    """Cut the power once and start again; return what the world had heard, the house, and what of
    it is not so."""
    chance = random.Random(seed)
    upto = chance.randrange(len(recording.asked) // 10, len(recording.asked))
    disk = Disk(recording.base, recording.live)
    for one in recording.asked[:upto]:
        disk.ask(one)
    disk.cut(chance, LOSSES[seed % len(LOSSES)], into)
    told = acknowledged(recording.asked[:upto], "told")
    return told, *_after(into, told)


def _after(folder: Path, told: list[str]) -> tuple[House, list[str]]:
    engines = {name: sqlite_engine(folder / f"{name}.db") for name in ("cases", "web", "log")}
    signer = Signer(folder / "signer.pem", folder / "signer.json")
    sources = {"cases": engines["cases"], "web": engines["web"]}
    sequencer = Sequencer(engines["log"], sources, signer)
    house = House(engines["cases"], engines["web"], engines["log"], signer, sequencer)
    sequencer.drain()
    sequencer.seal()
    with house.log.connect() as connection:
        rows = list(LogReader(connection).entries())
    leaves = {row.entry_id: row.leaf.hex() for row in rows}
    roots, frontier = {}, Frontier()
    for row in rows:
        frontier.append(row.leaf)
        roots[str(frontier.size)] = frontier.root().hex()
    wrong = []
    for line in told:
        kind, name, digest = line.split(" ")
        if (leaves if kind == "entry" else roots).get(name) != digest:
            wrong.append(line)
    return house, wrong


def _close(house: House) -> None:
    house.signer.close()
    for engine in (house.cases, house.web, house.log):
        engine.dispose()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_what_was_acknowledged_outlives_a_power_cut(
    house: House, tmp_path: Path, recorder: Path
) -> None:
    recording = _recorded(house, tmp_path, recorder, "FULL")
    heard = 0
    for seed in range(CUTS):
        into = tmp_path.parent / f"{tmp_path.name}-cut-{seed}"
        told, after, wrong = _lost(recording, seed, into)
        assert not wrong, (seed, wrong)
        report: Any = verify_stores(after.log, after.signer.verifier, producers=after.sources)
        assert report.exit_code == CLEAN, (seed, report.as_json())
        heard += len(told)
        _close(after)
        shutil.rmtree(into)
    assert heard > CUTS * ENTRIES // 4


@pytest.mark.long
@pytest.mark.timeout(300)
def test_without_full_sync_a_power_cut_loses_what_was_acknowledged(
    house: House, tmp_path: Path, recorder: Path
) -> None:
    recording = _recorded(house, tmp_path, recorder, "NORMAL")
    lost = 0
    for seed in range(CUTS // 3):
        into = tmp_path.parent / f"{tmp_path.name}-cut-{seed}"
        try:
            _, after, wrong = _lost(recording, seed, into)
        except (SignerRefused, LogBehindSigner):  # what it had vouched for is no longer there
            lost += 1
            continue
        _close(after)
        shutil.rmtree(into)
        lost += bool(wrong)
    assert lost > CUTS // 6
