"""Indicators, scores, coefficients and what is payable: both sides of each limit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cases.projects.performance import (
    Indicator,
    KpiTree,
    PaymentTerms,
    branch_score,
    coefficient_of,
    half_up,
    hundredths,
    insist_scored,
    insist_whole,
    payable_for,
    total_score,
)
from cases.settling import RuleForbids
from catalogue.load import HERE, load_catalogue
from catalogue.performance import Coefficients, performance_faults

CATALOGUE = load_catalogue()
TABLE = CATALOGUE.performance.by_id["linked-2026"]


def tree(*lines: tuple[str, str, int]) -> KpiTree:
    return KpiTree(
        indicators=tuple(
            Indicator.model_validate(
                {"code": code, "branch": branch, "title": code, "weight_bp": weight}
            )
            for code, branch, weight in lines
        )
    )


WHOLE_TREE = tree(
    ("A", "output", 6_000), ("A.1", "output", 4_000), ("A.2", "output", 2_000),
    ("B", "effect", 2_500), ("C", "management", 1_500),
)  # fmt: skip


# --- weights -------------------------------------------------------------------------------------


def test_weights_of_one_hundred_at_the_top_and_under_each_line_are_whole() -> None:
    insist_whole(WHOLE_TREE)
    assert [one.code for one in WHOLE_TREE.scored] == ["A.1", "A.2", "B", "C"]


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        ([("A", "output", 6_000), ("B", "effect", 2_400), ("C", "management", 1_500)],
         "weights_not_whole", "一级指标权重合计 99，应为 100"),
        ([("A", "output", 6_000), ("B", "effect", 2_501), ("C", "management", 1_500)],
         "weights_not_whole", "合计 100.01"),
        ([("A", "output", 6_000), ("A.1", "output", 5_999), ("B", "effect", 2_500),
          ("C", "management", 1_500)], "weights_not_whole", "A 之下权重合计 59.99，应为 60"),
        ([("A", "output", 7_500), ("B", "effect", 2_500)], "branch_missing", "管理"),
        ([("A", "output", 7_500), ("B.1", "effect", 1_000), ("C", "management", 1_500)],
         "kpi_parent", "B.1 没有上级指标 B"),
        ([("A", "output", 6_000), ("A.1", "effect", 6_000), ("B", "effect", 2_500),
          ("C", "management", 1_500)], "kpi_branch", "A.1"),
        ([("A", "output", 6_000), ("A", "output", 2_000), ("C", "management", 2_000)],
         "kpi_twice", "重复"),
    ],
)  # fmt: skip
def test_a_tree_that_is_not_whole_is_refused_with_rule_and_figure(
    lines: list[tuple[str, str, int]], code: str, said: str
) -> None:
    with pytest.raises(RuleForbids) as no:
        insist_whole(tree(*lines))
    assert (no.value.code, no.value.basis) == (code, "YCJX-1")
    assert said in no.value.reason


@pytest.mark.parametrize("weight", [0, -1, 10_001, 12.5, "1000"])
def test_a_weight_is_a_whole_number_of_basis_points_above_nothing(weight: object) -> None:
    with pytest.raises(ValidationError):
        Indicator.model_validate(
            {"code": "A", "branch": "output", "title": "x", "weight_bp": weight}
        )


# --- scores --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "code"),
    [
        (["A.1", "A.2", "B"], "score_missing"),
        (["A.1", "A.2", "B", "C", "A"], "kpi_unknown"),
        (["A.1", "A.2", "B", "C", "C"], "scored_twice"),
    ],
)
def test_each_line_with_nothing_under_it_is_scored_once(scores: list[str], code: str) -> None:
    insist_scored(WHOLE_TREE, ["A.1", "A.2", "B", "C"])
    with pytest.raises(RuleForbids) as no:
        insist_scored(WHOLE_TREE, scores)
    assert (no.value.code, no.value.basis) == (code, "YCJX-2")


def test_the_score_is_weighed_and_rounded_half_up_to_a_hundredth() -> None:
    assert total_score(WHOLE_TREE, {"A.1": 9_000, "A.2": 8_000, "B": 10_000, "C": 7_000}) == 8_750
    half = tree(("A", "output", 5_000), ("B", "effect", 2_500), ("C", "management", 2_500))
    assert total_score(half, {"A": 1, "B": 0, "C": 0}) == 1
    assert total_score(half, {"A": 0, "B": 1, "C": 0}) == 0


def test_a_branch_has_a_score_of_its_own() -> None:
    scores = {"A.1": 9_000, "A.2": 6_000, "B": 10_000, "C": 7_000}
    assert branch_score(WHOLE_TREE, scores, "output") == 8_000
    assert branch_score(WHOLE_TREE, scores, "effect") == 10_000


# --- coefficients --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "coefficient"),
    [
        (0, 0), (5_999, 0), (6_000, 6_000), (6_001, 6_002), (7_000, 7_500), (7_999, 8_999),
        (8_000, 9_000), (8_500, 9_500), (8_999, 9_999), (9_000, 10_000), (10_000, 10_000),
    ],
)  # fmt: skip
def test_the_table_gives_the_coefficient_on_both_sides_of_each_limit(
    score: int, coefficient: int
) -> None:
    assert coefficient_of(TABLE, score) == coefficient


@pytest.mark.parametrize("score", [-1, 10_001])
def test_no_score_lies_beyond_a_hundred(score: int) -> None:
    with pytest.raises(ValueError, match="beyond 0 to 100"):
        coefficient_of(TABLE, score)


@given(st.integers(0, 9_999))
def test_a_better_score_never_pays_less(score: int) -> None:
    assert coefficient_of(TABLE, score) <= coefficient_of(TABLE, score + 1)


@given(st.integers(0, 10_000))
def test_the_coefficient_is_what_a_plain_decimal_reckoning_gives(score: int) -> None:
    points = Decimal(score) / 100
    if points >= 90:
        plain = Decimal(1)
    elif points >= 80:
        plain = Decimal("0.9") + (points - 80) / 100
    elif points >= 60:
        plain = Decimal("0.6") + (points - 60) * Decimal("0.015")
    else:
        plain = Decimal(0)
    assert coefficient_of(TABLE, score) == int(
        (plain * 10_000).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    )


@pytest.mark.parametrize(
    "bands",
    [
        [{"from": "1", "at_from": "0", "at_to": "1"}],
        [{"from": "0", "at_from": "1", "at_to": "0.9"}],
        [{"from": "0", "at_from": "0", "at_to": "1"}, {"from": "5", "at_from": "0", "at_to": "1"}],
        [{"from": "0", "at_from": "0", "at_to": "1"}, {"from": "0", "at_from": "1", "at_to": "1"}],
        [{"from": "0", "at_from": "0", "at_to": "1.0001"}],
        [{"from": "0", "at_from": 0.5, "at_to": "1"}],
        [{"from": "0.001", "at_from": "0", "at_to": "1"}],
        [],
    ],
)  # fmt: skip
def test_a_table_with_a_gap_a_fall_or_a_floating_number_is_no_table(bands: list[object]) -> None:
    with pytest.raises(ValidationError):
        Coefficients.model_validate(
            {
                "id": "t", "title": {"zh": "表", "en": "t"}, "basis": "YCJX-3",
                "in_force_from": "2026-01-01", "bands": bands,
            }
        )  # fmt: skip


# --- payable -------------------------------------------------------------------------------------


def terms(availability: int, operation: int, linked: int = 3_000) -> PaymentTerms:
    return PaymentTerms(availability_fen=availability, operation_fen=operation, linked_bp=linked)


def test_at_coefficient_one_the_whole_is_owed_and_at_nothing_the_fixed_share_alone() -> None:
    owed = terms(100_000_001, 20_000_003)
    assert payable_for(2027, owed, 9_000, 10_000).amount_fen == 120_000_004
    low = payable_for(2027, owed, 5_999, 0)
    assert [one.payable_fen for one in low.parts] == [70_000_001, 0]
    assert low.withheld_fen == 50_000_003


@pytest.mark.parametrize("bad", [-1, 0.5, 10**13 + 1, "100", True])
def test_money_is_whole_fen_and_never_below_nothing(bad: object) -> None:
    with pytest.raises(ValidationError):
        PaymentTerms.model_validate(
            {"availability_fen": bad, "operation_fen": 0, "linked_bp": 3_000}
        )


def by_decimals(availability: int, operation: int, linked: int, k: int) -> int:
    """Return the payable by another way: decimals, and the linked share taken from the whole."""
    fen = Decimal(1)
    total = Decimal(0)
    for due, share in ((availability, linked), (operation, 10_000)):
        hung = (Decimal(due) * share / 10_000).quantize(fen, rounding=ROUND_HALF_UP)
        lost = hung - (hung * k / 10_000).quantize(fen, rounding=ROUND_HALF_UP)
        total += Decimal(due) - lost
    return int(total)


@given(
    st.integers(0, 10**13), st.integers(0, 10**13), st.integers(0, 10_000), st.integers(0, 10_000)
)
def test_the_payable_is_what_a_plain_decimal_reckoning_gives(
    availability: int, operation: int, linked: int, k: int
) -> None:
    found = payable_for(2027, terms(availability, operation, linked), 0, k)
    assert found.amount_fen == by_decimals(availability, operation, linked, k)
    assert found.amount_fen + found.withheld_fen == availability + operation
    assert all(0 <= one.payable_fen <= one.due_fen for one in found.parts)


@given(st.integers(0, 10**18), st.integers(1, 10**10))
def test_half_up_is_the_decimal_half_up(value: int, by: int) -> None:
    # Python's own remainder decides the half: no third way to round stands in the test.
    whole, rest = divmod(value, by)
    assert half_up(value, by) == whole + (1 if 2 * rest >= by else 0)


def test_hundredths_are_written_without_needless_zeros() -> None:
    assert [hundredths(one) for one in (9_900, 9_950, 9_901, 10_000, 0)] == [
        "99", "99.5", "99.01", "100", "0",
    ]  # fmt: skip


# --- the file ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("basis: YCJX-3", "basis: YCJX-99", "没有「YCJX-99」"),
        ("verified: false\n    note", "verified: true\n    note", "未核对"),
        ('from: "60"', 'from: "95"', "起点递增"),
        ('"0.60"', "0.60", "写成文字"),
    ],
)
def test_a_torn_file_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (HERE / "performance.yaml").read_text("utf-8")
    assert old in text
    (tmp_path / "performance.yaml").write_text(text.replace(old, new, 1), "utf-8")
    faults = list(performance_faults(tmp_path, CATALOGUE.law))
    assert any(said in fault.message for fault in faults), faults
    assert all(fault.line > 1 for fault in faults)
