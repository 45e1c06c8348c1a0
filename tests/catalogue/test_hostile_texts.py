"""What somebody may post as a version can neither end the reader, nor fill it, nor reach out."""

from __future__ import annotations

import pytest

from catalogue.form_dangers import form_dangers
from catalogue.load import HERE, load_catalogue
from catalogue.marks import MAX_DEPTH, Fault, Marked, marked_text
from catalogue.matters import Matter
from catalogue.reading import read_matter

FOOD = (HERE / "matters/food-operation-2026.1.yaml").read_text("utf-8")
LAUGHS = "a0: &a0 [x, x, x]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: " + "[" * 100_000, 1),
        ("- " * 100_000, 1),
        (LAUGHS, 2),
        ("a: &a\n  b: *a\n", 2),
        ("标识: x\n嵌套: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, 2),
    ],
    ids=["flow", "block", "laughs", "itself", "deep"],
)
def test_a_text_made_to_break_the_reader_is_a_fault_with_its_line(text: str, line: int) -> None:
    found, faults = marked_text(text, "matter.yaml")
    assert found is None
    assert [one.line for one in faults] == [line]


def test_an_ordinary_depth_is_read() -> None:
    found, faults = marked_text("嵌套: " + "[" * 20 + "]" * 20, "matter.yaml")
    assert found is not None and not faults


def test_no_tag_makes_an_object() -> None:
    text = FOOD.replace("结果名称: 食品经营许可证", "结果名称: !!python/object/apply:os.getcwd []")
    faults: list[Fault] = []
    read_matter(text, "matter.yaml", faults)
    assert any("不对" in str(one) or "应为文字" in str(one) for one in faults)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "$ref"),
        ({"properties": {"a": {"items": {"$dynamicRef": "http://10.0.0.1/"}}}}, "$dynamicRef"),
        ({"allOf": [{"then": {"$id": "http://evil.example/"}}]}, "$id"),
        ({"properties": {"a": {"pattern": "^(a+)+$"}}}, "重复"),
        ({"properties": {"a": {"pattern": "^(a|b*){2,}$"}}}, "重复"),
        ({"properties": {"a": {"pattern": "("}}}, "正则"),
        ({"properties": {"a": {"pattern": "a" * 400}}}, "300"),
        ({"patternProperties": {"(x*)*": {}}}, "重复"),
    ],
)
def test_a_form_reaches_nowhere_and_its_patterns_end(change: dict[str, object], word: str) -> None:
    (fault,) = form_dangers(change, Marked("matter.yaml", change, {}))
    assert word in str(fault)


def test_a_field_may_be_called_anything() -> None:
    form = {"properties": {"pattern": {"enum": ["$ref"]}, "$ref": {"type": "string"}}}
    assert not list(form_dangers(form, Marked("matter.yaml", form, {})))


@pytest.mark.parametrize("matter", load_catalogue().matters, ids=lambda m: f"{m.code}-{m.version}")
def test_what_ships_is_no_danger(matter: Matter) -> None:
    assert not list(form_dangers(matter.form, Marked("matter.yaml", {}, {})))
