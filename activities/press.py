"""The press: prints 文书 in processes of their own, replaced when they die, hang or grow old.

A printing process gets a fixed environment with SOURCE_DATE_EPOCH, so that the same order gives
the same bytes; nothing rests on it, the log's key decides retries.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from activities.document_facts import DocumentFacts
from activities.document_orders import facts_of
from activities.documents import html_for
from activities.glyphs import FontsMissing, GlyphMissing
from activities.papers import DocumentOrder
from activities.press_child import DONE, FONTS, GLYPHS, ORDER, READY, receive, send
from catalogue.load import Catalogue
from catalogue.matters import DocumentKind

ROOT = Path(__file__).parents[1]

DEADLINE_S = 30.0
"""A page takes 0.2–0.4 s warm and 4 s in a fresh process (2 cores, 2026-11-22)."""
PAGES_BEFORE_REPLACEMENT = 2000
"""Fonts and images are cached by the libraries; a fresh process now and then bounds them."""

ENVIRONMENT = {"SOURCE_DATE_EPOCH": "1767225600", "LANG": "C.UTF-8", "PATH": os.defpath}
"""2026-01-01: fontTools and WeasyPrint stamp this instead of the hour."""


class PressFailed(Exception):
    """The printing process died or was late, twice: not now, try again."""


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    connection: socket.socket
    printed: int = 0

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()


class DocumentPress:
    """A `Press` with its printing processes.

    `catalogue` gives the law and the city in force now; `verify_at` is the address under which a
    verification code is checked. Safe to use from several threads. Close it when done.
    """

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        verify_at: str,
        *,
        processes: int = 1,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._catalogue = catalogue
        self._verify_at = verify_at
        self._deadline_s = deadline_s
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(processes):
            self._idle.put(None)
        self._processes = processes
        self._closing = Lock()

    def render(self, order: DocumentOrder) -> bytes:
        """Return the PDF of an order. Raises `GlyphMissing`, `FontsMissing`, `PressFailed`."""
        facts = facts_of(order, self._catalogue(), self._verify_at)
        return self.print(order.kind, facts, order.matter.wording(order.kind))

    def print(self, kind: DocumentKind, facts: DocumentFacts, wording: str = "") -> bytes:
        """Return the PDF of a document's facts. Raises as `render` does."""
        return self.print_html(html_for(kind, facts, wording))

    def print_html(self, html: str) -> bytes:
        """Return the PDF of a page; a process that dies or hangs is replaced once."""
        child = self._idle.get()
        try:
            for _ in range(2):
                if child is None:
                    child = _started(self._deadline_s)
                try:
                    return self._printed(child, html)
                except (OSError, EOFError) as failed:  # TimeoutError is an OSError
                    child.end()
                    child, cause = None, failed
            raise PressFailed("文书排版进程两次没有答复，请稍后再试") from cause
        finally:
            if child is not None and child.printed >= PAGES_BEFORE_REPLACEMENT:
                child.end()
                child = None
            self._idle.put(child)

    def warm(self) -> None:
        """Start the processes now, so that the first document does not wait for them."""
        with self._closing:
            children = [self._idle.get() for _ in range(self._processes)]
            for child in children:
                self._idle.put(child or _started(self._deadline_s))

    def close(self) -> None:
        """End the processes. A document that is being printed is waited for."""
        with self._closing:
            children = [self._idle.get() for _ in range(self._processes)]
            for child in children:
                if child is not None:
                    child.end()
                self._idle.put(None)

    def _printed(self, child: _Child, html: str) -> bytes:
        child.connection.settimeout(self._deadline_s)
        send(child.connection, ORDER, html.encode())
        what, content = receive(child.connection)
        child.printed += 1
        if what == DONE:
            return content
        child.printed = PAGES_BEFORE_REPLACEMENT  # a font installed from now on is seen by the next
        if what == GLYPHS:
            raise GlyphMissing(json.loads(content))
        assert what == FONTS, f"expected an answer, found {what!r}"
        raise FontsMissing(json.loads(content))


def _started(deadline_s: float) -> _Child:
    """Return a printing process that is ready. Raises `PressFailed` when it cannot start."""
    ours, theirs = socket.socketpair()
    descriptor = theirs.fileno()
    process = subprocess.Popen(  # noqa: S603  # our own module, no outside words
        [sys.executable, "-m", "activities.press_child", str(descriptor)],
        cwd=ROOT,
        env=ENVIRONMENT,
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
    )
    theirs.close()
    child = _Child(process, ours)
    try:
        ours.settimeout(deadline_s)
        what, _ = receive(ours)
    except (OSError, EOFError) as failed:
        child.end()
        raise PressFailed(f"文书排版进程起不来（退出码 {process.returncode}）") from failed
    assert what == READY, f"expected a ready process, found {what!r}"
    return child
