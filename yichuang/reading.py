"""What systems may ask of cases, read from the cases store for the gateway's desk and REST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import select

from cases import tables
from cases.database import reading
from cases.facts import CaseFacts
from cases.messages import Outcome, case_id_for
from cases.queries import Queries
from cases.store import place

QUIET = frozenset({"filed", "acted", "timers_set", "bars_judged", "order_judged"})
"""Events that say nothing to a stranger beyond the verb of their step."""


@dataclass(frozen=True)
class CityReader:
    """The questions of `yichuang.questions.Reader`, answered from rows."""

    queries: Queries

    def find(self, *, case_id: str, case_no: str, source: str, reference: str) -> str | None:
        """Return the case's id, None when there is none of that name."""
        if case_no:
            return self.queries.find_case(case_no)
        wanted = case_id or case_id_for(source, reference)
        return None if self.queries.state(wanted) is None else wanted

    def facts(self, case_id: str) -> CaseFacts:
        facts = self.queries.case_facts(case_id)
        if facts is None:
            raise LookupError(f"no case {case_id}")
        return facts

    def status(self, case_id: str) -> dict[str, Any]:
        """Return where the case stands and every instant it waits for; nothing personal."""
        state = self.queries.state(case_id)
        if state is None:
            raise LookupError(f"no case {case_id}")
        plain = state.model_dump(
            mode="json",
            include={
                "case_id", "case_no", "stage", "ending", "seq", "backfilled", "received_at",
                "accepted_at", "decided_at", "served_at", "closed_at", "decision", "timers",
            },
        )  # fmt: skip
        open_tasks = [task for task in state.tasks if task.state == "open"]
        return {
            **plain,
            "matter": state.plan.matter,
            "matter_version": state.plan.version,
            "waiting_for": [
                {"task": task.key, "department": task.department} for task in open_tasks
            ],
        }

    def events(self, case_id: str) -> list[dict[str, Any]]:
        """Return the settled steps in order; recorded steps with the words of their log.

        A sealed word whose key was destroyed is left out, the step stays.
        """
        step = tables.step.c
        query = (
            select(
                step.seq, step.verb, step.occurred_at, step.recorded_at, step.backfill,
                step.subject, step.body_sealed, step.events, step.entry_id,
            )
            .where(step.case_id == case_id)
            .order_by(step.seq)
        )  # fmt: skip
        with reading(self.queries.engine) as connection:
            rows = connection.execute(query).all()
        sealed = [
            (row.subject, row.body_sealed, place("step", "body", case_id, row.seq)) for row in rows
        ]
        bodies = self.queries.open(sealed)
        return [
            _exported(row, {} if body is None else orjson.loads(body))
            for row, body in zip(rows, bodies, strict=True)
        ]

    def outcome(self, command: str) -> Outcome | None:
        return self.queries.outcome_of(command)


def _exported(row: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    recorded = body.get("step") if row.verb == "file" else body
    words = recorded if isinstance(recorded, dict) else {}
    exported = {
        "seq": row.seq,
        "verb": row.verb,
        "at": row.occurred_at.isoformat(),
        "recorded_at": row.recorded_at.isoformat(),
        "backfill": row.backfill,
        "entry": row.entry_id,
        "events": [one["kind"] for one in orjson.loads(row.events) if one["kind"] not in QUIET],
    }
    if row.verb in ("file", "record_step") and words.get("step"):
        exported |= {
            "step": words["step"],
            "handler": words.get("handler", ""),
            "group": words.get("group", ""),
        }
    return exported
