"""The cookies, and the secret that a session is given anew while a request runs."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import Response

from forms.entrance_ports import SignedIn
from forms.visit import Visit

SESSION_COOKIE = "__Host-yichuang"
"""The prefix binds it to this host, the whole path and a safe connection (RFC 6265bis §4.1.3.2)."""


VISIT_COOKIE = "__Host-visit"
"""A random value before sign-in, so that the sign-in form carries a token too."""


HALF_COOKIE = "__Host-half"
"""Who has shown a password and not yet a second factor: no session, it opens one page."""


CITIZEN_COOKIE = "__Host-citizen"
"""Who is signed in as a citizen; nothing of the offices' sessions."""


WALL_COOKIE = "__Host-wall"
"""The mark of a screen of the wall: which session opened it, and that the session did."""


LANGUAGE_COOKIE = "__Host-language"


NEW_SECRET = "yichuang.new_secret"  # noqa: S105 -- a key of the scope, not a secret
"""Where a request's scope keeps the secret that its session has been given meanwhile."""


def new_secret_of(request: Request) -> str:
    """Return the secret that the session was given during this very request, or nothing."""
    return str(request.scope.get(NEW_SECRET, ""))


def new_visit_secret() -> str:
    """Return a random value for `VISIT_COOKIE`."""
    return secrets.token_urlsafe(24)


def keep_cookie(response: Response, name: str, value: str, seconds: int | None) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax"
    )


def come_in(visit: Visit, answer: SignedIn, response: Response) -> Response:
    """Return the response with the session's cookie, and without the half-way one."""
    keep_cookie(response, SESSION_COOKIE, answer.secret, visit.options.session_hours * 3600)
    drop_cookie(response, HALF_COOKIE)
    return response


def drop_cookie(response: Response, name: str) -> None:
    """Let the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
