"""`yichuang replay PATH`: a permit log, over NATS, as backfilled orders (补录)."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from catalogue.load import load_catalogue
from yichuang.bus import connect
from yichuang.permit_log import LogUnreadable, PermitLog, read_log
from yichuang.replaying import USER, Replay, Replayed
from yichuang.settings import Settings
from yichuang.terminal import complain, say

HELP = "补录一份办件日志并核对 (feed a permit log over NATS and check it)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", type=Path, help="CSV 或 CSV.gz (file or folder)")
    parser.add_argument("--matter", default="wabo-receipt", help="事项标识 (matter)")
    parser.add_argument("--limit", type=int, help="只取前 N 个办件 (first N cases)")
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象结束")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Replay; 0 when nothing was lost, 1 when something was, 2 for bad input."""
    try:
        log = read_log(args.path, args.limit)
    except LogUnreadable as unreadable:
        complain(str(unreadable))
        return 2
    result = asyncio.run(_replay(settings, log, args.matter))
    if args.json:
        say(json.dumps(result.document(), ensure_ascii=False))
    else:
        for name, value in result.document().items():
            say(f"{name}: {value}")
    return 1 if result.lost else 0


async def _replay(settings: Settings, log: PermitLog, code: str) -> Replayed:
    matter = load_catalogue().matter_in_force(code, datetime.now(UTC).date())
    bus = await connect(settings, USER)
    try:
        return await Replay(bus, settings.city, log, matter, progress=_progress).run()
    finally:
        await bus.close()


def _progress(done: int, total: int) -> None:
    sys.stderr.write(f"\r补录 {done}/{total}")
    sys.stderr.flush()
    if done == total:
        sys.stderr.write("\n")
