"""The whole check: the log by itself, then every row of the cases store against the log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from activities.entries import STEP
from audit.anchorcheck import check_anchors
from audit.check import verify_stores
from audit.entry import entry_id
from audit.erasing import check_destroyed, erased_in
from audit.logstore import LogReader
from audit.notes import NoteVerifier
from audit.shards import all_entries, reading_all
from audit.tables import audit_outbox, audit_stream
from audit.trust import TrustPolicy
from audit.verify import TAMPERED, UNREADABLE, VerifyReport
from cases import (
    dossier_rows,
    fund_rows,
    incident_integrity,
    paper_rows,
    payment_rows,
    performance_rows,
    plan_rows,
    project_integrity,
    releases,
    warning_rows,
)
from cases.database import reading
from cases.integrity import Said, Wrong, check_rows
from cases.life_integrity import SaidOrder
from yichuang.commands.fund import verified
from yichuang.message_log import digest_of_lines
from yichuang.seeds import Seeds

WAITING = 1 << 60
"""Where the rows that wait stand among the entries: behind all that the log holds."""

REPORTED = 100
"""Rows named one by one; all are counted."""


@dataclass
class Verdict:
    """What was found in the log and in the rows."""

    log: VerifyReport
    rows: list[Wrong] = field(default_factory=list)
    wrong_rows: int = 0
    steps: int = 0
    unreadable: str = ""

    @property
    def exit_code(self) -> int:
        """0 clean, 1 tampered, 2 incomplete, 3 unreadable; the gravest that can be said."""
        if self.wrong_rows or self.log.exit_code == TAMPERED:
            return TAMPERED
        return UNREADABLE if self.unreadable else self.log.exit_code

    def as_json(self) -> dict[str, Any]:
        return {
            "exit_code": self.exit_code,
            "log": self.log.as_json(),
            "steps": self.steps,
            "wrong_rows": self.wrong_rows,
            "rows": [
                {
                    "case": one.case_id,
                    "seq": one.seq,
                    "column": one.column,
                    "expected": one.expected,
                    "found": one.found,
                }
                for one in self.rows
            ],
            "unreadable": self.unreadable,
        }


def verify_everything(
    log: Engine,
    trusted: NoteVerifier | TrustPolicy,
    producers: Mapping[str, Engine],
    pins: Iterable[str] = (),
    *,
    witnessed: Sequence[str] = (),
    lag: timedelta | None = None,
    authorities: bytes | None = None,
    keys: Engine | None = None,
    told: Callable[[int], None] = lambda _entries: None,
) -> Verdict:
    """Verify log and rows while the city runs; blocks no writer. Never raises for a bad store.

    `witnessed` and `lag`: see `audit.verify.verify_log`.
    `authorities` are the certificates (PEM) by which time-stamp tokens are checked. With the
    `keys` store, also that each destroyed key has its entry and each erasure is finished. `told`
    hears how many entries have been walked.
    """
    report = verify_stores(
        log,
        trusted,
        producers=producers,
        pins=tuple(pins),
        witnessed=witnessed,
        lag=lag,
        told=told,
    )
    verdict = Verdict(report)
    try:
        with reading_all(log) as connections:
            for connection in connections:
                check_anchors(LogReader(connection), report, authorities)
        if keys is not None:
            check_destroyed(keys, erased_in(log), report)
        with reading(producers["cases"]) as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            # One moment of the rows, then the log: what was drained before that moment is in the
            # log by now, what was committed after it is left out by the heads of the streams.
            dossiers: dict[str, str] = {}
            things: dict[str, dict[str, str]] = {kind: {} for kind in CHECKED}
            lives: dict[str, dict[str, dict[int, SaidOrder]]] = {kind: {} for kind in LIVES}
            funds: dict[str, str] = {}
            seeds = Seeds()
            purged: set[str] = set()
            said = list(_said(connection, log, things, dossiers, lives, funds, seeds, purged))
            verdict.steps = sum(one.seq is not None for one in said)
            for wrong in chain(
                check_rows(connection, said),
                check_dossiers(connection, dossiers),
                *(check(connection, things[kind]) for kind, check in CHECKED.items()),
                *(check_lives(connection, kind, said_of) for kind, said_of in lives.items()),
                check_fund(connection, funds),
                seeds.wrong(releases.everything(connection)),
            ):
                if {wrong.case_id, f"case:{wrong.case_id}"} & purged:
                    continue  # nothing is left to hold its rows against
                verdict.wrong_rows += 1
                if len(verdict.rows) < REPORTED:
                    verdict.rows.append(wrong)
    except (SQLAlchemyError, OSError, ValueError) as error:
        verdict.unreadable = str(error)
    return verdict


def check_releases(connection: Connection, versions: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield every version in the register that is not what its newest entry says.

    `versions`: release id → digest of its row. A version without an entry was put there past us.
    """
    found: dict[str, str] = {}
    for one in releases.everything(connection):
        found[one.id] = one.row_digest
        text = hashlib.sha256(one.content.encode()).hexdigest()
        if text != one.digest:
            yield Wrong(f"release:{one.kind}:{one.name}", 0, "content", one.digest, text)
    for key in sorted(found.keys() | versions.keys()):
        expected, is_there = versions.get(key, ""), found.get(key, "")
        if expected != is_there:
            yield Wrong(f"release:{key}", 0, "release", expected, is_there)


def check_dossiers(connection: Connection, dossiers: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield every dossier that is not the one of its entry. `dossiers`: id → digest."""
    found: dict[str, str] = {}
    for key, digest, content in dossier_rows.texts(connection):
        found[key] = hashlib.sha256(content.encode()).hexdigest()
        if found[key] != digest:
            yield Wrong(f"dossier:{key}", 0, "digest", found[key], digest)
    for key in sorted(found.keys() | dossiers.keys()):
        expected, is_there = dossiers.get(key, ""), found.get(key, "")
        if expected != is_there:
            yield Wrong(f"dossier:{key}", 0, "content", expected, is_there)


def check_payments(connection: Connection, payments: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield every column of a payment request that is not what its entry binds."""
    for one in payment_rows.check(connection, payments):
        yield Wrong(f"payment:{one.payment_id}", 0, one.column, one.expected, one.found)


def check_warnings(connection: Connection, warnings: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield every column of an act of a warning that is not what its entries bind."""
    for one in warning_rows.check(connection, warnings):
        yield Wrong(f"warning:{one.warning}", one.seq, one.column, one.expected, one.found)


QUARTER = len("2026Q3")
"""Length of a quarter's name; ids of reports are longer."""


def check_plan(connection: Connection, plan: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield every column of a report of the plan, and every quarter, that is not what its entry
    binds. `plan`: id of a report, or a quarter (2026Q3) → `after`."""
    quarters = {key: after for key, after in plan.items() if len(key) == QUARTER}
    reports = {key: after for key, after in plan.items() if key not in quarters}
    for one in plan_rows.check(connection, reports):
        yield Wrong(f"plan:{one.report}", 0, one.column, one.expected, one.found)
    found = {key: digest_of_lines(rows) for key, rows in plan_rows.kept_lines(connection).items()}
    for key in sorted(quarters.keys() | found.keys()):
        expected, there = quarters.get(key, ""), found.get(key, "")
        if expected != there:
            yield Wrong(f"plan:{key}", 0, "plan_snapshot", expected, there)


def check_performances(connection: Connection, said: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield every column of an act of a project's performance that is not what entries bind."""
    for one in performance_rows.check(connection, said):
        yield Wrong(f"performance:{one.project}", one.seq, one.column, one.expected, one.found)


def check_papers(connection: Connection, said: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield every kept paper of an incident that is not what its entry binds."""
    for one in paper_rows.check(connection, said):
        yield Wrong(f"paper:{one.paper}", 0, one.column, one.expected, one.found)


CHECKED: Final[Mapping[str, Callable[[Connection, Mapping[str, str]], Iterator[Wrong]]]] = (
    MappingProxyType(
        {
            "release:": check_releases,
            "payment:": check_payments,
            "warning:": check_warnings,
            "plan:": check_plan,
            "performance:": check_performances,
            "paper:": check_papers,
        }
    )
)
"""Start of a stream → what holds the rows of its things against `after` of their newest entry."""
OF_STREAM: Final[Mapping[str, str]] = MappingProxyType(
    {**{kind: kind for kind in CHECKED}, "sys:plan": "plan:"}
)
"""Start of a stream → kind in `CHECKED`: the plan's quarters are the system's own stream."""


OWN_STREAM: Final = frozenset({"paper:"})
"""Kinds of which each thing has a stream of its own, and whose entries are about another object:
the paper's about its incident."""


LIVES: Final = MappingProxyType(
    {"incident": incident_integrity.check, "project": project_integrity.check}
)
"""Object type → what holds the rows of its lives against all their entries."""


def check_lives(
    connection: Connection, kind: str, said: Mapping[str, Mapping[int, SaidOrder]]
) -> Iterator[Wrong]:
    """Yield every row of a life that is not what its entries bind."""
    for one in LIVES[kind](connection, said, lambda command: entry_id(command, STEP)):
        yield Wrong(f"{kind}:{one.life}", one.seq, one.column, one.expected, one.found)


def check_fund(connection: Connection, funds: Mapping[str, str]) -> Iterator[Wrong]:
    """Yield every column of an order to the fund that is not what its entry binds, and every sum
    and claim that does not follow from journal and requests.

    `funds`: id of the entry → its `after`.
    """
    for one in fund_rows.check(connection, funds):
        yield Wrong(f"fund:{one.order_id}", 0, one.column, one.expected, one.found)
    for fault in verified(connection)[0]:
        yield Wrong("fund:special", 0, "fund_total", "what its journal comes to", fault)


def _said(
    connection: Connection,
    log: Engine,
    things: Mapping[str, dict[str, str]],
    dossiers: dict[str, str],
    lives: Mapping[str, dict[str, dict[int, SaidOrder]]],
    funds: dict[str, str],
    seeds: Seeds,
    purged: set[str],
) -> Iterator[Said]:
    """Yield what the entries say of cases; note what they say of versions, dossiers, payments.

    Of the streams that are `purged` nothing is said any more.
    """
    stream = audit_stream.c
    heads = {
        row.stream: row.seq for row in connection.execute(select(stream.stream, stream.seq)).all()
    }
    waiting = audit_outbox.c
    rows = connection.execute(
        select(waiting.entry_id, waiting.stream, waiting.seq, waiting.body).order_by(waiting.pos)
    ).all()
    seen = set()
    newest: dict[str, int] = {}
    for place, row in enumerate(rows):
        seen.add(row.entry_id)
        _of_newest(row.stream, row.seq, bytes(row.body), things, newest)
        _of_seed(row.stream, WAITING + place, bytes(row.body), seeds)
        _of_dossier(row.stream, bytes(row.body), dossiers)
        _of_life(row.stream, bytes(row.body), lives)
        _of_fund(row.stream, bytes(row.body), funds)
        yield from _of_body(row.stream, bytes(row.body))
    for place, entry in enumerate(all_entries(log)):
        if entry.entry_id in seen or entry.stream_seq > heads.get(entry.stream, 0):
            continue
        if not entry.body:  # purged; `verify_stores` tells whether lawfully
            purged.add(entry.stream)
            continue
        _of_newest(entry.stream, entry.stream_seq, entry.body, things, newest)
        _of_seed(entry.stream, place, entry.body, seeds)
        _of_dossier(entry.stream, entry.body, dossiers)
        _of_life(entry.stream, entry.body, lives)
        _of_fund(entry.stream, entry.body, funds)
        yield from _of_body(entry.stream, entry.body)


def _of_seed(stream: str, place: int, stored: bytes, seeds: Seeds) -> None:
    if stream.startswith("release:"):
        seeds.note(stream, place, orjson.loads(stored))


def _of_newest(
    stream: str,
    seq: int,
    stored: bytes,
    things: Mapping[str, dict[str, str]],
    newest: dict[str, int],
) -> None:
    """Keep what the newest entry of a thing says it became; what waits is read before the log."""
    kind = next((kind for start, kind in OF_STREAM.items() if stream.startswith(start)), "")
    if not kind:
        return
    body = orjson.loads(stored)
    named = kind in OWN_STREAM
    thing, after = stream.removeprefix(kind) if named else body["obj"]["id"], body.get("after")
    if after is not None and newest.get(kind + thing, 0) < seq:
        newest[kind + thing], things[kind][thing] = seq, after


def _of_fund(stream: str, stored: bytes, funds: dict[str, str]) -> None:
    """Keep what each order's own entry says: an order to the fund is never changed by a later."""
    if stream.startswith("fund:"):
        body = orjson.loads(stored)
        if body.get("after") is not None:
            funds[body["id"]] = body["after"]


def _of_dossier(stream: str, stored: bytes, dossiers: dict[str, str]) -> None:
    if stream.startswith("release:"):
        body = orjson.loads(stored)
        if body["act"] == "release_dossier":
            dossiers[body["obj"]["id"]] = body["obj"].get("doc", "")


def _of_life(
    stream: str, stored: bytes, lives: Mapping[str, dict[str, dict[int, SaidOrder]]]
) -> None:
    """Note what the entry of a settled order says; a reading or a refusal leaves no state."""
    kind = stream.partition(":")[0]
    if kind not in lives:
        return
    body = orjson.loads(stored)
    thing, who, after = body["obj"], body["who"], body.get("after")
    if thing["type"] != kind or after is None:
        return
    said = SaidOrder(
        body["id"], body["act"], datetime.fromisoformat(body["t"]), after,
        body.get("why", ""), who.get("role", ""), who.get("org", ""),
    )  # fmt: skip
    lives[kind].setdefault(thing["id"], {})[int(thing["step"])] = said


def _of_body(stream: str, stored: bytes) -> Iterator[Said]:
    if not stream.startswith("case:"):
        return
    body = orjson.loads(stored)
    thing, after = body["obj"], body.get("after")
    if thing["type"] != "case" or after is None:
        return
    seq = int(thing["step"]) if body["res"] == "ok" else None
    yield Said(body["id"], thing["id"], seq, after)
