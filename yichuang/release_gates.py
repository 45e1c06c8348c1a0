"""The gates: what a version must pass before anybody may sign it, against what is in force here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from cases.messages import Actor, Grant
from cases.releases import Check, Proposal, Release
from cases.releasing import Gate, Unreadable
from catalogue.check import faults_of
from catalogue.load import HERE, Period, canonical, period_of
from catalogue.marks import Fault
from catalogue.matters import Matter
from catalogue.reading import (
    Sources,
    read_calendar,
    read_calendars,
    read_matter,
    read_sources,
)
from policies.access import Access, Thing
from policies.policy import Policy, PolicyFault, parse_policy, split, whole_text
from policies.proof import (
    Counterexample,
    administrators_with_cases,
    both_sides,
    one_role_for_both,
)
from policies.scopes import EVERYWHERE
from policies.vocabulary import ROLES, VERBS
from policies.warrants import WarrantSigner
from rules.check import tried_by_engine
from rules.load import load_text
from rules.pack import Pack
from yichuang.released import Released
from yichuang.simulating import sla_differs

MATTER_FILE, CALENDAR_FILE, RULES_FILE, POLICY_FILE = (
    "matter.yaml",
    "calendar.yaml",
    "rules.yaml",
    "policy.csv",
)
"""How findings call the proposed text."""

ONE_WINDOW = ("accept", "decide")
"""No role of a person may hold both, whatever a matter separates (行政许可法第二十六条; the
issue's own rule: same person may not accept and decide)."""

MOST_FINDINGS = 50


@dataclass(frozen=True)
class Gates:
    """The gates of one worker."""

    released: Released
    pen: WarrantSigner
    """Only to make an `Access`: a gate issues no warrant."""
    now: Callable[[], datetime]

    def by_kind(self) -> Mapping[str, Gate]:
        """Return each kind's gate."""
        return {
            "matter": self.matter,
            "calendar": self.calendar,
            "rules": self.rules,
            "policy": self.policy,
        }

    def matter(self, text: str) -> Proposal:
        """Check a matter's YAML beside the law, the city and what is in force."""
        faults: list[Fault] = []
        found = read_matter(text, MATTER_FILE, faults)
        if found is None:
            raise Unreadable(_said(faults))
        # A matter's file is named for it, and so is the place in each finding.
        matter = found[0]
        found = read_matter(text, f"matters/{matter.code}-{matter.version}.yaml", faults)
        assert found is not None  # it was read a moment ago
        faults = self._around(replace(self._sources(), matters=(found,)))
        check = Check("事项目录核对", not faults, _said(faults))
        return Proposal(
            "matter",
            matter.code,
            matter.version,
            canonical(matter).decode(),
            (check,),
            sla_differs(self.released, matter, self.now()),
        )

    def calendar(self, text: str) -> Proposal:
        """Check a calendar's YAML, and every matter in force beside it."""
        faults: list[Fault] = []
        found = read_calendar(text, CALENDAR_FILE, faults, self.released.catalogue().calendars)
        if found is None:
            raise Unreadable(_said(faults))
        calendar, marked = found
        version = str(marked.value["版本"])  # an overlay's own, without its base's
        sources = self._sources()
        others = tuple(one for one in sources.calendars if one[0].name != calendar.name)
        faults = self._around(replace(sources, matters=(), calendars=(*others, found)))
        checks = (
            Check("日历核对", not faults, _said(faults)),
            self._keeps_horizon(calendar.name, calendar.horizon.isoformat()),
            self._carries_overlays(calendar.name, text),
        )
        return Proposal("calendar", calendar.name, version, text, checks)

    def _keeps_horizon(self, name: str, horizon: str) -> Check:
        """A later notice knows more days, never fewer: else known deadlines turn provisional."""
        known = self.released.catalogue().calendars.get(name)
        if known is None or known.horizon.isoformat() <= horizon:
            return Check("截止不倒退", True)
        finding = f"{CALENDAR_FILE}:1: 截止 {horizon} 早于现行的 {known.horizon}。请补上缺少的日子"
        return Check("截止不倒退", False, (finding,))

    def _carries_overlays(self, name: str, text: str) -> Check:
        """The calendars that lie over this one must still read."""
        try:
            read_calendars({**self.released.calendar_texts(), name: text})
        except ValueError as wrong:
            return Check("叠加日历可用", False, (str(wrong),))
        return Check("叠加日历可用", True)

    def rules(self, text: str) -> Proposal:
        """Check a rule pack's YAML; its examples are tried by the twin and by the engine."""
        loaded, faults = load_text(text, RULES_FILE)
        if loaded is None:
            raise Unreadable(tuple(map(str, faults)))
        problems = tuple(str(loaded.fault(problem)) for problem in tried_by_engine(loaded.pack))
        pack = loaded.pack
        check = Check("规则核对与试运行", not problems, problems[:MOST_FINDINGS])
        return Proposal("rules", pack.id, pack.version, pack.stored, (check,), needs_dossier=True)

    def policy(self, text: str) -> Proposal:
        """Check the policy's rows and try to find what no version may allow.

        The model stays the one in force: it is the code's own contract with Casbin.
        """
        model, _ = split(whole_text(self.released.policy().model, ""))
        try:
            policy = parse_policy(model, text)
        except PolicyFault as fault:
            raise Unreadable(tuple(f"{POLICY_FILE}: {one}" for one in fault.faults)) from fault
        return Proposal(
            "policy",
            "access",
            policy.version[:32],
            whole_text(model, text),
            tuple(self._proofs(policy)),
        )

    # --- what a policy may never allow -----------------------------------------------------------

    def _proofs(self, policy: Policy) -> Iterable[Check]:
        access, at = Access(policy, {}, self.pen), self.now()
        yield _proved("受理与决定不集于一个角色", one_role_for_both(policy, ONE_WINDOW), policy)
        apart: list[Counterexample] = []
        for acts in sorted(self._separations()):
            apart += both_sides(access, [act for act in acts if act in VERBS], at)
        yield _proved("分离的环节无人能兼", apart, policy)
        yield _proved("管理员不接触办件", administrators_with_cases(access, at), policy)
        yield Check("提出人不能自签", *_nobody_signs_alone(access, at))
        yield Check("仍有人能改版本与策略", *_somebody_can(policy))

    def _separations(self) -> set[tuple[str, ...]]:
        matters = self.released.catalogue().matters
        return {ONE_WINDOW} | {one.acts for matter in matters for one in matter.separations}

    # --- what is around --------------------------------------------------------------------------

    def _sources(self) -> Sources:
        """Return law and city as shipped, and the calendars in force; no matters.

        Which of several versions counts is said by their signatures, so a new version need not
        close the period that an older text left open.
        """
        calendars = []
        bases = self.released.catalogue().calendars
        for name, text in self.released.calendar_texts().items():
            found = read_calendar(text, f"calendars/{name}.yaml", [], bases)
            assert found is not None  # it passed this gate
            calendars.append(found)
        return replace(read_sources(HERE), matters=(), calendars=tuple(calendars))

    def _around(self, sources: Sources) -> list[Fault]:
        return faults_of(sources, frozenset(self.released.packs()))


def period(release: Release, now: datetime) -> Period:
    """Return when a version says of itself that it counts; one that says nothing counts now."""
    if release.kind == "matter":
        return period_of(Matter.model_validate_json(release.content))
    if release.kind == "rules":
        definition = Pack.from_stored(release.content).definition
        first = min(rule.in_force_from for rule in definition.rules)
        return datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(definition.zone)), None
    return now, None


def _said(faults: Iterable[Fault]) -> tuple[str, ...]:
    return tuple(map(str, sorted(set(faults))))[:MOST_FINDINGS]


def _proved(name: str, found: Iterable[Counterexample], policy: Policy) -> Check:
    lines = {str(row): row.line for row in policy.rows}
    said = tuple(_example(one, policy, lines) for one in found)
    return Check(name, not said, said[:MOST_FINDINGS])


def _example(one: Counterexample, policy: Policy, lines: Mapping[str, int]) -> str:
    """Return a counterexample with the line of the row that allows it, and what to do."""
    roles = "、".join(ROLES[role].title for role in one.roles)
    rows = one.rows or tuple(
        str(row)
        for row in policy.rows
        if row.effect == "allow" and row.role in one.roles and row.act in one.acts
    )
    line = max((lines.get(row, 1) for row in rows), default=1)
    acts = "、".join(one.acts)
    return (
        f"{POLICY_FILE}:{line}: 角色「{roles}」（{'、'.join(one.roles)}）可以 {acts}（{one.how}），"
        f"凭：{'；'.join(rows)}。请删去其中一行，或补上禁止行"
    )


_SIGNING = (("release", "release_sign"), ("policy", "policy_approve"))


def _nobody_signs_alone(access: Access, at: datetime) -> tuple[bool, tuple[str, ...]]:
    """Return whether no role whatsoever may sign what its holder has proposed."""
    found = []
    for role in ROLES:
        me = Actor(id="u:one", grants=(Grant(role=role, department=EVERYWHERE),), clearance=4)
        for kind, act in _SIGNING:
            decision = access.decide(me, act, Thing(kind, "one", proposed_by=me.id), at)
            if decision.allowed:
                found.append(f"{POLICY_FILE}:1: {role} 可以{act}自己提出的。请补上禁止行")
    return not found, tuple(found)


def _somebody_can(policy: Policy) -> tuple[bool, tuple[str, ...]]:
    """Return whether the next change could still be made: a lock without a key is a fault."""
    acts = (("release", "release_propose"), ("policy", "policy_propose"), *_SIGNING)
    found = tuple(
        f"{POLICY_FILE}:1: 没有角色可以 {act}，以后无法再改。请保留至少一行"
        for kind, act in acts
        if not policy.roles_for(kind, act)
    )
    return not found, found


__all__ = ["Gates", "period"]
