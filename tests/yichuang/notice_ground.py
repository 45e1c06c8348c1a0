"""Real receivers of notices: a mail server that keeps what it takes, a department's system."""

from __future__ import annotations

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass
class Postbox:
    """A mail server (RFC 5321, as much of it as a client needs) and the mails it has taken."""

    port: int = 0
    mails: list[Message] = field(default_factory=list)
    refuse: int = 0
    """Answer to RCPT, 250 otherwise."""


class _Smtp(socketserver.StreamRequestHandler):
    postbox: Postbox

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self) -> None:
        self._say("220 sink ESMTP")
        while line := self.rfile.readline():
            word = line.strip().upper()
            if word.startswith(b"EHLO"):
                self._say("250-sink")
                self._say("250 8BITMIME")
            elif word.startswith(b"RCPT") and self.postbox.refuse:
                self._say(f"{self.postbox.refuse} no")
            elif word == b"DATA":
                self._say("354 go on")
                self._take()
                self._say("250 taken")
            elif word == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        self.postbox.mails.append(message_from_bytes(b"".join(lines)))


class _Threads(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def postbox(certificate: tuple[Path, Path] | None = None, port: int = 0) -> Iterator[Postbox]:
    """Run a mail server, over TLS where it is given a certificate and key."""
    kept = Postbox()
    handler = type("Smtp", (_Smtp,), {"postbox": kept})
    with _Threads(("127.0.0.1", port), handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()


@dataclass
class Receiver:
    """A department's system: checks signatures as Standard Webhooks asks, keeps each id once."""

    key: Ed25519PublicKey
    url: str = ""
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    refused: int = 0
    answer: int = 204


class _Hook(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        one = self.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        known_as, sent = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        version, _, signature = self.headers["webhook-signature"].partition(",")
        try:
            one.key.verify(base64.b64decode(signature), f"{known_as}.{sent}.".encode() + body)
            assert version == "v1a"
        except InvalidSignature:
            one.refused += 1
            self._answer(401)
            return
        if one.answer < 300:
            if known_as in one.taken:
                one.repeated.append(known_as)
            one.taken[known_as] = json.loads(body)
        self._answer(one.answer)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "http://127.0.0.1:9/stolen")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def receiver(key: Ed25519PublicKey) -> Iterator[Receiver]:
    """Run a department's system."""
    kept = Receiver(key)
    handler = type("Hook", (_Hook,), {"receiver": kept})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}/notices?of=cgj"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
