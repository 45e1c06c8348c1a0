"""Concrete people and objects for every state of the proof, and counterexamples made of them.

One small town and one case with one open task: five departments stand to it in the five ways in
which a department can. A counterexample carries its steps as questions that `Access` answers, so
that whoever doubts it can try it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from cases.facts import CaseFacts
from cases.messages import Actor, Grant
from policies.access import Access
from policies.plain import Roles, State
from policies.scopes import Thing
from policies.vocabulary import CITIZEN, ROLES, Kind

TOWN: Mapping[str, str] = MappingProxyType(
    {
        "city": "",
        "market": "city",
        "food": "market",
        "fire": "city",
        "health": "city",
        "planning": "city",
    }
)
"""Department → the one above it. `food` implements, `fire` has the open task, `health` had one,
`planning` has nothing to do with it, and `city` stands above them all."""

TASK = "review-fire"
"""Key of the open task."""

_SEATS: Mapping[frozenset[str], str] = MappingProxyType(
    {
        frozenset({"held"}): "planning",
        frozenset({"held", "involved"}): "health",
        frozenset({"held", "involved", "task"}): "fire",
        frozenset({"held", "involved", "implementing"}): "food",
        frozenset({"held", "involved", "implementing", "task"}): "city",
        frozenset({"held", "paying"}): "food",
        frozenset({"held", "sent"}): "food",
        frozenset({"held", "keeping"}): "food",
        frozenset({"held", "answering"}): "food",
        frozenset({"held", "performing"}): "food",
        frozenset({"held", "engaged"}): "health",
        frozenset({"held", "engaged", "carrying"}): "food",
    }
)

_OF_FOOD = frozenset({"payment", "fund", "duty", "plan", "performance", "project"})
"""Types of which the object here is a thing of `food`."""
_ENGAGED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"incident": ("food",), "project": ("food", "health")}
)
"""Who was sent to the incident; who carries the project out and who operates it."""

SEAT_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "planning": "与客体无关的部门",
        "health": "环节已办结的部门",
        "fire": "有未办结环节的部门",
        "food": "实施主体",
        "city": "实施主体和有环节部门的共同上级",
    }
)
"""How a finding calls the five departments."""

IDS: Mapping[Kind, str] = MappingProxyType(
    {"human": "u:one", "service": "s:one", "citizen": "citizen:one"}
)
SOMEBODY_ELSE = "u:colleague"


@dataclass(frozen=True, slots=True)
class Step:
    """One question to policy, and what is answered where the counterexample is true."""

    actor: Actor
    act: str
    thing: CaseFacts | Thing
    task: str = ""
    allowed: bool = True


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Somebody who could do what nobody may, or nobody who can do what somebody must."""

    roles: tuple[str, ...]
    acts: tuple[str, ...]
    rows: tuple[str, ...]
    """The rows by which, each as its six fields; none where it is a row that is missing."""
    how: str
    steps: tuple[Step, ...] = ()

    def happens(self, access: Access, at: datetime) -> bool:
        """Tell whether policy answers every step as the counterexample says."""
        return all(
            access.decide(step.actor, step.act, step.thing, at, step.task).allowed == step.allowed
            for step in self.steps
        )


def near_title(near: frozenset[str]) -> str:
    """Return in Chinese which department stands so near."""
    if "sent" in near:
        return "被派发单位"
    if "keeping" in near:
        return "值班表所属部门"
    if "performing" in near:
        return "实施机构或者运营方"
    if "carrying" in near:
        return "项目的实施机构"
    if "engaged" in near:
        return "项目的运营方"
    if "answering" in near:
        return "负责该指标的部门"
    return "付款部门" if "paying" in near else SEAT_TITLES[seat(near)]


def seat(near: frozenset[str]) -> str:
    """Return the department of the town that stands so near to the object.

    A set of relations that this town does not have is an error: `KeyError`.
    """
    return _SEATS[near]


def person(
    roles: Iterable[str], kind: Kind, near: Sequence[frozenset[str]] = (), **given: object
) -> Actor:
    """Return a principal who holds each role where `near` says (default: in the whole city)."""
    held = tuple(roles)
    places = [seat(one) for one in near] or ["*"] * len(held)
    grants = tuple(
        Grant(role=role, department=at)
        for role, at in zip(held, places, strict=True)
        if role != CITIZEN
    )
    fields = {"id": IDS[kind], "kind": kind, "grants": grants, "clearance": 4, **given}
    return Actor.model_validate(fields)


def object_in(
    object_type: str, scopes: frozenset[str], me: str = IDS["human"]
) -> CaseFacts | Thing:
    """Return an object of the type on which exactly these conditions hold for `me`."""
    if object_type != "case":
        return Thing(
            object_type,
            "one",
            about=me if "about_me" in scopes else SOMEBODY_ELSE,
            proposed_by=me if "proposed_by_me" in scopes else SOMEBODY_ELSE,
            department="food" if object_type in _OF_FOOD else "",
            departments=_ENGAGED.get(object_type, ()),
            hands=(me if "handled_by_me" in scopes else SOMEBODY_ELSE,),
        )
    return CaseFacts(
        id="one",
        matter="any",
        department="food",
        departments=("food", "fire", "health"),
        task_departments={TASK: "fire"},
        assignees=(me,) if "assigned" in scopes else (),
        applicant=me if "about_me" in scopes else "citizen:somebody-else",
        recused=(me,) if "recused" in scopes else (),
        closed="closed" in scopes,
    )


def step_in(
    object_type: str, kind: Kind, roles: Roles, state: State, act: str, *, allowed: bool = True
) -> Step:
    """Return the question that a state of the whole reading stands for."""
    actor = person(roles, kind, state.near if kind != CITIZEN else ())
    return Step(actor, act, object_in(object_type, state.scopes, actor.id), allowed=allowed)


def told(kind: Kind, roles: Roles, state: State) -> str:
    """Return the state in Chinese, for a finding."""
    if kind == CITIZEN:
        where = "申请人"
    else:
        places = (near_title(near) for near in state.near)
        titled = zip((ROLES[role].title for role in roles), places, strict=True)
        where = "、".join(f"{title}（{place}）" for title, place in titled)
    return "，".join([where, *(_CONDITIONS.get(name, name) for name in sorted(state.scopes))])


_CONDITIONS = {
    "assigned": "本人经办",
    "about_me": "事关本人",
    "recused": "本人已回避",
    "closed": "办件已终结",
    "proposed_by_me": "本人提出",
    "handled_by_me": "本人派发或处置过",
}

__all__ = ["TOWN", "Counterexample", "Step", "object_in", "person", "seat", "step_in", "told"]
