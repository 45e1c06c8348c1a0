"""The witness's door: C2SP tlog-witness over HTTP, for whoever asks.

Nobody is known here: a question is judged by the signature it carries. So a question is small, a
connection short, and there are few at once; who asks too much is cut off, the memory unharmed.
TLS is its own where it is given a certificate, else a proxy's in front of it.
"""

import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from audit.witness import LogUnknown, Refused, Witness, WitnessNotFounded
from audit.witness_wire import ADD_CHECKPOINT, MAX_BODY, SIZE_TYPE

READ_SECONDS: Final = 10.0
"""How long the door waits for the next bytes."""

CONNECTION_SECONDS: Final = 60.0
"""How long a connection may last in all, however slowly and steadily it speaks."""

CONNECTIONS: Final = 64
TEXT: Final = "text/plain; charset=utf-8"

_logger = logging.getLogger(__name__)


class WitnessDoor(ThreadingHTTPServer):
    """Answers until `shutdown`. `server_address` tells the port that was taken for 0."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        witness: Witness,
        *,
        read_seconds: float = READ_SECONDS,
        connection_seconds: float = CONNECTION_SECONDS,
        connections: int = CONNECTIONS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.witness = witness
        self.read_seconds, self.connection_seconds = read_seconds, connection_seconds
        self._tls = tls
        self._places = threading.BoundedSemaphore(connections)
        super().__init__(address, _Question)

    def get_request(self) -> tuple[socket.socket, Any]:
        request, address = super().get_request()
        if self._tls is None:
            return request, address
        # The greeting waits for the connection's own thread: here it would hold up all others.
        request.settimeout(self.read_seconds)
        wrapped = self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        return wrapped, address

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread could be started
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        cut = threading.Timer(self.connection_seconds, _cut, [request])
        cut.daemon = True
        cut.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            cut.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        _logger.debug("a connection from %s broke off", client_address, exc_info=True)


def _cut(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended by itself


class _Question(BaseHTTPRequestHandler):
    server: WitnessDoor
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # so that nonsense too is answered with a status line
    server_version = "yichuang-witness"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.read_seconds)

    def do_POST(self) -> None:
        if self.path != ADD_CHECKPOINT:
            return self._answer(404, "nothing is asked there")
        body = self._body()
        if body is not None:
            self._answer(*self._told(lambda: self.server.witness.cosign(body)))
        return None

    def do_GET(self) -> None:
        _, hashed, what = [*self.path.split("/"), "", ""][:3]
        if self.path != f"/{hashed}/checkpoint" or what != "checkpoint":
            return self._answer(404, "nothing is asked there")
        return self._answer(*self._told(lambda: self.server.witness.checkpoint(hashed)))

    def _body(self) -> bytes | None:
        said = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding") or not said.isascii() or not said.isdecimal():
            self._answer(411, "say how long the question is")
            return None
        if len(said) > 9 or int(said) > MAX_BODY:
            self._answer(413, f"at most {MAX_BODY} bytes")
            return None
        body = self.rfile.read(int(said))
        if len(body) < int(said):
            self.close_connection = True
            return None
        return body

    def _told(self, answer: Callable[[], str]) -> tuple[int, str, str]:
        """Return status, text and content type of the witness's answer."""
        try:
            return 200, answer(), TEXT
        except Refused as refused:
            if refused.size is None:
                return refused.status, refused.reason, TEXT
            return refused.status, str(refused.size), SIZE_TYPE
        except LogUnknown:
            return 404, "unknown log, or none of its heads was cosigned", TEXT
        except (OSError, WitnessNotFounded) as error:
            _logger.error("the memory cannot be read or written: %s", error)
            return 503, "the memory cannot be read or written", TEXT

    def _answer(self, status: int, text: str, kind: str = TEXT) -> None:
        content = (text if text.endswith("\n") else f"{text}\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if status in (411, 413):  # the body was not read, so that nothing can follow it
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the server itself refuses (a method, a line too long), in plain text."""
        self.close_connection = True
        self._answer(405 if code == 501 else code, message or http.client.responses.get(code, ""))

    def log_message(self, format: str, *args: Any) -> None:
        _logger.info("%s %s", self.address_string(), format % args)
