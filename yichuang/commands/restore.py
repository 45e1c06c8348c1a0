"""`yichuang restore DIR`, `yichuang restore --check`: a backup put back, and what differs."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from yichuang.audit_words import CONCLUSIONS
from yichuang.backup_seal import SecretTooWeak
from yichuang.backup_set import NoBackup, WrongSecret
from yichuang.commands.backup import secret_of, tell, told_of
from yichuang.embedded.ground import StartRefused
from yichuang.embedded.serving import ServerMissing
from yichuang.keyring import KeyMissing
from yichuang.restoring import Findings, RestoreFailed, look, restore, restore_streams
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "恢复备份到空的数据目录，并说明有什么不符 (put a backup back, say what differs)"
DIFFERS, WRONG = 1, 2


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="备份的文件夹")
    parser.add_argument("--key", type=Path, help="一个文件：备份的口令或者密钥")
    parser.add_argument(
        "--check", action="store_true", help="只看现在的数据目录各部分是不是同一时刻的 (look only)"
    )
    parser.add_argument(
        "--streams",
        action="store_true",
        help="大型部署的第二步：放回消息流 (large form, step two)",
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 when all agrees, 1 when something differs or none was put back, 2 wrongly asked."""
    if (args.folder is None) != args.check:
        complain("用法：restore DIR --key FILE，或者 restore --check")
        return WRONG
    told = told_of(args.json)
    try:
        if args.folder is not None and args.streams:
            folder, secret = args.folder.expanduser(), secret_of(args.key)
            asyncio.run(restore_streams(settings, folder, secret, told))
        elif args.folder is not None:
            folder, secret = args.folder.expanduser(), secret_of(args.key)
            manifest = asyncio.run(restore(settings, folder, secret, told))
            if not args.json:
                tell(False, manifest)
            if settings.form == "large":
                _say_next(args.json, args.folder)
                return 0
        found = asyncio.run(look(settings, told))
    except (RestoreFailed, NoBackup, ServerMissing) as failed:
        complain(str(failed))
        return DIFFERS
    except WrongSecret:
        complain("备份口令不对")
        return WRONG
    except (SecretTooWeak, KeyMissing, StartRefused, OSError) as wrong:
        complain(str(wrong))
        return WRONG
    _tell(args.json, found)
    return 0 if found.agrees else DIFFERS


def _say_next(as_json: bool, folder: Path) -> None:
    steps = (
        "nats-config、nats、temporal",
        f"bin/yichuang restore {folder} --key FILE --streams",
        "bin/yichuang restore --check",
    )
    if as_json:
        say_json({"next": steps})
        return
    say(f"数据库、密钥、签名已放回。先起 {steps[0]}（用放回的密钥），然后：")
    for step in steps[1:]:
        say(f"  {step}")


def _tell(as_json: bool, found: Findings) -> None:
    if as_json:
        said = [{"older": r.older, "newer": r.newer, "why": str(r)} for r in found.rollbacks]
        verdict = None if found.verdict is None else found.verdict.as_json()
        say_json(
            {"agrees": found.agrees, "rollbacks": said, "audit": verdict, "unread": found.unread}
        )
        return
    for one in found.rollbacks:
        say(f"不符：{one}")
    for line in found.unread:
        say(f"没有看成：{line}")
    if found.verdict is not None:
        say(f"日志核验：{CONCLUSIONS[found.verdict.exit_code]}")
    if found.agrees:
        say("各部分相符。启动（bin/yichuang up）以前，请与别处保存的检查点核对：")
        say("  bin/yichuang audit verify --pin 检查点   备份以后办的，这里没有")
    else:
        say("各部分不符：不要启动；见 docs/backup.md")
