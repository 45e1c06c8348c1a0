"""`yichuang audit export FOLDER`: the log as static files in the form of C2SP tlog-tiles."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from audit.export import ExportConflict, Exported, NothingSealed, export_log
from audit.logstore import LogDamaged, LogReader
from audit.notes import NoteInvalid
from audit.origins import Origin
from audit.report import INCOMPLETE, TAMPERED
from audit.trust import PolicyInvalid
from yichuang.log_stores import (
    OPEN,
    LogUnreadable,
    shard_names,
    shard_reading,
    unreadable,
)
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json
from yichuang.trusting import city_policy, policy_path

HELP = "导出日志为静态文件，任何人可校验 (the log as C2SP tlog-tiles files)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="目标文件夹；已有的导出只增不改 (only added to)"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--shard", default=OPEN, metavar="NAME",
        help="哪一分片，如 2026H1；不写则是开着的 (which shard; default: the open one)",
    )  # fmt: skip
    which.add_argument(
        "--all", action="store_true",
        help="每一分片导出到 FOLDER 下各自的文件夹 (each shard into a folder of its own)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0; 1 if log or folder hold another history; 2 if nothing is sealed; 3 unread."""
    try:
        names = shard_names(settings) if args.all else [args.shard]
        done = [_export(settings, name, args.folder, args.all) for name in names]
    except NothingSealed:
        complain("日志还没有签名的树头：先运行 bin/yichuang audit seal")
        return INCOMPLETE
    except PolicyInvalid as error:
        return unreadable(LogUnreadable(f"{policy_path(settings)}：{error}"))
    except (ExportConflict, NoteInvalid) as error:
        complain(f"没有导出，日志与已有的不符：{error}")
        return TAMPERED
    except LogUnreadable as error:
        return unreadable(error)
    if args.json:
        said = [_as_json(one) for one in done]
        say_json({"shards": said} if args.all else said[0])
        return 0
    for one in done:
        _tell(one)
    return 0


def _export(settings: Settings, name: str, folder: Path, apart: bool) -> Exported:
    policy = city_policy(settings)
    with shard_reading(settings, name) as connection:
        reader = LogReader(connection)
        if apart:
            origin = Origin.parse(reader.state().origin)
            folder = folder / str(origin.half or "log")
        try:
            return export_log(reader, folder, policy)
        except LogDamaged as error:  # it can be read, and is not what was signed
            raise ExportConflict(str(error)) from error


def _as_json(done: Exported) -> dict[str, Any]:
    said = {"folder": str(done.folder), "added": done.added, "kept": done.kept}
    return {**said, **done.head.as_json()}


def _tell(done: Exported) -> None:
    say(f"已导出 {done.origin} 的 {done.size} 条记录到 {done.folder}")
    say(f"新写 {done.added} 个文件，原有 {done.kept} 个未动")
    vouched = "、".join(name for name, _ in done.head.cosigned)
    say(f"联署：{vouched}" if done.head.witnessed else "未经见证：没有足够见证人的联署，已标明")
