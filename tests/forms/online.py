"""Citizens of a town: a real OpenID provider, a browser that signs in there, and what they file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import oidc_provider_mock
import pytest
from starlette.testclient import TestClient

from tests.forms.town import ADDRESS, Town
from yichuang.oidc import IdentityProvider
from yichuang.service_seeds import seed_city

CLAIMS = {"name": "name", "id_number": "id_number", "phone": "phone_number"}
WANG = {"name": "王小明", "id_number": "110105199003071234", "phone_number": "13900000001"}
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\n"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    users = [
        oidc_provider_mock.User(sub="wang", claims=WANG),
        oidc_provider_mock.User(sub="li", claims={**WANG, "name": "李小红"}),
        oidc_provider_mock.User(sub="nobody", claims={}),
    ]
    with oidc_provider_mock.run_server_in_thread(user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def city(town: Town, issuer: str) -> Iterator[Town]:
    seed_city(town.accounts, datetime.now(UTC))
    provider = IdentityProvider(issuer, "yichuang", "s3cret", f"{ADDRESS}/mine/callback", CLAIMS)
    without, citizens = town.ports, town.citizens
    town.citizens = replace(citizens, provider=provider)
    town.ports = replace(without, citizens=town.citizens)
    yield town
    town.ports, town.citizens = without, citizens


def way_back(client: TestClient, sub: str, there: str = "/mine") -> str:
    """Sign in at the provider; return the address that it sends the browser back to."""
    away = client.get(f"/mine/go?next={there}")
    assert away.status_code == 303, away.text
    answer = httpx2.post(away.headers["location"], data={"sub": sub}, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    back = answer.headers["location"]
    assert back.startswith(f"{ADDRESS}/mine/callback?")
    return back.removeprefix(ADDRESS)


def come_in(client: TestClient, sub: str = "wang", there: str = "/mine") -> None:
    answer = client.get(way_back(client, sub, there))
    assert (answer.status_code, answer.headers["location"]) == (303, there), answer.text


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


def send(client: TestClient, path: str, form: dict[str, Any], files: Any = None) -> httpx2.Response:
    page = client.get(path if path.startswith("/apply") else path.rsplit("/", 1)[0]).text
    data = {"csrf": hidden(page, "csrf"), "command": hidden(page, "command"), "do": "file"} | form
    return client.post(path, data=data, files=files, headers={"origin": ADDRESS})


FOOD: dict[str, Any] = {
    "applicant.kind": "enterprise", "own.phone": "13900000001", "electronic_service": "true",
    "applicant.name": "云川小馆有限公司", "applicant.id_number": "91990100MA0000001X",
    "applicant.legal_representative": "王小明", "form.operator_name": "云川小馆有限公司",
    "form.uscc": "91990100MA0000001X", "form.legal_representative": "王小明",
    "form.id_number": "110105199003071234", "form.phone": "13900000001",
    "form.premises_address": "云川市人民大道88号一层", "form.business_kind": "餐饮服务经营者",
    "form.items": ["热食类食品制售"], "form.floor_area_m2": "86.5", "form.licence_years": "5",
}  # fmt: skip


def papers(*codes: str) -> dict[str, Any]:
    return {f"file.{one}": (f"{one}.pdf", PDF, "application/pdf") for one in codes}


NEEDED = papers("application", "premises", "safety-rules")


def filed(browser: TestClient) -> str:
    """File for a company; return the number."""
    answer = send(browser, "/apply/food-operation", FOOD, NEEDED)
    faults = re.findall(r"<li>(.+?)</li>", answer.text)
    assert answer.status_code == 303, faults
    return answer.headers["location"].removeprefix("/mine/").removesuffix("?done=file")
