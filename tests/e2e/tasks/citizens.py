"""What somebody does who is no clerk: apply, supply, collect, rate, withdraw, look up, take a
receipt."""

from __future__ import annotations

from tests.e2e.hands import Hands
from tests.e2e.office import Office, task
from tests.e2e.tasks.cases import (
    PAPER,
    act,
    agreed,
    claimed,
    done,
    filed,
    find,
    granted,
    sure,
)

WHO = {"mouse": "wangshimin", "keyboard": "lishimin", "without scripts": "wangshimin"}


def applied(hands: Hands, wanted: str, *, served_on_line: bool = False) -> str:
    """Apply for a piece of government information; return the case's number."""
    hands.follow("申请新的事项")
    hands.follow("政府信息公开申请")
    hands.follow("在线提交")
    hands.press("提交申请")
    hands.see("有问题需要更正")
    hands.tick("公民", of="申请人类别")
    hands.fill("姓名或名称", "王世敏", beside="申请内容")
    hands.fill("身份证号码或统一社会信用代码", "110105199003071234", beside="申请内容")
    hands.fill("联系电话", "13900000001", beside="申请内容")
    hands.fill("所需政府信息的名称、文号或特征描述", wanted)
    hands.tick("电子文件", of="提供形式")
    hands.choose("获取方式", "网上获取")
    hands.upload("政府信息公开申请表", PAPER)
    hands.upload("身份证明", PAPER)
    if served_on_line:
        hands.tick("同意电子送达")
    hands.press("提交申请")
    hands.see("申请已经提交")
    return hands.read(r"办件编号\s+([A-Z]+\d{13})")


def own(hands: Hands, number: str) -> None:
    """Come to one's own case by the list of one's own."""
    hands.begin("/mine")
    hands.follow("政府信息公开申请", beside=number)


def received(window: Hands, number: str) -> None:
    """Confirm the receipt with the applicant, where the matter counts from the day both confirm."""
    find(window, number)
    if window.can("link", "确认收到"):
        window.follow("确认收到")
        sure(window, "确认收到")
        done(window)


@task("citizen", "section_clerk", "section_head", "organ_head", "certificate_desk")
def a_citizen_applied_supplied_collected_the_answer_rated_and_had_it_again(office: Office) -> None:
    hands = office.citizen(WHO[office.way])
    number = applied(hands, office.named("2026年度绿道建设计划"), served_on_line=True)
    window = office.desk("chuangkou1")
    received(window, number)
    act(window, number, "一次性告知补正")
    window.tick("身份证明", of="需要补正的全部内容")
    window.fill("要求与理由：身份证明", "复印件不清晰")
    sure(window, "出具一次性补正告知书")
    done(window)

    own(hands, number)
    hands.see("复印件不清晰", beside="需要您补正")
    hands.press("提交补正")
    hands.see("请至少上传一份需要补正的材料")
    hands.upload("身份证明", PAPER)
    hands.press("提交补正")
    hands.see("补正的材料已经提交")

    act(window, number, "受理")
    sure(window, "受理并出具受理通知书")
    done(window)
    agreed(claimed(office, "gongkai1", number), number, "可以公开。")
    granted(office, number, head="gongkaiju", desk="gongkaizheng", outcome="准予许可")
    collected(hands, number, "申请复议、提起诉讼的期限从现在起算")
    act(window, number, "办结")
    sure(window, "办结归档")
    done(window)
    own(hands, number)
    hands.tick("非常满意", of="您对这次办理是否满意")
    hands.fill("还想说的", "很快")
    hands.press("提交评价")
    hands.press("提交评价（只能评价一次）")
    hands.see("您的评价已经收到")
    lost_and_had_again(office, hands, number)


def collected(hands: Hands, number: str, told: str) -> None:
    """Collect on line what waits, which is its service; the page before says what that means."""
    own(hands, number)
    hands.press("领取文书，视为送达")
    hands.see(told)
    hands.press("领取文书，视为送达")
    hands.see("您已经领取文书")
    assert hands.download("送达回证").startswith(b"%PDF-")


def lost_and_had_again(office: Office, hands: Hands, number: str) -> None:
    """补发 of the decision of an archived case: the desk finds it in its queue, and serves it; or
    the applicant is faster and collects it."""
    head = office.desk("gongkaike")
    act(head, number, "更正重发、补发文书")
    office.proved(head, "gongkaike")
    head.choose("要重新出具的文书", "准予行政许可决定书")
    head.tick("遗失补发", of="事由")
    head.fill("情况说明", "申请人声明遗失。")
    head.press("下一步：核对")
    office.proved(head, "gongkaike")
    sure(head, "作废，重新出具第 2 版")
    done(head)
    desk = office.desk("gongkaizheng")
    desk.follow("团队队列")
    desk.see("再次送达")
    if office.way == "mouse":
        claimed(office, "gongkaizheng", number)
        act(desk, number, "再次送达")
        desk.fill("收件人", "王世敏")
        sure(desk, "登记重新出具的文书送达")
        done(desk)
    else:
        collected(hands, number, "不因更正、补发自动重新计算")
    office.desk("gongkaizheng").see_not(number)
    own(hands, number)
    hands.see("第 2 版")
    hands.see("作废", beside="已由")
    hands.see_not("等您领取")


@task("citizen")
def a_citizen_applied_and_withdrew(office: Office) -> None:
    hands = office.citizen(WHO[office.way])
    number = applied(hands, office.named("旧城改造招标文件"))
    hands.follow("撤回申请")
    hands.follow("不撤回，返回")
    hands.follow("撤回申请")
    hands.fill("撤回的原因", "已从网站下载")
    hands.press("撤回申请，终止办理")
    hands.see("申请已经撤回")
    assert not hands.can("link", "撤回申请")
    hands.begin("/mine")
    hands.see("撤回", beside=number)


@task()
def a_stranger_looked_up_a_case_and_took_its_receipt(office: Office) -> None:
    clerk = office.desk("chuangkou1")
    number = filed(clerk, office.named("查进度的小馆"))
    code = clerk.read(r"查询码\s*(\S+)")
    hands = office.stranger()
    hands.follow("办件进度查询")
    hands.fill("办件编号", number)
    hands.fill("查询码", code)
    hands.press("查询")
    hands.see("新办件")
    assert hands.download("下载回执文件")
    hands.follow("文书真伪查验")
    hands.see("验证码")
