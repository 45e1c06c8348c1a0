"""The worker: joins law, rules, warrants, press and rows into the one activity, and runs the cases.

`activities`, `rules` and `policies` do not know one another; they meet here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from temporalio import activity
from temporalio.client import Client

from activities.alarming import Alarms
from activities.announcing import Announcer
from activities.forging import Doubting, Forgeries, ForgeryWatch
from activities.funding import Funding
from activities.incidents import IncidentSettlement
from activities.lapsing import Lapsing
from activities.looking_ahead import Ahead, CardsAhead, LookingAhead
from activities.papers import Press
from activities.paying import Paying
from activities.performing import Performing
from activities.plan_reports import PlanReports
from activities.planning import Planned, Planner, Verify, Walked
from activities.press import DocumentPress
from activities.projects import ProjectSettlement
from activities.releasing import Releasing
from activities.releasing import Verify as VerifyOn
from activities.retiming import Retiming
from activities.sealing import Sealer
from activities.settle import Settlement
from activities.simulating import Simulating
from activities.supervising import Supervision
from activities.trials import Trials
from activities.warning import Announcing
from cases.attached_rows import KeptFiles
from cases.database import open_engine
from cases.messages import OF_LAW, Command, Warrant
from cases.queries import facts_by
from cases.settling import Forged, RuleForbids
from cases.standing import Standings
from catalogue.kpis import load_kpis
from catalogue.load import Catalogue
from catalogue.working_days import Calendar
from policies.warrants import CLOCK_SKEW, WarrantInvalid, WarrantKeys, WarrantSigner, verify
from rules.process import RulesProcess
from yichuang import joining, roles, temporal
from yichuang.asked_again import AskedAgain
from yichuang.beside import Job, beside
from yichuang.calendar_changes import CalendarChanges
from yichuang.calendar_watch import CalendarWatch
from yichuang.card_changes import CityCardChanges
from yichuang.card_rules import CityAddressees, CityCardRules
from yichuang.card_watch import CardWatch
from yichuang.case_signals import CaseSignals
from yichuang.duty_watch import DutyWatch
from yichuang.fund_watch import FundWatch
from yichuang.incident_rules import CityIncidentRules
from yichuang.key_log import note_subjects
from yichuang.payment_rules import CityPaymentRules
from yichuang.performance_watch import PerformanceWatch
from yichuang.plan_watch import PlanWatch
from yichuang.project_grounds import project_grounds
from yichuang.project_rules import CityProjectRules
from yichuang.release_gates import Gates, period
from yichuang.released import Released
from yichuang.ruling import CityRules
from yichuang.settings import SettingMissing, Settings, Store
from yichuang.simulating import changes_limits
from yichuang.simulation_child import ChildSimulator
from yichuang.witness_watch import WitnessWatch
from yichuang.worker_beside import (
    CALENDAR_EVERY,
    CARDS_EVERY,
    LAPSES_EVERY,
    SWEEP_EVERY,
    WITNESS_EVERY,
    services,
    summing,
    sweep,
    watch,
)
from yichuang.workflow_gate import WorkflowGate, WorkflowRefused, running

THREADS = 4
"""Activities at once. SQLite has one writer; what is beside the transaction overlaps."""

_log = logging.getLogger("yichuang.worker")


@dataclass(frozen=True, slots=True)
class LawfulPlanner(Planner):
    """A planner that holds the worker's pen: a timer of the law gets its warrant here.

    Never before its instant, by the server's clock: whoever calls early is no timer.
    """

    pen: WarrantSigner | None = None
    policy: Callable[[], str] = str
    """The version of the policy in force."""

    def plan(self, walked: Walked, command: Command) -> Planned:
        """Plan the step; an order of the law is warranted by its article first."""
        if command.verb in OF_LAW and self.pen is not None:
            if command.occurred_at - _scheduled_at(self.now) > CLOCK_SKEW:
                raise Forged("timer_early", "期限未到，不是定时器发出的", "", "occurred_at")
            warrant = self.pen.of_law(command, self.policy(), self.now())
            command = command.model_copy(update={"warrant": warrant})
        return Planner.plan(self, walked, command)


@dataclass(frozen=True, slots=True)
class LawfulRings:
    """Warrants a life's own instants, never before they came by the server's clock."""

    object_type: str
    pen: WarrantSigner
    policy: Callable[[], str]
    now: Callable[[], datetime]

    def __call__(self, command: Command) -> Command:
        if command.actor.id != "system" or command.source.door != "worker":
            raise Forged("of_law", "定时令只能由流程发出", "", "actor")
        if command.occurred_at - _scheduled_at(self.now) > CLOCK_SKEW:
            raise Forged("timer_early", "期限未到，不是定时器发出的", "", "occurred_at")
        warrant = self.pen.of_law(command, self.policy(), self.now(), self.object_type)
        return command.model_copy(update={"warrant": warrant})


def _scheduled_at(now: Callable[[], datetime]) -> datetime:
    """Return when the server scheduled what we are doing: its clock is the timers' clock."""
    return activity.info().scheduled_time if activity.in_activity() else now()


def warrant_check(
    keys: WarrantKeys, knows_policy: Callable[[str], bool] = lambda version: True
) -> Verify:
    """Return what says what is wrong with a command's warrant, its signature included.

    `knows_policy` tells whether a version was ever signed in this city.
    """

    def check(command: Command) -> RuleForbids | None:
        warrant = command.warrant
        # Admission judged the expiry; at the warrant's own instant it has not expired.
        admitted_at = warrant.issued_at if warrant else datetime.now(UTC)
        try:
            proved = verify(warrant, command, keys, admitted_at)
        except WarrantInvalid as wrong:
            return Forged(wrong.code, wrong.reason, "", "warrant")
        return _of_a_policy(proved, knows_policy)

    return check


def _of_a_policy(warrant: Warrant, knows_policy: Callable[[str], bool]) -> Forged | None:
    if knows_policy(warrant.policy):
        return None
    return Forged("unknown_policy", "许可凭证所依据的策略版本从未在本市生效", "", "warrant")


def warrant_check_on(
    keys: WarrantKeys, knows_policy: Callable[[str], bool] = lambda version: True
) -> VerifyOn:
    """Return what says what is wrong with the warrant of an order to something that is no case.

    Its workflow begins with it, so that the door signed it just before: expired, it was kept.
    """

    def check(
        command: Command, admitted_at: datetime, object_type: str, act: str
    ) -> RuleForbids | None:
        try:
            proved = verify(
                command.warrant, command, keys, admitted_at, object_type=object_type, act=act
            )
        except WarrantInvalid as wrong:
            return Forged(wrong.code, wrong.reason, "", "warrant")
        return _of_a_policy(proved, knows_policy)

    return check


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a worker process works with."""

    settlement: Settlement
    releasing: Releasing
    rules: RulesProcess
    cases: Engine
    calendar_watch: CalendarWatch
    card_watch: CardWatch
    duty_watch: DutyWatch
    plan_watch: PlanWatch
    fund_watch: FundWatch
    witness_watch: WitnessWatch | None
    """None where this process cannot read the log."""
    alarms: Alarms
    retiming: Retiming
    simulating: Simulating
    paying: Paying
    funding: Funding
    announcing: Announcing
    lapsing: Lapsing
    plan_reports: PlanReports
    performing: Performing
    performance_watch: PerformanceWatch
    incidents: IncidentSettlement
    projects: ProjectSettlement
    signals: CaseSignals
    """Must be given the client before an activity tells a case anything."""
    doubting: Doubting
    forgery_watch: ForgeryWatch
    unseparated: Callable[[], Sequence[str]]
    """How one person could do two separated steps, asked before changed workflow code starts."""

    def activities(self) -> tuple[Callable[..., Any], ...]:
        """Return every activity there is (held by tests/house/test_registered.py)."""
        return (
            self.settlement.settle,
            self.releasing.act,
            self.retiming.retime,
            self.simulating.simulate,
            self.paying.judge,
            self.funding.settle,
            self.announcing.announce,
            self.plan_reports.take,
            self.performing.settle,
            self.incidents.settle,
            self.projects.settle,
            self.doubting.doubt,
        )

    def jobs(self) -> tuple[Job, ...]:
        """Return what a worker looks at now and again, beside running cases."""
        every = [
            sweep(self.settlement),
            watch("缺年份的日历", self.calendar_watch.look, CALENDAR_EVERY),
            watch("无人收的监察牌", self.card_watch.look, CARDS_EVERY),
            watch("无人值守的班次", self.duty_watch.look, CARDS_EVERY),
            watch("绩效评价和整改的逾期", self.performance_watch.look, CALENDAR_EVERY),
            watch("该付未付和闲置的资金", self.fund_watch.look, CALENDAR_EVERY),
            watch("预警到期", self.lapsing.look, LAPSES_EVERY),
            watch("伪造的命令", self.forgery_watch.look, SWEEP_EVERY),
            watch("方案指标的季末留存", self.plan_watch.look, SWEEP_EVERY),
        ]
        if self.witness_watch is not None:
            every.append(watch("日志见证", self.witness_watch.look, WITNESS_EVERY))
        return tuple(every)


@contextmanager
def workshop(
    settings: Settings,
    press: Press | None = None,
    catalogue: Callable[[], Catalogue] | None = None,
) -> Iterator[Workshop]:
    """Open what the worker works with: the versions in force, read as they change.

    `press`: another than the printing processes. `catalogue`: another than the register's.
    """
    cases = open_engine(settings.store_url("cases"))
    keys = open_engine(settings.store_url("keys"))
    released = joining.released_of(settings, cases)
    catalogue = catalogue or released.catalogue
    printing: DocumentPress | None = None
    if press is None:
        press = printing = DocumentPress(catalogue, f"{settings.address}/verify")
    vault = joining.vault_of(settings, keys, note_subjects(cases, "cases"))
    sealer = joining.sealer_of(settings, vault)
    try:
        with (
            RulesProcess(released.packs().values()) as rules,
            _readable(settings, "web") as web,
            _readable(settings, "log") as log,
        ):
            if web is None:
                raise SettingMissing(
                    "办件进程须能读人员账号（办理前再问一次权限）：请设 YICHUANG_WEB_URL"
                )
            standings = Standings(web)
            again = AskedAgain(
                joining.access_of(settings, "worker", released),
                standings,
                catalogue,
                _now,
                facts_by(cases),
            )
            city_rules = CityRules(rules, released.packs, cases)
            addressees = CityAddressees(catalogue().city, web)
            planner = LawfulPlanner(
                engine=cases,
                sealer=sealer,
                catalogue=catalogue,
                rules=city_rules,
                verify=warrant_check(joining.warrant_keys(settings), released.knows_policy),
                again=again.of_case,
                press=press,
                announcer=Announcer(settings.city, f"{settings.address}/schemas"),
                now=_now,
                pen=joining.warrant_signer(settings, "worker"),
                policy=lambda: released.policy().version,
                supervision=Supervision(CityCardRules(city_rules, released), addressees),
                names=standings.names,
            )
            alarms = Alarms(settings.city, f"{settings.address}/schemas")
            forgeries = Forgeries(alarms)
            settlement = Settlement(
                cases, planner, forgeries, namespace=settings.temporal_namespace
            )
            watch = CalendarWatch(cases, alarms, catalogue, _now)
            cards = CardWatch(cases, alarms, addressees, addressees.city, _now)
            witnesses = WitnessWatch(cases, log, alarms, _now) if log else None
            forecasts = CityCardChanges(cases, planner, city_rules, released, addressees, _now)
            ahead: Mapping[str, Ahead] = {
                "calendar": LookingAhead(cases, CalendarChanges(cases, _now), _now),
                "rules": CardsAhead(cases, forecasts, _now),
            }
            releasing = _releasing(
                settings, cases, sealer, released, watch, ahead, again, forgeries
            )
            signals = CaseSignals()
            retiming = Retiming(cases, _anew(released, catalogue), forecasts, signals.retime, _now)
            simulating = Simulating(cases, ChildSimulator(settings), _now)
            grounds = project_grounds()
            paying = Paying(
                cases,
                sealer,
                warrant_check_on(joining.warrant_keys(settings), released.knows_policy),
                again.of_thing,
                forgeries,
                CityPaymentRules(city_rules, released),
                lambda: frozenset(one.code for one in catalogue().city.departments),
                settings.city,
                f"{settings.address}/schemas",
                settings.zone,
                _now,
                grounds,
            )
            funding = Funding(
                cases,
                sealer,
                warrant_check_on(joining.warrant_keys(settings), released.knows_policy),
                again.of_thing,
                forgeries,
                grounds,
                lambda: frozenset(one.code for one in catalogue().city.departments),
                settings.city,
                f"{settings.address}/schemas",
                settings.zone,
                _now,
            )
            performing = Performing(
                cases,
                sealer,
                warrant_check_on(joining.warrant_keys(settings), released.knows_policy),
                again.of_thing,
                forgeries,
                CityPaymentRules(city_rules, released),
                catalogue,
                settings.city,
                f"{settings.address}/schemas",
                settings.zone,
                _now,
                KeptFiles(web),
            )
            announcing = Announcing(
                cases,
                sealer,
                warrant_check_on(joining.warrant_keys(settings), released.knows_policy),
                again.of_thing,
                forgeries,
                settings.city,
                settings.address,
                lambda: catalogue().grid,
                _now,
            )
            lapsing = Lapsing(
                cases, settings.city, settings.address, lambda: catalogue().grid, _now
            )
            plan_reports = PlanReports(
                cases,
                sealer,
                warrant_check_on(joining.warrant_keys(settings), released.knows_policy),
                again.of_thing,
                forgeries,
                load_kpis(),
                settings.zone,
                _now,
            )
            pen = joining.warrant_signer(settings, "worker")
            incidents = IncidentSettlement(
                cases,
                sealer,
                warrant_check_on(joining.warrant_keys(settings), released.knows_policy),
                LawfulRings("incident", pen, lambda: released.policy().version, _now),
                again.of_incident,
                forgeries,
                CityIncidentRules(city_rules, released),
                catalogue,
                settings.city,
                f"{settings.address}/schemas",
                settings.zone,
                _now,
                KeptFiles(web),
            )
            projects = ProjectSettlement(
                cases,
                sealer,
                warrant_check_on(joining.warrant_keys(settings), released.knows_policy),
                LawfulRings("project", pen, lambda: released.policy().version, _now),
                again.of_project,
                forgeries,
                CityProjectRules(city_rules, released),
                catalogue,
                settings.city,
                f"{settings.address}/schemas",
                settings.zone,
                _now,
            )
            yield Workshop(
                settlement,
                releasing,
                rules,
                cases,
                watch,
                cards,
                DutyWatch(cases, web, alarms, addressees.city, _now),
                PlanWatch(cases, load_kpis(), settings.zone, _now),
                FundWatch(
                    cases, alarms, CityPaymentRules(city_rules, released), settings.zone, _now
                ),
                witnesses,
                alarms,
                retiming,
                simulating,
                paying,
                funding,
                announcing,
                lapsing,
                plan_reports,
                performing,
                PerformanceWatch(
                    cases, alarms, CityPaymentRules(city_rules, released), settings.zone, _now
                ),
                incidents,
                projects,
                signals,
                Doubting(cases, forgeries, _now),
                ForgeryWatch(cases, alarms, _now),
                Gates(released, joining.warrant_signer(settings, "worker"), _now).unseparated,
            )
    finally:
        if printing is not None:
            printing.close()
        cases.dispose()
        keys.dispose()


@contextmanager
def _readable(settings: Settings, store: Store) -> Iterator[Engine | None]:
    """Open another's store for reading: the accounts, for whom a card is; the log, for how it
    stands with its witnesses. None where this process has no way."""
    try:
        engine = open_engine(settings.store_url(store), read_only=True)
    except SettingMissing:
        yield None
        return
    try:
        yield engine
    finally:
        engine.dispose()


def _releasing(
    settings: Settings,
    cases: Engine,
    sealer: Sealer,
    released: Released,
    watch: CalendarWatch,
    ahead: Mapping[str, Ahead],
    again: AskedAgain,
    forgeries: Forgeries,
) -> Releasing:
    gates = Gates(released, joining.warrant_signer(settings, "worker"), _now)

    def activated() -> None:
        released.look_again()
        watch.look()

    return Releasing(
        cases,
        sealer,
        warrant_check_on(joining.warrant_keys(settings), released.knows_policy),
        again.of_thing,
        forgeries,
        gates.by_kind(),
        lambda release: period(release, _now()),
        _now,
        activated,
        ahead,
        Trials(
            lambda one: changes_limits(released, one, _now()),
            settings.dossier_months,
            timedelta(days=settings.dossier_days),
        ),
    )


def _anew(
    released: Released, catalogue: Callable[[], Catalogue]
) -> Callable[[], Mapping[str, Calendar]]:
    """Return what reads the calendars in force, however lately somebody has looked."""

    def calendars() -> Mapping[str, Calendar]:
        released.look_again()
        return catalogue().calendars

    return calendars


def _now() -> datetime:
    return datetime.now(UTC)


def main(settings: Settings) -> int:
    """Run until the process is asked to stop; running activities may finish."""
    with workshop(settings) as shop:
        try:
            asyncio.run(_serve(settings, shop))
        except WorkflowRefused as refused:
            _log.error("%s", refused)
            return 1
    return 0


async def _serve(settings: Settings, shop: Workshop) -> None:
    client = shop.signals.client = await temporal.connect(settings)
    queue = settings.temporal_task_queue
    await workflow_gate(client, shop).pass_through()
    # Two more than settle at once: telling the cases of another calendar waits most of the time,
    # and a simulation is done by a process of its own.
    at_once = THREADS + 2
    with ThreadPoolExecutor(at_once, thread_name_prefix="settle") as threads:
        async with temporal.make_worker(client, queue, shop.activities(), threads, at_once):
            roles.ready(settings, "worker", f"任务队列 {queue}")
            jobs = (*shop.jobs(), summing(settings, shop.cases))
            async with beside(jobs, services(settings, shop.cases, shop.alarms, client)):
                await roles.until_stopped()


def workflow_gate(client: Client, shop: Workshop) -> WorkflowGate:
    """Return the gate that changed workflow code passes before it goes on with what runs here."""
    return WorkflowGate(
        shop.cases,
        temporal.WORKFLOWS,
        client.data_converter,
        running(client, temporal.WORKFLOWS, _now()),
        shop.unseparated,
        _now,
    )
