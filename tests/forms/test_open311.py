"""Open311 GeoReport v2: six methods and the discovery, in both spellings, and nothing personal."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from starlette.testclient import TestClient

from cases.messages import Grant
from tests.forms.town import ADDRESS, HOST, Town

V2 = "/api/open311/v2"
PUBLISHED = Path(__file__).parents[3] / "shared/data/open311_schemas"
"""open311/schema-validation `schema/georeport-v2/`: it has no licence, so it is not shipped."""

TEXT = {"type": ["string", "null"]}
SERVICE = {
    "type": "object",
    "required": ["service_code", "service_name", "metadata", "type"],
    "properties": {
        "service_code": {"type": "string"}, "service_name": {"type": "string"},
        "description": TEXT, "metadata": {"type": "boolean"}, "keywords": TEXT, "group": TEXT,
        "type": {"enum": ["realtime", "batch", "blackbox"]},
    },
}  # fmt: skip
DEFINITION = {
    "type": "object",
    "required": ["service_code", "attributes"],
    "properties": {
        "service_code": {"type": "string"},
        "attributes": {
            "type": "array",
            "items": {
                "required": ["variable", "code", "datatype", "required"],
                "properties": {
                    "variable": {"type": "boolean"}, "code": {"type": "string"},
                    "datatype": {"enum": ["string", "number", "datetime", "text",
                                          "singlevaluelist", "multivaluelist"]},
                    "required": {"type": "boolean"}, "order": {"type": ["integer", "null"]},
                    "values": {"type": "array", "items": {
                        "required": ["key", "name"],
                        "properties": {"key": {"type": "string"}, "name": {"type": "string"}},
                    }},
                },
            },
        },
    },
}  # fmt: skip
INSTANT = {"type": "string", "format": "date-time"}
REQUEST = {
    "type": "object",
    "required": ["service_request_id", "status", "service_code", "requested_datetime"],
    "properties": {
        "service_request_id": {"type": "string"}, "status": {"enum": ["open", "closed"]},
        "service_code": {"type": "string"}, "requested_datetime": INSTANT,
        "updated_datetime": INSTANT, "lat": {"type": "number"}, "long": {"type": "number"},
        **dict.fromkeys(("status_notes", "service_name", "description", "agency_responsible",
                         "service_notice", "address"), TEXT),
    },
    "additionalProperties": False,
}  # fmt: skip
MADE = {
    "type": "array", "minItems": 1, "maxItems": 1,
    "items": {
        "type": "object",
        "properties": {"service_request_id": {"type": "string"}, "token": {"type": "string"},
                       "service_notice": TEXT, "account_id": TEXT},
        "oneOf": [{"required": ["token"]}, {"required": ["service_request_id"]}],
        "additionalProperties": False,
    },
}  # fmt: skip
"""POST requests: an id at once, or a token, never both."""
TOKEN = {
    "type": "array", "minItems": 1, "maxItems": 1,
    "items": {
        "type": "object", "required": ["service_request_id", "token"],
        "properties": {"service_request_id": {"type": "string"}, "token": {"type": "string"}},
        "additionalProperties": False,
    },
}  # fmt: skip
ERRORS = {
    "type": "array", "minItems": 1,
    "items": {"type": "object", "required": ["code", "description"],
              "properties": {"code": {"type": "integer"},
                             "description": {"type": "string", "minLength": 1}}},
}  # fmt: skip
OURS: Mapping[str, dict[str, Any]] = {
    "service": SERVICE, "service-definition": DEFINITION, "request": REQUEST,
    "made": MADE, "token": TOKEN, "errors": ERRORS,
}  # fmt: skip
"""The standard's own tables of fields, GeoReport v2."""


def check(name: str, value: Any) -> None:
    """Hold a value against the standard's table, and the published schema where it lies at hand."""
    Draft202012Validator(OURS[name], format_checker=FormatChecker()).validate(value)
    folder = Path(os.environ.get("OPEN311_SCHEMAS", PUBLISHED))
    if (folder / f"{name}.json").is_file():
        published = json.loads((folder / f"{name}.json").read_bytes())
        Draft202012Validator(published, format_checker=FormatChecker()).validate(value)


@pytest.fixture(scope="module")
def key(town: Town) -> str:
    grants = (Grant(role="service_signal", department="zhzx"),)
    return town.accounts.create_account(
        "app311", "随手拍", "zhzx", at=datetime.now(UTC), by="system", kind="service",
        grants=grants, clearance=1,
    )[1]  # fmt: skip


@pytest.fixture(scope="module")
def client(town: Town) -> TestClient:
    return TestClient(town.app(), base_url=ADDRESS)


LIGHT = {
    "service_code": "5003", "lat": "33.1200", "long": "112.4300", "description": "路灯不亮 <三盏>",
    "first_name": "小明", "last_name": "王", "phone": "13900000001", "email": "wang@example.com",
}  # fmt: skip


def reported(client: TestClient, key: str, **more: str) -> str:
    answer = client.post(f"{V2}/requests.json", data={**LIGHT, "api_key": key, **more})
    assert answer.status_code == 200, answer.text
    (made,) = answer.json()
    return str(made["token"])


def test_services_are_the_types_that_the_public_may_report(client: TestClient, town: Town) -> None:
    answer = client.get(f"{V2}/services.json")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    listed = answer.json()
    for one in listed:
        check("service", one)
    assert {one["service_code"] for one in listed} == set(town.matters.incident_types.by_service)


def test_a_definition_has_its_attributes_with_keys_and_names(client: TestClient) -> None:
    found = client.get(f"{V2}/services/2004.json").json()
    check("service-definition", found)
    (one,) = found["attributes"]
    assert (one["code"], one["required"], one["datatype"]) == ("injured", True, "singlevaluelist")
    assert [value["key"] for value in one["values"]] == ["yes", "no", "unknown"]
    assert client.get(f"{V2}/services/9999.json").status_code == 404


def test_a_report_is_a_signal_whose_token_becomes_a_request(
    client: TestClient, key: str, town: Town
) -> None:
    token = reported(client, key)
    said = town.door.said[-1]
    assert (said.type, said.text, said.source.split("/")[0]) == (
        "street_light", "路灯不亮 <三盏>", "open311",
    )  # fmt: skip
    assert said.reporter is not None
    assert (said.reporter.name, said.reporter.phone) == ("王小明", "13900000001")
    (known,) = client.get(f"{V2}/tokens/{token}.json").json()
    (found,) = client.get(f"{V2}/requests/{known['service_request_id']}.json").json()
    check("request", found)
    assert (found["status"], found["service_code"]) == ("open", "5003")
    listed = client.get(f"{V2}/requests.json?service_code=5003&status=open").json()
    assert known["service_request_id"] in [one["service_request_id"] for one in listed]
    for one in listed:
        check("request", one)


def test_making_a_request_its_token_and_an_error_have_the_standards_form(
    client: TestClient, key: str
) -> None:
    made = client.post(f"{V2}/requests.json", data={**LIGHT, "api_key": key}).json()
    check("made", made)
    check("token", client.get(f"{V2}/tokens/{made[0]['token']}.json").json())
    for path in ("tokens/none", "requests/none", "services/none"):
        answer = client.get(f"{V2}/{path}.json")
        assert answer.status_code == 404
        check("errors", answer.json())


def test_where_a_picture_is_reaches_who_answers_and_never_the_public(
    client: TestClient, key: str, town: Town
) -> None:
    picture = "https://photos.example/p/17.jpg?size=large"
    token = reported(client, key, media_url=picture)
    assert town.door.said[-1].text.endswith(picture)
    for form in ("json", "xml"):
        assert "photos.example" not in client.get(f"{V2}/requests/{token}.{form}").text
    before = len(town.door.said)
    longest = "https://photos.example/" + "x" * 477
    reported(client, key, media_url=longest)
    for wrong in ("javascript:alert(1)", "file:///etc/passwd", "https://", "x", f"{longest}x",
                  "https://photos.example/ 1.jpg", "https://photos.example/\n"):  # fmt: skip
        data = {**LIGHT, "api_key": key, "media_url": wrong}
        answer = client.post(f"{V2}/requests.json", data=data)
        if wrong.endswith("\n"):  # space around it is not part of it
            assert answer.status_code == 200
            continue
        assert answer.status_code == 400, wrong
        check("errors", answer.json())
    assert len(town.door.said) == before + 2


def test_nothing_of_the_person_or_their_words_or_their_door_is_shown(
    client: TestClient, key: str
) -> None:
    token = reported(client, key, lat="33.123456", long="112.431234", address_string="学府路8号")
    for form in ("json", "xml"):
        for path in (f"requests/{token}", "requests", f"tokens/{token}"):
            shown = client.get(f"{V2}/{path}.{form}").text
            for word in ("王", "13900000001", "wang@", "三盏", "学府路", "33.123456", "112.431234"):
                assert word not in shown, (path, form, word)


def test_xml_says_the_same_as_json(client: TestClient, key: str) -> None:
    token = reported(client, key)
    answer = client.get(f"{V2}/requests/{token}.xml")
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    (request,) = ElementTree.fromstring(answer.text)  # our own
    (same,) = client.get(f"{V2}/requests/{token}.json").json()
    assert {one.tag: one.text or "" for one in request} == {k: str(v) for k, v in same.items()}
    services = ElementTree.fromstring(client.get(f"{V2}/services.xml").text)
    assert (services.tag, services[0].tag) == ("services", "service")
    made = client.post(f"{V2}/requests.xml", data={**LIGHT, "api_key": key}).text
    assert ElementTree.fromstring(made).find("request/token") is not None
    definition = client.get(f"{V2}/services/2004.xml").text
    path = "attributes/attribute/values/value/key"
    assert ElementTree.fromstring(definition).find(path) is not None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"api_key": ""}, 403), ({"api_key": "nonsense"}, 403), ({"service_code": ""}, 400),
        ({"service_code": "9999"}, 404), ({"lat": "", "long": ""}, 400), ({"lat": "x"}, 400),
        ({"lat": "40.0"}, 400), ({"description": "长" * 1001}, 400),
        ({"service_code": "2004"}, 400), ({"service_code": "2004", "attribute[injured]": "5"}, 400),
        ({"service_code": "2001", "attribute[trapped]": "三"}, 400),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_said_in_the_standards_form(
    client: TestClient, key: str, town: Town, change: dict[str, str], status: int
) -> None:
    before = len(town.door.said)
    for form in ("json", "xml"):
        data = {**LIGHT, "api_key": key, **change}
        answer = client.post(f"{V2}/requests.{form}", data=data)
        assert answer.status_code == status, answer.text
        if form == "json":
            ((code, words),) = [(one["code"], one["description"]) for one in answer.json()]
            assert code == status
            assert words
        else:
            said = ElementTree.fromstring(answer.text)
            assert said.find("error/code").text == str(status)  # type: ignore[union-attr]
    assert len(town.door.said) == before


def test_what_is_just_long_enough_and_fully_answered_is_taken(
    client: TestClient, key: str, town: Town
) -> None:
    reported(client, key, description="长" * 1000)
    reported(client, key, service_code="2004", **{"attribute[injured]": "no"})
    assert town.door.said[-1].text.endswith("有无人员受伤：无")
    reported(client, key, lat="", long="", address_string="学府路8号")
    assert town.door.said[-1].place.address == "学府路8号"


def test_xml_is_no_way_to_report(client: TestClient, key: str) -> None:
    hostile = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'
    answer = client.post(
        f"{V2}/requests.xml?api_key={key}", content=hostile, headers={"content-type": "text/xml"}
    )
    assert answer.status_code == 400
    assert "root:" not in answer.text


def test_the_same_idempotency_key_is_the_same_report(client: TestClient, key: str) -> None:
    data = {**LIGHT, "api_key": key}
    tokens = {
        client.post(f"{V2}/requests.json", data=data, headers={"idempotency-key": "k-1"}).json()[0][
            "token"
        ]
        for _ in range(2)
    }
    assert len(tokens) == 1


def test_a_key_without_the_role_reports_nothing(client: TestClient, town: Town) -> None:
    other = town.accounts.create_account(
        "other311", "门户", "zjj", at=datetime.now(UTC), by="system", kind="service",
        grants=(Grant(role="service_intake", department="zjj"),), clearance=1,
    )[1]  # fmt: skip
    answer = client.post(f"{V2}/requests.json", data={**LIGHT, "api_key": other})
    assert answer.status_code == 403


def test_requests_are_asked_of_ninety_days_at_most_and_by_status(
    client: TestClient, key: str
) -> None:
    reported(client, key)
    now = datetime.now(UTC)

    def asked(days: float, **more: str) -> int:
        start = (now - timedelta(days=days)).isoformat()
        span = {"start_date": start, "end_date": now.isoformat(), **more}
        return int(client.get(f"{V2}/requests.json", params=span).status_code)

    assert (asked(90), asked(90.1)) == (200, 400)
    assert asked(1, status="done") == 400
    closed = client.get(f"{V2}/requests.json?status=closed").json()
    assert all(one["status"] == "closed" for one in closed)
    assert client.get(f"{V2}/requests.json?start_date=yesterday").status_code == 400
    before = (now - timedelta(days=1)).isoformat()
    assert client.get(f"{V2}/requests.json", params={"end_date": before}).json() == []


def test_another_jurisdiction_and_another_format_are_not_found(client: TestClient) -> None:
    assert client.get(f"{V2}/services.json?jurisdiction_id={HOST}").status_code == 200
    assert client.get(f"{V2}/services.json?jurisdiction_id=www.{HOST}").status_code == 200
    assert client.get(f"{V2}/services.json?jurisdiction_id=elsewhere.example").status_code == 404
    assert client.get(f"{V2}/services.yaml").status_code == 404
    assert client.get(f"{V2}/requests/nothing.json").status_code == 404
    assert client.get(f"{V2}/tokens/nothing.json").status_code == 404


def test_the_discovery_names_this_interface(client: TestClient) -> None:
    (endpoint,) = client.get(f"{V2}/discovery.json").json()["endpoints"]
    assert endpoint["url"] == ADDRESS + V2
    assert endpoint["formats"] == ["text/xml", "application/json"]


def test_without_the_stream_the_app_hears_so(client: TestClient, key: str, town: Town) -> None:
    town.door.away = True
    try:
        answer = client.post(f"{V2}/requests.json", data={**LIGHT, "api_key": key})
    finally:
        town.door.away = False
    assert (answer.status_code, answer.json()[0]["code"]) == (503, 503)
