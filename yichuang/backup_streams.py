"""A message stream as one file, and back: JetStream's own snapshot of it, taken while it lives.

The first line says what the stream is (JSON), the rest is what the server gave. The server opens
its encryption at rest for it: what is written here must be sealed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import RetentionPolicy

from yichuang import subjects

STREAMS: Final = tuple(one.name for one in subjects.STREAMS if one.name is not None)
"""Every stream of a city."""
QUEUES: Final = tuple(
    one.name
    for one in subjects.STREAMS
    if one.name is not None and one.retention == RetentionPolicy.WORK_QUEUE
)
"""Those whose messages leave when their rows are committed: orders and signals that nobody has
taken yet. They must be of the rows' own instant; each other stream keeps what it has for a time."""
WITHOUT_CONSUMERS: Final = frozenset({*QUEUES, "TELE"})
"""Streams that their reader takes from the beginning after a restore: it knows again what it has
done (command id, observation, signal), and what it did after the backup is done anew."""

PIECE_BYTES: Final = 256 * 1024
WITHIN: Final = 10.0
"""Seconds for one answer of the server."""


class StreamTrouble(Exception):
    """JetStream does not give or take a stream; the text is its own."""


async def snapshot(bus: Client, stream: str) -> AsyncIterator[bytes]:
    """Yield a stream; nothing where there is none. Raises `StreamTrouble`."""
    inbox = bus.new_inbox()
    pieces = await bus.subscribe(inbox)
    request = {
        "deliver_subject": inbox,
        "no_consumers": stream in WITHOUT_CONSUMERS,
        "chunk_size": PIECE_BYTES,
        "jsck": True,
    }
    try:
        answer = await _asked(
            bus, f"$JS.API.STREAM.SNAPSHOT.{stream}", json.dumps(request).encode()
        )
        if answer is None:
            return
        told = {"config": answer["config"], "state": answer["state"]}
        yield json.dumps(told).encode() + b"\n"
        while True:
            piece = await pieces.next_msg(timeout=WITHIN)
            if not piece.data:
                status = (piece.headers or {}).get("Status", "204")
                if not status.startswith("204"):
                    raise StreamTrouble(f"{stream}: {status} {piece.headers}")
                return
            yield piece.data
            if piece.reply:
                await piece.respond(b"")
    except (NatsError, TimeoutError) as away:
        raise StreamTrouble(f"{stream}: {away or type(away).__name__}") from away
    finally:
        await pieces.unsubscribe()


async def restore(bus: Client, stream: str, content: Iterator[bytes]) -> int:
    """Make a stream as it was; return how many messages it has. Raises `StreamTrouble`.

    `content` may yield pieces of any size. A stream of that name must not be there.
    """
    first, rest = _first_line(content)
    try:
        answer = await _asked(bus, f"$JS.API.STREAM.RESTORE.{stream}", first)
        if answer is None:
            raise StreamTrouble(f"{stream}: 服务器没有这个接口")
        where = answer["deliver_subject"]
        for piece in _cut(rest):
            taken = await bus.request(where, piece, timeout=WITHIN)
            _checked(stream, taken.data)
        done = _checked(stream, (await bus.request(where, b"", timeout=WITHIN)).data)
    except (NatsError, TimeoutError) as away:
        raise StreamTrouble(f"{stream}: {away or type(away).__name__}") from away
    return int(done["state"]["messages"])


async def _asked(bus: Client, subject: str, body: bytes) -> dict[str, Any] | None:
    """Return what the server answers, None where it knows no such stream."""
    answer: dict[str, Any] = json.loads((await bus.request(subject, body, timeout=WITHIN)).data)
    fault = answer.get("error")
    if fault and fault.get("code") == 404:
        return None
    if fault:
        raise StreamTrouble(f"{subject}: {fault}")
    return answer


def _checked(stream: str, answer: bytes) -> dict[str, Any]:
    if not answer:
        return {}
    told: dict[str, Any] = json.loads(answer)
    if told.get("error"):
        raise StreamTrouble(f"{stream}: {told['error']}")
    return told


def _first_line(content: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    held = b""
    for piece in content:
        held += piece
        line, found, rest = held.partition(b"\n")
        if found:
            return line, _with(rest, content)
    raise StreamTrouble("消息流的备份没有开头")


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _cut(content: Iterator[bytes]) -> Iterator[bytes]:
    for piece in content:
        for start in range(0, len(piece), PIECE_BYTES):
            yield piece[start : start + PIECE_BYTES]
