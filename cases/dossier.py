"""The dossier: what a changed version would have made of the past, as one text with one digest.

Two people sign its digest before the version may count. It is a function of the two versions, the
span, the rows recorded by its end, and nothing else: made again it has the same digest, unless a
person's data was erased in between.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from cases.messages import Frozen
from cases.projection import json_text

MONTHS = 6
"""How far back a version is tried where nobody asks for more: half a year of cases."""
MOST_MONTHS = 60
GOOD_FOR = timedelta(days=7)
"""How long a dossier may be signed: later, too many cases have come that it has not seen. Ours;
no law fixes it."""

FORMAT = "yichuang/dossier/v1"

SectionName = Literal["rulings", "cards", "deadlines", "alarms", "payments"]
SECTIONS: tuple[SectionName, ...] = ("rulings", "cards", "deadlines", "alarms", "payments")

SAME_AGAIN = "现行版本重放无差异"
"""Name of the check that what was ruled is ruled again."""
SAME_PAYMENTS = "付费裁定重放无差异"
"""Name of the check that what was ruled of payments is ruled again."""
SAME_CLOCKS = "现行期限重算无差异"
"""Name of the check that the clocks' rows follow again from their events."""
MUTANTS_NOTICED = "阈值变异被例子发现"
"""Name of the check that a changed rule's own examples notice its thresholds moved by one."""

ChangeKind = Literal[
    "ruling", "added", "dropped", "level", "moved", "earlier", "later", "now_late",
    "no_longer_late", "raised", "cleared", "now_stopped", "no_longer_stopped",
]  # fmt: skip


class DossierSpan(Frozen):
    """The past that is looked at: rows recorded after `since`, by `until`."""

    months: int
    since: AwareDatetime
    until: AwareDatetime


class Watermark(Frozen):
    """How much of the past there was."""

    steps: int = 0
    """Steps recorded in the span."""
    recorded_at: AwareDatetime | None = None
    """The newest of them."""


class Side(Frozen):
    """One of the two versions."""

    version: str = ""
    digest: str = ""


class DossierCheck(Frozen):
    """One check; a dossier of which one failed cannot be signed."""

    name: str
    passed: bool
    findings: tuple[str, ...] = ()


class Change(Frozen):
    """One thing that would have been otherwise."""

    kind: ChangeKind
    department: str
    """Whose case, card, deadline or station it is."""
    case_id: str = ""
    case_no: str = ""
    about: str = ""
    """Role of the ruling, key of the clock, key of the alarm."""
    rule: str = ""
    at: AwareDatetime | None = None
    """The instant it is about."""
    before: str = ""
    after: str = ""
    amount_fen: int = Field(default=0, exclude_if=lambda fen: not fen)
    """Of a payment; not written where there is none."""


class Section(Frozen):
    """What was compared of one sort of things."""

    compared: bool = False
    reason: str = ""
    """Why nothing was compared, where it was not; Chinese."""
    looked_at: int = 0
    counts: dict[str, int] = Field(default_factory=dict)
    """Other numbers, Chinese word → how many; what could not be compared among them."""
    changes: tuple[Change, ...] = ()

    @property
    def departments(self) -> dict[str, int]:
        """Department → how many of its things would have been otherwise."""
        return dict(sorted(Counter(one.department for one in self.changes).items()))

    @property
    def amounts(self) -> dict[str, int]:
        """Department → fen of its payments that would have been otherwise."""
        found: Counter[str] = Counter()
        for one in self.changes:
            found[one.department] += one.amount_fen
        return {name: fen for name, fen in sorted(found.items()) if fen}

    @property
    def kinds(self) -> dict[str, int]:
        """Kind of difference → how many."""
        return dict(sorted(Counter(one.kind for one in self.changes).items()))


class MutantFound(Frozen):
    """One small falsification of a rule, table or scale, and which examples notice it."""

    rule: str
    kind: Literal[
        "threshold", "operator", "dropped", "dates", "priority", "value", "clear", "hold"
    ]  # fmt: skip
    what: str
    """What was changed, in Chinese."""
    noticed_by: tuple[int, ...] = ()
    """Places of the examples in the rule, from 1; of a table or scale, its own, then those of all
    rules of the pack, counted on. Empty: nobody notices."""
    blocks: bool = False
    """Whether it keeps the version from being signed."""


class Dossier(Frozen):
    """The whole of it."""

    format: str = FORMAT
    kind: Literal["rules", "matter"]
    name: str
    release: str
    """Id of the proposed version in the register; empty for a text that was not proposed."""
    proposed: Side
    current: Side
    span: DossierSpan
    watermark: Watermark = Watermark()
    checks: tuple[DossierCheck, ...] = ()
    rulings: Section = Section()
    cards: Section = Section()
    deadlines: Section = Section()
    alarms: Section = Section()
    payments: Section = Section()
    changed_rules: tuple[str, ...] = ()
    mutants: tuple[MutantFound, ...] = ()

    @property
    def content(self) -> str:
        """The canonical text."""
        return json_text(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical text: what two people sign."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def passed(self) -> bool:
        return all(one.passed for one in self.checks)

    @property
    def survivors(self) -> tuple[MutantFound, ...]:
        """Falsifications that none of the rule's own examples notices."""
        return tuple(one for one in self.mutants if not one.noticed_by)

    @property
    def words(self) -> str:
        """One Chinese sentence for gates, pages and the log."""
        return (
            f"近 {self.span.months} 个月 {self.watermark.steps} 步：裁定不同 "
            f"{len(self.rulings.changes)}/{self.rulings.looked_at}，牌不同 "
            f"{len(self.cards.changes)}，期限不同 {len(self.deadlines.changes)}，警报不同 "
            f"{len(self.alarms.changes)}，付费不同 {len(self.payments.changes)}；"
            f"变异 {len(self.mutants)} 处，未被发现 {len(self.survivors)} 处"
        )

    def sections(self) -> Iterator[tuple[SectionName, Section]]:
        """Yield each section with its name, in the order of the pages."""
        for name in SECTIONS:
            yield name, getattr(self, name)


def said_twice(known: Iterable[tuple[str, str]], most: int = 20) -> tuple[str, ...]:
    """Return findings, the first few of them, and how many more there are."""
    found = [f"{place}: {what}" for place, what in known]
    more = len(found) - most
    return (*found[:most], *((f"……另有 {more} 处",) if more > 0 else ()))
