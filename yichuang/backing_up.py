"""Backing up a living city: every part of one instant.

For some milliseconds no store can be written. In them every store, Temporal's too, gets a reader
that goes on seeing that instant; orders that wait, the signer's and the witness's memory and the
keys are copied at once. Then everybody writes again, and the readers' instant is copied at leisure.
Why one instant and no order of parts: docs/backup.md.
"""

from __future__ import annotations

import base64
import io
import os
import random
import shutil
import sqlite3
import tarfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from nats.aio.client import Client
from nats.errors import Error as NatsError
from sqlalchemy import make_url

from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.masters import key_id
from audit.outbox import record
from cases.database import open_engine
from policies.warrants import load_private
from yichuang import backup_streams, bus
from yichuang.backup_postgres import (
    DatabaseTrouble,
    databases,
    dumped,
    frozen,
    head,
    nobody_writes,
    revisions,
)
from yichuang.backup_seal import BackupKey, seal
from yichuang.backup_set import Manifest, Part, digest_of, sync, write_list
from yichuang.backup_streams import QUEUES, STREAMS, StreamTrouble
from yichuang.embedded import ground
from yichuang.embedded.serving import serving
from yichuang.keyring import master_keys, warrant_path
from yichuang.settings import STORES, Settings
from yichuang.trusting import policy_path

STREAM: Final = "sys:backup"
MADE: Final = "backup_made"
RESTORED: Final = "backup_restored"

LOCK_SECONDS: Final = 0.25
"""How long one lock is waited for while others are held: whoever holds it may wait for one of
ours, so all are let go and asked for again."""
WITHIN_SECONDS: Final = 60.0
MOST_WAITING: Final = 64 * 1024 * 1024
"""Bytes of waiting orders copied while writers wait; more is a gateway that stands still."""
COPIES: Final = ".backup"
"""Folder in the data folder in which copies stand until they are sealed."""

Told = Callable[[str], None]


class BackupFailed(Exception):
    """No backup was made; the text says why. Nothing in the city has changed."""


@dataclass
class Cut:
    """One instant of the city, held until it is copied."""

    at: datetime
    held_ms: int
    copies: list[Copy]
    """Stores and Temporal's."""
    folders: dict[str, bytes]
    archives: list[Path]
    """Files of the log's closed shards, which nobody changes."""
    queues: dict[str, bytes]
    masters: tuple[str, ...]
    head: tuple[int, str]
    """Entries of the log's open shard and its newest signed head."""

    def close(self) -> None:
        for one in self.copies:
            one.close()


@dataclass
class Copy:
    """A database of the instant: what writes it, and what lets the instant go."""

    kind: str
    name: str
    read: Callable[[], Iterator[bytes]]
    revision: str
    close: Callable[[], None]


@dataclass
class _Writer:
    """Writes sealed parts into the folder and keeps the list of them."""

    folder: Path
    key: BackupKey
    parts: list[Part] = field(default_factory=list)

    def write(self, kind: str, name: str, plain: Iterable[bytes], revision: str = "") -> None:
        part = Part(kind, name, f"{kind}-{name}.part", 0, "", revision)
        path = self.folder / part.file
        with path.open("xb") as file:
            seal(self.key, part.bound, plain, file)
            file.flush()
            os.fsync(file.fileno())
        self.parts.append(replace(part, bytes=path.stat().st_size, sha256=digest_of(path)))


async def back_up(
    settings: Settings, folder: Path, secret: bytes, told: Told = lambda _line: None
) -> Manifest:
    """Write a backup into a folder that is not there or empty; return its list.

    Raises `BackupFailed`, `SecretTooWeak`, `KeyMissing`, `ground.StartRefused`, `ServerMissing`;
    an unfinished folder is taken away again.
    """
    _may(settings, folder)
    salt = os.urandom(16)
    key = BackupKey.of(secret, salt)
    copies = settings.data / COPIES
    _prepare(folder, copies)
    try:
        with ExitStack() as alone:
            if settings.form == "embedded" and not ground.is_held(settings):
                # It stands, and nobody may start it meanwhile.
                alone.enter_context(ground.held(settings))
            async with _city_bus(settings) as client:
                return await _written(settings, folder, _Writer(folder, key), salt, client, told)
    except (OSError, sqlite3.Error, DatabaseTrouble, StreamTrouble, NatsError) as fault:
        _clear(folder)
        raise BackupFailed(f"没有做成备份：{fault}") from fault
    except BaseException:
        _clear(folder)
        raise
    finally:
        shutil.rmtree(copies, ignore_errors=True)


def _prepare(folder: Path, copies: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.rmtree(copies, ignore_errors=True)  # of one that was killed
        copies.mkdir(mode=0o700)
    except OSError as fault:
        raise BackupFailed(f"没有做成备份：{fault}") from fault


def _may(settings: Settings, folder: Path) -> None:
    if settings.form == "large":
        try:
            databases(settings)
        except DatabaseTrouble as wrong:
            raise BackupFailed(str(wrong)) from wrong
    elif not (settings.data / "cases.sqlite").is_file():
        raise BackupFailed(f"{settings.data} 里没有城市")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupFailed(f"{folder} 不是空文件夹")
    if folder.resolve().is_relative_to(settings.data.resolve()):
        raise BackupFailed("备份不能放在数据目录里面")


@asynccontextmanager
async def _city_bus(settings: Settings) -> AsyncIterator[Client]:
    async with AsyncExitStack() as beside:
        if settings.form == "embedded":
            await beside.enter_async_context(serving(settings, ["nats"]))
        client = await bus.connect(settings, "admin", attempts=0)
        try:
            yield client
        finally:
            await client.close()


async def _written(
    settings: Settings, folder: Path, out: _Writer, salt: bytes, client: Client, told: Told
) -> Manifest:
    cutting = _cut if settings.form == "embedded" else _cut_large
    cut = await cutting(settings, client)
    told(f"{cut.at:%Y-%m-%d %H:%M:%S}Z 的一刻，写入停了 {cut.held_ms} 毫秒")
    try:
        for one in cut.copies:
            out.write(one.kind, one.name, one.read(), one.revision)
            told(f"已写 {one.kind}/{one.name}")
        for name, content in cut.folders.items():
            out.write("folder", name, [content])
        for path in cut.archives:
            out.write("archive", path.name, _bytes_of(path))
        for stream, waiting in cut.queues.items():
            out.write("stream", stream, [waiting])
        for stream in STREAMS:
            if stream not in QUEUES:
                await _stream(settings, client, stream, out)
        size, checkpoint = cut.head
    finally:
        cut.close()
    manifest = Manifest(
        city=settings.city,
        origin=settings.origin,
        profile=settings.log_profile,
        at=cut.at.isoformat(),
        held_ms=cut.held_ms,
        salt=base64.b64encode(salt).decode(),
        check=out.key.check,
        size=size,
        checkpoint=checkpoint,
        masters=cut.masters,
        parts=tuple(out.parts),
    )
    # The entry first: a backup of which the log knows nothing is none.
    note(settings, MADE, manifest)
    sync(folder)
    write_list(folder, manifest, load_private(warrant_path(settings, "worker")))
    return manifest


# --- the instant ---------------------------------------------------------------------------------


async def _cut(settings: Settings, client: Client) -> Cut:
    paths = {f"store/{name}": _file_of(settings, name) for name in STORES}
    with _nobody_writes(list(paths.values())) as began:
        readers = {bound: _seeing(path) for bound, path in paths.items()}
        temporal = settings.data / "temporal" / "temporal.sqlite"
        if temporal.is_file():
            # Within the locks: whatever step Temporal takes for done has its rows, whatever has
            # rows was in Temporal's history before.
            readers["temporal/temporal"] = _seeing(temporal)
        archives = sorted(settings.data.glob("log-*.sqlite"))
        cut = await _small_parts(settings, client, archives)
        cut.held_ms = round((time.monotonic() - began) * 1000)
    cut.head = _head(readers["store/log"])
    for bound, reader in readers.items():
        kind, _, name = bound.partition("/")
        read = partial(_copied, settings, reader)
        cut.copies.append(Copy(kind, name, read, _revision(reader), reader.close))
    return cut


async def _cut_large(settings: Settings, client: Client) -> Cut:
    """The same, of PostgreSQL: Temporal's snapshot too is taken while no row can be written."""
    city, *others = databases(settings)
    with ExitStack() as opened:
        with nobody_writes(settings, city) as began:
            found = []
            for one in (city, *others):
                found.append(frozen(one))
                opened.callback(found[-1].close)
            cut = await _small_parts(settings, client, [])
            cut.held_ms = round((time.monotonic() - began) * 1000)
        cut.head = head(settings, found[0])
        for held in found:
            revision = revisions(settings, held) if held.database.is_city else ""
            read = partial(dumped, settings, held)
            cut.copies.append(Copy("database", held.database.name, read, revision, held.close))
        opened.pop_all()  # from here on the cut closes them
    return cut


async def _small_parts(settings: Settings, client: Client, archives: list[Path]) -> Cut:
    """Return what is copied at once, while nobody writes: queues, folders, ids of keys."""
    queues: dict[str, bytes] = {}
    for stream in QUEUES:
        waiting = b""
        async for piece in backup_streams.snapshot(client, stream):
            waiting += piece
            if len(waiting) + sum(map(len, queues.values())) > MOST_WAITING:
                raise BackupFailed("未办的命令、信号积压太多：先让系统入口办完再备份")
        if waiting:
            queues[stream] = waiting
    folders = {name: _packed(path) for name, path in folders_of(settings).items()}
    masters = tuple(key_id(one).hex() for one in master_keys(settings))
    return Cut(datetime.now(UTC), 0, [], folders, archives, queues, masters, (0, ""))


@contextmanager
def _nobody_writes(paths: Sequence[Path]) -> Iterator[float]:
    """Hold every store against writers; yield when that began. Raises `BackupFailed`."""
    until = time.monotonic() + WITHIN_SECONDS
    held: list[sqlite3.Connection] = []
    try:
        while True:
            began = time.monotonic()
            try:
                for path in paths:
                    connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
                    held.append(connection)
                    connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as busy:
                _let_go(held)
                if "locked" not in str(busy) or time.monotonic() > until:
                    raise
                time.sleep(random.uniform(0.02, 0.2))  # noqa: S311 -- no secret: not in step with others
        yield began
    finally:
        _let_go(held)


def _let_go(held: list[sqlite3.Connection]) -> None:
    while held:
        held.pop().close()


def _seeing(path: Path) -> sqlite3.Connection:
    """Return a connection that sees this instant of a store until it is closed."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA query_only=ON")
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def folders_of(settings: Settings) -> dict[str, Path]:
    """Return the folders of small files that belong to a city: keys, signer, witness."""
    found = {"keys": settings.secrets_folder, "signer": settings.signer_path}
    seeds = settings.nats_seed("admin").parent
    if not seeds.is_relative_to(settings.secrets_folder):
        found["seeds"] = seeds
    trust = policy_path(settings).parent
    if trust != settings.secrets_folder:
        found["trust"] = trust
    if settings.witness_path.is_relative_to(settings.data) and settings.witness_path.is_dir():
        found["witness"] = settings.witness_path  # for show; another owner's is not ours to copy
    return found


def _packed(folder: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            unfinished = path.name.startswith(".") or path.suffix in (".lock", ".new")
            if path.is_file() and not unfinished:
                tar.add(path, str(path.relative_to(folder)), recursive=False)
    return packed.getvalue()


# --- at leisure ----------------------------------------------------------------------------------


def _copied(settings: Settings, reader: sqlite3.Connection) -> Iterator[bytes]:
    copy = settings.data / COPIES / uuid4().hex
    try:
        target = sqlite3.connect(copy)
        try:
            reader.backup(target)
        finally:
            target.close()
        yield from _bytes_of(copy)
    finally:
        copy.unlink(missing_ok=True)


async def _stream(settings: Settings, client: Client, stream: str, out: _Writer) -> None:
    copy = settings.data / COPIES / uuid4().hex
    try:
        with copy.open("xb") as file:
            async for piece in backup_streams.snapshot(client, stream):
                file.write(piece)
        if copy.stat().st_size:
            out.write("stream", stream, _bytes_of(copy))
    finally:
        copy.unlink(missing_ok=True)


def _bytes_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def _revision(reader: sqlite3.Connection) -> str:
    with suppress(sqlite3.OperationalError):
        row = reader.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else ""
    return ""


def _head(log: sqlite3.Connection) -> tuple[int, str]:
    (size,) = log.execute("SELECT size FROM audit_state").fetchone() or (0,)
    row = log.execute("SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    return int(size), str(row[0]) if row else ""


def _file_of(settings: Settings, store: str) -> Path:
    url = make_url(settings.store_url(store))  # type: ignore[arg-type]
    if url.get_backend_name() != "sqlite" or not url.database:
        raise BackupFailed(f"{store} 库不在 SQLite 里，由数据库自己的工具备份（docs/backup.md）")
    return Path(url.database)


def note(settings: Settings, act: str, manifest: Manifest) -> None:
    """Record that a backup was made or put back. Raises `OSError`."""
    engine = open_engine(settings.store_url("cases"))
    now = datetime.now(UTC)
    draft = EntryDraft(
        id=entry_id(str(uuid4()), act),
        stream=STREAM,
        at=now,
        who=Who("system", "system"),
        act=act,
        obj=What("backup", manifest.at, str(manifest.size), manifest.digest),
        where=Where(svc="cli"),
    )
    try:
        with engine.begin() as connection:
            record(connection, draft)
    finally:
        engine.dispose()


def _clear(folder: Path) -> None:
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_file():
                path.unlink()
