"""The monthly report: what it says of real cases, that it is one page after the other, no holes."""

from __future__ import annotations

import io
from datetime import date
from fractions import Fraction

import pytest
from pypdf import PdfReader
from sqlalchemy import true

from activities.printing import printed
from activities.reports import ReportFacts, context_of, month_words, report_html
from cases.boards import BoardQuery, Boards
from cases.database import reading
from cases.oversight import Share
from tests.activities.conftest import Town, town_in
from tests.activities.test_metrics import CALENDARS, NOW, filled


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return filled(town_in(tmp_path_factory.mktemp("busy")))


@pytest.fixture(scope="module")
def facts(busy: Town) -> ReportFacts:
    boards = Boards(CALENDARS, busy.matters.matters, "Asia/Shanghai")
    with reading(busy.engine) as connection:
        board = boards.board(connection, true(), BoardQuery("2026-03", "2026-03"), NOW)
    return ReportFacts(
        city="云州",
        issuer="全市",
        board=board,
        departments={"scjg": "市场监管局"},
        matters={"food": "食品经营许可"},
        zone="Asia/Shanghai",
        articles={"XKF-45": "《行政许可法》第四十五条"},
        horizon=date(2026, 12, 31),
    )


def test_it_says_the_metrics_the_lists_and_whose_share(facts: ReportFacts) -> None:
    text = report_html(facts)
    assert "云州电子监察月报（2026年3月）" in text
    assert "75.0%" in text, "three of four in time"
    assert "超期 2" not in text
    assert "市场监管局 29" in text, "whose a late case has been so far"
    assert "市场监管局 19" in text, "and whose the days after its end are"
    assert "放假安排公布至 2026-12-31" in text
    assert "《行政许可法》第四十五条" in text


def test_the_same_facts_give_the_same_text(facts: ReportFacts) -> None:
    assert report_html(facts) == report_html(facts)


def test_it_prints_without_a_hole_and_with_its_charts(facts: ReportFacts) -> None:
    pdf = printed(report_html(facts))
    pages = PdfReader(io.BytesIO(pdf)).pages
    words = "".join(page.extract_text() for page in pages)
    assert len(pages) >= 3
    for title in ("概况", "指标", "近十二个月", "部门比较", "事项比较", "超期清单", "预警与预测"):
        assert title in words
    assert "26-03" in words, "the charts' own labels are text"


def test_cards_have_a_chapter_by_level(facts: ReportFacts) -> None:
    text = report_html(facts)
    assert "六、监察牌" in text
    assert "七、超期清单" in text


def test_every_value_of_the_template_is_given(facts: ReportFacts) -> None:
    assert {"board", "metrics", "trend", "volume", "rule"} <= set(context_of(facts))


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-11", "2026-11", "2026年11月"),
        ("2026-09", "2026-11", "2026年9月—11月"),
        ("2025-12", "2026-01", "2025年12月—2026年1月"),
    ],
)
def test_a_span_of_months_in_words(first: str, last: str, words: str) -> None:
    assert month_words(first, last) == words


def test_a_share_is_a_fraction_until_it_is_shown() -> None:
    assert Share("department", "x", Fraction(1, 3)).amount * 3 == 1
