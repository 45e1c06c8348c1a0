"""Pictures of performance: every figure stands in words, and a corner lies where its score is."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from cases.projects import performing_messages as m
from cases.projects.fiscal import Assumptions, Duty, curve
from cases.projects.performance_charts import fiscal_svg, history_svg, radar_svg
from tests.projects.test_performing import CONFIRM, LEAD, OPERATOR, done, evaluated, planned

AXES = [("产出", 10_000), ("效果", 5_000), ("管理", 0)]


def test_a_corner_lies_as_far_out_as_its_score_says_and_says_it_in_words() -> None:
    svg = radar_svg(AXES, size=300)
    ElementTree.fromstring(svg)
    found = re.findall(r'points="([^"]+)"', svg)[-1].split()
    first, second, third = ([float(n) for n in one.split(",")] for one in found)
    assert first == [150.0, 48.0]
    assert third == [150.0, 150.0]
    assert abs((second[0] - 150) ** 2 + (second[1] - 150) ** 2 - 51**2) < 20
    assert 'aria-label="产出 100，效果 50，管理 0"' in svg


def test_a_name_is_text_and_never_markup() -> None:
    svg = radar_svg([("<b>", 1), *AXES[1:]])
    ElementTree.fromstring(svg)
    assert "<b>" not in svg


@pytest.mark.parametrize(
    "axes", [AXES[:2], [*AXES[:2], ("管理", 10_001)], [*AXES[:2], ("管理", -1)]]
)
def test_two_corners_or_a_score_beyond_a_hundred_are_no_radar(axes: list[tuple[str, int]]) -> None:
    with pytest.raises(ValueError, match=r"expected at least 3|beyond 0 to 100"):
        radar_svg(axes)


def test_the_history_shows_confirmed_years_alone() -> None:
    names = ("得分", "系数")
    assert history_svg(planned(), names) == ""
    assert history_svg(evaluated(), names) == ""
    state = done(evaluated(a=7_000, b=7_000, c=7_000), m.ACCEPT, CONFIRM, OPERATOR)
    svg = history_svg(done(state, m.CONFIRM, CONFIRM, LEAD), names)
    ElementTree.fromstring(svg)
    assert all(word in svg for word in ("2026", "得分", "系数", "70", "75"))


def test_the_fiscal_curve_names_its_lines() -> None:
    on = Assumptions(
        base_year=2026, budget_fen=10**12, budget_growth_bp=500, price_growth_bp=300, source="决算"
    )
    duty = Duty(project="p", kind="operation", since=2027, until=2030, yearly_fen=6 * 10**10)
    svg = fiscal_svg(curve([duty], on), ("占比", "10%", "7%", "5%"))
    ElementTree.fromstring(svg)
    assert all(word in svg for word in ("2026", "2030", "占比", "10%", "7%", "5%"))
