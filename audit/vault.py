"""Keys per subject: destroying one makes everything sealed under it unreadable, for good.

The keys live in a store of their own, wrapped under a master key that is in no store; what is
wrapped names its master key, so that there may be several. AES-256-GCM
(NIST SP 800-38D), or SM4-GCM (RFC 8998) where the log has the national profile; what was sealed by
either opens in both. A key seals far fewer than the 2^32 messages §8.3 allows for random nonces.
"""

import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, Select, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from audit.masters import ID_BYTES, KeyUnknown, MasterKeys, fixed
from audit.reading import reading
from audit.sm3 import hmac_sm3
from audit.sm4 import KEY_BYTES as SM4_KEY_BYTES
from audit.sm4 import Sm4Gcm
from audit.tables import audit_subject_key

KEY_BYTES = 32
_NONCE_BYTES = 12
AES_GCM, SM4_GCM = b"YV\x01\x01", b"YV\x01\x02"
"""What sealed bytes begin with: magic, version 1, and the algorithm. Bound in, so that no byte is
read by the other one."""

NAMED = {AES_GCM: b"YV\x02\x01", SM4_GCM: b"YV\x02\x02"}
"""What wrapped keys begin with since there may be several master keys: version 2 and the
algorithm; the id of the master key follows. Version 1 names none: every one is tried."""
HEADER_BYTES = 4

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


class _Box:
    """What seals and opens under one key: for each algorithm a key derived for it alone."""

    def __init__(self, key: bytes, purpose: bytes) -> None:
        self._key, self._purpose = key, purpose
        self._made: dict[bytes, AESGCM | Sm4Gcm] = {}

    def seal(self, header: bytes, subject: str, plaintext: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        bound = _bound(header, subject, aad)
        return header + nonce + self._of(header).encrypt(nonce, plaintext, bound)

    def open(self, subject: str, sealed: bytes, aad: bytes) -> bytes:
        named = sealed[:HEADER_BYTES] in NAMED.values()
        size = HEADER_BYTES + (ID_BYTES if named else 0)
        header, rest = sealed[:size], sealed[size:]
        if not named and header not in NAMED:
            raise SealBroken(f"unknown header {header!r}")
        nonce, text = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return self._of(header).decrypt(nonce, text, _bound(header, subject, aad))
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"sealed bytes of {subject} do not open here") from error

    def derived(self, purpose: bytes, *, national: bool) -> bytes:
        """Return 32 bytes for another purpose, by HMAC-SHA256 or HMAC-SM3."""
        if national:
            return hmac_sm3(self._key, b"yichuang/vault/sm3/v1\x00" + purpose + b"\x01")
        return _derive(self._key, purpose)

    def _of(self, header: bytes) -> AESGCM | Sm4Gcm:
        algorithm = header[HEADER_BYTES - 1 : HEADER_BYTES]
        box = self._made.get(algorithm)
        if box is None:
            if algorithm == AES_GCM[-1:]:
                box = AESGCM(_derive(self._key, self._purpose))
            else:
                box = Sm4Gcm(_derive_national(self._key, self._purpose))
            self._made[algorithm] = box
        return box


@dataclass(frozen=True, slots=True)
class _Keys:
    box: _Box
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
        master_key: bytes | MasterKeys,
        *,
        cached: int = 10_000,
        making: Callable[[Sequence[str]], None] | None = None,
        national: bool = False,
    ) -> None:
        """`master_key` has 32 bytes, or is several that may change. `making` is told of subjects
        before they get their keys, and none is made when it raises. `national` seals with SM4-GCM
        from now on. Raises `ValueError` for a key of another length."""
        self.masters = fixed(master_key) if isinstance(master_key, bytes) else master_key
        self._engine = engine
        self._header = SM4_GCM if national else AES_GCM
        self._wrappers: dict[bytes, _Box] = {}
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
        return [keys[s].box.seal(self._header, s, plaintext, aad) for s, plaintext, aad in items]

    def open_many(self, items: Sequence[SealRequest]) -> list[bytes]:
        """Open several at one round to the keys store; in this order, or raise for all."""
        keys = self._keys({subject for subject, _, _ in items}, make=False)
        return [keys[subject].box.open(subject, text, aad) for subject, text, aad in items]

    def salt(self, subject_id: str, place: bytes) -> bytes:
        """Return the 32-byte salt of a commitment at `place`, the same at every retry.

        It derives from the subject's key, so that it is random to all others and goes when the
        key goes. Raises `KeyDestroyed`.
        """
        keys = self._keys({subject_id}, make=True)[subject_id]
        return hmac.digest(keys.salt, place, "sha256")

    def derived(
        self, subject_id: str, purpose: bytes, *, national: bool = False, make: bool = False
    ) -> bytes:
        """Return a 32-byte key for one purpose, that goes when the subject's key goes.

        Raises `KeyDestroyed`, and `UnknownSubject` unless the key may be made.
        """
        keys = self._keys({subject_id}, make=make)[subject_id]
        return keys.box.derived(b"for\x00" + purpose, national=national)

    def close(self) -> None:
        """Let go of the connections to the store."""
        self._engine.dispose()

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

    def rewrap(
        self, limit: int, telling: Callable[[bytes, Sequence[str]], None] | None = None
    ) -> int:
        """Wrap up to `limit` subjects' keys anew that are not under the current master key.

        Returns how many those were, 0 when there is nothing to do. What is sealed stays as it is.
        `telling(key id, subjects)` is told before, and nothing changes when it raises. A key that
        is destroyed meanwhile stays destroyed. Raises `SealBroken`.
        """
        current, _ = self.masters.current()
        with reading(self._engine) as connection:
            rows = connection.execute(_elsewhere(current).limit(limit)).all()
        if rows and telling is not None:
            telling(current, [row.id for row in rows])
        for row in rows:
            plain = self._unwrapped(row.id, bytes(row.wrapped_key))
            self._put(row.id, bytes(row.wrapped_key), self._wrap(row.id, plain))
        return len(rows)

    def under(self) -> dict[str, int]:
        """Return how many subjects' keys stand under each master key, by its id in hex; those that
        name none stand under an empty string."""
        wrapped = audit_subject_key.c.wrapped_key
        named = func.substr(wrapped, 1, HEADER_BYTES).in_(list(NAMED.values()))
        key = case((named, func.substr(wrapped, HEADER_BYTES + 1, ID_BYTES)), else_=b"")
        query = select(key.label("key"), func.count().label("n")).where(wrapped.is_not(None))
        with reading(self._engine) as connection:
            rows = connection.execute(query.group_by(key)).all()
        return {bytes(row.key).hex(): row.n for row in rows}

    def _put(self, subject: str, old: bytes, wrapped: bytes) -> None:
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":  # or the old wrapping stays in a free page
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.execute(
                update(audit_subject_key)
                .where(audit_subject_key.c.id == subject)
                .where(audit_subject_key.c.wrapped_key == old)
                .values(wrapped_key=wrapped)
            )

    def _wrap(self, subject: str, key: bytes | None = None) -> bytes:
        id, master = self.masters.current()
        header = NAMED[self._header] + id
        plain = os.urandom(KEY_BYTES) if key is None else key
        return self._wrapper(id, master).seal(header, subject, plain, b"key")

    def _unwrap(self, subject: str, wrapped: bytes | None) -> _Keys:
        if wrapped is None:
            raise KeyDestroyed(subject)
        key = self._unwrapped(subject, bytes(wrapped))
        until = time.monotonic() + CACHE_SECONDS
        return _Keys(_Box(key, b"seal"), _derive(key, b"salt"), until)

    def _unwrapped(self, subject: str, wrapped: bytes) -> bytes:
        if wrapped[:HEADER_BYTES] in NAMED.values():
            id = wrapped[HEADER_BYTES : HEADER_BYTES + ID_BYTES]
            try:
                master = self.masters.with_id(id)
            except KeyUnknown as unknown:
                raise SealBroken(f"no master key {id.hex()} for {subject}") from unknown
            return self._wrapper(id, master).open(subject, wrapped, b"key")
        for id, master in self.masters:
            with suppress(SealBroken):
                return self._wrapper(id, master).open(subject, wrapped, b"key")
        raise SealBroken(f"no master key opens the key of {subject}")

    def _wrapper(self, id: bytes, master: bytes) -> _Box:
        box = self._wrappers.get(id)
        if box is None:
            box = self._wrappers[id] = _Box(master, b"wrap")
        return box


def _elsewhere(current: bytes) -> "Select[tuple[str, bytes]]":
    """Return what finds the keys that are not under the current master key, in order."""
    wrapped = audit_subject_key.c.wrapped_key
    return (
        select(audit_subject_key.c.id, wrapped)
        .where(wrapped.is_not(None))
        .where(
            or_(
                func.substr(wrapped, 1, HEADER_BYTES).not_in(list(NAMED.values())),
                func.substr(wrapped, HEADER_BYTES + 1, ID_BYTES) != current,
            )
        )
        .order_by(audit_subject_key.c.id)
    )


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


def _derive_national(key: bytes, purpose: bytes) -> bytes:
    """The same with HMAC-SM3, cut to the length of an SM4 key."""
    return hmac_sm3(key, b"yichuang/vault/sm4/v1\x00" + purpose + b"\x01")[:SM4_KEY_BYTES]


def _bound(header: bytes, subject: str, aad: bytes) -> bytes:
    # Lengths first, so that no subject and place can be read as another pair.
    name = subject.encode()
    return header + len(name).to_bytes(4) + name + aad


def _insert(engine: Engine) -> "sqlite.Insert | postgresql.Insert":
    if engine.dialect.name == "sqlite":
        return sqlite.insert(audit_subject_key).on_conflict_do_nothing()
    return postgresql.insert(audit_subject_key).on_conflict_do_nothing()
