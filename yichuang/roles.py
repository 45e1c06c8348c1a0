"""What every role (worker, web, gateway, relay, sequencer, signer) owes to whoever runs it.

A role calls `start` first, `ready` once it can do its work, and `beat` every few seconds from the
loop that does the work: a frozen loop then shows as a silent part, where a thread of its own would
go on saying that all is well (a worker alive without pollers was seen: temporal.md §3.4).
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

from yichuang.log_lines import secrets_of, set_up_lines
from yichuang.settings import Settings

BEAT_SECONDS = 3.0
"""How often a role should beat."""
SILENT_AFTER_SECONDS = 15.0
"""A beat older than this is told as 无应答: five missed beats."""

_log = logging.getLogger("yichuang.roles")


@dataclass
class _Running:
    note: Path
    role: str
    started_at: str
    detail: str = ""
    ready: bool = False
    trouble: str = ""
    trouble_since: str = ""
    stalled: dict[str, str] = field(default_factory=dict)


_running: _Running | None = None
_stopping = threading.Event()


def start(settings: Settings, role: str) -> None:
    """Set up logging to standard error, take SIGTERM and SIGINT, and note that the role starts."""
    global _running
    set_up_lines(settings.log_level, secrets_of(settings))
    settings.run_folder.mkdir(parents=True, exist_ok=True)
    note = settings.run_folder / f"{role}.json"
    _running = _Running(note, role, datetime.now(UTC).isoformat())
    _stopping.clear()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _ask_to_stop)
        signal.signal(signal.SIGINT, _ask_to_stop)
    _write()


def _ask_to_stop(_number: int, _frame: FrameType | None) -> None:
    _stopping.set()


def ready(settings: Settings, role: str, detail: str) -> None:
    """Say that the role now does its work; `detail` is shown on the screen and by `status`."""
    if _running is None or _running.role != role:
        start(settings, role)
    assert _running is not None
    _running.ready, _running.detail = True, detail
    _write()


def beat(detail: str | None = None) -> None:
    """Note that the loop still turns. Cheap (one small file renamed); never raises for a full disk.

    Raises `RuntimeError` when no role was started in this process.
    """
    if _running is None:
        raise RuntimeError("beat() before start(): no role runs in this process")
    if detail is not None:
        _running.detail = detail
    _write()


def trouble(sentence: str, since: datetime | None) -> None:
    """Note that a store cannot be written, or with an empty sentence that all can again.

    Nothing happens in a process without a role: whoever gave the order sees the error.
    """
    if _running is not None and _running.trouble != sentence:
        _running.trouble = sentence
        _running.trouble_since = since.isoformat() if since else ""
        _write()


def stalled(job: str, *, is_so: bool) -> None:
    """Note that something done beside the main work fails, or that it succeeds again.

    Nothing happens in a process without a role.
    """
    if _running is None or (job in _running.stalled) == is_so:
        return
    if is_so:
        _running.stalled[job] = datetime.now(UTC).isoformat()
    else:
        del _running.stalled[job]
    _write()


def is_stopping() -> bool:
    """Whether this process was asked to stop (SIGTERM or SIGINT)."""
    return _stopping.is_set()


def wait(seconds: float) -> bool:
    """Sleep at most `seconds`; return whether the process was asked to stop meanwhile."""
    return _stopping.wait(seconds)


async def until_stopped() -> None:
    """Beat from this event loop until the process is asked to stop; for asyncio roles.

    Returns within a tenth of a second of the request.
    """
    next_beat = 0.0
    while not _stopping.is_set():
        if time.monotonic() >= next_beat:
            beat()
            next_beat = time.monotonic() + BEAT_SECONDS
        await asyncio.sleep(0.1)


def started_ticks(pid: int) -> int | None:
    """Return the kernel's start tick of a process, None when there is none.

    With the pid it names a process for good: pids are used again, (pid, tick) is not.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # Field 2 is the program's name in brackets and may hold spaces; count from its end (proc(5)).
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


BESIDE: Final = ("supervisor.json", "ports.json")
"""What else is kept as JSON in the folder of the notes: by the supervisor, and by `up`."""


@dataclass(frozen=True)
class Note:
    """What a role last wrote about itself."""

    role: str
    pid: int
    started_ticks: int
    started_at: str
    ready: bool
    detail: str
    beat_at: str
    trouble: str = ""
    """What cannot be written now, and since when; empty when all can."""
    trouble_since: str = ""
    stalled: Mapping[str, str] = field(default_factory=dict)
    """What is done beside the main work and fails now → since when."""

    @property
    def is_alive(self) -> bool:
        """Whether the very process that wrote the note still runs."""
        return started_ticks(self.pid) == self.started_ticks

    def silent_seconds(self, now: datetime) -> float:
        """Seconds since the last beat, seen at `now` (aware)."""
        return (now - datetime.fromisoformat(self.beat_at)).total_seconds()


def read_note(settings: Settings, role: str) -> Note | None:
    """Return what the role last wrote, None when it never did."""
    try:
        return Note(**json.loads((settings.run_folder / f"{role}.json").read_bytes()))
    except FileNotFoundError:
        return None


def read_notes(settings: Settings) -> list[Note]:
    """Return what every role on this machine last wrote; other things kept beside are no notes."""
    beside = (path for path in settings.run_folder.glob("*.json") if path.name not in BESIDE)
    return [note for path in beside if (note := read_note(settings, path.stem)) is not None]


def write_whole(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    os.replace(fresh, path)


def _write() -> None:
    assert _running is not None
    note = {
        "role": _running.role,
        "pid": os.getpid(),
        "started_ticks": started_ticks(os.getpid()),
        "started_at": _running.started_at,
        "ready": _running.ready,
        "detail": _running.detail,
        "beat_at": datetime.now(UTC).isoformat(),
        "trouble": _running.trouble,
        "trouble_since": _running.trouble_since,
        "stalled": _running.stalled,
    }
    # A full disk must not kill a role that could still answer readers; `status` shows the silence.
    with contextlib.suppress(OSError):
        write_whole(_running.note, note)
