"""CAP messages over REST, for the systems of those who issue them (docs/cap.md)."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cases.incidents.xml_in import MAX_BYTES
from cases.messages import Actor
from forms.intake_ports import fate_told
from forms.ports import Ports
from forms.posting import limited
from forms.rest import Wrong, problem
from forms.stops import Stop
from forms.visit import where_of

MEDIA = ("application/cap+xml", "application/xml", "text/xml")
LARGEST = MAX_BYTES + 1024


async def may_signal(ports: Ports, actor: Actor) -> None:
    """Raise `Stop` where policy lets the account report no incidents."""
    verdict = await run_in_threadpool(ports.access.may, actor, "report", "incident")
    if not verdict.allowed:
        raise Stop(403, verdict.reason, "no_permission", verdict.remedy)


async def take_cap(request: Request, actor: Actor) -> Response:
    """Take one message: 202 with what follows from it, 200 when it was taken before."""
    ports: Ports = request.app.state.ports
    await may_signal(ports, actor)
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in MEDIA:
        raise Wrong(problem(415, "not_xml", "请用 Content-Type: application/cap+xml"))
    body = await limited(request, LARGEST).body()
    answer = await ports.intake.take_cap(actor, where_of(request), body)
    if answer.what == "refused":
        errors = [{"pointer": "#", "detail": one} for one in answer.faults[:20]]
        status = 409 if answer.code == "other_content" else 422
        return problem(status, answer.code, "；".join(answer.faults[:3]), errors=errors)
    said = {
        "alert": answer.key, "what": answer.what, "why": answer.why,
        "signals": list(answer.signals),
    }  # fmt: skip
    headers = {"idempotency-replayed": "true"} if answer.repeated else {}
    return JSONResponse(said, 200 if answer.repeated else 202, headers)


async def read_signal(request: Request, actor: Actor) -> Response:
    """Everything that became of a signal, oldest first."""
    ports: Ports = request.app.state.ports
    await may_signal(ports, actor)
    found = await run_in_threadpool(ports.intake.fates, request.path_params["signal"])
    if not found:
        raise Stop(404, "没有这个信号，或者还没有收到库里，请稍后再问", "not_found")
    return JSONResponse(fate_told(found))
