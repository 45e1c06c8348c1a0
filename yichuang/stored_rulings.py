"""Rulings as the rows keep them: read back with their facts, given reasons, made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import orjson
from sqlalchemy import Engine, and_, or_, select

from cases import payment_rows, releases
from cases.database import reading
from cases.queries import Queries
from cases.rulings import Ruling
from cases.store import place
from cases.tables import case, ruling
from rules.evaluate import NoFixpoint, NoRuling, again
from rules.pack import ContextRefused, Pack
from rules.why import Why, why_again

AT_ONCE = 500
"""Rows read in one go."""


@dataclass(frozen=True)
class Stored:
    """One ruling of one step, or on a payment request (`seq` 0, its number as `case_no`).

    `ruling` is None where the applicant's data was erased.
    """

    case_id: str
    case_no: str
    seq: int
    role: str
    pack: str
    version: str
    digest: str
    ruling: Ruling | None


@dataclass(frozen=True)
class Difference:
    """A stored ruling that would not be made today as it was then: altered, or a broken engine."""

    case_no: str
    seq: int
    role: str
    why: str


@dataclass(frozen=True)
class StoredRulings:
    """The rulings of a cases store, opened with the keys of its subjects."""

    queries: Queries
    pack: Callable[[str], Pack]
    """The version of a digest, in force still or not. Raises `LookupError`."""

    @classmethod
    def over(cls, queries: Queries) -> StoredRulings:
        """Return them with the versions that were signed in the same store."""
        return cls(queries, partial(pack_of, queries.engine))

    def of_case(self, case_id: str) -> list[Stored]:
        """Return the rulings of a case, the oldest first."""
        query = _rows().where(ruling.c.case_id == case_id)
        with reading(self.queries.engine) as connection:
            rows = connection.execute(query).all()
        return self._opened(rows)

    def all(self) -> Iterator[Stored]:
        """Yield every ruling of the store, by case and step."""
        last: tuple[str, int, str] | None = None
        while True:
            query = _rows().limit(AT_ONCE)
            if last is not None:
                query = query.where(_after(*last))
            with reading(self.queries.engine) as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            yield from self._opened(rows)
            last = rows[-1].case_id, rows[-1].seq, rows[-1].role

    def why(self, stored: Stored) -> Why:
        """Return the reasons of a ruling that can still be opened. Raises `ValueError` when it
        would not be made again as it is stored, `LookupError` when its version is not here."""
        assert stored.ruling is not None
        return why_again(self.pack(stored.digest), stored.ruling)

    def difference(self, stored: Stored) -> Difference | None:
        """Return how a ruling, made again by the plain twin, differs; None when it does not."""
        kept = stored.ruling
        if kept is None:
            return None
        try:
            now = again(self.pack(stored.digest), kept)
        except (LookupError, ValueError, NoFixpoint, NoRuling, ContextRefused) as no:
            return Difference(stored.case_no, stored.seq, stored.role, str(no))
        if now == kept:
            return None
        was, became = [one.rule for one in kept.fired], [one.rule for one in now.fired]
        said = f"存 {was} {kept.outcome}, 重算 {became} {now.outcome}"
        return Difference(stored.case_no, stored.seq, stored.role, said)

    def of_payment(self, payment: str, number: str) -> list[Stored]:
        """Return the rulings on one payment request, by pack."""
        with reading(self.queries.engine) as connection:
            found = payment_rows.rulings_of(connection, payment)
        return [_of_payment(payment, number, one) for one in found]

    def of_payments(self) -> Iterator[Stored]:
        """Yield every ruling on every payment request."""
        for number, one in payment_rows.every_ruling(self.queries.engine):
            yield _of_payment("", number, one)

    def _opened(self, rows: Any) -> list[Stored]:
        contexts = self.queries.open(
            [
                (row.subject, row.context_sealed,
                 place("ruling", "context", row.case_id, row.seq, row.role))
                for row in rows
            ]
        )  # fmt: skip
        return [_stored(row, text) for row, text in zip(rows, contexts, strict=True)]


def _of_payment(payment: str, number: str, one: Ruling) -> Stored:
    return Stored(payment, number, 0, one.pack, one.pack, one.version, one.digest, one)


def _rows() -> Any:
    return (
        select(ruling, case.c.case_no)
        .join(case, case.c.id == ruling.c.case_id)
        .order_by(ruling.c.case_id, ruling.c.seq, ruling.c.role)
    )


def _after(case_id: str, seq: int, role: str) -> Any:
    return or_(
        ruling.c.case_id > case_id,
        and_(ruling.c.case_id == case_id, ruling.c.seq > seq),
        and_(ruling.c.case_id == case_id, ruling.c.seq == seq, ruling.c.role > role),
    )


def _stored(row: Any, context: bytes | None) -> Stored:
    kept = None
    if context is not None:
        kept = Ruling(
            pack=row.pack,
            version=row.version,
            digest=row.digest,
            engine=row.engine,
            context=orjson.loads(context),
            fired=orjson.loads(row.fired),
            outcome=orjson.loads(row.outcome),
        )
    return Stored(
        row.case_id, row.case_no, row.seq, row.role, row.pack, row.version, row.digest, kept
    )


@lru_cache(maxsize=64)
def pack_of(engine: Engine, digest: str) -> Pack:
    """Return a signed version by its digest, in force still or not. Raises `LookupError`."""
    with reading(engine) as connection:
        found = releases.of_digest(connection, "rules", digest)
    if found is None:
        raise LookupError(f"no signed rule pack has the digest {digest}")
    return Pack.from_stored(found.content)
