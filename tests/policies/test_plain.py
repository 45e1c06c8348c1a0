"""The second reading of the rows: its two halves agree, and it looks at every combination."""

from __future__ import annotations

from itertools import product

import pytest

from cases.facts import CaseFacts
from cases.messages import Actor, Grant
from policies.plain import SPANS, Reading, State, answer, role_sets
from policies.policy import MODEL_FILE, Policy, parse_policy
from policies.scopes import RELATIONS, SCOPES, Thing
from policies.vocabulary import ACTS, CITIZEN, ROLES, Kind

PARENTS = {"here": "", "there": "", "task": ""}
IDS: dict[Kind, str] = {"human": "u:me", "service": "s:me", "citizen": "citizen:me"}

OF_HERE = ("payment", "fund", "duty", "plan", "performance", "project")
"""Types of which the object here is a thing of `here`."""

KINDS: tuple[Kind, ...] = ("human", "service", "citizen")


def asker(roles: tuple[str, ...], places: tuple[str, ...], kind: Kind) -> Actor:
    grants = tuple(
        Grant(role=role, department=at)
        for role, at in zip(roles, places, strict=True)
        if role != CITIZEN
    )
    return Actor(id=IDS[kind], kind=kind, grants=grants)


def seat(near: frozenset[str]) -> str:
    """Where a role must be held to stand so near (the objects of `thing_in`)."""
    at_its_own = {"paying", "sent", "keeping", "answering", "performing", "carrying"}
    if "engaged" in near and "carrying" not in near:
        return "task"
    if at_its_own & near or {"implementing", "task"} <= near:
        return "here"
    if "implementing" in near:
        return "office"
    if "task" in near:
        return "task"
    return "done" if "involved" in near else "there"


def thing_in(object_type: str, scopes: frozenset[str], me: str, near: set[frozenset[str]]):  # type: ignore[no-untyped-def]
    if object_type != "case":
        return Thing(
            object_type,
            "one",
            about=me if "about_me" in scopes else "",
            proposed_by=me if "proposed_by_me" in scopes else "",
            department="here" if object_type in OF_HERE else "",
            departments={"incident": ("here",), "project": ("here", "task")}.get(object_type, ()),
            hands=(me,) if "handled_by_me" in scopes else (),
        )
    own_task = any({"implementing", "task"} <= one for one in near)
    office = "here" if own_task else "office"
    tasks = {"t1": "task"} | ({"t2": "here"} if own_task else {})
    return CaseFacts(
        id="one",
        matter="any",
        department=office,
        departments=(office, "task", "done"),
        task_departments=tasks,
        holder=me if "assigned" in scopes else "",
        applicant=me if "about_me" in scopes else "",
        recused=(me,) if "recused" in scopes else (),
        closed="closed" in scopes,
    )


@pytest.mark.parametrize("object_type", ACTS)
def test_the_whole_reading_says_of_each_state_what_one_question_is_answered(
    object_type: str, policy: Policy
) -> None:
    reading, span, asked = Reading(policy), SPANS[object_type], 0
    for kind in KINDS:
        for role, near, scopes in product(ROLES, span.near, span.scopes):
            if kind not in ROLES[role].kinds:
                continue
            if role == CITIZEN and near != {"held"}:
                continue  # a citizen holds no office
            mask = reading.allowed(object_type, (role,), State((near,), scopes))
            actor = asker((role,), (seat(near),), kind)
            thing = thing_in(object_type, scopes, actor.id, {near})
            one = {a for a in span.acts if answer(policy, PARENTS, actor, a, thing) == "allowed"}
            assert set(span.named(mask)) == one, (role, near, scopes)
            asked += len(span.acts)
    assert asked >= len(span.acts) * len(ROLES)


def test_every_role_and_every_pair_that_a_kind_may_hold_is_looked_at() -> None:
    people = [role for role, known in ROLES.items() if "human" in known.kinds]
    count = len(people)
    assert len(role_sets("human")) == count + count * (count - 1) // 2
    assert role_sets("citizen") == ((CITIZEN,),)
    assert ("service_backfill", "service_intake") in role_sets("service")


def test_every_relation_and_condition_of_the_registries_is_a_state() -> None:
    for object_type, span in SPANS.items():
        relations = {name for name, one in RELATIONS.items() if object_type in one.types}
        scopes = {name for name, one in SCOPES.items() if object_type in one.types}
        assert frozenset().union(*span.near) == relations
        assert frozenset().union(*span.scopes) == scopes - {"always"}
        assert len(span.scopes) == 2 ** (len(scopes) - 1)


def test_two_policies_have_equal_tables_exactly_when_they_decide_equally() -> None:
    model = MODEL_FILE.read_text("utf-8")
    allow = "section_head, involved, case, read, always, allow # 查阅\n"
    wider = "section_head, held, case, read, always, allow # 查阅\n"
    needless = "section_head, implementing, case, read, always, allow # 查阅\n"
    table = Reading(parse_policy(model, allow)).table("case")
    assert Reading(parse_policy(model, allow + needless)).table("case") == table
    assert Reading(parse_policy(model, wider)).table("case") != table


def test_a_denial_of_one_role_takes_from_the_other_what_it_had() -> None:
    text = (
        "organ_head, held, audit, audit_read, always, allow # 可\n"
        "sysadmin, held, audit, audit_read, always, deny # 不可\n"
    )
    reading = Reading(parse_policy(MODEL_FILE.read_text("utf-8"), text))
    held = frozenset({"held"})
    alone = State((held,), frozenset())
    bit = SPANS["audit"].mask(("audit_read",))
    assert reading.allowed("audit", ("organ_head",), alone) == bit
    both = State((held, held), frozenset())
    assert reading.allowed("audit", ("organ_head", "sysadmin"), both) == 0
