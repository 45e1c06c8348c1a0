"""Fields and conditions of a form as rows of the desk, and back into JSON Schema 2020-12."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import yaml

from catalogue.matters import ORDER, column_order

FIELD_COLUMNS: Final = (
    "key", "title", "en", "type", "required", "personal", "low", "high", "unit", "pattern",
    "choices", "hint", "extra",
)  # fmt: skip

FIELD_TYPES: Final = (
    "text", "long", "integer", "number", "yes_no", "date", "moment", "choice", "choices", "lines",
    "group", "raw",
)  # fmt: skip
"""一行文字、多行文字、整数、数、是否、日期、时刻、单选、多选、逐行填写、可重复的一组、其他结构."""
PART_TYPES: Final = FIELD_TYPES[:-2]
"""What stands inside a group: a form has one storey."""
PART_COLUMNS: Final = ("group", *FIELD_COLUMNS)

LONG: Final = 1000
"""Characters of a text of several lines where no limit is written."""

Row = dict[str, str]
Read = Callable[[str, str], dict[str, Any]]
"""(box, text) → what its YAML says. Raises for what is none."""

_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "text": ("minLength", "maxLength"), "long": ("minLength", "maxLength"),
    "integer": ("minimum", "maximum"), "number": ("minimum", "maximum"),
    "choices": ("minItems", "maxItems"), "lines": ("minItems", "maxItems"),
    "group": ("minItems", "maxItems"),
}  # fmt: skip


def field_row(key: str, schema: Mapping[str, Any], required: bool) -> Row:
    """Return a field's row; what no column shows stands in `extra` as YAML."""
    left = dict(schema)
    kind = _type(left)
    row: Row = {
        "key": key,
        "type": kind,
        "required": "true" if required else "",
        "title": str(left.pop("title", "")),
        "en": str(left.pop("x-en", "")),
        "hint": str(left.pop("description", "")),
        "personal": "true" if left.pop("x-personal", False) is True else "",
        "unit": str(left.pop("x-unit", "")),
    }
    if kind != "raw":
        left.pop("type", None)
        if kind in ("date", "moment"):
            left.pop("format")
        low, high = _BOUNDS.get(kind, ("", ""))
        row["low"], row["high"] = (str(left.pop(name, "")) for name in (low, high))
        row["pattern"] = str(left.pop("pattern", ""))
        row["choices"] = _choices(left, kind)
        if kind == "group":
            left.pop("items")
    row["extra"] = (
        yaml.safe_dump(left, allow_unicode=True, sort_keys=False, width=1000) if left else ""
    )
    return {name: row.get(name, "") for name in FIELD_COLUMNS}


def _type(schema: Mapping[str, Any]) -> str:
    kind, has_choices = schema.get("type"), "enum" in schema
    if kind == "string":
        if schema.get("format") in ("date", "date-time"):
            return "date" if schema["format"] == "date" else "moment"
        if has_choices:
            return "choice"
        return "long" if int(schema.get("maxLength") or 0) > 200 else "text"
    if kind == "array":
        inner = schema.get("items")
        if isinstance(inner, dict) and inner.get("type") == "string":
            return "choices" if "enum" in inner else "lines"
        return "group" if _is_group(inner) else "raw"
    return {"integer": "integer", "number": "number", "boolean": "yes_no"}.get(str(kind), "raw")


def _is_group(inner: Any) -> bool:
    """Tell whether the boxes show the whole of a group's row, so that none of it is lost."""
    if not isinstance(inner, dict) or not isinstance(inner.get("properties"), dict):
        return False
    columns, needed = inner["properties"], inner.get("required", [])
    if not columns or not all(
        isinstance(one, dict) and _type(one) in PART_TYPES for one in columns.values()
    ):
        return False
    order = column_order(columns, needed, inner.get(ORDER))
    return inner == _row_schema({name: columns[name] for name in order}, needed)


def _row_schema(columns: Mapping[str, Any], needed: Sequence[str]) -> dict[str, Any]:
    """Return the schema of one row of a group; its order is written where nothing else tells it."""
    keys = tuple(columns)
    plain = column_order(sorted(keys), list(needed))
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(needed),
        "properties": dict(columns),
        **({} if keys == plain else {ORDER: list(keys)}),
    }


def part_rows(key: str, schema: Mapping[str, Any]) -> list[Row]:
    """Return the rows of what stands inside a group; of any other field none."""
    if _type(schema) != "group":
        return []
    inner = schema["items"]
    names = column_order(inner["properties"], inner.get("required"), inner.get(ORDER))
    return [
        {"group": key, **field_row(name, inner["properties"][name], name in inner["required"])}
        for name in names
    ]


def _choices(left: dict[str, Any], kind: str) -> str:
    """Take the choices out of a schema, one a line: `内容` or `内容 | English`."""
    if kind == "choice":
        source = left
    elif kind == "choices":
        source = left["items"]
        left["items"] = source = dict(source)
    else:
        return ""
    english = source.pop("x-en-enum", {})
    lines = [
        f"{one} | {english[one]}" if one in english else str(one) for one in source.pop("enum")
    ]
    if kind == "choices" and source == {"type": "string"}:
        del left["items"]
    return "\n".join(lines)


def form_of(
    fields: Sequence[tuple[int, Row]],
    parts: Sequence[tuple[int, Row]],
    conditions: Sequence[tuple[int, Row]],
    read: Read,
) -> dict[str, Any]:
    """Return the form's schema of the rows, each with its place on the desk."""
    properties, needed = _keyed(fields, "fields", read)
    for (_, row), key in zip(fields, properties, strict=True):
        if row.get("type") == "group":
            own = [(m, part) for m, part in parts if part.get("group") == row.get("key")]
            columns = _row_schema(*_keyed(own, "parts", read))
            properties[key]["items"] = {**columns, **properties[key].pop("items", {})}
    form: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": needed,
        "properties": properties,
        "x-order": list(properties),
    }
    if conditions:
        form["allOf"] = [_condition(row, properties) for _, row in conditions]
    return form


def _keyed(
    rows: Sequence[tuple[int, Row]], table: str, read: Read
) -> tuple[dict[str, Any], list[str]]:
    """Return the rows' schemas by key, and the keys of those that must be filled in."""
    found: dict[str, Any] = {}
    needed: list[str] = []
    for n, row in rows:
        # A key twice would vanish silently: it keeps its row, and the check names it.
        key = row["key"] if row["key"] not in found else f"{row['key']}-{n}"
        found[key] = schema_of(row, partial(read, f"{table}.{n}.extra"))
        if row.get("required") == "true":
            needed.append(key)
    return found, needed


def schema_of(row: Mapping[str, str], extra: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Return one field's schema."""
    kind = row.get("type", "text")
    schema: dict[str, Any] = {}
    if kind != "raw":
        schema["type"] = _SCHEMA_TYPES.get(kind, "string")
    said = {"title": "title", "x-en": "en", "description": "hint", "x-unit": "unit"}
    schema |= {name: row[column] for name, column in said.items() if row.get(column)}
    if row.get("personal") == "true":
        schema["x-personal"] = True
    schema |= _limits(row, kind)
    more = extra(row.get("extra", ""))
    if kind == "choice":
        schema |= _enum(row.get("choices", ""))
    elif kind == "choices":
        inner = _enum(row.get("choices", ""))
        schema["items"] = {"type": "string", **inner, **more.pop("items", {})}
    elif kind == "lines" and "items" not in more:
        schema["items"] = {"type": "string", "maxLength": 200}
    return {**schema, **{name: value for name, value in more.items() if name not in schema}}


def _limits(row: Mapping[str, str], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if kind in ("date", "moment"):
        found["format"] = "date" if kind == "date" else "date-time"
    for name, column in zip(_BOUNDS.get(kind, ()), ("low", "high"), strict=False):
        if row.get(column):
            found[name] = _number(row[column])
    if kind == "long":
        found.setdefault("maxLength", LONG)
    if row.get("pattern") and kind in ("text", "long"):
        found["pattern"] = row["pattern"]
    return found


_SCHEMA_TYPES: Final[Mapping[str, str]] = {
    "integer": "integer", "number": "number", "yes_no": "boolean", "choices": "array",
    "lines": "array", "group": "array",
}  # fmt: skip


def _enum(text: str) -> dict[str, Any]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    pairs = [tuple(part.strip() for part in line.split("|", 1)) for line in lines]
    english = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[1]}
    return {
        "enum": list(dict.fromkeys(pair[0] for pair in pairs)),
        **({"x-en-enum": english} if english else {}),
    }


def _number(text: str) -> int | float | str:
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d{1,15}\.\d{1,10}", text) else text


# --- conditions ----------------------------------------------------------------------------------


def _condition(row: Mapping[str, str], properties: Mapping[str, Any]) -> dict[str, Any]:
    when = row.get("when", "")
    values = [_value(one, properties.get(when, {})) for one in _names(row.get("equals", ""))]
    same: dict[str, Any] = {"const": values[0]} if len(values) == 1 else {"enum": values}
    if properties.get(when, {}).get("type") == "array":
        same = {"contains": same}
    need, more, hide = (_names(row.get(column, "")) for column in ("need", "show", "hide"))
    then: dict[str, Any] = {}
    if need:
        then["required"] = need
    if hide:
        then["properties"] = dict.fromkeys(hide, False)
    otherwise = {"properties": dict.fromkeys([*need, *more], False)} if need or more else {}
    return {
        "if": {"properties": {when: same}, "required": [when]},
        **({"then": then} if then else {}),
        **({"else": otherwise} if otherwise else {}),
    }


def _names(text: str) -> list[str]:
    return [one.strip() for one in re.split(r"[\n,，、;；]", text) if one.strip()]


def _value(text: str, schema: Mapping[str, Any]) -> object:
    kind = schema.get("type")
    if kind == "boolean":
        return {
            "是": True,
            "yes": True,
            "true": True,
            "否": False,
            "no": False,
            "false": False,
        }.get(text.lower(), text)
    return _number(text) if kind in ("integer", "number") else text


def conditions_of(
    found: Sequence[Any], properties: Mapping[str, Any]
) -> tuple[list[Row], list[Any]]:
    """Return the conditions that the desk can show as rows, and those it cannot."""
    rows: list[Row] = []
    others: list[Any] = []
    for one in found:
        row = _condition_row(one)
        if row is not None and _condition(row, properties) == one:
            rows.append(row)
        else:
            others.append(one)
    return rows, others


def _condition_row(one: Any) -> Row | None:
    try:
        ((when, same),) = one["if"]["properties"].items()
        same = same.get("contains", same)
        values = [same["const"]] if "const" in same else list(same["enum"])
        then = one.get("then", {})
        need, hide = list(then.get("required", [])), list(then.get("properties", {}))
        hidden = list(one.get("else", {}).get("properties", {}))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    said = ["是" if v is True else "否" if v is False else str(v) for v in values]
    return {
        "when": when,
        "equals": "、".join(said),
        "need": "、".join(need),
        "show": "、".join(name for name in hidden if name not in need),
        "hide": "、".join(hide),
    }
