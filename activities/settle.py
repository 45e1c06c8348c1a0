"""`settle`: the step's one normal activity. What it commits is what has happened.

One transaction per batch: rows, entries, outcomes and outbox together or not at all. Everything is
keyed by the command id, so that a retry finds what the first attempt wrote: a crash before the
commit leaves at most a reserved number, which the retry takes up again; a crash after it leaves an
answer that the retry reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, Engine, String, bindparam, select
from sqlalchemy.exc import IntegrityError
from temporalio import activity

from activities.entries import Entries, here, payload_of
from activities.forging import Forgeries
from activities.planning import Planned, Planner, Walked
from audit.entry import EntryDraft, entry_id
from audit.outbox import record_many
from audit.payloads import SealedPayload, seal_payloads
from cases import approval, numbers, store
from cases.approval import articles
from cases.database import reading
from cases.messages import OF_LAW, Command, Outcome
from cases.orders import case_workflow, forged_step
from cases.settling import Batch, Forged, RuleForbids, Settled, SettledStep
from cases.sql import Prepared, look_up
from cases.state import CaseState, Event
from cases.tables import command as command_table
from cases.tables import state as state_table
from cases.tables import step as step_table

TRIES = 3
"""Attempts against another attempt of the same batch before the error rises to Temporal."""

UNUSED_AFTER = timedelta(days=1)
"""A number unused for so long belongs to a command that Temporal has given up, or never had."""


class HistoryDiffers(Exception):
    """Rows and history disagree on a case: impossible; stop and have it looked at."""


@dataclass(frozen=True, slots=True)
class _Stored:
    outcome: Outcome
    digest: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class _Refused:
    command: Command
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class _Reused:
    """The id was used before for another order: answered and logged, never stored as outcome."""

    command: Command
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class _Forged:
    """No door can have sent it: answered, logged and alarmed, never stored as its id's outcome."""

    command: Command
    outcome: Outcome
    case_id: str
    no: Forged


_Work = Planned | _Refused | _Reused | _Forged


class Settlement:
    """Settles batches. One per worker process; safe in any number of threads."""

    def __init__(
        self, engine: Engine, planner: Planner, forgeries: Forgeries, *, namespace: str = ""
    ) -> None:
        """`namespace` is Temporal's, noted in entries written from within an activity."""
        self._forgeries = forgeries
        self._engine = engine
        self._planner = planner
        self._namespace = namespace

    @activity.defn
    def settle(self, batch: Batch) -> Settled:
        """Return the outcome of every command of the batch, settled now or before.

        A *no* is an outcome. Raises when the world is away (`StoreUnwritable`, a busy database, the
        rules process): nothing was kept, try again. `HistoryDiffers` is final.
        """
        for attempt in range(1, TRIES + 1):
            try:
                return self._settle(batch)
            except (store.CaseMoved, numbers.NumberLost, IntegrityError):
                # Another attempt of this batch was faster: its outcomes are found the next time.
                if attempt == TRIES:
                    raise
        raise AssertionError("unreachable")

    def sweep_unused_numbers(self, before: datetime | None = None) -> list[str]:
        """Void every number reserved before that instant (default: a day ago) and not used.

        Each gets its entry. Returns the numbers.
        """
        limit = before or self._planner.now() - UNUSED_AFTER
        with reading(self._engine) as connection:
            stale = numbers.stale(connection, limit)
        voided: list[str] = []
        for one in stale:
            at = self._planner.now()
            with self._engine.begin() as connection:
                gone = numbers.void(connection, one.command_id, at)
                self._record_voided(connection, one.command_id, one.case_id, gone, at)
            voided += [number.text for number in gone]
        return voided

    # --- one batch -------------------------------------------------------------------------------

    def _settle(self, batch: Batch) -> Settled:
        stored = self._stored([command.id for command in batch.commands])
        walked = Walked(batch.state)
        steps: list[SettledStep] = []
        work: list[_Work] = []
        filed: CaseState | None = None
        for command in batch.commands:
            known = stored.get(command.id)
            forged = self._forged(batch, command, known is not None)
            if forged is not None:
                work.append(forged)
                steps.append(SettledStep(outcome=forged.outcome))
            elif known is None:
                item = self._plan(walked, command)
                work.append(item)
                steps.append(_step_of(item))
                if len(batch.commands) > 1:  # the same order twice in one batch
                    stored[command.id] = _Stored(steps[-1].outcome, command.digest(), ())
            elif known.digest != command.digest() or known.outcome.case_id != command.case_id:
                reused = self._reused(command)
                work.append(reused)
                steps.append(SettledStep(outcome=reused.outcome))
            else:
                steps.append(self._repeated(walked, command, known))
            if filed is None and batch.state is None:
                filed = walked.state
        if work and not self._commit(work):
            return self._one_by_one(batch)
        return Settled(steps=tuple(steps), state=filed)

    def _forged(self, batch: Batch, command: Command, is_known: bool) -> _Forged | None:
        """Return the refusal of an order that no door can have put into this batch."""
        first = batch.commands[0].case_id
        case_id = batch.state.case_id if batch.state is not None else first
        no = None
        if command.case_id != case_id or not _is_own_workflow(case_id):
            no = Forged("wrong_case", "命令不属于本办件", "", "case_id")
        elif is_known and command.verb not in OF_LAW:
            # What was answered before is told again only to whoever shows a warrant for it.
            fault = self._planner.verify(command)
            no = fault if isinstance(fault, Forged) else None
        return None if no is None else self._as_forged(batch.state, command, case_id, no)

    def _as_forged(
        self, state: CaseState | None, command: Command, case_id: str, no: Forged
    ) -> _Forged:
        outcome = self._refusal(state, command, no)
        entry = entry_id(command.id, forged_step(command))
        return _Forged(command, outcome.model_copy(update={"entry": entry}), case_id, no)

    def _plan(self, walked: Walked, command: Command) -> Planned | _Refused | _Forged:
        try:
            return self._planner.plan(walked, command)
        except Forged as no:
            return self._as_forged(walked.state, command, command.case_id, no)
        except RuleForbids as no:
            return _Refused(command, self._refusal(walked.state, command, no))

    def _one_by_one(self, batch: Batch) -> Settled:
        """Settle each command alone, so that the one the rows refuse is refused by itself."""
        if len(batch.commands) == 1:
            return self._refuse_alone(batch)
        state, filed = batch.state, None
        steps: list[SettledStep] = []
        for command in batch.commands:
            alone = self.settle(Batch(state=state, commands=(command,)))
            steps += alone.steps
            if alone.state is not None:
                state = filed = alone.state
            elif state is not None and alone.steps[0].events:
                state = approval.apply(state, alone.steps[0].events)
        return Settled(steps=tuple(steps), state=filed)

    def _refuse_alone(self, batch: Batch) -> Settled:
        (command,) = batch.commands
        no = RuleForbids(
            "same_person",
            "同一人不得办理本件中相互分离的环节，请由他人办理",
            _separation(batch.state, command),
            "actor",
        )
        refused = _Refused(command, self._refusal(batch.state, command, no))
        if not self._commit([refused]):
            raise HistoryDiffers(f"{command.id}: the rows refuse a refusal")
        return Settled(steps=(SettledStep(outcome=refused.outcome),))

    def _commit(self, work: Sequence[_Work]) -> bool:
        """Write all of it in one transaction; False when a separation held by the rows forbids."""
        payloads = [self._payloads(item) for item in work]
        try:
            with self._engine.begin() as connection:
                offers = []
                for item, sealed in zip(work, payloads, strict=True):
                    offers.append((self._write(connection, item), sealed))
                    if isinstance(item, _Refused):
                        self._void(connection, item, offers)
                    elif isinstance(item, Planned):
                        offers += [(one, []) for one in self._entries().issued(item.record)]
                record_many(connection, offers)
        except IntegrityError as violated:
            if store.is_separation(violated):
                return False
            raise
        return True

    def _write(self, connection: Connection, item: _Work) -> EntryDraft:
        entries = self._entries()
        if isinstance(item, Planned):
            rows = store.rows_of(item.record)
            before = store.write(connection, item.record, rows)
            numbers.use(connection, item.record.command.id, item.numbers, item.record.recorded_at)
            return entries.settled(item.record, before, rows.after)
        at = item.outcome.recorded_at
        assert at is not None
        if isinstance(item, _Forged):
            forgeries = self._forgeries
            forgeries.alarm(connection, "case", item.case_id, item.command, item.no, at)
            return forgeries.entry(item.case_id, item.command, item.no.code, at)
        if isinstance(item, _Reused):
            return entries.reused(item.command, item.outcome, at)
        after = store.write_refusal(connection, item.command, item.outcome, at)
        return entries.refused(item.command, item.outcome, at, after)

    def _void(
        self,
        connection: Connection,
        item: _Refused,
        offers: list[tuple[EntryDraft, list[SealedPayload]]],
    ) -> None:
        at = item.outcome.recorded_at
        assert at is not None
        for number in numbers.void(connection, item.command.id, at):
            draft = self._entries().voided(item.command.id, item.command.case_id, number.text, at)
            offers.append((draft, []))

    def _record_voided(
        self,
        connection: Connection,
        command_id: str,
        case_id: str,
        gone: Sequence[numbers.Number],
        at: datetime,
    ) -> None:
        entries = self._entries()
        record_many(
            connection,
            [(entries.voided(command_id, case_id, number.text, at), []) for number in gone],
        )

    def _payloads(self, item: _Work) -> list[SealedPayload]:
        if not isinstance(item, Planned):
            return []
        vault = self._planner.sealer.vault
        return seal_payloads(vault, item.record.entry_id, [payload_of(item.record)])

    def _entries(self) -> Entries:
        return Entries(self._planner.sealer, here(self._namespace))

    # --- what was settled before -----------------------------------------------------------------

    def _stored(self, ids: Sequence[str]) -> dict[str, _Stored]:
        if not ids:
            return {}
        rows = look_up(self._engine, _stored(len(ids)), {f"id_{n}": v for n, v in enumerate(ids)})
        return {
            command_id: _Stored(
                Outcome.model_validate_json(outcome),
                digest,
                store.events_of(events) if events else (),
            )
            for command_id, outcome, digest, events in rows
        }

    def _repeated(self, walked: Walked, command: Command, known: _Stored) -> SettledStep:
        """Return a stored answer; with its events when the workflow has not applied them yet."""
        outcome = known.outcome.model_copy(update={"repeated": True})
        if outcome.status == "refused":
            return SettledStep(outcome=outcome)
        at = walked.state.seq if walked.state else 0
        if outcome.seq <= at:
            return SettledStep(outcome=outcome)
        if outcome.seq != at + 1:
            raise HistoryDiffers(f"{command.id}: rows at {outcome.seq}, history at {at}")
        if walked.state is None:
            newest = self._newest(command.case_id)
            walked.state = self._planner.reopened(command, newest, known.events)
        else:
            walked.state = approval.apply(walked.state, known.events)
        walked.clock = None  # the rows have this step's: they are read when next asked for
        return SettledStep(outcome=outcome, events=known.events)

    def _newest(self, case_id: str) -> CaseState:
        query = select(state_table.c.state).where(state_table.c.case_id == case_id)
        with reading(self._engine) as connection:
            return CaseState.model_validate_json(connection.execute(query).scalar_one())

    # --- refusals --------------------------------------------------------------------------------

    def _refusal(self, state: CaseState | None, command: Command, no: RuleForbids) -> Outcome:
        return Outcome(
            command_id=command.id,
            case_id=command.case_id,
            status="refused",
            case_no=state.case_no if state else "",
            seq=state.seq if state else 0,
            stage=state.stage if state else "",
            code=no.code,
            reason=no.reason,
            basis=no.basis,
            field=no.field,
            entry=entry_id(command.id, "step"),
            recorded_at=self._planner.now(),
        )

    def _reused(self, command: Command) -> _Reused:
        no = RuleForbids("id_reused", "这个命令编号已用于另一命令，请换新编号重新提交", "", "id")
        outcome = self._refusal(None, command, no)
        entry = Entries.reused_id(command)
        return _Reused(command, outcome.model_copy(update={"entry": entry}))


@cache
def _stored(count: int) -> Prepared:
    table = command_table.c
    return Prepared(
        select(table.id, table.outcome, table.digest, step_table.c.events)
        .outerjoin(step_table, step_table.c.command_id == table.id)
        .where(table.id.in_([bindparam(f"id_{n}", type_=String) for n in range(count)]))
    )


def _is_own_workflow(case_id: str) -> bool:
    """Whether we were called by the workflow of that case, or by none at all (a test)."""
    return not activity.in_activity() or activity.info().workflow_id == case_workflow(case_id)


def _step_of(item: Planned | _Refused | _Forged) -> SettledStep:
    if isinstance(item, Planned):
        return SettledStep(outcome=item.record.outcome, events=item.record.events)
    return SettledStep(outcome=item.outcome)


def _separation(state: CaseState | None, command: Command) -> str:
    """Return the article by which the act is separated from others of the case."""
    apart = state.plan.separations if state else ()
    return next((one.basis for one in apart if command.verb in one.acts), articles.REVIEW)
