"""`yichuang audit reconcile`: Temporal's histories against the log, both ways."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from activities.alarming import Alarms
from audit.entry import Who
from audit.report import CLEAN, INCOMPLETE, TAMPERED, UNREADABLE
from audit.shards import log_engines
from cases.database import open_engine
from cases.reconciled import Difference
from yichuang import temporal
from yichuang.log_stores import LogUnreadable, log_store, telling, unreadable
from yichuang.reconciling import AWAY, Figures, Reconciler, case_of, words
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "流程历史与日志条目逐一核对 (each step one entry, each entry its step)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="以一个 JSON 对象输出 (one object)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Return 0 when all agrees, 1 for a difference, 2 where something can never be compared, 3."""
    try:
        with telling():
            figures = asyncio.run(_compared(settings))
    except LogUnreadable as error:
        return unreadable(error)
    except AWAY as away:
        complain(f"流程引擎或办件库现在读不到，没有核对：{away}")
        return UNREADABLE
    if args.json:
        say_json(_shown(figures))
    else:
        _told(figures)
    return _code(figures)


async def _compared(settings: Settings) -> Figures:
    log = log_store(settings)
    cases = open_engine(settings.store_url("cases"))
    try:
        reconciler = Reconciler(
            cases,
            lambda: log_engines(log),
            await temporal.connect(settings),
            Alarms(settings.city, f"{settings.address}/schemas"),
        )
        figures = await reconciler.round()
        await asyncio.to_thread(reconciler.note_by_hand, figures, Who("operator", "human"))
        return figures
    finally:
        log.dispose()
        cases.dispose()


def _code(figures: Figures) -> int:
    if figures.standing:
        return TAMPERED
    return INCOMPLETE if figures.lost or figures.beyond else CLEAN


def _told(figures: Figures) -> None:
    read = f"{figures.runs} 个流程、{figures.activities} 个完成的环节、{figures.entries} 条日志条目"
    say(f"读了 {read}")
    for one in figures.standing:
        say(f"不符：{words(one)}")
    if figures.ended:
        say(f"{figures.ended} 条属于已依法销毁流程历史的事件，以日志的销毁条目为准")
    if figures.beyond:
        say(f"{figures.beyond} 条早于流程引擎的保留期，无从核对")
    if figures.lost:
        say("上次核对早于流程引擎的保留期：其间的环节再也无法核对")
    elif figures.behind:
        say("注意：上次核对已过流程引擎保留期的一半")
    if not figures.standing:
        say("逐一相符" if not figures.lost else "其余逐一相符")


def _shown(figures: Figures) -> dict[str, Any]:
    return {
        "exit_code": _code(figures),
        "runs": figures.runs,
        "activities": figures.activities,
        "entries": figures.entries,
        "beyond_retention": figures.beyond,
        "history_destroyed": figures.ended,
        "behind": figures.behind,
        "lost": figures.lost,
        "closed_until": figures.closed_until.isoformat() if figures.closed_until else None,
        "differences": [_difference(one) for one in figures.standing],
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "case": case_of(one),
        "workflow": one.workflow_id,
        "run": one.run_id,
        "event": one.event_id,
        "entry": one.entry_id,
        "stream": one.stream,
    }
