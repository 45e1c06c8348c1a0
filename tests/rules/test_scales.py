"""Scales: exact on decimal texts, rising, right at every printed point and just past it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluate import evaluate
from rules.load import load_text
from rules.model import Definition
from rules.pack import Pack, PackRefused
from rules.process import RulesProcess
from rules.scales import NotANumber, Scale, point_faults, rounded

CO = Scale.of([[0, 0], [2, 50], [4, 100], [14, 150]], decimals=1, rounding="up")
PM = Scale.of([[0, 0], [35, 50], [60, 100], [115, 150]], decimals=0, rounding="up")
DO = Scale.of([[7.5, 1], [6, 2], [5, 3]], shape="falling_steps", beyond=6)
TP = Scale.of([["0.02", 1], [0.1, 2], [0.2, 3]], shape="steps", beyond=6)


@pytest.mark.parametrize(
    ("scale", "value", "index"),
    [
        (CO, 2.2, 55),
        (CO, "2.2", 55),
        (CO, 4.1, 101),
        (CO, 2.3, 58),
        (PM, 35, 50),
        (PM, 50, 80),
        (PM, 61, 101),
        (PM, 0, 0),
    ],
)
def test_an_index_is_exact_where_binary_fractions_are_not(
    scale: Scale, value: float | str, index: int
) -> None:
    assert scale.number(value) == index


@pytest.mark.parametrize(
    ("text", "decimals", "kept"),
    [("34.5", 0, "34"), ("35.5", 0, "36"), ("2.25", 1, "2.2"), ("2.35", 1, "2.4"), ("0.5", 0, "0")],
)
def test_a_half_goes_to_the_even_digit(text: str, decimals: int, kept: str) -> None:
    assert rounded(text, decimals) == Decimal(kept)
    assert rounded(float(text), decimals) == Decimal(kept)


def test_the_value_is_rounded_before_and_the_index_raised_after() -> None:
    assert PM.number("35.4") == 50  # as 35
    assert PM.number("35.6") == 52  # as 36
    assert PM.number("35.5") == 52  # as 36, the even one


def test_past_the_last_point() -> None:
    points = [[0, 0], [650, 150], [800, 200]]
    assert Scale.of(points, "cap").number(801) == 200
    assert Scale.of(points, "none").number(800) == 200
    assert Scale.of(points, "none").number(801) is None
    assert Scale.of(points, "extend").number(803) == 201
    assert Scale.of(points, beyond=500).number(800.1) == 500


def test_below_the_first_point_there_is_no_index() -> None:
    assert PM.number(-1) is None
    assert PM.number("-0.4") == 0  # -0 after rounding


def test_steps_keep_the_limit_in_the_better_class() -> None:
    assert [TP.number(v) for v in ("0.02", 0.021, 0.1, "0.10001", 0.2, 0.201)] == [
        1, 2, 2, 3, 3, 6,
    ]  # fmt: skip


def test_falling_steps_ask_for_at_least_the_limit() -> None:
    assert [DO.number(v) for v in (7.5, 7.49, 6, 5.99, 5, 4.99)] == [1, 2, 2, 3, 3, 6]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "", "12a", True, "1e400", "9" * 60])
def test_what_is_no_number_is_refused(bad: Any) -> None:
    with pytest.raises(NotANumber):
        PM.number(bad)


@pytest.mark.parametrize(
    "points",
    [[[0, 0]], [[0, 0], [0, 50]], [[5, 0], [4, 50]], [[0, 50], [1, 0]], [[0, 0], [1, "x"]]],
)
def test_points_that_are_no_scale_are_refused(points: list[list[Any]]) -> None:
    assert point_faults(points)
    with pytest.raises(ValueError):
        Scale.of(points)


Values = st.decimals(min_value=0, max_value=2000, places=2)
Shapes = st.lists(
    st.tuples(st.integers(1, 400), st.integers(0, 100)), min_size=2, max_size=8
)  # fmt: skip


def built(steps: list[tuple[int, int]]) -> Scale:
    x = y = 0
    points = [[0, 0]]
    for dx, dy in steps:
        x, y = x + dx, y + dy
        points.append([x, y])
    return Scale.of(points, decimals=0, rounding="up")


@given(Shapes, Values, Values)
def test_a_larger_value_never_has_a_smaller_index(
    steps: list[tuple[int, int]], one: Decimal, other: Decimal
) -> None:
    scale = built(steps)
    low, high = sorted((one, other))
    first, second = scale.index(low), scale.index(high)
    assert first is not None
    assert second is not None
    assert first <= second


@given(Shapes, st.integers(0, 4000))
def test_every_printed_point_has_its_printed_index(steps: list[tuple[int, int]], n: int) -> None:
    scale = built(steps)
    value, index = scale.points[n % len(scale.points)]
    assert scale.index(value) == Fraction(index)


@given(Shapes, Values)
def test_a_float_and_its_text_have_one_index(steps: list[tuple[int, int]], value: Decimal) -> None:
    assert built(steps).index(float(value)) == built(steps).index(str(value))


# --- in a pack ---

SCALED: dict[str, Any] = {
    "fields": {"index": {"type": "number", "derived": True}, "body": {"type": "text"}},
    "scales": [
        {
            "id": "old", "field": "pm", "gives": "index", "basis": "XKF-26",
            "in_force_from": "2020-01-01", "in_force_until": "2026-03-01",
            "points": [[0, 0], [75, 100]],
        },
        {
            "id": "new", "field": "pm", "gives": "index", "basis": "XKF-26",
            "in_force_from": "2026-03-01", "points": [[0, 0], [60, 100]],
        },
    ],
}  # fmt: skip
OVER = {"field": "index", "op": "gt", "value": 99}


@pytest.fixture
def scaled(rule_dict: Callable[..., Any], pack_dict: Callable[..., Any]) -> Callable[..., Any]:
    def build(**more: Any) -> Definition:
        fields = {
            name: {"title": {"zh": name, "en": name}, **spec}
            for name, spec in SCALED["fields"].items()
        }
        whole = pack_dict([rule_dict(0, OVER)], fields=fields, scales=SCALED["scales"])
        return Definition.model_validate({**whole, **more})

    return build


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        (datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 2, 28, 16, 0, tzinfo=UTC), True),
    ],
)
def test_the_scale_in_force_in_beijing_decides(
    scaled: Callable[..., Definition], at: datetime, holds: bool
) -> None:
    ruling = evaluate(Pack.of(scaled()), {"pm": 60}, at)
    assert bool(ruling.fired) is holds
    assert "index" not in ruling.context, "a ruling keeps what came in, and can be made again"


def test_the_engine_sees_what_the_scales_give(scaled: Callable[..., Definition]) -> None:
    pack = Pack.of(scaled())
    with RulesProcess([pack]) as rules:
        ruling = rules.evaluate(pack, {"pm": 60}, datetime(2026, 3, 1, tzinfo=UTC))
    assert ruling.engine == "durable_rules"
    assert [fired.rule for fired in ruling.fired] == ["R0"]


def test_a_pack_without_scales_keeps_its_digest(scaled: Callable[..., Definition]) -> None:
    assert "scales" not in Pack.of(scaled(scales=[], outcome={
        **scaled().model_dump(mode="json")["outcome"],
        "index": {"type": "number", "title": {"zh": "x", "en": "x"}},
    })).stored  # fmt: skip


def test_two_scales_for_one_number_at_one_time_are_refused(
    scaled: Callable[..., Definition],
) -> None:
    late = {**SCALED["scales"][0], "in_force_until": "2026-03-02"}
    with pytest.raises(PackRefused, match="同时给出 index"):
        Pack.of(scaled(scales=[late, SCALED["scales"][1]]))
    apart = [
        {**late, "applies_to": {"body": ["a"]}},
        {**SCALED["scales"][1], "applies_to": {"body": ["b"]}},
    ]
    Pack.of(scaled(scales=apart))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"field": "pn"}, "字段 'pn' 不在 fields 中"),
        ({"gives": "pm"}, "pm 不是推导的 number字段"),
        ({"field": "st"}, "st 不是由调用者给出的 number字段"),
        ({"points": [[0, 0], [0, 1]]}, "值应递增"),
        ({"applies_to": {"body": []}}, "没有一个值"),
        ({"applies_to": {"nobody": ["a"]}}, "字段 'nobody' 不在 fields 中"),
        ({"in_force_until": "2020-01-01"}, "失效日期不晚于生效日期"),
    ],
)
def test_a_faulty_scale_is_refused_and_says_why(
    scaled: Callable[..., Definition], change: dict[str, Any], said: str
) -> None:
    with pytest.raises(PackRefused, match=said):
        Pack.of(scaled(scales=[{**SCALED["scales"][0], **change}, SCALED["scales"][1]]))


def test_a_misspelt_key_of_a_scale_is_named_with_its_line() -> None:
    text = "pack: trial\nscales:\n  - id: a\n    pionts: [[0, 0], [1, 1]]\n"
    _, faults = load_text(text, "trial.yaml")
    assert any(fault.line == 4 and "pionts" in fault.message for fault in faults)
