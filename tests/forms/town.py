"""A town on real stores: the pages' own ports, the shipped catalogue, policy and rule packs.

Orders are settled by the real `Settlement`, asked directly: without Temporal a test is quick, and
what the pages see is what the worker writes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.client import Client
from pydantic import JsonValue
from sqlalchemy import Engine
from starlette.applications import Starlette

from activities.announcing import Announcer
from activities.indexing import BlindIndex
from activities.notice_wording import sentence
from activities.papers import DocumentOrder
from activities.paying import Paying
from activities.performing import Performing, side_of
from activities.plan_reports import PlanReports
from activities.planning import Planner
from activities.sealing import Sealer
from activities.settle import Settlement
from activities.stamping import Stamps
from activities.supervising import Supervision
from activities.warning import Announcing
from audit.notes import NoteVerifier
from audit.receipts import ReceiptMaker
from audit.shards import reading_all
from audit.tables import keys_metadata, log_metadata, outbox_metadata
from audit.trust import TrustPolicy
from audit.vault import SubjectVault, pseudonym
from cases import performance_rows
from cases.account_life import AccountLife
from cases.accounts import Accounts, Place
from cases.attached_rows import KeptFiles
from cases.citizens import Citizens as Store
from cases.database import open_engine, reading
from cases.desk import Desk
from cases.facts import CaseFacts
from cases.grant_changes import GrantChanges
from cases.habits import Habits
from cases.messages import Actor, Command, Grant, Outcome, Source, case_id_for
from cases.payments import PaymentAnswer, PaymentOrder, RequestPayment, payment_id
from cases.plan.messages import PlanReportAnswer, PlanReportOrder, ReportFigure, report_id
from cases.projects.performing_messages import BODIES, PerformanceAnswer, PerformanceOrder
from cases.queries import Queries
from cases.readings_tables import readings_metadata
from cases.reception import NotNow, Request
from cases.releases import Check, Proposal, propose
from cases.rulings import Ruling
from cases.settling import Batch
from cases.sign_in import SignedIn, SignInRules
from cases.signal_tables import signals_metadata
from cases.standing import Standings
from cases.tables import cases_metadata
from cases.warnings import ISSUE, WarningAnswer, WarningOrder, warning_id
from cases.web_tables import web_metadata
from catalogue.archive import load_archive
from catalogue.cap_sources import load_cap_sources
from catalogue.kpis import load_kpis
from catalogue.law import Article
from catalogue.load import HERE, Catalogue, MatterUnknown, canonical, load_catalogue
from catalogue.notice_words import read_notice_words
from catalogue.programme import load_programme
from catalogue.reading import read_matter
from catalogue.registers import load_registers
from catalogue.stations import load_stations
from forms.access_ports import Thing, Verdict
from forms.app import application
from forms.dossier_ports import ShownDossier
from forms.entrance_ports import Visitor
from forms.letter_ports import DeadLetter
from forms.policy_ports import PolicyInForce, PolicyProposal
from forms.ports import Options, Ports
from forms.release_ports import Release
from forms.rule_ports import PackInForce
from policies.access import Access, AccessDenied
from policies.identity import Credentials
from policies.policy import ROWS_FILE, load_policy
from policies.scopes import Thing as PolicyThing
from policies.warrants import WarrantSigner
from rules.evaluate import evaluate
from rules.load import load_packs
from rules.pack import Pack
from rules.register import register
from tests.activities.conftest import FORGERIES
from tests.activities.supervised import PackRules, People
from tests.cases.entering import enrolled, way_in
from tests.forms.funds import Projects, web_fund
from tests.forms.signalled import TakenAtOnce
from tests.stores import lay_out
from yichuang.asked_again import AskedAgain
from yichuang.case_reach import CaseReach
from yichuang.erasing import Planner as ErasurePlanner
from yichuang.erasing import Register
from yichuang.grant_gate import gate_of
from yichuang.incident_papers import IncidentPapers, body_opener, paper_opener
from yichuang.index_keys import IndexKeys
from yichuang.leave_check import LeaveCheck
from yichuang.log_index import LogIndex
from yichuang.matter_text import read_text
from yichuang.payment_rules import CityPaymentRules
from yichuang.receipts import ReceiptDesk
from yichuang.reception import may_know, no_such_case
from yichuang.registers import WebRegisters
from yichuang.service_seeds import OFFICE
from yichuang.services import CITY_ONLINE, CITY_SUGGESTIONS
from yichuang.settings import Store as StoreName
from yichuang.stored_rulings import StoredRulings
from yichuang.unsealing import opener
from yichuang.web_accounts import WebAccounts, recorder
from yichuang.web_anomalies import WebAnomalies, people_of
from yichuang.web_attached import WebAttached
from yichuang.web_calendar import WebCalendars
from yichuang.web_citizens import WebCitizens
from yichuang.web_deputies import WebDeputies
from yichuang.web_designs import WebDesigns
from yichuang.web_duty import WebDuty
from yichuang.web_erasures import WebErasures
from yichuang.web_grants import WebGrants
from yichuang.web_habits import WebPreferences, WebSavedFilters
from yichuang.web_incident_papers import WebIncidentPapers
from yichuang.web_incidents import WebIncidents
from yichuang.web_intake import WebIntake
from yichuang.web_keeping import WebKeeping
from yichuang.web_lives import WebLives
from yichuang.web_log import Finder, WebLog
from yichuang.web_own import WebOwn
from yichuang.web_payments import WebPayments
from yichuang.web_performance import WebPerformance
from yichuang.web_plan import WebPlan
from yichuang.web_ports import (
    WebAccess,
    WebCatalogue,
    WebCensus,
    WebDisclosures,
    WebDrafts,
    WebReader,
    WebUploads,
    who_is,
)
from yichuang.web_process import Signed, WebProcess
from yichuang.web_project_reports import WebProjectReports
from yichuang.web_projects import WebProjects
from yichuang.web_readings import WebReadings
from yichuang.web_reasons import WebReasons
from yichuang.web_receipts import WebReceipts
from yichuang.web_responsibility import WebResponsibility
from yichuang.web_sign_in import WebSignIn
from yichuang.web_signals import WebSignals
from yichuang.web_supervision import Oversight, WebSupervision
from yichuang.web_warnings import WebWarnings

PEPPER = b"p" * 32
PASSWORD = "Yunchuan-2026-hall"
HOST = "town.test"
ADDRESS = f"https://{HOST}"

Person = tuple[str, str, tuple[tuple[str, str], ...]]
"""Name, department, roles held."""

PEOPLE: Mapping[str, Person] = {
    "chen": ("陈窗", "ck", (("window_clerk", "zjj"), ("window_clerk", "scjg"))),
    "zhao": ("赵住建", "zjj", (("section_clerk", "zjj"),)),
    "qian": ("钱规划", "zrzy", (("section_clerk", "zrzy"),)),
    "sun": ("孙消防", "xf", (("section_clerk", "xf"),)),
    "li": ("李人防", "rf", (("section_clerk", "rf"),)),
    "zhou": ("周科长", "zjj", (("section_head", "zjj"),)),
    "wu": ("吴局长", "zjj", (("organ_head", "zjj"),)),
    "zheng": ("郑发证", "zjj", (("certificate_desk", "zjj"),)),
    "feng": ("冯监察", "gov", (("supervisor", "*"),)),
    "editor": ("编制人", "sp", (("catalogue_editor", "*"),)),
    "signer": ("签署人", "sp", (("catalogue_signer", "sp"),)),
    "intake": ("接口员", "sp", (("intake_operator", "sp"),)),
    "auditor": ("审计管理员", "", (("auditadmin", "*"),)),
    "sysadmin": ("系统管理员", "", (("sysadmin", "*"),)),
    "mayor": ("市长", "gov", (("government_head", "gov"),)),
    "secadmin": ("安全管理员", "", (("secadmin", "*"),)),
    "huang": ("黄民政", "mzj", (("section_clerk", "mzj"), ("window_clerk", "mzj"))),
    "jiang": ("蒋民政", "mzj", (("section_head", "mzj"), ("organ_head", "mzj"))),
    "gaojian": ("高监察", "mzj", (("supervisor", "mzj"),)),
    "xiangmu": ("项目经办", "zjj", (("project_clerk", "zjj"),)),
    "shenhe": ("付费审核", "fgw", (("payment_reviewer", "fgw"),)),
    "guoku": ("国库支付", "fgw", (("treasurer", "fgw"),)),
    "secadmin2": ("安全管理员二", "", (("secadmin", "*"),)),
}
"""Login → name, department, roles held."""


TRUST = f"log {NoteVerifier('town.example/audit/2026H2', bytes(range(32))).vkey}\nquorum none\n"
"""The policy of trust that the town publishes; its log has no head yet."""


class LinePress:
    """Renders a line of text: what a document looks like is not what is tried here."""

    def render(self, order: DocumentOrder) -> bytes:
        return blank_page(f"{order.kind} {order.number} {order.code}")

    def print_html(self, html: str) -> bytes:
        return blank_page(html)


def blank_page(line: str) -> bytes:
    """Return a PDF of one empty page that can be read; the line stands in its first comment."""
    made, places = f"%PDF-1.7 {line}\n".encode(), []
    for n, one in enumerate(
        (
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>",
        ),
        start=1,
    ):
        places.append(len(made))
        made += b"%d 0 obj %s endobj\n" % (n, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + (
        b"xref\n0 4\n0000000000 65535 f \n%strailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
        % (table, len(made))
    )


@lru_cache(maxsize=1)
def shipped_packs() -> Mapping[str, Pack]:
    """Return the packs that ship, read once: a page asks for them each time."""
    return load_packs()


class ShippedRules:
    """The packs that ship, all in force."""

    def in_force(self) -> Sequence[PackInForce]:
        since = datetime(2026, 1, 1, tzinfo=UTC)
        return [PackInForce(pack, f"r-{name}", since) for name, pack in shipped_packs().items()]

    def articles(self) -> Mapping[str, Article]:
        return register()


class TwinRules:
    """The shipped packs, answered by the plain twin."""

    def __init__(self) -> None:
        self.packs = shipped_packs()

    def digest(self, pack: str) -> str:
        return self.packs[pack].digest

    def pack(self, digest: str) -> Pack:
        """Return a version by its digest. Raises `LookupError`."""
        found = [one for one in self.packs.values() if one.digest == digest]
        if not found:
            raise LookupError(digest)
        return found[0]

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        pack = self.pack(digest)
        known = pack.select(context)
        return evaluate(pack, known, at)


@dataclass
class DirectReception:
    """`cases.reception.Reception` without Temporal between policy and settling."""

    access: Access
    queries: Queries
    settlement: Settlement
    catalogue: Catalogue
    away: bool = False
    asked: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    async def handle(
        self, actor: Actor, source: Source, requests: Sequence[Request]
    ) -> tuple[Outcome, ...]:
        if self.away:
            raise NotNow("no worker")
        return tuple(
            [await asyncio.to_thread(self.settled, actor, source, request) for request in requests]
        )

    def settled(self, actor: Actor, source: Source, request: Request) -> Outcome:
        with self._lock:
            self.asked.append(request)
            try:
                request = self._with_version(request)
            except MatterUnknown as unknown_matter:
                return _no(request, "", "unknown_matter", str(unknown_matter))
            case_id = request.case_id or self._case_id(actor, request)
            facts = self._facts(case_id, request)
            filing = request.verb == "file"
            if facts is None or not (filing or may_know(self.access, actor, facts, _now())):
                unknown = no_such_case(request)
                return _no(request, request.case_id, unknown.code, unknown.reason)
            command = Command(
                id=request.id,
                verb=request.verb,
                case_id=case_id,
                body=request.body,
                actor=actor,
                source=source,
                occurred_at=request.occurred_at or datetime.now(UTC),
            )
            stored = self.queries.outcome_of(request.id)
            if stored is not None:
                return stored.model_copy(update={"repeated": True})
            try:
                warrant = self.access.warrant(command, facts, datetime.now(UTC))
            except AccessDenied as denied:
                return _no(request, case_id, denied.code, denied.reason)
            state = self.queries.state(case_id)
            batch = Batch(state=state, commands=(command.model_copy(update={"warrant": warrant}),))
            return self.settlement.settle(batch).steps[0].outcome

    def _with_version(self, request: Request) -> Request:
        """Return a filing with the version in force where it names none, as the door does."""
        if request.verb != "file":
            return request
        code, version = request.body["matter"], request.body.get("version", "")
        matter = (
            self.catalogue.matter(code, version) if version
            else self.catalogue.matter_at(code, _now())
        )  # fmt: skip
        body = {**request.body, "version": matter.version}
        return request.model_copy(update={"body": body})

    def _case_id(self, actor: Actor, request: Request) -> str:
        if request.case_no:
            return self.queries.find_case(request.case_no) or ""
        return case_id_for(actor.id, request.reference)

    def _facts(self, case_id: str, request: Request) -> CaseFacts | None:
        if request.verb != "file":
            return self.queries.case_facts(case_id)
        matter = self.catalogue.matter(request.body["matter"], request.body["version"])
        return CaseFacts(
            id=case_id,
            matter=matter.code,
            department=matter.department,
            label_level=matter.label.level,
        )


def _no(request: Request, case_id: str, code: str, reason: str) -> Outcome:
    return Outcome(
        command_id=request.id, case_id=case_id, status="refused", code=code, reason=reason
    )


class ListedLetters:
    """Dead letters in a list."""

    def __init__(self) -> None:
        self.letters: dict[str, DeadLetter] = {}
        self.sent: list[tuple[str, str]] = []

    async def listing(self, state: str, page: int) -> tuple[Sequence[DeadLetter], int]:
        found = [one for one in self.letters.values() if one.state == state]
        return found[(page - 1) * 50 : page * 50], len(found)

    async def find(self, letter: str) -> DeadLetter | None:
        return self.letters.get(letter)

    async def replay(self, visitor: Visitor, letter: str, payload: str) -> str:
        self.sent.append((letter, payload))
        self.letters[letter] = replace(
            self.letters[letter], state="replayed", changed_by=visitor.actor.id
        )
        return ""

    async def discard(self, visitor: Visitor, letter: str) -> str:
        self.letters[letter] = replace(
            self.letters[letter], state="discarded", changed_by=visitor.actor.id
        )
        return ""


@dataclass
class ListedPolicies:
    """The shipped policy, and proposals by their id."""

    text: str = ROWS_FILE.read_text("utf-8")
    proposals: dict[str, PolicyProposal] = field(default_factory=dict)

    def in_force(self) -> PolicyInForce:
        return PolicyInForce(load_policy(), self.text, datetime(2026, 11, 1, tzinfo=UTC))

    def proposal(self, release: str) -> PolicyProposal | None:
        return self.proposals.get(release)

    def holders(self) -> Mapping[str, int]:
        return {"window_clerk": 2, "section_head": 3}


@dataclass(frozen=True)
class InForceHere:
    """What counts in the town, as the designer's check asks for it."""

    town: Town

    def catalogue(self) -> Catalogue:
        return self.town.matters

    def packs(self) -> Mapping[str, Pack]:
        return shipped_packs()

    def calendar_texts(self) -> Mapping[str, str]:
        paths = sorted((HERE / "calendars").glob("*.yaml"))
        return {path.stem: path.read_text("utf-8") for path in paths}


class ListedReleases:
    """Versions in a list."""

    def __init__(self) -> None:
        self.releases: list[Release] = []
        self.register: Callable[[Release, str], Release] = lambda made, _text: made
        """Puts a matter's version that reads well into the register, as the worker would."""
        self.texts: list[str] = []
        self.dossiers: dict[str, ShownDossier] = {}
        self.asked = self.revoked = ("", "", "")
        self.signed_on = ""
        self.signed_since: datetime | None = None

    def listing(self) -> Sequence[Release]:
        return tuple(self.releases)

    def propose(self, visitor: Visitor, kind: str, text: str) -> Release | str:
        self.texts.append(text)
        if "标识" not in text:
            return "第 1 行：缺少“标识”"
        made = Release(
            str(uuid4()), kind, "新事项", "2026.2", "0" * 64, "proposed", visitor.actor.id,
            datetime.now(UTC), None,
        )  # fmt: skip
        self.releases.append(made)
        return self.register(made, text) if kind in ("matter", "template") else made

    def look_ahead(self, visitor: Visitor, release: str, direction: str) -> str:
        return ""

    def ask_revocation(self, visitor: Visitor, release: str, reason: str) -> str:
        self.asked = (visitor.actor.id, release, reason)
        return ""

    def revoke(self, visitor: Visitor, release: str, preview: str) -> str:
        self.revoked = (visitor.actor.id, release, preview)
        return ""

    def simulate(self, visitor: Visitor, release: str, months: int) -> str:
        self.simulated = (visitor.actor.id, release, months)
        return ""

    def endorse(self, visitor: Visitor, release: str, dossier: str) -> str:
        self.endorsed = (visitor.actor.id, release, dossier)
        return ""

    def dossier(self, release: str) -> ShownDossier | None:
        return self.dossiers.get(release)

    def sign(
        self,
        visitor: Visitor,
        release: str,
        preview: str = "",
        dossier: str = "",
        since: datetime | None = None,
    ) -> str:
        self.signed_on, self.signed_since = preview or dossier, since
        self.releases = [
            replace(one, state="active", signed_by=visitor.actor.id, in_force_from=since)
            if one.id == release
            else one
            for one in self.releases
        ]
        return ""

    def withdraw(self, visitor: Visitor, release: str) -> str:
        self.releases = [
            replace(one, state="rejected") if one.id == release else one for one in self.releases
        ]
        return ""


@dataclass(frozen=True)
class ShippedVersions:
    """Every shipped pack, in force for ever."""

    packs: Mapping[str, Pack]

    def pack_at(self, name: str, at: datetime) -> Pack | None:
        return self.packs.get(name)


@dataclass
class RecordingDoor:
    """Takes orders to incidents down, and answers as it was told to."""

    orders: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    """Incident, verb and body."""
    answer: Mapping[str, object] = field(default_factory=lambda: {"status": "done"})
    away: bool = False

    async def order(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        incident_id: str,
        verb: str,
        body: Mapping[str, Any],
        occurred_at: datetime | None = None,
    ) -> Outcome:
        if self.away:
            raise NotNow("no worker")
        self.orders.append((incident_id, verb, body))
        return Outcome.model_validate(
            {"command_id": command_id, "case_id": incident_id, **self.answer}
        )


@dataclass
class DirectPerformance:
    """Orders to the performance of projects, settled at once by the real activity."""

    access: Access
    performing: Performing
    away: bool = False

    async def act(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        project: str,
        body: Mapping[str, JsonValue],
    ) -> PerformanceAnswer:
        if self.away:
            raise NotNow("no worker")
        command = Command(
            id=command_id, verb=verb, case_id=project, body=dict(body), actor=actor,
            source=source, occurred_at=_now(),
        )  # fmt: skip
        with reading(self.performing.engine) as connection:
            state = performance_rows.state_of(connection, project)
        parsed = BODIES[verb].model_validate(command.body)
        thing = PolicyThing("performance", project, department=side_of(state, verb, parsed))
        try:
            warrant = self.access.warrant_on(command, thing, verb, _now())
        except AccessDenied as no:
            return PerformanceAnswer(
                command_id=command_id, order_digest="", status="refused", code=no.code,
                reason=no.reason,
            )  # fmt: skip
        order = command.model_copy(update={"warrant": warrant})
        return self.performing.settle(PerformanceOrder(command=order, admitted_at=_now()))


@dataclass
class RecordingAccess:
    """The real policy, and a note of every question: what a route asked stands here."""

    inner: WebAccess
    asked: list[str] = field(default_factory=list)
    forbid: bool = False

    def may(self, actor: Actor, act: str, thing: CaseFacts | Thing | str) -> Verdict:
        self.asked.append(act)
        if self.forbid:
            return Verdict(False, "测试：一律不许", "安全管理员")
        return self.inner.may(actor, act, thing)

    def would(self, command: Command, facts: CaseFacts) -> Verdict:
        self.asked.append(command.verb)
        if self.forbid:
            return Verdict(False, "测试：一律不许", "安全管理员")
        return self.inner.would(command, facts)


@dataclass(frozen=True)
class CitySuggestions:
    """In whose name the open page files: the account that `seed_city` made, or nobody."""

    accounts: Accounts

    def sender(self) -> Actor | None:
        found = self.accounts.find(f"s:{CITY_SUGGESTIONS}")
        if found is None:
            return None
        return Actor(
            id=found.id, kind="service", department=OFFICE, grants=found.grants,
            clearance=found.clearance,
        )  # fmt: skip


@dataclass
class Town:
    """Everything behind the pages, in one folder, or over the stores that are handed in."""

    def __init__(self, folder: Path, opened: Callable[[StoreName], Engine] | None = None) -> None:
        open_store = opened or (lambda name: open_engine(f"sqlite:///{folder / name}.sqlite"))
        self.projects = Projects()
        self.cases = open_store("cases")
        self.web = open_store("web")
        self.keys = open_store("keys")
        self.log = open_store("log")
        self.readings = open_store("readings")
        lay_out(self.readings, readings_metadata)
        self.signals = open_store("signals")
        lay_out(self.signals, signals_metadata, outbox_metadata, keys_metadata)
        lay_out(self.cases, cases_metadata, outbox_metadata)
        lay_out(self.web, web_metadata, outbox_metadata, keys_metadata)
        lay_out(self.keys, keys_metadata)
        lay_out(self.log, log_metadata)
        self.trusted = TrustPolicy.parse(TRUST.encode())
        self.matters = load_catalogue()
        vault, web_vault = SubjectVault(self.keys, b"m" * 32), SubjectVault(self.web, b"m" * 32)
        sealer = Sealer(vault, PEPPER)
        IndexKeys(self.cases, vault, "hmac-sha256").found()
        policy_access = Access(
            load_policy(),
            {one.code: one.parent for one in self.matters.city.departments},
            WarrantSigner("web", Ed25519PrivateKey.generate()),
        )
        self.queries = Queries(
            self.cases,
            opener(vault),
            BlindIndex(self.cases, sealer).sought,
            dict(self.matters.calendars),
        )
        self.settlement = Settlement(self.cases, self._planner(sealer, policy_access), FORGERIES)
        self.reception = DirectReception(policy_access, self.queries, self.settlement, self.matters)

        def named(user: str) -> str:
            return user if user == "system" else pseudonym(PEPPER, "account", user)

        record = recorder(named, lambda: str(uuid4()))
        credentials = Credentials(passes=1, memory_kib=8, lanes=1)
        self.accounts = Accounts(self.web, credentials, record)
        self.changes = GrantChanges(
            self.web, record, gate_of(lambda: self.matters.city, lambda: policy_access.policy)
        )
        self.entrance = way_in(
            self.web, credentials, record, SignInRules(attempts=5, address_attempts=1000)
        )
        catalogue = WebCatalogue(lambda: self.matters, _now)
        self.register = Register(
            self.web,
            ErasurePlanner(
                self.cases, load_archive(), "Asia/Shanghai", lambda: self.today or _now()
            ),
            named,
            _now,
        )
        self.access = RecordingAccess(WebAccess(policy_access, _now, self.register.is_restricted))
        self.letters, self.releases = ListedLetters(), ListedReleases()
        self.releases.register = self._registered
        self.policies = ListedPolicies()
        desk = Desk(self.web)
        self.launched: list[str] = []
        self.today: datetime | None = None
        self.open_incidents: dict[str, Sequence[tuple[str, str, str]]] = {}
        reach = CaseReach(self.cases, policy_access)
        papers = IncidentPapers(
            self.cases,
            lambda: self.matters,
            body_opener(vault),
            self.accounts.names,
            "Asia/Shanghai",
            _now,
        )
        self.incident_door, self.project_door = RecordingDoor(), RecordingDoor()
        self.incidents = WebIncidents(
            self.cases,
            policy_access,
            self.accounts,
            lambda: self.matters,
            self.incident_door,
            body_opener(vault),
            papers.draft,
            LogIndex(self.log, self.cases).leaves,
        )
        stamps = Stamps(LinePress().print_html)
        self.citizens = WebCitizens(
            Store(self.web), None, web_vault, named, self._online, self.queries, _now, stamps
        )
        reader = WebReader(
            self.queries, policy_access, self.accounts, LogIndex(self.log, self.cases), _now, stamps
        )
        finder = Finder(self.log, self.web)
        self.ports = Ports(
            citizens=self.citizens,
            registers=WebRegisters(
                load_registers(),
                {},
                "demo",
                _no_bus,
                self.web,
                lambda actor: who_is(actor, sealer.who),
                _now,
            ),
            reception=self.reception,
            reader=reader,
            access=self.access,
            entrance=WebSignIn(self.entrance, catalogue.departments, _now),
            accounts=WebAccounts(self.accounts, _now),
            catalogue=catalogue,
            disclosures=WebDisclosures(self.web, vault, self._subject, named, _now),
            uploads=WebUploads(desk, web_vault, named, _now),
            attached=WebAttached(desk, web_vault, named, _now),
            drafts=WebDrafts(desk, web_vault, named, _now),
            own=WebOwn(self.web, reader, Finder(self.log, self.web), named, _now),
            preferences=WebPreferences(Habits(self.web), _now),
            saved_filters=WebSavedFilters(Habits(self.web), web_vault, named, _now),
            dead_letters=self.letters,
            releases=self.releases,
            census=WebCensus(reach, _now),
            readings=WebReadings(
                self.readings,
                load_stations(HERE),
                lambda: {one.digest: one for one in shipped_packs().values()},
                self.matters.law,
                {one.code: one.name for one in self.matters.city.departments},
            ),
            signals=WebSignals(
                self.signals,
                self.web,
                self.matters.incident_types,
                self.matters.grid,
                self.accounts.names,
                named,
                lambda: self.today or _now(),
            ),
            supervision=WebSupervision(
                Oversight(self.cases, lambda: self.matters, "Asia/Shanghai", _now),
                policy_access,
                self.web,
                named,
                LinePress(),
            ),
            calendars=WebCalendars(reach, _now),
            reasons=WebReasons(StoredRulings(self.queries, TwinRules().pack)),
            rules=ShippedRules(),
            policies=self.policies,
            intake=self._intake(named),
            receipts=WebReceipts(
                ReceiptDesk(
                    ReceiptMaker(partial(reading_all, self.log), {"cases": self.cases}, vault),
                    self.cases,
                    lambda: self.matters,
                    _now,
                    lambda subject: self.register.is_restricted(subject),
                ),
                self.web,
                LinePress(),
                lambda: TRUST,
                self._subject,
                named,
                ADDRESS,
                "Asia/Shanghai",
                _now,
            ),
            incident_papers=WebIncidentPapers(
                papers,
                policy_access,
                self.web,
                named,
                LinePress(),
                _now,
                paper_opener(vault),
            ),
            responsibility=WebResponsibility(self.cases, lambda: self.matters),
            payments=self._payments(policy_access, sealer),
            fund=web_fund(
                self.cases,
                sealer,
                policy_access,
                self._again(policy_access).of_thing,
                FORGERIES,
                frozenset(one.code for one in self.matters.city.departments),
                self.projects,
            ),
            warnings=self._warnings(policy_access, sealer),
            plan=self._plan(policy_access, sealer),
            suggestions=CitySuggestions(self.accounts),
            incidents=self.incidents,
            projects=WebProjects(
                self.cases,
                policy_access,
                self.accounts,
                lambda: self.matters,
                self.project_door,
                lambda: self.today or _now(),
                ZoneInfo("Asia/Shanghai"),
            ),
            performances=WebPerformance(
                self.cases,
                self.accounts,
                lambda: self.matters,
                self._performing(policy_access, sealer),
            ),
            process=WebProcess(
                self.cases,
                policy_access,
                "Asia/Shanghai",
                Signed(self.log, self.web, lambda: self.trusted, named, _now),
            ),
            designs=WebDesigns(
                self.cases,
                lambda: self.matters,
                partial(read_text, InForceHere(self)),
                LinePress(),
                lambda: datetime.now(UTC),
            ),
            project_reports=WebProjectReports(
                self.cases,
                policy_access,
                lambda: self.matters,
                self.web,
                named,
                LinePress(),
                lambda: self.today or _now(),
                "Asia/Shanghai",
            ),
            deputies=WebDeputies(
                self.web,
                self.accounts,
                catalogue.departments,
                named,
                LeaveCheck(
                    self.queries,
                    policy_access,
                    self.accounts,
                    lambda: {one.code: one.name for one in self.matters.matters},
                    lambda: self.today or _now(),
                ),
                lambda: self.today or _now(),
            ),
            duty=self._duty(policy_access, web_vault, named),
            lives=WebLives(
                AccountLife(self.web, record, "Asia/Shanghai"),
                self.accounts,
                self.changes,
                lambda: self.today or _now(),
            ),
            granting=WebGrants(
                self.changes,
                self.accounts,
                lambda: self.matters.city,
                lambda: policy_access.policy,
                _now,
            ),
            erasures=WebErasures(
                self.register,
                self.accounts,
                self.matters.law,
                lambda: self.launched.append("erase"),
            ),
            anomalies=WebAnomalies(
                self.web,
                lambda: {one.digest: one for one in load_packs().values()},
                lambda: people_of(self.accounts, named),
                _now,
            ),
            keeping=WebKeeping(self.cases, finder),
            log=WebLog(
                finder,
                reach,
                self.queries,
                self.accounts,
                vault,
                named,
                "Asia/Shanghai",
                _now,
                self.launched.append,
            ),
        )
        self.ids: dict[str, str] = {}
        for login in PEOPLE:
            self.settle_in(login)

    def _again(self, access: Access) -> AskedAgain:
        return AskedAgain(
            access, Standings(self.web), lambda: self.matters, _now, self.queries.case_facts
        )

    def _planner(self, sealer: Sealer, access: Access) -> Planner:
        again = self._again(access)
        return Planner(
            engine=self.cases,
            sealer=sealer,
            catalogue=lambda: self.matters,
            rules=TwinRules(),
            verify=lambda command: None,
            again=again.of_case,
            press=LinePress(),
            announcer=Announcer("demo", "https://town.test/schemas"),
            now=_now,
            supervision=Supervision(PackRules(), People({("section_head", "zjj")})),
            names=Standings(self.web).names,
        )

    def _duty(self, access: Access, vault: SubjectVault, named: Callable[[str], str]) -> WebDuty:
        """The rota; `open_incidents` says what is open for a department."""
        return WebDuty(
            self.web,
            self.cases,
            access,
            lambda: [one.code for one in self.matters.city.departments],
            lambda day: day.weekday() >= 5,
            lambda department: self.open_incidents.get(department, ()),
            lambda notice: sentence(notice.kind, notice.fields, {}, "Asia/Shanghai"),
            vault,
            named,
            ("email", "sms"),
            lambda: self.today or _now(),
            _now,
        )

    def _payments(self, access: Access, sealer: Sealer) -> WebPayments:
        """Requests for money, judged at once by the real activity without a workflow around it."""
        packs = shipped_packs()
        codes = [one.code for one in self.matters.city.departments]
        twin = TwinRules()
        paying = Paying(
            self.cases,
            sealer,
            lambda *_: None,
            self._again(access).of_thing,
            FORGERIES,
            CityPaymentRules(twin, ShippedVersions(packs)),
            lambda: frozenset(codes),
            "demo",
            "https://town.test/schemas",
            "Asia/Shanghai",
            _now,
            self.projects.grounds(),
        )

        def ask(
            actor: Actor, source: Source, command_id: str, body: RequestPayment
        ) -> PaymentAnswer:
            command = Command(
                id=command_id, verb="payment_request", case_id=payment_id(command_id),
                body=body.model_dump(mode="json"), actor=actor, source=source, occurred_at=_now(),
            )  # fmt: skip
            thing = PolicyThing("payment", command.case_id, department=body.department)
            try:
                warrant = access.warrant_on(command, thing, command.verb, _now())
            except AccessDenied as no:
                return PaymentAnswer(
                    command_id=command_id, order_digest="", status="refused", code=no.code,
                    reason=no.reason,
                )  # fmt: skip
            order = command.model_copy(update={"warrant": warrant})
            return paying.judge(PaymentOrder(command=order, admitted_at=_now()))

        return WebPayments(
            self.cases, access, ask, lambda: packs, StoredRulings(self.queries, twin.pack),
            lambda: codes, _now,
        )  # fmt: skip

    def _performing(self, access: Access, sealer: Sealer) -> DirectPerformance:
        return DirectPerformance(
            access,
            Performing(
                self.cases,
                sealer,
                lambda *_: None,
                self._again(access).of_thing,
                FORGERIES,
                CityPaymentRules(TwinRules(), ShippedVersions(shipped_packs())),
                lambda: self.matters,
                "demo",
                "https://town.test/schemas",
                "Asia/Shanghai",
                lambda: self.today or _now(),
                KeptFiles(self.web),
            ),
        )

    def _plan(self, access: Access, sealer: Sealer) -> WebPlan:
        """The plan, reported at once by the real activity without a workflow around it."""
        numbers = load_kpis()
        taking = PlanReports(
            self.cases, sealer, lambda *_: None, self._again(access).of_thing, FORGERIES, numbers,
            "Asia/Shanghai", _now,
        )  # fmt: skip

        def ask(
            actor: Actor, source: Source, command_id: str, body: ReportFigure
        ) -> PlanReportAnswer:
            command = Command(
                id=command_id, verb="plan_report", body=body.model_dump(mode="json"), actor=actor,
                source=source, case_id=report_id(command_id), occurred_at=_now(),
            )  # fmt: skip
            try:
                thing = PolicyThing("plan", command.case_id, department=body.department)
                warrant = access.warrant_on(command, thing, command.verb, _now())
            except AccessDenied as no:
                return PlanReportAnswer(
                    command_id=command_id, order_digest="", status="refused", code=no.code,
                    reason=no.reason,
                )  # fmt: skip
            order = command.model_copy(update={"warrant": warrant})
            return taking.take(PlanReportOrder(command=order, admitted_at=_now()))

        return WebPlan(
            self.cases, access, ask, numbers, load_programme(), "Asia/Shanghai", _now, 0.0
        )

    def _warnings(self, access: Access, sealer: Sealer) -> WebWarnings:
        """Warnings, announced at once by the real activity without a workflow around it."""
        announcing = Announcing(
            self.cases, sealer, lambda *_: None, self._again(access).of_thing, FORGERIES, "demo",
            "https://town.test", lambda: self.matters.grid, _now,
        )  # fmt: skip

        def ask(
            actor: Actor, source: Source, command_id: str, verb: str, warning: str,
            body: Mapping[str, JsonValue],
        ) -> WarningAnswer:  # fmt: skip
            command = Command(
                id=command_id, verb=verb, body=dict(body), actor=actor, source=source,
                case_id=warning_id(command_id) if verb == ISSUE else warning, occurred_at=_now(),
            )  # fmt: skip
            try:
                thing = PolicyThing("warning", command.case_id)
                warrant = access.warrant_on(command, thing, verb, _now())
            except AccessDenied as no:
                return WarningAnswer(
                    command_id=command_id, order_digest="", status="refused", code=no.code,
                    reason=no.reason,
                )  # fmt: skip
            order = command.model_copy(update={"warrant": warrant})
            return announcing.announce(WarningOrder(command=order, admitted_at=_now()))

        return WebWarnings(self.cases, access, ask, _now)

    def _intake(self, named: Callable[[str], str]) -> WebIntake:
        """Signals, taken into a real store as soon as they are handed in."""
        self.door = TakenAtOnce(self.signals, self.matters)
        return WebIntake(
            self.door, self.signals, self.cases, self.web, load_cap_sources(), lambda: self.matters,
            named, _now,
        )  # fmt: skip

    def _subject(self, case_id: str) -> str:
        state = self.queries.state(case_id)
        assert state is not None
        return state.subject

    def _online(self) -> Actor | None:
        """In whose name citizens file: the account that `seed_city` made, or nobody."""
        found = self.accounts.find(f"s:{CITY_ONLINE}")
        if found is None:
            return None
        return Actor(
            id=found.id, kind="service", grants=found.grants, clearance=found.clearance
        )  # fmt: skip

    def settle_in(self, login: str, who: Person | None = None, clearance: int = 3) -> None:
        """Give a person an account and a password; `who` is not one of `PEOPLE`."""
        name, department, held = who or PEOPLE[login]
        grants = tuple(Grant(role=role, department=where) for role, where in held)
        self.ids[login], code = self.accounts.create_account(
            login, name, department, at=_now(), by="system", grants=grants, clearance=clearance
        )
        opened = enrolled(self.entrance, login, code, PASSWORD, _now(), Place())
        assert isinstance(opened, SignedIn), opened

    def actor(self, login: str) -> Actor:
        found = self.accounts.find(self.ids[login])
        assert found is not None
        return found.actor()

    def _registered(self, made: Release, text: str) -> Release:
        """Put a version of a matter or of the words of notices into the register."""
        if made.kind == "template":
            words = read_notice_words(text)[0]
            assert words is not None
            gate = (Check("通知用语核对", True),)
            return self._kept(made, Proposal("template", words.name, words.version, text, gate))
        found = read_matter(text, "matter.yaml", [])
        if found is None:
            return made
        matter = found[0]
        proposal = Proposal(
            "matter", matter.code, matter.version, canonical(matter).decode(),
            (Check("事项目录核对", True),),
        )  # fmt: skip
        return self._kept(made, proposal)

    def _kept(self, made: Release, proposal: Proposal) -> Release:
        with self.cases.begin() as connection:
            kept = propose(connection, proposal, made.proposed_by, made.proposed_at)
        row = replace(made, id=kept.id, name=kept.name, version=kept.version, digest=kept.digest)
        self.releases.releases[-1] = row
        return row

    def app(
        self, address: str = ADDRESS, hosts: Sequence[str] = (HOST,), ports: Ports | None = None
    ) -> Starlette:
        return application(
            ports or self.ports,
            Options(
                city_name="云川市",
                city_name_en="City of Yunchuan",
                address=address,
                hosts=tuple(hosts),
            ),
        )

    def order(self, login: str, verb: str, body: dict[str, Any], case_id: str = "") -> Outcome:
        """Settle an order as somebody, as any door would; raise if it is refused."""
        request = Request(
            id=str(uuid4()), verb=verb, body=body, case_id=case_id,
            reference="" if case_id else str(uuid4()),
        )  # fmt: skip
        outcome = self.reception.settled(self.actor(login), Source(door="web"), request)
        assert outcome.status == "done", (verb, outcome.code, outcome.reason)
        return outcome

    def file(
        self, name: str = "云川建设有限公司", electronic_service: bool = False, **form: Any
    ) -> Outcome:
        """File a construction permit at the window with every paper."""
        matter = self.matters.matters_in_force(_now().date())
        permit = next(one for one in matter if one.code == "construction-permit")
        materials = [
            {"code": one.code, "originals": one.originals, "copies": one.copies or 1}
            for one in permit.materials
            if one.required
        ]
        return self.order(
            "chen",
            "file",
            {
                "matter": permit.code,
                "version": permit.version,
                "applicant": company(name),
                "form": PERMIT_FORM | form,
                "materials": materials,
                "electronic_service": electronic_service,
            },
        )


PERMIT_FORM: dict[str, Any] = {
    "project_name": "云溪小学教学楼",
    "project_code": "2026-990100-83-01-000123",
    "developer": "云川建设有限公司",
    "uscc": "91990100MA0000001X",
    "contact": "王小明",
    "phone": "13900000001",
    "site_address": "云川市云溪区学府路8号",
    "building_use": "public",
    "building_height_m": 23.5,
    "floor_area_m2": 8600,
    "contract_sum_wan": 4200,
    "involves_fire": True,
    "involves_civil_defence": True,
}


def company(name: str) -> dict[str, str]:
    return {
        "kind": "enterprise",
        "name": name,
        "id_type": "USCC",
        "id_number": "91990100MA0000001X",
        "legal_representative": "王大明",
        "phone": "13900000001",
    }


async def _no_bus() -> Client:
    """A town has no NATS: whoever asks a register there learns that it is away."""
    raise OSError("no NATS")


def _now() -> datetime:
    return datetime.now(UTC)
