"""The keys of the blind index over applicants: the first one, the next one, the end of an old one.

A key lies wrapped under the master key in the keys store, as `index:<id>`; which keys there are and
how far each is filled says the cases store. The next key is filled beside the work, case by case in
the order of their ids; until every case stands under it, all are looked for under both. Cut short
anywhere, the next look goes on from the last batch.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from activities.indexing import KEY_SUBJECT, Pen
from audit.vault import SubjectVault
from cases.blind_index import LIVE, IndexKey, values_of
from cases.database import StoreUnwritable, open_engine, reading
from cases.index_tables import case_index, index_key
from cases.messages import Person
from cases.store import place
from cases.tables import case
from yichuang import roles
from yichuang.joining import vault_of
from yichuang.key_log import (
    INDEX_FILLED,
    INDEX_RETIRED,
    INDEX_ROTATED,
    note_index,
    note_subjects,
)
from yichuang.settings import Settings
from yichuang.unsealing import opener

BATCH: Final = 500
"""Cases, or rows to take away, between two commits: some tens of milliseconds each, so that no step
waits long for SQLite's one writer."""
EVERY_SECONDS: Final = 5.0

_log = logging.getLogger("yichuang.index_keys")


class IndexBusy(Exception):
    """Another key of the index is not yet filled, or an old one not yet taken away."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """How far a key of the index is."""

    id: str
    algorithm: str
    state: str
    made_at: datetime
    cases: int
    """Cases that stand under it."""


@dataclass(frozen=True)
class IndexKeys:
    """The keys of the index of one city."""

    cases: Engine
    vault: SubjectVault
    """Must keep no key in memory, so that nobody who was erased is written again."""
    algorithm: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    batch: int = BATCH

    def found(self) -> str | None:
        """Make the first key, if there is none; return its id.

        A store that has cases already goes on finding them by the pepper until it is filled.
        """
        with reading(self.cases) as connection:
            if connection.execute(select(index_key.c.id).limit(1)).scalar() is not None:
                return None
        return self._begin(())

    def rotate(self) -> str:
        """Let another key take the current one's place and return its id. Raises `IndexBusy`."""
        with reading(self.cases) as connection:
            before = connection.execute(select(index_key.c.id, index_key.c.state)).all()
        unfinished = [row.id for row in before if row.state not in ("current", "retired")]
        if unfinished:
            raise IndexBusy(unfinished[0])
        return self._begin([row.id for row in before if row.state == "current"])

    def _begin(self, leaving: Sequence[str]) -> str:
        id = secrets.token_hex(8)
        # The key first: whoever reads the row must be able to use it. Cut short, it names nothing.
        self.vault.derived(KEY_SUBJECT + id, b"index", make=True)
        with self.cases.begin() as connection:
            moved = connection.execute(
                update(index_key)
                .where(index_key.c.id.in_(leaving), index_key.c.state == "current")
                .values(state="leaving")
            ).rowcount
            if moved != len(leaving):
                raise IndexBusy(leaving[0])
            first = connection.execute(select(case.c.id).limit(1)).scalar() is None
            row = {
                "id": id, "algorithm": self.algorithm, "made_at": self.now(), "position": "",
                "cases": 0, "state": "current" if first and not leaving else "filling",
            }  # fmt: skip
            connection.execute(insert(index_key).values(row))
            note_index(connection, INDEX_ROTATED, id, why=",".join(leaving) or None)
        return id

    def listing(self) -> list[KeyState]:
        """Return every key, the newest first."""
        counted = (
            select(case_index.c.key, func.count(case_index.c.case_id.distinct()).label("n"))
            .group_by(case_index.c.key)
            .subquery()
        )
        row = index_key.c
        columns = (row.id, row.algorithm, row.state, row.made_at, func.coalesce(counted.c.n, 0))
        query = (
            select(*columns)
            .outerjoin(counted, counted.c.key == row.id)
            .order_by(row.made_at.desc())
        )
        with reading(self.cases) as connection:
            return [KeyState(*one) for one in connection.execute(query)]

    def close(self) -> None:
        self.cases.dispose()
        self.vault.close()

    # --- beside the work -------------------------------------------------------------------------

    def look(self, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Do what there is to do; return how many cases were written. Cheap once all is done."""
        with reading(self.cases) as connection:
            row = index_key.c
            query = select(row.id, row.algorithm, row.state)
            keys = [IndexKey(*one) for one in connection.execute(query)]
        done = 0
        for key in keys:
            if key.state == "filling":
                done += self._fill(key, is_stopping)
        for key in [replace(one) for one in keys if one.state in ("leaving", "emptying")]:
            self._empty(key, is_stopping)
        return done

    def _fill(self, key: IndexKey, is_stopping: Callable[[], bool]) -> int:
        done = 0
        while not is_stopping():
            with self.cases.begin() as connection:
                position = _held(connection, key.id, "filling")
                if position is None:
                    return done  # another process has done the rest
                written, last = self._batch(connection, key, position)
                if last is None:
                    _finish(connection, key)
                    return done
                connection.execute(
                    update(index_key)
                    .where(index_key.c.id == key.id)
                    .values(position=last, cases=index_key.c.cases + written)
                )
                done += written
        return done

    def _batch(
        self, connection: Connection, key: IndexKey, position: str
    ) -> tuple[int, str | None]:
        """Write the next cases; return how many those were and the last one looked at."""
        columns = (case.c.id, case.c.subject, case.c.applicant_sealed)
        query = select(*columns).where(case.c.id > position).order_by(case.c.id).limit(self.batch)
        rows = connection.execute(query).all()
        if not rows:
            return 0, None
        opened = opener(self.vault)(
            [(r.subject, r.applicant_sealed, place("case", "applicant", r.id)) for r in rows]
        )
        pen = Pen.of(self.vault, key)
        fresh: list[dict[str, Any]] = []
        written = 0
        for row, text in zip(rows, opened, strict=True):
            if text is None:
                continue  # erased: nobody is found by what was destroyed
            person = Person.model_validate_json(text)
            for one in pen.tokens(values_of(person)):
                fresh.append(
                    {"case_id": row.id, "field": one.field, "key": one.key, "token": one.token}
                )
            written += 1
        if fresh:
            connection.execute(_ignoring(connection.dialect.name), fresh)
        return written, rows[-1].id

    def _empty(self, key: IndexKey, is_stopping: Callable[[], bool]) -> None:
        """Take away the rows of a key that nobody asks any more, then the key."""
        while not is_stopping():
            with self.cases.begin() as connection:
                if _held(connection, key.id, "emptying") is None:
                    return
                some = (
                    select(case_index.c.case_id).where(case_index.c.key == key.id).limit(self.batch)
                )
                gone = connection.execute(
                    delete(case_index).where(
                        case_index.c.key == key.id, case_index.c.case_id.in_(some)
                    )
                ).rowcount
                if gone:
                    continue
                note_index(connection, INDEX_RETIRED, key.id)
            self.vault.destroy(KEY_SUBJECT + key.id)
            with self.cases.begin() as connection:
                connection.execute(
                    update(index_key).where(index_key.c.id == key.id).values(state="retired")
                )
            return

    async def run(self) -> None:
        """Look every few seconds until cancelled; a store that is away is asked again."""
        while True:
            try:
                done = await asyncio.to_thread(self.look, roles.is_stopping)
                if done:
                    _log.info("%d cases stand under the new key of the index", done)
            except (OperationalError, StoreUnwritable) as away:
                _log.warning("the index is not filled now: %s", away)
            await asyncio.sleep(EVERY_SECONDS)


def _held(connection: Connection, id: str, state: str) -> str | None:
    """Hold a key's row against others; return its position, None when it is no longer so."""
    row = index_key.c
    query = select(row.position).where(row.id == id, row.state == state).with_for_update()
    found: str | None = connection.execute(query).scalar()
    return found


def _finish(connection: Connection, key: IndexKey) -> None:
    """Every case stands under the new key: it alone is asked from now on."""
    filled = connection.execute(
        select(index_key.c.cases).where(index_key.c.id == key.id)
    ).scalar_one()
    connection.execute(
        update(index_key).where(index_key.c.state == "leaving").values(state="emptying")
    )
    connection.execute(update(index_key).where(index_key.c.id == key.id).values(state="current"))
    note_index(connection, INDEX_FILLED, key.id, why=str(filled))


def forget(cases: Engine, subject: str) -> int:
    """Take away by what somebody was found whose key is destroyed; return how many rows.

    Holds the keys of the index, so that no batch that had opened the data commits afterwards.
    """
    with cases.begin() as connection:
        held = select(index_key.c.id).where(index_key.c.state.in_(LIVE)).with_for_update()
        connection.execute(held).all()
        theirs = select(case.c.id).where(case.c.subject == subject)
        gone: int = connection.execute(
            delete(case_index).where(case_index.c.case_id.in_(theirs))
        ).rowcount
        return gone


def _ignoring(dialect: str) -> sqlite.Insert | postgresql.Insert:
    if dialect == "sqlite":
        return sqlite.insert(case_index).on_conflict_do_nothing()
    return postgresql.insert(case_index).on_conflict_do_nothing()


def index_keys(settings: Settings) -> IndexKeys:
    """Return the keys of the settings' city. Raises `KeyMissing`."""
    cases = open_engine(settings.store_url("cases"))
    keys = open_engine(settings.store_url("keys"))
    vault = vault_of(settings, keys, note_subjects(cases, "cases"), cached=0)
    national = settings.sealing == "sm4-gcm"
    return IndexKeys(cases, vault, "hmac-sm3" if national else "hmac-sha256")
