"""Frames between `RulesProcess` and its child: four bytes of length, then JSON."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

LENGTH = struct.Struct(">I")
MAX_FRAME = 64 << 20
"""Bytes. A batch of the largest admitted contexts is smaller; more is a broken peer."""


class Closed(ConnectionError):
    """The peer is gone."""


def send(link: socket.socket, message: Any) -> None:
    """Send one message. Raises `TimeoutError` after the socket's timeout, `OSError` when gone."""
    raw = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    link.sendall(LENGTH.pack(len(raw)) + raw)


def receive(link: socket.socket) -> Any:
    """Return the next message.

    Raises `Closed` at the end, `TimeoutError` after the socket's timeout, `ValueError` for a
    frame that is not one.
    """
    head = link.recv(1 << 16)
    if not head:
        raise Closed("the peer closed the connection")
    while len(head) < LENGTH.size:
        head += _more(link)
    (length,) = LENGTH.unpack_from(head)
    if length > MAX_FRAME:
        raise ValueError(f"expected a frame of at most {MAX_FRAME} bytes, found {length}")
    parts, held = [head[LENGTH.size :]], len(head) - LENGTH.size
    while held < length:
        parts.append(_more(link))
        held += len(parts[-1])
    if held != length:
        raise ValueError("expected one frame per answer, found more")
    return json.loads(b"".join(parts))


def _more(link: socket.socket) -> bytes:
    chunk = link.recv(1 << 20)
    if not chunk:
        raise Closed("the peer closed the connection in the middle of a frame")
    return chunk
