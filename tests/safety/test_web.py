"""Headers, cookies, limits and errors of every answer, over the pages of a real town."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any
from uuid import uuid4

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from forms.app import application, routes
from forms.guard import PageRoute
from forms.openapi import PREFIX
from forms.ports import Options
from forms.throttles import Throttle
from tests.forms.conftest import Browser, Browsers
from tests.forms.conftest import browser as browser
from tests.forms.conftest import town as town
from tests.forms.entering import sign_in_fully
from tests.forms.test_rest import token as token
from tests.forms.town import ADDRESS, HOST, Town

ANSWERS = ("/", "/sign-in", "/nothing", "/static/page.css", "/healthz", f"{PREFIX}/openapi.json",
           f"{PREFIX}/cases/x", "/verify/receipt")  # fmt: skip
"""A page, an open page, none, a file, a line of text, JSON, a problem, the page with a script."""


def visiting(app: Starlette, town: Town, login: str = "") -> Browser:
    made = Browser(
        app, base_url=ADDRESS, headers={"origin": ADDRESS}, raise_server_exceptions=False
    )
    made.town = town
    if login:
        sign_in_fully(made, town, login)
    return made


def limited(town: Town, **limits: Any) -> Starlette:
    return application(town.ports, replace(Options("云川市", ADDRESS, (HOST,)), **limits))


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ANSWERS)
def test_every_kind_of_answer_is_guarded(browser: Browsers, path: str) -> None:
    headers = browser("chen").get(path).headers
    policy = headers["content-security-policy"]
    for rule in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in policy, (path, rule)
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ANSWERS)
def test_hsts_holds_a_year_with_subdomains(browser: Browsers, path: str) -> None:
    value = browser().get(path).headers["strict-transport-security"]
    seconds = re.search(r"max-age=(\d+)", value)
    assert seconds and int(seconds[1]) >= 31_536_000
    assert "includeSubDomains" in value


@pytest.mark.parametrize("path", ANSWERS)
def test_no_other_origin_may_read_an_answer(browser: Browsers, path: str) -> None:
    answer = browser("chen").get(path, headers={"origin": "https://evil.test"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ANSWERS)
def test_every_answer_names_its_type_and_a_text_its_alphabet(browser: Browsers, path: str) -> None:
    kind = browser("chen").get(path).headers["content-type"]
    if kind.startswith("text/"):
        assert "charset=utf-8" in kind
    else:
        assert kind.split(";")[0] in ("application/json", "application/problem+json")


def test_nothing_of_a_session_is_kept_by_a_cache(browser: Browsers) -> None:
    page = browser("chen")
    assert {page.get(path).headers["cache-control"] for path in ("/", "/cases", "/new")} == {
        "no-store"
    }


def test_every_cookie_is_bound_to_this_host_and_safe(browser: Browsers) -> None:
    page = browser()
    page.get("/sign-in")
    page.get("/language/en", follow_redirects=False)
    lines = [line for line in _cookies_of(page) if line]
    assert len(lines) >= 2
    for line in lines:
        low = line.lower()
        assert line.startswith("__Host-"), line
        assert "; secure" in low and "; httponly" in low and "path=/" in low
        assert "samesite=lax" in low or "samesite=strict" in low
        assert "domain=" not in low


def _cookies_of(page: Browser) -> Iterator[str]:
    for path in ("/sign-in", "/language/en?next=/sign-in"):
        page.cookies.clear()
        yield from page.get(path, follow_redirects=False).headers.get_list("set-cookie")


@pytest.mark.parametrize("there", ["//evil.test", "https://evil.test", "/\\evil.test", "evil"])
def test_no_link_leads_a_browser_elsewhere(browser: Browsers, there: str) -> None:
    answer = browser().get(f"/language/zh?next={there}", follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_a_page_is_never_changed_by_reading_it() -> None:
    """What changes something is asked by POST alone; a link or an image cannot ask it."""
    changing = [
        route.path
        for route in routes(Options("城", ADDRESS, (HOST,)))
        if isinstance(route, PageRoute) and route.methods and "POST" in route.methods
        and "GET" in route.methods
    ]  # fmt: skip
    asked = ["/status", "/suggest", "/suggest/rate"]
    assert changing == asked, "forms of which reading asks nothing but to see them"


# --- limits --------------------------------------------------------------------------------------


def test_a_person_may_open_so_many_pages_a_minute_and_another_still_may(town: Town) -> None:
    app = limited(town, pages_per_minute=10)
    chen, zhou = visiting(app, town, "chen"), visiting(app, town, "zhou")
    assert [chen.get("/").status_code for _ in range(12)].count(200) in (9, 10)
    assert chen.get("/").status_code == 429
    assert zhou.get("/").status_code == 200


def test_a_second_session_of_the_same_person_has_no_allowance_of_its_own(town: Town) -> None:
    app = limited(town, pages_per_minute=10)
    first = visiting(app, town, "chen")
    second = visiting(app, town, "chen")
    for _ in range(12):
        first.get("/")
    assert second.get("/").status_code == 429


def test_searches_are_counted_on_their_own(town: Town) -> None:
    page = visiting(limited(town, searches_per_minute=3), town, "chen")
    assert [page.get("/cases?text=a").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert page.get("/").status_code == 200


def test_exports_are_counted_on_their_own(town: Town) -> None:
    page = visiting(limited(town, exports_per_minute=2), town, "feng")
    assert [page.get("/supervision.csv").status_code for _ in range(3)] == [200, 200, 429]
    assert page.get("/supervision").status_code == 200


def test_a_system_may_ask_so_often_over_rest(town: Town, token: str) -> None:
    app = limited(town, orders_per_minute=10)
    with TestClient(app, base_url=ADDRESS) as client:
        client.headers["authorization"] = f"Bearer {token}"
        found = [client.get(f"{PREFIX}/commands/{uuid4()}") for _ in range(11)]
    assert [one.status_code for one in found[:10]] == [404] * 10
    assert found[10].status_code == 429
    assert found[10].headers["retry-after"].isdecimal()


def test_a_refusal_for_haste_is_an_entry(town: Town) -> None:
    from tests.yichuang.test_entries_documented import bodies_of

    page = visiting(limited(town, searches_per_minute=1), town, "chen")
    page.get("/cases")
    page.get("/cases")
    whys = [e.get("why") for e in bodies_of(town) if e["s"]["id"] == "sys:refused"]
    assert "too_many" in whys


def test_what_is_counted_is_bounded_whatever_keys_come() -> None:
    throttle = Throttle(5, 60)
    for n in range(Throttle.KEYS + 500):
        throttle.wait(f"10.0.{n}")
    assert len(throttle._seen) == Throttle.KEYS


# --- errors --------------------------------------------------------------------------------------

SECRET = "internal-detail-7f3a"


class Broken:
    """A port of which every question fails in a way that nobody foresaw."""

    def __getattr__(self, name: str) -> object:
        def fail(*_: object, **__: object) -> object:
            raise RuntimeError(SECRET)

        return fail


def paths() -> list[str]:
    found = []
    for route in routes(Options("城", ADDRESS, (HOST,))):
        if isinstance(route, Route) and route.methods and "GET" in route.methods:
            found.append(re.sub(r"\{\w+\}", "x", route.path))
    return sorted(set(found))


@pytest.fixture(scope="module")
def failing(town: Town, token: str) -> Browser:
    """A browser of somebody signed in at an application whose every other port is broken."""
    whole = town.ports
    app = application(whole, Options("云川市", ADDRESS, (HOST,)))
    page = visiting(app, town, "chen")
    kept = {"accounts", "entrance"}
    broken: dict[str, Any] = {one.name: Broken() for one in fields(whole) if one.name not in kept}
    app.state.ports = replace(whole, **broken)
    page.headers["authorization"] = f"Bearer {token}"
    return page


@pytest.mark.parametrize("path", paths())
def test_an_unforeseen_failure_shows_a_number_and_nothing_else(
    failing: Browser, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "yichuang.forms"):
        answer = failing.get(path, follow_redirects=False)
    for inside in (SECRET, "Traceback", "RuntimeError", "forms/", "site-packages"):
        assert inside not in answer.text
    assert "content-security-policy" in answer.headers
    assert "nosniff" in answer.headers["x-content-type-options"]
    if answer.status_code == 500:
        number = re.search(r"编号 ([0-9a-f]{8}) ", answer.text)
        assert number and number[1] in caplog.text, "the number leads to the program's own log"
        if answer.headers["content-type"].startswith("text/html"):
            assert '<a href="/">回到首页</a>' in answer.text
        assert SECRET in caplog.text


def test_most_pages_fail_when_their_ports_do(failing: Browser) -> None:
    """Or the test above would try nothing."""
    broken = [p for p in paths() if failing.get(p, follow_redirects=False).status_code == 500]
    assert len(broken) > len(paths()) / 2


@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "x-real-ip", "forwarded", "x-forwarded-host"]
)
def test_no_header_of_a_stranger_says_where_a_request_comes_from(town: Town, header: str) -> None:
    from tests.yichuang.test_entries_documented import bodies_of

    page = visiting(limited(town), town)
    wrong = {"login": "zhao", "password": "wrong", "csrf": page.token("/sign-in")}
    page.post("/sign-in", data=wrong, headers={header: "198.51.100.99"})
    assert not any("198.51.100.99" in str(body) for body in bodies_of(town))
