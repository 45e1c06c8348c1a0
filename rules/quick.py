"""The quick look at a context: what is plainly right is admitted without a reason being sought.

Whatever this does not admit is asked of `rules.validate.context_faults`, which alone refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rules.model import Definition, FieldSpec
from rules.validate import MAX_NUMBER, MAX_TEXT

Fits = Callable[[object], bool]


@dataclass(frozen=True)
class PlainFields:
    """`fits`: input field → whether a value is plainly right; lists never are."""

    required: frozenset[str]
    fits: Mapping[str, Fits]

    @classmethod
    def of(cls, pack: Definition) -> PlainFields:
        """Return the quick look for a pack."""
        fields = pack.fields
        return cls(
            frozenset(name for name, spec in fields.items() if spec.required),
            {name: _fits(spec) for name, spec in fields.items() if not spec.derived},
        )


def _fits(spec: FieldSpec) -> Fits:
    match spec.type:
        case "text":
            return _is_one_of(frozenset(spec.choices)) if spec.choices else _is_short
        case "number":
            return _is_number
        case "boolean":
            return _is_truth
        case _:
            return _is_never


def _is_one_of(choices: frozenset[str]) -> Fits:
    return lambda value: type(value) is str and value in choices


def _is_short(value: object) -> bool:
    return type(value) is str and value.isascii() and len(value) <= MAX_TEXT


def _is_number(value: object) -> bool:
    # NaN and infinity fail the comparison.
    return type(value) in (int, float) and -MAX_NUMBER <= value <= MAX_NUMBER  # type: ignore[operator]


def _is_truth(value: object) -> bool:
    return type(value) is bool


def _is_never(value: object) -> bool:
    return False
