"""The plan's figures: reported by the department that answers for them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tests.e2e.office import Office, task

WHO = {"mouse": "huanbao1", "keyboard": "jiaojingbao", "without scripts": "weijianbao"}
"""Whose figures: a figure is reported once for a day."""


@task("plan_reporter")
def a_figure_of_the_plan_was_reported(office: Office) -> None:
    hands = office.desk(WHO[office.way])
    hands.follow("方案指标")
    figure = hands.read(r"由您填报的指标：([^、\n]+)")
    hands.follow(figure, beside="由您填报的指标")
    if not hands.can("button", "填报指标"):
        hands.follow("填报指标")
    hands.fill(
        "统计日期", datetime.now(ZoneInfo("Asia/Shanghai")).date().replace(day=1).isoformat()
    )
    hands.fill("分子", "80")
    if hands.offers("分母"):
        hands.fill("分母", "100")
    hands.fill("说明", "本季数字")
    hands.press("填报指标")
    hands.see("本季数字")
