"""What window, sections, heads and desk do to a case, from filing to rating."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from playwright.sync_api import FilePayload

from tests.e2e.hands import Hands
from tests.e2e.office import Office, task

PAPER: FilePayload = {
    "name": "申请书.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 application",
}  # fmt: skip


def now() -> str:
    return datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%dT%H:%M:%S")


def act(hands: Hands, number: str, verb: str) -> None:
    """Come to the form of an act as a clerk does: by the number, then by the act's name."""
    find(hands, number)
    if not hands.can("link", verb):
        hands.unfold("其他操作")
    hands.follow(verb)


def find(hands: Hands, number: str) -> None:
    """Come to a case by its number, from the bar at the top."""
    hands.search(number)
    if not hands.can("link", "时间线"):
        hands.follow(number)


def sure(hands: Hands, outcome: str) -> None:
    """Go on from the form, where there is one, read what follows, and press what it brings about.

    The page has the focus on that button: whoever uses keys only presses Enter.
    """
    if hands.can("button", "下一步：核对"):
        hands.press("下一步：核对")
    hands.see("提交以后")
    hands.press(outcome)


def done(hands: Hands) -> None:
    """Make sure that the page says that it is done."""
    hands.see("已完成")


def filed(hands: Hands, shop: str) -> str:
    """收件 of a food shop at the window; return its number."""
    hands.follow("收件登记")
    hands.follow("食品经营许可")
    hands.choose("类型", "企业法人")
    hands.fill("姓名或名称", shop)
    hands.fill("证件号码", "91990100MA0000001X")
    hands.fill("联系电话", "13900000001", beside="申请人")
    for label, text in (
        ("经营者名称", shop), ("统一社会信用代码", "91990100MA0000001X"),
        ("法定代表人（负责人）", "王小明"),
        ("法定代表人（负责人）身份证号码", "110105199003071234"),
        ("经营场所", "云川市云溪区学府路8号"), ("经营场所面积（平方米）", "86"),
    ):  # fmt: skip
        hands.fill(label, text, beside="申请内容")
    hands.fill("联系电话", "13900000001", beside="申请内容")
    hands.tick("餐饮服务经营者", of="主体业态")
    hands.tick("热食类食品制售", of="经营项目")
    for paper, kind in (
        ("食品经营许可申请书", "原件"), ("食品安全自查、从业人员健康管理等规章制度", "复印件"),
        ("与食品经营相适应的主要设备设施布局、操作流程文件", "原件"),
        ("从业人员健康证明", "复印件"), ("食品安全管理人员培训考核证明", "复印件"),
    ):  # fmt: skip
        hands.fill(f"{paper} {kind}", "1")
    hands.upload("食品经营许可申请书 电子文件", PAPER)
    hands.press("收件并出具收件凭证")
    done(hands)
    return hands.read(r"([A-Z]+\d{13})")


def accepted(office: Office, shop: str) -> str:
    """收件 and 受理 of a food shop; return the case's number."""
    hands = office.desk("chuangkou1")
    number = filed(hands, office.named(shop))
    hands.follow("受理")
    sure(hands, "受理并出具受理通知书")
    done(hands)
    return number


def claimed(office: Office, login: str, number: str) -> Hands:
    """Take a case out of the team's queue; return the desk of whoever did."""
    clerk = office.desk(login)
    clerk.follow("团队队列")
    clerk.press("签收", beside=number)
    done(clerk)
    return clerk


def agreed(clerk: Hands, number: str, text: str) -> None:
    act(clerk, number, "填写审查意见")
    clerk.tick("同意", of="审查结论")
    clerk.fill("审查意见", text)
    sure(clerk, "提交审查意见：同意")
    done(clerk)


def granted(
    office: Office, number: str, *, head: str, desk: str, outcome: str, until: str = ""
) -> Hands:
    """Decide in favour, and make the certificate; return the desk that made it."""
    chief = office.desk(head)
    act(chief, number, "作出决定")
    office.proved(chief, head)
    chief.tick("准予", of="决定")
    if until:
        chief.fill("有效期至", until)
    chief.press("下一步：核对")
    office.proved(chief, head)
    sure(chief, outcome)
    done(chief)
    maker = office.desk(desk)
    act(maker, number, "制证")
    office.proved(maker, desk)
    maker.press("下一步：核对")
    office.proved(maker, desk)
    sure(maker, "登记制证")
    done(maker)
    return maker


@task("window_clerk")
def a_case_was_filed_told_what_it_lacks_supplied_and_accepted(office: Office) -> None:
    hands = office.desk("chuangkou1")
    number = filed(hands, office.named("云溪小馆"))
    hands.follow("一次性告知补正")
    hands.tick("食品经营许可申请书", of="需要补正的全部内容")
    hands.fill("要求与理由：食品经营许可申请书", "缺经营者签名")
    sure(hands, "出具一次性补正告知书")
    done(hands)
    hands.see("补正告知书")
    act(hands, number, "补交材料")
    hands.fill("食品经营许可申请书 原件", "1")
    hands.press("收下补正内容")
    done(hands)
    act(hands, number, "受理")
    sure(hands, "受理并出具受理通知书")
    done(hands)
    hands.see("受理通知书")


@task("section_clerk", "organ_head", "certificate_desk", "window_clerk")
def a_case_was_reviewed_decided_served_closed_and_rated(office: Office) -> None:
    number = accepted(office, "滨江饭庄")
    clerk = claimed(office, "shichang1", number)
    act(clerk, number, "现场核查笔录")
    clerk.fill("核查人员", "褚市监\n卫市监")
    clerk.fill("核查地点", "学府路8号")
    if office.way == "keyboard":
        # By keys a moment has no seconds, and the minute it begins with was before the filing.
        clerk.page.wait_for_timeout(1000 * (61 - datetime.now(UTC).second))
    clerk.fill("核查时间", now())
    clerk.fill("核查情况", "现场与申报材料一致。")
    clerk.press("提交核查笔录")
    done(clerk)
    agreed(clerk, number, "符合规定，同意。")
    desk = granted(
        office, number, head="shichangju", desk="shichangzheng", until="2031-12-31",
        outcome="准予许可并颁发《食品经营许可证》",
    )  # fmt: skip
    act(desk, number, "送达")
    desk.fill("收件人", "王小明")
    sure(desk, "登记送达，并出具送达回证")
    done(desk)
    window = office.desk("chuangkou2")
    act(window, number, "办结")
    sure(window, "办结归档")
    done(window)
    act(window, number, "好差评")
    window.tick("非常满意", of="评价")
    sure(window, "提交评价")
    done(window)
    window.follow("文书")
    assert window.download("下载 送达回证").startswith(b"%PDF-")
    window.see("归档")


def site_filed(hands: Hands, project: str) -> str:
    """收件 of a construction permit, which four departments review; return its number."""
    hands.follow("收件登记")
    hands.follow("建筑工程施工许可")
    hands.choose("类型", "企业法人")
    hands.fill("姓名或名称", "云川建设有限公司")
    hands.fill("证件号码", "91990100MA0000001X")
    hands.fill("联系电话", "13900000001", beside="申请人")
    for label, text in (
        ("工程名称", project), ("投资项目代码", "2026-990100-83-01-000123"),
        ("建设单位", "云川建设有限公司"), ("建设单位统一社会信用代码", "91990100MA0000001X"),
        ("联系人", "王小明"), ("联系电话", "13900000001"), ("建设地点", "云川市云溪区学府路8号"),
        ("建筑高度（米）", "23.5"), ("建筑面积（平方米）", "8600"), ("合同价格（万元）", "4200"),
    ):  # fmt: skip
        hands.fill(label, text, beside="申请内容")
    hands.choose("建筑用途", "公共")
    for paper, kind in (
        ("建筑工程施工许可申请表", "原件"), ("建筑工程用地批准手续", "复印件"),
        ("建设工程规划许可证", "复印件"), ("施工合同及中标通知书（或直接发包手续）", "复印件"),
        ("施工图设计文件审查合格书", "复印件"), ("保证工程质量和安全的具体措施", "原件"),
        ("消防设计文件", "原件"), ("建设资金已经落实承诺书", "原件"),
        ("工伤保险参保证明", "复印件"),
    ):  # fmt: skip
        hands.fill(f"{paper} {kind}", "1")
    hands.press("收件并出具收件凭证")
    done(hands)
    return hands.read(r"([A-Z]+\d{13})")


@task("government_head", "window_clerk")
def an_extension_was_approved_by_the_head_of_government(office: Office) -> None:
    window = office.desk("chuangkou1")
    number = site_filed(window, office.named("云溪小学教学楼"))
    window.follow("受理")
    sure(window, "受理并出具受理通知书")
    done(window)
    head = office.desk("shizhang")
    act(head, number, "延期")
    head.fill("延期理由", "专家对深基坑方案意见分歧，须再次论证。")
    head.press("下一步：核对")
    office.proved(head, "shizhang")
    sure(head, "批准延期一次，并出具延期决定通知书")
    done(head)
    head.see("延期决定通知书")
