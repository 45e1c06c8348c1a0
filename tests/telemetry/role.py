"""The telemetry role with the stations and rules of the tests, in a process that may be killed.

    python -m tests.telemetry.role

Everything else is the real thing: consumer, rules process, store, relay. Settings as `yichuang`.
"""

from __future__ import annotations

import asyncio
import signal

from cases.database import open_engine
from rules.process import RulesProcess
from tests.telemetry.city import STATIONS, rules_of, trial_packs
from yichuang.bus import connect
from yichuang.reading_store import ReadingStore
from yichuang.reading_telling import Telling
from yichuang.relay import Relay
from yichuang.settings import Settings, from_environment
from yichuang.telemetry import Telemetry


async def serve(settings: Settings) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    engine = open_engine(settings.store_url("readings"))
    bus = await connect(settings, "telemetry")
    with RulesProcess() as process:
        rules = rules_of(trial_packs(), process)

        def make() -> ReadingStore:
            return ReadingStore(engine, STATIONS, rules, Telling("demo", "x", STATIONS, rules))

        relay = Relay(engine, bus.jetstream(), "readings")
        telemetry = Telemetry(bus, "demo", STATIONS, make, relay, lambda _user, _where: True)
        while True:
            try:
                await telemetry.declare()
                break
            except Exception:  # NATS is killed as well
                await asyncio.sleep(0.2)
        await telemetry.run(stop, lambda _: None)
    await bus.close()


if __name__ == "__main__":
    asyncio.run(serve(from_environment()))
