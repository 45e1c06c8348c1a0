"""What no change of policy or of a person's grants may bring about, each with its counterexample.

`grant_faults` judges the roles of one person (static separation of duties): what may never meet in
one person, and what their roles together would let them do that no single role does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from policies.plain import SPANS, Reading, State
from policies.policy import Policy, Row, load_policy
from policies.vocabulary import ACT_TITLES, ADMINISTRATORS, CITIZEN, ROLES, Kind

LEVEL_3 = "GB/T 22239-2019 8.1.4.2 d"
"""授予管理用户所需的最小权限，实现管理用户的权限分离."""

ONE_WINDOW = ("accept", "decide")
"""No role of a person may hold both, whatever a matter separates (行政许可法第二十六条; the
house's own rule: the same person may not accept and decide)."""

MUST_DIFFER: tuple[tuple[frozenset[str], str, str], ...] = (
    (
        frozenset({"catalogue_editor", "catalogue_signer"}),
        "编制与签署须由两人任职，否则双人复核形同虚设",
        "本机关职责分离制度",
    ),
    *(
        (
            frozenset({"supervisor", role}),
            "电子监察员不得兼任办件岗位：不得监督自己的办理",
            "行政许可法第六十条",
        )
        for role in (
            "window_clerk", "section_clerk", "section_head", "organ_head", "certificate_desk",
        )
    ),
)  # fmt: skip
"""Pairs of roles that may not meet in one person, why, and by what.

The supervisors' are of whoever handles cases; the head of a government stands above both, and may
be given a supervisor's view of the city.
"""

TWO_STEPS: tuple[tuple[str, str, str], ...] = (
    ("case", *ONE_WINDOW),
    ("case", "inspect", "decide"),
    ("case", "opine", "decide"),
    ("release", "release_propose", "release_sign"),
    ("audit", "erase_ask", "erase_approve"),
)
"""Steps that are better done by two: one person able to do both is told, not refused, because
inside one case, version or order the second step is refused to whoever did the first."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something a change may not bring about, with what an approver must see."""

    code: str
    sentence: str
    """Whole, in Chinese, with what to do."""
    basis: str = ""
    roles: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    """The rows that allow it, each with its line."""
    blocking: bool = True
    """False: the approver is told and may approve all the same."""


def grant_faults(
    before: Collection[str],
    after: Collection[str],
    *,
    kind: Kind = "human",
    policy: Policy | None = None,
    apart: Iterable[tuple[str, ...]] = (),
) -> tuple[Fault, ...]:
    """Return what is wrong with one person's roles after a change, the blocking first.

    `before` and `after` are role names without their departments: a pair that may not meet may
    not meet in two departments either. `policy` is the one in force (default: as shipped);
    `apart` are the separations of the matters in force, beside those that hold everywhere.
    What was true before the change already is told again only where it blocks.
    """
    had, has = frozenset(before), frozenset(after)
    wrong = [*_unfit(has, kind), *_administrators(has), *_must_differ(has)]
    if not wrong:
        used = _shipped() if policy is None else policy
        wrong += _both_steps(had, has, used, apart)
    return tuple(wrong)


def _unfit(roles: frozenset[str], kind: Kind) -> Iterator[Fault]:
    for role in sorted(roles):
        known = ROLES.get(role)
        if known is None:
            yield Fault("unknown_role", f"没有角色「{role}」。请从角色表中选择", roles=(role,))
        elif role == CITIZEN or kind not in known.kinds:
            yield Fault(
                "kind",
                f"「{known.title}」不能授予这一类账号：人员、业务系统、申请人各有自己的角色",
                "GB/T 22239-2019 8.1.4.2 a",
                (role,),
            )


def _administrators(roles: frozenset[str]) -> Iterator[Fault]:
    held = roles & set(ADMINISTRATORS)
    if held and len(roles) > 1:
        yield Fault(
            "administrators_apart",
            f"{_titles(sorted(roles))}：系统、安全、审计管理员互斥，一人只能任其一，且不得兼任"
            "业务角色。请先收回其余角色",
            LEVEL_3,
            tuple(sorted(roles)),
        )


def _must_differ(roles: frozenset[str]) -> Iterator[Fault]:
    for pair, why, basis in MUST_DIFFER:
        if pair <= roles:
            named = tuple(sorted(pair))
            yield Fault("must_differ", f"{_titles(named)}：{why}。请由另一人担任", basis, named)


def _both_steps(
    had: frozenset[str], has: frozenset[str], policy: Policy, apart: Iterable[tuple[str, ...]]
) -> Iterator[Fault]:
    reading = Reading(policy)
    matters = (("case", *pair) for acts in apart for pair in combinations(acts, 2))
    for object_type, first, second in dict.fromkeys((*TWO_STEPS, *matters)):
        acts = (first, second)
        if not _can_both(reading, has, object_type, acts):
            continue
        # One role that may do both is a matter of the policy, not of who holds it.
        alone = (frozenset({role}) for role in has)
        if not any(_can_both(reading, held, object_type, acts) for held in (had, *alone)):
            yield _told(policy, has, object_type, acts)


def _can_both(
    reading: Reading, roles: frozenset[str], object_type: str, acts: tuple[str, str]
) -> bool:
    return all(act in _ever(reading, roles, object_type) for act in acts)


def _ever(reading: Reading, roles: frozenset[str], object_type: str) -> frozenset[str]:
    """Return what the roles together allow in some state of the object."""
    if not roles:
        return frozenset()
    span, held = SPANS[object_type], tuple(sorted(roles))
    nearest = (max(span.near, key=len),) * len(held)
    mask = 0
    for scopes in span.scopes:
        mask |= reading.allowed(object_type, held, State(nearest, scopes))
    return frozenset(span.named(mask))


def _told(policy: Policy, roles: frozenset[str], object_type: str, acts: tuple[str, str]) -> Fault:
    rows = tuple(
        row
        for row in policy.rows
        if row.effect == "allow"
        and row.object_type == object_type
        and row.act in acts
        and row.role in roles
    )
    used = tuple(sorted({row.role for row in rows}))
    first, second = (ACT_TITLES[act] for act in acts)
    return Fault(
        "both_steps",
        f"一人兼任{_titles(used)}，既可「{first}」又可「{second}」；同一对象的两步系统会拦住，"
        "请确认人手确实不足以分任",
        "",
        used,
        acts,
        tuple(at_line(row) for row in rows),
        blocking=False,
    )


def at_line(row: Row) -> str:
    """Return a row as a finding names it."""
    return f"第 {row.line} 行 {row}"


def _titles(roles: Iterable[str]) -> str:
    return "、".join(f"「{ROLES[role].title}」" if role in ROLES else role for role in roles)


@lru_cache(maxsize=1)
def _shipped() -> Policy:
    return load_policy()


__all__ = ["Fault", "grant_faults"]
