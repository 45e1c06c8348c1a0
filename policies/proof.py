"""What no version of the policy may allow, tried out over every role and every pair of roles.

Each function returns counterexamples: empty means the property holds. Part 5's gate runs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, permutations

from cases.facts import CaseFacts
from cases.messages import Actor, Grant
from policies.access import Access
from policies.policy import Policy
from policies.scopes import EVERYWHERE
from policies.vocabulary import ACTS, ADMINISTRATORS, CITIZEN, ROLES, Kind

_IDS: dict[Kind, str] = {"human": "u:one", "service": "s:one", "citizen": "citizen:one"}
_COLLEAGUE = "u:colleague"


@dataclass(frozen=True)
class Counterexample:
    """Somebody who could do what nobody may."""

    roles: tuple[str, ...]
    acts: tuple[str, ...]
    rows: tuple[str, ...]
    how: str


def one_role_for_both(policy: Policy, acts: Sequence[str]) -> tuple[Counterexample, ...]:
    """Return the roles of people to which the rows alone allow two of the acts.

    Roles of services are left out: a department's own system may do all that the department may,
    and `both_sides` shows that it cannot do both in one case.
    """
    found = []
    for first, second in combinations(acts, 2):
        shared = set(policy.roles_for("case", first)) & set(policy.roles_for("case", second))
        for role in sorted(shared):
            if ROLES[role].kinds == {"human"}:
                found.append(Counterexample((role,), (first, second), (), "一个角色即可"))
    return tuple(found)


def both_sides(access: Access, acts: Sequence[str], at: datetime) -> tuple[Counterexample, ...]:
    """Return how one person could do two separated acts of one case, in either order, alone, as
    somebody's deputy or through a deputy, with any role or pair of roles held everywhere."""
    found = []
    for roles, kind in _role_sets():
        for first, second in permutations(acts, 2):
            for how, before, after in _manners(roles, kind):
                done = access.decide(before, first, _case(acts, before), at)
                if not done.allowed:
                    continue
                persons = tuple(filter(None, (before.id, before.on_behalf)))
                again = access.decide(after, second, _case(acts, after, {first: persons}), at)
                if again.allowed:
                    rows = (done.row, again.row)
                    found.append(Counterexample(roles, (first, second), rows, how))
    return tuple(found)


def administrators_with_cases(access: Access, at: datetime) -> tuple[Counterexample, ...]:
    """Return what an administrator, with any second role, could do to a case."""
    found = []
    for administrator in ADMINISTRATORS:
        for other in ROLES:
            roles = (administrator, other)
            actor = _actor(roles, "human")
            for act in ACTS["case"]:
                decision = access.decide(actor, act, _case((), actor), at)
                if decision.allowed:
                    found.append(Counterexample(roles, (act,), (decision.row,), "管理员"))
    return tuple(found)


def _role_sets() -> Iterator[tuple[tuple[str, ...], Kind]]:
    kinds: tuple[Kind, ...] = ("human", "service", "citizen")
    for kind in kinds:
        fitting = [role for role in ROLES if kind in ROLES[role].kinds]
        for role in fitting:
            yield (role,), kind
        for pair in combinations(fitting, 2):
            yield pair, kind


def _manners(roles: tuple[str, ...], kind: Kind) -> Iterable[tuple[str, Actor, Actor]]:
    alone = _actor(roles, kind)
    yield "本人", alone, alone
    if kind == "human":
        yield "先本人后代理", alone, alone.model_copy(update={"on_behalf": _COLLEAGUE})
        yield "先代理后本人", alone.model_copy(update={"on_behalf": _COLLEAGUE}), alone
        deputy = alone.model_copy(update={"id": _COLLEAGUE, "on_behalf": alone.id})
        yield "先由代理人办后本人", deputy, alone
        yield "先本人后由代理人办", alone, deputy
    if kind == "service":
        # By naming two officers a service would be on both sides.
        yield (
            "系统以两人名义",
            alone.model_copy(update={"on_behalf": _COLLEAGUE}),
            alone.model_copy(update={"on_behalf": "u:another"}),
        )


def _actor(roles: Iterable[str], kind: Kind) -> Actor:
    grants = tuple(Grant(role=role, department=EVERYWHERE) for role in roles if role != CITIZEN)
    return Actor(id=_IDS[kind], kind=kind, grants=grants, clearance=4)


def _case(
    acts: Sequence[str], actor: Actor, hands: dict[str, tuple[str, ...]] | None = None
) -> CaseFacts:
    """A case on which every scope that allows holds for the actor."""
    return CaseFacts(
        id="case",
        matter="any",
        department="any",
        departments=("any",),
        applicant=actor.id,
        holder=actor.id,
        assignees=(actor.id,),
        hands=hands or {},
        separations=(tuple(acts),) if acts else (),
        task_departments={"task": "any"},
    )
