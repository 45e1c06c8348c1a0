"""More cases for a city to measure pages in: those of the demo city once more, as rows.

Every case of the demo came through the door and was settled; each is copied in the store itself,
with an id and number of its own, its instants so many days earlier, its applicant sealed anew. Four
copies in five are of cases that ended. Of a copy only what lists, boards, searches and figures read
is there: no sealed words, documents' files or materials, and no workflow waits for it. SQLite's own
SQL, so that a million take minutes: many at once are written without journal, indexes and triggers,
which are put back when all are there.

Copies of one case by as many days put the same into the sums that boards show. So one of them is
told by the product's own conditions (`cases.tally`), and the others take its words.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, Connection, Engine, Table, bindparam, func, select, text, update

from activities.sealing import Sealer
from cases import tally
from cases.card_tables import card, card_mark
from cases.database import Instant, reading
from cases.index_tables import case_index
from cases.messages import Person
from cases.seen import Group
from cases.store import place
from cases.tables import (
    case,
    case_compartment,
    clock,
    clock_event,
    clock_share,
    document,
    hand,
    state,
    step,
    task,
    timer,
)
from cases.tally_tables import tally as kept_tally

FIRST: Final = "COPY"
"""How numbers of copies begin."""
ZONE: Final = "Asia/Shanghai"
PORTION: Final = 10_000
SUMMED_AT_ONCE: Final = 2_000
MANY: Final = 50_000
"""From so many copies on, the store is written without journal, indexes and triggers meanwhile."""
CACHE_MB: Final = 1_024
ENDED_IN_TEN: Final = 8
MOST_DAYS: Final = 700
"""Copies of ended cases lie so far back at most; of open ones a tenth of it."""
OTHERS: Final = 2_000
"""Colleagues who hold copies: nobody has every case on their own list."""
SURNAMES: Final = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
COPIED: Final = (case, case_compartment, case_index, state, step, clock_event, clock, clock_share,
                 task, timer, hand, document, card, card_mark)  # fmt: skip


def multiplied(engine: Engine, sealer: Sealer, size: int, zone: str = ZONE) -> int:
    """Copy cases until there are so many; return how many there are."""
    with reading(engine) as connection:
        there = int(connection.execute(select(func.count()).select_from(case)).scalar_one())
        own = case.c.case_no.not_like(f"{FIRST}%")
        found = connection.execute(select(case.c.id, case.c.subject, case.c.is_open).where(own))
        patterns = [(row.id, row.subject, row.is_open) for row in found]
        decided = _decided(connection, sealer)
    if there >= size:
        return there
    dice = random.Random(there)  # noqa: S311 -- rows to measure with, no secret
    with _writing(engine, size - there) as (connection, whole):
        with connection.begin():
            _begin(connection, zone)
        for start in range(there, size, PORTION):
            numbers = range(start, min(start + PORTION, size))
            with connection.begin():
                _copy(connection, sealer, dice, patterns, decided, numbers)
            _tell(f"{numbers.stop} cases")
        whole()  # sums are asked of rows by their indexes
        with connection.begin():
            _sum(connection, zone)
        _tell("sums")
    return size


_BEGAN: Final = time.monotonic()


def _tell(what: str) -> None:
    print(f"{time.monotonic() - _BEGAN:7.0f} s  {what}", file=sys.stderr, flush=True)


@contextmanager
def _writing(engine: Engine, copies: int) -> Iterator[tuple[Connection, Callable[[], None]]]:
    """Open one connection; for many copies, one that trusts that nothing is cut off meanwhile, and
    how to make the indexes and triggers that it lays aside."""
    with engine.connect() as connection:
        if copies < MANY:
            yield connection, lambda: None
            return
        driver = connection.connection.driver_connection
        assert driver is not None
        names = ", ".join(f"'{one.name}'" for one in (*COPIED, kept_tally))
        query = (
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') "  # noqa: S608 -- ours
            f"AND sql IS NOT NULL AND sql NOT LIKE 'CREATE UNIQUE%' AND tbl_name IN ({names})"
        )
        aside = driver.execute(query).fetchall()
        for said in (f"cache_size = -{CACHE_MB * 1024}", "synchronous = OFF", "foreign_keys = OFF",
                     "journal_mode = OFF", "temp_store = MEMORY"):  # fmt: skip
            driver.execute(f"PRAGMA {said}")
        for kind, name, _ in aside:
            driver.execute(f'DROP {kind} "{name}"')

        def whole() -> None:
            while aside:
                driver.execute(aside[0][2])
                _tell(aside.pop(0)[1])

        try:
            yield connection, whole
        finally:
            whole()
            for said in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL"):
                driver.execute(f"PRAGMA {said}")
            connection.invalidate()


def _begin(connection: Connection, zone: str) -> None:
    """Put what was there before into the sums, and make room for what is told of copies."""
    while tally.fold(connection, zone, SUMMED_AT_ONCE):
        pass
    connection.exec_driver_sql(
        "CREATE TEMP TABLE copying (source TEXT, id TEXT PRIMARY KEY, n INTEGER, no TEXT, mac TEXT,"
        " days INTEGER, holder TEXT, applicant BLOB) WITHOUT ROWID"
    )
    connection.exec_driver_sql(
        "CREATE TEMP TABLE copied (id TEXT PRIMARY KEY, source TEXT, days INTEGER) WITHOUT ROWID"
    )


def _copy(
    connection: Connection,
    sealer: Sealer,
    dice: random.Random,
    patterns: list[tuple[str, str, bool]],
    decided: Mapping[str, Decided],
    numbers: range,
) -> None:
    by_end = {flag: [one for one in patterns if one[2] is flag] for flag in (True, False)}
    rows, sealing = [], []
    for n in numbers:
        is_open = dice.randrange(10) >= ENDED_IN_TEN
        source, subject, _ = dice.choice(by_end[is_open] or patterns)
        made = _id(dice, n)
        named = Person(kind="natural_person", name=f"{dice.choice(SURNAMES)}云{n % 9999}")
        sealing.append((subject, named.model_dump_json().encode(),
                        place("case", "applicant", made)))  # fmt: skip
        rows.append({
            "source": source, "id": made, "n": n, "no": f"{FIRST}{n:08d}", "mac": f"m{n}",
            "days": dice.randrange(MOST_DAYS // 10 if is_open else MOST_DAYS),
            "holder": f"u:copy{dice.randrange(OTHERS)}",
        })  # fmt: skip
    for row, sealed in zip(rows, sealer.vault.seal_many(sealing), strict=True):
        row["applicant"] = sealed
    connection.exec_driver_sql("DELETE FROM copying")
    connection.execute(
        text(
            "INSERT INTO copying (source, id, n, no, mac, days, holder, applicant) "
            "VALUES (:source, :id, :n, :no, :mac, :days, :holder, :applicant)"
        ),
        rows,
    )
    connection.exec_driver_sql("INSERT INTO copied SELECT id, source, days FROM copying")
    for table in COPIED:
        connection.exec_driver_sql(_statement(table))
    _tell_decisions(connection, sealer, decided, rows)


def _id(dice: random.Random, n: int) -> str:
    """Return an id that sorts after those before it: rows of a table are then only added at its
    end, which a million of them must be."""
    return str(UUID(int=(n * 2_000 << 96) | dice.getrandbits(96), version=4))


@dataclass(frozen=True, slots=True)
class Decided:
    """The step that decided a case, its body open: the list of what was granted reads it."""

    seq: int
    subject: str
    body: bytes


def _decided(connection: Connection, sealer: Sealer) -> dict[str, Decided]:
    query = select(step.c.case_id, step.c.seq, step.c.subject, step.c.body_sealed)
    own = step.c.case_id.in_(select(case.c.id).where(case.c.case_no.not_like(f"{FIRST}%")))
    found = connection.execute(query.where(step.c.verb == "decide", own)).all()
    bodies = sealer.vault.open_many(
        [(r.subject, r.body_sealed, place("step", "body", r.case_id, r.seq)) for r in found]
    )
    return {
        r.case_id: Decided(r.seq, r.subject, body) for r, body in zip(found, bodies, strict=True)
    }


def _tell_decisions(
    connection: Connection,
    sealer: Sealer,
    decided: Mapping[str, Decided],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    told = [(row["id"], decided[row["source"]]) for row in rows if row["source"] in decided]
    sealed = sealer.vault.seal_many(
        [(one.subject, one.body, place("step", "body", id, one.seq)) for id, one in told]
    )
    here = (step.c.case_id == bindparam("c"), step.c.seq == bindparam("s"))
    if told:
        connection.execute(
            update(step).where(*here).values(body_sealed=bindparam("b")),
            [
                {"c": id, "s": one.seq, "b": body}
                for (id, one), body in zip(told, sealed, strict=True)
            ],
        )


def _statement(table: Table) -> str:
    key = "id" if table is case else "case_id"
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    values = ", ".join(_value(table, column) for column in table.columns)
    return (
        f'INSERT INTO "{table.name}" ({names}) SELECT {values} FROM copying m '  # noqa: S608 -- ours
        f'CROSS JOIN "{table.name}" t ON t."{key}" = m.source'
    )


_VALUES: Final[dict[tuple[str, str], str]] = {
    ("case_file", "id"): "m.id",
    ("case_file", "case_no"): "m.no",
    ("case_file", "name_mac"): "m.mac",
    ("case_file", "applicant_sealed"): "m.applicant",
    ("case_file", "form_sealed"): "x''",
    ("case_file", "holder"): "CASE WHEN t.holder = '' THEN '' ELSE m.holder END",
    ("case_index", "token"): "substr(t.token, 1, 12) || m.n",
    ("task", "holder"): "CASE WHEN t.holder = '' THEN '' ELSE m.holder END",
    ("task", "inspected"): "false",
    ("case_state", "state"): "replace(t.state, m.source, m.id)",
    ("step", "command_id"): "m.id || '-' || t.seq",
    ("step", "entry_id"): "substr(m.id, 1, 31) || printf('%05d', t.seq)",
    ("step", "warrant"): "'{}'",
    ("step", "digests"): "'{}'",
    ("step", "events"): "'[]'",
    ("step", "body_sealed"): "x''",
    ("document", "id"): "substr(m.id, 1, 26) || substr(t.id, -10)",
    ("document", "number"): "t.number || '-' || m.n",
    ("document", "code"): "m.n || '-' || t.code",
    ("document", "file_sealed"): "x''",
    ("card", "number"): "'C' || m.n || '-' || substr(t.number, -8)",
    ("card_mark", "number"): "'C' || m.n || '-' || substr(t.number, -8)",
}
"""What of a copy differs from its source, and what is left out of it."""


def _value(table: Table, column: Column[Any]) -> str:
    known = _VALUES.get((table.name, column.name))
    if known is not None:
        return known
    name = f't."{column.name}"'
    if column.name == "case_id":
        return "m.id"
    if isinstance(column.type, Instant):
        # Day by day, so that hours stay office hours; the end of all days stays where it is.
        moved = f"date(substr({name}, 1, 10), '-' || m.days || ' days') || substr({name}, 11)"
        return f"CASE WHEN substr({name}, 1, 4) = '9999' THEN {name} ELSE {moved} END"
    return name


# --- into the sums -------------------------------------------------------------------------------


def _sum(connection: Connection, zone: str) -> None:
    connection.exec_driver_sql(
        "CREATE TEMP TABLE one_of AS SELECT min(id) AS id, source, days, count(*) AS copies "
        "FROM copied GROUP BY source, days"
    )
    found = connection.exec_driver_sql("SELECT id, copies FROM one_of ORDER BY id").all()
    copies = {str(row[0]): int(row[1]) for row in found}
    listed = list(copies)
    for start in range(0, len(listed), SUMMED_AT_ONCE):
        ids = listed[start : start + SUMMED_AT_ONCE]
        tally.put(connection, ids, zone)
        _as_often(connection, {id: copies[id] - 1 for id in ids})
    names = [f'"{column.name}"' for column in kept_tally.columns if column.name != "case_id"]
    connection.exec_driver_sql(
        f"INSERT INTO tally (case_id, {', '.join(names)}) "  # noqa: S608 -- ours
        f"SELECT m.id, {', '.join(f't.{name}' for name in names)} FROM copied m "
        "JOIN one_of o ON o.source = m.source AND o.days = m.days "
        "CROSS JOIN tally t ON t.case_id = o.id WHERE m.id <> o.id ORDER BY m.id"
    )


def _as_often(connection: Connection, copies: Mapping[str, int]) -> None:
    """Add what these cases have put into the sums so many times more."""
    change: dict[tuple[str, str, Group], dict[str, int]] = {}
    for case_id, share in tally.kept(connection, list(copies)).items():
        for part, months in share.said.items():
            for month, numbers in months.items():
                one = change.setdefault((part, month, share.group), {})
                for name, n in numbers.items():
                    one[name] = one.get(name, 0) + n * copies[case_id]
    tally._change_sums(connection, change)
