"""Lives against the log: each order's row, and the row that shows how a life stands.

The entry of an order binds the state that it left (its `after`). The newest one's must be the
state in the row, and every column and row that lists and boards read must follow from that state.
Only reads; asks for no key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from sqlalchemy import Column, Connection, Table, select

from cases.messages import Frozen

Row = Mapping[str, Any]
State = TypeVar("State", bound=Frozen)


@dataclass(frozen=True, slots=True)
class SaidOrder:
    """What the log says of one settled order."""

    entry_id: str
    act: str
    at: datetime
    after: str
    stage: str
    role: str
    department: str


@dataclass(frozen=True, slots=True)
class WrongLife:
    """A row that is not what the log says, by the life's id, sequence and column."""

    life: str
    seq: int
    column: str
    expected: str
    found: str


Said = Mapping[str, Mapping[int, SaidOrder]]
"""Id of a life → sequence → what the entry of that order says."""


@dataclass(frozen=True, slots=True)
class LifeRows(Generic[State]):
    """Where one kind of life is kept, and what follows from its state."""

    stands: Table
    """One row each, whose `state` is the state as canonical JSON."""
    orders: Table
    """One row for each settled order, by life and `seq`."""
    of: str
    """The column of `orders` that names the life."""
    state: type[State]
    row_of: Callable[[State], Mapping[str, Any]]
    shown: Callable[[Connection, State], Iterator[WrongLife]]
    """Compares the further rows that follow from state and orders."""

    def check(
        self, connection: Connection, said: Said, entry_of: Callable[[str], str]
    ) -> Iterator[WrongLife]:
        """Yield every row that differs from what the entries say.

        `entry_of`: id of a command → id of the entry that its step has.
        """
        known = set(connection.execute(select(self.stands.c.id)).scalars())
        known |= set(connection.execute(select(self.orders.c[self.of]).distinct()).scalars())
        for key in sorted(said.keys() | known):
            yield from self._one(connection, key, said.get(key, {}), entry_of)

    def _one(
        self,
        connection: Connection,
        key: str,
        said: Mapping[int, SaidOrder],
        entry_of: Callable[[str], str],
    ) -> Iterator[WrongLife]:
        name = self.orders.name
        there = {row["seq"]: row for row in rows(connection, self.orders.c[self.of], key)}
        for seq in sorted(said.keys() | there.keys()):
            if seq not in there:
                yield WrongLife(key, seq, name, f"a row for entry {said[seq].entry_id}", "none")
            elif seq not in said:
                found = there[seq]["entry_id"]
                yield WrongLife(key, seq, name, "no row: the log has no entry", str(found))
            else:
                yield from self._order(key, seq, said[seq], there[seq])
                if (found := entry_of(there[seq]["command_id"])) != said[seq].entry_id:
                    yield WrongLife(key, seq, f"{name}.command_id", said[seq].entry_id, found)
        if said:
            yield from self._newest(connection, key, max(said), said[max(said)].after)
        elif not there:
            yield WrongLife(key, 0, self.stands.name, "no row: the log has no entry", "a row")

    def _order(self, key: str, seq: int, said: SaidOrder, row: Row) -> Iterator[WrongLife]:
        wanted = {
            "entry_id": said.entry_id, "kind": said.act, "recorded_at": said.at,
            "after": said.after, "stage": said.stage, "role": said.role,
            "department": said.department,
        }  # fmt: skip
        yield from differing(key, seq, self.orders.name, wanted, row)

    def _newest(
        self, connection: Connection, key: str, seq: int, after: str
    ) -> Iterator[WrongLife]:
        name = self.stands.name
        row = next(iter(rows(connection, self.stands.c.id, key)), None)
        if row is None:
            yield WrongLife(key, seq, name, "a row", "none")
            return
        found = digest_text(row["state"])
        if found != after:
            yield WrongLife(key, seq, f"{name}.state", after, found)
            return
        try:
            state = self.state.model_validate_json(row["state"])
        except ValidationError as unreadable:
            first = str(unreadable).splitlines()[0]
            yield WrongLife(key, seq, f"{name}.state", "a state", first)
            return
        yield from differing(key, seq, name, self.row_of(state), row)
        yield from self.shown(connection, state)


def digest_text(stored: str) -> str:
    """Return SHA-256 (hex) of a state as its row holds it, as an entry's `after` says it."""
    return hashlib.sha256(stored.encode()).hexdigest()


def differing(key: str, seq: int, name: str, wanted: Row, row: Row) -> Iterator[WrongLife]:
    """Yield the columns of a row that are not what they must be."""
    for column, value in wanted.items():
        if row[column] != value:
            yield WrongLife(key, seq, f"{name}.{column}", str(value), str(row[column]))


def unlike(
    key: str, seq: int, name: str, wanted: Mapping[str, Row], there: Mapping[str, Row]
) -> Iterator[WrongLife]:
    """Yield the rows of a table that are missing, too many, or not what they must be."""
    for one in sorted(wanted.keys() | there.keys()):
        if one in wanted and one in there:
            yield from differing(key, seq, f"{name}[{one}]", wanted[one], there[one])
            continue
        yield WrongLife(
            key, seq, f"{name}[{one}]",
            "a row" if one in wanted else "none", "a row" if one in there else "none",
        )  # fmt: skip


def rows(connection: Connection, column: Column[Any], key: str) -> list[Row]:
    """Return the whole rows whose column is this key."""
    query = select(column.table).where(column == key)
    return [dict(row) for row in connection.execute(query).mappings()]


__all__ = [
    "LifeRows",
    "Said",
    "SaidOrder",
    "WrongLife",
    "differing",
    "digest_text",
    "rows",
    "unlike",
]
