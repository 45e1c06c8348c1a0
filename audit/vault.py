"""Keys per subject: destroying one makes everything sealed under it unreadable, for good.

The keys live in a store of their own, wrapped under a master key that is in no store. AES-256-GCM
throughout (NIST SP 800-38D); a key seals far fewer than the 2^32 messages §8.3 allows for random
nonces.
"""

import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, select, update
from sqlalchemy.dialects import postgresql, sqlite

from audit.reading import reading
from audit.tables import audit_subject_key

KEY_BYTES = 32
_NONCE_BYTES = 12
_HEADER = b"YV\x01\x01"
"""Magic, version 1, algorithm 1 = AES-256-GCM. SM4-GCM will be algorithm 2."""

CACHE_SECONDS = 60.0
"""How long another process's cache may outlive a destruction."""

SealRequest = tuple[str, bytes, bytes]
"""Subject id, plaintext (or sealed bytes), associated data."""


class KeyDestroyed(Exception):
    """The subject's key was destroyed: the data is gone by law. Final."""


class UnknownSubject(KeyError):
    """No key was ever made for this subject, so nothing can be sealed under it."""


class SealBroken(Exception):
    """The sealed bytes were altered, or belong to another subject or place."""


@dataclass(frozen=True, slots=True)
class _Keys:
    box: AESGCM
    salt: bytes
    until: float


class SubjectVault:
    """Seals and opens bytes under per-subject keys. Safe to share between threads.

    `seal` makes the key of a subject on first use, in a short transaction of its own; a process
    that only reads never calls it.
    """

    def __init__(
        self,
        engine: Engine,
        master_key: bytes,
        *,
        cached: int = 10_000,
        making: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        """`master_key` has 32 bytes. `making` is told of subjects before they get their keys, and
        none is made when it raises. Raises `ValueError` otherwise."""
        if len(master_key) != KEY_BYTES:
            raise ValueError(f"the master key has {KEY_BYTES} bytes, not {len(master_key)}")
        self._engine = engine
        self._wrapper = AESGCM(_derive(master_key, b"wrap"))
        self._cached = cached
        self._making = making
        self._cache: OrderedDict[str, _Keys] = OrderedDict()
        self._lock = Lock()

    def seal(self, subject_id: str, plaintext: bytes, aad: bytes = b"") -> bytes:
        """Return the bytes sealed for this subject and this place (`aad`): 32 bytes longer.

        Raises `KeyDestroyed`.
        """
        return self.seal_many([(subject_id, plaintext, aad)])[0]

    def open(self, subject_id: str, sealed: bytes, aad: bytes = b"") -> bytes:
        """Return the plaintext. Raises `KeyDestroyed`, `UnknownSubject`, `SealBroken`."""
        return self.open_many([(subject_id, sealed, aad)])[0]

    def seal_many(self, items: Sequence[SealRequest]) -> list[bytes]:
        """Seal several at one round to the keys store; in this order."""
        keys = self._keys({subject for subject, _, _ in items}, make=True)
        sealed = []
        for subject, plaintext, aad in items:
            nonce = os.urandom(_NONCE_BYTES)
            text = keys[subject].box.encrypt(nonce, plaintext, _bound(subject, aad))
            sealed.append(_HEADER + nonce + text)
        return sealed

    def open_many(self, items: Sequence[SealRequest]) -> list[bytes]:
        """Open several at one round to the keys store; in this order, or raise for all."""
        keys = self._keys({subject for subject, _, _ in items}, make=False)
        return [_open(keys[subject].box, subject, text, aad) for subject, text, aad in items]

    def salt(self, subject_id: str, place: bytes) -> bytes:
        """Return the 32-byte salt of a commitment at `place`, the same at every retry.

        It derives from the subject's key, so that it is random to all others and goes when the
        key goes. Raises `KeyDestroyed`.
        """
        keys = self._keys({subject_id}, make=True)[subject_id]
        return hmac.digest(keys.salt, place, "sha256")

    def is_destroyed(self, subject_id: str) -> bool:
        """Return whether the subject's key was destroyed; asks the store, not what is cached."""
        return self._read([subject_id]).get(subject_id, b"") is None

    def destroy(self, subject_id: str) -> None:
        """Destroy the key, now; calling it again changes nothing. Also for a subject never seen,
        so that no key can be made later."""
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":  # or the wrapped key stays in a free page
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.execute(_insert(self._engine).values(id=subject_id, destroyed_at=now))
            connection.execute(
                update(audit_subject_key)
                .where(audit_subject_key.c.id == subject_id)
                .where(audit_subject_key.c.destroyed_at.is_(None))
                .values(wrapped_key=None, destroyed_at=now)
            )
        with self._lock:
            self._cache.pop(subject_id, None)

    def _keys(self, subjects: Iterable[str], *, make: bool) -> dict[str, _Keys]:
        found: dict[str, _Keys] = {}
        missing = []
        now = time.monotonic()
        with self._lock:
            for subject in subjects:
                keys = self._cache.get(subject)
                if keys is None or keys.until < now:
                    missing.append(subject)
                else:
                    self._cache.move_to_end(subject)
                    found[subject] = keys
        if missing:
            found |= self._load(sorted(missing), make=make)
        return found

    def _load(self, subjects: list[str], *, make: bool) -> dict[str, _Keys]:
        wrapped = self._read(subjects)
        absent = [subject for subject in subjects if subject not in wrapped]
        if absent and not make:
            raise UnknownSubject(absent[0])
        if absent and self._making is not None:
            self._making(absent)
        if absent:
            with self._engine.begin() as connection:
                connection.execute(
                    _insert(self._engine),
                    [{"id": s, "wrapped_key": self._wrap(s)} for s in absent],
                )
            # Read back: another process may have made the key first, and then that one counts.
            wrapped |= self._read(absent)
        loaded = {subject: self._unwrap(subject, wrapped[subject]) for subject in subjects}
        with self._lock:
            self._cache.update(loaded)
            while len(self._cache) > self._cached:
                self._cache.popitem(last=False)
        return loaded

    def _read(self, subjects: list[str]) -> dict[str, bytes | None]:
        table = audit_subject_key.c
        rows: dict[str, bytes | None] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(subjects), 500):  # bound variables per statement
                chosen = subjects[start : start + 500]
                query = select(table.id, table.wrapped_key).where(table.id.in_(chosen))
                rows |= {row.id: row.wrapped_key for row in connection.execute(query)}
        return rows

    def _wrap(self, subject: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        key = self._wrapper.encrypt(nonce, os.urandom(KEY_BYTES), _bound(subject, b"key"))
        return _HEADER + nonce + key

    def _unwrap(self, subject: str, wrapped: bytes | None) -> _Keys:
        if wrapped is None:
            raise KeyDestroyed(subject)
        key = _open(self._wrapper, subject, bytes(wrapped), b"key")
        until = time.monotonic() + CACHE_SECONDS
        return _Keys(AESGCM(_derive(key, b"seal")), _derive(key, b"salt"), until)


def pseudonym(pepper: bytes, kind: str, value: str) -> str:
    """Return the stand-in for a person or thing: HMAC-SHA256 in 64 hex digits, led by its kind.

    Equal values of a kind give equal pseudonyms; without the pepper (32 secret bytes, kept like a
    key) nobody can test a guess. `kind` keeps number spaces apart: `citizen`, `account`, `org`.
    """
    digest = hmac.digest(pepper, b"yichuang/pseudonym/v1\x00" + _framed(kind, value), "sha256")
    return f"{kind}:{digest.hex()}"


def _framed(kind: str, value: str) -> bytes:
    return kind.encode() + b"\x00" + value.encode()


def _derive(key: bytes, purpose: bytes) -> bytes:
    """HKDF-Expand of RFC 5869 §2.3 for one block; the key is uniformly random already."""
    return hmac.digest(key, b"yichuang/vault/v1\x00" + purpose + b"\x01", "sha256")


def _bound(subject: str, aad: bytes) -> bytes:
    # Lengths first, so that no subject and place can be read as another pair.
    name = subject.encode()
    return _HEADER + len(name).to_bytes(4) + name + aad


def _open(box: AESGCM, subject: str, sealed: bytes, aad: bytes) -> bytes:
    if not sealed.startswith(_HEADER):
        raise SealBroken(f"unknown header {sealed[:4]!r}")
    nonce = sealed[len(_HEADER) : len(_HEADER) + _NONCE_BYTES]
    try:
        return box.decrypt(nonce, sealed[len(_HEADER) + _NONCE_BYTES :], _bound(subject, aad))
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"sealed bytes of {subject} do not open here") from error


def _insert(engine: Engine) -> "sqlite.Insert | postgresql.Insert":
    if engine.dialect.name == "sqlite":
        return sqlite.insert(audit_subject_key).on_conflict_do_nothing()
    return postgresql.insert(audit_subject_key).on_conflict_do_nothing()
