"""The bad line itself: what a test says of it is so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.forms.line import Line, laid


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def talk() -> Iterator[tuple[HTTPConnection, Line]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        with (
            socket.create_server(("127.0.0.1", 0)) as ours,
            laid(ours, pages.server_address[1]) as line,
        ):
            connection = HTTPConnection("127.0.0.1", ours.getsockname()[1], timeout=0.5)
            yield connection, line
            connection.close()
        pages.shutdown()


def test_an_answer_is_late_however_soon_it_was_asked_after_the_last(
    talk: tuple[HTTPConnection, Line],
) -> None:
    connection, line = talk
    connection.request("GET", "/")
    assert connection.getresponse().read() == b""
    line.latency = 3.0
    connection.request("GET", "/")
    with pytest.raises(TimeoutError):
        connection.getresponse()
