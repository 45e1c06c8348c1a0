"""`yichuang audit purge`: bodies whose period is over go; leaves, tiles and proofs stay."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from audit.entry import Who
from audit.erasing import shed_old_pages
from audit.logstore import LogMissing
from audit.purges import Purge
from audit.report import INCOMPLETE, UNREADABLE
from audit.retention import (
    announce,
    carry_out,
    choose,
    drop_payloads,
    ids_of,
    unfinished,
)
from cases import log_lines
from cases.database import StoreUnwritable, open_engine
from catalogue.archive import load_archive
from yichuang.purging import LOG_CLASS, Retention, TooYoung
from yichuang.settings import Settings, Store
from yichuang.terminal import complain, say, say_json

HELP = "到期清除日志正文 (purge bodies whose retention period is over)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--before", type=date.fromisoformat, help="某日以前的，如 2036-01-01")
    parser.add_argument(
        "--class",
        dest="archive_class",
        choices=[one.code for one in load_archive().classes] + [LOG_CLASS],
        help="归档类别；log 为不属于办件的日志，六个月",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="只把已记入日志而未清完的清完 (finish what was cut short)",
    )
    parser.add_argument("--dry-run", action="store_true", help="只说有多少条 (say how many)")
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 done, 2 where law forbids it or something is missing, 3 where a store is away."""
    if not args.resume and (args.before is None or args.archive_class is None):
        complain("须写明 --before 和 --class，或者 --resume")
        return INCOMPLETE
    try:
        said = _purge(args, settings)
    except TooYoung as young:
        if args.json:
            latest = young.latest.isoformat() if young.latest else None
            say_json({"refused": young.sentence, "basis": young.basis, "latest": latest})
        else:
            complain(f"{young.sentence}（{young.basis}）")
        return INCOMPLETE
    except (SQLAlchemyError, StoreUnwritable, LogMissing, LookupError, OSError) as away:
        complain(f"没有清完（{away}）；恢复后运行 bin/yichuang audit purge --resume")
        return UNREADABLE
    if args.json:
        say_json(said)
    else:
        say(f"{'可以清除' if args.dry_run else '已清除'} {said['entries']} 条正文，"
            f"{said['purges']} 条记录（retention.purged）")  # fmt: skip
    return 0


def _purge(args: argparse.Namespace, settings: Settings) -> dict[str, int]:
    log = open_engine(settings.store_url("log"))
    # First what was announced and cut short, so that no leaf is announced twice.
    gone = 0
    if not args.dry_run:
        gone = sum(_empty(settings, log, one) for one in unfinished(log))
    if args.resume:
        return {"entries": gone, "purges": 0}
    cases = open_engine(settings.store_url("cases"), read_only=True)
    retention = Retention(cases, load_archive(), settings.zone, lambda: datetime.now(UTC))
    found = choose(log, retention.judge(args.before, args.archive_class))
    if args.dry_run:
        return {"entries": sum(len(one.rows) for one in found), "purges": 0}
    basis, purges = retention.basis(args.archive_class), 0
    for one in found:
        for purge in announce(log, one, Who("system", "system"), basis, datetime.now(UTC)):
            gone += _empty(settings, log, purge)
            purges += 1
    return {"entries": gone, "purges": purges}


def _empty(settings: Settings, log: Engine, purge: Purge) -> int:
    """Drop what the entries committed to and what they are found by, then their bodies: last, so
    that a crash before leaves a purge that is found unfinished."""
    ids = ids_of(log, purge)
    stores: tuple[Store, ...] = ("cases", "web", "gateway")
    for store in stores:
        engine = open_engine(settings.store_url(store))
        with engine.begin() as connection:
            drop_payloads(connection, ids)
            if store == "web":
                log_lines.forget(connection, ids)
        shed_old_pages(engine)
        engine.dispose()
    return carry_out(log, purge)
