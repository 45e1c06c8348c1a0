"""The gates: what a version must pass before anybody may sign it, against what is in force here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from activities.notice_wording import words_problems
from cases.releases import Check, Proposal, Release
from cases.releasing import Gate, Unreadable
from catalogue.load import Period, canonical, period_of
from catalogue.marks import Fault
from catalogue.matters import Matter
from catalogue.notice_words import read_notice_words
from catalogue.reading import read_calendar, read_calendars
from policies.decision_table import OWN, TableFault, table_for
from policies.policy import Policy, PolicyFault, parse_policy, split, whole_text
from policies.proof import Proof, prove, prove_matter, prove_separations
from policies.situations import Counterexample
from policies.vocabulary import ROLES
from policies.warrants import WarrantSigner
from rules.check import tried_by_engine
from rules.load import load_text
from rules.pack import Pack
from yichuang.matter_text import around, read_text, sources_in_force, unprintable
from yichuang.released import Released
from yichuang.simulating import sla_differs

CALENDAR_FILE, RULES_FILE, POLICY_FILE = (
    "calendar.yaml",
    "rules.yaml",
    "policy.csv",
)
"""How findings call the proposed text."""

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
            "template": self.notice_words,
        }

    def matter(self, text: str) -> Proposal:
        """Check a matter's YAML beside the law, the city and what is in force."""
        read = read_text(self.released, text)
        matter = read.matter
        if matter is None:
            raise Unreadable(_said(read.faults))
        printable = () if read.wording else unprintable(self.released, matter)
        checks = (
            Check("事项目录核对", not read.faults, _said(read.faults)),
            Check(
                "文书正文核对",
                not (read.wording or printable),
                (*_said(read.wording), *printable),
            ),
        )
        policy = self.released.policy()
        proof = prove_matter(policy, self.pen, matter, self.now())
        return Proposal(
            "matter",
            matter.code,
            matter.version,
            canonical(matter).decode(),
            (*checks, *checks_of(proof, policy)),
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
        sources = sources_in_force(self.released)
        others = tuple(one for one in sources.calendars if one[0].name != calendar.name)
        faults = around(self.released, replace(sources, matters=(), calendars=(*others, found)))
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

    def notice_words(self, text: str) -> Proposal:
        """Check the words of notices: what they name, and how long a text message becomes."""
        words, marked, faults = read_notice_words(text)
        if words is None or marked is None:
            raise Unreadable(_said(faults))
        problems = words_problems(words, marked)
        check = Check("通知用语核对", not problems, _said(problems))
        return Proposal("template", words.name, words.version, text, (check,))

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
            _version(policy, text),
            whole_text(model, text),
            self._proved(policy, text),
        )

    def _proved(self, policy: Policy, text: str) -> tuple[Check, ...]:
        try:
            table = table_for(text)
        except TableFault as fault:
            raise Unreadable((f"{POLICY_FILE}: {fault}",)) from fault
        matters = self.released.catalogue().matters
        return checks_of(prove(policy, self.pen, matters, self.now(), table), policy)

    def unseparated(self) -> list[str]:
        """Return how one person could do two separated steps under the policy in force."""
        policy, matters = self.released.policy(), self.released.catalogue().matters
        checks = checks_of(prove_separations(policy, self.pen, matters, self.now()), policy)
        return [finding for one in checks for finding in one.findings]


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


def _version(policy: Policy, text: str) -> str:
    """Return how the register calls a policy: by its rows, and by what it says of the table.

    The same rows with another table are another proposal: the first may have been blocked.
    """
    own = "\n".join(line for line in text.splitlines() if line.startswith(OWN))
    said = f"+{hashlib.sha256(own.encode()).hexdigest()[:8]}" if own else ""
    return policy.version[: 32 - len(said)] + said


def checks_of(proof: Proof, policy: Policy) -> tuple[Check, ...]:
    """Return each family of the proof as a check, its counterexamples as findings with a line."""
    lines = {str(row): row.line for row in policy.rows}
    return tuple(
        Check(
            one.title,
            not one.counterexamples,
            tuple(example(found, lines) for found in one.counterexamples[:MOST_FINDINGS]),
        )
        for one in proof.findings
    )


def example(one: Counterexample, lines: Mapping[str, int]) -> str:
    """Return a counterexample: who, which steps, by which rows, and where the rows stand."""
    line = max((lines.get(row, 1) for row in one.rows), default=1)
    who = "、".join(ROLES[role].title if role in ROLES else role for role in one.roles)
    said = [f"{POLICY_FILE}:{line}: "]
    if who:
        said.append(f"角色「{who}」（{'、'.join(one.roles)}）：{'、'.join(one.acts)}。")
    said.append(one.how)
    if one.rows:
        said.append("。凭：" + "；".join(f"第 {lines.get(row, 1)} 行 {row}" for row in one.rows))
    return "".join(said)


__all__ = ["Gates", "checks_of", "example", "period"]
