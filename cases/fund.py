"""专项基金: 指标 → 合同 → 拨付 → 使用 as orders, and the journal lines that each one makes.

Money is whole fen. A journal entry balances to zero: what is debited is positive, what is credited
negative. Nothing here reads a row; the database holds the same sums by itself (`fund_tables`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Final, Literal
from uuid import uuid5

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from cases.messages import NAMESPACE, Code, Frozen, Name, Text
from cases.one_step import OneStepAnswer, OneStepOrder
from cases.payments import MOST_FEN, Fen, RequestPayment, Uscc, Verdict, interest_fen, yuan

OBJECT: Final = "fund"
"""The object type of policy; the steps of a payment are of its own type, `payment`."""
PAYMENT: Final = "payment"
FUND: Final = "special"
"""Id of the one fund of a city (专项基金)."""
FUND_LIMIT_FEN: Final = 50_000_000_000
"""500,000,000 yuan: the fund's first size (城市方案; CSFA-5). Nothing goes beyond it."""
RETENTION_MOST_BP: Final = 300
"""质保金: at most 3 % of the settled price (ZLBZ-7, from memory, not verified)."""
RETENTION: Final = "ZLBZ-7"
LATE: Final = "ZXQY-17"
BP: Final = 10_000
"""Basis points in a whole."""

OPEN, ALLOT, CONTRACT, USE = "fund_open", "fund_allot", "fund_contract", "fund_use"
REVIEW, RETURN, PAY = "payment_review", "payment_return", "payment_pay"
RELEASE, REVERSE = "payment_release", "payment_reverse"
OF_FUND: Final = (OPEN, ALLOT, CONTRACT, USE)
OF_PAYMENT: Final = (REVIEW, RETURN, PAY, RELEASE, REVERSE)
VERBS: Final = OF_FUND + OF_PAYMENT
MOVING: Final = (ALLOT, USE, PAY, RELEASE, REVERSE)
"""Verbs that move money: each makes one journal entry."""
FUND_READ: Final = "fund_read"

Account = Literal["granted", "available", "retained", "advanced", "used", "interest"]
ACCOUNTS: Final[tuple[Account, ...]] = (
    "granted", "available", "retained", "advanced", "used", "interest",
)  # fmt: skip
"""科目: 指标来源（贷方）、可用指标、质保金、已拨付未使用、已使用、逾期利息."""

BudgetYear = Annotated[StrictInt, Field(ge=2000, le=2100)]


# --- what is ordered -----------------------------------------------------------------------------


class OpenFund(Frozen):
    """设立基金."""

    title: Name
    limit_fen: Annotated[StrictInt, Field(gt=0, le=FUND_LIMIT_FEN)]


class Allot(Frozen):
    """下达（负数为调减）指标."""

    project: Code
    department: Code
    """Who spends it: 实施机构."""
    budget_year: BudgetYear
    amount_fen: Annotated[StrictInt, Field(ge=-FUND_LIMIT_FEN, le=FUND_LIMIT_FEN)]
    document: Name
    """指标文号."""


class MakeContract(Frozen):
    """登记合同."""

    project: Code
    department: Code
    number: Name
    title: Name
    payee: Name
    payee_code: Uscc
    amount_fen: Fen
    retention_bp: Annotated[StrictInt, Field(ge=0, le=BP)] = 0
    """质保金, in basis points of each payment; beyond `RETENTION_MOST_BP` it is refused by law."""
    sme: StrictBool = False
    """The payee is a small or medium enterprise: 30/60 days and interest are asked (ZXQY-9)."""
    agreed_days: Annotated[StrictInt, Field(ge=0, le=365)] | None = None
    linked: StrictBool = False
    """Payments follow the yearly evaluation: never more than is payable (绩效付费)."""
    signed_on: date


class Use(Frozen):
    """登记使用: what the paid money was spent on."""

    contract: Code
    budget_year: BudgetYear
    amount_fen: Fen
    used_on: date
    purpose: Text
    evidence: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    """SHA-256 (hex) of the paper; empty: none was given."""


class Review(Frozen):
    """审核通过."""

    opinion: Text


class Return(Frozen):
    """退回."""

    reason: Text


class Pay(Frozen):
    """国库支付."""

    voucher: Name
    """Number of the treasury's payment order: the money itself goes there, not here."""


class Release(Frozen):
    """返还质保金."""

    voucher: Name


class Reverse(Frozen):
    """冲正: the payment's journal entries are countered, none is changed."""

    reason: Text


Body = OpenFund | Allot | MakeContract | Use | Review | Return | Pay | Release | Reverse
BODIES: Final[Mapping[str, type[Body]]] = MappingProxyType(
    {
        OPEN: OpenFund, ALLOT: Allot, CONTRACT: MakeContract, USE: Use, REVIEW: Review,
        RETURN: Return, PAY: Pay, RELEASE: Release, REVERSE: Reverse,
    }
)  # fmt: skip


class FundOrder(OneStepOrder):
    """An order as its workflow hands it to the activity."""


class FundAnswer(OneStepAnswer):
    """What came of an order; the same command gets the same one."""

    thing: str = ""
    """Id of the payment, the contract, the allotment, the usage; of the fund."""
    paid_fen: int = 0
    """Of a payment: what goes to the payee now, without interest."""
    retained_fen: int = 0
    interest_fen: int = 0


def thing_id(command_id: str) -> str:
    """Return the id of what a command makes (allotment, contract, usage), the same for ever."""
    return str(uuid5(NAMESPACE, f"fund\n{command_id}"))


def thing_of(verb: str, command_id: str, named: str) -> str:
    """Return what an order is about: the payment that it names, the fund, or what it makes."""
    if verb in OF_PAYMENT:
        return named
    return FUND if verb == OPEN else thing_id(command_id)


# --- the journal ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal entry; debit positive."""

    account: Account
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Moved:
    """By how much an entry changes each of the sums that the database caps."""

    allot_fen: int = 0
    paid_fen: int = 0
    retained_fen: int = 0
    used_fen: int = 0
    interest_fen: int = 0


def lines(**amounts: int) -> tuple[Line, ...]:
    """Return the lines of these accounts, `available` balancing them; none of nothing."""
    found = {name: amounts[name] for name in ACCOUNTS if amounts.get(name)}
    if rest := -sum(found.values()):
        found["available"] = found.get("available", 0) + rest
    return tuple(Line(name, found[name]) for name in ACCOUNTS if found.get(name))


def allotted(amount_fen: int) -> tuple[Line, ...]:
    return lines(granted=-amount_fen)


def paid(gross_fen: int, retained_fen: int, interest: int) -> tuple[Line, ...]:
    return lines(advanced=gross_fen - retained_fen, retained=retained_fen, interest=interest)


def released(retained_fen: int) -> tuple[Line, ...]:
    return lines(advanced=retained_fen, retained=-retained_fen)


def used(amount_fen: int) -> tuple[Line, ...]:
    return lines(used=amount_fen, advanced=-amount_fen)


def reversed_(before: Iterable[Line]) -> tuple[Line, ...]:
    """Return the counter-entry of all these lines together."""
    total: Counter[Account] = Counter()
    for line in before:
        total[line.account] -= line.amount_fen
    return tuple(Line(name, total[name]) for name in ACCOUNTS if total[name])


def moved(entry: Iterable[Line]) -> Moved:
    """Return what the lines do to the sums. Raises `ValueError` where they do not balance."""
    total: Counter[Account] = Counter()
    for line in entry:
        total[line.account] += line.amount_fen
    if sum(total.values()):
        raise ValueError(f"分录借贷不平，相差 {sum(total.values())} 分")
    return Moved(
        allot_fen=-total["granted"],
        paid_fen=total["advanced"] + total["used"],
        retained_fen=total["retained"],
        used_fen=total["used"],
        interest_fen=total["interest"],
    )


def retention_of(gross_fen: int, retention_bp: int) -> int:
    """Return what is kept back of a payment, rounded down to the fen: in the payee's favour."""
    return gross_fen * retention_bp // BP


def interest_until(verdict: Verdict, due_fen: int, on: date, *, agreed: bool = False) -> int | None:
    """Return the interest that lateness has cost by that day on what was due (ZXQY-17); 0 where
    none is owed; None: another rate was agreed, and it is not known here.

    The rate is asked of the rules when the request is judged; a request that was in time then and
    is paid late owes the statutory rate unless another was `agreed`.
    """
    if verdict.due_on is None or on <= verdict.due_on:
        return 0
    if agreed or verdict.interest_fen is None:
        return None
    percent = Decimal(verdict.interest_percent_per_day or STATUTORY_PERCENT)
    return interest_fen(due_fen, percent, (on - verdict.due_on).days)


def late_interest(
    request: RequestPayment, verdict: Verdict, retention_bp: int, on: date
) -> int | None:
    """Return the interest of a payment on a contract, as `interest_until`. What is kept back until
    the defects period ends was not due with it and bears none."""
    due = request.amount_fen - retention_of(request.amount_fen, retention_bp)
    agreed = request.facts.get("sme_payment", {}).get("interest_agreed") is True
    return interest_until(verdict, due, on, agreed=agreed)


STATUTORY_PERCENT: Final = "0.05"
"""保障中小企业款项支付条例第十七条: 每日利率万分之五 where none was agreed."""


# --- what a payment must show --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MilestoneSeen:
    """A milestone as far as money asks for it."""

    title: str
    achieved_on: date | None
    evidence: int
    """How many papers prove it."""
    gate_open: bool = False
    """An approval that it needs is still outstanding."""


@dataclass(frozen=True, slots=True)
class Payable:
    """What may be paid of a year by its evaluation."""

    amount_fen: int
    coefficient: str
    """Decimal text."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an order may not be: code, sentence, article, place in the body."""

    code: str
    reason: str
    basis: str = ""
    field: str = ""


BY_EVIDENCE: Final = "YCYX-12"


def milestone_fault(found: MilestoneSeen | None) -> Fault | None:
    """Return why a milestone does not carry a payment; None: it does."""
    place = "body.milestone"
    if found is None:
        return Fault("unknown_milestone", "项目没有这个里程碑", BY_EVIDENCE, place)
    if found.achieved_on is None:
        return Fault(
            "milestone_not_achieved",
            f"里程碑「{found.title}」尚未完成，不得付费",
            BY_EVIDENCE,
            place,
        )
    if found.gate_open:
        return Fault(
            "gate_not_passed",
            f"里程碑「{found.title}」的审批尚未通过，不得付费",
            BY_EVIDENCE,
            place,
        )
    if found.evidence < 1:
        return Fault(
            "no_evidence", f"里程碑「{found.title}」没有佐证文件，不得付费", BY_EVIDENCE, place
        )
    return None


@dataclass(frozen=True, slots=True)
class Sums:
    """One row of totals."""

    limit_fen: int = 0
    allotted_fen: int = 0
    paid_fen: int = 0
    retained_fen: int = 0
    used_fen: int = 0
    interest_fen: int = 0

    @property
    def available_fen(self) -> int:
        """可用: what may still be paid of it."""
        return self.allotted_fen - self.paid_fen - self.retained_fen - self.interest_fen

    @property
    def idle_fen(self) -> int:
        """已拨付未使用."""
        return self.paid_fen - self.used_fen


@dataclass(frozen=True, slots=True)
class Caps:
    """What a payment is held against, each by one row of totals."""

    fund: Sums
    project: Sums
    year: Sums
    contract: Sums


def cap_fault(caps: Caps, gross_fen: int, interest: int, place: str = "body") -> Fault | None:
    """Return which cap a payment would break first; None: it breaks none."""
    held = caps.contract
    left = held.allotted_fen - held.paid_fen - held.retained_fen
    if gross_fen > left:
        return Fault("beyond_contract", f"超出合同余额 {yuan(left)} 元", BY_EVIDENCE, place)
    for code, said, sums in (
        ("beyond_year", "本预算年度指标余额", caps.year),
        ("beyond_allotment", "本项目指标余额", caps.project),
        ("beyond_fund", "基金指标余额", caps.fund),
    ):
        if gross_fen + interest > sums.available_fen:
            over = f"超出{said} {yuan(sums.available_fen)} 元"
            return Fault(code, over, BY_EVIDENCE, place)
    return None


def allot_fault(caps: Caps, amount_fen: int) -> Fault | None:
    """Return why an allotment may not be (changed so)."""
    place = "body.amount_fen"
    if amount_fen == 0:
        return Fault("malformed", "指标金额不得为 0", "", place)
    left = caps.fund.limit_fen - caps.fund.allotted_fen
    if amount_fen > left:
        over = f"指标合计超出基金总额，余额 {yuan(left)} 元"
        return Fault("beyond_limit", over, "CSFA-5", place)
    least = min(caps.year.available_fen, caps.project.available_fen)
    if -amount_fen > least:
        said = f"可调减的指标只有 {yuan(least)} 元，其余已经拨付"
        return Fault("already_paid", said, BY_EVIDENCE, place)
    return None


def use_fault(contract: Sums, year: Sums, amount_fen: int) -> Fault | None:
    """Return why a usage cannot be: more used than was paid."""
    least = min(contract.idle_fen, year.idle_fen)
    if amount_fen > least:
        said = f"已拨付未使用的只有 {yuan(least)} 元"
        return Fault("beyond_paid", said, BY_EVIDENCE, "body.amount_fen")
    return None


__all__ = ["MOST_FEN", "Account", "Caps", "Fault", "FundAnswer", "FundOrder", "Line", "Sums"]
