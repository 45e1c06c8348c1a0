"""The same orders over HTTP for systems: bearer token, `Idempotency-Key`, RFC 9457 problems."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cases.messages import BODIES, OF_LAW, Actor, Outcome, Source
from cases.payment_rows import KeptPayment
from cases.payments import OBJECT, PaymentAnswer, RequestPayment
from cases.reception import Request as Order
from forms.access_ports import Thing
from forms.case import download
from forms.disclosure_ports import Shown
from forms.noting import note_refusal, note_shown
from forms.openapi import COMMAND_ID, PREFIX, openapi_document
from forms.ports import Ports
from forms.posting import SMALL_BODY, limited
from forms.stops import Stop
from forms.throttles import Throttles
from forms.visit import where_of

LARGEST_ORDER = 4 * SMALL_BODY

M = TypeVar("M", bound=BaseModel)
Endpoint = Callable[[Request, Actor], Awaitable[Response]]


def rest_routes() -> list[Route]:
    """Return the routes under /api/v1. The document alone is open."""
    return [
        Route(f"{PREFIX}/openapi.json", document, name="forms.rest.document"),
        service_route("/cases", file_case, "POST"),
        service_route("/cases/{case_no}", read_case, "GET"),
        service_route("/cases/{case_no}/receipt", receipt, "GET"),
        service_route("/cases/{case_no}/commands/{verb}", command, "POST"),
        service_route("/commands/{id}", read_command, "GET"),
        service_route("/payments", request_payment, "POST"),
        service_route("/payments/{payment}", read_payment, "GET"),
    ]


def service_route(path: str, handler: Endpoint, method: str) -> Route:
    async def endpoint(request: Request) -> Response:
        actor: Actor | None = None
        try:
            actor = await _service(request)
            _not_too_often(request, actor)
            response = await handler(limited(request, LARGEST_ORDER), actor)
        except Wrong as wrong:
            if wrong.refusal is not None:
                await note_refusal(request, actor, wrong.refusal, PREFIX + path)
            return wrong.response
        except Stop as no:
            await note_refusal(request, actor, no, PREFIX + path)
            raise
        response.headers.setdefault("cache-control", "no-store")
        return response

    name = f"forms.rest.{handler.__name__}"
    return Route(PREFIX + path, endpoint, methods=[method], name=name)


TOKEN = ("sign_in", Thing("account", "-"))
"""What a request with a wrong token tried."""


class Wrong(Exception):
    """The answer is this problem."""

    def __init__(self, response: Response, refused: str = "") -> None:
        """`refused`: the code of a request that is turned away, which has its entry."""
        super().__init__()
        self.response = response
        self.refusal = Stop(response.status_code, "", refused, tried=TOKEN) if refused else None


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    basis: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    remedy: str = "",
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> Response:
    """Return an RFC 9457 problem. `code` is stable; `errors` point into the body (RFC 6901)."""
    body: dict[str, object] = {
        "type": f"urn:yichuang:problem:{code}",
        "title": TITLES.get(code, "The order was refused"),
        "status": status,
        "detail": detail,
        "code": code,
    }
    extra = {"basis": basis, "errors": list(errors), "remedy": remedy, **more}
    body.update({name: value for name, value in extra.items() if value})
    return JSONResponse(body, status, dict(headers or {}), media_type="application/problem+json")


TITLES = {
    "no_token": "A bearer token is needed",
    "wrong_token": "The token is not valid",
    "too_many": "Too many attempts",
    "no_key": "The Idempotency-Key header is missing or malformed",
    "not_json": "The body is not a JSON object",
    "invalid": "The body does not fit its schema",
    "unknown_verb": "There is no such command",
    "not_found": "There is nothing here, or nothing you may see",
    "no_permission": "The policy does not allow it",
    "not_now": "It cannot be known now whether the order was settled",
    "broken": "Something failed",
    "too_large": "The body is too large",
}


async def _service(request: Request) -> Actor:
    """Return the service account behind the bearer token. Raises `Wrong` 401 or 429."""
    ports: Ports = request.app.state.ports
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    challenge = {"www-authenticate": 'Bearer realm="yichuang"'}
    if scheme.lower() != "bearer" or not token.strip():
        raise Wrong(
            problem(401, "no_token", "请在 Authorization 头带 Bearer 令牌", headers=challenge)
        )
    actor = await run_in_threadpool(ports.accounts.service, token.strip())
    if actor is None:
        throttles: Throttles = request.app.state.throttles
        wait = throttles.wrong_tokens.wait(request.client.host if request.client else "")
        if wait:
            again = {"retry-after": str(int(wait) + 1)}
            raise Wrong(
                problem(429, "too_many", "令牌错误过多，请稍后再试", headers=again), "too_many"
            )
        raise Wrong(
            problem(401, "wrong_token", "令牌无效或已停用", headers=challenge), "wrong_token"
        )
    return actor


def _not_too_often(request: Request, actor: Actor) -> None:
    """Count one request of this system. Raises `Wrong` 429."""
    throttles: Throttles = request.app.state.throttles
    wait = throttles.services.wait(actor.id)
    if wait:
        again = {"retry-after": str(int(wait) + 1)}
        answer = problem(429, "too_many", "请求过于频繁，请稍后再试", headers=again)
        raise Wrong(answer, "too_many")


async def document(request: Request) -> Response:
    """The OpenAPI document; open, so that a tool can read it before it has a token."""
    return JSONResponse(openapi_document(request.app.state.options.address))


async def file_case(request: Request, actor: Actor) -> Response:
    body = await body_of(request, BODIES["file"])
    key = key_of(request)
    order = _order(request, key, "file", body, reference=str(body.get("reference") or key))
    outcome = await _settle(request, actor, order)
    return _answer(outcome, 201)


async def command(request: Request, actor: Actor) -> Response:
    verb = request.path_params["verb"]
    if verb not in BODIES or verb in ("file", *OF_LAW):
        raise Wrong(problem(404, "unknown_verb", f"没有这个指令：{verb[:40]}"))
    key = key_of(request)
    body = await body_of(request, BODIES[verb])
    order = _order(request, key, verb, body, case_no=request.path_params["case_no"])
    return _answer(await _settle(request, actor, order), 200)


def key_of(request: Request) -> str:
    """Return the command id of the header; the quotes of a structured string are allowed."""
    given = request.headers.get("idempotency-key", "").strip()
    key = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
    if not re.fullmatch(COMMAND_ID, key):
        raise Wrong(problem(400, "no_key", "请带 Idempotency-Key 头：1 至 128 个字母、数字或 ._:-"))
    return key


async def body_of(request: Request, model: type[BaseModel]) -> dict[str, Any]:
    """Return the body, checked against its type. Raises `Wrong` with a pointer per fault."""
    body = await _json(request)
    _checked(model, body)
    return body


async def _json(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise Wrong(problem(415, "not_json", "请用 Content-Type: application/json"))
    try:
        body = json.loads(await request.body(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as broken:
        raise Wrong(problem(400, "not_json", "请求体不是合法的 JSON")) from broken
    if not isinstance(body, dict):
        raise Wrong(problem(422, "not_json", "请求体应是 JSON 对象"))
    return body


def _checked(model: type[M], body: dict[str, Any]) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as faults:
        errors = [
            {"pointer": "#" + "".join(f"/{_escaped(p)}" for p in e["loc"]), "detail": e["msg"]}
            for e in faults.errors(include_url=False, include_input=False)
        ]
        raise Wrong(problem(422, "invalid", "请求体不符合格式", errors=errors)) from faults


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _escaped(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _order(request: Request, key: str, verb: str, body: dict[str, Any], **named: str) -> Order:
    given = request.query_params.get("occurred_at")
    try:
        at = datetime.fromisoformat(given) if given else None
        return Order(id=key, verb=verb, body=body, occurred_at=at, **named)
    except ValueError as wrong:
        errors = [{"pointer": "?occurred_at", "detail": "RFC 3339 with offset"}]
        sentence = "occurred_at 应是带时区的时刻"
        raise Wrong(problem(422, "invalid", sentence, errors=errors)) from wrong


async def _settle(request: Request, actor: Actor, order: Order) -> Outcome:
    ports: Ports = request.app.state.ports
    source = Source(door="rest", ip=request.client.host if request.client else "")
    (outcome,) = await ports.reception.handle(actor, source, (order,))
    return outcome


def _answer(outcome: Outcome, fresh: int) -> Response:
    if outcome.status == "done":
        headers = {"location": f"{PREFIX}/cases/{outcome.case_no}"}
        if outcome.repeated:
            headers["idempotency-replayed"] = "true"
        return JSONResponse(outcome.model_dump(mode="json"), fresh, headers)
    status = STATUS.get(outcome.code, 409)
    pointer = "#/" + outcome.field.strip("/$.").replace(".", "/")
    errors = [{"pointer": pointer, "detail": outcome.reason}] if outcome.field else []
    return problem(
        status, outcome.code or "refused", outcome.reason, basis=outcome.basis, errors=errors,
        outcome=outcome.model_dump(mode="json"),
    )  # fmt: skip


STATUS = {
    "access_denied": 403,
    "no_permission": 403,
    "denied": 403,
    "no_right": 403,
    "unknown_case": 404,
    "no_case": 404,
    "not_found": 404,
    "invalid": 422,
    "unknown_matter": 422,
}
"""What a refusal is over HTTP; any other is a conflict with the state of the case."""


async def _may_read(request: Request, actor: Actor, case_no: str) -> str:
    """Return the id of the case, once policy lets the service read it. Raises `Wrong`, `Stop`."""
    ports: Ports = request.app.state.ports
    facts = await run_in_threadpool(ports.reader.find, case_no)
    if facts is None:
        raise nothing()
    verdict = await run_in_threadpool(ports.access.may, actor, "read", facts)
    if not verdict.allowed:
        raise nothing(("read", Thing("case", facts.id)))
    return facts.id


def nothing(tried: tuple[str, Thing] | None = None) -> Stop:
    """What is not there and what the service may not know of: the same answer, to the byte."""
    return Stop(404, "没有这个办件、项目、指令或申请，或您无权查看", "not_found", tried=tried)


async def read_case(request: Request, actor: Actor) -> Response:
    ports: Ports = request.app.state.ports
    case_id = await _may_read(request, actor, request.path_params["case_no"])
    view = await run_in_threadpool(ports.reader.case, actor, case_id)
    if view is None:
        raise nothing()
    await note_shown(request, actor, Shown("read", "case", case_id))
    return JSONResponse(view.model_dump(mode="json"))


async def receipt(request: Request, actor: Actor) -> Response:
    """The receipt of a case, without anybody's words; its entry `receipt.issued` comes first."""
    ports: Ports = request.app.state.ports
    case_id = await _may_read(request, actor, request.path_params["case_no"])
    where = where_of(request)
    found = await run_in_threadpool(ports.receipts.of_case, actor, where, case_id, False, False)
    if found is None:
        raise nothing()
    return download(found)


async def read_command(request: Request, actor: Actor) -> Response:
    """The outcome of a command of a case that the service may read."""
    ports: Ports = request.app.state.ports
    outcome = await run_in_threadpool(ports.reader.outcome, request.path_params["id"])
    if outcome is None or not outcome.case_no:
        raise nothing()
    case_id = await _may_read(request, actor, outcome.case_no)
    await note_shown(request, actor, Shown("read", "case", case_id))
    return JSONResponse(outcome.model_dump(mode="json"))


# --- money ---------------------------------------------------------------------------------------


async def request_payment(request: Request, actor: Actor) -> Response:
    """Have a request for money judged: 201 whether it may be paid or is stopped."""
    ports: Ports = request.app.state.ports
    await demand(ports, actor, "payment_request", OBJECT)
    key = key_of(request)
    body = _checked(RequestPayment, await _json(request))
    source = Source(door="rest", ip=request.client.host if request.client else "")
    answer: PaymentAnswer = await run_in_threadpool(
        ports.payments.request, actor, source, key, body
    )
    if answer.status == "refused":
        status = 422 if answer.field else STATUS.get(answer.code, 409)
        pointer = "#/" + answer.field.removeprefix("body.").replace(".", "/")
        errors = [{"pointer": pointer, "detail": answer.reason}] if answer.field else []
        return problem(status, answer.code, answer.reason, basis=answer.basis, errors=errors)
    headers = {"location": f"{PREFIX}/payments/{answer.payment}"}
    if answer.repeated:
        headers["idempotency-replayed"] = "true"
    return JSONResponse(answer.model_dump(mode="json"), 201, headers)


async def read_payment(request: Request, actor: Actor) -> Response:
    """A request for money with what came of it, for who may see the department's."""
    ports: Ports = request.app.state.ports
    await demand(ports, actor, "payment_read", OBJECT)
    found: KeptPayment | None = await run_in_threadpool(
        ports.payments.find, request.path_params["payment"]
    )
    if found is None:
        raise nothing()
    asked = Thing(OBJECT, found.id, department=found.department)
    if not (await run_in_threadpool(ports.access.may, actor, "payment_read", asked)).allowed:
        raise nothing(("payment_read", asked))
    return JSONResponse(
        {
            "payment": found.id,
            "number": found.number,
            "asked_at": found.asked_at.isoformat(),
            "body": found.body.model_dump(mode="json"),
            "verdict": found.verdict.model_dump(mode="json"),
            "entry": found.entry_id,
        }
    )


async def demand(ports: Ports, actor: Actor, act: str, thing: Thing | str) -> None:
    verdict = await run_in_threadpool(ports.access.may, actor, act, thing)
    if not verdict.allowed:
        raise Stop(403, verdict.reason, "no_permission", verdict.remedy)
