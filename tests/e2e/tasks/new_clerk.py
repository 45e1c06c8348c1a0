"""A new clerk, who knows nothing but what the pages say, refuses an application that is not theirs.

They come to a case from a list that the left-hand side names, never by a number that they remember,
and do only what stands under 可办操作, as the help of the case's page tells them.
"""

from __future__ import annotations

from tests.e2e.hands import Hands
from tests.e2e.office import Office, task
from tests.e2e.tasks.cases import done, filed, sure

OFFERED = "可办操作"


def came_from_the_list(hands: Hands, number: str) -> None:
    hands.begin("/")
    hands.follow("全部办件")
    hands.choose("环节", "新办件")
    hands.press("筛选")
    hands.follow(number)


def do_as_told(hands: Hands, verb: str) -> None:
    """Open an act that the page offers; the help of the page says where."""
    hands.unfold("本页说明")
    hands.see(f"右侧“{OFFERED}”是您现在能办的")
    if not hands.can("link", verb, OFFERED):
        hands.unfold("其他操作", OFFERED)
    hands.follow(verb, beside=OFFERED)


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
