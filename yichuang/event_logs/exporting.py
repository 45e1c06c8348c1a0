"""One export from end to end: log and rows in, one file out, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

from sqlalchemy import Engine

from audit.entry import EntryDraft, What, Where, Who
from audit.logstore import LogReader
from audit.shards import reading_all
from audit.trust import TrustPolicy
from cases.database import reading
from yichuang.event_logs.gather import CASEWORK, Gathered, Shard, Wanted, gather
from yichuang.event_logs.ocel import write_ocel_json, write_ocel_sqlite
from yichuang.event_logs.rows import Conditions, StoredRows
from yichuang.event_logs.stage import Stage
from yichuang.event_logs.xes import write_xes

Form = Literal["ocel", "ocel-sqlite", "xes"]
FORMS: Final[tuple[Form, ...]] = ("ocel", "ocel-sqlite", "xes")
KINDS: Final = tuple(sorted(set(CASEWORK.values())))
"""Types of objects of which XES may make its traces."""
EVERYTHING: Final = frozenset(KINDS)


ALL_TIMES: Final = Wanted()


LISTED: Final = ("case", "incident", "project")
"""Types whose lists policy cuts."""


class NothingSigned(Exception):
    """The log has no signed head yet: nothing could be proved of the file."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be written."""

    form: Form
    wanted: Wanted = ALL_TIMES
    of: str = "case"
    """Type of the traces of XES."""
    conditions: Conditions | None = None
    """What the asker may list; None: the whole city."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    gathered: Gathered
    events: int
    """In the file: of XES those of the traces alone."""
    bytes: int
    digest: str
    """SHA-256, hex."""


def export(log: Engine, cases: Engine, policy: TrustPolicy, asked: Asked, out: Path) -> Exported:
    """Write a file; it has its name once it is whole.

    Raises `NothingSigned`, `NotWhole`, `audit.notes.NoteInvalid` where the policy does not believe
    a head, `OSError`.
    """
    with tempfile.TemporaryDirectory(prefix=".yc-export-", dir=out.parent) as folder:
        fresh = Path(folder) / "fresh"
        with Stage(Path(folder) / "stage.sqlite") as stage:
            found = _gathered(log, cases, policy, asked, stage)
            events = _written(stage, asked, fresh)
        digest, size = _digest(fresh)
        os.replace(fresh, out)
    return Exported(found, events, size, digest)


def _gathered(
    log: Engine, cases: Engine, policy: TrustPolicy, asked: Asked, stage: Stage
) -> Gathered:
    with _shards(log, policy) as shards, reading(cases) as connection:
        whole = EVERYTHING if asked.conditions is None else frozenset[str]()
        rows = StoredRows(connection, asked.conditions or {}, whole)
        return gather(shards, rows, stage, asked.wanted)


@contextmanager
def _shards(log: Engine, policy: TrustPolicy) -> Iterator[list[Shard]]:
    """Yield every shard with its newest head, which the policy believes."""
    with reading_all(log) as connections:
        found = []
        for connection in connections:
            reader = LogReader(connection)
            newest = reader.last_checkpoint()
            if newest is not None:
                head = policy.open(reader.cosigned_note(newest.size)).checkpoint
                found.append(Shard(head.origin, reader, head.size, head.root))
        if not found:
            raise NothingSigned
        yield found


def _written(stage: Stage, asked: Asked, path: Path) -> int:
    if asked.form == "ocel-sqlite":
        write_ocel_sqlite(stage, path)
        return stage.events
    with path.open("wb") as file:
        if asked.form == "xes":
            return write_xes(stage, file, asked.of)
        write_ocel_json(stage, file)
    return stage.events


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def entry_of(who: Who, form: str, done: Exported, at: datetime, where: Where) -> EntryDraft:
    """Return the entry of an export: how many events, and the digest of what leaves the house."""
    return EntryDraft(
        id=str(uuid4()),
        stream="sys:read",
        at=at,
        who=who,
        act="export",
        obj=What("supervision", f"process {form}", step=str(done.events), doc=done.digest),
        where=where,
    )
