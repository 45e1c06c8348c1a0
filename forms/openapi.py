"""The OpenAPI 3.1 document of the REST door, made from the very types that check the bodies."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cases.messages import BODIES, OF_LAW, Outcome
from cases.payments import PaymentAnswer, RequestPayment
from cases.projects.messages import PROJECT_BODIES, SYSTEM_VERBS
from cases.views import CaseView
from forms.words import VERBS
from policies.vocabulary import ACT_TITLES

PREFIX = "/api/v1"
COMMAND_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"

_REF = "#/components/schemas/{model}"

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": (
        "RFC 9457 problem. `code` is stable; `title` is English; `detail`, `remedy` and the "
        "details of `errors` are Chinese, whatever Accept-Language says: decide by `code`."
    ),
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "basis": {"type": "string", "description": "The article it rests on."},
        "remedy": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "outcome": {"$ref": "#/components/schemas/Outcome"},
    },
}

PAYMENT_SHOWN: dict[str, Any] = {
    "type": "object",
    "required": ["payment", "number", "asked_at", "body", "verdict", "entry"],
    "properties": {
        "payment": {"type": "string"},
        "number": {"type": "string"},
        "asked_at": {"type": "string", "format": "date-time"},
        "body": {"$ref": "#/components/schemas/RequestPayment"},
        "verdict": {"$ref": "#/components/schemas/Verdict"},
        "entry": {"type": "string", "description": "Id of its entry in the log."},
    },
}

_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "The command's id: asked again with the same key, in a year, the answer is the "
    "same one.",
    "schema": {"type": "string", "pattern": COMMAND_ID},
}
_OCCURRED = {
    "name": "occurred_at",
    "in": "query",
    "description": "Business time. Absent: now. In the past only with the right to backfill.",
    "schema": {"type": "string", "format": "date-time"},
}
_CASE_NO = {"name": "case_no", "in": "path", "required": True, "schema": {"type": "string"}}


def openapi_document(address: str = "") -> dict[str, Any]:
    """Return the document; `address` becomes its server, none leaves it relative."""
    document = dict(_document())
    document["servers"] = [{"url": address or "/"}]
    return document


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    verbs = [verb for verb in BODIES if verb not in OF_LAW]
    models: list[type[BaseModel]] = [
        *(BODIES[verb] for verb in verbs), Outcome, CaseView, RequestPayment, PaymentAnswer,
        *(PROJECT_BODIES[verb] for verb in SYSTEM_VERBS),
    ]  # fmt: skip
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    paths: dict[str, Any] = {
        "/cases": {"post": _order("file", 201, [_KEY, _OCCURRED])},
        "/cases/{case_no}": {
            "get": {
                "operationId": "read_case",
                "summary": "办件详情",
                "tags": ["cases"],
                "parameters": [_CASE_NO],
                "responses": _answers(200, "CaseView"),
            }
        },
        "/cases/{case_no}/receipt": {
            "get": {
                "operationId": "receipt",
                "summary": "办件回执（docs/receipt.md）",
                "tags": ["cases"],
                "parameters": [_CASE_NO],
                "responses": _answers(200, "Receipt"),
            }
        },
        "/commands/{id}": {
            "get": {
                "operationId": "read_command",
                "summary": "指令结果",
                "tags": ["commands"],
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "responses": _answers(200, "Outcome"),
            }
        },
    }
    paths["/payments"] = {
        "post": {
            "operationId": "request_payment",
            "summary": "付费申请：由规则当即裁定",
            "tags": ["payments"],
            "parameters": [_KEY],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"$ref": _REF.format(model="RequestPayment")}}
                },
            },
            "responses": _answers(201, "PaymentAnswer"),
        }
    }
    paths["/payments/{payment}"] = {
        "get": {
            "operationId": "read_payment",
            "summary": "付费申请及其裁定",
            "tags": ["payments"],
            "parameters": [
                {"name": "payment", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "responses": _answers(200, "PaymentShown"),
        }
    }
    paths |= _project_paths()
    for verb in verbs:
        if verb != "file":
            order = _order(verb, 200, [_CASE_NO, _KEY, _OCCURRED])
            paths[f"/cases/{{case_no}}/commands/{verb}"] = {"post": order}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "一窗 Yichuang",
            "version": "1",
            "description": "Orders to cases and their outcomes; the same orders stand over NATS.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": [{"token": []}],
        "paths": {f"{PREFIX}{path}": item for path, item in paths.items()},
        "components": {
            "schemas": {
                **schemas["$defs"],
                "Receipt": RECEIPT,
                "Problem": PROBLEM,
                "PaymentShown": PAYMENT_SHOWN,
                "ProjectList": PROJECT_LIST,
                "ProjectShown": PROJECT_SHOWN,
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


RECEIPT = {
    "type": "object",
    "description": "A file with which a stranger checks the case off line; its bytes count.",
    "required": ["format", "scope", "case", "logs", "entries"],
    "properties": {"format": {"const": "yichuang-receipt/1"}},
}


_PROJECT = {"name": "project", "in": "path", "required": True, "schema": {"type": "string"}}
_LISTED = {
    "type": "object",
    "required": ["project", "number", "title", "stage", "department", "slippage"],
    "properties": {
        name: {"type": "integer" if name in ("milestones", "achieved") else "string"}
        for name in (
            "project", "number", "title", "stage", "template", "regime", "department", "operator",
            "slippage", "milestones", "achieved", "next_on",
        )
    },
}  # fmt: skip
PROJECT_LIST = {
    "type": "object",
    "required": ["total", "page", "pages", "projects"],
    "properties": {
        "total": {"type": "integer"},
        "page": {"type": "integer"},
        "pages": {"type": "integer"},
        "projects": {"type": "array", "items": _LISTED},
    },
}
PROJECT_SHOWN = {
    "type": "object",
    "description": "A project as it stands; no person stands in it. Money is whole fen.",
    "required": ["project", "number", "seq", "stage", "slippage", "milestones", "securities"],
    "properties": {
        "project": {"type": "string", "description": "The id that orders and events name."},
        "number": {"type": "string"},
        "seq": {"type": "integer"},
        "stage": {"type": "string"},
        "slippage": {"type": "string"},
        "milestones": {"type": "array", "items": {"type": "object"}},
        "securities": {"type": "array", "items": {"type": "object"}},
    },
}


def _project_paths() -> dict[str, Any]:
    def asked(name: str) -> dict[str, Any]:
        return {"name": name, "in": "query", "schema": {"type": "string"}}

    paths: dict[str, Any] = {
        "/projects": {
            "get": {
                "operationId": "list_projects",
                "summary": "项目列表：本系统可列的，滞后最重的在前",
                "tags": ["projects"],
                "parameters": [asked("text"), asked("stage"), asked("page")],
                "responses": _answers(200, "ProjectList"),
            }
        },
        "/projects/{project}": {
            "get": {
                "operationId": "read_project",
                "summary": "项目现状",
                "tags": ["projects"],
                "parameters": [_PROJECT],
                "responses": _answers(200, "ProjectShown"),
            }
        },
    }
    for verb in SYSTEM_VERBS:
        schema = {"$ref": _REF.format(model=PROJECT_BODIES[verb].__name__)}
        paths[f"/projects/{{project}}/commands/{verb}"] = {
            "post": {
                "operationId": f"project_{verb}",
                "summary": ACT_TITLES[verb],
                "tags": ["projects"],
                "parameters": [_PROJECT, _KEY],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": schema}},
                },
                "responses": _answers(200, "Outcome"),
            }
        }
    return paths


def _order(verb: str, fresh: int, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    model = BODIES[verb].__name__
    return {
        "operationId": verb,
        "summary": VERBS[verb],
        "tags": ["commands"],
        "parameters": parameters,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _REF.format(model=model)}}},
        },
        "responses": _answers(fresh, "Outcome"),
    }


def _answers(fresh: int, model: str) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers: dict[str, Any] = {
        str(fresh): {
            "description": "Done, or done before and told again.",
            "content": {"application/json": {"schema": {"$ref": _REF.format(model=model)}}},
        }
    }
    refusals = {
        "400": "Malformed.",
        "401": "No valid token.",
        "403": "Policy says no.",
        "404": "Nothing there.",
        "409": "The state of the case does not allow it.",
        "422": "The body does not fit; each fault has a pointer.",
        "503": "It cannot be known now; ask again with the same key.",
    }
    for status, meaning in refusals.items():
        answers[status] = {"description": meaning, "content": problem}
    return answers
