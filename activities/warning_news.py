"""What the city hears of an act of a warning: a CloudEvent for the outbox."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final
from uuid import uuid5

from cases.messages import NAMESPACE
from cases.projection import json_text
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
    word = TOLD[act.verb]
    document = {
        "specversion": "1.0",
        "id": message_id,
        "source": f"/dept/{CENTRE}",
        "type": f"cn.{city}.warning.{word}.v1",
        "subject": act.warning,
        "time": act.issued_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": f"{address}/schemas/warning.{word}.v1.json",
        "data": _data(act, city, address),
    }
    return Message(message_id, f"evt.{city}.{CENTRE}.warning.{word}", json_text(document))


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
