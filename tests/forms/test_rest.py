"""The door for systems over HTTP: tokens, keys, problems with pointers, one document of it all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient

from cases.messages import BODIES, OF_LAW, Grant
from forms.openapi import openapi_document
from tests.forms.town import ADDRESS, PERMIT_FORM, Town, company

WRITTEN = Path(__file__).parents[2] / "docs" / "api" / "openapi.json"

Clients = Callable[[], TestClient]


@pytest.fixture(scope="module")
def token(town: Town) -> str:
    from datetime import UTC, datetime

    grants = (Grant(role="service_intake", department="zjj"),)
    return town.accounts.create_account(
        "portal", "市门户", "zjj", at=datetime.now(UTC), by="system", kind="service", grants=grants,
        clearance=2,
    )[1]  # fmt: skip


@pytest.fixture
def client(town: Town, token: str) -> TestClient:
    headers = {"authorization": f"Bearer {token}"}
    return TestClient(town.app(), base_url=ADDRESS, headers=headers, raise_server_exceptions=False)


def filing() -> dict[str, Any]:
    codes = (
        "application", "land", "planning-permit", "contract", "drawings", "safety", "fire-design",
        "funds", "insurance",
    )  # fmt: skip
    return {
        "matter": "construction-permit",
        "version": "2026.1",
        "channel": "window",
        "applicant": company("云川建设有限公司"),
        "form": PERMIT_FORM,
        "materials": [{"code": code, "originals": 1, "copies": 1} for code in codes],
    }


def filed(client: TestClient, key: str = "") -> dict[str, Any]:
    headers = {"idempotency-key": key or str(uuid4())}
    answer = client.post("/api/v1/cases", json=filing(), headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_same_key_gets_the_same_case(client: TestClient) -> None:
    first = filed(client, "portal-7")
    again = filed(client, "portal-7")
    assert again["case_no"] == first["case_no"]
    assert again["repeated"]
    assert client.get("/api/v1/commands/portal-7").json()["case_no"] == first["case_no"]


def test_an_order_without_key_or_token_is_refused(client: TestClient, town: Town) -> None:
    without = client.post("/api/v1/cases", json=filing())
    assert (without.status_code, without.json()["code"]) == (400, "no_key")
    bare = TestClient(town.app(), base_url=ADDRESS)
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic eDp5"}):
        answer = bare.get("/api/v1/cases/X", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_fault_is_told_with_its_pointer(client: TestClient) -> None:
    body = filing() | {"applicant": {"name": "", "kind": "robot"}, "more": 1}
    answer = client.post("/api/v1/cases", json=body, headers={"idempotency-key": "bad-1"})
    assert answer.status_code == 422
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"#/applicant/name", "#/applicant/kind", "#/more"}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"a": NaN}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b"x" * 2_000_000, "application/json", 413),
    ],
)
def test_what_is_no_json_is_a_problem_not_a_fault(
    client: TestClient, content: bytes, kind: str, status: int
) -> None:
    headers = {"idempotency-key": "k", "content-type": kind}
    answer = client.post("/api/v1/cases", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_command_moves_the_case_and_a_wrong_one_says_why(client: TestClient) -> None:
    case_no = filed(client)["case_no"]
    path = f"/api/v1/cases/{case_no}"
    decide = client.post(
        f"{path}/commands/decide", json={"result": "grant"}, headers={"idempotency-key": "d-1"}
    )
    assert decide.status_code == 409
    assert decide.json()["detail"]
    accept = client.post(
        f"{path}/commands/accept", json={"mode": "plain"}, headers={"idempotency-key": '"a-1"'}
    )
    assert accept.status_code == 200, accept.text
    shown = client.get(path).json()
    assert shown["row"]["stage"] == "review"
    assert "王大明" not in json.dumps(shown, ensure_ascii=False)


def test_a_service_sees_its_own_departments_only(client: TestClient, town: Town) -> None:
    unknown = client.get("/api/v1/cases/NOSUCH")
    assert unknown.status_code == 404
    nothing = client.get("/api/v1/commands/nosuch")
    assert nothing.status_code == 404


def test_an_unknown_verb_and_a_verb_of_the_law_do_not_exist(client: TestClient) -> None:
    for verb in ("explode", "timer_fired", "file"):
        answer = client.post(
            f"/api/v1/cases/X/commands/{verb}", json={}, headers={"idempotency-key": "v"}
        )
        assert answer.status_code == 404, verb


def test_not_now_asks_for_the_same_key_again(client: TestClient, town: Town) -> None:
    town.reception.away = True
    try:
        headers = {"idempotency-key": "later"}
        answer = client.post("/api/v1/cases", json=filing(), headers=headers)
    finally:
        town.reception.away = False
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert filed(client, "later")["case_no"]


def test_the_document_is_valid_names_every_verb_and_is_the_written_one(town: Town) -> None:
    document = openapi_document()
    OpenAPIV31SpecValidator(document).validate()
    for verb in set(BODIES) - {"file", *OF_LAW}:
        assert f"/api/v1/cases/{{case_no}}/commands/{verb}" in document["paths"]
    assert json.loads(WRITTEN.read_text(encoding="utf-8")) == document


def test_the_served_document_names_this_server(client: TestClient) -> None:
    served = client.get("/api/v1/openapi.json").json()
    assert served["servers"] == [{"url": ADDRESS}]
    assert {**served, "servers": [{"url": "/"}]} == openapi_document()
