"""When a field is asked for, in words for people and as JSON for the page's script."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from catalogue.form_schema import Asked, Claim, Op, When
from forms import words
from forms.words import N_, Language, Say

if TYPE_CHECKING:
    from forms.fields import Field

Find = Callable[[str], "Field | None"]
"""Returns a field of the form by its bare name."""

_LIMITS: dict[Op, str] = {
    "minimum": N_("“{label}”不小于 {limit}"),
    "exclusiveMinimum": N_("“{label}”大于 {limit}"),
    "maximum": N_("“{label}”不大于 {limit}"),
    "exclusiveMaximum": N_("“{label}”小于 {limit}"),
}


def in_words(asked: Asked, find: Find, language: Language) -> str:
    """Return the sentence that stands under a field which is not always asked for."""
    say = words.translations(language).gettext
    must = say(N_("；或者")).join(_when(one, find, say) for one in asked.must)
    only = say(N_("，并且")).join(_when(one, find, say) for one in asked.only)
    if must and must == only:
        return say(N_("如{when}，则须填写；否则不填。")).format(when=must)
    said = []
    if must:
        said.append(say(N_("如{when}，则须填写。")).format(when=must))
    if only:
        said.append(say(N_("只在{when}时填写。")).format(when=only))
    return "".join(said)


def _when(when: When, find: Find, say: Say) -> str:
    said = say(N_("且")).join(_test(one, find(one.field), say) for one in when.tests)
    return say(N_("并非{when}")).format(when=said) if when.turned else said


def _test(test: Claim, field: Field | None, say: Say) -> str:
    label = test.field if field is None else field.label
    if test.op == "given":
        return say(N_("填了“{label}”")).format(label=label)
    if test.op in _LIMITS:
        return say(_LIMITS[test.op]).format(label=label, limit=test.values[0])
    if test.values == (True,):
        return say(N_("勾选了“{label}”")).format(label=label)
    if test.values == (False,):
        return say(N_("没有勾选“{label}”")).format(label=label)
    choices = {} if field is None else {one.value: one.label for one in field.options}
    named = say(N_("或")).join(f"“{choices.get(str(one), str(one))}”" for one in test.values)
    template = N_("“{label}”含{values}") if test.op == "has" else N_("“{label}”为{values}")
    return say(template).format(label=label, values=named)


def as_json(asked: Asked, prefix: str = "form") -> str:
    """Return the condition as the script of a form reads it."""

    def of(when: When) -> dict[str, Any]:
        tests = [
            {"name": f"{prefix}.{one.field}", "op": one.op, "values": list(one.values)}
            for one in when.tests
        ]
        return {"tests": tests, "turned": when.turned}

    said = {"must": [of(one) for one in asked.must], "only": [of(one) for one in asked.only]}
    return json.dumps(said, ensure_ascii=False)
