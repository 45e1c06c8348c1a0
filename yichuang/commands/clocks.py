"""`yichuang clocks check`: the rows that boards count against the ledgers they are views of."""

import argparse
from datetime import UTC, datetime

from cases import clock_check
from cases.database import StoreUnwritable, open_engine
from yichuang import joining
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "时钟表：check 与台账逐件核对，--mend 改正 (compare the clock rows with the ledgers)"

SHOWN = 20


def add(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(dest="order", required=True, metavar="check")
    check = orders.add_parser("check", help="逐件核对 (case by case)")
    check.add_argument("--mend", action="store_true", help="按台账改正 (make them what they say)")
    check.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 when every row is what its ledger says (or has been made so), 1 when one differs."""
    engine = open_engine(settings.store_url("cases"), read_only=not args.mend)
    calendars = joining.released_of(settings).catalogue().calendars
    started = datetime.now(UTC)
    try:
        found = list(clock_check.check(engine, calendars))
        if args.mend:
            for one in found:
                clock_check.mend(engine, calendars, one.case_id)
    except StoreUnwritable as away:
        complain(f"{away}。若是第一次，请先运行 bin/yichuang init")
        return 1
    finally:
        engine.dispose()
    seconds = (datetime.now(UTC) - started).total_seconds()
    if args.json:
        differing = [{"case_no": one.case_no, "differences": list(one.found)} for one in found]
        say_json({"differing": differing, "mended": args.mend, "seconds": round(seconds, 3)})
    else:
        for one in found[:SHOWN]:
            say(f"{one.case_no}：{'；'.join(one.found[:3])}")
        done = "，已改正" if args.mend and found else ""
        say(f"与台账不符的办件 {len(found)} 件{done}（{seconds:.1f} 秒）")
    return 0 if args.mend or not found else 1
