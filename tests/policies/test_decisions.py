"""The decision table: who may do what, as data, against the shipped policy."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cases.facts import CaseFacts
from cases.messages import Actor, Grant
from policies.access import Access
from policies.scopes import Thing
from policies.vocabulary import ACTS

LINES = [
    line
    for line in Path(__file__).with_name("decisions.csv").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]

ME, OTHER, DELEGATOR = "u:me", "u:other", "u:delegator"
THINGS = (
    "release", "dead_letter", "account", "audit", "policy", "census", "alarms", "supervision",
    "payment",
)  # fmt: skip


def _actor(held: str, words: list[str]) -> Actor:
    grants = tuple(
        Grant(role=role, department=at)
        for role, at in (word.split("@") for word in held.split("+") if word)
    )
    fields: dict[str, Any] = {"id": ME, "grants": grants}
    changes: dict[str, dict[str, Any]] = {
        "service": {"id": "s:portal", "kind": "service"},
        "citizen": {"id": "citizen:0123", "kind": "citizen"},
        "system": {"id": "system", "kind": "system"},
        "deputy": {"on_behalf": DELEGATOR},
        "clearance2": {"clearance": 2},
        "clearance3": {"clearance": 3},
        "cleared_health": {"compartments": ("health",)},
    }
    for word in words:
        fields |= changes.get(word, {})
        if word.startswith("id="):
            fields["id"] = word[3:]
    return Actor.model_validate(fields)


def _case(actor: Actor, words: list[str]) -> CaseFacts:
    fields: dict[str, Any] = {
        "id": "case-1",
        "matter": "food-permit",
        "department": "food",
        "departments": ("food", "fire"),
        "applicant": "citizen:somebody-else",
        "separations": (("accept", "decide"),),
        "task_departments": {"review-fire": "fire", "decide": "food"},
    }
    changes: dict[str, dict[str, Any]] = {
        "mine": {"assignees": (actor.id,)},
        "own": {"applicant": actor.id},
        "closed": {"closed": True},
        "recused": {"recused": (actor.id,)},
        "accepted_by_me": {"hands": {"accept": (actor.id,)}},
        "decided_by_me": {"hands": {"decide": (actor.id,)}},
        "accepted_by_other": {"hands": {"accept": (OTHER,)}},
        "accepted_by_delegator": {"hands": {"accept": (DELEGATOR,)}},
        "unseparated": {"separations": ()},
        "level2": {"label_level": 2},
        "level3": {"label_level": 3},
        "health": {"compartments": ("health",)},
    }
    for word in words:
        fields |= changes.get(word, {})
    return CaseFacts.model_validate(fields)


def _object(actor: Actor, words: list[str]) -> CaseFacts | Thing:
    kinds = [word for word in words if word in THINGS]
    if not kinds:
        return _case(actor, words)
    return Thing(
        kinds[0],
        about=actor.id if "about_me" in words else OTHER,
        proposed_by=actor.id if "proposed_by_me" in words else OTHER,
        department="food" if "of_food" in words else "",
    )


@pytest.mark.parametrize("line", LINES)
def test_the_decision_is_as_the_table_says(line: str, access: Access, now: datetime) -> None:
    held, act, words, answer = (field.strip() for field in line.split("|"))
    given = words.split()
    actor = _actor(held, given)
    task = next((word[5:] for word in given if word.startswith("task=")), "")
    decision = access.decide(actor, act, _object(actor, given), now, task)
    assert decision.code == answer
    assert decision.allowed == (answer == "allowed")
    assert bool(decision.reason) != decision.allowed


def test_most_of_the_table_are_refusals() -> None:
    refusals = [line for line in LINES if not line.endswith("allowed")]
    assert len(LINES) >= 150
    assert len(refusals) * 2 > len(LINES)


@pytest.mark.parametrize(("object_type", "act"), [(t, a) for t, acts in ACTS.items() for a in acts])
def test_without_a_role_every_act_is_refused(
    object_type: str, act: str, access: Access, now: datetime
) -> None:
    nobody = Actor(id=ME)
    thing = _case(nobody, []) if object_type == "case" else Thing(object_type)
    assert not access.decide(nobody, act, thing, now).allowed


@pytest.mark.parametrize(("object_type", "act"), [(t, a) for t, acts in ACTS.items() for a in acts])
def test_every_act_can_be_done_by_somebody(object_type: str, act: str, access: Access) -> None:
    assert access.policy.roles_for(object_type, act)


def test_a_refusal_names_the_sentence_that_did_not_hold(access: Access, now: datetime) -> None:
    clerk = _actor("window_clerk@fire", [])
    decision = access.decide(clerk, "accept", _case(clerk, []), now)
    assert "在实施主体或其上级任职" in decision.reason
    assert "综合窗口人员" in decision.remedy


def test_a_refusal_by_label_names_the_clause(access: Access, now: datetime) -> None:
    clerk = _actor("window_clerk@food", [])
    assert "8.1.4.2 g" in access.decide(clerk, "read", _case(clerk, ["level2"]), now).basis


def test_may_lists_exactly_what_decide_allows(access: Access, now: datetime) -> None:
    head = _actor("section_head@food", [])
    case = _case(head, ["accepted_by_me"])
    allowed = {act for act in ACTS["case"] if access.decide(head, act, case, now).allowed}
    assert access.may(head, "case", case) == allowed
    assert "read" in allowed and "decide" not in allowed


def test_may_of_another_type_is_nothing(access: Access) -> None:
    head = _actor("section_head@food", [])
    assert access.may(head, "release", _case(head, [])) == frozenset()


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
    decision = access.ever(_actor(held, []), act, kind)
    assert decision.allowed == answer
    assert bool(decision.reason) != answer
