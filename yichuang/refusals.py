"""Where a door writes down what it refused: an entry in its own store, on stream `sys:<door>`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Engine

from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.outbox import record
from cases.messages import Command, Outcome


class RefusalLog:
    """Refusals of one door. `who` gives the pseudonym by which the log calls a user."""

    def __init__(self, engine: Engine, door: str, who: Callable[[str], str]) -> None:
        self._engine = engine
        self._stream = f"sys:{door}"
        self._who = who
        # One stream has one head: threads that race for it would only wait for one another.
        self._one = threading.Lock()

    def note(self, command: Command, outcome: Outcome, at: datetime, thing: str = "case") -> None:
        """Record that the order was refused, and why; nothing of its body.

        `thing` is the type of what `command.case_id` names.
        """
        actor = command.actor
        with self._one, self._engine.begin() as connection:
            record(
                connection,
                EntryDraft(
                    # Each refusal is a fact of its own, also of one order that is tried again.
                    id=entry_id(command.id, f"refused:{uuid4()}"),
                    stream=self._stream,
                    at=at,
                    who=Who(
                        id=self._who(actor.id),
                        kind=actor.kind,
                        org=actor.department or None,
                        on_behalf=self._who(actor.on_behalf) if actor.on_behalf else None,
                    ),
                    act=command.verb,
                    obj=What(thing, command.case_id or "-"),
                    res="deny",
                    why=outcome.code,
                    where=Where(ip=command.source.ip or None, svc=command.source.door),
                ),
            )
