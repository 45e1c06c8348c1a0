"""What one case puts into the sums about its process: its way, the times of its steps, who held it.

By the month in which it came in, as the map asks. A time is kept as precisely as pages tell it
(`cases.process.told_as`), so that the times of any number of cases are some hundreds of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection, select

from cases.months import month_at
from cases.process import told_as
from cases.process_rows import BY_ITSELF, decided_shares
from cases.tables import case, step
from cases.tally_running import named
from cases.tally_share import PROCESS, Share

WAY: Final = "way"
TOOK: Final = "took"
WHOLE: Final = "whole"
HELD: Final = "held"
"""First words of a name."""
THEN: Final = "|"
"""Between the steps of a way; no verb has one."""
BILLIONTHS: Final = 10**9


def put_process(connection: Connection, found: Mapping[str, Share], zone: str) -> None:
    """Tell the ways of these cases, without the steps that nobody did, and who held them."""
    query = (
        select(step.c.case_id, step.c.verb, step.c.occurred_at, case.c.received_at, case.c.is_open)
        .select_from(step.join(case, case.c.id == step.c.case_id))
        .where(step.c.case_id.in_(list(found)), step.c.verb.not_in(sorted(BY_ITSELF)))
        .order_by(step.c.case_id, step.c.seq)
    )
    for case_id, rows in groupby(connection.execute(query), key=attrgetter("case_id")):
        steps = sorted(rows, key=attrgetter("occurred_at"))
        share, month = found[case_id], month_at(steps[0].received_at, zone)
        over = "" if steps[0].is_open else "over"
        share.add(PROCESS, month, named(WAY, over, THEN.join(one.verb for one in steps)), 1)
        for one, following in pairwise(steps):
            took = following.occurred_at - one.occurred_at
            pair = (one.verb, following.verb)
            told = str(told_as(took.total_seconds()))
            share.add(PROCESS, month, named(TOOK, *pair, told), 1)
            share.add(PROCESS, month, named(WHOLE, *pair), round(took.total_seconds() * 1000))
    _put_held(connection, found, zone)


def _put_held(connection: Connection, found: Mapping[str, Share], zone: str) -> None:
    holders: dict[tuple[str, str, str], set[str]] = {}
    for row in connection.execute(decided_shares(list(found))):
        share, month = found[row.case_id], month_at(row.received_at, zone)
        holder = (HELD, row.holder_kind, row.holder)
        n = round(row.amount * BILLIONTHS)
        share.add(PROCESS, month, named(*holder, "paused" if row.paused else "used"), n)
        told = holders.setdefault((row.case_id, row.holder_kind, row.holder), set())
        words = {"cases"}
        if not row.paused and row.on_time is not None and not row.on_time:
            share.add(PROCESS, month, named(*holder, "late"), n)
            words.add("late_cases")
        for word in words - told:
            share.add(PROCESS, month, named(*holder, word), 1)
        told |= words
