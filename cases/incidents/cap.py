"""A CAP alert as plain values, read from XML and written to it (OASIS CAP 1.2, 2010-07-01).

`read_alert` takes what the schema of its version allows; what the standard's prose asks beyond it
is told by `prose_faults`, for a door to refuse. Written is version 1.2 alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Final
from xml.sax.saxutils import escape

from cases.incidents.cap_shape import Version, shape_faults, version_of
from cases.incidents.xml_in import Element, XmlRefused, read_xml

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"

Pair = tuple[str, str]
Point = tuple[float, float]
"""Longitude and latitude, WGS-84; CAP itself writes the latitude first."""


class CapRefused(Exception):
    """The alert is not taken. `faults` say why, each in the office's words."""

    def __init__(self, *faults: str) -> None:
        super().__init__("；".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Reference:
    """Names one message for ever: its sender, identifier and the instant it was sent."""

    sender: str
    identifier: str
    sent: datetime

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{instant_words(self.sent)}"


@dataclass(frozen=True, slots=True)
class Circle:
    centre: Point
    radius_km: float


@dataclass(frozen=True, slots=True)
class Area:
    description: str
    polygons: Sequence[Sequence[Point]] = ()
    circles: Sequence[Circle] = ()
    geocodes: Sequence[Pair] = ()


@dataclass(frozen=True, slots=True)
class Info:
    """What the alert says in one language."""

    language: str
    categories: Sequence[str]
    event: str
    urgency: str
    severity: str
    certainty: str
    responses: Sequence[str] = ()
    audience: str = ""
    codes: Sequence[Pair] = ()
    effective: datetime | None = None
    onset: datetime | None = None
    expires: datetime | None = None
    sender_name: str = ""
    headline: str = ""
    description: str = ""
    instruction: str = ""
    web: str = ""
    contact: str = ""
    parameters: Sequence[Pair] = ()
    areas: Sequence[Area] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    identifier: str
    sender: str
    sent: datetime
    status: str
    kind: str
    """msgType: Alert, Update, Cancel, Ack or Error."""
    scope: str
    source: str = ""
    restriction: str = ""
    addresses: str = ""
    codes: Sequence[str] = ()
    note: str = ""
    references: Sequence[Reference] = ()
    incidents: str = ""
    infos: Sequence[Info] = ()
    version: Version = "1.2"

    @property
    def reference(self) -> Reference:
        """What a later message names when it means this one."""
        return Reference(self.sender, self.identifier, self.sent)


def instant_words(at: datetime) -> str:
    """Return an aware instant as CAP writes it: seconds, offset written out, UTC as -00:00
    (section 3.3.2)."""
    written = at.replace(microsecond=0).isoformat()
    return written.replace("+00:00", "-00:00") if at.utcoffset() else _utc(written)


def _utc(written: str) -> str:
    return written[:19] + "-00:00"


# --- reading ----------------------------------------------------------------------------------


def read_alert(body: bytes) -> Alert:
    """Return the alert of a document. Raises `CapRefused` where it is hostile, no XML, not of its
    schema, or where the words of a shape or a reference cannot be read."""
    try:
        root = read_xml(body)
    except XmlRefused as refused:
        raise CapRefused(str(refused)) from refused
    faults = shape_faults(root)
    if faults:
        raise CapRefused(*faults)
    return _alert_of(root)


def _alert_of(root: Element) -> Alert:
    version = version_of(root)
    assert version is not None  # the shape has no fault
    return Alert(
        identifier=root.said("identifier"), sender=root.said("sender"),
        sent=_instant(root.said("sent")), status=root.said("status"), kind=root.said("msgType"),
        scope=root.said("scope"), source=root.said("source"),
        restriction=root.said("restriction"), addresses=root.said("addresses"),
        codes=tuple(one.text.strip() for one in root.all("code")), note=root.said("note"),
        references=_references(root.said("references")), incidents=root.said("incidents"),
        infos=tuple(_info(one) for one in root.all("info")), version=version,
    )  # fmt: skip


def _info(told: Element) -> Info:
    return Info(
        language=told.said("language") or "en-US",
        categories=tuple(one.text.strip() for one in told.all("category")),
        event=told.said("event"), urgency=told.said("urgency"), severity=told.said("severity"),
        certainty=told.said("certainty"),
        responses=tuple(one.text.strip() for one in told.all("responseType")),
        audience=told.said("audience"), codes=_pairs(told, "eventCode"),
        effective=_maybe(told.said("effective")), onset=_maybe(told.said("onset")),
        expires=_maybe(told.said("expires")), sender_name=told.said("senderName"),
        headline=told.said("headline"), description=told.said("description"),
        instruction=told.said("instruction"), web=told.said("web"), contact=told.said("contact"),
        parameters=_pairs(told, "parameter"),
        areas=tuple(_area(one) for one in told.all("area")),
    )  # fmt: skip


def _area(told: Element) -> Area:
    return Area(
        description=told.said("areaDesc"),
        polygons=tuple(_polygon(one.text) for one in told.all("polygon") if one.text.strip()),
        circles=tuple(_circle(one.text) for one in told.all("circle") if one.text.strip()),
        geocodes=_pairs(told, "geocode"),
    )


def _pairs(told: Element, name: str) -> tuple[Pair, ...]:
    return tuple((one.said("valueName"), one.said("value")) for one in told.all(name))


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as beyond:
        raise CapRefused(f"时间 {text} 读不出来") from beyond
    if found.tzinfo is None:
        raise CapRefused(f"时间 {text} 没有时区")
    return found


def _maybe(text: str) -> datetime | None:
    return _instant(text) if text else None


def _references(text: str) -> tuple[Reference, ...]:
    """Return what "sender,identifier,sent sender,identifier,sent" names."""
    found = []
    for one in text.split():
        words = one.split(",")
        if len(words) != 3 or not all(words):
            raise CapRefused(f"references 里的“{one[:80]}”不是 sender,identifier,sent")
        found.append(Reference(words[0], words[1], _instant(words[2])))
    return tuple(found)


def _point(text: str) -> Point:
    try:
        lat, lon = (float(one) for one in text.split(","))
    except ValueError as no_pair:
        raise CapRefused(f"坐标“{text[:40]}”不是“纬度,经度”") from no_pair
    if not (isfinite(lat) and isfinite(lon) and abs(lat) <= 90 and abs(lon) <= 180):
        raise CapRefused(f"坐标“{text[:40]}”不在地球上")
    return lon, lat


def _polygon(text: str) -> tuple[Point, ...]:
    return tuple(_point(one) for one in text.split())


def _circle(text: str) -> Circle:
    words = text.split()
    try:
        radius = float(words[1]) if len(words) == 2 else -1.0
    except ValueError:
        radius = -1.0
    if not (isfinite(radius) and radius >= 0):
        raise CapRefused(f"circle“{text.strip()[:40]}”不是“纬度,经度 半径千米”")
    return Circle(_point(words[0]), radius)


# --- what the prose asks beyond the schema (section 3.2) --------------------------------------


def prose_faults(alert: Alert) -> tuple[str, ...]:
    """Return what the standard's words forbid though its schema does not; empty: nothing."""
    return tuple(_prose(alert))


def _prose(alert: Alert) -> Iterator[str]:
    for name, value in (("identifier", alert.identifier), ("sender", alert.sender)):
        if not value or any(sign in ",<&" or sign.isspace() for sign in value):
            yield f"{name} 为空，或者含有空格、逗号、< 或 &"
    if alert.kind != "Alert" and not alert.references:
        yield f"{alert.kind} 没有 references，不知道它说的是哪一条"
    if alert.scope == "Restricted" and not alert.restriction:
        yield "scope 是 Restricted，却没有 restriction"
    if alert.scope == "Private" and not alert.addresses:
        yield "scope 是 Private，却没有 addresses"
    if any(one.sent > alert.sent for one in alert.references):
        yield "references 里有比本条更晚的消息"
    if alert.reference in alert.references:
        yield "references 引用了自己"
    for info in alert.infos:
        for area in info.areas:
            yield from _area_faults(area)


def _area_faults(area: Area) -> Iterator[str]:
    for ring in area.polygons:
        if len(ring) < 4 or ring[0] != ring[-1]:
            yield f"{area.description[:40]}：polygon 少于四个点，或者首尾不同"


# --- writing ----------------------------------------------------------------------------------


def write_alert(alert: Alert) -> bytes:
    """Return the alert as a CAP 1.2 document in UTF-8, elements in the schema's order."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<alert xmlns="{NAMESPACE}">']
    lines += _written(
        ("identifier", alert.identifier), ("sender", alert.sender),
        ("sent", instant_words(alert.sent)), ("status", alert.status), ("msgType", alert.kind),
        ("source", alert.source), ("scope", alert.scope), ("restriction", alert.restriction),
        ("addresses", alert.addresses), *(("code", one) for one in alert.codes),
        ("note", alert.note), ("references", " ".join(str(one) for one in alert.references)),
        ("incidents", alert.incidents),
    )  # fmt: skip
    for info in alert.infos:
        lines += ["<info>", *_info_lines(info), "</info>"]
    return "\n".join([*lines, "</alert>", ""]).encode()


def _info_lines(info: Info) -> Iterator[str]:
    yield from _written(
        ("language", info.language), *(("category", one) for one in info.categories),
        ("event", info.event), *(("responseType", one) for one in info.responses),
        ("urgency", info.urgency), ("severity", info.severity), ("certainty", info.certainty),
        ("audience", info.audience),
    )  # fmt: skip
    yield from _named("eventCode", info.codes)
    yield from _written(
        ("effective", _when(info.effective)), ("onset", _when(info.onset)),
        ("expires", _when(info.expires)), ("senderName", info.sender_name),
        ("headline", info.headline), ("description", info.description),
        ("instruction", info.instruction), ("web", info.web), ("contact", info.contact),
    )  # fmt: skip
    yield from _named("parameter", info.parameters)
    for area in info.areas:
        yield "<area>"
        yield from _written(
            ("areaDesc", area.description),
            *(("polygon", " ".join(_spot(one) for one in ring)) for ring in area.polygons),
            *(("circle", f"{_spot(one.centre)} {one.radius_km:g}") for one in area.circles),
        )
        yield from _named("geocode", area.geocodes)
        yield "</area>"


def _when(at: datetime | None) -> str:
    return instant_words(at) if at else ""


def _spot(point: Point) -> str:
    return f"{point[1]:.6f},{point[0]:.6f}"


def _written(*said: Pair) -> Iterator[str]:
    """Yield each element that says something: an empty one says nothing."""
    return (f"<{name}>{_clean(text)}</{name}>" for name, text in said if text)


def _named(name: str, pairs: Sequence[Pair]) -> Iterator[str]:
    for key, value in pairs:
        yield f"<{name}><valueName>{_clean(key)}</valueName><value>{_clean(value)}</value></{name}>"


def _clean(text: str) -> str:
    return escape(cleaned(text), {"\r": "&#13;"})


def cleaned(text: str) -> str:
    """Return text without the signs that XML 1.0 cannot hold at all."""
    return "".join(sign for sign in text if _holds(ord(sign)))


def _holds(code: int) -> bool:
    return (
        code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code > 0xFFFF
    )
