"""Casbin behind `Access` and the plain reading answer alike, over every state there is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime

import pytest

from cases.facts import CaseFacts
from policies.access import Access
from policies.plain import SPANS, Reading, Roles, State, answer, role_sets
from policies.policy import Policy
from policies.situations import TOWN, object_in, person, step_in
from policies.vocabulary import ACTS, CITIZEN, Kind
from policies.warrants import WarrantSigner

KINDS: tuple[Kind, ...] = ("human", "service", "citizen")
HELD = frozenset({"held"})


@pytest.fixture(scope="module")
def town(policy: Policy, pens: dict[str, WarrantSigner]) -> Access:
    return Access(policy, TOWN, pens["web"])


def states(policy: Policy, kind: Kind, object_type: str) -> Iterator[tuple[Roles, State, int]]:
    for roles, state, allowed in Reading(policy).every(object_type, kind):
        if kind != CITIZEN or set(state.near) == {HELD}:  # a citizen holds no office
            yield roles, state, allowed


def differences(
    town: Access, now: datetime, kind: Kind, object_type: str, roles: Roles, state: State, bits: int
) -> list[str]:
    span = SPANS[object_type]
    step = step_in(object_type, kind, roles, state, span.acts[0])
    return [
        f"{roles} {state} {act}"
        for bit, act in enumerate(span.acts)
        if town.decide(step.actor, act, step.thing, now).allowed != bool(bits >> bit & 1)
    ]


def test_casbin_answers_every_single_role_in_every_state_as_the_rows_read(
    policy: Policy, town: Access, now: datetime
) -> None:
    asked, wrong = 0, []
    for object_type in ACTS:
        for kind in KINDS:
            for roles, state, bits in states(policy, kind, object_type):
                if len(roles) == 1:
                    asked += len(ACTS[object_type])
                    wrong += differences(town, now, kind, object_type, roles, state, bits)
    assert wrong == []
    assert asked > 50_000


@pytest.mark.parametrize("object_type", [kind for kind in ACTS if kind != "case"])
def test_casbin_answers_every_pair_of_roles_about_things_as_the_rows_read(
    object_type: str, policy: Policy, town: Access, now: datetime
) -> None:
    wrong = []
    for kind in KINDS:
        for roles, state, bits in states(policy, kind, object_type):
            if len(roles) == 2:
                wrong += differences(town, now, kind, object_type, roles, state, bits)
    assert wrong == []


def test_casbin_answers_pairs_of_roles_about_cases_as_the_rows_read(
    policy: Policy, town: Access, now: datetime
) -> None:
    """A sample of the states: four hundred of some thirty-six thousand."""
    pairs = [one for one in states(policy, "human", "case") if len(one[0]) == 2]
    dice, wrong = random.Random(20261126), []
    for roles, state, bits in dice.sample(pairs, 400):
        wrong += differences(town, now, "human", "case", roles, state, bits)
    assert wrong == []


@pytest.mark.parametrize(
    ("cleared", "label", "covers"),
    [
        ({"clearance": 2}, {"label_level": 3}, False),
        ({"clearance": 4}, {"compartments": ("health",)}, False),
        ({"compartments": ("health",)}, {"compartments": ("health", "police")}, False),
        ({"clearance": 3}, {"label_level": 3}, True),
        ({"compartments": ("health", "police")}, {"compartments": ("police",)}, True),
    ],
)
def test_the_label_is_read_alike_for_every_role_and_act(
    cleared: dict[str, object],
    label: dict[str, object],
    covers: bool,
    policy: Policy,
    town: Access,
    now: datetime,
) -> None:
    case = object_in("case", frozenset())
    assert isinstance(case, CaseFacts)
    thing, codes = case.model_copy(update=label), set()
    for kind in KINDS:
        for roles in (one for one in role_sets(kind) if len(one) == 1):
            actor = person(roles, kind, (), **cleared)
            for act in ACTS["case"]:
                code = town.decide(actor, act, thing, now).code
                assert code == answer(policy, TOWN, actor, act, thing)
                codes.add(code)
    assert (codes == {"label"}) != covers


def test_a_label_that_is_not_covered_is_told_with_its_scope_in_brackets(
    town: Access, now: datetime
) -> None:
    case = object_in("case", frozenset())
    assert isinstance(case, CaseFacts)
    actor = person(("window_clerk",), "human", (), clearance=2)
    said = town.decide(actor, "read", case.model_copy(update={"label_level": 3}), now).reason
    assert said.startswith("办理的对象要求许可级别 3 级，您的")
    walled = case.model_copy(update={"label_level": 3, "compartments": ("卫生", "公安")})
    said = town.decide(actor, "read", walled, now).reason
    assert said.startswith("办理的对象要求许可级别 3 级（范畴：卫生、公安），您的")
