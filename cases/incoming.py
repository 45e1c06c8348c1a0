"""Files that come piece by piece, in the web store: what has arrived, and the whole in the end.

Sealing and opening is the caller's. A piece says where it begins, so that one sent again after a
broken connection is the same piece, and what is missing is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from cases.database import reading
from cases.web_tables import incoming, incoming_piece

MOST_COMING = 20
"""Files of one person that may be on their way at once."""


class TooManyComing(Exception):
    """The owner has begun as many files as one may; let some arrive first."""


@dataclass(frozen=True)
class Coming:
    """A file on its way; `came` bytes of it are here, from the beginning without a gap."""

    id: str
    owner: str
    name_sealed: bytes
    size: int
    begun_at: datetime
    came: int = 0


@dataclass(frozen=True)
class Incoming:
    """Files on their way. Blocking; safe to share between threads."""

    engine: Engine

    def begin(self, one: Coming) -> None:
        """Note that a file is coming. Raises `TooManyComing`."""
        with self.engine.begin() as connection:
            others = connection.execute(
                select(func.count()).select_from(incoming).where(incoming.c.owner == one.owner)
            ).scalar_one()
            if others >= MOST_COMING:
                raise TooManyComing(one.owner)
            connection.execute(
                insert(incoming).values(
                    id=one.id, owner=one.owner, name_sealed=one.name_sealed, size=one.size,
                    begun_at=one.begun_at,
                )
            )  # fmt: skip

    def find(self, owner: str, coming_id: str) -> Coming | None:
        """Return a file of this very owner that is on its way."""
        piece = incoming_piece.c
        with reading(self.engine) as connection:
            row = connection.execute(
                select(incoming).where(incoming.c.id == coming_id, incoming.c.owner == owner)
            ).first()
            if row is None:
                return None
            came = connection.execute(
                select(func.coalesce(func.sum(piece.size), 0)).where(piece.incoming_id == coming_id)
            ).scalar_one()
        return Coming(row.id, row.owner, row.name_sealed, row.size, row.begun_at, int(came))

    def add(self, one: Coming, start: int, size: int, sealed: bytes) -> int:
        """Keep the piece that comes next; return how many bytes are here now.

        One that is here already, or that leaves a gap, changes nothing.
        """
        if start == one.came and start + size <= one.size:
            try:
                with self.engine.begin() as connection:
                    connection.execute(
                        insert(incoming_piece).values(
                            incoming_id=one.id, start=start, size=size, sealed=sealed
                        )
                    )
            except IntegrityError:
                pass  # the same piece, sent twice in the same moment; or the file was given up
        known = self.find(one.owner, one.id)
        return 0 if known is None else known.came

    def pieces(self, coming_id: str) -> Sequence[tuple[int, bytes]]:
        """Return every piece that is here, in order, with where it begins."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(incoming_piece.c.start, incoming_piece.c.sealed)
                .where(incoming_piece.c.incoming_id == coming_id)
                .order_by(incoming_piece.c.start)
            ).all()
        return [(row.start, row.sealed) for row in rows]

    def drop(self, owner: str, coming_id: str) -> None:
        """Forget a file on its way, with what has come of it."""
        mine = select(incoming.c.id).where(incoming.c.id == coming_id, incoming.c.owner == owner)
        with self.engine.begin() as connection:
            connection.execute(delete(incoming_piece).where(incoming_piece.c.incoming_id.in_(mine)))
            connection.execute(
                delete(incoming).where(incoming.c.id == coming_id, incoming.c.owner == owner)
            )

    def forget(self, before: datetime) -> int:
        """Forget files that were begun before then and never arrived; return how many."""
        old = select(incoming.c.id).where(incoming.c.begun_at < before)
        with self.engine.begin() as connection:
            connection.execute(delete(incoming_piece).where(incoming_piece.c.incoming_id.in_(old)))
            gone = connection.execute(delete(incoming).where(incoming.c.begun_at < before))
        return int(gone.rowcount)
