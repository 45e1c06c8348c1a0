"""The rows of supervision cards, made of a step's events.

A recipient is a user id, `d:<department>`, or `r:<role>:<department>` (whoever holds it there).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def told_of_cards(events: Iterable[Event]) -> list[tuple[str, str, str]]:
    """Return who learns of the cards of a step: kind, recipient, card number.

    Somebody who would learn of several is told of the gravest; the others stand on the case.
    """
    found: dict[str, tuple[int, str, str]] = {}
    for event in events:
        data: Mapping[str, Any] = event.data
        if event.kind == "card_issued":
            grave = LEVELS.index(data["level"]) + 1
            for recipient in data.get("to", ()):
                if found.get(recipient, (0, "", ""))[0] < grave:
                    found[recipient] = (grave, ISSUED, data["number"])
        elif event.kind == "card_revoked":
            found.setdefault(SUPERVISORS, (0, REVOKED, data["card"]))
            if department := data.get("department"):
                found.setdefault(f"d:{department}", (0, REVOKED, data["card"]))
        elif event.kind == "card_explained":
            found.setdefault(SUPERVISORS, (0, EXPLAINED, data["card"]))
        elif event.kind == "explanation_reviewed" and data["result"] == "returned":
            if department := data.get("department"):
                found.setdefault(f"d:{department}", (0, RETURNED, data["card"]))
    return [(kind, recipient, number) for recipient, (_, kind, number) in found.items()]
