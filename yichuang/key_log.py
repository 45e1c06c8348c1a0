"""Entries about keys: that one was made, by its name and fingerprint, never the key.

A subject's key is told of before it is made: a crash in between leaves an entry, and the next try
makes the key under the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid5

from sqlalchemy import Connection, Engine

from audit.entry import COMMAND_NAMESPACE, EntryDraft, What, Where, Who, entry_id
from audit.masters import fingerprint, key_id
from audit.outbox import record, record_many
from policies.warrants import public_path
from yichuang import keyring
from yichuang.settings import Settings

KEYS: Final = "sys:keys:"
"""Keys made, per store that tells of it."""
MADE: Final = "key_made"
ROTATED: Final = "key_rotated"
"""A new master key takes the place of the one before, of which `why` has the id."""
REWRAPPED: Final = "key_rewrapped"
"""So many subjects' keys (`step`) are wrapped anew under a master key."""
RETIRED: Final = "key_retired"
"""An older master key, which nothing needs any more, is destroyed."""
INDEX_ROTATED: Final = "index_key_rotated"
"""New cases stand under another key of the blind index too; `why` has the id of the one before."""
INDEX_FILLED: Final = "index_key_filled"
"""Every case stands under it, and it alone is asked; `why`: how many the worker wrote."""
INDEX_RETIRED: Final = "index_key_retired"
"""The rows under an old key of the index are gone; it is destroyed."""
MASTER: Final = "master"


def note_subjects(engine: Engine, store: str) -> Callable[[Sequence[str]], None]:
    """Return what records, in `engine`'s store, that subjects are about to get their keys."""

    def note(subjects: Sequence[str]) -> None:
        at = datetime.now(UTC)
        with engine.begin() as connection:
            record_many(
                connection, [(_made("subject", one, None, store, at), ()) for one in subjects]
            )

    return note


def note_installed(settings: Settings, connection: Connection) -> list[str]:
    """Record every key of the installation that no entry names yet; return the names of those."""
    at, fresh = datetime.now(UTC), []
    for name, digest in _installed(settings):
        entry = _made("key", name, digest, "cases", at)
        if record(connection, entry).fresh:
            fresh.append(name)
    return fresh


def _installed(settings: Settings) -> Iterator[tuple[str, str]]:
    yield MASTER, fingerprint(keyring.master_keys(settings)[0])
    yield "pepper", fingerprint(keyring.pepper(settings))
    for issuer in keyring.ISSUERS:
        yield f"warrant:{issuer}", _fingerprint(public_path(keyring.warrant_path(settings, issuer)))
    yield "log", _fingerprint(keyring.log_vkey_path(settings))


def note_rotated(connection: Connection, new: bytes, old: bytes) -> None:
    """Record that a master key takes the place of another one, before it does."""
    at, whole = datetime.now(UTC), fingerprint(new)
    record(connection, _made("key", MASTER, whole, "cases", at))
    obj = What("key", MASTER, doc=whole)
    record(connection, _entry(ROTATED, whole, "cases", obj, at, key_id(old).hex()))


def note_retired(connection: Connection, key: bytes) -> None:
    """Record that an older master key is about to be destroyed."""
    whole = fingerprint(key)
    obj = What("key", MASTER, doc=whole)
    record(connection, _entry(RETIRED, whole, "cases", obj, datetime.now(UTC)))


def note_rewrapping(engine: Engine, store: str) -> Callable[[bytes, Sequence[str]], None]:
    """Return what records, in `engine`'s store, that subjects' keys get another wrapping."""

    def note(id: bytes, subjects: Sequence[str]) -> None:
        which = hashlib.sha256("\n".join(subjects).encode()).hexdigest()
        obj = What("key", f"{MASTER}:{id.hex()}", str(len(subjects)), which)
        entry = _entry(REWRAPPED, f"{id.hex()}\n{which}", store, obj, datetime.now(UTC))
        with engine.begin() as connection:
            record(connection, entry)

    return note


def note_index(connection: Connection, act: str, id: str, why: str | None = None) -> None:
    """Record what becomes of a key of the blind index: once each."""
    obj = What("key", f"index:{id}")
    record(connection, _entry(act, f"index\n{id}", "cases", obj, datetime.now(UTC), why))


def _entry(
    act: str, what: str, store: str, obj: What, at: datetime, why: str | None = None
) -> EntryDraft:
    return EntryDraft(
        id=entry_id(str(uuid5(COMMAND_NAMESPACE, f"{act}\n{what}")), store),
        stream=KEYS + store,
        at=at,
        who=Who("system", "system"),
        act=act,
        obj=obj,
        why=why,
        where=Where(svc=store),
    )


def _fingerprint(path: Path) -> str:
    return fingerprint(path.read_bytes())


def _made(kind: str, name: str, digest: str | None, store: str, at: datetime) -> EntryDraft:
    what = f"{kind}\n{name}\n{digest or ''}"
    return _entry(MADE, what, store, What(kind, name, doc=digest), at)
