"""Rows of our own warnings: each act written whole in the caller's transaction, read for pages.

`digests` names the digest of each column and of the act before; its SHA-256 is the `after` of the
act's entry, so that the newest entry of a warning binds all its acts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Select, and_, func, insert, select

from cases.projection import Row, after_of, json_text, value_digest
from cases.warning_tables import warning_act
from cases.warnings import ENDS, Announced, Lifting, Standing, WarningAnswer

MOST_LISTED = 200
"""Warnings on one page, the newest first."""


@dataclass(frozen=True, slots=True)
class KeptAct:
    """One announced act as its row tells it."""

    warning: str
    seq: int
    verb: str
    actor: str
    said: Announced
    lifting: Lifting | None
    cap: str
    issued_at: datetime
    entry_id: str

    @property
    def standing(self) -> Standing:
        return Standing(self.seq, self.verb, self.said)


@dataclass(frozen=True, slots=True)
class NewAct:
    """An act on its way into the store."""

    act: KeptAct
    command_id: str
    order_digest: str


def put(connection: Connection, one: NewAct) -> str:
    """Write an act; return what its entry says as `after`. Never commits."""
    row = _row(one)
    before = None
    if one.act.seq > 1:
        query = select(warning_act.c.digests).where(
            warning_act.c.warning_id == one.act.warning, warning_act.c.seq == one.act.seq - 1
        )
        before = after_of(connection.execute(query).scalar_one())
    digests = json_text(_digests_of(row) | ({"before": before} if before else {}))
    connection.execute(insert(warning_act).values(row | {"digests": digests}))
    return after_of(digests)


def answered(connection: Connection, command_id: str) -> WarningAnswer | None:
    """Return the answer to a command that was settled before; None: it was not."""
    query = select(warning_act).where(warning_act.c.command_id == command_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return WarningAnswer(
        command_id=command_id,
        order_digest=row.order_digest,
        status="done",
        warning=row.warning_id,
        seq=row.seq,
        entry=row.entry_id,
        repeated=True,
    )


def acts(connection: Connection, warning: str) -> list[KeptAct]:
    """Return the acts of one warning in their order; empty: there is none of that id."""
    query = select(warning_act).where(warning_act.c.warning_id == warning)
    return [_kept(row) for row in connection.execute(query.order_by(warning_act.c.seq))]


def listing(connection: Connection) -> list[KeptAct]:
    """Return the newest act of each warning, the newest first."""
    one = warning_act.c
    query = _newest().order_by(one.issued_at.desc(), one.warning_id).limit(MOST_LISTED)
    return [_kept(row) for row in connection.execute(query)]


def lapsed(connection: Connection, now: datetime) -> list[KeptAct]:
    """Return what nobody ended and whose own time has run out: the newest act of each."""
    query = _newest().where(warning_act.c.verb.not_in(sorted(ENDS)))
    standing = (_kept(row) for row in connection.execute(query))
    return [one for one in standing if one.said.has_lapsed(now)]


def _newest() -> Select[Any]:
    one = warning_act.c
    last = (
        select(one.warning_id, func.max(one.seq).label("seq")).group_by(one.warning_id).subquery()
    )
    return select(warning_act).join(
        last, and_(last.c.warning_id == one.warning_id, last.c.seq == one.seq)
    )


# --- against the log -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WrongWarning:
    """A row that is not what the log says, by column."""

    warning: str
    seq: int
    column: str
    expected: str
    found: str


def check(connection: Connection, said: Mapping[str, str]) -> Iterator[WrongWarning]:
    """Yield every act that differs from what the entries say. `said`: id → newest `after`."""
    there: dict[str, list[Row]] = {}
    query = select(warning_act).order_by(warning_act.c.warning_id, warning_act.c.seq.desc())
    for row in connection.execute(query).mappings():
        there.setdefault(row["warning_id"], []).append(dict(row))
    for key in sorted(said.keys() | there.keys()):
        if key not in there:
            yield WrongWarning(key, 0, "warning_act", "a row", "none")
        elif key not in said:
            yield WrongWarning(key, 0, "warning_act", "no row: the log has no entry", "a row")
        else:
            yield from _check_one(there[key], said[key])


def _check_one(newest_first: list[Row], after: str) -> Iterator[WrongWarning]:
    for row in newest_first:
        key, seq = row["warning_id"], row["seq"]
        if (found := after_of(row["digests"])) != after:
            yield WrongWarning(key, seq, "digests", after, found)
        try:
            expected: dict[str, str] = orjson.loads(row["digests"])
        except orjson.JSONDecodeError:
            return
        after = expected.pop("before", "")
        now = _digests_of(row)
        for name in sorted(expected.keys() | now.keys()):
            if expected.get(name) != now.get(name):
                yield WrongWarning(
                    key, seq, name, expected.get(name, "none"), now.get(name, "none")
                )
    if after:
        yield WrongWarning(key, seq - 1, "warning_act", "a row", "none")


# --- small ---------------------------------------------------------------------------------------


def _digests_of(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: value_digest(value) for name, value in row.items() if name != "digests"}


def _row(one: NewAct) -> Row:
    act = one.act
    return {
        "warning_id": act.warning,
        "seq": act.seq,
        "command_id": one.command_id,
        "order_digest": one.order_digest,
        "actor": act.actor,
        "verb": act.verb,
        "category": act.said.category,
        "level": act.said.level,
        "body": json_text(act.said.model_dump(mode="json")),
        "lifting": json_text(act.lifting.model_dump(mode="json")) if act.lifting else "",
        "cap": act.cap,
        "issued_at": act.issued_at,
        "entry_id": act.entry_id,
    }


def _kept(row: Any) -> KeptAct:
    return KeptAct(
        row.warning_id, row.seq, row.verb, row.actor, Announced.model_validate_json(row.body),
        Lifting.model_validate_json(row.lifting) if row.lifting else None, row.cap,
        row.issued_at, row.entry_id,
    )  # fmt: skip
