"""Conditions and repeating groups of a matter's form: what is read of them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from catalogue.form_check import form_faults
from catalogue.form_schema import (
    claims_of,
    conditions,
    corrected,
    names_in,
    only,
    said_in,
    torn,
    untied,
)
from catalogue.load import load_catalogue

TEXT = {"type": "string", "title": "文字", "x-en": "Text"}
ROWS: dict[str, Any] = {
    "type": "array", "title": "明细", "x-en": "Lines", "maxItems": 3,
    "items": {"type": "object", "properties": {"name": TEXT}, "required": ["name"]},
}  # fmt: skip
FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {**TEXT, "enum": ["甲", "乙"]},
        "online": {"type": "boolean", "title": "网上"},
        "size": {"type": "number", "title": "面积"},
        "many": {"type": "array", "title": "项目", "items": {"type": "string", "enum": ["a", "b"]}},
        "more": TEXT,
        "lines": ROWS,
    },
}
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["甲", "乙"]),
        "online": st.booleans(),
        "size": st.integers(-3, 3) | st.floats(-3, 3),
        "many": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "more": st.just("有"),
    },
)
RULES = {
    "kind": st.sampled_from([{"const": "甲"}, {"enum": ["甲", "乙"]}]),
    "online": st.sampled_from([{"const": True}, {"const": False}]),
    "size": st.fixed_dictionaries(
        {}, optional={one: st.integers(-2, 2) for one in ("minimum", "exclusiveMaximum")}
    ).filter(bool),
    "many": st.sampled_from([{"contains": {"const": "a"}}, {"contains": {"enum": ["a", "b"]}}]),
}


@given(st.fixed_dictionaries({}, optional=RULES), st.booleans(), VALUES)
def test_a_condition_holds_for_us_when_it_holds_for_the_validator(
    rules: dict[str, Any], more: bool, values: dict[str, Any]
) -> None:
    condition = {"properties": rules, "required": [*rules, *(["more"] if more else [])]}
    ours = all(test.holds(values) for test in claims_of(condition))
    assert ours == Draft202012Validator(condition).is_valid(values)


@given(VALUES)
def test_a_field_applies_just_when_the_validator_lets_it_be_filled_in(
    values: dict[str, Any],
) -> None:
    schema = FORM | {
        "if": {"properties": {"kind": {"const": "甲"}}, "required": ["kind"]},
        "then": {"required": ["more"]},
        "else": {"properties": {"more": False}},
    }
    filled = {**values, "more": "有"}
    asked = conditions(schema)["more"]
    assert asked.applies(filled) == Draft202012Validator(schema).is_valid(filled)
    empty = {name: value for name, value in values.items() if name != "more"}
    wanted = any(when.holds(empty) for when in asked.must)
    assert wanted != Draft202012Validator(schema).is_valid(empty)


def test_what_is_asked_when_another_is_given_is_read_from_both_keywords() -> None:
    schema = FORM | {
        "dependentRequired": {"more": ["kind"]},
        "dependentSchemas": {"kind": {"required": ["size"]}},
    }
    found = conditions(schema)
    assert found["kind"].must[0].holds({"more": "有"})
    assert not found["kind"].must[0].holds({})
    assert found["size"].must[0].holds({"kind": "甲"})


def test_the_shipped_matters_have_conditions_and_repeating_groups() -> None:
    forms = {matter.code: matter.form for matter in load_catalogue().matters}
    assert set(conditions(forms["food-operation"])) == {
        "online_address",
        "diners",
        "school_canteen",
    }
    assert {"sources", "machines"} <= set(conditions(forms["radiation-renewal"]))
    assert "investors" in conditions(forms["enterprise-start"])


def _row(columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"items": {"type": "object", "properties": columns, **more}}


def _if(rule: Any, needed: Any = None, **more: Any) -> dict[str, Any]:
    name = next(iter(rule), "")
    return {
        "if": {"properties": rule, "required": [name] if needed is None else needed},
        "then": {"required": ["more"]},
        **more,
    }


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"patternProperties": {}}, "表单不会用「patternProperties」"),
        ({"allOf": [{"required": ["kind"]}]}, "allOf 的这一项不是条件"),
        ({"then": {"required": ["more"]}}, "有 then，却没有 if"),
        (_if({"kind": {"const": "甲"}}, []), "「kind」没填时条件也会成立"),
        (_if({"kind": {"const": "丙"}}), "「kind」不会有这样的值"),
        (_if({"online": {"const": "true"}}), "「online」不会有这样的值"),
        (_if({"kind": {"minimum": 1}}), "「kind」不会有这样的值"),
        (_if({"kind": {"pattern": "甲"}}), "对「kind」的要求看不懂"),
        (_if({"kind": {"contains": {"const": "甲"}}}), "「kind」不是多选"),
        (_if({"nothing": {"const": "甲"}}), "没有字段「nothing」"),
        (_if({"kind": {"const": "甲"}}, then={"required": ["nothing"]}), "没有字段「nothing」"),
        (_if({"kind": {"const": "甲"}}, then={"minProperties": 3}), "不会用「minProperties」"),
        ({"dependentRequired": {"online": ["more"]}}, "「online」是勾选项，不勾也有值"),
        (
            _if({"kind": {"const": "甲"}}, **{"else": {"properties": {"online": False}}}),
            "「online」是勾选项，不勾也有值，不能视情况不填",
        ),
        (
            {
                "required": ["more"],
                **_if({"kind": {"const": "甲"}}, then={"properties": {"more": False}}),
            },
            "「more」一直必填，条件里又不让填",
        ),
    ],
)  # fmt: skip
def test_a_form_that_no_page_shows_rightly_is_refused(part: dict[str, Any], said: str) -> None:
    assert list(form_faults(FORM)) == []
    assert any(said in fault for _, fault, _ in form_faults({**FORM, **part}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"maxItems": None}, "没有写最多几行"),
        ({"maxItems": 51}, "没有写最多几行"),
        ({"minItems": 4}, "minItems 大于 maxItems"),
        (_row({}), "行没有字段"),
        (_row({"a": ROWS}), "不是一个简单的值"),
        (_row({"a": {**TEXT, "default": "x"}}), "空行会被当成填过"),
        (_row({"a": {"type": "string"}}), "没有 x-en"),
        (_row({"a": TEXT}, **{"if": {}}), "行不会用「if」"),
        (_row({"a": TEXT}, required=["b"]), "没有字段「b」"),
    ],
)  # fmt: skip
def test_a_repeating_group_that_no_page_shows_rightly_is_refused(
    change: dict[str, Any], said: str
) -> None:
    group = {key: value for key, value in {**ROWS, **change}.items() if value is not None}
    form = {**FORM, "properties": {**FORM["properties"], "lines": group}}
    assert any(said in fault for _, fault, _ in form_faults(form))


def test_a_form_too_long_for_one_post_is_refused() -> None:
    wide = {f"c{n}": TEXT for n in range(12)}
    group = {**ROWS, "maxItems": 50, "items": {"type": "object", "properties": wide}}
    form = {**FORM, "properties": {**FORM["properties"], "lines": group}}
    assert any("一次交不上来" in fault for _, fault, _ in form_faults(form))


def test_what_a_correction_tears_apart_is_told_by_field() -> None:
    form = next(m.form for m in load_catalogue().matters if m.code == "food-operation")
    whole = {"online_business": False, "business_kind": "餐饮服务经营者"}
    torn_apart = torn(form, {**whole, "online_business": True, "diners": 5})
    assert torn_apart["online_address"] == "请填写“网络经营的网址或平台名称”"
    assert torn_apart["diners"] == "“供餐人数”在这种情况下不填，请去掉"
    assert not {"online_address", "diners"} & set(torn(form, whole))


# --- some of the fields --------------------------------------------------------------------------

GROUPED: dict[str, Any] = {
    "type": "object",
    "required": ["kind", "owner"],
    "properties": {
        "kind": TEXT,
        "owner": {
            "type": "object",
            "required": ["name", "address"],
            "properties": {"name": TEXT, "address": TEXT},
        },
        "lines": ROWS,
    },
}
SAID = {"kind": "甲", "owner": {"name": "王某", "address": "旧址"}, "lines": [{"name": "一"}]}


def test_of_fields_under_one_name_only_those_that_are_given_are_corrected() -> None:
    after = corrected(SAID, {"owner": {"address": "新址"}, "lines": [{"name": "二"}]})
    assert after["owner"] == {"name": "王某", "address": "新址"}
    assert after["lines"] == [{"name": "二"}]
    assert corrected({}, {"owner": {"address": "新址"}}) == {"owner": {"address": "新址"}}


def test_a_field_of_a_group_is_named_with_its_group() -> None:
    assert names_in({"owner": {"address": "新址"}, "lines": []}) == {
        "owner", "owner.address", "lines",
    }  # fmt: skip


def test_one_field_of_a_group_may_be_corrected_without_the_others() -> None:
    given = {"owner": {"address": "新址"}}
    assert not Draft202012Validator(GROUPED).is_valid(given)
    assert Draft202012Validator(untied(GROUPED)).is_valid(given)
    assert GROUPED["properties"]["owner"]["required"], "the matter's own schema stays as it was"


def test_only_the_named_fields_are_asked_for_and_what_was_said_in_them() -> None:
    asked = only(GROUPED, {"owner.address", "lines"})
    assert set(asked["properties"]) == {"owner", "lines"}
    assert set(asked["properties"]["owner"]["properties"]) == {"address"}
    assert said_in(SAID, asked) == {"owner": {"address": "旧址"}, "lines": [{"name": "一"}]}
    assert only(GROUPED, {"owner"})["properties"]["owner"]["properties"].keys() == {
        "name", "address",
    }  # fmt: skip
    assert only(GROUPED, {"monitoring"}) == {}
