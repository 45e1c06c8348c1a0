"""New clerks, who know nothing but what the pages say, take a case from window to close: refused at
the window, supplied and granted, refused in the end, withdrawn.

They come to a case from a list that the left-hand side names, never by a number that they remember,
and do only what stands under 可办操作, as the help of the case's page tells them.
"""

from __future__ import annotations

from tests.e2e.hands import Hands
from tests.e2e.office import Office, task
from tests.e2e.tasks.cases import PAPER, done, filed, now, sure

OFFERED = "可办操作"


def came_from_the_list(hands: Hands, number: str, stage: str = "新办件") -> None:
    hands.begin("/")
    hands.follow("全部办件")
    hands.choose("环节", stage)
    hands.press("筛选")
    with_long_pages(hands)
    hands.follow(number)


def with_long_pages(hands: Hands) -> None:
    """What the tasks before this one left behind may be more than a page of 25 lines."""
    if hands.can("button", "每页 100 行"):
        hands.press("每页 100 行")


def do_as_told(hands: Hands, verb: str) -> None:
    """Open an act that the page offers; the help of the page says where."""
    hands.unfold("本页说明")
    hands.see(f"右侧“{OFFERED}”是您现在能办的")
    if not hands.can("link", verb, OFFERED):
        hands.unfold("其他操作", OFFERED)
    hands.follow(verb, beside=OFFERED)


def came_from_work(hands: Hands, number: str) -> None:
    """Come to a case by what waits: in the team's queue nobody holds it, and 签收 makes it theirs.

    Who holds a task already, or whose office has no queue, finds it among their own.
    """
    hands.begin("/")
    hands.follow("团队队列")
    hands.unfold("本页说明")
    hands.see("团队队列里没人办的，点“签收”归您")
    with_long_pages(hands)
    if hands.can("button", "签收", number):
        hands.press("签收", beside=number)
        done(hands)
        return
    hands.follow("待办")
    hands.follow(number)


def is_over(hands: Hands, paper: str) -> None:
    """The case says that it has ended, and hands out the paper that says so."""
    hands.follow("文书")
    hands.see(paper)


@task("window_clerk")
def a_new_clerk_refused_an_application_with_reasons(office: Office) -> None:
    hands = office.desk("chuangkou2")
    number = filed(hands, office.named("不归本市的小馆"))
    came_from_the_list(hands, number)
    do_as_told(hands, "不予受理")
    office.proved(hands, "chuangkou2")
    hands.press("下一步：核对")
    hands.see("请填写“不予受理的理由”")
    hands.fill("不予受理的理由", "经营场所不在本市，应向所在地申请。")
    hands.fill("应向何处申请", "邻市市场监督管理局")
    sure(hands, "不予受理，并出具不予受理决定书")
    done(hands)
    is_over(hands, "不予受理决定书")


# --- to the end, by the mouse alone: tests/e2e/test_every_task.py runs each once -----------------


def accepted_at_the_window(office: Office, title: str) -> tuple[Hands, str]:
    hands = office.desk("chuangkou2")
    number = filed(hands, office.named(title))
    came_from_the_list(hands, number)
    do_as_told(hands, "受理")
    sure(hands, "受理并出具受理通知书")
    done(hands)
    return hands, number


def reviewed(office: Office, number: str, result: str, text: str) -> None:
    """The section's part: what the page asks for first (two inspectors at the place), then that."""
    clerk = office.desk("shichang1")
    came_from_work(clerk, number)
    do_as_told(clerk, "现场核查笔录")
    clerk.fill("核查人员", "褚市监\n卫市监")
    clerk.fill("核查地点", "学府路8号")
    clerk.fill("核查时间", now())
    clerk.fill("核查情况", "已到现场，逐项核对。")
    clerk.press("提交核查笔录")
    done(clerk)
    do_as_told(clerk, "填写审查意见")
    clerk.tick(result, of="审查结论")
    clerk.fill("审查意见", text)
    sure(clerk, f"提交审查意见：{result}")
    done(clerk)


def decided(office: Office, number: str, ruling: str, words: dict[str, str], outcome: str) -> None:
    chief = office.desk("shichangju")
    came_from_work(chief, number)
    do_as_told(chief, "作出决定")
    office.proved(chief, "shichangju")
    chief.tick(ruling, of="决定")
    for label, text in words.items():
        chief.fill(label, text)
    chief.press("下一步：核对")
    office.proved(chief, "shichangju")
    sure(chief, outcome)
    done(chief)


def served(office: Office, number: str, *, certificate: bool) -> None:
    desk = office.desk("shichangzheng")
    came_from_work(desk, number)
    if certificate:
        do_as_told(desk, "制证")
        office.proved(desk, "shichangzheng")
        desk.press("下一步：核对")
        office.proved(desk, "shichangzheng")
        sure(desk, "登记制证")
        done(desk)
    do_as_told(desk, "送达")
    desk.fill("收件人", "王小明")
    sure(desk, "登记送达，并出具送达回证")
    done(desk)


def closed(office: Office, number: str) -> Hands:
    window = office.desk("chuangkou2")
    came_from_work(window, number)
    do_as_told(window, "办结")
    sure(window, "办结归档")
    done(window)
    return window


def supplied_granted_and_closed(office: Office) -> None:
    hands = office.desk("chuangkou2")
    number = filed(hands, office.named("新人的小馆"))
    came_from_the_list(hands, number)
    do_as_told(hands, "一次性告知补正")
    hands.tick("从业人员健康证明", of="需要补正的全部内容")
    hands.fill("要求与理由：从业人员健康证明", "缺一名厨师的")
    sure(hands, "出具一次性补正告知书")
    done(hands)
    came_from_the_list(hands, number, "待补正")
    do_as_told(hands, "补交材料")
    hands.fill("从业人员健康证明 复印件", "1")
    hands.upload("从业人员健康证明 电子文件", PAPER)
    hands.press("收下补正内容")
    done(hands)
    do_as_told(hands, "受理")
    sure(hands, "受理并出具受理通知书")
    done(hands)
    reviewed(office, number, "同意", "符合规定，同意。")
    until = {"有效期至": "2031-12-31"}
    decided(office, number, "准予", until, "准予许可并颁发《食品经营许可证》")
    served(office, number, certificate=True)
    is_over(closed(office, number), "送达回证")


def refused_in_the_end(office: Office) -> None:
    _, number = accepted_at_the_window(office, "不合规定的小馆")
    reviewed(office, number, "不同意", "操作间与厕所相邻，不符合规定。")
    why = {"理由": "场所布局不符合规定。"}
    decided(office, number, "不予", why, "不予许可")
    served(office, number, certificate=False)
    is_over(closed(office, number), "不予行政许可决定书")


def withdrawn(office: Office) -> None:
    hands, _ = accepted_at_the_window(office, "不办了的小馆")
    do_as_told(hands, "撤回申请")
    hands.fill("撤回理由", "另选地址。")
    sure(hands, "撤回申请")
    done(hands)
    hands.see("已撤回")


ENDINGS = (supplied_granted_and_closed, refused_in_the_end, withdrawn)
