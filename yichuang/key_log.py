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
from audit.outbox import record, record_many
from policies.warrants import public_path
from yichuang import keyring
from yichuang.settings import Settings

KEYS: Final = "sys:keys:"
"""Keys made, per store that tells of it."""
MADE: Final = "key_made"


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
    for name, fingerprint in _installed(settings):
        entry = _made("key", name, fingerprint, "cases", at)
        if record(connection, entry).fresh:
            fresh.append(name)
    return fresh


def _installed(settings: Settings) -> Iterator[tuple[str, str]]:
    secret = {"master": settings.master_key_path, "pepper": keyring.pepper_path(settings)}
    for name, path in secret.items():
        yield name, _fingerprint(path)
    for issuer in keyring.ISSUERS:
        yield f"warrant:{issuer}", _fingerprint(public_path(keyring.warrant_path(settings, issuer)))
    yield "log", _fingerprint(keyring.log_vkey_path(settings))


def _fingerprint(path: Path) -> str:
    """Return a digest by which a key is recognised: 32 random bytes cannot be found from it."""
    return hashlib.sha256(b"yichuang/key/v1\x00" + path.read_bytes()).hexdigest()


def _made(kind: str, name: str, fingerprint: str | None, store: str, at: datetime) -> EntryDraft:
    key = uuid5(COMMAND_NAMESPACE, f"{MADE}\n{kind}\n{name}\n{fingerprint or ''}")
    return EntryDraft(
        id=entry_id(key, store),
        stream=KEYS + store,
        at=at,
        who=Who("system", "system"),
        act=MADE,
        obj=What(kind, name, doc=fingerprint),
        where=Where(svc=store),
    )
