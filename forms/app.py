"""The application: what is open stands here, at a glance; what needs a session, by topic."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Final
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from cases.reception import NotNow
from forms import (
    guides,
    progress,
    proving,
    public,
    receipts,
    second_step,
    signing_in,
    suggest,
    warning_feed,
)
from forms.account_routes import account_routes
from forms.around import KeepsSession, Net, SafeHeaders
from forms.arriving import arrive
from forms.case_routes import case_routes
from forms.citizen_logout import logout_route
from forms.citizen_routes import citizen_routes
from forms.designer_routes import designer_routes
from forms.duty_routes import duty_routes
from forms.guard import page
from forms.incident_routes import incident_routes
from forms.keeping_routes import keeping_routes
from forms.log_routes import log_routes
from forms.other_name import other_name
from forms.payment_routes import payment_routes
from forms.plan_routes import plan_routes
from forms.ports import Options, Ports
from forms.project_routes import project_routes
from forms.release_routes import release_routes
from forms.rendering import LIBRARIES, STATIC, asset
from forms.rest import problem, rest_routes
from forms.session_routes import session_routes
from forms.shared_looks import SharedLooks
from forms.showing import stopped
from forms.signal_routes import signal_routes
from forms.stops import OtherName, ProveFirst, SignInFirst, Stop
from forms.supervision_routes import supervision_routes
from forms.throttles import Throttle, Throttles
from forms.warning_routes import warning_routes
from forms.words import N_

_log = logging.getLogger("yichuang.forms")

Application = Starlette
"""What `application` returns, for those who may not import the web framework."""

STRANGERS_REFUSALS = 60
"""Refusals of one address without a session that are entries of their own, a minute."""

KEPT_BODY = 1024 * 1024
"""Bytes of a sign-in that carries what was typed when a session ended."""

FILES_AT_ONCE = 10
"""Files of the largest size that one post may carry."""


class KeptFiles(StaticFiles):
    """Static files under addresses that change with their content."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return one of ours, or the one file of a library's that pages use, and no other."""
        library = LIBRARIES.get(path)
        return super().lookup_path(path) if library is None else (str(library), os.stat(library))

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def _packed(files: KeptFiles) -> ASGIApp:
    """Return the files, smaller on the way. Nothing else is packed: the length of a packed page
    tells who can put words into it what else stands there (BREACH)."""
    return GZipMiddleware(files, minimum_size=1024)


def routes(options: Options) -> list[BaseRoute]:
    """Return every route. Open ones say so; each other one asks policy, here or in its handler."""
    files = options.upload_limit_bytes * FILES_AT_ONCE
    post = ("POST",)
    return [
        # Open to everybody.
        page("/healthz", public.alive, signed_in=False),
        page("/sign-in", signing_in.sign_in_page, signed_in=False),
        page("/sign-in", signing_in.sign_in, signed_in=False, methods=post, body=KEPT_BODY),
        page("/sign-in/second", second_step.second_page, signed_in=False),
        page("/sign-in/second", second_step.second, signed_in=False, methods=post, body=KEPT_BODY),
        page("/sign-in/set-up", second_step.set_up_page, signed_in=False),
        page("/sign-in/set-up", second_step.set_up, signed_in=False, methods=post),
        page("/enrol", signing_in.enrol_page, signed_in=False),
        page("/enrol", signing_in.enrol, signed_in=False, methods=post),
        page("/language/{language}", signing_in.language, signed_in=False),
        page("/status", public.status, signed_in=False, methods=("GET", "POST")),
        page("/status/{case_no}/{code}", public.scanned, signed_in=False),
        page("/granted", public.granted, signed_in=False),
        page("/guides", guides.guides, signed_in=False),
        page("/guides/{matter}", guides.guide, signed_in=False),
        page("/alerts.atom", warning_feed.feed, signed_in=False),
        page("/alerts/{warning}.cap", warning_feed.published, signed_in=False),
        page("/alerts/{warning}/{seq:int}.cap", warning_feed.message, signed_in=False),
        page("/progress", progress.progress, signed_in=False),
        page("/suggest", suggest.suggest, signed_in=False, methods=("GET", "POST")),
        page("/suggest/rate", suggest.rate, signed_in=False, methods=("GET", "POST")),
        page("/verify", public.verify, signed_in=False),
        page("/verify/receipt", receipts.verifier, signed_in=False),
        page("/verify/receipt/{file}", receipts.download_file, signed_in=False),
        page("/verify/{code}", public.verify, signed_in=False),
        page("/status/receipt", receipts.own, signed_in=False, methods=post),
        Mount("/static", _packed(KeptFiles(directory=STATIC)), name="static"),
        logout_route(),
        *citizen_routes(files),
        *session_routes(),
        *duty_routes(),
        *case_routes(files),
        *supervision_routes(),
        *incident_routes(files),
        *payment_routes(),
        *project_routes(files),
        *warning_routes(),
        *plan_routes(),
        *keeping_routes(),
        *log_routes(),
        *account_routes(),
        *release_routes(),
        *designer_routes(),
        *rest_routes(),
        *signal_routes(),
    ]


def application(
    ports: Ports, options: Options, away: tuple[type[Exception], ...] = ()
) -> Starlette:
    """Return the web application over these ports.

    `away` are the errors by which a store says that it cannot answer now.
    """
    app = Starlette(
        routes=routes(options),
        middleware=[
            Middleware(KeepsSession, seconds=options.session_hours * 3600),
            Middleware(SafeHeaders, secure=options.address.startswith("https://")),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(options.hosts)),
            Middleware(Net, broken=_broken),
        ],
        exception_handlers={
            Stop: _stop,
            ProveFirst: proving.prove_first,
            SignInFirst: signing_in.sign_in_first,
            NotNow: _not_now,
            HTTPException: _http,
            **dict.fromkeys(away, _not_now),
        },
    )
    app.state.ports = ports
    app.state.closing, app.state.streams = asyncio.Event(), {}
    app.state.looks = SharedLooks()
    app.state.options = options
    app.state.throttles = Throttles(
        Throttle(options.sign_ins_per_minute, 60),
        Throttle(options.questions_per_minute, 60),
        Throttle(options.wrong_tokens_per_minute, 60),
        Throttle(STRANGERS_REFUSALS, 60),
        {
            "page": Throttle(options.pages_per_minute, 60),
            "search": Throttle(options.searches_per_minute, 60),
            "export": Throttle(options.exports_per_minute, 60),
        },
        Throttle(options.orders_per_minute, 60),
    )
    return app


def _is_rest(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def _stop(request: Request, error: Exception) -> Response:
    assert isinstance(error, Stop)
    if isinstance(error, OtherName):
        return await other_name(await arrive(request), error)
    if _is_rest(request):
        return problem(error.status, error.code or "refused", error.reason, remedy=error.remedy)
    return await stopped(await arrive(request), error)


async def _not_now(request: Request, _error: Exception) -> Response:
    if _is_rest(request):
        sentence = "系统暂时无法确认，请用同一 Idempotency-Key 重试"
        return problem(503, "not_now", sentence, headers={"retry-after": "5"})
    # The session itself may be what cannot be read, so no page with a frame is attempted.
    return PlainTextResponse(
        "系统暂时无法确认，请稍后刷新本页。\nThe system is away for a moment; reload this page.",
        503,
        {"retry-after": "5"},
    )


_HTTP = {
    400: ("bad_request", N_("请求的格式不对")),
    404: ("not_found", N_("没有这个页面或办件，或您无权查看")),
    405: ("wrong_method", N_("这个地址不接受这种请求")),
    413: ("too_large", N_("提交的内容过大，请减少或压缩文件后再试")),
}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, sentence = _HTTP.get(error.status_code, ("refused", N_("请求不能处理")))
    if _is_rest(request):
        return problem(error.status_code, code, sentence, headers=error.headers)
    visit = await arrive(request)
    return await stopped(visit, Stop(error.status_code, visit.say(sentence), code))


def _broken(request: Request, error: Exception) -> Response:
    """The front door's net: the reader gets a number to quote, the log gets the rest."""
    number = uuid4().hex[:8]
    _log.error("request %s %s failed, reference %s", request.method, request.url.path, number,
               exc_info=error)  # fmt: skip
    sentence = f"系统出错，未能完成。请把编号 {number} 告诉系统管理员。"
    if _is_rest(request):
        return problem(500, "broken", sentence)
    page = BROKEN.format(css=asset("page.css"), sentence=sentence, number=number)
    return HTMLResponse(page, 500, {FAULT_HEADER: number})


FAULT_HEADER: Final = "x-fault"
"""The number to quote, for scripts that ask for a part of a page (static/list.js)."""

BROKEN: Final = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>错误：系统出错</title>
<link rel="stylesheet" href="{css}">
</head>
<body>
<div class="frame bare"><main id="main"><div class="card">
<h1>系统出错</h1>
<p>{sentence}</p>
<p lang="en">Something failed; quote {number}.</p>
<p>用浏览器的“后退”可以回到刚才的页面，再试一次不会重复办理。<a href="/">回到首页</a></p>
</div></main></div>
</body>
</html>
"""
"""Written without template or store: either may be what has failed."""
