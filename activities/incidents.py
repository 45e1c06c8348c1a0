"""`settle_incident`: orders to an incident become rows, entry, notices and event, or a *no*.

One transaction for each order: the incident's rows, its entry, whom to tell, the event of the
outbox. Keyed by the command id, so that a retry finds what was written. Raises when the world is
away: Temporal tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from temporalio import activity

from activities.entries import STEP
from activities.forging import Forgeries
from activities.ordering import Announced, Trail, parsed, repeated, settled
from activities.sealing import Sealer
from audit.entry import EntryDraft, entry_id
from audit.outbox import record_many
from audit.payloads import Payload, SealedPayload, seal_payloads
from cases import incident_rows as rows
from cases import life_rows, notices_out
from cases.attached import thing_key
from cases.attached_rows import NO_FILES, Files
from cases.database import reading
from cases.incident_lines import Ruled, learn, learned_lines
from cases.incident_lists import state_of
from cases.incidents import messages as m
from cases.incidents.chains import CHAINS, Link
from cases.incidents.machine import step
from cases.incidents.orders import IncidentBatch, IncidentSettled
from cases.incidents.place import Place
from cases.incidents.routing import CENTRE, Routed, cell_of, route
from cases.incidents.state import IncidentState, Limits
from cases.incidents.step import Known
from cases.lives import RING, Admitted, Memory
from cases.messages import Command, Frozen, Outcome
from cases.notices_out import Notice
from cases.numbers import incident_series, take
from cases.projection import json_text
from cases.settling import RuleForbids
from catalogue.incident_types import IncidentType
from catalogue.load import Catalogue

NOT_YET = timedelta(minutes=5)
"""How far an order's instant may lie before the server's: the clocks of doors are kept by NTP."""
ENDS = frozenset({"archived", "unfounded", "merged"})
"""Stages after which the workflow waits for nothing."""


class IncidentRules(Protocol):
    """What the packs say of an incident, by the version in force at an instant."""

    def limits(self, kind: IncidentType, at: datetime) -> Limits:
        """Return the limits that count from 接报."""
        ...

    def grade(
        self, kind: IncidentType, body: m.Grade, days_since: int, at: datetime
    ) -> tuple[str, bool]:
        """Return the grade that the figures give (empty: not asked), and whether it may still
        be changed."""
        ...

    def links(self, kind: IncidentType, grade: str, at: datetime) -> tuple[Link, ...]:
        """Return the reporting chain of a grade."""
        ...


class Again(Protocol):
    """Policy, asked once more for the actor as they stand now."""

    def __call__(self, command: Command, state: IncidentState | None) -> RuleForbids | None: ...


@dataclass(frozen=True, slots=True)
class IncidentSettlement:
    """Settles orders to incidents. One per worker process; safe in any number of threads."""

    engine: Engine
    sealer: Sealer
    verify: Callable[[Command, datetime, str, str], RuleForbids | None]
    law: Callable[[Command], Command]
    """Warrants an order of the law by its article. Raises `Forged` before its instant."""
    again: Again
    forgeries: Forgeries
    rules: IncidentRules
    catalogue: Callable[[], Catalogue]
    city: str
    schemas: str
    """Where the schemas stand, an address without trailing slash."""
    zone: str
    now: Callable[[], datetime]
    files: Files = NO_FILES
    """Who knows which files were kept for an incident."""

    @activity.defn(name="settle_incident")
    def settle(self, batch: IncidentBatch) -> IncidentSettled:
        """Return the outcomes of the orders, settled now or before. A *no* is an outcome."""
        outcomes = tuple(self._one(batch.incident_id, one) for one in batch.commands)
        with reading(self.engine) as connection:
            state = state_of(connection, batch.incident_id)
        return IncidentSettled(outcomes=outcomes, memory=memory_of(state))

    def _one(self, incident_id: str, admitted: Admitted) -> Outcome:
        command = admitted.command
        with reading(self.engine) as connection:
            known = rows.answered(connection, command.id)
            state = state_of(connection, incident_id)
        try:
            if known is not None:
                return repeated(known, m.order_digest(command))
            return self._settled(admitted, state)
        except RuleForbids as no:
            return self._trail.refused(self.engine, command, no, state, self.now())

    def _settled(self, admitted: Admitted, state: IncidentState | None) -> Outcome:
        command = self._warranted(admitted, state)
        body = parsed(m.INCIDENT_BODIES, command)
        self._demand_files(command, body)
        known = self._known(command, body, state)
        done = step(state, command, body, known)
        entry = entry_id(command.id, STEP)
        payloads, sealed, personal = self._sealed(command, entry)
        at = self.now()
        with self.engine.begin() as connection:
            if state is None:
                on = command.occurred_at.astimezone(ZoneInfo(self.zone)).date()
                series = incident_series(self.catalogue().city.name, on)
                number = take(connection, command.id, command.case_id, series, at)
                done = done.with_state(done.state.model_copy(update={"number": number}))
            one = rows.Recorded(
                command, m.order_digest(command), state, done, at, entry, sealed, personal
            )
            if isinstance(body, m.MergeInto):
                rows.insist_open(connection, command.case_id, body.into)
            rows.write(connection, one)
            self._tell(connection, one)
            self._teach(connection, one)
            record_many(connection, [(self._entry(one), payloads)])
            self._announce(connection, one)
        return settled(command, done.state, entry, at)

    def _sealed(
        self, command: Command, entry: str
    ) -> tuple[list[SealedPayload], bytes, bytes | None]:
        """Return what was typed, sealed for the log and for the row; persons under a key apart.

        Before the transaction: the incident's keys commit in their own store first.
        """
        rest, persons = m.parted(command.body)
        said = [(m.incident_subject(command.case_id), "body", rest, rows.body_place(command))]
        if persons:
            subject = m.personal_subject(command.case_id)
            said.append((subject, "personal", persons, rows.personal_place(command)))
        texts = [json_text(one).encode() for _, _, one, _ in said]
        payloads = seal_payloads(
            self.sealer.vault,
            entry,
            [Payload(name, who, text) for (who, name, _, _), text in zip(said, texts, strict=True)],
        )
        sealed = self.sealer.vault.seal_many(
            [(who, text, where) for (who, _, _, where), text in zip(said, texts, strict=True)]
        )
        return payloads, sealed[0], sealed[1] if persons else None

    # --- may it be -------------------------------------------------------------------------------

    def _warranted(self, admitted: Admitted, state: IncidentState | None) -> Command:
        """Return the order once it is proved to be meant and allowed. Raises `RuleForbids`."""
        command = admitted.command
        if command.verb == RING:
            return self.law(command)
        if command.verb not in m.INCIDENT_VERBS:
            raise RuleForbids("wrong_verb", "不是对突发事件的命令", "", "verb")
        fault = self.verify(command, admitted.admitted_at, m.OBJECT, command.verb)
        if fault is not None:
            raise fault
        if command.occurred_at - admitted.admitted_at > NOT_YET:
            raise RuleForbids("in_the_future", "时刻在将来，请改为实际时间", "", "occurred_at")
        if command.actor.kind == "human" and admitted.admitted_at - command.occurred_at > NOT_YET:
            raise RuleForbids("in_the_past", "时刻以系统收到时为准", "YCYX-7", "occurred_at")
        no = self.again(command, state)
        if no is not None:
            raise no
        return command

    def _demand_files(self, command: Command, body: Frozen) -> None:
        """Raise `RuleForbids` where a file that the order names was not kept for this incident."""
        attached = getattr(body, "attached", ())
        thing = thing_key(m.OBJECT, command.case_id)
        fault = self.files.fault(command.actor.id, thing, attached)
        if fault is not None:
            raise fault

    # --- what the machine must know --------------------------------------------------------------

    def _known(self, command: Command, body: Frozen, state: IncidentState | None) -> Known:
        catalogue, at = self.catalogue(), command.occurred_at
        named = state.type if state is not None else getattr(body, "type", "")
        kind = catalogue.incident_types.by_code.get(named)
        if kind is None:
            raise RuleForbids("unknown_type", f"没有这个事件种类：{named}", "YCYX-13", "body.type")
        found: dict[str, Any] = {
            "kind": kind,
            "departments": frozenset(one.code for one in catalogue.city.departments),
        }
        if isinstance(body, m.Report) and state is None:
            found |= self._of_report(body, kind, at, catalogue)
        if isinstance(body, m.Grade) and state is not None:
            days = (at - state.occurred_at).days
            graded, is_open = self.rules.grade(kind, body, days, at)
            found |= {"graded": graded, "regrade_open": is_open}
            found["links"] = () if body.level == "none" else self.rules.links(kind, body.level, at)
        if isinstance(body, m.AddLesson) and body.due_on:
            found["lesson_due_at"] = self._end_of(date.fromisoformat(body.due_on))
        if isinstance(body, m.LinkCase):
            with reading(self.engine) as connection:
                found["case_linked"] = rows.is_linked(connection, command.case_id, body.case)
        if isinstance(body, m.Join | m.WithdrawSignal):
            with reading(self.engine) as connection:
                # What joined once does not join again, though its source took it back meanwhile.
                found["signals"] = rows.signals_among(
                    connection, command.case_id, body.signal_ids,
                    taken_back=isinstance(body, m.Join),
                )  # fmt: skip
        return Known(**found)

    def _of_report(
        self, body: m.Report, kind: IncidentType, at: datetime, catalogue: Catalogue
    ) -> Mapping[str, Any]:
        where, _ = self._placed(body.place, catalogue)
        found: dict[str, Any] = {"limits": self.rules.limits(kind, at), "place": where}
        if kind.auto_dispatch:
            found["routed"] = self._routed(body, kind, where, catalogue)
        # What may already have to be reported does not wait for its grade.
        if body.deaths or body.injured or kind.domain == "health":
            if kind.reporting in CHAINS:
                found["links"] = self.rules.links(kind, "", at)
        return found

    def _routed(
        self, body: m.Report, kind: IncidentType, where: Place, catalogue: Catalogue
    ) -> tuple[Routed, ...]:
        """Return whom 直派 sends: one lead that the table or a ruling names, else nobody."""
        with reading(self.engine) as connection:
            learned = learned_lines(connection, kind.code)
        routed = route(
            kind, where, catalogue.responsibility, catalogue.grid, learned, owner=body.owner
        )
        return () if routed[0].department == CENTRE else routed

    @staticmethod
    def _placed(where: Place, catalogue: Catalogue) -> tuple[Place, str]:
        """Return the place with its cell and district, and the street's department."""
        cell = cell_of(where, catalogue.grid)
        if cell is None:
            return where, ""
        filled = {"cell": cell.id, "district": where.district or cell.district}
        return where.model_copy(update=filled), cell.department

    def _end_of(self, day: date) -> datetime:
        local = datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(self.zone))
        return local.astimezone(UTC)

    # --- what is written -------------------------------------------------------------------------

    def _tell(self, connection: Connection, one: rows.Recorded) -> None:
        state = one.step.state
        common = {
            "number": state.number, "type": state.type, "level": state.level,
            "district": state.place.district,
        }  # fmt: skip
        for told in one.step.told:
            notice = Notice(
                told.recipient, told.kind, state.incident_id, told.key,
                {**common, **told.fields}, told.urgent or state.urgent,
            )  # fmt: skip
            notices_out.tell(connection, notice, one.recorded_at)

    def _teach(self, connection: Connection, one: rows.Recorded) -> None:
        taught, state = one.step.taught, one.step.state
        if taught is None:
            return
        _, street = self._placed(state.place, self.catalogue())
        learn(
            connection,
            Ruled(
                state.incident_id, state.number, one.command.id, state.type, street,
                taught.department, taught.ruling, one.command.actor.id, one.command.occurred_at,
            ),
        )  # fmt: skip

    def _entry(self, one: rows.Recorded) -> EntryDraft:
        before = None if one.before is None else life_rows.digest_of(one.before)
        state = one.step.state
        return self._trail.entry(
            one.command, state, one.entry_id, one.recorded_at, before, life_rows.digest_of(state)
        )

    @property
    def _trail(self) -> Trail:
        acts = m.INCIDENT_BODIES
        return Trail(m.OBJECT, acts, self.sealer, self.forgeries, m.order_digest)

    def _announce(self, connection: Connection, one: rows.Recorded) -> None:
        state = one.step.state
        Announced(m.OBJECT, self.city, self.schemas).changed(
            connection, state.incident_id, state, CENTRE, one.recorded_at,
            changed_event(one.command, state),
        )  # fmt: skip


def memory_of(state: IncidentState | None) -> Memory | None:
    """Return what the workflow must remember of an incident."""
    if state is None:
        return None
    return Memory(
        seq=state.seq,
        stage=state.stage,
        urgent=state.urgent,
        over=state.stage in ENDS,
        next=state.timers[0] if state.timers and state.stage not in ENDS else None,
    )


def changed_event(command: Command, state: IncidentState) -> dict[str, object]:
    """Return the data of the event: what was done, how it stands; no name, no typed text."""
    return {
        "incident": state.incident_id,
        "number": state.number,
        "seq": state.seq,
        "kind": command.verb,
        "stage": state.stage,
        "type": state.type,
        "domain": state.domain,
        "level": state.level,
        "grade": state.grade,
        "response_level": (
            state.response.level if state.response and state.response.ended_at is None else 0
        ),
        "district": state.place.district,
        "cell": state.place.cell,
        "units": [
            {"department": one.department, "lead": one.lead, "state": one.state}
            for one in state.units
        ],
        "signals": state.signals,
        "merged_into": state.merged_into,
    }
