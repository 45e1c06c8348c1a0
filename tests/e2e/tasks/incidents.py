"""A water main breaks: reported, verified, graded, sent, handled, checked, closed, learnt from."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.e2e.hands import Hands
from tests.e2e.office import Office, task
from tests.e2e.tasks.cases import filed, find

STREETS = (
    "云溪区 · 溪口街道", "云溪区 · 学府街道", "云岭区 · 岭南街道", "云岭区 · 北门街道",
    "滨江区 · 江湾街道", "滨江区 · 渡口街道",
)  # fmt: skip
cells = itertools.cycle(f"{street}第{n}网格" for n in range(1, 13) for street in STREETS)
"""Each report from another: two reports of one thing nearby would be one incident."""


def tomorrow() -> str:
    return f"{datetime.now(ZoneInfo('Asia/Shanghai')) + timedelta(days=1):%Y-%m-%dT%H:%M}"


def did(hands: Hands, verb: str, text: Mapping[str, str] | None = None) -> None:
    """Open an act of the incident that is shown, fill its texts, send it."""
    hands.follow(verb)
    for label, words in (text or {}).items():
        hands.fill(label, words)
    hands.press(verb)


def came_to(hands: Hands, title: str) -> None:
    hands.follow("突发事件")
    hands.follow(title)


def reported(office: Office, title: str) -> Hands:
    """Report it as the duty officer does; return their hands before the incident's page."""
    duty = office.desk("zhiban1")
    duty.follow("突发事件")
    duty.follow("报告突发事件")
    duty.choose("类型", "事故灾难 · 供水设施损坏")
    duty.choose("来报级别", "红色")
    duty.fill("一句话", title)
    duty.fill("地址", "学府路8号门前")
    duty.choose("网格", next(cells))
    duty.press("报告")
    for _ in range(60):
        if duty.can("link", "查看事件"):
            break
        duty.page.wait_for_timeout(1000)
        duty.follow("看看成了什么")
    duty.follow("查看事件")
    return duty


def graded(hands: Hands, level: str) -> None:
    hands.follow("研判定级")
    hands.tick(level, of="事件等级")
    hands.press("研判定级")


def sent(hands: Hands, unit: str, task: str) -> None:
    hands.follow("派发")
    hands.choose("牵头单位", unit)
    hands.fill("任务要求", task)
    hands.press("派发")
    hands.see("待签收")


def refused(hands: Hands, title: str, evidence: str) -> None:
    """退单 by the unit to which it was sent."""
    hands.follow("突发事件")
    hands.follow("本单位的派单")
    hands.follow(title)
    hands.follow("退单")
    hands.tick("不属本单位职责", of="退单理由")
    hands.fill("证据", evidence)
    hands.press("退单")


@task("duty_officer", "unit_duty", "evaluator")
def an_incident_went_from_the_call_to_the_archive(office: Office) -> None:
    title = office.named("供水主管爆裂")
    duty = reported(office, title)
    did(duty, "核实", {"说明": "电话回访属实"})
    graded(duty, "不分级")
    sent(duty, "水务集团", "关阀抢修")

    unit = office.desk("shuiwu1")
    unit.follow("突发事件")
    unit.follow("本单位的派单")
    unit.press("签收派单", beside=title)
    unit.follow(title)
    did(unit, "出动", {"出动情况": "抢修队两车六人"})
    did(unit, "到场", {"现场情况": "DN600 管爆裂"})
    did(unit, "续报", {"续报内容": "已关上下游两阀"})
    did(unit, "反馈", {"处置结果": "换管完毕，恢复供水"})

    check = office.desk("hecha1")
    came_to(check, title)
    did(check, "核查")
    came_to(duty, title)
    duty.follow("办结")
    duty.fill("办结意见", "供水恢复，路面清理完毕")
    duty.press("办结")
    duty.see("不能重新办理")
    duty.press("办结")
    came_to_closed(check, title)
    check.follow("综合评价")
    check.choose("水务集团", "4")
    check.press("综合评价")
    check.see("评价只能作一次")
    check.press("综合评价")
    check.follow("归档")
    check.press("归档")
    check.press("归档")
    check.see("归档")
    assert check.download("事后评估报告").startswith(b"%PDF-")


def came_to_closed(hands: Hands, title: str) -> None:
    """What is closed is no longer among what is going on: it is chosen by its stage."""
    hands.follow("突发事件")
    hands.choose("环节", "办结")
    hands.press("筛选")
    hands.follow(title)


@task("arbiter", "commander", "unit_duty")
def two_units_refused_an_arbiter_ruled_and_a_response_was_started(office: Office) -> None:
    title = office.named("主管爆裂致路面塌陷")
    duty = reported(office, title)
    did(duty, "核实")
    graded(duty, "一般")
    sent(duty, "水务集团", "关阀")
    refused(office.desk("shuiwu1"), title, "附管网图，产权不在本单位。")
    came_to(duty, title)
    sent(duty, "燃气集团", "现场处置")
    refused(office.desk("ranqi1"), title, "现场无燃气管线。")

    judge = office.desk("zhongcai")
    came_to(judge, title)
    judge.follow("派单仲裁")
    judge.tick("改派", of="裁定")
    judge.choose("改派给", "水务集团")
    judge.fill("裁定理由", "竣工图载明该管归水务集团。")
    judge.press("派单仲裁")
    judge.see("仲裁裁定")

    chief = office.desk("zhihui")
    came_to(chief, title)
    chief.follow("启动应急响应")
    chief.tick("四级响应", of="响应级别")
    chief.fill("预计期限", tomorrow())
    chief.fill("应急处置措施", "疏散周边人员")
    chief.press("启动应急响应")
    chief.see("4 级响应")
    did(chief, "解除应急响应", {"解除说明": "险情排除"})
    chief.see("险情排除")
    chief.see("4 级响应已解除")
    chief.see("不属本单位职责；现场无燃气管线。")


@task("duty_officer", "unit_duty", "section_clerk")
def a_unit_linked_a_case_with_its_incident_and_took_the_link_back(office: Office) -> None:
    number = filed(office.desk("chuangkou1"), office.named("受损小吃店"))
    title = office.named("水管爆裂淹及店铺")
    duty = reported(office, title)
    did(duty, "核实")
    graded(duty, "不分级")
    sent(duty, "市市场监管局", "查看受损经营者")
    duty.follow("关联办件")
    duty.see("市市场监管局）中既值守又办理办件的人")

    unit = office.desk("shijian1")
    came_to(unit, title)
    incident = unit.read(r"(云突〔\d+〕\d+号)")
    find(unit, number)
    unit.follow("关联突发事件")
    unit.fill("突发事件编号", incident)
    unit.press("下一步：写明理由")
    did_link(unit, "关联办件", "店铺在事件中受损")
    unit.see(number)
    unit.follow("解除关联", beside=number)
    did_link(unit, "解除关联", "核实后与本事件无关")
    find(unit, number)
    unit.follow("时间线")
    unit.see("解除与突发事件的关联")
    unit.see("店铺在事件中受损")
    came_to(duty, title)
    duty.see_not(number)


def did_link(hands: Hands, verb: str, why: str) -> None:
    hands.fill("理由", why)
    hands.press(verb)
