"""Messages that order something, and the answers: their types, their schemas, their checks.

The type of an order is `cn.<city>.case.<verb>.v<major>`. Its data names the case in one of three
ways and carries the verb's body. `docs/api/schemas/` holds the JSON Schemas made from here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, TypeVar
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from cases.fund import USE, Use
from cases.incidents import messages as incidents
from cases.incidents.messages import INCIDENT_BODIES
from cases.messages import BODIES, OF_LAW, Frozen, Outcome
from cases.payments import REQUEST, RequestPayment
from cases.plan.messages import REPORT, ReportFigure
from cases.projects import messages as projects
from cases.projects.messages import PROJECT_BODIES
from cases.reception import Request
from policies.vocabulary import OBJECT_TITLES
from yichuang.events import Event, EventInvalid
from yichuang.subjects import OrderSubject, command_id

VERSION = 1
"""The only major version so far; an unknown one is refused, never guessed."""

VERBS = tuple(verb for verb in BODIES if verb not in OF_LAW)
"""What may be ordered from outside. A timer of the law is the worker's alone."""

PAYMENT_VERB = "request"
"""What may be ordered of a payment: `cn.<city>.payment.request.v1`."""

PLAN_VERB = "report"
"""What may be ordered of the plan: `cn.<city>.plan.report.v1`."""

FUND_VERB = "use"
"""What may be ordered of the fund: `cn.<city>.fund.use.v1`."""

LIFE_ORDERS: Mapping[str, Mapping[str, type[Frozen]]] = MappingProxyType(
    {
        "project": {verb: PROJECT_BODIES[verb] for verb in projects.SYSTEM_VERBS},
        "incident": {verb: INCIDENT_BODIES[verb] for verb in incidents.SYSTEM_VERBS},
    }
)
"""Thing → verb → body, of what systems may order: `cn.<city>.project.achieve.v1`."""

_TYPE = re.compile(
    r"cn\.(?P<city>[a-z0-9-]+)\.(?P<thing>case|payment|plan|fund|project|incident)"
    r"\.(?P<verb>[a-z_]+)\.v(?P<version>\d+)"
)

M = TypeVar("M", bound=BaseModel)
Reference = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class OrderData(Frozen):
    """The data of an order: which case, when, and the body of the verb."""

    case_no: Reference = ""
    case_id: Reference = ""
    reference: Reference = ""
    """The sender's own number of the case; given at filing, it names the case for ever."""
    occurred_at: AwareDatetime | None = None
    """Business time of something that already happened (补录); absent: now."""
    body: dict[str, Any]
    """Empty where the verb needs no more; left out, the message is not what its schema says."""


class LifeData(Frozen):
    """The data of an order to a project or an incident: which one, and the body of the verb."""

    number: Reference = ""
    """Its number, as pages and papers show it."""
    id: Reference = ""
    """Its id, as events tell it. One of the two."""
    body: dict[str, Any]


class PaymentData(Frozen):
    """The data of a request for money, of a use of it, or of a report of the plan."""

    body: dict[str, Any]


def type_of(city: str, verb: str, thing: str = "case") -> str:
    return f"cn.{city}.{thing}.{verb}.v{VERSION}"


def order_event(
    city: str,
    verb: str,
    data: dict[str, Any],
    *,
    source: str,
    event_id: str = "",
    thing: str = "case",
) -> Event:
    """Return an order ready to be published; a fresh id when none is given."""
    return Event(
        id=event_id or str(uuid4()),
        source=source,
        type=type_of(city, verb, thing),
        time=datetime.now(UTC),
        datacontenttype="application/json",
        data=data,
    )


def _insist_on_words(data: OrderData) -> None:
    """Raise `EventInvalid` for a name of the case that is there and empty."""
    for named in ("case_no", "case_id", "reference"):
        if named in data.model_fields_set and not getattr(data, named):
            raise EventInvalid(f"data.{named}", "不能是空的：不填就整项去掉")


def request_of(event: Event, subject: OrderSubject) -> Request:
    """Return the request that an order makes. Raises `EventInvalid`, naming the field at fault.

    The body itself is checked here against the verb's type, so that a malformed one is told with
    its field before anything else is asked.
    """
    match = _TYPE.fullmatch(event.type)
    if match is None:
        raise EventInvalid("type", f"应为 {type_of(subject.city, subject.verb, subject.thing)}")
    if match["version"] != str(VERSION):
        raise EventInvalid("type", f"不认识版本 v{match['version']}；现行版本 v{VERSION}")
    said = (match["city"], match["thing"], match["verb"])
    if said != (subject.city, subject.thing, subject.verb):
        raise EventInvalid("type", f"与主题不符：主题说 {subject.thing}.{subject.verb}")
    if subject.thing == "case":
        return _case_order_of(event, subject)
    if subject.thing == "payment":
        return _payment_of(event, subject)
    if subject.thing == "plan":
        return _report_of(event, subject)
    if subject.thing == "fund":
        return _use_of(event, subject)
    return _life_order_of(event, subject)


def _case_order_of(event: Event, subject: OrderSubject) -> Request:
    if subject.verb not in VERBS:
        raise EventInvalid("type", f"没有动作 {subject.verb}；可用：{'、'.join(VERBS)}")
    if not isinstance(event.data, dict):
        raise EventInvalid("data", "应是 JSON 对象")
    data = _checked(OrderData, event.data, "data")
    _checked(BODIES[subject.verb], data.body, "data.body")
    names = [name for name in (data.case_no, data.case_id, data.reference) if name]
    _insist_on_words(data)
    if len(names) > 1:
        raise EventInvalid("data", "case_no、case_id、reference 只填一个")
    if not names and subject.verb != "file":
        raise EventInvalid("data.case_no", "须写明哪个办件：case_no、case_id 或 reference")
    return Request(
        id=command_id(subject.user, event.source, event.id),
        verb=subject.verb,
        body=data.body,
        case_no=data.case_no,
        case_id=data.case_id,
        reference=data.reference,
        occurred_at=data.occurred_at,
    )


def _payment_of(event: Event, subject: OrderSubject) -> Request:
    if subject.verb != PAYMENT_VERB:
        raise EventInvalid("type", f"付费没有动作 {subject.verb}；可用：{PAYMENT_VERB}")
    if not isinstance(event.data, dict):
        raise EventInvalid("data", "应是 JSON 对象")
    data = _checked(PaymentData, event.data, "data")
    body = _checked(RequestPayment, data.body, "data.body")
    return Request(
        id=command_id(subject.user, event.source, event.id),
        verb=REQUEST,
        body=body.model_dump(mode="json"),
    )


def _report_of(event: Event, subject: OrderSubject) -> Request:
    if subject.verb != PLAN_VERB:
        raise EventInvalid("type", f"方案指标没有动作 {subject.verb}；可用：{PLAN_VERB}")
    if not isinstance(event.data, dict):
        raise EventInvalid("data", "应是 JSON 对象")
    data = _checked(PaymentData, event.data, "data")
    body = _checked(ReportFigure, data.body, "data.body")
    return Request(
        id=command_id(subject.user, event.source, event.id),
        verb=REPORT,
        body=body.model_dump(mode="json"),
    )


def _use_of(event: Event, subject: OrderSubject) -> Request:
    if subject.verb != FUND_VERB:
        raise EventInvalid("type", f"专项基金没有动作 {subject.verb}；可用：{FUND_VERB}")
    if not isinstance(event.data, dict):
        raise EventInvalid("data", "应是 JSON 对象")
    data = _checked(PaymentData, event.data, "data")
    _checked(Use, data.body, "data.body")
    return Request(id=command_id(subject.user, event.source, event.id), verb=USE, body=data.body)


def _life_order_of(event: Event, subject: OrderSubject) -> Request:
    bodies = LIFE_ORDERS[subject.thing]
    if subject.verb not in bodies:
        what = OBJECT_TITLES[subject.thing]
        raise EventInvalid("type", f"{what}没有动作 {subject.verb}；可用：{'、'.join(bodies)}")
    if not isinstance(event.data, dict):
        raise EventInvalid("data", "应是 JSON 对象")
    data = _checked(LifeData, event.data, "data")
    _checked(bodies[subject.verb], data.body, "data.body")
    if subject.thing == "incident" and not data.body.get("department"):
        raise EventInvalid("data.body.department", "须写明是哪个单位的")
    if bool(data.number) == bool(data.id):
        raise EventInvalid("data.number", "number、id 须填一个且只填一个")
    return Request(
        id=command_id(subject.user, event.source, event.id),
        verb=f"{subject.thing}.{subject.verb}",
        body=data.body,
        case_no=data.number,
        case_id=data.id,
    )


def _checked(model: type[M], value: object, path: str) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        where = ".".join([path, *(str(step) for step in first["loc"])])
        raise EventInvalid(where, first["msg"]) from wrong


class Answer(BaseModel):
    """The data of an answer: what came of the order."""

    model_config = ConfigDict(frozen=True)

    event_id: str
    """`id` of the order's CloudEvent."""
    event_source: str
    outcome: Outcome | None = None
    """Absent when the message was dead-lettered."""
    dead_letter: str = ""
    """Id of the dead letter, when the message could not be taken."""
    field: str = ""
    reason: str = ""


def answer_event(city: str, answer: Answer) -> Event:
    """Return the event that answers an order, structured JSON."""
    return Event(
        id=str(uuid4()),
        source=f"/{city}/gateway",
        type=f"cn.{city}.command.answered.v{VERSION}",
        subject=answer.event_id or "unknown",
        time=datetime.now(UTC),
        datacontenttype="application/json",
        data=answer.model_dump(mode="json", exclude_none=True),
    )
