"""付费申请 (payment request): what is asked, what rules are asked of it, and what follows.

Money is whole fen; rule packs reckon in yuan, so a fact whose field has the unit 元 is given in fen
under the name that ends in `_fen`. A request is judged once, when it comes; reviewing and paying
are orders of their own (`cases.fund`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from uuid import uuid5
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)

from cases.messages import NAMESPACE, Code, Frozen, Name, Text
from cases.one_step import OneStepAnswer, OneStepOrder
from cases.rulings import Ruling

REQUEST = "payment_request"
"""The one verb, and the act that policy is asked for."""
OBJECT = "payment"
"""The object type of policy."""

MOST_FEN = 10**13
"""Largest sum, one hundred billion yuan, two hundred times the fund. A hundredth of it is told from
the next in the engine's floating-point yuan up to 2**53 fen; three digits are left for sums."""
FEN_IN_YUAN = 100

Outcome = Literal["may_pay", "stopped"]


# --- what is asked -------------------------------------------------------------------------------

_USCC = re.compile(r"[0-9A-HJ-NPQRTUWXY]{17}[0-9A-Y]")
_USCC_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
"""GB 32100-2015 table 3: weights of the first seventeen places; the eighteenth is their check."""


def uscc_check(first: str) -> str:
    """Return the check sign of the first seventeen signs (GB 32100-2015 §5)."""
    total = sum(_USCC_SIGNS.index(s) * w for s, w in zip(first, _USCC_WEIGHTS, strict=True))
    return _USCC_SIGNS[-total % 31]


def _is_uscc(text: str) -> str:
    if _USCC.fullmatch(text) is None or uscc_check(text[:17]) != text[17]:
        raise ValueError("不是统一社会信用代码（GB 32100-2015）：位数、用字或校验位不对")
    return text


Uscc = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=18), AfterValidator(_is_uscc)
]
Fen = Annotated[StrictInt, Field(gt=0, le=MOST_FEN)]
FenOrNone = Annotated[StrictInt, Field(ge=0, le=MOST_FEN)]
FactText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Number = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Fact = StrictBool | StrictInt | Number | FactText
FactName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
PackName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]


class RequestPayment(Frozen):
    """付费申请. The payee is an organisation, named by its code: no personal data stands here."""

    department: Code
    """Who pays, by its code in the city's catalogue."""
    project: Name
    purpose: Text
    payee: Name
    payee_code: Uscc
    amount_fen: Fen
    currency: Literal["CNY"] = "CNY"
    """人民币; another currency is refused."""
    budget_year: Annotated[StrictInt, Field(ge=2000, le=2100)]
    delivered_on: date | None = None
    """Day of delivery, acceptance or settlement from which the payee waits (ZXQY-9, 10)."""
    paid_before_fen: FenOrNone | None = None
    """What the project was paid before this request."""
    facts: dict[PackName, dict[FactName, Fact]] = Field(default_factory=dict, max_length=8)
    """Rule pack → what it must know. Which packs are named is which red lines are asked."""
    contract: Annotated[str, StringConstraints(pattern=r"^([0-9a-f-]{36})?$")] = ""
    """Id of the contract that it is paid on; empty: none, and it is never reviewed or paid here.
    With one the fund's own pack is asked as well, and of the fund's own rows."""
    milestone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    """Milestone of the project whose evidence carries it."""

    @model_validator(mode="after")
    def _asks_something(self) -> RequestPayment:
        if not self.facts and not self.contract:
            raise ValueError("请至少写明一个规则包，或者合同")
        return self

    def said(self) -> dict[str, Any]:
        """Return it as JSON would have it. What it need not have and has not is left out: the
        digest of a request of before stays what it was."""
        left_out = {name for name in ("contract", "milestone") if not getattr(self, name)}
        return self.model_dump(mode="json", exclude=left_out)


class PaymentOrder(OneStepOrder):
    """A request as its workflow hands it to the activity."""


class Stop(Frozen):
    """Why money may not go: one rule of one pack."""

    pack: str
    rule: str
    title: str
    basis: str
    reasons: tuple[str, ...]
    """Codes of the pack's outcome."""


class Verdict(Frozen):
    """What follows from the rulings on a request."""

    outcome: Outcome
    stops: tuple[Stop, ...] = ()
    limit_days: int | None = None
    due_on: date | None = None
    overdue_days: int = 0
    """Days past `due_on` when it was asked."""
    interest_percent_per_day: str = ""
    """Decimal text; empty: none, or as the contract says."""
    interest_fen: int | None = None
    """Interest until the day of the request; None: no rule fixes its rate."""


class PaymentAnswer(OneStepAnswer):
    """What came of a request; the same command gets the same one."""

    payment: str = ""
    number: str = ""
    verdict: Verdict | None = None


def payment_id(command_id: str) -> str:
    """Return the id of the request that a command makes, the same one for ever."""
    return str(uuid5(NAMESPACE, f"payment\n{command_id}"))


def payment_number(payment: str, asked_on: date) -> str:
    """Return the number for people: 付费, the day in Beijing, ten hex digits of the id."""
    return f"FK{asked_on:%Y%m%d}{payment.replace('-', '')[:10].upper()}"


def yuan(fen: int) -> str:
    """Return a sum as people read it: 1,234.50."""
    sign, whole = "-" if fen < 0 else "", abs(fen)
    return f"{sign}{whole // FEN_IN_YUAN:,}.{whole % FEN_IN_YUAN:02d}"


def first_fault(errors: Sequence[Any]) -> tuple[str, str]:
    """Return the place of the first of pydantic's errors and what it is; of a fact, the fact and
    not which of its possible types it is none of."""
    first = errors[0]
    loc = [str(part) for part in first["loc"]]
    return ".".join(loc[:3] if loc[:1] == ["facts"] else loc), str(first["msg"])


WHOLE_FEN: Final = "YCYX-22"
"""金额以整数分记载，不得为负."""


def basis_of(path: str) -> str:
    """Return the article that a field of an order broke by its shape: money has one."""
    return WHOLE_FEN if path.endswith("_fen") else ""


# --- what the rules are asked --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FactSpec:
    """A field of a rule pack, as far as a request must know it."""

    type: str
    unit: str = ""
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """A version of a rule pack that judges requests."""

    pack: str
    digest: str
    zone: str
    fields: Mapping[str, FactSpec]
    stops: frozenset[str]
    """Keys of its outcome that stop a payment as soon as they say anything."""


class FactRefused(ValueError):
    """A fact that cannot be put to the rules; `field` is its place in the body."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


BY_DELIVERY = frozenset({"sme_payment"})
"""Packs of which the version in force on the day of delivery decides: the period that they fix runs
自交付之日起 (保障中小企业款项支付条例第九条), and no later law shortens or lengthens it."""

NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "fund": ("paid_total_yuan", "allotted_yuan", "allotted_total_yuan", "fund_total_yuan"),
        "ppp": ("regime", "total_yuan", "approved_yuan", "contractor_prefinances"),
        "sme_payment": ("payer", "days_since"),
    }
)
"""What a payment must state of each pack. A comparison with a missing field is false: without its
numbers a red line would keep silent, and the money go."""

OWN_FIELDS = ("payment", "project", "paid", "days_since", "month_day", "paid_total_yuan")
"""Fields that the system fills in from the request; a caller who gives them is refused."""


def asked_instant(terms_pack: str, body: RequestPayment, asked_at: datetime, zone: str) -> datetime:
    """Return the legally relevant instant: 00:00 of the day of delivery, or that of the request.

    Raises `FactRefused` where the pack counts from a delivery that is not named or lies ahead.
    """
    if terms_pack not in BY_DELIVERY:
        return asked_at
    here = ZoneInfo(zone)
    if body.delivered_on is None:
        raise FactRefused("delivered_on", "请填交付、验收合格或者结算之日：付款期限自这一日起算")
    if body.delivered_on > asked_at.astimezone(here).date():
        raise FactRefused("delivered_on", "交付之日在将来：没有交付，付款期限没有起算")
    return datetime.combine(body.delivered_on, time.min, here)


def context_of(
    terms: Terms, body: RequestPayment, number: str, asked_at: datetime
) -> dict[str, JsonValue]:
    """Return what a pack is asked about a request. Raises `FactRefused`."""
    given = body.facts[terms.pack]
    context = dict(_stated(terms, given))
    own = _own_facts(body, number, asked_at.astimezone(ZoneInfo(terms.zone)).date())
    if "overdue_published" not in context:
        # Whether last year's list was published is asked only of who says something of it.
        own.pop("month_day")
    context |= {name: value for name, value in own.items() if name in terms.fields}
    for name in NEEDED.get(terms.pack, ()):
        if name in terms.fields and context.get(name) is None:
            raise _lacking(terms, name)
    return context


def _stated(terms: Terms, given: Mapping[str, Fact]) -> Iterator[tuple[str, JsonValue]]:
    for name, value in given.items():
        place = f"facts.{terms.pack}.{name}"
        field, spec = _named(terms, name)
        if spec is None or spec.derived:
            raise FactRefused(place, f"规则包 {terms.pack} 没有「{name}」这一项可填")
        if field in OWN_FIELDS:
            raise FactRefused(place, f"「{name}」由系统根据申请填写，不由申请人给出")
        if spec.type != "number":
            yield field, value
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FactRefused(place, "应填数字")
        if value < 0:
            raise FactRefused(place, "不得为负数")
        if spec.unit in ("元", "日") and not isinstance(value, int):
            unit = "分" if spec.unit == "元" else "日"
            raise FactRefused(place, f"应填整数（{unit}）")
        if spec.unit == "元" and value > MOST_FEN:
            raise FactRefused(place, f"金额不得超过 {yuan(MOST_FEN)} 元")
        yield field, value / FEN_IN_YUAN if spec.unit == "元" else value


def _named(terms: Terms, name: str) -> tuple[str, FactSpec | None]:
    """Return the pack's field of a fact: money is given in fen, and only so."""
    if name.endswith("_fen"):
        field = f"{name.removesuffix('_fen')}_yuan"
        spec = terms.fields.get(field)
        return field, spec if spec is not None and spec.unit == "元" else None
    spec = terms.fields.get(name)
    return name, None if spec is not None and spec.unit == "元" else spec


def _own_facts(body: RequestPayment, number: str, today: date) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {
        "payment": number,
        "project": body.project,
        "paid": False,
        "month_day": today.month * 100 + today.day,
    }
    if body.delivered_on is not None:
        found["days_since"] = (today - body.delivered_on).days
    if body.paid_before_fen is not None:
        found["paid_total_yuan"] = (body.paid_before_fen + body.amount_fen) / FEN_IN_YUAN
    return found


def _lacking(terms: Terms, name: str) -> FactRefused:
    if name == "paid_total_yuan":
        return FactRefused("paid_before_fen", "请填本项目此前已拨付的金额（分；没有填 0）")
    if name == "days_since":
        return FactRefused("delivered_on", "请填交付、验收合格或者结算之日")
    shown = name.removesuffix("_yuan") + "_fen" if terms.fields[name].unit == "元" else name
    return FactRefused(f"facts.{terms.pack}.{shown}", f"请填「{shown}」：缺了它，红线无从判断")


# --- what follows --------------------------------------------------------------------------------


def interest_fen(amount_fen: int, percent_per_day: Decimal, days: int) -> int:
    """Return simple interest, rounded half up to the fen (第十七条：每日利率万分之五)."""
    exact = Decimal(amount_fen) * percent_per_day / 100 * days
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def verdict_of(
    body: RequestPayment, asked_on: date, rulings: Sequence[tuple[Terms, Ruling]]
) -> Verdict:
    """Return what the rulings come to. `asked_on` is the day of the request in Beijing."""
    stops = tuple(stop for terms, ruling in rulings for stop in stops_of(terms.stops, ruling))
    outcome: Outcome = "stopped" if stops else "may_pay"
    found = Verdict(outcome=outcome, stops=stops)
    for _, ruling in rulings:
        if "limit_days" in ruling.outcome and body.delivered_on is not None:
            found = found.model_copy(update=_term(body, asked_on, ruling))
    return found


def stops_of(keys: frozenset[str], ruling: Ruling) -> Iterator[Stop]:
    """Yield each rule that held and says that the money may not go."""
    for one in ruling.fired:
        said = [value for key, value in one.then.items() if key in keys]
        reasons = tuple(str(r) for v in said for r in (v if isinstance(v, list) else [v]) if r)
        if reasons:
            yield Stop(
                pack=ruling.pack, rule=one.rule, title=one.title, basis=one.basis, reasons=reasons
            )


def _term(body: RequestPayment, asked_on: date, ruling: Ruling) -> dict[str, Any]:
    """Return the term, its last day, and what being late has cost by the day of the request."""
    assert body.delivered_on is not None
    limit = ruling.outcome["limit_days"]
    assert isinstance(limit, int | float)
    days = int(limit)
    # The day of delivery is day 0 (民法典第二百零一条); the last day is not moved past holidays:
    # ZXQY-17 asks only how many days have gone.
    due_on = body.delivered_on + timedelta(days=days)
    late = max(0, (asked_on - due_on).days)
    found: dict[str, Any] = {"limit_days": days, "due_on": due_on, "overdue_days": late}
    rate = ruling.outcome.get("interest_per_day_percent")
    if not late:
        found["interest_fen"] = 0
    elif isinstance(rate, int | float):
        percent = Decimal(str(rate))
        found["interest_percent_per_day"] = str(percent)
        found["interest_fen"] = interest_fen(body.amount_fen, percent, late)
    return found


__all__ = [
    "FactRefused",
    "FactSpec",
    "PaymentAnswer",
    "PaymentOrder",
    "RequestPayment",
    "Terms",
    "Verdict",
    "context_of",
    "interest_fen",
    "payment_id",
    "payment_number",
    "verdict_of",
]
