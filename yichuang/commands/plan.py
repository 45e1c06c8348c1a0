"""`yichuang plan verify`: the plan's numbers counted a second time, from the log's orders."""

import argparse
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from cases.database import StoreUnwritable, open_engine
from cases.plan.figures import Figure, shown, value_of
from catalogue.kpis import Kpi, load_kpis
from yichuang import joining
from yichuang.log_stores import log_store
from yichuang.plan_recount import Both, compared
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "方案指标：从日志所记的每一步另算一遍，逐个对照 (the plan's numbers, counted a second time)"
NAMED = 20
"""Orders that are not what the log binds, named one by one; all are counted."""


def add(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", required=True)
    verify = verbs.add_parser("verify", help="另算并对照 (count again and compare)")
    verify.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Compare; 0 equal, 1 when a number or an order differs, 2 when it cannot be read."""
    try:
        engine = open_engine(settings.store_url("cases"), read_only=True)
        try:
            calendars = joining.released_of(settings).catalogue().calendars
            found = compared(
                engine, log_store(settings), calendars, load_kpis(), settings.zone,
                datetime.now(UTC),
            )  # fmt: skip
        finally:
            engine.dispose()
    except (SQLAlchemyError, StoreUnwritable, OSError) as away:
        complain(f"办件库或者日志读不出来：{away}")
        return 2
    if args.json:
        numbers = [one.as_json() for one in found.numbers]
        say_json({"numbers": numbers, "orders": found.orders, "faults": list(found.faults)})
    else:
        for one in found.numbers:
            say(_line(one))
        for fault in found.faults[:NAMED]:
            say(f"不符：{fault}")
        equal = sum(one.equal for one in found.numbers)
        say(
            f"{len(found.numbers)} 个指标，{equal} 个相符；据 {found.orders} 步，"
            f"{len(found.faults)} 步与日志不符"
        )
    return 0 if found.sound else 1


def _line(one: Both) -> str:
    mark = "相符" if one.equal else "不符"
    both = (_said(one.kpi, figure) for figure in (one.shown, one.counted))
    return f"{mark}  {one.kpi.name}  页面与另算：{'；'.join(both)}"


def _said(kpi: Kpi, one: Figure | None) -> str:
    if one is None:
        return "—"
    value = shown(value_of(kpi, one.numerator, one.denominator))
    return f"{value}（{one.numerator}/{one.denominator}，{one.on}）"
