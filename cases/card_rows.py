"""The rows of supervision cards, made of a step's events.

A recipient is a user id, `d:<department>`, or `r:<role>:<department>` (whoever holds it there).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, cast

from cases.projection import Row, json_text, packed
from cases.state import Event
from cases.supervision.names import LEVEL_CODES, LEVELS, Level

MARKS: Mapping[str, str] = MappingProxyType(
    {
        "card_revoked": "revoked",
        "card_explained": "explained",
        "explanation_missed": "missed",
        "explanation_reviewed": "",
        "card_withheld": "withheld",
    }
)
"""Event → kind of its row; the review of an explanation says its result."""

ISSUED, REVOKED, EXPLAINED, RETURNED = "card_issued", "card_revoked", "explained", "returned"
"""Kinds of notification."""
SUPERVISORS = "r:supervisor:*"


def card_rows(case_id: str, seq: int, events: Iterable[Event]) -> list[Row]:
    """Return a row per card that the step issued."""
    return [_card_row(case_id, seq, one) for one in events if one.kind == "card_issued"]


def _card_row(case_id: str, seq: int, event: Event) -> Row:
    data: Mapping[str, Any] = event.data
    level = cast(Level, data["level"])
    since = data.get("since")
    return {
        "case_id": case_id,
        "seq": seq,
        "number": data["number"],
        "rule": data["rule"],
        "level_code": LEVEL_CODES[level],
        "level": level,
        "title": data["title"],
        "article": data["article"],
        "clock": data["clock"],
        "since": None if since is None else datetime.fromisoformat(since),
        "at": event.at,
        "told_at": datetime.fromisoformat(data.get("told_at") or event.at.isoformat()),
        "late_s": data.get("late_seconds", 0),
        "department": data["department"],
        "organ": data.get("organ", ""),
        "recipients": packed(data.get("to", ())),
        "nobody": packed(data.get("nobody", ())),
        "document": data["document"],
        "explain_days": data["explain_days"],
        "is_public": data["public"],
        "digest": data["digest"],
        "issued_by": "" if event.by == "system" else event.by,
        "ground": data["ground"],
        "unit": data["unit"],
        "why": json_text(data["why"]),
    }


def mark_rows(case_id: str, seq: int, events: Iterable[Event]) -> list[Row]:
    """Return a row per event about a card after its issue, and per card that was withheld."""
    marks = [one for one in events if one.kind in MARKS]
    return [
        {
            "case_id": case_id,
            "seq": seq,
            "n": n,
            "number": event.data["card"],
            "kind": MARKS[event.kind] or event.data["result"],
            "at": event.at,
            "by": event.by,
            "rule": event.data.get("rule", ""),
            "clock": event.data.get("clock", ""),
            "why": event.data.get("why", ""),
        }
        for n, event in enumerate(marks)
    ]


@dataclass(frozen=True, slots=True)
class Told:
    """Who learns what of a step, from whom, and as of when."""

    recipient: str
    kind: str
    about: str
    """Number of the card, or key of the task."""
    sender: str
    at: datetime


def told_of_cards(events: Iterable[Event]) -> list[Told]:
    """Return who learns of the cards of a step.

    Somebody who would learn of several is told of the gravest; the others stand on the case.
    """
    found: dict[str, tuple[int, Told]] = {}
    for event in events:
        for grave, kind, recipient, number in _told(event):
            if found.get(recipient, (-1, None))[0] < grave:
                found[recipient] = (grave, Told(recipient, kind, number, event.by, event.at))
    return [notice for _, notice in found.values()]


def _told(event: Event) -> Iterator[tuple[int, str, str, str]]:
    data: Mapping[str, Any] = event.data
    department = f"d:{data.get('department', '')}"
    if event.kind == "card_issued":
        grave = LEVELS.index(data["level"]) + 1
        # Whoever comes to hold a role that nobody held finds the card waiting.
        recipients = (*data.get("to", ()), *data.get("waits", ()))
        yield from ((grave, ISSUED, recipient, data["number"]) for recipient in recipients)
    elif event.kind == "card_revoked":
        yield from ((0, REVOKED, to, data["card"]) for to in (SUPERVISORS, department))
    elif event.kind == "card_explained":
        yield 0, EXPLAINED, SUPERVISORS, data["card"]
    elif event.kind == "explanation_reviewed" and data["result"] == "returned":
        yield 0, RETURNED, department, data["card"]
