"""Citizens: in by the city's identity provider, and out; the guard of the pages that are theirs.

Every step is a link or a form without script. What a sign-in needs until it comes back is derived
from a secret that the browser alone keeps.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final
from urllib.parse import quote, unquote

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cases.reception import NotNow
from forms.arriving import safe_next
from forms.citizen_ports import NotVouched
from forms.cookies import CITIZEN_COOKIE, drop_cookie, keep_cookie
from forms.guard import Handler, page
from forms.posting import SMALL_BODY
from forms.rendering import Page
from forms.showing import citizen_of, show
from forms.visit import Visit
from forms.words import N_

ENTRY_COOKIE: Final = "__Host-citizen-entry"
"""What a browser keeps while it is at the provider: a secret, and where it was going."""
ENTRY_SECONDS: Final = 600
SESSION_SECONDS: Final = 4 * 3600
"""As long as the session itself may be (`cases.citizens.LONGEST`)."""


@dataclass(frozen=True)
class CitizenSignInPage(Page):
    """Where somebody signs in as a citizen, or is told why that is not possible."""

    template: ClassVar[str] = "citizen_sign_in.html"

    there: Annotated[str, "The path to go on to."]
    possible: Annotated[bool, "The city has an identity provider."]
    reason: Annotated[str, "Why the last try did not succeed; empty: there was none."]
    ended: Annotated[bool, "A session was over when something was sent."]


async def sign_in(visit: Visit) -> Response:
    """The page that says what comes; nothing leaves for the provider by itself."""
    query = visit.request.query_params
    return await _shown(
        visit, safe_next(query.get("next", "/mine")), ended=query.get("ended") == "1"
    )


async def go(visit: Visit) -> Response:
    """Send the browser to the provider, with a secret that only it keeps."""
    there = safe_next(visit.request.query_params.get("next", "/mine"))
    if not visit.ports.citizens.possible:
        return RedirectResponse(f"/mine/sign-in?next={quote(there)}", 303)
    visit.slow_down("sign_ins")
    secret = secrets.token_urlsafe(32)
    try:
        address = await visit.ports.citizens.address(secret)
    except NotNow as away:
        return await _shown(visit, there, str(away), 503)
    response = RedirectResponse(address, 303)
    keep_cookie(response, ENTRY_COOKIE, f"{secret}.{quote(there, safe='')}", ENTRY_SECONDS)
    return response


async def come_back(visit: Visit) -> Response:
    """What the provider sends a browser back with."""
    visit.slow_down("sign_ins")
    query = visit.request.query_params
    secret, _, there = visit.request.cookies.get(ENTRY_COOKIE, "").partition(".")
    there = safe_next(unquote(there) or "/mine")
    if "error" in query:
        said = visit.say(N_("统一身份认证没有完成登录，请再试一次"))
        return await _shown(visit, there, said, 422)
    try:
        answer = await visit.ports.citizens.sign_in(
            secret, query.get("state", ""), query.get("code", ""), visit.where
        )
    except NotNow as away:
        return await _shown(visit, there, str(away), 503)
    if isinstance(answer, NotVouched):
        return await _shown(visit, there, visit.told(answer.reason), 422)
    response = RedirectResponse(there, 303)
    keep_cookie(response, CITIZEN_COOKIE, answer.secret, SESSION_SECONDS)
    drop_cookie(response, ENTRY_COOKIE)
    return response


async def sign_out(visit: Visit) -> Response:
    """End the session here; the provider's own is ended from the page that follows."""
    secret = visit.request.cookies.get(CITIZEN_COOKIE, "")
    await visit.ask(visit.ports.citizens.sign_out, secret, visit.where)
    response = RedirectResponse("/mine/signed-out", 303)
    drop_cookie(response, CITIZEN_COOKIE)
    return response


@dataclass(frozen=True)
class SignedOutPage(Page):
    """That the session is over, and the way to end that of the provider as well."""

    template: ClassVar[str] = "signed_out.html"

    elsewhere: Annotated[bool, "The city has an identity provider, which may keep a session."]
    reason: Annotated[str, "Why the provider's session was not ended; empty: nobody asked."]


async def signed_out(visit: Visit) -> Response:
    """The page after signing out, and the one that the provider sends people back to."""
    return await _left(visit)


async def leave(visit: Visit) -> Response:
    """Send the browser to where the provider ends its own session."""
    visit.slow_down("sign_ins")
    try:
        there = await visit.ports.citizens.leaving()
    except NotNow as away:
        return await _left(visit, str(away), 503)
    if not there:
        return await _left(
            visit, visit.say(N_("统一身份认证没有退出的地址，请关闭浏览器来退出")), 422
        )
    return RedirectResponse(there, 303)


async def _left(visit: Visit, reason: str = "", status: int = 200) -> Response:
    title, possible = visit.say(N_("已经退出")), visit.ports.citizens.possible
    return await show(visit, SignedOutPage(title, possible, reason), status)


async def _shown(
    visit: Visit, there: str, reason: str = "", status: int = 200, ended: bool = False
) -> Response:
    title = visit.say(N_("登录后在线办理"))
    possible = visit.ports.citizens.possible
    return await show(visit, CitizenSignInPage(title, there, possible, reason, ended), status)


def citizens_page(
    path: str, handler: Handler, *, methods: Sequence[str] = ("GET",), body: int = SMALL_BODY
) -> Route:
    """Return the route of a page of citizens: who is none is sent to their sign-in, and what they
    read of their own is an entry like anybody's."""

    async def theirs(visit: Visit) -> Response:
        visit.citizen = await citizen_of(visit)
        if visit.citizen is not None:
            return await handler(visit)
        there = quote(visit.request.url.path)
        if visit.request.method in ("GET", "HEAD"):
            return RedirectResponse(f"/mine/sign-in?next={there}", 303)
        return RedirectResponse(f"/mine/sign-in?ended=1&next={there}", 303)

    theirs.__name__, theirs.__module__ = handler.__name__, handler.__module__
    return page(path, theirs, signed_in=False, methods=methods, body=body)
