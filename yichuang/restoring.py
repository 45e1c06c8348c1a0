"""Putting a backup back: into an empty data folder, whole or not at all, and what differs then.

Everything is made beside the data folder and takes its name at the end; killed before that, the
folder is as it was and the next try begins anew.
"""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from nats.errors import Error as NatsError
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from audit.logstore import LogMissing
from audit.trust import PolicyInvalid
from policies.warrants import load_public, public_path
from yichuang import backup_streams, bus, temporal
from yichuang.backing_up import RESTORED, Told, folders_of, note
from yichuang.backup_postgres import DatabaseTrouble, databases, is_empty, put_back
from yichuang.backup_seal import BackupKey, PartDamaged, opened
from yichuang.backup_set import Manifest, Part, faults, read_list, sync
from yichuang.backup_streams import StreamTrouble
from yichuang.embedded import ground
from yichuang.embedded.serving import ServerMissing, serving
from yichuang.keyring import warrant_path
from yichuang.log_stores import LogUnreadable
from yichuang.rollbacks import Rollback, rollbacks, rollbacks_of_temporal
from yichuang.settings import Settings
from yichuang.verify_child import verdict_of
from yichuang.verifying import Verdict


class RestoreFailed(Exception):
    """Nothing was put back; the text says why."""


@dataclass
class Findings:
    """What does not agree in a data folder."""

    rollbacks: list[Rollback] = field(default_factory=list)
    verdict: Verdict | None = None
    unread: list[str] = field(default_factory=list)
    """What could not be looked at, and why."""

    @property
    def agrees(self) -> bool:
        """Whether all was looked at, no part is older, and the log holds what it vouches for.

        A log without a quorum of witnesses, or one that has not signed lately, still agrees.
        """
        tampered = self.verdict is None or self.verdict.exit_code == 1
        return not (self.rollbacks or self.unread or tampered)


async def restore(
    settings: Settings, folder: Path, secret: bytes, told: Told = lambda _line: None
) -> Manifest:
    """Put a backup into the empty data folder of the settings; return its list.

    Raises `NoBackup`, `WrongSecret`, `SecretTooWeak`, `RestoreFailed`; the data folder is then as
    it was.
    """
    manifest, _ = read_list(folder)
    if settings.form == "large":
        return await _restore_large(settings, folder, manifest, secret, told)
    _may(settings, manifest)
    wrong = faults(folder, manifest)
    if wrong:
        raise RestoreFailed("；".join(wrong))
    key = manifest.key(secret)
    staged = settings.data.with_name(f".{settings.data.name}.restoring")
    shutil.rmtree(staged, ignore_errors=True)  # of one that was killed
    aside = settings.model_copy(update={"data": staged})
    try:
        staged.mkdir(parents=True, mode=0o700)
        for part in manifest.parts:
            _put(aside, folder, key, part)
            told(f"已放回 {part.bound}")
        _is_signed_by_itself(aside, folder)
        await _streams(aside, folder, key, manifest)
        _take_the_name(staged, settings.data)
    except (OSError, sqlite3.Error, PartDamaged, StreamTrouble, NatsError, ServerMissing) as fault:
        raise RestoreFailed(f"没有恢复：{fault}") from fault
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    note(settings, RESTORED, manifest)
    return manifest


async def _restore_large(
    settings: Settings, folder: Path, manifest: Manifest, secret: bytes, told: Told
) -> Manifest:
    """Put back folders and databases; the streams come when NATS has the keys that were put back.

    Each database is filled whole or not at all. Cut short, what is there must be emptied first.
    """
    _may_large(settings, manifest)
    wrong = faults(folder, manifest)
    if wrong:
        raise RestoreFailed("；".join(wrong))
    key = manifest.key(secret)
    known = {one.name: one for one in databases(settings)}
    try:
        for part in manifest.parts:
            if part.kind == "folder":
                _put(settings, folder, key, part)
                told(f"已放回 {part.bound}")
        _is_signed_by_itself(settings, folder)
        for part in manifest.parts:
            if part.kind == "database":
                put_back(settings, known[part.name], opened(key, part.bound, folder / part.file))
                told(f"已放回 {part.bound}")
    except (OSError, PartDamaged, DatabaseTrouble) as fault:
        raise RestoreFailed(f"没有恢复完：{fault}；请清空数据库和文件夹后重来") from fault
    note(settings, RESTORED, manifest)
    return manifest


async def restore_streams(
    settings: Settings, folder: Path, secret: bytes, told: Told = lambda _line: None
) -> Manifest:
    """Put the streams of a backup into a NATS that has none of them. Raises `NoBackup`,
    `WrongSecret`, `SecretTooWeak`, `RestoreFailed`."""
    manifest, _ = read_list(folder)
    wrong = faults(folder, manifest)
    if wrong:
        raise RestoreFailed("；".join(wrong))
    key = manifest.key(secret)
    _is_signed_by_itself(settings, folder)
    try:
        client = await bus.connect(settings, "admin", attempts=0)
        try:
            for part in manifest.parts:
                if part.kind == "stream":
                    plain = opened(key, part.bound, folder / part.file)
                    count = await backup_streams.restore(client, part.name, plain)
                    told(f"已放回 {part.bound}：{count} 条")
        finally:
            await client.close()
    except (OSError, PartDamaged, StreamTrouble, NatsError) as fault:
        raise RestoreFailed(f"消息流没有恢复完：{fault}") from fault
    return manifest


def _may_large(settings: Settings, manifest: Manifest) -> None:
    try:
        there = databases(settings)
        full = [one.name for one in there if not is_empty(one)]
    except DatabaseTrouble as trouble:
        raise RestoreFailed(str(trouble)) from trouble
    wanted = {part.name for part in manifest.parts if part.kind == "database"}
    if wanted != {one.name for one in there}:
        raise RestoreFailed(
            f"备份里的数据库是 {'、'.join(sorted(wanted)) or '无'}，设置里是 "
            f"{'、'.join(sorted(one.name for one in there))}（YICHUANG_BACKUP_URL、_TEMPORAL）"
        )
    if full:
        raise RestoreFailed(f"数据库 {'、'.join(full)} 里已有表：只恢复到空的数据库")
    _is_ours(settings, manifest, folders_of(settings).values())


def _may(settings: Settings, manifest: Manifest) -> None:
    if any(part.kind == "database" for part in manifest.parts):
        raise RestoreFailed("这是大型部署的备份，恢复到大型部署（YICHUANG_FORM=large）")
    _is_ours(settings, manifest, (settings.data, *folders_of(settings).values()))


def _is_ours(settings: Settings, manifest: Manifest, folders: Iterable[Path]) -> None:
    for path in folders:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RestoreFailed(f"{path} 不是空文件夹：只恢复到空的数据目录")
    for name in ("city", "origin"):
        ours, theirs = getattr(settings, name), getattr(manifest, name)
        if ours != theirs:
            raise RestoreFailed(f"备份是 {theirs} 的，这里的设置是 {ours}（{name}）")
    if settings.log_profile != manifest.profile:
        raise RestoreFailed(f"备份的 YICHUANG_LOG_PROFILE 是 {manifest.profile}，请先设成一样")


def _put(settings: Settings, folder: Path, key: BackupKey, part: Part) -> None:
    plain = opened(key, part.bound, folder / part.file)
    if part.kind == "folder":
        _unpack(plain, folders_of(settings) | {"witness": settings.witness_path}, part.name)
    elif part.kind != "stream":
        _write(_path_of(settings, part), plain)


def _path_of(settings: Settings, part: Part) -> Path:
    if part.kind == "temporal":
        return settings.data / "temporal" / "temporal.sqlite"
    name = f"{part.name}.sqlite" if part.kind == "store" else part.name
    if Path(name).name != name:
        raise RestoreFailed(f"备份里的名字 {name} 不是文件名")
    return settings.data / name


def _write(path: Path, plain: Iterator[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for piece in plain:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _unpack(plain: Iterator[bytes], folders: dict[str, Path], name: str) -> None:
    folder = folders[name]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tarfile.open(fileobj=io.BytesIO(b"".join(plain))) as tar:
        tar.extractall(folder, filter="data")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


def _is_signed_by_itself(settings: Settings, folder: Path) -> None:
    """The key that signed the list is the one among the keys it lists."""
    _, signed_by = read_list(folder)
    own = load_public(public_path(warrant_path(settings, "worker")))
    if own.public_bytes_raw().hex() != signed_by:
        raise RestoreFailed("清单不是这座城的密钥签的")


async def _streams(settings: Settings, folder: Path, key: BackupKey, manifest: Manifest) -> None:
    async with serving(settings, ["nats"]):
        client = await bus.connect(settings, "admin", attempts=0)
        try:
            for part in manifest.parts:
                if part.kind == "stream":
                    plain = opened(key, part.bound, folder / part.file)
                    await backup_streams.restore(client, part.name, plain)
        finally:
            await client.close()


def _take_the_name(staged: Path, data: Path) -> None:
    for path in staged.rglob("*"):
        if path.is_dir():
            sync(path)
    sync(staged)
    if data.exists():
        data.rmdir()
    staged.rename(data)
    sync(data.parent)


async def look(settings: Settings, told: Told = lambda _line: None) -> Findings:
    """Hold the parts of a data folder against one another and say what does not agree.

    Temporal is started for it where it does not run; nothing is changed.
    """
    found = Findings()
    with ExitStack() as alone:
        if settings.form == "embedded" and not ground.is_held(settings):
            alone.enter_context(ground.held(settings))
        try:
            found.rollbacks += rollbacks(settings)
        except (OSError, SQLAlchemyError, LogMissing, ValueError) as unread:
            found.unread.append(f"各库的先后：{unread}")
        told("各库、签名、密钥的先后看过了")
        try:
            found.verdict = verdict_of(settings, lambda _entries: None)
        except (LogUnreadable, PolicyInvalid, LogMissing, SQLAlchemyError) as unread:
            found.unread.append(f"日志：{unread}")
        told("日志核验过了")
        try:
            async with AsyncExitStack() as beside:
                if settings.form == "embedded":
                    await beside.enter_async_context(serving(settings, ["temporal"]))
                client = await temporal.connect(settings)
                found.rollbacks += await rollbacks_of_temporal(settings, client)
        except (ServerMissing, ground.StartRefused, RPCError, RuntimeError) as away:
            found.unread.append(f"流程引擎：{away}")
        told("流程历史看过了")
    return found
