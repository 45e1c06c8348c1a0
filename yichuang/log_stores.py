"""What every order of `yichuang audit` needs: the stores to read, and how a bad one is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from audit.logstore import LogDamaged, LogMissing
from audit.notes import NoteInvalid, parse_checkpoint
from audit.report import UNREADABLE
from audit.shards import NoSuchShard, closed_shards, reading_named
from cases.database import StoreUnwritable, open_engine, reading
from yichuang.keyring import log_vkey_path
from yichuang.sequencer import SOURCES
from yichuang.settings import Settings
from yichuang.terminal import complain


class LogUnreadable(Exception):
    """A store or key cannot be read: nothing was proved either way. Exit code 3."""


def log_store(settings: Settings) -> Engine:
    """Return the log's store, to read. Raises `LogUnreadable` where no log was founded."""
    if not log_vkey_path(settings).is_file():
        raise LogUnreadable("没有日志公钥：先运行 bin/yichuang init")
    return open_engine(settings.store_url("log"), read_only=True)


def source_stores(settings: Settings) -> dict[str, Engine]:
    """Return the stores that record entries, to read, by name."""
    return {name: open_engine(settings.store_url(name), read_only=True) for name in SOURCES}


def keys_store(settings: Settings) -> Engine:
    """Return the store of the subjects' keys, to read which of them are destroyed."""
    return open_engine(settings.store_url("keys"), read_only=True)


@contextmanager
def log_reading(settings: Settings) -> Iterator[Connection]:
    """Open one moment of the log's store, to read. Raises `LogUnreadable`."""
    with telling(), reading(log_store(settings)) as connection:
        yield connection


OPEN = ""
"""Names the shard that is open."""


def shard_names(settings: Settings) -> list[str]:
    """Return the closed shards' origins, oldest first, then `OPEN`. Raises `LogUnreadable`."""
    with log_reading(settings) as connection:
        return [*(one.origin for one in closed_shards(connection)), OPEN]


@contextmanager
def shard_reading(settings: Settings, name: str = OPEN) -> Iterator[Connection]:
    """Open a shard by its origin or half-year (2026H1), to read; `OPEN` is the open one.

    Raises `LogUnreadable`, also where there is no such shard.
    """
    with telling():
        log = log_store(settings)
        try:
            with reading_named(log, name) if name else reading(log) as connection:
                yield connection
        except NoSuchShard as error:
            raise LogUnreadable(f"没有分片 {name}：见 bin/yichuang audit shard list") from error


@contextmanager
def telling() -> Iterator[None]:
    """Turn what a missing or broken store raises into `LogUnreadable`."""
    try:
        yield
    except (LogMissing, LogDamaged, StoreUnwritable, SQLAlchemyError, OSError) as error:
        raise LogUnreadable(f"读不到日志：{error}") from error


def unreadable(error: LogUnreadable) -> int:
    """Say it to the person who asked, and return the exit code of an order that cannot read."""
    complain(str(error))
    return UNREADABLE


def kept_checkpoint(path: Path) -> str:
    """Return the note that somebody kept. Raises `LogUnreadable` for what is no checkpoint at all.

    It proves nothing, and a wrong file name must not accuse the log.
    """
    try:
        note = path.read_text(encoding="utf-8")
        parse_checkpoint(note.partition("\n\n")[0] + "\n")
    except (OSError, UnicodeDecodeError, NoteInvalid) as error:
        raise LogUnreadable(f"{path} 不是检查点：{error}") from None
    return note
