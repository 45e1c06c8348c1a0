"""Our own warnings for other systems, without signing in: CAP messages, and the feed of them.

An announcement is for everybody. The feed is Atom (RFC 4287); an entry leads to the message itself,
so that a receiver keeps each act once, under its own identifier.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from starlette.responses import Response

from cases.incidents.cap import cleaned, read_alert
from cases.warning_rows import KeptAct
from cases.warnings import ENDS
from forms.showing import not_found
from forms.visit import Visit

CAP: Final = "application/cap+xml"
KEPT: Final = timedelta(days=7)
"""For so long the feed still tells of what was lifted or has lapsed (a design): whoever asks once a
week misses nothing."""
MAX_AGE_S: Final = 30


async def published(visit: Visit) -> Response:
    """The newest message of a warning as CAP 1.2."""
    visit.slow_down("questions")
    found = await visit.ask(visit.ports.warnings.published, visit.request.path_params["warning"])
    if not found:
        raise not_found(visit)
    return Response(found[-1].cap, media_type=CAP)


async def message(visit: Visit) -> Response:
    """One message of a warning, also an earlier one: a later one names it."""
    visit.slow_down("questions")
    words = visit.request.path_params
    found = await visit.ask(visit.ports.warnings.published, words["warning"])
    for one in found:
        if one.seq == words["seq"]:
            return Response(one.cap, media_type=CAP)
    raise not_found(visit)


async def feed(visit: Visit) -> Response:
    """The warnings that stand, with those that ended of late."""
    visit.slow_down("questions")
    now = datetime.now(UTC)
    found = await visit.ask(visit.ports.warnings.public)
    body = atom_of(
        [one for one in found if is_told(one, now)], visit.options.address,
        visit.options.city_name, now,
    )  # fmt: skip
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": f"public, max-age={MAX_AGE_S}"}
    if tag in visit.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/atom+xml", headers=headers)


def is_told(one: KeptAct, now: datetime) -> bool:
    """Whether a warning belongs into the feed by its newest act."""
    if one.verb in ENDS:
        return one.issued_at > now - KEPT
    return not one.said.has_lapsed(now - KEPT)


def atom_of(acts: list[KeptAct], address: str, city: str, now: datetime) -> str:
    """Return the feed. It changes only when its entries do: `now` only says who has lapsed."""
    newest = max((_changed(one, now) for one in acts), default=datetime(1970, 1, 1, tzinfo=UTC))
    here = f"{address}/alerts.atom"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="zh-CN">',
        f"<id>{escape(here)}</id>",
        f"<title>{_text(city)}突发事件预警</title>",
        f"<updated>{_instant(newest)}</updated>",
        f"<author><name>{_text(city)}</name></author>",
        f'<link rel="self" type="application/atom+xml" href={quoteattr(here)}/>',
    ]
    for one in acts:
        lines += _entry(one, address, now)
    return "\n".join([*lines, "</feed>", ""])


def _entry(one: KeptAct, address: str, now: datetime) -> list[str]:
    alert = read_alert(one.cap.encode())
    chinese = alert.infos[0]
    link = f"{address}/alerts/{one.warning}/{one.seq}.cap"
    over = ""
    if one.verb not in ENDS and one.said.has_lapsed(now):
        over = "（已到失效时间，不再有效）"
    return [
        "<entry>",
        f"<id>urn:uuid:{one.warning}</id>",
        f"<title>{_text(chinese.headline + over)}</title>",
        f"<updated>{_instant(_changed(one, now))}</updated>",
        f"<published>{_instant(one.issued_at)}</published>",
        f"<author><name>{_text(chinese.sender_name)}</name></author>",
        f"<category term={quoteattr(alert.kind)}/>",
        f'<link rel="alternate" type="{CAP}" href={quoteattr(link)}/>',
        f"<summary>{_text(chinese.description + over)}</summary>",
        "</entry>",
    ]


def _changed(one: KeptAct, now: datetime) -> datetime:
    """Return when last anything changed: an act, or that it has lapsed."""
    lapse = one.said.expires_at
    if one.verb not in ENDS and lapse is not None and lapse <= now:
        return max(lapse, one.issued_at)
    return one.issued_at


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(words: str) -> str:
    return escape(cleaned(words))
