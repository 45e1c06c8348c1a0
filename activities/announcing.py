"""What the city hears of a step: CloudEvents 1.0 for the outbox, free of personal data."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from cases.messages import NAMESPACE, Command
from cases.projection import due_columns, json_text
from cases.state import CaseState, Event
from cases.store import Message

INWARD = frozenset(
    {
        "acted", "stage_entered", "task_opened", "task_ended", "timers_set", "bars_judged",
        "order_judged",
    }
)  # fmt: skip
"""Events that steer the case and tell an outsider nothing that another event does not."""


@dataclass(frozen=True, slots=True)
class Announcer:
    """Writes events as `cn.<city>.case.<kind>.v1` on `evt.<city>.<department>.case.<kind>`."""

    city: str
    schemas: str
    """Where the schemas stand, an address without trailing slash."""

    def messages(
        self, command: Command, after: CaseState, events: tuple[Event, ...]
    ) -> tuple[Message, ...]:
        """Return one message per outward event; ids derive from the command and the place."""
        outward = [(n, event) for n, event in enumerate(events) if event.kind not in INWARD]
        return tuple(self._message(command, after, n, event) for n, event in outward)

    def _message(self, command: Command, after: CaseState, n: int, event: Event) -> Message:
        department = after.plan.department
        message_id = str(uuid5(_root(command.id), f"event:{n}:{event.kind}"))
        document = {
            "specversion": "1.0",
            "id": message_id,
            "source": f"/dept/{department}",
            "type": f"cn.{self.city}.case.{event.kind}.v1",
            "subject": after.case_no,
            "time": event.at.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "dataschema": f"{self.schemas}/case.{event.kind}.v1.json",
            "data": {
                "case_id": after.case_id,
                "case_no": after.case_no,
                "matter": after.plan.matter,
                "seq": after.seq,
                "kind": event.kind,
                "at": event.at.isoformat().replace("+00:00", "Z"),
                "stage": after.stage,
                "ending": after.ending,
                "department": department,
                "command": command.id,
                "backfill": command.backfill,
                **_due(after),
                "detail": event.data,
            },
        }
        subject = f"evt.{self.city}.{department}.case.{event.kind}"
        return Message(message_id, subject, json_text(document))


def _due(after: CaseState) -> dict[str, object]:
    """Return the instant that comes first, and whether a holiday notice may still move it."""
    found = due_columns(after)
    due_at = found["due_at"]
    return {
        "due_at": due_at.isoformat().replace("+00:00", "Z") if due_at else None,
        "due_clock": found["due_clock"],
        "provisional": found["provisional"],
    }


def _root(command_id: str) -> UUID:
    return uuid5(NAMESPACE, f"command\n{command_id}")
