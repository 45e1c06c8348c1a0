"""What the city hears of an act of a warning: a CloudEvent for the outbox."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final
from uuid import uuid5

from activities.telling import Told, event_of
from cases.messages import NAMESPACE
from cases.store import Message
from cases.warning_rows import KeptAct
from cases.warnings import ADJUST, CENTRE, ISSUE, LAPSE, LIFT
from cases.warnings_cap import identifier_of

TOLD: Final = MappingProxyType(
    {ISSUE: "issued", ADJUST: "adjusted", LIFT: "lifted", LAPSE: "lapsed"}
)
"""Last word of the event's subject."""


def news_of(act: KeptAct, city: str, address: str) -> Message:
    """Return the event of an act. `address`: public, without trailing slash."""
    message_id = str(uuid5(NAMESPACE, f"warning told\n{act.warning}\n{act.seq}"))
    what, data = f"warning.{TOLD[act.verb]}", _data(act, city, address)
    told = Told(message_id, what, CENTRE, act.warning, act.issued_at, data)
    return event_of(city, f"{address}/schemas", told)


def _data(act: KeptAct, city: str, address: str) -> dict[str, object]:
    return {
        "warning": act.warning,
        "seq": act.seq,
        "identifier": identifier_of(city, act.warning, act.seq),
        "category": act.said.category,
        "level": act.said.level,
        "event": act.said.event,
        "issuer": act.said.issuer,
        "expires_at": act.said.expires_at.isoformat() if act.said.expires_at else "",
        "cap": f"{address}/alerts/{act.warning}.cap",
    }
