"""Citizens in the web store: whom the identity provider vouched for, their sessions and cases.

Sealing, opening and the entries of the log are the caller's. All instants are handed in, aware.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from cases.database import reading
from cases.web_tables import citizen, citizen_case, citizen_logout, citizen_session

IDLE: Final = timedelta(minutes=60)
"""A session that nobody used for so long is over: a form is long, and a library's computer shared
(the city's own choice)."""
LONGEST: Final = timedelta(hours=4)
_SEEN_EVERY: Final = timedelta(seconds=60)
_KEPT: Final = timedelta(days=1)

Note = Callable[[Connection, str], None]
"""Writes the entry about a citizen's id into the open transaction."""


class LogoutRepeated(Exception):
    """A logout token that was used before."""


@dataclass(frozen=True)
class SignedIn:
    """A citizen of an open session. `sealed` is what the provider said of them."""

    id: str
    sealed: bytes


def subject_of(issuer: str, sub: str) -> str:
    """Return the digest by which a provider's name for somebody is known here."""
    return hashlib.sha256(f"{issuer}\n{sub}".encode()).hexdigest()


@dataclass(frozen=True)
class Citizens:
    """Blocking; safe to share between threads."""

    engine: Engine

    def sign_in(
        self, subject: str, seal: Callable[[str], bytes], at: datetime, note: Note,
        provider_session: str | None = None,
    ) -> tuple[str, str]:  # fmt: skip
        """Open a session; return its secret, which goes into the cookie and nowhere else, and the
        citizen's id. Who comes for the first time gets one; two first times at once are one.

        `provider_session`: the digest (`subject_of`) of what the provider calls its own session.
        """
        known = self._known(subject) or f"c:{uuid4()}"
        sealed, theirs = seal(known), provider_session
        try:
            return self._open(known, subject, sealed, at, note, theirs), known
        except IntegrityError:
            first = self._known(subject)
            if first is None or first == known:
                raise
            return self._open(first, subject, seal(first), at, note, theirs), first

    def _known(self, subject: str) -> str | None:
        with reading(self.engine) as connection:
            return connection.execute(
                select(citizen.c.id).where(citizen.c.subject == subject)
            ).scalar()

    def _open(
        self, who: str, subject: str, sealed: bytes, at: datetime, note: Note, theirs: str | None
    ) -> str:
        secret = secrets.token_urlsafe(32)
        with self.engine.begin() as connection:
            connection.execute(
                delete(citizen_session).where(citizen_session.c.ends_at < at - _KEPT)
            )
            changed = connection.execute(
                update(citizen).where(citizen.c.id == who).values(sealed=sealed, seen_at=at)
            )
            if not changed.rowcount:
                connection.execute(
                    insert(citizen).values(
                        id=who, subject=subject, sealed=sealed, first_at=at, seen_at=at
                    )
                )
            connection.execute(
                insert(citizen_session).values(
                    token=_digest(secret), citizen_id=who, created_at=at, seen_at=at,
                    ends_at=at + LONGEST, provider_session=theirs,
                )
            )  # fmt: skip
            note(connection, who)
        return secret

    def find(self, secret: str, at: datetime) -> SignedIn | None:
        """Return whose session a cookie opens; None when it is over. Moves the idle limit."""
        held, token = citizen_session, _digest(secret)
        query = (
            select(citizen.c.id, citizen.c.sealed, held.c.seen_at)
            .join(held, held.c.citizen_id == citizen.c.id)
            .where(held.c.token == token, held.c.ends_at > at, held.c.seen_at > at - IDLE)
        )
        with reading(self.engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if at - row.seen_at >= _SEEN_EVERY:
            with self.engine.begin() as connection:
                connection.execute(update(held).where(held.c.token == token).values(seen_at=at))
        return SignedIn(row.id, row.sealed)

    def sign_out(self, secret: str, note: Note) -> None:
        """End the session of a cookie; one that is over stays so."""
        held = citizen_session
        with self.engine.begin() as connection:
            who = connection.execute(
                select(held.c.citizen_id).where(held.c.token == _digest(secret))
            ).scalar()
            if who is not None:
                connection.execute(delete(held).where(held.c.token == _digest(secret)))
                note(connection, who)

    def end(self, subject: str, theirs: str, token: str, at: datetime, note: Note) -> int:
        """End the sessions that the provider's logout token is about; return how many those were.

        `subject`, `theirs`, `token`: digests of whom, of which session of the provider's, and of
        the token's own id; one of the first two may be empty. A session of which the provider gave
        no name ends with any of its person's. Raises `LogoutRepeated`; of two at once one counts.
        """
        held = citizen_session
        if theirs and subject:
            which = or_(
                held.c.provider_session == theirs,
                and_(_of(subject), held.c.provider_session.is_(None)),
            )
        else:
            which = held.c.provider_session == theirs if theirs else _of(subject)
        ended = 0
        with self.engine.begin() as connection:
            connection.execute(delete(citizen_logout).where(citizen_logout.c.at < at - _KEPT))
            try:
                connection.execute(insert(citizen_logout).values(token=token, at=at))
            except IntegrityError as repeated:
                raise LogoutRepeated from repeated
            query = select(held.c.token, held.c.citizen_id).where(which).order_by(held.c.token)
            for row in connection.execute(query).all():
                # One that its own person ends at this moment has its entry from there.
                if connection.execute(delete(held).where(held.c.token == row.token)).rowcount:
                    note(connection, row.citizen_id)
                    ended += 1
        return ended

    def files(self, who: str, case_id: str, at: datetime) -> bool:
        """Note, before it is ordered, whose a case will be. False: it is another's."""
        with self.engine.begin() as connection:
            whose = connection.execute(
                select(citizen_case.c.citizen_id).where(citizen_case.c.case_id == case_id)
            ).scalar()
            if whose is None:
                connection.execute(
                    insert(citizen_case).values(case_id=case_id, citizen_id=who, filed_at=at)
                )
        return whose in (None, who)

    def owns(self, who: str, case_id: str) -> bool:
        query = select(citizen_case.c.case_id).where(
            citizen_case.c.citizen_id == who, citizen_case.c.case_id == case_id
        )
        with reading(self.engine) as connection:
            return connection.execute(query).first() is not None

    def cases(self, who: str, limit: int, offset: int = 0) -> tuple[Sequence[str], int]:
        """Return ids of the citizen's cases, the newest first, and how many there are in all."""
        mine = citizen_case.c.citizen_id == who
        query = (
            select(citizen_case.c.case_id)
            .where(mine)
            .order_by(citizen_case.c.filed_at.desc(), citizen_case.c.case_id)
            .limit(limit)
            .offset(offset)
        )
        with reading(self.engine) as connection:
            found = connection.execute(query).scalars().all()
            whole = connection.execute(
                select(func.count()).select_from(citizen_case).where(mine)
            ).scalar_one()
        return found, whole


def _of(subject: str) -> ColumnElement[bool]:
    """Return the condition that a session is somebody's whom the provider knows by `subject`."""
    whose = select(citizen.c.id).where(citizen.c.subject == subject)
    return citizen_session.c.citizen_id.in_(whose)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
