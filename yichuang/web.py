"""The web role: the pages and REST over the real stores, Temporal and NATS, served by uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import uvicorn
from sqlalchemy import Engine

from activities.sealing import Sealer
from activities.stamping import Stamps
from audit.receipts import ReceiptMaker
from audit.shards import reading_all
from audit.vault import SubjectVault
from cases.account_life import AccountLife
from cases.accounts import Accounts
from cases.database import open_engine
from cases.desk import Desk
from cases.grant_changes import GrantChanges
from cases.habits import Habits
from cases.notices_out import KeptNotice
from cases.queries import Queries
from cases.web_tables import refused_command
from catalogue.archive import load_archive
from catalogue.cap_sources import load_cap_sources
from catalogue.kpis import load_kpis
from catalogue.load import HERE
from catalogue.programme import load_programme
from catalogue.stations import load_stations
from forms.app import Application, application
from forms.ports import Options, Ports
from policies.access import Access
from policies.identity import Credentials
from yichuang import joining, roles, temporal, verify_child, way_in, web_erasures
from yichuang.access_watch import PACK as ACCESS
from yichuang.access_watch import AccessWatch
from yichuang.beside import beside
from yichuang.case_reach import CaseReach
from yichuang.duty_rows import OpenIncidents
from yichuang.erasing import Planner, Register
from yichuang.fund_door import FundDoor
from yichuang.grant_gate import gate_of
from yichuang.incident_door import IncidentDoor
from yichuang.incident_papers import IncidentPapers, body_opener, paper_opener
from yichuang.leave_check import LeaveCheck
from yichuang.log_index import LogIndex
from yichuang.matter_text import read_text
from yichuang.notifier import carried_by, wording_of
from yichuang.payment_door import PaymentDoor
from yichuang.performance_door import PerformanceDoor
from yichuang.plan_door import PlanDoor
from yichuang.project_door import ProjectDoor
from yichuang.project_grounds import project_grounds
from yichuang.receipts import ReceiptDesk
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog
from yichuang.registers import registers_of
from yichuang.release_door import ReleaseDoor
from yichuang.released import Released
from yichuang.scanning import Quarantine, scanner_of
from yichuang.services import Services
from yichuang.settings import Settings
from yichuang.store_trouble import troubles
from yichuang.stored_rulings import StoredRulings
from yichuang.trusting import city_policy, policy_path
from yichuang.warning_door import WarningDoor
from yichuang.web_accounts import WebAccounts, recorder
from yichuang.web_anomalies import WebAnomalies, people_of
from yichuang.web_attached import WebAttached
from yichuang.web_beside import AWAY, COMMON, jobs, now, services
from yichuang.web_calendar import WebCalendars
from yichuang.web_citizens import citizens_of
from yichuang.web_deputies import WebDeputies
from yichuang.web_designs import WebDesigns
from yichuang.web_duty import WebDuty
from yichuang.web_erasures import WebErasures
from yichuang.web_fund import WebFund
from yichuang.web_fund import asker as asker_of_fund
from yichuang.web_grants import WebGrants
from yichuang.web_habits import WebPreferences, WebSavedFilters
from yichuang.web_incident_papers import WebIncidentPapers
from yichuang.web_incidents import WebIncidents
from yichuang.web_intake import BusDoor, WebIntake
from yichuang.web_keeping import WebKeeping
from yichuang.web_letters import WebLetters
from yichuang.web_lives import WebLives
from yichuang.web_log import Finder, WebLog
from yichuang.web_own import WebOwn
from yichuang.web_payments import WebPayments, asker
from yichuang.web_performance import WebPerformance
from yichuang.web_plan import WebPlan
from yichuang.web_plan import asker as asker_of_plan
from yichuang.web_policies import WebPolicies
from yichuang.web_ports import (
    WebAccess,
    WebCatalogue,
    WebCensus,
    WebDisclosures,
    WebDrafts,
    WebReader,
    WebUploads,
)
from yichuang.web_process import Signed, WebProcess
from yichuang.web_project_reports import WebProjectReports
from yichuang.web_projects import WebProjects
from yichuang.web_readings import WebReadings
from yichuang.web_reasons import WebReasons
from yichuang.web_receipts import WebReceipts
from yichuang.web_releases import WebReleases
from yichuang.web_responsibility import WebResponsibility
from yichuang.web_rules import WebRules
from yichuang.web_sign_in import WebSignIn
from yichuang.web_signals import WebSignals
from yichuang.web_suggestions import WebSuggestions
from yichuang.web_supervision import LazyPress, Oversight, WebSupervision
from yichuang.web_warnings import WebWarnings
from yichuang.web_warnings import asker as asker_of_warnings

STOP_SECONDS = 5
"""How long requests under way may take once the process is asked to stop."""

_log = logging.getLogger("yichuang.web")


async def compose(
    settings: Settings,
) -> tuple[Application, WebLetters, Desk, Finder, AccessWatch, Quarantine | None]:
    """Return the application over everything real. Raises `KeyMissing`, `SettingMissing`."""
    keys = open_engine(settings.store_url("keys"), read_only=True)
    vault = joining.vault_of(settings, keys)
    sealer = joining.sealer_of(settings, vault)
    cases = open_engine(settings.store_url("cases"), read_only=True)
    log = open_engine(settings.store_url("log"), read_only=True)
    released = joining.released_of(settings, cases)
    queries = joining.queries_of(settings, sealer, cases=cases, released=released)
    access = joining.access_of(settings, "web", released)
    web = open_engine(settings.store_url("web"))
    desk_vault = way_in.desk_vault_of(settings, web)
    desk = Desk(web)
    catalogue = WebCatalogue(released.catalogue, now)
    record = recorder(sealer.who, lambda: str(uuid4()))
    accounts = Accounts(web, Credentials(), record)
    entrance = way_in.sign_in_of(settings, web, sealer, desk_vault)
    scanner = scanner_of(settings.scanner)
    scanning = (
        None if scanner is None
        else Quarantine(web, desk, desk_vault, sealer.who, scanner, now)
    )  # fmt: skip
    gate = gate_of(lambda: released.catalogue().city, lambda: access.policy)
    changes = GrantChanges(web, record, gate)
    letters = WebLetters(settings)
    press = LazyPress(released.catalogue)
    stamps = Stamps(press.print_html)
    client = await temporal.connect(settings, lazy=True)
    queue, refusals = (
        settings.temporal_task_queue,
        RefusalLog(web, "web", sealer.who, refused_command),
    )
    reception = CityReception(
        client,
        queue,
        access=access,
        queries=queries,
        catalogue=released.catalogue,
        refusals=refusals,
    )
    door = ReleaseDoor(client, queue, access=access, engine=cases, refusals=refusals)
    funding = FundDoor(client, queue, access=access, engine=cases, refusals=refusals)
    paying = PaymentDoor(client, queue, access=access, engine=cases, refusals=refusals)
    warning = WarningDoor(client, queue, access=access, engine=cases, refusals=refusals)
    plan = WebPlan(
        cases,
        access,
        asker_of_plan(
            PlanDoor(client, queue, access=access, engine=cases, refusals=refusals),
            asyncio.get_running_loop(),
        ),
        load_kpis(),
        load_programme(),
        settings.zone,
        now,
    )
    rulings = StoredRulings.over(queries)
    finder = Finder(log, web)
    planner = Planner(cases, load_archive(), settings.zone, now)
    register = Register(web, planner, sealer.who, now)

    def people() -> Mapping[str, str]:
        return people_of(accounts, sealer.who)

    watch = AccessWatch(
        web,
        log,
        cases,
        lambda: released.pack_at(ACCESS, now()),
        lambda: released.catalogue().calendars,
        people,
        now,
        settings.zone,
    )
    deputies = WebDeputies(
        web,
        accounts,
        catalogue.departments,
        sealer.who,
        LeaveCheck(
            queries,
            access,
            accounts,
            lambda: {one.code: one.name for one in released.catalogue().matters},
            now,
        ),
        now,
        settings.zone,
    )
    reach = CaseReach(cases, access)
    papers = IncidentPapers(
        cases, released.catalogue, body_opener(vault), accounts.names, settings.zone, now
    )
    reader = WebReader(
        queries,
        access,
        accounts,
        LogIndex(log, cases),
        now,
        stamps,
        page_role=settings.page_role,
    )
    ports = Ports(
        anomalies=WebAnomalies(web, released.rule_versions, people, now),
        reception=reception,
        reader=reader,
        own=WebOwn(web, reader, finder, sealer.who, now),
        access=WebAccess(access, now, register.is_restricted),
        entrance=WebSignIn(entrance, catalogue.departments, now),
        accounts=WebAccounts(accounts, now),
        catalogue=catalogue,
        disclosures=WebDisclosures(
            web, vault, lambda case_id: subject_of(queries, case_id), sealer.who, now
        ),
        uploads=WebUploads(
            desk, desk_vault, sealer.who, now, None if scanning is None else scanning.arrived.set
        ),
        attached=WebAttached(
            desk, desk_vault, sealer.who, now, None if scanning is None else scanning.arrived.set
        ),
        drafts=WebDrafts(desk, desk_vault, sealer.who, now),
        preferences=WebPreferences(Habits(web), now),
        saved_filters=WebSavedFilters(Habits(web), desk_vault, sealer.who, now),
        dead_letters=letters,
        releases=WebReleases(cases, door, asyncio.get_running_loop(), now),
        census=WebCensus(reach, now),
        readings=WebReadings(
            open_engine(settings.store_url("readings"), read_only=True),
            load_stations(HERE),
            released.rule_versions,
            joining.catalogue().law,
            {one.code: one.name for one in joining.catalogue().city.departments},
        ),
        signals=WebSignals(
            open_engine(settings.store_url("signals"), read_only=True),
            web,
            joining.catalogue().incident_types,
            joining.catalogue().grid,
            accounts.names,
            sealer.who,
            now,
        ),
        supervision=WebSupervision(
            Oversight(cases, released.catalogue, settings.zone, now),
            access,
            web,
            sealer.who,
            press,
            lambda: troubles(settings),
            settings.page_role,
        ),
        calendars=WebCalendars(reach, now),
        reasons=WebReasons(rulings),
        rules=WebRules(cases, released.packs, now),
        policies=WebPolicies(cases, web, released),
        intake=WebIntake(
            BusDoor(settings),
            open_engine(settings.store_url("signals"), read_only=True),
            cases,
            web,
            load_cap_sources(HERE),
            released.catalogue,
            sealer.who,
            now,
        ),
        receipts=WebReceipts(
            # Of a case's stream the cases store holds everything that is not in the log yet.
            ReceiptDesk(
                ReceiptMaker(partial(reading_all, log), {"cases": cases}, vault),
                cases,
                released.catalogue,
                now,
                register.is_restricted,
            ),
            web,
            press,
            lambda: policy_path(settings).read_text(encoding="utf-8"),
            lambda case_id: subject_of(queries, case_id),
            sealer.who,
            settings.address,
            settings.zone,
            now,
        ),
        incidents=WebIncidents(
            cases,
            access,
            accounts,
            released.catalogue,
            IncidentDoor(client, queue, access=access, engine=cases, refusals=refusals),
            body_opener(vault),
            papers.draft,
            LogIndex(log, cases).leaves,
            settings.page_role,
        ),
        incident_papers=WebIncidentPapers(
            papers,
            access,
            web,
            sealer.who,
            press,
            now,
            paper_opener(vault),
            settings.page_role,
        ),
        responsibility=WebResponsibility(cases, released.catalogue),
        fund=WebFund(
            cases,
            access,
            asker_of_fund(funding, asyncio.get_running_loop()),
            project_grounds(),
            settings.zone,
            now,
        ),
        payments=WebPayments(
            cases,
            access,
            asker(paying, asyncio.get_running_loop()),
            released.packs,
            rulings,
            lambda: [one.code for one in released.catalogue().city.departments],
            now,
        ),
        citizens=citizens_of(settings, web, queries, desk_vault, sealer.who, now, stamps),
        registers=registers_of(settings, web, sealer.who, now),
        suggestions=WebSuggestions(
            Services(open_engine(settings.store_url("web"), read_only=True))
        ),
        plan=plan,
        projects=WebProjects(
            cases,
            access,
            accounts,
            released.catalogue,
            ProjectDoor(client, queue, access=access, engine=cases, refusals=refusals),
            now,
            ZoneInfo(settings.zone),
            settings.page_role,
        ),
        performances=WebPerformance(
            cases,
            accounts,
            released.catalogue,
            PerformanceDoor(client, queue, access=access, engine=cases, refusals=refusals),
        ),
        process=WebProcess(
            cases,
            access,
            settings.zone,
            Signed(log, web, partial(city_policy, settings), sealer.who, now),
            settings.page_role,
        ),
        designs=WebDesigns(cases, released.catalogue, partial(read_text, released), press, now),
        project_reports=WebProjectReports(
            cases,
            access,
            released.catalogue,
            web,
            sealer.who,
            press,
            now,
            settings.zone,
            settings.page_role,
            plan.lines,
        ),
        warnings=WebWarnings(
            cases, access, asker_of_warnings(warning, asyncio.get_running_loop()), now
        ),
        deputies=deputies,
        duty=duty_of(settings, web, cases, access, released, desk_vault, sealer),
        lives=WebLives(AccountLife(web, record, settings.zone), accounts, changes, now),
        granting=WebGrants(
            changes,
            accounts,
            lambda: released.catalogue().city,
            lambda: access.policy,
            now,
        ),
        erasures=WebErasures(
            register, accounts, joining.catalogue().law, web_erasures.launch(settings)
        ),
        keeping=WebKeeping(cases, finder),
        log=WebLog(
            finder,
            reach,
            queries,
            accounts,
            vault,
            sealer.who,
            settings.zone,
            now,
            verify_child.launch(settings),
        ),
    )
    return application(ports, options_of(settings), AWAY), letters, desk, finder, watch, scanning


def duty_of(
    settings: Settings,
    web: Engine,
    cases: Engine,
    access: Access,
    released: Released,
    vault: SubjectVault,
    sealer: Sealer,
) -> WebDuty:
    """Return the rota and the notices for the pages."""

    def is_off(day: date) -> bool:
        calendar = released.catalogue().calendars.get(COMMON)
        return day.weekday() >= 5 if calendar is None else not calendar.is_working(day)

    return WebDuty(
        web,
        cases,
        access,
        lambda: [one.code for one in released.catalogue().city.departments],
        is_off,
        OpenIncidents(cases),
        partial(_in_app, wording_of(settings, cases)),
        vault,
        sealer.who,
        carried_by(settings),
        now,
        now,
        settings.zone,
    )


def _in_app(words: Callable[[KeptNotice, str], str], notice: KeptNotice) -> str:
    return words(notice, "in_app")


def subject_of(queries: Queries, case_id: str) -> str:
    """Return the pseudonym of a case's applicant. Raises `LookupError` for no such case."""
    state = queries.state(case_id)
    if state is None:
        raise LookupError(f"no case {case_id}")
    return state.subject


def options_of(settings: Settings) -> Options:
    """Return what the pages must know of the settings."""
    return Options(
        city_name=joining.catalogue().city.name,
        city_name_en=joining.catalogue().city.name_en,
        address=settings.address,
        hosts=hosts_of(settings),
        zone=settings.zone,
        upload_limit_bytes=settings.upload_limit_mb * 1024 * 1024,
        session_hours=settings.session_hours,
        wall_hours=settings.wall_hours,
        session_idle_minutes=settings.session_idle_minutes,
        step_up_minutes=settings.step_up_minutes,
        questions_per_minute=settings.questions_per_minute,
        pages_per_minute=settings.pages_per_minute,
        searches_per_minute=settings.searches_per_minute,
        exports_per_minute=settings.exports_per_minute,
        orders_per_minute=settings.orders_per_minute,
    )


def hosts_of(settings: Settings) -> tuple[str, ...]:
    """Return the names under which the pages may be called: against DNS rebinding.

    Listening on every address without a public one set, no name can be known beforehand.
    """
    host, _ = settings.web
    if not settings.public_url and _is_any(host):
        return ("*",)
    own = urlsplit(settings.address).hostname or host
    return tuple(dict.fromkeys((own, host, "127.0.0.1", "localhost")))


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: the role's are the ones that count."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(settings: Settings, listening: socket.socket) -> None:
    app, letters, desk, finder, watch, scanning = await compose(settings)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            # Only a proxy that an operator has put before us may say where a request comes from.
            proxy_headers=bool(settings.public_url),
            forwarded_allow_ips=settings.trusted_proxy or "127.0.0.1",
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
            timeout_graceful_shutdown=STOP_SECONDS,
            timeout_keep_alive=30,
            lifespan="off",
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    closing = threading.Event()
    running = beside(
        jobs(settings, desk, finder, watch, app.state.ports, closing.is_set),
        services(settings, app.state.ports, scanning),
    )
    async with running:
        await server.up.wait()
        roles.ready(settings, "web", settings.address)
        stopping = asyncio.create_task(roles.until_stopped())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        closing.set()
        app.state.closing.set()  # boards listen for as long as they are open
        server.should_exit = True
        await serving
        stopping.cancel()
    await letters.close()


def main(settings: Settings) -> int:
    """Serve until the process is asked to stop; requests under way may finish."""
    host, port = settings.web
    try:
        listening = socket.create_server((host, port), backlog=512)
    except OSError as busy:
        _log.error("网页端口 %s:%s 不能使用（%s）；请设 YICHUANG_WEB_PORT 换一个", host, port, busy)
        return 1
    with listening:
        asyncio.run(_serve(settings, listening))
    return 0
