"""Rows of payment requests: written whole in the caller's transaction, read for pages and replays.

`payment.digests` names the digest of each column and ruling; its SHA-256 is the `after` of the
request's entry, so that a changed byte is found and named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Engine, Select, func, insert, select, tuple_

from cases.apart_tables import payment_hand
from cases.database import reading
from cases.dossier import DossierSpan
from cases.payment_tables import payment, payment_ruling
from cases.payments import PaymentAnswer, RequestPayment, Verdict
from cases.projection import Row, after_of, json_text, row_digest, value_digest
from cases.rulings import Fired, Ruling

PER_PAGE = 50
PAGE = 500
"""Requests read at a time by a replay."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A request with all that was made of it, on its way into the store."""

    id: str
    number: str
    command_id: str
    order_digest: str
    actor: str
    body: RequestPayment
    asked_at: datetime
    recorded_at: datetime
    verdict: Verdict
    rulings: tuple[Ruling, ...]
    entry_id: str


@dataclass(frozen=True, slots=True)
class KeptPayment:
    """A request as its row tells it."""

    id: str
    number: str
    actor: str
    department: str
    project: str
    payee_code: str
    amount_fen: int
    budget_year: int
    asked_at: datetime
    recorded_at: datetime
    due_on: date | None
    body: RequestPayment
    verdict: Verdict
    entry_id: str


@dataclass(frozen=True, slots=True)
class PastPayment:
    """One ruling on one request, as it was made."""

    id: str
    number: str
    department: str
    amount_fen: int
    verdict: Verdict
    body: RequestPayment
    asked_at: datetime
    ruling: Ruling


def put(connection: Connection, one: Judged) -> str:
    """Write a request with its rulings; return what its entry says as `after`. Never commits."""
    row, rulings = _row(one), [_ruling_row(one.id, ruling) for ruling in one.rulings]
    digests = json_text(digests_of(row, rulings))
    connection.execute(insert(payment).values(row | {"digests": digests}))
    connection.execute(
        insert(payment_hand).values(
            payment_id=row["id"], act="payment_request", person=row["actor"]
        )
    )
    connection.execute(insert(payment_ruling), rulings)
    return after_of(digests)


def digests_of(row: Mapping[str, Any], rulings: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return what `payment.digests` says."""
    said = {
        f"payment.{name}": value_digest(value) for name, value in row.items() if name != "digests"
    }
    return said | {f"payment_ruling[{one['pack']}]": row_digest(one) for one in rulings}


def answered(connection: Connection, command_id: str) -> PaymentAnswer | None:
    """Return the answer to a command that was settled before; None: it was not."""
    query = select(payment).where(payment.c.command_id == command_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return PaymentAnswer(
        command_id=command_id,
        order_digest=row.order_digest,
        status="done",
        payment=row.id,
        number=row.number,
        verdict=Verdict.model_validate_json(row.verdict),
        entry=row.entry_id,
        repeated=True,
    )


def find(connection: Connection, payment_id: str) -> KeptPayment | None:
    """Return a request; None: there is none of that id."""
    row = connection.execute(select(payment).where(payment.c.id == payment_id)).one_or_none()
    return None if row is None else _kept(row)


def listing(
    connection: Connection, departments: Collection[str], outcome: str, page: int
) -> tuple[list[KeptPayment], int]:
    """Return one page of the requests of these departments, the newest first, and how many."""
    mine: list[ColumnElement[bool]] = [payment.c.department.in_(sorted(departments))]
    if outcome:
        mine.append(payment.c.outcome == outcome)
    return _page(connection, mine, page, payment.c.recorded_at.desc())


def waiting(
    connection: Connection,
    departments: Collection[str],
    turn: ColumnElement[bool],
    page: int,
) -> tuple[list[KeptPayment], int]:
    """Return one page of those of these departments whose turn it is (`cases.payment_turns`), the
    soonest due first, then what has no last day as it came; and how many."""
    mine = [payment.c.department.in_(sorted(departments)), turn]
    due = payment.c.due_on
    return _page(connection, mine, page, due == "", due, payment.c.recorded_at)


def _page(
    connection: Connection,
    mine: Sequence[ColumnElement[bool]],
    page: int,
    *order: ColumnElement[Any],
) -> tuple[list[KeptPayment], int]:
    total = connection.execute(select(func.count()).select_from(payment).where(*mine)).scalar_one()
    query = (
        select(payment)
        .where(*mine)
        .order_by(*order, payment.c.id)
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )
    return [_kept(row) for row in connection.execute(query)], total


def rulings_of(connection: Connection, payment_id: str) -> list[Ruling]:
    """Return the rulings on a request, by pack."""
    one = payment_ruling.c
    query = select(payment_ruling).where(one.payment_id == payment_id).order_by(one.pack)
    return [_ruling(row) for row in connection.execute(query)]


def every_ruling(engine: Engine) -> Iterator[tuple[str, Ruling]]:
    """Yield the number of each request with each of its rulings, a page at a time."""
    last = ("", "")
    while True:
        with reading(engine) as connection:
            rows = connection.execute(_rulings_after(last)).all()
        if not rows:
            return
        for row in rows:
            yield row.number, _ruling(row)
        last = rows[-1].payment_id, rows[-1].pack


def past(engine: Engine, pack: str, span: DossierSpan) -> Iterator[list[PastPayment]]:
    """Yield the rulings of a pack on requests recorded in the span, a page at a time."""
    last = ("", "")
    whole = (payment.c.department, payment.c.amount_fen, payment.c.verdict, payment.c.body,
             payment.c.asked_at)  # fmt: skip
    while True:
        query = _rulings_after(last).where(
            payment_ruling.c.pack == pack,
            payment.c.recorded_at > span.since,
            payment.c.recorded_at <= span.until,
        )
        with reading(engine) as connection:
            rows = connection.execute(query.add_columns(*whole)).all()
        if not rows:
            return
        yield [
            PastPayment(
                row.payment_id, row.number, row.department, row.amount_fen,
                Verdict.model_validate_json(row.verdict),
                RequestPayment.model_validate_json(row.body), row.asked_at, _ruling(row),
            )
            for row in rows
        ]  # fmt: skip
        last = rows[-1].payment_id, rows[-1].pack


def count(engine: Engine, span: DossierSpan) -> int:
    """Return how many requests were recorded in the span."""
    at = payment.c.recorded_at
    query = select(func.count()).where(at > span.since, at <= span.until)
    with reading(engine) as connection:
        return connection.execute(query).scalar_one()


# --- against the log -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WrongPayment:
    """A row that is not what the log says, by column."""

    payment_id: str
    column: str
    expected: str
    found: str


def check(connection: Connection, said: Mapping[str, str]) -> Iterator[WrongPayment]:
    """Yield every request that differs from what its entry says. `said`: id → `after`."""
    there: dict[str, Row] = {
        row["id"]: dict(row) for row in connection.execute(select(payment)).mappings()
    }
    rulings: dict[str, list[Row]] = {}
    for row in connection.execute(select(payment_ruling)).mappings():
        rulings.setdefault(row["payment_id"], []).append(dict(row))
    for key in sorted(said.keys() | there.keys() | rulings.keys()):
        if key not in there:
            yield WrongPayment(key, "payment", "a row", "none")
        elif key not in said:
            yield WrongPayment(key, "payment", "no row: the log has no entry", "a row")
        else:
            yield from _check_one(there[key], rulings.get(key, []), said[key])


def _check_one(row: Row, rulings: Sequence[Row], after: str) -> Iterator[WrongPayment]:
    key = row["id"]
    if (found := after_of(row["digests"])) != after:
        yield WrongPayment(key, "payment.digests", after, found)
    try:
        expected: dict[str, str] = orjson.loads(row["digests"])
    except orjson.JSONDecodeError:
        return
    now = digests_of(row, rulings)
    for name in sorted(expected.keys() | now.keys()):
        if expected.get(name) != now.get(name):
            yield WrongPayment(key, name, expected.get(name, "no row"), now.get(name, "no row"))


# --- small ---------------------------------------------------------------------------------------


def _rulings_after(last: tuple[str, str]) -> Select[Any]:
    one = payment_ruling.c
    return (
        select(payment_ruling, payment.c.number)
        .join(payment, payment.c.id == one.payment_id)
        .where(tuple_(one.payment_id, one.pack) > tuple_(*last))
        .order_by(one.payment_id, one.pack)
        .limit(PAGE)
    )


def _row(one: Judged) -> Row:
    body, verdict = one.body, one.verdict
    return {
        "id": one.id,
        "number": one.number,
        "command_id": one.command_id,
        "order_digest": one.order_digest,
        "actor": one.actor,
        "department": body.department,
        "project": body.project,
        "payee_code": body.payee_code,
        "amount_fen": body.amount_fen,
        "currency": body.currency,
        "budget_year": body.budget_year,
        "body": json_text(body.said()),
        "asked_at": one.asked_at,
        "recorded_at": one.recorded_at,
        "outcome": verdict.outcome,
        "due_on": "" if verdict.due_on is None else verdict.due_on.isoformat(),
        "verdict": json_text(verdict.model_dump(mode="json")),
        "entry_id": one.entry_id,
    }


def _ruling_row(payment_id: str, ruling: Ruling) -> Row:
    return {
        "payment_id": payment_id,
        "pack": ruling.pack,
        "version": ruling.version,
        "digest": ruling.digest,
        "engine": ruling.engine,
        "context": json_text(ruling.context),
        "fired": json_text([one.model_dump(mode="json") for one in ruling.fired]),
        "outcome": json_text(ruling.outcome),
    }


def _ruling(row: Any) -> Ruling:
    return Ruling(
        pack=row.pack,
        version=row.version,
        digest=row.digest,
        engine=row.engine,
        context=orjson.loads(row.context),
        fired=tuple(Fired.model_validate(one) for one in orjson.loads(row.fired)),
        outcome=orjson.loads(row.outcome),
    )


def _kept(row: Any) -> KeptPayment:
    return KeptPayment(
        row.id, row.number, row.actor, row.department, row.project, row.payee_code,
        row.amount_fen, row.budget_year, row.asked_at, row.recorded_at,
        date.fromisoformat(row.due_on) if row.due_on else None,
        RequestPayment.model_validate_json(row.body), Verdict.model_validate_json(row.verdict),
        row.entry_id,
    )  # fmt: skip
