"""What a form's JSON Schema may not carry, because it would act on whoever reads a filed form.

A schema is written by a department and evaluated at every filing: a reference is fetched from
wherever it points, and some patterns take longer than anybody waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from catalogue.marks import Fault, Loc, Marked

REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor"})
"""jsonschema 4 opens the address of a reference that it does not know: `file:` and `http:` too."""

NAMES = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Keywords whose keys are names of fields, which may be called anything."""

SOURCES = frozenset({"enum", "const", "default", "examples", "x-order"})
"""Keywords whose values are no schemas."""

_REPEATED_REPEAT = re.compile(r"\((?:[^()\\]|\\.)*(?<!\\)[*+}](?:[^()\\]|\\.)*\)(?:[*+]|\{\d+,)")
"""A repeated group that repeats within: `(a+)+` takes twice as long with each letter."""

LONGEST_PATTERN = 300
"""Characters of a pattern; that of an identity number has 92."""


def form_dangers(form: Mapping[str, Any], marked: Marked) -> Iterator[Fault]:
    """Yield every reference and every pattern that cannot be used, with its line."""
    yield from _within(form, ("表单",), marked)


def _within(part: Any, loc: Loc, marked: Marked) -> Iterator[Fault]:
    if isinstance(part, list):
        for n, one in enumerate(part):
            yield from _within(one, (*loc, n), marked)
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from _keyword(key, value, (*loc, key), marked)


def _keyword(key: str, value: Any, loc: Loc, marked: Marked) -> Iterator[Fault]:
    if key in REFERENCES:
        yield marked.fault(loc, f"表单不能用 {key}", "请把内容写全，不引用别处")
    elif key == "pattern":
        yield from _pattern(value, loc, marked)
    elif key in NAMES and isinstance(value, dict):
        for name, one in value.items():
            if key == "patternProperties":
                yield from _pattern(name, loc, marked)
            yield from _within(one, (*loc, name), marked)
    elif key not in SOURCES:
        yield from _within(value, loc, marked)


def _pattern(pattern: Any, loc: Loc, marked: Marked) -> Iterator[Fault]:
    if not isinstance(pattern, str):
        return  # said by the schema's own check
    if len(pattern) > LONGEST_PATTERN:
        yield marked.fault(loc, f"格式超过 {LONGEST_PATTERN} 个字符", "请写短")
    elif _REPEATED_REPEAT.search(pattern):
        yield marked.fault(loc, "格式里重复套着重复，核对一次可能永远算不完", "请写成不套的重复")
    else:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as wrong:
            yield marked.fault(loc, f"格式不是正则表达式（{wrong}）", "请改正，或删去 pattern")
