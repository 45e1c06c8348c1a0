"""A payment: refused, mended, released by three people, and seen on the dashboard."""

from __future__ import annotations

from tests.e2e.hands import Hands
from tests.e2e.office import Office, task
from tests.e2e.tasks.projects import came_to, did, established, proved, today

PAYEE = "云川建设有限公司"
LEFT_OUT = ("项目建议书", "可行性研究报告", "招标", "竣工验收", "竣工决算", "交付使用")
DESIGN, CONTRACT = "初步设计和概算核定", "签订合同"


def funded(office: Office, title: str) -> None:
    """设立 the fund, where there is none yet; 下达 an allotment; 登记 the contract."""
    money = office.desk("caizheng1")
    money.follow("专项基金")
    if money.can("link", "设立专项基金"):
        money.follow("设立专项基金")
        office.proved(money, "caizheng1")
        money.fill("名称", "云川市智慧城市专项基金")
        money.fill("总额", "500,000,000")
        money.press("设立专项基金")
        money.see("总额设立后不再改变")
        money.press("设立专项基金，总额 500,000,000.00 元")
    money.follow("下达、调减指标")
    money.choose("项目", title)
    money.choose("实施机构", "市专项办")
    money.fill("金额", "800000")
    money.fill("指标文号", office.named("云财指〔2026〕1号"))
    money.press("下达、调减指标")
    money.press("下达指标 800,000.00 元")
    clerk = office.desk("xiangmu1")
    clerk.follow("专项基金")
    clerk.follow("登记合同")
    clerk.choose("项目", title)
    clerk.fill("合同编号", office.named("云合〔2026〕1号"))
    clerk.fill("合同名称", f"{title}总承包")
    clerk.fill("收款单位", PAYEE)
    clerk.fill("统一社会信用代码", "91440300708461136T")
    clerk.fill("金额", "600000")
    clerk.fill("质保金比例", "3")
    clerk.fill("签订日", today())
    clerk.press("登记合同")
    clerk.press("登记合同，价款 600,000.00 元")


def asked(clerk: Hands, title: str) -> None:
    """Open the form of a payment from its contract, and send it."""
    clerk.begin("/")
    clerk.follow("付费申请")
    clerk.follow("提出付费申请")
    clerk.follow(title)
    clerk.choose("里程碑", CONTRACT)
    clerk.fill("申请金额", "100000")
    clerk.fill("用途", "合同预付款")
    clerk.press("提交，由规则裁定")


@task("project_clerk", "project_lead", "gate_approver", "payment_reviewer", "treasurer", "leader")
def a_refused_payment_was_mended_released_by_three_people_and_seen_by_the_leader(
    office: Office,
) -> None:
    title = office.named("滨江路灯杆改造")
    clerk = office.desk("xiangmu1")
    established(clerk, title, "政府投资项目", LEFT_OUT)
    funded(office, title)

    # too early: refused with the reason and its article; nothing of it is kept
    asked(clerk, title)
    clerk.see("里程碑「签订合同」尚未完成，不得付费（")
    clerk.follow("付费申请")
    clerk.see_not(title)

    # mended: the design's gate by two people, then the contract with its paper
    came_to(clerk, title)
    proved(clerk, DESIGN)
    for login in ("fagai1", "fagai2"):
        hands = office.desk(login)
        came_to(hands, title)
        did(hands, "关口通过", {"意见": "同意"}, of=DESIGN, sure=login == "fagai2")
    came_to(clerk, title)
    did(clerk, "完成里程碑", of=DESIGN, sure=True)
    proved(clerk, CONTRACT)
    did(clerk, "完成里程碑", of=CONTRACT, sure=True)
    assert clerk.download("合同", beside=CONTRACT).startswith(b"%PDF-")
    lead = office.desk("xiangmufz")
    came_to(lead, title)
    lead.follow("登记风险")
    lead.fill("风险", "地下管线不明")
    lead.tick("高", of="级别")
    lead.press("登记风险")
    lead.see("地下管线不明")

    # asked again, reviewed and paid: three people
    asked(clerk, title)
    clerk.see(CONTRACT)
    assert not clerk.can("link", "审核付费申请")
    for login, words, label, text in (
        ("caizheng1", "审核付费申请", "审核意见", "佐证齐全，同意"),
        ("guoku1", "国库支付", "国库支付凭证号", office.named("国库-1")),
    ):
        hands = office.desk(login)
        hands.follow("付费申请")
        hands.follow("FK", beside=title)
        hands.follow(words)
        office.proved(hands, login)
        hands.fill(label, text)
        hands.press(words)
    hands.see("预留质保金 3,000.00 元")
    hands.press("向收款单位支付 97,000.00 元")
    hands.see("已支付")

    # the leader sees it, and what lies behind
    leader = office.desk("lingdao1")
    leader.follow("领导小组一览")
    leader.see("地下管线不明", beside=title)
    leader.follow("全部项目")
    leader.see("97,000.00 / 800,000.00", beside=title)  # less the retention of 3 %
    leader.follow("云项", beside=title)
    assert leader.heading() == title
