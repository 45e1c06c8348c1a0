"""The entries of what an answer shows of people, and of a request that is turned away."""

from __future__ import annotations

import logging

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from cases.messages import Actor
from forms.access_ports import Thing
from forms.disclosure_ports import Shown
from forms.ports import Ports
from forms.stops import OtherName, Stop
from forms.throttles import Throttles
from forms.visit import where_of

_log = logging.getLogger("yichuang.forms")


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
