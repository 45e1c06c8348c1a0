"""The quarantine: a file that was handed in is held until the site's scanner found nothing in it.

Which scanner is the operator's to say (`YICHUANG_SCANNER`): a clamd by its socket, or any program
that reads the file from standard input. One that does not answer sets nothing free.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from audit.entry import EntryDraft, What, Who
from audit.entry import Where as EntryWhere
from audit.outbox import record
from audit.vault import KeyDestroyed, SealBroken, SubjectVault, UnknownSubject
from cases.database import StoreUnwritable
from cases.desk import Desk, Upload

STREAM = "sys:uploads"
AT_ONCE = 8
"""Files read in one round: of the largest size they fit into memory."""
AGAIN_SECONDS = 20.0
"""Pause before files that could not be looked at are tried again."""
ANSWER_SECONDS = 120.0
"""How long a scanner may take over one file."""
CHUNK = 64 * 1024

NOBODY_ANSWERS = 3
"""Files one after the other without an answer, after which a round ends: the scanner is away."""
POLL_SECONDS = 0.5

UNREADABLE = "unreadable"
"""Finding of a file that does not open any more: its key was destroyed, or its bytes altered."""

_log = logging.getLogger("yichuang.scanning")


class ScannerAway(Exception):
    """The scanner gave no answer about a file: it stays held."""


class Scanner(Protocol):
    def finding(self, content: bytes) -> str:
        """Return what was found, empty for nothing. Raises `ScannerAway`."""
        ...


@dataclass(frozen=True)
class Program:
    """A program that reads the file from standard input: 0 nothing found, 1 something found.

    So `clamdscan -` and `clamscan -` answer; any other end is no answer.
    """

    words: Sequence[str]
    seconds: float = ANSWER_SECONDS

    def finding(self, content: bytes) -> str:
        try:
            done = subprocess.run(  # noqa: S603 -- the operator's own words, no shell
                list(self.words), input=content, capture_output=True, timeout=self.seconds,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as away:
            raise ScannerAway(str(away)) from away
        if done.returncode == 0:
            return ""
        if done.returncode == 1:
            said = done.stdout.decode("utf-8", "replace").strip().splitlines()
            return (said[0] if said else "")[:200] or "found"
        raise ScannerAway(f"{self.words[0]} ended with {done.returncode}")


@dataclass(frozen=True)
class Clamd:
    """A clamd by its socket, asked with INSTREAM (clamd(8))."""

    address: str | tuple[str, int]
    seconds: float = ANSWER_SECONDS

    def finding(self, content: bytes) -> str:
        try:
            said = self._asked(content)
        except OSError as away:
            raise ScannerAway(str(away)) from away
        text = said.rstrip(b"\0\n").decode("utf-8", "replace")
        if text == "stream: OK":
            return ""
        if text.endswith(" FOUND"):
            return text.removeprefix("stream: ").removesuffix(" FOUND")[:200] or "found"
        raise ScannerAway(text[:200])

    def _asked(self, content: bytes) -> bytes:
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        with socket.socket(family) as door:
            door.settimeout(self.seconds)
            door.connect(self.address)
            door.sendall(b"zINSTREAM\0")
            for start in range(0, len(content), CHUNK):
                part = content[start : start + CHUNK]
                door.sendall(struct.pack("!I", len(part)) + part)
            door.sendall(struct.pack("!I", 0))
            said = b""
            while not said.endswith(b"\0") and (more := door.recv(4096)):
                said += more
        return said


def scanner_of(text: str) -> Scanner | None:
    """Return the scanner that a setting names; None for an empty one. Raises `ValueError`."""
    if not text:
        return None
    kind, _, rest = text.partition(":")
    if kind == "command" and rest.strip():
        return Program(shlex.split(rest))
    if kind == "clamd":
        where = urlsplit(text)
        if where.hostname and where.port:
            return Clamd((where.hostname, where.port))
        if where.path.startswith("/") and not where.netloc:
            return Clamd(where.path)
    raise ValueError("应为 command:程序 参数…、clamd:/套接字路径 或 clamd://主机:端口")


@dataclass(frozen=True)
class Quarantine:
    """Looks at held files, one after the other, and sets free what holds nothing."""

    web: Engine
    desk: Desk
    vault: SubjectVault
    pseudonym_of: Callable[[str], str]
    scanner: Scanner
    now: Callable[[], datetime]
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set by whoever keeps a file, so that it does not wait for the next round."""

    def look(self) -> int:
        """Judge every file that waits; return how many.

        Raises `ScannerAway` when some got no answer: those stay held and are tried again, and no
        single file that the scanner cannot bear holds up the others.
        """
        judged, stuck, silent = 0, set[str](), ""
        while found := self.desk.waiting(AT_ONCE, tuple(stuck)):
            for kept, sealed in found:
                try:
                    self._note(kept, self._finding(kept, sealed))
                except ScannerAway as away:
                    stuck.add(kept.id)
                    silent = str(away)
                    if len(stuck) >= NOBODY_ANSWERS:
                        raise
                else:
                    judged += 1
        if stuck:
            raise ScannerAway(silent)
        return judged

    def _finding(self, kept: Upload, sealed: bytes) -> str:
        place = f"upload:{kept.id}".encode()
        try:
            content = self.vault.open(kept.subject(self.pseudonym_of), sealed, place)
        except (KeyDestroyed, UnknownSubject, SealBroken):
            return UNREADABLE
        return self.scanner.finding(content)

    def _note(self, kept: Upload, finding: str) -> None:
        """Write down what was found, with its entry, in one transaction."""
        with self.web.begin() as connection:
            if not self.desk.judge_upload(connection, kept.id, finding):
                return
            record(connection, self._entry(kept, finding))
        if finding:
            _log.warning("upload %s is held: %s", kept.id, finding)

    def _entry(self, kept: Upload, finding: str) -> EntryDraft:
        return EntryDraft(
            id=str(uuid4()),
            stream=STREAM,
            at=self.now(),
            who=Who("system", "system"),
            act="upload_scanned",
            obj=What("upload", kept.id),
            res="deny" if finding else "ok",
            why=None if not finding else UNREADABLE if finding == UNREADABLE else "malware",
            where=EntryWhere(svc="web"),
        )

    async def run(self) -> None:
        """Look whenever a file has come, and again after a while; until cancelled."""
        while True:
            self.arrived.clear()
            try:
                await asyncio.to_thread(self.look)
            except ScannerAway as away:
                _log.warning("the scanner does not answer, files stay held: %s", away)
            except (OperationalError, StoreUnwritable):
                _log.warning("held files cannot be looked at now", exc_info=True)
            for _ in range(round(AGAIN_SECONDS / POLL_SECONDS)):
                if self.arrived.is_set():
                    break
                await asyncio.sleep(POLL_SECONDS)
