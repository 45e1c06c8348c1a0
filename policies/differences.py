"""What a change of the policy changes: rows, and decisions of everybody who could be asked.

Decisions are compared over every role in every state (and counted over every pair): two texts that
look different may decide alike, and one word may move a thousand answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from policies.plain import SPANS, Reading, State
from policies.policy import Policy, Row
from policies.scopes import RELATIONS, SCOPES
from policies.situations import near_title
from policies.vocabulary import ACT_TITLES, ACTS, CITIZEN, OBJECT_TITLES, ROLES


@dataclass(frozen=True, slots=True)
class Moved:
    """One role and act whose decisions move, and in which states."""

    role: str
    object_type: str
    act: str
    way: Literal["gains", "loses"]
    near: tuple[frozenset[str], ...]
    """How near to the object: each nearness in which the answer moves."""
    scopes: tuple[frozenset[str], ...]
    """The smallest conditions under which it moves; an empty one: under none."""

    def sentence(self) -> str:
        """Return the change in Chinese: who, what, where, on what condition."""
        way = "可以" if self.way == "gains" else "不再可以"
        where = "、".join(nearness(one, self.role) for one in self.near)
        conditions = "；或".join(condition(one) for one in self.scopes)
        when = f"（{conditions}）" if conditions else ""
        what = f"对{OBJECT_TITLES[self.object_type]}「{ACT_TITLES[self.act]}」"
        where = "" if len(SPANS[self.object_type].near) == 1 else f"：{where}"
        return f"{ROLES[self.role].title}{way}{what}{where}{when}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that another text changes."""

    gone: tuple[Row, ...]
    come: tuple[Row, ...]
    moved: tuple[Moved, ...]
    decisions: int
    """How many decisions about roles and pairs of roles are given otherwise."""
    asked: int
    """Of how many."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the roles that gain or lose something, in the order of the vocabulary."""
        touched = {one.role for one in self.moved}
        return tuple(role for role in ROLES if role in touched)


def difference(before: Policy, after: Policy) -> Difference:
    """Return what `after` changes."""
    old = {row.fields(): row for row in before.rows}
    new = {row.fields(): row for row in after.rows}
    one, two = Reading(before), Reading(after)
    tables = [(one.table(kind), two.table(kind), len(ACTS[kind])) for kind in ACTS]
    return Difference(
        gone=tuple(row for fields, row in old.items() if fields not in new),
        come=tuple(row for fields, row in new.items() if fields not in old),
        moved=tuple(_moved(one, two)),
        decisions=sum(
            (was ^ now).bit_count()
            for first, second, _ in tables
            for was, now in zip(first, second, strict=True)
        ),
        asked=sum(len(first) * acts for first, _, acts in tables),
    )


def _moved(before: Reading, after: Reading) -> Iterator[Moved]:
    for object_type, span in SPANS.items():
        for role, known in ROLES.items():
            gains: dict[str, list[State]] = {}
            loses: dict[str, list[State]] = {}
            for near in span.near if CITIZEN not in known.kinds else span.near[:1]:
                for scopes in span.scopes:
                    state = State((near,), scopes)
                    was = before.allowed(object_type, (role,), state)
                    now = after.allowed(object_type, (role,), state)
                    for act in span.named(now & ~was):
                        gains.setdefault(act, []).append(state)
                    for act in span.named(was & ~now):
                        loses.setdefault(act, []).append(state)
            for act in span.acts:
                if act in gains:
                    yield _one(role, object_type, act, "gains", gains[act])
                if act in loses:
                    yield _one(role, object_type, act, "loses", loses[act])


def _one(
    role: str, object_type: str, act: str, way: Literal["gains", "loses"], states: list[State]
) -> Moved:
    near = tuple(dict.fromkeys(state.near[0] for state in states))
    scopes = {state.scopes for state in states}
    smallest = sorted(
        (one for one in scopes if not any(other < one for other in scopes)), key=sorted
    )
    return Moved(role, object_type, act, way, near, tuple(smallest))


def nearness(near: frozenset[str], role: str = "") -> str:
    """Return in Chinese how near to the object a role is held."""
    if role == CITIZEN:
        return "申请人"
    return near_title(near)


def condition(scopes: Iterable[str]) -> str:
    """Return conditions in Chinese; empty where there are none."""
    return "且".join(SCOPES[name].sentence for name in sorted(scopes))


def row_sentence(row: Row) -> str:
    """Return a row as an assessor reads it: who, where, what, on what condition, whether."""
    who = "任何人" if row.role not in ROLES else ROLES[row.role].title
    what = "一切动作" if row.act not in ACT_TITLES else f"「{ACT_TITLES[row.act]}」"
    where = "" if row.department == "held" else f"，{RELATIONS[row.department].sentence}"
    when = "" if row.scope == "always" else f"，{SCOPES[row.scope].sentence}"
    may = "可以" if row.effect == "allow" else "不得"
    return f"{who}{where}{when}：{may}对{OBJECT_TITLES[row.object_type]}{what}"


__all__ = ["Difference", "Moved", "difference", "row_sentence"]
