"""What the pages of performance need from the others: `yichuang/web_performance.py` hands it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cases.messages import Actor, Source
from cases.projects.fiscal import Duty
from cases.projects.performing_messages import Evaluate, PerformanceAnswer
from cases.projects.performing_state import Performance
from catalogue.performance import Coefficients


@dataclass(frozen=True)
class ActTold:
    """One order that was carried out, as a line of the history."""

    seq: int
    verb: str
    at: datetime
    who: str
    """Name of the person."""
    on_behalf: str
    """Name of whom they acted for; empty: for themselves."""
    entry: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class ShownPerformance:
    """The performance of one project for its page."""

    state: Performance | None
    """None: no indicators were set yet."""
    scores: Mapping[int, Evaluate] = field(default_factory=dict)
    """Number of the act that gave an evaluation → its scores with their evidence."""
    told: tuple[ActTold, ...] = ()
    """The newest first."""
    names: Mapping[str, str] = field(default_factory=dict)
    """User id → name, of everybody who evaluated."""


class Performances(Protocol):
    """项目绩效 as pages show and order it. Raises `cases.reception.NotNow` when away."""

    def known(self, project: str) -> Performance | None:
        """What stands of a project's performance, for a caller that asks policy about it."""
        ...

    def shown(self, project: str) -> ShownPerformance:
        """The same with scores and history, for a caller that has asked policy."""
        ...

    def answered(self, command_id: str) -> bool:
        """Whether an order of that id is settled, and will be answered again as it was."""
        ...

    def duties(self) -> Sequence[Duty]:
        """What every project costs the budget, for a caller that asked policy about the whole."""
        ...

    def tables(self) -> Mapping[str, Coefficients]:
        """The tables that make a coefficient of a score, by id."""
        ...

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        project: str,
        verb: str,
        body: Mapping[str, Any],
    ) -> PerformanceAnswer:
        """Have an order settled. Raises `NotNow`; repeat with the same id."""
        ...
