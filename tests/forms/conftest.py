"""A town per test session would remember what earlier tests did: each module gets its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.forms.entering import sign_in_fully, token
from tests.forms.online import city as city
from tests.forms.online import issuer as issuer
from tests.forms.town import ADDRESS, PASSWORD, Town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder: Path = tmp_path_factory.mktemp("town")
    return Town(folder)


class Browser(TestClient):
    """A client that behaves as a browser without JavaScript does."""

    town: Town

    def token(self, path: str) -> str:
        return token(self, path)

    def sign_in(self, login: str, password: str = PASSWORD) -> None:
        sign_in_fully(self, self.town, login, password)


Browsers = Callable[..., Browser]


@pytest.fixture
def browser(town: Town) -> Iterator[Browsers]:
    """Makes a browser, signed in as the person if one is named."""
    app = town.app()

    def make(login: str = "") -> Browser:
        made = Browser(app, base_url=ADDRESS, headers={"origin": ADDRESS})
        made.town = town
        if login:
            made.sign_in(login)
        return made

    town.access.forbid = False
    town.reception.away = False
    yield make
