"""That a store cannot be written, told where no store is needed: in the role's own note.

A step, a reading, a sign-in or a message commits together with its entry or not at all, so a store
that takes no entry lets nothing happen. Then somebody must be told, and by other means than that
store: every transaction of a role's process that is rolled back for such a fault is noted in the
role's note, which `bin/yichuang status` and the supervisors' board show; the next commit to the
same store takes it back. Where the disk is so full that the note cannot be written either, the
role's silence is what is told.
"""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.exc import DBAPIError, IntegrityError

from audit.outbox import ClockWentBack, EntryConflict
from audit.vault import KeyDestroyed
from cases.alarms import Alarm, KeptAlarm
from cases.database import is_reading
from yichuang import roles
from yichuang.settings import Settings

_lock = threading.Lock()
_failing: dict[str, tuple[datetime, str]] = {}


def watch() -> None:
    """Note from now on which stores cannot be written; once in a process, whatever its engines."""
    if not event.contains(Engine, "rollback", _rolled_back):
        event.listen(Engine, "rollback", _rolled_back)
        event.listen(Engine, "handle_error", _failed)
        event.listen(Engine, "commit", _committed)


def failing() -> dict[str, tuple[datetime, str]]:
    """Return the stores that cannot be written now, with since when and why."""
    with _lock:
        return dict(_failing)


def troubles(settings: Settings) -> list[KeptAlarm]:
    """Return what the roles on this machine say that they cannot write or do, as alarms for the
    board.

    They are in no store: that is what they are about.
    """
    found = []
    for note in roles.read_notes(settings):
        if note.is_alive and note.trouble:
            since = datetime.fromisoformat(note.trouble_since)
            alarm = Alarm(f"unwritable:{note.role}", "unwritable", f"{note.role}：{note.trouble}")
            found.append(KeptAlarm("-", alarm, since, since, ""))
        for job, at in note.stalled.items() if note.is_alive else ():
            since = datetime.fromisoformat(at)
            alarm = Alarm(f"stalled:{note.role}:{job}", "stalled", f"{note.role}：{job}没有完成")
            found.append(KeptAlarm("-", alarm, since, since, ""))
    return found


def _rolled_back(connection: Connection) -> None:
    # Called while the transaction's exception is handled, where there is one.
    fault = sys.exc_info()[1]
    if fault is not None:
        _note(connection, fault)


def _failed(context: ExceptionContext) -> None:
    # A store that is locked refuses the transaction's beginning: there is nothing to roll back.
    fault = context.sqlalchemy_exception
    if context.connection is not None and fault is not None:
        _note(context.connection, fault)


def _note(connection: Connection, fault: BaseException) -> None:
    if is_reading(connection) or not _is_trouble(fault):
        return
    store = _store_of(connection)
    with _lock:
        since, _ = _failing.get(store, (datetime.now(UTC), ""))
        _failing[store] = (since, _words(fault))
    _tell()


def _committed(connection: Connection) -> None:
    # Before the commit itself: one that fails is rolled back, and noted anew.
    if _failing:
        with _lock:
            gone = _failing.pop(_store_of(connection), None)
        if gone is not None:
            _tell()


def _is_trouble(fault: BaseException) -> bool:
    """Whether a fault says *not now* of the store; a row that may not be there says *no*."""
    if isinstance(fault, IntegrityError | KeyDestroyed):
        return False
    return isinstance(fault, DBAPIError | OSError | ClockWentBack | EntryConflict)


def _store_of(connection: Connection) -> str:
    url = connection.engine.url
    named = url.query.get("schema")
    if named:
        return str(named)
    return (url.database or "").rsplit("/", 1)[-1].removesuffix(".sqlite")


def _words(fault: BaseException) -> str:
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    return str(cause).splitlines()[0][:200]


def _tell() -> None:
    told = failing()
    said = "；".join(
        f"{store} 库自 {since.astimezone():%m-%d %H:%M} 起写不进：{why}"
        for store, (since, why) in sorted(told.items())
    )
    roles.trouble(said, min((since for since, _ in told.values()), default=None))
