"""What stands before every page: headers, host, size, session, forgery, permission.

A route is made by `page` (people) or `forms.rest.route` (systems) only. One that names no act is
open, and stands on the written list in tests/house/test_routes_have_warrants.py.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Literal, TypeVar
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cases.factors import Proof
from cases.facts import CaseFacts
from cases.messages import Actor
from forms import words
from forms.fields import Posted
from forms.ports import (
    Options,
    Ports,
    Shown,
    SignedIn,
    SignInRefused,
    Thing,
    Visitor,
    Where,
)
from forms.words import N_, Language
from policies.vocabulary import STEP_UP

SESSION_COOKIE = "__Host-yichuang"
"""The prefix binds it to this host, the whole path and a safe connection (RFC 6265bis §4.1.3.2)."""
VISIT_COOKIE = "__Host-visit"
"""A random value before sign-in, so that the sign-in form carries a token too."""
HALF_COOKIE = "__Host-half"
"""Who has shown a password and not yet a second factor: no session, it opens one page."""
LANGUAGE_COOKIE = "__Host-language"

SMALL_BODY = 256 * 1024
"""Bytes of a post without files: a thousand characters in each of some eighty fields."""
UNDER_OLD_PASSWORD = ("/password", "/sign-out", "/language/{language}", "/healthz")
"""All that is open to somebody whose password is too old."""
UNDER_NO_CODES = (
    "/security/codes", "/security/codes/kept", "/prove", "/sign-out", "/language/{language}",
    "/healthz",
)  # fmt: skip
"""All that is open to somebody who keeps no recovery codes yet."""

PROOF_FIELDS = ("proof.code", "proof.assertion", "proof.recovery")
"""A second factor in a form: an app's code, what a passkey says, or a recovery code."""

LARGEST_PART = 2 * 1024 * 1024
"""Bytes of one text of a form with files, as a proposal has; the route bounds the whole post."""
MOST_FIELDS = 600
MOST_FILES = 60

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""No script at all: no page needs one, but those that speak with a passkey."""
SCRIPTED_POLICY = f"{CONTENT_POLICY}; script-src 'self'"
"""Of the few pages that ask the browser for a passkey: one file of our own, nothing inline."""

HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

Rate = Literal["page", "search", "export"]
"""What a page costs: every page counts, a search and an export count besides on their own."""

T = TypeVar("T")

_log = logging.getLogger("yichuang.forms")


class Stop(Exception):
    """The request ends here with a page that says why and what to do."""

    def __init__(
        self,
        status: int,
        reason: str,
        code: str = "",
        remedy: str = "",
        tried: tuple[str, Thing] | None = None,
    ) -> None:
        """`tried`: the act that policy forbids, and on what."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.code = code
        self.remedy = remedy
        self.tried = tried


class OtherName(Stop):
    """The form was opened in another name than the one in which the session acts now."""

    def __init__(self, opened: str, token: str, posted: FormData) -> None:
        """`opened`: the delegator's name, empty: one's own; `token`: that of its forms."""
        super().__init__(409, "opened in another name", "other_name")
        self.opened = opened
        self.token = token
        self.posted = posted


class SignInFirst(Exception):
    """A session ended while its owner was typing; `posted` is what they typed, to go on with."""

    def __init__(self, posted: Sequence[tuple[str, str]], files: bool) -> None:
        super().__init__("the session is over")
        self.posted = posted
        self.files = files


class ProveFirst(Exception):
    """The act needs a second proof first. `reason` says why one that was shown does not do."""

    def __init__(self, act: str, reason: str = "") -> None:
        super().__init__(act)
        self.act = act
        self.reason = reason
        self.posted: Sequence[tuple[str, str]] = ()
        """What was typed, to go on with."""
        self.files = False


@dataclass
class Visit:
    """One request of one person, with what is known about it."""

    request: Request
    ports: Ports
    options: Options
    language: Language
    secret: str = ""
    """The session's secret, or the random value of a visit that has no session."""
    visitor: Visitor | None = None
    posted: FormData = field(default_factory=FormData)
    seen: Shown | None = None
    """What the answer is going to show of people; its entry comes first."""

    def saw(self, id: str = "-", lines: int | None = None, type: str = "") -> None:
        """Say more exactly what the answer shows than the route's `shows` could."""
        known = self.seen or Shown("read", type)
        self.seen = replace(known, type=type or known.type, id=id, lines=lines)

    def saw_rows(self, lines: int) -> None:
        """Say of how many the answer's lines are; of nobody: then it shows nothing."""
        if lines:
            self.saw(lines=lines)
        else:
            self.seen = None

    @property
    def who(self) -> Visitor:
        """The visitor. Only pages that demand a session ask."""
        assert self.visitor is not None
        return self.visitor

    @property
    def actor(self) -> Actor:
        return self.who.actor

    @property
    def known(self) -> Actor | None:
        """Who asks; None for a stranger."""
        return None if self.visitor is None else self.visitor.actor

    @property
    def csrf(self) -> str:
        """The token that each form of this session carries; derived, so nothing is stored.

        It says in whose name the form was opened, so that it is not posted in another's. It comes
        from a key that stays when the session's secret changes: a form that was open in another tab
        can still be sent.
        """
        name = self.visitor.in_name if self.visitor is not None else None
        return self.token(name.delegation if name is not None and name.actor is not None else "")

    def token(self, delegation: str) -> str:
        """Return the token of this session's forms in a delegation's name; empty: one's own."""
        key = self.secret if self.visitor is None else self.visitor.form_key
        said = b"form token" + (b"\n" + delegation.encode() if delegation else b"")
        return hmac.new(key.encode(), said, hashlib.sha256).hexdigest()

    @property
    def zone(self) -> ZoneInfo:
        """Legal time."""
        return ZoneInfo(self.options.zone)

    @property
    def where(self) -> Where:
        return where_of(self.request)

    def say(self, text: str) -> str:
        """Return a sentence of the source in the reader's language."""
        return words.translations(self.language).gettext(text)

    async def ask(self, read: Callable[..., T], *values: object) -> T:
        """Call a port that may block, in a worker thread."""
        return await run_in_threadpool(read, *values)

    async def demand(self, act: str, thing: CaseFacts | Thing | str) -> None:
        """Ask policy. Raises `Stop` 403 with the rule that says no and who could grant it."""
        verdict = await self.ask(self.ports.access.may, self.actor, act, thing)
        if not verdict.allowed:
            reason = verdict.reason or self.say(N_("您没有这项权限"))
            raise Stop(403, reason, "no_permission", verdict.remedy, (act, _named(thing)))
        if (_named(thing).type, act) in STEP_UP:
            self.demand_proof(act)

    def demand_proof(self, act: str = "") -> None:
        """Ask that a second factor was shown lately. Raises `ProveFirst`."""
        proved, limit = self.who.proved_at, timedelta(minutes=self.options.step_up_minutes)
        if proved is None or datetime.now(UTC) - proved > limit:
            raise ProveFirst(act)

    def typed(self) -> list[tuple[str, str]]:
        """Every posted text but the form's own token and a proof, in order: what is kept."""
        ours = ("csrf", *PROOF_FIELDS)
        return [
            (name, value)
            for name, value in self.posted.multi_items()
            if isinstance(value, str) and name not in ours
        ]

    def not_too_often(self, rate: Rate) -> None:
        """Count one page of this person. Raises `Stop` 429 when there were too many in a minute.

        Per account, because a whole office may come from one address; a stranger's pages are
        counted where they ask something (`slow_down`).
        """
        if self.visitor is None:
            return
        throttles: Throttles = self.request.app.state.throttles
        for one in dict.fromkeys(("page", rate)):
            self._within(throttles.people[one], self.actor.id)

    def slow_down(self, kind: Literal["sign_ins", "questions"]) -> None:
        """Count one asking from this address. Raises `Stop` 429 when there were too many."""
        self._within(getattr(self.request.app.state.throttles, kind), self.where.ip)

    def _within(self, throttle: Throttle, key: str) -> None:
        wait = throttle.wait(key)
        if wait:
            reason = self.say(N_("尝试过于频繁，请 {n} 秒后再试")).format(n=int(wait) + 1)
            raise Stop(429, reason, "too_many")

    def texts(self) -> Posted:
        """Every posted text by name; files are not among them."""
        found: dict[str, list[str]] = {}
        for name, value in self.posted.multi_items():
            if isinstance(value, str):
                found.setdefault(name, []).append(value)
        return found

    def text(self, name: str) -> str:
        """One posted text without surrounding space; empty when absent."""
        value = self.posted.get(name)
        return value.strip() if isinstance(value, str) else ""

    def files(self) -> Mapping[str, UploadFile]:
        """Posted files that somebody has chosen, by field name."""
        return {
            name: value
            for name, value in self.posted.multi_items()
            if isinstance(value, UploadFile) and value.filename
        }


def _named(thing: CaseFacts | Thing | str) -> Thing:
    if isinstance(thing, CaseFacts):
        return Thing("case", thing.id)
    return Thing(thing, "-") if isinstance(thing, str) else thing


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
) -> Route:
    """Return the route of a page.

    `act` on `thing` is asked of policy before the handler runs. Without an act the handler asks
    itself, because it must find the case first; with `signed_in=False` the page is open. What the
    page `shows` of people is an entry before the answer leaves, and so is a refusal.

    `step_up`, or whether this visit needs it: who comes must have proved lately, by a second
    factor, who they are. An act of `policies.vocabulary.STEP_UP` needs it by itself.
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
        visit = await arrive(limited(request, body))
        if signed_in and visit.visitor is None:
            return await _to_sign_in(visit)
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
        await _read_form(visit)
        if signed_in and visit.visitor is not None:
            await _take_proof(visit)


REFUSALS = (401, 403, 429)
"""Statuses by which a request is turned away; what is not there, or malformed, is no refusal."""


async def note_shown(request: Request, actor: Actor | None, seen: Shown) -> None:
    """Commit the entry of what the answer shows. Raises the store's errors: then nothing is."""
    ports: Ports = request.app.state.ports
    await run_in_threadpool(ports.disclosures.shown, actor, where_of(request), seen)


async def note_refusal(request: Request, actor: Actor | None, no: Stop, path: str) -> None:
    """Commit the entry of a refusal; `path` is the route's, never what somebody typed.

    A stranger's refusals beyond `Throttles.refusals` are told by the program's own log alone: or
    whoever likes could fill the disk through the front door.
    """
    if no.status not in REFUSALS and no.tried is None and not isinstance(no, OtherName):
        return
    where = where_of(request)
    throttles: Throttles = request.app.state.throttles
    if actor is None and throttles.refusals.wait(where.ip):
        _log.warning("refused %s %s, not written singly", where.ip, no.code)
        return
    ports: Ports = request.app.state.ports
    act, thing = no.tried or ("request", Thing("page", path))
    # What one may not know of is answered like what is not there; the log knows better.
    code = "no_permission" if no.status == 404 else no.code or "refused"
    await run_in_threadpool(ports.disclosures.refused, actor, where, act, thing, code)


def where_of(request: Request) -> Where:
    """Return whence a request came, as the log may name it."""
    agent = request.headers.get("user-agent", "")[:200]
    return Where(request.client.host if request.client else "", agent)


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


async def arrive(request: Request) -> Visit:
    """Return the visit of a request: language, session, visitor."""
    ports: Ports = request.app.state.ports
    options: Options = request.app.state.options
    language: Language = "en" if request.cookies.get(LANGUAGE_COOKIE) == "en" else "zh"
    visit = Visit(request, ports, options, language)
    visit.secret = new_secret_of(request) or request.cookies.get(SESSION_COOKIE, "")
    if visit.secret:
        visit.visitor = await visit.ask(ports.entrance.visitor, visit.secret)
    if visit.visitor is None:
        visit.secret = request.cookies.get(VISIT_COOKIE, "")
    else:
        visit.visitor = await _in_whose_name(visit, visit.visitor)
    return visit


async def _in_whose_name(visit: Visit, visitor: Visitor) -> Visitor:
    """Return the visitor as the one in whose name the session acts."""
    found = await visit.ask(visit.ports.deputies.whose, visitor.actor, visitor.session)
    if found is None:
        return visitor
    return replace(visitor, own=visitor.actor, in_name=found, actor=found.actor or visitor.actor)


async def _to_sign_in(visit: Visit) -> Response:
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


def shown_proof(posted: FormData) -> Proof | None:
    """Return the second factor that a form carries; None when it carries none."""
    code, assertion, recovery = (str(posted.get(name, "")).strip() for name in PROOF_FIELDS)
    if assertion:
        return Proof("passkey", assertion)
    if recovery:
        return Proof("recovery", recovery)
    return Proof("totp", code) if code else None


async def _take_proof(visit: Visit) -> None:
    """Use the second factor up that came with a form. Raises `ProveFirst` when it proves nothing.

    The session has another secret from then on, which `KeepsSession` puts on whatever is answered.
    """
    proof = shown_proof(visit.posted)
    if proof is None:
        return
    visit.slow_down("sign_ins")
    answer = await visit.ask(visit.ports.entrance.prove_again, visit.secret, proof, visit.where)
    if isinstance(answer, SignInRefused):
        raise ProveFirst("", answer.reason)
    visit.secret = answer.secret
    visit.visitor = await _in_whose_name(visit, answer.visitor)
    visit.request.scope[NEW_SECRET] = answer.secret


NEW_SECRET = "yichuang.new_secret"  # noqa: S105 -- a key of the scope, not a secret
"""Where a request's scope keeps the secret that its session has been given meanwhile."""


def new_secret_of(request: Request) -> str:
    """Return the secret that the session was given during this very request, or nothing."""
    return str(request.scope.get(NEW_SECRET, ""))


async def _read_form(visit: Visit) -> None:
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


def safe_next(text: str) -> str:
    """Return a path of this site to go on to; anything else becomes the home page."""
    plain = text.startswith("/") and not text.startswith("//") and "\\" not in text
    return text if plain and not any(ord(sign) < 32 for sign in text) else "/"


# --- around the whole application ----------------------------------------------------------------


class SafeHeaders:
    """Puts the protective headers on every answer."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self.app = app
        self.headers = dict(HEADERS)
        if secure:
            self.headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class Net:
    """Answers for whatever nobody caught, inside the protective headers.

    Starlette's own net stands outside every middleware, where an answer gets no headers.
    """

    def __init__(self, app: ASGIApp, broken: Callable[[Request, Exception], Response]) -> None:
        self.app, self.broken = app, broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as error:
            if begun:
                raise
            await self.broken(Request(scope), error)(scope, receive, send)


class KeepsSession:
    """Puts a session's new secret on the answer, whatever page it became."""

    def __init__(self, app: ASGIApp, seconds: int) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_cookie(message: Message) -> None:
            secret = scope.get(NEW_SECRET)
            if message["type"] == "http.response.start" and secret:
                kept = Response()
                keep_cookie(kept, SESSION_COOKIE, secret, self.seconds)
                MutableHeaders(scope=message).append("set-cookie", kept.headers["set-cookie"])
            await send(message)

        await self.app(scope, receive, with_cookie if scope["type"] == "http" else send)


@dataclass
class Throttles:
    """What one process counts: per address for strangers, per account for those who are known."""

    sign_ins: Throttle
    """Beside the lock of an account, this slows a list of names down."""
    questions: Throttle
    """A code of twelve characters cannot be guessed at such a rate."""
    wrong_tokens: Throttle
    refusals: Throttle
    """How many refusals of strangers are entries of their own."""
    people: Mapping[Rate, Throttle]
    services: Throttle
    """Requests of a system over REST."""


class Throttle:
    """At most `most` askings per key in a window of `seconds`; the oldest keys are forgotten."""

    KEYS = 10_000

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._seen: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = Lock()

    def wait(self, key: str) -> float:
        """Count one asking; return the seconds to wait, 0 when it may go on."""
        now = time.monotonic()
        with self._lock:
            times = [t for t in self._seen.pop(key, []) if t > now - self.seconds]
            wait = times[0] + self.seconds - now if len(times) >= self.most else 0.0
            if not wait:
                times.append(now)
            self._seen[key] = times
            while len(self._seen) > self.KEYS:
                self._seen.popitem(last=False)
        return wait
