"""Who comes: session, second factor, in whose name; or the way to the sign-in page."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from forms.cookies import (
    LANGUAGE_COOKIE,
    NEW_SECRET,
    SESSION_COOKIE,
    VISIT_COOKIE,
    WALL_COOKIE,
    new_secret_of,
)
from forms.entrance_ports import SignInRefused, Visitor
from forms.ports import Options, Ports
from forms.posting import LARGEST_PART, MOST_FIELDS, MOST_FILES, comes_from_here, shown_proof
from forms.stops import ProveFirst, SignInFirst
from forms.visit import Visit
from forms.words import Language


async def arrive(request: Request, quiet: bool = False, screen: bool = False) -> Visit:
    """Return the visit of a request: language, session, visitor. `quiet`: the page asks by itself,
    which is no activity, and the session goes on being idle. `screen`: a screen of the wall may
    come whose session is idle or past its hours."""
    ports: Ports = request.app.state.ports
    options: Options = request.app.state.options
    language: Language = "en" if request.cookies.get(LANGUAGE_COOKIE) == "en" else "zh"
    visit = Visit(request, ports, options, language)
    visit.secret = new_secret_of(request) or request.cookies.get(SESSION_COOKIE, "")
    if visit.secret:
        owner = ports.entrance.still if quiet else ports.entrance.visitor
        visit.visitor = await visit.ask(owner, visit.secret)
    if visit.visitor is None and screen:
        visit.visitor = await on_screen(visit)
        visit.screen = visit.visitor is not None
    if visit.visitor is None:
        visit.secret = request.cookies.get(VISIT_COOKIE, "")
    else:
        visit.visitor = await in_whose_name(visit, visit.visitor)
    return visit


async def on_screen(visit: Visit) -> Visitor | None:
    """Return whose screen of the wall asks; None: it has no mark, or its session was ended."""
    mark = visit.request.cookies.get(WALL_COOKIE, "")
    session = mark.partition(".")[0]
    found = await visit.ask(visit.ports.entrance.screen, session) if session else None
    if found is None or not hmac.compare_digest(mark.encode(), screen_mark(found).encode()):
        return None
    return found


def screen_mark(visitor: Visitor) -> str:
    """Return the mark of a screen: from a key of the session that no page shows."""
    made = hmac.new(visitor.form_key.encode(), b"screen of the wall", hashlib.sha256)
    return f"{visitor.session}.{made.hexdigest()}"


async def in_whose_name(visit: Visit, visitor: Visitor) -> Visitor:
    """Return the visitor as the one in whose name the session acts."""
    found = await visit.ask(visit.ports.deputies.whose, visitor.actor, visitor.session)
    if found is None:
        return visitor
    return replace(visitor, own=visitor.actor, in_name=found, actor=found.actor or visitor.actor)


async def to_sign_in(visit: Visit) -> Response:
    request = visit.request
    if request.method in ("GET", "HEAD"):
        there = quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
        return RedirectResponse(f"/sign-in?next={there}", 303)
    if request.cookies.get(SESSION_COOKIE) and comes_from_here(request, visit.options):
        # No token can be checked, its session is over; what is kept is only shown again to the
        # same browser, and sent on by its owner.
        visit.posted = await request.form(
            max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=LARGEST_PART
        )
        if visit.typed():
            raise SignInFirst(visit.typed(), bool(visit.files()))
    return RedirectResponse("/sign-in?ended=1", 303)


async def take_proof(visit: Visit) -> None:
    """Use the second factor up that came with a form. Raises `ProveFirst` when it proves nothing.

    The session has another secret from then on, which `KeepsSession` puts on whatever is answered.
    """
    proof = shown_proof(visit.posted)
    if proof is None:
        return
    visit.slow_down("sign_ins")
    answer = await visit.ask(visit.ports.entrance.prove_again, visit.secret, proof, visit.where)
    if isinstance(answer, SignInRefused):
        raise ProveFirst("", visit.told(answer.reason))
    visit.secret = answer.secret
    visit.visitor = await in_whose_name(visit, answer.visitor)
    visit.request.scope[NEW_SECRET] = answer.secret


def safe_next(text: str) -> str:
    """Return a path of this site to go on to; anything else becomes the home page."""
    plain = text.startswith("/") and not text.startswith("//") and "\\" not in text
    return text if plain and not any(ord(sign) < 32 for sign in text) else "/"
