"""WeasyPrint as anybody would call it, in a process of its own: the baseline of `document`.

Run as `python -m benchmarks.alone FD`, with the wire of `activities.press_child`: HTML in, PDF out.
"""

from __future__ import annotations

import logging
import socket
import sys

from weasyprint import HTML

from activities.press_child import DONE, READY, receive, send


def main(descriptor: int) -> None:
    """Print every page that comes until the other end closes."""
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    connection = socket.socket(fileno=descriptor)
    send(connection, READY, b"")
    while True:
        try:
            _, html = receive(connection)
        except EOFError:
            return
        made = HTML(string=html.decode()).write_pdf()
        assert isinstance(made, bytes)
        send(connection, DONE, made)


if __name__ == "__main__":
    main(int(sys.argv[1]))
