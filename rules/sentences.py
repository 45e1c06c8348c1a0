"""A rule's condition as sentences that a lawyer can read, in Chinese or English.

Nothing is left out and nothing is added: every comparison of the condition is one clause, with the
field's own title and unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from pydantic import JsonValue

from rules.model import All, AnyOf, Condition, Definition, Leaf, Not, Rule
from rules.shapes import Title
from rules.words import Language, Words, duration, unit_in, words_for

_OPS: Mapping[str, tuple[str, str]] = {
    "eq": ("为", "is"),
    "ne": ("不为", "is not"),
    "gt": ("大于", "is more than"),
    "gte": ("达到或超过", "is at least"),
    "lt": ("小于", "is less than"),
    "lte": ("不超过", "is at most"),
    "any_item": ("有一项", "has an item that"),
    "all_items": ("每一项都", "has only items that"),
}


def clauses(definition: Definition, rule: Rule, language: Language = "zh") -> tuple[str, ...]:
    """Return the sentences that must all be true, `applies_to` first."""
    condition = rule.condition
    parts = _flat(condition) if isinstance(condition, All) else (condition,)
    return tuple(_sentence(definition, part, language) for part in parts)


def settings(definition: Definition, rule: Rule, language: Language = "zh") -> tuple[str, ...]:
    """Return what a rule sets, one sentence for each key."""
    return tuple(_setting(definition, key, value, language) for key, value in rule.then.items())


def facts(
    definition: Definition, given: Mapping[str, JsonValue], language: Language = "zh"
) -> tuple[str, ...]:
    """Return the facts of an example, each with its title and unit."""
    return tuple(
        f"{_field(definition, name, language)}：{_value(definition, name, value, language)}"
        for name, value in given.items()
    )


def _flat(condition: All) -> tuple[Condition, ...]:
    found: list[Condition] = []
    for part in condition.all:
        found += _flat(part) if isinstance(part, All) else (part,)
    return tuple(found)


def _sentence(definition: Definition, condition: Condition, language: Language) -> str:
    match condition:
        case Leaf():
            return _leaf(definition, condition, language)
        case All():
            joint = "，并且" if language == "zh" else ", and "
            return _joined(definition, condition.all, joint, language)
        case AnyOf():
            joint = "，或者" if language == "zh" else ", or "
            return _joined(definition, condition.any, joint, language)
        case Not():
            inner = _sentence(definition, condition.not_, language)
            return f"并非（{inner}）" if language == "zh" else f"not ({inner})"
        case _:
            assert_never(condition)


def _joined(
    definition: Definition, parts: tuple[Condition, ...], joint: str, language: Language
) -> str:
    return joint.join(_inner(definition, part, language) for part in parts)


def _inner(definition: Definition, part: Condition, language: Language) -> str:
    said = _sentence(definition, part, language)
    if not isinstance(part, All | AnyOf):
        return said
    return f"（{said}）" if language == "zh" else f"({said})"


def _leaf(definition: Definition, leaf: Leaf, language: Language) -> str:
    name, zh = _field(definition, leaf.field, language), language == "zh"
    match leaf.op:
        case "exists":
            return f"有「{name}」" if zh else f"“{name}” is given"
        case "missing":
            return f"没有「{name}」" if zh else f"“{name}” is not given"
        case "in":
            items = leaf.value if isinstance(leaf.value, list) else [leaf.value]
            shown = [_value(definition, leaf.field, item, language) for item in items]
            if zh:
                return f"「{name}」为{'、'.join(shown)}之一"
            return f"“{name}” is one of {', '.join(shown)}"
        case "between":
            assert isinstance(leaf.value, list)
            low, high = (_value(definition, leaf.field, item, language) for item in leaf.value)
            if zh:
                return f"「{name}」在 {low} 与 {high} 之间（含）"
            return f"“{name}” is from {low} to {high}"
        case "any_item" | "all_items":
            op = _op(leaf.op, language) + ("" if zh else " ") + _op(leaf.item_op, language)
        case "eq" | "ne" | "gt" | "gte" | "lt" | "lte":
            op = _op(leaf.op, language)
        case _:
            assert_never(leaf.op)
    compared = _compared(definition, leaf, language)
    return f"「{name}」{op} {compared}" if zh else f"“{name}” {op} {compared}"


def _op(op: str, language: Language) -> str:
    return _OPS[op][0 if language == "zh" else 1]


def _compared(definition: Definition, leaf: Leaf, language: Language) -> str:
    if not leaf.of:
        return _value(definition, leaf.field, leaf.value, language)
    of = _field(definition, leaf.of, language)
    said = f"「{of}」" if language == "zh" else f"“{of}”"
    if leaf.times != 1:
        said += f" × {leaf.times}"
    if leaf.plus:
        said += f" + {leaf.plus}"
    return said


def _setting(definition: Definition, key: str, value: JsonValue, language: Language) -> str:
    spec = definition.outcome.get(key)
    title = key if spec is None else _said(spec.title, language)
    if isinstance(value, dict):
        return f"{title}：「{_field(definition, str(value['field']), language)}」"
    return f"{title}：{_plain(value, language, words_for(definition, key))}"


def _field(definition: Definition, name: str, language: Language) -> str:
    spec = definition.fields.get(name)
    return name if spec is None else _said(spec.title, language)


def _said(title: Title, language: Language) -> str:
    return title.zh if language == "zh" else title.en


def _value(definition: Definition, name: str, value: JsonValue, language: Language) -> str:
    spec = definition.fields.get(name)
    unit = (
        ""
        if spec is None or not spec.unit or isinstance(value, bool)
        else f" {unit_in(spec.unit, language)}"
    )
    return f"{_plain(value, language, words_for(definition, name))}{unit}"


def _plain(value: JsonValue, language: Language, words: Words) -> str:
    """Return a value in words: codes by the pack's own, durations spelled out."""
    if isinstance(value, bool):
        return ("是" if value else "否") if language == "zh" else ("yes" if value else "no")
    if isinstance(value, list):
        items = [_plain(item, language, words) for item in value]
        return ("、" if language == "zh" else ", ").join(items)
    if isinstance(value, str):
        known = words.get(value)
        return duration(value, language) if known is None else _said(known, language)
    return "" if value is None else str(value)


def thresholds(definition: Definition, rule: Rule, language: Language = "zh") -> Iterator[str]:
    """Yield the comparisons of a rule with numbers: what a decree changes first."""
    seen: dict[str, None] = {}
    for leaf in _numbers(rule.condition):
        seen.setdefault(_leaf(definition, leaf, language))
    yield from seen


def _numbers(condition: Condition) -> Iterator[Leaf]:
    match condition:
        case Leaf():
            values = condition.value if isinstance(condition.value, list) else [condition.value]
            if condition.of or any(
                isinstance(one, int | float) and not isinstance(one, bool) for one in values
            ):
                yield condition
        case All():
            for part in condition.all:
                yield from _numbers(part)
        case AnyOf():
            for part in condition.any:
                yield from _numbers(part)
        case Not():
            yield from _numbers(condition.not_)
        case _:
            assert_never(condition)
