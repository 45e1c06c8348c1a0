"""What no rule pack may contain, found before the engine sees it.

Each limit is below one at which the engine was seen to crash, hang or answer wrongly
(reference page on durable_rules §2.3 and §3.2). A pack that passes here compiles.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import JsonValue

from rules.compile import BUDGET, LEAVES, patterns, size
from rules.model import (
    AT,
    All,
    AnyOf,
    Condition,
    Definition,
    Example,
    FieldSpec,
    FieldType,
    Leaf,
    Not,
    OutcomeSpec,
    Rule,
    ScaleSpec,
)  # fmt: skip
from rules.scales import point_faults
from rules.shapes import Loc as Loc
from rules.shapes import Problem as Problem
from rules.tables.in_pack import table_problems
from rules.tables.table import row_rule
from rules.validate_alarms import alarm_faults

MAX_FIELDS = 200
"""The engine bears 251 properties in a message (error 302)."""
MAX_TEXT = 4000
"""Bytes of a text in a context. The engine counts in 16 bits: 65,539 bytes equal 3."""
MAX_CONSTANT = 1000
"""Bytes of a text in a rule."""
MAX_ITEMS = 20
"""Parts of one all/any, values of one `in`."""
MAX_LIST = 200
"""Items of a list in a context."""
MAX_NESTING = 5
MAX_GROUPS = 13
"""`$and` and `$or` in one rule with its wrapper; the 16th is error 113."""
MAX_RULES = 1000
MAX_NUMBER = 2**53 - 1
"""Beyond it an integer has no exact double, and the engine saturates at 2**63."""
MAX_PRIORITY = 1000

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
RULE_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,79}")

RESERVED = (
    "id", "sid", "k", "c", "m", AT, "$s", "$i", "$m", "$l", "$r", "$forward", "$state",
    "$lt", "$lte", "$gt", "$gte", "$eq", "$neq", "$mt", "$imt", "$iall", "$iany", "$ex", "$nex",
    "$or", "$and", "$add", "$sub", "$mul", "$div", "$not", "$all", "$any", "$time", "$timerName",
    "$baseTime", "$pulse", "$t", "all", "any", "pri", "count", "cap", "dist", "run", "name",
)  # fmt: skip
"""Words of the engine: no field may be one of them or share its hash."""

OPS: Mapping[FieldType, frozenset[str]] = {
    "text": frozenset({"eq", "ne", "in", "exists", "missing"}),
    "number": frozenset(
        {"eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "exists", "missing"}
    ),
    "boolean": frozenset({"eq", "ne", "exists", "missing"}),
    "text_list": frozenset({"any_item", "all_items", "exists", "missing"}),
    "number_list": frozenset({"any_item", "all_items", "exists", "missing"}),
}
ORDERINGS = frozenset({"gt", "gte", "lt", "lte"})
ITEM: Mapping[FieldType, FieldType] = {"text_list": "text", "number_list": "number"}


def fnv1a(name: str) -> int:
    """Return the 32-bit FNV-1a hash by which the engine tells field names apart (`json.c:404`)."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def problems(pack: Definition) -> list[Problem]:
    """Return everything that is wrong with a pack, in the order of the file."""
    return [
        *_zone(pack),
        *_names(pack),
        *_specs(pack),
        *_rule_ids(pack),
        *(problem for i, scale in enumerate(pack.scales) for problem in _scale(pack, i, scale)),
        *(problem for i, rule in enumerate(pack.rules) for problem in _rule(pack, i, rule)),
        *_row_ids(pack),
        *table_problems(pack),
    ]


def _zone(pack: Definition) -> Iterator[Problem]:
    try:
        ZoneInfo(pack.zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield Problem(("zone",), f"时区不存在: {pack.zone!r}", "用 IANA 名称, 如 Asia/Shanghai")


def _names(pack: Definition) -> Iterator[Problem]:
    if len(pack.fields) > MAX_FIELDS:
        yield Problem(
            ("fields",), f"字段 {len(pack.fields)} 个, 最多 {MAX_FIELDS}", "拆成几个规则包"
        )
    seen = {fnv1a(word): word for word in RESERVED}
    for name in pack.fields:
        loc = ("fields", name)
        if not NAME.fullmatch(name):
            yield Problem(
                loc, f"字段名 {name!r} 不合规", "小写字母开头, 只用 a-z 0-9 _, 至多 63 个字符"
            )
        elif name in RESERVED:
            yield Problem(loc, f"字段名 {name!r} 是引擎保留字", "换一个名字")
        elif (other := seen.setdefault(fnv1a(name), name)) != name:
            yield Problem(
                loc, f"字段名 {name!r} 与 {other!r} 的 32 位 FNV 散列相同, 引擎分不清", "换一个名字"
            )
    for name in pack.outcome:
        if not NAME.fullmatch(name):
            yield Problem(
                ("outcome", name), f"结果名 {name!r} 不合规", "小写字母开头, 只用 a-z 0-9 _"
            )


def _specs(pack: Definition) -> Iterator[Problem]:
    given = {scale.gives for scale in pack.scales}
    for name, field in pack.fields.items():
        loc = ("fields", name)
        if field.choices and field.type not in ("text", "text_list"):
            yield Problem(loc, "choices 只用于 text 与 text_list", "删去 choices 或改类型")
        if name in given:
            if name in pack.outcome:
                yield Problem(loc, f"{name} 由标尺给出, 不能又是结果", "给结果另取一个名字")
        elif field.derived and (name not in pack.outcome or pack.outcome[name].type != field.type):
            yield Problem(loc, f"推导字段 {name} 没有同名同类型的结果", f"在 outcome 中写 {name}")
        if field.derived and field.required:
            yield Problem(loc, f"推导字段 {name} 不能由调用者必填", "删去 required")
    yield from _outcome(pack)


def _outcome(pack: Definition) -> Iterator[Problem]:
    for name, spec in pack.outcome.items():
        loc = ("outcome", name)
        listed = spec.type in ITEM
        if listed != (spec.merge == "union"):
            yield Problem(
                loc, f"类型 {spec.type} 不能用 merge: {spec.merge}", "列表用 union, 其余不用"
            )
        if spec.merge in ("max", "min") and spec.type != "number":
            yield Problem(loc, f"merge: {spec.merge} 只用于 number", "改用 first")
        if name in pack.fields and not pack.fields[name].derived:
            yield Problem(
                loc, f"结果 {name} 与输入字段同名", "换一个名字, 或把字段标为 derived: true"
            )


def _rule_ids(pack: Definition) -> Iterator[Problem]:
    if len(pack.rules) > MAX_RULES:
        yield Problem(("rules",), f"规则 {len(pack.rules)} 条, 最多 {MAX_RULES}", "拆成几个规则包")
    seen: dict[int, str] = {}
    for i, rule in enumerate(pack.rules):
        loc = ("rules", i, "id")
        if not RULE_ID.fullmatch(rule.id):
            yield Problem(loc, f"规则编号 {rule.id!r} 不合规", "字母开头, 只用 A-Z a-z 0-9 _ . -")
        elif fnv1a(rule.id) in seen:
            yield Problem(loc, f"规则编号 {rule.id!r} 重复或散列相同", "每条规则用自己的编号")
        seen[fnv1a(rule.id)] = rule.id


def _scale(pack: Definition, i: int, scale: ScaleSpec) -> Iterator[Problem]:
    loc: Loc = ("scales", i)
    if not RULE_ID.fullmatch(scale.id):
        yield Problem((*loc, "id"), f"标尺编号 {scale.id!r} 不合规", "字母开头")
    for key, name in (("field", scale.field), ("gives", scale.gives)):
        spec = pack.fields.get(name)
        if spec is None:
            yield _unknown_field(pack, (*loc, key), name)
        elif spec.type != "number" or spec.derived != (key == "gives"):
            what = "推导的 number" if key == "gives" else "由调用者给出的 number"
            yield Problem((*loc, key), f"{name} 不是{what}字段", "改字段, 或在 fields 中改它的类型")
    for name, allowed in scale.applies_to.items():
        yield from _applies(pack, (*loc, "applies_to", name), name, allowed)
    if scale.in_force_until is not None and scale.in_force_until <= scale.in_force_from:
        yield Problem((*loc, "in_force_until"), "失效日期不晚于生效日期", "改日期")
    for fault in point_faults(scale.points, scale.shape):
        yield Problem((*loc, "points"), fault, "按标准的表改正")
    yield from _beside(loc, scale, pack.scales[:i])


def _beside(loc: Loc, scale: ScaleSpec, others: Iterable[ScaleSpec]) -> Iterator[Problem]:
    for other in others:
        if other.id == scale.id:
            yield Problem((*loc, "id"), f"标尺编号 {scale.id!r} 重复", "每个标尺用自己的编号")
        if _both(scale, other):
            yield Problem(loc, f"标尺 {scale.id} 与 {other.id} 同时给出 {scale.gives}", "分开日期")


def _applies(pack: Definition, loc: Loc, name: str, allowed: tuple[str, ...]) -> Iterator[Problem]:
    spec = pack.fields.get(name)
    if spec is None:
        yield _unknown_field(pack, loc, name)
    elif spec.type != "text" or spec.derived:
        yield Problem(loc, f"{name} 不是由调用者给出的 text 字段", "只按文本字段区分")
    elif not allowed:
        yield Problem(loc, "没有一个值", "写上适用的值, 或删去这一项")
    else:
        for n, value in enumerate(allowed):
            yield from _constant((*loc, n), value, "text", spec)


def _both(one: ScaleSpec, other: ScaleSpec) -> bool:
    """Tell whether two scales may give the same number to one context at one time."""
    if one.gives != other.gives:
        return False
    for name in one.applies_to.keys() & other.applies_to.keys():
        if not set(one.applies_to[name]) & set(other.applies_to[name]):
            return False
    ends = (one.in_force_until or date.max, other.in_force_until or date.max)
    return max(one.in_force_from, other.in_force_from) < min(ends)


def _row_ids(pack: Definition) -> Iterator[Problem]:
    """Yield rows whose id the engine would take for that of another row or of a rule."""
    seen = {fnv1a(rule.id): rule.id for rule in pack.rules}
    for i, table in enumerate(pack.tables):
        for n, row in enumerate(table.rows):
            name = row_rule(table, n, row)
            if (other := seen.setdefault(fnv1a(name), name)) != name:
                why = f"决策表 {table.id} 的行 {name!r} 与 {other!r} 散列相同"
                yield Problem(("tables", i, "rows", n), why, "换一个行号")


def _rule(pack: Definition, i: int, rule: Rule) -> Iterator[Problem]:
    loc: Loc = ("rules", i)
    if not 0 <= rule.priority <= MAX_PRIORITY:
        yield Problem(
            (*loc, "priority"), f"优先级 {rule.priority} 超出范围", "写 0 到 1000, 小者先"
        )
    if rule.in_force_until is not None and rule.in_force_until <= rule.in_force_from:
        yield Problem(
            (*loc, "in_force_until"), "失效日不晚于生效日", "失效日是规则不再适用的第一天"
        )
    if {example.holds for example in rule.examples} != {True, False}:
        yield Problem(
            (*loc, "examples"),
            f"规则 {rule.id} 缺少正例或反例",
            "至少写一个 holds: true 和一个 holds: false",
        )
    found = [*_reach(pack, (*loc, "applies_to"), rule), *_conditions(pack, loc, rule)]
    yield from found
    if not found:
        yield from _cost(loc, rule)
    yield from alarm_faults(pack, (*loc, "alarm"), rule)
    for key, value in rule.then.items():
        yield from _then(pack, (*loc, "then", key), key, value)
    for n, example in enumerate(rule.examples):
        yield from _example(pack, (*loc, "examples", n), rule, example)


def _reach(pack: Definition, loc: Loc, rule: Rule) -> Iterator[Problem]:
    """Refuse an `applies_to` that the engine could not tell apart, or that is always false."""
    for name, values in rule.applies_to.items():
        where = (*loc, name)
        field = pack.fields.get(name)
        if field is None:
            yield _unknown_field(pack, where, name)
        elif field.type in ITEM:
            yield Problem(where, f"{field.type} 字段 {name} 不能用于 applies_to", "写进 when")
        elif not 0 < len(values) <= MAX_ITEMS:
            yield Problem(where, f"{len(values)} 个值, 要 1 到 {MAX_ITEMS} 个", "写成 [a, b]")
        elif len(set(values)) != len(values):
            yield Problem(where, "applies_to 的值重复", "删去重复的值")
        elif field.type == "boolean" and len(values) > 1:
            yield Problem(where, "true 与 false 都适用", "只留一个值, 或用 when 写 exists")
        else:
            for n, value in enumerate(values):
                yield from _constant((*where, n), value, field.type, field)


def _conditions(pack: Definition, loc: Loc, rule: Rule) -> Iterator[Problem]:
    yield from _condition(pack, (*loc, "when"), rule.when, 1)
    if rule.alarm is not None and rule.alarm.clear is not None:
        yield from _condition(pack, (*loc, "alarm", "clear"), rule.alarm.clear, 1)


def _cost(loc: Loc, rule: Rule) -> Iterator[Problem]:
    split = "拆成几条规则"
    for pattern in patterns(rule):
        cost = size(pattern.whole)
        # The wrapper is a group already; gates stand in it side by side.
        groups = cost.groups if pattern.gates else cost.groups + 1
        where: Loc = (*loc, "when") if pattern.name == rule.id else (*loc, "alarm")
        if cost.branches > BUDGET:
            yield Problem(where, f"同时可成立的分支 {cost.branches} 个, 最多 {BUDGET}", split)
        if cost.leaves > LEAVES:
            yield Problem(where, f"比较 {cost.leaves} 个, 最多 {LEAVES}", split)
        if groups > MAX_GROUPS:
            yield Problem(where, f"all/any/not 展开后 {groups} 组, 最多 {MAX_GROUPS}", split)


def _condition(pack: Definition, loc: Loc, condition: Condition, depth: int) -> Iterator[Problem]:
    if depth > MAX_NESTING:
        yield Problem(loc, f"条件嵌套超过 {MAX_NESTING} 层", "用推导字段拆开")
        return
    match condition:
        case All():
            yield from _group(pack, (*loc, "all"), condition.all, depth)
        case AnyOf():
            yield from _group(pack, (*loc, "any"), condition.any, depth)
        case Not():
            yield from _condition(pack, (*loc, "not"), condition.not_, depth + 1)
        case Leaf():
            yield from _leaf(pack, loc, condition)
        case _:
            assert_never(condition)


def _group(
    pack: Definition, loc: Loc, parts: tuple[Condition, ...], depth: int
) -> Iterator[Problem]:
    if not parts:
        # To the engine an empty `$and` is true of everything, its own state fact included: an
        # endless loop under `Host`. An empty `$or` is never true.
        yield Problem(loc, "空的 all/any", "写至少一个条件, 或删去这一层")
    if len(parts) > MAX_ITEMS:
        yield Problem(loc, f"{len(parts)} 个条件, 最多 {MAX_ITEMS}", "分组或拆成几条规则")
    for n, part in enumerate(parts):
        yield from _condition(pack, (*loc, n), part, depth + 1)


def _leaf(pack: Definition, loc: Loc, leaf: Leaf) -> Iterator[Problem]:
    field = pack.fields.get(leaf.field)
    if field is None:
        yield _unknown_field(pack, (*loc, "field"), leaf.field)
        return
    if leaf.op not in OPS[field.type]:
        yield Problem(
            (*loc, "op"),
            f"{field.type} 字段 {leaf.field} 不能用 {leaf.op}",
            "可用: " + ", ".join(sorted(OPS[field.type])),
        )
        return
    if leaf.of:
        yield from _ratio(pack, loc, leaf, field)
    elif leaf.times != 1 or leaf.plus != 0:
        yield Problem(loc, "times 与 plus 只能与 of 一起用", "写上 of: 字段名, 或删去它们")
    elif leaf.op in ("exists", "missing"):
        if leaf.value is not None:
            yield Problem((*loc, "value"), f"{leaf.op} 不带 value", "删去 value")
    else:
        yield from _constants(loc, leaf, field)
    if leaf.item_op != "eq" and leaf.op not in ("any_item", "all_items"):
        yield Problem(loc, f"item_op 不能用于 {leaf.op}", "删去 item_op")


def _unknown_field(pack: Definition, loc: Loc, name: str) -> Problem:
    known = ", ".join(sorted(pack.fields))
    return Problem(
        loc, f"字段 {name!r} 不在 fields 中", f"改正拼写或先在 fields 中声明; 现有: {known}"
    )


def _ratio(pack: Definition, loc: Loc, leaf: Leaf, field: FieldSpec) -> Iterator[Problem]:
    other = pack.fields.get(leaf.of)
    if other is None:
        yield _unknown_field(pack, (*loc, "of"), leaf.of)
    elif other.type != "number" or field.type != "number":
        yield Problem((*loc, "of"), "of 只比较两个 number 字段", "改用数值字段")
    if leaf.op not in ORDERINGS:
        yield Problem((*loc, "op"), f"of 不能与 {leaf.op} 一起用", "用 gt, gte, lt 或 lte")
    if leaf.value is not None:
        yield Problem((*loc, "value"), "value 与 of 只能写一个", "删去其中之一")
    for key, number in (("times", leaf.times), ("plus", leaf.plus)):
        if fault := _number_fault(number):
            yield Problem((*loc, key), f"{key}: {fault}", "写一个有限的数")


def _constants(loc: Loc, leaf: Leaf, field: FieldSpec) -> Iterator[Problem]:
    value = leaf.value
    kind = ITEM.get(field.type, field.type)
    where = (*loc, "value")
    if leaf.item_op in ORDERINGS and kind != "number":
        yield Problem((*loc, "item_op"), f"{kind} 不能比较大小", "用 eq 或 ne")
    if leaf.op not in ("in", "between"):
        yield from _constant(where, value, kind, field)
        return
    if not isinstance(value, list) or not value or len(value) > MAX_ITEMS:
        yield Problem(where, f"{leaf.op} 要 1 到 {MAX_ITEMS} 个值的列表", "写成 [a, b]")
        return
    found = [problem for item in value for problem in _constant(where, item, kind, field)]
    yield from found
    if found:
        return
    if leaf.op == "between" and (len(value) != 2 or not _in_order(value)):
        yield Problem(where, "between 要 [下限, 上限], 下限不大于上限", "写成 [下限, 上限]")
    if leaf.op == "in" and len(set(value)) != len(value):
        yield Problem(where, "in 的值重复", "删去重复的值")


def _in_order(value: list[JsonValue]) -> bool:
    low, high = value
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    return low <= high


def _constant(
    loc: Loc, value: JsonValue, kind: FieldType, spec: FieldSpec | OutcomeSpec
) -> Iterator[Problem]:
    if fault := value_fault(value, kind, spec.choices, MAX_CONSTANT):
        yield Problem(loc, fault, f"写一个 {kind}" + _choices(spec))


def _choices(spec: FieldSpec | OutcomeSpec) -> str:
    return f", 取自: {', '.join(spec.choices)}" if spec.choices else ""


def _number_fault(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{value!r} 不是数"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value!r} 不是有限的数"
    return f"{value!r} 的绝对值超过 2^53-1" if abs(value) > MAX_NUMBER else ""


def _text_fault(value: object, choices: tuple[str, ...], limit: int) -> str:
    if not isinstance(value, str):
        return f"{value!r} 不是文本"
    if choices and value not in choices:
        return f"{value!r} 不在允许的取值中"
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        return "文本含有不成对的代理字符"
    return f"文本 {length} 字节, 最多 {limit}" if length > limit else ""


def value_fault(
    value: object, kind: FieldType, choices: tuple[str, ...] = (), limit: int = MAX_TEXT
) -> str:
    """Return why a value is not of a type, in Chinese; empty when it is."""
    match kind:
        case "text":
            return _text_fault(value, choices, limit)
        case "number":
            return _number_fault(value)
        case "boolean":
            return "" if isinstance(value, bool) else f"{value!r} 不是 true 或 false"
        case "text_list" | "number_list":
            if not isinstance(value, list | tuple):
                return f"{value!r} 不是列表"
            if len(value) > MAX_LIST:
                return f"列表 {len(value)} 项, 最多 {MAX_LIST}"
            faults = (value_fault(item, ITEM[kind], choices, limit) for item in value)
            return next(filter(None, faults), "")
        case _:
            assert_never(kind)


def _then(pack: Definition, loc: Loc, key: str, value: JsonValue) -> Iterator[Problem]:
    spec = pack.outcome.get(key)
    if spec is None:
        yield Problem(loc, f"结果 {key!r} 不在 outcome 中", "改正拼写或先在 outcome 中声明")
    elif isinstance(value, dict):
        name = value.get("field")
        if set(value) != {"field"} or not isinstance(name, str):
            yield Problem(loc, "取字段的值要写成 {field: 字段名}", "写成 {field: 字段名}")
        elif name not in pack.fields:
            yield _unknown_field(pack, loc, name)
        elif pack.fields[name].type != spec.type:
            yield Problem(loc, f"字段 {name} 不是 {spec.type}", "取同类型的字段")
    else:
        yield from _constant(loc, value, spec.type, spec)


def _example(pack: Definition, loc: Loc, rule: Rule, example: Example) -> Iterator[Problem]:
    for name, fault in context_faults(pack, example.given):
        yield Problem((*loc, "given", name), f"{name}: {fault}", "改正例子, 使其符合 fields")
    for name in example.outcome:
        if name not in pack.outcome:
            yield Problem((*loc, "outcome", name), f"结果 {name!r} 不在 outcome 中", "改正拼写")
    day = example.day or rule.in_force_from
    until = rule.in_force_until
    if example.holds and (day < rule.in_force_from or (until is not None and day >= until)):
        yield Problem((*loc, "day"), f"正例的日期 {day} 不在规则有效期内", "改日期")


def context_faults(pack: Definition, context: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return (field, what is wrong) for each field of a context that the pack cannot take."""
    faults: list[tuple[str, str]] = []
    for name, value in context.items():
        field = pack.fields.get(name)
        if field is None:
            faults.append((name, "规则包没有这个字段"))
        elif field.derived:
            faults.append((name, "是规则推导的字段, 不由调用者给出"))
        elif value is not None and (fault := value_fault(value, field.type, field.choices)):
            faults.append((name, fault))
    for name, field in pack.fields.items():
        if field.required and context.get(name) in (None, [], ()):
            faults.append((name, "必填字段缺失"))
    return faults
