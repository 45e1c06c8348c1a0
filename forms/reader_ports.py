"""What pages show of cases, as the roof hands it in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from cases.card_views import CardList, CardQuery
from cases.facts import CaseFacts
from cases.messages import Actor, Outcome
from cases.state import CaseState
from cases.views import (
    CaseView,
    Granted,
    LinkedCases,
    Notice,
    Order,
    PublicStatus,
    Related,
    Worklist,
    WorklistQuery,
)


@dataclass(frozen=True)
class Counts:
    """How many lines the lists have, for the numbers in brackets on the left."""

    mine: int = 0
    team: int = 0
    all: int = 0
    by_stage: Mapping[str, int] = field(default_factory=dict)
    """Of the open cases; empty where they are more than were counted."""
    counted_to: int = 0
    """A number above it says "at least"."""


@dataclass(frozen=True)
class File:
    """A file to hand out."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class VerifiedDocument:
    """What the public page says about a document found by its printed code."""

    kind: str
    number: str
    issued_at: datetime
    digest: str
    void: bool
    matter_name: str
    leaf: int | None = None
    replaced_by: str = ""
    """Number of the one that took its place."""
    version: int = 1
    replaces: str = ""


Purpose = Literal["list", "log", "census", "look_ahead"]
"""For what a list names cases: its own, the log's, the census of timers, what a version moves."""


class Reader(Protocol):
    """Everything pages show; masks what the actor may not see. Raises `NotNow` when away."""

    def counts(self, actor: Actor) -> Counts: ...

    def worklist(self, actor: Actor, query: WorklistQuery) -> Worklist: ...

    def export(self, actor: Actor, query: WorklistQuery, most: int) -> tuple[Worklist, int, str]:
        """The first `most` lines of a list, masked as it is; the highest label among them, and
        their compartments, `|` between."""
        ...

    def acceptance(self, actor: Actor, matter: str, page: int) -> Order:
        """A page of the order in which applications for a matter were accepted."""
        ...

    def find(self, case_no: str) -> CaseFacts | None:
        """The facts of a case, whoever asks: `forms.case.knows` says who may be told of it."""
        ...

    def hidden(self, actor: Actor, ids: Collection[str], purpose: Purpose) -> frozenset[str]:
        """Those of these ids that are cases which the actor may not be shown for the purpose."""
        ...

    def state(self, case_id: str) -> CaseState | None: ...

    def case(
        self, actor: Actor, case_id: str, revealed: Collection[str] = ()
    ) -> CaseView | None: ...

    def related(self, actor: Actor, case_id: str, whose: bool) -> Related:
        """Other cases that the actor may list, of the same project, and of the same incident where
        they may list that; with `whose`, and where the actor may see personal data of both, of the
        same applicant."""
        ...

    def of_incident(self, actor: Actor, incident_id: str, page: int) -> LinkedCases:
        """A page of the cases of an incident, both of which the actor may list."""
        ...

    def readable(self, actor: Actor, case_no: str) -> str:
        """Return the id of the case with that number where the actor may read it; empty for one
        that is not there and one that they may not know of alike."""
        ...

    def earlier(self, actor: Actor, number: str, most: int) -> Sequence[str]:
        """Numbers of cases of whoever has this number of identity, of which the actor may see
        personal data; the newest first."""
        ...

    def outcome(self, command_id: str) -> Outcome | None: ...

    def cards(self, actor: Actor, query: CardQuery) -> CardList:
        """Supervision cards of the cases that the actor may list."""
        ...

    def notices(self, actor: Actor) -> Sequence[Notice]:
        """What the actor, their departments and roles were told, the newest first."""
        ...

    def notice_ids(self, actor: Actor, since: datetime, most: int) -> Sequence[str]:
        """The ids of what the actor was told since then, of cases that they may list."""
        ...

    def public_code(self, case_id: str) -> str:
        """The code that the applicant gets with the case number."""
        ...

    def document(self, actor: Actor, case_id: str, document_id: str) -> File | None: ...

    def public_status(self, case_no: str, code: str) -> PublicStatus | None: ...

    def granted(self, matters: Collection[str], page: int) -> Granted:
        """A page of the licences granted and in force, as anybody may read them."""
        ...

    def verify(self, code: str) -> VerifiedDocument | None: ...

    def colleagues(self, department: str) -> Sequence[tuple[str, str]]:
        """User id and name of everybody active in a department (empty: everywhere)."""
        ...
