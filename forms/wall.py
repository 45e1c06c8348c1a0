"""The wall of the command centre: what is so now, large and dark, nothing to press.

One page that a browser keeps open: incidents by their board's order, the figures, and how the
running clocks of the cases stand for whoever may see that. The stream sends the whole picture anew
when something changed and every few seconds besides; the page says how old what it shows is, and
says so loudly when nothing has come for a while. It shows what its reader may list, nothing more.

Nobody touches it, so its session ends as every idle one does; the wall alone goes on
(docs/decisions/0030-a-wall-outlasts-its-session.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Annotated, ClassVar, Final

from markupsafe import Markup
from starlette.responses import Response, StreamingResponse

from cases.incident_lists import Filters
from cases.oversight import WatchCounts
from cases.reception import NotNow
from forms.arriving import screen_mark
from forms.cookies import WALL_COOKIE, keep_cookie
from forms.incident_board import Asked, board_of, scene_of
from forms.incident_lines import Line, Scene, counter_words, line_of
from forms.incident_stream import (
    ANEW_SECONDS,
    RETRY_MS,
    SESSION_SECONDS,
    counted,
    event,
    still_listening,
    until_next_look,
)
from forms.rendering import Page, environment
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

LINES: Final = 8
"""Incidents that a wall has room for, each on two lines; how many more there are is told."""
CASES_SECONDS: Final = 60.0
"""Between two counts of the cases' clocks: they move by days."""
OLD_SECONDS: Final = 30
"""After so long without news the page says that it is old: three looks of `ANEW_SECONDS`."""
ASKED: Final = Asked(Filters(), 1, 25, {})


@dataclass(frozen=True)
class WallFigure:
    """One number."""

    name: str
    words: str
    count: int


@dataclass(frozen=True)
class Picture:
    """What the wall shows, as it was read at one instant."""

    at: datetime
    figures: tuple[WallFigure, ...]
    cases: tuple[WallFigure, ...]
    """Of the cases' clocks; empty: not this reader's."""
    lines: tuple[Line, ...]
    more: int


@dataclass(frozen=True)
class WallPage(Page):
    """The wall."""

    template: ClassVar[str] = "wall.html"

    picture: Annotated[Markup, "What is so now."]
    at: Annotated[datetime, "When that was read."]
    stream: Annotated[str, "Address of what comes after."]
    old_seconds: Annotated[int, "After so long without news it is old."]


async def wall(visit: Visit) -> Response:
    """The wall as it is now; without a script it is asked for again every half minute."""
    scene = await scene_of(visit)
    picture = await _read(scene, await _cases(visit))
    visit.saw_rows(len(picture.lines))
    page = WallPage(
        title=visit.say(N_("指挥大屏")),
        picture=_drawn(visit, picture),
        at=picture.at,
        stream="/wall/changes",
        old_seconds=OLD_SECONDS,
    )
    response = await show(visit, page)
    if not visit.screen:
        await visit.ask(visit.ports.entrance.opened_wall, visit.who.session)
        keep_cookie(response, WALL_COOKIE, screen_mark(visit.who), visit.options.wall_hours * 3600)
    return response


async def changes(visit: Visit) -> Response:
    """The wall's pictures from now on."""
    return StreamingResponse(
        counted(visit, _pictures(visit)),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _pictures(visit: Visit) -> AsyncIterator[bytes]:
    closing: asyncio.Event = visit.request.app.state.closing
    scene, cases = await scene_of(visit), await _cases(visit)
    yield f"retry: {RETRY_MS}\n\n".encode()
    looked, change, counted_at, asked_session = float("-inf"), -1, monotonic(), monotonic()
    while not closing.is_set():
        try:
            last = await visit.ask(visit.ports.incidents.last)
            now = monotonic()
            if last > change or now - looked >= ANEW_SECONDS:
                if now - counted_at >= CASES_SECONDS:
                    cases, counted_at = await _cases(visit), now
                picture = await _read(scene, cases)
                looked, change = now, last
                said = {"at": picture.at.isoformat(), "html": str(_drawn(visit, picture))}
                yield event("wall", said)
            if now - asked_session >= SESSION_SECONDS:
                asked_session = now
                if not await still_listening(visit, screen=True):
                    return  # the browser comes back, and is led to where one signs in
        except NotNow:
            pass  # nothing is sent: the page grows old, and says so
        await until_next_look(closing)


async def _read(scene: Scene, cases: Sequence[WallFigure]) -> Picture:
    visit = scene.visit
    at = datetime.now(UTC)
    view = await board_of(visit, ASKED)
    words = counter_words(visit)
    lines = view.window[:LINES]
    return Picture(
        at,
        tuple(WallFigure(name, said, getattr(view.counters, name)) for name, said in words.items()),
        tuple(cases),
        tuple(line_of(scene, row, view.units.get(row.id, ())) for row in lines),
        view.total - len(lines),
    )


async def _cases(visit: Visit) -> Sequence[WallFigure]:
    """Return how the clocks of the cases stand, for whoever may see the supervisors' board."""
    verdict = await visit.ask(visit.ports.access.may, visit.actor, "supervise", "supervision")
    if not verdict.allowed:
        return ()
    found: WatchCounts = await visit.ask(visit.ports.supervision.counts, visit.actor)
    say = visit.say
    return (
        WallFigure("total", say(N_("在办办件")), found.total),
        WallFigure("warning", say(N_("预警")), found.warning),
        WallFigure("overdue", say(N_("超期")), found.overdue),
        WallFigure("standing", say(N_("停表")), found.standing),
    )


def _drawn(visit: Visit, picture: Picture) -> Markup:
    """Return the picture as HTML, made by the same macro for the page and for the stream."""
    part = environment(visit.language).get_template("macros/wall.html").module
    return Markup(part.picture(picture, picture.at))  # type: ignore[attr-defined]  # noqa: S704 -- the macro escapes
