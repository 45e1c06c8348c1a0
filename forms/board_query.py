"""Which months, matter and department a supervisor's page is about: they live in its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import get_args

from cases.boards import BoardQuery
from cases.months import month_of, months_before
from cases.oversight import Watch
from forms.oversight import address
from forms.visit import Visit

LATEST_MONTHS = 24
"""Months that the filters offer."""

WATCHES: tuple[Watch, ...] = get_args(Watch)


def board_query(visit: Visit) -> BoardQuery:
    """Return the filters of the address: this month where it names none."""
    given = visit.request.query_params
    this = month_of(datetime.now(UTC), visit.options.zone)
    last = given.get("until", "").strip() or this
    first = given.get("from", "").strip() or last
    return BoardQuery(
        min(first, last), last, given.get("matter", "").strip(), given.get("department", "").strip()
    )


def months_offered(visit: Visit) -> Sequence[str]:
    """Return the months that filters offer, the newest first."""
    this = month_of(datetime.now(UTC), visit.options.zone)
    return [months_before(this, n) for n in range(LATEST_MONTHS)]


def watch_links(query: BoardQuery) -> Mapping[str, str]:
    """Return where the running clocks in each state of watch are listed, of the same filters."""
    own = {"matter": query.matter, "department": query.department}
    return {
        f"watch:{watch}": address("/supervision/clocks", watch=watch, **own) for watch in WATCHES
    }
