"""The one way from a door to an order of the fund (`yichuang.one_step_door`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import JsonValue
from sqlalchemy import Connection

from activities.funding import object_of
from cases import fund, fund_rows, payment_rows
from cases.fund import FundAnswer, thing_of
from cases.messages import Actor, Command, Source
from policies.access import Thing
from workflows.fund import FundWorkflow, fund_workflow_id
from yichuang.one_step_door import Kind, OneStepDoor


def fund_thing(connection: Connection, command: Command) -> Thing:
    """Return what policy is asked on: of a step of a payment, the payment's own department."""
    department = str(command.body.get("department", ""))
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
