"""Server time of every page, p50 and p95, in a city of 1,000 and of 20,000 cases; bytes sent; and
how soon the queue can be read in Chromium.

One person of the demo city for each set of roles goes along their links, as people do; of each kind
of page (a route) a few addresses are kept, of whoever came to them. In each size the slowest of
these is measured: over HTTP from the web's own process, session, policy, entry of what was seen and
template included, from the request to the last byte, one request at a time; `cpu` is the CPU time
that the city takes for it. What no link leads to stands under `unreached`. Streams never end and
are left out; so is what is no page.

`value` is the slowest page's p95 in the largest city, `baseline` the slowest in the smallest.
`bench pages --size 1000 --size 100000` measures cities of these sizes instead: a copied case takes
some 25 KB of disk, and a hundred thousand a quarter of an hour to be made.
"""

from __future__ import annotations

import http.client
import math
import re
import statistics
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from sqlalchemy import Engine
from starlette.routing import Route

from benchmarks import ground
from benchmarks.pages_ground import (
    city,
    heavy,
    lived,
    multiplied,
    sealer_of,
    signed_in,
)
from cases.database import open_engine
from forms.app import routes
from forms.cookies import SESSION_COOKIE
from forms.ports import Options
from yichuang.settings import Settings

SIZES: Final = (1_000, 20_000)
ROUNDS: Final = 8
DEMO_CASES: Final = 60
PER_KIND: Final = 1
"""Addresses of a kind that one person follows."""
KEPT: Final = 2
"""Addresses of a kind of which the slowest is measured."""
OFTEN: Final = 10_000_000
"""Pages a minute: how often one person may ask is not what is looked at."""
SECONDS: Final = 120.0
CHROMIUM: Final = Path("/usr/bin/chromium")
PAINTS: Final = 7
QUEUES: Final[Mapping[str, str]] = {
    "queue: team, page 40": "/team?page=40",
    "queue: team, overdue": "/team?state=overdue",
    "queue: all, 预警": "/cases?state=warning",
    "queue: all, ended": "/cases?state=ended",
    "queue: all, one stage": "/cases?stage=review",
    "queue: all, counted to the end": "/cases?exact=1",
    "queue: all, as a file": "/cases.csv?scope=all",
}
"""Lists that a clerk asks for beside the plain ones."""
CLERK: Final = "zhujian1"
SUPERVISOR: Final = "jiancha"
STEPS: Final = 500
FILES: Final = 200
TABS: Final = ("overview", "timeline", "documents", "clock")
"""Of the case of 500 steps and 200 files."""
LINK: Final = re.compile(r'<a [^>]*?href="([^"#]+)')


def run(
    sizes: Sequence[int] = SIZES, rounds: int = ROUNDS, demo: int = DEMO_CASES
) -> dict[str, Any]:
    """Return milliseconds of every page in cities of these sizes."""
    with ground.installed() as installed:
        settings = installed.model_copy(
            update={"pages_per_minute": OFTEN, "searches_per_minute": OFTEN,
                    "exports_per_minute": OFTEN}
        )  # fmt: skip
        lived(settings, demo)
        return measured(settings, sizes, rounds)


def measured(settings: Settings, sizes: Sequence[int], rounds: int) -> dict[str, Any]:
    """Return the figures of a city that has been lived in, grown to each size in turn."""
    found: dict[int, dict[str, Any]] = {}
    paint: dict[int, dict[str, float]] = {}
    filled = {}
    sealer = sealer_of(settings)
    with store(settings) as engine:
        full = heavy(engine, sealer, STEPS, FILES)
    with city(settings) as running:  # before there are copies: whose pages have nothing to open
        walk = walked(People(settings.web, signed_in(settings), running.cpu_seconds))
    for size in sizes:
        began = time.perf_counter()
        with store(settings) as engine:
            multiplied(engine, sealer, size, settings.zone)
        filled[size] = round(time.perf_counter() - began, 1)
        with city(settings) as running:
            people = People(settings.web, signed_in(settings), running.cpu_seconds)
            found[size] = _of_each(people, walk, rounds) | _of_full(people, full, rounds)
            paint[size] = painted(settings, people.cookies[CLERK])
        print(f"{size}: {_slowest(found[size])}", file=sys.stderr)
    least, most = found[sizes[0]], found[sizes[-1]]
    (worst, value), (_, baseline) = _slowest(most), _slowest(least)
    return {
        "name": "pages", "value": value, "unit": "ms", "baseline": baseline,
        "ratio": round(baseline / value, 3), "slowest": worst, "cases": sizes[-1],
        "pages": len(most), "unreached": sorted(KINDS.keys() - walk.kept.keys()),
        "broken": walk.broken, "filled_s": filled, "paint": paint,
        "sizes": {str(size): one for size, one in found.items()},
    }  # fmt: skip


@contextmanager
def store(settings: Settings) -> Iterator[Engine]:
    """Open the cases store until it is left."""
    engine = open_engine(settings.store_url("cases"))
    try:
        yield engine
    finally:
        engine.dispose()


def _slowest(pages: Mapping[str, Mapping[str, Any]]) -> tuple[str, float]:
    kind = max(pages, key=lambda one: float(pages[one]["p95"]))
    return kind, float(pages[kind]["p95"])


def _of_each(people: People, walk: Walk, rounds: int) -> dict[str, Any]:
    found = {}
    for kind, places in sorted(walk.kept.items()):
        once = [(people.ask(login, address).ms, login, address) for login, address in places]
        _, login, address = max(once)
        found[kind] = _timed(people, login, address, rounds)
    for name, address in QUEUES.items():
        found[name] = _timed(people, CLERK, address, rounds)
    return found


def _of_full(people: People, case_no: str, rounds: int) -> dict[str, Any]:
    at = f"/cases/{quote(case_no)}"
    return {
        f"case of {STEPS} steps, {FILES} files: {tab}": _timed(
            people, SUPERVISOR, f"{at}?tab={tab}", rounds
        )
        for tab in TABS
    }


def _timed(people: People, login: str, address: str, rounds: int) -> dict[str, Any]:
    people.ask(login, address)  # finds an empty page cache
    spent = people.spent()
    answers = [people.ask(login, address) for _ in range(rounds)]
    spent = people.spent() - spent
    times = sorted(one.ms for one in answers)
    return {
        "p50": round(statistics.median(times), 1),
        "p95": round(times[math.ceil(len(times) * 0.95) - 1], 1),
        "cpu": round(spent * 1000 / rounds, 1), "bytes": max(one.size for one in answers),
        "status": answers[-1].status, "who": login or "-", "at": address,
    }  # fmt: skip


# --- asking --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    kind: str
    text: str
    size: int
    ms: float


@dataclass
class People:
    """Everybody's session, and one connection to the web that all of them use."""

    web: tuple[str, int]
    cookies: dict[str, str]
    spent: Callable[[], float]
    """CPU seconds of the city until now: what neighbours on a busy machine do not change."""
    _line: http.client.HTTPConnection | None = field(default=None, init=False)

    def ask(self, login: str, address: str) -> Answer:
        """Return what the web answers to this person; only a page's body is read."""
        if self._line is None:
            self._line = http.client.HTTPConnection(*self.web, timeout=SECONDS)
        head = {"accept-language": "zh-CN"}
        if login:
            head["cookie"] = f"{SESSION_COOKIE}={self.cookies[login]}"
        began = time.perf_counter()
        self._line.request("GET", address, headers=head)
        answer = self._line.getresponse()
        kind = (answer.getheader("content-type") or "").partition(";")[0]
        if kind == "text/event-stream":  # never ends
            self._line.close()
            self._line = None
            return Answer(answer.status, kind, "", 0, 0.0)
        body = answer.read()
        ms = (time.perf_counter() - began) * 1000
        for one in answer.headers.get_all("set-cookie") or ():
            name, _, rest = one.partition("=")
            if name == SESSION_COOKIE and login:  # the session was given a new secret
                self.cookies[login] = rest.partition(";")[0]
        said = body.decode(errors="replace") if kind == "text/html" else ""
        return Answer(answer.status, kind, said, len(body), ms)


# --- where links lead ----------------------------------------------------------------------------


def _kinds() -> dict[str, re.Pattern[str]]:
    """Return what addresses each GET route has; those without a hole first, as the router does."""
    options = Options("", "http://bench", ("bench",))
    found = [
        one for one in routes(options)
        if isinstance(one, Route) and "GET" in (one.methods or ()) and not _is_file(one.path)
    ]  # fmt: skip
    return {one.path: one.path_regex for one in sorted(found, key=lambda one: one.path.count("{"))}


def _is_file(path: str) -> bool:
    """Whether a route hands out a file, a stream or an answer for machines."""
    return path.startswith(("/api/", "/language/", "/healthz")) or bool(
        re.search(r"\.(csv|xlsx|cap|atom|json|pdf|\{format\})$|/changes$|/proof$|/body$", path)
    )


KINDS: Final = _kinds()


def kind_of(address: str) -> str:
    """Return the route that an address of ours is of; empty: of none."""
    path = urlsplit(address).path
    return next((kind for kind, pattern in KINDS.items() if pattern.match(path)), "")


@dataclass
class Walk:
    """Where people came to: of each kind of page, who and by which address."""

    kept: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """Links that led nowhere."""


def walked(people: People) -> Walk:
    """Follow everybody's links."""
    walk = Walk()
    for login in ("", *people.cookies):
        begin = "/" if login else "/status"
        waiting, seen, mine = deque([begin]), {begin}, Counter[str]()
        while waiting:
            address = waiting.popleft()
            kind = kind_of(address)
            if not kind or mine[kind] >= PER_KIND:
                continue
            mine[kind] += 1
            answer = people.ask(login, address)
            if answer.status >= 400:
                walk.broken.append(f"{login or '-'} {address}: {answer.status}")
            if answer.status != 200 or answer.kind != "text/html":
                continue
            print(f"{answer.ms:7.0f} ms  {login or '-'}  {address}", file=sys.stderr)
            if len(walk.kept.setdefault(kind, [])) < KEPT:
                walk.kept[kind].append((login, address))
            for link in map(unescape, LINK.findall(answer.text)):
                at = urlsplit(link)
                if not at.scheme and not at.netloc and at.path and link not in seen:
                    seen.add(link)
                    waiting.append(link)
    return walk


# --- in the browser ------------------------------------------------------------------------------


def painted(settings: Settings, cookie: str) -> dict[str, float]:
    """Return milliseconds until the queue's first line could be read in Chromium, the page asked
    for anew each time; empty where there is no Chromium."""
    if not CHROMIUM.exists():
        return {}
    with suppress(ImportError):
        from playwright.sync_api import sync_playwright

        found: list[dict[str, float]] = []
        host, port = settings.web
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=str(CHROMIUM),
                args=["--no-sandbox", "--disable-gpu", "--disable-quic"],
            )
            context = browser.new_context(viewport={"width": 1366, "height": 768})
            context.set_extra_http_headers({"cookie": f"{SESSION_COOKIE}={cookie}"})
            page = context.new_page()
            for _ in range(PAINTS + 1):
                page.goto(f"http://{host}:{port}/team")
                page.locator("tbody tr").first.wait_for()
                page.wait_for_function(_TOLD)  # the browser tells of a paint after it
                found.append(page.evaluate(_PAINT))
            browser.close()
        return {
            name: round(statistics.median(one[name] for one in found[1:]), 1) for name in found[0]
        }
    return {}


_TOLD: Final = "performance.getEntriesByName('first-contentful-paint').length > 0"
_PAINT: Final = """() => {
  const first = performance.getEntriesByName('first-contentful-paint')[0];
  const came = performance.getEntriesByType('navigation')[0];
  return {first_paint: first.startTime, answered: came.responseEnd, loaded: came.loadEventEnd};
}"""
