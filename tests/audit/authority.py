"""A time-stamp authority of the tests' own: `openssl ts` behind a loopback HTTP server.

It is not independent of anybody; it shows that the path works.
"""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIGURATION = """
[ tsa ]
default_tsa = here
[ here ]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[ req ]
distinguished_name = name
prompt = no
[ name ]
CN = test authority, not independent
[ stamping ]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[ root ]
basicConstraints = critical,CA:true
"""


@dataclass
class Authority:
    """Its address, its root certificate (PEM), and what it does wrong when told so."""

    url: str
    certificates: str
    folder: Path
    fault: str = ""
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: bytes) -> bytes:
        """Return the response to a request."""
        with self.lock:
            self.asked += 1
            (self.folder / "query.tsq").write_bytes(request)
            _openssl(
                self.folder,
                *("ts", "-reply", "-queryfile", "query.tsq", "-signer", "tsa.pem"),
                *("-inkey", "tsa.key", "-config", "tsa.cnf", "-section", "here"),
                *("-out", "reply.tsr", "-chain", "root.pem"),
            )
            return (self.folder / "reply.tsr").read_bytes()


@contextmanager
def authority(folder: Path) -> Iterator[Authority]:
    """Run an authority whose keys are made in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
    (folder / "serial").write_text("01\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "tsa.cnf")
    _openssl(
        folder,
        *("req", "-x509", *key, "-subj", "/CN=test root", "-extensions", "root"),
        *("-days", "2", "-keyout", "root.key", "-out", "root.pem"),
    )
    _openssl(folder, "req", "-new", *key, "-keyout", "tsa.key", "-out", "tsa.csr")
    _openssl(
        folder,
        *("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key"),
        *("-CAcreateserial", "-days", "1", "-extfile", "tsa.cnf", "-extensions", "stamping"),
        *("-out", "tsa.pem"),
    )
    running = Authority("", (folder / "root.pem").read_text(), folder)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            body = b"" if running.fault == "silent" else running.reply(request)
            self.send_response(503 if running.fault == "away" else 200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    running.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
