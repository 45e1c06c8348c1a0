"""One line of the policy changed at a time, in every way in which a line can be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from policies.plain import SPANS, Reading
from policies.policy import ANY, MODEL_FILE, ROWS_FILE, Policy, PolicyFault, Row, parse_policy
from policies.scopes import RELATIONS, SCOPES
from policies.vocabulary import ACTS, ROLES

MODEL = MODEL_FILE.read_text("utf-8")
TEXT = ROWS_FILE.read_text("utf-8")
LINES = TEXT.splitlines()


@dataclass(frozen=True)
class Mutant:
    """One line of the policy, changed."""

    line: int
    kind: str
    row: Row
    """The line as it was."""
    becomes: str
    """The line as it is; empty: it is gone."""

    @property
    def name(self) -> str:
        now = self.becomes.partition("#")[0].strip() or "(删去)"
        return f"{self.line} {self.kind}: {self.row} -> {now}"

    def text(self) -> str:
        """Return the whole text with that line changed."""
        lines = [*LINES]
        lines[self.line - 1] = self.becomes
        return "\n".join(lines)

    def policy(self) -> Policy:
        """Return the changed policy. Raises `PolicyFault`: the parser refuses it."""
        return parse_policy(MODEL, self.text())


def mutants(policy: Policy) -> Iterator[Mutant]:
    """Yield every mutant: dropped, turned, moved to another relation, condition, role or act."""
    for row in policy.rows:
        yield Mutant(row.line, "drop", row, "")
        for kind, changed in _changes(row):
            yield Mutant(row.line, kind, row, f"{changed} # {row.note}")


def _changes(row: Row) -> Iterator[tuple[str, Row]]:
    yield "turn", replace(row, effect="deny" if row.effect == "allow" else "allow")
    for name, relation in RELATIONS.items():
        if name != row.department and row.object_type in relation.types:
            yield "relation", replace(row, department=name)
    for name, scope in SCOPES.items():
        if name != row.scope and row.object_type in scope.types:
            yield "scope", replace(row, scope=name)
    roles = (*ROLES, ANY) if row.effect == "deny" else tuple(ROLES)
    for name in roles:
        if name != row.role:
            yield "role", replace(row, role=name)
    acts = ACTS[row.object_type]
    for name in (*acts, ANY) if row.effect == "deny" else acts:
        if name != row.act:
            yield "act", replace(row, act=name)


def unreadable(mutant: Mutant) -> bool:
    """Whether the parser refuses the text already."""
    try:
        mutant.policy()
    except PolicyFault:
        return True
    return False


def same_decisions(mutant: Mutant, tables: dict[str, tuple[int, ...]]) -> bool:
    """Whether every decision about every role set in every state is as before."""
    kind = mutant.row.object_type
    return Reading(mutant.policy()).table(kind) == tables[kind]


__all__ = ["SPANS", "Mutant", "mutants", "same_decisions", "unreadable"]
