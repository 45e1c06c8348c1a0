"""One child process: started so that it cannot outlive us, its words drained into a file."""

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from yichuang.roles import started_ticks

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 5
"""A part keeps at most five files of ten megabytes."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the kernel sends this signal to the child when its parent dies, even by kill -9."""

_libc = ctypes.CDLL(None, use_errno=True)


def _die_with(parent: int) -> None:
    """Run in the child before exec. Only async-signal-safe steps: two system calls."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before the line above
        os._exit(1)


class RotatingFile:
    """A log file of bounded size; the older ones are `name.1`, `name.2` …"""

    def __init__(self, path: Path, *, limit: int = LOG_BYTES, files: int = LOG_FILES) -> None:
        self.path = path
        self.limit = limit
        self.files = files
        self._file: BinaryIO | None = None

    def write(self, piece: bytes) -> None:
        """Append. A full disk loses the piece and never stops the part that spoke."""
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
            if self._file.tell() + len(piece) > self.limit and self._file.tell() > 0:
                self._turn()
            self._file.write(piece)

    def _turn(self) -> None:
        assert self._file is not None
        self._file.close()
        for number in range(self.files - 1, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                os.replace(older, self._numbered(number))
        self._file = self.path.open("ab", buffering=0)

    def _numbered(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_name(f"{self.path.name}.{number}")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class Child:
    """A running process in a session of its own, so that Ctrl-C reaches only the supervisor."""

    def __init__(self, process: asyncio.subprocess.Process, log: RotatingFile) -> None:
        self.process = process
        self.pid = process.pid
        self.started_ticks = started_ticks(process.pid)
        self.last_line = ""
        self._log = log
        self._draining = asyncio.create_task(self._drain())

    @classmethod
    async def start(
        cls, words: Sequence[str], environment: dict[str, str], log: Path, folder: Path
    ) -> "Child":
        """Start a program; its output and errors go to `log`. Raises `OSError`."""
        parent = os.getpid()
        process = await asyncio.create_subprocess_exec(
            *words,
            env=environment,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: _die_with(parent),
        )
        return cls(process, RotatingFile(log))

    async def _drain(self) -> None:
        # An unread pipe froze a worker after 64 KB (reference/temporal.md §3.4).
        assert self.process.stdout is not None
        while piece := await self.process.stdout.read(65536):
            self._log.write(piece)
            lines = piece.decode(errors="replace").strip().splitlines()
            self.last_line = lines[-1] if lines else self.last_line
        self._log.close()

    async def ended(self) -> int:
        """Wait for the end and return the exit code, negative for a signal.

        The output may be held open by a grandchild; it is given a moment, not for ever.
        """
        code = await self.process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._draining), 0.5)
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process; nothing happens when it has gone."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def stop(self, within: float) -> None:
        """Ask the process to end, and force it after `within` seconds."""
        self.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.ended(), within)
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.ended()
