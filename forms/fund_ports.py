"""What the pages ask of the fund: its sums, contracts and journal, and orders to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from pydantic import JsonValue

from cases.fund import FundAnswer, Sums
from cases.fund_rows import Booked, Claim, KeptContract, KeptOrder
from cases.messages import Actor, Source
from cases.payment_rows import KeptPayment


@dataclass(frozen=True, slots=True)
class ContractMoney:
    """合同 with what was paid and used of it."""

    contract: KeptContract
    sums: Sums


@dataclass(frozen=True, slots=True)
class ProjectMoney:
    """指标 → 合同 → 拨付 → 使用 → 绩效 of one project."""

    project: str
    sums: Sums
    contracts: tuple[ContractMoney, ...]
    coefficient: str = ""
    """绩效系数 of this year, decimal text; empty: not evaluated."""
    title: str = ""
    """Number and title of the project here; empty: it is known elsewhere only."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Planned and paid until the end of a month, cumulative."""

    month: date
    planned_fen: int
    """By the plan days of the milestones that pay; where none are known, as it was allotted."""
    paid_fen: int | None
    """None: the month is still to come."""


@dataclass(frozen=True, slots=True)
class FundView:
    """The whole fund."""

    title: str
    """Empty: none was opened."""
    sums: Sums
    projects: tuple[ProjectMoney, ...]
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class ProjectView:
    """One project's money, down to each payment and usage."""

    money: ProjectMoney
    allotments: tuple[KeptOrder, ...]
    uses: tuple[KeptOrder, ...]
    payments: tuple[tuple[KeptPayment, Claim], ...]
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class JournalView:
    """Some of the journal, and whether the whole of it balances."""

    entries: tuple[Booked, ...]
    total: int
    debit_fen: int
    credit_fen: int
    differing: tuple[str, ...]
    """Sums whose row is not what the journal comes to, as `scope key`."""


class Funds(Protocol):
    """专项基金. What one may not read is empty."""

    def view(self, actor: Actor) -> FundView: ...

    def project(self, actor: Actor, project: str) -> ProjectView | None:
        """Return one project's money; None: nothing was booked for it, or not for this reader."""
        ...

    def journal(self, actor: Actor, after: int, limit: int) -> JournalView: ...

    def entries(self, actor: Actor, upto: int) -> Iterator[Booked]:
        """The whole journal until an entry, read a piece at a time; nothing for who may not."""
        ...

    def contracts(self, actor: Actor) -> Sequence[KeptContract]:
        """The contracts that one may ask payments for, by number."""
        ...

    def claim(self, payment: str) -> Claim | None:
        """What a payment request stands on, and its steps. Who calls has asked policy."""
        ...

    def stages(self, payments: Collection[str]) -> Mapping[str, str]:
        """Payment → stage, of those that name a contract. Who calls has listed them by policy."""
        ...

    def answered(self, command_id: str) -> bool:
        """Whether an order of that id is settled, and will be answered again as it was."""
        ...

    def act(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        thing: str,
        body: Mapping[str, JsonValue],
    ) -> FundAnswer:
        """Have an order settled. Raises `NotNow`; repeat with the same id."""
        ...
