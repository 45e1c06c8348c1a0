"""Signing out at the identity provider ends the citizen's sessions here at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from audit.tables import audit_outbox
from cases.reception import NotNow
from forms.citizen_logout import LARGEST, PATH
from forms.cookies import CITIZEN_COOKIE
from forms.entrance_ports import Where
from tests.forms.town import ADDRESS, Town
from tests.yichuang.test_oidc import ISSUER, OTHER, over, provider, signed
from yichuang.oidc import Vouched

HERE = Where("198.51.100.7", "test")


@pytest.fixture(scope="module")
def city(town: Town) -> Iterator[Town]:
    without, citizens = town.ports, town.citizens
    town.citizens = replace(citizens, provider=provider())
    town.ports = replace(without, citizens=town.citizens)
    yield town
    town.ports, town.citizens = without, citizens


@pytest.fixture
def there(city: Town) -> Iterator[TestClient]:
    """The provider: it has no cookie, and sends no form of ours."""
    with TestClient(city.app(), base_url=ADDRESS) as client:
        yield client


def signed_in(city: Town, sub: str, sid: str = "") -> str:
    return city.citizens._opened(Vouched(ISSUER, sub, "王小明", "", "", sid), HERE).secret


def tell(there: TestClient, **said: Any) -> Any:
    return there.post(PATH, data={"logout_token": signed(over(**said))})


def entries(city: Town) -> list[dict[str, Any]]:
    with city.web.connect() as connection:
        rows = connection.execute(select(audit_outbox.c.body).order_by(audit_outbox.c.seq))
        found = [orjson.loads(one.body) for one in rows]
    return [one for one in found if one["act"] == "sign_out" and one["obj"]["type"] == "citizen"]


def test_the_session_that_the_token_names_is_over_and_no_other(
    city: Town, there: TestClient
) -> None:
    mine, beside, other = (
        signed_in(city, "a", "s1"), signed_in(city, "a", "s2"), signed_in(city, "b", "s3"),
    )  # fmt: skip
    before = len(entries(city))
    answer = tell(there, sub="a", sid="s1", jti="one")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert city.citizens.find(mine) is None
    assert city.citizens.find(beside) is not None and city.citizens.find(other) is not None
    (entry,) = entries(city)[before:]
    assert (entry["res"], entry["why"]) == ("ok", "provider")
    assert "a" != entry["obj"]["id"]  # a pseudonym, as at sign-in


def test_the_browser_that_had_it_is_asked_to_sign_in(city: Town, there: TestClient) -> None:
    secret = signed_in(city, "c", "s1c")
    with TestClient(city.app(), base_url=ADDRESS, follow_redirects=False) as browser:
        browser.cookies.set(CITIZEN_COOKIE, secret)
        assert browser.get("/mine").status_code == 200
        assert tell(there, sub="c", sid="s1c", jti="two").status_code == 200
        assert browser.get("/mine").headers["location"].startswith("/mine/sign-in")


def test_by_session_alone_and_by_person_alone(city: Town, there: TestClient) -> None:
    first, second, third = (signed_in(city, "d", one) for one in ("d1", "d2", ""))
    assert tell(there, sub=None, sid="d1", jti="three").status_code == 200
    assert city.citizens.find(first) is None and city.citizens.find(second) is not None
    assert tell(there, sub="d", sid=None, jti="four").status_code == 200
    assert city.citizens.find(second) is None and city.citizens.find(third) is None


def test_a_session_that_the_provider_gave_no_name_ends_with_any_of_its_persons(
    city: Town, there: TestClient
) -> None:
    unnamed, other = signed_in(city, "e"), signed_in(city, "f")
    assert tell(there, sub="e", sid="some", jti="five").status_code == 200
    assert city.citizens.find(unnamed) is None and city.citizens.find(other) is not None


def test_a_token_counts_once_also_when_it_comes_twice_at_once(
    city: Town, there: TestClient
) -> None:
    assert tell(there, sub="g", sid=None, jti="six").status_code == 200
    later = signed_in(city, "g")
    again = tell(there, sub="g", sid=None, jti="six")
    assert again.status_code == 400 and "用过" in again.json()["error_description"]
    assert city.citizens.find(later) is not None
    with ThreadPoolExecutor(4) as at_once:
        answers = list(at_once.map(lambda _: tell(there, sub="g", sid=None, jti="7"), range(4)))
    assert sorted(one.status_code for one in answers) == [200, 400, 400, 400]
    assert city.citizens.find(later) is None


@pytest.mark.parametrize(
    "posted",
    [{}, {"logout_token": ""}, {"logout_token": "a.b.c"}, {"token": "x"},
     {"logout_token": signed(over(sub="h", jti="8"), OTHER)}],
    ids=["nothing", "empty", "no token", "another name", "another key"],
)  # fmt: skip
def test_what_does_not_hold_ends_nothing_and_says_so(
    city: Town, there: TestClient, posted: dict[str, str]
) -> None:
    secret = signed_in(city, "h")
    answer = there.post(PATH, data=posted)
    assert answer.status_code == 400 and answer.json()["error"] == "invalid_request"
    assert city.citizens.find(secret) is not None


def test_by_get_by_json_or_too_large_it_ends_nothing(city: Town, there: TestClient) -> None:
    secret = signed_in(city, "i")
    token = signed(over(sub="i", sid=None, jti="9"))
    there.get(PATH, params={"logout_token": token})
    assert there.post(PATH, json={"logout_token": token}).status_code == 400
    assert there.post(PATH, data={"logout_token": "x" * LARGEST}).status_code == 413
    assert city.citizens.find(secret) is not None


def test_who_sends_wrong_ones_without_end_is_slowed_down(city: Town) -> None:
    with TestClient(city.app(), base_url=ADDRESS) as there:
        codes = [there.post(PATH, data={"logout_token": "x"}).status_code for _ in range(60)]
        assert codes[0] == 400 and codes[-1] == 429
        assert tell(there, jti="10").status_code == 429


def test_while_the_providers_keys_are_away_it_is_told_to_come_again(city: Town) -> None:
    class Away(type(provider())):  # type: ignore[misc]
        async def _key_set(self, fresh: bool) -> Any:
            raise NotNow("统一身份认证暂时没有答复")

    known = city.ports
    one = provider()
    away = Away(one.issuer, one.client_id, "", one.redirect, one.claims)
    city.ports = replace(known, citizens=replace(city.citizens, provider=away))
    try:
        with TestClient(city.app(), base_url=ADDRESS) as there:
            assert tell(there, jti="11").status_code == 503
    finally:
        city.ports = known


def test_without_a_provider_nothing_is_ended(town: Town) -> None:
    known = town.ports
    town.ports = replace(known, citizens=replace(town.citizens, provider=None))
    try:
        with TestClient(town.app(), base_url=ADDRESS) as there:
            assert tell(there, jti="12").status_code == 400
    finally:
        town.ports = known
