"""Signing in as a person does, for every test that needs somebody signed in.

All that sign-in asks for is given here, so that a test that is about something else need not know.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from httpx2 import Response
from playwright.sync_api import Page
from sqlalchemy import update
from starlette.testclient import TestClient

from cases.web_tables import session
from tests.cases.entering import second_code
from tests.forms.town import PASSWORD, Town


def token(client: TestClient, path: str) -> str:
    """Return the token that each form of the page carries."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get(path).text)
    assert found, path
    return found[1]


def sign_in_fully(
    client: TestClient, town: Town, login: str, password: str = PASSWORD, then: str = "/"
) -> Response:
    """Sign in as somebody of the town; return the redirect to where they go on."""
    form = {"login": login, "password": password, "csrf": token(client, "/sign-in"), "next": then}
    answer: Response = client.post("/sign-in", data=form, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    assert where.startswith("/sign-in/second"), where
    form = {"proof.code": code_of(town, login), "csrf": token(client, where), "next": then}
    answer = client.post("/sign-in/second", data=form, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return answer


def code_of(town: Town, login: str) -> str:
    """Return what the app of somebody of the town shows now."""
    return second_code(town.entrance, town.ids[login], datetime.now(UTC))


def sign_in_by_browser(page: Page, town: Town, login: str, password: str = PASSWORD) -> None:
    """Sign in as somebody of the town, in a browser, with or without scripts."""
    page.goto("/sign-in")
    page.get_by_label("登录名").fill(login)
    page.get_by_label("口令").fill(password)
    page.get_by_role("main").get_by_role("button", name="登录").click()
    page.get_by_label("动态码").fill(code_of(town, login))
    page.get_by_role("main").get_by_role("button", name="登录", exact=True).click()


def aged(town: Town, login: str, **columns: timedelta) -> None:
    """Let a person's sessions have been proved, seen or opened so long ago."""
    with town.web.begin() as connection:
        for name, ago in columns.items():
            connection.execute(
                update(session)
                .where(session.c.account_id == town.ids[login])
                .values({name: datetime.now(UTC) - ago})
            )
