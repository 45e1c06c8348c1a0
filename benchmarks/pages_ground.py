"""A city to measure pages in: the demo city as it told itself, its cases multiplied as rows.

Every case of the demo came through the door and was settled; each is copied in the store itself,
with an id and number of its own, its instants so many days earlier, its applicant sealed anew. Four
copies in five are of cases that ended. Of a copy only what lists, boards and figures read is there:
no sealed words, documents or files, and no workflow waits for it.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Table,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)

from activities.sealing import Sealer
from benchmarks import ground
from cases import tally
from cases.accounts import Place as From
from cases.database import Instant, open_engine, reading
from cases.factor_tables import recovery_code
from cases.messages import Person
from cases.store import place
from cases.tables import (
    case,
    case_compartment,
    clock,
    clock_event,
    clock_share,
    hand,
    material,
    state,
    step,
    task,
    timer,
)
from cases.web_tables import account
from yichuang import joining, way_in
from yichuang.settings import CHECKOUT, Settings, as_environment, environment

ALL_PARTS: Final = ""
WEB_PARTS: Final = "temporal,nats,web"
READY: Final = "一窗已就绪"
WAIT_SECONDS: Final = 900.0
PORTION: Final = 10_000
SUMMED_AT_ONCE: Final = 2_000
ZONE: Final = "Asia/Shanghai"
ENDED_IN_TEN: Final = 8
MOST_DAYS: Final = 700
"""Copies of ended cases lie so far back at most; of open ones a tenth of it."""
FIRST: Final = "COPY"
COPIED: Final = (case, case_compartment, state, step, clock_event, clock, clock_share, task, timer,
                 hand)  # fmt: skip
OTHERS: Final = 2_000
"""Colleagues who hold copies: nobody has every case on their own list."""


@contextmanager
def city(settings: Settings, parts: str = WEB_PARTS) -> Iterator[ground.Process]:
    """Run the city, or these parts of it, until it is left."""
    only = ["--only", parts] if parts else []
    words = [sys.executable, "-u", "-m", "yichuang.cli", "up", *only]
    running = ground.Process(settings, "up", words)
    try:
        running.start()
        running.until_it_says(READY, WAIT_SECONDS)
        yield running
    finally:
        running.stop()


def lived(settings: Settings, cases: int) -> None:
    """Let the demo city tell its incidents, projects and so many cases; then stop it."""
    with city(settings, ALL_PARTS):
        told = subprocess.run(
            [sys.executable, "-m", "yichuang.cli", "demo", "--cases", str(cases)],
            cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS,
            env={**environment(), **as_environment(settings)},
        )  # fmt: skip
        assert told.returncode == 0, (told.stdout + told.stderr)[-4000:]


# --- more cases ----------------------------------------------------------------------------------


def multiplied(engine: Engine, sealer: Sealer, size: int, zone: str = ZONE) -> int:
    """Copy cases until there are so many; return how many there are. SQLite's own SQL."""
    with reading(engine) as connection:
        there = int(connection.execute(select(func.count()).select_from(case)).scalar_one())
        own = case.c.case_no.not_like(f"{FIRST}%")
        found = connection.execute(select(case.c.id, case.c.subject, case.c.is_open).where(own))
        patterns = [(row.id, row.subject, row.is_open) for row in found]
        decided = _decided(connection, sealer)
    dice = random.Random(there)  # noqa: S311 -- rows to measure with, no secret
    for start in range(there, size, PORTION):
        numbers = range(start, min(start + PORTION, size))
        _copy(engine, sealer, dice, patterns, decided, numbers)
    if size > there:
        _sum(engine, zone)
    return max(there, size)


def _sum(engine: Engine, zone: str) -> None:
    """Put every case into the sums that boards show; the worker's own rounds would take longer."""
    with engine.begin() as connection:
        tally.begin(connection, zone)
    left = 1
    while left:
        with engine.begin() as connection:
            left = tally.fold(connection, zone, SUMMED_AT_ONCE)


def _copy(
    engine: Engine,
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
        made = str(UUID(int=dice.getrandbits(128), version=4))
        named = Person(kind="natural_person", name=f"{dice.choice('赵钱孙李')}云{n % 9999}")
        sealing.append((subject, named.model_dump_json().encode(),
                        place("case", "applicant", made)))  # fmt: skip
        rows.append({
            "source": source, "id": made, "no": f"{FIRST}{n:08d}", "mac": f"m{n}",
            "days": dice.randrange(MOST_DAYS // 10 if is_open else MOST_DAYS),
            "holder": f"u:copy{dice.randrange(OTHERS)}",
        })  # fmt: skip
    for row, sealed in zip(rows, sealer.vault.seal_many(sealing), strict=True):
        row["applicant"] = sealed
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TEMP TABLE IF NOT EXISTS copying (source TEXT, id TEXT, no TEXT, mac TEXT, "
            "days INTEGER, holder TEXT, applicant BLOB)"
        )
        connection.exec_driver_sql("DELETE FROM copying")
        connection.execute(
            text(
                "INSERT INTO copying VALUES (:source, :id, :no, :mac, :days, :holder, :applicant)"
            ),
            rows,
        )
        for table in COPIED:
            connection.exec_driver_sql(_statement(table))
        _tell_decisions(connection, sealer, decided, rows)


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
        f'JOIN "{table.name}" t ON t."{key}" = m.source'
    )


_VALUES: Final[dict[tuple[str, str], str]] = {
    ("case_file", "id"): "m.id",
    ("case_file", "case_no"): "m.no",
    ("case_file", "name_mac"): "m.mac",
    ("case_file", "applicant_sealed"): "m.applicant",
    ("case_file", "form_sealed"): "x''",
    ("case_file", "holder"): "CASE WHEN t.holder = '' THEN '' ELSE m.holder END",
    ("task", "holder"): "CASE WHEN t.holder = '' THEN '' ELSE m.holder END",
    ("task", "inspected"): "false",
    ("case_state", "state"): "replace(t.state, m.source, m.id)",
    ("step", "command_id"): "m.id || '-' || t.seq",
    ("step", "entry_id"): "substr(m.id, 1, 31) || printf('%05d', t.seq)",
    ("step", "warrant"): "'{}'",
    ("step", "digests"): "'{}'",
    ("step", "events"): "'[]'",
    ("step", "body_sealed"): "x''",
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


# --- people --------------------------------------------------------------------------------------


def signed_in(settings: Settings) -> dict[str, str]:
    """Return a session's secret by login, of one person for each set of roles."""
    web = open_engine(settings.store_url("web"))
    sessions = way_in.sign_in_of(settings, web, sealer_of(settings)).sessions
    now, found = datetime.now(UTC), {}
    with web.begin() as connection:
        people = connection.execute(
            select(account.c.id, account.c.login, account.c.grants)
            .where(account.c.kind == "human")
            .order_by(account.c.created_at, account.c.login)
        ).all()
        one_of = {
            frozenset(role for role, _ in grants): (id, login)
            for id, login, grants in reversed(people)
        }
        for id, login in reversed(one_of.values()):
            _keeps_codes(connection, id, now)
            found[login] = sessions.open(connection, id, now, From("127.0.0.1", "bench")).secret
    web.dispose()
    return found


def _keeps_codes(connection: Connection, id: str, now: datetime) -> None:
    connection.execute(update(account).where(account.c.id == id).values(password_changed_at=now))
    kept = select(recovery_code.c.digest).where(
        recovery_code.c.account_id == id, recovery_code.c.kept_at.is_not(None)
    )
    if connection.execute(kept.limit(1)).first() is None:
        connection.execute(
            insert(recovery_code).values(
                digest=uuid4().hex * 2,
                account_id=id, made_at=now - timedelta(days=1), kept_at=now,
            )
        )  # fmt: skip


def sealer_of(settings: Settings) -> Sealer:
    keys = open_engine(settings.store_url("keys"))
    return joining.sealer_of(settings, joining.vault_of(settings, keys))


# --- a case of many steps ------------------------------------------------------------------------


def heavy(engine: Engine, sealer: Sealer, steps: int, materials: int) -> str:
    """Give one case in review so many more steps and handed-in files; return its number.

    A step is its last one once more, its body sealed anew, an hour later each; a file is a row with
    a sealed name, as if it had been handed in with that step. Nothing of the case's state moves.
    """
    with engine.begin() as connection:
        there = select(case.c.id, case.c.case_no, case.c.subject, func.max(step.c.seq))
        chosen = connection.execute(
            there.join(step, step.c.case_id == case.c.id)
            .where(case.c.case_no.not_like(f"{FIRST}%"), case.c.stage == "review")
            .group_by(case.c.id, case.c.case_no, case.c.subject)
            .order_by(func.max(step.c.seq).desc(), case.c.id)
            .limit(1)
        ).one()
        case_id, case_no, subject, last = chosen
        newest = select(step).where(step.c.case_id == case_id, step.c.seq == last)
        row = dict(connection.execute(newest).mappings().one())
        body = sealer.vault.open(
            row["subject"], row["body_sealed"], place("step", "body", case_id, last)
        )
        codes = connection.execute(
            select(material.c.code).where(material.c.case_id == case_id).distinct()
        ).scalars()
        known = list(codes) or ["m1"]
        seqs = range(last + 1, last + 1 + steps)
        sealed = sealer.vault.seal_many(
            [(row["subject"], body, place("step", "body", case_id, seq)) for seq in seqs]
        )
        connection.execute(
            insert(step),
            [
                row
                | {
                    "seq": seq, "command_id": f"heavy-{seq}", "entry_id": str(uuid4()),
                    "occurred_at": row["occurred_at"] + timedelta(hours=seq - last),
                    "recorded_at": row["recorded_at"] + timedelta(hours=seq - last),
                    "body_sealed": one,
                }
                for seq, one in zip(seqs, sealed, strict=True)
            ],
        )  # fmt: skip
        names = sealer.vault.seal_many(
            [
                (subject, f"附件第{n}号图纸.pdf".encode(),
                 place("material", "name", case_id, seqs[n % len(seqs)], n))
                for n in range(materials)
            ]
        )  # fmt: skip
        connection.execute(
            insert(material),
            [
                {
                    "case_id": case_id, "seq": seqs[n % len(seqs)], "n": n,
                    "code": known[n % len(known)], "originals": 0, "copies": 1,
                    "upload": f"u{n}", "digest": "0" * 64, "subject": subject, "name_sealed": one,
                }
                for n, one in enumerate(names)
            ],
        )  # fmt: skip
    return str(case_no)
