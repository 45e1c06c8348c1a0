"""Whom a document names: who acted, and in whose name a deputy did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.settle import Settlement
from tests.activities.conftest import FORGERIES, Town
from tests.activities.test_bars import granted_and_served, of_safety

NAMES = {"u:a": "安科长", "u:d": "丁主任"}


@pytest.fixture
def named(town: Town) -> Town:
    planner = replace(
        town.planner, names=lambda users: {one: NAMES[one] for one in users if one in NAMES}
    )
    town.settlement = Settlement(town.engine, planner, FORGERIES)
    return town


@pytest.mark.parametrize(
    ("by", "behalf", "people"),
    [
        ("u:a", "", {"actor_name": "安科长"}),
        ("u:a", "u:d", {"actor_name": "安科长", "behalf_name": "丁主任"}),
        ("u:unknown", "u:d", {"actor_name": "u:unknown", "behalf_name": "丁主任"}),
    ],
)
def test_a_document_is_ordered_with_the_names_of_both(
    named: Town, by: str, behalf: str, people: dict[str, str]
) -> None:
    state = named.filed()
    named.settle(state, named.order("accept", {"mode": "plain"}, by=by, behalf=behalf))
    facts = named.press.facts[-1]
    assert {name: facts[name] for name in facts if name.endswith("_name")} == people


def test_a_system_is_printed_under_no_name_of_a_person(named: Town) -> None:
    named.settle(None, named.file(by="s:portal", kind="service"))
    assert not [name for one in named.press.facts for name in one if name.endswith("_name")]


def test_a_record_of_service_names_the_decision_that_was_served(town: Town) -> None:
    granted_and_served(of_safety(town, 文书=["grant", "service_record"]))
    decision, record = (number for number in town.press.rendered[-2:])
    assert town.press.facts[-1]["served_number"] == decision != record
