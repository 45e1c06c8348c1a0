"""What stands before every page: size, session, forgery, permission.

A route is made by `page` (people) or `forms.rest.route` (systems) only. One that names no act is
open, and stands on the written list in tests/house/test_routes_have_warrants.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from forms.arriving import arrive, take_proof, to_sign_in
from forms.disclosure_ports import Shown
from forms.entrance_ports import Visitor
from forms.noting import note_refusal, note_shown
from forms.posting import SMALL_BODY, limited, read_form
from forms.stops import ProveFirst, Stop
from forms.throttles import Rate
from forms.visit import Visit

UNDER_OLD_PASSWORD = (
    "/password", "/sign-out", "/language/{language}", "/healthz", "/still-here.svg",
)  # fmt: skip
"""All that is open to somebody whose password is too old."""


UNDER_NO_CODES = (
    "/security/codes", "/security/codes/kept", "/prove", "/sign-out", "/language/{language}",
    "/healthz", "/still-here.svg",
)  # fmt: skip
"""All that is open to somebody who keeps no recovery codes yet."""


Handler = Callable[[Visit], Awaitable[Response]]


class PageRoute(Route):
    """A route of a page, with what it shows of people."""

    shows: Shown | None = None


def page(
    path: str,
    handler: Handler,
    *,
    act: str = "",
    thing: str = "",
    signed_in: bool = True,
    methods: Sequence[str] = ("GET",),
    body: int = SMALL_BODY,
    shows: Shown | None = None,
    step_up: bool | Callable[[Visit], bool] = False,
    rate: Rate = "page",
    quiet: bool = False,
    screen: bool = False,
) -> Route:
    """Return the route of a page.

    `act` on `thing` is asked of policy before the handler runs. Without an act the handler asks
    itself, because it must find the case first; with `signed_in=False` the page is open. What the
    page `shows` of people is an entry before the answer leaves, and so is a refusal.

    `step_up`, or whether this visit needs it: who comes must have proved lately, by a second
    factor, who they are. An act of `policies.vocabulary.STEP_UP` needs it by itself.

    `quiet`: open pages fetch it by themselves; it keeps no session from ending that nobody uses.
    `screen`: a wall that was opened may go on asking for it when its session is idle.
    """

    async def answer(visit: Visit, request: Request) -> Response:
        visit.not_too_often(rate)
        await _prepared(visit, signed_in)
        if act:
            await visit.demand(act, thing)
        if step_up is True or (step_up and step_up(visit)):
            visit.demand_proof(act)
        response = await handler(visit)
        if visit.seen is not None and not 300 <= response.status_code < 400:
            await note_shown(request, visit.known, visit.seen)
        return response

    async def endpoint(request: Request) -> Response:
        visit = await arrive(limited(request, body), quiet, screen)
        if signed_in and visit.visitor is None:
            return await to_sign_in(visit)
        elsewhere = None if visit.visitor is None else _first(visit.visitor, path)
        if elsewhere:
            return RedirectResponse(elsewhere, 303)
        visit.seen = shows
        try:
            response = await answer(visit, request)
        except Stop as no:
            await note_refusal(request, visit.known, no, path)
            raise
        except ProveFirst as wanted:
            wanted.posted, wanted.files = visit.typed(), bool(visit.files())
            raise
        response.headers.setdefault("cache-control", "no-store")
        return response

    name = f"{getattr(handler, '__module__', '')}.{getattr(handler, '__name__', '')}"
    route = PageRoute(path, endpoint, methods=list(methods), name=name)
    route.shows = shows
    return route


def _first(visitor: Visitor, path: str) -> str:
    """Return what must be done before this page opens; empty: nothing."""
    if visitor.must_keep_codes and path not in UNDER_NO_CODES:
        return "/security/codes"
    if visitor.must_change and path not in UNDER_OLD_PASSWORD:
        return "/password"
    return ""


async def _prepared(visit: Visit, signed_in: bool) -> None:
    """Read what was posted, and use up the second factor that came with it.

    On an open page it is not the session's: whoever signs in anew proves the new sign-in by it.
    """
    if visit.request.method not in ("GET", "HEAD"):
        await read_form(visit)
        if signed_in and visit.visitor is not None:
            await take_proof(visit)
