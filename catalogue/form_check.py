"""What of a matter's form no page of ours can show, or would show wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from catalogue.form_schema import (
    LIMITS,
    MOST_ROWS,
    TIES,
    claims_of,
    conditions,
    is_rows,
    same,
)

MOST_INPUTS: Final = 480
"""Inputs of a form with every group full; a post may carry 600 (`forms.posting.MOST_FIELDS`), and
the persons and the materials stand beside it."""

_TOP: Final = frozenset(
    {"$schema", "$id", "$comment", "type", "title", "description", "properties", "required",
     "additionalProperties", "unevaluatedProperties", *TIES}
)  # fmt: skip
_SCALARS: Final = ("string", "number", "integer", "boolean")

Loc = tuple[str | int, ...]

FormFault = tuple[Loc, str, str]
"""Where in the form, what is wrong, what to do."""


def form_faults(schema: Mapping[str, Any]) -> Iterator[FormFault]:
    """Yield what of a valid JSON Schema no page of ours can show, or would show wrongly."""
    properties: Mapping[str, Any] = schema["properties"]
    for key in schema:
        if key not in _TOP and not key.startswith("x-"):
            yield (key,), f"表单不会用「{key}」", f"可用：{'、'.join(sorted(_TOP))}"
    for name, part in properties.items():
        if isinstance(part, Mapping):
            yield from _part_faults(("properties", name), name, part)
    inputs = sum(_inputs(part) for part in properties.values())
    if inputs > MOST_INPUTS:
        yield (
            ("properties",),
            f"表单填满时有 {inputs} 个输入项，一次交不上来",
            f"请减少到 {MOST_INPUTS} 个：减小 maxItems 或字段数",
        )
    yield from _condition_faults(schema, properties)


def _inputs(part: Any) -> int:
    if is_rows(part):
        rows = part.get("maxItems", MOST_ROWS)
        return (len(part["items"].get("properties", {})) + 1) * (rows if _count(rows) else 1)
    inner = part.get("properties", {}) if isinstance(part, Mapping) else {}
    return sum(_inputs(one) for one in inner.values()) or 1


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _part_faults(loc: Loc, name: str, part: Mapping[str, Any]) -> Iterator[FormFault]:
    if is_rows(part):
        yield from _rows_faults(loc, name, part)
        return
    kind = part.get("type")
    if kind == "object":
        for inner, one in part.get("properties", {}).items():
            if isinstance(one, Mapping) and (one.get("type") == "object" or is_rows(one)):
                yield (
                    (*loc, "properties", inner),
                    f"「{name}」里再套了一层「{inner}」，表单只排一层",
                    "请把它提到上一层",
                )
    elif kind == "array":
        items = part.get("items")
        if not isinstance(items, Mapping) or items.get("type", "string") != "string":
            yield loc, f"「{name}」不知道每一项填什么", "请写 items：文字、可选值或带字段的对象"
    elif kind not in _SCALARS and not {"enum", "oneOf"} & set(part):
        yield loc, f"「{name}」的类型表单不会排", f"type 可用：{'、'.join(_SCALARS)}、array、object"
    if {"if", "allOf", "dependentRequired", "dependentSchemas", "$ref"} & set(part):
        yield loc, f"「{name}」内部的条件表单不会排", "请把条件写在表单最外层"


def _rows_faults(loc: Loc, name: str, part: Mapping[str, Any]) -> Iterator[FormFault]:
    most: Any = part.get("maxItems")
    least: Any = part.get("minItems", 0)
    if not _count(most) or not 1 <= most <= MOST_ROWS:
        yield (*loc, "maxItems"), f"「{name}」没有写最多几行", f"请写 maxItems，1 到 {MOST_ROWS}"
    elif _count(least) and least > most:
        yield (*loc, "minItems"), f"「{name}」的 minItems 大于 maxItems", "请改正"
    yield from _row_faults((*loc, "items"), name, part["items"])


_OF_ROWS: Final = (
    "type", "title", "properties", "required", "additionalProperties", "x-order",
)  # fmt: skip
"""What may be said of a repeating group's row."""


def _row_faults(where: Loc, name: str, items: Mapping[str, Any]) -> Iterator[FormFault]:
    columns = items.get("properties")
    if not isinstance(columns, Mapping) or not columns:
        yield where, f"「{name}」的行没有字段", "请写 items.properties"
        return
    for key in items:
        if key not in _OF_ROWS:
            yield (*where, key), f"「{name}」的行不会用「{key}」", "请改正或删去"
    for column, one in columns.items():
        yield from _column_faults((*where, "properties", column), f"「{name}」的「{column}」", one)
    for index, column in enumerate(items.get("required", ())):
        if column not in columns:
            yield (*where, "required", index), f"「{name}」没有字段「{column}」", "请改正或删去"


def _column_faults(place: Loc, named: str, one: Any) -> Iterator[FormFault]:
    if not isinstance(one, Mapping) or one.get("type") not in _SCALARS:
        yield place, f"{named}不是一个简单的值", f"type 可用：{'、'.join(_SCALARS)}"
        return
    if "default" in one:
        yield place, f"{named}有默认值，空行会被当成填过的", "请删去 default"
    for key in ("title", "x-en"):
        if not isinstance(one.get(key), str) or not one[key]:
            yield place, f"{named}没有 {key}", f"请补上 {key}"
    if not isinstance(one.get("x-personal", False), bool):
        yield (*place, "x-personal"), "x-personal 只能是 true 或 false", "请改正"


def _condition_faults(
    schema: Mapping[str, Any], properties: Mapping[str, Any]
) -> Iterator[FormFault]:
    yield from _branch_faults((), schema, schema)
    for index, one in enumerate(schema.get("allOf", ())):
        place: Loc = ("allOf", index)
        if not isinstance(one, Mapping) or not isinstance(one.get("if"), Mapping):
            yield place, "allOf 的这一项不是条件", "每一项只写 if、then、else"
            continue
        for key in set(one) - {"if", "then", "else", "$comment"}:
            yield (*place, key), f"条件里不会用「{key}」", "只写 if、then、else"
        yield from _branch_faults(place, one, schema)
    for name, needed in (schema.get("dependentRequired") or {}).items():
        place = ("dependentRequired", name)
        yield from _given_faults(place, name, properties)
        yield from _then_faults(place, {"required": needed}, schema)
    for name, part in (schema.get("dependentSchemas") or {}).items():
        place = ("dependentSchemas", name)
        yield from _given_faults(place, name, properties)
        yield from _then_faults(place, part, schema)
    for name, asked in conditions(schema).items():
        if asked.only:
            yield from _barred_faults(name, properties.get(name), schema)


def _branch_faults(
    place: Loc, one: Mapping[str, Any], schema: Mapping[str, Any]
) -> Iterator[FormFault]:
    if "if" in one:
        yield from _if_faults((*place, "if"), one["if"], schema["properties"])
    for key in ("then", "else"):
        if key in one and "if" not in one:
            yield (*place, key), f"有 {key}，却没有 if", "请补上 if，或删去"
        elif key in one:
            yield from _then_faults((*place, key), one[key], schema)


def _barred_faults(name: str, part: Any, schema: Mapping[str, Any]) -> Iterator[FormFault]:
    """What a field cannot be that some case bars."""
    place: Loc = ("properties", name)
    known = part if isinstance(part, Mapping) else {}
    if name in schema.get("required", ()):
        yield place, f"「{name}」一直必填，条件里又不让填", "请从 required 删去，或改条件"
    if known.get("type") == "boolean":
        yield place, f"「{name}」是勾选项，不勾也有值，不能视情况不填", "请改用两个可选值"
    elif "default" in known:
        yield (*place, "default"), f"「{name}」视情况才填，却有默认值", "请删去 default"
    if known.get("type") == "object":
        yield place, f"「{name}」是一组字段，不能整组视情况填", "请对每个字段写条件"


def _given_faults(place: Loc, name: str, properties: Mapping[str, Any]) -> Iterator[FormFault]:
    part = properties.get(name)
    if not isinstance(part, Mapping):
        yield place, f"没有字段「{name}」", "请改正或删去"
    elif part.get("type") == "boolean":
        yield place, f"「{name}」是勾选项，不勾也有值", "请改用 if：const: true"
    elif part.get("type") == "object":
        yield place, f"「{name}」是一组字段，条件只能看单个字段", "请改正"


def _if_faults(place: Loc, condition: Any, properties: Mapping[str, Any]) -> Iterator[FormFault]:
    if not isinstance(condition, Mapping) or not condition:
        yield place, "条件是空的", "请写 properties 和 required"
        return
    for key in condition:
        if key not in ("properties", "required"):
            yield (*place, key), f"条件里不会用「{key}」", "只写 properties 和 required"
    needed = condition.get("required", ())
    for name in needed:
        if name not in properties:
            yield (*place, "required"), f"没有字段「{name}」", "请改正或删去"
        elif name not in (condition.get("properties") or {}):
            yield from _given_faults((*place, "required"), name, properties)
    for name, rule in (condition.get("properties") or {}).items():
        where: Loc = (*place, "properties", name)
        part = properties.get(name)
        if not isinstance(part, Mapping):
            yield where, f"没有字段「{name}」", "请改正或删去"
            continue
        if name not in needed:
            yield (
                where,
                f"「{name}」没填时条件也会成立",
                f"请把 {name} 列入 if.required",
            )
        yield from _rule_faults(where, name, rule, part)


def _rule_faults(where: Loc, name: str, rule: Any, part: Mapping[str, Any]) -> Iterator[FormFault]:
    allowed = ("const", "enum", "contains", *LIMITS)
    if not isinstance(rule, Mapping) or not rule or set(rule) - set(allowed):
        yield where, f"对「{name}」的要求看不懂", f"可用：{'、'.join(allowed)}"
        return
    if "contains" in rule:
        one = rule["contains"]
        if not isinstance(one, Mapping) or set(one) not in ({"const"}, {"enum"}):
            yield where, f"对「{name}」的要求看不懂", "contains 只写 const 或 enum"
            return
        if part.get("type") != "array" or is_rows(part):
            yield where, f"「{name}」不是多选", "contains 只用于多选的字段"
            return
    choices = _choices(part)
    for test in claims_of({"properties": {name: rule}}):
        fits = test.op in LIMITS or all(_fits(value, part, choices) for value in test.values)
        if test.op in LIMITS and part.get("type") not in ("number", "integer"):
            fits = False
        if test.op == "in" and part.get("type") in ("array", "object"):
            fits = False
        if not fits:
            yield where, f"「{name}」不会有这样的值，条件永远不成立", "请改正"


def _choices(part: Mapping[str, Any]) -> tuple[Any, ...]:
    source = part.get("items", part) if part.get("type") == "array" else part
    if "oneOf" in source:
        return tuple(one.get("const") for one in source["oneOf"])
    return tuple(source.get("enum", ()))


def _fits(value: Any, part: Mapping[str, Any], choices: Sequence[Any]) -> bool:
    if choices:
        return any(same(value, one) for one in choices)
    match part.get("type"):
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _then_faults(place: Loc, part: Any, schema: Mapping[str, Any]) -> Iterator[FormFault]:
    if not isinstance(part, Mapping):
        yield place, "条件的结果看不懂", "请写 required 或 properties"
        return
    properties = schema["properties"]
    for key in part:
        if key not in ("required", "properties", "$comment"):
            yield (*place, key), f"条件的结果里不会用「{key}」", "只写 required 和 properties"
    for name in (*part.get("required", ()), *(part.get("properties") or {})):
        if name not in properties:
            yield place, f"没有字段「{name}」", "请先在 properties 写这个字段"
