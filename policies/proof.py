"""The proof that every version of the policy must pass before anybody may approve it.

Two readings are used. `policies.plain` reads the rows by their words, fast enough for every role
and every pair of roles in every state; Casbin behind `Access`, which decides at the doors, gives
the decision table, what is code and not rows (label, separation, deputies, kinds of principal), and
confirms every counterexample that the other reading has found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations, permutations, product

from cases.facts import CaseFacts
from cases.messages import Actor, Grant
from catalogue.matters import Matter
from policies import decision_table
from policies.access import Access
from policies.decision_table import Decided
from policies.gate import MUST_DIFFER, ONE_WINDOW
from policies.invariants import KINDS, Finding, allowing, broken, idle
from policies.liveness import locked, stalled
from policies.plain import SPANS, Reading, State, answer, role_sets
from policies.policy import ANY, Policy
from policies.scopes import EVERYWHERE
from policies.situations import (
    IDS,
    SOMEBODY_ELSE,
    TOWN,
    Counterexample,
    Step,
    object_in,
    person,
    step_in,
)
from policies.vocabulary import ACTS, ADMINISTRATORS, CITIZEN, ROLES, VERBS, Kind
from policies.warrants import WarrantSigner

_ANOTHER = "u:another"


@dataclass(frozen=True)
class Proof:
    """Everything that was looked at, and what was found."""

    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return not any(one.counterexamples for one in self.findings)

    @property
    def decisions(self) -> int:
        """How many decisions were looked at."""
        return sum(one.decisions for one in self.findings)


def prove(
    policy: Policy,
    pen: WarrantSigner,
    matters: Sequence[Matter],
    at: datetime,
    table: Iterable[Decided] | None = None,
) -> Proof:
    """Return the whole proof of one version; `table` defaults to the shipped decisions.

    `pen` only makes an `Access`: nothing is warranted. Takes one to two seconds of one core.
    """
    return Proof(tuple(findings(policy, pen, matters, at, table)))


def findings(
    policy: Policy,
    pen: WarrantSigner,
    matters: Sequence[Matter],
    at: datetime,
    table: Iterable[Decided] | None = None,
) -> Iterator[Finding]:
    """Yield the findings of `prove` one after another, so that who needs one may stop."""
    access, reading = Access(policy, TOWN, pen), Reading(policy)
    lines = decision_table.shipped() if table is None else table
    for one in _families(access, reading, matters, at, lines):
        yield _confirmed(one, access, at)


def _families(
    access: Access,
    reading: Reading,
    matters: Sequence[Matter],
    at: datetime,
    table: Iterable[Decided],
) -> Iterator[Finding]:
    yield one_window(access.policy)
    yield idle_rows(access.policy)
    yield stalled(reading, matters)
    yield locked(reading)
    yield from broken(reading)
    yield decisions_hold(access, table, at)
    yield separations(access, reading, matters, at)
    yield from of_the_code(access, reading, at)


def prove_matter(policy: Policy, pen: WarrantSigner, matter: Matter, at: datetime) -> Proof:
    """Return what of the proof hangs on one matter: its separations, and that it can be done."""
    access, reading = Access(policy, TOWN, pen), Reading(policy)
    found = (separations(access, reading, (matter,), at), stalled(reading, (matter,)))
    return Proof(tuple(_confirmed(one, access, at) for one in found))


def prove_separations(
    policy: Policy, pen: WarrantSigner, matters: Sequence[Matter], at: datetime
) -> Proof:
    """Return what of the proof must hold of a policy in force whatever program runs: nobody does
    two separated steps of one case. That work can be done hangs on rows that a newer program may
    ask for and an older policy cannot have."""
    access, reading = Access(policy, TOWN, pen), Reading(policy)
    found = (one_window(policy), separations(access, reading, matters, at))
    return Proof(tuple(_confirmed(one, access, at) for one in found))


def _confirmed(finding: Finding, access: Access, at: datetime) -> Finding:
    """Return the finding; a counterexample that Casbin does not give is told to be one of ours."""
    kept = []
    for one in finding.counterexamples:
        if not one.happens(access, at):
            one = replace(one, how=f"{one.how}（两种读法不一致：Casbin 的答案相反，请报告开发方）")
        kept.append(one)
    return replace(finding, counterexamples=tuple(kept))


# --- separation of duties --------------------------------------------------------------------


def one_window(policy: Policy) -> Finding:
    """Return the roles of people that could both accept and decide."""
    return Finding(
        "one_window", "受理与决定不集于一个角色", "行政许可法第二十六条",
        len(ROLES), one_role_for_both(policy, ONE_WINDOW),
    )  # fmt: skip


def separations(
    access: Access, reading: Reading, matters: Iterable[Matter], at: datetime
) -> Finding:
    """Return how one person could do two separated steps of one case of these matters."""
    groups = {ONE_WINDOW} | {one.acts for matter in matters for one in matter.separations}
    found: list[Counterexample] = []
    looked = 0
    for acts in sorted(groups):
        verbs = [act for act in acts if act in VERBS]
        looked += sum(len(role_sets(kind)) for kind in KINDS) * len(verbs) * (len(verbs) - 1)
        found += both_sides(access, verbs, at, reading)
    return Finding(
        "separations", "分离的环节无人能兼：任何顺序，本人、代理或被代理", "行政许可法第三十四条",
        looked, tuple(found),
    )  # fmt: skip


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
                rows = tuple(
                    row for act in (first, second) for row in allowing(policy, "case", act, (role,))
                )
                steps = tuple(_anywhere(policy, role, act) for act in (first, second))
                found.append(Counterexample((role,), (first, second), rows, "一个角色即可", steps))
    return tuple(found)


def _anywhere(policy: Policy, role: str, act: str) -> Step:
    """Return the act in a state in which the role may do it: the first there is, or the nearest."""
    reading, span = Reading(policy), SPANS["case"]
    for near, scopes in product(reversed(span.near), span.scopes):
        state = State((near,), scopes)
        if reading.allowed("case", (role,), state) & span.mask((act,)):
            return step_in("case", "human", (role,), state, act)
    return step_in("case", "human", (role,), State((span.near[-1],), frozenset()), act)


def both_sides(
    access: Access, acts: Sequence[str], at: datetime, reading: Reading | None = None
) -> tuple[Counterexample, ...]:
    """Return how one person could do two separated acts of one case, in either order, alone, as
    somebody's deputy or through a deputy, with any role or pair of roles held everywhere."""
    found = []
    known = Reading(access.policy) if reading is None else reading
    for roles, kind in _role_sets():
        for first, second in permutations(acts, 2):
            if not _ever(known, roles, (first, second)):
                continue  # the rows give these roles one of the acts at most
            for how, before, after in _manners(roles, kind):
                done = access.decide(before, first, _case(acts, before), at)
                if not done.allowed:
                    continue
                persons = tuple(filter(None, (before.id, before.on_behalf)))
                case = _case(acts, after, {first: persons})
                again = access.decide(after, second, case, at)
                if again.allowed:
                    rows = (done.row, again.row)
                    steps = (Step(before, first, _case(acts, before)), Step(after, second, case))
                    found.append(Counterexample(roles, (first, second), rows, how, steps))
    return tuple(found)


def _ever(reading: Reading, roles: tuple[str, ...], acts: tuple[str, str]) -> bool:
    """Whether the rows allow both acts to the roles together, each in some state."""
    span, mask = SPANS["case"], 0
    nearest = (max(span.near, key=len),) * len(roles)
    for scopes in span.scopes:
        mask |= reading.allowed("case", roles, State(nearest, scopes))
    wanted = span.mask(acts)
    return mask & wanted == wanted


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
    for kind in KINDS:
        yield from ((roles, kind) for roles in role_sets(kind))


def _manners(roles: tuple[str, ...], kind: Kind) -> Iterable[tuple[str, Actor, Actor]]:
    alone = _actor(roles, kind)
    yield "本人", alone, alone
    if kind == "human":
        yield "先本人后代理", alone, alone.model_copy(update={"on_behalf": SOMEBODY_ELSE})
        yield "先代理后本人", alone.model_copy(update={"on_behalf": SOMEBODY_ELSE}), alone
        deputy = alone.model_copy(update={"id": SOMEBODY_ELSE, "on_behalf": alone.id})
        yield "先由代理人办后本人", deputy, alone
        yield "先本人后由代理人办", alone, deputy
    if kind == "service":
        # By naming two officers a service would be on both sides.
        yield (
            "系统以两人名义",
            alone.model_copy(update={"on_behalf": SOMEBODY_ELSE}),
            alone.model_copy(update={"on_behalf": _ANOTHER}),
        )


def _actor(roles: Iterable[str], kind: Kind) -> Actor:
    grants = tuple(Grant(role=role, department=EVERYWHERE) for role in roles if role != CITIZEN)
    return Actor(id=IDS[kind], kind=kind, grants=grants, clearance=4)


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


# --- what is code and not rows ---------------------------------------------------------------


def of_the_code(access: Access, reading: Reading, at: datetime) -> Iterator[Finding]:
    """Yield what no row can switch off, tried with this version of the rows."""
    yield _label(access, at)
    yield _kinds(access, at)
    yield _deputies(access, reading, at)
    yield _read_alike(access, at)


def _label(access: Access, at: datetime) -> Finding:
    """Nobody does anything to an object that their clearance does not cover, whatever they hold."""
    looked, found = 0, []
    short: tuple[tuple[str, dict[str, object], dict[str, object]], ...] = (
        ("级别不够", {"clearance": 2}, {"label_level": 3}),
        ("范畴不够", {"compartments": ("health",)}, {"compartments": ("health", "police")}),
    )
    for roles, kind in _role_sets():
        for how, cleared, label in short:
            actor = person(roles, kind, (), **cleared)
            for object_type in ACTS:
                scopes = max(SPANS[object_type].scopes, key=len) - {"recused", "closed"}
                thing = _labelled(object_in(object_type, scopes, actor.id), label)
                for act in ACTS[object_type]:
                    looked += 1
                    decision = access.decide(actor, act, thing, at)
                    if decision.allowed:
                        step = Step(actor, act, thing)
                        found.append(Counterexample(roles, (act,), (decision.row,), how, (step,)))
    return Finding(
        "label", "敏感标记先于一切：级别或范畴不够的，什么都不能做", "GB/T 22239-2019 8.1.4.2 g",
        looked, tuple(found[:12]),
    )  # fmt: skip


def _labelled(thing: object, label: dict[str, object]):  # type: ignore[no-untyped-def]
    if isinstance(thing, CaseFacts):
        return thing.model_copy(update=label)
    return replace(thing, **label)  # type: ignore[type-var]


def _kinds(access: Access, at: datetime) -> Finding:
    """A role held by the wrong kind of principal is none, and no role is nothing at all."""
    looked, found = 0, []
    for kind in KINDS:
        wrong = [role for role, known in ROLES.items() if kind not in known.kinds]
        for roles in (*((role,) for role in wrong), ()):
            grants = tuple(Grant(role=role, department=EVERYWHERE) for role in roles)
            actor = Actor(id=IDS[kind], kind=kind, grants=grants, clearance=4)
            for object_type in ACTS:
                thing = object_in(object_type, frozenset({"assigned"}), actor.id)
                for act in (*ACTS[object_type], "delete", ANY, ""):
                    looked += 1
                    decision = access.decide(actor, act, thing, at)
                    of_citizens = kind == CITIZEN and act == "file" and object_type == "case"
                    if decision.allowed and not of_citizens:
                        step = Step(actor, act, thing)
                        how = f"{kind} 类账号"
                        found.append(Counterexample(roles, (act,), (decision.row,), how, (step,)))
    return Finding(
        "kinds", "默认拒绝：没有角色、角色不属于这一类账号、词表外的动作，一律不许",
        "GB/T 22239-2019 8.1.4.2 a", looked, tuple(found[:12]),
    )  # fmt: skip


def _deputies(access: Access, reading: Reading, at: datetime) -> Finding:
    """A deputy may do only what the delegator, or they themselves with the same grants, may do;
    and what either is barred from, the deputy is barred from."""
    looked, found = 0, []
    me, other = IDS["human"], SOMEBODY_ELSE
    span = SPANS["case"]
    everything = max(span.near, key=len)
    for roles in role_sets("human"):
        if len(roles) > 1:
            continue  # grants are delegated one by one, and pairs add nothing to one row
        ever = 0
        for scopes in span.scopes:
            ever |= reading.allowed("case", roles, State((everything,), scopes))
        deputy = person(roles, "human", on_behalf=other)
        alone, delegator = person(roles, "human"), person(roles, "human", id=other)
        for act in span.named(ever):
            for how, thing in _standing(me, other):
                looked += 1
                if not access.decide(deputy, act, thing, at).allowed:
                    continue
                if how.startswith("回避") or not (
                    access.decide(alone, act, thing, at).allowed
                    or access.decide(delegator, act, thing, at).allowed
                ):
                    step = Step(deputy, act, thing)
                    rows = allowing(access.policy, "case", act, roles)
                    found.append(Counterexample(roles, (act,), rows, f"代理：{how}", (step,)))
    return Finding(
        "deputies", "代理人的权限不超过被代理人；任一方回避，代理也不得办", "本机关代理制度",
        looked, tuple(found[:12]),
    )  # fmt: skip


def _standing(me: str, other: str) -> Iterator[tuple[str, CaseFacts]]:
    case = object_in("case", frozenset(), me)
    assert isinstance(case, CaseFacts)
    yield "普通办件", case
    yield "被代理人经办", case.model_copy(update={"holder": other})
    yield "代理人经办", case.model_copy(update={"holder": me})
    yield "回避的是被代理人", case.model_copy(update={"holder": me, "recused": (other,)})
    yield "回避的是代理人", case.model_copy(update={"holder": other, "recused": (me,)})


def _read_alike(access: Access, at: datetime) -> Finding:
    """Casbin and the plain reading answer alike for every row: where it bites, where it stops."""
    looked, found = 0, []
    for row in access.policy.rows:
        span = SPANS[row.object_type]
        role = next(iter(ROLES)) if row.role == ANY else row.role
        kind = next(kind for kind in KINDS if kind in ROLES[role].kinds)
        act = row.act if row.act != ANY else ACTS[row.object_type][0]
        scopes = frozenset() if row.scope == "always" else frozenset({row.scope})
        for near, conditions in product(span.near, {scopes, frozenset[str]()}):
            step = step_in(row.object_type, kind, (role,), State((near,), conditions), act)
            looked += 1
            plain = answer(access.policy, TOWN, step.actor, act, step.thing)
            decided = access.decide(step.actor, act, step.thing, at)
            if (plain == "allowed") != decided.allowed:
                how = f"通读为 {plain}，Casbin 为 {decided.code}"
                found.append(Counterexample((role,), (act,), (str(row),), how))
    return Finding(
        "read_alike", "Casbin 与独立通读逐行一致", "GB/T 22239-2019 8.1.4.2 e", looked,
        tuple(found[:12]),
    )  # fmt: skip


# --- the text itself -------------------------------------------------------------------------


def idle_rows(policy: Policy) -> Finding:
    """Return the rows without which nothing would be decided otherwise: they only mislead."""
    found = tuple(
        Counterexample((row.role,) if row.role != ANY else (), (row.act,), (str(row),), why)
        for row, why in idle(policy)
    )
    return Finding(
        "idle", "没有多余、被遮住或不起作用的行", "GB/T 22239-2019 8.1.4.2 e",
        len(policy.rows), found,
    )  # fmt: skip


def decisions_hold(access: Access, table: Iterable[Decided], at: datetime) -> Finding:
    """Return the decisions that policy gives otherwise than the table."""
    lines = tuple(table)
    found = tuple(one.counterexample() for one in decision_table.broken(access, lines, at))
    return Finding(
        "table", "判定表逐条相符", "GB/T 22239-2019 8.1.4.2 e", len(lines), found
    )  # fmt: skip


__all__ = [
    "MUST_DIFFER",
    "Counterexample",
    "Finding",
    "Proof",
    "administrators_with_cases",
    "both_sides",
    "one_role_for_both",
    "prove",
    "prove_matter",
]
