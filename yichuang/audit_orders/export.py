"""`yichuang audit export FOLDER`: the log as static files in the form of C2SP tlog-tiles."""

from __future__ import annotations

import argparse
from pathlib import Path

from audit.export import ExportConflict, NothingSealed, export_log
from audit.logstore import LogDamaged, LogReader
from audit.report import INCOMPLETE, TAMPERED
from yichuang.log_stores import LogUnreadable, log_reading, unreadable
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "导出日志为静态文件，任何人可校验 (the log as C2SP tlog-tiles files)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="目标文件夹；已有的导出只增不改 (only added to)"
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0; 1 if log or folder hold another history; 2 if nothing is sealed; 3 unread."""
    try:
        with log_reading(settings) as connection:
            done = export_log(LogReader(connection), args.folder)
    except NothingSealed:
        complain("日志还没有签名的树头：先运行 bin/yichuang audit seal")
        return INCOMPLETE
    except (ExportConflict, LogDamaged) as error:
        complain(f"没有导出，日志与已有的不符：{error}")
        return TAMPERED
    except LogUnreadable as error:
        return unreadable(error)
    if args.json:
        say_json(
            {
                "folder": str(done.folder),
                "origin": done.origin,
                "size": done.size,
                "root": done.root.hex(),
                "added": done.added,
                "kept": done.kept,
            }
        )
        return 0
    say(f"已导出 {done.origin} 的 {done.size} 条记录到 {done.folder}")
    say(f"新写 {done.added} 个文件，原有 {done.kept} 个未动")
    return 0
