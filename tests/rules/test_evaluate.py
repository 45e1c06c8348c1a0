"""What a ruling is: rules in force, order, merging, chaining; by the plain twin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from rules.evaluate import NoFixpoint, NoRuling, again, evaluate
from rules.model import Definition
from rules.pack import ContextRefused, Pack
from rules.validate import context_faults

Make = Callable[..., dict[str, Any]]
Build = Callable[..., Pack]
TITLE = {"zh": "字段", "en": "field"}


def hit(pack: Pack, context: dict[str, Any], at: datetime) -> list[str]:
    return [fired.rule for fired in evaluate(pack, context, at).fired]


COMPARED: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"field": "pm", "op": "gt", "value": 1}, {"pm": 1}, False),
    ({"field": "pm", "op": "gte", "value": 1}, {"pm": 1.0}, True),
    ({"field": "pm", "op": "gt", "value": 1}, {}, False),
    ({"not": {"field": "pm", "op": "gt", "value": 1}}, {}, True),
    ({"field": "st", "op": "ne", "value": "a"}, {}, False),
    ({"field": "st", "op": "ne", "value": "a"}, {"st": None}, False),
    ({"field": "st", "op": "missing"}, {"st": None}, True),
    ({"field": "tags", "op": "exists"}, {"tags": []}, False),
    ({"field": "tags", "op": "all_items", "value": "a"}, {"tags": []}, False),
    ({"not": {"field": "tags", "op": "any_item", "value": "a"}}, {"tags": []}, True),
    ({"field": "tags", "op": "all_items", "value": "a"}, {"tags": ["a", "a"]}, True),
    ({"field": "tags", "op": "any_item", "item_op": "ne", "value": "a"}, {"tags": ["a"]}, False),
    ({"field": "vals", "op": "any_item", "item_op": "gt", "value": 3}, {"vals": [1, 4]}, True),
    ({"field": "pm", "op": "between", "value": [1, 5]}, {"pm": 5}, True),
    ({"field": "pm", "op": "between", "value": [1, 5]}, {"pm": 5.1}, False),
    ({"field": "pm", "op": "gte", "of": "base", "times": 0.8}, {"pm": 8, "base": 10}, True),
    ({"field": "pm", "op": "gte", "of": "base", "times": 0.8}, {"pm": 8}, False),
    ({"not": {"field": "pm", "op": "gte", "of": "base"}}, {"pm": 8}, True),
    ({"field": "pm", "op": "gt", "of": "base", "plus": 2}, {"pm": 12, "base": 10}, False),
    (
        {"not": {"any": [{"field": "pm", "op": "exists"}, {"field": "st", "op": "exists"}]}},
        {},
        True,
    ),
]


@pytest.mark.parametrize(("when", "context", "holds"), COMPARED)
def test_a_condition_means_what_the_reference_page_says(
    pack_of: Build, at: datetime, when: dict[str, Any], context: dict[str, Any], holds: bool
) -> None:
    assert hit(pack_of(when), context, at) == (["R0"] if holds else [])


ALWAYS = {"field": "pm", "op": "missing"}


def test_rules_fire_by_priority_and_then_in_the_order_of_the_file(
    pack_dict: Make, rule_dict: Make, at: datetime
) -> None:
    rules = [rule_dict(n, ALWAYS, priority=p) for n, p in enumerate([500, 10, 500, 10])]
    pack = Pack.of(Definition.model_validate(pack_dict(rules)))
    assert hit(pack, {}, at) == ["R1", "R3", "R0", "R2"]


def test_each_way_of_merging_takes_all_fired_rules(
    pack_dict: Make, rule_dict: Make, at: datetime
) -> None:
    outcome = {
        "first": {"type": "text", "title": TITLE},
        "most": {"type": "number", "merge": "max", "title": TITLE},
        "least": {"type": "number", "merge": "min", "title": TITLE},
        "all_of": {"type": "text_list", "merge": "union", "title": TITLE},
        "copied": {"type": "text_list", "merge": "union", "title": TITLE},
    }
    thens = [
        {"first": "b", "most": 1, "least": 5, "all_of": ["x", "y"]},
        {"first": "a", "most": 7, "least": 3, "all_of": ["z", "x"], "copied": {"field": "tags"}},
    ]
    rules = [rule_dict(n, ALWAYS, then=then, priority=9 - n) for n, then in enumerate(thens)]
    pack = Pack.of(Definition.model_validate(pack_dict(rules, outcome=outcome)))
    ruling = evaluate(pack, {"tags": ["q"]}, at)
    assert ruling.outcome == {
        "first": "a", "most": 7, "least": 3, "all_of": ["z", "x", "y"], "copied": ["q"],
    }  # fmt: skip
    assert ruling.fired[0].then["copied"] == ["q"]
    assert "copied" not in evaluate(pack, {}, at).outcome


@pytest.mark.parametrize(
    ("instant", "rule"),
    [
        (datetime(2025, 2, 28, 15, 59, 59, tzinfo=UTC), "ROUTE-HERITAGE-2017"),
        (datetime(2025, 2, 28, 16, 0, 0, tzinfo=UTC), "ROUTE-HERITAGE"),
    ],
)
def test_the_version_of_the_law_changes_at_midnight_in_beijing(
    shipped: dict[str, Pack], instant: datetime, rule: str
) -> None:
    assert hit(shipped["routing"], {"matter": "m", "near_heritage": True}, instant) == [rule]


def test_a_naive_instant_is_refused(shipped: dict[str, Pack]) -> None:
    with pytest.raises(ValueError, match="aware"):
        evaluate(shipped["routing"], {"matter": "m"}, datetime(2026, 1, 1))  # noqa: DTZ001


def test_before_any_rule_is_in_force_a_required_answer_is_refused_not_invented(
    shipped: dict[str, Pack],
) -> None:
    with pytest.raises(NoRuling, match="acceptance"):
        evaluate(
            shipped["completeness"],
            {"required_missing": 0, "secondary_missing": 0},
            datetime(2010, 1, 1, tzinfo=UTC),
        )


@pytest.mark.parametrize(
    ("context", "names"),
    [
        ({"matter": "m", "height": 1}, ["height"]),
        ({"matter": "m", "building_height_m": "50"}, ["building_height_m"]),
        ({"matter": "m", "building_height_m": float("nan")}, ["building_height_m"]),
        ({"matter": "m", "building_use": "castle"}, ["building_use"]),
        ({"matter": "m", "special_fire_review": True}, ["special_fire_review"]),
        ({"matter": "m", "step_departments": ["a", 1]}, ["step_departments"]),
        ({"matter": "一" * 1334}, ["matter"]),
        ({"matter": None}, ["matter"]),
        ({}, ["matter"]),
    ],
)
def test_a_context_that_does_not_fit_is_refused_by_field(
    shipped: dict[str, Pack], at: datetime, context: dict[str, Any], names: list[str]
) -> None:
    with pytest.raises(ContextRefused) as refused:
        evaluate(shipped["routing"], context, at)
    assert [name for name, _ in refused.value.faults] == names


def test_select_takes_the_fields_a_pack_knows(shipped: dict[str, Pack]) -> None:
    facts = {"matter": "m", "applicant": "张三", "special_fire_review": True}
    assert shipped["routing"].select(facts) == {"matter": "m"}


def test_a_derived_field_feeds_the_rules_after_it(shipped: dict[str, Pack], at: datetime) -> None:
    context = {"matter": "m", "building_use": "public", "floor_area_m2": 40000.5}
    ruling = evaluate(shipped["routing"], context, at)
    assert [fired.rule for fired in ruling.fired] == ["ROUTE-FIRE-PUBLIC", "ROUTE-FIRE"]
    assert ruling.outcome["departments"] == ["xf"]
    assert "special_fire_review" not in ruling.context


def chain(pack_dict: Make, rule_dict: Make, length: int) -> Pack:
    fields = {f"d{n}": {"type": "boolean", "title": TITLE, "derived": True} for n in range(length)}
    outcome = {f"d{n}": {"type": "boolean", "title": TITLE} for n in range(length)}
    rules = [rule_dict(0, ALWAYS, then={"d0": True})] + [
        rule_dict(n, {"field": f"d{n - 1}", "op": "eq", "value": True}, then={f"d{n}": True})
        for n in range(1, length)
    ]
    return Pack.of(Definition.model_validate(pack_dict(rules, fields=fields, outcome=outcome)))


def test_four_links_settle_in_five_rounds_and_five_do_not(
    pack_dict: Make, rule_dict: Make, at: datetime
) -> None:
    assert len(evaluate(chain(pack_dict, rule_dict, 4), {}, at).outcome) == 4
    with pytest.raises(NoFixpoint):
        evaluate(chain(pack_dict, rule_dict, 5), {}, at)


def test_a_pack_that_contradicts_itself_never_settles(
    pack_dict: Make, rule_dict: Make, at: datetime
) -> None:
    fields = {"d": {"type": "boolean", "title": TITLE, "derived": True}}
    outcome = {"d": {"type": "boolean", "title": TITLE}}
    rules = [rule_dict(0, {"field": "d", "op": "missing"}, then={"d": True})]
    pack = Pack.of(Definition.model_validate(pack_dict(rules, fields=fields, outcome=outcome)))
    with pytest.raises(NoFixpoint):
        evaluate(pack, {}, at)


def test_a_stored_ruling_can_be_made_again(shipped: dict[str, Pack], at: datetime) -> None:
    pack = shipped["completeness"]
    ruling = evaluate(pack, {"required_missing": 1, "secondary_missing": 0, "noticed": None}, at)
    stored = type(ruling).model_validate_json(ruling.model_dump_json())
    assert again(Pack.from_stored(pack.stored), stored) == ruling
    with pytest.raises(ValueError, match="expected pack"):
        again(shipped["routing"], stored)


UNKNOWN = (None, False, True)


def test_every_formal_review_has_exactly_one_result(shipped: dict[str, Pack], at: datetime) -> None:
    pack = shipped["completeness"]
    flags = ("licence_required", "competent", "correctable_on_spot", "tolerant_allowed",
             "undertaking_given", "noticed")  # fmt: skip
    for counts in product((0, 1), (0, 1), (None, 0, 1)):
        for values in product(UNKNOWN, repeat=len(flags)):
            context = dict(
                zip(("required_missing", "secondary_missing", "defects"), counts, strict=True)
            )
            context |= dict(zip(flags, values, strict=True))
            fired = evaluate(pack, context, at).fired
            assert sum("acceptance" in one.then for one in fired) == 1, context


def test_every_case_is_handled_in_exactly_one_way(shipped: dict[str, Pack], at: datetime) -> None:
    pack = shipped["on_the_spot"]
    flags = ("substantive_check", "procedure_needed", "commitment_allowed", "commitment_chosen",
             "undertaking_given", "sensitive", "credit_bad")  # fmt: skip
    for kind in ("on_the_spot", "promised", "other"):
        for values in product((False, True), repeat=len(flags)):
            context = {"case_kind": kind, **dict(zip(flags, values, strict=True))}
            fired = evaluate(pack, context, at).fired
            assert len({one.then["handling"] for one in fired if "handling" in one.then}) == 1
            assert len({one.then["commitment"] for one in fired if "commitment" in one.then}) == 1


@pytest.mark.parametrize("value", [[], ["a"], {}, True, 1, "\ud800", float("nan"), 2**60, b"a"])
@pytest.mark.parametrize("field", ["pm", "st", "open", "tags", "chosen"])
def test_the_quick_look_admits_nothing_that_the_long_one_refuses(
    pack_of: Callable[..., Pack], field: str, value: Any
) -> None:
    chosen = {"type": "text", "choices": ["a", "b"], "title": {"zh": "选", "en": "choice"}}
    pack = pack_of({"field": "pm", "op": "gt", "value": 1}, fields={"chosen": chosen})
    context = {field: value}
    if context_faults(pack.definition, context):
        with pytest.raises(ContextRefused):
            pack.admit(context)
    else:
        assert pack.admit(context) == ({} if value == [] else context)
