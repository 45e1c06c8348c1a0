"""The fund of a town without Temporal: orders settled at once by the real activity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Connection, Engine

from activities.funding import Funding, object_of
from activities.sealing import Sealer
from cases import fund as f
from cases import payment_rows
from cases.database import reading
from cases.fund_orders import Grounds
from cases.messages import Actor, Command, Source
from policies.access import Access, AccessDenied, Thing
from yichuang.web_fund import WebFund


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Projects:
    """What the rooms of projects say in a town: milestones by name, and what is payable by year."""

    milestones: dict[str, f.MilestoneSeen] = field(
        default_factory=lambda: {"done": f.MilestoneSeen("主体完工", date(2026, 11, 1), 1)}
    )
    payable: dict[int, f.Payable] = field(default_factory=dict)

    def grounds(self) -> Grounds:
        def milestone(_c: Connection, _project: str, name: str) -> f.MilestoneSeen | None:
            return self.milestones.get(name)

        def payable(_c: Connection, _project: str, year: int) -> f.Payable | None:
            return self.payable.get(year)

        return Grounds(milestone, payable)


def web_fund(
    cases: Engine,
    sealer: Sealer,
    access: Access,
    again: Callable[[Command, str, str, str, str], Any],
    forgeries: Any,
    departments: frozenset[str],
    projects: Projects,
) -> WebFund:
    funding = Funding(
        cases, sealer, lambda *_: None, again, forgeries, projects.grounds(),
        lambda: departments, "demo", "https://town.test/schemas", "Asia/Shanghai", _now,
    )  # fmt: skip

    def ask(
        actor: Actor, source: Source, command_id: str, verb: str, thing: str,
        body: Mapping[str, JsonValue],
    ) -> f.FundAnswer:  # fmt: skip
        command = Command(
            id=command_id, verb=verb, case_id=f.thing_of(verb, command_id, thing),
            body=dict(body), actor=actor, source=source, occurred_at=_now(),
        )  # fmt: skip
        department = str(command.body.get("department", ""))
        if verb in f.OF_PAYMENT:
            with reading(cases) as connection:
                found = payment_rows.find(connection, thing)
            department = found.department if found else ""
        about = Thing(object_of(verb), command.case_id, department=department)
        try:
            warrant = access.warrant_on(command, about, verb, _now())
        except AccessDenied as no:
            return f.FundAnswer(
                command_id=command_id, order_digest="", status="refused", code=no.code,
                reason=no.reason,
            )  # fmt: skip
        order = command.model_copy(update={"warrant": warrant})
        return funding.settle(f.FundOrder(command=order, admitted_at=_now()))

    return WebFund(cases, access, ask, projects.grounds(), "Asia/Shanghai", _now)
