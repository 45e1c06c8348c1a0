"""Sessions of the web store: opened when both factors are proved, found by the cookie's secret.

The secret changes at every step of privilege; the session's own name, which entries carry, stays.
"""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from cases.accounts import Account, Happening, Place, Recorder, Secrets, account_of, revoke
from cases.attempts import SignInRules
from cases.database import reading
from cases.factor_tables import recovery_code
from cases.messages import Actor
from cases.web_tables import account, session

_SEEN_EVERY = timedelta(seconds=60)
"""`seen_at` moves no more often, so that reading a page is seldom a write."""

_KEPT = timedelta(days=7)
"""Sessions that have ended are forgotten after so long; the log remembers them."""

Ended = Literal["", "idle", "limit", "revoked"]


@dataclass(frozen=True)
class Session:
    """A sign-in that holds. `id` may be shown and logged; the cookie's secret is not here."""

    id: str
    account: Account
    csrf: str
    ends_at: datetime
    must_change: bool
    """The password is too old: nothing but changing it should be offered."""
    proved_at: datetime
    """When the second factor was last shown."""
    must_keep_codes: bool
    """No recovery codes are kept yet: nothing but making and keeping them should be offered."""

    @property
    def actor(self) -> Actor:
        return self.account.actor()


@dataclass(frozen=True)
class SignedIn:
    """A new session, or one with a new secret. `secret` goes into the cookie and nowhere else."""

    secret: str
    session: Session


@dataclass(frozen=True)
class OpenSession:
    """One line of the list of one's own sessions."""

    id: str
    since: datetime
    seen_at: datetime
    address: str
    agent: str
    wall: bool = False
    """It opened the wall, and a screen of it may still be on."""
    over: bool = False
    """It is idle or past its hours: nothing but its wall is left of it."""


@dataclass(frozen=True)
class Sessions:
    """All that is done to sessions. Blocking; safe to share between threads."""

    engine: Engine
    secrets: Secrets
    record: Recorder
    rules: SignInRules

    def open(self, connection: Connection, user: str, at: datetime, place: Place) -> SignedIn:
        """Open a session for who has just proved both factors."""
        secret, name = self.secrets.new_token(), random.token_hex(8)
        connection.execute(delete(session).where(session.c.ends_at < at - _KEPT))
        connection.execute(
            insert(session).values(
                id=name,
                token=self.secrets.digest(secret),
                account_id=user,
                csrf=self.secrets.new_token(),
                address=place.address[:64],
                agent=place.agent[:200],
                created_at=at,
                seen_at=at,
                ends_at=at + self.rules.session,
                proved_at=at,
            )
        )
        opened = self._find(connection, secret, at)
        assert opened is not None
        return SignedIn(secret, opened[0])

    def renew(self, connection: Connection, held: Session, at: datetime) -> SignedIn | None:
        """Note that the second factor was shown again, and give the session a new secret; the old
        one opens nothing from then on. None when the session is over."""
        secret = self.secrets.new_token()
        changed = connection.execute(
            update(session)
            .where(session.c.id == held.id, session.c.revoked_at.is_(None))
            .values(token=self.secrets.digest(secret), proved_at=at, seen_at=at)
        )
        found = self._find(connection, secret, at) if changed.rowcount else None
        return None if found is None else SignedIn(secret, found[0])

    def visitor(self, secret: str, at: datetime) -> Session | None:
        """Return the session of a cookie, with grants as they are now; None when it is over.

        Moves the idle limit, at most once a minute.
        """
        with reading(self.engine) as connection:
            found = self._find(connection, secret, at)
        if found is None:
            return None
        held, seen_at = found
        if at - seen_at >= _SEEN_EVERY:
            with self.engine.begin() as connection:
                connection.execute(
                    update(session)
                    .where(session.c.id == held.id, session.c.seen_at < at)
                    .values(seen_at=at)
                )
        return held

    def still(self, secret: str, at: datetime) -> Session | None:
        """Return the session of a cookie as `visitor` does, without moving the idle limit."""
        with reading(self.engine) as connection:
            found = self._find(connection, secret, at)
        return None if found is None else found[0]

    def screen(self, name: str, at: datetime) -> Session | None:
        """Return a session as a screen of the wall has it: idle or past its hours, but younger than
        a screen may be, and ended by nobody. It opens the wall alone; whoever asks must have shown
        the mark that the session itself was given for it."""
        with reading(self.engine) as connection:
            found = self._row(
                connection,
                session.c.id == name,
                session.c.created_at > at - self.rules.screen,
                at=at,
            )
        return None if found is None else found[0]

    def opened_wall(self, name: str, at: datetime) -> None:
        """Note that a session opened the wall: whoever it is finds that screen in their list."""
        with reading(self.engine) as connection:
            known = connection.execute(
                select(session.c.wall_at).where(session.c.id == name)
            ).scalar_one_or_none()
        if known is not None:
            return
        with self.engine.begin() as connection:
            connection.execute(
                update(session)
                .where(session.c.id == name, session.c.wall_at.is_(None))
                .values(wall_at=at)
            )

    def ended(self, secret: str, at: datetime) -> tuple[Ended, str]:
        """Return why the session of a cookie is over, and whose it was; empty: there was none."""
        with reading(self.engine) as connection:
            row = connection.execute(
                select(session).where(session.c.token == self.secrets.digest(secret))
            ).first()
        if row is None:
            return "", ""
        if row.revoked_at is not None:
            return "revoked", row.account_id
        if row.ends_at <= at:
            return "limit", row.account_id
        return ("idle" if row.seen_at <= at - self.rules.idle else "revoked"), row.account_id

    def sign_out(self, secret: str, at: datetime, place: Place) -> None:
        """End the session of a cookie; nothing happens when it is over already."""
        with self.engine.begin() as connection:
            found = self._find(connection, secret, at)
            if found is None:
                return
            held = found[0]
            connection.execute(update(session).where(session.c.id == held.id).values(revoked_at=at))
            whom = held.account.id
            happening = Happening("sign_out", at, whom, whom, True, "", place, held.id)
            self.record(connection, happening)

    def listing(self, user: str, at: datetime) -> tuple[OpenSession, ...]:
        """Return the open sessions of an account, and those that have a wall left, the one last
        seen first."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(session)
                .where(session.c.account_id == user, session.c.revoked_at.is_(None))
                .where(or_(self._open(at), self._on_screen(at)))
                .order_by(session.c.seen_at.desc())
            ).all()
        return tuple(
            OpenSession(
                row.id, row.created_at, row.seen_at, row.address, row.agent,
                wall=row.wall_at is not None and row.created_at > at - self.rules.screen,
                over=row.ends_at <= at or row.seen_at <= at - self.rules.idle,
            )
            for row in rows
        )  # fmt: skip

    def _open(self, at: datetime) -> ColumnElement[bool]:
        return and_(session.c.ends_at > at, session.c.seen_at > at - self.rules.idle)

    def _on_screen(self, at: datetime) -> ColumnElement[bool]:
        return and_(session.c.wall_at.is_not(None), session.c.created_at > at - self.rules.screen)

    def end_one(self, held: Session, name: str, at: datetime, place: Place) -> bool:
        """End one of one's own sessions and its wall; False when it is none of them, or over."""
        user = held.account.id
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(session)
                .where(session.c.id == name, session.c.account_id == user)
                .where(session.c.revoked_at.is_(None))
                .where(or_(session.c.ends_at > at, self._on_screen(at)))
                .values(revoked_at=at)
            )
            if changed.rowcount:
                self.record(
                    connection,
                    Happening("session_revoke", at, user, user, True, name, place, held.id),
                )
        return bool(changed.rowcount)

    def end_others(self, held: Session, at: datetime, place: Place) -> int:
        """End all of one's own sessions but this; return how many there were."""
        user = held.account.id
        with self.engine.begin() as connection:
            ended = revoke(connection, user, at, held.id)
            self.record(
                connection,
                Happening("session_revoke", at, user, user, True, str(ended), place, held.id),
            )
        return ended

    def _find(
        self, connection: Connection, secret: str, at: datetime
    ) -> tuple[Session, datetime] | None:
        return self._row(
            connection,
            session.c.token == self.secrets.digest(secret),
            session.c.ends_at > at,
            session.c.seen_at > at - self.rules.idle,
            at=at,
        )

    def _row(
        self, connection: Connection, *wanted: ColumnElement[bool], at: datetime
    ) -> tuple[Session, datetime] | None:
        kept = exists().where(
            recovery_code.c.account_id == account.c.id, recovery_code.c.kept_at.is_not(None)
        )
        row = connection.execute(
            select(session, account, kept.label("codes_kept"))
            .join(account, account.c.id == session.c.account_id)
            .where(*wanted, session.c.revoked_at.is_(None), session.c.proved_at.is_not(None))
            .where(account.c.disabled_at.is_(None))
        ).first()
        return None if row is None else self._held(row, at)

    def _held(self, row: Row[Any], at: datetime) -> tuple[Session, datetime]:
        values = row._mapping
        changed = values[account.c.password_changed_at]
        held = Session(
            values[session.c.id],
            account_of(values),
            values[session.c.csrf],
            values[session.c.ends_at],
            changed is None or at - changed > self.secrets.max_age,
            values[session.c.proved_at],
            not values["codes_kept"],
        )
        return held, values[session.c.seen_at]
