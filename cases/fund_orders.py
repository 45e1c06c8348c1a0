"""Orders to the fund and to payments, decided against the rows as they stand under the lock.

What the database would refuse is refused here first, with a sentence that says what is left; the
database holds it all the same (`fund_tables`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from cases import fund as f
from cases import fund_rows as rows
from cases import payment_rows
from cases.fund_rows import Claim, KeptContract, Ordered
from cases.messages import Command
from cases.one_step import order_digest
from cases.payment_rows import KeptPayment
from cases.payments import RequestPayment, yuan
from cases.settling import RuleForbids

Milestones = Callable[[Connection, str, str], f.MilestoneSeen | None]
"""Project and milestone → what of it money asks for; None: there is no such milestone."""
Payables = Callable[[Connection, str, int], f.Payable | None]
"""Project and year → what its evaluation lets be paid; None: none is confirmed."""
LINKED = "CZGF-30"
APART = "申请、审核、支付须是三个人：这一步请由别人办理"


def _none(_connection: Connection, _project: str, _of: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Grounds:
    """What other rooms say of projects."""

    milestone: Milestones = _none
    payable: Payables = _none


@dataclass(frozen=True, slots=True)
class Asked:
    """An order with what its row will say beside its body."""

    command: Command
    body: f.Body
    on: date
    """The day in the city's zone."""
    recorded_at: datetime
    entry_id: str


def ordered(connection: Connection, asked: Asked, grounds: Grounds) -> Ordered:
    """Return what an order comes to. Raises `RuleForbids`. The fund is locked by the caller."""
    body = asked.body
    if isinstance(body, f.OpenFund):
        if rows.the_fund(connection) is not None:
            raise RuleForbids("fund_exists", "专项基金已经设立，一城一个", f.BY_EVIDENCE)
        return _row(asked, amount_fen=body.limit_fen)
    if rows.the_fund(connection) is None:
        raise RuleForbids("no_fund", "专项基金尚未设立", f.BY_EVIDENCE)
    if isinstance(body, f.Allot):
        return _allot(connection, asked, body)
    if isinstance(body, f.MakeContract):
        return _contract(connection, asked, body)
    if isinstance(body, f.Use):
        return _use(connection, asked, body)
    return _step(connection, asked, grounds)


# --- the fund ------------------------------------------------------------------------------------


def _allot(connection: Connection, asked: Asked, body: f.Allot) -> Ordered:
    caps = rows.caps(connection, body.project, body.department, body.budget_year)
    _forbid(f.allot_fault(caps, body.amount_fen))
    return _row(
        asked,
        project=body.project,
        department=body.department,
        budget_year=body.budget_year,
        amount_fen=body.amount_fen,
        lines=f.allotted(body.amount_fen),
    )


def _contract(connection: Connection, asked: Asked, body: f.MakeContract) -> Ordered:
    if body.signed_on > asked.on:
        raise RuleForbids("in_the_future", "签订日在将来", "", "body.signed_on")
    if body.retention_bp > f.RETENTION_MOST_BP:
        raise RuleForbids(
            "retention", "质保金不得超过结算价款的 3%", f.RETENTION, "body.retention_bp"
        )
    if rows.number_taken(connection, body.number):
        raise RuleForbids("number_taken", "这个合同编号已经登记", f.BY_EVIDENCE, "body.number")
    return _row(
        asked,
        contract=f.thing_id(asked.command.id),
        project=body.project,
        department=body.department,
        amount_fen=body.amount_fen,
    )


def _use(connection: Connection, asked: Asked, body: f.Use) -> Ordered:
    held = rows.find_contract(connection, body.contract)
    if held is None:
        raise RuleForbids("unknown_contract", "没有登记这份合同", "", "body.contract")
    if body.used_on > asked.on:
        raise RuleForbids("in_the_future", "使用日在将来", "", "body.used_on")
    caps = rows.caps(connection, held.project, held.department, body.budget_year, held.id)
    _forbid(f.use_fault(caps.contract, caps.year, body.amount_fen))
    return _row(
        asked,
        contract=held.id,
        project=held.project,
        department=held.department,
        budget_year=body.budget_year,
        amount_fen=body.amount_fen,
        lines=f.used(body.amount_fen),
    )


# --- a payment's life ----------------------------------------------------------------------------


def _step(connection: Connection, asked: Asked, grounds: Grounds) -> Ordered:
    command, verb = asked.command, asked.command.verb
    claim = rows.claim_of(connection, command.case_id)
    payment = payment_rows.find(connection, command.case_id)
    if payment is None:
        raise RuleForbids("unknown_payment", "没有这件付费申请", "", "payment")
    if claim is None:
        raise RuleForbids("no_contract", "这件申请没有写明合同，不得审核、支付", f.BY_EVIDENCE)
    _in_turn(verb, claim, command.actor.id)
    interest, retained = 0, 0
    lines: tuple[f.Line, ...] = ()
    if verb in (f.REVIEW, f.PAY):
        if payment.verdict.outcome != "may_pay":
            stop = payment.verdict.stops[0]
            raise RuleForbids("stopped", f"规则停付：{stop.title}", stop.basis)
        bp = claim.contract.retention_bp
        # Where another rate was agreed its sum is not known here: it is paid beside this system.
        interest = f.late_interest(payment.body, payment.verdict, bp, asked.on) or 0
        supported(connection, payment.body, claim.contract, grounds, interest)
    if verb == f.PAY:
        retained = f.retention_of(payment.amount_fen, claim.contract.retention_bp)
        lines = f.paid(payment.amount_fen, retained, interest)
    elif verb == f.RELEASE:
        held = sum(
            one.amount_fen
            for one in rows.lines_of_payment(connection, payment.id)
            if one.account == "retained"
        )
        if held <= 0:
            raise RuleForbids("nothing_retained", "这笔付费没有预留质保金", f.BY_EVIDENCE)
        lines = f.released(held)
    elif verb == f.REVERSE:
        lines = f.reversed_(rows.lines_of_payment(connection, payment.id))
        _not_used(connection, claim, payment, lines)
    return _row(
        asked,
        thing=payment.id,
        payment=payment.id,
        contract=claim.contract.id,
        project=claim.contract.project,
        department=claim.contract.department,
        budget_year=payment.budget_year,
        amount_fen=payment.amount_fen,
        lines=lines,
    )


def _in_turn(verb: str, claim: Claim, actor: str) -> None:
    """Raise where it is not this step's turn, or where this person has had another."""
    stage = claim.stage
    turn = {
        f.REVIEW: ("requested",),
        f.RETURN: ("requested", "reviewed"),
        f.PAY: ("reviewed",),
        f.RELEASE: ("paid",),
        f.REVERSE: ("paid",),
    }[verb]
    if stage not in turn or verb in claim.steps:
        raise RuleForbids(
            "not_now", f"申请现在是「{STAGES[stage]}」，不能{WORDS[verb]}", f.BY_EVIDENCE
        )
    others = {act: person for act, person in claim.hands.items() if act != verb}
    if verb in (f.REVIEW, f.PAY) and actor in others.values():
        raise RuleForbids("separation", APART, f.BY_EVIDENCE)
    if verb == f.REVERSE and claim.steps[f.PAY].actor == actor:
        raise RuleForbids("separation", "冲正须由支付人以外的人办理", f.BY_EVIDENCE)


def supported(
    connection: Connection,
    body: RequestPayment,
    held: KeptContract,
    grounds: Grounds,
    interest: int = 0,
) -> None:
    """Raise where milestone, evaluation or a cap does not carry the payment."""
    _forbid(f.milestone_fault(grounds.milestone(connection, held.project, body.milestone)))
    if held.linked:
        payable = grounds.payable(connection, held.project, body.budget_year)
        place = "body.amount_fen"
        if payable is None:
            raise RuleForbids(
                "not_evaluated", "绩效付费须先有本年度已确认的绩效评价", LINKED, place
            )
        left = payable.amount_fen - rows.paid_in(connection, held.project, body.budget_year)
        if body.amount_fen > left:
            said = f"超出按绩效应付的余额 {yuan(left)} 元（绩效系数 {payable.coefficient}）"
            raise RuleForbids("beyond_payable", said, LINKED, place)
    caps = rows.caps(connection, held.project, held.department, body.budget_year, held.id)
    _forbid(f.cap_fault(caps, body.amount_fen, interest, "body.amount_fen"))


def _not_used(
    connection: Connection, claim: Claim, payment: KeptPayment, lines: tuple[f.Line, ...]
) -> None:
    back = -f.moved(lines).paid_fen
    held = claim.contract
    caps = rows.caps(connection, held.project, held.department, payment.budget_year, held.id)
    least = min(caps.contract.idle_fen, caps.year.idle_fen)
    if back > least:
        said = f"尚未使用的只有 {yuan(least)} 元，不能冲正"
        raise RuleForbids("already_used", said, f.BY_EVIDENCE)


# --- a request -----------------------------------------------------------------------------------


def claimed(connection: Connection, body: RequestPayment, grounds: Grounds) -> RequestPayment:
    """Return the request with what the fund's own rows say to its rules.

    Raises `RuleForbids` where contract, milestone, evaluation or a cap does not carry it.
    """
    held = rows.find_contract(connection, body.contract)
    if held is None:
        raise RuleForbids("unknown_contract", "没有登记这份合同", f.BY_EVIDENCE, "body.contract")
    for name, said, expected in (
        ("project", "项目", held.project),
        ("department", "付款部门", held.department),
        ("payee_code", "收款单位", held.payee_code),
    ):
        if getattr(body, name) != expected:
            raise RuleForbids(
                "not_of_the_contract", f"{said}与合同不符，合同为「{expected}」", f.BY_EVIDENCE,
                f"body.{name}",
            )  # fmt: skip
    for name in ("fund", "sme_payment.payer", "sme_payment.agreed_days"):
        pack, _, fact = name.partition(".")
        if pack in body.facts and (not fact or fact in body.facts[pack]):
            raise RuleForbids(
                "facts",
                "由系统按账本和合同填写，不由申请人给出",
                f.BY_EVIDENCE,
                f"body.facts.{name}",
            )
    supported(connection, body, held, grounds)
    caps = rows.caps(connection, held.project, held.department, body.budget_year, held.id)
    project = caps.project
    facts = dict(body.facts)
    facts["fund"] = {
        "allotted_fen": project.allotted_fen,
        "allotted_total_fen": caps.fund.allotted_fen,
        "fund_total_fen": caps.fund.limit_fen,
    }
    if held.sme:
        agreed = {} if held.agreed_days is None else {"agreed_days": held.agreed_days}
        facts["sme_payment"] = {**facts.get("sme_payment", {}), "payer": "organ", **agreed}
    before = project.paid_fen + project.retained_fen + project.interest_fen
    return body.model_copy(update={"facts": facts, "paid_before_fen": before})


# --- small ---------------------------------------------------------------------------------------

STAGES = {
    "requested": "已申请", "reviewed": "已审核", "returned": "已退回", "paid": "已支付",
    "reversed": "已冲正",
}  # fmt: skip
WORDS = {
    f.REVIEW: "审核", f.RETURN: "退回", f.PAY: "支付", f.RELEASE: "返还质保金", f.REVERSE: "冲正",
}  # fmt: skip


def _forbid(fault: f.Fault | None) -> None:
    if fault is not None:
        raise RuleForbids(fault.code, fault.reason, fault.basis, fault.field)


def _row(asked: Asked, *, thing: str = "", **more: object) -> Ordered:
    command = asked.command
    return Ordered(
        id=f.thing_id(command.id),
        command_id=command.id,
        order_digest=order_digest(command),
        verb=command.verb,
        thing=thing or f.thing_of(command.verb, command.id, command.case_id),
        actor=command.actor.id,
        body=asked.body,
        recorded_at=asked.recorded_at,
        entry_id=asked.entry_id,
        **more,  # type: ignore[arg-type]  # fields of the row, by name
    )
