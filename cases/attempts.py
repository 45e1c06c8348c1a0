"""Failed proofs, counted per login and per address: the lock in front of every secret.

One count for both factors: who knows a password gets no fresh five tries at the code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from cases.accounts import Happening, Place, Recorder
from cases.web_tables import account, attempt

WORDS = {
    "wrong_code": "登录名或一次性注册码不正确，或注册码已过期",
    "wrong_second": "动态码、通行密钥或恢复码不正确，或者已经用过",
    "cloned_passkey": "这把通行密钥的使用次数不对，可能被复制；请停用它并告诉系统管理员",
}


@dataclass(frozen=True)
class Refused:
    """Not let in. `code` is for the log, `reason` (Chinese) for the person; the reason is the same
    for a wrong password and an unknown login."""

    code: str
    reason: str
    locked_until: datetime | None = None


@dataclass(frozen=True)
class SignInRules:
    """Limits of sign-in; the defaults are those of level 3 (GB/T 22239-2019 8.1.4.1 b; values from
    a public baseline: 5 failures, 10 to 30 minutes, per account and per address; idle: domain.md
    §7 has at most 10 to 15 minutes)."""

    attempts: int = 5
    address_attempts: int = 5
    lock: timedelta = timedelta(minutes=15)
    idle: timedelta = timedelta(minutes=15)
    session: timedelta = timedelta(hours=10)
    screen: timedelta = timedelta(hours=24)
    """For so long after signing in a wall that was opened goes on showing: two shifts of twelve."""
    half_way: timedelta = timedelta(minutes=15)
    """Between password and second factor: long enough to install an app on a phone."""


@dataclass(frozen=True)
class Attempts:
    """The count. Every attempt is counted as failed before it is judged, and taken back after."""

    engine: Engine
    record: Recorder
    rules: SignInRules

    def count(self, login: str, happening: Happening) -> Row[Any] | Refused | None:
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
                self.record(connection, replace(happening, account=whose, ok=False, why="locked"))
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

    def wrong(self, row: Row[Any] | None, login: str, happening: Happening, code: str) -> Refused:
        """Let a counted attempt stand, as an entry; return what to say."""
        whose = "" if row is None else row.id
        with self.engine.begin() as connection:
            self.record(connection, replace(happening, account=whose, ok=False, why=code))
            known = connection.execute(
                select(attempt).where(attempt.c.key == _key("login", login))
            ).first()
        full = known is not None and known.failures >= self.rules.attempts
        reason = WORDS.get(code, "登录名或口令不正确")
        if known is not None and full:
            return Refused(
                code, f"{reason}；{self._locked_sentence(known.until - happening.at)}", known.until
            )
        return Refused(code, f"{reason}；连续错误 {self.rules.attempts} 次将暂停登录")

    def forget(self, connection: Connection, login: str, place: Place) -> None:
        """Forget a login's failures: who they are was proved in full."""
        connection.execute(delete(attempt).where(attempt.c.key == _key("login", login)))
        self._lower(connection, "address", place.address)

    def take_back(self, connection: Connection, login: str, place: Place) -> None:
        """Take back this attempt only: it was no guess, and proved no more than one factor."""
        self._lower(connection, "login", login)
        self._lower(connection, "address", place.address)

    def _lower(self, connection: Connection, kind: str, value: str) -> None:
        # Only this attempt is taken back: somebody's own password does not clear an address from
        # which others' passwords are being guessed.
        connection.execute(
            update(attempt)
            .where(attempt.c.key == _key(kind, value), attempt.c.failures > 0)
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
