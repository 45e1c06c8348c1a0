"""A store held against a log: as it is, and after somebody with the file has changed a row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine

from audit.logstore import found_log
from audit.notes import NoteVerifier
from audit.signer import init_signer
from audit.tables import log_metadata
from cases.database import open_engine
from cases.integrity import Wrong
from yichuang.verifying import verify_everything

Log = tuple[Engine, NoteVerifier]


def empty_log(folder: Path) -> Log:
    """Return a log without entries: every entry of the store still waits for it."""
    log = open_engine(f"sqlite:///{folder / 'log.sqlite'}")
    log_metadata.create_all(log)
    found_log(log, "test.invalid/log")
    return log, init_signer(folder / "k", folder / "s", "test.invalid/log")


def altered(store: Engine, folder: Path, sql: str = "") -> Engine:
    """Return a copy of the store after one statement of somebody who holds the file and drops its
    triggers and checks."""
    file = folder / f"{uuid4()}.sqlite"
    with closing(sqlite3.connect(file)) as copy, copy:
        with closing(sqlite3.connect(str(store.url.database))) as original:
            original.backup(copy)
        named = copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in named.fetchall():
            copy.execute(f'DROP TRIGGER "{name}"')
        copy.execute("PRAGMA ignore_check_constraints = ON")
        if sql:
            assert copy.execute(sql).rowcount > 0, sql
    return open_engine(f"sqlite:///{file}")


def wrong(store: Engine, log: Log, *kinds: str) -> list[Wrong]:
    """Return which rows of things of these kinds (`incident`, `project` …) are not what their
    entries say."""
    verdict = verify_everything(*log, {"cases": store})
    store.dispose()
    assert verdict.unreadable == ""
    return [one for one in verdict.rows if one.case_id.partition(":")[0] in kinds]
