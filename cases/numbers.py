"""Numbers that must not repeat or leave a silent gap: 文号 of documents, 办件编号 of cases.

A number is reserved for a command in a short transaction of its own, before anything is rendered;
a retry finds it again. The step's own transaction marks it used; one that stays unused is voided
(作废) with an entry, by whoever refuses the command or by the sweep.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from sqlalchemy import Connection, Engine, Insert, and_, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from cases.tables import command, document_number, serial
from catalogue.matters import DocumentKind

WORDS: dict[DocumentKind, str] = {
    "receipt": "收",
    "supplement_notice": "补",
    "acceptance_notice": "受",
    "acceptance_refusal": "不受",
    "procedure_notice": "特",
    "extension_notice": "延",
    "grant": "准",
    "refusal": "不准",
    "service_record": "送",
    "wait_notice": "时",
    "hearing_right_notice": "听告",
    "hearing_notice": "听",
    "deemed_renewal": "视延",
    "supervision_order": "督",
    "supervision_advice": "建",
}
"""What stands after the organ's own characters (机关代字) in a number, one word per series."""

CASE = "case"
"""Kind of a reserved case number."""
INCIDENT = "incident"
"""Kind of an incident's number."""
ANNOUNCEMENT = "announcement"
"""Kind of an announcement's number (突发事件应对法第七十二条、第八十六条)."""
PROJECT = "project"
"""Kind of a project's number."""


@dataclass(frozen=True, slots=True)
class Series:
    """A run of numbers that starts at 1 in each period (a year 2026, a day 20261122).

    `{n}` in `form` is the place of the number.
    """

    name: str
    period: int
    kind: str
    form: str


@dataclass(frozen=True, slots=True)
class Number:
    """One reserved number, written out in `text`."""

    series: str
    period: int
    n: int
    kind: str
    text: str


def document_series(department: str, prefix: str, kind: DocumentKind, on: date) -> Series:
    """Return the series of a department's documents of a kind: 云市监许受〔2026〕12号.

    GB/T 9704-2012 §7.2.5: 机关代字, year in full in 〔〕, number without leading zero. `on` is the
    local day of issue.
    """
    form = f"{prefix}许{WORDS[kind]}〔{on.year}〕{{n}}号"
    return Series(f"{department}/{kind}", on.year, kind, form)


def case_series(department: str, on: date) -> Series:
    """Return the series of a department's case numbers on a local day: SCJG20261122 and 5 digits.

    GB/T 39046-2020 table 5 gives 办件编号 an..50: letters and digits only.
    """
    letters = re.sub(r"[^A-Z0-9]", "", department.upper())
    day = f"{on:%Y%m%d}"
    return Series(f"case/{letters}", int(day), CASE, f"{letters}{day}{{n:05d}}")


def reserve(
    engine: Engine, command_id: str, case_id: str, wanted: Sequence[Series], at: datetime
) -> list[Number]:
    """Return one number per series, in order, reserved for the command; a transaction of its own.

    A number that the command has already, reserved or used, comes back. `at` is the instant noted.
    """
    if not wanted:
        return []
    for _ in range(2):
        try:
            with engine.begin() as connection:
                return _reserve(connection, command_id, case_id, wanted, at)
        except IntegrityError as twice:
            # Another attempt of this command reserved first (PostgreSQL; SQLite's writers queue).
            raced = twice
    raise raced


def _reserve(
    connection: Connection, command_id: str, case_id: str, wanted: Sequence[Series], at: datetime
) -> list[Number]:
    known = {
        number.series: number for number, state in _all(connection, command_id) if state != "void"
    }
    fresh = [
        Number(series.name, series.period, n, series.kind, series.form.format(n=n))
        for series in wanted
        if series.name not in known
        for n in [_next_of(connection, series)]
    ]
    if fresh:
        connection.execute(
            insert(document_number), [_row(number, command_id, case_id, at) for number in fresh]
        )
    known |= {number.series: number for number in fresh}
    return [known[series.name] for series in wanted]


def use(connection: Connection, command_id: str, numbers: Sequence[Number], at: datetime) -> None:
    """Mark numbers used, in the transaction of the step that issues them.

    Raises `NumberLost` when one of them was voided meanwhile: reserve again.
    """
    if not numbers:
        return
    for number in numbers:
        marked = connection.execute(_USE, _key(number) | {"c": command_id, "at": at})
        if marked.rowcount != 1:
            raise NumberLost(number.text)


class NumberLost(Exception):
    """A reserved number was voided before it was used. Nothing was written; reserve again."""


def void(connection: Connection, command_id: str, at: datetime) -> list[Number]:
    """Void what a command has reserved and not used; return it, for the entry of each (作废)."""
    voided = [number for number, state in _all(connection, command_id) if state == "reserved"]
    for number in voided:
        connection.execute(_VOID, _key(number) | {"at": at})
    return voided


@dataclass(frozen=True, slots=True)
class Stale:
    """A command with numbers that nobody used."""

    command_id: str
    case_id: str


def stale(connection: Connection, before: datetime, limit: int = 100) -> list[Stale]:
    """Return commands with numbers reserved before that instant and still neither used nor void."""
    table = document_number.c
    rows = connection.execute(
        select(table.command_id, table.case_id)
        .where(table.state == "reserved", table.reserved_at < before)
        .distinct()
        .order_by(table.command_id)
        .limit(limit)
    )
    return [Stale(row.command_id, row.case_id) for row in rows]


def gaps(connection: Connection) -> list[str]:
    """Return the numbers of every series, up to its last, of which no row tells; must be []."""
    table = document_number.c
    missing = []
    for series in connection.execute(select(serial)).all():
        known = set(
            connection.execute(
                select(table.n).where(table.series == series.series, table.period == series.period)
            ).scalars()
        )
        missing += [
            f"{series.series} {series.period} {n}"
            for n in range(1, series.last + 1)
            if n not in known
        ]
    return missing


def is_settled(connection: Connection, command_id: str) -> bool:
    """Whether the command has its final outcome."""
    return (
        connection.execute(select(command.c.id).where(command.c.id == command_id)).first()
        is not None
    )


# --- statements ----------------------------------------------------------------------------------

_OF = and_(
    document_number.c.series == bindparam("s"),
    document_number.c.period == bindparam("y"),
    document_number.c.n == bindparam("k"),
    document_number.c.state == "reserved",
)
_USE = (
    update(document_number)
    .where(_OF, document_number.c.command_id == bindparam("c"))
    .values(state="used", settled_at=bindparam("at"))
)
_VOID = update(document_number).where(_OF).values(state="void", settled_at=bindparam("at"))


def _key(number: Number) -> dict[str, object]:
    return {"s": number.series, "y": number.period, "k": number.n}


def _row(number: Number, command_id: str, case_id: str, at: datetime) -> dict[str, object]:
    return {
        "series": number.series,
        "period": number.period,
        "n": number.n,
        "number": number.text,
        "command_id": command_id,
        "case_id": case_id,
        "kind": number.kind,
        "state": "reserved",
        "reserved_at": at,
    }


def _all(connection: Connection, command_id: str) -> list[tuple[Number, str]]:
    table = document_number.c
    rows = connection.execute(select(document_number).where(table.command_id == command_id))
    return [(Number(r.series, r.period, r.n, r.kind, r.number), r.state) for r in rows]


def _next_of(connection: Connection, series: Series) -> int:
    row = {"series": series.name, "period": series.period, "last": 1}
    return int(connection.execute(_count_up(connection.dialect.name), row).scalar_one())


@cache
def _count_up(dialect: str) -> Insert:
    upsert = sqlite.insert(serial) if dialect == "sqlite" else postgresql.insert(serial)
    counted: Insert = upsert.on_conflict_do_update(
        index_elements=["series", "period"], set_={"last": serial.c.last + 1}
    ).returning(serial.c.last)
    return counted


def incident_series(city: str, on: date) -> Series:
    """Return the series of a city's incidents in a local year: 云突〔2026〕000123号."""
    return Series("incident", on.year, INCIDENT, f"{city[:1]}突〔{on.year}〕{{n:06d}}号")


def announcement_series(department: str, prefix: str, on: date) -> Series:
    """Return the series of a government's announcements of emergency: 云政应急公告〔2026〕3号.

    As `document_series`; `on` is the local day of the act.
    """
    return Series(
        f"{department}/{ANNOUNCEMENT}",
        on.year,
        ANNOUNCEMENT,
        f"{prefix}应急公告〔{on.year}〕{{n}}号",
    )


def project_series(city: str, on: date) -> Series:
    """Return the series of a city's projects in a local year: 云项〔2026〕0001号."""
    return Series("project", on.year, PROJECT, f"{city[:1]}项〔{on.year}〕{{n:04d}}号")


def take(
    connection: Connection, command_id: str, thing_id: str, series: Series, at: datetime
) -> str:
    """Return the next number of a series, reserved and used in the caller's one transaction.

    For what renders nothing: a transaction that is undone gives its number back, no gap remains.
    """
    number = _reserve(connection, command_id, thing_id, [series], at)[0]
    use(connection, command_id, [number], at)
    return number.text
