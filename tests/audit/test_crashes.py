"""A sequencer process is killed again and again while entries are recorded; nothing acknowledged
is lost, nothing stands twice, and every note it ever released is a head of the final log."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from audit.logstore import LogReader
from audit.merkle import Frontier
from audit.notes import open_checkpoint
from audit.outbox import record
from audit.sequencer import Sequencer
from audit.signer import Signer
from audit.tables import audit_checkpoint
from audit.verify import CLEAN

Draft = Callable[..., Any]
House = Any
REPOSITORY = Path(__file__).resolve().parents[2]

VICTIM = """
    import sys, threading
    from pathlib import Path
    sys.path.insert(0, str(Path.cwd() / "tests" / "audit"))
    from conftest import sqlite_engine
    from audit.sequencer import Sequencer
    from audit.signer import Signer

    folder = Path(sys.argv[1])
    signer = Signer(folder / "signer.pem", folder / "signer.json")

    class Releasing:
        def last(self):
            return signer.last()

        def sign(self, *asked):
            note = signer.sign(*asked)
            print(note.replace(chr(10), "|"), flush=True)  # released: the world has seen it
            return note

    sources = {name: sqlite_engine(folder / f"{name}.db") for name in ("cases", "web")}
    sequencer = Sequencer(sqlite_engine(folder / "log.db"), sources, Releasing(), batch=7)
    while True:
        sequencer.drain()
        sequencer.seal()
"""

HASTY = """
    import random, sys, time
    from pathlib import Path
    sys.path.insert(0, str(Path.cwd() / "tests" / "audit"))
    from conftest import sqlite_engine
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from audit import sequencer
    from audit.notes import Checkpoint, NoteKey, sign_note

    folder = Path(sys.argv[1])
    private = load_pem_private_key((folder / "signer.pem").read_bytes(), None)
    append = sequencer.append

    def released(connection, state, *rest, **more):
        new = append(connection, state, *rest, **more)
        head = Checkpoint(new.origin, new.size, new.frontier().root())
        note = sign_note(head.text(), [NoteKey(new.origin, private)])
        print(note.replace(chr(10), "|"), flush=True)  # before the commit
        time.sleep(random.uniform(0, 0.01))
        return new

    sequencer.append = released
    names = random.sample(["cases", "web"], 2)  # whichever store is looked at first
    sources = {name: sqlite_engine(folder / f"{name}.db") for name in names}
    hasty = sequencer.Sequencer(sqlite_engine(folder / "log.db"), sources, None, batch=7)
    while True:
        hasty.drain()
"""
"""What the house does not do: it signs without a memory and lets notes out before the commit."""


def _kill_in_a_loop(house: House, draft: Draft, folder: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged: dict[str, tuple[str, int, bytes]] = {}
    released: list[str] = []
    house.signer.close()
    number = 0
    for _ in range(kills):
        victim = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(VICTIM), str(folder)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert victim.stdout is not None
        released.append(_after_first_note(victim, house, draft, acknowledged, number))
        number += 1
        ends = time.monotonic() + rng.uniform(0.0, 0.25)
        while time.monotonic() < ends:
            _acknowledge(house.cases, draft(number, f"case:C-{number % 9}"), acknowledged)
            number += 1
        os.kill(victim.pid, signal.SIGKILL)
        released += [line for line in victim.stdout.read().split("\n") if line.endswith("|")]
        victim.wait()
        victim.stdout.close()
    _check(house, folder, acknowledged, released)


def _after_first_note(
    victim: "subprocess.Popen[str]",
    house: House,
    draft: Draft,
    acknowledged: dict[str, tuple[str, int, bytes]],
    number: int,
) -> str:
    """Give it something to seal and return the first note, so that each kill meets a live one."""
    _acknowledge(house.cases, draft(number, f"case:C-{number % 9}"), acknowledged)
    assert victim.stdout is not None
    return victim.stdout.readline().rstrip("\n")


def _acknowledge(
    engine: Engine, entry: Any, acknowledged: dict[str, tuple[str, int, bytes]]
) -> None:
    with engine.begin() as connection:
        place = record(connection, entry)
    acknowledged[place.id] = (place.stream, place.seq, place.leaf)


def _check(
    house: House,
    folder: Path,
    acknowledged: dict[str, tuple[str, int, bytes]],
    released: list[str],
) -> None:
    house.signer = Signer(folder / "signer.pem", folder / "signer.json")
    house.sequencer = Sequencer(house.log, house.sources, house.signer)
    house.sequencer.drain()
    house.sequencer.seal()
    report = house.verify()
    assert report.exit_code == CLEAN, report.as_json()
    with house.log.connect() as connection:
        rows = list(LogReader(connection).entries())
        sealed = connection.scalars(select(audit_checkpoint.c.size)).all()
    logged = {row.entry_id: (row.stream, row.stream_seq, row.leaf) for row in rows}
    assert logged == acknowledged and len(rows) == len(acknowledged)
    heads = {h.size: h.root for h in (_opened(house, note) for note in released)}
    frontier = Frontier()
    for row in rows:
        frontier.append(row.leaf)
        if frontier.size in heads:
            assert heads.pop(frontier.size) == frontier.root()
    assert not heads and sealed


def _opened(house: House, line: str) -> Any:
    return open_checkpoint(line.replace("|", "\n"), house.signer.verifier)


@pytest.mark.timeout(300)
def test_a_few_kills_lose_nothing_and_fork_nothing(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    _kill_in_a_loop(house, draft, tmp_path, kills=3, seed=1)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_sixty_kills_lose_nothing_and_fork_nothing(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    _kill_in_a_loop(house, draft, tmp_path, kills=60, seed=2)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_notes_that_leave_before_the_commit_fork(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    """The control: were the order another, these kills would show it."""
    rng = random.Random(3)
    released: list[str] = []
    house.signer.close()
    number = 0
    for _ in range(30):
        victim = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HASTY), str(tmp_path)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        acknowledged: dict[str, tuple[str, int, bytes]] = {}
        released.append(_after_first_note(victim, house, draft, acknowledged, number))
        ends = time.monotonic() + rng.uniform(0.02, 0.2)
        while time.monotonic() < ends:
            number += 1
            store, stream = rng.choice([(house.cases, "case:C-1"), (house.web, "sys:auth")])
            _acknowledge(store, draft(number, stream), acknowledged)
        number += 1
        os.kill(victim.pid, signal.SIGKILL)
        assert victim.stdout is not None
        released += [line for line in victim.stdout.read().split("\n") if line.endswith("|")]
        victim.wait()
        victim.stdout.close()
    house.signer = Signer(tmp_path / "signer.pem", tmp_path / "signer.json")
    Sequencer(house.log, house.sources, house.signer).drain()
    roots: dict[int, bytes] = {}
    frontier = Frontier()
    with house.log.connect() as connection:
        for row in LogReader(connection).entries():
            frontier.append(row.leaf)
            roots[frontier.size] = frontier.root()
    heads = [_opened(house, note) for note in released]
    assert any(roots.get(head.size) != head.root for head in heads)
