"""Where a door writes down what it refused: an entry in its own store, on stream `sys:<door>`.

A *no* of law or state is final for its command id, also where no workflow ever heard of it: the web
keeps the answer beside the entry, in the same transaction. The gateway's inbox keeps its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, Engine, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.outbox import record
from cases.database import reading
from cases.messages import Command, Outcome


class RefusalLog:
    """Refusals of one door. `who` gives the pseudonym by which the log calls a user."""

    def __init__(
        self,
        engine: Engine,
        door: str,
        who: Callable[[str], str],
        answers: Table | None = None,
    ) -> None:
        """`answers`: where final answers are kept; None: whoever asks keeps them."""
        self._engine = engine
        self._answers = answers
        self._stream = f"sys:{door}"
        self._who = who
        # One stream has one head: threads that race for it would only wait for one another.
        self._one = threading.Lock()

    def kept(self, ids: Sequence[str]) -> list[tuple[str, str, str, str]]:
        """Return id, actor, verb and outcome (JSON) of the final answers kept for these ids."""
        if self._answers is None or not ids:
            return []
        table = self._answers.c
        query = select(table.id, table.actor, table.verb, table.outcome)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(table.id.in_(ids))).all()
        return [(row.id, row.actor, row.verb, row.outcome) for row in rows]

    def note(
        self,
        command: Command,
        outcome: Outcome,
        at: datetime,
        thing: str = "case",
        *,
        final: bool = False,
    ) -> None:
        """Record that the order was refused, and why; nothing of its body.

        `thing` is the type of what `command.case_id` names; `final`: asked again with the same id,
        the order gets this very answer, whatever has become possible since.
        """
        actor = command.actor
        with self._one, self._engine.begin() as connection:
            if final and self._answers is not None:
                self._keep(connection, self._answers, command, outcome, at)
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

    def _keep(
        self,
        connection: Connection,
        answers: Table,
        command: Command,
        outcome: Outcome,
        at: datetime,
    ) -> None:
        """Keep the answer, unless another try of the same order was faster."""
        sqlite_store = connection.dialect.name == "sqlite"
        fresh = (sqlite.insert if sqlite_store else postgresql.insert)(answers)
        row = {
            "id": command.id,
            "actor": command.actor.id,
            "verb": command.verb,
            "outcome": outcome.model_dump_json(),
            "recorded_at": at,
        }
        connection.execute(fresh.values(row).on_conflict_do_nothing())
