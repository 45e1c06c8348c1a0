"""A line between a browser and the pages that a test makes slow, cuts, or lets fall silent.

What a browser's own throttling does not do: a connection that lives and says nothing any more, and
one that breaks in the middle of a file.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 2048
"""Bytes at once: what is cut in the middle of them has partly come."""

BETWEEN = 0.2
"""Seconds without a byte after which another answer begins."""


@dataclass
class Line:
    """Passes on what comes, both ways. Change the fields from any thread."""

    port: int
    """Where the pages are."""
    rate: float = 0.0
    """Bytes a second each way of one connection; 0: as fast as it goes."""
    latency: float = 0.0
    """Seconds before the first byte of each answer."""
    silent: bool = False
    """Connections live, and nothing comes; those that were there then never speak again."""
    dead: bool = False
    """No connection is taken."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None

    def cut(self) -> None:
        """Break every connection, and take no other until `mend`."""
        self.dead = True
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._break)

    def mend(self) -> None:
        self.dead = self.silent = False

    def _break(self) -> None:
        for one in self._writers:
            one.transport.abort()

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.dead:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers |= {writer, back}
        try:
            ways = (self._passed(reader, back), self._passed(there, writer, answers=True))
            await asyncio.gather(*ways)
        finally:
            self._writers -= {writer, back}

    async def _passed(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        spoke = 0.0
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                begins = answers and time.monotonic() - spoke > BETWEEN
                wait = self.latency if begins else 0.0
                await asyncio.sleep(wait + (len(data) / self.rate if self.rate else 0))
                if self.silent:
                    while await reader.read(CHUNK):  # what goes into a dead line is gone
                        pass
                    break
                writer.write(data)
                await writer.drain()
                spoke = time.monotonic()
        writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def run(self, listening: socket.socket, over: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._taken, sock=listening)
        async with server:
            while not over.is_set():  # noqa: ASYNC110 -- another thread says so
                await asyncio.sleep(0.05)
            self._break()


@contextmanager
def laid(listening: socket.socket, port: int) -> Iterator[Line]:
    """A line from a listening socket to the port of the pages."""
    line, over = Line(port), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(line.run(listening, over)), daemon=True)
    thread.start()
    try:
        yield line
    finally:
        over.set()
        thread.join(10)
