"""Goes through the pages as people do, by their links, and looks at each in a real browser.

A kind of page is a route: `tests.attack.routes` names them all. Of each kind a few are looked at.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.attack.routes import ROUTES

PER_KIND = 1
"""So many pages of a kind each person follows: of one route, with or without a query."""

FILES = re.compile(
    r"\.(csv|xlsx|cap|atom|json|pdf)$|/(documents|materials|papers|files|changes|proof|body)(/|$)"
    r"|^/(api|static|language|healthz|verify/receipt)(/|$)|/report(/|$)"
)
"""What is handed out as a file or read by a machine, no page."""

OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
}
TALL = 6_000
"""Pixels."""
GRAVE = ("serious", "critical")

LINK = re.compile(r'<a [^>]*?href="([^"#]+)')


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


PAGES = frozenset(kind for kind in KINDS if not FILES.search(kind))
"""Routes that show a page."""


@dataclass
class Look:
    """What one browser sees of the pages, and what is wrong with them."""

    seen: Counter[str] = field(default_factory=Counter)
    """Kind of page → how many were looked at, by whomsoever."""
    dead: list[str] = field(default_factory=list)
    """Links that led nowhere: where from, where to, what the answer was."""
    wide: list[str] = field(default_factory=list)
    """Pages that scroll sideways on a telephone."""
    faults: dict[str, list[str]] = field(default_factory=dict)
    """Page → what axe found serious or critical."""
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
            if not self.seen[kind]:
                self.seen[kind] += 1
                page.goto(address)
                yield address
            for link in map(unescape, LINK.findall(answer.text())):
                at = urlsplit(link)
                if not at.scheme and not at.netloc and at.path and link not in asked:
                    asked.add(link)
                    waiting.append((address, link))

    def judge(self, page: Page, address: str, narrow: int = 390) -> None:
        """Ask axe about the page as it is, then see whether it fits a telephone."""
        before = page.viewport_size
        # Tall enough for the whole page: a bar that sticks to the window covers nothing then.
        page.set_viewport_size({"width": before["width"] if before else 1366, "height": TALL})
        found: Any = self.axe.run(page, options=OPTIONS)
        grave = [
            f"{one['id']}: {node['target']} {node['html'][:160]}"
            for one in found.response["violations"]
            if one["impact"] in GRAVE
            for node in one["nodes"][:3]
        ]
        if grave:
            self.faults[address] = grave
        page.set_viewport_size({"width": narrow, "height": 844})
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > narrow:
            self.wide.append(f"{address}: {width}")
        if before is not None:
            page.set_viewport_size(before)
