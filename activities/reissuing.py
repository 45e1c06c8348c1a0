"""What only the rows know of a document that is issued again: which it is, and how it first read.

It is printed anew out of the order that first issued it and the case as it then stood, with every
text that has been corrected since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import JsonValue
from sqlalchemy import Engine, select

from activities.papers import ANEW
from activities.sealing import Sealer
from cases import approval, messages
from cases.approval import articles
from cases.approval.reissuing import check_document, corrected, to_serve
from cases.case_papers import documents_with_fate
from cases.database import reading
from cases.messages import Actor, Command, Source
from cases.passages import SYSTEM
from cases.settling import DocumentWish, RuleForbids
from cases.state import CaseState, Event, Reissue
from cases.store import events_of, place
from cases.tables import document, step

REISSUED: Final = "reissued"
"""Kind of the event by which a document is issued again; its wish carries it as `event`."""
REISSUE_SERVED: Final = "reissue_served"

Reopened = Callable[[Command, CaseState, Sequence[Event]], CaseState]
"""A filing, the newest state and the filing's events → the state after the filing."""


def reissued(
    engine: Engine,
    state: CaseState,
    command: Command,
    body: messages.Frozen,
    decided: tuple[Event, ...],
) -> tuple[Event, ...]:
    """Return the events with what the rows say of the document, and the task to serve it that
    follows; others as they are.

    Raises `RuleForbids` where this document may not be issued again, or not so.
    """
    if not isinstance(body, messages.Reissue):
        return decided
    with reading(engine) as connection:
        known = documents_with_fate(connection, state)
        department = connection.execute(
            select(document.c.department).where(document.c.id == body.document)
        ).scalar()
    found = next((one for one in known if one.id == body.document), None)
    if found is None:
        raise RuleForbids(
            "no_document", "本件没有这份文书，请在本件的文书中选择", articles.PROCEDURE_OF_LAW,
            "body.document",
        )  # fmt: skip
    if found.void:
        later = f"已由 {found.replaced_by} 代替" if found.replaced_by else "所准予的已经撤销"
        raise RuleForbids(
            "document_void", f"{found.number} 已经作废（{later}），不能重新出具",
            articles.PROCEDURE_OF_LAW, "body.document",
        )  # fmt: skip
    earlier = _as_reissued(state, found.seq, found.kind)
    first = earlier.origin if earlier else found.seq
    items = _items(engine, state.case_id, first) if found.kind == "supplement_notice" else 0
    kind = check_document(state, command, body, found.kind, items)
    more: dict[str, Any] = {
        "kind": kind,
        "replaces": found.number,
        "version": found.version + 1,
        "origin": first,
        "department": department,
    }
    told = tuple(
        event.model_copy(update={"data": {**event.data, **more}})
        if event.kind == REISSUED
        else event
        for event in decided
    )
    return (*told, *to_serve(state, command, told))


def _items(engine: Engine, case_id: str, seq: int) -> int:
    """Return how many items the notice of this step names."""
    query = select(step.c.events).where(step.c.case_id == case_id, step.c.seq == seq)
    with reading(engine) as connection:
        events = events_of(connection.execute(query).scalar_one())
    return sum(
        len(codes)
        for one in events
        if one.kind == "noticed" and isinstance(codes := one.data.get("lacking"), list)
    )


def _as_reissued(state: CaseState, seq: int, kind: str) -> Reissue | None:
    return next((one for one in state.reissues if (one.step, one.kind) == (seq, kind)), None)


def served_document(engine: Engine, after: CaseState, wish: DocumentWish) -> dict[str, JsonValue]:
    """Return kind and number of the document whose second service a record is about."""
    one = next(one for one in after.reissues if one.step == wish.facts["step"])
    number = select(document.c.number).where(
        document.c.case_id == after.case_id,
        document.c.seq == one.step,
        document.c.kind == one.kind,
    )
    with reading(engine) as connection:
        return {
            "served_kind": one.kind,
            "served_number": connection.execute(number).scalar() or "",
        }


@dataclass(frozen=True, slots=True)
class First:
    """How a document first came about, with what was corrected since."""

    command: Command
    case: CaseState
    """As it stood after the step that first issued it."""
    facts: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Reissuing:
    """Finds how a document first read. Holds what is needed to, and no state of its own."""

    engine: Engine
    sealer: Sealer
    reopened: Reopened

    def first(self, after: CaseState, wish: DocumentWish, own: Mapping[str, Any]) -> First:
        """Return the order, case and facts out of which the document is printed anew.

        `after`: the state of the step that issues it; `own`: what that one corrects. Raises
        `KeyDestroyed` where it was erased.
        """
        newest = next(one for one in after.reissues if one.step == wish.facts["step"])
        origin, kind = newest.origin, wish.kind
        rows = self._steps(after.case_id, origin)
        bodies = self._opened(after.case_id, {rows[0].seq: rows[0], origin: rows[-1]})
        filing = _command(rows[0], bodies[rows[0].seq])
        before, case = None, self.reopened(filing, after, events_of(rows[0].events))
        case = case.model_copy(update={"case_no": after.case_no})
        for row in rows[1:]:
            before, case = case, approval.apply(case, events_of(row.events))
        texts = {**self._corrected(after, newest), **own}
        command = _command(rows[-1], corrected(bodies[origin], texts))
        wishes = approval.document_wishes(before, command, events_of(rows[-1].events), case)
        facts = next(one.facts for one in wishes if one.kind == kind)
        anew = {name: wish.facts[name] for name in ("ground", "version", "replaces")}
        return First(command, case, {**facts, ANEW: anew})

    def _corrected(self, after: CaseState, newest: Reissue) -> dict[str, Any]:
        """Return every text corrected so far, the newest last; this step's own is in its command"""
        chain = [
            one for one in after.reissues
            if (one.kind, one.origin) == (newest.kind, newest.origin) and one.step < newest.step
        ]  # fmt: skip
        steps = {one.step for one in chain}
        rows = {row.seq: row for row in self._steps(after.case_id, newest.step) if row.seq in steps}
        texts: dict[str, Any] = {}
        for _seq, body in sorted(self._opened(after.case_id, rows).items()):
            texts |= body.get("texts", {})
        return texts

    def _steps(self, case_id: str, until: int) -> Sequence[Any]:
        one = step.c
        query = (
            select(
                one.seq, one.command_id, one.verb, one.actor, one.on_behalf, one.door,
                one.occurred_at, one.backfill, one.events, one.subject, one.body_sealed,
                one.case_id,
            )
            .where(one.case_id == case_id, one.seq <= until)
            .order_by(one.seq)
        )  # fmt: skip
        with reading(self.engine) as connection:
            return connection.execute(query).all()

    def _opened(self, case_id: str, rows: dict[int, Any]) -> dict[int, dict[str, Any]]:
        return {
            seq: orjson.loads(
                self.sealer.vault.open(
                    row.subject, row.body_sealed, place("step", "body", case_id, seq)
                )
            )
            for seq, row in rows.items()
        }


_KINDS: Final = {"s:": "service", "c:": "citizen"}
"""What an actor's id begins with → kind; `u:` is a person's."""


def _command(row: Any, body: dict[str, Any]) -> Command:
    """Return the order of a step as its row has it: whoever gave it, as far as a paper says so."""
    kind = "system" if row.actor == SYSTEM else _KINDS.get(row.actor[:2], "human")
    return Command(
        id=row.command_id,
        verb=row.verb,
        case_id=row.case_id,
        body=body,
        actor=Actor.model_validate({"id": row.actor, "kind": kind, "on_behalf": row.on_behalf}),
        source=Source.model_validate({"door": row.door}),
        occurred_at=row.occurred_at,
        backfill=row.backfill,
    )
