"""A second reading of the policy, written from the words of its rows alone.

It shares neither Casbin nor the predicates of `policies.scopes` with what decides at the doors, so
that a fault of either shows as a difference. `answer` reads one question about one object.
`Reading` answers every question there is at once: who holds which roles, how far from the object,
under which conditions; the gate's proof looks at all of them (about forty thousand combinations
of roles and states, each for every act of the type, in a fraction of a second).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

from cases.facts import CaseFacts
from cases.messages import Actor
from policies.policy import ANY, Policy, Row
from policies.scopes import RELATIONS, SCOPES, Thing
from policies.vocabulary import ACTS, CITIZEN, ROLES, Kind

# --- one question ----------------------------------------------------------------------------

_WHO = {
    "human": re.compile(r"u:[A-Za-z0-9._:-]{1,120}"),
    "service": re.compile(r"s:[A-Za-z0-9._:-]{1,120}"),
    "citizen": re.compile(r"[A-Za-z0-9._:-]{8,120}"),
}


def answer(
    policy: Policy,
    parents: Mapping[str, str],
    actor: Actor,
    act: str,
    thing: CaseFacts | Thing,
    task: str = "",
) -> str:
    """Return the code that the rows, the label and the separations give: `allowed`, or why not.

    The codes are those of `policies.access.Decision`; `no_such_task` is not told from `no_right`.
    `parents` maps a department to the one above it, or to "".
    """
    case = thing if isinstance(thing, CaseFacts) else None
    object_type = "case" if case else thing.type  # type: ignore[union-attr]  # told by `case`
    if act not in ACTS.get(object_type, ()):
        return "unknown_act"
    if not _somebody(actor):
        return "not_a_person"
    if thing.label_level > actor.clearance or set(thing.compartments) - set(actor.compartments):
        return "label"
    me = {actor.id, actor.on_behalf} - {""}
    if case is not None and _on_both_sides(case, act, me):
        return "separation"
    rows = [row for row in policy.rows if row.object_type == object_type and row.act in (act, ANY)]
    fitting = {row.effect for row in rows if _fits(row, parents, actor, me, thing, task)}
    if "deny" in fitting:
        return "forbidden"
    return "allowed" if "allow" in fitting else "no_right"


def _somebody(actor: Actor) -> bool:
    wanted = _WHO.get(actor.kind)
    if wanted is None or not wanted.fullmatch(actor.id) or actor.id in ROLES:
        return False
    if actor.kind == "citizen" and (actor.id.startswith(("u:", "s:")) or actor.id == "system"):
        return False
    return not actor.on_behalf or bool(_WHO["human"].fullmatch(actor.on_behalf))


def _on_both_sides(case: CaseFacts, act: str, me: set[str]) -> bool:
    for apart in case.separations:
        for other in apart if act in apart else ():
            if other != act and me & set(case.hands.get(other, ())):
                return True
    return False


def _fits(
    row: Row,
    parents: Mapping[str, str],
    actor: Actor,
    me: set[str],
    thing: CaseFacts | Thing,
    task: str,
) -> bool:
    if not _on_condition(row.scope, me, thing):
        return False
    if row.role == ANY:
        return True
    if row.role == CITIZEN:
        return actor.kind == CITIZEN and row.department == "held"
    if actor.kind not in ROLES[row.role].kinds:
        return False
    held = {grant.department for grant in actor.grants if grant.role == row.role}
    if row.department == "held":
        return bool(held)
    return any(held & _above(one, parents) for one in _seats(row.department, thing, task))


def _above(department: str, parents: Mapping[str, str]) -> set[str]:
    """Return where a grant counts for the department: there, above it, or in the whole city."""
    places = {"*"}
    while department and department not in places:
        places.add(department)
        department = parents.get(department, "")
    return places


AT_ITS_OWN = frozenset({"paying", "keeping", "answering", "performing", "carrying"})
"""Relations that mean the one department whose thing it is."""


def _seats(relation: str, thing: CaseFacts | Thing, task: str) -> list[str]:
    """Return the departments of the object that the relation means."""
    if isinstance(thing, Thing):
        if relation == "sent":
            named = [thing.department] if thing.department else list(thing.departments)
            return [one for one in named if one in thing.departments]
        if relation == "engaged":
            return [one for one in thing.departments if one]
        return [thing.department] if relation in AT_ITS_OWN and thing.department else []
    match relation:
        case "implementing":
            return [thing.department]
        case "involved":
            return [thing.department, *thing.departments]
        case "task":
            tasks = thing.task_departments
            if task:
                return [tasks[task]] if task in tasks else []
            return list(tasks.values())
        case _:
            return []


def _on_condition(scope: str, me: set[str], thing: CaseFacts | Thing) -> bool:
    if scope == "always":
        return True
    if isinstance(thing, Thing):
        if scope == "handled_by_me":
            return bool(me & set(thing.hands))
        named = {"about_me": thing.about, "proposed_by_me": thing.proposed_by}
        return named.get(scope, "") in me
    match scope:
        case "assigned":
            return bool(me & {thing.holder, *thing.assignees})
        case "about_me":
            return thing.applicant in me
        case "recused":
            return bool(me & {*thing.recused, *thing.hands.get("recused", ())})
        case "closed":
            return thing.closed
        case _:
            return False


# --- every question --------------------------------------------------------------------------

IMPLIED = {"implementing": ("involved",), "task": ("involved",), "carrying": ("engaged",)}
"""Who stands nearer also stands farther: the implementing department is involved, and so is one
with an open task; who carries a project out is engaged in it. Found broken by
`tests/policies/test_plain.py`, should a relation ever differ."""

Roles = tuple[str, ...]
Near = tuple[frozenset[str], ...]


class State(NamedTuple):
    """One way in which an object may stand to the roles of whoever asks."""

    near: Near
    """For each role: the relations in which it is held (`held` always)."""
    scopes: frozenset[str]
    """The conditions that hold (`always` is not named)."""


@dataclass(frozen=True, slots=True)
class Span:
    """The states of one object type, and its acts in the order of their bits."""

    acts: tuple[str, ...]
    near: tuple[frozenset[str], ...]
    scopes: tuple[frozenset[str], ...]

    def mask(self, acts: Collection[str]) -> int:
        """Return the bits of those of the acts that the type has."""
        return sum(1 << bit for bit, act in enumerate(self.acts) if act in acts)

    def named(self, mask: int) -> tuple[str, ...]:
        """Return the acts of a mask."""
        return tuple(act for bit, act in enumerate(self.acts) if mask >> bit & 1)


def _subsets(words: Collection[str]) -> Iterator[frozenset[str]]:
    for size in range(len(words) + 1):
        yield from map(frozenset, combinations(sorted(words), size))


def span_of(object_type: str) -> Span:
    """Return every state in which an object of the type can be."""
    relations = {n for n, one in RELATIONS.items() if object_type in one.types} - {"held"}
    scopes = {n for n, one in SCOPES.items() if object_type in one.types} - {"always"}
    near = tuple(
        chosen | {"held"}
        for chosen in _subsets(relations)
        if all(set(IMPLIED.get(word, ())) <= chosen for word in chosen)
    )
    return Span(ACTS[object_type], near, tuple(_subsets(scopes)))


SPANS: Mapping[str, Span] = {object_type: span_of(object_type) for object_type in ACTS}


def role_sets(kind: Kind) -> tuple[Roles, ...]:
    """Return every role and every pair of roles that a principal of the kind may hold.

    Two suffice: one row allows one act, so whoever could do two acts together with more roles
    could do them with two of these; and further roles can only bring further denials.
    """
    fitting = sorted(role for role, known in ROLES.items() if kind in known.kinds)
    return (*((role,) for role in fitting), *combinations(fitting, 2))


@dataclass(frozen=True, slots=True)
class _Bits:
    """What the rows say of one role: per state of nearness and scope, the acts as bits."""

    allow: list[list[int]]
    deny: list[list[int]]


class Reading:
    """A policy read whole: what every role and every pair of roles may do in every state."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._bits = {kind: _bits_of(policy, kind) for kind in ACTS}

    def allowed(self, object_type: str, roles: Roles, state: State) -> int:
        """Return the acts that somebody with the roles may do in the state, as bits."""
        span = SPANS[object_type]
        at = span.scopes.index(state.scopes)
        bits, anybody = self._bits[object_type]
        allow, deny = 0, anybody[at]
        for role, near in zip(roles, state.near, strict=True):
            place = span.near.index(near)
            allow |= bits[role].allow[place][at]
            deny |= bits[role].deny[place][at]
        return allow & ~deny

    def every(self, object_type: str, kind: Kind) -> Iterator[tuple[Roles, State, int]]:
        """Yield every role set, state and the acts allowed in it (bits); the empty set too."""
        masks = self._masks(object_type, kind)
        for (roles, near, scopes), mask in zip(_states(object_type, kind), masks, strict=True):
            yield roles, State(near, scopes), mask

    def table(self, object_type: str) -> tuple[int, ...]:
        """Return all decisions about a type in one value: equal tables decide equally."""
        kinds: tuple[Kind, ...] = ("human", "service", "citizen")
        return tuple(mask for kind in kinds for mask in self._masks(object_type, kind))

    def _masks(self, object_type: str, kind: Kind) -> list[int]:
        """Return the acts allowed (bits), in the order of `_states`."""
        bits, anybody = self._bits[object_type]
        found: list[int] = []
        for at, nobody in enumerate(anybody):
            allowed = {role: [row[at] for row in one.allow] for role, one in bits.items()}
            denied = {role: [row[at] | nobody for row in one.deny] for role, one in bits.items()}
            for roles in role_sets(kind):
                mine = list(zip(allowed[roles[0]], denied[roles[0]], strict=True))
                if len(roles) == 1:
                    found += [allow & ~deny for allow, deny in mine]
                    continue
                other = list(zip(allowed[roles[1]], denied[roles[1]], strict=True))
                for allow, deny in mine:
                    found += [(allow | more) & ~(deny | less) for more, less in other]
        return found


def _states(object_type: str, kind: Kind) -> Iterator[tuple[Roles, Near, frozenset[str]]]:
    """Yield every role set with every state of nearness and scope: the same of every policy."""
    span = SPANS[object_type]
    for scopes in span.scopes:
        for roles in role_sets(kind):
            for near in product(span.near, repeat=len(roles)):
                yield roles, near, scopes


def _bits_of(policy: Policy, object_type: str) -> tuple[Mapping[str, _Bits], list[int]]:
    span = SPANS[object_type]

    def nothing() -> list[list[int]]:
        return [[0] * len(span.scopes) for _ in span.near]

    bits = {role: _Bits(nothing(), nothing()) for role in ROLES}
    anybody = [0] * len(span.scopes)
    for row in policy.rows:
        if row.object_type != object_type:
            continue
        mask = span.mask(span.acts if row.act == ANY else (row.act,))
        for at, scopes in enumerate(span.scopes):
            if row.scope != "always" and row.scope not in scopes:
                continue
            if row.role == ANY:
                anybody[at] |= mask
                continue
            mine = bits[row.role].allow if row.effect == "allow" else bits[row.role].deny
            for place, near in enumerate(span.near):
                if row.department in near:
                    mine[place][at] |= mask
    return bits, anybody


__all__ = ["SPANS", "Reading", "Span", "State", "answer", "role_sets", "span_of"]
