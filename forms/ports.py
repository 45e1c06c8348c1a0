"""What this room needs from the others, as protocols: `yichuang/web.py` hands the real ones in.

Methods without `async` may block (a database, a disk) and are called from worker threads; each
may be called from several threads at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from pydantic import JsonValue

from cases.alarms import KeptAlarm
from cases.boards import Board, BoardQuery, Compared, Watching, WatchQuery
from cases.card_views import CardList, CardQuery
from cases.census_view import CensusView
from cases.delay_shares import SharedClock, ShareLine, ShareQuery
from cases.drilled import Drilled, DrillQuery
from cases.facts import CaseFacts
from cases.messages import Actor, Command, Grant, Outcome
from cases.oversight import WatchCounts, WatchedClock
from cases.reading_views import DeadReadingLine, Named, Pulse, Said, Standing
from cases.reception import NotNow, Reception
from cases.refused import Refused, RefusedQuery
from cases.retiming import Direction
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
from catalogue.law import Article
from catalogue.matters import Matter
from catalogue.working_days import Calendar
from forms.account_ports import Granting, Lives
from forms.anomaly_ports import Anomalies
from forms.attached_ports import AttachedFiles
from forms.calendar_ports import Calendars
from forms.citizen_ports import Citizens
from forms.deputy_ports import Deputies
from forms.designer_ports import Designs
from forms.dossier_ports import ShownDossier
from forms.duty_ports import Duty
from forms.entrance_ports import (
    AppOffer,
    Entrance,
    FactorKind,
    HalfIn,
    KeptFactor,
    OpenSession,
    SignedIn,
    SignInRefused,
    Visitor,
    Where,
)
from forms.erasure_ports import Erasures
from forms.fund_ports import Funds
from forms.habit_ports import Preferences, SavedFilters
from forms.incident_paper_ports import IncidentPapers
from forms.incident_ports import Incidents
from forms.intake_ports import Intake
from forms.keeping_ports import Keeping
from forms.log_ports import LogBook
from forms.own_ports import Own
from forms.payment_ports import Payments
from forms.performance_ports import Performances
from forms.plan_ports import Plan
from forms.policy_ports import Policies
from forms.process_ports import Processes
from forms.project_ports import Projects
from forms.project_report_ports import ProjectReports
from forms.reason_ports import Reasons, RulingReasons
from forms.register_ports import Registers
from forms.responsibility_ports import ResponsibilityTable
from forms.rule_ports import RulePacks
from forms.signal_ports import Signals
from forms.suggestion_ports import Suggestions
from forms.warning_ports import Warnings
from forms.words import Language

# --- who is there --------------------------------------------------------------------------------


@dataclass(frozen=True)
class AccountRow:
    """One line of the list of accounts."""

    id: str
    login: str
    name: str
    department: str
    grants: tuple[Grant, ...]
    kind: Literal["human", "service"]
    state: Literal["enrolment", "active", "closed", "expired", "asleep"]
    last_sign_in: datetime | None
    clearance: int
    compartments: tuple[str, ...]
    created_at: datetime
    valid_until: datetime | None
    nkey: str = ""
    """A service's public nkey; empty: none is registered."""
    token_until: datetime | None = None


class Accounts(Protocol):
    """The accounts of people and services. Every change is an entry of the log."""

    def service(self, token: str) -> Actor | None:
        """The service account that owns a bearer token, None when there is none."""
        ...

    def listing(self) -> Sequence[AccountRow]: ...

    def row(self, account: str) -> AccountRow | None:
        """One account; None: there is none, or it is an applicant's."""
        ...

    def create(
        self, by: Visitor, login: str, name: str, department: str, kind: str
    ) -> str | SignInRefused:
        """Create the account without roles; return its one-time code (a service's: its token)."""
        ...

    def rotate(self, by: Visitor, account: str) -> str | SignInRefused:
        """A service's next bearer token; the one before stays good for a week."""
        ...

    def set_key(self, by: Visitor, account: str, key: str) -> SignInRefused | None:
        """Register a service's public nkey."""
        ...

    def renew(self, by: Visitor, account: str) -> str | SignInRefused:
        """A new one-time code for an account whose owner lost the password."""
        ...

    def close(self, by: Visitor, account: str) -> SignInRefused | None: ...


@dataclass(frozen=True)
class Verdict:
    """Whether somebody may, and if not, which rule says so and who could grant it."""

    allowed: bool
    reason: str = ""
    remedy: str = ""
    """Who could do it, or grant it."""


@dataclass(frozen=True)
class Thing:
    """An object of access that is no case: a release, a dead letter, an account."""

    type: str
    id: str = ""
    about: str = ""
    """User id that the thing is about."""
    proposed_by: str = ""
    department: str = ""
    """Code of the department whose thing it is; for which unit an order speaks."""
    departments: tuple[str, ...] = ()
    """Units that were sent to an incident."""
    hands: tuple[str, ...] = ()
    """Who dispatched or handled it, deputies and whom they act for alike."""


class Access(Protocol):
    """What policy says. Deny by default; asking leaves no trace, acting does."""

    def may(self, actor: Actor, act: str, thing: CaseFacts | Thing | str) -> Verdict:
        """May the actor do `act` on this case or thing? A mere name of a type asks for menus and
        empty forms: is there any object of that type on which they may?"""
        ...

    def would(self, command: Command, facts: CaseFacts) -> Verdict:
        """What the door would be told of this very order to this case; nothing is signed."""
        ...


# --- what there is -------------------------------------------------------------------------------


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


class Catalogue(Protocol):
    """What may be asked today, and what things are called."""

    def matters(self) -> Sequence[Matter]:
        """The version in force today of each matter."""
        ...

    def licences(self) -> frozenset[str]:
        """Codes of the matters that are 行政许可, those of former versions too."""
        ...

    def departments(self, language: Language = "zh") -> Mapping[str, str]:
        """Code → name as lists show it."""
        ...

    def name_en(self, department: str) -> str:
        """The whole English name, with the city, for what leaves the house; empty: none."""
        ...

    def roles(self) -> Mapping[str, str]:
        """Role → Chinese name."""
        ...

    def calendar(self, name: str) -> Calendar:
        """The version in force of a calendar; of an unknown name one by which every day counts."""
        ...

    def article(self, basis: str) -> Article | None:
        """The article of the law register with that id."""
        ...

    def cited(self, basis: str) -> str:
        """How a document cites an article of the law register; other words stay as they are."""
        ...


@dataclass(frozen=True)
class Shown:
    """What an answer shows of people: the object, and of how many the lines are."""

    act: Literal["read", "list", "export", "print"]
    type: str
    id: str = "-"
    lines: int | None = None


class Disclosures(Protocol):
    """Reads of personal data, and refusals. Nothing is shown before its entry has committed."""

    def record(
        self,
        visitor: Visitor,
        where: Where,
        act: str,
        case_id: str,
        reason: str,
        command_id: str,
        fields: Sequence[str] = (),
    ) -> None:
        """Commit the entry; the same command id is recorded once. `fields`: names of what is shown
        of a case, where it is not the whole of something."""
        ...

    def shown(self, actor: Actor | None, where: Where, seen: Shown) -> None:
        """Commit the entry of what an answer is about to show; without an actor, a stranger."""
        ...

    def refused(self, actor: Actor | None, where: Where, act: str, thing: Thing, code: str) -> None:
        """Commit the entry of a request that went no further."""
        ...


@dataclass(frozen=True)
class Kept:
    """An upload that the web keeps, sealed."""

    id: str
    name: str
    media_type: str
    digest: str
    """SHA-256 (hex) of the bytes as they came."""
    size: int
    finding: str = ""
    """What the scanner found in it; empty: nothing, or it has not been looked at yet."""


@dataclass(frozen=True)
class ComingFile:
    """A file on its way in pieces."""

    id: str
    name: str
    size: int
    came: int
    """Bytes that are here, from the beginning without a gap."""


class Uploads(Protocol):
    """Files handed in, sealed at rest; where a scanner is set, held until it found nothing."""

    def keep(self, actor: Actor, name: str, media_type: str, content: bytes) -> Kept: ...

    def known(self, actor: Actor, upload: str) -> Kept | None:
        """An upload of this very actor that no case has yet; None otherwise."""
        ...

    def read(self, upload: str, case_id: str) -> File | None:
        """The file, unless another case has it: naming an upload makes it nobody's own. None where
        there is none, or it is held."""
        ...

    def held(self, upload: str, case_id: str) -> Literal["", "waiting", "infected"]:
        """Why nobody gets it now; empty where that is not so, or another case has it."""
        ...

    def begin(self, actor: Actor, name: str, size: int) -> ComingFile | None:
        """A file will come in pieces; None: too many of this actor are on their way."""
        ...

    def coming(self, actor: Actor, file: str) -> ComingFile | None:
        """A file of this very actor that is on its way."""
        ...

    def add(self, actor: Actor, file: ComingFile, start: int, content: bytes) -> int:
        """Keep the piece that comes next; return how many bytes are here now."""
        ...

    def whole(self, actor: Actor, file: ComingFile) -> bytes:
        """The whole file, out of its pieces."""
        ...

    def give_up(self, actor: Actor, file: str) -> None:
        """Forget a file on its way."""
        ...

    def hand_over(self, actor: Actor, uploads: Sequence[str], case_id: str) -> None:
        """Note that a case has these uploads of the actor now; nobody may use them again."""
        ...


@dataclass(frozen=True)
class Draft:
    """A form that somebody has begun."""

    id: str
    matter: str
    title: str
    saved_at: datetime
    values: Mapping[str, JsonValue]
    version: int = 1
    """How often it was saved."""


@dataclass(frozen=True)
class SavedDraft:
    """What became of saving: the version that is kept now, or why nothing was changed."""

    version: int = 0
    """The version that is kept now; 0: nothing was saved."""
    at: datetime | None = None
    theirs: Draft | None = None
    """What somebody else, or another tab, has saved since; nothing of it was changed."""
    gone: bool = False
    """It was handed in or removed since."""
    refused: str = ""


class Drafts(Protocol):
    """Begun forms, sealed at rest, visible to their author only."""

    def save(
        self,
        actor: Actor,
        draft: str,
        matter: str,
        title: str,
        values: Mapping[str, JsonValue],
        seen: int,
    ) -> SavedDraft:
        """Keep it in place of the version that was `seen`; 0: there was none."""
        ...

    def listing(self, actor: Actor) -> Sequence[Draft]: ...

    def find(self, actor: Actor, draft: str) -> Draft | None: ...

    def remove(self, actor: Actor, draft: str) -> None: ...


# --- for those who keep it running ---------------------------------------------------------------


@dataclass(frozen=True)
class DeadLetter:
    """A message that nobody could apply, with the reason."""

    id: str
    subject: str
    received_at: datetime
    reason: str
    field: str
    state: Literal["open", "mended", "replayed", "discarded"]
    payload: str = ""
    """As received, or as mended; JSON where it was JSON. Only from `find`."""
    changed_by: str = ""
    changed_at: datetime | None = None
    answer: Outcome | None = None
    """What became of it once it was sent again. Only from `find`."""


class DeadLetters(Protocol):
    """The dead-letter register of the gateway. Each change is an entry of the log."""

    async def listing(self, state: str, page: int) -> tuple[Sequence[DeadLetter], int]:
        """One page of fifty and the number of all."""
        ...

    async def find(self, letter: str) -> DeadLetter | None: ...

    async def replay(self, visitor: Visitor, letter: str, payload: str) -> str:
        """Send it again, mended where `payload` differs. Empty, or a sentence why not."""
        ...

    async def discard(self, visitor: Visitor, letter: str) -> str:
        """Put it away for good. Empty, or a sentence why not."""
        ...


@dataclass(frozen=True)
class Release:
    """A proposed or active version of a matter, pack, policy, calendar or template."""

    id: str
    kind: str
    name: str
    version: str
    digest: str
    state: Literal["proposed", "blocked", "active", "rejected", "superseded", "revoked"]
    proposed_by: str
    """User id; the policy keeps them from signing it themselves."""
    proposed_at: datetime
    in_force_from: datetime | None
    signed_by: str = ""
    findings: tuple[str, ...] = ()
    revoke_asked_by: str = ""
    needs_dossier: bool = False
    """It may not be signed before it was tried over the past."""
    endorsed_by: str = ""
    """Who has signed its dossier first."""
    dossier: str = ""
    """Digest of the dossier that was signed first."""


class Releases(Protocol):
    """The one mechanism by which a version is activated: proposal, gate, second signer."""

    def listing(self) -> Sequence[Release]: ...

    def propose(self, visitor: Visitor, kind: str, text: str) -> Release | str:
        """The proposal with the gate's findings, or a Chinese sentence why there is none."""
        ...

    def sign(
        self,
        visitor: Visitor,
        release: str,
        preview: str = "",
        dossier: str = "",
        since: datetime | None = None,
    ) -> str:
        """Activate with a second signature; empty, or a Chinese sentence why not.

        `preview`: digest of the list of what a calendar would move, as the signer saw it;
        `dossier`: of the dossier, for what must be tried over the past; `since`: from when it
        counts, None: from now, never before its own first day.
        """
        ...

    def simulate(self, visitor: Visitor, release: str, months: int) -> str:
        """Have the dossier of a proposal made anew; empty, or why not."""
        ...

    def endorse(self, visitor: Visitor, release: str, dossier: str) -> str:
        """Sign the dossier of one's own proposal; empty, or why not."""
        ...

    def dossier(self, release: str) -> ShownDossier | None:
        """Return the newest dossier of a version's text; None: there is none yet."""
        ...

    def look_ahead(self, visitor: Visitor, release: str, direction: Direction) -> str:
        """See anew what a version, or taking it back, would move; empty, or why not."""
        ...

    def ask_revocation(self, visitor: Visitor, release: str, reason: str) -> str:
        """Ask that a signed version cease to count; empty, or why not."""
        ...

    def revoke(self, visitor: Visitor, release: str, preview: str) -> str:
        """Agree that it cease to count, having seen that list; empty, or why not."""
        ...

    def withdraw(self, visitor: Visitor, release: str) -> str:
        """Take one's own proposal back; empty, or a Chinese sentence why not."""
        ...


class Census(Protocol):
    """The census of timers. Cases that the reader may not list are counted, never named."""

    def view(self, actor: Actor) -> CensusView: ...


class Supervision(Protocol):
    """The supervisors' board, its lists and its monthly report: over what the reader may list."""

    def board(self, actor: Actor, query: BoardQuery) -> Board:
        """Raises `cases.months.NoMonth` for months that are none."""
        ...

    def counts(self, actor: Actor, matter: str = "", department: str = "") -> WatchCounts:
        """How many cases have a clock in each state of watch; of a matter, a department."""
        ...

    def watching(self, actor: Actor, query: BoardQuery) -> Watching:
        """What runs now, of the query's matter and department: counts and the top of the lists."""
        ...

    def watched(
        self, actor: Actor, query: WatchQuery, size: int
    ) -> tuple[Sequence[WatchedClock], int]:
        """One page of running clocks, due soonest first, and the number of all."""
        ...

    def drilled(self, actor: Actor, query: DrillQuery, size: int) -> Drilled:
        """The rows behind a number. Raises `NoMonth`, `cases.drilled.NoDay` and `NoCount`."""
        ...

    def shares(self, actor: Actor, query: ShareQuery) -> Sequence[ShareLine]:
        """Whose the time was, by department and article. Raises `NoMonth`."""
        ...

    def shared_clocks(
        self, actor: Actor, query: ShareQuery, size: int
    ) -> tuple[Sequence[SharedClock], int]:
        """The clocks behind a share, and the number of all. Raises `NoMonth`."""
        ...

    def refused(self, actor: Actor, query: RefusedQuery, size: int) -> Refused:
        """Dispatches sent back and orders refused. Raises `NoMonth`."""
        ...

    def compared(self, actor: Actor, query: BoardQuery) -> Compared:
        """Departments side by side, this span and the one before. Raises `NoMonth`."""
        ...

    def alarms(self, actor: Actor) -> Sequence[KeptAlarm]:
        """Open alarms about the departments in which the reader holds a role and those below; all,
        of whoever holds one in the whole city. The oldest first."""
        ...

    def report(self, visitor: Visitor, where: Where, month: str) -> File:
        """The report of a month as PDF; its entry is committed before it is handed out."""
        ...


@dataclass(frozen=True)
class ItemMeans:
    """The hourly means of one item around an alarm; None where there is none."""

    name: str
    unit: str
    means: Sequence[tuple[datetime, float | None]]


class Readings(Protocol):
    """Alarms of readings, and the readings that were refused. No personal data."""

    def alarms(
        self, state: Standing, level: str, station: str, page: int, language: str
    ) -> tuple[Sequence[Named], int]:
        """One page of alarms, open ones first, and how many in all."""
        ...

    def alarm(
        self, alarm_id: str, language: str
    ) -> (
        tuple[
            Named,
            Sequence[Said],
            Sequence[ItemMeans],
            Sequence[tuple[str, str, str]],
        ]
        | None
    ):
        """An alarm, what was said of it, the hourly means around it (its item's, or each item's of
        its station), and the context at its raising as (field, title, value)."""
        ...

    def reasons(self, alarm_id: str) -> RulingReasons | None:
        """Why the rule that stands, or stood last, holds; None where no ruling was kept."""
        ...

    def dead(self, page: int) -> tuple[Sequence[DeadReadingLine], int]: ...

    def pulse(self) -> Pulse: ...

    def stations(self, language: str) -> Sequence[tuple[str, str]]:
        """Code and name of the stations that ever had an alarm."""
        ...


class Receipts(Protocol):
    """Receipts of the log: proof for whoever holds a case's code, and for the clerk at the desk."""

    def of_case(
        self, actor: Actor | None, where: Where, case_id: str, paper: bool, opened: bool = True
    ) -> File | None:
        """Return the proof file, or the paper with the file inside, once its entry has committed.

        `opened`: what the applicant said is disclosed; else it is only proved. `actor` None: the
        applicant, who showed number and code. None: nothing to prove.
        """
        ...

    def of_entry(self, actor: Actor, where: Where, thing: Thing, entry: str) -> File | None:
        """Return the proof file of one entry about a thing, once the issue's own entry has
        committed. None: it is not in the log yet."""
        ...

    def policy(self) -> str:
        """Return whom the city says to trust: its logs, its witnesses, the quorum."""
        ...

    def program(self) -> bytes:
        """Return the verifier that is one file."""
        ...


@dataclass(frozen=True)
class Ports:
    """All of it."""

    reception: Reception
    reader: Reader
    access: Access
    entrance: Entrance
    accounts: Accounts
    catalogue: Catalogue
    anomalies: Anomalies
    disclosures: Disclosures
    uploads: Uploads
    attached: AttachedFiles
    drafts: Drafts
    preferences: Preferences
    own: Own
    saved_filters: SavedFilters
    dead_letters: DeadLetters
    releases: Releases
    census: Census
    readings: Readings
    signals: Signals
    supervision: Supervision
    calendars: Calendars
    reasons: Reasons
    rules: RulePacks
    receipts: Receipts
    payments: Payments
    plan: Plan
    fund: Funds
    suggestions: Suggestions
    citizens: Citizens
    registers: Registers
    warnings: Warnings
    log: LogBook
    keeping: Keeping
    erasures: Erasures
    deputies: Deputies
    duty: Duty
    granting: Granting
    lives: Lives
    policies: Policies
    incidents: Incidents
    incident_papers: IncidentPapers
    responsibility: ResponsibilityTable
    intake: Intake
    projects: Projects
    performances: Performances
    project_reports: ProjectReports
    process: Processes
    designs: Designs


@dataclass(frozen=True)
class Options:
    """What an operator decides about the pages."""

    city_name: str
    address: str
    """Public address without trailing slash; printed on receipts, and the origin of every post."""
    hosts: tuple[str, ...]
    """Host names under which the pages may be called."""
    zone: str = "Asia/Shanghai"
    upload_limit_bytes: int = 20 * 1024 * 1024
    session_hours: int = 10
    wall_hours: int = 24
    session_idle_minutes: int = 15
    step_up_minutes: int = 15
    """How long the proof of a second factor is good for an act that cannot be taken back."""
    city_name_en: str = ""
    sign_ins_per_minute: int = 60
    """Of one address; a sign-in is two."""
    questions_per_minute: int = 20
    wrong_tokens_per_minute: int = 30
    pages_per_minute: int = 600
    """Of one account; a person who reads fast and a page that loads beside it stay below."""
    searches_per_minute: int = 60
    exports_per_minute: int = 60
    """Documents, materials, reports and tables of one account that leave as files."""
    orders_per_minute: int = 6_000
    """REST requests of one system."""


__all__ = [
    "AppOffer",
    "FactorKind",
    "HalfIn",
    "KeptFactor",
    "NotNow",
    "OpenSession",
    "Options",
    "Ports",
    "Reception",
    "SignInRefused",
    "SignedIn",
    "Visitor",
    "Where",
]
