"""The sequencer as a role: drains the outboxes of every store into the log and has it sealed."""

from __future__ import annotations

import threading
from datetime import timedelta

from audit.sequencer import Sequencer
from audit.signer_door import SignerClient
from cases.database import open_engine
from yichuang import roles
from yichuang.anchoring import DailyAnchor
from yichuang.cosigning import Cosigner, Cosigning
from yichuang.national import second_client
from yichuang.settings import Settings, Store
from yichuang.trusting import city_policy

SOURCES: tuple[Store, ...] = ("cases", "web", "gateway", "readings", "log")
"""The stores that record entries. They go to the `log`, which records what befalls itself (a key
changed, a shard opened); `keys` records nothing."""


def sequencer(settings: Settings) -> Sequencer:
    """Return the sequencer of these settings' stores."""
    return Sequencer(
        open_engine(settings.store_url("log")),
        {name: open_engine(settings.store_url(name)) for name in SOURCES},
        SignerClient(settings.signer_socket),
        second=second_client(settings),
    )


def main(settings: Settings) -> int:
    """Run until the process is asked to stop; an altered outbox ends it, loudly."""
    stop = threading.Event()
    working = sequencer(settings)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            working.run(stop)
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            stop.set()

    thread = threading.Thread(target=run, name="sequencer")
    thread.start()
    daily = DailyAnchor(settings, open_engine(settings.store_url("log")))
    # An authority may take half a minute to answer: the sequencer does not wait for it.
    threading.Thread(target=daily.run, args=(stop,), name="anchor", daemon=True).start()
    log = open_engine(settings.store_url("log"))
    absent_after = timedelta(minutes=settings.witness_absent_minutes)
    cosigning = Cosigning(
        log, lambda: city_policy(settings), Cosigner(log, absent_after=absent_after)
    )
    threading.Thread(target=cosigning.run, args=(stop,), name="cosigning", daemon=True).start()
    roles.ready(settings, "sequencer", f"日志 {settings.origin}")
    while not roles.wait(roles.BEAT_SECONDS) and not stop.is_set():
        roles.beat()
    stop.set()
    thread.join()
    return 1 if failed else 0
