"""Why: the reasons of a ruling, and the smallest change that would have been decided otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from benchmarks.random_rules import condition, context, extras
from rules.evaluate import NoFixpoint, NoRuling, evaluate
from rules.nearest import Change, is_number, nearest
from rules.pack import ContextRefused, Pack, PackRefused
from rules.why import why, why_again

Build = Callable[..., Pack]
OVER = {"field": "pm", "op": "gt", "value": 150}


@pytest.mark.parametrize(
    ("when", "given", "change"),
    [
        (OVER, {"pm": 151}, ("pm", 151, 150)),
        (OVER, {"pm": 100}, ("pm", 100, 151)),
        (OVER, {"pm": 100.5}, ("pm", 100.5, 150.1)),
        ({"field": "pm", "op": "gte", "value": 0.35}, {"pm": 0.2}, ("pm", 0.2, 0.35)),
        ({"field": "pm", "op": "gt", "of": "base", "times": 0.8}, {"pm": 8, "base": 10},
         ("base", 10, 9)),
        ({"field": "open", "op": "eq", "value": True}, {"open": False}, ("open", False, True)),
        ({"field": "st", "op": "in", "value": ["a", "b"]}, {"st": "c"}, ("st", "c", "a")),
        ({"field": "tags", "op": "any_item", "value": "噪音"}, {"tags": ["x"]},
         ("tags", ["x"], ["x", "噪音"])),
        ({"field": "pm", "op": "exists"}, {}, ("pm", None, 0)),
        ({"all": [OVER, {"field": "open", "op": "eq", "value": True}]}, {"pm": 200, "open": True},
         ("pm", 200, 150)),
    ],
)  # fmt: skip
def test_the_smallest_change_stands_next_to_the_threshold(
    pack_of: Build, at: datetime, when: Any, given: dict[str, Any], change: tuple[Any, ...]
) -> None:
    found = nearest(pack_of(when), given, at)
    assert found.changes == (Change(*change),)
    assert found.is_complete


def test_two_fields_change_where_one_does_not_do(pack_of: Build, at: datetime) -> None:
    when = {"all": [OVER, {"field": "open", "op": "eq", "value": True}]}
    found = nearest(pack_of(when), {"pm": 100, "open": False}, at)
    assert found.changes == (Change("pm", 100, 151), Change("open", False, True))
    assert found.is_complete


def test_where_nothing_of_two_fields_changes_the_answer_it_is_said(
    pack_of: Build, at: datetime
) -> None:
    when = {"all": [OVER, {"field": "base", "op": "gt", "value": 5},
                    {"field": "open", "op": "eq", "value": True}]}  # fmt: skip
    found = nearest(pack_of(when), {}, at)
    assert (found.changes, found.ruling, found.is_complete) == ((), None, True)


def test_a_search_that_ran_out_of_tries_says_so(pack_of: Build, at: datetime) -> None:
    when = {"all": [OVER, {"field": "base", "op": "gt", "value": 5},
                    {"field": "open", "op": "eq", "value": True}]}  # fmt: skip
    found = nearest(pack_of(when), {}, at, max_tries=5)
    assert (found.changes, found.is_complete, found.tries) == ((), False, 5)


def test_a_chained_field_is_traced_to_the_input_it_comes_from(at: datetime) -> None:
    from tests.rules.conftest import make_pack, make_rule

    pack = Pack.of(_chained(make_pack, make_rule))
    found = nearest(pack, {"pm": 10}, at, aim=lambda ruling: ruling.outcome.get("hit"))
    assert found.changes == (Change("pm", 10, 41),)


def _chained(make_pack: Any, make_rule: Any) -> Any:
    from rules.model import Definition

    number = {"type": "number", "title": {"zh": "推导", "en": "derived"}}
    rules = [
        make_rule(0, {"field": "pm", "op": "exists"}, then={"shown": {"field": "pm"}}),
        make_rule(1, {"field": "shown", "op": "gt", "value": 40}),
    ]
    raw = make_pack(rules, fields={"shown": {**number, "derived": True}},
                    outcome={"shown": number})  # fmt: skip
    return Definition.model_validate(raw)


def _nearer(change: Change, limit: int) -> list[Any]:
    """Every value on a grid of thousandths, or whole ones, that is nearer to the old one."""
    old, new = Decimal(repr(change.old)), Decimal(repr(change.new))
    step = Decimal(1).scaleb(min(0, *(int(n.normalize().as_tuple().exponent) for n in (old, new))))
    count = int(abs(new - old) / step)
    values = []
    for n in range(1, min(count + 1, limit)):
        for value in (old + n * step, old - n * step):
            if abs(value - old) < abs(new - old):
                values.append(int(value) if value == int(value) else float(value))
    return values


def _outcome(pack: Pack, given: dict[str, Any], at: datetime) -> Any:
    """None: no ruling, which is no other decision."""
    try:
        return evaluate(pack, given, at).outcome
    except (NoRuling, NoFixpoint, ContextRefused):
        return None


def test_a_found_change_really_changes_the_outcome_and_nothing_nearer_does(
    pack_of: Build, at: datetime
) -> None:
    dice = Random(21)
    numbers = singles = pairs = 0
    for _ in range(250):
        whens = [condition(dice, 3) for _ in range(dice.randint(1, 4))]
        try:
            pack = pack_of(*whens, each=[extras(dice) for _ in whens], subject="reading")
        except PackRefused:
            continue
        given = pack.admit(context(dice))
        before = evaluate(pack, given, at).outcome
        found = nearest(pack, given, at)
        assert found == nearest(pack, given, at)
        if not found.changes:
            continue
        singles += len(found.changes) == 1
        pairs += len(found.changes) == 2
        changed = given | {change.field: change.new for change in found.changes}
        assert evaluate(pack, changed, at).outcome != before
        change = found.changes[0]
        if len(found.changes) == 1 and is_number(change.old) and is_number(change.new):
            numbers += 1
            for value in _nearer(change, 300):
                other = _outcome(pack, given | {change.field: value}, at)
                assert other in (before, None) or value == change.new, (change, value)
    assert numbers > 30
    assert singles > 100
    assert pairs > 1


SCALE: dict[str, Any] = {
    "id": "iaqi", "field": "pm", "gives": "iaqi", "basis": "XKF-26", "in_force_from": "2020-01-01",
    "points": [[0, 0], [35, 50], [75, 100]], "rounding": "up",
}  # fmt: skip


@pytest.mark.parametrize(("pm", "new"), [(50, 43), (20, 44), (42.5, 43.1), (43, 44)])
def test_a_scale_is_read_backwards(pack_of: Build, at: datetime, pm: float, new: float) -> None:
    """An index above 60 begins right after 43 µg/m³: 50 + 8 × 50/40 = 60."""
    number = {"type": "number", "title": {"zh": "指数", "en": "index"}, "derived": True}
    pack = pack_of(
        {"field": "iaqi", "op": "gt", "value": 60}, fields={"iaqi": number}, scales=[SCALE]
    )
    assert nearest(pack, {"pm": pm}, at).changes == (Change("pm", pm, new),)


@pytest.mark.parametrize("name", ["completeness", "routing", "on_the_spot", "supervision", "air"])
def test_every_example_of_a_shipped_pack_has_its_reasons(
    shipped: dict[str, Pack], name: str
) -> None:
    pack = shipped[name]
    for rule in pack.definition.rules:
        at = datetime(rule.in_force_from.year, rule.in_force_from.month,
                      rule.in_force_from.day, 4, tzinfo=UTC)  # fmt: skip
        for example in [one for one in rule.examples if one.holds and one.day is None][:1]:
            told = why(pack, example.given, at, rule=rule.id)
            reason = next(one for one in told.reasons if one.rule == rule.id)
            assert reason.basis == rule.basis
            assert reason.compared
            if told.nearest.changes:
                changed = example.given | {c.field: c.new for c in told.nearest.changes}
                after = evaluate(pack, changed, at)
                assert rule.id not in {one.rule for one in after.fired} or after.outcome


def test_reasons_are_given_of_a_stored_ruling_and_refused_of_an_altered_one(
    pack_of: Build, at: datetime
) -> None:
    pack = pack_of(OVER)
    ruling = evaluate(pack, {"pm": 151}, at)
    assert why_again(pack, ruling).reasons[0].compared[0].found == 151
    with pytest.raises(ValueError, match="expected"):
        why_again(pack, ruling.model_copy(update={"outcome": {}}))
    with pytest.raises(ValueError, match="expected pack"):
        why_again(pack_of(OVER, OVER), ruling)
