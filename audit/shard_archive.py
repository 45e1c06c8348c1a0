"""Where a closed shard's rows go: a SQLite file beside the store, or a schema of its database."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, create_engine, text

from audit.logstore import LogMoved
from audit.origins import Origin
from audit.reading import reading
from audit.signing import sync_folder
from audit.tables import audit_shard, audit_witness, log_metadata

STAYING = frozenset({audit_shard.name, audit_witness.name})
MOVING: tuple[Table, ...] = tuple(
    table for table in log_metadata.sorted_tables if table.name not in STAYING
)
"""The tables that are one shard's alone."""


class NoArchive(OSError):
    """The store is of no kind that can be archived."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Where the shard's rows go. `copy` may be long and locks nobody; `finish`, inside the turn's
    transaction, brings the copy up to date, makes it durable and takes the rows out of the store.
    """

    log: Engine
    name: str

    @classmethod
    def of(cls, log: Engine, origin: str) -> "Archive":
        """Return the archive of a shard by its name."""
        half = str(Origin.parse(origin).half or "before")
        if log.dialect.name == "sqlite":
            return cls(log, f"{file_of(log).stem}-{half}.sqlite")
        with reading(log) as connection:
            schema = connection.scalar(text("SELECT current_schema()"))
        return cls(log, f"{schema}_{half.lower()}")

    def copy(self) -> None:
        """Copy the rows as they are now."""
        if self.log.dialect.name != "sqlite":
            return
        self._under_way.unlink(missing_ok=True)  # left by a crash; nothing refers to it
        made = create_engine(f"sqlite:///{self._under_way}")
        log_metadata.create_all(made, tables=list(MOVING))
        made.dispose()
        with _beside(self._under_way, file_of(self.log)) as archive:
            for table in MOVING:
                archive.execute(_copying(table))

    def finish(self, connection: Connection) -> None:
        """Take the rows out of the store, in the caller's transaction."""
        if connection.dialect.name == "sqlite":
            self._finishfile_of()
            for table in reversed(MOVING):
                table.drop(connection)
            return
        quote = connection.dialect.identifier_preparer.quote
        connection.execute(text(f"CREATE SCHEMA {quote(self.name)}"))
        for role in connection.scalars(text(_READERS)).all():
            connection.execute(text(f"GRANT USAGE ON SCHEMA {quote(self.name)} TO {quote(role)}"))
        for table in MOVING:
            connection.execute(text(f"ALTER TABLE {table.name} SET SCHEMA {quote(self.name)}"))

    def _finishfile_of(self) -> None:
        # We hold the store's write lock: what was committed before it is all there is.
        with _beside(self._under_way, file_of(self.log)) as archive:
            for table in MOVING:
                if table.name not in _LARGE:
                    archive.execute(f"DELETE FROM main.{table.name}")  # noqa: S608 # our own table
                    archive.execute(_copying(table))
                here, there = (
                    archive.execute(f"SELECT COUNT(*) FROM {where}.{table.name}").fetchone()[0]  # noqa: S608 # likewise
                    for where in ("main", "live")
                )
                if here != there:
                    raise LogMoved(f"{table.name}: {here} rows copied, {there} there")
        with open(self._under_way, "rb+") as file:
            os.fchmod(file.fileno(), 0o440)  # against a slip; its owner may change it back
            os.fsync(file.fileno())
        os.replace(self._under_way, folder_of(self.log) / self.name)
        sync_folder(folder_of(self.log))

    @property
    def _under_way(self) -> Path:
        return folder_of(self.log) / f"{self.name}.closing"


def _copying(table: Table) -> str:
    # By name: a migrated table may have its columns in another order than one made today.
    columns = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO main.{table.name} ({columns}) SELECT {columns} FROM live.{table.name}"  # noqa: S608 # our own names


_LARGE = frozenset({"audit_entry", "audit_tile", "audit_sm3_tile"})
"""Copied once: nothing but an append changes them, and then the turn starts again."""

_READERS = """
    SELECT DISTINCT pg_get_userbyid(acl.grantee)
    FROM pg_namespace AS space, aclexplode(space.nspacl) AS acl
    WHERE space.nspname = current_schema() AND acl.privilege_type = 'USAGE'
      AND acl.grantee NOT IN (0, space.nspowner)
"""


@contextmanager
def _beside(archive: Path, live: Path) -> Iterator[sqlite3.Connection]:
    """Yield the archive's connection with the store attached to read, in one transaction."""
    connection = sqlite3.connect(
        f"{archive.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None
    )
    try:
        connection.execute("ATTACH ? AS live", (f"{live.absolute().as_uri()}?mode=ro",))
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")
    finally:
        connection.close()


def file_of(log: Engine) -> Path:
    """Return the SQLite file of a store. Raises `NoArchive`."""
    name = log.url.database
    if not name or name == ":memory:":
        raise NoArchive("a log in memory has no archive")
    return Path(name)


def folder_of(log: Engine) -> Path:
    """Return the folder of a store, in which its archives lie too."""
    return file_of(log).parent
