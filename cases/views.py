"""What pages and queries show: plain values made by `cases/queries.py`, read by every door.

Names are masked unless the reader's warrant allows more; who fills a field decides that, never
the page.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from cases.card_views import CardView
from cases.messages import DocumentRef, Frozen
from cases.passages import Change, Kind
from cases.state import ClockEvent, Hearing, Procedure, Task, Timer, Wait

Pill = Literal["normal", "warning", "overdue", "paused", "extended", "ended"]
"""正常 · 预警/今日到期 · 超期 · 停表 · 已延期 · 已办结 (peers.md §4, colours)."""


class CaseRow(Frozen):
    """One line of a worklist."""

    case_id: str
    case_no: str
    matter: str
    matter_name: str
    applicant: str
    """Masked name."""
    stage: str
    step: str
    """Key of the task this line is about; empty when none is open."""
    department: str
    holder: str
    holder_name: str = ""
    departments_out: int = 0
    departments_all: int = 0
    received_at: AwareDatetime
    accepted_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    due_clock: str = ""
    """Which timer `due_at` belongs to: statutory, promised, notice, step:…"""
    provisional: bool = False
    pill: Pill = "normal"
    days_left: int | None = None
    """Working days until `due_at`, negative when overdue."""
    backfilled: bool = False
    ending: str = ""
    """How it was decided, or ended otherwise; empty: not yet."""


class Worklist(Frozen):
    rows: tuple[CaseRow, ...]
    total: int
    warning: int
    overdue: int
    page: int
    pages: int
    """As far as they are known: one more than this where there are further lines."""
    by_stage: dict[str, int] = Field(default_factory=dict)
    """Empty where there are more lines than were counted."""
    counted_to: int = 0
    """A number above it says "at least"; 0: all were counted to the end."""


FilterDay = Annotated[date, Field(ge=date(1949, 10, 1), le=date(2199, 12, 31))]
"""A day to filter by: far enough, and never beyond what a calendar can count."""


class WorklistQuery(Frozen):
    """Filters of a worklist; lives in the URL."""

    scope: Literal["mine", "team", "all"] = "mine"
    matter: str = ""
    stage: str = ""
    state: Literal["", "warning", "overdue", "open", "ended"] = ""
    department: str = ""
    text: str = ""
    """Case number, or exact applicant name (matched through its pseudonym)."""
    received_from: FilterDay | None = None
    """First day of receipt (收件), in the city's zone."""
    received_until: FilterDay | None = None
    """Last day of receipt; the whole of it counts."""
    numbers: tuple[str, ...] = ()
    """These cases alone; empty: all. Never from an address."""
    page: int = Field(default=1, ge=1)
    size: Literal[25, 50, 100] = 25
    exact: bool = False
    """Count to the end, however long the list is."""


class TimelineItem(Frozen):
    """One settled step, newest first on the page."""

    seq: int
    verb: str
    at: AwareDatetime
    recorded_at: AwareDatetime
    who: str
    who_name: str = ""
    on_behalf: str = ""
    on_behalf_name: str = ""
    department: str = ""
    summary: str = ""
    """Unsealed words of the step: reason, opinion, remark."""
    basis: str = ""
    refused: bool = False
    backfill: bool = False
    entry: str = ""
    leaf: int | None = None
    """Index in the log once sequenced."""
    documents: tuple[DocumentRef, ...] = ()
    late_seconds: int = 0
    """The law's own step: how long after its instant, or after that became known, it was recorded;
    whole seconds. More than a moment where server or worker was away then."""
    changes: tuple[Change, ...] = ()
    """From what to what it moved the case."""
    kinds: tuple[Kind, ...] = ()
    """Under which filters it stands."""


class OpinionView(Frozen):
    task: str
    step_name: str
    department: str
    signer: str
    signer_name: str = ""
    result: str
    text: str
    conditions: str = ""
    at: AwareDatetime


class MaterialFile(Frozen):
    """One handing-in of a material."""

    seq: int
    """Step by which it came."""
    at: AwareDatetime
    originals: int = 0
    copies: int = 0
    upload: str = ""
    file_name: str = ""
    digest: str = ""


class MaterialView(Frozen):
    code: str
    name: str
    required: bool
    tolerable: bool
    received: bool
    originals: int = 0
    copies: int = 0
    upload: str = ""
    file_name: str = ""
    digest: str = ""
    handed_in: tuple[MaterialFile, ...] = ()
    """Every handing-in of it, the newest first; what stands above is the newest one's."""


class DocumentView(Frozen):
    id: str
    kind: str
    number: str
    digest: str
    code: str
    issued_at: AwareDatetime
    void: bool = False
    seq: int = 0
    """Step that issued it."""
    replaced_by: str = ""
    """Number of the later one that says the same thing anew."""
    voided_by: int = 0
    """Step that took away what it grants; 0: none did."""
    version: int = 1
    """2 and more: it was issued again."""
    ground: str = ""
    """Why it was issued again: `correction` or `loss`; empty: it was not."""
    replaces: str = ""
    """Number of the former one, where it was issued again."""
    served_again_at: AwareDatetime | None = None
    waits: bool = False
    """It was issued again and has yet to be served."""


class ServiceView(Frozen):
    """送达: how, to whom and when the decision reached its addressee."""

    seq: int
    method: str
    served_at: AwareDatetime
    recipient: str
    """Masked unless revealed, as `service.recipient`."""
    relation: str = ""
    place: str = ""
    refusal: str = ""
    witnesses: int = 0
    """How many saw it left; their names stand in the record of service."""
    by: str = ""
    by_name: str = ""
    served: str = ""
    """Number of the decision that was served; empty: it has no written one."""
    record: str = ""
    """Id of the 送达回证; empty: none was written (补录)."""


class RulingView(Frozen):
    seq: int
    pack: str
    version: str
    engine: str
    fired: tuple[dict[str, JsonValue], ...]
    outcome: dict[str, JsonValue]


class Standing(Frozen):
    """Where one case stands among the accepted ones of its matter (行政许可法第五十七条)."""

    place: int
    undecided: tuple[str, ...]
    """Case numbers accepted before it and not yet decided, in order."""


class OfIncident(Frozen):
    """An incident of which a case came, or that it is about."""

    incident_id: str
    number: str
    title: str
    stage: str


class LinkedCases(Frozen):
    """A page of the cases of an incident that the reader may list, the newest first."""

    rows: tuple[CaseRow, ...] = ()
    total: int = 0
    """Of those that the reader may list."""
    page: int = 1
    pages: int = 1
    steps: dict[int, str] = Field(default_factory=dict)
    """Step that linked or unlinked a case, within the incident itself → the case's number."""
    linked: frozenset[str] = frozenset()
    """Those of the rows that are linked with this very incident, none that was merged into it."""


class Related(Frozen):
    """Other cases that the reader may list, the newest first; at most `MOST_RELATED` of each."""

    applicant: tuple[CaseRow, ...] = ()
    """Of the same applicant, whose name stands in none of them."""
    project: tuple[CaseRow, ...] = ()
    """Of the same investment project."""
    incidents: tuple[OfIncident, ...] = ()
    """Incidents of the case itself that the reader may list."""
    incident: tuple[CaseRow, ...] = ()
    """Of these same incidents."""
    more: bool = False
    """There are further ones."""


class CaseView(Frozen):
    """One case, whole."""

    row: CaseRow
    plan: dict[str, JsonValue]
    """The frozen plan (cases.state.Plan as JSON)."""
    matter: dict[str, JsonValue]
    """The matter's version as filed (catalogue.matters.Matter as JSON)."""
    form: dict[str, JsonValue]
    """Form values; personal fields masked unless revealed."""
    applicant: dict[str, JsonValue]
    personal: tuple[str, ...] = ()
    """Names of the fields that masking changes: `applicant.phone`, `form.home`, `materials`."""
    revealed: tuple[str, ...] = ()
    """Those of them that stand here unmasked, since somebody said what for."""
    materials: tuple[MaterialView, ...] = ()
    tasks: tuple[Task, ...] = ()
    opinions: tuple[OpinionView, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    waits: tuple[Wait, ...] = ()
    hearing: Hearing | None = None
    disallowed: tuple[str, ...] = ()
    """Names of pauses that supervision holds for unlawful."""
    pauses: dict[str, str] = Field(default_factory=dict)
    """Name → ground of whatever has stopped a clock so far."""
    requested_late: bool = False
    """A renewal that was asked for after its time."""
    timers: tuple[Timer, ...] = ()
    clock: tuple[ClockEvent, ...] = ()
    documents: tuple[DocumentView, ...] = ()
    rulings: tuple[RulingView, ...] = ()
    timeline: tuple[TimelineItem, ...] = ()
    notice: tuple[dict[str, JsonValue], ...] = ()
    """What the one-time notice asked for."""
    cards: tuple[CardView, ...] = ()
    """Supervision cards, the newest first."""
    service: ServiceView | None = None
    """Once it was served."""
    served_again: tuple[ServiceView, ...] = ()
    """How documents that were issued again were served, the newest first."""
    standing: Standing | None = None
    """Its place, where the matter's number is limited and the order of acceptance decides."""


class Place(Frozen):
    """One accepted application and its place in the order of acceptance, from 1."""

    place: int
    case_id: str
    case_no: str
    accepted_at: AwareDatetime
    received_at: AwareDatetime
    deemed: bool
    """视为受理: accepted as of its receipt."""
    stage: str
    ending: str
    decided_at: AwareDatetime | None
    entry: str
    """Id of the log entry of the step that made the acceptance known."""
    leaf: int | None = None
    """Its index in the log once sequenced."""
    recorded_at: AwareDatetime
    ahead: int
    """How many of those before it are undecided now."""
    overtook: tuple[str, ...] = ()
    """Granted: case numbers accepted before it that were undecided then."""


class Order(Frozen):
    """One page of the order of acceptance of a matter."""

    places: tuple[Place, ...]
    total: int
    """How many were accepted in all."""
    page: int
    pages: int


class PublicStatus(Frozen):
    """What anybody with case number and code may see."""

    case_no: str
    matter_name: str
    stage: str
    received_at: AwareDatetime
    accepted_at: AwareDatetime | None = None
    due_at: AwareDatetime | None = None
    provisional: bool = False
    ending: str = ""


class GrantedDecision(Frozen):
    """A granting decision as anybody may read it (行政许可法第四十条)."""

    number: str
    """文号; empty: the matter has no written decision of its own."""
    matter_name: str
    department: str
    holder: str
    """An organisation's name; of a natural person the masked one."""
    decided_at: AwareDatetime
    valid_until: str = ""
    """Last day of the licence, ISO date; empty: without term."""
    run_out: bool = False


class Granted(Frozen):
    """A page of the granting decisions, the newest first."""

    decisions: tuple[GrantedDecision, ...]
    total: int
    page: int
    pages: int


class Notice(Frozen):
    """What somebody was told: 催办, 抄送, 转办, 监察牌."""

    id: str
    """Of the notice, the same for everybody who was told."""
    case_id: str
    case_no: str
    kind: str
    sender: str
    task: str
    at: AwareDatetime
    text: str
    level: str = ""
    """Of the supervision card that it is about."""
    title: str = ""
