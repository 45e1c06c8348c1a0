"""Every route asks policy, or stands on this short list of open pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from httpx2 import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from forms.app import routes
from forms.ports import Options
from forms.release_ports import Release
from tests.forms.entering import sign_in_fully
from tests.forms.town import ADDRESS, HOST, Town

OPEN = {
    "GET /healthz",
    "GET /sign-in",
    "POST /sign-in",
    "GET /sign-in/second",
    "POST /sign-in/second",
    "GET /sign-in/set-up",
    "POST /sign-in/set-up",
    "GET /enrol",
    "POST /enrol",
    "GET /language/{language}",
    "GET /status",
    "POST /status",
    "GET /status/{case_no}/{code}",
    "GET /granted",
    "GET /guides",
    "GET /guides/{matter}",
    # A citizen's own, behind a session of theirs: tests/forms/test_citizens.py tries each.
    "GET /mine/sign-in",
    "GET /mine/go",
    "GET /mine/callback",
    "POST /mine/sign-out",
    # The provider's own: a token that it signed, tests/forms/test_citizens_logout.py.
    "POST /mine/back-channel-logout",
    "GET /apply/{matter}",
    "POST /apply/{matter}",
    "GET /mine",
    "GET /mine/{case_no}",
    "POST /mine/uploads",
    "POST /mine/{case_no}/supply",
    "POST /mine/{case_no}/rate",
    "GET /mine/signed-out",
    "GET /mine/leave",
    "GET /mine/{case_no}/withdraw",
    "POST /mine/{case_no}/withdraw",
    "POST /mine/{case_no}/collect",
    "GET /mine/{case_no}/papers/{paper}",
    "GET /alerts.atom",
    "GET /alerts/{warning}.cap",
    "GET /alerts/{warning}/{seq:int}.cap",
    "GET /progress",
    "GET /suggest",
    "POST /suggest",
    "GET /suggest/rate",
    "POST /suggest/rate",
    "GET /verify",
    "GET /verify/{code}",
    "GET /verify/receipt",
    "GET /verify/receipt/{file}",
    "POST /status/receipt",
    "GET /api/v1/openapi.json",
    "GET /api/open311/v2/discovery.{format}",
    "GET /api/open311/v2/services.{format}",
    "GET /api/open311/v2/services/{code}.{format}",
    "GET /api/open311/v2/requests.{format}",
    "GET /api/open311/v2/requests/{id}.{format}",
    "GET /api/open311/v2/tokens/{id}.{format}",
}
"""Without a session. None of them shows anything of a case but to whoever holds its code, save what
行政许可法第四十条 makes public of a decision, and our own warnings, which are announced."""

OWN_SESSION = {
    "POST /sign-out",
    "GET /password",
    "POST /password",
    "GET /preferences",
    "POST /preferences",
    "GET /prove",
    "POST /prove",
    "GET /security",
    "GET /security/factor",
    "POST /security/factor",
    "POST /security/factors/{factor}/remove",
    "GET /security/codes",
    "POST /security/codes",
    "POST /security/codes/kept",
    "POST /security/sessions",
    "GET /deputies",
    "POST /deputies",
    "POST /deputies/act",
    "GET /deputies/{delegation}",
    "POST /deputies/{delegation}",
    "GET /duty/notices",
    "GET /me",
    "GET /still-here.svg",
    "POST /duty/notices",
    "GET /duty/contacts",
    "POST /duty/contacts",
}
"""With a session, about nothing but that session and what the person themselves gave or was given:
delegations have a gate of their own (`policies.delegation`), and every act by them asks policy."""


def every() -> Iterator[str]:
    for route in routes(Options("城", ADDRESS, (HOST,))):
        if isinstance(route, Route):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield f"{method} {route.path}"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder: Path = tmp_path_factory.mktemp("warrants")
    town = Town(folder)
    proposed = datetime(2026, 11, 1, tzinfo=UTC)
    town.releases.releases.append(
        Release("some", "matter", "x", "2026.2", "0" * 64, "proposed", "u:x", proposed, None)
    )
    return town


def test_the_lists_name_routes_that_exist() -> None:
    assert set(every()) >= OPEN | OWN_SESSION


@pytest.mark.parametrize("name", sorted(set(every()) - OPEN))
def test_without_a_session_nothing_is_shown(name: str, town: Town) -> None:
    client = TestClient(town.app(), base_url=ADDRESS)
    method, path = name.split(" ", 1)
    answer = client.request(method, _filled(path, "ZJJ1"), follow_redirects=False)
    if path.startswith("/api/"):
        # 403 is what Open311 says of a missing key.
        assert answer.status_code == (403 if "open311" in path else 401)
    else:
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("name", sorted(set(every()) - OPEN - OWN_SESSION))
def test_every_other_route_asks_policy_and_obeys_its_no(name: str, town: Town) -> None:
    method, path = name.split(" ", 1)
    filed = town.file()
    client = _signed_in(town)
    real = _filled(path, filed.case_no)
    asked_before = len(town.reception.asked)
    town.access.asked.clear()
    town.access.forbid = True
    try:
        if path.startswith("/api/"):
            answer = _as_service(town, method, real, filed.command_id)
        elif method == "POST":
            answer = client.post(real, data={"csrf": _token(client)})
        else:
            answer = client.get(real)
    finally:
        town.access.forbid = False
    asks_itself = (
        "/payments", "/cap", "/requests.{format}", "/projects/{project}/commands/{verb}",
    )  # fmt: skip
    if path.startswith("/api/") and method == "POST" and not path.endswith(asks_itself):
        # The reception asks for the warrant itself: what counts is that the order reached it.
        assert len(town.reception.asked) == asked_before + 1
        return
    # Of a case that one may not know of, every address says that there is none.
    hidden = "{case_no}" in path or path.endswith("/commands/{id}")
    assert answer.status_code == (404 if hidden else 403), answer.text
    assert town.access.asked


def _signed_in(town: Town) -> TestClient:
    client = TestClient(town.app(), base_url=ADDRESS)
    sign_in_fully(client, town, "chen")
    return client


def _token(client: TestClient, path: str = "/password") -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get(path).text)
    assert found
    return found[1]


def _filled(path: str, case_no: str) -> str:
    known = {
        "case_no": case_no,
        "matter": "construction-permit",
        "verb": "accept",
        "letter": "7",
    } | {"format": "json"}
    return re.sub(r"{(\w+)}", lambda name: known.get(name[1], "some"), path)


def _as_service(town: Town, method: str, path: str, command: str) -> Response:
    token = town.accounts.create_account(
        f"s{uuid4().hex[:8]}", "门户", "zjj", at=datetime.now(UTC), by="system", kind="service"
    )[1]
    client = TestClient(town.app(), base_url=ADDRESS, headers={"authorization": f"Bearer {token}"})
    path = path.replace("/some", f"/{command}")
    if method == "GET":
        read: Response = client.get(path)
        return read
    applicant = {"name": "甲"}
    filing = {"applicant": applicant, "matter": "construction-permit", "version": "2026.1"}
    body = filing if path.endswith("/cases") else {}
    if "open311" in path:
        reported: Response = client.post(path, data={"api_key": token, "service_code": "5003"})
        return reported
    ordered: Response = client.post(path, json=body, headers={"idempotency-key": str(uuid4())})
    return ordered
