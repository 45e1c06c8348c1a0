"""What a browser posts: how large it may be, and whether it came from a form of ours."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from cases.factors import Proof
from forms.ports import Options
from forms.stops import OtherName, Stop
from forms.visit import PROOF_FIELDS, Visit
from forms.words import N_

SMALL_BODY = 256 * 1024
"""Bytes of a post without files: a thousand characters in each of some eighty fields."""


LARGEST_PART = 2 * 1024 * 1024
"""Bytes of one text of a form with files, as a proposal has; the route bounds the whole post."""


MOST_FIELDS = 600


MOST_FILES = 60


def limited(request: Request, most: int) -> Request:
    """Return the request with a body that raises 413 as soon as it passes `most` bytes.

    Raised inside the handler, so that the answer is a page or a problem and no bare line.
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:15]) > most:
        raise HTTPException(413)
    came = 0

    async def receive() -> Message:
        nonlocal came
        message = await request.receive()
        came += len(message.get("body", b""))
        if came > most:
            raise HTTPException(413)
        return message

    return Request(request.scope, receive)


def shown_proof(posted: FormData) -> Proof | None:
    """Return the second factor that a form carries; None when it carries none."""
    code, assertion, recovery = (str(posted.get(name, "")).strip() for name in PROOF_FIELDS)
    if assertion:
        return Proof("passkey", assertion)
    if recovery:
        return Proof("recovery", recovery)
    return Proof("totp", code) if code else None


async def read_form(visit: Visit) -> None:
    """Parse the post and refuse a forged one: by header first, then by token."""
    request = visit.request
    if not comes_from_here(request, visit.options):
        raise Stop(403, visit.say(N_("请求来自别的网站，已拒绝")), "cross_site")
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise Stop(415, visit.say(N_("只接受网页表单")), "wrong_content_type")
    visit.posted = await request.form(
        max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=LARGEST_PART
    )
    token = visit.posted.get("csrf")
    if not visit.secret or not isinstance(token, str):
        raise Stop(403, visit.say(N_("表单令牌缺失，请重新打开页面")), "no_token")
    if not hmac.compare_digest(token.encode(), visit.csrf.encode()):
        await _opened_in_another_name(visit, token)
        raise Stop(403, visit.say(N_("表单令牌不对，请重新打开页面")), "wrong_token")


async def _opened_in_another_name(visit: Visit, token: str) -> None:
    """Raise `OtherName` for a token of this very session in another of its names."""
    if visit.visitor is None:
        return
    own = visit.visitor.own or visit.visitor.actor
    names = [("", ""), *await visit.ask(visit.ports.deputies.names, own)]
    for delegation, name in names:
        known = visit.token(delegation)
        if hmac.compare_digest(token.encode(), known.encode()):
            raise OtherName(name, known, visit.posted)


def comes_from_here(request: Request, options: Options) -> bool:
    """Whether a browser sent the post from one of our own pages.

    Every browser since 2023 sends Sec-Fetch-Site, older ones Origin on a post; what sends neither
    is no browser, holds no cookie by accident, and still needs the token.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    return origin == options.address or urlsplit(origin).netloc == request.headers.get("host")
