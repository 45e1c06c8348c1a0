"""Series, batches and refused readings as rows. The caller owns the transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from cases.readings_tables import batch, dead_reading, reading_hour, series

SeriesKey = tuple[str, str, str]
"""(station, item or empty, observed or forecast)"""


@dataclass(frozen=True, slots=True)
class DeadReading:
    """A reading that could not be taken. `place` counts from 0; -1 is the whole message."""

    stream_seq: int
    place: int
    digest: str
    subject: str
    field: str
    reason: str
    remedy: str
    body: str


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One message that was taken, with how many of its readings fared how."""

    stream_seq: int
    subject: str
    message_id: str
    taken: int
    repeated: int
    corrected: int
    refused: int


def all_series(connection: Connection) -> dict[SeriesKey, int]:
    """Return every series' number."""
    rows = connection.execute(select(series)).all()
    return {(row.station, row.item, row.kind): row.id for row in rows}


def newest_hours(connection: Connection) -> dict[int, int]:
    """Return the newest hour stored of each series that has one."""
    newest = (
        select(func.max(reading_hour.c.hour))
        .where(reading_hour.c.series == series.c.id)
        .scalar_subquery()
    )
    rows = connection.execute(select(series.c.id, newest))
    return {number: hour for number, hour in rows if hour is not None}


def last_batch(connection: Connection) -> int:
    """Return the number of the last batch; 0 for none."""
    return int(connection.execute(select(func.coalesce(func.max(batch.c.n), 0))).scalar_one())


def new_series(connection: Connection, fresh: Mapping[SeriesKey, int]) -> None:
    """Insert series under their numbers."""
    rows = [
        {"id": number, "station": station, "item": item, "kind": kind}
        for (station, item, kind), number in fresh.items()
    ]
    if rows:
        connection.execute(insert(series), rows)


def note_batches(
    connection: Connection, first: int, batches: Sequence[BatchRow], at: datetime
) -> None:
    """Insert batches under the numbers from `first` on: the fence against a second writer, whose
    insert fails."""
    connection.execute(
        insert(batch),
        [
            {
                "n": first + n, "stream_seq": one.stream_seq, "subject": one.subject[:200],
                "message_id": one.message_id[:200], "taken": one.taken, "repeated": one.repeated,
                "corrected": one.corrected, "refused": one.refused, "recorded_at": at,
            }
            for n, one in enumerate(batches)
        ],
    )  # fmt: skip


def bury(connection: Connection, letters: Sequence[DeadReading], at: datetime) -> None:
    """Keep readings that could not be taken; one that is known changes nothing."""
    if not letters:
        return
    rows: list[dict[str, Any]] = [
        {
            "stream_seq": one.stream_seq, "place": one.place, "digest": one.digest,
            "subject": one.subject[:200], "field": one.field[:100], "reason": one.reason,
            "remedy": one.remedy, "body": one.body[:2000], "at": at,
        }
        for one in letters
    ]  # fmt: skip
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(dialect.insert(dead_reading).on_conflict_do_nothing(), rows)
