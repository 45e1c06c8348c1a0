"""The identity provider says that somebody signed out there: their sessions here are over.

OpenID Connect Back-Channel Logout 1.0. It comes from the provider and from no browser: the token's
signature stands for session and form token.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cases.reception import NotNow
from forms.access_ports import Thing
from forms.noting import note_refusal
from forms.ports import Ports
from forms.posting import limited
from forms.stops import Stop
from forms.throttles import Throttles
from forms.visit import where_of

PATH: Final = "/mine/back-channel-logout"
LARGEST: Final = 16 * 1024
"""Bytes of the post: a token has two or three thousand."""
TRIED: Final = ("sign_out", Thing("citizen", "-"))


def logout_route() -> Route:
    """Return the route that the provider is told of (`backchannel_logout_uri`)."""
    return Route(PATH, signed_out_there, methods=["POST"], name="forms.citizen_logout")


async def signed_out_there(request: Request) -> Response:
    """End what the token names: 200; 400 where it does not hold (2.8)."""
    throttles: Throttles = request.app.state.throttles
    ports: Ports = request.app.state.ports
    where = where_of(request)
    form = await limited(request, LARGEST).form(max_files=0, max_fields=10)
    token = form.get("logout_token")
    if throttles.wrong_tokens.full(where.ip):
        # Each that does not hold is held against keys that are read anew.
        return await _refused(request, "错误的退出通知过多，请稍后再试", "too_many", 429)
    if not isinstance(token, str) or not token:
        return await _refused(request, "没有 logout_token", "no_token")
    try:
        why = await ports.citizens.ended_elsewhere(token, where)
    except NotNow as away:
        return _answer(503, str(away))
    if why:
        throttles.wrong_tokens.wait(where.ip)
        return await _refused(request, why, "logout_token")
    return Response(status_code=200, headers={"cache-control": "no-store"})


async def _refused(request: Request, why: str, code: str, status: int = 400) -> Response:
    await note_refusal(request, None, Stop(status, why, code, tried=TRIED), PATH)
    return _answer(status, why)


def _answer(status: int, why: str) -> Response:
    said = {"error": "invalid_request" if status < 500 else "temporarily_unavailable"}
    return JSONResponse(
        {**said, "error_description": why}, status, headers={"cache-control": "no-store"}
    )
