"""Goes through the pages as people do, by their links, and looks at each in a real browser.

A kind of page is a route: `tests.attack.routes` names them all. Of each kind a few are looked at.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page

from tests.attack.routes import ROUTES

PER_KIND = 1
"""So many pages of a kind each person follows: of one route, with or without a query."""

FILES = re.compile(
    r"\.(csv|xlsx|cap|atom|json|pdf)$|/(documents|materials|papers|files|changes|proof|body)(/|$)"
    r"|^/(api|static|language|healthz|verify/receipt|counts)(/|$)|/report(/|$)|^/process/events/"
)
"""What is handed out as a file or read by a machine, no page."""

OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
}
CONTRAST = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
}
"""By night only colours are others."""
TALL = 6_000
"""Pixels."""
DESK, TELEPHONE = (1366, 768), (390, 844)
"""Widths and heights of windows."""

Light = Literal["light", "dark"]
LIGHTS: Final[tuple[Light, ...]] = ("light", "dark")
GRAVE = ("serious", "critical")

LINK = re.compile(r'<a [^>]*?href="([^"#]+)')
FORM = re.compile(r"<form\b[^>]*>")
ATTRIBUTE = re.compile(r'\b(method|action)="([^"]*)"')


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)) + "$")


KINDS: Mapping[str, re.Pattern[str]] = {
    route.removeprefix("GET "): _pattern(route.removeprefix("GET "))
    for route in sorted(ROUTES, key=lambda one: one.count("{"))
    if route.startswith("GET ")
}
"""Route → what addresses are of it; those without a hole first, as the router has them."""


def kind_of(address: str) -> str:
    """Return the route that an address of ours is of; empty: of none."""
    path = urlsplit(address).path
    return next((kind for kind, pattern in KINDS.items() if pattern.match(path)), "")


SENT: Final = [
    _pattern(route.removeprefix("POST ")) for route in ROUTES if route.startswith("POST ")
]
"""What addresses a form may be sent to."""


def astray(text: str, here: str) -> list[str]:
    """Return where the page's forms are sent that no route takes."""
    found = []
    for form in FORM.findall(text):
        said = dict(ATTRIBUTE.findall(form))
        path = urlsplit(unescape(said.get("action", "") or here)).path
        posted = said.get("method", "get").lower() == "post"
        known = any(one.match(path) for one in SENT) if posted else bool(kind_of(path))
        if not known:
            found.append(path)
    return found


NAMED_LIKE_FILES = {"/designer/{draft}/changes", "/cases/{case_no}/documents/{document}/view"}
PAGES = frozenset(kind for kind in KINDS if not FILES.search(kind)) | NAMED_LIKE_FILES
"""Routes that show a page."""


@dataclass
class Look:
    """What one browser sees of the pages, and what is wrong with them."""

    seen: Counter[str] = field(default_factory=Counter)
    """Kind of page → how many were looked at, by whomsoever."""
    dead: list[str] = field(default_factory=list)
    """Links and forms that led nowhere: where from, where to, what the answer was."""
    wide: list[str] = field(default_factory=list)
    """Pages that scroll sideways on a telephone."""
    faults: dict[str, list[str]] = field(default_factory=dict)
    """Page → what axe found serious or critical."""
    said: list[str] = field(default_factory=list)
    """What a page's console complained of: where, what."""
    pictures: Path | None = None
    """Where a picture of each page is kept: both widths, by day and by night; None: nowhere."""
    axe: Axe = field(default_factory=Axe)

    def through(self, page: Page, begin: str = "/") -> Iterator[str]:
        """Follow links as one person; yield every address of a kind that nobody came to before.

        All that they reach is asked for, so that no link is dead; the browser opens what is new.
        """
        waiting, asked, mine = deque([("", begin)]), {begin}, Counter[str]()
        while waiting:
            source, address = waiting.popleft()
            kind = kind_of(address)
            if kind not in PAGES or (mine[kind] >= PER_KIND and address != begin):
                continue
            answer = page.request.get(address)
            if answer.status >= 400:
                self.dead.append(f"{source} → {address}: {answer.status}")
                continue
            mine[kind] += 1
            self.dead += [f"{address} ⇒ {one}" for one in astray(answer.text(), address)]
            if not self.seen[kind]:
                self.seen[kind] += 1
                page.goto(address)
                yield address
            for link in map(unescape, LINK.findall(answer.text())):
                at = urlsplit(link)
                if not at.scheme and not at.netloc and at.path and link not in asked:
                    asked.add(link)
                    waiting.append((address, link))

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"{message.location['url']}: {message.text}")

    def judge(self, page: Page, address: str) -> None:
        """Ask axe about the page as it is, by day and by night; then see whether it fits a
        telephone. Leaves the page by day, as wide as it was."""
        for light in LIGHTS:
            page.emulate_media(color_scheme=light)
            # Tall enough for the whole page: a bar that sticks to the window covers nothing then.
            page.set_viewport_size({"width": DESK[0], "height": TALL})
            grave = self._grave(page, OPTIONS if light == "light" else CONTRAST)
            if grave:
                self.faults[f"{address} ({light})"] = grave
            page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
            self._keep(page, address, DESK[0], light)
        for light in reversed(LIGHTS):
            page.emulate_media(color_scheme=light)
            page.set_viewport_size({"width": TELEPHONE[0], "height": TELEPHONE[1]})
            self._keep(page, address, TELEPHONE[0], light)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > TELEPHONE[0]:
            self.wide.append(f"{address}: {width}")
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})

    def _grave(self, page: Page, options: Mapping[str, Any]) -> list[str]:
        found: Any = self.axe.run(page, options=options)
        return [
            f"{one['id']}: {node['target']} {node['html'][:160]}"
            for one in found.response["violations"]
            if one["impact"] in GRAVE
            for node in one["nodes"][:3]
        ]

    def _keep(self, page: Page, address: str, width: int, light: str) -> None:
        if self.pictures is None:
            return
        name = re.sub(r"[^0-9A-Za-z]+", "-", kind_of(address)).strip("-") or "home"
        file = self.pictures / f"{name}-{width}-{light}.png"
        page.screenshot(path=file, full_page=True)
