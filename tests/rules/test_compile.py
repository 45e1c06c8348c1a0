"""The exact JSON of durable_rules, form by form (reference page on durable_rules §2.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from rules.compile import BUDGET, LEAVES, body, engine_text, fact_text, number_text, shards, size
from rules.model import Condition, Rule

CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)

FORMS: list[tuple[dict[str, Any], str]] = [
    ({"field": "st", "op": "eq", "value": "站1"}, '{"st":"站1"}'),
    ({"field": "st", "op": "ne", "value": "x"}, '{"$neq":{"st":"x"}}'),
    ({"field": "pm", "op": "gt", "value": 150}, '{"$gt":{"pm":150}}'),
    ({"field": "pm", "op": "gte", "value": 150.5}, '{"$gte":{"pm":150.5}}'),
    ({"field": "a", "op": "lt", "value": 1e-05}, '{"$lt":{"a":1.0e-05}}'),
    ({"field": "pm", "op": "lte", "value": -1}, '{"$lte":{"pm":-1}}'),
    (
        {"field": "pm", "op": "between", "value": [1, 5]},
        '{"$and":[{"$gte":{"pm":1}},{"$lte":{"pm":5}}]}',
    ),
    ({"field": "st", "op": "in", "value": ["a", "b"]}, '{"$or":[{"st":"a"},{"st":"b"}]}'),
    ({"field": "pm", "op": "exists"}, '{"$ex":{"pm":1}}'),
    ({"field": "pm", "op": "missing"}, '{"$nex":{"pm":1}}'),
    ({"field": "open", "op": "eq", "value": False}, '{"open":false}'),
    (
        {"field": "elapsed", "op": "gte", "of": "promised", "times": 0.8},
        '{"$and":[{"$ex":{"promised":1}},'
        '{"$gte":{"elapsed":{"$mul":{"$l":{"$m":"promised"},"$r":0.8}}}}]}',
    ),
    (
        {"field": "elapsed", "op": "gte", "of": "promised", "times": 1, "plus": 60},
        '{"$and":[{"$ex":{"promised":1}},{"$gte":{"elapsed":'
        '{"$add":{"$l":{"$mul":{"$l":{"$m":"promised"},"$r":1.0}},"$r":60.0}}}}]}',
    ),
    ({"field": "tags", "op": "any_item", "value": "噪音"}, '{"$iany":{"tags":{"$i":"噪音"}}}'),
    (
        {"field": "vals", "op": "all_items", "item_op": "gt", "value": 3},
        '{"$iall":{"vals":{"$gt":{"$i":3}}}}',
    ),
    (
        {
            "all": [
                {"field": "pm", "op": "gt", "value": 1},
                {"field": "o", "op": "eq", "value": True},
            ]
        },
        '{"$and":[{"$gt":{"pm":1}},{"o":true}]}',
    ),
    (
        {
            "any": [
                {"field": "pm", "op": "gt", "value": 1},
                {"field": "o", "op": "eq", "value": True},
            ]
        },
        '{"$or":[{"$gt":{"pm":1}},{"o":true}]}',
    ),
    (
        {"not": {"field": "pm", "op": "gt", "value": 1}},
        '{"$or":[{"$nex":{"pm":1}},{"$lte":{"pm":1}}]}',
    ),
    (
        {
            "not": {
                "all": [
                    {"field": "pm", "op": "gt", "value": 1},
                    {"field": "open", "op": "eq", "value": True},
                ]
            }
        },
        '{"$or":[{"$or":[{"$nex":{"pm":1}},{"$lte":{"pm":1}}]},'
        '{"$or":[{"$nex":{"open":1}},{"$neq":{"open":true}}]}]}',
    ),
    (
        {"not": {"field": "elapsed", "op": "gte", "of": "promised", "times": 2}},
        '{"$or":[{"$nex":{"elapsed":1}},{"$nex":{"promised":1}},{"$and":[{"$ex":{"promised":1}},'
        '{"$lt":{"elapsed":{"$mul":{"$l":{"$m":"promised"},"$r":2.0}}}}]}]}',
    ),
]


@pytest.mark.parametrize(("yaml_form", "engine_form"), FORMS)
def test_a_condition_becomes_the_form_of_the_reference_page(
    yaml_form: dict[str, Any], engine_form: str
) -> None:
    assert engine_text(body(CONDITION.validate_python(yaml_form))) == engine_form


@pytest.mark.parametrize(
    ("value", "text"), [(1e-05, "1.0e-05"), (1e16, "1.0e+16"), (1.5e-05, "1.5e-05"), (0.1, "0.1")]
)
def test_a_float_is_written_so_that_the_engine_can_read_it(value: float, text: str) -> None:
    assert number_text(value) == text
    assert json.loads(text) == value


def test_the_fact_has_a_constant_id_and_the_anchor() -> None:
    assert fact_text({}) == '{"id":"c","k":1}'
    assert fact_text({"b": True, "s": "一\n"}) == '{"id":"c","k":1,"b":true,"s":"一\\n"}'
    assert fact_text({"x": 1e-05, "l": [1, 2.5]}) == '{"id":"c","k":1,"x":1.0e-05,"l":[1,2.5]}'


def rule(number: int, when: dict[str, Any]) -> Rule:
    return Rule.model_validate(
        {
            "id": f"R{number}",
            "title": {"zh": "规则", "en": "rule"},
            "basis": "XKF-26",
            "in_force_from": "2020-01-01",
            "when": when,
            "examples": [],
        }
    )


def test_each_shard_stays_within_the_budget_and_none_is_lost() -> None:
    wide = {"any": [{"field": "a", "op": "gt", "value": n} for n in range(20)]}
    texts = shards([rule(n, wide) for n in range(7)]).texts
    held = [json.loads(text) for text in texts]
    assert [list(shard) for shard in held] == [["R0", "R1"], ["R2", "R3"], ["R4", "R5"], ["R6"]]
    assert 20 * 2 <= BUDGET < 20 * 3


def test_predicates_of_one_field_are_counted_even_when_they_exclude_one_another() -> None:
    choice = {"field": "st", "op": "in", "value": [str(n) for n in range(20)]}
    assert size(rule(0, choice).when).branches == 1
    texts = shards([rule(n, choice) for n in range(7)]).texts
    assert [len(json.loads(text)) for text in texts] == [LEAVES // 20, 1]


def test_an_all_of_anys_costs_the_product() -> None:
    pair = {"any": [{"field": "a", "op": "exists"}, {"field": "b", "op": "exists"}]}
    assert size(rule(0, {"all": [pair] * 3}).when).branches == 8
    assert size(rule(0, {"not": {"any": [{"not": pair}] * 3}}).when).branches == 8
