"""The self-assessment (等保、密评自评) as HTML for the press. Same facts, same text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from activities.layout import environment, style_sheet
from catalogue.clauses import Clause, ClauseTable

SURE: Mapping[str, str] = {"C": "公开抄本", "P": "公开网页", "M": "凭记忆", "STD": "标准原文"}
"""How the wording of a clause was come by."""


@dataclass(frozen=True, slots=True)
class AssessedClause:
    """One clause with how it stands and what became of its tests."""

    clause: Clause
    verdict: str
    word: str
    """The verdict as the report writes it."""
    proofs: Mapping[str, str]
    """Test → what became of it, in words; empty when nothing was run."""
    wrong: tuple[str, ...]
    """Tests that prove nothing: failed, skipped, missing."""


@dataclass(frozen=True, slots=True)
class AssessedTable:
    table: ClauseTable
    clauses: tuple[AssessedClause, ...]
    counts: Mapping[str, int]
    """Verdict in words → how many clauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentFacts:
    """What a self-assessment is made of."""

    city: str
    version: str
    made_on: str
    """In legal time, as it is printed."""
    ran: bool
    """Whether the tests were run for this very report."""
    tests: int
    passed: int
    tables: tuple[AssessedTable, ...]
    words: tuple[str, ...]
    """Every verdict there may be, in words, in the order of the summary."""


def assessment_html(facts: AssessmentFacts) -> str:
    """Return the whole self-assessment with its style sheet inside."""
    own = {one.name: getattr(facts, one.name) for one in fields(facts)}
    own |= {"css": style_sheet("assessment.css"), "sure": SURE}
    return environment().get_template("self_assessment.html").render(own)
