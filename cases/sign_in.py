"""Sign-in and sessions of the web store; the web process is their only writer.

Every attempt is told to the `record` that was handed in, inside the same transaction. All instants
are handed in, aware.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from cases.accounts import (
    Account,
    Happening,
    Place,
    Recorder,
    Secrets,
    account_of,
    normal_login,
    store_password,
)
from cases.database import reading
from cases.messages import Actor
from cases.web_tables import account, attempt, old_password, session

_SEEN_EVERY = timedelta(seconds=60)
"""`seen_at` moves no more often, so that reading a page is seldom a write."""

_KEPT = timedelta(days=7)
"""Sessions that have ended are forgotten after so long; the log remembers them."""


@dataclass(frozen=True)
class SignInRules:
    """Limits of sign-in; the defaults are those of level 3 (GB/T 22239-2019 8.1.4.1 b; values from
    a public baseline: 5 failures, 10 to 30 minutes, per account and per address)."""

    attempts: int = 5
    address_attempts: int = 5
    lock: timedelta = timedelta(minutes=15)
    idle: timedelta = timedelta(minutes=30)
    session: timedelta = timedelta(hours=10)


@dataclass(frozen=True)
class Session:
    """A sign-in that holds. `id` may be shown and logged; the cookie's secret is not here."""

    id: str
    account: Account
    csrf: str
    ends_at: datetime
    must_change: bool
    """The password is too old: nothing but changing it should be offered."""

    @property
    def actor(self) -> Actor:
        return self.account.actor()


@dataclass(frozen=True)
class SignedIn:
    """A new session. `secret` goes into the cookie and nowhere else."""

    secret: str
    session: Session


@dataclass(frozen=True)
class Refused:
    """Not let in. `code` is for the log, `reason` (Chinese) for the person; the reason is the same
    for a wrong password and an unknown login."""

    code: str
    reason: str
    locked_until: datetime | None = None


@dataclass(frozen=True)
class SignIn:
    """The way in. Blocking; safe to share between threads."""

    engine: Engine
    secrets: Secrets
    record: Recorder
    rules: SignInRules = SignInRules()

    # --- sign-in -----------------------------------------------------------------------

    def sign_in(self, login: str, password: str, at: datetime, place: Place) -> SignedIn | Refused:
        """Return a new session, or why not. Unknown logins take as long as known ones."""
        login = normal_login(login)
        happening = Happening("sign_in", at, "", "", False, place=place)
        row = self._count_attempt(login, happening)
        if isinstance(row, Refused):
            return row
        # Between two transactions: hashing takes a tenth of a second, too long for a lock.
        stored = row.password if row is not None and row.disabled_at is None else ""
        if not self.secrets.matches(stored, password):
            return self._wrong(row, login, happening, "wrong_password")
        assert row is not None  # an absent row has nothing stored, and nothing matches nothing
        fresh = self.secrets.hash(password) if self.secrets.outdated(stored) else stored
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(account)
                .where(account.c.id == row.id, account.c.password == stored)
                .where(account.c.disabled_at.is_(None))
                .values(password=fresh, last_sign_in_at=at)
            )
            if changed.rowcount == 1:
                return self._open(connection, row.id, login, happening)
        return self._wrong(row, login, happening, "changed_meanwhile")

    def enrol(
        self, login: str, code: str, password: str, at: datetime, place: Place
    ) -> SignedIn | Refused:
        """Set the first (or a lost) password by a one-time code, which is then used up.

        A password that the rules refuse leaves the code good.
        """
        login = normal_login(login)
        happening = Happening("enrol", at, "", "", False, place=place)
        row = self._count_attempt(login, happening)
        if isinstance(row, Refused):
            return row
        digest = self.secrets.code_digest(code)
        expected = row.enrolment if row is not None and row.disabled_at is None else ""
        good = hmac.compare_digest(expected or "-", digest)
        if row is None or not good or row.enrolment_until < at:
            return self._wrong(row, login, happening, "wrong_code")
        fault = self._fault(row, password)
        if fault:
            return self._weak(row, login, happening, fault)
        hashed = self.secrets.hash(password)
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(account)
                .where(account.c.id == row.id, account.c.enrolment == expected)
                .values(enrolment="", enrolment_until=None, last_sign_in_at=at)
            )
            if changed.rowcount == 1:
                store_password(connection, row, hashed, at, self.secrets.history)
                return self._open(connection, row.id, login, happening)
        return self._wrong(row, login, happening, "changed_meanwhile")

    def change_password(
        self, held: Session, old: str, new: str, at: datetime, place: Place
    ) -> Refused | None:
        """Change one's own password; every other session of the account ends."""
        login = held.account.login
        happening = Happening(
            "password_change", at, held.account.id, held.account.id, False, "", place, held.id
        )
        row = self._count_attempt(login, happening)
        if isinstance(row, Refused):
            return row
        if row is None or not self.secrets.matches(row.password, old):
            return self._wrong(row, login, happening, "wrong_password")
        fault = self._fault(row, new)
        if fault:
            return self._weak(row, login, happening, fault)
        hashed = self.secrets.hash(new)
        with self.engine.begin() as connection:
            store_password(connection, row, hashed, at, self.secrets.history, held.id)
            self._uncount(connection, login, place)
            self._say(connection, happening, ok=True)
        return None

    def _weak(self, row: Row[Any], login: str, happening: Happening, fault: str) -> Refused:
        # Who they are was proved: this attempt was no guess.
        with self.engine.begin() as connection:
            self._uncount(connection, login, happening.place)
            self._say(connection, happening, account=row.id, ok=False, why="weak_password")
        return Refused("weak_password", fault)

    def _open(
        self, connection: Connection, user: str, login: str, happening: Happening
    ) -> SignedIn:
        at, place = happening.at, happening.place
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
            )
        )
        self._uncount(connection, login, place)
        self._say(connection, happening, account=user, by=user, ok=True, session=name)
        opened = self._find_session(connection, secret, at)
        assert opened is not None
        return SignedIn(secret, opened[0])

    def _fault(self, row: Row[Any], password: str) -> str:
        fault = self.secrets.fault(password, row.login)
        if fault:
            return fault
        with reading(self.engine) as connection:
            former = connection.execute(
                select(old_password.c.password)
                .where(old_password.c.account_id == row.id)
                .order_by(old_password.c.n.desc())
                .limit(self.secrets.history)
            ).scalars()
            hashes = [*([row.password] if row.password else []), *former]
        if any(self.secrets.matches(stored, password) for stored in hashes):
            return f"不得使用最近 {self.secrets.history} 次用过的口令"
        return ""

    # --- failed attempts ---------------------------------------------------------------

    def _count_attempt(self, login: str, happening: Happening) -> Row[Any] | Refused | None:
        """Count an attempt as failed before it is judged: parallel guesses get no extra ones.

        Return the account (None: nobody has the login) or the refusal of a lock.
        """
        at = happening.at
        with self.engine.begin() as connection:
            _one_at_a_time(connection)
            row = connection.execute(select(account).where(account.c.login == login)).first()
            connection.execute(delete(attempt).where(attempt.c.until <= at))
            locked: datetime | None = None
            for key, limit in self._limits(login, happening.place):
                known = connection.execute(select(attempt).where(attempt.c.key == key)).first()
                if known is not None and known.failures >= limit:
                    locked = max(known.until, locked or known.until)
            if locked is not None:
                whose = row.id if row is not None else ""
                self._say(connection, happening, account=whose, ok=False, why="locked")
                return Refused("locked", self._locked_sentence(locked - at), locked)
            for key, _ in self._limits(login, happening.place):
                until = at + self.rules.lock
                raised = connection.execute(
                    update(attempt)
                    .where(attempt.c.key == key)
                    .values(failures=attempt.c.failures + 1, until=until)
                )
                if raised.rowcount == 0:
                    connection.execute(insert(attempt).values(key=key, failures=1, until=until))
        return row

    def _wrong(self, row: Row[Any] | None, login: str, happening: Happening, code: str) -> Refused:
        whose = "" if row is None else row.id
        with self.engine.begin() as connection:
            self._say(connection, happening, account=whose, ok=False, why=code)
            known = connection.execute(
                select(attempt).where(attempt.c.key == _key("login", login))
            ).first()
        full = known is not None and known.failures >= self.rules.attempts
        words = {"wrong_code": "登录名或一次性注册码不正确，或注册码已过期"}
        reason = words.get(code, "登录名或口令不正确")
        if known is not None and full:
            return Refused(
                code, f"{reason}；{self._locked_sentence(known.until - happening.at)}", known.until
            )
        return Refused(code, f"{reason}；连续错误 {self.rules.attempts} 次将暂停登录")

    def _uncount(self, connection: Connection, login: str, place: Place) -> None:
        connection.execute(delete(attempt).where(attempt.c.key == _key("login", login)))
        # Only this attempt is taken back: somebody's own password does not clear an address from
        # which others' passwords are being guessed.
        connection.execute(
            update(attempt)
            .where(attempt.c.key == _key("address", place.address), attempt.c.failures > 0)
            .values(failures=attempt.c.failures - 1)
        )

    def _limits(self, login: str, place: Place) -> Sequence[tuple[str, int]]:
        by_login = (_key("login", login), self.rules.attempts)
        if not place.address:
            return (by_login,)
        return by_login, (_key("address", place.address), self.rules.address_attempts)

    def _locked_sentence(self, left: timedelta) -> str:
        minutes = max(1, -(-int(left.total_seconds()) // 60))
        return f"错误次数过多，请 {minutes} 分钟后再试"

    # --- sessions ----------------------------------------------------------------------

    def visitor(self, secret: str, at: datetime) -> Session | None:
        """Return the session of a cookie, with grants as they are now; None when it is over.

        Moves the idle limit, at most once a minute.
        """
        with reading(self.engine) as connection:
            found = self._find_session(connection, secret, at)
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

    def sign_out(self, secret: str, at: datetime, place: Place) -> None:
        """End the session of a cookie; nothing happens when it is over already."""
        with self.engine.begin() as connection:
            found = self._find_session(connection, secret, at)
            if found is None:
                return
            held = found[0]
            connection.execute(update(session).where(session.c.id == held.id).values(revoked_at=at))
            whom = held.account.id
            self._say(connection, Happening("sign_out", at, whom, whom, True, "", place, held.id))

    def _find_session(
        self, connection: Connection, secret: str, at: datetime
    ) -> tuple[Session, datetime] | None:
        row = connection.execute(
            select(session, account)
            .join(account, account.c.id == session.c.account_id)
            .where(session.c.token == self.secrets.digest(secret), session.c.revoked_at.is_(None))
            .where(session.c.ends_at > at, session.c.seen_at > at - self.rules.idle)
            .where(account.c.disabled_at.is_(None))
        ).first()
        if row is None:
            return None
        values = row._mapping
        changed = values[account.c.password_changed_at]
        must_change = changed is None or at - changed > self.secrets.max_age
        held = Session(
            values[session.c.id],
            account_of(values),
            values[session.c.csrf],
            values[session.c.ends_at],
            must_change,
        )
        return held, values[session.c.seen_at]

    def _say(self, connection: Connection, happening: Happening, **known: Any) -> None:
        self.record(connection, replace(happening, **known))


_COUNTING = 0x7369676E
"""Advisory lock (PostgreSQL) under which attempts are counted."""


def _one_at_a_time(connection: Connection) -> None:
    """Let no other attempt be counted until this transaction ends, as SQLite's one writer does.

    Two that met a login without a row would both insert it; a short transaction may wait.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_COUNTING)))


def _key(kind: str, value: str) -> str:
    return f"{kind}:{hashlib.sha256(value.encode()).hexdigest()}"
