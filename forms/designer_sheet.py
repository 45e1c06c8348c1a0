"""A matter as it lies on the designer's desk: texts in boxes and rows, and the YAML they make.

What was typed stays as it was typed, readable or not; the gate's own check says what is wrong, and
`box_of` which box it is about. Whatever the boxes do not show is kept as YAML beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from catalogue.marks import Loc, marked_text
from catalogue.matters import ORDER, Matter
from forms.designer_fields import (
    FIELD_COLUMNS,
    PART_COLUMNS,
    conditions_of,
    field_row,
    form_of,
    part_rows,
)

ONE: Final[Mapping[str, str]] = {
    "标识": "code", "版本": "version", "事项名称": "name", "事项英文名称": "name_en",
    "基本编码": "basic_code", "实施编码": "implementing_code", "事项类型代码": "type_code",
    "行使层级代码": "level_code", "实施主体": "department", "办件类型": "case_kind",
    "生效日期": "since", "失效日期": "until", "结果名称": "result", "办理地点": "window",
    "咨询电话": "phone", "办事提示": "advice",
}  # fmt: skip
"""Elements of one text → box."""
MANY: Final[Mapping[str, str]] = {"设定依据": "basis", "服务对象": "applicants", "文书": "papers"}
"""Elements of several texts → box."""
LIMITS: Final[Mapping[str, str]] = {
    "法定办结时限": "statutory", "承诺办结时限": "promised", "补正告知时限": "notice",
    "送达时限": "delivery",
}  # fmt: skip
LIMIT_PARTS: Final[Mapping[str, str]] = {"时限": "n", "单位": "unit", "依据": "basis"}

MATERIALS: Final[Mapping[str, str]] = {
    "材料编码": "code", "材料名称": "name", "材料英文名称": "name_en", "出具机构": "issuer",
    "原件份数": "originals", "复印件份数": "copies", "是否必备材料": "required",
    "可容缺": "tolerable",
}  # fmt: skip
STEPS: Final[Mapping[str, str]] = {
    "环节编码": "code", "环节名称": "name", "环节英文名称": "name_en", "办理部门": "department",
    "签署方式": "signing", "核查人数": "inspectors", "必经": "always",
}  # fmt: skip
NUMBERS: Final = frozenset({"originals", "copies", "inspectors", "n"})
YES_OR_NO: Final = frozenset({"required", "tolerable", "always", "personal"})

TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "fields": FIELD_COLUMNS,
    "parts": PART_COLUMNS,
    "conditions": ("when", "equals", "need", "show", "hide"),
    "materials": tuple(MATERIALS.values()),
    "steps": (*STEPS.values(), "n", "unit", "basis"),
}
"""Table of the desk → its columns."""
MOST_ROWS: Final = 200

Row = dict[str, str]


@dataclass
class Sheet:
    """Everything that stands on the desk."""

    one: dict[str, str] = field(default_factory=dict)
    many: dict[str, list[str]] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    words: dict[str, str] = field(default_factory=dict)
    """Kind of document → its own words."""
    form_rest: str = ""
    """What of the form's schema no box shows, as YAML."""
    rest: str = ""
    """Every other element of the matter, as YAML."""


class Unwritten(Exception):
    """A box whose text is no YAML: which box, and what to do, in Chinese."""

    def __init__(self, box: str, told: str) -> None:
        super().__init__(told)
        self.box = box
        self.told = told


# --- from a matter -------------------------------------------------------------------------------


def sheet_of(matter: Matter) -> Sheet:
    """Return a matter laid out on the desk."""
    value: dict[str, Any] = matter.model_dump(mode="json", by_alias=True)
    sheet = Sheet()
    for element, box in ONE.items():
        sheet.one[box] = _text(value.pop(element, ""))
    for element, box in MANY.items():
        sheet.many[box] = [str(one) for one in value.pop(element, ())]
    for element, box in LIMITS.items():
        limit = value.pop(element)
        for part, name in LIMIT_PARTS.items():
            sheet.one[f"{box}.{name}"] = _text(limit[part])
    sheet.tables["materials"] = [_row(one, MATERIALS) for one in value.pop("申请材料")]
    sheet.tables["steps"] = [_step_row(one) for one in value.pop("办理环节")]
    sheet.words = {one["文书"]: one["正文"] for one in value.pop("文书正文", ())}
    form = value.pop("表单")
    needed = form.pop("required", [])
    properties: dict[str, Any] = form.pop("properties", {})
    sheet.tables["fields"] = [field_row(k, one, k in needed) for k, one in properties.items()]
    sheet.tables["parts"] = [row for k, one in properties.items() for row in part_rows(k, one)]
    sheet.tables["conditions"], others = conditions_of(form.pop("allOf", []), properties)
    for known in (ORDER, "$schema", "type", "additionalProperties"):
        form.pop(known, None)
    sheet.form_rest = _yaml({**form, **({"allOf": others} if others else {})})
    default = Matter.model_fields
    by_alias = {str(one.alias): one for one in default.values()}
    sheet.rest = _yaml(
        {k: v for k, v in value.items() if v != by_alias[k].get_default(call_default_factory=True)
         and v not in (None, [], ())}
    )  # fmt: skip
    return sheet


def _row(value: Mapping[str, Any], columns: Mapping[str, str]) -> Row:
    return {box: _text(value.get(element, "")) for element, box in columns.items()}


def _step_row(value: Mapping[str, Any]) -> Row:
    limit = value.get("环节时限") or {}
    return {
        **_row(value, STEPS),
        **{box: _text(limit.get(part, "")) for part, box in LIMIT_PARTS.items()},
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else ""
    return str(value)


def _yaml(value: object) -> str:
    if not value:
        return ""
    text: str = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=1000)
    return text


# --- to a text -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """The YAML of a sheet, and which row of the desk each of its rows is."""

    text: str
    rows: Mapping[str, Sequence[int]]
    keys: Sequence[str]
    """The form's fields in their order."""
    parts: Mapping[tuple[str, str], int]
    """Group and field inside it → row."""


def written(sheet: Sheet) -> Written:
    """Return the matter's YAML. Raises `Unwritten`."""
    value: dict[str, Any] = {}
    for element, box in ONE.items():
        text = sheet.one.get(box, "")
        if text:
            value[element] = text
    for element, box in MANY.items():
        value[element] = [one for one in sheet.many.get(box, []) if one]
    for element, box in LIMITS.items():
        value[element] = {
            part: _typed(name, sheet.one.get(f"{box}.{name}", ""))
            for part, name in LIMIT_PARTS.items()
        }
    rows: dict[str, list[int]] = {}
    for element, table, columns in (
        ("申请材料", "materials", MATERIALS),
        ("办理环节", "steps", STEPS),
    ):
        kept = [(n, row) for n, row in enumerate(sheet.tables[table]) if _is_filled(row)]
        rows[table] = [n for n, _ in kept]
        value[element] = [_values(row, columns, steps=table == "steps") for _, row in kept]
    rows["fields"] = [n for n, row in enumerate(sheet.tables["fields"]) if _is_filled(row)]
    parts = [(n, row) for n, row in enumerate(sheet.tables["parts"]) if _is_filled(row)]
    _in_groups(sheet, parts)
    form = form_of(
        [(n, sheet.tables["fields"][n]) for n in rows["fields"]],
        parts,
        [(n, row) for n, row in enumerate(sheet.tables["conditions"]) if _is_filled(row)],
        _mapping,
    )
    beside = _mapping("form_rest", sheet.form_rest)
    if isinstance(beside.get("allOf"), list):
        form["allOf"] = [*form.get("allOf", []), *beside["allOf"]]
    form |= {k: v for k, v in beside.items() if k not in form}
    value["表单"] = form
    said = [{"文书": kind, "正文": body} for kind, body in sheet.words.items() if body.strip()]
    if said:
        value["文书正文"] = said
    rest = _mapping("rest", sheet.rest)
    taken = sorted(str(key) for key in rest if key in value or key in ("申请材料", "表单"))
    if taken:
        raise Unwritten("rest", f"「{'、'.join(taken)}」在上面已有，请从这里删去")
    inside = {(row.get("group", ""), row.get("key", "")): n for n, row in reversed(parts)}
    return Written(_yaml({**value, **rest}), rows, list(form["properties"]), inside)


def _in_groups(sheet: Sheet, parts: Sequence[tuple[int, Row]]) -> None:
    """Raise `Unwritten` for a row that belongs to no group: it would vanish silently."""
    groups = {row["key"] for row in sheet.tables["fields"] if row.get("type") == "group"}
    for n, row in parts:
        if row.get("group", "") not in groups:
            told = f"没有标识为「{row.get('group', '')}」、类型为可重复的一组的字段，请改选所属的组"
            raise Unwritten(f"parts.{n}.group", told)


def _values(row: Row, columns: Mapping[str, str], *, steps: bool) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for element, box in columns.items():
        text = row.get(box, "")
        if box in YES_OR_NO:
            value[element] = text == "true"
        elif text:
            value[element] = _typed(box, text)
    if steps and any(row.get(box) for box in ("n", "basis")):
        value["环节时限"] = {
            part: _typed(box, row.get(box, "")) for part, box in LIMIT_PARTS.items()
        }
    return value


def _typed(box: str, text: str) -> str | int:
    return int(text) if box in NUMBERS and re.fullmatch(r"\d{1,6}", text) else text


def _is_filled(row: Mapping[str, str]) -> bool:
    """Tell whether anybody has written into a row; a new one has only its choices."""
    return any(row.get(name, "").strip() for name in ("key", "code", "name", "title", "when"))


def _mapping(box: str, text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    marked, faults = marked_text(text, "")
    if faults:
        raise Unwritten(box, f"第 {faults[0].line} 行：{faults[0].message}。{faults[0].remedy}")
    assert marked is not None
    if not isinstance(marked.value, dict):
        raise Unwritten(box, "请写成「名称: 内容」，一行一个")
    return marked.value


# --- where a fault stands ------------------------------------------------------------------------


def box_of(loc: Loc, made: Written) -> str:
    """Return the name of the box that a place in the text came from."""
    head, *inner = loc or ("",)
    known = {**ONE, **MANY}.get(str(head))
    if known is not None:
        return known
    if head in LIMITS:
        part = next((LIMIT_PARTS[str(p)] for p in inner if p in LIMIT_PARTS), "n")
        return f"{LIMITS[str(head)]}.{part}"
    if head in ("申请材料", "办理环节"):
        return _in_table("materials" if head == "申请材料" else "steps", inner, made)
    if head == "文书正文":
        return "words"
    if head == "表单":
        return _in_form(inner, made)
    return "rest"


def _in_table(table: str, inner: Sequence[str | int], made: Written) -> str:
    index = next((part for part in inner if isinstance(part, int)), None)
    if index is None or index >= len(made.rows[table]):
        return table
    columns = {**MATERIALS, **STEPS, **LIMIT_PARTS}
    box = next((columns[str(p)] for p in reversed(inner) if str(p) in columns), "code")
    return f"{table}.{made.rows[table][index]}.{box}"


def _in_form(inner: Sequence[str | int], made: Written) -> str:
    if len(inner) >= 2 and inner[0] == "properties" and inner[1] in made.keys:
        row = made.rows["fields"][made.keys.index(str(inner[1]))]
        inside = made.parts.get((str(inner[1]), str(inner[4]))) if len(inner) > 4 else None
        if inside is not None and inner[2:4] == ["items", "properties"]:
            return f"parts.{inside}.{_column(inner[5:])}"
        return f"fields.{row}.{_column(inner[2:])}"
    return "conditions" if inner[:1] == ["allOf"] else "form_rest"


_COLUMN_OF: Final[Mapping[str, str]] = {
    "title": "title", "x-en": "en", "pattern": "pattern", "x-personal": "personal",
    "enum": "choices",
    "minLength": "low", "maxLength": "high", "minimum": "low", "maximum": "high",
    "minItems": "low", "maxItems": "high",
}  # fmt: skip


def _column(inner: Sequence[str | int]) -> str:
    return _COLUMN_OF.get(str(inner[0]), "key") if inner else "key"


# --- what was posted, and rows that are moved ----------------------------------------------------

_CELL = re.compile(r"(fields|parts|conditions|materials|steps)\.(\d{1,3})\.([a-z_]+)")


def posted_sheet(texts: Mapping[str, Sequence[str]]) -> Sheet:
    """Return the sheet that a form posted; what is no box of the desk is left out."""
    sheet = Sheet()
    cells: dict[str, dict[int, Row]] = {name: {} for name in TABLES}
    limits = [f"{box}.{part}" for box in LIMITS.values() for part in LIMIT_PARTS.values()]
    for name, found in texts.items():
        text = _clean(found[0] if found else "")
        if name in ONE.values() or name in limits:
            sheet.one[name] = text.strip()
        elif name in MANY.values():
            lines = [line.strip() for one in found for line in one.splitlines()]
            sheet.many[name] = [line for line in lines if line]
        elif name in ("form_rest", "rest"):
            setattr(sheet, name, text)
        elif name.startswith("words."):
            sheet.words[name.removeprefix("words.")[:40]] = text
        elif (cell := _CELL.fullmatch(name)) and cell[3] in TABLES[cell[1]]:
            cells[cell[1]].setdefault(int(cell[2]), {})[cell[3]] = text.strip()
    for table, rows in cells.items():
        sheet.tables[table] = [rows[n] for n in sorted(rows)][:MOST_ROWS]
    return sheet


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def moved(sheet: Sheet, order: str) -> str:
    """Do `add.TABLE`, `up.TABLE.N`, `down.TABLE.N` or `drop.TABLE.N`; return where to go on."""
    what, _, where = order.partition(".")
    table, _, number = where.partition(".")
    if table not in TABLES:
        return ""
    rows = sheet.tables[table]
    if what == "add":
        if len(rows) < MOST_ROWS:
            rows.append(dict(_NEW.get(table, {})))
        return f"row-{table}-{len(rows) - 1}"
    at = int(number) if re.fullmatch(r"\d{1,3}", number) else len(rows)
    if at >= len(rows):
        return table
    if what == "drop":
        del rows[at]
        return table
    to = at + {"up": -1, "down": 1}.get(what, 0)
    if 0 <= to < len(rows):
        rows[at], rows[to] = rows[to], rows[at]
        return f"row-{table}-{to}"
    return f"row-{table}-{at}"


_NEW: Mapping[str, Row] = {
    "fields": {"type": "text"},
    "parts": {"type": "text"},
    "materials": {"required": "true", "originals": "1"},
    "steps": {"signing": "any", "always": "true", "unit": "working_day"},
}


def kept(sheet: Sheet) -> dict[str, Any]:
    """Return the sheet as the draft keeps it."""
    return {
        "one": sheet.one, "many": sheet.many, "tables": sheet.tables, "words": sheet.words,
        "form_rest": sheet.form_rest, "rest": sheet.rest,
    }  # fmt: skip


def reopened(value: Mapping[str, Any]) -> Sheet:
    """Return the sheet of `kept`."""
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}  # an older draft has fewer
    return Sheet(**{**value, "tables": {**tables, **value["tables"]}})


def every_row(sheet: Sheet) -> Iterator[tuple[str, int, Row]]:
    """Yield each row with its table and its place."""
    for table, rows in sheet.tables.items():
        for n, row in enumerate(rows):
            yield table, n, row
