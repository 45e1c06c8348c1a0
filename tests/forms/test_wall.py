"""The wall: what it shows to whom, that it follows what happens, and that it says how old it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from cases.web_tables import session
from forms.around import LIVE_POLICY
from forms.cookies import WALL_COOKIE
from forms.wall import LINES
from tests.forms.conftest import Browser as Client
from tests.forms.conftest import Browsers
from tests.forms.entering import aged
from tests.forms.incident_rows import made, night, put
from tests.forms.test_incident_board import DUTY, Stream
from tests.forms.town import Town

CHIEF = ("韩监察", "dsjc", (("supervisor", "*"),))
FIGURE = re.compile(r'<li class="w-(\w+)(?: some)?"><b>(\d+)</b>')


@pytest.fixture(scope="module")
def people(town: Town) -> Town:
    town.settle_in("ding", DUTY)
    town.settle_in("han", CHIEF)
    return town


@pytest.fixture(scope="module")
def busy(people: Town) -> Iterator[Town]:
    kinds = list(people.incidents.kinds.values())
    put(people.cases, night(kinds, people.incidents.grid, 40, datetime.now(UTC)))
    yield people


def figures(html: str) -> dict[str, int]:
    return {name: int(n) for name, n in FIGURE.findall(html)}


def test_an_empty_wall_says_so(people: Town, browser: Browsers) -> None:
    page = browser("ding").get("/wall").text
    assert "现在没有在办的突发事件" in page
    assert figures(page)["open"] == 0


def test_the_wall_has_the_gravest_first_and_says_how_many_more(
    busy: Town, browser: Browsers
) -> None:
    page = browser("ding").get("/wall").text
    lines = re.findall(r'<tr class="lv-(\w+)"', page)
    assert len(lines) == LINES
    assert lines == sorted(lines, key=["red", "orange", "yellow", "blue", "none"].index)
    told = figures(page)["open"]
    assert f"另有 {told - LINES} 件在办" in page


def test_there_is_nothing_to_press(busy: Town, browser: Browsers) -> None:
    page = browser("ding").get("/wall").text
    body = page[page.index("<body") :]
    assert not re.search(r"<(a|button|input|select|form|textarea)\b", body)


def test_without_a_script_it_is_asked_for_again(busy: Town, browser: Browsers) -> None:
    answer = browser("ding").get("/wall")
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in answer.text
    assert answer.headers["content-security-policy"] == LIVE_POLICY


def test_the_cases_clocks_are_shown_to_whom_the_board_is_open(
    busy: Town, browser: Browsers
) -> None:
    busy.file()
    shown = figures(browser("han").get("/wall").text)
    assert shown["total"] == 1
    assert "overdue" in shown
    assert "overdue" not in figures(browser("ding").get("/wall").text)


def test_the_wall_is_for_those_who_list_incidents(busy: Town, browser: Browsers) -> None:
    assert browser("chen").get("/wall").status_code == 403
    assert browser("chen").get("/wall/changes").status_code == 403
    assert browser().get("/wall", follow_redirects=False).status_code == 303


def test_it_is_linked_from_the_board(busy: Town, browser: Browsers) -> None:
    assert 'href="/wall"' in browser("ding").get("/incidents").text


async def test_what_happens_stands_on_the_wall_without_asking(
    busy: Town, browser: Browsers
) -> None:
    kind, grid = busy.incidents.kinds["gas_leak"], busy.incidents.grid
    async with Stream(browser("ding"), "/wall/changes") as stream:
        seen = stream.told("wall")
        first = await anext(seen)
        red = made(9500, kind, grid, datetime.now(UTC), level="red")
        put(busy.cases, [red])
        after = await anext(seen)
    assert red.title not in first["html"]
    assert red.title in after["html"]
    assert figures(after["html"])["open"] == figures(first["html"])["open"] + 1
    assert datetime.fromisoformat(after["at"]) > datetime.fromisoformat(first["at"])


async def test_a_title_is_text_on_the_wall_whatever_it_holds(busy: Town, browser: Browsers) -> None:
    kind, grid = busy.incidents.kinds["gas_leak"], busy.incidents.grid
    long_ago = datetime.now(UTC) - timedelta(hours=3)  # the wall shows what presses most
    bad = made(9501, kind, grid, long_ago, level="red").model_copy(
        update={"title": "<script>alert(1)</script>"}
    )
    put(busy.cases, [bad])
    assert "<script>alert" not in browser("ding").get("/wall").text
    async with Stream(browser("ding"), "/wall/changes") as stream:
        picture = await anext(stream.told("wall"))
    assert "<script>alert" not in picture["html"]
    assert "&lt;script&gt;" in picture["html"]


# --- the session ---------------------------------------------------------------------------------


IDLE = {"seen_at": timedelta(minutes=20)}
OVER = {"seen_at": timedelta(hours=11), "ends_at": timedelta(hours=1),
        "created_at": timedelta(hours=11)}  # fmt: skip


def open_wall(town: Town, browser: Browsers, login: str = "ding") -> Client:
    client = browser(login)
    assert client.get("/wall").status_code == 200
    return client


def shown(client: Client, path: str = "/wall") -> int:
    return client.get(path, follow_redirects=False).status_code


@pytest.mark.parametrize("how", [IDLE, OVER], ids=["idle", "past its hours"])
async def test_a_wall_that_was_opened_goes_on_and_nothing_else_does(
    busy: Town, browser: Browsers, how: dict[str, timedelta]
) -> None:
    client = open_wall(busy, browser)
    aged(busy, "ding", **how)
    assert shown(client) == 200
    async with Stream(client, "/wall/changes") as stream:
        assert "html" in await anext(stream.told("wall"))
    for path in ("/incidents", "/incidents/changes", "/me", "/", "/supervision"):
        assert shown(client, path) == 303, path
    sent = client.post("/incidents/new", data={"csrf": "0" * 64}, follow_redirects=False)
    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/sign-in")


def test_an_idle_browser_that_opened_no_wall_opens_none(busy: Town, browser: Browsers) -> None:
    client = browser("ding")
    aged(busy, "ding", **IDLE)
    assert shown(client) == 303
    client.cookies.set(WALL_COOKIE, f"{session_of(busy, 'ding')}.{'0' * 64}", domain="town.test")
    assert shown(client) == 303


def test_a_wall_is_over_a_day_after_the_sign_in(busy: Town, browser: Browsers) -> None:
    client = open_wall(busy, browser)
    aged(busy, "ding", **{**OVER, "created_at": timedelta(hours=23)})
    assert shown(client) == 200
    aged(busy, "ding", **{**OVER, "created_at": timedelta(hours=25)})
    assert shown(client) == 303


def test_who_signs_out_leaves_no_wall_behind(busy: Town, browser: Browsers) -> None:
    client = open_wall(busy, browser)
    mark = client.cookies[WALL_COOKIE]
    client.post("/sign-out", data={"csrf": client.token("/incidents")})
    assert WALL_COOKIE not in client.cookies
    client.cookies.set(WALL_COOKIE, mark, domain="town.test")
    assert shown(client) == 303


@pytest.mark.parametrize("how", [IDLE, OVER], ids=["idle", "past its hours"])
def test_ending_a_person_s_sessions_ends_their_walls(
    busy: Town, browser: Browsers, how: dict[str, timedelta]
) -> None:
    client = open_wall(busy, browser)
    aged(busy, "ding", **how)
    busy.accounts.revoke_sessions(busy.ids["ding"], busy.ids["ding"], datetime.now(UTC))
    assert shown(client) == 303


def test_one_wall_is_ended_by_itself_and_the_others_go_on(busy: Town, browser: Browsers) -> None:
    walls = [open_wall(busy, browser), open_wall(busy, browser)]
    desk = browser("ding")
    here = session_of(busy, "ding")
    aged(busy, "ding", **OVER)
    freshened(busy, here)
    page = desk.get("/security").text
    assert page.count("只剩大屏") >= 2 and "结束大屏" in page
    one = walls[0].cookies[WALL_COOKIE].partition(".")[0]
    form = {"csrf": desk.token("/security"), "session": one}
    assert desk.post("/security/sessions", data=form).status_code == 200
    assert (shown(walls[0]), shown(walls[1])) == (303, 200)
    assert f'value="{one}"' not in desk.get("/security").text


def test_a_session_that_is_over_and_opened_no_wall_is_in_no_list(
    busy: Town, browser: Browsers
) -> None:
    browser("ding")
    old = session_of(busy, "ding")
    aged(busy, "ding", **OVER)
    assert f'value="{old}"' not in browser("ding").get("/security").text


def test_loading_the_wall_keeps_no_session_from_ending(busy: Town, browser: Browsers) -> None:
    client = open_wall(busy, browser)
    aged(busy, "ding", seen_at=timedelta(minutes=10))
    query = select(session.c.seen_at).where(session.c.account_id == busy.ids["ding"])
    with busy.web.connect() as connection:
        before = connection.execute(query).scalars().all()
    assert shown(client) == 200
    with busy.web.connect() as connection:
        assert connection.execute(query).scalars().all() == before


def session_of(town: Town, login: str) -> str:
    query = select(session.c.id).where(session.c.account_id == town.ids[login])
    with town.web.connect() as connection:
        return str(
            connection.execute(query.order_by(session.c.created_at.desc())).scalars().first()
        )


def freshened(town: Town, name: str) -> None:
    """Let a session have begun now."""
    now = datetime.now(UTC)
    values = {"seen_at": now, "created_at": now, "ends_at": now + timedelta(hours=1)}
    with town.web.begin() as connection:
        connection.execute(update(session).where(session.c.id == name).values(values))
