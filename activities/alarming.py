"""Raising and clearing alarms: row, entry and event in the caller's one transaction.

Every raising and every clearing is an entry on stream `sys:alarms` and an event on
`evt.<city>.<department>.alarm.<raised|cleared>`. Doing either again changes nothing. The worker
process is the one writer of the cases store; call this from there only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import Connection

from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.outbox import record
from cases import alarms
from cases.alarms import CLEARED, RAISED, Alarm, KeptAlarm, alarm_id
from cases.messages import NAMESPACE
from cases.projection import json_text
from cases.store import Message

STREAM = "sys:alarms"
"""The stream of every alarm's entries. Only the cases store has it."""
NO_DEPARTMENT = "-"
"""What stands in a subject for the department of an alarm that is about none."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """Raises and clears alarms for one city. Safe in any number of threads and workers."""

    city: str
    schemas: str
    """Where the schemas stand, an address without trailing slash."""

    def sound(self, connection: Connection, alarm: Alarm, at: datetime) -> bool:
        """Raise the alarm, or let an open one of its key say what is so now.

        Return whether it was raised just now. Never commits.
        """
        kept = alarms.open_one(connection, alarm.key)
        if kept is None:
            fresh = self._raised(alarm, at)
            if alarms.put(connection, fresh):
                self._tell(connection, fresh, RAISED, at)
                return True
            # Another worker was faster; on PostgreSQL its row is seen once it has committed.
            kept = alarms.open_one(connection, alarm.key)
        if kept is not None:
            alarms.tell_anew(connection, kept, alarm, at)
        return False

    def silence(self, connection: Connection, key: str, at: datetime) -> bool:
        """Clear the open alarm of that key; return whether there was one. Never commits."""
        kept = alarms.open_one(connection, key)
        if kept is None:
            return False
        alarms.close(connection, kept, at, entry_id(UUID(kept.id), CLEARED))
        self._tell(connection, kept, CLEARED, at)
        return True

    def agree(
        self, connection: Connection, kind: str, wanted: Mapping[str, Alarm], at: datetime
    ) -> tuple[list[str], list[str]]:
        """Make the open alarms of a kind exactly those wanted (by key): the rest is cleared.

        Return the keys raised and the keys cleared. Never commits.
        """
        gone = [one.alarm.key for one in alarms.open_alarms(connection, kind)]
        cleared = [key for key in gone if key not in wanted and self.silence(connection, key, at)]
        raised = [key for key in sorted(wanted) if self.sound(connection, wanted[key], at)]
        return raised, cleared

    def _raised(self, alarm: Alarm, at: datetime) -> KeptAlarm:
        identity = alarm_id(alarm.key, at)
        return KeptAlarm(identity, alarm, at, at, entry_id(UUID(identity), RAISED))

    def _tell(self, connection: Connection, kept: KeptAlarm, kind: str, at: datetime) -> None:
        record(connection, self._entry(kept, kind, at))
        alarms.announce(connection, self._message(kept, kind, at), kept.alarm.case_id, at)

    def _entry(self, kept: KeptAlarm, kind: str, at: datetime) -> EntryDraft:
        return EntryDraft(
            id=entry_id(UUID(kept.id), kind),
            stream=STREAM,
            at=at,
            who=Who("system", "system", org=kept.alarm.department or None),
            act=f"alarm_{kind}",
            obj=What("alarm", kept.id, kept.alarm.case_id or None),
            why=kept.alarm.kind,
            where=Where(svc="worker"),
            after=kept.digest,
        )

    def _message(self, kept: KeptAlarm, kind: str, at: datetime) -> Message:
        one = kept.alarm
        department = one.department or NO_DEPARTMENT
        message_id = str(uuid5(NAMESPACE, f"alarm\n{kept.id}\n{kind}"))
        document = {
            "specversion": "1.0",
            "id": message_id,
            "source": f"/dept/{department}",
            "type": f"cn.{self.city}.alarm.{kind}.v1",
            "subject": one.key,
            "time": _utc(at),
            "datacontenttype": "application/json",
            "dataschema": f"{self.schemas}/alarm.v1.json",
            "data": {
                "id": kept.id,
                "key": one.key,
                "kind": one.kind,
                "case_id": one.case_id,
                "department": one.department,
                "text": one.text,
                "detail": dict(one.detail),
                "raised_at": _utc(kept.raised_at),
                "cleared_at": _utc(at) if kind == CLEARED else None,
            },
        }
        return Message(
            message_id, f"evt.{self.city}.{department}.alarm.{kind}", json_text(document)
        )


def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
