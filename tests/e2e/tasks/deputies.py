"""代理: one asks a colleague, the colleague accepts, acts in the other's name, and it is ended."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tests.e2e.office import Office, task
from tests.e2e.tasks.cases import act, done, filed, sure


@task("window_clerk")
def a_deputy_accepted_and_acted_in_the_name_of_a_colleague(office: Office) -> None:
    away = office.desk("chuangkou1")
    number = filed(away, office.named("北门面馆"))
    away.follow("代理")
    away.choose("代理人", "林窗口")
    away.choose("事由", "公务出差")
    away.fill("止日（含）", datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat())
    away.tick("综合窗口人员 · 市市场监管局", of="委托的角色")
    away.press("提出，待代理人接受")
    away.see("待代理人接受")

    deputy = office.desk("chuangkou2")
    deputy.follow("代理")
    deputy.follow("看预检并答复", beside="陈窗口")
    deputy.press("接受")
    deputy.see("代理中")
    deputy.press("以 陈窗口 的名义办理")
    act(deputy, number, "受理")
    sure(deputy, "受理并出具受理通知书")
    done(deputy)
    deputy.follow("时间线")
    deputy.see("林窗口 代 陈窗口")

    away.follow("代理")
    away.follow("看预检", beside="代理中")
    away.press("现在终止")
    away.see("提前终止")
    deputy.begin("/")
    deputy.press("知道了")
