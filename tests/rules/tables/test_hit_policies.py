"""The hit policies of DMN, each by the tables of its specification (chapter 8)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from rules.tables.ask import InputRefused, ask
from rules.tables.decide import Decision, TableContradicts
from rules.tables.table import Table, TableRefused

Make = Callable[..., Table]

APPLICANT: dict[str, Any] = {
    "inputs": [
        {"field": "age", "type": "number", "whole": True},
        {"field": "risk", "type": "text", "values": "High, Medium, Low"},
        {"field": "affordable", "type": "boolean"},
    ],
    "outputs": [{"name": "status", "type": "text", "values": "Approved, Declined"}],
}
UNIQUE: list[list[Any]] = [
    [">=18", "Medium, Low", True, "Approved"],
    ["<18", "Medium, Low", True, "Declined"],
    ["-", "High", True, "Declined"],
    ["-", "-", False, "Declined"],
]
MANY: list[list[Any]] = [
    [">=18", "Medium, Low", True, "Approved"],
    ["<18", "-", "-", "Declined"],
    ["-", "High", "-", "Declined"],
    ["-", "-", False, "Declined"],
]
YEARS: dict[str, Any] = {
    "inputs": [{"field": "years", "type": "number"}],
    "outputs": [{"name": "pay", "type": "number"}],
}
STEPS: list[list[Any]] = [[">1", "100.1"], [">2", "200.2"], [">3", "300.3"], [">5", "0.5"]]


def asked(table: Table, *given: Any) -> Decision:
    values = [Decimal(str(v)) if type(v) in (int, float) else v for v in given]
    return ask(table, dict(zip((c.name for c in table.columns), values, strict=True)))


@pytest.mark.parametrize(
    ("age", "risk", "affordable", "status", "row"),
    [
        (18, "Medium", True, "Approved", "r1"),
        (17, "Low", True, "Declined", "r2"),
        (18, "High", True, "Declined", "r3"),
        (44, "Low", False, "Declined", "r4"),
    ],
)
def test_unique_answers_by_the_one_row(
    table_of: Make, age: int, risk: str, affordable: bool, status: str, row: str
) -> None:
    decision = asked(table_of(*UNIQUE, **APPLICANT), age, risk, affordable)
    assert decision.outcome == {"status": status}
    assert decision.matched == (row,)


def test_unique_with_two_rows_is_an_error_that_names_them(table_of: Make) -> None:
    with pytest.raises(TableContradicts, match="r2、r3") as contradiction:
        asked(table_of(*MANY, **APPLICANT), 17, "High", True)
    assert contradiction.value.rows == ("r2", "r3")


def test_any_takes_rows_that_agree_and_names_them_all(table_of: Make) -> None:
    decision = asked(table_of(*MANY, hit="A", **APPLICANT), 17, "High", False)
    assert decision.outcome == {"status": "Declined"}
    assert decision.matched == ("r2", "r3", "r4")


def test_any_with_rows_that_disagree_is_an_error(table_of: Make) -> None:
    rows = [[">0", "甲"], [">1", "甲"], [">2", "乙"]]
    with pytest.raises(TableContradicts, match='r1 说 "甲"; r3 说 "乙"'):
        asked(table_of(*rows, hit="A"), 3)


def test_priority_answers_the_value_that_comes_first_in_the_list(table_of: Make) -> None:
    rows = [["-", "-", "-", "Declined"], [">=18", "-", "-", "Approved"]]
    table = table_of(*rows, hit="P", **APPLICANT)
    assert asked(table, 18, "Low", True).outcome == {"status": "Approved"}
    assert asked(table, 17, "Low", True).outcome == {"status": "Declined"}


def test_priority_of_several_outputs_goes_from_left_to_right(table_of: Make) -> None:
    outputs = [
        {"name": "status", "type": "text", "values": "Approved, Declined"},
        {"name": "rate", "type": "text", "values": "Best, Standard"},
    ]
    rows = [[">0", "Declined", "Best"], [">1", "Approved", "Standard"], [">2", "Approved", "Best"]]
    table = table_of(*rows, hit="P", outputs=outputs)
    assert asked(table, 2).outcome == {"status": "Approved", "rate": "Standard"}
    assert asked(table, 3).outcome == {"status": "Approved", "rate": "Best"}


def test_first_answers_by_the_first_row_of_the_table(table_of: Make) -> None:
    rows = [[">2", "甲"], [">1", "乙"], ["-", "丙"]]
    table = table_of(*rows, hit="F")
    assert [asked(table, n).outcome["said"] for n in (3, 2, 1)] == ["甲", "乙", "丙"]
    assert [row.id for row in asked(table, 3).rows] == ["r1"]
    assert asked(table, 3).matched == ("r1", "r2", "r3")


def test_rule_order_answers_all_in_the_order_of_the_table(table_of: Make) -> None:
    rows = [[">0", "乙"], [">1", "甲"], [">0", "乙"]]
    assert asked(table_of(*rows, hit="R"), 2).outcome == {"said": ["乙", "甲", "乙"]}


def test_output_order_answers_all_by_priority(table_of: Make) -> None:
    outputs = [{"name": "said", "type": "text", "values": "甲, 乙"}]
    rows = [[">0", "乙"], [">1", "甲"], [">0", "乙"]]
    decision = asked(table_of(*rows, hit="O", outputs=outputs), 2)
    assert decision.outcome == {"said": ["甲", "乙", "乙"]}
    assert [row.id for row in decision.rows] == ["r2", "r1", "r3"]


def test_collect_answers_all(table_of: Make) -> None:
    decision = asked(table_of(*STEPS, hit="C", **YEARS), 3)
    assert decision.outcome == {"pay": [Decimal("100.1"), Decimal("200.2")]}


@pytest.mark.parametrize(
    ("hit", "years", "total"),
    [
        ("C+", 4, "600.6"), ("C<", 6, "0.5"), ("C>", 6, "300.3"), ("C#", 6, "4"), ("C#", 2, "1"),
    ],
)  # fmt: skip
def test_collect_adds_up_exactly(table_of: Make, hit: str, years: int, total: str) -> None:
    assert asked(table_of(*STEPS, hit=hit, **YEARS), years).outcome == {"pay": Decimal(total)}


def test_a_sum_of_the_largest_and_the_smallest_number_is_exact(table_of: Make) -> None:
    rows = [["-", "9007199254740991"], ["-", "0.000000000000001"]]
    total = asked(table_of(*rows, hit="C+", **YEARS), 1).outcome["pay"]
    assert str(total) == "9007199254740991.000000000000001"


@pytest.mark.parametrize("hit", ["C+", "C<", "C>", "C", "R", "F", "A", "U"])
def test_no_row_answers_nothing(table_of: Make, hit: str) -> None:
    assert asked(table_of(*STEPS[:1], hit=hit, **YEARS), 0).outcome == {}


def test_no_row_counts_as_none(table_of: Make) -> None:
    assert asked(table_of(*STEPS, hit="C#", **YEARS), 0).outcome == {"pay": Decimal(0)}


def test_defaults_stand_in_when_no_row_matches(table_of: Make) -> None:
    outputs = [{"name": "said", "type": "text", "default": "无"}]
    table = table_of([">1", "甲"], outputs=outputs)
    assert asked(table, 2).outcome == {"said": "甲"}
    assert asked(table, 1).outcome == {"said": "无"}
    assert asked(table, 1).is_default


def test_defaults_do_not_stand_in_for_a_missing_input(table_of: Make) -> None:
    outputs = [{"name": "said", "type": "text", "default": "无"}]
    assert asked(table_of([">1", "甲"], outputs=outputs), None).outcome == {}
    optional = [{"field": "a", "type": "number", "optional": True}]
    table = table_of([">1", "甲"], outputs=outputs, inputs=optional)
    assert asked(table, None).outcome == {"said": "无"}


@pytest.mark.parametrize("age", [Decimal("17.5"), "18", True])
def test_an_input_outside_its_column_is_refused(table_of: Make, age: Any) -> None:
    with pytest.raises(InputRefused, match="age"):
        asked(table_of(*UNIQUE, **APPLICANT), age, "Low", True)


def test_a_text_outside_the_allowed_values_is_refused(table_of: Make) -> None:
    with pytest.raises(InputRefused, match="risk"):
        asked(table_of(*UNIQUE, **APPLICANT), 18, "Extreme", True)


def test_a_number_that_no_double_holds_is_still_matched_exactly(table_of: Make) -> None:
    table = table_of(["<1", "甲"], [">=1", "乙"])
    assert ask(table, {"a": Decimal("0.99999999999999999999999999")}).outcome == {"said": "甲"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"hit": "C+"}, "应为 number"),
        ({"hit": "P"}, "没有一列写 values"),
        ({"outputs": [{"name": "said", "type": "text", "values": "乙"}]}, "不在允许的取值中"),
        ({"outputs": [{"name": "said"}]}, "没有类型"),
        ({"gaps": "allowed"}, "没有理由"),
        ({"inputs": [{"field": "a", "type": "number", "values": "[0..]"}]}, "取值范围"),
        ({"inputs": [{"field": "a", "type": "text", "whole": True}]}, "whole"),
        ({"in_force_until": "2020-01-01"}, "失效日"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(
    table_of: Make, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(TableRefused, match=said):
        table_of(["-", "甲"], **more)


def test_a_wrong_cell_is_named_by_row_and_column(table_of: Make) -> None:
    with pytest.raises(TableRefused, match=r"第 2 行第 1 列 \(a\): '\[9' 读不懂|第 2 行第 1 列"):
        table_of([">1", "甲"], ["[9", "乙"])


def test_a_short_row_is_named(table_of: Make) -> None:
    with pytest.raises(ValueError, match=r"1 cells, expected 1 \+ 1"):
        table_of([">1"])


def test_rows_with_an_article_of_their_own_keep_it(table_of: Make) -> None:
    table = table_of({"id": "lift", "when": [">1"], "then": ["甲"], "basis": "XKF-32"}, ["-", "乙"])
    assert [(row.id, row.basis) for row in table.rows] == [("lift", "XKF-32"), ("r2", "XKF-26")]
