"""`settle_performance`: an order to a project's performance; what it commits has happened.

One transaction: the act with what stands after it, the entry on the project's own stream, the event
for the outbox. Keyed by the command id, so that a retry finds what was written; of two orders at
once the second finds its number taken, and is tried again on what the first left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from temporalio import activity

from activities.entries import STEP
from activities.one_step import Bound, OneStep
from activities.ordering import parsed
from activities.paying import PaymentRules
from activities.telling import Told, event_of
from audit.entry import EntryDraft, What, entry_id
from audit.outbox import record_many
from cases import performance_rows as rows
from cases import project_lists
from cases.alarms import announce
from cases.attached import thing_key
from cases.attached_rows import NO_FILES, Files
from cases.database import reading
from cases.messages import NAMESPACE, Command, Frozen
from cases.projects import performing_messages as m
from cases.projects.performing import Around, Asked, ProjectSeen, perform, questions, said_of
from cases.projects.performing_state import Performance
from cases.settling import RuleForbids
from catalogue.load import Catalogue


@dataclass(frozen=True, slots=True)
class Performing(OneStep):
    """Settles orders to the performance of projects. Safe in any number of threads."""

    rules: PaymentRules
    catalogue: Callable[[], Catalogue]
    city: str
    schemas: str
    """Address under which the events' schemas stand, without trailing slash."""
    zone: str
    now: Callable[[], datetime]
    files: Files = NO_FILES

    @activity.defn(name="settle_performance")
    def settle(self, order: m.PerformanceOrder) -> m.PerformanceAnswer:
        """Return the answer to an order, settled now or before. A *no* is an answer.

        Raises when the world is away (`StoreUnwritable`, a busy database), or when another order
        to the same project was faster: try again.
        """
        return self.once(
            order.command,
            rows.answered,
            lambda: self._settled(order),
            lambda no: self._refused(order.command, no),
        )

    def _settled(self, order: m.PerformanceOrder) -> m.PerformanceAnswer:
        command = order.command
        if command.verb not in m.BODIES:
            raise RuleForbids("wrong_verb", "不是绩效评价的命令", "", "verb")
        self.prove(order, m.OBJECT, command.verb)
        body = parsed(m.BODIES, command)
        at = self.now()
        fiscal = command.verb == m.FISCAL
        # Packs are asked before the transaction: the rules process is no part of it.
        with reading(self.engine) as connection:
            seen = rows.state_of(connection, command.case_id)
            project = _project(connection, command.case_id)
            others = rows.duties(connection, apart_from=command.case_id) if fiscal else ()
        self.allow(command, m.OBJECT, side_of(seen, command.verb, body))
        named = getattr(body, "attached", ())
        no = self.files.fault(command.actor.id, thing_key(m.OBJECT, command.case_id), named)
        if no is not None:
            raise no
        for asked in questions(seen, command, body, project, others):
            self._ask(asked, at)
        state = perform(seen, command, body, self._around(at, project))
        with self.engine.begin() as connection:
            known = rows.answered(connection, command.id)
            if known is not None:
                return known
            one = rows.NewAct(
                state, command.id, m.order_digest(command), command.actor.id,
                command.actor.on_behalf, command.verb, body.model_dump(mode="json"), at,
                entry_id(command.id, STEP),
            )  # fmt: skip
            after = rows.put(connection, one)
            record_many(connection, [(self._entry(command, one, after), ())])
            self._tell(connection, command, body, one)
        return m.PerformanceAnswer(
            command_id=command.id, order_digest=one.order_digest, status="done",
            project=state.project, seq=state.seq, entry=one.entry_id,
        )  # fmt: skip

    def _ask(self, asked: Asked, at: datetime) -> None:
        """Raise `RuleForbids` with the first rule that forbids it."""
        terms = self.rules.terms(asked.pack, at)
        if terms is None:
            raise RuleForbids(
                "no_pack", f"规则包「{asked.pack}」没有生效的版本，请先签署", asked.pack
            )
        ruling = self.rules.evaluate(terms.digest, dict(asked.facts), at)
        for fired in ruling.fired:
            if terms.stops & fired.then.keys():
                raise RuleForbids(fired.rule, fired.title, fired.basis, asked.field)

    def _around(self, at: datetime, project: ProjectSeen | None) -> Around:
        catalogue = self.catalogue()
        return Around(
            at=at,
            project=project,
            today=at.astimezone(ZoneInfo(self.zone)).date(),
            tables=catalogue.performance.by_id,
            departments=frozenset(one.code for one in catalogue.city.departments),
        )

    # --- entries and events ----------------------------------------------------------------------

    def _entry(self, command: Command, one: rows.NewAct, after: str) -> EntryDraft:
        """Return the entry of an act; `after` binds its row, and through it every earlier one."""
        project = one.state.project
        obj = What(m.OBJECT, project, str(one.state.seq))
        return self.entry(command, one.acted_at, Bound(f"{m.OBJECT}:{project}", obj, after))

    def _refused(self, command: Command, no: RuleForbids) -> m.PerformanceAnswer:
        verb = command.verb if command.verb in m.BODIES else m.PLAN
        answer = self.refusal(
            command, no, self.now(), m.OBJECT, m.order_digest(command), m.PerformanceAnswer, verb
        )
        return answer.model_copy(update={"project": command.case_id})

    def _tell(
        self, connection: Connection, command: Command, body: Frozen, one: rows.NewAct
    ) -> None:
        state = one.state
        data = {"project": state.project, "seq": state.seq, **said_of(command, body, state)}
        told = Told(
            str(uuid5(NAMESPACE, f"performance changed\n{state.project}\n{state.seq}")),
            "performance.changed", state.plan.department, state.project, one.acted_at, data,
        )  # fmt: skip
        announce(connection, event_of(self.city, self.schemas, told), state.project, one.acted_at)


def side_of(state: Performance | None, verb: str, body: Frozen) -> str:
    """Return the department that an order is of: the operator's for its own, else 实施机构's.

    The evaluator and the department of finance come from outside of both: theirs is of no
    department.
    """
    if verb in (m.EVALUATE, m.MID_TERM, m.FISCAL):
        return ""
    if isinstance(body, m.Plan):
        return body.department if state is None else state.plan.department
    if state is None:
        return ""
    return state.plan.operator if verb in m.BY_OPERATOR else state.plan.department


def _project(connection: Connection, project: str) -> ProjectSeen | None:
    found = project_lists.state_of(connection, project)
    if found is None:
        return None
    return ProjectSeen(
        regime=found.regime,
        department=found.department,
        operator=found.operator,
        pay=found.pay,
    )
