"""A file of a backup: sealed piece by piece under a key that comes from what the operator keeps.

AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): each piece has a
nonce of a random prefix, its number and whether it is the last, so that no piece can be moved,
left out or cut off. The name of the part is bound in: a part put in another's place does not open.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC: Final = b"YB\x01\n"
SALT_BYTES: Final = 16
PREFIX_BYTES: Final = 7
PIECE_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
SHORTEST_SECRET: Final = 16
"""Bytes of a passphrase or key file: what is shorter is guessed (OWASP: 14 words' worth and up)."""


class SecretTooWeak(ValueError):
    """The passphrase is too short to guard every key of a city."""


class PartDamaged(Exception):
    """A part of a backup was altered, cut off, or is another's."""


@dataclass(frozen=True)
class BackupKey:
    """What every part's key derives from."""

    key: bytes

    @classmethod
    def of(cls, secret: bytes, salt: bytes) -> BackupKey:
        """Return the key of a passphrase or of a key file's bytes. Raises `SecretTooWeak`."""
        if len(secret) < SHORTEST_SECRET:
            raise SecretTooWeak(f"备份口令至少 {SHORTEST_SECRET} 个字节，实为 {len(secret)} 个")
        # RFC 7914 §2: N = 2^15, r = 8 takes 32 MB and 0.1 s, once.
        return cls(Scrypt(salt, 32, 2**15, 8, 1).derive(secret))

    @property
    def check(self) -> str:
        """Return what tells a wrong passphrase from a damaged part; it opens nothing."""
        return self._derived(b"check", b"").hex()[:16]

    def of_part(self, name: str, salt: bytes) -> AESGCM:
        return AESGCM(self._derived(b"part\x00" + name.encode(), salt))

    def _derived(self, what: bytes, salt: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt, b"yichuang/backup/v1\x00" + what).derive(self.key)


def seal(key: BackupKey, name: str, plain: Iterable[bytes], file: BinaryIO) -> None:
    """Write a part. Raises `OSError`."""
    salt, prefix = os.urandom(SALT_BYTES), os.urandom(PREFIX_BYTES)
    box = key.of_part(name, salt)
    file.write(MAGIC + salt + prefix)
    number, waiting = 0, b""
    for piece in _pieces(plain):
        if number:
            file.write(box.encrypt(_nonce(prefix, number - 1, last=False), waiting, MAGIC))
        number, waiting = number + 1, piece
    file.write(box.encrypt(_nonce(prefix, max(number - 1, 0), last=True), waiting, MAGIC))


def opened(key: BackupKey, name: str, path: Path) -> Iterator[bytes]:
    """Yield a part's plain bytes, piece by piece. Raises `PartDamaged`, `OSError`.

    What was yielded before a fault is as it was sealed, but is not all.
    """
    with path.open("rb") as file:
        head = file.read(len(MAGIC) + SALT_BYTES + PREFIX_BYTES)
        if not head.startswith(MAGIC) or len(head) < len(MAGIC) + SALT_BYTES + PREFIX_BYTES:
            raise PartDamaged(f"{path.name} 不是备份的一部分")
        salt = head[len(MAGIC) : len(MAGIC) + SALT_BYTES]
        prefix = head[len(MAGIC) + SALT_BYTES :]
        box, number = key.of_part(name, salt), 0
        piece = file.read(PIECE_BYTES + TAG_BYTES)
        while True:
            following = file.read(PIECE_BYTES + TAG_BYTES)
            nonce = _nonce(prefix, number, last=not following)
            try:
                yield box.decrypt(nonce, piece, MAGIC)
            except (InvalidTag, ValueError) as altered:
                raise PartDamaged(f"{path.name} 被改动过或不完整") from altered
            if not following:
                return
            piece, number = following, number + 1


def _pieces(plain: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for some in plain:
        held += some
        while len(held) >= PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES])
            del held[:PIECE_BYTES]
    if held:
        yield bytes(held)


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4) + (b"\x01" if last else b"\x00")
