"""`yichuang acceptance MATTER`: in which order applications for a matter were accepted."""

import argparse
from zoneinfo import ZoneInfo

from cases.acceptance import order_of_acceptance
from cases.database import StoreUnwritable, open_engine, reading
from cases.views import Order, Place
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "受理先后：谁先受理，没有并列，连同日志条目 (who was accepted first, with the log's entry)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("matter", metavar="事项", help="事项标识 (code of the matter)")
    parser.add_argument("--page", type=int, default=1, help="第几页，每页五十件 (page of fifty)")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print one page of the order; 0, also where nothing was accepted."""
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        with reading(engine) as connection:
            order = order_of_acceptance(connection, args.matter, args.page)
    except StoreUnwritable as away:
        complain(f"{away}。若是第一次，请先运行 bin/yichuang init")
        return 1
    finally:
        engine.dispose()
    if args.json:
        say_json(order.model_dump(mode="json"))
    else:
        for line in lines(order, ZoneInfo(settings.zone)):
            say(line)
    return 0


def lines(order: Order, zone: ZoneInfo) -> list[str]:
    """Return the order in words, instants in the city's time to the microsecond."""
    told = [f"共受理 {order.total} 件；第 {order.page}/{order.pages} 页"]
    return told + [_line(one, zone) for one in order.places]


def _line(one: Place, zone: ZoneInfo) -> str:
    at = one.accepted_at.astimezone(zone).isoformat(" ", "microseconds")
    how = "视为受理" if one.deemed else "受理"
    said = [f"{one.place:>5}  {one.case_no}  {at} {how}  日志条目 {one.entry}"]
    if one.ahead:
        said.append(f"在先未决 {one.ahead} 件")
    if one.overtook:
        said.append(f"先于 {'、'.join(one.overtook)} 准予")
    return "  ".join(said)
