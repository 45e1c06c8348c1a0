"""The clocks of a case as rows: written with the step that changed them, compared with the ledgers.

The rows are views. What they hold is derived from clock events and calendar by
`cases.clocks.lines`; `refresh` writes what differs, `differences` names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from cases.clocks.lines import ClockLine
from cases.sql import Prepared, Statements
from cases.tables import clock, clock_share
from cases.tally_tables import tally_mark

Row = Mapping[str, Any]

_COLUMNS = tuple(column.name for column in clock.columns)
_TOLD = tuple(name for name in _COLUMNS if name != "calendar_version")
_SHARE_COLUMNS = tuple(column.name for column in clock_share.columns)


def write_lines(sql: Statements, dialect: str, case_id: str, changed: Sequence[ClockLine]) -> None:
    """Write the lines that a step changed, inside its transaction."""
    for line in changed:
        sql.run(_upserting(dialect), line.row(case_id))
        if line.shares:
            sql.run(_DROP_SHARES, {"c": case_id, "k": line.key})
            sql.each(_INSERT_SHARE, line.share_rows(case_id))


def refresh(connection: Connection, case_id: str, lines: Sequence[ClockLine]) -> list[str]:
    """Make the rows of a case what its ledgers say; return what differed. The caller commits."""
    found = differences(connection, case_id, lines)
    if found:
        connection.execute(delete(clock_share).where(clock_share.c.case_id == case_id))
        connection.execute(delete(clock).where(clock.c.case_id == case_id))
        rows = [line.row(case_id) for line in lines]
        shares = [row for line in lines for row in line.share_rows(case_id)]
        if rows:
            connection.execute(insert(clock), rows)
        if shares:
            connection.execute(insert(clock_share), shares)
        connection.execute(insert(tally_mark).values(case_id=case_id))
    return found


def differences(connection: Connection, case_id: str, lines: Sequence[ClockLine]) -> list[str]:
    """Return where the rows of a case are not what its ledgers say: `key.column: row ≠ ledger`.

    A row that another version of its calendar confirms is right, whichever version it names.
    """
    rows = connection.execute(select(clock).where(clock.c.case_id == case_id)).mappings()
    shares = connection.execute(select(clock_share).where(clock_share.c.case_id == case_id))
    wanted = {line.key: line.row(case_id) for line in lines}
    wanted_shares = {_share_key(row): row for line in lines for row in line.share_rows(case_id)}
    there = {row["key"]: dict(row) for row in rows}
    shares_there = {_share_key(dict(row)): dict(row) for row in shares.mappings()}
    return [
        *_compared(there, wanted, _TOLD),
        *_compared(shares_there, wanted_shares, _SHARE_COLUMNS),
    ]


def _share_key(row: Row) -> str:
    kind = "paused" if row["paused"] else "used"
    return f"{row['key']}/{kind}/{row['holder_kind']}:{row['holder']}"


def _compared(
    there: Mapping[str, Row], wanted: Mapping[str, Row], columns: Iterable[str]
) -> Iterable[str]:
    for key in sorted(there.keys() | wanted.keys()):
        row, line = there.get(key), wanted.get(key)
        if row is None or line is None:
            yield f"{key}: {'缺行' if row is None else '多行'}"
            continue
        for name in columns:
            if _plain(row[name]) != _plain(line[name]):
                yield f"{key}.{name}: {_plain(row[name])} ≠ {_plain(line[name])}"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


# --- statements ----------------------------------------------------------------------------------

_INSERT_SHARE = Prepared(insert(clock_share).inline())
_DROP_SHARES = Prepared(
    delete(clock_share).where(
        clock_share.c.case_id == bindparam("c"), clock_share.c.key == bindparam("k")
    )
)
_UPSERTS: dict[str, Prepared] = {}


def _upserting(dialect: str) -> Prepared:
    known = _UPSERTS.get(dialect)
    if known is None:
        fresh: Any = sqlite.insert(clock) if dialect == "sqlite" else postgresql.insert(clock)
        upsert = fresh.on_conflict_do_update(
            index_elements=list(clock.primary_key.columns),
            set_={c.name: fresh.excluded[c.name] for c in clock.columns if not c.primary_key},
        )
        known = _UPSERTS[dialect] = Prepared(upsert.inline())
    return known
