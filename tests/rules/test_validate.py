"""What the validator refuses: every known way to crash, hang or mislead the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from rules.model import Definition
from rules.pack import Pack, PackRefused
from rules.validate import RESERVED, fnv1a, problems

Make = Callable[..., dict[str, Any]]
Build = Callable[..., Pack]
TITLE = {"zh": "字段", "en": "field"}


def gt(value: float) -> dict[str, Any]:
    return {"field": "pm", "op": "gt", "value": value}


def nested(depth: int) -> dict[str, Any]:
    when: dict[str, Any] = gt(1)
    for _ in range(depth - 1):
        when = {"all": [when]}
    return when


LEAF_FAULTS: list[tuple[str, Any, str]] = [
    ("empty and: hangs the engine", {"all": []}, "空的 all/any"),
    ("empty or", {"any": []}, "空的 all/any"),
    ("misspelt field", {"field": "pn", "op": "gt", "value": 1}, "'pn' 不在 fields"),
    ("text order", {"field": "st", "op": "gt", "value": "a"}, "text 字段 st 不能用 gt"),
    ("text against number", {"field": "st", "op": "eq", "value": 5}, "5 不是文本"),
    ("number against text", {"field": "pm", "op": "eq", "value": "5"}, "'5' 不是数"),
    ("bool for number", {"field": "pm", "op": "eq", "value": True}, "True 不是数"),
    ("number for bool", {"field": "open", "op": "eq", "value": 1}, "1 不是 true 或 false"),
    ("no value", {"field": "pm", "op": "eq"}, "None 不是数"),
    ("not a number", gt(float("nan")), "不是有限的数"),
    ("infinite", gt(float("inf")), "不是有限的数"),
    ("beyond 2**53", gt(2**53), "超过 2^53-1"),
    ("below -2**53", gt(-(2**53)), "超过 2^53-1"),
    ("empty in", {"field": "st", "op": "in", "value": []}, "1 到 20 个值"),
    ("21 values", {"field": "pm", "op": "in", "value": list(range(21))}, "1 到 20 个值"),
    ("same value twice", {"field": "pm", "op": "in", "value": [1, 1.0]}, "重复"),
    ("between backwards", {"field": "pm", "op": "between", "value": [5, 1]}, "下限不大于上限"),
    ("between of one", {"field": "pm", "op": "between", "value": [5]}, "下限不大于上限"),
    ("21 parts", {"all": [gt(n) for n in range(21)]}, "21 个条件"),
    ("nested six deep", nested(6), "嵌套超过 5"),
    ("exists with a value", {"field": "pm", "op": "exists", "value": 1}, "不带 value"),
    ("list compared", {"field": "tags", "op": "eq", "value": "a"}, "不能用 eq"),
    ("order of text items", {"field": "tags", "op": "any_item", "item_op": "gt", "value": "a"},
     "不能比较大小"),
    ("item_op elsewhere", {**gt(1), "item_op": "ne"}, "item_op"),
    ("ratio to text", {"field": "pm", "op": "gt", "of": "st"}, "number"),
    ("ratio to nothing", {"field": "pm", "op": "gt", "of": "nope"}, "'nope' 不在 fields"),
    ("ratio equal", {"field": "pm", "op": "eq", "of": "base"}, "of 不能与 eq"),
    ("ratio and value", {"field": "pm", "op": "gt", "of": "base", "value": 1}, "只能写一个"),
    ("infinite ratio", {"field": "pm", "op": "gt", "of": "base", "times": float("inf")},
     "不是有限的数"),
    ("times without of", {**gt(1), "times": 2}, "只能与 of"),
    ("long text", {"field": "st", "op": "eq", "value": "一" * 334}, "1002 字节"),
    ("half a character", {"field": "st", "op": "eq", "value": "\ud800"}, "代理"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("when", "says"), [case[1:] for case in LEAF_FAULTS], ids=[case[0] for case in LEAF_FAULTS]
)
def test_a_condition_that_the_engine_cannot_bear_is_refused(
    pack_of: Build, when: Any, says: str
) -> None:
    with pytest.raises(PackRefused, match=says.replace("(", r"\(").replace("^", r"\^")) as refused:
        pack_of(when)
    assert all(problem.remedy for problem in refused.value.problems)


@pytest.mark.parametrize(
    "when",
    [gt(2**53 - 1), gt(1e-05), nested(5), {"field": "pm", "op": "between", "value": [5, 5]},
     {"field": "pm", "op": "in", "value": list(range(20))}, {"all": [gt(n) for n in range(20)]},
     {"field": "st", "op": "eq", "value": "一" * 333}],
)  # fmt: skip
def test_a_condition_at_the_limit_is_taken(pack_of: Build, when: Any) -> None:
    assert pack_of(when).digest


@pytest.mark.parametrize("op", ["mt", "imt", "matches", "div", "gtt"])
def test_there_is_no_regular_expression_no_division_and_no_misspelt_operator(
    pack_of: Build, op: str
) -> None:
    with pytest.raises(ValidationError):
        pack_of({"field": "st", "op": op, "value": "[一-龥]"})


@pytest.mark.parametrize("extra", ["div", "not", "y", "$div"])
def test_a_comparison_takes_no_unknown_key(pack_of: Build, extra: str) -> None:
    with pytest.raises(ValidationError):
        pack_of({**gt(1), extra: 0})


def thresholds(count: int) -> dict[str, Any]:
    """So many predicates, all true for an extreme value: the engine's error 303 at 65."""
    groups = [
        {"any": [gt(n) for n in range(start, min(start + 20, count))]}
        for start in range(0, count, 20)
    ]
    return {"any": groups}


def test_56_thresholds_true_at_once_are_the_most_in_one_rule(pack_of: Build) -> None:
    assert pack_of(thresholds(56)).digest
    with pytest.raises(PackRefused, match="分支 57 个"):
        pack_of(thresholds(57))


def test_an_all_of_anys_is_judged_by_its_product(pack_of: Build) -> None:
    pair = {"any": [gt(1), gt(2)]}
    assert pack_of({"all": [pair] * 5}).digest
    with pytest.raises(PackRefused, match="分支 64 个"):
        pack_of({"all": [pair] * 6})


def test_a_rule_bears_twelve_groups_beside_its_wrapper(pack_of: Build) -> None:
    one = {"field": "st", "op": "in", "value": ["a"]}
    assert pack_of({"all": [one] * 11}).digest
    with pytest.raises(PackRefused, match="14 组"):
        pack_of({"all": [one] * 12})


def test_512_rules_and_256_identical_ones_are_cut_into_safe_shards(pack_of: Build) -> None:
    for whens in ([gt(n) for n in range(600)], [gt(1)] * 300):
        sizes = [text.count('"pri"') for text in pack_of(*whens).slices()[-1].texts]
        assert max(sizes) <= 56
        assert sum(sizes) == len(whens)


def test_the_hash_is_the_engine_s() -> None:
    # Words and values from rete.c:11-29 of durable_rules 2.0.28.
    known = {"all": 321211332, "any": 740945997, "pri": 1450887882, "$lt": 542787579,
             "$nex": 2605470202, "$and": 3746487396, "$m": 1690058490}  # fmt: skip
    assert {word: fnv1a(word) for word in known} == known


def test_names_that_the_engine_cannot_tell_apart_are_refused(
    pack_dict: Make, rule_dict: Make
) -> None:
    # Both were seen to be one field to the engine: a rule on the one held for the other.
    one, other = "flag_late_ratio0", "last_last_count2"
    assert fnv1a(one) == fnv1a(other)
    fields = {name: {"type": "number", "title": TITLE} for name in (one, other)}
    raw = pack_dict([rule_dict(0, gt(1))], fields=fields)
    found = problems(Definition.model_validate(raw))
    assert [problem.loc for problem in found] == [("fields", other)]
    assert one in found[0].message


@pytest.mark.parametrize("name", [*RESERVED, "a.b", "A", "一", "a b", 'a"', "", "a" * 64])
def test_a_field_name_is_plain_and_not_the_engine_s(
    pack_dict: Make, rule_dict: Make, name: str
) -> None:
    fields = {name: {"type": "number", "title": TITLE}}
    found = problems(Definition.model_validate(pack_dict([rule_dict(0, gt(1))], fields=fields)))
    assert [problem.loc for problem in found] == [("fields", name)]


def test_more_fields_than_a_message_bears_are_refused(pack_dict: Make, rule_dict: Make) -> None:
    fields = {f"f{n}": {"type": "number", "title": TITLE} for n in range(200)}
    found = problems(Definition.model_validate(pack_dict([rule_dict(0, gt(1))], fields=fields)))
    assert [problem.loc for problem in found] == [("fields",)]


RULE_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"priority": -1}, "优先级"),
    ({"priority": 1001}, "优先级"),
    ({"id": "规则"}, "规则编号"),
    ({"in_force_until": "2020-01-01"}, "失效日"),
    ({"examples": [{"given": {}, "holds": True}]}, "反例"),
    ({"examples": []}, "反例"),
    ({"then": {"hti": ["x"]}}, "'hti' 不在 outcome"),
    ({"then": {"hit": "x"}}, "不是列表"),
    ({"then": {"hit": {"field": "pm"}}}, "不是 text_list"),
    ({"then": {"hit": {"of": "tags"}}}, "field: 字段名"),
    ({"then": {"hit": {"field": "nope"}}}, "'nope' 不在 fields"),
    ({"examples": [{"given": {"pn": 1}, "holds": True}, {"given": {}, "holds": False}]}, "pn"),
    ({"examples": [{"given": {}, "holds": True, "day": "2019-12-31"},
                   {"given": {}, "holds": False}]}, "不在规则有效期"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "says"), RULE_FAULTS)
def test_a_rule_with_a_fault_is_refused(
    pack_dict: Make, rule_dict: Make, change: dict[str, Any], says: str
) -> None:
    raw = pack_dict([rule_dict(0, gt(1), **change)])
    assert says in "".join(p.message for p in problems(Definition.model_validate(raw)))


def test_a_rule_without_basis_is_no_rule(pack_dict: Make, rule_dict: Make) -> None:
    with pytest.raises(ValidationError, match="basis"):
        Definition.model_validate(pack_dict([rule_dict(0, gt(1), basis="")]))


def test_two_rules_of_one_id_are_refused(pack_dict: Make, rule_dict: Make) -> None:
    raw = pack_dict([rule_dict(0, gt(1)), rule_dict(0, gt(2))])
    found = problems(Definition.model_validate(raw))
    assert [problem.loc for problem in found] == [("rules", 1, "id")]


SPEC_FAULTS: list[dict[str, Any]] = [
    {"zone": "Asia/Nowhere"},
    {"fields": {"x": {"type": "number", "title": TITLE, "derived": True}}},
    {"outcome": {"pm": {"type": "number", "title": TITLE}}},
    {"outcome": {"z": {"type": "text", "title": TITLE, "merge": "max"}}},
    {"outcome": {"z": {"type": "text_list", "title": TITLE, "merge": "first"}}},
    {"fields": {"x": {"type": "number", "title": TITLE, "choices": ["a"]}}},
]


@pytest.mark.parametrize("change", SPEC_FAULTS)
def test_a_vocabulary_with_a_fault_is_refused(
    pack_dict: Make, rule_dict: Make, change: dict[str, Any]
) -> None:
    raw = pack_dict([rule_dict(0, gt(1))], **change)
    assert len(problems(Definition.model_validate(raw))) == 1
