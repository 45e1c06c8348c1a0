"""The printing process: HTML in, PDF out, over one socket, until the other end closes.

Run as `python -m activities.press_child FD`. It is a process of its own because a page takes a
fifth of a second of computing, and settling must not wait behind it for the interpreter.
"""

from __future__ import annotations

import json
import socket
import struct
import sys

from activities.glyphs import FontsMissing, GlyphMissing

HEADER = struct.Struct(">cQ")
"""What an answer or order is, and how many bytes follow."""
ORDER, DONE, GLYPHS, FONTS, READY = b"o", b"d", b"g", b"f", b"r"


def send(connection: socket.socket, what: bytes, content: bytes) -> None:
    connection.sendall(HEADER.pack(what, len(content)) + content)


def receive(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return what came and its bytes. Raises `EOFError` when the other end has closed."""
    what, length = HEADER.unpack(_exactly(connection, HEADER.size))
    return what, _exactly(connection, length)


def _exactly(connection: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(min(length - len(parts), 1 << 20))
        if not part:
            raise EOFError("the other end has closed")
        parts += part
    return bytes(parts)


def main(descriptor: int) -> None:
    """Print every order that comes. An error that is not a missing glyph ends the process."""
    # The library that draws takes half a second and 40 MB: whoever speaks with this process imports
    # its wire from here, and draws nothing.
    from activities.printing import printed

    connection = socket.socket(fileno=descriptor)
    send(connection, READY, b"")
    while True:
        try:
            _, html = receive(connection)
        except EOFError:
            return
        try:
            send(connection, DONE, printed(html.decode()))
        except FontsMissing as missing:
            send(connection, FONTS, json.dumps(missing.characters).encode())
        except GlyphMissing as missing:
            send(connection, GLYPHS, json.dumps(missing.characters).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
