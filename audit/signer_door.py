"""The signer's door: a process of its own that answers, and the client that asks it.

On the wire: one JSON line asked, one answered, over a unix socket or TCP. With a shared secret
the question carries an HMAC; without one, only the file mode of a unix socket guards the door. A
question may name a `tree`: one process may hold the signers of a log's several trees.
"""

import hmac
import json
import os
import socket
import socketserver
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from audit.signer import HeldKey, SignedHead, Signer, SignerRefused, SignerUnavailable
from audit.signing import KeyAnsweredWrong
from audit.signing_pkcs11 import TokenUnusable

MAX_LINE = 262_144
"""Bytes in a question: an entry of at most 65,535 bytes in hexadecimal, and 65 hashes."""

TIMEOUT_SECONDS = 10.0


class SignerClient:
    """Asks a signer elsewhere. A connection per question; there is one a second."""

    def __init__(self, address: str, *, secret: bytes | None = None, tree: str = "sha256") -> None:
        """`address` is `unix:/path` or `tcp:host:port`; `tree` the hash of the tree meant."""
        self._family, self._target = _address(address)
        self._address = address
        self._secret = secret
        self._tree = tree

    def last(self) -> SignedHead:
        """Return the head it last signed. Raises `SignerUnavailable`."""
        answer = self._ask({"ask": "last"})
        return SignedHead(answer["origin"], answer["size"], bytes.fromhex(answer["root"]))

    def vkey(self) -> str:
        """Return the public key it says it has; trust comes from elsewhere."""
        return str(self._ask({"ask": "last"})["vkey"])

    def keys(self) -> tuple[HeldKey, ...]:
        """Return its keys of this shard, oldest first; where they lie it does not say."""
        told = self._ask({"ask": "last"})["keys"]
        return tuple(HeldKey("", **key) for key in told)

    def sign(self, origin: str, size: int, root: bytes, proof: Sequence[bytes]) -> str:
        """Return the signed note. Raises `SignerRefused`, `SignerUnavailable`."""
        hashes = [value.hex() for value in proof]
        question = {"ask": "sign", "origin": origin, "size": size, "root": root.hex()}
        return str(self._ask({**question, "proof": hashes})["note"])

    def next_key(self) -> str:
        """Return the public key that will follow; see `Signer.next_key`."""
        return str(self._ask({"ask": "next_key"})["vkey"])

    def activate(self, body: bytes, index: int, proof: Sequence[bytes], overlap: int) -> None:
        """See `Signer.activate`."""
        hashes = [value.hex() for value in proof]
        said = {"ask": "activate", "body": body.hex(), "index": index, "overlap": overlap}
        self._ask({**said, "proof": hashes})

    def revoke(self, vkey: str, end: int) -> None:
        """See `Signer.revoke`."""
        self._ask({"ask": "revoke", "vkey": vkey, "end": end})

    def found(self, body: bytes) -> None:
        """See `Signer.found`."""
        self._ask({"ask": "found", "body": body.hex()})

    def _ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        line = _sealed(json.dumps({**question, "tree": self._tree}), self._secret)
        try:
            with socket.socket(self._family, socket.SOCK_STREAM) as door:
                door.settimeout(TIMEOUT_SECONDS)
                door.connect(self._target)
                door.sendall(line)
                with door.makefile("rb") as answers:
                    answer = json.loads(answers.readline(MAX_LINE))
        except (OSError, ValueError) as error:
            raise SignerUnavailable(f"{self._address}: {error}") from error
        if "unavailable" in answer:
            raise SignerUnavailable(answer["unavailable"])
        if "refused" in answer:
            raise SignerRefused(answer["refused"])
        return dict(answer)


def serve(
    address: str,
    signers: Sequence[Signer],
    *,
    secret: bytes | None = None,
    ready: Callable[[str], None] = lambda _address: None,
) -> None:
    """Answer for these signers, one per tree, until the process is ended. `ready` is told the
    address once the door is open (`tcp:127.0.0.1:0` takes a free port).

    A TCP door beyond this machine needs a `secret`: whoever can ask may extend the log. Raises
    `ValueError` without one.
    """
    family, target = _address(address)
    if family == socket.AF_INET and not secret and target[0] not in ("127.0.0.1", "localhost"):
        raise ValueError(f"{address}: a door beyond this machine needs a shared secret")
    by_tree = {signer.tree.name: signer for signer in signers}
    with _open_door(family, target, by_tree, secret) as door:
        ready(_bound_address(family, door.server_address))
        door.serve_forever()


class _Door(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128  # a full queue refuses at once on a unix socket
    signers: Mapping[str, Signer]
    secret: bytes | None


class _Question(socketserver.StreamRequestHandler):
    timeout = TIMEOUT_SECONDS
    server: _Door

    def handle(self) -> None:
        try:
            asked = _unsealed(self.rfile.readline(MAX_LINE), self.server.secret)
            signer = self.server.signers.get(str(asked["tree"]))
            if signer is None:
                raise SignerRefused(f"no signer of a tree over {asked['tree']} here")
            answer = _answer(signer, asked)
        except (SignerRefused, KeyAnsweredWrong, ValueError, KeyError, TypeError) as error:
            answer = {"refused": str(error)}
        except TokenUnusable as error:
            answer = {"unavailable": str(error)}
        except TimeoutError:
            return
        self.wfile.write(json.dumps(answer).encode() + b"\n")


def _answer(signer: Signer, asked: Mapping[str, Any]) -> dict[str, object]:
    match asked["ask"]:
        case "last":
            head = signer.last()
            said = {"origin": head.origin, "size": head.size, "root": head.root.hex()}
            return {**said, "vkey": signer.verifier.vkey, "keys": [*map(_told, signer.keys())]}
        case "sign":
            root, proof = bytes.fromhex(asked["root"]), _hashes(asked)
            return {"note": signer.sign(asked["origin"], _number(asked["size"]), root, proof)}
        case "next_key":
            return {"vkey": signer.next_key()}
        case "activate":
            body, index = bytes.fromhex(asked["body"]), _number(asked["index"])
            signer.activate(body, index, _hashes(asked), _number(asked["overlap"]))
        case "revoke":
            signer.revoke(str(asked["vkey"]), _number(asked["end"]))
        case "found":
            signer.found(bytes.fromhex(asked["body"]))
        case other:
            raise SignerRefused(f"unknown question {other!r}")
    return {"done": True}


def _told(key: HeldKey) -> dict[str, object]:
    return {"vkey": key.vkey, "first": key.first, "last": key.last, "revoked": key.revoked}


def _hashes(asked: Mapping[str, Any]) -> list[bytes]:
    return [bytes.fromhex(value) for value in asked["proof"]]


def _number(value: Any) -> int:
    if type(value) is not int:
        raise SignerRefused(f"{value!r} is not a size")
    return value


def _open_door(
    family: int, target: Any, signers: Mapping[str, Signer], secret: bytes | None
) -> _Door:
    if family == socket.AF_UNIX:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        # We hold the signer's lock, so a socket file that is there belongs to a dead process.
        Path(target).unlink(missing_ok=True)
    door = _Door(("127.0.0.1", 0), _Question, bind_and_activate=False)
    door.socket.close()
    door.address_family = family
    door.socket = socket.socket(family, socket.SOCK_STREAM)
    door.server_address = target
    door.signers, door.secret = signers, secret
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
