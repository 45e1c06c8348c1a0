"""The process that verifies the whole log for a page: `python -m yichuang.verify_child ID`.

It says how far it is in the web store, keeps what it found there, and records `audit.verified`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Self

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from audit.entry import EntryDraft, What, Who, entry_id
from audit.logstore import LogMissing, LogReader
from audit.outbox import record
from audit.report import CLEAN, INCOMPLETE, TAMPERED, UNREADABLE
from audit.trust import MAX_AGE, PolicyInvalid
from cases import verifications
from cases.database import open_engine, reading
from yichuang import joining
from yichuang.anchoring import certificates
from yichuang.log_stores import LogUnreadable, keys_store, log_store, source_stores, telling
from yichuang.settings import Settings, as_environment, environment, from_environment
from yichuang.trusting import city_policy
from yichuang.verifying import Verdict, verify_everything

STREAM: Final = "sys:verify"
"""What verifications found, in the web store."""

VERIFIED: Final = "audit.verified"
FINDINGS: Final = {
    CLEAN: "clean", TAMPERED: "tampered", INCOMPLETE: "incomplete", UNREADABLE: "unreadable"
}  # fmt: skip
"""Exit code → what the entry's `why` says."""

NICE = 10
BEAT_SECONDS = 0.5


def launch(settings: Settings) -> Callable[[str], None]:
    """Return what starts the process for a verification; it outlives a page that is closed."""

    def start(id: str) -> None:
        subprocess.Popen(  # noqa: S603 -- ourselves
            [sys.executable, "-m", "yichuang.verify_child", id],
            env=environment() | as_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    return start


def carry_out(settings: Settings, id: str) -> int:
    """Verify, note the progress, keep the report and record the entry; return the exit code."""
    web = open_engine(settings.store_url("web"))
    entries = 0
    try:
        with _Beat(web, id, _size(settings)) as told:
            verdict = verdict_of(settings, told)
        code, report, entries = verdict.exit_code, verdict.as_json(), verdict.log.entries
    except (LogUnreadable, PolicyInvalid, LogMissing, SQLAlchemyError) as error:
        code, report = UNREADABLE, {"exit_code": UNREADABLE, "unreadable": str(error)}
    text = json.dumps(report, ensure_ascii=False)
    sealer = joining.sealer_of(settings, joining.vault_of(settings))
    now = datetime.now(UTC)
    with web.begin() as connection:
        asked = verifications.find(connection, id)
        if asked is None or not verifications.end(connection, id, code, text, now):
            return code  # it was taken for dead: another one may have begun
        draft = EntryDraft(
            id=entry_id(id, VERIFIED),
            stream=STREAM,
            at=now,
            who=Who(sealer.who(asked.asked_by), "human"),
            act=VERIFIED,
            obj=What("log", settings.origin, str(entries), sha256(text.encode()).hexdigest()),
            res="ok" if code in (CLEAN, INCOMPLETE) else "error",
            why=FINDINGS[code],
        )
        record(connection, draft)
    return code


def verdict_of(settings: Settings, told: Callable[[int], None]) -> Verdict:
    """Verify this city's log and rows under its own policy; `told` hears how many entries have
    been walked.

    Raises `LogUnreadable`, `PolicyInvalid`.
    """
    with telling():
        return verify_everything(
            log_store(settings),
            city_policy(settings),
            source_stores(settings),
            lag=MAX_AGE,
            authorities=certificates(settings),
            keys=keys_store(settings),
            told=told,
        )


class _Beat:
    """Says twice a second how far the walk is, and that somebody is at it."""

    def __init__(self, web: Engine, id: str, total: int) -> None:
        self._web, self._id, self._total = web, id, total
        self._seen = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __call__(self, seen: int) -> None:
        self._seen = seen

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._web.begin() as connection:
                now = datetime.now(UTC)
                verifications.beat(connection, self._id, self._seen, self._total, now)
            if self._stop.wait(BEAT_SECONDS):
                return


def _size(settings: Settings) -> int:
    with reading(open_engine(settings.store_url("log"), read_only=True)) as connection:
        return LogReader(connection).state().size


def main() -> int:
    os.nice(NICE)
    return carry_out(from_environment(), sys.argv[1])


if __name__ == "__main__":
    sys.exit(main())
