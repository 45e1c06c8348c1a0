"""`yichuang audit fsck FOLDER`: an exported log checked by itself, against a key from elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from audit.exported import fsck_shards
from audit.notes import NoteInvalid, NoteVerifier
from audit.report import UNREADABLE
from audit.trust import PolicyInvalid, TrustPolicy
from yichuang.audit_words import tell_report
from yichuang.log_stores import LogUnreadable, kept_checkpoint
from yichuang.settings import Settings
from yichuang.terminal import complain, say_json
from yichuang.trusting import policy_path

HELP = "校验导出的日志文件夹，只凭公钥 (check an export alone, against the log's public key)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="FOLDER",
        help="导出的文件夹；几个分片则由旧到新 (the export; of several shards, oldest first)",
    )  # fmt: skip
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--vkey", metavar="VKEY", help="日志公钥或存放它的文件 (key or its file)")
    trust.add_argument(
        "--policy", type=Path, metavar="FILE",
        help="信任策略（C2SP tlog-policy）；都不写则是本市的 (policy; default: this city's)",
    )  # fmt: skip
    parser.add_argument(
        "--pin", type=Path, action="append", default=[], help="另处保存的检查点 (a kept checkpoint)"
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 clean, 1 tampered, 2 incomplete, 3 cannot read."""
    try:
        trusted = _trusted(args, settings)
        pins = [kept_checkpoint(path) for path in args.pin]
    except (OSError, UnicodeDecodeError, NoteInvalid, PolicyInvalid, LogUnreadable) as error:
        complain(f"读不到公钥、策略或检查点：{error}")
        return UNREADABLE
    report = fsck_shards(_of_all(args.folders), trusted, pins=pins)
    if args.json:
        say_json(report.as_json())
    else:
        tell_report(report)
    return report.exit_code


def _of_all(folders: Sequence[Path]) -> list[Path]:
    # What `export --all` wrote: a folder of a shard each. One without a half-year is oldest.
    found: list[Path] = []
    for folder in folders:
        inside = [one.parent for one in folder.glob("*/checkpoint")]
        inside.sort(key=lambda one: (one.name[:1].isdigit(), one.name))
        found += inside if inside and not (folder / "checkpoint").exists() else [folder]
    return found


def _trusted(args: argparse.Namespace, settings: Settings) -> NoteVerifier | TrustPolicy:
    if args.vkey is None:
        return TrustPolicy.parse((args.policy or policy_path(settings)).read_bytes())
    path = Path(args.vkey)
    return NoteVerifier.parse(path.read_text(encoding="utf-8") if path.is_file() else args.vkey)
