"""The one way from a door to an order of the fund (`yichuang.one_step_door`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import JsonValue
from sqlalchemy import Connection

from activities.funding import object_of
from cases import fund, fund_rows, payment_rows
from cases.fund import FundAnswer, thing_of
from cases.messages import Actor, Command, Outcome, Source
from cases.reception import Reception, Request
from policies.access import Thing
from workflows.fund import FundWorkflow, fund_workflow_id
from yichuang.one_step_door import Kind, OneStepDoor


def fund_thing(connection: Connection, command: Command) -> Thing:
    """Return what policy is asked on: of a step of a payment, the payment's own department; of a
    use, that of the contract."""
    department = str(command.body.get("department", ""))
    if command.verb == fund.USE:
        department = fund_rows.paying_department(connection, str(command.body.get("contract", "")))
    if command.verb in fund.OF_PAYMENT:
        found = payment_rows.find(connection, command.case_id)
        department = found.department if found else ""
    return Thing(object_of(command.verb), command.case_id, department=department)


class FundDoor(OneStepDoor[FundAnswer]):
    """Orders to the fund and to payments."""

    kind: ClassVar[Kind[FundAnswer]] = Kind(
        run=FundWorkflow.run,
        workflow_id=fund_workflow_id,
        answer=FundAnswer,
        answered=fund_rows.answered,
        thing=fund_thing,
        object_of=lambda command: object_of(command.verb),
    )

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
        about = thing_of(verb, command_id, thing)
        return await self.settled(actor, source, command_id, verb, about, body)


class WithFund:
    """A reception that takes uses of the fund's money beside what another takes."""

    def __init__(self, others: Reception, fund_door: FundDoor) -> None:
        self._others, self._fund = others, fund_door

    async def handle(
        self, actor: Actor, source: Source, requests: Sequence[Request]
    ) -> tuple[Outcome, ...]:
        """As `cases.reception.Reception`; a batch holds orders of one kind only."""
        if requests[0].verb != fund.USE:
            return await self._others.handle(actor, source, requests)
        return tuple(
            [
                outcome_of(await self._fund.act(actor, source, one.id, one.verb, "", one.body))
                for one in requests
            ]
        )


def outcome_of(answer: FundAnswer) -> Outcome:
    """Return the answer in the words of every order."""
    return Outcome(
        command_id=answer.command_id, case_id=answer.thing, status=answer.status,
        code=answer.code, reason=answer.reason, basis=answer.basis, field=answer.field,
        entry=answer.entry, repeated=answer.repeated,
    )  # fmt: skip
