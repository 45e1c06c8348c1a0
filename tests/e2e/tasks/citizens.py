"""What somebody does who is no clerk: apply, look up, take a receipt."""

from __future__ import annotations

from tests.e2e.office import Office, task
from tests.e2e.tasks.cases import PAPER, filed


@task("citizen")
def a_citizen_applied_on_line_and_saw_what_comes_next(office: Office) -> None:
    who = {"mouse": "wangshimin", "keyboard": "lishimin", "without scripts": "wangshimin"}
    hands = office.citizen(who[office.way])
    hands.follow("申请新的事项")
    hands.follow("政府信息公开申请")
    hands.follow("在线提交")
    hands.press("提交申请")
    hands.see("有问题需要更正")
    hands.tick("公民", of="申请人类别")
    hands.fill("姓名或名称", "王世敏", beside="申请内容")
    hands.fill("身份证号码或统一社会信用代码", "110105199003071234", beside="申请内容")
    hands.fill("联系电话", "13900000001", beside="申请内容")
    hands.fill("所需政府信息的名称、文号或特征描述", office.named("2026年度绿道建设计划"))
    hands.tick("电子文件", of="提供形式")
    hands.choose("获取方式", "网上获取")
    hands.upload("政府信息公开申请表", PAPER)
    hands.upload("身份证明", PAPER)
    hands.press("提交申请")
    hands.see("办件编号")


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
