"""The cosignatures a log keeps of its heads, and how it stands with each witness: rows of the log's
store. The caller owns the transaction."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from audit.tables import audit_cosignature, audit_witness


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with one witness, by its key name.

    Asked `since`, last answered at `heard_at`, an alarm standing from `absent_at`; `fault` is what
    went wrong last, empty after an answer.
    """

    name: str
    since: datetime
    heard_at: datetime | None = None
    absent_at: datetime | None = None
    fault: str = ""

    @property
    def silent_since(self) -> datetime:
        """Since when nothing has been heard."""
        return self.heard_at or self.since


def keep_cosignature(connection: Connection, size: int, name: str, line: str, at: datetime) -> None:
    """Keep a witness's line on a head; a newer one takes the place of an older."""
    table = audit_cosignature
    fresh = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
    fresh = fresh.values(size=size, name=name, line=line, at=at)
    kept = connection.execute(fresh.on_conflict_do_nothing().returning(table.c.size)).first()
    if kept is None:
        here = (table.c.size == size, table.c.name == name, table.c.at < at)
        connection.execute(update(table).where(*here).values(line=line, at=at))


def last_cosigned(connection: Connection, name: str) -> tuple[int, datetime] | None:
    """Return size and time of the largest head a witness has cosigned, as far as is known here."""
    table = audit_cosignature.c
    query = select(table.size, table.at).where(table.name == name)
    row = connection.execute(query.order_by(table.size.desc()).limit(1)).first()
    return None if row is None else (row.size, _utc(row.at))


def standings(connection: Connection) -> list[Standing]:
    """Return how it stands with every witness that was ever asked, by name."""
    table = audit_witness
    rows = connection.execute(select(table).order_by(table.c.name))
    return [
        Standing(
            row.name,
            _utc(row.since),
            None if row.heard_at is None else _utc(row.heard_at),
            None if row.absent_at is None else _utc(row.absent_at),
            row.fault,
        )
        for row in rows
    ]


def keep_standing(connection: Connection, standing: Standing) -> None:
    """Keep how it stands with a witness."""
    table = audit_witness
    values = {
        "since": standing.since,
        "heard_at": standing.heard_at,
        "absent_at": standing.absent_at,
        "fault": standing.fault,
    }
    fresh = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
    fresh = fresh.values(name=standing.name, **values)
    connection.execute(fresh.on_conflict_do_update(index_elements=["name"], set_=values))


def forget_standing(connection: Connection, name: str) -> None:
    """Forget a witness that is asked no longer."""
    connection.execute(delete(audit_witness).where(audit_witness.c.name == name))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment  # SQLite drops the zone
