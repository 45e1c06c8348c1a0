"""The signer: a process of its own that remembers what it last signed, apart from all databases.

It is told a tree head and a proof that this head extends the last one; anything else it refuses,
whoever asks. Its memory is on disk before the signature exists, so that no restored backup and no
owner of the database can make it sign two histories. Founding (`init_signer`) is a separate act
from serving: a mistyped path never founds a second log.

On the wire: one JSON line asked, one answered, over a unix socket or TCP. With a shared secret
the question carries an HMAC; without one, only the file mode of a unix socket guards the door.
"""

import base64
import fcntl
import hmac
import json
import os
import socket
import socketserver
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from audit.merkle import EMPTY_ROOT, ProofRefused, verify_extension
from audit.notes import Checkpoint, NoteKey, NoteVerifier, sign_note

MAX_LINE = 65_536
"""Bytes in a question: a proof has at most 65 hashes."""

TIMEOUT_SECONDS = 10.0


class SignerRefused(Exception):
    """The head does not extend what was last signed, or is of another log. An alarm."""


class SignerUnavailable(Exception):
    """The signer cannot be reached. Try again."""


class SignerFounded(Exception):
    """A key or a memory stands there already; nothing was touched."""


class SignerNotFounded(Exception):
    """Key or memory is missing or unreadable; found the log first, or mend the path."""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The last head signed: the log's name, its size, its root (32 bytes)."""

    origin: str
    size: int
    root: bytes


def init_signer(
    key_path: Path, state_path: Path, origin: str, *, passphrase: bytes | None = None
) -> NoteVerifier:
    """Make a key and an empty memory for the log `origin`, and return the public key.

    Raises `SignerFounded` if either file is there.
    """
    for path in (key_path, state_path):
        if path.exists():
            raise SignerFounded(f"{path} is there already")
    key = Ed25519PrivateKey.generate()
    locked: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    for path, content in ((key_path, pem), (state_path, _spelled(origin, 0, EMPTY_ROOT))):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            _sync(file)
        _sync_folder(path.parent)
    return NoteKey(origin, key).verifier


class Signer:
    """Key and memory, held by one process at a time (a lock on the memory); its threads stand
    in line."""

    def __init__(
        self, key_path: Path, state_path: Path, *, passphrase: bytes | None = None
    ) -> None:
        """Raises `SignerNotFounded`, and `SignerUnavailable` if another process holds it."""
        self._state_path = state_path
        self._line = Lock()
        self._lock_file = _claim(state_path)
        try:
            private = load_pem_private_key(key_path.read_bytes(), passphrase)
            self._head = _read_head(state_path)
        except (OSError, ValueError, TypeError, KeyError) as error:
            self.close()
            raise SignerNotFounded(f"{key_path}, {state_path}: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            self.close()
            raise SignerNotFounded(f"{key_path} holds no Ed25519 key")
        self._key = NoteKey(self._head.origin, private)

    @property
    def verifier(self) -> NoteVerifier:
        """The log's public key."""
        return self._key.verifier

    def last(self) -> SignedHead:
        """Return the head last signed."""
        return self._head

    def sign(self, origin: str, size: int, root: bytes, proof: Sequence[bytes]) -> str:
        """Remember and sign a head that extends the last one. Raises `SignerRefused`.

        The same head may be asked for again: its answer may have been lost on the way.
        """
        with self._line:
            return self._sign(origin, size, root, proof)

    def _sign(self, origin: str, size: int, root: bytes, proof: Sequence[bytes]) -> str:
        last = self._head
        if origin != last.origin:
            raise SignerRefused(f"this signer serves {last.origin}, not {origin}")
        if size < 1:
            raise SignerRefused("an empty log is not signed")
        try:
            verify_extension(last.size, size, proof, last.root, root)
        except ProofRefused as error:
            raise SignerRefused(
                f"size {size}, root {root.hex()} does not extend size {last.size}, "
                f"root {last.root.hex()}: {error}"
            ) from error
        head = SignedHead(origin, size, root)
        if head != last:
            _replace(self._state_path, _spelled(origin, size, root))
            self._head = head
        return sign_note(Checkpoint(origin, size, root).text(), [self._key])

    def close(self) -> None:
        """Let another process have it."""
        self._lock_file.close()


class SignerClient:
    """Asks a signer elsewhere. A connection per question; there is one a second."""

    def __init__(self, address: str, *, secret: bytes | None = None) -> None:
        """`address` is `unix:/path` or `tcp:host:port`."""
        self._family, self._target = _address(address)
        self._address = address
        self._secret = secret

    def last(self) -> SignedHead:
        """Return the head it last signed. Raises `SignerUnavailable`."""
        answer = self._ask({"ask": "last"})
        return SignedHead(answer["origin"], answer["size"], bytes.fromhex(answer["root"]))

    def vkey(self) -> str:
        """Return the public key it says it has; trust comes from elsewhere."""
        return str(self._ask({"ask": "last"})["vkey"])

    def sign(self, origin: str, size: int, root: bytes, proof: Sequence[bytes]) -> str:
        """Return the signed note. Raises `SignerRefused`, `SignerUnavailable`."""
        hashes = [value.hex() for value in proof]
        question = {"ask": "sign", "origin": origin, "size": size, "root": root.hex()}
        return str(self._ask({**question, "proof": hashes})["note"])

    def _ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        line = _sealed(json.dumps(question), self._secret)
        try:
            with socket.socket(self._family, socket.SOCK_STREAM) as door:
                door.settimeout(TIMEOUT_SECONDS)
                door.connect(self._target)
                door.sendall(line)
                with door.makefile("rb") as answers:
                    answer = json.loads(answers.readline(MAX_LINE))
        except (OSError, ValueError) as error:
            raise SignerUnavailable(f"{self._address}: {error}") from error
        if "refused" in answer:
            raise SignerRefused(answer["refused"])
        return dict(answer)


def serve(
    address: str,
    key_path: Path,
    state_path: Path,
    *,
    passphrase: bytes | None = None,
    secret: bytes | None = None,
    ready: Callable[[str], None] = lambda _address: None,
) -> None:
    """Answer until the process is ended. `ready` is told the address once the door is open
    (`tcp:127.0.0.1:0` takes a free port).

    A TCP door beyond this machine needs a `secret`: whoever can ask may extend the log. Raises
    `ValueError` without one, `SignerNotFounded`, `SignerUnavailable`.
    """
    family, target = _address(address)
    if family == socket.AF_INET and not secret and target[0] not in ("127.0.0.1", "localhost"):
        raise ValueError(f"{address}: a door beyond this machine needs a shared secret")
    signer = Signer(key_path, state_path, passphrase=passphrase)
    with _open_door(family, target, signer, secret) as door:
        ready(_bound_address(family, door.server_address))
        door.serve_forever()


class _Door(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128  # a full queue refuses at once on a unix socket
    signer: Signer
    secret: bytes | None


class _Question(socketserver.StreamRequestHandler):
    timeout = TIMEOUT_SECONDS
    server: _Door

    def handle(self) -> None:
        try:
            asked = _unsealed(self.rfile.readline(MAX_LINE), self.server.secret)
            answer = _answer(self.server.signer, asked)
        except (SignerRefused, ValueError, KeyError, TypeError) as error:
            answer = {"refused": str(error)}
        except TimeoutError:
            return
        self.wfile.write(json.dumps(answer).encode() + b"\n")


def _answer(signer: Signer, asked: Mapping[str, Any]) -> dict[str, object]:
    if asked["ask"] == "last":
        head = signer.last()
        said = {"origin": head.origin, "size": head.size, "root": head.root.hex()}
        return {**said, "vkey": signer.verifier.vkey}
    if asked["ask"] == "sign":
        size = asked["size"]
        if type(size) is not int:
            raise SignerRefused(f"{size!r} is not a size")
        proof = [bytes.fromhex(value) for value in asked["proof"]]
        return {"note": signer.sign(asked["origin"], size, bytes.fromhex(asked["root"]), proof)}
    raise SignerRefused(f"unknown question {asked['ask']!r}")


def _open_door(family: int, target: Any, signer: Signer, secret: bytes | None) -> _Door:
    if family == socket.AF_UNIX:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        # We hold the signer's lock, so a socket file that is there belongs to a dead process.
        Path(target).unlink(missing_ok=True)
    door = _Door(("127.0.0.1", 0), _Question, bind_and_activate=False)
    door.socket.close()
    door.address_family = family
    door.socket = socket.socket(family, socket.SOCK_STREAM)
    door.server_address = target
    door.signer, door.secret = signer, secret
    old_mask = os.umask(0o177)  # a unix socket is born with mode 0600
    try:
        door.server_bind()
    finally:
        os.umask(old_mask)
    door.server_activate()
    return door


def _address(address: str) -> tuple[int, Any]:
    kind, _, rest = address.partition(":")
    if kind == "unix" and rest:
        return socket.AF_UNIX, rest
    host, _, port = rest.rpartition(":")
    if kind == "tcp" and host and port.isdecimal():
        return socket.AF_INET, (host, int(port))
    raise ValueError(f"{address!r} is neither unix:/path nor tcp:host:port")


def _bound_address(family: int, bound: Any) -> str:
    return f"unix:{bound}" if family == socket.AF_UNIX else f"tcp:{bound[0]}:{bound[1]}"


def _sealed(question: str, secret: bytes | None) -> bytes:
    mac = hmac.digest(secret, question.encode(), "sha256").hex() if secret else ""
    return json.dumps({"question": question, "mac": mac}).encode() + b"\n"


def _unsealed(line: bytes, secret: bytes | None) -> dict[str, Any]:
    envelope = json.loads(line)
    question = str(envelope["question"])
    if secret:
        mac = hmac.digest(secret, question.encode(), "sha256").hex()
        if not hmac.compare_digest(mac, str(envelope["mac"])):
            raise SignerRefused("the question is not from one who knows the secret")
    return dict(json.loads(question))


def _claim(state_path: Path) -> BinaryIO:
    """Return the held lock. It stands beside the memory, which is replaced at each signature."""
    if not state_path.is_file():
        raise SignerNotFounded(f"{state_path} is not there")
    lock_file = open(state_path.with_name(state_path.name + ".lock"), "ab")
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock_file.close()
        raise SignerUnavailable(f"another process holds {state_path}") from error
    return lock_file


def _spelled(origin: str, size: int, root: bytes) -> bytes:
    head = {"origin": origin, "size": size, "root": base64.b64encode(root).decode()}
    return json.dumps(head, ensure_ascii=False).encode() + b"\n"


def _read_head(path: Path) -> SignedHead:
    stored = json.loads(path.read_bytes())
    root = base64.b64decode(stored["root"], validate=True)
    head = SignedHead(str(stored["origin"]), int(stored["size"]), root)
    if path.read_bytes() != _spelled(head.origin, head.size, head.root):
        raise ValueError("the memory is not spelled as it was written")
    return head


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        _sync(file)
    os.replace(fresh, path)
    _sync_folder(path.parent)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
