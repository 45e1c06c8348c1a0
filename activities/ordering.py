"""What every activity does that settles orders to a life: who ordered, how it is answered."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from activities.sealing import Sealer
from audit.entry import PolicyRef, Who
from cases.messages import Command, Frozen, Outcome
from cases.payments import first_fault
from cases.settling import RuleForbids


def who_of(sealer: Sealer, command: Command) -> Who:
    """Return who ordered it, as the log says it: pseudonyms, with the role of the warrant."""
    actor, warrant = command.actor, command.warrant
    return Who(
        id=sealer.who(actor.id),
        kind=actor.kind,
        org=(warrant.department if warrant else "") or actor.department or None,
        role=(warrant.role if warrant else "") or None,
        on_behalf=sealer.who(actor.on_behalf) if actor.on_behalf else None,
    )


def policy_of(command: Command) -> PolicyRef | None:
    """Return by which row of which policy it was allowed; None: no warrant."""
    warrant = command.warrant
    return PolicyRef(warrant.row, "allow", warrant.policy) if warrant else None


def parsed(bodies: Mapping[str, type[Frozen]], command: Command) -> Frozen:
    """Return the order's typed body. Raises `RuleForbids` that says which field is wrong."""
    try:
        return bodies[command.verb].model_validate(command.body)
    except ValidationError as malformed:
        path, said = first_fault(malformed.errors(include_url=False, include_input=False))
        raise RuleForbids("malformed", f"内容不合格式：{said}", "", f"body.{path}") from malformed


def repeated(known: tuple[Outcome, str], digest: str) -> Outcome:
    """Return the stored outcome. Raises `RuleForbids` where another order has its id."""
    outcome, stored = known
    if stored != digest:
        raise RuleForbids("id_reused", "这个命令编号已用于另一命令，请换新编号", "", "id")
    return outcome


def refused(command: Command, no: RuleForbids, number: str, entry: str) -> Outcome:
    """Return a *no* as an outcome."""
    return Outcome(
        command_id=command.id,
        case_id=command.case_id,
        status="refused",
        case_no=number,
        code=no.code,
        reason=no.reason,
        basis=no.basis,
        field=no.field,
        entry=entry,
    )
