"""The one way from a door to an order of the fund: ask policy, have the worker settle it, answer.

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

from activities.funding import object_of
from cases import fund, fund_rows, messages, payment_rows
from cases.database import StoreUnwritable, reading
from cases.fund import FundAnswer, order_digest, thing_of
from cases.messages import Actor, Command, Source
from cases.reception import NotNow
from policies.access import STALE, Access, AccessDenied, Thing
from workflows.fund import FundWorkflow, fund_workflow_id
from yichuang.refusals import RefusalLog
from yichuang.single_answer import single_answer

ANSWER_WITHIN = timedelta(seconds=30)


class FundDoor:
    """Orders to the fund and to payments, for one door. Safe in any number of tasks."""

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
        thing: str,
        body: Mapping[str, JsonValue],
    ) -> FundAnswer:
        """Have an order settled. Raises `NotNow`; repeat with the same id.

        `thing` is the payment that is reviewed, returned, paid …; of the fund's own orders empty.
        """
        at = self._now()
        command = Command(
            id=command_id,
            verb=verb,
            case_id=thing_of(verb, command_id, thing),
            body=dict(body),
            actor=actor,
            source=source,
            occurred_at=at,
        )
        try:
            known = await asyncio.to_thread(self._known, command_id)
            if known is None:
                about = await asyncio.to_thread(self._thing, command)
                warrant = await asyncio.to_thread(self._access.warrant_on, command, about, verb, at)
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

    def _known(self, command_id: str) -> FundAnswer | None:
        with reading(self._engine) as connection:
            return fund_rows.answered(connection, command_id)

    def _thing(self, command: Command) -> Thing:
        department = str(command.body.get("department", ""))
        if command.verb in fund.OF_PAYMENT:
            with reading(self._engine) as connection:
                found = payment_rows.find(connection, command.case_id)
            department = found.department if found else ""
        return Thing(object_of(command.verb), command.case_id, department=department)

    def _refused(self, command: Command, no: AccessDenied, at: datetime) -> FundAnswer:
        outcome = messages.Outcome(
            command_id=command.id, case_id=command.case_id, status="refused", code=no.code
        )
        self._refusals.note(command, outcome, at, object_of(command.verb))
        return FundAnswer(
            command_id=command.id,
            order_digest=order_digest(command),
            status="refused",
            code=no.code,
            reason="；".join(part for part in (no.reason, no.remedy) if part),
            basis=no.basis,
        )

    async def _ask(self, command: Command) -> FundAnswer:
        return await single_answer(
            self._client,
            FundWorkflow.run,
            command,
            name=fund_workflow_id(command.id),
            task_queue=self._task_queue,
            within=ANSWER_WITHIN,
            late="暂时没有答复，请用同一编号重试",
        )
