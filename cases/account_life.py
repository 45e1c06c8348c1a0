"""How long an account is good: until its term (合同期), while somebody signs in and reviews it.

What ended by itself may be woken; what an administrator closed may not. Instants are handed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from cases.accounts import (
    ADMINISTRATORS,
    LEAST,
    Account,
    AccountRefused,
    Accounts,
    Happening,
    Recorder,
    account_of,
    administrators,
    lapse,
    one_at_a_time,
    revoke,
)
from cases.database import reading
from cases.review_tables import account_review
from cases.web_tables import account

ASLEEP_AFTER = timedelta(days=90)
"""Without a sign-in for so long an account is disabled: GB/T 22239-2019 8.1.4.2 c wants surplus and
expired accounts ended in time; the days are those of a public baseline of level 3."""

WARNED_BEFORE = timedelta(days=7)
"""The house's own: a week in which somebody can sign in, or have the term prolonged."""

Why = Literal["expired", "asleep"]


@dataclass(frozen=True)
class Ending:
    """An account that has ended by itself, or will: why, and when."""

    account: Account
    why: Why
    at: datetime
    spared: bool = False
    """It is due, and one of the administrators below whose number the city does not go."""


@dataclass(frozen=True)
class Review:
    """What somebody found of an account in a quarter."""

    account: str
    quarter: str
    result: Literal["kept", "removal"]
    held: str
    reviewed_by: str
    reviewed_at: datetime


@dataclass(frozen=True)
class AccountLife:
    """Terms, sleep and reviews. Blocking; safe to share between threads."""

    engine: Engine
    record: Recorder
    zone: str

    # --- what ends by itself ------------------------------------------------------------

    def end_due(self, at: datetime) -> tuple[Ending, ...]:
        """Disable what is past its term or asleep; return it, with what was spared.

        Never the last administrators: they are warned of, because nobody could wake them.
        """
        with self.engine.begin() as connection:
            one_at_a_time(connection)
            there = administrators(connection)
            found = []
            for one in self._due(connection, at):
                roles = {grant.role for grant in one.account.grants} & set(ADMINISTRATORS)
                if any(there[role] <= LEAST[role] for role in roles):
                    found.append(Ending(one.account, one.why, one.at, spared=True))
                    continue
                for role in roles:
                    there[role] -= 1
                self._end(connection, one, at)
                found.append(one)
        return tuple(found)

    def soon(self, at: datetime) -> tuple[Ending, ...]:
        """Return what will end within a week, and what is due and spared."""
        with reading(self.engine) as connection:
            return tuple(self._due(connection, at + WARNED_BEFORE))

    def _due(self, connection: Connection, at: datetime) -> Iterator[Ending]:
        rows = connection.execute(
            select(account)
            .where(account.c.disabled_at.is_(None), account.c.kind != "citizen")
            .order_by(account.c.login)
        ).all()
        for row in rows:
            one = account_of(row._mapping)
            if one.valid_until is not None and one.valid_until <= at:
                yield Ending(one, "expired", one.valid_until)
            elif one.kind == "human" and one.last_seen + ASLEEP_AFTER <= at:
                yield Ending(one, "asleep", one.last_seen + ASLEEP_AFTER)

    def _end(self, connection: Connection, one: Ending, at: datetime) -> None:
        user = one.account.id
        connection.execute(
            update(account)
            .where(account.c.id == user)
            .values(
                disabled_at=at,
                disabled_why=one.why,
                enrolment="",
                enrolment_until=None,
                token="",
                former_token="",
            )
        )  # fmt: skip
        lapse(connection, user, "system", at)
        revoke(connection, user, at)
        act = "account_expire" if one.why == "expired" else "account_sleep"
        self.record(connection, Happening(act, at, user, "system", True))

    # --- terms --------------------------------------------------------------------------

    def set_term(self, user: str, until: datetime | None, by: str, at: datetime) -> None:
        """Set until when an account is good (exclusive); None: without end.

        Raises `AccountRefused`: own account, no such open account, a moment that has passed.
        """
        if user == by:
            raise AccountRefused("own_account", "不能变更自己账号的有效期")
        if until is not None and until <= at:
            raise AccountRefused("past_term", "有效期须在今天以后；立即停用请用“停用”")
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(account)
                .where(account.c.id == user, account.c.disabled_at.is_(None))
                .values(valid_until=until)
            )
            if changed.rowcount != 1:
                raise AccountRefused("no_such_account", "没有这个账号，或账号已停用")
            why = self._day(until) if until else "none"
            self.record(connection, Happening("account_term", at, user, by, True, why))

    def wake(self, accounts: Accounts, user: str, by: str, at: datetime) -> str:
        """Open again what ended by itself; return its new one-time code (a service's: token).

        A term that has passed is forgotten: set a new one. What it holds is what was agreed on
        before. Raises `AccountRefused`: own account, or it was closed for good, or is open.
        """
        if user == by:
            raise AccountRefused("own_account", "不能恢复自己的账号")
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(account)
                .where(account.c.id == user, account.c.disabled_at.is_not(None))
                .where(account.c.disabled_why.in_(("expired", "asleep")))
                .values(disabled_at=None, disabled_why="", awake_since=at, valid_until=None)
            )
            if changed.rowcount != 1:
                raise AccountRefused("not_asleep", "账号没有休眠或到期；停用的账号不能恢复")
            self.record(connection, Happening("account_wake", at, user, by, True))
        return accounts.renew(user, by, at)

    # --- reviews ------------------------------------------------------------------------

    def quarter(self, at: datetime) -> str:
        """Return the quarter of a moment in legal time: 2026Q4."""
        day = at.astimezone(ZoneInfo(self.zone))
        return f"{day.year}Q{(day.month + 2) // 3}"

    def review(self, user: str, result: Literal["kept", "removal"], by: str, at: datetime) -> None:
        """Write down that somebody has looked at what an account holds, once a quarter.

        Raises `AccountRefused`: own account, no such open account, reviewed already.
        """
        if user == by:
            raise AccountRefused("own_account", "不能复核自己的账号")
        quarter = self.quarter(at)
        with self.engine.begin() as connection:
            row = connection.execute(
                select(account).where(account.c.id == user, account.c.disabled_at.is_(None))
            ).first()
            if row is None:
                raise AccountRefused("no_such_account", "没有这个账号，或账号已停用")
            held = account_of(row._mapping).held
            try:
                with connection.begin_nested():
                    connection.execute(
                        insert(account_review).values(
                            account_id=user, quarter=quarter, result=result, held=held,
                            reviewed_by=by, reviewed_at=at,
                        )
                    )  # fmt: skip
            except IntegrityError as again:
                raise AccountRefused("reviewed", "本季度已经复核过这个账号") from again
            why = f"{quarter} {result} {held}".strip()
            self.record(connection, Happening("account_review", at, user, by, True, why))

    def reviews(self, quarter: str) -> Sequence[Review]:
        """Return the reviews of a quarter."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(account_review)
                .where(account_review.c.quarter == quarter)
                .order_by(account_review.c.n)
            ).all()
        return [
            Review(
                row.account_id, row.quarter, row.result, row.held, row.reviewed_by,
                row.reviewed_at,
            )
            for row in rows
        ]  # fmt: skip

    def _day(self, until: datetime) -> str:
        last = until.astimezone(ZoneInfo(self.zone)) - timedelta(microseconds=1)
        return last.date().isoformat()
