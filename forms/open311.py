"""Open311 GeoReport v2: the public's reports, its six methods and the discovery, in XML and JSON.

http://wiki.open311.org/GeoReport_v2 (frozen). A report is a signal; its id is the token and the
request's id in one. What everybody may read says nothing of who reported or what they wrote, and
no finer place than a cell of the grid (个人信息保护法第六条: the least that the purpose needs).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cases.incidents.place import Place
from cases.incidents.signal import Reporter, Signal
from cases.incidents.state import STAGES
from cases.messages import Actor
from cases.reception import NotNow
from catalogue.incident_types import Attribute, IncidentType
from forms.intake_ports import PublicReport, ReportQuery
from forms.noting import note_refusal
from forms.open311_text import FORMATS, written
from forms.openapi import COMMAND_ID
from forms.ports import Options, Ports
from forms.posting import SMALL_BODY, limited
from forms.stops import Stop
from forms.throttles import Throttles

OPEN311: Final = "/api/open311/v2"
SPAN: Final = timedelta(days=90)
"""Longest span of time that one asking covers (GET requests, argument end_date)."""
MOST: Final = 1000
"""Requests of one answer at most (GET requests: default and limit)."""
LONGEST: Final = 1000
"""Characters of a description; the standard allows 4,000, a signal holds a thousand."""

STATES: Final[Mapping[str, str]] = {
    "incident": "已立件", "merged": "已并入同一事件", "noted": "已登记，同类反映达到数量时立件",
    "suppressed": "计划内作业影响，已登记", "duplicate": "已有相同的反映", "refused": "不予受理",
}  # fmt: skip

Answer = Any
"""What is written as XML or JSON: lists and mappings of plain values."""
Handler = Callable[[Request], Awaitable[tuple[str, Answer]]]


class No(Exception):
    """The error of the standard: a status, and what is wrong."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status, self.description = status, description


def open311_routes() -> list[Route]:
    """Return the routes. Only a report needs a key, as the standard has it."""
    return [
        _route("/discovery.{format}", discovery),
        _route("/services.{format}", services),
        _route("/services/{code}.{format}", definition),
        _route("/requests.{format}", requests),
        _route("/requests.{format}", report, "POST"),
        _route("/requests/{id}.{format}", one_request),
        _route("/tokens/{id}.{format}", token),
    ]


def _route(path: str, handler: Handler, method: str = "GET") -> Route:
    async def endpoint(request: Request) -> Response:
        wanted = request.path_params["format"]
        if wanted not in FORMATS:
            return written("xml", "errors", _errors(404, "格式只有 xml 和 json"), 404)
        try:
            _not_too_often(request)
            _of_this_city(request)
            name, answer = await handler(request)
        except No as no:
            return written(wanted, "errors", _errors(no.status, no.description), no.status)
        except NotNow as away:
            return written(wanted, "errors", _errors(503, str(away)), 503)
        except Stop as no:
            await note_refusal(request, None, no, OPEN311 + path)
            return written(wanted, "errors", _errors(no.status, no.reason), no.status)
        return written(wanted, name, answer)

    return Route(
        OPEN311 + path, endpoint, methods=[method], name=f"forms.open311.{handler.__name__}"
    )


def _errors(status: int, description: str) -> list[dict[str, object]]:
    return [{"code": status, "description": description}]


def _not_too_often(request: Request) -> None:
    throttles: Throttles = request.app.state.throttles
    who = request.client.host if request.client else ""
    if throttles.services.wait(f"open311 {who}"):
        raise Stop(429, "请求过于频繁，请稍后再试", "too_many")


def _of_this_city(request: Request) -> None:
    """Refuse another jurisdiction; ours is the host of the public address, `www.` or not."""
    asked = request.query_params.get("jurisdiction_id", "").removeprefix("www.")
    if asked and asked not in _jurisdictions(request):
        raise No(404, f"没有管辖区 {asked[:80]}")


def _jurisdictions(request: Request) -> frozenset[str]:
    options: Options = request.app.state.options
    host = urlsplit(options.address).hostname or ""
    return frozenset({host.removeprefix("www."), *options.hosts})


# --- what there is ----------------------------------------------------------------------------


async def discovery(request: Request) -> tuple[str, Answer]:
    """Open311 Service Discovery."""
    options: Options = request.app.state.options
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": options.address + OPEN311,
        "changeset": CHANGED,
        "type": "production",
        "formats": ["text/xml", "application/json"],
    }
    return "discovery", {
        "changeset": CHANGED,
        "contact": f"{options.city_name}：接口密钥（业务系统的令牌）由系统管理员发给",
        "key_service": options.address,
        "endpoints": [endpoint],
    }


CHANGED: Final = "2026-11-27T00:00:00+08:00"
"""When this interface last changed."""


async def services(request: Request) -> tuple[str, Answer]:
    ports: Ports = request.app.state.ports
    return "services", [_service(one) for one in ports.intake.types().by_service.values()]


def _service(one: IncidentType) -> dict[str, object]:
    return {
        "service_code": one.service_code,
        "service_name": one.name,
        "description": one.english,
        "metadata": bool(one.attributes),
        "type": "batch",
        "keywords": ",".join(one.keywords),
        "group": one.group,
    }


async def definition(request: Request) -> tuple[str, Answer]:
    one = _type(request, request.path_params["code"])
    return "service_definition", {
        "service_code": one.service_code,
        "attributes": [_attribute(n, each) for n, each in enumerate(one.attributes, 1)],
    }


def _attribute(order: int, one: Attribute) -> dict[str, object]:
    return {
        "variable": True,
        "code": one.code,
        "datatype": one.datatype,
        "required": one.required,
        "datatype_description": "",
        "order": order,
        "description": one.zh,
        "values": [{"key": key, "name": name} for key, name in one.values.items()],
    }


def _type(request: Request, code: str) -> IncidentType:
    ports: Ports = request.app.state.ports
    found = ports.intake.types().by_service.get(code)
    if found is None:
        raise No(404, f"没有服务代码 {code[:20]}")
    return found


# --- reporting --------------------------------------------------------------------------------


async def report(request: Request) -> tuple[str, Answer]:
    """POST requests: a token at once; the request's id once the signal is in the store."""
    ports: Ports = request.app.state.ports
    form = await limited(request, 4 * SMALL_BODY).form(max_files=0, max_fields=100)
    key = _said(form, "api_key") or request.query_params.get("api_key", "")
    actor = await _account(request, key)
    wait = request.app.state.throttles.services.wait(actor.id)
    if wait:
        raise Stop(429, "请求过于频繁，请稍后再试", "too_many")
    code = _said(form, "service_code")
    if not _is_form(request):
        raise No(400, "请以表单提交（application/x-www-form-urlencoded）")
    if not code:
        raise No(400, "缺 service_code")
    receipt = await ports.intake.submit(_signal(request, actor, _type(request, code), form))
    return "service_requests", [
        {
            "token": receipt.id,
            "service_notice": "已收到，可凭 token 查询办理情况",
            "account_id": "",
        }
    ]


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind in ("application/x-www-form-urlencoded", "multipart/form-data")


async def _account(request: Request, key: str) -> Actor:
    """Return the service of an `api_key`, which is its bearer token. Raises `No`, `Stop`."""
    ports: Ports = request.app.state.ports
    actor = await run_in_threadpool(ports.accounts.service, key) if key else None
    if actor is None:
        throttles: Throttles = request.app.state.throttles
        where = request.client.host if request.client else ""
        if key and throttles.wrong_tokens.wait(where):
            raise Stop(429, "密钥错误过多，请稍后再试", "too_many")
        raise Stop(403, "缺 api_key，或者它无效", "wrong_token")
    verdict = await run_in_threadpool(ports.access.may, actor, "report", "incident")
    if not verdict.allowed:
        raise Stop(403, verdict.reason, "no_permission", verdict.remedy)
    return actor


def _said(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()


def _signal(request: Request, actor: Actor, kind: IncidentType, form: FormData) -> Signal:
    key = request.headers.get("idempotency-key", "").strip('" ') or str(uuid4())
    if not re.fullmatch(COMMAND_ID, key):
        raise No(400, "Idempotency-Key 应是 1 至 128 个字母、数字或 ._:-")
    said = [_said(form, "description"), *_attributes(kind, form), *_media(form)]
    text = "\n".join(filter(None, said))
    if len(text) > LONGEST:
        raise No(400, f"description 连同附加项最多 {LONGEST} 字")
    name = _said(form, "last_name") + _said(form, "first_name")
    reporter = Reporter(name=name[:200], phone=_said(form, "phone")[:40])
    try:
        return Signal(
            id=key,
            source=f"open311/{re.sub(r'[^0-9A-Za-z_.:-]', '-', actor.id)[:64]}",
            type=kind.code,
            title=kind.name,
            text=text,
            place=_place(request, form),
            occurred_at=datetime.now(UTC),
            reporter=reporter if reporter != Reporter() else None,
        )
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        raise No(400, f"{'.'.join(map(str, first['loc']))}：{first['msg']}") from wrong


def _attributes(kind: IncidentType, form: FormData) -> list[str]:
    """Return the attributes in words; refuse what is missing or of no listed value."""
    said = []
    for one in kind.attributes:
        names = (f"attribute[{one.code}]", f"attribute[{one.code}][]")
        values = [str(value).strip() for name in names for value in form.getlist(name)]
        values = [value for value in values if value]
        if one.required and not values:
            raise No(400, f"缺 attribute[{one.code}]（{one.zh}）")
        if one.values and not set(values) <= set(one.values):
            raise No(400, f"attribute[{one.code}] 的值只能是 {'、'.join(one.values)}")
        if one.datatype == "number" and not all(re.fullmatch(NUMBER, value) for value in values):
            raise No(400, f"attribute[{one.code}] 应是数字")
        if values:
            said.append(f"{one.zh}：{'、'.join(one.values.get(value, value) for value in values)}")
    return said


def _media(form: FormData) -> list[str]:
    """Return in words where a picture is, for who answers: it is never fetched and never shown to
    the public. Refuse what is no address of the web."""
    said = _said(form, "media_url")
    if not said:
        return []
    parts = urlsplit(said) if re.fullmatch(r"[!-~]{1,500}", said) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise No(400, "media_url 应是 http 或 https 的地址，最多 500 个字符")
    return [f"附件地址（由上报人提供，未经查验）：{said}"]


NUMBER: Final = r"-?[0-9]{1,9}(\.[0-9]{1,6})?"


def _place(request: Request, form: FormData) -> Place:
    """Return where it is: coordinates within the city, or an address. Raises `No`."""
    ports: Ports = request.app.state.ports
    lat, lon, address = (_said(form, name) for name in ("lat", "long", "address_string"))
    if not address and not (lat and lon):
        raise No(400, "缺地点：lat 和 long，或者 address_string")
    if not (lat or lon):
        return Place(address=address[:1000])
    if not (re.fullmatch(DEGREES, lat) and re.fullmatch(DEGREES, lon)):
        raise No(400, "lat、long 应是 WGS-84 度数")
    if ports.intake.grid().cell_at(float(lon), float(lat)) is None:
        raise No(400, "lat、long 不在本市范围内")
    return Place(lon=float(lon), lat=float(lat), address=address[:1000])


DEGREES: Final = r"-?[0-9]{1,3}(\.[0-9]{1,12})?"


# --- what became of it ------------------------------------------------------------------------


async def token(request: Request) -> tuple[str, Answer]:
    found = await _reports(request, ReportQuery(ids=(request.path_params["id"],)))
    if not found:
        raise No(404, "没有这个 token，或者还在受理，请稍后再问")
    return "service_requests", [{"service_request_id": found[0].id, "token": found[0].id}]


async def one_request(request: Request) -> tuple[str, Answer]:
    found = await _reports(request, ReportQuery(ids=(request.path_params["id"],)))
    if not found:
        raise No(404, "没有这个 service_request_id")
    return "service_requests", [_shown(request, found[0])]


async def requests(request: Request) -> tuple[str, Answer]:
    """GET requests: by ids, or of at most ninety days; a filter that is empty is none."""
    found = await _reports(request, _query(request))
    return "service_requests", [_shown(request, one) for one in found]


async def _reports(request: Request, query: ReportQuery) -> list[PublicReport]:
    ports: Ports = request.app.state.ports
    return list(await run_in_threadpool(ports.intake.reports, query))


def _query(request: Request) -> ReportQuery:
    asked = request.query_params
    ids = [one for one in asked.get("service_request_id", "").split(",") if one]
    if ids:
        return ReportQuery(ids=tuple(ids[:MOST]), limit=MOST)
    until = _moment(asked.get("end_date", "")) or datetime.now(UTC)
    since = _moment(asked.get("start_date", "")) or until - SPAN
    if until - since > SPAN:
        raise No(400, "start_date 和 end_date 最多相隔 90 天")
    codes = [one for one in asked.get("service_code", "").split(",") if one]
    types = tuple(_type(request, code).code for code in codes)
    wanted = {one for one in asked.get("status", "").split(",") if one}
    if not wanted <= {"open", "closed"}:
        raise No(400, "status 只能是 open、closed")
    is_open = None if len(wanted) != 1 else "open" in wanted
    return ReportQuery(types=types, since=since, until=until, is_open=is_open, limit=MOST)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as wrong:
        raise No(400, "时间应是带时区的 W3C 时间，例如 2026-11-27T10:00:00+08:00") from wrong
    if found.tzinfo is None:
        raise No(400, "时间应带时区")
    return found


def _shown(request: Request, one: PublicReport) -> dict[str, object]:
    ports: Ports = request.app.state.ports
    kind, cell = ports.intake.types().by_code.get(one.type), ports.intake.grid().cell_by_id
    at = cell.get(one.cell)
    stages: dict[str, str] = dict(STAGES.items())
    stage = stages.get(one.stage, "")
    notes = STATES[one.state] + (f"，{stage}" if stage else "")
    shown: dict[str, object] = {
        "service_request_id": one.id,
        "status": "open" if one.is_open else "closed",
        "status_notes": notes,
        "service_name": kind.name if kind else "",
        "service_code": kind.service_code if kind else "",
        "description": "",
        "agency_responsible": ports.catalogue.departments().get(one.lead, ""),
        "service_notice": "",
        "requested_datetime": _written(one.requested_at),
        "updated_datetime": _written(one.updated_at),
        "address": at.name if at else "",
    }
    if at is not None:
        shown |= {"lat": round(at.centre[1], 5), "long": round(at.centre[0], 5)}
    return shown


def _written(at: datetime) -> str:
    return at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
