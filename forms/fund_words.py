"""Words of the fund on pages: orders, accounts, stages of a payment; where each order is given."""

from __future__ import annotations

from collections.abc import Mapping

from cases import fund as f
from forms.words import N_

TITLES: Mapping[str, str] = {
    f.OPEN: N_("设立专项基金"),
    f.ALLOT: N_("下达、调减指标"),
    f.CONTRACT: N_("登记合同"),
    f.USE: N_("登记资金使用"),
    f.REVIEW: N_("审核付费申请"),
    f.RETURN: N_("退回付费申请"),
    f.PAY: N_("国库支付"),
    f.RELEASE: N_("返还质保金"),
    f.REVERSE: N_("冲正付费"),
}
PATHS: Mapping[str, str] = {
    f.OPEN: "/fund/open",
    f.ALLOT: "/fund/allotments/new",
    f.CONTRACT: "/fund/contracts/new",
    f.USE: "/fund/uses/new",
    f.REVIEW: "/payments/{payment}/review",
    f.RETURN: "/payments/{payment}/return",
    f.PAY: "/payments/{payment}/pay",
    f.RELEASE: "/payments/{payment}/release",
    f.REVERSE: "/payments/{payment}/reverse",
}
SAID: Mapping[str, str] = {
    f.OPEN: N_("一城一个专项基金，总额设立后不再改变。"),
    f.ALLOT: N_("指标合计不超过基金总额；已经拨付的不能调减。"),
    f.CONTRACT: N_("付费申请写明合同后，方可审核和支付。"),
    f.USE: N_("使用合计不超过已经拨付的。"),
    f.REVIEW: N_("审核人不得是申请人；通过后由第三个人支付。"),
    f.RETURN: N_("退回后申请即告终结，改正后另行申请。"),
    f.PAY: N_("支付人不得是申请人、审核人；数额由合同、规则和期限算出，不能改动。"),
    f.RELEASE: N_("把这笔付费预留的质保金全部返还。"),
    f.REVERSE: N_("另记一笔方向相反的分录，原来的分录不改；冲正人不得是支付人。"),
}
ACCOUNT_WORDS: Mapping[f.Account, str] = {
    "granted": N_("指标来源"),
    "available": N_("可用指标"),
    "retained": N_("质保金"),
    "advanced": N_("已拨付未使用"),
    "used": N_("已使用"),
    "interest": N_("逾期利息"),
}
KIND_WORDS = {
    f.ALLOT: N_("下达指标"),
    f.USE: N_("使用"),
    f.PAY: N_("支付"),
    f.RELEASE: N_("返还质保金"),
    f.REVERSE: N_("冲正"),
}
STAGE_WORDS = {
    "requested": N_("已申请"),
    "reviewed": N_("已审核"),
    "returned": N_("已退回"),
    "paid": N_("已支付"),
    "reversed": N_("已冲正"),
}
TURNS: Mapping[str, tuple[str, ...]] = {
    "requested": (f.REVIEW, f.RETURN),
    "reviewed": (f.PAY, f.RETURN),
    "paid": (f.RELEASE, f.REVERSE),
    "returned": (),
    "reversed": (),
}
"""Stage → the steps that are in turn."""
