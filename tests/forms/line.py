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
"""Seconds without a byte after which a stream tells the next thing, as late as an answer comes."""


@dataclass
class _Talk:
    """One connection: whether something was asked that is not answered yet, and when it spoke."""

    asked: bool = False
    spoke: float = 0.0


@dataclass
class Line:
    """Passes on what comes, both ways. Change the fields from any thread."""

    port: int
    """Where the pages are."""
    rate: float = 0.0
    """Bytes a second each way of one connection; 0: as fast as it goes."""
    latency: float = 0.0
    """Seconds before the first byte of each answer, however soon it was asked after the last."""
    holds: bool = False
    """Answers wait until it is no longer so: what a page shows meanwhile can be looked at."""
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
        self.dead = self.silent = self.holds = False

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
            talk = _Talk()
            ways = (self._asked(reader, back, talk), self._answered(there, writer, talk))
            await asyncio.gather(*ways)
        finally:
            self._writers -= {writer, back}

    async def _asked(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, talk: _Talk
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if not await self._passed(data, reader, writer):
                    break
                talk.asked = True
        _end(writer)

    async def _answered(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, talk: _Talk
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                begins = talk.asked or time.monotonic() - talk.spoke > BETWEEN
                talk.asked = False
                while self.holds:  # noqa: ASYNC110 -- another thread says so
                    await asyncio.sleep(0.05)
                if not await self._passed(data, reader, writer, self.latency if begins else 0.0):
                    break
                talk.spoke = time.monotonic()
        _end(writer)

    async def _passed(
        self,
        data: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        wait: float = 0.0,
    ) -> bool:
        """Pass it on as slowly as the line is; False: the line fell silent and ended so."""
        await asyncio.sleep(wait + (len(data) / self.rate if self.rate else 0))
        if self.silent:
            while await reader.read(CHUNK):  # what goes into a dead line is gone
                pass
            return False
        writer.write(data)
        await writer.drain()
        return True

    async def run(self, listening: socket.socket, over: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._taken, sock=listening)
        async with server:
            while not over.is_set():  # noqa: ASYNC110 -- another thread says so
                await asyncio.sleep(0.05)
            self._break()


def _end(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort() if writer.transport.is_closing() else writer.close()


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
