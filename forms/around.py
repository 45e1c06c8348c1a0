"""What stands around the whole application: protective headers, the net, the new secret."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forms.cookies import NEW_SECRET, SESSION_COOKIE, keep_cookie

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of answers that load no script: none may run."""


SCRIPTED_POLICY = f"{CONTENT_POLICY}; script-src 'self'"
"""Of pages that load files of our own; nothing inside a page is run."""


LIVE_POLICY = f"{SCRIPTED_POLICY}; connect-src 'self'"
"""Of the pages that listen for changes, at our own address alone."""


def framing(policy: str) -> str:
    """Return a policy with leave to show a document of ours inside the page: for one page alone."""
    return policy.replace("object-src 'none'", "object-src 'self'; frame-src 'self'")


FRAMED_FILE_POLICY = "default-src 'none'; object-src 'self'; frame-ancestors 'self'"
"""Of that document. Not `sandbox`, under which a browser shows no PDF: only for bytes of ours."""


HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


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
