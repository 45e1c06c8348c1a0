"""The entries that settling writes: one per command, and one per number that is voided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from temporalio import activity

from activities.sealing import Sealer, body_text
from audit.entry import EntryDraft, PolicyRef, RuleRef, What, Where, Who, WorkflowRef, entry_id
from audit.payloads import Payload
from cases.messages import Command, Outcome
from cases.store import StepRecord

STEP = "step"
"""Logical step of a command that its one entry stands for."""


def stream_of(case_id: str) -> str:
    """Return the stream of a case: contiguous from 1, so that nothing can be left out."""
    return f"case:{case_id}"


def here(namespace: str = "") -> WorkflowRef | None:
    """Return where in Temporal's history we stand; None outside an activity."""
    if not activity.in_activity():
        return None
    info = activity.info()
    return WorkflowRef(
        ns=namespace or info.workflow_namespace or "",
        id=info.workflow_id or "",
        run=info.workflow_run_id,
        act=info.activity_id,
        att=info.attempt,
    )


@dataclass(frozen=True, slots=True)
class Entries:
    """Drafts of entries. `workflow` says where in Temporal's history we stand, if there."""

    sealer: Sealer
    workflow: WorkflowRef | None = None

    def settled(self, record: StepRecord, before: str | None, after: str) -> EntryDraft:
        """Return the entry of a settled step; `before` and `after` bind its rows."""
        command = record.command
        first = next(iter(record.rulings.values()), None)
        rule = RuleRef(first.pack, first.version, first.digest) if first else None
        return EntryDraft(
            id=record.entry_id,
            stream=stream_of(command.case_id),
            at=record.recorded_at,
            who=self._who(command),
            act=command.verb,
            obj=What(
                "case",
                command.case_id,
                str(record.after.seq),
                record.documents[0].ref.digest if record.documents else None,
            ),
            where=_where(command),
            before=before,
            after=after,
            pol=_policy(command),
            rule=rule,
            wf=self.workflow,
            occurred_at=command.occurred_at if command.backfill else None,
            closes=record.after.stage == "ended",
        )

    def issued(self, record: StepRecord) -> list[EntryDraft]:
        """Return the entries of the documents beyond the first, which the step's own entry names.

        Each says what and of which bytes; when and by whom it was issued is the step's to say.
        """
        case = record.command.case_id
        return [
            EntryDraft(
                id=entry_id(record.command.id, f"document:{file.ref.id}"),
                stream=stream_of(case),
                at=record.recorded_at,
                who=self._who(record.command),
                act="issue_document",
                obj=What("document", file.ref.id, str(record.after.seq), file.ref.digest),
                where=_where(record.command),
                wf=self.workflow,
            )
            for file in record.documents[1:]
        ]

    def refused(self, command: Command, outcome: Outcome, at: datetime, after: str) -> EntryDraft:
        """Return the entry of a refusal: nothing of the body, only that it was refused and why."""
        return EntryDraft(
            id=entry_id(command.id, STEP),
            stream=stream_of(command.case_id),
            at=at,
            who=self._who(command),
            act=command.verb,
            obj=What("case", command.case_id),
            res="deny",
            why=outcome.code,
            where=_where(command),
            after=after,
            pol=_policy(command),
            wf=self.workflow,
        )

    @staticmethod
    def reused_id(command: Command) -> str:
        """Return the entry id of a second order under a used id: one per different order."""
        return entry_id(command.id, f"reused:{command.digest()}")

    def reused(self, command: Command, outcome: Outcome, at: datetime) -> EntryDraft:
        """Return the entry of a refusal because the id belongs to another order."""
        return replace(
            self.refused(command, outcome, at, ""), id=self.reused_id(command), after=None
        )

    def voided(self, command_id: str, case_id: str, number: str, at: datetime) -> EntryDraft:
        """Return the entry by which a number that nobody used is void (作废)."""
        return EntryDraft(
            id=entry_id(command_id, f"void:{number}"),
            stream=stream_of(case_id),
            at=at,
            who=Who("system", "system"),
            act="void_number",
            obj=What("document_number", number),
            wf=self.workflow,
        )

    def _who(self, command: Command) -> Who:
        actor, warrant = command.actor, command.warrant
        return Who(
            id=self.sealer.who(actor.id),
            kind=actor.kind,
            org=(warrant.department if warrant else "") or actor.department or None,
            role=(warrant.role if warrant else "") or None,
            on_behalf=self.sealer.who(actor.on_behalf) if actor.on_behalf else None,
        )


def payload_of(record: StepRecord) -> Payload:
    """Return what the step said about people: the whole body, committed to by its entry."""
    return Payload("body", record.sealed.subject, body_text(record.command))


def _where(command: Command) -> Where:
    return Where(ip=command.source.ip or None, svc=command.source.door)


def _policy(command: Command) -> PolicyRef | None:
    warrant = command.warrant
    return PolicyRef(warrant.row, "allow", warrant.policy) if warrant else None
