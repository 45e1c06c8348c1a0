"""`forms.process_ports.Processes` over the cases store, which is only read."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final

from sqlalchemy import ColumnElement, Engine

from audit.entry import Where as Came
from audit.entry import Who
from audit.notes import NoteInvalid
from audit.outbox import record
from audit.trust import PolicyInvalid, TrustPolicy
from cases import process_rows
from cases.database import bounded, one_moment, reading
from cases.messages import Actor
from cases.months import span_of
from cases.process import mapped
from cases.process_rows import MOST_THINGS, HeldCase, Passage, Sought
from cases.tallied import opened
from forms.entrance_ports import Visitor, Where
from forms.process_ports import EventData, EventDataAsked, EventDataRefused, MapFound, MapQuery
from policies.access import Access
from yichuang.event_logs.exporting import (
    FORMS,
    LISTED,
    Asked,
    NothingSigned,
    entry_of,
    export,
)
from yichuang.event_logs.gather import NotWhole, Wanted

CASES: Final = "case"


@dataclass(frozen=True)
class Signed:
    """What an export of event data needs besides the cases."""

    log: Engine
    web: Engine
    """The web store, where the entry of an export begins."""
    policy: Callable[[], TrustPolicy]
    """Whose heads of the log are believed."""
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]
    one: Lock = field(default_factory=Lock)
    """One export at a time: each reads the whole log."""


@dataclass(frozen=True)
class WebProcess:
    """Every answer is cut to what policy lets the reader list, by its own condition."""

    engine: Engine
    access: Access
    zone: str
    signed: Signed
    page_role: str = ""
    """Role of PostgreSQL under which lists are read; see `WebReader`."""

    def map(self, actor: Actor, query: MapQuery) -> MapFound:
        sought, where = self._asked(actor, query)
        if query.kind == CASES and not query.by_itself:
            found = self._from_sums(actor, query)
            if found is not None:
                return found
        with reading(self._engine(actor)) as connection:
            things = process_rows.how_many(connection, where, sought)
            drawn = mapped(process_rows.happened(connection, where, sought))
            held = process_rows.held(connection, where, sought) if query.kind == CASES else ()
        return MapFound(drawn, things, MOST_THINGS, held)

    def _from_sums(self, actor: Actor, query: MapQuery) -> MapFound | None:
        """Return the map of all cases of the span; None where rows must be read."""
        with one_moment(self._engine(actor)) as connection:
            kept = opened(connection, self.access.seen(actor, "list"), self.zone)
            if kept is None:
                return None
            drawn, held = kept.process(self._months(query), query.sort, query.department)
        return MapFound(drawn, drawn.things, drawn.things, held)

    def _months(self, query: MapQuery) -> list[str]:
        return [name for name, _, _ in span_of(query.first, query.last, self.zone).months]

    def passages(
        self, actor: Actor, query: MapQuery, source: str, target: str, most: int
    ) -> tuple[Sequence[Passage], int]:
        sought, where = self._asked(actor, query)
        with reading(self._engine(actor)) as connection:
            return process_rows.passages(connection, where, sought, source, target, most)

    def held_cases(
        self, actor: Actor, query: MapQuery, holder: tuple[str, str], most: int, late: bool
    ) -> tuple[Sequence[HeldCase], int]:
        sought, where = self._asked(actor, query)
        with one_moment(self._engine(actor)) as connection:
            kept = opened(connection, self.access.seen(actor, "list"), self.zone)
            total = None
            if kept is not None:
                _, every = kept.process(self._months(query), query.sort, query.department)
                own = (one for one in every if (one.kind, one.name) == holder)
                total = sum(one.late_cases if late else one.cases for one in own)
            return process_rows.held_cases(
                connection, where, sought, holder, most, late=late, total=total
            )

    def event_data(self, visitor: Visitor, where: Where, asked: EventDataAsked) -> EventData:
        form = next((one for one in FORMS if one == asked.form), None)
        if form is None:
            raise LookupError(f"no form of event data: {asked.form}")
        span = span_of(asked.first, asked.last, self.zone)
        conditions = {kind: self.access.where(visitor.actor, "list", kind) for kind in LISTED}
        what = Asked(form, Wanted(span.since, span.until), asked.of, conditions)
        if not self.signed.one.acquire(blocking=False):
            raise EventDataRefused("busy")
        try:
            return self._made(visitor, where, what)
        finally:
            self.signed.one.release()

    def _made(self, visitor: Visitor, where: Where, what: Asked) -> EventData:
        folder = Path(tempfile.mkdtemp(prefix="yichuang-events-"))
        discard = partial(shutil.rmtree, folder, ignore_errors=True)
        try:
            signed, out = self.signed, folder / "events"
            done = export(signed.log, self.engine, signed.policy(), what, out)
            actor = visitor.actor
            who = Who(
                signed.pseudonym_of(actor.id), "human", org=actor.department or None,
                on_behalf=signed.pseudonym_of(actor.on_behalf) if actor.on_behalf else None,
            )  # fmt: skip
            came = Came(ip=where.ip or None, svc="web")
            with signed.web.begin() as connection:
                record(connection, entry_of(who, what.form, done, signed.now(), came))
        except NothingSigned as none:
            discard()
            raise EventDataRefused("unsigned") from none
        except (NotWhole, NoteInvalid, PolicyInvalid) as wrong:
            discard()
            raise EventDataRefused("tampered") from wrong
        except BaseException:
            discard()
            raise
        digest = base64.b64encode(bytes.fromhex(done.digest)).decode()
        return EventData(out, done.events, digest, discard)

    def _engine(self, actor: Actor) -> Engine:
        return bounded(self.engine, self.page_role, self.access.bounds(actor))

    def _asked(self, actor: Actor, query: MapQuery) -> tuple[Sought, ColumnElement[bool]]:
        span = span_of(query.first, query.last, self.zone)
        sought = Sought(
            query.kind, span.since, span.until, query.sort, query.department, query.by_itself
        )
        return sought, self.access.where(actor, "list", query.kind)
