"""The shape of a CAP alert, versions 1.1 and 1.2: the same verdicts as the schemas of OASIS.

Written down from cap11.xsd and cap12.xsd (OASIS, Common Alerting Protocol v1.1 of October 2005,
v1.2 of 2010-07-01, section 3.4). The schemas themselves are not shipped; where they lie at hand the
tests hold every verdict against them. What the standard's prose asks beyond them: cap_prose.py.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cases.incidents.xml_in import Element

Version = Literal["1.1", "1.2"]
SPACES: Final[Mapping[str, Version]] = {
    "urn:oasis:names:tc:emergency:cap:1.1": "1.1",
    "urn:oasis:names:tc:emergency:cap:1.2": "1.2",
}
DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_BLANK: Final = " \t\r\n"

STATUSES: Final = ("Actual", "Exercise", "System", "Test", "Draft")
MESSAGE_TYPES: Final = ("Alert", "Update", "Cancel", "Ack", "Error")
SCOPES: Final = ("Public", "Restricted", "Private")
CATEGORIES: Final = (
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra",
    "CBRNE", "Other",
)  # fmt: skip
RESPONSES_1_1: Final = (
    "Shelter", "Evacuate", "Prepare", "Execute", "Monitor", "Assess", "None",
)  # fmt: skip
RESPONSES: Final = (*RESPONSES_1_1, "Avoid", "AllClear")
URGENCIES: Final = ("Immediate", "Expected", "Future", "Past", "Unknown")
SEVERITIES: Final = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
CERTAINTIES: Final = ("Observed", "Likely", "Possible", "Unlikely", "Unknown")

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Part:
    """One element of a sequence: how often, and what it holds."""

    name: str
    least: int = 1
    most: int | None = 1
    """None: as often as one likes."""
    holds: Check | Sequence[Part] | None = None
    """A check of its text, its own sequence, or None: any text."""
    empty_means_default: bool = False
    """An empty element takes the schema's default value."""


def _is_one_of(allowed: Sequence[str]) -> Check:
    return lambda text: text in allowed


def _collapsed(text: str) -> str:
    """Return text as XML Schema collapses it: only its own four kinds of space count."""
    return re.sub(r"[ \t\r\n]+", " ", text).strip(" ")


_INSTANT: Final = re.compile(
    r"-?(?P<year>[0-9]{4,})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?P<part>\.[0-9]+)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)


def _is_instant(text: str) -> bool:
    """Whether text is an xs:dateTime (XML Schema part 2, 3.2.7)."""
    found = _INSTANT.fullmatch(_collapsed(text))
    if found is None:
        return False
    year, month, day = int(found["year"]), int(found["month"]), int(found["day"])
    if year == 0 or (len(found["year"]) > 4 and found["year"].startswith("0")):
        return False
    if not 1 <= month <= 12:
        return False
    # A year that Python's calendar does not know leaps as the one 400 years on.
    if not 1 <= day <= monthrange(2000 + year % 400, month)[1]:
        return False
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    midnight = hour == 24 and minute == second == 0 and not (found["part"] or "").strip(".0")
    if not midnight and not (hour <= 23 and minute <= 59 and second <= 59):
        return False
    return _is_offset(found["zone"] or "Z")


def _is_offset(zone: str) -> bool:
    if zone == "Z":
        return True
    hours, minutes = int(zone[1:3]), int(zone[4:])
    return (hours <= 13 and minutes <= 59) or (hours == 14 and minutes == 0)


_OFFSET_WRITTEN: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}", re.ASCII
)


def _is_cap_instant(text: str) -> bool:
    """Whether text is an instant as CAP 1.2 wants it: offset written out, no fraction, no Z."""
    return bool(_OFFSET_WRITTEN.fullmatch(_collapsed(text))) and _is_instant(text)


def _is_language(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", _collapsed(text), re.ASCII))


def _is_integer(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[0-9]+", _collapsed(text), re.ASCII))


def _is_decimal(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", _collapsed(text), re.ASCII))


_ADDRESS: Final = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://(?:[^/?#\[\]@:]*(?::[^/?#\[\]@]*)?@)?"
    r"(?:\[[0-9A-Fa-f:.v]+\]|[^/?#\[\]@:]*)(?::[0-9]*)?(?=[/?#]|$))?[^?#\[\]]*"
    r"(?:\?[^#]*)?(?:#[^#]*)?"
)


def _is_address(text: str) -> bool:
    """Whether text is an xs:anyURI as far as libxml2 looks: escaped, it parses as RFC 3986."""
    folded = _collapsed(text)
    if re.search(r"%(?![0-9A-Fa-f]{2})", folded):
        return False
    return bool(_ADDRESS.fullmatch(folded))


_NAMED: Final = (Part("valueName"), Part("value"))


def _area(limit: Check | None) -> Sequence[Part]:
    return (
        Part("areaDesc"), Part("polygon", 0, None), Part("circle", 0, None),
        Part("geocode", 0, None, _NAMED), Part("altitude", 0, 1, limit),
        Part("ceiling", 0, 1, limit),
    )  # fmt: skip


def _resource(type_least: int) -> Sequence[Part]:
    return (
        Part("resourceDesc"), Part("mimeType", type_least), Part("size", 0, 1, _is_integer),
        Part("uri", 0, 1, _is_address), Part("derefUri", 0), Part("digest", 0),
    )  # fmt: skip


def _alert(version: Version) -> Sequence[Part]:
    new = version == "1.2"
    instant: Check = _is_cap_instant if new else _is_instant
    info = (
        Part("language", 0, 1, _is_language, empty_means_default=True),
        Part("category", 1, None, _is_one_of(CATEGORIES)),
        Part("event"),
        Part("responseType", 0, None, _is_one_of(RESPONSES if new else RESPONSES_1_1)),
        Part("urgency", 1, 1, _is_one_of(URGENCIES)),
        Part("severity", 1, 1, _is_one_of(SEVERITIES)),
        Part("certainty", 1, 1, _is_one_of(CERTAINTIES)),
        Part("audience", 0),
        Part("eventCode", 0, None, _NAMED),
        Part("effective", 0, 1, instant), Part("onset", 0, 1, instant),
        Part("expires", 0, 1, instant),
        Part("senderName", 0), Part("headline", 0), Part("description", 0),
        Part("instruction", 0), Part("web", 0, 1, _is_address), Part("contact", 0),
        Part("parameter", 0, None, _NAMED),
        Part("resource", 0, None, _resource(1 if new else 0)),
        Part("area", 0, None, _area(_is_decimal if new else None)),
    )  # fmt: skip
    return (
        Part("identifier"), Part("sender"), Part("sent", 1, 1, instant),
        Part("status", 1, 1, _is_one_of(STATUSES)),
        Part("msgType", 1, 1, _is_one_of(MESSAGE_TYPES)),
        Part("source", 0), Part("scope", 1, 1, _is_one_of(SCOPES)),
        Part("restriction", 0), Part("addresses", 0), Part("code", 0, None), Part("note", 0),
        Part("references", 0), Part("incidents", 0), Part("info", 0, None, info),
    )  # fmt: skip


SHAPES: Final[Mapping[Version, Sequence[Part]]] = {"1.1": _alert("1.1"), "1.2": _alert("1.2")}


def version_of(root: Element) -> Version | None:
    """Return the version of CAP that the root claims, None when it is no alert."""
    return SPACES.get(root.space) if root.name == "alert" else None


def shape_faults(root: Element) -> tuple[str, ...]:
    """Return what the schema of its version forbids, with the line; empty: it is valid."""
    version = version_of(root)
    if version is None:
        return (f"第 {root.line} 行：不是 CAP 1.1 或 1.2 的 alert",)
    return tuple(_sequence_faults(root, SHAPES[version], signed=version == "1.2"))


def _sequence_faults(parent: Element, parts: Sequence[Part], *, signed: bool = False) -> list[str]:
    faults = _attribute_faults(parent)
    if parent.text.strip(_BLANK):
        faults.append(f"第 {parent.line} 行：{parent.name} 里不得有文字")
    at = 0
    for part in parts:
        seen = 0
        while at < len(parent.children) and _is_part(parent.children[at], part, parent):
            if part.most is not None and seen == part.most:
                break
            faults += _part_faults(parent.children[at], part)
            at, seen = at + 1, seen + 1
        if seen < part.least:
            faults.append(f"第 {parent.line} 行：{parent.name} 里缺 {part.name}")
    while signed and at < len(parent.children) and parent.children[at].space == DSIG:
        faults += _lax_faults(parent.children[at], parent.space)
        at += 1
    if at < len(parent.children):
        other = parent.children[at]
        faults.append(f"第 {other.line} 行：{other.name} 不该在此处")
    return faults


def _lax_faults(element: Element, space: str) -> list[str]:
    """Within a signature all is allowed but what the schema itself declares: that must be valid."""
    if element.space == space and element.name in ("valueName", "value"):
        return _part_faults(element, Part(element.name))
    if element.space == space and element.name == "alert":
        return list(shape_faults(element))
    return [said for one in element.children for said in _lax_faults(one, space)]


def _is_part(element: Element, part: Part, parent: Element) -> bool:
    return element.name == part.name and element.space == parent.space


def _part_faults(element: Element, part: Part) -> list[str]:
    if isinstance(part.holds, Sequence):
        return _sequence_faults(element, part.holds)
    faults = _attribute_faults(element)
    if element.children:
        faults.append(f"第 {element.line} 行：{element.name} 里不得有元素")
    elif part.empty_means_default and not element.text:
        return faults
    elif part.holds is not None and not part.holds(element.text):
        faults.append(f"第 {element.line} 行：{element.name} 的值“{element.text[:40]}”不合规定")
    return faults


def _attribute_faults(element: Element) -> list[str]:
    """No attribute is declared; of the schema language's own only the hints where schemas lie."""
    return [
        f"第 {element.line} 行：{element.name} 不得有属性 {name}"
        for space, name in element.attributes
        if space != _XSI or name not in ("schemaLocation", "noNamespaceSchemaLocation")
    ]
