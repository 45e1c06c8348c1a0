"""`yichuang clock ledger CASE_NO`: a case's clocks, day by day, and what had been otherwise;
`clock templates` and `clock derive`: the timetables of laws, and their periods from events."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from cases import approval
from cases.case_view import clock_event_of
from cases.clocks import (
    Due,
    Ledger,
    Moved,
    lateness,
    ledger,
    newest,
    periods,
    what_if,
)
from cases.database import StoreUnwritable, open_engine, reading
from cases.state import CaseState, ClockEvent
from cases.tables import case, clock_event
from cases.tables import state as state_table
from catalogue.working_days import NONE, Calendar
from yichuang import joining, timetables
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "时限台账：逐日列出、反问 (a case's clocks day by day; read only)"
WRONG = 2
STATES = {"zero": "起算日", "counted": "计时", "paused": "停表", "off": "非工作日", "over": "超期"}


def add(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")
    one = orders.add_parser("ledger", help="一个办件的台账 (the ledgers of a case)")
    one.add_argument("case_no", metavar="CASE_NO", help="办件编号 (number of the case)")
    one.add_argument("--clock", default="", help="只列这个时钟，如 statutory (only this one)")
    one.add_argument("--at", type=_instant, default=None, help="截至时刻 ISO 8601 (as of)")
    one.add_argument(
        "--without", action="append", default=[], metavar="EVENT",
        help="若没有这件事会怎样，如 7.2，可多次 (what if these events had not been)",
    )  # fmt: skip
    one.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")
    timetables.add(orders)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("时刻须带时区，如 2026-11-26T09:00+08:00")
    return at


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the ledgers; 1 when the store cannot be read, 2 for no such case, clock or event."""
    if args.order in timetables.ORDERS:
        return timetables.run(args, as_json)
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        return show(args, engine, joining.released_of(settings, engine).catalogue().calendars)
    except StoreUnwritable as away:
        complain(f"{away}。若是第一次，请先运行 bin/yichuang init")
        return 1
    finally:
        engine.dispose()


def show(args: argparse.Namespace, engine: Engine, calendars: Mapping[str, Calendar]) -> int:
    """Print what was asked of the cases store by the calendars in force."""
    read = _read(engine, args.case_no)
    if read is None:
        complain(f"没有办件 {args.case_no}")
        return WRONG
    state, events = read
    plan = state.plan
    calendar = calendars.get(plan.calendar, NONE).of(plan.department)
    at = args.at or datetime.now(UTC)
    rules = approval.clock_rules(plan)
    found = {
        key: ledger(period, calendar, plan.zone, at)
        for key, period in newest(periods(rules, events)).items()
    }
    if args.clock and args.clock not in found:
        complain(f"没有时钟 {args.clock}；有：{'、'.join(found)}")
        return WRONG
    unknown = set(args.without) - {event.id for event in events}
    if unknown:
        complain(f"没有事件 {'、'.join(sorted(unknown))}；--json 列出全部事件")
        return WRONG
    chosen = [one for key, one in found.items() if args.clock in ("", key)]
    moved = what_if(rules, events, args.without, calendar, plan.zone, at) if args.without else ()
    if args.json:
        say_json(_told(state, events, chosen, moved, calendar, at))
        return 0
    _print(state, events, chosen, moved, calendar, at)
    return 0


def _read(engine: Engine, case_no: str) -> tuple[CaseState, tuple[ClockEvent, ...]] | None:
    with reading(engine) as connection:
        row = connection.execute(
            select(state_table.c.state, case.c.id)
            .join(case, case.c.id == state_table.c.case_id)
            .where(case.c.case_no == case_no.strip().upper())
        ).one_or_none()
        if row is None:
            return None
        rows = connection.execute(
            select(clock_event)
            .where(clock_event.c.case_id == row.id)
            .order_by(clock_event.c.seq, clock_event.c.n)
        ).all()
    return CaseState.model_validate_json(row.state), tuple(clock_event_of(one) for one in rows)


# --- as text -------------------------------------------------------------------------------------


def _print(
    state: CaseState,
    events: Sequence[ClockEvent],
    chosen: Sequence[Ledger],
    moved: Sequence[Moved],
    calendar: Calendar,
    at: datetime,
) -> None:
    zone = state.plan.zone
    say(f"{state.case_no}  日历 {calendar.name}@{calendar.version}  截至 {at.isoformat()}")
    for one in chosen:
        say(f"\n{one.period.key}  {one.period.rule.limit.basis}  到期 {_end(one.due)}  "
            f"已用 {_amount(one, one.used)} / {_amount(one, one.budget)}  "
            f"剩余 {_amount(one, one.left)}")  # fmt: skip
        if len(chosen) > 1:
            continue
        for row in one.rows:
            hours = (
                ""
                if one.scale == "day"
                else f" {_clock(row.since, zone)}–{_clock(row.until, zone)}"
            )
            mark = "" if row.known else "（暂定）"
            say(f"  {row.day}{hours}  {STATES[row.state]}{mark}  {_amount(one, row.used)}  "
                f"{_amount(one, row.left)}  {row.article}  {row.cause}")  # fmt: skip
        told = lateness(
            approval.clock_rules(state.plan), events, one.period.key, calendar, zone, at
        )
        for share in told.shares if told else ():
            crossed = "  ← 在此期间超期" if share.crossed else ""
            since = f"{share.event.kind}（{share.event.id}）"
            say(f"  自 {since}起用 {_amount(one, share.used)}{crossed}")
    for move in moved:
        say(f"若没有：{move.key}  {_end(move.before)} → {_end(move.after)}")


def _clock(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%H:%M")


def _end(due: Due | None) -> str:
    if due is None:
        return "停表中未定"
    return f"{due.day}{'（暂定）' if due.provisional else ''}"


def _amount(found: Ledger, n: int) -> str:
    if found.scale == "day":
        return str(n)
    return str(timedelta(microseconds=n)) if n >= 0 else f"-{timedelta(microseconds=-n)}"


# --- as JSON -------------------------------------------------------------------------------------


def _told(
    state: CaseState,
    events: Sequence[ClockEvent],
    chosen: Sequence[Ledger],
    moved: Sequence[Moved],
    calendar: Calendar,
    at: datetime,
) -> dict[str, Any]:
    return {
        "case_no": state.case_no,
        "at": at.isoformat(),
        "calendar": f"{calendar.name}@{calendar.version}",
        "events": [event.model_dump(mode="json") for event in events],
        "clocks": [as_json(one) for one in chosen],
        "without": [
            {
                "clock": one.key,
                "before": _due_json(one.before),
                "after": _due_json(one.after),
                "late_before": one.late_before,
                "late_after": one.late_after,
            }
            for one in moved
        ],
    }


def as_json(found: Ledger) -> dict[str, Any]:
    """Return a ledger as JSON: instants in ISO 8601, amounts in days or microseconds."""
    period = found.period
    return {
        "clock": period.key,
        "rule": period.rule.id,
        "article": period.rule.limit.basis,
        "started": period.start.id,
        "ended": period.end.id if period.end else None,
        "due": _due_json(found.due),
        "scale": found.scale,
        "budget": found.budget,
        "used": found.used,
        "left": found.left,
        "paused": found.paused,
        "rows": [
            {
                "day": row.day.isoformat(),
                "since": row.since.isoformat(),
                "until": row.until.isoformat(),
                "state": row.state,
                "working": row.working,
                "provisional": not row.known,
                "article": row.article,
                "cause": row.cause,
                "used": row.used,
                "left": row.left,
            }
            for row in found.rows
        ],
    }


def _due_json(due: Due | None) -> dict[str, Any] | None:
    if due is None:
        return None
    return {
        "at": due.at.isoformat(),
        "day": due.day.isoformat(),
        "provisional": due.provisional,
        "calendar_version": due.calendar_version,
    }
