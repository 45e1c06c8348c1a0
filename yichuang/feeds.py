"""Publishers' feeds of alerts, asked once a minute: what is new in one is handed in as CAP.

Which feeds stands in catalogue/cap_sources.yaml. A feed may name documents of its own host alone
and speak for its own sender alone; no redirect is followed. What was fetched is remembered in this
process only: after a restart everything is fetched once more, and the same message is the same one
(`cap_intake`).
"""

from __future__ import annotations

import asyncio
import http.client
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin, urlsplit

from cases.incidents.cap_feed import FeedRefused, read_feed
from cases.incidents.xml_in import MAX_BYTES
from cases.reception import NotNow
from catalogue.cap_sources import CapSource
from forms.intake_ports import CapAnswer
from yichuang.notices.webhooks import BadAddress, checked_address, connection_to

EVERY_SECONDS: Final = 60.0
NOT_MODIFIED: Final = 304

_log = logging.getLogger("yichuang.feeds")

Take = Callable[[CapSource, bytes], Awaitable[CapAnswer]]


class NotFetched(Exception):
    """A document could not be had; the text says why."""


@dataclass(frozen=True)
class Fetched:
    status: int
    etag: str
    modified: str
    body: bytes


def fetch(url: str, etag: str = "", modified: str = "") -> Fetched:
    """Return a document, or that it is unchanged. Blocking. Raises `NotFetched`."""
    headers = {"Accept": "application/cap+xml, application/atom+xml, application/rss+xml, */*"}
    if etag:
        headers["If-None-Match"] = etag
    if modified:
        headers["If-Modified-Since"] = modified
    parts = urlsplit(url)
    try:
        connection = connection_to(parts)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            body = answer.read(MAX_BYTES + 1)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as away:
        raise NotFetched(f"{parts.hostname}：{type(away).__name__}") from away
    if len(body) > MAX_BYTES:
        raise NotFetched(f"{url}：超过 {MAX_BYTES // 1024} KB")
    if answer.status not in (200, NOT_MODIFIED):
        raise NotFetched(f"{url}：{answer.status}")
    return Fetched(
        answer.status, answer.headers.get("etag", ""), answer.headers.get("last-modified", ""), body
    )


@dataclass
class Puller:
    """Asks one source's feed."""

    source: CapSource
    take: Take
    etag: str = ""
    modified: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    """Link → mark of the document that was taken or refused under it."""

    async def look(self) -> int:
        """Hand in what is new; return how many documents that were. Raises `NotFetched`.

        An index is remembered as unchanged only once everything in it was handed in.
        """
        found = await asyncio.to_thread(fetch, self.source.feed, self.etag, self.modified)
        if found.status == NOT_MODIFIED:
            return 0
        try:
            named = read_feed(found.body)
        except FeedRefused as no:
            raise NotFetched(f"{self.source.feed}：{no}") from no
        fresh = [one for one in named if self.seen.get(one.link) != one.mark]
        whole = True
        for one in reversed(fresh):  # the newest stand at the top: what they name comes first
            try:
                if one.body:
                    await self._hand_in(one.link, one.body)
                else:
                    await self._take(urljoin(self.source.feed, one.link))
            except (NotFetched, NotNow) as away:
                _log.warning("%s: %s", self.source.sender, away)
                whole = False
                continue
            self.seen[one.link] = one.mark
        self.seen = {one.link: self.seen[one.link] for one in named if one.link in self.seen}
        if whole:
            self.etag, self.modified = found.etag, found.modified
        return len(fresh)

    async def _take(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.source.feed).netloc:
            _log.warning("%s names a document of another host: %s", self.source.sender, url[:200])
            return
        try:
            checked_address(url)
        except BadAddress as no:
            _log.warning("%s: %s", self.source.sender, no)
            return
        document = await asyncio.to_thread(fetch, url)
        await self._hand_in(url, document.body)

    async def _hand_in(self, name: str, body: bytes) -> None:
        answer = await self.take(self.source, body)
        if answer.what == "refused":
            _log.warning("%s: %s: %s", self.source.sender, name[:200], "；".join(answer.faults[:3]))


async def pulling(pullers: list[Puller]) -> None:
    """Ask every feed once a minute until cancelled; one that is away troubles no other."""

    async def keep(one: Puller) -> None:
        while True:
            try:
                await one.look()
            except NotFetched as away:
                _log.warning("%s: %s", one.source.sender, away)
            except Exception:
                _log.exception("%s: the feed could not be followed now", one.source.sender)
            await asyncio.sleep(EVERY_SECONDS)

    await asyncio.gather(*(keep(one) for one in pullers))
