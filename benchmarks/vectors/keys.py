"""The public keys that lie among the vectors: C2SP vkeys in any text, logs of sigstore roots."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from audit.notes import NoteInvalid, NoteVerifier, open_note
from benchmarks.vectors.folder import Folder

_VKEY_TAIL = re.compile(r"\+[0-9a-f]{8}\+[A-Za-z0-9+/]{20,}={0,2}")
_NAME = re.compile(r"[^\s+`\"']{1,200}$")
_LINE = re.compile(r"^— (\S+) (\S+)$", re.MULTILINE)

PUBLISHED = (
    "Pn+AREHoBaZ7wgS1zBqpxmLSGnyhxXj4lFxSdWVB8o8=",
    "krA8Ou2FtN7kYXCP/lpvF8vQrvh4nj+91+PWOGGzfGc=",
    "lD3dVc8yaP25mPtT/sJ59D3LLxGBgW/qYrM6x6KmOqk=",
    "t8rlp1knGwjfbcXAYPYAkn0XiLz1x8O4t0YkEhie244=",
)
"""Ed25519 keys of sigstore's second Rekor: log2025-alpha1, -alpha2, -alpha3 (staging), log2025-1;
trusted_root.json of sigstore 4.5.1. The bundles under them come without their keys."""

TESSERA = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
"""The key of Tessera's test log (transparency-dev/tessera, testdata/log); not in its files."""


@dataclass(frozen=True, slots=True)
class EcdsaNoteVerifier:
    """A log key of sigstore's first Rekor: ECDSA over P-256 and SHA-256.

    Its key id is the first four bytes of SHA-256 of the key's DER (signed-note, type 0x02). Our
    own logs never use it.
    """

    name: str
    key_id: bytes
    public: EllipticCurvePublicKey
    kind: bytes = b"\x02"

    def accepts(self, text: str, signature: bytes) -> bool:
        try:
            self.public.verify(signature, text.encode(), ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


class KeyRing:
    """Every key found, and the judgement of a note by those that made its lines."""

    def __init__(self, folder: Folder) -> None:
        self._named = [NoteVerifier.parse(TESSERA)]
        self._ecdsa: dict[bytes, EllipticCurvePublicKey] = {}
        self._ed25519 = [base64.b64decode(key) for key in PUBLISHED]
        for file in folder.files:
            self._named += _vkeys(file.text or "")
            roots = list(_roots(file.content))
            if roots or _authority(file.content):
                folder.claim(file)
            for log in roots:
                self._add(log)

    def signed(self, note: str) -> str | None:
        """Return `成立`, what is wrong, or None if no key here made any of its lines."""
        trusted: list[Any] = list(self._named)
        lines: set[tuple[str, bytes]] = set()
        for name, encoded in _LINE.findall(note):
            try:
                key_id = base64.b64decode(encoded, validate=True)[:4]
            except ValueError:
                continue
            lines.add((name, key_id))
            if key_id in self._ecdsa:
                trusted.append(EcdsaNoteVerifier(name, key_id, self._ecdsa[key_id]))
            trusted += [NoteVerifier(name, key) for key in self._ed25519]
        names = {(v.name, v.key_id) for v in trusted}
        if not names & lines:
            return None
        try:
            open_note(note, trusted)
        except NoteInvalid as error:
            return str(error)
        return "成立"

    def _add(self, log: dict[str, Any]) -> None:
        der = base64.b64decode(log["publicKey"]["rawBytes"])
        try:
            key = load_der_public_key(der)
        except ValueError:
            if len(der) == 32:
                self._ed25519.append(der)
            return
        if isinstance(key, EllipticCurvePublicKey):
            self._ecdsa[base64.b64decode(log["logId"]["keyId"])[:4]] = key
        elif isinstance(key, Ed25519PublicKey):
            self._ed25519.append(key.public_bytes_raw())


def _vkeys(text: str) -> Iterator[NoteVerifier]:
    for tail in _VKEY_TAIL.finditer(text):
        name = _NAME.search(text[max(0, tail.start() - 200) : tail.start()])
        try:
            yield NoteVerifier.parse((name[0] if name else "") + tail[0])
        except NoteInvalid:
            continue  # looked like one


def _roots(content: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(content, dict):
        return
    yield from content.get("tlogs") or ()
    if isinstance(content.get("trustedRoot"), dict):
        yield from _roots(content["trustedRoot"])


def _authority(content: Any) -> bool:
    """A sigstore trust root or certificate authority: it holds keys, no vectors."""
    return isinstance(content, dict) and (
        "certChain" in content or "certificateAuthorities" in content
    )
