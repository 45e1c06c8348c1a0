"""The role `signals`: what sources say, from the streams into the store, and from there to the
incidents."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Engine

from audit.vault import SubjectVault, pseudonym
from cases import signal_rows
from cases.database import open_engine, reading
from cases.incidents.gathering import Heard
from cases.incidents.signal import incident_of
from cases.incidents.windows import matching
from cases.signal_windows import silences
from catalogue.load import HERE
from catalogue.stations import load_stations
from yichuang import joining, roles, temporal
from yichuang.beside import AWAY, Job, Service, beside
from yichuang.bus import connect
from yichuang.incident_door import IncidentDoor
from yichuang.key_log import note_subjects
from yichuang.keyring import pepper
from yichuang.refusals import RefusalLog
from yichuang.rewrapping import Rewrapper
from yichuang.services import Services
from yichuang.settings import Settings
from yichuang.signals.alarms import AlarmReader
from yichuang.signals.ends import EndsFollowed
from yichuang.signals.incidents import CityIncidents
from yichuang.signals.intake import Intake
from yichuang.signals.ordering import Ordering
from yichuang.signals.reading import SignalReader
from yichuang.signals.store import SignalStore, day_key

WORDS_DAYS: Final = 30
"""Days for which the words of signals are kept that came to no incident (a design: as long as a
signal may be late, `reading.LATEST`). 突发事件应对法第八十五条 lets personal data be used for the
incident alone."""
SWEPT_DAYS: Final = 14
"""How many days back a sweep looks: it runs every hour, and a fortnight's outage leaves no hole."""
SWEEP_EVERY: Final = timedelta(hours=1)
SILENCES_SECONDS: Final = 1.0
"""How old the list of planned windows may be."""

_log = logging.getLogger("yichuang.signals")


def normal_address(address: str) -> str:
    """Return an address as it is compared: without spaces, lower case."""
    return "".join(address.split()).casefold()


def reader_of(settings: Settings, services: Services) -> SignalReader:
    """Return the reader of this city's signals."""
    catalogue, secret = joining.catalogue(), pepper(settings)

    def spot(address: str) -> str:
        return pseudonym(secret, "spot", normal_address(address)).partition(":")[2]

    return SignalReader(
        settings.city, lambda: (catalogue.incident_types, catalogue.grid), services.sends_signals,
        spot,
    )  # fmt: skip


def vault_of(settings: Settings, engine: Engine) -> SubjectVault:
    """Return the vault over the keys that lie in the store of signals itself."""
    return joining.vault_of(settings, engine, note_subjects(engine, "signals"))


class Silences:
    """The planned windows, read anew at most once a second. Blocking."""

    def __init__(
        self, web: Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._web, self._now, self._read_at = web, now, float("-inf")
        self._find: Callable[[Heard], str] = lambda _: ""

    def current(self) -> Callable[[Heard], str]:
        """Return what says into which window a signal falls. Raises the store's errors: what is
        not known suppresses nothing, and a batch waits."""
        if time.monotonic() - self._read_at > SILENCES_SECONDS:
            with reading(self._web) as connection:
                self._find = matching(silences(connection, self._now()))
            self._read_at = time.monotonic()
        return self._find


def old_days(now: datetime) -> list[str]:
    """Return the keys of days so long past that nothing may be known of what was said then."""
    days = range(WORDS_DAYS + 1, WORDS_DAYS + 1 + SWEPT_DAYS)
    return [day_key(now - timedelta(days=one)) for one in days]


def _forget(store: SignalStore) -> None:
    now = datetime.now(UTC)
    store.forget(old_days(now), now)


async def _tell(intake: Intake, engine: Engine) -> None:
    def told() -> str:
        with reading(engine) as connection:
            waiting = signal_rows.counts(connection)["waiting_orders"]
        return f"{intake.told()} 待下达 {waiting}"

    while True:
        roles.beat(await asyncio.to_thread(told))
        await asyncio.sleep(roles.BEAT_SECONDS)


async def _incidents(settings: Settings, engine: Engine, services: Services) -> CityIncidents:
    """Return the door to the incidents, which signs its own warrants."""
    cases = open_engine(settings.store_url("cases"), read_only=True)
    released = joining.released_of(settings, cases)
    secret = pepper(settings)
    door = IncidentDoor(
        await temporal.connect(settings, lazy=True),
        settings.temporal_task_queue,
        access=joining.access_of(settings, "signals", released),
        engine=cases,
        refusals=RefusalLog(engine, "signalling", lambda user: pseudonym(secret, "account", user)),
    )
    return CityIncidents(door, services, lambda: joining.catalogue().incident_types)


async def _serve(settings: Settings) -> None:
    engine = open_engine(settings.store_url("signals"))
    vault = vault_of(settings, engine)
    web = open_engine(settings.store_url("web"), read_only=True)
    cases = open_engine(settings.store_url("cases"), read_only=True)
    services = Services(web)
    reader = reader_of(settings, services)
    catalogue = joining.catalogue()
    bus = await connect(settings, "signals")
    store = SignalStore(engine, vault, reader.kinds, incident_of, Silences(web).current)
    ordering = Ordering(engine, vault, store, await _incidents(settings, engine, services))
    alarms = AlarmReader(lambda: catalogue.incident_types, load_stations(HERE))
    intake = Intake(bus, settings.city, reader, store, alarms)
    await intake.declare()
    stop = asyncio.Event()
    working = asyncio.create_task(intake.run(stop))
    giving = asyncio.create_task(ordering.run(stop, intake.arrived))
    beating = asyncio.create_task(roles.until_stopped())
    jobs = [Job("过期信号内容的清除", partial(_forget, store), SWEEP_EVERY, AWAY)]
    services_beside = [
        Service("信号的计数", partial(_tell, intake, engine)),
        Service("换主密钥后重新包裹", Rewrapper(settings, "signals").run),
        Service("随事件销毁信号", EndsFollowed(store, cases, lambda: datetime.now(UTC)).run),
    ]
    roles.ready(settings, "signals", intake.told())
    async with beside(jobs, services_beside):
        try:
            await asyncio.wait({working, giving, beating}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.set()
    await asyncio.gather(working, giving)  # raises what ended it
    await bus.drain()


def main(settings: Settings) -> int:
    """Take signals until the process is asked to stop."""
    asyncio.run(_serve(settings))
    return 0
