"""The index of a publisher's alerts, Atom (RFC 4287) or RSS 2.0: what it names, what stands in it.

An index says where alerts are, and nothing more is believed of it: what an alert says stands in its
own document. An alert written into an entry itself is that document where the entry names none
(`application/cap+xml`). It is judged like any other: written out anew it keeps no signature, so
that a sender with a certificate must have its messages fetched. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cases.incidents.xml_in import Element, XmlRefused, read_xml, written

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
    body: bytes = b""
    """The alert that stands in the entry itself; empty: it is to be fetched from `link`, which
    else is the entry's id, by which it is known."""


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
        meant = [one for one in links if one.get(("", "type")) == CAP]
        mark = f"{entry.said('id')}\n{entry.said('updated')}"
        inside = None if meant else _inside(entry.first("content"))
        if inside is not None:
            yield _with_alert(entry.said("id"), mark, inside)
            continue
        meant = meant or [one for one in links if one.get(("", "rel"), "alternate") == "alternate"]
        href = meant[0].get(("", "href"), "").strip() if meant else ""
        if href:
            yield Named(href, mark)


def _rss(channel: Element) -> Iterator[Named]:
    for item in channel.all("item"):
        mark = f"{item.said('guid')}\n{item.said('pubDate')}"
        if (inside := _inside(item)) is not None:
            yield _with_alert(item.said("guid") or item.said("link"), mark, inside)
        elif link := item.said("link"):
            yield Named(link, mark)


def _with_alert(name: str, mark: str, alert: Element) -> Named:
    body = written(alert)
    return Named(name or hashlib.sha256(body).hexdigest(), mark, body)


def _inside(holder: Element | None) -> Element | None:
    """Return the alert among the children of an element; None: there is none, or several."""
    found = [] if holder is None else [one for one in holder.children if one.name == "alert"]
    return found[0] if len(found) == 1 else None
