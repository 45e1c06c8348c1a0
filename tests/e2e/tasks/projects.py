"""A project: established from its template, brought through its gates, operated and evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.sync_api import FilePayload

from tests.e2e.hands import Hands
from tests.e2e.office import Office, task

PAPER: FilePayload = {
    "name": "批复.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 paper",
}  # fmt: skip
OPERATOR = "停车项目公司"


def today() -> str:
    return datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()


def came_to(hands: Hands, title: str) -> None:
    """Come to a project's page by the list of projects."""
    hands.begin("/")
    hands.follow("项目")
    hands.follow("云项", beside=title)


def did(
    hands: Hands,
    verb: str,
    texts: Mapping[str, str] | None = None,
    of: str = "",
    *,
    sure: bool = False,
) -> None:
    """Open an act of the project, or of one milestone, that is shown; fill it; send it; `sure`: it
    is for good, and is asked once more."""
    hands.follow(verb, beside=of)
    for label, words in (texts or {}).items():
        hands.fill(label, words)
    hands.press(verb)
    if sure:
        assert hands.heading() == "请核对"
        hands.press(f"{verb}：{of}")
    hands.see("已办理")


def proved(hands: Hands, milestone: str) -> None:
    """Bring the paper that a milestone still lacks; the form knows its name."""
    hands.follow("提交佐证", beside=milestone)
    hands.upload("文件", PAPER)
    hands.press("提交佐证")
    hands.see("已办理")


def established(hands: Hands, title: str, template: str, left_out: Sequence[str]) -> None:
    """立项 from a template."""
    hands.follow("项目")
    hands.follow("立项")
    hands.follow(template)
    hands.fill("项目名称", title)
    hands.fill("可行性研究投资估算", "900000")
    for step in left_out:
        hands.tick(step, of="本项目没有的步骤")
    hands.press("立项")
    hands.see(title)


@task("project_lead", "project_clerk", "operator", "performance_evaluator")
def an_operator_proved_objected_to_its_evaluation_and_mended_what_was_asked(
    office: Office,
) -> None:
    title = office.named("智慧停车特许经营")
    lead = office.desk("xiangmufz")
    established(lead, title, "特许经营项目", ())
    lead.follow("签订协议")
    lead.choose("社会资本方（项目公司）", OPERATOR)
    lead.fill("协议编号", office.named("特许〔2026〕1号"))
    year = int(today()[:4])
    lead.fill("终止日期", f"{year + 20}-06-30")
    lead.press("签订协议")
    lead.press(f"与{OPERATOR}签订协议，至 {year + 20}-06-30 止")
    lead.see(OPERATOR)

    operator = office.desk("yunying1")
    came_to(operator, title)
    proved(operator, "特许经营方案编制")
    operator.follow("预计完成", beside="特许经营方案编制")
    operator.fill("预计完成日期", f"{year + 1}-03-31")
    operator.press("预计完成")
    operator.see(f"{year + 1}-03-31")

    clerk = office.desk("xiangmu1")
    came_to(clerk, title)
    clerk.follow("项目绩效")
    clerk.follow("制定绩效指标")
    clerk.fill("每年运营付费", "200000")
    for n, (code, branch, name, weight) in enumerate(
        (
            ("A", "产出", "正常营业", "50"),
            ("B", "效果", "车主满意", "40"),
            ("C", "管理", "安全制度", "10"),
        ),
        1,
    ):
        clerk.fill(f"编号 {n}", code)
        clerk.choose(f"类别 {n}", branch)
        clerk.fill(f"名称 {n}", name)
        clerk.fill(f"权重 {n}", weight)
    clerk.press("制定绩效指标")
    clerk.see("车主满意")

    other = office.desk("pingjia1")
    to_performance(other, title)
    other.follow("绩效评价")
    for code, points in (("A", "95"), ("B", "70"), ("C", "90")):
        other.fill(f"得分 {code}", points)
        other.fill(f"佐证 {code}", "现场抽查记录")
    other.press("绩效评价")
    other.see("得分 84.50")
    other.press("作出 ")
    other.see("已送达，待异议")

    to_performance(operator, title)
    operator.follow("对评价提出异议")
    operator.fill("异议的理由", "抽样只在雨天")
    operator.press("对评价提出异议")
    operator.press("对 ")
    operator.see("有异议，待答复")
    to_performance(lead, title)
    lead.follow("确认评价")
    lead.fill("答复", "已复核，抽样涵盖晴雨。")
    lead.press("确认评价")
    lead.press("确认 ")
    lead.see("已确认")
    lead.follow("下达整改任务")
    lead.choose("指标", "B")
    lead.fill("整改什么", "出口增设一条车道")
    lead.fill("完成期限", f"{year + 1}-01-31")
    lead.press("下达整改任务")
    to_performance(operator, title)
    did(operator, "报告整改完成", {"怎样完成、有何佐证": "已通车，附照片"})
    operator.see("已完成")


def to_performance(hands: Hands, title: str) -> None:
    came_to(hands, title)
    hands.follow("项目绩效")
