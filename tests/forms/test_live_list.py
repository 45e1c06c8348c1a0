"""The list's parts that a page fetches by itself: numbers alone, and no activity of a session."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from forms.app import FAULT_HEADER
from forms.around import LIVE_POLICY
from forms.rendering import LIBRARIES, asset
from tests.forms.conftest import Browser, Browsers
from tests.forms.test_case import accepted
from tests.forms.town import ADDRESS, Town


@dataclass
class Noting:
    """The town's way in, and which of its methods looked at a session."""

    inner: Any
    looked: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        self.looked.append(name)
        return getattr(self.inner, name)


def test_numbers_alone_are_fetched_and_the_session_goes_on_being_idle(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = accepted(town)[0]
    noting = Noting(town.ports.entrance)
    monkeypatch.setattr(town, "ports", replace(town.ports, entrance=noting))
    page = Browser(town.app(), base_url=ADDRESS, headers={"origin": ADDRESS})
    page.town = town
    page.sign_in("zhao")
    noting.looked.clear()
    shown = page.get("/counts?at=/team")
    assert noting.looked == ["still"]
    assert shown.text.strip().startswith('<nav class="side" id="side"')
    assert '<a href="/team" aria-current="page">' in shown.text
    assert number not in shown.text and "<html" not in shown.text
    page.get("/team")
    assert "visitor" in noting.looked


@pytest.mark.parametrize("at", ["https://evil.example/", "//evil.example", "/x%00", "", "\\evil"])
def test_whatever_address_is_named_nothing_but_the_numbers_comes(
    browser: Browsers, at: str
) -> None:
    shown = browser("zhao").get("/counts", params={"at": at})
    assert shown.status_code == 200 and "evil" not in shown.text


def test_without_a_session_nothing_is_told(browser: Browsers) -> None:
    answer = browser().get("/counts", follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")


def test_the_list_runs_htmx_from_its_locked_package_under_a_strict_policy(
    browser: Browsers,
) -> None:
    page = browser("zhao")
    shown = page.get("/team")
    assert shown.headers["content-security-policy"] == LIVE_POLICY
    address = asset("htmx-2.min.js")
    assert address in shown.text
    assert page.get(address).content == LIBRARIES["htmx-2.min.js"].read_bytes()
    assert '"allowEval": false' in shown.text and '"historyCacheSize": 0' in shown.text
    assert page.get("/static/htmx-4.min.js").status_code == 404  # what no page uses
    assert page.get("/static/../rendering.py").status_code == 404


class Broken:
    """A reader whose lists fail, as a fault of ours would have it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        if name == "worklist":
            raise RuntimeError("a fault of ours")
        return getattr(self.inner, name)


def test_a_fault_of_the_server_has_its_number_where_a_script_finds_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(town, "ports", replace(town.ports, reader=Broken(town.ports.reader)))
    page = Browser(
        town.app(), base_url=ADDRESS, headers={"origin": ADDRESS}, raise_server_exceptions=False
    )
    page.town = town
    page.sign_in("zhao")
    answer = page.get("/cases")
    assert answer.status_code == 500
    assert f"请把编号 {answer.headers[FAULT_HEADER]} 告诉系统管理员" in answer.text
