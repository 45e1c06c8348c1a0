"""The sequencer as a role: drains the outboxes of every store into the log and has it sealed."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

from sqlalchemy import Engine

from audit.logstore import LogReader
from audit.sequencer import Sequencer
from audit.signer_door import SignerClient
from audit.witness_ask import ask_witness
from cases.database import open_engine, reading
from yichuang import roles
from yichuang.anchoring import DailyAnchor
from yichuang.cosigning import Cosigner, Cosigning
from yichuang.national import second_client
from yichuang.settings import Settings, Store
from yichuang.sharding import Turning
from yichuang.trusting import city_policy

SOURCES: tuple[Store, ...] = ("cases", "web", "gateway", "readings", "signals", "log")
"""The stores that record entries. They go to the `log`, which records what befalls itself (a key
changed, a shard opened); `keys` records nothing."""


def sequencer(
    settings: Settings, signer: SignerClient | None = None, log: Engine | None = None
) -> Sequencer:
    """Return the sequencer of these settings' stores."""
    sources: dict[str, Engine] = {name: open_engine(settings.store_url(name)) for name in SOURCES}
    return Sequencer(
        log or open_engine(settings.store_url("log")),
        sources,
        signer or SignerClient(settings.signer_socket),
        second=second_client(settings),
    )


def main(settings: Settings) -> int:
    """Run until the process is asked to stop; an altered outbox ends it, loudly."""
    stop = threading.Event()
    log, signer = open_engine(settings.store_url("log")), SignerClient(settings.signer_socket)
    working = sequencer(settings, signer, log)
    second = second_client(settings)
    turning = Turning(settings, log, working, [signer] if second is None else [signer, second])
    failed: list[BaseException] = []

    def run() -> None:
        try:
            working.run(stop, turning)
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            stop.set()

    thread = threading.Thread(target=run, name="sequencer")
    thread.start()
    daily = DailyAnchor(settings, log)
    # An authority may take half a minute to answer: the sequencer does not wait for it.
    threading.Thread(target=daily.run, args=(stop,), name="anchor", daemon=True).start()
    absent_after = timedelta(minutes=settings.witness_absent_minutes)
    asking = partial(ask_witness, ca=settings.tls_ca)
    cosigner = Cosigner(log, absent_after=absent_after, ask=asking)
    cosigning = Cosigning(log, lambda: city_policy(settings), cosigner)
    threading.Thread(target=cosigning.run, args=(stop,), name="cosigning", daemon=True).start()
    roles.ready(settings, "sequencer", f"日志 {_name(log)}")
    while not roles.wait(roles.BEAT_SECONDS) and not stop.is_set():
        roles.beat()
    stop.set()
    thread.join()
    return 1 if failed else 0


def _name(log: Engine) -> str:
    with reading(log) as connection:
        return LogReader(connection).state().origin
