"""The ledgers of a case as plain values for a receipt: every day, days of one kind as one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Any

from cases.clocks.model import Ledger, Row


def statement(
    ledgers: Iterable[Ledger], calendar: str, cited: Callable[[str], str]
) -> dict[str, Any]:
    """Return the periods with their days and articles.

    `calendar` is name@version; `cited` gives an article's words for its id. Amounts are days, or
    microseconds where `scale` says so. Days that follow one another with one state, article and
    cause are one line: first, last, and what was used and left at its end.
    """
    clocks = [_clock(one) for one in ledgers]
    articles = {one["article"] for one in clocks}
    articles |= {line["article"] for one in clocks for line in one["days"]}
    return {
        "calendar": calendar,
        "clocks": clocks,
        "articles": {article: cited(article) for article in sorted(articles)},
    }


def _clock(found: Ledger) -> dict[str, Any]:
    period, due = found.period, found.due
    return {
        "clock": period.key,
        "article": period.rule.limit.basis,
        "started": period.start.at.isoformat(),
        "ended": period.end.at.isoformat() if period.end else "",
        "due": due.day.isoformat() if due else "",
        "provisional": bool(due and due.provisional),
        "scale": found.scale,
        "budget": found.budget,
        "used": found.used,
        "left": found.left,
        "paused": found.paused,
        "days": [_line(found, list(rows)) for _, rows in groupby(found.rows, _alike)],
    }


def _alike(row: Row) -> tuple[object, ...]:
    return (row.state, row.article, row.cause, row.known)


def _line(found: Ledger, rows: list[Row]) -> Mapping[str, Any]:
    first, last = rows[0], rows[-1]
    days = found.scale == "day"
    return {
        "from": first.day.isoformat() if days else first.since.isoformat(),
        "to": last.day.isoformat() if days else last.until.isoformat(),
        "state": first.state,
        "provisional": not first.known,
        "article": first.article,
        "cause": first.cause,
        "used": last.used,
        "left": last.left,
    }
