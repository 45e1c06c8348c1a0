"""What is taken back reaches every process: real ones, each with its own eyes on the stores.

No time is asserted; how long it took is printed (`-s`).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from benchmarks import ground
from benchmarks.step import CLERK
from cases import delegations
from cases.accounts import Accounts, Happening, Place
from cases.attempts import SignInRules
from cases.database import open_engine, reading
from cases.deputies import Delegation
from cases.facts import CaseFacts
from cases.messages import Actor
from cases.release_tables import release
from cases.sessions import Sessions
from cases.standing import Standings
from cases.web_tables import account
from policies.identity import Credentials
from policies.policy import load_policy, whole_text
from yichuang import joining
from yichuang.services import Services
from yichuang.settings import CHECKOUT, Settings, as_environment, environment, from_environment

pytestmark = pytest.mark.timeout(400)

EVERY_S = 0.02
DOORS = ("web", "web", "gateway", "worker", "worker")
OTHER_DOORS = ("web", "gateway", "telemetry", "worker")
SECRET = "the cookie of a session"


class Watched:
    """Processes that ask again and again, and write down each change of the answer."""

    def __init__(
        self, settings: Settings, folder: Path, doors: tuple[str, ...] = DOORS, what: str = "rights"
    ) -> None:
        self.folder, self.doors = folder, doors
        variables = {k: v for k, v in environment().items() if not k.startswith("YICHUANG_")}
        self.running = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.yichuang.test_revocation",
                    what,
                    door,
                    str(self.said(n)),
                ],
                cwd=CHECKOUT,
                env={**variables, **as_environment(settings)},
            )
            for n, door in enumerate(doors)
        ]

    def said(self, n: int) -> Path:
        return self.folder / f"{n}.txt"

    def lines(self, n: int) -> list[list[str]]:
        text = self.said(n).read_text() if self.said(n).exists() else ""
        return [line.split() for line in text.splitlines()]

    def until(self, policy: str, standing: str) -> list[float]:
        """Wait until every process gives both answers; return when each first did."""
        deadline = time.monotonic() + 150
        while True:
            last = [self.lines(n)[-1:] for n in range(len(DOORS))]
            if all(one and one[0][:2] == [policy, standing] for one in last):
                return [float(one[0][2]) for one in last]
            assert time.monotonic() < deadline, last
            time.sleep(0.05)

    def until_each(self, wanted: str, doors: tuple[str, ...]) -> float:
        """Wait until every process of these doors last said so; return when the last one did."""
        deadline = time.monotonic() + 150
        asked = [n for n, door in enumerate(self.doors) if door in doors]
        while True:
            last = [self.lines(n)[-1:] for n in asked]
            if all(one and one[0][0] == wanted for one in last):
                return max(float(one[0][1]) for one in last)
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


DEPUTY = Actor(id="u:deputy", department="scjg")
PLACE = Place("192.0.2.1", "test")


def _untold(_connection: Connection, _happening: Happening) -> None:
    """What is told is not looked at here."""


def test_a_session_a_service_and_a_delegation_taken_back_are_so_in_every_process(
    settings: Settings, tmp_path: Path
) -> None:
    ground.admit(settings, DEPUTY)
    web = open_engine(settings.store_url("web"))
    accounts = Accounts(web, Credentials(), _untold)
    sessions = Sessions(web, _Named(), _untold, SignInRules())
    delegated = _delegated(web)
    with web.begin() as connection:
        held = sessions.open(connection, CLERK.id, datetime.now(UTC), PLACE).session
    watched = Watched(settings, tmp_path, OTHER_DOORS, "others")
    took: dict[str, float] = {}
    try:
        watched.until_each("session+,delegation+", ("web",))
        watched.until_each("service+", ("gateway", "telemetry"))
        watched.until_each("delegation+", ("worker",))

        began = time.monotonic()
        assert sessions.end_one(held, held.id, datetime.now(UTC), PLACE)
        took["session"] = watched.until_each("session-,delegation+", ("web",)) - began

        began = time.monotonic()
        with web.begin() as connection:
            delegations.end(connection, delegated, CLERK.id, datetime.now(UTC), "ended")
        ends = (
            watched.until_each("session-,delegation-", ("web",)),
            watched.until_each("delegation-", ("worker",)),
        )
        took["delegation"] = max(ends) - began

        began = time.monotonic()
        accounts.close("s:portal", "u:sys", datetime.now(UTC))
        doors = ("gateway", "telemetry")
        took["service"] = watched.until_each("service-", doors) - began
        said = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in took.items())
        sys.stdout.write(f"{said}, slowest of {len(OTHER_DOORS)}\n")
        # Nobody goes back: each answer changed once for each thing that was taken.
        for n, door in enumerate(OTHER_DOORS):
            assert len(watched.lines(n)) == (3 if door == "web" else 2), (door, watched.lines(n))
    finally:
        watched.stop()
        web.dispose()


class _Named(Credentials):
    """The credentials of the web, with the one secret that this test gives out."""

    def new_token(self) -> str:
        return SECRET


def _delegated(web: Engine) -> str:
    """Let the clerk's grants be used by the deputy for an hour; return the delegation's id."""
    now, id = datetime.now(UTC), str(uuid4())
    new = Delegation(
        id, CLERK.id, DEPUTY.id, CLERK.grants, "leave", now - timedelta(minutes=1),
        now + timedelta(hours=1), now,
    )  # fmt: skip
    with web.begin() as connection:
        delegations.propose(connection, new)
        delegations.accept(connection, id, DEPUTY.id, now)
    return id


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


def _watch_others(door: str, said: Path) -> None:
    """Look at sessions, services and delegations as the door does, until killed."""
    settings = from_environment()
    web = open_engine(settings.store_url("web"), read_only=door != "web")
    sessions = Sessions(web, Credentials(), _untold, SignInRules())
    services, standings = Services(web), Standings(web)

    def answers() -> str:
        now = datetime.now(UTC)
        if door == "web":
            with reading(web) as connection:
                acts = bool(delegations.deputyships(connection, DEPUTY.id, now))
            is_in = sessions.visitor(SECRET, now) is not None
            return f"session{'+' if is_in else '-'},delegation{'+' if acts else '-'}"
        if door == "worker":
            acts = bool(standings.delegated(DEPUTY.id, CLERK.id, now))
            return f"delegation{'+' if acts else '-'}"
        return f"service{'+' if services.find('portal') is not None else '-'}"

    last = ""
    while True:
        line = answers()
        if line != last:
            with said.open("a") as file:
                file.write(f"{line} {time.monotonic()}\n")
            last = line
        time.sleep(EVERY_S)


if __name__ == "__main__":
    {"rights": _watch, "others": _watch_others}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
