"""Two versions of a matter in words: what is gone, what is new, what reads otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from catalogue import words
from catalogue.matters import ORDER, Matter

KEYS: Final = ("材料编码", "环节编码", "文书", "项目")
"""Elements by which an entry of a list is known again, wherever it stands."""
NAMES: Final[Mapping[str, str]] = {
    "材料编码": "材料名称", "环节编码": "环节名称", "文书": "文书", "项目": "项目",
}  # fmt: skip
FORM_WORDS: Final[Mapping[str, str]] = {
    "properties": "字段", "title": "名称", "x-en": "英文名称", "type": "类型",
    "required": "必填字段", "minLength": "最少字数", "maxLength": "最多字数", "minimum": "最小",
    "maximum": "最大", "minItems": "最少项数", "maxItems": "最多项数", "enum": "选项",
    "x-personal": "个人信息", "description": "填写说明", "pattern": "格式", "x-unit": "单位",
    "allOf": "条件", "items": "每项", "default": "默认值", ORDER: "字段顺序", "format": "格式",
    "exclusiveMinimum": "须大于", "exclusiveMaximum": "须小于", "uniqueItems": "不得重复",
}  # fmt: skip
UNSAID: Final = frozenset({"版本", "$schema"})


@dataclass(frozen=True, slots=True)
class Moved:
    """One difference."""

    where: str
    way: Literal["come", "gone", "other"]
    before: str
    after: str


def differences(before: Matter | None, after: Matter) -> tuple[Moved, ...]:
    """Return what a version changes, in the order of its text; of a new matter all that it says."""
    old = {} if before is None else dict(_leaves(_value(before), ()))
    new = dict(_leaves(_value(after), ()))
    order = [*new, *(path for path in old if path not in new)]
    names = {**_titles(before), **_titles(after)}
    return tuple(
        Moved(
            " · ".join(names.get(path[: n + 1], part) for n, part in enumerate(path)),
            "come" if path not in old else "gone" if path not in new else "other",
            old.get(path, ""),
            new.get(path, ""),
        )
        for path in order
        if old.get(path, "") != new.get(path, "")
    )


def _value(matter: Matter) -> dict[str, Any]:
    value: dict[str, Any] = matter.model_dump(mode="json", by_alias=True)
    return {name: part for name, part in value.items() if name not in UNSAID}


Path = tuple[str, ...]


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict) and value:
        for name, part in value.items():
            if name not in UNSAID:
                yield from _leaves(part, (*path, str(name)))
    elif isinstance(value, list) and value and _key(value) is not None:
        for one in value:
            yield from _leaves(one, (*path, str(one[_key(value)])))
        yield (*path, "（顺序）"), "、".join(str(one[_key(value)]) for one in value)
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for n, one in enumerate(value, 1):
            yield from _leaves(one, (*path, str(n)))
    else:
        yield path, _said(value, path)


def _key(value: list[Any]) -> str | None:
    if not all(isinstance(one, dict) for one in value):
        return None
    return next((key for key in KEYS if all(one.get(key) for one in value)), None)


def _said(value: Any, path: Path) -> str:
    if isinstance(value, list):
        return "、".join(_said(one, path) for one in value)
    if isinstance(value, bool):
        return "是" if value else "否"
    if value is None or value == {}:
        return ""
    element = path[-1] if path else ""
    return _CHINESE.get(element, {}).get(str(value), str(value))


_CHINESE: Final[Mapping[str, Mapping[str, str]]] = {
    element: {code: word for word, code in known.items()} for element, known in words.WORDS.items()
}
_DOCUMENTS: Final = {code: word for word, code in words.DOCUMENTS.items()}


def _titles(matter: Matter | None) -> dict[Path, str]:
    """Return what to call the parts of paths that are codes."""
    if matter is None:
        return {}
    value = _value(matter)
    found: dict[Path, str] = {}
    for element, part in value.items():
        if isinstance(part, list) and (key := _key(part)) is not None:
            for one in part:
                name = str(one.get(NAMES[key], one[key]))
                found[element, str(one[key])] = _DOCUMENTS.get(name, name)
    for name, field in matter.form.get("properties", {}).items():  # type: ignore[union-attr]
        title = field.get("title") if isinstance(field, dict) else None
        found["表单", "properties", name] = f"{title or name}"
        found |= _columns(name, field)
    for path in [path for path, _ in _leaves(value, ()) if path[:1] == ("表单",)]:
        for n, part in enumerate(path):
            if n and part in FORM_WORDS:
                found.setdefault(path[: n + 1], FORM_WORDS[part])
    return found


def _columns(name: str, field: Any) -> dict[Path, str]:
    """Return what the columns of a repeating group are called; of any other field nothing."""
    items = field.get("items") if isinstance(field, dict) else None
    columns = items.get("properties") if isinstance(items, dict) else None
    return {
        ("表单", "properties", name, "items", "properties", key): str(one.get("title") or key)
        for key, one in (columns if isinstance(columns, dict) else {}).items()
        if isinstance(one, dict)
    }
