"""What is taken back reaches every process: real ones, each with its own eyes on the stores.

No time is asserted; how long it took is printed (`-s`).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, update

from benchmarks import ground
from benchmarks.step import CLERK
from cases.database import open_engine
from cases.facts import CaseFacts
from cases.tables import release
from cases.web_tables import account
from policies.policy import load_policy, whole_text
from yichuang import joining
from yichuang.settings import CHECKOUT, Settings, as_environment, environment, from_environment

EVERY_S = 0.02
DOORS = ("web", "web", "gateway", "worker", "worker")


class Watched:
    """Processes that ask again and again, and write down each change of the answer."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.folder = folder
        variables = {k: v for k, v in environment().items() if not k.startswith("YICHUANG_")}
        self.running = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.yichuang.test_revocation", door, str(self.said(n))],
                cwd=CHECKOUT,
                env={**variables, **as_environment(settings)},
            )
            for n, door in enumerate(DOORS)
        ]

    def said(self, n: int) -> Path:
        return self.folder / f"{n}.txt"

    def lines(self, n: int) -> list[list[str]]:
        text = self.said(n).read_text() if self.said(n).exists() else ""
        return [line.split() for line in text.splitlines()]

    def until(self, policy: str, standing: str) -> list[float]:
        """Wait until every process gives both answers; return when each first did."""
        deadline = time.monotonic() + 60
        while True:
            last = [self.lines(n)[-1:] for n in range(len(DOORS))]
            if all(one and one[0][:2] == [policy, standing] for one in last):
                return [float(one[0][2]) for one in last]
            assert time.monotonic() < deadline, last
            time.sleep(0.05)

    def stop(self) -> None:
        for one in self.running:
            one.kill()
            one.wait()


@pytest.fixture
def settings() -> Iterator[Settings]:
    with ground.installed() as one:
        ground.admit(one, CLERK)
        yield one


def test_a_policy_and_an_account_taken_back_are_so_in_every_process(
    settings: Settings, tmp_path: Path
) -> None:
    watched = Watched(settings, tmp_path)
    try:
        watched.until("yes", "open")
        began = time.monotonic()
        _activate(settings, _without_accepting())
        policy = max(watched.until("no", "open")) - began
        began = time.monotonic()
        with open_engine(settings.store_url("web")).begin() as connection:
            closed = update(account).where(account.c.id == CLERK.id)
            connection.execute(closed.values(disabled_at=datetime.now(UTC)))
        standing = max(watched.until("no", "closed")) - began
        sys.stdout.write(f"policy {policy:.2f} s, account {standing:.2f} s, slowest of five\n")
        # Nobody goes back: each has seen yes, then no, then no of a closed account.
        for n in range(len(DOORS)):
            assert [one[:2] for one in watched.lines(n)] == [
                ["yes", "open"], ["no", "open"], ["no", "closed"],
            ]  # fmt: skip
    finally:
        watched.stop()


def _without_accepting() -> str:
    policy = load_policy()
    rows = [f"{r} # {r.note}" for r in policy.rows if (r.role, r.act) != ("window_clerk", "accept")]
    return whole_text(policy.model, "\n".join(rows))


def _activate(settings: Settings, text: str) -> None:
    """Put another policy in force, as two signatures leave it in the register."""
    at, digest = datetime.now(UTC), sha256(text.encode()).hexdigest()
    with open_engine(settings.store_url("cases")).begin() as connection:
        row = connection.execute(select(release).where(release.c.kind == "policy")).mappings().one()
        fresh = {"id": str(uuid4()), "version": digest[:32], "content": text, "digest": digest}
        connection.execute(
            insert(release).values(dict(row) | fresh | {"signed_at": at, "in_force_from": at})
        )


def _watch(door: str, said: Path) -> None:
    """Ask as a door asks, and look at the account as the worker does, until killed."""
    from cases.standing import Standings

    settings = from_environment()
    access = joining.access_of(settings, door)
    standings = Standings(open_engine(settings.store_url("web"), read_only=True))
    facts = CaseFacts(id="c", matter="food-operation", department="scjg")
    last = ""
    while True:
        now = datetime.now(UTC)
        allowed = access.decide(CLERK, "accept", facts, now).allowed
        held = standings.of(CLERK.id, now)
        is_open = held is not None and held.is_open
        line = f"{'yes' if allowed else 'no'} {'open' if is_open else 'closed'}"
        if line != last:
            with said.open("a") as file:
                file.write(f"{line} {time.monotonic()}\n")
            last = line
        time.sleep(EVERY_S)


if __name__ == "__main__":
    _watch(sys.argv[1], Path(sys.argv[2]))
