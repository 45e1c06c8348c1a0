"""The ground that benchmarks and crash tests stand on: an installation in a temporary folder, a
real Temporal server with our settings, worker processes that can be killed."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, insert, select, update

from cases.database import open_engine
from cases.messages import Actor
from cases.web_tables import account
from yichuang.embedded import temporal as embedded
from yichuang.initialise import initialise
from yichuang.settings import CHECKOUT, Settings, as_environment, environment

READY = "ready"
START_SECONDS = 60.0

_libc = ctypes.CDLL(None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def installed() -> Iterator[Settings]:
    """Give the settings of a fresh installation; its folder goes when it is left."""
    with TemporaryDirectory(prefix="yichuang-") as folder:
        settings = Settings(
            _env_file=None,
            data=Path(folder),
            temporal_port=free_port(),
            web_port=free_port(),
            log_level="WARNING",
        )
        initialise(settings)
        yield settings


def admit(settings: Settings, *people: Actor) -> None:
    """Let each have an account as they say they stand.

    Straight into the store: an account's own life is not what is looked at here.
    """
    engine = open_engine(settings.store_url("web"))
    with engine.begin() as connection:
        for one in people:
            held = {
                "grants": [[grant.role, grant.department] for grant in one.grants],
                "clearance": one.clearance,
                "compartments": list(one.compartments),
            }
            here = select(account.c.grants, account.c.clearance, account.c.compartments)
            known = connection.execute(here.where(account.c.id == one.id)).first()
            if known is not None:
                if tuple(known) != tuple(held.values()):
                    _regrant(connection, one.id, held)
                continue
            connection.execute(
                insert(account).values(
                    id=one.id,
                    kind=one.kind,
                    login=one.id.replace(":", "."),
                    name=one.id,
                    department=one.department,
                    **held,
                    password="",
                    enrolment="",
                    token="",
                    created_at=datetime.now(UTC),
                    created_by="system",
                )
            )
    engine.dispose()


def _regrant(connection: Connection, user: str, held: Mapping[str, object]) -> None:
    """Change rights as no city can: the guard of the table is taken away and put back."""
    guard = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = 'account_rights'"
    ).scalar_one()
    connection.exec_driver_sql("DROP TRIGGER account_rights")
    connection.execute(update(account).where(account.c.id == user).values(held))
    connection.exec_driver_sql(guard)


class Process:
    """A process of ours that dies with us; what it says goes to a file in the data folder."""

    def __init__(self, settings: Settings, name: str, words: Sequence[str]) -> None:
        self._settings, self._name, self._words = settings, name, list(words)
        self.said = settings.data / f"{name}.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0
        """Bytes that earlier starts have said: their words are no news."""

    def start(self) -> None:
        self._said_before = self.said.stat().st_size if self.said.exists() else 0
        variables = {k: v for k, v in environment().items() if not k.startswith("YICHUANG_")}
        with self.said.open("ab") as said:
            self._process = subprocess.Popen(
                self._words,
                cwd=CHECKOUT,
                env={**variables, **as_environment(self._settings)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,
            )

    def until_it_says(self, word: str, seconds: float = START_SECONDS) -> None:
        """Wait for a line. Raises `AssertionError` with what it said when it does not come."""
        deadline = time.monotonic() + seconds
        while word.encode() not in self.said.read_bytes()[self._said_before :]:
            assert self._process is not None and self._process.poll() is None, self.words()
            assert time.monotonic() < deadline, self.words()
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, now."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that is not heard."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def cpu_seconds(self) -> float:
        """Return the CPU time, user and system, of the process and of its living children."""
        assert self._process is not None
        return _cpu_seconds(self._process.pid)

    def words(self) -> str:
        return f"{self._name}: {self.said.read_text(errors='replace')[-4000:]}"


class TemporalServer(Process):
    """The embedded server as `up` starts it: SQLite file, WAL, full sync."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "temporal", embedded.command(settings))
        self._settings_ = settings

    async def until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while await embedded.answers(self._settings_) is None:
            assert time.monotonic() < deadline, self.words()
            await asyncio.sleep(0.05)


def worker(settings: Settings, module: str, *words: str, name: str = "worker") -> Process:
    """Return a worker process: `python -m <module> <words>`."""
    return Process(settings, name, [sys.executable, "-u", "-m", module, *words])


def _cpu_seconds(pid: int) -> float:
    own = Path(f"/proc/{pid}")
    # proc(5): the fields after the name in parentheses begin with the state; utime, stime follow.
    user, system = (own / "stat").read_text().rpartition(")")[2].split()[11:13]
    children = (
        int(child)
        for thread in (own / "task").iterdir()
        for child in (thread / "children").read_text().split()
    )
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK") + sum(map(_cpu_seconds, children))


def _die_with_parent() -> None:
    # PR_SET_PDEATHSIG: a killed run leaves no server behind.
    _libc.prctl(1, signal.SIGKILL, 0, 0, 0)
