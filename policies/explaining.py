"""Why a role may do an act to an object, or why not, and the smallest change that would let it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policies.differences import condition, nearness, row_sentence
from policies.invariants import broken
from policies.plain import SPANS, Reading, State
from policies.policy import ANY, Policy, Row, parse_policy
from policies.proof import one_window
from policies.scopes import RELATIONS, SCOPES
from policies.vocabulary import ACT_TITLES, OBJECT_TITLES, ROLES

LABEL = "敏感标记：许可级别须不低于客体的级别，并具备全部范畴；先于一切行，不能由行放开"
SEPARATION = "职责分离：在本办件中已做过与之分离的一步的人（含代理双方）不得再做；不能由行放开"


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer about one role in one state."""

    role: str
    object_type: str
    act: str
    near: frozenset[str]
    scopes: frozenset[str]
    allowed: bool
    rows: tuple[Row, ...]
    """Those that decided: the allowing ones, or the forbidding ones."""
    changes: tuple[str, ...]
    """The smallest changes that would let it, in Chinese; none where it is allowed."""
    new_row: str = ""
    """The row that would let it, as text; empty where a row forbids or it is allowed."""

    def sentence(self) -> str:
        """Return the answer in Chinese."""
        may = "可以" if self.allowed else "不可以"
        when = condition(self.scopes)
        what = f"对{OBJECT_TITLES[self.object_type]}「{ACT_TITLES[self.act]}」"
        places = len(SPANS[self.object_type].near)
        said = [nearness(self.near, self.role) if places > 1 else "", when]
        where = "，".join(part for part in said if part)
        return f"{ROLES[self.role].title}{f'（{where}）' if where else ''}{may}{what}"


def who_may(policy: Policy, object_type: str, act: str) -> tuple[Row, ...]:
    """Return every row about an act, those that forbid first."""
    return policy.shards.get((object_type, act), ())


def explain(
    policy: Policy,
    role: str,
    object_type: str,
    act: str,
    near: frozenset[str] | None = None,
    scopes: frozenset[str] = frozenset(),
) -> Explained:
    """Return why the role may do the act, or why not. `near` defaults to the nearest.

    Raises `KeyError` for a role or type that there is not, `ValueError` for an act or a state.
    """
    span, _ = SPANS[object_type], ROLES[role]
    here = max(span.near, key=len) if near is None else near
    if act not in span.acts or here not in span.near or scopes not in span.scopes:
        raise ValueError(f"{object_type} has no such act or state")
    reading = Reading(policy)
    bit = span.mask((act,))
    allowed = bool(reading.allowed(object_type, (role,), State((here,), scopes)) & bit)
    fitting = [row for row in who_may(policy, object_type, act) if _fits(row, role, here, scopes)]
    forbidding = tuple(row for row in fitting if row.effect == "deny")
    if allowed:
        rows = tuple(row for row in fitting if row.effect == "allow")
        return Explained(role, object_type, act, here, scopes, True, rows, ())
    changes = tuple(_changes(reading, role, object_type, act, here, scopes))
    new_row = "" if forbidding else _new_row(role, object_type, act, here)
    return Explained(role, object_type, act, here, scopes, False, forbidding, changes, new_row)


def barred(policy: Policy, new_row: str) -> tuple[str, ...]:
    """Return the titles of the invariants that the row would break if somebody proposed it."""
    lines = [f"{row} # {row.note}" for row in policy.rows]
    changed = parse_policy(policy.model, "\n".join([*lines, f"{new_row} # 试"]))
    found = [one_window(changed), *broken(Reading(changed))]
    return tuple(one.title for one in found if one.counterexamples)


def _fits(row: Row, role: str, near: frozenset[str], scopes: frozenset[str]) -> bool:
    mine = row.role == ANY or (row.role == role and row.department in near)
    return mine and (row.scope == "always" or row.scope in scopes)


def _changes(
    reading: Reading,
    role: str,
    object_type: str,
    act: str,
    near: frozenset[str],
    scopes: frozenset[str],
) -> Iterator[str]:
    """Yield single changes that suffice: another place, one condition, another role."""
    span = SPANS[object_type]
    bit = span.mask((act,))

    def may(who: str, where: frozenset[str], when: frozenset[str]) -> bool:
        return bool(reading.allowed(object_type, (who,), State((where,), when)) & bit)

    for where in span.near:
        if where != near and may(role, where, scopes):
            yield f"换任职之处：{nearness(where, role)}"
    for name in sorted(set().union(*span.scopes)):
        other = scopes ^ {name}
        if other in span.scopes and may(role, near, other):
            word = "具备" if name in other else "不再有"
            yield f"{word}条件：{SCOPES[name].sentence}"
    able = [
        known.title
        for who, known in ROLES.items()
        if who != role and known.kinds & ROLES[role].kinds and may(who, near, scopes)
    ]
    if able:
        yield f"换角色：同处的{'、'.join(able)}"


def _new_row(role: str, object_type: str, act: str, near: frozenset[str]) -> str:
    order = ("implementing", "paying", "task", "involved", "held")
    nearest = next(one for one in order if one in near and object_type in RELATIONS[one].types)
    return f"{role}, {nearest}, {object_type}, {act}, always, allow"


__all__ = ["LABEL", "SEPARATION", "Explained", "barred", "explain", "row_sentence", "who_may"]
