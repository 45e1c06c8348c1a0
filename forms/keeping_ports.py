"""What the pages of those who keep the house running need: what waits at its doors, backups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EventsOut:
    """The events on their way to NATS."""

    waiting: int
    oldest: datetime | None
    """Since when the oldest of them waits."""
    sent_last: datetime | None


@dataclass(frozen=True, slots=True)
class NoticesOut:
    """The notices of one channel in one state."""

    channel: str
    state: str
    n: int
    last: datetime


@dataclass(frozen=True, slots=True)
class BackupTold:
    """One backup or restore as the log has it."""

    entry: str
    """Id of its entry."""
    act: str
    """`backup_made` or `backup_restored`."""
    at: datetime
    instant: str
    """The instant that the backup is of, as its entry names it."""
    entries: str
    """Entries of the log then."""
    digest: str
    """SHA-256 of its list, hex."""


class Keeping(Protocol):
    """Counts of what waits, and what the log says of backups. Nothing of a case or a person."""

    def events_out(self) -> EventsOut: ...

    def notices_out(self) -> Sequence[NoticesOut]: ...

    def backups(self) -> Sequence[BackupTold]:
        """The newest of them, at most fifty, the newest first."""
        ...
