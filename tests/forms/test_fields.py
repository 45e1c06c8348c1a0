"""A form made from a JSON Schema, and what was typed read back from it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cases.masking import HIDDEN, differing, mask_form
from catalogue.load import load_catalogue
from forms.conditions import as_json
from forms.fields import Form, schema_errors, schema_fields, schema_values
from forms.rendering import due, due_day
from forms.rows import in_rows

SCHEMA = {
    "type": "object",
    "required": ["name", "kind"],
    "properties": {
        "name": {"type": "string", "title": "名称", "x-en": "Name", "minLength": 2},
        "kind": {"type": "string", "title": "用途（a 住宅、b 公共）", "enum": ["a", "b"]},
        "height": {"type": "number", "title": "高度", "exclusiveMinimum": 0},
        "staff": {"type": "integer", "title": "人数"},
        "near": {"type": "boolean", "title": "临近", "default": True},
        "items": {"type": "array", "title": "项目", "items": {"enum": ["x", "y"]}, "minItems": 1},
        "site": {"type": "object", "title": "地点", "properties": {"road": {"type": "string"}}},
    },
}


def test_each_property_becomes_the_field_that_fits_it() -> None:
    kinds = {field.name: field.kind for field in schema_fields(SCHEMA, "form", "zh")}
    assert kinds == {
        "form.name": "text", "form.kind": "radios", "form.height": "number",
        "form.staff": "number", "form.near": "check", "form.items": "checks",
        "form.site.road": "text",
    }  # fmt: skip


def test_a_box_that_is_checked_as_it_comes_is_shown_checked() -> None:
    near = next(field for field in schema_fields(SCHEMA, "form", "zh") if field.name == "form.near")
    assert near.value == "true"


def test_choices_named_in_the_title_become_words() -> None:
    kind = next(field for field in schema_fields(SCHEMA, "form", "zh") if field.name == "form.kind")
    assert kind.label == "用途"
    assert [(one.value, one.label) for one in kind.options] == [("a", "住宅"), ("b", "公共")]


def test_what_was_typed_becomes_the_json_that_the_schema_asks_for() -> None:
    typed = {
        "form.name": ["云溪"], "form.kind": ["a"], "form.height": ["23.50"], "form.staff": ["7"],
        "form.items": ["x", "y"], "form.site.road": [" 学府路 "],
    }  # fmt: skip
    assert schema_values(SCHEMA, "form", typed) == {
        "name": "云溪", "kind": "a", "height": 23.5, "staff": 7, "near": False,
        "items": ["x", "y"], "site": {"road": "学府路"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("form.name", "", "请填写“名称”"),
        ("form.name", "云", "“名称”至少 2 个字"),
        ("form.height", "高", "“高度”应是数字"),
        ("form.height", "0", "“高度”须大于 0"),
        ("form.staff", "1.5", "“人数”应是整数"),
        ("form.kind", "c", "请从列表中选择“用途”"),
    ],
)
def test_each_fault_is_one_sentence_beside_its_field(name: str, typed: str, sentence: str) -> None:
    posted = {"form.name": ["云溪"], "form.kind": ["a"], name: [typed]}
    values = schema_values(SCHEMA, "form", posted)
    assert schema_errors(SCHEMA, "form", values, "zh", lambda text: text) == {name: sentence}


def test_every_shipped_matter_has_a_form_that_can_be_shown() -> None:
    for matter in load_catalogue().matters:
        for language in ("zh", "en"):
            fields = list(schema_fields(matter.form, "form", language))
            assert len({field.id for field in fields}) == len(fields)


def test_a_period_that_ends_at_midnight_ends_on_the_day_before_at_24() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    end = datetime(2026, 12, 22, 16, 0, tzinfo=UTC)
    assert due(end, zone) == "2026-12-22 24:00"
    assert due_day(end, zone) == "2026-12-22"
    assert due(datetime(2026, 12, 22, 8, 30, tzinfo=UTC), zone) == "2026-12-22 16:30"


GROUPED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "title": "业态", "enum": ["食堂", "餐馆"]},
        "diners": {"type": "integer", "title": "人数"},
        "people": {
            "type": "array", "title": "股东", "maxItems": 3, "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "title": "姓名", "minLength": 2},
                    "sum": {"type": "number", "title": "出资"},
                    "cash": {"type": "boolean", "title": "货币"},
                },
            },
        },
    },
    "if": {"properties": {"kind": {"const": "食堂"}}, "required": ["kind"]},
    "then": {"required": ["diners"]},
    "else": {"properties": {"diners": False}},
}  # fmt: skip
TWO_ROWS = {
    "form.people": ["4", "1", "9"],
    "form.people.4.name": ["张三"], "form.people.4.sum": ["5"], "form.people.4.cash": ["true"],
    "form.people.1.name": [" "],
    "form.people.9.name": ["李"],
}  # fmt: skip


def test_rows_keep_their_order_and_the_empty_one_stands_last() -> None:
    found = in_rows(GROUPED, "form", TWO_ROWS)
    assert found["form.people"] == ("0", "1", "2")
    assert [found.get(f"form.people.{n}.name") for n in range(3)] == [("张三",), ("李",), None]
    assert schema_values(GROUPED, "form", found)["people"] == [
        {"name": "张三", "sum": 5.0, "cash": True}, {"name": "李", "cash": False},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("do", "names"),
    [
        ("add:form.people", ["张三", "李", ""]),
        ("remove:form.people.4", ["李", ""]),
        ("remove:form.people.1", ["张三", "李"]),
        ("remove:form.people.9", ["张三", ""]),
        ("remove:form.people.77", ["张三", "李", ""]),
    ],
)
def test_a_button_adds_or_removes_one_row(do: str, names: list[str]) -> None:
    found = in_rows(GROUPED, "form", TWO_ROWS, do)
    group = next(f for f in schema_fields(GROUPED, "form", "zh") if f.kind == "rows")
    assert [line[0].value for line in group.filled(found).lines] == names


def test_no_row_beyond_the_most_is_offered_and_none_that_was_typed_is_lost() -> None:
    names = {f"form.people.{n}.name": ["某某"] for n in range(5)}
    many = {"form.people": [str(n) for n in range(5)], **names}
    found = in_rows(GROUPED, "form", many, "add:form.people")
    assert len(found["form.people"]) == 5
    values = schema_values(GROUPED, "form", found)
    said = schema_errors(GROUPED, "form", values, "zh", lambda text: text)
    assert said == {"form.people": "“股东”最多 3 项"}


@pytest.mark.parametrize("number", ["-1", "1e3", "٣", "99999", "__n__", "0.name", ""])
def test_a_row_number_of_somebody_elses_making_is_no_row(number: str) -> None:
    found = in_rows(GROUPED, "form", {"form.people": [number], f"form.people.{number}.name": ["x"]})
    assert found == {"form.people": ("0",)}


def test_a_fault_in_a_row_stands_beside_its_field_and_names_the_row() -> None:
    posted = in_rows(GROUPED, "form", {**TWO_ROWS, "form.people.9.sum": ["五"]})
    values = schema_values(GROUPED, "form", posted)
    found = schema_errors(GROUPED, "form", values, "zh", lambda text: text)
    assert found == {
        "form.people.1.name": "“股东第 2 行 姓名”至少 2 个字",
        "form.people.1.sum": "“股东第 2 行 出资”应是数字",
    }
    fields = tuple(one.filled(posted) for one in schema_fields(GROUPED, "form", "zh"))
    marked = Form(fields).with_errors(found)
    assert [one.target for one in marked.errors] == ["f-form-people-1-name", "f-form-people-1-sum"]
    group = marked.fields[-1]
    assert [bool(part.error) for part in group.lines[1]] == [True, True, False]
    assert not any(part.error for part in group.lines[0])
    assert marked.named("body.form.people.1.sum") == "form.people.1.sum"


@pytest.mark.parametrize(
    ("posted", "wrong"),
    [
        ({"form.kind": ["食堂"]}, {"form.diners": "请填写“人数”"}),
        ({"form.kind": ["餐馆"], "form.diners": ["9"]},
         {"form.diners": "“人数”在这种情况下不填，请清空"}),
        ({"form.kind": ["餐馆"]}, {}),
        ({"form.kind": ["食堂"], "form.diners": ["9"]}, {}),
    ],
)  # fmt: skip
def test_a_field_is_asked_for_only_when_its_condition_holds(
    posted: dict[str, list[str]], wrong: dict[str, str]
) -> None:
    values = schema_values(GROUPED, "form", posted)
    assert schema_errors(GROUPED, "form", values, "zh", lambda text: text) == wrong


def test_a_condition_is_said_in_words_and_told_to_the_script() -> None:
    diners = next(f for f in schema_fields(GROUPED, "form", "zh") if f.name == "form.diners")
    assert diners.when == "如“业态”为“食堂”，则须填写；否则不填。"
    when = {"tests": [{"name": "form.kind", "op": "in", "values": ["食堂"]}], "turned": False}
    assert json.loads(as_json(diners.asked)) == {"must": [when], "only": [when]}


def test_the_personal_part_of_each_row_is_hidden_and_nothing_else() -> None:
    name = {"type": "string", "x-personal": True}
    rows = {"type": "array", "items": {"type": "object", "properties": {"name": name, "n": {}}}}
    schema: dict[str, Any] = {"properties": {"rows": rows, "one": rows["items"]}}
    form: dict[str, Any] = {"rows": [{"name": "张三", "n": 1, "odd": 2}], "one": {"name": "李四"}}
    masked = mask_form(form, schema)
    assert masked == {
        "rows": [{"name": HIDDEN, "n": 1, "odd": HIDDEN}], "one": {"name": HIDDEN},
    }  # fmt: skip
    assert mask_form(form, schema, ("form.rows",))["rows"] == form["rows"]
    assert list(differing("form", form, masked)) == ["form.rows", "form.one"]
