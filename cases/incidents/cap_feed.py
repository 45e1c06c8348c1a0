"""The index of a publisher's alerts, Atom (RFC 4287) or RSS 2.0, as far as it names documents.

An index says where alerts are, and nothing more is believed of it: what an alert says stands in its
own document. Alerts written into an index itself are not taken. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cases.incidents.xml_in import Element, XmlRefused, read_xml

ATOM: Final = "http://www.w3.org/2005/Atom"
CAP: Final = "application/cap+xml"
MOST: Final = 500
"""Entries of one index that are looked at, from its top, where the newest stand."""


class FeedRefused(Exception):
    """No index; the text says why, in the office's words."""


@dataclass(frozen=True, slots=True)
class Named:
    """One entry: where its alert is, and what changes when the alert does."""

    link: str
    mark: str
    """Id and instant of the entry: the same mark is the same document."""


def read_feed(body: bytes) -> tuple[Named, ...]:
    """Return what an index names; an entry without a link names nothing. Raises `FeedRefused`."""
    try:
        root = read_xml(body)
    except XmlRefused as no:
        raise FeedRefused(str(no)) from no
    if (root.space, root.name) == (ATOM, "feed"):
        return tuple(_atom(root))[:MOST]
    channel = root.first("channel")
    if root.name == "rss" and channel is not None:
        return tuple(_rss(channel))[:MOST]
    raise FeedRefused("不是 Atom 或 RSS 目录")


def _atom(feed: Element) -> Iterator[Named]:
    for entry in feed.all("entry"):
        links = [one.attributes for one in entry.all("link")]
        meant = [one for one in links if one.get(("", "type")) == CAP] or [
            one for one in links if one.get(("", "rel"), "alternate") == "alternate"
        ]
        href = meant[0].get(("", "href"), "").strip() if meant else ""
        if href:
            yield Named(href, f"{entry.said('id')}\n{entry.said('updated')}")


def _rss(channel: Element) -> Iterator[Named]:
    for item in channel.all("item"):
        if link := item.said("link"):
            yield Named(link, f"{item.said('guid')}\n{item.said('pubDate')}")
