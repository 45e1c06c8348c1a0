"""The decision table: who may do what, as data, against the shipped policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from cases.facts import CaseFacts
from cases.messages import Actor
from policies.access import Access
from policies.decision_table import (
    Decided,
    TableFault,
    broken,
    kind_of,
    read,
    shipped,
    table_for,
)
from policies.policy import Policy
from policies.scopes import Thing
from policies.situations import TOWN
from policies.vocabulary import ACTS, CITIZEN, ROLES
from policies.warrants import WarrantSigner

EXAMPLES = [one for one in shipped() if one.where.startswith("examples.csv")]


def _actor(held: str) -> Actor:
    return Decided(held, "read", "plain", "allowed", "").step().actor


def _case(held: str, situation: str) -> CaseFacts:
    thing = Decided(held, "read", situation, "allowed", "").step().thing
    assert isinstance(thing, CaseFacts)
    return thing


@pytest.fixture(scope="module")
def town(policy: Policy, pens: dict[str, WarrantSigner]) -> Access:
    return Access(policy, TOWN, pens["web"])


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: f"{one.where} {one.act}")
def test_the_decision_is_as_the_example_says(one: Decided, town: Access, now: datetime) -> None:
    step = one.step()
    decision = town.decide(step.actor, step.act, step.thing, now, step.task)
    assert decision.code == one.answer
    assert decision.allowed == (one.answer == "allowed")
    assert bool(decision.reason) != decision.allowed


def test_every_decision_of_the_whole_table_is_as_it_says(town: Access, now: datetime) -> None:
    assert [found.sentence() for found in broken(town, shipped(), now)] == []


def test_what_a_role_may_do_wherever_it_is_held_is_decided_at_another_department_too(
    policy: Policy,
) -> None:
    """Or the row could be cut to the thing's own department, and no line would say otherwise."""
    elsewhere = {
        (one.held.partition("@")[0], kind_of(one.situation), one.act)
        for one in shipped()
        if one.answer == "allowed"
        and not (one.held.endswith("@food") and "of_food" in one.situation)
    }
    everywhere = {
        (row.role, row.object_type, row.act)
        for row in policy.rows
        if row.effect == "allow" and row.department == "held" and row.object_type != "case"
    }
    assert len(everywhere) > 100
    assert sorted(everywhere - elsewhere) == []


def test_two_thirds_of_the_table_are_refusals() -> None:
    refusals = [one for one in shipped() if one.answer != "allowed"]
    assert len(EXAMPLES) >= 150
    assert len(refusals) * 3 >= len(shipped()) * 2


def test_every_role_and_every_act_stands_in_the_table_allowed_and_refused() -> None:
    said = {(one.act, kind_of(one.situation), one.answer == "allowed") for one in shipped()}
    for object_type, acts in ACTS.items():
        for act in acts:
            assert (act, object_type, True) in said, act
            assert (act, object_type, False) in said, act
    roles = {word.split("@")[0] for one in shipped() for word in one.held.split("+")}
    assert roles >= set(ROLES) - {CITIZEN}


def test_others_are_the_acts_that_no_line_before_named() -> None:
    lines = [("a:1", "sysadmin@city | account_manage | account | allowed"),
             ("a:2", "sysadmin@city | others | account | refused")]  # fmt: skip
    rest = [one.act for one in read(lines) if one.answer == "refused"]
    assert rest == [act for act in ACTS["account"] if act != "account_manage"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a | b | c", "四栏"),
        ("window_clerk@food | accept | plain | yes", "答案"),
        ("window_clerk | accept | plain | allowed", "角色@部门"),
        ("window_clerk@food | accept | sunny | allowed", "sunny"),
    ],
)
def test_a_line_that_is_no_decision_is_refused_with_its_place(line: str, says: str) -> None:
    with pytest.raises(TableFault, match=r"x\.csv:7.*" + says):
        list(read([("x.csv:7", line)]))


def test_the_lines_of_a_policy_text_take_the_place_of_the_shipped_answers() -> None:
    line = "#? window_clerk@food | urge | plain | no_right"
    table = table_for(f"# 说明\n{line}\n")
    same = [one for one in table if (one.held, one.act, one.situation) == (
        "window_clerk@food", "urge", "plain")]  # fmt: skip
    assert {one.answer for one in same} == {"no_right"}
    assert len(table) == len({(o.held, o.act, o.situation, o.where) for o in table})


def test_a_table_that_says_otherwise_names_the_line_to_write(town: Access, now: datetime) -> None:
    wrong = Decided("window_clerk@food", "accept", "plain", "no_right", "x.csv:1")
    (found,) = broken(town, [wrong], now)
    assert found.sentence().startswith("x.csv:1：「综合窗口人员」@food对办件「受理」")
    assert "#? window_clerk@food | accept | plain | allowed" in found.sentence()
    assert found.counterexample().happens(town, now)
    assert list(broken(town, [replace(wrong, answer="allowed")], now)) == []


@pytest.mark.parametrize(("object_type", "act"), [(t, a) for t, acts in ACTS.items() for a in acts])
def test_without_a_role_every_act_is_refused(
    object_type: str, act: str, access: Access, now: datetime
) -> None:
    nobody = Actor(id="u:me")
    thing = _case("", "plain") if object_type == "case" else Thing(object_type)
    assert not access.decide(nobody, act, thing, now).allowed


@pytest.mark.parametrize(("object_type", "act"), [(t, a) for t, acts in ACTS.items() for a in acts])
def test_every_act_can_be_done_by_somebody(object_type: str, act: str, access: Access) -> None:
    assert access.policy.roles_for(object_type, act)


def test_a_refusal_names_the_sentence_that_did_not_hold(access: Access, now: datetime) -> None:
    clerk = _actor("window_clerk@fire")
    decision = access.decide(clerk, "accept", _case("", "plain"), now)
    assert "在实施主体或其上级任职" in decision.reason
    assert "综合窗口人员" in decision.remedy


def test_a_refusal_by_label_names_the_clause(access: Access, now: datetime) -> None:
    clerk = _actor("window_clerk@food")
    assert "8.1.4.2 g" in access.decide(clerk, "read", _case("", "level2"), now).basis


def test_may_lists_exactly_what_decide_allows(access: Access, now: datetime) -> None:
    head = _actor("section_head@food")
    case = _case("section_head@food", "accepted_by_me")
    allowed = {act for act in ACTS["case"] if access.decide(head, act, case, now).allowed}
    assert access.may(head, "case", case) == allowed
    assert "read" in allowed and "decide" not in allowed


def test_may_of_another_type_is_nothing(access: Access) -> None:
    head = _actor("section_head@food")
    assert access.may(head, "release", _case("", "plain")) == frozenset()


@pytest.mark.parametrize(
    ("held", "act", "kind", "answer"),
    [
        ("window_clerk@food", "file", "case", True),
        ("window_clerk@food", "list", "case", True),
        ("window_clerk@food", "decide", "case", False),
        ("sysadmin@*", "list", "case", False),
        ("sysadmin@*", "account_manage", "account", True),
        ("window_clerk@food", "account_manage", "account", False),
        ("", "file", "case", False),
    ],
)
def test_a_menu_offers_what_some_object_may_allow(
    held: str, act: str, kind: str, answer: bool, access: Access
) -> None:
    decision = access.ever(_actor(held), act, kind)
    assert decision.allowed == answer
    assert bool(decision.reason) != answer
