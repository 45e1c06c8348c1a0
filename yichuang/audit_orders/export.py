"""`yichuang audit export FOLDER`: the log as static files in the form of C2SP tlog-tiles."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection

from audit.export import ExportConflict, NothingSealed, export_log
from audit.logstore import LogDamaged, LogReader
from audit.notes import NoteInvalid
from audit.report import INCOMPLETE, TAMPERED, UNREADABLE
from audit.shards import NoSuchShard, reading_named
from audit.trust import PolicyInvalid
from yichuang.log_stores import LogUnreadable, log_reading, log_store, telling, unreadable
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json
from yichuang.trusting import city_policy, policy_path

HELP = "导出日志为静态文件，任何人可校验 (the log as C2SP tlog-tiles files)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="目标文件夹；已有的导出只增不改 (only added to)"
    )
    parser.add_argument(
        "--shard",
        metavar="yyyyH1|H2",
        help="导出哪一个分片，默认现用的 (which shard; the open one)",
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def _shard(name: str | None, settings: Settings) -> AbstractContextManager[Connection]:
    return reading_named(log_store(settings), name) if name else log_reading(settings)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0; 1 if log or folder hold another history; 2 if nothing is sealed; 3 unread."""
    try:
        with telling(), _shard(args.shard, settings) as connection:
            done = export_log(LogReader(connection), args.folder, city_policy(settings))
    except NoSuchShard:
        complain(f"没有分片 {args.shard}：见 bin/yichuang audit shard list")
        return UNREADABLE
    except NothingSealed:
        complain("日志还没有签名的树头：先运行 bin/yichuang audit seal")
        return INCOMPLETE
    except PolicyInvalid as error:
        return unreadable(LogUnreadable(f"{policy_path(settings)}：{error}"))
    except (ExportConflict, LogDamaged, NoteInvalid) as error:
        complain(f"没有导出，日志与已有的不符：{error}")
        return TAMPERED
    except LogUnreadable as error:
        return unreadable(error)
    if args.json:
        said = {"folder": str(done.folder), "added": done.added, "kept": done.kept}
        say_json({**said, **done.head.as_json()})
        return 0
    say(f"已导出 {done.origin} 的 {done.size} 条记录到 {done.folder}")
    say(f"新写 {done.added} 个文件，原有 {done.kept} 个未动")
    vouched = "、".join(name for name, _ in done.head.cosigned)
    say(f"联署：{vouched}" if done.head.witnessed else "未经见证：没有足够见证人的联署，已标明")
    return 0
