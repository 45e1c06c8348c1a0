"""A sequencer with two trees is killed while it catches up, appends and seals: nothing is lost, the
trees stand at one size, and no SM2 head contradicts the final log."""

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from audit.logstore import LogReader
from audit.merkle import Frontier
from audit.notes import open_checkpoint
from audit.outbox import record
from audit.report import CLEAN
from audit.secondtree import SecondTree
from audit.sequencer import Sequencer
from audit.signer import Signer
from audit.sm3 import SM3
from tests.audit.conftest import make_draft
from tests.audit.test_second_tree import PASSPHRASE, National
from tests.audit.test_second_tree import national as _national

national = _national
"""The fixture, under its own name here."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command here"),
]

REPOSITORY = Path(__file__).resolve().parents[2]
EARLIER, KILLS = 2_000, 12

VICTIM = """
    import sys
    from pathlib import Path
    from audit.sequencer import Sequencer
    from audit.signer import Signer
    from audit.sm3 import SM3
    from tests.audit.conftest import sqlite_engine

    folder, passphrase = Path(sys.argv[1]), sys.argv[2].encode()
    first = Signer(folder / "log.key", folder / "signed.json")
    second = Signer(
        folder / "sm2.key", folder / "signed-sm3.json", tree=SM3, passphrase=passphrase
    )

    class Releasing:
        def last(self):
            return second.last()

        def sign(self, *asked):
            note = second.sign(*asked)
            print(note.replace(chr(10), "|"), flush=True)
            return note

    cases = sqlite_engine(folder / "cases.db")
    sequencer = Sequencer(
        sqlite_engine(folder / "log.db"),
        {"cases": cases},
        first,
        second=Releasing(),
        batch=150,
        observe=lambda step: print(step, flush=True) if step == "caught up" else None,
    )
    print("ready", flush=True)
    while True:
        sequencer.drain()
        sequencer.seal()
"""


def test_kills_while_catching_up_and_appending_leave_both_trees_whole(
    national: National, tmp_path: Path
) -> None:
    plain = Sequencer(national.log, {"cases": national.cases}, national.first)
    _record(national, 0, EARLIER)
    plain.drain()
    national.first.close()
    national.second.close()
    rng, said, number = random.Random(5), [], EARLIER
    for _ in range(KILLS):
        victim = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(VICTIM), str(tmp_path), PASSPHRASE.decode()],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        for _ in range(rng.randint(1, 5)):  # by progress, not by the clock: the machine may be slow
            _record(national, number, 3)
            number += 3
            said.append(victim.stdout.readline().rstrip("\n"))
        time.sleep(rng.uniform(0.0, 0.02))
        os.kill(victim.pid, signal.SIGKILL)
        said += [line for line in victim.stdout.read().split("\n") if line]
        victim.wait()
        victim.stdout.close()
    _check(national, tmp_path, number, [line for line in said if line.endswith("|")])


def _record(national: National, first: int, count: int) -> None:
    with national.cases.begin() as connection:
        for number in range(first, first + count):
            record(connection, make_draft(number, f"case:C-{number % 9}"))


def _check(national: National, folder: Path, entries: int, released: list[str]) -> None:
    first = Signer(folder / "log.key", folder / "signed.json")
    second = Signer(folder / "sm2.key", folder / "signed-sm3.json", tree=SM3, passphrase=PASSPHRASE)
    national.first, national.second = first, second
    last = Sequencer(national.log, {"cases": national.cases}, first, second=second)
    last.drain()
    last.seal()
    report = national.verify()
    assert report.exit_code == CLEAN, report.as_json()
    assert report.second is not None
    assert report.entries == report.second.entries == report.second.sealed == entries
    heads = [open_checkpoint(line.replace("|", "\n"), second.verifier) for line in released]
    by_size = {head.size: head.root for head in heads}
    frontier = Frontier(tree=SM3)
    with national.log.connect() as connection:
        assert SecondTree(connection).state().size == LogReader(connection).state().size
        for entry in LogReader(connection).entries():
            frontier.append(SM3.leaf(entry.body))
            if frontier.size in by_size:
                assert by_size.pop(frontier.size) == frontier.root()
    assert len(released) > KILLS // 2
    assert not by_size
