"""What the process of the pages does beside serving them: its jobs and services, by name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError, OperationalError

from activities.press import PressFailed
from audit.logstore import LogMissing
from cases.account_life import AccountLife
from cases.accounts import Accounts
from cases.database import StoreUnwritable, open_engine
from cases.delegations import NotOpen
from cases.deliveries import CHANNELS
from cases.desk import Desk
from cases.incoming import Incoming
from cases.messages import Actor
from cases.reception import NotNow
from catalogue.cap_sources import CapSource, load_cap_sources
from catalogue.load import HERE
from forms.intake_ports import CapAnswer
from forms.ports import Ports
from policies.identity import Credentials
from policies.policy import PolicyStale
from yichuang import joining, way_in
from yichuang.access_watch import AccessWatch
from yichuang.beside import Job, Service
from yichuang.digest_maker import DigestMaker
from yichuang.feeds import Puller, pulling
from yichuang.notices.finding import CENTRE, Lookup
from yichuang.notifier import carried_by
from yichuang.rewrapping import Rewrapper
from yichuang.scanning import Quarantine
from yichuang.services import CITY_SIGNALS, Services
from yichuang.settings import Settings
from yichuang.signal_desk import SignalDesk, answering, sender_of
from yichuang.web_accounts import recorder
from yichuang.web_attached import AttachedEnds
from yichuang.web_deputies import WebDeputies
from yichuang.web_intake import WebIntake
from yichuang.web_lives import life_of
from yichuang.web_log import Finder

AWAY: Final = (OperationalError, StoreUnwritable, PolicyStale, LogMissing, PressFailed)
"""Errors after which a page says that it cannot know, and asks for the same again."""

FASTER: Final = (*AWAY, NotOpen, IntegrityError)
"""`AWAY`, and that another process of the pages was faster."""

WATCH_EVERY: Final = timedelta(minutes=2)
"""How often it is looked whether somebody's access is unusual."""
FOLLOW_EVERY: Final = timedelta(seconds=5)
"""Between two looks at what the log has new; a search looks once more itself."""
LIVES_EVERY: Final = timedelta(seconds=30)
"""How late at most what is past its term is ended: a session of its owner lives so much longer."""
DIGESTS_EVERY: Final = timedelta(seconds=30)
FORGET_EVERY: Final = timedelta(hours=1)

UNUSED_UPLOADS_KEPT: Final = timedelta(days=30)
"""An upload that no case has after so long is deleted (个人信息保护法第十九条: the shortest time
that the purpose needs; drafts are finished within weeks)."""
DRAFTS_KEPT: Final = timedelta(days=90)
"""A draft that nobody has saved for so long is deleted (第十九条)."""
COMING_KEPT: Final = timedelta(days=1)
"""A file that began to come and never arrived: its sender's page is long closed."""

COMMON: Final = "cn"
"""The calendar by which a rota and the digests know days off: the country's."""

_log = logging.getLogger("yichuang.web")


def now() -> datetime:
    """Return the instant, in UTC."""
    return datetime.now(UTC)


def jobs(
    settings: Settings,
    desk: Desk,
    finder: Finder,
    watch: AccessWatch,
    ports: Ports,
    is_stopping: Callable[[], bool],
) -> tuple[Job, ...]:
    """Return what is looked at now and again. `is_stopping`: asked in the middle of long work."""
    deputies = ports.deputies
    assert isinstance(deputies, WebDeputies)  # as `compose` made it
    # Delegations that time, an account or a grant has ended have ceased to count by themselves.
    return (
        Job("清理无用的上传和草稿", _forgetting(settings, desk), FORGET_EVERY, AWAY),
        Job("日志检索的索引", lambda: finder.catch_up(is_stopping), FOLLOW_EVERY, AWAY),
        Job("异常访问的监测", _watching(watch), WATCH_EVERY, FASTER),
        Job("账号到期和休眠", _ending(life_of(settings)), LIVES_EVERY, AWAY),
        Job("结束到期的代理", deputies.close_lapsed, WATCH_EVERY, FASTER),
        Job("每日汇总", _digesting(digests_of(settings, ports)), DIGESTS_EVERY, AWAY),
    )


def services(settings: Settings, ports: Ports, scanning: Quarantine | None) -> tuple[Service, ...]:
    """Return what runs for as long as the pages are served."""
    found = [
        Service("总线上的预警和信号问答", lambda: answering(settings, _signals(settings, ports))),
        Service("换主密钥后重新包裹", Rewrapper(settings, "web").run),
    ]
    feeds = _feeds(settings, ports)
    if feeds:
        found.append(Service("抓取预警源", lambda: pulling(feeds)))
    if scanning is not None:
        found.append(Service("查毒", scanning.run))
    return tuple(found)


# --- jobs ------------------------------------------------------------------------------------


def _forgetting(settings: Settings, desk: Desk) -> Callable[[], None]:
    cases = open_engine(settings.store_url("cases"), read_only=True)
    ends = AttachedEnds(cases, desk, way_in.desk_vault_of(settings, desk.engine))

    def forget() -> None:
        gone = desk.forget_unused(now() - UNUSED_UPLOADS_KEPT)
        gone += Incoming(desk.engine).forget(now() - COMING_KEPT)
        _log.info("%d unused uploads deleted", gone)
        gone = desk.forget_drafts(now() - DRAFTS_KEPT)
        _log.info("%d drafts deleted that nobody went on with", gone)
        ends.look()

    return forget


def _watching(watch: AccessWatch) -> Callable[[], None]:
    def look() -> None:
        raised, cleared = watch.look()
        if raised or cleared:
            _log.warning("unusual access: %d found, %d gone", len(raised), len(cleared))

    return look


def _ending(life: AccountLife) -> Callable[[], None]:
    def look() -> None:
        for one in life.end_due(now()):
            told = "%s is due (%s) and spared" if one.spared else "%s ended (%s)"
            _log.warning(told, one.account.id, one.why)

    return look


def _digesting(maker: DigestMaker) -> Callable[[], None]:
    def make() -> None:
        made = maker.make()
        if made:
            _log.info("%d digests made", made)

    return make


def digests_of(settings: Settings, ports: Ports) -> DigestMaker:
    """Return what makes the digests over the stores of the pages."""
    web = open_engine(settings.store_url("web"))
    sealer = joining.sealer_of(settings, way_in.desk_vault_of(settings, web))
    return DigestMaker(
        web,
        Accounts(web, Credentials(), recorder(sealer.who, lambda: str(uuid4()))),
        ports.reader,
        ports.access,
        ports.own.unread,
        Lookup(CENTRE, [one for one in CHANNELS if one in carried_by(settings)]),
        lambda: ports.catalogue.calendar(COMMON),
        ZoneInfo(settings.zone),
        now,
    )


# --- services --------------------------------------------------------------------------------


def _signals(settings: Settings, ports: Ports) -> SignalDesk:
    """Return who takes alerts and questions about signals over NATS, by the ports of the pages."""

    def may(actor: Actor) -> str:
        verdict = ports.access.may(actor, "report", "incident")
        return "" if verdict.allowed else verdict.reason

    known = Services(open_engine(settings.store_url("web"), read_only=True))
    return SignalDesk(settings.city, ports.intake, sender_of(known), may)


def _feeds(settings: Settings, ports: Ports) -> list[Puller]:
    """Return the feeds of publishers who do not send their alerts themselves."""
    find = sender_of(Services(open_engine(settings.store_url("web"), read_only=True)))

    async def take(source: CapSource, body: bytes) -> CapAnswer:
        actor = await asyncio.to_thread(find, CITY_SIGNALS)
        if actor is None:
            raise NotNow(f"没有账号 {CITY_SIGNALS}")
        intake = ports.intake
        assert isinstance(intake, WebIntake)  # as `compose` made it
        return await intake.take_pulled(actor, source, body)

    return [Puller(one, take) for one in load_cap_sources(HERE).sources if one.feed]
