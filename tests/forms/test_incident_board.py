"""The board: what is listed, in which order, under policy; and its live changes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import event as event_of
from sqlalchemy import update

from cases.incident_tables import incident
from forms.around import LIVE_POLICY
from forms.incident_stream import Sent, event
from tests.forms.conftest import Browser, Browsers
from tests.forms.incident_rows import change, made, night, put
from tests.forms.town import ADDRESS, Town

DUTY = ("丁值班", "zhzx", (("duty_officer", "zhzx"),))
GAS = ("刘燃气", "rq", (("unit_duty", "rq"),))
WATER = ("马水务", "sw", (("unit_duty", "sw"),))


@pytest.fixture(scope="module")
def people(town: Town) -> Town:
    town.settle_in("ding", DUTY)
    town.settle_in("liu", GAS)
    town.settle_in("ma", WATER)
    return town


@pytest.fixture(scope="module")
def busy(people: Town) -> Iterator[Town]:
    kinds = list(people.incidents.kinds.values())
    put(people.cases, night(kinds, people.incidents.grid, 120, datetime.now(UTC)))
    yield people


def rows(text: str) -> list[str]:
    return re.findall(r'<tr id="i-([0-9a-f-]{36})"', text)


def test_without_an_incident_the_board_says_so_and_what_comes_next(
    people: Town, browser: Browsers
) -> None:
    text = browser("ding").get("/incidents").text
    assert "现在没有在办的突发事件" in text
    assert rows(text) == []


def test_the_board_lists_red_first_then_who_waits_longest_unsigned(
    busy: Town, browser: Browsers
) -> None:
    text = browser("ding").get("/incidents?size=100").text
    levels = re.findall(r'class="incident lv-(\w+)"', text)
    order = ["red", "orange", "yellow", "blue", "none"]
    assert levels == sorted(levels, key=order.index)
    assert len(rows(text)) == 100
    signed = re.findall(r'class="incident lv-red".*?class="ticks (done)?', text, flags=re.S)
    assert signed == sorted(signed)  # those without 签收 stand before those that have it


def test_every_open_incident_has_its_mark_on_the_map_by_shape_and_colour(
    busy: Town, browser: Browsers
) -> None:
    text = browser("ding").get("/incidents?size=25").text
    assert len(rows(text)) == 25
    assert len(re.findall(r'<a id="s-', text)) == 120
    for drawn in ("<polygon", "<rect", "<circle"):
        assert drawn in text


def test_a_filter_leaves_what_it_names_and_can_be_cleared(busy: Town, browser: Browsers) -> None:
    text = browser("ding").get("/incidents?level=red&district=yunxi&size=100").text
    assert set(re.findall(r'class="incident lv-(\w+)"', text)) == {"red"}
    assert "清除筛选" in text
    assert "level=red" in re.findall(r'data-stream="([^"]+)"', text)[0]


def test_each_count_above_the_list_opens_the_list_that_it_counts(
    busy: Town, browser: Browsers
) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    one = made(6001, busy.incidents.kinds["gas_leak"], busy.incidents.grid, at, stage="graded")
    put(busy.cases, [one])
    with busy.cases.begin() as connection:
        late = update(incident).where(incident.c.id == one.incident_id).values(late=1)
        connection.execute(late)
    page = browser("ding")
    text = page.get("/incidents").text
    strip = re.findall(r'<a href="(/incidents[^"]*)"><b>(\d+)</b>', text)
    counts = {unescape(address): int(count) for address, count in strip}
    assert len(counts) == 6
    for address, count in counts.items():
        listed = page.get(address + ("&" if "?" in address else "?") + "size=100").text
        assert len(re.findall('<a id="s-', listed)) == count, address
    assert counts["/incidents?only=late"] == 1
    with busy.cases.begin() as connection:
        over = update(incident).where(incident.c.id == one.incident_id).values(is_open=False)
        connection.execute(over)


def test_a_filter_that_names_nothing_known_is_left_out(busy: Town, browser: Browsers) -> None:
    text = browser("ding").get("/incidents?level=pink&stage=nowhere&size=100&page=99999").text
    assert len(rows(text)) == 20  # the second and last page of a hundred


def test_a_unit_sees_what_it_was_sent_to_and_nothing_else(busy: Town, browser: Browsers) -> None:
    sent = re.findall(
        r'class="stage"><strong>(\S+?)</strong>', browser("liu").get("/incidents?size=100").text
    )
    assert sent
    assert "接报" not in sent
    assert rows(browser("ma").get("/incidents").text) == []


def test_a_unit_is_offered_to_acknowledge_by_one_key(busy: Town, browser: Browsers) -> None:
    text = browser("liu").get("/incidents/unit?stage=dispatched").text
    assert re.search(r'<button class="button little" type="submit" data-key="A">签收', text)
    duty = browser("ding").get("/incidents?stage=dispatched").text
    assert 'data-key="A"' not in duty


def test_a_clerk_of_another_house_is_turned_away(busy: Town, browser: Browsers) -> None:
    assert browser("zhao").get("/incidents").status_code == 403


def test_an_incident_that_is_not_mine_looks_like_none(busy: Town, browser: Browsers) -> None:
    one = made(9001, busy.incidents.kinds["lift_trapped"], busy.incidents.grid, datetime.now(UTC))
    put(busy.cases, [one])
    hidden = browser("ma").get(f"/incidents/{one.incident_id}")
    missing = browser("ma").get("/incidents/00000000-0000-0000-0000-000000000000")
    assert hidden.status_code == missing.status_code == 404
    cut = re.compile(r'name="csrf" value="\w+"|next=[^"]+')
    assert cut.sub("", hidden.text) == cut.sub("", missing.text)
    shown = browser("ding").get(f"/incidents/{one.incident_id}")
    assert shown.status_code == 200
    assert one.number in shown.text


def test_only_pages_that_listen_may_connect_and_run_our_own_script(
    busy: Town, browser: Browsers
) -> None:
    page = browser("ding")
    assert page.get("/incidents").headers["content-security-policy"] == LIVE_POLICY
    assert "connect-src 'self'" in LIVE_POLICY
    assert "unsafe" not in LIVE_POLICY


def test_a_title_with_marks_of_html_stays_text_on_board_and_map(
    busy: Town, browser: Browsers
) -> None:
    one = made(9002, busy.incidents.kinds["lift_trapped"], busy.incidents.grid, datetime.now(UTC))
    hostile = "<img src=x onerror=alert(1)>\"'</title><script>"
    put(busy.cases, [one.model_copy(update={"title": hostile, "level": "red"})])
    text = browser("ding").get("/incidents").text
    assert "<img src=x" not in text
    assert hostile in unescape(text)


# --- live ----------------------------------------------------------------------------------------


class Stream:
    """What a browser's EventSource reads of one connection, over ASGI itself."""

    def __init__(self, client: Browser, path: str, last: str = "") -> None:
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        address, _, query = path.partition("?")
        headers = [(b"host", b"town.test"), (b"cookie", cookie.encode())]
        if last:
            headers.append((b"last-event-id", last.encode()))
        self.scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": address,
            "raw_path": address.encode(), "query_string": query.encode(), "headers": headers,
            "scheme": "https", "server": ("town.test", 443), "client": ("127.0.0.1", 9),
            "asgi": {"version": "3.0"}, "root_path": "",
        }  # fmt: skip
        self.app = client.app
        self.gone = asyncio.Event()
        self.parts: asyncio.Queue[bytes] = asyncio.Queue()
        self.status = 0

    async def told(self, kind: str) -> AsyncIterator[dict[str, str]]:
        """Yield what each event of a kind says, from now on."""
        waiting = b""
        while True:
            waiting += await self.parts.get()
            *whole, waiting = waiting.split(b"\n\n")
            for one in whole:
                if f"event: {kind}".encode() in one:
                    yield orjson.loads(one.partition(b"data: ")[2])

    async def __aenter__(self) -> Stream:
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            else:
                self.parts.put_nowait(message.get("body", b""))

        self.running = asyncio.ensure_future(self.app(self.scope, receive, send))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.gone.set()
        await self.running

    async def events(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        while True:
            part = (await asyncio.wait_for(self.parts.get(), 20)).decode()
            found = dict(line.split(": ", 1) for line in part.strip().splitlines() if ": " in line)
            if "data" in found:
                yield found.get("id", ""), orjson.loads(found["data"])


async def told(stream: Stream, numbers: set[str]) -> tuple[str, list[str]]:
    """Read until every one of these was told of; return the last id, and all in order."""
    seen: list[str] = []
    last = ""
    async for id, said in stream.events():
        last = id or last
        seen += [number for _, number, _ in said["changes"]]
        if numbers <= set(seen):
            return last, seen
    raise AssertionError


async def test_changes_of_a_lost_connection_come_when_it_is_back_each_once(
    busy: Town, browser: Browsers
) -> None:
    client = browser("ding")
    page = client.get("/incidents?size=25").text
    address = unescape(re.findall(r'data-stream="([^"]+)"', page)[0])
    kind, grid = busy.incidents.kinds["gas_leak"], busy.incidents.grid
    now = datetime.now(UTC)
    first, second, third = (made(9100 + n, kind, grid, now, level="red") for n in range(3))
    put(busy.cases, [first])  # between the page and the connection
    async with Stream(client, address) as stream:
        last, seen = await told(stream, {first.number})
        assert seen == [first.number]
    put(busy.cases, [second])  # while nobody listens
    put(busy.cases, [third])
    later = first.model_copy(
        update={"seq": 2, "stage": "verified", "updated_at": now + timedelta(seconds=1)}
    )
    change(busy.cases, later, "verify")
    async with Stream(client, address, last) as stream:
        _, seen = await told(stream, {second.number, third.number})
        assert seen == [second.number, third.number, first.number]


async def test_a_connection_lost_again_and_again_in_a_storm_of_changes_misses_none(
    busy: Town, browser: Browsers
) -> None:
    client, grid = browser("ding"), busy.incidents.grid
    kind, began = busy.incidents.kinds["bin_full"], busy.incidents.last()
    states = [made(9300 + n, kind, grid, datetime.now(UTC)) for n in range(150)]
    numbers = [one.number for one in states]

    async def storm() -> None:
        for one in states:
            await asyncio.to_thread(put, busy.cases, [one])

    writing = asyncio.create_task(storm())
    last, seen, connections = str(began), list[str](), 0
    while len(seen) < len(states):
        connections += 1
        async with Stream(client, "/incidents/changes?size=25", last) as stream:
            async for id, said in stream.events():
                last = id
                # Of other tests' incidents a late change may still come.
                seen += [number for _, number, _ in said["changes"] if number in numbers]
                if said["changes"]:
                    break  # what is under way is lost with the connection
    await writing
    assert seen == numbers
    assert connections > 3


async def test_what_comes_back_after_a_lost_connection_is_the_whole_window_as_it_is_now(
    busy: Town, browser: Browsers
) -> None:
    client = browser("ding")
    async with Stream(client, "/incidents/changes?size=25", "1") as stream:
        async for _, said in stream.events():
            assert said["whole"]
            assert len(said["lines"]) == len(said["order"]) == 25
            again = rows(client.get("/incidents?size=25").text)
            assert said["order"] == again
            break


async def test_a_unit_is_told_nothing_of_what_it_may_not_list(
    busy: Town, browser: Browsers
) -> None:
    kind, grid = busy.incidents.kinds["gas_leak"], busy.incidents.grid
    hidden = made(9201, kind, grid, datetime.now(UTC))
    mine = made(9202, kind, grid, datetime.now(UTC), "dispatched", departments=("sw",))
    client = browser("ma")
    after = busy.incidents.last()
    async with Stream(client, f"/incidents/changes?after={after}") as stream:
        put(busy.cases, [hidden])
        put(busy.cases, [mine])
        _, seen = await told(stream, {mine.number})
        assert seen == [mine.number]


def test_who_may_list_the_same_has_one_viewpoint_and_nobody_else(busy: Town) -> None:
    busy.settle_in("ding2", DUTY)
    found = [busy.accounts.find(busy.ids[one]) for one in ("ding", "ding2", "liu", "ma")]
    ding, other, gas, water = (
        busy.incidents.viewpoint(one.actor()) for one in found if one is not None
    )
    assert ding == other
    assert len({ding, gas, water}) == 3


async def test_twelve_boards_of_one_viewpoint_read_the_store_once_for_a_change(
    busy: Town, browser: Browsers
) -> None:
    client, grid = browser("ding"), busy.incidents.grid
    read = list[str]()

    def counted(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if "GROUP BY incident.cell" in statement:
            read.append(statement)

    event_of.listen(busy.cases, "before_cursor_execute", counted)
    try:
        async with AsyncExitStack() as open_boards:
            streams = [
                await open_boards.enter_async_context(Stream(client, "/incidents/changes?size=25"))
                for _ in range(12)
            ]
            for one in streams:
                async for _, said in one.events():
                    assert said["whole"]
                    break
            leak = made(9801, busy.incidents.kinds["gas_leak"], grid, datetime.now(UTC))
            before = len(read)
            put(busy.cases, [leak])
            for stream in streams:
                await told(stream, {leak.number})
            # A board that looks anew of itself meanwhile may have read once more.
            assert 1 <= len(read) - before <= 2
    finally:
        event_of.remove(busy.cases, "before_cursor_execute", counted)


async def test_listening_keeps_no_session_alive_and_ends_with_it(
    busy: Town, browser: Browsers
) -> None:
    client = browser("ding")
    async with Stream(client, "/incidents/changes") as stream:
        client.post("/sign-out", data={"csrf": client.token("/incidents")})
        await asyncio.wait_for(stream.running, 20)


@pytest.mark.parametrize("path", ["/incidents/changes", "/incidents/unit/changes"])
@pytest.mark.parametrize(
    ("query", "last"),
    [
        ("", "x"), ("", "-1"), ("", "9" * 40), ("after=%00", ""), ("after=1e9&size=-5", ""),
        ("size=999999999999999999999&page=x", ""), ("level=%F0%9F%92%A5&district=%27--", ""),
    ],
)  # fmt: skip
async def test_a_stream_asked_for_with_senseless_words_fails_at_none(
    busy: Town, browser: Browsers, path: str, query: str, last: str
) -> None:
    async with Stream(browser("ding"), f"{path}?{query}", last) as stream:
        await asyncio.wait_for(stream.parts.get(), 20)
    assert stream.status < 500


def test_an_event_has_the_form_of_the_standard() -> None:
    assert event("board", {"a": 1}, 7) == b'id: 7\nevent: board\ndata: {"a":1}\n\n'
    assert Sent(3).change == 3


# --- two thousand --------------------------------------------------------------------------------


def test_two_thousand_open_incidents_make_a_page_of_fifty_lines_and_three_hundred_marks(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path)
    town.settle_in("ding", DUTY)
    kinds = list(town.incidents.kinds.values())
    put(town.cases, night(kinds, town.incidents.grid, 2000, datetime.now(UTC)))
    client = Browser(town.app(), base_url=ADDRESS)
    client.town = town
    client.sign_in("ding")
    text = client.get("/incidents").text
    assert len(rows(text)) == 50
    assert len(re.findall(r'<a id="s-', text)) == 300
    assert len(text.encode()) < 250_000
    counts = re.findall(r'class="count" [^>]*>(\d+)<', text)
    assert sum(map(int, counts)) == 2000
    last = client.get("/incidents?page=40").text
    assert len(rows(last)) == 50
    assert not set(rows(last)) & set(rows(text))
