"""PostgreSQL's side of a backup: every database of one instant, and back.

While no table of the city can be written, each database gets a transaction that goes on seeing
that instant and exports its snapshot; `pg_dump` copies it afterwards at leisure, while all write
again. What the stores are is in one database, so that one snapshot holds them all.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from cases.database import open_engine, schema_of
from yichuang.settings import STORES, Settings, environment

LOCK_MILLISECONDS: Final = 250
"""How long one lock is waited for while others are held; then all are let go for a moment."""
WITHIN_SECONDS: Final = 60.0
BUSY: Final = ("55P03", "40P01")
"""lock_not_available and deadlock_detected (PostgreSQL 16, appendix A)."""
PIECE_BYTES: Final = 1 << 20


class DatabaseTrouble(Exception):
    """A database cannot be read, written or reached as it must; the text says why."""


@dataclass(frozen=True)
class Database:
    """One database, as its administrator meets it."""

    name: str
    url: URL
    is_city: bool


@dataclass
class Frozen:
    """A database of one instant, for as long as its transaction is open."""

    database: Database
    connection: Connection
    snapshot: str
    engine: Engine

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()


def databases(settings: Settings) -> list[Database]:
    """Return the city's database and Temporal's. Raises `DatabaseTrouble` where none is named."""
    given = settings.backup_url.get_secret_value()
    if not given:
        raise DatabaseTrouble("大型部署的备份须设 YICHUANG_BACKUP_URL（数据库管理员的地址）")
    url = make_url(given)
    if url.get_backend_name() != "postgresql" or not url.database:
        raise DatabaseTrouble("YICHUANG_BACKUP_URL 须是 PostgreSQL 的地址，写明城市的数据库")
    named = {make_url(settings.store_url(store)).database for store in STORES}
    if named != {url.database}:
        raise DatabaseTrouble(
            f"各库须都在数据库 {url.database} 里，实为 {'、'.join(sorted(map(str, named)))}："
            "一个快照管不了几个数据库"
        )
    city = Database(url.database, url, True)
    temporal = [Database(one, url.set(database=one), False) for one in settings.backup_temporal]
    return [city, *temporal]


def schemas(settings: Settings) -> dict[str, str]:
    """Return the schema of each store."""
    return {store: schema_of(settings.store_url(store)) or "public" for store in STORES}


@contextmanager
def nobody_writes(settings: Settings, city: Database) -> Iterator[float]:
    """Hold every table of the stores against writers; yield when that began.

    Raises `DatabaseTrouble`. What asks for several locks and finds one held lets all go, since
    whoever holds it may wait for one of ours.
    """
    engine = open_engine(city.url.render_as_string(hide_password=False))
    until = time.monotonic() + WITHIN_SECONDS
    with ExitStack() as held:
        held.callback(engine.dispose)
        while True:
            connection = engine.connect()
            began = time.monotonic()
            try:
                _lock(connection, sorted(set(schemas(settings).values())))
                break
            except DBAPIError as busy:
                connection.close()
                if getattr(busy.orig, "sqlstate", "") not in BUSY or time.monotonic() > until:
                    raise DatabaseTrouble(f"停不住写入：{busy.orig}") from busy
                time.sleep(random.uniform(0.02, 0.2))  # noqa: S311 -- no secret: not in step with others
        held.callback(connection.close)  # before the engine
        yield began


def _lock(connection: Connection, names: list[str]) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_MILLISECONDS}ms'")
    # So that a vacuum that stands in the way is sent off and not waited for.
    connection.exec_driver_sql("SET LOCAL deadlock_timeout = '50ms'")
    query = text(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname = ANY (:names) ORDER BY 1"
    )
    tables = list(connection.scalars(query, {"names": names}))
    if not tables:
        raise DatabaseTrouble(f"数据库里没有城市：{'、'.join(names)} 里没有表")
    connection.exec_driver_sql(f"LOCK TABLE {', '.join(tables)} IN SHARE MODE")


def frozen(database: Database) -> Frozen:
    """Return a database as it is now, to be copied later. Raises `DatabaseTrouble`."""
    engine = open_engine(database.url.render_as_string(hide_password=False))
    try:
        connection = engine.connect().execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
    except DBAPIError as away:
        engine.dispose()
        raise DatabaseTrouble(f"数据库 {database.name}：{away.orig}") from away
    return Frozen(database, connection, str(snapshot), engine)


def dumped(settings: Settings, one: Frozen) -> Iterator[bytes]:
    """Yield a database as `pg_dump` writes it. Raises `DatabaseTrouble`."""
    words = ["--format=custom", f"--snapshot={one.snapshot}"]
    program = _program(settings, "pg_dump")
    with tempfile.TemporaryFile() as said:
        command = [program, *words, f"--dbname={_address(one.database.url)}"]
        with subprocess.Popen(  # noqa: S603 -- a program of the settings
            command, stdout=subprocess.PIPE, stderr=said, env=_secrets(one.database.url)
        ) as running:
            assert running.stdout is not None
            while piece := running.stdout.read(PIECE_BYTES):
                yield piece
            code = running.wait()
        if code:
            said.seek(0)
            raise DatabaseTrouble(f"pg_dump {one.database.name}：{_last(said.read())}")


def put_back(settings: Settings, database: Database, plain: Iterable[bytes]) -> None:
    """Fill an empty database, whole or not at all. Raises `DatabaseTrouble`."""
    words = ["--clean", "--if-exists", "--exit-on-error", "--single-transaction"]
    program = _program(settings, "pg_restore")
    with tempfile.TemporaryFile() as said:
        command = [program, *words, f"--dbname={_address(database.url)}"]
        with subprocess.Popen(  # noqa: S603 -- a program of the settings
            command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=_secrets(database.url)
        ) as running:
            assert running.stdin is not None
            try:
                for piece in plain:
                    running.stdin.write(piece)
                running.stdin.close()
            except BrokenPipeError:
                pass  # what it says is told below
            except BaseException:
                running.kill()  # a part that does not open to its end: nothing may be kept
                raise
            code = running.wait()
        if code:
            said.seek(0)
            raise DatabaseTrouble(f"pg_restore {database.name}：{_last(said.read())}")


def is_empty(database: Database) -> bool:
    """Whether nobody has made a table there. Raises `DatabaseTrouble`."""
    engine = open_engine(database.url.render_as_string(hide_password=False), read_only=True)
    query = text(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
    )
    try:
        with engine.connect() as connection:
            return bool(connection.scalar(query) == 0)
    except DBAPIError as away:
        raise DatabaseTrouble(f"数据库 {database.name}：{away.orig}") from away
    finally:
        engine.dispose()


def revisions(settings: Settings, city: Frozen) -> str:
    """Return which migration each store had reached, `cases=0016 web=…`."""
    found = []
    for store, schema in schemas(settings).items():
        query = f'SELECT version_num FROM "{schema}".alembic_version'  # noqa: S608 -- a setting
        found.append(f"{store}={city.connection.exec_driver_sql(query).scalar_one()}")
    return " ".join(found)


def head(settings: Settings, city: Frozen) -> tuple[int, str]:
    """Return how many entries the log's open shard had, and its newest signed head."""
    schema = schemas(settings)["log"]
    size = city.connection.exec_driver_sql(f'SELECT size FROM "{schema}".audit_state')  # noqa: S608
    query = f'SELECT note FROM "{schema}".audit_checkpoint ORDER BY size DESC LIMIT 1'  # noqa: S608
    note = city.connection.exec_driver_sql(query).scalar()
    return int(size.scalar() or 0), str(note or "")


def _program(settings: Settings, name: str) -> str:
    folder = settings.pg_programs
    found = shutil.which(name) if folder is None else shutil.which(str(Path(folder) / name))
    if found is None:
        where = "PATH" if folder is None else str(folder)
        raise DatabaseTrouble(f"{where} 里没有 {name}（不低于服务器的版本，见 docs/backup.md）")
    return found


def _address(url: URL) -> str:
    """Return the address as libpq reads it, without the password: the words of a process are seen
    by everybody on the machine."""
    bare = url.set(drivername="postgresql").difference_update_query(["schema"])
    plain = bare._replace(password=None)  # `set` takes None for "as it was"
    return plain.render_as_string(hide_password=False)


def _secrets(url: URL) -> dict[str, str]:
    return environment() | ({"PGPASSWORD": str(url.password)} if url.password else {})


def _last(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return " / ".join(lines[-3:]) or "没有留下话"
