"""Sign-in of the web store, in two steps; the web process is its only writer.

A password alone opens nothing: it makes a half-way sign-in, which a second factor makes a session.
Every attempt is told to the `record` that was handed in, inside the same transaction. All instants
are handed in, aware.
"""

from __future__ import annotations

import hmac
import secrets as random
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

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
from cases.attempts import Attempts, Refused, SignInRules
from cases.database import reading
from cases.factor_tables import ceremony, half_way
from cases.factors import FactorKind, Factors, NoProof, Proof
from cases.sessions import OpenSession, Session, Sessions, SignedIn
from cases.web_tables import account, old_password

HALF_OVER = Refused("half_over", "第一步验证已超时，请从登录名和口令重新开始")
REASONS = {
    "wrong_second": "动态码或通行密钥不正确，请再试一次",
    "too_late": "等待时间过长，请重新打开本页再试",
    "factor_there": "这个账号已登记过第二因素，请用它登录",
    "too_many": "登记的第二因素已满，请先停用不用的",
    "last_factor": "这是最后一个第二因素，不能停用；请先登记另一个",
    "not_found": "没有这个第二因素",
    "changed_meanwhile": "账号或者登录状态刚有变化，请重新登录",
}


@dataclass(frozen=True)
class HalfWay:
    """Who has shown the password. `secret` goes into a cookie of its own and nowhere else."""

    secret: str
    id: str
    account: Account

    @property
    def owner(self) -> str:
        """Under which name challenges are kept for it."""
        return f"half:{self.id}"


@dataclass(frozen=True)
class SignIn:
    """The way in. Blocking; safe to share between threads."""

    engine: Engine
    secrets: Secrets
    record: Recorder
    factors: Factors
    rules: SignInRules = field(default_factory=SignInRules)

    @cached_property
    def attempts(self) -> Attempts:
        return Attempts(self.engine, self.record, self.rules)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.engine, self.secrets, self.record, self.rules)

    # --- the first step: a password ----------------------------------------------------

    def sign_in(self, login: str, password: str, at: datetime, place: Place) -> HalfWay | Refused:
        """Return a half-way sign-in, or why not. Unknown logins take as long as known ones."""
        login = normal_login(login)
        happening = Happening("sign_in", at, "", "", False, place=place)
        row = self.attempts.count(login, happening)
        if isinstance(row, Refused):
            return row
        # Between two transactions: hashing takes a tenth of a second, too long for a lock.
        stored = row.password if row is not None and row.disabled_at is None else ""
        if not self.secrets.matches(stored, password):
            return self.attempts.wrong(row, login, happening, "wrong_password")
        assert row is not None  # an absent row has nothing stored, and nothing matches nothing
        fresh = self.secrets.hash(password) if self.secrets.outdated(stored) else stored
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(account)
                .where(account.c.id == row.id, account.c.password == stored)
                .where(account.c.disabled_at.is_(None))
                .values(password=fresh)
            )
            if changed.rowcount == 1:
                return self._half(connection, row, replace(happening, act="sign_in_half"))
        return self.attempts.wrong(row, login, happening, "changed_meanwhile")

    def enrol(
        self, login: str, code: str, password: str, at: datetime, place: Place
    ) -> HalfWay | Refused:
        """Set the first (or a lost) password by a one-time code, which is then used up.

        A password that the rules refuse leaves the code good.
        """
        login = normal_login(login)
        happening = Happening("enrol", at, "", "", False, place=place)
        row = self.attempts.count(login, happening)
        if isinstance(row, Refused):
            return row
        digest = self.secrets.code_digest(code)
        expected = row.enrolment if row is not None and row.disabled_at is None else ""
        good = hmac.compare_digest(expected or "-", digest)
        if row is None or not good or row.enrolment_until < at:
            return self.attempts.wrong(row, login, happening, "wrong_code")
        fault = self._fault(row, password)
        if fault:
            return self._weak(row, login, happening, fault)
        hashed = self.secrets.hash(password)
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(account)
                .where(account.c.id == row.id, account.c.enrolment == expected)
                .values(enrolment="", enrolment_until=None)
            )
            if changed.rowcount == 1:
                store_password(connection, row, hashed, at, self.secrets.history)
                return self._half(connection, row, happening)
        return self.attempts.wrong(row, login, happening, "changed_meanwhile")

    def _half(self, connection: Connection, row: Row[Any], happening: Happening) -> HalfWay:
        secret, name, at = self.secrets.new_token(), random.token_hex(8), happening.at
        for table in (half_way, ceremony):
            connection.execute(delete(table).where(table.c.until <= at))
        connection.execute(
            insert(half_way).values(
                id=name,
                token=self.secrets.digest(secret),
                account_id=row.id,
                created_at=at,
                until=at + self.rules.half_way,
            )
        )
        self.attempts.take_back(connection, row.login, happening.place)
        self._say(connection, happening, account=row.id, by=row.id, ok=True)
        return HalfWay(secret, name, account_of(row._mapping))

    # --- the second step: a factor -----------------------------------------------------

    def half_way(self, secret: str, at: datetime) -> HalfWay | None:
        """Return the half-way sign-in of a cookie; None when it is over."""
        with reading(self.engine) as connection:
            row = connection.execute(
                select(half_way.c.id.label("half_id"), account)
                .join(account, account.c.id == half_way.c.account_id)
                .where(half_way.c.token == self.secrets.digest(secret), half_way.c.until > at)
                .where(account.c.disabled_at.is_(None))
            ).first()
        return None if row is None else HalfWay(secret, row.half_id, account_of(row._mapping))

    def prove(self, secret: str, proof: Proof, at: datetime, place: Place) -> SignedIn | Refused:
        """Make a half-way sign-in a session, by a second factor."""
        half = self.half_way(secret, at)
        if half is None:
            return HALF_OVER
        login, user = half.account.login, half.account.id
        happening = Happening("sign_in", at, user, user, False, proof.kind, place)
        row = self.attempts.count(login, happening)
        if isinstance(row, Refused):
            return row
        apps = self.factors.opened(user) if proof.kind == "totp" else []
        try:
            with self.engine.begin() as connection:
                self.factors.use(connection, user, half.owner, proof, apps, at)
                return self._open(connection, half, happening)
        except NoProof as no:
            return self.attempts.wrong(row, login, happening, no.code)

    def set_up(
        self, secret: str, kind: FactorKind, shown: str, name: str, at: datetime, place: Place
    ) -> SignedIn | Refused:
        """Make a half-way sign-in a session by registering the account's first factor."""
        half = self.half_way(secret, at)
        if half is None:
            return HALF_OVER
        login, user = half.account.login, half.account.id
        happening = Happening("factor_add", at, user, user, False, kind, place)
        row = self.attempts.count(login, happening)
        if isinstance(row, Refused):
            return row
        try:
            new = self.factors.prepared(user, half.owner, kind, shown, name, at)
            with self.engine.begin() as connection:
                self.factors.add(connection, half.owner, new, first=True)
                self._say(connection, happening, ok=True)
                return self._open(connection, half, replace(happening, act="sign_in"))
        except NoProof as no:
            self.attempts.wrong(row, login, happening, no.code)
            return Refused(no.code, REASONS[no.code])

    def _open(self, connection: Connection, half: HalfWay, happening: Happening) -> SignedIn:
        user, at, place = half.account.id, happening.at, happening.place
        gone = connection.execute(delete(half_way).where(half_way.c.id == half.id))
        open_still = connection.execute(
            update(account)
            .where(account.c.id == user, account.c.disabled_at.is_(None))
            .values(last_sign_in_at=at)
        )
        if gone.rowcount != 1 or open_still.rowcount != 1:
            raise NoProof("changed_meanwhile")
        connection.execute(delete(ceremony).where(ceremony.c.owner == half.owner))
        opened = self.sessions.open(connection, user, at, place)
        self.attempts.forget(connection, half.account.login, place)
        self._say(connection, happening, ok=True, session=opened.session.id)
        return opened

    # --- within a session --------------------------------------------------------------

    def visitor(self, secret: str, at: datetime) -> Session | None:
        """Return the session of a cookie, with grants as they are now; None when it is over."""
        return self.sessions.visitor(secret, at)

    def sign_out(self, secret: str, at: datetime, place: Place) -> None:
        """End the session of a cookie; nothing happens when it is over already."""
        self.sessions.sign_out(secret, at, place)

    def listing(self, user: str, at: datetime) -> tuple[OpenSession, ...]:
        """Return the open sessions of an account."""
        return self.sessions.listing(user, at)

    def prove_again(
        self, held: Session, proof: Proof, at: datetime, place: Place
    ) -> SignedIn | Refused:
        """Show the second factor once more; the session gets a new secret."""
        login, user = held.account.login, held.account.id
        happening = Happening("step_up", at, user, user, False, proof.kind, place, held.id)
        row = self.attempts.count(login, happening)
        if isinstance(row, Refused):
            return row
        apps = self.factors.opened(user) if proof.kind == "totp" else []
        try:
            with self.engine.begin() as connection:
                self.factors.use(connection, user, owner_of(held), proof, apps, at)
                renewed = self.sessions.renew(connection, held, at)
                if renewed is None:
                    raise NoProof("changed_meanwhile")
                self.attempts.forget(connection, login, place)
                self._say(connection, happening, ok=True)
                return renewed
        except NoProof as no:
            return self.attempts.wrong(row, login, happening, no.code)

    def add_factor(
        self, held: Session, kind: FactorKind, shown: str, name: str, at: datetime, place: Place
    ) -> Refused | None:
        """Register one more factor, whose first use is shown. The caller has asked for a proof."""
        user, owner = held.account.id, owner_of(held)
        happening = Happening("factor_add", at, user, user, False, kind, place, held.id)
        try:
            new = self.factors.prepared(user, owner, kind, shown, name, at)
            with self.engine.begin() as connection:
                self.factors.add(connection, owner, new, first=False)
                self._say(connection, happening, ok=True)
        except NoProof as no:
            return self._refused(happening, no)
        return None

    def remove_factor(self, held: Session, name: str, at: datetime, place: Place) -> Refused | None:
        """Remove one of one's factors, never the last; one's other sessions end with it."""
        user = held.account.id
        happening = Happening("factor_remove", at, user, user, False, "", place, held.id)
        try:
            with self.engine.begin() as connection:
                kind = self.factors.remove(connection, user, name)
                self._say(connection, happening, ok=True, why=kind)
        except NoProof as no:
            return self._refused(happening, no)
        self.sessions.end_others(held, at, place)
        return None

    def new_codes(self, held: Session, at: datetime, place: Place) -> tuple[str, ...]:
        """Return ten new recovery codes, told once; the former ones end."""
        user = held.account.id
        with self.engine.begin() as connection:
            codes = self.factors.new_codes(connection, user, at)
            happening = Happening("codes_made", at, user, user, True, "", place, held.id)
            self.record(connection, happening)
        return codes

    def keep_codes(self, held: Session, at: datetime, place: Place) -> bool:
        """Note that the person keeps the list of codes; False when there is none."""
        user = held.account.id
        with self.engine.begin() as connection:
            kept = self.factors.keep_codes(connection, user, at)
            if kept:
                happening = Happening("codes_kept", at, user, user, True, "", place, held.id)
                self.record(connection, happening)
        return kept

    def _refused(self, happening: Happening, no: NoProof) -> Refused:
        with self.engine.begin() as connection:
            self._say(connection, happening, ok=False, why=no.code)
        return Refused(no.code, REASONS[no.code])

    # --- passwords ---------------------------------------------------------------------

    def change_password(
        self, held: Session, old: str, new: str, at: datetime, place: Place
    ) -> Refused | None:
        """Change one's own password; every other session of the account ends."""
        login = held.account.login
        happening = Happening(
            "password_change", at, held.account.id, held.account.id, False, "", place, held.id
        )
        row = self.attempts.count(login, happening)
        if isinstance(row, Refused):
            return row
        if row is None or not self.secrets.matches(row.password, old):
            return self.attempts.wrong(row, login, happening, "wrong_password")
        fault = self._fault(row, new)
        if fault:
            return self._weak(row, login, happening, fault)
        hashed = self.secrets.hash(new)
        with self.engine.begin() as connection:
            store_password(connection, row, hashed, at, self.secrets.history, held.id)
            self.attempts.forget(connection, login, place)
            self._say(connection, happening, ok=True)
        return None

    def _weak(self, row: Row[Any], login: str, happening: Happening, fault: str) -> Refused:
        # Who they are was proved: this attempt was no guess.
        with self.engine.begin() as connection:
            self.attempts.take_back(connection, login, happening.place)
            self._say(connection, happening, account=row.id, ok=False, why="weak_password")
        return Refused("weak_password", fault)

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

    def _say(self, connection: Connection, happening: Happening, **known: Any) -> None:
        self.record(connection, replace(happening, **known))


def owner_of(held: Session) -> str:
    """Return under which name challenges are kept for a session."""
    return f"session:{held.id}"


__all__ = [
    "HalfWay",
    "OpenSession",
    "Refused",
    "Session",
    "SignIn",
    "SignInRules",
    "SignedIn",
    "owner_of",
]
