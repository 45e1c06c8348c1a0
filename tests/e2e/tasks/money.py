"""A project from its template to the money that three people release, and onto the dashboard."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.sync_api import FilePayload

from tests.e2e.hands import Hands
from tests.e2e.office import Office, task

PAPER: FilePayload = {
    "name": "批复.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 paper",
}  # fmt: skip
PAYEE = "云川建设有限公司"
LEFT_OUT = ("项目建议书", "可行性研究报告", "招标", "竣工验收", "竣工决算", "交付使用")


def came_to(hands: Hands, title: str) -> None:
    hands.begin("/")
    hands.follow("项目")
    hands.follow(title)


def proved(hands: Hands, title: str, milestone: str) -> None:
    """Upload the paper that the milestone still lacks."""
    came_to(hands, title)
    hands.follow("提交佐证", beside=milestone)
    hands.upload("文件", PAPER)
    hands.press("提交佐证")


def established(office: Office, title: str) -> None:
    clerk = office.desk("xiangmu1")
    clerk.follow("项目")
    clerk.follow("立项")
    clerk.follow("政府投资项目")
    clerk.fill("项目名称", title)
    clerk.fill("行业", "城市照明")
    clerk.fill("可行性研究投资估算", "900000")
    for step in LEFT_OUT:
        clerk.tick(step, of="本项目没有的步骤")
    clerk.press("立项")
    clerk.see("初步设计和概算核定")


def funded(office: Office, title: str) -> None:
    money = office.desk("caizheng1")
    money.follow("专项基金")
    if money.can("link", "设立专项基金"):
        money.follow("设立专项基金")
        money.fill("名称", "云川市智慧城市专项基金")
        money.fill("总额", "500,000,000")
        money.press("设立专项基金")
    money.follow("下达、调减指标")
    money.choose("项目", title)
    money.choose("实施机构", "市专项办")
    money.fill("金额", "800000")
    money.fill("指标文号", f"云财指〔2026〕{len(office.way)}号")
    money.press("下达、调减指标")
    clerk = office.desk("xiangmu1")
    clerk.follow("专项基金")
    clerk.follow("登记合同")
    clerk.choose("项目", title)
    clerk.fill("合同编号", f"云合〔2026〕{len(office.way)}号")
    clerk.fill("合同名称", f"{title}总承包")
    clerk.fill("收款单位", PAYEE)
    clerk.fill("统一社会信用代码", "91440300708461136T")
    clerk.fill("金额", "600000")
    clerk.fill("质保金比例", "3")
    clerk.fill("签订日", datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat())
    clerk.press("登记合同")


@task(
    "project_clerk", "project_lead", "gate_approver", "payment_reviewer", "treasurer", "leader",
)  # fmt: skip
def a_payment_was_refused_mended_and_released_by_three_people(office: Office) -> None:
    title = office.named("滨江路灯杆改造")
    established(office, title)
    funded(office, title)
    clerk = office.desk("xiangmu1")
    asked(clerk, title, refused=True)

    proved(clerk, title, "初步设计和概算核定")
    for login in ("fagai1", "fagai2"):
        hands = office.desk(login)
        came_to(hands, title)
        hands.follow("关口通过", beside="初步设计和概算核定")
        hands.fill("意见", "同意")
        hands.press("关口通过")
    came_to(clerk, title)
    clerk.follow("完成里程碑", beside="初步设计和概算核定")
    clerk.press("完成里程碑")
    proved(clerk, title, "签订合同")
    came_to(clerk, title)
    clerk.follow("完成里程碑", beside="签订合同")
    clerk.press("完成里程碑")
    lead = office.desk("xiangmufz")
    came_to(lead, title)
    lead.follow("登记风险")
    lead.fill("风险", "管线不明")
    lead.press("登记风险")
    lead.see("管线不明")

    asked(clerk, title)
    for login, words, label, text in (
        ("caizheng1", "审核付费申请", "审核意见", "佐证齐全，同意"),
        ("guoku1", "国库支付", "国库支付凭证号", "国库-2026-1"),
    ):
        hands = office.desk(login)
        hands.follow("付费申请")
        hands.follow("FF", beside=title)
        hands.follow(words)
        hands.fill(label, text)
        hands.press(words)
        office.proved(hands, login)
    hands.see("已支付")
    leader = office.desk("lingdao1")
    leader.follow("领导小组一览")
    leader.follow("全部项目")
    leader.see("97,000.00 / 800,000.00", beside=title)
    leader.follow(title)


def asked(clerk: Hands, title: str, *, refused: bool = False) -> None:
    clerk.begin("/")
    clerk.follow("付费申请")
    clerk.follow("提出付费申请")
    clerk.follow(title)
    clerk.choose("里程碑", "签订合同")
    clerk.fill("申请金额", "100000")
    clerk.fill("用途", "合同预付款")
    clerk.press("提交，由规则裁定")
    if refused:
        clerk.see("里程碑「签订合同」尚未完成，不得付费")
    else:
        clerk.see("签订合同")
