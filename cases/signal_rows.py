"""All SQL of the store of signals. The signals process is the only writer; it never asks twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    func,
    insert,
    select,
    tuple_,
    update,
)

from cases.incidents.gathering import Earlier, Gathering, Heard, Kind, Ordered, Turn
from cases.signal_tables import gathering, incident_order, refused_signal, signal, signal_turn

AT_ONCE = 400
"""Values of one statement's list at most."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class NewSignal:
    """A signal to be written, with its sealed words."""

    heard: Heard
    key: str
    cell: str
    received_at: datetime
    key_subject: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class RefusedSignal:
    """A message that cannot be taken."""

    stream_seq: int
    digest: str
    signal_id: str
    sender: str
    subject: str
    field: str
    reason: str
    remedy: str
    key_subject: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class WaitingOrder:
    """An order that has not been answered yet."""

    n: int
    signal_id: str
    incident_id: str
    verb: str
    rank: int
    command_id: str
    tries: int


# --- reading -------------------------------------------------------------------------------------


def _parts(values: Iterable[_T]) -> Iterator[list[_T]]:
    whole = list(values)
    for n in range(0, len(whole), AT_ONCE):
        yield whole[n : n + AT_ONCE]


def digests(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return what these signals said, by id, as far as they are known."""
    found: dict[str, str] = {}
    for some in _parts(ids):
        query = select(signal.c.id, signal.c.digest).where(signal.c.id.in_(some))
        found |= {row.id: row.digest for row in connection.execute(query)}
    return found


def open_gatherings(
    connection: Connection, heard: Sequence[Heard], kinds: Mapping[str, Kind]
) -> list[Gathering]:
    """Return the open incidents of these kinds that lie near enough in time to be joined."""
    spans: dict[str, tuple[datetime, datetime]] = {}
    for one in heard:
        first, last = spans.get(one.type, (one.occurred_at, one.occurred_at))
        spans[one.type] = min(first, one.occurred_at), max(last, one.occurred_at)
    found: list[Gathering] = []
    for code, (first, last) in spans.items():
        reach = kinds[code].reach
        query = select(gathering).where(
            gathering.c.type == code,
            gathering.c.is_open == 1,
            gathering.c.last_at >= first - reach,
            gathering.c.first_at <= last + reach,
        )
        found += [_gathering(row) for row in connection.execute(query)]
    return found


def gatherings_of(connection: Connection, incidents: Iterable[str]) -> list[Gathering]:
    """Return the open ones of these incidents."""
    found: list[Gathering] = []
    for some in _parts(incidents):
        query = select(gathering).where(gathering.c.incident_id.in_(some), gathering.c.is_open == 1)
        found += [_gathering(row) for row in connection.execute(query)]
    return found


def earlier(
    connection: Connection, heard: Sequence[Heard], kinds: Mapping[str, Kind]
) -> list[Earlier]:
    """Return the signals of the same references, and those noted that a burst may count; in the
    order in which they came."""
    rows: dict[int, Row[Any]] = {}
    named = {one.named for one in heard if one.reference}
    for some in _parts(sorted(named)):
        query = select(signal).where(
            tuple_(signal.c.sender, signal.c.source, signal.c.reference).in_(some)
        )
        rows |= {row.n: row for row in connection.execute(query)}
    for code in {one.type for one in heard}:
        burst = kinds[code].burst
        if burst is None:
            continue
        within = timedelta(minutes=burst.minutes)
        times = [one.occurred_at for one in heard if one.type == code]
        query = select(signal).where(
            signal.c.type == code,
            signal.c.state == "noted",
            signal.c.occurred_at >= min(times) - within,
            signal.c.occurred_at <= max(times) + within,
        )
        rows |= {row.n: row for row in connection.execute(query)}
    return [
        Earlier(heard_of(rows[n]), rows[n].state, rows[n].incident_id, rows[n].withdrawn_by)
        for n in sorted(rows)
    ]


def heard_of(row: Row[Any]) -> Heard:
    return Heard(
        id=row.id, sender=row.sender, source=row.source, type=row.type, level=row.level,
        occurred_at=row.occurred_at,
        point=None if row.lon is None or row.lat is None else (row.lon, row.lat),
        district=row.district, street=row.street, spot=row.spot, reference=row.reference,
        change=row.change, digest=row.digest,
    )  # fmt: skip


def _gathering(row: Row[Any]) -> Gathering:
    return Gathering(
        incident_id=row.incident_id, type=row.type, by=row.by,
        point=None if row.lon is None or row.lat is None else (row.lon, row.lat),
        district=row.district, street=row.street, spot=row.spot, first_at=row.first_at,
        last_at=row.last_at, signals=row.signals, level=row.level,
    )  # fmt: skip


# --- writing -------------------------------------------------------------------------------------


def put_signals(
    connection: Connection, new: Sequence[NewSignal], turns: Mapping[str, Turn],
    withdrawn: Mapping[str, str],
) -> None:  # fmt: skip
    """Write new signals with what became of them first."""
    if not new:
        return
    connection.execute(
        insert(signal),
        [
            {
                "id": one.heard.id, "sender": one.heard.sender, "source": one.heard.source,
                "key": one.key, "reference": one.heard.reference, "change": one.heard.change,
                "type": one.heard.type, "level": one.heard.level,
                "lon": one.heard.point[0] if one.heard.point else None,
                "lat": one.heard.point[1] if one.heard.point else None,
                "district": one.heard.district, "cell": one.cell, "street": one.heard.street,
                "spot": one.heard.spot, "occurred_at": one.heard.occurred_at,
                "received_at": one.received_at, "digest": one.heard.digest,
                "state": turns[one.heard.id].state,
                "incident_id": turns[one.heard.id].incident_id,
                "because": turns[one.heard.id].because[:80],
                "withdrawn_by": withdrawn.get(one.heard.id, ""),
                "key_subject": one.key_subject, "sealed": one.sealed,
            }
            for one in new
        ],
    )  # fmt: skip


def change_signals(connection: Connection, turns: Sequence[Turn]) -> None:
    """Write what became of signals that were there before."""
    if not turns:
        return
    connection.execute(
        update(signal)
        .where(signal.c.id == bindparam("which"))
        .values(
            state=bindparam("to"), incident_id=bindparam("incident"), because=bindparam("why")
        ),
        [
            {"which": one.signal_id, "to": one.state, "incident": one.incident_id,
             "why": one.because[:80]}
            for one in turns
        ],
    )  # fmt: skip


def note_turns(connection: Connection, turns: Sequence[Turn], at: datetime) -> None:
    if turns:
        connection.execute(
            insert(signal_turn),
            [
                {"signal_id": one.signal_id, "at": at, "state": one.state,
                 "incident_id": one.incident_id, "because": one.because[:80]}
                for one in turns
            ],
        )  # fmt: skip


def withdraw(connection: Connection, withdrawn: Mapping[str, str]) -> None:
    """Note of signals which other one took them back."""
    if withdrawn:
        connection.execute(
            update(signal)
            .where(signal.c.id == bindparam("which"))
            .values(withdrawn_by=bindparam("by_signal")),
            [{"which": which, "by_signal": by} for which, by in withdrawn.items()],
        )


def put_gatherings(
    connection: Connection, changed: Mapping[str, Gathering], fresh: Iterable[str]
) -> None:
    new = set(fresh)
    rows = [
        {
            "incident_id": one.incident_id, "type": one.type, "by": one.by,
            "lon": one.point[0] if one.point else None, "lat": one.point[1] if one.point else None,
            "district": one.district, "street": one.street, "spot": one.spot,
            "first_at": one.first_at, "last_at": one.last_at, "signals": one.signals,
            "level": one.level, "is_open": 1,
        }
        for one in changed.values()
        if one.incident_id in new
    ]  # fmt: skip
    if rows:
        connection.execute(insert(gathering), rows)
    grown = [
        {
            "which": one.incident_id, "first": one.first_at, "last": one.last_at,
            "count": one.signals, "to": one.level,
        }
        for one in changed.values()
        if one.incident_id not in new
    ]  # fmt: skip
    if grown:
        connection.execute(
            update(gathering)
            .where(gathering.c.incident_id == bindparam("which"))
            .values(
                first_at=bindparam("first"), last_at=bindparam("last"),
                signals=bindparam("count"), level=bindparam("to"),
            ),
            grown,
        )  # fmt: skip


def close_gatherings(connection: Connection, incidents: Iterable[str]) -> None:
    """Let nothing join these incidents any more: they are closed."""
    for some in _parts(incidents):
        connection.execute(
            update(gathering).where(gathering.c.incident_id.in_(some)).values(is_open=0)
        )


def put_orders(connection: Connection, orders: Sequence[Ordered], at: datetime) -> None:
    if orders:
        connection.execute(
            insert(incident_order),
            [
                {"signal_id": one.signal_id, "incident_id": one.incident_id, "verb": one.verb,
                 "rank": one.rank, "command_id": "", "state": "waiting", "said": "", "tries": 0,
                 "made_at": at}
                for one in orders
            ],
        )  # fmt: skip


def bury(connection: Connection, refused: Sequence[RefusedSignal], at: datetime) -> None:
    """Keep messages that cannot be taken; the same again changes nothing."""
    known = {
        (row.stream_seq, row.digest)
        for some in _parts(one.stream_seq for one in refused)
        for row in connection.execute(
            select(refused_signal.c.stream_seq, refused_signal.c.digest).where(
                refused_signal.c.stream_seq.in_(some)
            )
        )
    }
    rows = [
        {
            "stream_seq": one.stream_seq, "digest": one.digest, "signal_id": one.signal_id,
            "sender": one.sender[:64], "subject": one.subject[:200], "field": one.field[:200],
            "reason": one.reason, "remedy": one.remedy, "key_subject": one.key_subject,
            "sealed": one.sealed, "at": at,
        }
        for one in refused
        if (one.stream_seq, one.digest) not in known
    ]  # fmt: skip
    if rows:
        connection.execute(insert(refused_signal), rows)


# --- orders --------------------------------------------------------------------------------------


def waiting_orders(
    connection: Connection, limit: int, *, without: Iterable[str] = (), rank: int | None = None
) -> list[WaitingOrder]:
    """Return orders that wait, the most urgent first, then the oldest.

    `without`: incidents that are being spoken to; `rank`: up to this one alone.
    """
    busy = list(without)
    query = select(incident_order).where(incident_order.c.state == "waiting")
    if busy:
        query = query.where(incident_order.c.incident_id.not_in(busy[:AT_ONCE]))
    if rank is not None:
        query = query.where(incident_order.c.rank <= rank)
    query = query.order_by(incident_order.c.rank, incident_order.c.n).limit(limit)
    return [_waiting(row) for row in connection.execute(query)]


def orders_of(connection: Connection, incident_id: str) -> list[WaitingOrder]:
    """Return what waits for one incident, in the order in which it was made."""
    query = (
        select(incident_order)
        .where(incident_order.c.incident_id == incident_id, incident_order.c.state == "waiting")
        .order_by(incident_order.c.n)
    )
    return [_waiting(row) for row in connection.execute(query)]


def _waiting(row: Row[Any]) -> WaitingOrder:
    return WaitingOrder(
        row.n, row.signal_id, row.incident_id, row.verb, row.rank, row.command_id, row.tries
    )


def name_orders(
    connection: Connection, numbers: Sequence[int], command_id: str, at: datetime
) -> None:
    """Give orders the command id under which they go together, now and after every crash."""
    for some in _parts(numbers):
        connection.execute(
            update(incident_order)
            .where(incident_order.c.n.in_(some), incident_order.c.command_id == "")
            .values(command_id=command_id, begun_at=at)
        )


def answer_orders(
    connection: Connection, command_id: str, state: str, said: str, at: datetime
) -> None:
    connection.execute(
        update(incident_order)
        .where(incident_order.c.command_id == command_id, incident_order.c.state == "waiting")
        .values(state=state, said=said[:2000], done_at=at)
    )


def count_try(connection: Connection, command_id: str) -> None:
    connection.execute(
        update(incident_order)
        .where(incident_order.c.command_id == command_id)
        .values(tries=incident_order.c.tries + 1)
    )


def rows_of(connection: Connection, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """Return whole rows of signals, by id."""
    found: dict[str, Row[Any]] = {}
    for some in _parts(ids):
        query = select(signal).where(signal.c.id.in_(some))
        found |= {row.id: row for row in connection.execute(query)}
    return found


def withdrawn_by(connection: Connection, cancel: str, incident_id: str) -> tuple[str, ...]:
    """Return the signals of an incident that another signal took back."""
    query = select(signal.c.id).where(
        signal.c.incident_id == incident_id, signal.c.withdrawn_by == cancel
    )
    return tuple(connection.execute(query.order_by(signal.c.n)).scalars())


# --- what became of it ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a signal, or why it was refused."""

    signal_id: str
    state: str
    incident_id: str
    because: str
    at: datetime


def fates(connection: Connection, signal_id: str) -> list[Fate]:
    """Return everything that ever became of a signal, oldest first; a refusal is one line."""
    turns = connection.execute(
        select(signal_turn).where(signal_turn.c.signal_id == signal_id).order_by(signal_turn.c.n)
    )
    found = [Fate(signal_id, row.state, row.incident_id, row.because, row.at) for row in turns]
    refused = connection.execute(
        select(refused_signal).where(refused_signal.c.signal_id == signal_id)
    )
    found += [Fate(signal_id, "refused", "", row.reason, row.at) for row in refused]
    return found


def counts(connection: Connection) -> dict[str, int]:
    """Return how many signals stand in each state, refused messages and waiting orders beside."""
    rows = connection.execute(
        select(signal.c.state, func.count().label("n")).group_by(signal.c.state)
    )
    found = {row.state: row.n for row in rows}
    found["refused"] = (
        found.get("refused", 0)
        + connection.execute(select(func.count()).select_from(refused_signal)).scalar_one()
    )
    found["waiting_orders"] = connection.execute(
        select(func.count()).select_from(incident_order).where(incident_order.c.state == "waiting")
    ).scalar_one()
    return found


def open_incidents(connection: Connection) -> Iterable[str]:
    """Return the incidents that signals may still join."""
    return connection.execute(
        select(gathering.c.incident_id).where(gathering.c.is_open == 1)
    ).scalars()
