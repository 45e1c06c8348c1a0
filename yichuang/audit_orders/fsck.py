"""`yichuang audit fsck FOLDER`: an exported log checked by itself, against a key from elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path

from audit.exported import fsck
from audit.notes import NoteInvalid, NoteVerifier
from audit.report import UNREADABLE
from yichuang.audit_words import tell_report
from yichuang.keyring import log_vkey_path
from yichuang.settings import Settings
from yichuang.terminal import complain, say_json

HELP = "校验导出的日志文件夹，只凭公钥 (check an export alone, against the log's public key)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="导出的文件夹 (the export)")
    parser.add_argument(
        "--vkey", metavar="VKEY",
        help="日志公钥或存放它的文件；不写则是本市的 (key or its file; default: this city's)",
    )  # fmt: skip
    parser.add_argument(
        "--pin", type=Path, action="append", default=[], help="另处保存的检查点 (a kept checkpoint)"
    )
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 clean, 1 tampered, 2 incomplete, 3 cannot read."""
    try:
        trusted = NoteVerifier.parse(_vkey(args.vkey, settings))
        pins = [path.read_text(encoding="utf-8") for path in args.pin]
    except (OSError, NoteInvalid) as error:
        complain(f"读不到公钥或检查点：{error}")
        return UNREADABLE
    report = fsck(args.folder, trusted, pins=pins)
    if args.json:
        say_json(report.as_json())
    else:
        tell_report(report)
    return report.exit_code


def _vkey(given: str | None, settings: Settings) -> str:
    path = Path(given) if given else log_vkey_path(settings)
    return given if given and not path.is_file() else path.read_text(encoding="utf-8")
