"""Projects over REST: a system sees its own, orders what a system may, and is told why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from cases.messages import Grant
from tests.forms.project_rows import Maker, evidence
from tests.forms.town import ADDRESS, Town

TODAY = date(2026, 11, 27)
FORECAST = {"milestone": "feasibility", "on": "2027-04-01"}
IDS: dict[str, str] = {}


@pytest.fixture(scope="module")
def city(town: Town) -> Town:
    town.today = datetime(2026, 11, 27, 4, tzinfo=UTC)
    maker = Maker(town.cases, TODAY)
    signed = {"operator": "spv1", "number": "XY-1", "signed_on": "2026-11-01",
              "ends_on": "2051-10-31"}  # fmt: skip
    made = {
        "road": maker.project("滨江路改造", [evidence("proposal", "项目建议书批复")]),
        "plant": maker.project(
            "污水处理厂", [("sign_contract", signed)], template="concession", regime="concession",
            user_pays=True, term_years=25, starts_on="2026-11-01",
        ),
        "lamp": maker.project("智慧灯杆", department="fgw"),
    }  # fmt: skip
    IDS.update({name: one.project_id for name, one in made.items()})
    return town


@pytest.fixture(autouse=True)
def quiet(city: Town) -> Iterator[None]:
    city.project_door.answer, city.project_door.away = {"status": "done"}, False
    city.project_door.orders.clear()
    yield


SYSTEMS = {
    "gxsys": ("service_project", "zjj"),
    "spvsys": ("service_project", "spv1"),
    "minzheng": ("service_intake", "zjj"),
}


@pytest.fixture(scope="module")
def tokens(city: Town) -> dict[str, str]:
    return {
        login: city.accounts.create_account(
            login, login, department, at=datetime.now(UTC), by="system", kind="service",
            grants=(Grant(role=role, department=department),), clearance=2,
        )[1]
        for login, (role, department) in SYSTEMS.items()
    }  # fmt: skip


@pytest.fixture
def as_system(city: Town, tokens: dict[str, str]) -> Any:
    def client(login: str) -> TestClient:
        headers = {"authorization": f"Bearer {tokens[login]}"}
        return TestClient(city.app(), base_url=ADDRESS, headers=headers)

    return client


def order(client: TestClient, project: str, verb: str = "forecast", **more: Any) -> Any:
    path = f"/api/v1/projects/{IDS.get(project, project)}/commands/{verb}"
    given: dict[str, Any] = {"json": FORECAST, "headers": {"idempotency-key": str(uuid4())}}
    return client.post(path, **(given | more))


def test_the_list_has_what_policy_lets_the_system_list_and_its_pages(as_system: Any) -> None:
    ours = as_system("gxsys").get("/api/v1/projects").json()
    assert {one["project"] for one in ours["projects"]} == {IDS["road"], IDS["plant"]}
    assert (ours["total"], ours["page"], ours["pages"]) == (2, 1, 1)
    theirs = as_system("spvsys").get("/api/v1/projects").json()
    assert [one["title"] for one in theirs["projects"]] == ["污水处理厂"]
    found = as_system("gxsys").get("/api/v1/projects", params={"text": "滨江"}).json()
    assert [one["project"] for one in found["projects"]] == [IDS["road"]]
    refused = as_system("minzheng").get("/api/v1/projects")
    assert (refused.status_code, refused.json()["code"]) == (403, "no_permission")
    for page in ("0", "-1", "x", "１", "1" * 400):
        wrong = as_system("gxsys").get("/api/v1/projects", params={"page": page})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "?page"), page


def test_a_project_is_told_without_a_person(as_system: Any) -> None:
    told = as_system("gxsys").get(f"/api/v1/projects/{IDS['road']}").json()
    assert (told["project"], told["title"], told["stage"]) == (IDS["road"], "滨江路改造", "running")
    first, second = told["milestones"][:2]
    assert first["evidence"] == [{"name": "项目建议书批复", "sha256": "ab" * 32}]
    assert (first["missing"], first["gate_open"], second["missing"]) == ([], True, ["可研批复"])
    assert "maker" not in json.dumps(told)


def test_a_project_of_others_is_to_the_byte_one_that_is_not_there(as_system: Any) -> None:
    theirs = as_system("spvsys")
    there, nowhere = (theirs.get(f"/api/v1/projects/{key}") for key in (IDS["road"], uuid4()))
    assert (there.status_code, there.content) == (404, nowhere.content)
    there, nowhere = order(theirs, "lamp"), order(theirs, str(uuid4()))
    assert (there.status_code, there.content) == (404, nowhere.content)
    assert as_system("minzheng").get(f"/api/v1/projects/{IDS['road']}").status_code == 403
    assert order(as_system("minzheng"), "road").status_code == 403


def test_an_order_goes_through_the_door_with_its_key(city: Town, as_system: Any) -> None:
    done = order(as_system("spvsys"), "plant", headers={"idempotency-key": "spv-7"})
    assert done.status_code == 200, done.text
    assert done.headers["location"].startswith("/api/v1/projects/")
    ((project, verb, body),) = city.project_door.orders
    assert (project, verb, body) == (IDS["plant"], "forecast", FORECAST)
    city.project_door.answer = {"status": "done", "repeated": True}
    again = order(as_system("spvsys"), "plant", headers={"idempotency-key": "spv-7"})
    assert again.headers["idempotency-replayed"] == "true"


def test_what_is_refused_says_why_and_where(city: Town, as_system: Any) -> None:
    ours = as_system("gxsys")
    for verb in ("pass_gate", "establish", "terminate", "nothing"):
        no = order(ours, "road", verb)
        assert (no.status_code, no.json()["code"]) == (404, "unknown_verb"), verb
    assert order(ours, "road", headers={}).json()["code"] == "no_key"
    wrong = order(ours, "road", json=FORECAST | {"on": "soon", "more": 1})
    pointers = {one["pointer"] for one in wrong.json()["errors"]}
    assert (wrong.status_code, pointers) == (422, {"#/on", "#/more"})
    assert city.project_door.orders == []
    city.project_door.answer = {
        "status": "refused", "code": "papers_missing", "reason": "缺可研批复", "basis": "YCJX-8",
        "field": "body.milestone",
    }  # fmt: skip
    no = order(ours, "road", "achieve", json={"milestone": "feasibility", "on": "2026-11-27"})
    told = no.json()
    assert (no.status_code, told["code"], told["basis"]) == (409, "papers_missing", "YCJX-8")
    assert told["errors"] == [{"pointer": "#/milestone", "detail": "缺可研批复"}]
    city.project_door.answer = {"status": "refused", "code": "no_right", "reason": "须实施机构"}
    assert order(ours, "road", "achieve", json=FORECAST).status_code == 403
