"""What the gate makes of a policy in which one line is wrong: every line, in every way.

A mutant is the policy with one line changed. It is refused by the parser, or by the proof with a
counterexample that really succeeds when the mutant decides; or it is shown to be equivalent, every
decision being as before. Anything else is a survivor: a change that the gate does not see.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Literal

from catalogue.matters import Matter
from policies import decision_table
from policies.access import Access
from policies.invariants import Finding, broken, idle
from policies.liveness import locked, stalled
from policies.plain import Reading
from policies.policy import ANY, Policy, PolicyFault, Row, parse_policy
from policies.proof import decisions_hold, findings
from policies.scopes import RELATIONS, SCOPES
from policies.situations import TOWN
from policies.vocabulary import ACTS, ROLES
from policies.warrants import WarrantSigner

KINDS = ("drop", "turn", "relation", "scope", "role", "act")

Fate = Literal["unreadable", "refused", "equivalent", "survivor"]


@dataclass(frozen=True)
class Mutant:
    """One line of a policy text, changed."""

    line: int
    kind: str
    row: Row
    """The line as it was."""
    becomes: str
    """The line as it is; empty: it is gone."""

    @property
    def name(self) -> str:
        now = self.becomes.partition("#")[0].strip() or "(删去)"
        return f"第 {self.line} 行 {self.kind}: {self.row} -> {now}"

    def policy(self, model: str, text: str) -> Policy:
        """Return the changed policy. Raises `PolicyFault`: the parser refuses it."""
        lines = text.splitlines()
        lines[self.line - 1] = self.becomes
        return parse_policy(model, "\n".join(lines))


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    fate: Fate
    family: str = ""
    """Code of the family of the proof that refused it, or names its line as idle."""
    how: str = ""
    """The first counterexample."""


def mutants(policy: Policy) -> Iterator[Mutant]:
    """Yield every mutant: dropped, turned, moved to another relation, condition, role or act."""
    for row in policy.rows:
        yield Mutant(row.line, "drop", row, "")
        for kind, changed in _changes(row):
            yield Mutant(row.line, kind, row, f"{changed} # {row.note}")


def sample(policy: Policy, each: int, seed: int) -> list[Mutant]:
    """Return so many mutants of each kind, chosen by the seed."""
    dice = random.Random(seed)  # noqa: S311 -- which mutants are tried is no secret
    known = list(mutants(policy))
    chosen = []
    for kind in KINDS:
        mine = [one for one in known if one.kind == kind]
        chosen += dice.sample(mine, min(each, len(mine)))
    return chosen


def judge(
    tried: Iterable[Mutant],
    model: str,
    text: str,
    pen: WarrantSigner,
    matters: Sequence[Matter],
    at: datetime,
) -> Iterator[Verdict]:
    """Yield the verdict on each mutant of the text. Half a second each on one core."""
    whole = Reading(parse_policy(model, text))
    tables = {kind: whole.table(kind) for kind in ACTS}
    for mutant in tried:
        yield _judged(mutant, model, text, tables, pen, matters, at)


def _judged(
    mutant: Mutant,
    model: str,
    text: str,
    tables: Mapping[str, tuple[int, ...]],
    pen: WarrantSigner,
    matters: Sequence[Matter],
    at: datetime,
) -> Verdict:
    try:
        policy = mutant.policy(model, text)
    except PolicyFault as fault:
        return Verdict(mutant, "unreadable", "parser", fault.faults[0])
    reading, kind = Reading(policy), mutant.row.object_type
    if reading.table(kind) == tables[kind]:
        # Equal decisions break nothing; the gate may still name the line as idle.
        return Verdict(mutant, "equivalent", "idle" if idle(policy) else "")
    access = Access(policy, TOWN, pen)
    nearest = _touched(mutant, access, reading, matters, at)
    for one in chain(nearest, findings(policy, pen, matters, at)):
        for example in one.counterexamples:
            if example.steps and example.happens(access, at):
                return Verdict(mutant, "refused", one.code, example.how)
    return Verdict(mutant, "survivor")


def _touched(
    mutant: Mutant, access: Access, reading: Reading, matters: Sequence[Matter], at: datetime
) -> Iterator[Finding]:
    """Yield those parts of the gate's proof that the line can touch: the same code, so a finding
    here is one of the gate; where there is none, the whole proof is asked."""
    kind = mutant.row.object_type
    yield from broken(reading, (kind,))
    yield stalled(reading, matters)
    yield locked(reading)
    fields = mutant.becomes.partition("#")[0].split(",")
    acts = {mutant.row.act, *(field.strip() for field in fields[3:4])}
    lines = (
        one
        for one in decision_table.shipped()
        if decision_table.kind_of(one.situation) == kind and (ANY in acts or one.act in acts)
    )
    yield decisions_hold(access, lines, at)


def _changes(row: Row) -> Iterator[tuple[str, Row]]:
    yield "turn", replace(row, effect="deny" if row.effect == "allow" else "allow")
    for name, relation in RELATIONS.items():
        if name != row.department and row.object_type in relation.types:
            yield "relation", replace(row, department=name)
    for name, scope in SCOPES.items():
        if name != row.scope and row.object_type in scope.types:
            yield "scope", replace(row, scope=name)
    any_word = (ANY,) if row.effect == "deny" else ()
    for name in (*ROLES, *any_word):
        if name != row.role:
            yield "role", replace(row, role=name)
    for name in (*ACTS[row.object_type], *any_word):
        if name != row.act:
            yield "act", replace(row, act=name)


__all__ = ["KINDS", "Mutant", "Verdict", "judge", "mutants", "sample"]
