"""Feeds of alerts: what is new in one is handed in once, and nothing it should not name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cases.incidents.cap import read_alert, write_alert
from cases.incidents.cap_feed import MOST, FeedRefused, read_feed
from cases.incidents.xml_in import MAX_BYTES
from cases.reception import NotNow
from catalogue.cap_sources import CapSource, load_cap_sources
from forms.intake_ports import CapAnswer
from tests.cases.test_cap import PUBLISHED, needs_published
from tests.forms.test_cap_door import alert
from yichuang.feeds import NotFetched, Puller, fetch

ATOM = 'xmlns="http://www.w3.org/2005/Atom"'


class Publisher:
    """A server on loopback: documents by path, with ETags."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked.append(self.path)
                status, body = publisher.pages.get(self.path, (404, b""))
                tag = f'"{hash(body)}"'
                if self.headers.get("if-none-match") == tag:
                    status, body = 304, b""
                self.send_response(status)
                self.send_header("etag", tag)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def index(self, *links: str, mark: str = "1") -> None:
        entries = "".join(
            f'<entry><id>{one}</id><updated>{mark}</updated><link href="{one}"/></entry>'
            for one in links
        )
        self.pages["/index"] = (200, f"<feed {ATOM}>{entries}</feed>".encode())


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Door:
    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.away = False
        self.refuses = False

    async def take(self, _source: CapSource, body: bytes) -> CapAnswer:
        if self.away:
            raise NotNow("later")
        self.taken.append(body)
        return CapAnswer("", "refused", code="invalid") if self.refuses else CapAnswer("k", "new")


def puller(publisher: Publisher, door: Door) -> Puller:
    source = load_cap_sources().sources[0]
    return Puller(source.model_copy(update={"feed": f"{publisher.address}/index"}), door.take)


async def test_what_is_new_is_handed_in_once_the_oldest_first(publisher: Publisher) -> None:
    door = Door()
    one = puller(publisher, door)
    first, second = (write_alert(alert(name)) for name in ("first", "second"))
    publisher.pages |= {"/1": (200, first), "/2": (200, second)}
    publisher.index(f"{publisher.address}/2", "/1")  # the newest at the top, one of them relative
    assert await one.look() == 2 and door.taken == [first, second]
    assert await one.look() == 0  # by its ETag
    publisher.index(f"{publisher.address}/2", "/1", "/3")
    publisher.pages["/3"] = (200, b"third")
    assert await one.look() == 1 and door.taken[2:] == [b"third"]
    publisher.index("/1", mark="2")  # the same address, another document
    assert await one.look() == 1 and door.taken[3:] == [first]
    assert list(one.seen) == ["/1"]


async def test_while_the_door_is_shut_the_same_is_fetched_again_and_a_refused_one_is_not(
    publisher: Publisher,
) -> None:
    door = Door()
    one = puller(publisher, door)
    publisher.pages["/1"] = (200, b"alert")
    publisher.index("/1", "/missing")
    door.away = True
    await one.look()
    door.away, door.refuses = False, True
    await one.look()
    assert door.taken == [b"alert"]
    await one.look()
    assert door.taken == [b"alert"] and publisher.asked.count("/missing") == 3


async def test_documents_of_other_hosts_redirects_and_large_ones_are_left(
    publisher: Publisher,
) -> None:
    door, other = Door(), Publisher()
    try:
        one = puller(publisher, door)
        other.pages["/1"] = (200, b"other")
        publisher.pages |= {"/moved": (302, b""), "/large": (200, b" " * (MAX_BYTES + 1)),
                            "/elsewhere": (200, b"elsewhere")}  # fmt: skip
        publisher.index(f"{other.address}/1", "file:///etc/passwd", "/moved", "/large")
        await one.look()
        assert door.taken == [] and other.asked == []
        assert "/elsewhere" not in publisher.asked
    finally:
        other.server.shutdown()
        other.server.server_close()


async def test_an_index_that_is_none_or_away_is_told_and_forgets_nothing(
    publisher: Publisher,
) -> None:
    door = Door()
    one = puller(publisher, door)
    publisher.pages["/1"] = (200, b"alert")
    publisher.index("/1")
    await one.look()
    for status, body in ((500, b""), (200, b"no"), (200, b"<feed/>")):
        publisher.pages["/index"] = (status, body)
        with pytest.raises(NotFetched):
            await one.look()
    publisher.index("/1")
    await one.look()
    assert door.taken == [b"alert"]
    with pytest.raises(NotFetched):
        fetch("http://127.0.0.1:9/")


@pytest.mark.parametrize(
    "address", ["http://far.example/x", "file:///etc/passwd", "ftp://127.0.0.1/x", "https:// x"]
)
def test_only_https_and_this_machine_can_be_configured(address: str) -> None:
    one = load_cap_sources().sources[0].model_dump()
    with pytest.raises(ValueError, match="feed"):
        CapSource.model_validate(one | {"feed": address})
    assert CapSource.model_validate(one | {"feed": "https://alerts.example/x"}).feed


def test_the_link_that_says_it_is_cap_is_meant_and_never_the_one_to_itself() -> None:
    body = f"""<feed {ATOM}><entry><id>a</id><updated>1</updated><link rel="self" href="/self"/>
    <link rel="alternate" href="/page"/><link rel="related" type="application/cap+xml" href="/cap"/>
    </entry><entry><id>b</id><link rel="self" href="/x"/></entry><entry/></feed>"""
    assert [one.link for one in read_feed(body.encode())] == ["/cap"]
    many = "".join(f'<entry><link href="/{n}"/></entry>' for n in range(MOST + 1))
    assert len(read_feed(f"<feed {ATOM}>{many}</feed>".encode())) == MOST


@needs_published
@pytest.mark.parametrize(
    ("file", "links", "inside"),
    [
        ("weather_index.atom", 2, 0), ("ny_index.rss", 2, 0), ("earthquake_index.atom", 1, 0),
        ("empty_weather_index.atom", 0, 0), ("no_entries.atom", 0, 0), ("no_link.atom", 0, 0),
        ("invalid.rss", 0, 0), ("canada_signed.atom", 0, 1), ("amber.atom", 0, 1),
    ],
)  # fmt: skip
def test_published_indexes_name_what_they_link_and_hold_what_they_hold(
    file: str, links: int, inside: int
) -> None:
    found = read_feed((PUBLISHED / file).read_bytes())
    linked = [one for one in found if not one.body]
    assert (len(linked), len(found) - len(linked)) == (links, inside)
    assert all(one.link.startswith("http") for one in linked)


@needs_published
@pytest.mark.parametrize("file", ["hostile_xxe.atom.txt", "hostile_xxe.cap.txt", "weather.cap"])
def test_a_hostile_index_and_what_is_none_are_refused(file: str) -> None:
    with pytest.raises(FeedRefused):
        read_feed((PUBLISHED / file).read_bytes())


BODY = write_alert(alert("inside"))
INSIDE = BODY.partition(b"?>")[2]


def entry(content: bytes, link: bytes = b"") -> bytes:
    head = f"<feed {ATOM}><entry><id>urn:x:1</id><updated>1</updated>".encode()
    return head + link + b'<content type="text/xml">' + content + b"</content></entry></feed>"


def rss(content: bytes) -> bytes:
    head = b"<rss version='2.0'><channel><item><guid>g1</guid><link>/page</link>"
    return head + content + b"</item></channel></rss>"


@pytest.mark.parametrize("body", [entry(INSIDE), rss(INSIDE)])
def test_an_alert_that_stands_in_the_index_says_the_same_as_its_own_document(body: bytes) -> None:
    (one,) = read_feed(body)
    assert read_alert(one.body) == read_alert(BODY)
    assert one.link in ("urn:x:1", "g1")
    (nameless,) = read_feed(body.replace(b"<id>urn:x:1</id>", b"").replace(b"<guid>g1</guid>", b""))
    assert nameless.link and nameless.body == one.body


def test_a_document_of_its_own_goes_before_what_stands_in_the_index() -> None:
    link = b'<link type="application/cap+xml" href="/one.cap"/>'
    (one,) = read_feed(entry(INSIDE, link))
    assert (one.link, one.body) == ("/one.cap", b"")


@pytest.mark.parametrize("content", [b"", b"<p>alert</p>", INSIDE + INSIDE])
def test_without_one_alert_in_it_an_entry_is_as_before(content: bytes) -> None:
    (one,) = read_feed(entry(content, b'<link href="/one"/>'))
    assert (one.link, one.body) == ("/one", b"")


def test_words_with_marks_of_xml_stay_words_when_an_alert_is_written_out() -> None:
    hostile = write_alert(alert("x", note='<alert>&lt; "quoted" ]]> \u2028'))
    (one,) = read_feed(entry(hostile.partition(b"?>")[2]))
    assert read_alert(one.body) == read_alert(hostile)


async def test_an_alert_in_the_index_is_handed_in_once_and_nothing_is_fetched(
    publisher: Publisher,
) -> None:
    door = Door()
    publisher.pages["/index"] = (200, entry(INSIDE))
    one = puller(publisher, door)
    await one.look()
    publisher.pages["/index"] = (200, entry(INSIDE) + b"<!-- changed -->")
    await one.look()
    assert [read_alert(one) for one in door.taken] == [read_alert(BODY)]
    assert publisher.asked == ["/index", "/index"]


@needs_published
def test_the_published_index_with_an_alert_in_it_gives_that_alert() -> None:
    found = read_feed((PUBLISHED / "canada_signed.atom").read_bytes())
    assert {read_alert(one.body).sender for one in found if one.body} == {"cap-pac@ec.gc.ca"}
