"""What ends an alarm by itself: false beyond doubt, never for want of a value."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from pydantic import TypeAdapter

from benchmarks.random_rules import condition, context
from rules.model import Condition
from rules.plain import predicate
from rules.strict import surely, surely_not

CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)
FULL: dict[str, Any] = {
    "pm": 1, "base": 2, "st": "a", "open": True, "tags": ["a"], "vals": [1, 2],
}  # fmt: skip


def read(raw: Any) -> Condition:
    return CONDITION.validate_python(raw)


@pytest.mark.parametrize(
    ("when", "given", "ends"),
    [
        ({"field": "pm", "op": "gt", "value": 150}, {"pm": 150}, True),
        ({"field": "pm", "op": "gt", "value": 150}, {"pm": 151}, False),
        ({"field": "pm", "op": "gt", "value": 150}, {}, False),
        ({"not": {"field": "pm", "op": "lte", "value": 150}}, {}, False),
        ({"field": "pm", "op": "between", "value": [1, 2]}, {"pm": 3}, True),
        ({"field": "st", "op": "in", "value": ["a", "b"]}, {"st": "c"}, True),
        ({"field": "st", "op": "in", "value": ["a", "b"]}, {}, False),
        ({"field": "pm", "op": "exists"}, {}, True),
        ({"any": [{"field": "pm", "op": "gt", "value": 1}, {"field": "base", "op": "gt",
          "value": 1}]}, {"pm": 0}, False),
        ({"all": [{"field": "pm", "op": "gt", "value": 1}, {"field": "base", "op": "gt",
          "value": 1}]}, {"pm": 0}, True),
    ],
)  # fmt: skip
def test_an_alarm_ends_when_the_values_say_so_and_not_when_they_are_missing(
    when: Any, given: dict[str, Any], ends: bool
) -> None:
    assert predicate(surely_not(read(when)))(given) is ends


def test_with_every_value_there_the_strict_opposite_is_the_opposite() -> None:
    dice = Random(11)
    for _ in range(3000):
        when = read(condition(dice))
        facts = FULL | {name: value for name, value in context(dice).items() if value}
        holds = predicate(when)(facts)
        assert predicate(surely(when))(facts) is holds
        assert predicate(surely_not(when))(facts) is not holds


def test_whatever_a_missing_value_turns_out_to_be_an_ended_alarm_was_rightly_ended() -> None:
    """Without `exists` and `missing`, which ask of silence itself."""
    dice = Random(12)
    ended = 0
    while ended < 1500:
        raw = condition(dice)
        if "exists" in str(raw) or "missing" in str(raw):
            continue
        when = read(raw)
        facts = {name: value for name, value in context(dice).items() if value not in (None, [])}
        if not predicate(surely_not(when))(facts):
            continue
        ended += 1
        assert not predicate(when)({**FULL, **facts})
