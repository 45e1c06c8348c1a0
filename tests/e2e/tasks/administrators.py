"""The administrators: one makes an account, two give it its rights, one looks into the log."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tests.e2e.office import Office, task
from tests.e2e.tasks.cases import filed

LOGINS = {"mouse": "newhand1", "keyboard": "newhand2", "without scripts": "newhand3"}


@task("sysadmin", "secadmin", "window_clerk")
def an_account_was_made_given_rights_by_two_and_enrolled(office: Office) -> None:
    login, name = LOGINS[office.way], office.named("新员")
    system = office.desk("sysadmin")
    system.follow("账号管理")
    system.fill("登录名", login)
    system.fill("姓名", name)
    system.choose("部门", "综合窗口")
    system.press("新建并生成一次性注册码")
    office.proved(system, "sysadmin")
    code = system.read(r"只显示这一次：\s*(\S+)")

    first = office.desk("secadmin")
    first.follow("账号")
    first.follow(login)
    first.choose("增加角色 1", "综合窗口人员")
    first.choose("任职部门 1", "全部部门")
    first.choose("许可级别", "2 级")
    first.fill("理由", "任职文件：窗口调岗。")
    first.press("提出，交另一名安全管理员批准")
    office.proved(first, "secadmin")
    first.see("待批准的变更")
    second = office.desk("secadmin2")
    second.follow("权限变更")
    second.press("批准", beside=name)
    office.proved(second, "secadmin2")
    second.see("已批准", beside=name)

    fresh = office.stranger()
    office.enrol(fresh, login, code)
    office.desks[login] = office.desks.pop("")
    fresh.begin("/")
    filed(fresh, office.named("新员收的小馆"))


@task("auditadmin")
def the_log_was_searched_proved_and_verified(office: Office) -> None:
    clerk = office.desk("chuangkou1")
    number = filed(clerk, office.named("查日志的小馆"))
    auditor = office.desk("auditadmin")
    auditor.follow("审计日志")
    auditor.fill("自", datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat())
    auditor.choose("做了什么", "收件")
    auditor.press("查询", beside="做了什么")
    auditor.follow("收件", beside="陈窗口")
    auditor.see("陈窗口")
    auditor.follow("谁看过某个办件")
    auditor.fill("办件编号", number)
    auditor.press("查询", beside="办件编号")
    auditor.see("陈窗口")
    auditor.follow("核验日志")
    if auditor.can("button", "现在核验"):
        auditor.press("现在核验")
    auditor.see("正在核验")
