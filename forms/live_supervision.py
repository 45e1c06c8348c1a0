"""The supervisors' board while it is open: what runs late and soon will, sent anew as it changes.

The statistics below stay as they were counted, and say when that was; what is live is what one acts
on. Every message tells when it was read, and the first after a lost line has everything: a board
that has come back misses nothing. Without a script the page is a page, with the hour of its
numbers and a link that reads them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final

from markupsafe import Markup
from starlette.responses import Response, StreamingResponse

from cases.boards import Board, BoardQuery, Watching
from cases.oversight import WatchCounts
from cases.reception import NotNow
from forms.board_query import board_query, watch_links
from forms.incident_stream import (
    RETRY_MS,
    SESSION_SECONDS,
    counted,
    event,
    still_listening,
    until_next_look,
)
from forms.oversight import ClockRow, Names, clock_row
from forms.rendering import environment
from forms.visit import Visit

ANEW_SECONDS: Final = 15.0
"""Between two readings: a clock moves by days, and a case by the minutes of a hand."""
OLD_SECONDS: Final = 60
"""After so long without news the page says that it is old: four readings."""
ALARMS: Final = 10
"""Alarms that the board shows; `bin/yichuang status --json` has all."""


@dataclass(frozen=True)
class AlarmLine:
    """One open alarm."""

    text: str
    since: datetime
    department: str
    """Its short name; empty: about none."""


@dataclass(frozen=True)
class Running:
    """What runs, as it was read at one instant."""

    at: datetime
    counts: WatchCounts
    links: Mapping[str, str]
    """State of watch → its list."""
    overdue: Sequence[ClockRow]
    overdue_all: int
    warning: Sequence[ClockRow]
    warning_all: int
    alarms: Sequence[AlarmLine]
    """What somebody must look at now, the oldest first."""
    more_alarms: int
    """How many more there are than are shown."""


async def running(visit: Visit, query: BoardQuery) -> Running:
    """Return what runs now, of what the reader may list."""
    found = await visit.ask(visit.ports.supervision.watching, visit.actor, query)
    return await shown_of(visit, query, found)


async def shown_of(visit: Visit, query: BoardQuery, found: Watching | Board) -> Running:
    """Return what was read as the page shows it; a whole board has read it with the rest."""
    sounding = await visit.ask(visit.ports.supervision.alarms, visit.actor)
    names = Names(visit)
    return Running(
        at=found.now,
        counts=found.counts,
        links=watch_links(query),
        overdue=[clock_row(visit, names, one) for one in found.overdue],
        overdue_all=found.overdue_all,
        warning=[clock_row(visit, names, one) for one in found.warning],
        warning_all=found.warning_all,
        alarms=[
            AlarmLine(
                one.alarm.text,
                one.raised_at,
                names.department(one.alarm.department) if one.alarm.department else "",
            )
            for one in sounding[:ALARMS]
        ],
        more_alarms=max(0, len(sounding) - ALARMS),
    )


def drawn(visit: Visit, found: Running) -> Markup:
    """Return it as HTML, made by the same macro for the page and for the stream."""
    part = environment(visit.language).get_template("macros/running.html").module
    return Markup(part.running(found, visit.zone))  # type: ignore[attr-defined]  # noqa: S704 -- the macro escapes


async def changes(visit: Visit) -> Response:
    """What runs, from now on."""
    return StreamingResponse(
        counted(visit, _telling(visit, board_query(visit))),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _telling(visit: Visit, query: BoardQuery) -> AsyncIterator[bytes]:
    closing: asyncio.Event = visit.request.app.state.closing
    yield f"retry: {RETRY_MS}\n\n".encode()
    looked, asked_session, sent = float("-inf"), monotonic(), ""
    while True:  # once at least: whoever came is told what is so
        now = monotonic()
        try:
            if now - looked >= ANEW_SECONDS:
                looked = now
                found = await running(visit, query)
                html, said = str(drawn(visit, found)), {"at": found.at.isoformat()}
                yield event("running", said if html == sent else {**said, "html": html})
                sent = html
            if now - asked_session >= SESSION_SECONDS:
                asked_session = now
                if not await still_listening(visit, "supervise", "supervision"):
                    return  # the browser comes back, and is led to where one signs in
        except NotNow:
            yield event("away", {})
        await until_next_look(closing)
        if closing.is_set():
            return
