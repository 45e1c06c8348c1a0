"""Server time of every page, p50 and p95, in a city of 1,000, of 100,000 and of 1,000,000 cases;
bytes sent; and how soon the queue can be read in Chromium.

One person of the demo city for each set of roles, a citizen and a stranger go along their links, as
people do; of each kind of page (a route) a few addresses are kept, of whoever came to them. In each
size the slowest of these is measured: over HTTP from the web's own process, session, policy, entry
of what was seen and template included, from the request to the last byte, one request at a time;
`cpu` is the CPU time that the city takes for it. What nobody comes to stands under `unreached` with
its reason. Streams never end and are left out; so is what answers machines.

`value` is the slowest page's p95 in the largest city, `baseline` the slowest in the smallest.
`bench pages --size 1000 --size 20000` measures cities of these sizes instead: a copied case takes
some 28 KB of disk; a million of them take 28 GB and half an hour.
"""

from __future__ import annotations

import http.client
import math
import re
import statistics
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode, urlsplit

from sqlalchemy import Engine
from starlette.routing import Route

from benchmarks import ground
from benchmarks.pages_acts import CITIZEN, CLERK, PROVIDER, acted, ahead, citizen_in, hidden_in
from benchmarks.pages_copies import multiplied
from benchmarks.pages_ground import city, heavy, lived, sealer_of, signed_in
from benchmarks.pages_log import logged
from cases.database import open_engine
from forms.app import routes
from forms.cookies import CITIZEN_COOKIE, SESSION_COOKIE
from forms.ports import Options
from yichuang import way_in
from yichuang.settings import Settings

Store = Literal["cases", "log", "web"]
SIZES: Final = (1_000, 100_000, 1_000_000)
ROUNDS: Final = 8
LEAST_ROUNDS: Final = 2
PATIENCE_MS: Final = 20_000
"""No page is asked for longer than this, but for so many rounds."""
DEMO_CASES: Final = 60
PER_KIND: Final = 1
"""Addresses of a kind that one person follows."""
KEPT: Final = 2
"""Addresses of a kind of which the slowest is measured."""
OFTEN: Final = 10_000_000
"""Pages a minute: how often one person may ask is not what is looked at."""
SECONDS: Final = 120.0
KEPT_SECONDS: Final = 20.0
"""The web hangs up a line on which nobody has asked for thirty seconds."""
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
SUPERVISOR: Final = "jiancha"
STEPS: Final = 500
FILES: Final = 200
TABS: Final = ("overview", "timeline", "documents", "clock")
"""Of the case of 500 steps and 200 files."""
APART: Final[Mapping[str, str]] = {
    "/alarms/dead": "readings that no machine's description fits; the demo has none",
    "/cases/{case_no}/materials/{upload}": "the demo hands in no files",
    "/duty/handovers/{handover}": "between two shifts; the demo's are not handed over",
    "/filters/{saved}": "leads on to a list",
    "/fund/open": "once for a city; the demo's is open",
    "/incidents/{incident}/files/{upload}": "the demo hands in no files",
    "/letters/{letter}": "a message that was given up; the demo has none",
    "/mine/callback": "by the identity provider, who is elsewhere",
    "/mine/go": "by the identity provider, who is elsewhere",
    "/mine/leave": "by the identity provider, who is elsewhere",
    "/mine/sign-in": "who is signed in already is led on",
    "/mine/signed-out": "by the identity provider, who is elsewhere",
    "/payments/{payment}/pay": "the demo's payments are done",
    "/payments/{payment}/return": "the demo's payments are done",
    "/payments/{payment}/review": "the demo's payments are done",
    "/process/events/{form}": "checks every step with the log, in which a copy has one entry",
    "/projects/{project}/papers/{upload}": "the demo hands in no files",
    "/projects/{project}/performance/files/{upload}": "the demo hands in no files",
    "/releases/{release}/dossier": "the demo's releases are past their gates",
    "/still-here.svg": "what an open page asks for by itself; no page",
    "/sign-in/second": "a step of signing in, by its form",
    "/sign-in/set-up": "a step of signing in, by its form",
}
"""Page → why nobody comes to it here."""
TAB: Final = re.compile(r"[?&]tab=\w+")
LINK: Final = re.compile(r'<a [^>]*?href="([^"#]+)')


def run(
    sizes: Sequence[int] = SIZES, rounds: int = ROUNDS, demo: int = DEMO_CASES
) -> dict[str, Any]:
    """Return milliseconds of every page in cities of these sizes."""
    with ground.installed() as installed:
        settings = installed.model_copy(
            update={"pages_per_minute": OFTEN, "searches_per_minute": OFTEN,
                    "exports_per_minute": OFTEN, "questions_per_minute": OFTEN,
                    "oidc_issuer": PROVIDER}
        )  # fmt: skip
        refused = lived(settings, demo, lambda running: _act(settings, running))
        return measured(settings, sizes, rounds) | {"refused": refused}


def _act(settings: Settings, running: ground.Process) -> list[str]:
    with stores(settings, "cases", "web") as (cases, web):
        return acted(people_of(settings, running, cases, web), web)


def people_of(settings: Settings, running: ground.Process, cases: Engine, web: Engine) -> People:
    """Return everybody, signed in."""
    desk, who = way_in.desk_vault_of(settings, web), sealer_of(settings).who
    citizen = {CITIZEN: citizen_in(web, cases, desk, who)}
    return People(settings.web, signed_in(settings) | citizen, running.cpu_seconds)


def measured(settings: Settings, sizes: Sequence[int], rounds: int) -> dict[str, Any]:
    """Return the figures of a city that has been lived in, grown to each size in turn."""
    found: dict[int, dict[str, Any]] = {}
    paint: dict[int, dict[str, float]] = {}
    filled = {}
    sealer = sealer_of(settings)
    with stores(settings, "cases", "log", "web") as (cases, log, web):
        full = heavy(cases, sealer, STEPS, FILES)
        with city(settings) as running:  # no copies yet: their pages have nothing to open
            walk = walked(people_of(settings, running, cases, web), ahead(cases))
        for size in sizes:
            began = time.perf_counter()
            multiplied(cases, sealer, size, settings.zone)
            logged(cases, log, web)
            filled[size] = round(time.perf_counter() - began, 1)
            with city(settings) as running:
                people = people_of(settings, running, cases, web)
                found[size] = _of_each(people, walk, rounds) | _of_full(people, full, rounds)
                paint[size] = painted(settings, people.cookies[CLERK])
            print(f"{size}: {_slowest(found[size])}", file=sys.stderr)
    least, most = found[sizes[0]], found[sizes[-1]]
    (worst, value), (_, baseline) = _slowest(most), _slowest(least)
    return {
        "name": "pages", "value": value, "unit": "ms", "baseline": baseline,
        "ratio": round(baseline / value, 3), "slowest": worst, "cases": sizes[-1],
        "pages": len(most), "unreached": unreached(walk),
        "broken": walk.broken, "filled_s": filled, "paint": paint,
        "sizes": {str(size): one for size, one in found.items()},
    }  # fmt: skip


def unreached(walk: Walk) -> dict[str, str]:
    """Return the pages that nobody came to, each with its reason; empty: there is none."""
    return {kind: APART.get(kind, "") for kind in sorted(KINDS.keys() - walk.kept.keys())}


@contextmanager
def stores(settings: Settings, *names: Store) -> Iterator[tuple[Engine, ...]]:
    """Open stores of the city until they are left."""
    engines = tuple(open_engine(settings.store_url(name)) for name in names)
    try:
        yield engines
    finally:
        for one in engines:
            one.dispose()


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
    answers: list[Answer] = []
    while len(answers) < rounds and (
        len(answers) < LEAST_ROUNDS or sum(one.ms for one in answers) < PATIENCE_MS
    ):
        answers.append(people.ask(login, address))
    spent = people.spent() - spent
    times = sorted(one.ms for one in answers)
    return {
        "p50": round(statistics.median(times), 1),
        "p95": round(times[math.ceil(len(times) * 0.95) - 1], 1),
        "cpu": round(spent * 1000 / len(answers), 1), "bytes": max(one.size for one in answers),
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
    onward: str = ""
    """Where it sends whoever asked."""


@dataclass
class People:
    """Everybody's session, and one connection to the web that all of them use."""

    web: tuple[str, int]
    cookies: dict[str, str]
    spent: Callable[[], float]
    """CPU seconds of the city until now: what neighbours on a busy machine do not change."""
    _line: http.client.HTTPConnection | None = field(default=None, init=False)
    _asked_at: float = field(default=0.0, init=False)

    def ask(self, login: str, address: str) -> Answer:
        """Return what the web answers to this person; only a page's body is kept. What is not there
        in time has status 0."""
        return self._answer("GET", login, address, {})

    def post(
        self, login: str, address: str, page: str, form: Mapping[str, str | Sequence[str]]
    ) -> Answer:
        """Send a form as the page does that has it."""
        said = {**hidden_in(self.ask(login, page).text), **form}
        host, port = self.web
        head = {
            "origin": f"http://{host}:{port}", "content-type": "application/x-www-form-urlencoded",
        }  # fmt: skip
        return self._answer("POST", login, address, head, urlencode(said, doseq=True))

    def _answer(
        self, method: str, login: str, address: str, more: Mapping[str, str], body: str = ""
    ) -> Answer:
        if time.monotonic() - self._asked_at > KEPT_SECONDS:
            self._hang_up()
        self._asked_at = time.monotonic()
        if self._line is None:
            self._line = http.client.HTTPConnection(*self.web, timeout=SECONDS)
        name = CITIZEN_COOKIE if login == CITIZEN else SESSION_COOKIE
        head = {"accept-language": "zh-CN", **more}
        if login:
            head["cookie"] = f"{name}={self.cookies[login]}"
        began = time.perf_counter()
        try:
            self._line.request(method, address, body or None, head)
            answer = self._line.getresponse()
            kind = (answer.getheader("content-type") or "").partition(";")[0]
            if kind == "text/event-stream":  # never ends
                self._hang_up()
                return Answer(answer.status, kind, "", 0, 0.0)
            came = answer.read()
        except TimeoutError:
            self._hang_up()
            return Answer(0, "", "", 0, SECONDS * 1000)
        ms = (time.perf_counter() - began) * 1000
        for one in answer.headers.get_all("set-cookie") or ():
            its, _, rest = one.partition("=")
            if its == name and login:  # the session was given a new secret
                self.cookies[login] = rest.partition(";")[0]
        said = came.decode(errors="replace") if kind == "text/html" else ""
        onward = answer.getheader("location") or ""
        return Answer(answer.status, kind, said, len(came), ms, onward)

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


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


def walked(people: People, ahead: Mapping[str, Sequence[str]] | None = None) -> Walk:
    """Follow everybody's links, and first what is `ahead` of somebody."""
    walk = Walk()
    for login in ("", *people.cookies):
        trail = Trail("/" if login else "/status")
        trail.ahead((ahead or {}).get(login, ()))
        while trail.waiting:
            address = trail.waiting.popleft()
            kind = kind_of(address)
            sort = kind + "".join(TAB.findall(address))
            if not kind or trail.kinds[sort] >= PER_KIND:
                continue
            answer = people.ask(login, address)
            if answer.onward:  # "/" sends some to the page that they begin with
                trail.ahead([answer.onward])
                continue
            trail.kinds[sort] += 1
            if answer.status >= 400:
                walk.broken.append(f"{login or '-'} {address}: {answer.status}")
            if answer.status != 200:
                continue
            print(f"{answer.ms:7.0f} ms  {login or '-'}  {address}", file=sys.stderr)
            if len(walk.kept.setdefault(kind, [])) < KEPT:
                walk.kept[kind].append((login, address))
            trail.ahead(map(unescape, LINK.findall(answer.text)))
    return walk


class Trail:
    """Where one person has been, and which links are still ahead."""

    def __init__(self, begin: str) -> None:
        self.waiting = deque([begin])
        self.kinds = Counter[str]()
        """Pages of a kind that were opened."""
        self._seen = {begin}

    def ahead(self, links: Iterable[str]) -> None:
        """Put links of ours that are new at the end of the way."""
        for link in links:
            at = urlsplit(link)
            if not at.scheme and not at.netloc and at.path and link not in self._seen:
                self._seen.add(link)
                self.waiting.append(link)


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
                while not page.evaluate(_TOLD):  # the browser tells of a paint after it
                    page.wait_for_timeout(20)
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
