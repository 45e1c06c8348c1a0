"""A form made from a JSON Schema, and what was typed read back from it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from catalogue.load import load_catalogue
from forms.fields import schema_errors, schema_fields, schema_values
from forms.rendering import due, due_day

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
