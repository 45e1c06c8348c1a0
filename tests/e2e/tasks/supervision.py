"""Electronic supervision: from the board to a case, a card, its explanation, its review."""

from __future__ import annotations

from tests.e2e.office import Office, task
from tests.e2e.tasks.cases import accepted, act, done, sure


@task("supervisor", "section_head")
def a_card_was_issued_explained_reviewed_and_another_revoked(office: Office) -> None:
    number = accepted(office, "渡口烧烤")
    watcher = office.desk("jiancha")
    watcher.follow("监察看板")
    watcher.follow("件在办")
    watcher.see(number)
    act(watcher, number, "催办")
    watcher.fill("催办内容", "请按时办理。")
    watcher.press("发送催办")
    done(watcher)
    act(watcher, number, "发监察牌")
    watcher.tick("体制外办理", of="事由")
    watcher.fill("监察情况", "现场检查发现申请材料先在线下流转。")
    sure(watcher, "发出监察牌")
    done(watcher)

    head = office.desk("shichangke")
    act(head, number, "书面说明")
    head.fill("原因", "经办人员操作不熟。")
    head.fill("整改措施", "已培训，材料当日录入。")
    sure(head, "提交书面说明")
    done(head)

    act(watcher, number, "审核说明")
    watcher.tick("采纳", of="审核结果")
    sure(watcher, "提交审核结果")
    done(watcher)
    other = office.desk("jiancha2")
    act(other, number, "撤销监察牌")
    other.fill("撤销理由", "经复核，材料系误附。")
    sure(other, "撤销这张监察牌")
    done(other)
    other.follow("监察 (1)")
    other.see("已撤销")
