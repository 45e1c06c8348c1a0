"""`settle_project`: orders to a project become rows, entry, notices and event, or a *no*.

One transaction for each order: the project's rows, its entry, whom to tell, the event of the
outbox. Keyed by the command id, so that a retry finds what was written. Raises when the world is
away: Temporal tries again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from temporalio import activity

from activities.entries import STEP
from activities.forging import Forgeries
from activities.ordering import Announced, Trail, parsed, repeated, settled
from activities.sealing import Sealer
from audit.entry import EntryDraft, entry_id
from audit.outbox import record_many
from cases import life_rows, notices_out
from cases import project_rows as rows
from cases.database import reading
from cases.lives import RING, Admitted, Memory
from cases.messages import Command, Frozen, Outcome
from cases.notices_out import Notice
from cases.numbers import project_series, take
from cases.project_lists import state_of
from cases.projects import messages as m
from cases.projects.machine import step
from cases.projects.orders import ProjectBatch, ProjectSettled
from cases.projects.state import OVER, ProjectState
from cases.projects.step import Known, Rules
from cases.settling import RuleForbids
from catalogue.load import Catalogue

NOT_YET = timedelta(minutes=5)
"""How far an order's instant may lie before or behind the server's: doors' clocks are kept by
NTP. What lies long ago is said by a day in the body, never by the order's own instant."""


class Again(Protocol):
    """Policy, asked once more for the actor as they stand now."""

    def __call__(self, command: Command, state: ProjectState | None) -> RuleForbids | None: ...


@dataclass(frozen=True, slots=True)
class ProjectSettlement:
    """Settles orders to projects. One per worker process; safe in any number of threads."""

    engine: Engine
    sealer: Sealer
    verify: Callable[[Command, datetime, str, str], RuleForbids | None]
    law: Callable[[Command], Command]
    """Warrants an order of the law by its article. Raises `Forged` before its instant."""
    again: Again
    forgeries: Forgeries
    rules: Rules
    catalogue: Callable[[], Catalogue]
    city: str
    schemas: str
    """Where the schemas stand, an address without trailing slash."""
    zone: str
    now: Callable[[], datetime]

    @activity.defn(name="settle_project")
    def settle(self, batch: ProjectBatch) -> ProjectSettled:
        """Return the outcomes of the orders, settled now or before. A *no* is an outcome."""
        outcomes = tuple(self._one(batch.project_id, one) for one in batch.commands)
        with reading(self.engine) as connection:
            state = state_of(connection, batch.project_id)
        return ProjectSettled(outcomes=outcomes, memory=memory_of(state))

    def _one(self, project_id: str, admitted: Admitted) -> Outcome:
        command = admitted.command
        with reading(self.engine) as connection:
            known = rows.answered(connection, command.id)
            state = state_of(connection, project_id)
        try:
            if known is not None:
                return repeated(known, m.order_digest(command))
            return self._settled(admitted, state)
        except RuleForbids as no:
            return self._trail.refused(self.engine, command, no, state, self.now())

    def _settled(self, admitted: Admitted, state: ProjectState | None) -> Outcome:
        command = self._warranted(admitted, state)
        body = parsed(m.PROJECT_BODIES, command)
        # The rules are asked before the transaction: a child may be starting.
        done = step(state, command, body, self._known(command, body))
        entry, at = entry_id(command.id, STEP), self.now()
        with self.engine.begin() as connection:
            if state is None:
                series = project_series(self.catalogue().city.name, self._today(command))
                number = take(connection, command.id, command.case_id, series, at)
                numbered = done.state.model_copy(update={"number": number})
                done = type(done)(state=numbered, told=done.told, said=done.said)
            one = rows.Recorded(command, m.order_digest(command), state, done, at, entry)
            rows.write(connection, one)
            self._tell(connection, one)
            record_many(connection, [(self._entry(one), ())])
            self._announce(connection, one)
        return settled(command, done.state, entry, at)

    def _warranted(self, admitted: Admitted, state: ProjectState | None) -> Command:
        """Return the order once it is proved to be meant and allowed. Raises `RuleForbids`."""
        command = admitted.command
        if command.verb == RING:
            return self.law(command)
        if command.verb not in m.PROJECT_VERBS:
            raise RuleForbids("wrong_verb", "不是对项目的命令", "", "verb")
        fault = self.verify(command, admitted.admitted_at, m.OBJECT, command.verb)
        if fault is not None:
            raise fault
        if abs(command.occurred_at - admitted.admitted_at) > NOT_YET:
            raise RuleForbids(
                "wrong_instant", "时刻以系统收到时为准，过去的日期请写在内容里", "", "occurred_at"
            )
        no = self.again(command, state)
        if no is not None:
            raise no
        return command

    def _known(self, command: Command, body: Frozen) -> Known:
        catalogue = self.catalogue()
        template = None
        if isinstance(body, m.Establish):
            template = catalogue.templates.by_id.get(body.template)
        return Known(
            rules=self.rules,
            today=self._today(command),
            end_of=self._end_of,
            template=template,
            departments=frozenset(one.code for one in catalogue.city.departments),
        )

    def _today(self, command: Command) -> date:
        return command.occurred_at.astimezone(ZoneInfo(self.zone)).date()

    def _end_of(self, day: date) -> datetime:
        local = datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(self.zone))
        return local.astimezone(UTC)

    # --- what is written -------------------------------------------------------------------------

    def _tell(self, connection: Connection, one: rows.Recorded) -> None:
        state = one.step.state
        for told in one.step.told:
            notice = Notice(
                told.recipient, told.kind, state.project_id, told.key,
                {"number": state.number, "title": state.title, **told.fields},
            )  # fmt: skip
            notices_out.tell(connection, notice, one.recorded_at)

    def _entry(self, one: rows.Recorded) -> EntryDraft:
        before = None if one.before is None else life_rows.digest_of(one.before)
        state = one.step.state
        return self._trail.entry(
            one.command, state, one.entry_id, one.recorded_at, before, life_rows.digest_of(state)
        )

    @property
    def _trail(self) -> Trail:
        acts = m.PROJECT_BODIES
        return Trail(m.OBJECT, acts, self.sealer, self.forgeries, m.order_digest)

    def _announce(self, connection: Connection, one: rows.Recorded) -> None:
        state = one.step.state
        Announced(m.OBJECT, self.city, self.schemas).changed(
            connection, state.project_id, state, state.department, one.recorded_at,
            changed_event(one.command, state),
        )  # fmt: skip


def memory_of(state: ProjectState | None) -> Memory | None:
    """Return what the workflow must remember of a project."""
    if state is None:
        return None
    over = state.stage in OVER
    return Memory(
        seq=state.seq,
        stage=state.stage,
        over=over,
        next=state.timers[0] if state.timers and not over else None,
    )


def changed_event(command: Command, state: ProjectState) -> dict[str, object]:
    """Return the data of the event: what was done, how it stands; no name, no typed text."""
    following = state.next_milestone
    return {
        "project": state.project_id,
        "number": state.number,
        "seq": state.seq,
        "kind": command.verb,
        "stage": state.stage,
        "template": state.template,
        "regime": state.regime,
        "department": state.department,
        "operator": state.operator,
        "slippage": state.slippage,
        "milestones": len(state.milestones),
        "achieved": sum(one.achieved for one in state.milestones),
        "next_on": following.plan_on.isoformat() if following else "",
        "estimate_fen": state.estimate_fen,
        "total_fen": state.total_fen,
    }
