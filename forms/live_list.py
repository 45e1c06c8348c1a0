"""What a list's page fetches by itself: the left-hand list with its numbers, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from forms.arriving import safe_next
from forms.rendering import side_html
from forms.showing import StopPage, frame_of
from forms.visit import Visit


async def side(visit: Visit) -> Response:
    """Return the left-hand list as it stands beside the page whose address is `at`."""
    at = urlsplit(safe_next(visit.request.query_params.get("at", "/")))
    there = {**visit.request.scope, "path": at.path, "query_string": at.query.encode()}
    # Of the page a frame takes errors and help alone: one that has neither will do.
    frame = await frame_of(replace(visit, request=Request(there)), StopPage("", "", "", 200))
    return HTMLResponse(side_html(frame))
