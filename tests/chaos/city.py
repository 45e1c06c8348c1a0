"""A whole embedded city in a temporary folder: started, asked, wounded and stopped by tests.

    with City(tmp_path, nats_integrators={"portal": ("*",)}) as city:
        token = city.service("bureau", "zjj")      # before start: the web store has one writer
        city.start()
        ...

Every process is a real one, `python -m yichuang.cli up`, on free ports of 127.0.0.1.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

from nats.aio.client import Client
from sqlalchemy import Engine

from cases.accounts import Accounts
from cases.database import open_engine
from cases.messages import Grant
from policies.identity import Credentials
from yichuang import roles
from yichuang.bus import connect
from yichuang.settings import CHECKOUT, Settings, Store, as_environment, environment
from yichuang.web_accounts import recorder

READY = "一窗已就绪"
START_SECONDS = 120.0
STOP_SECONDS = 10.0
"""What the issue allows for Ctrl-C."""

PARTS = (
    "temporal", "nats", "signer", "witness", "sequencer", "worker", "relay", "gateway",
    "telemetry", "signals", "notifier", "web",
)  # fmt: skip

_libc = ctypes.CDLL(None)


def _end_with_the_tests() -> None:
    # PR_SET_PDEATHSIG: a killed test run must not leave a city behind. `up` stops on SIGTERM.
    _libc.prctl(1, signal.SIGTERM, 0, 0, 0)


class CityFailed(AssertionError):
    """The city did not do what was waited for; the text holds what it last said."""


@dataclass
class City:
    """A data folder and the `up` that serves it. Settings by keyword, as in `Settings`."""

    folder: Path
    changed: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = Settings(
            _env_file=None,
            data=self.folder,
            web_port=0,
            **{"log_level": "WARNING", **self.changed},
        )
        self.settings.data.mkdir(parents=True, exist_ok=True)
        self.said = self.folder / "up.txt"
        self._up: subprocess.Popen[bytes] | None = None
        self._engines: dict[str, Engine] = {}

    def __enter__(self) -> City:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        for engine in self._engines.values():
            engine.dispose()

    # --- starting and stopping ---------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Return the environment in which any command of ours means this city."""
        kept = {k: v for k, v in environment().items() if not k.startswith("YICHUANG_")}
        return {**kept, **as_environment(self.settings)}

    def start(self, *words: str, seconds: float = START_SECONDS) -> None:
        """Start everything and return once it is ready. Raises `CityFailed`."""
        before = self.said.stat().st_size if self.said.exists() else 0
        with self.said.open("ab") as said:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "yichuang.cli", "up", *words],
                cwd=CHECKOUT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                preexec_fn=_end_with_the_tests,
            )

        def is_ready() -> bool:
            assert self._up is not None
            if self._up.poll() is not None:
                raise CityFailed(f"up ended with {self._up.returncode}:\n{self.words()}")
            return READY in self.said.read_bytes()[before:].decode(errors="replace")

        self.until(is_ready, seconds, "ready")

    def stop(self) -> float:
        """Stop as Ctrl-C does; return how many seconds that took. Does nothing when stopped."""
        if self._up is None:
            return 0.0
        began = time.monotonic()
        self._up.send_signal(signal.SIGINT)
        try:
            self._up.wait(STOP_SECONDS + 10)
        except subprocess.TimeoutExpired:
            self._up.kill()
            self._up.wait()
            raise CityFailed(f"up did not stop:\n{self.words()}") from None
        finally:
            self._up = None
        return time.monotonic() - began

    def words(self, lines: int = 40) -> str:
        """Return what `up` last said."""
        said = self.said.read_text(errors="replace") if self.said.exists() else ""
        return "\n".join(said.splitlines()[-lines:])

    def until(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for something outside. Raises `CityFailed` when it does not come."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise CityFailed(f"not {what} within {seconds:.0f} s:\n{self.words()}")
            time.sleep(0.1)

    # --- its parts ---------------------------------------------------------------------------

    def pid(self, part: str) -> int | None:
        """Return the living process of a part, None while there is none."""
        try:
            noted = json.loads((self.settings.run_folder / "supervisor.json").read_bytes())
        except FileNotFoundError:
            return None
        for one in noted["parts"]:
            if one["name"] == part and one["pid"] is not None:
                alive = roles.started_ticks(one["pid"]) == one["started_ticks"]
                return int(one["pid"]) if alive else None
        return None

    def kill(self, part: str) -> bool:
        """End a part as a power cut would; False when it was not alive."""
        pid = self.pid(part)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # it ended between the two lines
            return False
        return True

    def state_of(self, part: str) -> str:
        """Return the state that the supervisor notes: starting, ready, down, stopped."""
        noted = json.loads((self.settings.run_folder / "supervisor.json").read_bytes())
        states = {one["name"]: str(one["state"]) for one in noted["parts"]}
        return states[part]

    def is_whole(self) -> bool:
        """Whether every part lives and has said that it is ready."""
        return all(self.pid(part) and self.state_of(part) == "ready" for part in PARTS)

    def log_of(self, part: str, lines: int = 30) -> str:
        path = self.settings.log_folder / f"{part}.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def logs_holding(self, secrets: Iterable[str]) -> list[tuple[str, str]]:
        """Return in which log which of these stands, as it is or as JSON writes it."""
        logs = {p.name: p.read_text(errors="replace") for p in self.settings.log_folder.iterdir()}
        return [
            (name, secret)
            for secret in sorted(set(secrets) - {""})
            for name, text in logs.items()
            if secret in text or json.dumps(secret)[1:-1] in text
        ]

    # --- asking it ---------------------------------------------------------------------------

    @property
    def rest(self) -> str:
        """The base address of the REST interface."""
        return f"{self.settings.address}/api/v1"

    async def bus(self, user: str) -> Client:
        """Return a NATS connection as one of the city's users."""
        return await connect(self.settings, user)

    def store(self, name: Store) -> Engine:
        """Return an engine on one of the stores; for reading while the city runs."""
        if name not in self._engines:
            self._engines[name] = open_engine(self.settings.store_url(name))
        return self._engines[name]

    def command(self, *words: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """Run `yichuang …` on this city."""
        return subprocess.run(
            [sys.executable, "-m", "yichuang.cli", *words],
            cwd=CHECKOUT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def answer(self, *words: str, seconds: float = 240) -> dict[str, Any]:
        """Run a command with `--json` and return its last line as an object."""
        done = self.command(*words, "--json", seconds=seconds)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if not lines:
            raise CityFailed(f"{words} said nothing ({done.returncode}): {done.stderr[-2000:]}")
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer

    # --- before the first start --------------------------------------------------------------

    def initialise(self) -> str:
        """Make keys and stores without starting anything; return what was printed."""
        done = self.command("init")
        if done.returncode:
            raise CityFailed(f"init failed: {done.stdout}{done.stderr}")
        return done.stdout

    def service(self, login: str, departments: Sequence[str], clearance: int = 4) -> str:
        """Return the bearer token of a new service account; call it before `start`.

        The account may take in for the departments. The stores are made when they are not there.
        """
        if not (self.folder / "web.sqlite").exists():
            self.initialise()
        engine = open_engine(self.settings.store_url("web"))
        people = Accounts(engine, Credentials(), recorder(lambda who: f"account:{who}", _new_id))
        _, token = people.create_account(
            login,
            login,
            departments[0],
            at=datetime.now(UTC),
            by="system",
            kind="service",
            grants=[Grant(role="service_intake", department=one) for one in departments],
            clearance=clearance,
        )
        engine.dispose()
        return token

    def copy(self, folder: Path) -> City:
        """Return a copy of the stopped city's data, to be damaged."""
        if self._up is not None:
            raise CityFailed("a running city is not copied")
        # Closing a file drops every lock that this process holds on it: a connection of ours that
        # lived on would write beside the city's, and has broken a store (sqlite.org/howtocorrupt).
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        # Sockets and the probes of a running city are not data.
        shutil.copytree(
            self.folder,
            folder,
            ignore=lambda _where, names: [name for name in names if name.endswith(".sock")],
        )
        return City(folder, self.changed)


def _new_id() -> str:
    return str(uuid4())
