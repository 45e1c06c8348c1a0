"""What travels over NATS, as an AsyncAPI 3.0 document and as one JSON Schema per message.

Made from the values themselves (`cases.messages.BODIES`), so that they cannot tell another story.
`docs/api/` holds the result; a test compares. JetStream facts stand in `x-jetstream` fields: the
NATS binding (0.1.0) knows only the queue of an operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cases.card_rows import MARKS
from cases.fund import VERBS as FUND_VERBS
from cases.fund import Use
from cases.messages import BODIES, Outcome
from cases.payments import RequestPayment, Stop
from cases.plan.messages import ReportFigure
from cases.projects.performing_messages import BODIES as PERFORMANCE
from cases.projects.performing_state import STAGES as EVALUATION_STAGES
from cases.supervision.names import LEVELS
from cases.warnings import LEVELS as WARNING_LEVELS
from catalogue.registers import load_registers
from yichuang import (
    incident_schemas,
    life_schemas,
    project_schemas,
    reading_schemas,
    signal_schemas,
)
from yichuang.orders import (
    FUND_VERB,
    LIFE_ORDERS,
    PAYMENT_VERB,
    PLAN_VERB,
    VERBS,
    VERSION,
    Answer,
    OrderData,
)
from yichuang.register_wire import SIGNATURE, user_of

SCHEMA = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {
            "type": "string",
            "minLength": 1,
            "description": "幂等键：同一来源、同一 id 永远得到同一答复",
        },
        "source": {"type": "string", "format": "uri-reference", "minLength": 1},
        "type": {"type": "string", "minLength": 1},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"type": "string"},
        "dataschema": {"type": "string", "format": "uri"},
    },
}
"""CloudEvents 1.0.2 JSON format; the attributes that we read."""


def _in_draft(schema: dict[str, Any], title: str) -> dict[str, Any]:
    return {"$schema": SCHEMA, "title": title, **schema}


def order_schema(verb: str) -> dict[str, Any]:
    """Return the JSON Schema of the data of one order."""
    data = OrderData.model_json_schema()
    body = BODIES[verb].model_json_schema()
    definitions = {**data.pop("$defs", {}), **body.pop("$defs", {})}
    data["properties"]["body"] = body
    data["required"] = ["body"]
    if verb != "file":
        data["oneOf"] = [
            {"required": [name], "properties": {name: {"minLength": 1}}}
            for name in ("case_no", "case_id", "reference")
        ]
    if definitions:
        data["$defs"] = definitions
    return _in_draft(data, f"case.{verb}.v{VERSION}")


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of the data of what has happened to a case (`evt.…`)."""
    return _in_draft(
        {
            "type": "object",
            "required": ["case_no", "seq"],
            "properties": {
                "case_no": {"type": "string"},
                "case_id": {"type": "string"},
                "seq": {"type": "integer", "minimum": 1},
                "due_at": {
                    "type": ["string", "null"],
                    "format": "date-time",
                    "description": "最先到期的时刻（最后一日 24:00，即次日零时）；没有则为 null",
                },
                "due_clock": {"type": "string", "description": "哪一个时限"},
                "provisional": {
                    "type": "boolean",
                    "description": "暂定：跨入放假安排尚未公布的期间，通知公布后可能变动",
                },
            },
            "additionalProperties": True,
        },
        f"case.event.v{VERSION}",
    )


def card_schema() -> dict[str, Any]:
    """Return the JSON Schema of the data of a supervision card that was issued (`evt.…`)."""
    text = {"type": "string"}
    detail = {
        "type": "object",
        "required": ["number", "rule", "level", "department", "clock", "to"],
        "properties": {
            "number": text | {"pattern": "^[A-Z0-9]{1,20}$", "description": "监察编号"},
            "rule": text | {"maxLength": 20, "description": "监察规则编号"},
            "level": {"enum": [*LEVELS], "description": "提示、预警、黄牌、红牌"},
            "title": text,
            "article": text,
            "department": text | {"description": "责任部门"},
            "clock": text | {"description": "哪一个时限；by_hand 为监察员发牌"},
            "since": text | {"format": "date-time", "description": "这一轮时钟的起点"},
            "why": {"type": "object", "description": "期限、已用、剩余等"},
            "unit": text,
            "recipients": {"type": "array", "items": text, "description": "规则所定的送达对象"},
            "to": {"type": "array", "items": text, "description": "实际送达：人、部门或角色"},
            "nobody": {"type": "array", "items": text, "description": "无人担任的角色"},
            "waits": {"type": "array", "items": text, "description": "谁来担任，谁收到"},
            "explain_days": {"type": "integer", "minimum": 0},
            "document": text,
            "public": {"type": "boolean", "description": "须公开说明理由"},
            "late_seconds": {"type": "integer", "minimum": 0, "description": "迟记的秒数"},
            "digest": text | {"description": "规则版本的 SHA-256"},
            "ground": text,
        },
        "additionalProperties": True,
    }
    return _about_card("card_issued", detail)


def card_mark_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of the data of what became of a supervision card (`evt.…`)."""
    text = {"type": "string"}
    detail = {
        "type": "object",
        "required": ["card"],
        "properties": {
            "card": text | {"pattern": "^[A-Z0-9]{1,20}$", "description": "监察编号"},
            "why": text,
            "result": text,
            "rule": text,
            "clock": text,
            "department": text,
        },
        "additionalProperties": True,
    }
    return _about_card(kind, detail)


def _about_card(kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    schema = event_schema()
    schema["title"] = f"case.{kind}.v{VERSION}"
    schema["properties"] = {**schema["properties"], "detail": detail}
    schema["required"] = [*schema["required"], "detail"]
    return schema


def alarm_schema() -> dict[str, Any]:
    """Return the JSON Schema of the data of an alarm that was raised or cleared (`evt.…`)."""
    text = {"type": "string"}
    moment = {"type": "string", "format": "date-time"}
    return _in_draft(
        {
            "type": "object",
            "required": ["id", "key", "kind", "text", "raised_at", "cleared_at"],
            "properties": {
                "id": text | {"minLength": 1},
                "key": text | {"minLength": 1},
                "kind": text | {"minLength": 1},
                "case_id": text | {"description": "不涉及办件的为空"},
                "department": text | {"description": "不涉及部门的为空"},
                "text": text | {"minLength": 1},
                "detail": {"type": "object"},
                "raised_at": moment,
                "cleared_at": {"anyOf": [moment, {"type": "null"}]},
            },
            "additionalProperties": True,
        },
        f"alarm.v{VERSION}",
    )


def payment_schema() -> dict[str, Any]:
    """Return the JSON Schema of the data of a request for money (`cmd.….payment.request`)."""
    return _whole_body(RequestPayment.model_json_schema(), f"payment.{PAYMENT_VERB}.v{VERSION}")


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of the data of a report of the plan (`cmd.….plan.report`)."""
    return _whole_body(ReportFigure.model_json_schema(), f"plan.{PLAN_VERB}.v{VERSION}")


def use_schema() -> dict[str, Any]:
    """Return the JSON Schema of the data of a use of paid money (`cmd.….fund.use`)."""
    return _whole_body(Use.model_json_schema(), f"fund.{FUND_VERB}.v{VERSION}")


def _whole_body(body: dict[str, Any], name: str) -> dict[str, Any]:
    data: dict[str, Any] = {
        "type": "object",
        "required": ["body"],
        "additionalProperties": False,
        "$defs": body.pop("$defs", {}),
        "properties": {"body": body},
    }
    return _in_draft(data, name)


def judged_schema() -> dict[str, Any]:
    """Return the JSON Schema of the data of a request that was judged (`evt.….payment.judged`)."""
    text = {"type": "string"}
    fen = {"type": "integer", "minimum": 0}
    or_none = {"type": "null"}
    stop = Stop.model_json_schema()
    del stop["properties"]["title"]
    stop["required"].remove("title")
    properties: dict[str, Any] = {
        "payment": text | {"description": "付费申请的标识"},
        "number": text | {"description": "付费申请编号"},
        "command": text,
        "department": text | {"description": "付款部门"},
        "amount_fen": fen,
        "currency": {"const": "CNY"},
        "budget_year": {"type": "integer"},
        "outcome": {"enum": ["may_pay", "stopped"], "description": "可以支付、停付"},
        "stops": {"type": "array", "items": stop, "description": "停付的规则、条款和理由"},
        "due_on": {"anyOf": [text | {"format": "date"}, or_none], "description": "付款期限届满日"},
        "overdue_days": {"type": "integer", "minimum": 0},
        "interest_fen": {"anyOf": [fen, or_none], "description": "至申请之日的逾期利息"},
        "rules": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pack", "version", "digest"],
                "properties": {"pack": text, "version": text, "digest": text},
            },
        },
    }
    return _in_draft(
        {
            "type": "object",
            "required": list(properties),
            "properties": properties,
            "additionalProperties": True,
        },
        f"payment.judged.v{VERSION}",
    )


WARNING_WORDS: Mapping[str, str] = MappingProxyType(
    {"issued": "发布预警", "adjusted": "调整预警", "lifted": "解除预警", "lapsed": "预警到时失效"}
)


def warning_schema() -> dict[str, Any]:
    """Return the JSON Schema of the data of an act of a warning (`evt.….warning.issued` …)."""
    text = {"type": "string"}
    properties: dict[str, Any] = {
        "warning": text | {"description": "预警的标识"},
        "seq": {"type": "integer", "minimum": 1, "description": "第几次发布、调整、解除或失效"},
        "identifier": text | {"description": "CAP 报文的 identifier"},
        "category": text | {"description": "预警类别"},
        "level": {"enum": list(WARNING_LEVELS), "description": "预警级别"},
        "event": text | {"description": "预警名称"},
        "issuer": text | {"description": "发布单位"},
        "expires_at": text | {"description": "何时自行失效；空：直至宣布解除"},
        "cap": text | {"description": "CAP 1.2 报文的地址"},
    }
    return {
        "type": "object",
        "required": [name for name in properties if name != "expires_at"],  # not of earlier ones
        "properties": properties,
        "additionalProperties": True,
    }


def performance_schema() -> dict[str, Any]:
    """Return the JSON Schema of the data of `evt.….performance.changed`."""
    whole = {"type": "integer", "minimum": 0}
    properties: dict[str, Any] = {
        "project": {"type": "string", "description": "项目编号"},
        "seq": {"type": "integer", "minimum": 1, "description": "第几步"},
        "verb": {"enum": sorted(PERFORMANCE), "description": "办了什么"},
        "year": {"type": "integer", "description": "评价年度"},
        "stage": {"enum": sorted(EVALUATION_STAGES), "description": "评价所处环节"},
        "score": {"type": "string", "description": "综合得分，十进制"},
        "coefficient_bp": whole | {"maximum": 10_000, "description": "绩效系数，万分之几"},
        "payable_fen": {"type": ["integer", "null"], "description": "应付额（分），确认后才有"},
    }
    return {
        "type": "object",
        "required": ["project", "seq", "verb"],
        "properties": properties,
        "additionalProperties": True,
    }


def fund_schema() -> dict[str, Any]:
    """Return the JSON Schema of the data of an order to the fund (`evt.….fund.changed`)."""
    text, fen = {"type": "string"}, {"type": "integer", "description": "分"}
    properties: dict[str, Any] = {
        "verb": {"enum": list(FUND_VERBS), "description": "办了什么"},
        "thing": text | {"description": "付费、合同、指标、使用的标识；基金为 special"},
        "command": text,
        "project": text | {"description": "项目标识"},
        "contract": text | {"description": "合同标识；空：与合同无关"},
        "payment": text | {"description": "付费申请的标识；空：与付费无关"},
        "budget_year": {"type": ["integer", "null"]},
        "amount_fen": fen,
        "paid_fen": fen,
        "retained_fen": fen,
        "interest_fen": fen,
    }
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": True,
    }


def schemas() -> dict[str, dict[str, Any]]:
    """Return every message schema by file name."""
    made = {f"case.{verb}.v{VERSION}.json": order_schema(verb) for verb in VERBS}
    made[f"command.answered.v{VERSION}.json"] = _in_draft(
        Answer.model_json_schema(mode="serialization"), f"command.answered.v{VERSION}"
    )
    made[f"outcome.v{VERSION}.json"] = _in_draft(
        Outcome.model_json_schema(mode="serialization"), f"outcome.v{VERSION}"
    )
    made[f"case.event.v{VERSION}.json"] = event_schema()
    made[f"alarm.v{VERSION}.json"] = alarm_schema()
    made[f"payment.{PAYMENT_VERB}.v{VERSION}.json"] = payment_schema()
    made[f"plan.{PLAN_VERB}.v{VERSION}.json"] = plan_schema()
    made[f"fund.{FUND_VERB}.v{VERSION}.json"] = use_schema()
    made[f"payment.judged.v{VERSION}.json"] = judged_schema()
    made[f"case.card_issued.v{VERSION}.json"] = card_schema()
    made[f"performance.changed.v{VERSION}.json"] = _in_draft(
        performance_schema(), f"performance.changed.v{VERSION}"
    )
    for word in WARNING_WORDS:
        made[f"warning.{word}.v{VERSION}.json"] = _in_draft(
            warning_schema(), f"warning.{word}.v{VERSION}"
        )
    for name, schema in (
        ("telemetry.readings", reading_schemas.readings()),
        ("telemetry.answered", reading_schemas.answered()),
        ("signal", signal_schemas.signal()),
        ("signal.refused", signal_schemas.refused()),
        ("incident.changed", incident_schemas.changed()),
        ("fund.changed", fund_schema()),
        ("project.changed", project_schemas.changed()),
    ):
        made[f"{name}.v{VERSION}.json"] = _in_draft(schema, f"{name}.v{VERSION}")
    for register in load_registers().registers:
        for part, schema in (("asked", register.asked()), ("answered", register.answered())):
            name = f"register.{register.code}.{part}.v{VERSION}"
            made[f"{name}.json"] = _in_draft(schema, name)
    made |= {f"case.{kind}.v{VERSION}.json": card_mark_schema(kind) for kind in MARKS}
    made |= {f"{name}.json": _in_draft(schema, name) for name, schema in life_schemas.schemas()}
    return made


def _message(name: str, title: str, data: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/cloudevent"},
                {"properties": {"data": {"$ref": f"./schemas/{data}"}}},
            ]
        },
    }


def document() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for verb in VERBS:
        channels[f"order_{verb}"] = _order_channel(verb)
        operations[f"order_{verb}"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/order_{verb}"},
            "summary": f"收办 {verb}",
            "bindings": {"nats": {"queue": "gateway", "bindingVersion": "0.1.0"}},
        }
    channels["order_payment"] = {
        "address": "cmd.{city}.{department}.{user}.payment.request",
        "description": "付费申请：规则当时裁定，可以支付或者停付；金额以分计",
        "parameters": _parameters("city", "department", "user"),
        "messages": {
            "request": _message(
                "payment.request", "付费申请", f"payment.{PAYMENT_VERB}.v{VERSION}.json"
            )
        },
        "x-jetstream": {"stream": "CMD", "retention": "workqueue", "consumer": "gateway"},
    }
    channels["order_plan"] = {
        "address": "cmd.{city}.{department}.{user}.plan.report",
        "description": "指标填报：方案指标的分子和分母，由负责的部门报；更正另报一份",
        "parameters": _parameters("city", "department", "user"),
        "messages": {
            "report": _message("plan.report", "指标填报", f"plan.{PLAN_VERB}.v{VERSION}.json")
        },
        "x-jetstream": {"stream": "CMD", "retention": "workqueue", "consumer": "gateway"},
    }
    channels["order_fund"] = {
        "address": "cmd.{city}.{department}.{user}.fund.use",
        "description": "登记资金使用：付出去的钱用在了哪里，由合同付款部门的系统报",
        "parameters": _parameters("city", "department", "user"),
        "messages": {
            "use": _message("fund.use", "登记资金使用", f"fund.{FUND_VERB}.v{VERSION}.json")
        },
        "x-jetstream": {"stream": "CMD", "retention": "workqueue", "consumer": "gateway"},
    }
    channels |= dict(life_schemas.channels(_parameters, _message))
    channels["payment"] = {
        "address": "evt.{city}.{department}.payment.judged",
        "description": "付费申请已裁定",
        "parameters": _parameters("city", "department"),
        "messages": {
            "judged": _message("payment.judged", "付费裁定", f"payment.judged.v{VERSION}.json")
        },
        "x-jetstream": {"stream": "EVT", "retention": "limits", "max_age_days": 180},
    }
    channels["incident"] = {
        "address": "evt.{city}.zhzx.incident.changed",
        "description": "突发事件办了一步：办了什么、现在怎样；没有个人信息",
        "parameters": _parameters("city"),
        "messages": {
            "changed": _message(
                "incident.changed", "突发事件的一步", f"incident.changed.v{VERSION}.json"
            )
        },
        "x-jetstream": {"stream": "EVT", "retention": "limits", "max_age_days": 180},
    }
    channels["performance"] = {
        "address": "evt.{city}.{department}.performance.changed",
        "description": "项目的绩效评价有了变化：评价、异议、确认（应付额）、整改",
        "parameters": _parameters("city", "department"),
        "messages": {
            "changed": _message(
                "performance.changed", "项目绩效变化", f"performance.changed.v{VERSION}.json"
            )
        },
        "x-jetstream": {"stream": "EVT", "retention": "limits", "max_age_days": 180},
    }
    channels["project"] = {
        "address": "evt.{city}.{department}.project.changed",
        "description": "项目办了一步：办了什么、现在怎样；没有个人信息",
        "parameters": _parameters("city", "department"),
        "messages": {
            "changed": _message("project.changed", "项目的一步", f"project.changed.v{VERSION}.json")
        },
        "x-jetstream": {"stream": "EVT", "retention": "limits", "max_age_days": 180},
    }
    channels["warning"] = {
        "address": "evt.{city}.zhzx.warning.{word}",
        "description": "本市的预警已发布、调整或者解除",
        "parameters": _parameters("city", "word"),
        "messages": {
            word: _message(f"warning.{word}", title, f"warning.{word}.v{VERSION}.json")
            for word, title in WARNING_WORDS.items()
        },
        "x-jetstream": {"stream": "EVT", "retention": "limits", "max_age_days": 180},
    }
    channels["fund"] = {
        "address": "evt.{city}.{department}.fund.changed",
        "description": "专项基金或者付费办了一步：指标、合同、审核、支付、使用、冲正；没有个人信息",
        "parameters": _parameters("city", "department"),
        "messages": {
            "changed": _message("fund.changed", "专项基金的一步", f"fund.changed.v{VERSION}.json")
        },
        "x-jetstream": {"stream": "EVT", "retention": "limits", "max_age_days": 180},
    }
    channels["answer"] = {
        "address": "rpl.{city}.{user}.{key}",
        "description": "每个命令一个答复；key 是事件 id 的 SHA-256 的前 16 位十六进制数字",
        "parameters": _parameters("city", "user", "key"),
        "messages": {
            "answered": _message(
                "command.answered", "命令的答复", f"command.answered.v{VERSION}.json"
            ),
            "refused": _message(
                "telemetry.answered", "退回的读数", f"telemetry.answered.v{VERSION}.json"
            ),
            "signal_refused": _message(
                "signal.refused", "退回的信号", f"signal.refused.v{VERSION}.json"
            ),
        },
        "x-jetstream": {"stream": "RPL", "retention": "limits", "max_age_days": 30},
    }
    channels["event"] = {
        "address": "evt.{city}.{department}.case.{kind}",
        "description": "办件已发生的事",
        "parameters": _parameters("city", "department", "kind"),
        "messages": {
            "happened": _message("case.event", "办件事件", f"case.event.v{VERSION}.json"),
            "card_issued": _message(
                "case.card_issued", "监察牌", f"case.card_issued.v{VERSION}.json"
            ),
            **{
                kind: _message(f"case.{kind}", "监察牌的后续", f"case.{kind}.v{VERSION}.json")
                for kind in MARKS
            },
        },
        "x-jetstream": {"stream": "EVT", "retention": "limits", "max_age_days": 180},
    }
    channels["alarm"] = {
        "address": "evt.{city}.{department}.alarm.{kind}",
        "description": "警报发出（raised）与解除（cleared），监测警报另有变化（updated）与"
        "撤回（withdrawn）；不涉及部门的，department 为 -",
        "parameters": _parameters("city", "department", "kind"),
        "messages": {"rung": _message("alarm", "警报", f"alarm.v{VERSION}.json")},
        "x-jetstream": {"stream": "EVT", "retention": "limits", "max_age_days": 180},
    }
    channels["readings"] = {
        "address": "tel.{city}.{department}.{user}.readings",
        "description": "监测读数，每条消息至多 1000 个；有退回的，答复在 rpl.{city}.{user}.{key}",
        "parameters": _parameters("city", "department", "user"),
        "messages": {
            "readings": _message(
                "telemetry.readings", "监测读数", f"telemetry.readings.v{VERSION}.json"
            )
        },
        "x-jetstream": {
            "stream": "TELE",
            "retention": "limits",
            "max_age_days": 30,
            "consumer": "telemetry",
        },
    }
    channels["signal"] = {
        "address": "sig.{city}.{user}.{type}.{lane}",
        "description": "信号：什么事在哪里发生；同一编号只算一次，更正和撤回用同一 reference；"
        "退回的，答复在 rpl.{city}.{user}.{key}",
        "parameters": _parameters("city", "user", "type", "lane"),
        "messages": {"signal": _message("signal", "信号", f"signal.v{VERSION}.json")},
        "x-jetstream": {"stream": "SIG", "retention": "workqueue", "consumer": "signals"},
    }
    for register in load_registers().registers:
        name = f"register.{register.code}"
        channels[f"register_{register.code}"] = {
            "address": f"reg.{{city}}.{register.department}.{register.code}.query",
            "description": f"{register.name}：登记库应答，只有人员入口能问，只有用户"
            f" {user_of(register.code)} 听得到；答复头 {SIGNATURE} 是对“主题、换行、正文”的"
            " Ed25519 签名（base64），过时不候",
            "parameters": _parameters("city"),
            "messages": {
                part: {
                    "name": f"{name}.{part}",
                    "contentType": "application/json",
                    "payload": {"$ref": f"./schemas/{name}.{part}.v{VERSION}.json"},
                }
                for part in ("asked", "answered")
            },
        }
    channels["question"] = {
        "address": "qry.{city}.{user}.{question}",
        "description": "请求应答：case.status、case.events、command.outcome、signal.fate、"
        "incident.open（派给本单位而未办结的），"
        "问与答都是 JSON 对象；alert.take 的问是一份 CAP 报文",
        "parameters": _parameters("city", "user", "question"),
        "messages": {"asked": {"name": "question", "payload": {"type": "object"}}},
    }
    for name, action in (
        *((f"order_{t}_{verb}", "receive") for t, verbs in LIFE_ORDERS.items() for verb in verbs),
        ("order_payment", "receive"),
        ("order_plan", "receive"),
        ("order_fund", "receive"),
        ("payment", "send"),
        ("performance", "send"),
        ("warning", "send"),
        ("fund", "send"),
        ("answer", "send"),
        ("event", "send"),
        ("alarm", "send"),
        ("readings", "receive"),
        ("signal", "receive"),
        ("question", "receive"),
        *((f"register_{one.code}", "send") for one in load_registers().registers),
    ):
        operations[name] = {"action": action, "channel": {"$ref": f"#/channels/{name}"}}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Yichuang 一窗",
            "version": f"{VERSION}.0.0",
            "description": "系统之门：NATS JetStream 上的 CloudEvents 1.0",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": {"cloudevent": ENVELOPE}},
    }


def _order_channel(verb: str) -> dict[str, Any]:
    return {
        "address": f"cmd.{{city}}.{{department}}.{{user}}.case.{verb}",
        "parameters": _parameters("city", "department", "user"),
        "messages": {verb: _message(f"case.{verb}", verb, f"case.{verb}.v{VERSION}.json")},
        "x-jetstream": {
            "stream": "CMD",
            "retention": "workqueue",
            "consumer": "gateway",
            "atomic_batches": True,
        },
    }


def _parameters(*names: str) -> dict[str, Any]:
    described = {
        "city": "城市代号",
        "department": "部门代号",
        "user": "发送系统的 NATS 用户名",
        "key": "答复键",
        "type": "突发事件类型的代码",
        "lane": "级别（red、orange、yellow、blue），没有级别的写 plain",
        "kind": "事件种类",
        "question": "问题",
        "word": "issued 发布、adjusted 调整、lifted 解除",
    }
    return {name: {"description": described[name]} for name in names}
