"""The quarterly report of projects: what it says of a quarter, and that it prints without holes."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import pytest
from pypdf import PdfReader

from activities.printing import printed
from activities.project_reports import NoQuarter, PlanFigure, Quarter, QuarterFacts, quarter_html
from cases.project_lists import MilestoneRow, ProjectRow
from cases.projects.gantt import GanttRow

AT = datetime(2026, 11, 27, 4, tzinfo=UTC)
DAY = date(2026, 10, 20)


def milestone(key: str, plan: date, actual: date | None = None) -> MilestoneRow:
    return MilestoneRow("p", key, 1, "s", f"里程碑{key}", False, plan, plan, plan, None, actual,
                        True, "red", 0, False)  # fmt: skip


def facts(**other: object) -> QuarterFacts:
    row = ProjectRow(
        "p", "云项〔2026〕1号", 3, "running", "government", "government", "滨江路<改造>", "zjj", "",
        "", "government", DAY, None, 100_000_05, 0, "red", 4, 1, "施工", DAY, 1, 1, AT, AT,
    )  # fmt: skip
    known: dict[str, object] = {
        "city": "云川市", "issuer": "全市", "quarter": Quarter.named("2026Q4"), "made_at": AT,
        "zone": "Asia/Shanghai", "projects": [row],
        "milestones": {"p": [
            milestone("甲", DAY, date(2026, 9, 30)), milestone("乙", DAY, date(2026, 10, 1)),
            milestone("丙", date(2026, 11, 27)), milestone("丁", date(2026, 11, 28)),
        ]},
        "departments": {"zjj": "市住建局"}, "templates": {"government": "政府投资项目"},
        "paid": {"p": (100_000, 25_000)}, "limit_fen": 50_000_000_000, "allotted_fen": 100_000,
        "paid_fen": 25_000, "used_fen": 1,
        "pictures": {"p": [GanttRow(f"m{n}", f"步骤{n}", DAY, DAY) for n in range(40)]},
        "figures": [PlanFigure("审批时限压缩", "52.1", "50", "绿", "市审批局")],
    }  # fmt: skip
    return QuarterFacts(**(known | other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("2026Q1", date(2026, 1, 1), date(2026, 3, 31)), ("2026Q4", date(2026, 10, 1),
                                                        date(2026, 12, 31))],
)  # fmt: skip
def test_a_quarter_is_three_months(name: str, first: date, last: date) -> None:
    found = Quarter.named(name)
    assert (found.first, found.last) == (first, last)
    assert Quarter.of(first) == Quarter.of(last) == found


@pytest.mark.parametrize("name", ["2026Q5", "2026", "26Q1", "2026Q", "", "2026Q1 "])
def test_what_is_no_quarter_is_refused(name: str) -> None:
    with pytest.raises(NoQuarter):
        Quarter.named(name)


def test_it_tells_what_was_reached_within_the_quarter_and_what_was_not_by_today() -> None:
    text = quarter_html(facts())
    reached = text.split("本季完成</h3>")[1].split("</table>")[0]
    assert ("里程碑乙" in reached, "里程碑甲" in reached) == (True, False)
    missed = text.split("应完成未完成</h3>")[1].split("</table>")[0]
    assert ("里程碑丙" in missed, "里程碑丁" in missed) == (True, False)


def test_money_stands_to_the_fen_and_words_are_escaped() -> None:
    text = quarter_html(facts())
    assert "500,000,000.00" in text
    assert "100,000.05" in text
    assert "滨江路&lt;改造&gt;" in text
    assert "<改造>" not in text


def test_its_style_sheet_is_css_and_not_escaped() -> None:
    style = quarter_html(facts()).partition("<style>")[2].partition("</style>")[0]
    assert "content:" in style and "&#3" not in style and "&amp;" not in style


def test_without_figures_of_the_plan_the_chapters_close_up() -> None:
    assert "三、方案指标" in quarter_html(facts())
    assert "三、项目" in quarter_html(facts(figures=()))


def test_it_prints_every_page_without_a_hole() -> None:
    pdf = printed(quarter_html(facts()))
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert "步骤39" in text
    assert "审批时限压缩" in text
