"""What no version of the policy may allow, whoever holds which roles, wherever, on whatever object.

Each family says which acts are forbidden in a state; `broken` looks at every role and every pair
of roles in every state. Nothing here can be overridden by a proposal: it is law, the standard, or
the house's own order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from cases.fund import USE
from cases.incidents.messages import SYSTEM_VERBS as UNIT_VERBS
from cases.projects.messages import SYSTEM_VERBS as PROJECT_VERBS
from policies.plain import SPANS, Reading, Roles, State
from policies.policy import ANY, Policy, Row
from policies.situations import Counterexample, step_in, told
from policies.vocabulary import ACTS, ADMINISTRATORS, CITIZEN, ROLES, Kind

KINDS: tuple[Kind, ...] = ("human", "service", "citizen")

MOST_EACH = 12
"""Counterexamples kept of one family: the first of each person and act."""

DUTIES: Mapping[str, frozenset[tuple[str, str]]] = MappingProxyType(
    {
        "sysadmin": frozenset(
            {
                ("account", "account_manage"),
                ("account", "account_read"),
                ("release", "read"),
                ("census", "census_read"),
            }
        ),
        "secadmin": frozenset(
            {
                ("account", "account_read"),
                ("account", "account_grant"),
                ("account", "grant_approve"),
                ("policy", "policy_read"),
                ("policy", "policy_propose"),
                ("policy", "policy_approve"),
                ("release", "read"),
                ("release", "list"),
                ("audit", "erase_ask"),
            }
        ),
        "auditadmin": frozenset(
            {
                ("account", "account_read"),
                ("audit", "audit_read"),
                ("audit", "audit_names"),
                ("audit", "audit_verify"),
                ("audit", "case_readers"),
                ("policy", "policy_read"),
                ("release", "read"),
                ("release", "list"),
            }
        ),
    }
)
"""All that an administrator may do, whatever else they hold: the three are apart even where the
account store was written by hand (GB/T 22239-2019 8.1.4.2 d)."""

SETTLED = frozenset(
    {
        "accept", "refuse_acceptance", "decide", "gather", "opine", "extend", "return_step",
        "withdraw",
    }
)  # fmt: skip
"""Acts that a closed case no longer admits: each would change what was decided."""

OUTSIDE = frozenset({"opine", "inspect", "read", "list", "read_personal", "print"})
"""All that somebody may do who is named for a case but holds no office in any of its departments:
an officer lent for an inspection or an opinion."""

SUPERVISING = frozenset({"supervisor", "government_head"})
"""Roles that look at the work of others and never at the citizens' papers."""

NOT_SUPERVISING = frozenset({"read_personal", "print", "accept", "decide", "opine", "inspect"})
"""What they therefore never do: see the papers, or do the work that they judge."""

OF_CITIZENS = frozenset(
    {
        "file", "supply", "correct_on_spot", "withdraw", "request_hearing", "rate",
        "read", "list", "read_personal", "print",
    }
)  # fmt: skip
"""All that an applicant may do, and all but `file` on their own case alone."""

NOT_OF_SERVICES = frozenset(
    {
        "read_personal", "print", "print_card", "revoke_licence", "reissue", "disallow_pause",
        "restore_pause", "issue_card", "revoke_card", "explain_card", "review_explanation",
    }
)  # fmt: skip
"""What a department's own system never does: it gets its own cases' papers where they arose, and
nobody supervises by machine account."""

HANDLING = frozenset(
    {"accept", "refuse_acceptance", "opine", "inspect", "gather", "decide", "certify"}
)
"""Acts that nobody can answer for without seeing the case."""

BY_LAW: Mapping[str, tuple[frozenset[str], str]] = MappingProxyType(
    {
        "decide": (
            frozenset({"section_head", "organ_head", "service_intake"}),
            "行政许可法第三十八条",
        ),
        "extend": (
            frozenset({"organ_head", "government_head", "service_intake"}),
            "行政许可法第四十二条",
        ),
        "revoke_licence": (frozenset({"organ_head"}), "行政许可法第六十九条"),
        "reissue": (frozenset({"section_head", "organ_head"}), "行政许可法第三十八条"),
        "accept": (frozenset({"window_clerk", "service_intake"}), "行政许可法第二十六条"),
        "refuse_acceptance": (
            frozenset({"window_clerk", "service_intake"}),
            "行政许可法第三十二条",
        ),
        "issue_card": (frozenset({"supervisor"}), "行政许可法第六十条"),
        "revoke_card": (frozenset({"supervisor"}), "行政许可法第六十条"),
        "disallow_pause": (frozenset({"supervisor"}), "行政许可法第六十条"),
        "restore_pause": (frozenset({"supervisor"}), "行政许可法第六十条"),
        "review_explanation": (frozenset({"supervisor"}), "行政许可法第六十条"),
    }
)
"""Acts on a case that only some roles may do, and the article."""


EVALUATING = frozenset({"check", "evaluate"})
"""What the supervision centre does with an incident, and nobody who dispatched or handled it."""

SIGNALLING = frozenset({"report", "join", "withdraw_signal"})
"""All that a system of signals may do to an incident."""

OF_UNIT_SYSTEMS = frozenset({*UNIT_VERBS, "read", "list"})
"""All that a unit's own system may do to an incident besides, and only where the unit was sent: a
dispatch is refused by a person."""

OF_PROJECT_SYSTEMS = frozenset({*PROJECT_VERBS, "read", "list"})
"""All that a department's or an operator's own system may do to a project, and only to theirs: what
is decided, let pass or changed is a person's."""

OF_INCIDENTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "arbitrate": frozenset({"arbiter"}),
        "check": frozenset({"evaluator"}),
        "evaluate": frozenset({"evaluator"}),
        "start_response": frozenset({"commander"}),
        "adjust_response": frozenset({"commander"}),
        "end_response": frozenset({"commander"}),
        "regrade": frozenset({"commander"}),
    }
)
"""Acts on an incident that only some roles may do."""

OF_PROJECTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        act: frozenset({"gate_approver"})
        for act in ("approve_estimate", "pass_gate", "return_gate", "decide_change")
    }
)
"""Acts on a project that only some roles may do: who proves or proposes does not approve."""

SIGNING = frozenset({"release_sign", "policy_approve", "grant_approve"})
"""The second person's act on a version."""
PAPERS = frozenset({"read_personal", "print", "print_card"})
READ, LISTED, FILING = frozenset({"read"}), frozenset({"list"}), frozenset({"file"})
ERASURE = frozenset({"erase_ask", "erase_approve"})


@lru_cache(maxsize=1024)
def _mask(object_type: str, acts: frozenset[str]) -> int:
    return SPANS[object_type].mask(acts)


@dataclass(frozen=True)
class Family:
    """One thing that no policy may allow."""

    code: str
    title: str
    basis: str
    types: tuple[str, ...]
    kinds: tuple[Kind, ...]
    forbids: Callable[[str, Kind, Roles, State, int], int]
    """(object type, kind, roles, state, what is allowed) → what of it may not be."""


@dataclass(frozen=True)
class Finding:
    """A family's outcome."""

    code: str
    title: str
    basis: str
    decisions: int
    """How many were looked at."""
    counterexamples: tuple[Counterexample, ...]


# --- the families ----------------------------------------------------------------------------


def _administrators(
    object_type: str, _kind: Kind, roles: Roles, _state: State, allowed: int
) -> int:
    for role in roles:
        if role in DUTIES:
            mine = {act for kind, act in DUTIES[role] if kind == object_type}
            allowed_to_me = _mask(object_type, frozenset(mine))
            if allowed & ~allowed_to_me:
                return allowed & ~allowed_to_me
    return 0


def _recused(_type: str, _kind: Kind, _roles: Roles, state: State, allowed: int) -> int:
    return allowed if "recused" in state.scopes else 0


def _settled(_type: str, _kind: Kind, _roles: Roles, state: State, allowed: int) -> int:
    return allowed & _mask("case", SETTLED) if "closed" in state.scopes else 0


def _outsider(_type: str, _kind: Kind, _roles: Roles, state: State, allowed: int) -> int:
    if any(len(near) > 1 for near in state.near):
        return 0
    if "assigned" in state.scopes:
        return allowed & ~_mask("case", OUTSIDE)
    return allowed


def _citizen(object_type: str, _kind: Kind, _roles: Roles, state: State, allowed: int) -> int:
    if object_type != "case":
        return allowed
    own = OF_CITIZENS if "about_me" in state.scopes else FILING
    return allowed & ~_mask("case", own)


def _service(object_type: str, _kind: Kind, _roles: Roles, state: State, allowed: int) -> int:
    def near(relation: str) -> bool:
        return any(relation in one for one in state.near)

    if object_type == "incident":
        theirs = OF_UNIT_SYSTEMS if near("sent") else frozenset[str]()
        return allowed & ~_mask("incident", SIGNALLING | theirs)
    if object_type == "fund":
        return allowed & ~_mask("fund", frozenset({USE} if near("paying") else ()))
    if object_type == "project":
        return allowed & ~_mask("project", OF_PROJECT_SYSTEMS if near("engaged") else frozenset())
    if object_type not in ("case", "payment", "plan"):
        return allowed
    return allowed & _mask(object_type, NOT_OF_SERVICES)


def _supervising(_type: str, _kind: Kind, roles: Roles, _state: State, allowed: int) -> int:
    if not SUPERVISING.issuperset(roles):
        return 0
    return allowed & _mask("case", NOT_SUPERVISING)


def _own_proposal(object_type: str, _kind: Kind, _roles: Roles, state: State, allowed: int) -> int:
    if "proposed_by_me" not in state.scopes:
        return 0
    return allowed & _mask(object_type, SIGNING)


def _own_account(_type: str, _kind: Kind, _roles: Roles, state: State, allowed: int) -> int:
    return allowed if "about_me" in state.scopes else 0


def _by_law(_type: str, _kind: Kind, roles: Roles, _state: State, allowed: int) -> int:
    return allowed & _of_others(roles)


@lru_cache(maxsize=4096)
def _of_others(roles: Roles) -> int:
    """Return what the law leaves to other roles than these."""
    named = frozenset(act for act, (may, _) in BY_LAW.items() if may.isdisjoint(roles))
    return _mask("case", named)


def _papers(_type: str, kind: Kind, _roles: Roles, _state: State, allowed: int) -> int:
    """Who sees the papers or handles the case sees it; who may list may read, and the reverse."""
    read, listed = _mask("case", READ), _mask("case", LISTED)
    blind = allowed & _mask("case", PAPERS | HANDLING if kind == "human" else PAPERS)
    if blind and not allowed & read:
        return blind
    return allowed & (read | listed) if bool(allowed & read) != bool(allowed & listed) else 0


def _evaluator(_type: str, _kind: Kind, roles: Roles, state: State, allowed: int) -> int:
    if "handled_by_me" in state.scopes:
        return allowed & _mask("incident", EVALUATING)
    return sum(
        _mask("incident", frozenset({act})) & allowed
        for act, may in OF_INCIDENTS.items()
        if may.isdisjoint(roles)
    )


def _gate(_type: str, _kind: Kind, roles: Roles, _state: State, allowed: int) -> int:
    return sum(
        _mask("project", frozenset({act})) & allowed
        for act, may in OF_PROJECTS.items()
        if may.isdisjoint(roles)
    )


def _erasure(_type: str, _kind: Kind, _roles: Roles, _state: State, allowed: int) -> int:
    both = _mask("audit", ERASURE)
    return both if allowed & both == both else 0


LEVEL_3 = "GB/T 22239-2019 8.1.4.2"

FAMILIES: tuple[Family, ...] = (
    Family(
        "administrators", "管理员只做本职，兼有任何角色也一样", f"{LEVEL_3} d",
        tuple(ACTS), ("human",), _administrators,
    ),
    Family("recused", "已回避的人对该办件无任何权限", "本机关回避制度", ("case",), KINDS, _recused),
    Family(
        "settled", "已终结的办件不能再改变决定", "行政许可法第八条", ("case",), KINDS, _settled
    ),
    Family(
        "outsider", "与办件无关的部门没有权限；借调人员只有指定的几项", f"{LEVEL_3} e、f",
        ("case",), ("human", "service"), _outsider,
    ),
    Family(
        "citizen", "申请人只及于本人的申请", "行政许可法第五条", tuple(ACTS), ("citizen",), _citizen
    ),
    Family(
        "service", "业务系统不看个人信息，不监察，不及于版本、账号、策略和日志", f"{LEVEL_3} e",
        tuple(ACTS), ("service",), _service,
    ),
    Family(
        "supervising", "监察和政府负责人不看申请人的材料，也不代办", "个人信息保护法第六条",
        ("case",), ("human",), _supervising,
    ),
    Family(
        "own_proposal", "提出人不得签署自己提出的版本、策略和权限变更", "本机关双人复核制度",
        ("release", "policy", "account"), ("human",), _own_proposal,
    ),
    Family(
        "own_account", "任何人不得管理自己的账号、给自己授权", f"{LEVEL_3} d",
        ("account",), ("human",), _own_account,
    ),
    Family("by_law", "法定由特定岗位作出的，他人不得作出", "行政许可法", ("case",), KINDS, _by_law),
    Family(
        "papers", "看材料、办理的人须看得见办件；能列表即能查阅", "个人信息保护法第六条",
        ("case",), KINDS, _papers,
    ),
    Family(
        "evaluator", "派发、处置过的人不得核查评价；仲裁、响应各归其岗", "CJ/T 315-2009",
        ("incident",), KINDS, _evaluator,
    ),
    Family(
        "gate", "概算、关口、变更由关口审批人办理", "本机关双人复核制度",
        ("project",), KINDS, _gate,
    ),
    Family(
        "erasure", "提出依法删除的人不得批准", "本机关双人复核制度",
        ("audit",), ("human",), _erasure,
    ),
)  # fmt: skip


# --- looking ---------------------------------------------------------------------------------


def broken(reading: Reading, types: Collection[str] = tuple(ACTS)) -> Iterator[Finding]:
    """Yield each family's finding over every role, pair of roles and state of these types."""
    states: dict[tuple[str, Kind], tuple[int, list[tuple[Roles, State, int]]]] = {}
    for family in FAMILIES:
        looked, found = 0, _First()
        for object_type in (one for one in family.types if one in types):
            span = SPANS[object_type]
            for kind in family.kinds:
                if (object_type, kind) not in states:
                    some = list(reading.every(object_type, kind))
                    states[object_type, kind] = len(some), [one for one in some if one[2]]
                n, every = states[object_type, kind]
                looked += n * len(span.acts)
                for roles, state, allowed in every:
                    bad = family.forbids(object_type, kind, roles, state, allowed)
                    if bad:
                        found.note(reading.policy, object_type, kind, roles, state, bad)
        yield Finding(family.code, family.title, family.basis, looked, found.kept())
    yield _log_is_read_only()


class _First:
    """The first counterexample of each person and act, and none that a smaller one explains."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], set[frozenset[str]]] = {}
        self._found: list[Counterexample] = []

    def note(
        self, policy: Policy, object_type: str, kind: Kind, roles: Roles, state: State, bad: int
    ) -> None:
        for act in SPANS[object_type].named(bad):
            seen, mine = self._seen.setdefault((object_type, act), set()), frozenset(roles)
            if len(self._found) >= MOST_EACH or any(known <= mine for known in seen):
                continue
            seen.add(mine)
            step = step_in(object_type, kind, roles, state, act)
            rows = allowing(policy, object_type, act, roles)
            how = told(kind, roles, state)
            self._found.append(Counterexample(roles, (act,), rows, how, (step,)))

    def kept(self) -> tuple[Counterexample, ...]:
        return tuple(self._found)


def allowing(policy: Policy, object_type: str, act: str, roles: Iterable[str]) -> tuple[str, ...]:
    """Return the rows that allow the act to one of the roles."""
    rows: Iterable[Row] = policy.shards[object_type, act]
    held = set(roles)
    return tuple(str(row) for row in rows if row.effect == "allow" and row.role in held)


_READ_ONLY = frozenset({"audit_read", "audit_names", "audit_verify", "case_readers"})


def _log_is_read_only() -> Finding:
    """No word of the vocabulary can change the log: what there is reads it, or asks for erasure,
    which destroys a subject's key and leaves every entry where it is."""
    odd = tuple(act for act in ACTS["audit"] if act not in _READ_ONLY | ERASURE)
    found = tuple(Counterexample((), (act,), (), "词表中有改动日志的动作") for act in odd)
    return Finding(
        "log", "审计日志只能查阅，没有修改或删除条目的动作", "GB/T 22239-2019 8.1.4.3 c",
        len(ACTS["audit"]), found,
    )  # fmt: skip


# --- the rows' own order ---------------------------------------------------------------------


def idle(policy: Policy) -> tuple[tuple[Row, str], ...]:
    """Return the rows without which every decision would be the same, and why (lint)."""
    found = []
    for row in policy.rows:
        why = _idle_allow(policy, row) if row.effect == "allow" else _idle_deny(policy, row)
        if why:
            found.append((row, why))
    return tuple(found)


def _idle_allow(policy: Policy, row: Row) -> str:
    rows = policy.shards[row.object_type, row.act]
    others = [one for one in rows if one is not row and one.role in (row.role, ANY)]
    wider = [one for one in others if one.effect == "allow"]
    denying = [one for one in others if one.effect == "deny"]
    for near, scopes in _states(row):
        if not any(_applies(one, near, scopes) for one in (*wider, *denying)):
            return ""
    if all(any(_applies(one, near, scopes) for one in denying) for near, scopes in _states(row)):
        return "永远被禁止行否决，许可不到任何人"
    lines = "、".join(str(one.line) for one in wider)
    return f"第 {lines} 行已许可它所许可的一切"


def _idle_deny(policy: Policy, row: Row) -> str:
    acts = ACTS[row.object_type] if row.act == ANY else (row.act,)
    if any(_denies_something(policy, row, act) for act in acts):
        return ""
    return "它不禁止任何本来许可的事"


def _denies_something(policy: Policy, row: Row, act: str) -> bool:
    rows = [one for one in policy.shards[row.object_type, act] if one is not row]
    allowing_rows = [one for one in rows if one.effect == "allow"]
    denying = [one for one in rows if one.effect == "deny"]
    for near, scopes in _states(row):
        mine = [one for one in denying if one.role in (row.role, ANY)]
        if any(_applies(one, near, scopes) for one in mine):
            continue
        for one in allowing_rows:
            if not _meet(row.role, one.role):
                continue
            # Another role may be held nearer or farther than this one.
            for far, theirs in _states(one):
                if one.role == row.role and far != near:
                    continue
                hers = [d for d in denying if d.role in (one.role, ANY)]
                if theirs == scopes and not any(_applies(d, far, theirs) for d in hers):
                    return True
    return False


def _meet(first: str, second: str) -> bool:
    """Whether one principal can hold both roles."""
    return first in (ANY, second) or bool(ROLES[first].kinds & ROLES[second].kinds)


def _states(row: Row) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    span = SPANS[row.object_type]
    for near in span.near:
        if row.department in near and (row.role != CITIZEN or near == {"held"}):
            for scopes in span.scopes:
                if row.scope == "always" or row.scope in scopes:
                    yield near, scopes


def _applies(row: Row, near: frozenset[str], scopes: frozenset[str]) -> bool:
    here = row.role == ANY or row.department in near
    return here and (row.scope == "always" or row.scope in scopes)


__all__ = ["ADMINISTRATORS", "FAMILIES", "Family", "Finding", "broken", "idle"]
