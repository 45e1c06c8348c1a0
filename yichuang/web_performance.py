"""`forms.performance_ports.Performances` over the cases store, which is only read, and the door."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import JsonValue
from sqlalchemy import Engine

from cases import performance_rows as rows
from cases.accounts import Accounts
from cases.database import reading
from cases.messages import Actor, Source
from cases.projects.fiscal import Duty
from cases.projects.performing_messages import PerformanceAnswer
from cases.projects.performing_state import Performance
from catalogue.load import Catalogue
from catalogue.performance import Coefficients
from forms.performance_ports import ActTold, ShownPerformance


class Door(Protocol):
    """Who takes orders to the performance of projects."""

    async def act(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        project: str,
        body: Mapping[str, JsonValue],
        /,
    ) -> PerformanceAnswer: ...


@dataclass(frozen=True)
class WebPerformance:
    """Of one project, for callers that ask policy about it."""

    engine: Engine
    accounts: Accounts
    catalogue: Callable[[], Catalogue]
    door: Door

    def known(self, project: str) -> Performance | None:
        with reading(self.engine) as connection:
            return rows.state_of(connection, project)

    def shown(self, project: str) -> ShownPerformance:
        with reading(self.engine) as connection:
            state = rows.state_of(connection, project)
            if state is None:
                return ShownPerformance(None)
            acts = rows.acts(connection, project)
            scores = {
                one.seq: rows.scores_of(connection, project, one) for one in state.evaluations
            }
        people = {person for one in acts for person in (one.actor, one.on_behalf)}
        people |= {person for one in state.evaluations for person in one.evaluators}
        names = self.accounts.names(sorted(people - {""}))
        told = tuple(
            ActTold(
                one.seq, one.verb, one.acted_at, names.get(one.actor, ""),
                names.get(one.on_behalf, one.on_behalf), one.entry_id, one.body,
            )
            for one in reversed(acts)
        )  # fmt: skip
        return ShownPerformance(state, scores, told, names)

    def answered(self, command_id: str) -> bool:
        with reading(self.engine) as connection:
            return rows.answered(connection, command_id) is not None

    def duties(self) -> Sequence[Duty]:
        with reading(self.engine) as connection:
            return rows.duties(connection)

    def tables(self) -> Mapping[str, Coefficients]:
        return self.catalogue().performance.by_id

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        project: str,
        verb: str,
        body: Mapping[str, Any],
    ) -> PerformanceAnswer:
        return await self.door.act(actor, source, command_id, verb, project, body)
