"""What an order to the fund or to a payment brings about for good, with its amounts; said before.

What each comes to is reckoned here as the order itself reckons it, from the sums as they stand:
the order reckons anew, and is refused where they no longer carry it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from cases import fund as f
from cases.fund_rows import Claim
from cases.payment_rows import KeptPayment
from cases.payments import yuan
from forms.for_good import Asking, Standing
from forms.fund_ports import ContractMoney, ProjectMoney
from forms.fund_words import STAGE_WORDS, TURNS
from forms.visit import Visit
from forms.words import N_

TAKEN_BACK: Final[Mapping[str, str]] = MappingProxyType(
    {f.REVIEW: "`payment_return`, until it is paid"}
)
"""Verb → what takes it back, for whoever asks why it is not asked once more."""


@dataclass(frozen=True)
class FundScene:
    """An order to money as it was typed, and what it is about."""

    visit: Visit
    body: Mapping[str, Any]
    payment: KeptPayment | None
    about: str
    back: str
    command: str
    said: Sequence[tuple[str, str]]

    def say(self, text: str, **values: object) -> str:
        return self.visit.say(text).format(**values)

    def money(self, fen: int) -> str:
        return self.say(N_("{n} 元"), n=yuan(fen))

    def asking(
        self,
        sentence: str,
        stands: Sequence[Standing] = (),
        follows: Sequence[str] = (),
        articles: Sequence[str] = (f.BY_EVIDENCE,),
    ) -> Asking:
        return Asking(
            sentence, self.about, self.back, self.said, stands, follows, articles, self.command
        )

    def moved(self, label: str, now: int, by: int) -> Standing:
        """Return a sum before and after."""
        return Standing(self.say(label), self.money(now), self.money(now + by))

    async def project(self, key: str) -> ProjectMoney | None:
        """Return a project's money; None: nothing was booked for it, or not for this reader."""
        fund = self.visit.ports.fund
        found = await self.visit.ask(fund.project, self.visit.actor, key)
        return None if found is None else found.money

    async def contract(self, key: str) -> ContractMoney | None:
        fund = self.visit.ports.fund
        view = await self.visit.ask(fund.view, self.visit.actor)
        held = (one for money in view.projects for one in money.contracts)
        return next((one for one in held if one.contract.id == key), None)

    async def claim(self, verb: str) -> tuple[KeptPayment, Claim] | None:
        """Return the payment with what it stands on; None: the step is not its turn, or not this
        person's, and is refused as it comes."""
        if self.payment is None:
            return None
        found: Claim | None = await self.visit.ask(self.visit.ports.fund.claim, self.payment.id)
        if found is None or verb not in TURNS[found.stage] or verb in found.steps:
            return None
        apart = {person for act, person in found.hands.items() if act != verb}
        if verb == f.PAY and self.visit.actor.id in apart:
            return None
        return self.payment, found

    def stage(self, claim: Claim, then: str) -> Standing:
        words = (self.say(STAGE_WORDS[claim.stage]), self.say(STAGE_WORDS[then]))
        return Standing(self.say(N_("状态")), *words)


Foretelling = Callable[[FundScene], Awaitable[Asking | None]]


async def _open(s: FundScene) -> Asking:
    limit = int(s.body["limit_fen"])
    follows = [s.say(N_("一城一个专项基金，总额设立后不再改变。"))]
    return s.asking(s.say(N_("设立专项基金，总额 {n} 元"), n=yuan(limit)), (), follows, ("CSFA-5",))


async def _allot(s: FundScene) -> Asking | None:
    amount = int(s.body["amount_fen"])
    if not amount:
        return None
    view = await s.visit.ask(s.visit.ports.fund.view, s.visit.actor)
    stands = []
    if view.title:
        left = view.sums.limit_fen - view.sums.allotted_fen
        if amount > left:
            return None
        stands.append(s.moved(N_("基金尚未下达的指标"), left, -amount))
    money = await s.project(str(s.body["project"]))
    if money is not None:
        if money.sums.available_fen + amount < 0:
            return None
        stands.append(s.moved(N_("本项目可用指标"), money.sums.available_fen, amount))
    words = N_("调减指标 {n} 元") if amount < 0 else N_("下达指标 {n} 元")
    follows = [s.say(N_("另记一笔分录；已经记入的分录不改，要减少只能另行调减没有拨付的部分。"))]
    return s.asking(s.say(words, n=yuan(abs(amount))), stands, follows)


async def _contract(s: FundScene) -> Asking:
    payee = str(s.body["payee"])
    follows = [
        s.say(N_("本合同的付费申请合计不超过合同价款，收款单位为{payee}。"), payee=payee),
        s.say(N_("合同登记后不能改动。")),
    ]
    words = s.say(N_("登记合同，价款 {n} 元"), n=yuan(int(s.body["amount_fen"])))
    return s.asking(words, (), follows)


async def _use(s: FundScene) -> Asking | None:
    amount = int(s.body["amount_fen"])
    found = await s.contract(str(s.body["contract"]))
    stands = []
    if found is not None:
        if amount > found.sums.idle_fen:
            return None
        stands = [
            s.moved(N_("本合同已拨付未使用"), found.sums.idle_fen, -amount),
            s.moved(N_("本合同已使用"), found.sums.used_fen, amount),
        ]
    return s.asking(s.say(N_("登记使用资金 {n} 元"), n=yuan(amount)), stands)


async def _return(s: FundScene) -> Asking | None:
    found = await s.claim(f.RETURN)
    if found is None:
        return None
    one, claim = found
    words = s.say(N_("退回这项 {n} 元的付费申请"), n=yuan(one.amount_fen))
    follows = [s.say(N_("退回后申请即告终结，改正后另行申请。"))]
    return s.asking(words, (s.stage(claim, "returned"),), follows)


async def _pay(s: FundScene) -> Asking | None:
    found = await s.claim(f.PAY)
    if found is None:
        return None
    one, claim = found
    retained = f.retention_of(one.amount_fen, claim.contract.retention_bp)
    today = datetime.now(s.visit.zone).date()
    interest = f.late_interest(one.body, one.verdict, claim.contract.retention_bp, today)
    follows = [
        s.say(
            N_("收款单位：{payee}（{code}）"),
            payee=claim.contract.payee, code=claim.contract.payee_code,
        )
    ]  # fmt: skip
    if retained:
        follows.append(s.say(N_("预留质保金 {n} 元，以后返还"), n=yuan(retained)))
    if interest:
        follows.append(s.say(N_("另付逾期利息 {n} 元"), n=yuan(interest)))
    articles = (f.BY_EVIDENCE, *((f.LATE,) if interest else ()))
    stands = [s.stage(claim, "paid")]
    held = await s.contract(claim.contract.id)
    if held is not None:
        left = held.sums.allotted_fen or claim.contract.amount_fen
        left -= held.sums.paid_fen + held.sums.retained_fen
        stands.append(s.moved(N_("合同未付价款"), left, -one.amount_fen))
    money = await s.project(one.project)
    if money is not None:
        used = one.amount_fen + (interest or 0)
        stands.append(s.moved(N_("本项目可用指标"), money.sums.available_fen, -used))
    words = s.say(N_("向收款单位支付 {n} 元"), n=yuan(one.amount_fen - retained))
    return s.asking(words, stands, follows, articles)


async def _release(s: FundScene) -> Asking | None:
    found = await s.claim(f.RELEASE)
    if found is None:
        return None
    one, claim = found
    retained = f.retention_of(one.amount_fen, claim.contract.retention_bp)
    if not retained:
        return None
    stands = []
    held = await s.contract(claim.contract.id)
    if held is not None:
        stands = [
            s.moved(N_("本合同预留的质保金"), held.sums.retained_fen, -retained),
            s.moved(N_("本合同已拨付"), held.sums.paid_fen, retained),
        ]
    follows = [
        s.say(
            N_("收款单位：{payee}（{code}）"),
            payee=claim.contract.payee, code=claim.contract.payee_code,
        )
    ]  # fmt: skip
    return s.asking(s.say(N_("返还质保金 {n} 元"), n=yuan(retained)), stands, follows)


async def _reverse(s: FundScene) -> Asking | None:
    found = await s.claim(f.REVERSE)
    if found is None:
        return None
    one, claim = found
    paid_on = claim.steps[f.PAY].recorded_at.astimezone(s.visit.zone).date()
    bp = claim.contract.retention_bp
    back = one.amount_fen + (f.late_interest(one.body, one.verdict, bp, paid_on) or 0)
    stands = [s.stage(claim, "reversed")]
    money = await s.project(one.project)
    if money is not None:
        stands.append(s.moved(N_("本项目可用指标"), money.sums.available_fen, back))
    follows = [s.say(N_("另记一笔方向相反的分录，原来的分录不改；这项申请不能再支付。"))]
    words = s.say(N_("冲正这笔 {n} 元的付费"), n=yuan(one.amount_fen))
    return s.asking(words, stands, follows)


FINAL: Final[Mapping[str, Foretelling]] = MappingProxyType(
    {
        f.OPEN: _open,
        f.ALLOT: _allot,
        f.CONTRACT: _contract,
        f.USE: _use,
        f.RETURN: _return,
        f.PAY: _pay,
        f.RELEASE: _release,
        f.REVERSE: _reverse,
    }
)
"""Verb → what it brings about."""
