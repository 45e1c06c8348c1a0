"""A `Why` in words for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue

from rules.nearest import SOMETHING_ELSE
from rules.shapes import Title
from rules.why import Compared, Input, Why

SIGNS = {
    "eq": "=", "ne": "≠", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤", "between": "介于",
    "in": "属于", "exists": "有值", "missing": "缺值", "any_item": "有一项", "all_items": "每一项",
}  # fmt: skip


def value_words(value: JsonValue, unit: str = "") -> str:
    """Return a value as a reader expects it; None is a missing one."""
    match value:
        case None:
            return "（缺）"
        case bool():
            return "是" if value else "否"
        case list():
            return "、".join(value_words(item) for item in value) or "（空）"
        case _:
            return f"{value} {unit}".strip()


def compared_words(one: Compared) -> str:
    """Return one comparison with the value it met: `24 小时平均 151 > 150 µg/m³`."""
    found = value_words(one.found)
    denied = "并非 " if one.is_denied else ""
    if one.op in ("exists", "missing"):
        return f"{denied}{one.title.zh} {SIGNS[one.op]}"
    against = value_words(one.against, one.unit)
    by = f"（{one.of.zh}）" if one.of else ""
    return f"{denied}{one.title.zh} {found} {SIGNS[one.op]} {against}{by}"


def lines(told: Why, cited: Mapping[str, str]) -> Iterator[str]:
    """Yield the reasons line by line. `cited`: id of an article → how it is cited."""
    ruling = told.ruling
    yield f"{told.pack.zh} {ruling.pack} {ruling.version}  {ruling.digest[:16]}"
    yield f"时刻 {told.at.isoformat()}"
    for heading, inputs in (("事实", told.inputs), ("推导", told.derived)):
        for one in inputs:
            yield f"  {heading}  {one.title.zh} = {value_words(one.value, one.unit)}"
    for reason in told.reasons:
        yield f"规则 {reason.rule} {reason.title.zh}  ({reason.in_force})"
        unverified = "" if reason.verified else "（尚未核对）"
        yield f"  依据  {cited.get(reason.basis, reason.basis)}{unverified}"
        for compared in reason.compared:
            yield f"  {'✓' if compared.holds else '·'} {compared_words(compared)}"
        for key, value in reason.then.items():
            yield f"  → {key} = {value_words(value)}"
    if not told.reasons:
        yield "没有规则命中"
    yield "结果 " + (
        "; ".join(f"{k} = {value_words(v)}" for k, v in ruling.outcome.items()) or "无"
    )
    yield _otherwise(told)


def _otherwise(told: Why) -> str:
    nearest = told.nearest
    if not nearest.changes:
        end = "" if nearest.is_complete else "（尝试次数用完，未查尽）"
        return f"改动一项或两项事实, 结果不变{end}"
    changed = ", ".join(_change(told, one) for one in told.changes)
    outcome = "; ".join(f"{k} = {value_words(v)}" for k, v in told.otherwise.items())
    end = "" if nearest.is_complete else "（尝试次数用完，可能还有更小的）"
    return f"若 {changed}, 则 {outcome or '此规则的结论不同'}{end}"


def _change(told: Why, one: Input) -> str:
    old = next((i.value for i in told.inputs if i.field == one.field), None)
    new = "不是其中任何一个" if one.value == SOMETHING_ELSE else value_words(one.value, one.unit)
    return f"{one.title.zh} 由 {value_words(old)} 变为 {new}"


def as_json(told: Why) -> dict[str, Any]:
    """Return the whole as plain values."""
    nearest = told.nearest
    return {
        **told.ruling.model_dump(mode="json"),
        "title": told.pack.model_dump(),
        "inputs": [_plain(one) for one in told.inputs],
        "derived": [_plain(one) for one in told.derived],
        "reasons": [
            {
                **vars(reason),
                "title": reason.title.model_dump(),
                "then": dict(reason.then),
                "compared": [_plain(one) for one in reason.compared],
            }
            for reason in told.reasons
        ],
        "nearest": {
            "changes": [
                {"field": c.field, "old": c.old, "new": c.new, "size": c.size}
                for c in nearest.changes
            ],
            "outcome": None if nearest.ruling is None else nearest.ruling.outcome,
            "tries": nearest.tries,
            "is_complete": nearest.is_complete,
        },
    }


def _plain(one: Input | Compared) -> dict[str, Any]:
    return {
        key: value.model_dump() if isinstance(value, Title) else value
        for key, value in vars(one).items()
    }
