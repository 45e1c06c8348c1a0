"""Master keys, each known by an id: the current one seals, every one that is kept opens."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Lock

KEY_BYTES = 32
ID_BYTES = 8
"""How much of a key's digest names it; two of a city's few keys do not share it."""

LOOK_SECONDS = 1.0
"""How old the answer to "which one is current?" may be in a running process."""


class KeyUnknown(Exception):
    """No master key of this id is kept here: it was retired, or it is another installation's."""


def fingerprint(key: bytes) -> str:
    """Return a digest by which a key is recognised: 32 random bytes cannot be found from it."""
    return hashlib.sha256(b"yichuang/key/v1\x00" + key).hexdigest()


def key_id(key: bytes) -> bytes:
    """Return the id that stands in what a key has sealed: the beginning of its fingerprint."""
    return bytes.fromhex(fingerprint(key))[:ID_BYTES]


class MasterKeys:
    """The master keys as they stand now. Safe to share between threads.

    Whoever holds it needs no new start when the key changes: the current one is looked up anew
    once a second, and an id that is not known makes it look at once.
    """

    def __init__(
        self, read: Callable[[], Sequence[bytes]], now: Callable[[], float] = time.monotonic
    ) -> None:
        """`read` returns the keys, the current one first, 32 bytes each. Raises `ValueError`
        without any or for another length, and whatever `read` raises."""
        self._read, self._now = read, now
        self._lock = Lock()
        self._keys: dict[bytes, bytes] = {}
        self._looked = 0.0
        self._look()

    def current(self) -> tuple[bytes, bytes]:
        """Return id and key of what seals from now on."""
        if self._now() - self._looked >= LOOK_SECONDS:
            self._look()
        with self._lock:
            return next(iter(self._keys.items()))

    def with_id(self, wanted: bytes) -> bytes:
        """Return the key of an id. Raises `KeyUnknown`."""
        for attempt in range(2):
            with self._lock:
                key = self._keys.get(wanted)
            if key is not None:
                return key
            if attempt == 0:
                self._look()
        raise KeyUnknown(wanted.hex())

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield id and key of all that are kept, the current one first."""
        with self._lock:
            return iter(list(self._keys.items()))

    def look(self) -> None:
        """Look at once which keys are kept."""
        self._look()

    def _look(self) -> None:
        looked = self._now()
        keys = list(self._read())
        if not keys:
            raise ValueError("no master key")
        for key in keys:
            if len(key) != KEY_BYTES:
                raise ValueError(f"the master key has {KEY_BYTES} bytes, not {len(key)}")
        with self._lock:
            self._keys = {}
            for key in keys:
                self._keys.setdefault(key_id(key), key)
            self._looked = looked


def fixed(*keys: bytes) -> MasterKeys:
    """Return master keys that never change, the current one first. Raises `ValueError`."""
    return MasterKeys(lambda: keys)
