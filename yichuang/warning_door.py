"""The one way from a page to an act of a warning: ask policy, have the worker announce it, answer.

What policy refuses leaves no trace in Temporal; the door writes its entry itself. A command that
was settled before gets its stored answer, also years after its workflow is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from cases import messages, warning_rows
from cases.database import StoreUnwritable, reading
from cases.messages import Actor, Command, Source
from cases.reception import NotNow
from cases.warnings import ISSUE, OBJECT, WarningAnswer, order_digest, warning_id
from policies.access import STALE, Access, AccessDenied, Thing
from workflows.warnings import WarningWorkflow, warning_workflow_id
from yichuang.refusals import RefusalLog
from yichuang.single_answer import single_answer

ANSWER_WITHIN = timedelta(seconds=30)


class WarningDoor:
    """Acts of warnings, for one door. Safe in any number of tasks."""

    def __init__(
        self,
        client: Client,
        task_queue: str,
        *,
        access: Access,
        engine: Engine,
        refusals: RefusalLog,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`engine` is the cases store, which is only read here."""
        self._client = client
        self._task_queue = task_queue
        self._access = access
        self._engine = engine
        self._refusals = refusals
        self._now = now

    async def act(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        warning: str,
        body: Mapping[str, JsonValue],
    ) -> WarningAnswer:
        """Have an act announced. Raises `NotNow`; repeat with the same id.

        `warning` is the one that is adjusted or lifted; one that is issued has none yet.
        """
        at = self._now()
        command = Command(
            id=command_id,
            verb=verb,
            case_id=warning_id(command_id) if verb == ISSUE else warning,
            body=dict(body),
            actor=actor,
            source=source,
            occurred_at=at,
        )
        thing = Thing(OBJECT, command.case_id)
        try:
            known = await asyncio.to_thread(self._known, command_id)
            if known is None:
                warrant = await asyncio.to_thread(self._access.warrant_on, command, thing, verb, at)
                known = await self._ask(command.model_copy(update={"warrant": warrant}))
            if known.order_digest != order_digest(command):
                raise AccessDenied("id_reused", "这个命令编号已用于另一命令，请换新编号")
        except AccessDenied as no:
            if no.code == STALE:
                raise NotNow(no.reason) from no
            return await asyncio.to_thread(self._refused, command, no, at)
        except (OperationalError, StoreUnwritable) as away:
            raise NotNow("办件库暂时不能使用，请用同一编号重试") from away
        return known

    def _known(self, command_id: str) -> WarningAnswer | None:
        with reading(self._engine) as connection:
            return warning_rows.answered(connection, command_id)

    def _refused(self, command: Command, no: AccessDenied, at: datetime) -> WarningAnswer:
        outcome = messages.Outcome(
            command_id=command.id, case_id=command.case_id, status="refused", code=no.code
        )
        self._refusals.note(command, outcome, at, OBJECT)
        return WarningAnswer(
            command_id=command.id,
            order_digest=order_digest(command),
            status="refused",
            code=no.code,
            reason="；".join(part for part in (no.reason, no.remedy) if part),
            basis=no.basis,
        )

    async def _ask(self, command: Command) -> WarningAnswer:
        return await single_answer(
            self._client,
            WarningWorkflow.run,
            command,
            name=warning_workflow_id(command.id),
            task_queue=self._task_queue,
            within=ANSWER_WITHIN,
            late="暂时没有答复，请用同一编号重试",
        )
