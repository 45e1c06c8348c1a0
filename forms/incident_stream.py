"""The board's live changes, as server-sent events: nothing missed after a lost connection.

An event's id is the number of the newest change that it tells of. Whoever comes back with it
(Last-Event-ID, or `after` in the address on the first call) is told what came since. The window
itself is compared with what this connection sent before, and looked at anew every few seconds
whatever happens, so that a board that is connected is never older than that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

import orjson
from starlette.responses import Response, StreamingResponse

from cases.incident_lists import Change, IncidentRow, UnitRow
from cases.reception import NotNow
from forms.arriving import in_whose_name, on_screen
from forms.incident import state_of
from forms.incident_board import Asked, asked, board_of, counts_of, scene_of, spots_of
from forms.incident_lines import Scene, counter_words, line_html, line_of, spot_svg
from forms.incident_ports import BoardView
from forms.incident_words import VERBS
from forms.shared_looks import SharedLooks
from forms.visit import Visit

LOOK_SECONDS = 0.5
"""Between two looks whether anything changed: one number is read, shared by all who listen."""
ANEW_SECONDS = 10.0
"""After so long the whole window is read, changes or not; a change that another writer committed
late under a lower number shows then at the latest. A page takes three times as long a silence for a
dead line (`static/listening.js`)."""
SESSION_SECONDS = 5.0
"""Between two looks whether the session is still open, and its person's rights the same. A
listening page is no activity: it does not keep a session from ending that nobody uses."""
MOST_STREAMS = 12
"""Connections of one person at once."""
RETRY_MS = 2000
"""After so long a browser comes back."""


@dataclass
class Sent:
    """What this connection's reader has on the page."""

    change: int
    whole: bool = False
    """Everything was sent once: from then on only what differs."""
    lines: Mapping[str, tuple[IncidentRow, Sequence[UnitRow]]] = field(default_factory=dict)
    """What each line was made of."""
    spots: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """One reading of a board, drawn as far as it is the same for all who see the same."""

    view: BoardView
    spots: Mapping[str, Sequence[str]]
    """Incident → what its mark is called, and its SVG; the gravest last."""
    figures: Sequence[int]
    counts: Mapping[str, str]
    """Cell → its number on the map."""


def event(name: str, said: Mapping[str, object], id: int | None = None) -> bytes:
    """Return one event in the form of the HTML standard, 9.2.5."""
    head = b"" if id is None else f"id: {id}\n".encode()
    return head + f"event: {name}\ndata: ".encode() + orjson.dumps(said) + b"\n\n"


async def changes(visit: Visit) -> Response:
    """The changes of everything that I may see."""
    return _stream(visit, asked(visit))


async def unit_changes(visit: Visit) -> Response:
    """The changes of what my unit was sent to."""
    own = next((g.department for g in visit.actor.grants if g.role == "unit_duty"), "")
    own = visit.actor.department if own == "*" else own
    return _stream(visit, asked(visit, own or "-"))


def _stream(visit: Visit, wanted: Asked) -> Response:
    return StreamingResponse(
        counted(visit, _telling(visit, wanted, _after(visit))),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


def _after(visit: Visit) -> int:
    """Return from where on: what the browser last got, else what the page was read at."""
    given = visit.request.headers.get("last-event-id") or visit.request.query_params.get("after")
    return int(given) if given and given.isdecimal() and len(given) < 19 else 0


async def counted(visit: Visit, telling: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass on what is told, unless the person listens on too many pages already."""
    open_now: dict[str, int] = visit.request.app.state.streams
    person = visit.actor.id
    if open_now.get(person, 0) >= MOST_STREAMS:
        yield event("too_many", {})
        return
    open_now[person] = open_now.get(person, 0) + 1
    try:
        async for one in telling:
            yield one
    finally:
        open_now[person] -= 1
        if not open_now[person]:
            del open_now[person]


async def _telling(visit: Visit, wanted: Asked, after: int) -> AsyncIterator[bytes]:
    closing: asyncio.Event = visit.request.app.state.closing
    scene, sent = await scene_of(visit), Sent(after)
    yield f"retry: {RETRY_MS}\n\n".encode()
    looked, asked_session = float("-inf"), monotonic()
    while not closing.is_set():
        try:
            last = await visit.ask(visit.ports.incidents.last)
            now = monotonic()
            if last > sent.change or now - looked >= ANEW_SECONDS:
                looked = now
                yield await _news(scene, wanted, sent, last)
            if now - asked_session >= SESSION_SECONDS:
                asked_session = now
                if not await still_listening(visit):
                    return  # the browser comes back, and is led to where one signs in
        except NotNow:
            yield event("away", {"now": datetime.now(UTC).isoformat()})
        await until_next_look(closing)


async def one_changes(visit: Visit) -> Response:
    """The changes of one incident: only that there are some; the page is then read anew."""
    state = await state_of(visit)
    return StreamingResponse(
        counted(visit, _one(visit, state.incident_id, _after(visit))),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _one(visit: Visit, incident_id: str, after: int) -> AsyncIterator[bytes]:
    closing: asyncio.Event = visit.request.app.state.closing
    yield f"retry: {RETRY_MS}\n\n".encode()
    said = asked_session = monotonic()
    while not closing.is_set():
        last = await visit.ask(visit.ports.incidents.last)
        if monotonic() - said >= ANEW_SECONDS:
            said = monotonic()
            yield event("beat", {})  # a line that is silent for longer is a dead one
        if last > after:
            told = await visit.ask(visit.ports.incidents.since, visit.actor, after)
            after = _known(told, max(last, after))
            mine = [one.seq for one in told if one.incident_id == incident_id]
            if mine:
                yield event("changed", {"changes": mine}, mine[-1])
        if monotonic() - asked_session >= SESSION_SECONDS:
            asked_session = monotonic()
            if not await still_listening(visit):
                return
        await until_next_look(closing)


async def still_listening(
    visit: Visit, act: str = "list", thing: str = "incident", *, screen: bool = False
) -> bool:
    """Tell whether the session is open and its person may still do that, as rights are now.

    `screen`: or whether the screen of the wall may go on, that the session has opened.
    """
    found = await visit.ask(visit.ports.entrance.still, visit.secret)
    if found is None and screen:
        found = await on_screen(visit)
    if found is None:
        return False
    visit.visitor = await in_whose_name(visit, found)
    verdict = await visit.ask(visit.ports.access.may, visit.actor, act, thing)
    return verdict.allowed


async def until_next_look(closing: asyncio.Event) -> None:
    """Wait a moment; less where the server closes."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            await closing.wait()
    except TimeoutError:
        return


def _known(told: Sequence[Change], last: int) -> int:
    """Return up to which change a reader has been told, of all.

    `last` is the newest one before `told` was read: what is committed after that reading has a
    higher number than both, and is told at the next look.
    """
    newest = told[-1].seq if told else 0
    # More changes than one look tells of: the next look goes on from where this one ended.
    return newest if len(told) >= MOST_TOLD else max(newest, last)


async def _news(scene: Scene, wanted: Asked, sent: Sent, last: int) -> bytes:
    """Return what differs from what was sent, with every change since, in their order.

    `last`: the newest change of all as it was read before.
    """
    visit = scene.visit
    shared: SharedLooks = visit.request.app.state.looks
    mine = await visit.ask(visit.ports.incidents.viewpoint, visit.actor)
    told, numbers = await shared.ask(
        ("told", mine, sent.change, last), lambda: _told_since(visit, sent.change)
    )
    look = await shared.ask(
        ("board", mine, visit.language, wanted.filters, wanted.page, wanted.size, last),
        lambda: _look(visit, wanted),
    )
    now, view = datetime.now(UTC), look.view
    said = [
        [one.seq, numbers.get(one.incident_id, ""), visit.say(VERBS.get(one.kind, one.kind))]
        for one in told
    ]
    # A line is sent anew when what it is made of has changed; its own seconds tick in the browser.
    lines = {row.id: (row, view.units.get(row.id, ())) for row in view.window}
    html = {
        id: line_html(visit, line_of(scene, *made_of), now)
        for id, made_of in lines.items()
        if not sent.whole or sent.lines.get(id) != made_of
    }
    drawn = {
        id: mark for id, mark in look.spots.items() if not sent.whole or sent.spots.get(id) != mark
    }
    known = _known(told, max(last, sent.change))
    gone = sorted(set(sent.spots) - set(look.spots)) if sent.whole else []
    answer = {
        "now": now.isoformat(), "whole": not sent.whole, "changes": said, "order": list(lines),
        "lines": html, "spots": drawn, "gone": gone, "figures": look.figures, "total": view.total,
        "counts": look.counts, "pages": view.pages,
    }  # fmt: skip
    sent.change, sent.whole, sent.lines, sent.spots = known, True, lines, look.spots
    return event("board", answer, known)


async def _told_since(visit: Visit, change: int) -> tuple[Sequence[Change], Mapping[str, str]]:
    """Return what changed after that, and the numbers of the incidents that it is about."""
    told = await visit.ask(visit.ports.incidents.since, visit.actor, change)
    ids = sorted({one.incident_id for one in told})
    return told, await visit.ask(visit.ports.incidents.numbers, visit.actor, ids) if ids else {}


async def _look(visit: Visit, wanted: Asked) -> Look:
    view = await board_of(visit, wanted)
    return await visit.ask(_drawn, visit, view)


def _drawn(visit: Visit, view: BoardView) -> Look:
    return Look(
        view,
        {one.id: (one.words, spot_svg(one)) for one in spots_of(visit, view)},
        [getattr(view.counters, name) for name in counter_words(visit)],
        {cell: count for cell, _, _, count in counts_of(visit, view)},
    )


MOST_TOLD = 500
"""Changes of one look, as `cases.incident_lists.since` gives them at most."""
