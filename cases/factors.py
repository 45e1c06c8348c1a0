"""Second factors and recovery codes of the web store: kept, shown, used up, forgotten.

Everything that may be used once is used up by one guarded UPDATE or DELETE in the transaction that
also says what came of it, so that two at once never both succeed.
"""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, Engine, Row, delete, exists, func, insert, select, update

from cases.accounts import Account, Secrets
from cases.database import reading
from cases.factor_tables import ceremony, factor, recovery_code
from cases.web_tables import account

MOST_FACTORS = 10
"""Factors that one person may keep: some keys and a phone or two, and no way to fill the store."""
CEREMONY_LIFE = timedelta(minutes=5)
"""How long a challenge is good (WebAuthn §13.4.3 asks for short; browsers wait one minute)."""
SETTING_UP = timedelta(minutes=15)
"""How long a secret shown to an app waits for its first code."""

FactorKind = Literal["totp", "passkey"]
ProofKind = Literal["totp", "passkey", "recovery"]


class Arts(Protocol):
    """What `policies.factors.FactorArts` knows about apps, passkeys and recovery codes.

    `made` and `used` raise `NoProof`.
    """

    @property
    def rp_id(self) -> str: ...
    def new_totp(self) -> bytes: ...
    def totp_uri(self, secret: bytes, login: str) -> str: ...
    def picture(self, uri: str) -> str: ...
    def totp_step(self, secret: bytes, code: str, at: datetime, after: int) -> int | None: ...
    def making(
        self, user: str, login: str, name: str, known: tuple[str, ...]
    ) -> tuple[str, bytes]: ...
    def made(self, credential: str, challenge: bytes) -> tuple[str, bytes, int]: ...
    def asking(self, known: tuple[str, ...]) -> tuple[str, bytes]: ...
    def named(self, credential: str) -> str: ...
    def used(self, credential: str, challenge: bytes, public_key: bytes, counter: int) -> int: ...
    def new_codes(self) -> tuple[str, ...]: ...


class FactorVault(Protocol):
    """Seals an app's secret for one account and one place; `open` raises when it cannot."""

    def seal(self, user: str, plaintext: bytes, place: str) -> bytes: ...
    def open(self, user: str, sealed: bytes, place: str) -> bytes: ...


class NoProof(Exception):
    """What was shown proves nothing, or the factor cannot be. Final. `code` is for the log:
    wrong_second, cloned_passkey, too_late, factor_there, too_many, last_factor, not_found."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Proof:
    """What somebody shows as a second factor, as it was posted."""

    kind: ProofKind
    text: str


@dataclass(frozen=True)
class KeptFactor:
    """A factor as its owner sees it."""

    id: str
    kind: FactorKind
    name: str
    since: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class AppOffer:
    """What an app needs: the secret to type, and a picture (SVG) of the same."""

    secret: str
    picture: str


@dataclass(frozen=True)
class Factors:
    """The factors of every account. Blocking; safe to share between threads."""

    engine: Engine
    secrets: Secrets
    arts: Arts
    vault: FactorVault

    # --- what there is -----------------------------------------------------------------

    def listing(self, user: str) -> tuple[KeptFactor, ...]:
        """Return the factors of an account, the oldest first."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(factor)
                .where(factor.c.account_id == user)
                .order_by(factor.c.created_at, factor.c.id)
            ).all()
        return tuple(
            KeptFactor(row.id, row.kind, row.name, row.created_at, row.last_used_at) for row in rows
        )

    def codes_left(self, user: str) -> int:
        """Return how many recovery codes are still good."""
        with reading(self.engine) as connection:
            return int(
                connection.execute(
                    select(func.count())
                    .select_from(recovery_code)
                    .where(recovery_code.c.account_id == user, recovery_code.c.used_at.is_(None))
                ).scalar_one()
            )

    # --- proving -----------------------------------------------------------------------

    def ask(self, user: str, owner: str, at: datetime) -> str:
        """Return what a browser needs to use one of the person's passkeys (JSON); empty when there
        is none. The challenge is good once, for this owner (`half:…`, `session:…`)."""
        known = self._passkeys(user)
        if not known or not self.arts.rp_id:
            return ""
        options, challenge = self.arts.asking(known)
        self._begin(owner, "ask", challenge, at + CEREMONY_LIFE)
        return options

    def opened(self, user: str) -> list[tuple[Row[Any], bytes]]:
        """Return the person's apps with their secrets, opened before any transaction begins."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(factor).where(factor.c.account_id == user, factor.c.kind == "totp")
            ).all()
        return [(row, self.vault.open(user, bytes(row.sealed), _place(row.id))) for row in rows]

    def use(
        self,
        connection: Connection,
        user: str,
        owner: str,
        proof: Proof,
        apps: list[tuple[Row[Any], bytes]],
        at: datetime,
    ) -> None:
        """Use a proof up, in the caller's transaction. Raises `NoProof`."""
        if proof.kind == "totp":
            self._use_app(connection, proof.text, apps, at)
        elif proof.kind == "passkey":
            self._use_passkey(connection, user, owner, proof.text, at)
        else:
            self._use_code(connection, user, proof.text, at)

    def _use_app(
        self, connection: Connection, code: str, apps: list[tuple[Row[Any], bytes]], at: datetime
    ) -> None:
        for row, secret in apps:
            step = self.arts.totp_step(secret, code, at, row.counter)
            if step is None:
                continue
            used = connection.execute(
                update(factor)
                .where(factor.c.id == row.id, factor.c.counter < step)
                .values(counter=step, last_used_at=at)
            )
            if used.rowcount == 1:
                return
        raise NoProof("wrong_second")

    def _use_passkey(
        self, connection: Connection, user: str, owner: str, credential: str, at: datetime
    ) -> None:
        challenge = _take(connection, owner, "ask", at)
        row = connection.execute(
            select(factor).where(
                factor.c.account_id == user,
                factor.c.credential == self.arts.named(credential),
            )
        ).first()
        if challenge is None or row is None:
            raise NoProof("wrong_second")
        counter = self.arts.used(credential, challenge, bytes(row.public_key), row.counter)
        used = connection.execute(
            update(factor)
            .where(factor.c.id == row.id, factor.c.counter == row.counter)
            .values(counter=counter, last_used_at=at)
        )
        if used.rowcount != 1:
            raise NoProof("wrong_second")

    def _use_code(self, connection: Connection, user: str, code: str, at: datetime) -> None:
        used = connection.execute(
            update(recovery_code)
            .where(recovery_code.c.digest == self._digest(user, code))
            .where(recovery_code.c.account_id == user, recovery_code.c.used_at.is_(None))
            .values(used_at=at)
        )
        if used.rowcount != 1:
            raise NoProof("wrong_second")

    def _digest(self, user: str, code: str) -> str:
        return self.secrets.digest(f"{user}\n{self.secrets.code_digest(code)}")

    # --- a new factor ------------------------------------------------------------------

    def offer_app(self, who: Account, owner: str, at: datetime) -> AppOffer:
        """Return what the app needs; asked again, the same until it is used or too old."""
        with reading(self.engine) as connection:
            sealed = connection.execute(
                select(ceremony.c.secret).where(
                    ceremony.c.owner == owner, ceremony.c.kind == "totp", ceremony.c.until > at
                )
            ).scalar_one_or_none()
        if sealed is not None:
            secret = self.vault.open(who.id, bytes(sealed), owner)
        else:
            secret = self.arts.new_totp()
            kept = self.vault.seal(who.id, secret, owner)
            self._begin(owner, "totp", kept, at + SETTING_UP)
        picture = self.arts.picture(self.arts.totp_uri(secret, who.login))
        return AppOffer(secret.decode(), picture)

    def offer_passkey(self, who: Account, owner: str, at: datetime) -> str:
        """Return what a browser needs to make a passkey (JSON); empty where there can be none."""
        if not self.arts.rp_id:
            return ""
        known = self._passkeys(who.id)
        options, challenge = self.arts.making(who.id, who.login, who.name, known)
        self._begin(owner, "make", challenge, at + CEREMONY_LIFE)
        return options

    def prepared(
        self, user: str, owner: str, kind: FactorKind, shown: str, name: str, at: datetime
    ) -> dict[str, Any]:
        """Return the row of a new factor, whose first use was shown. Raises `NoProof`.

        Before the transaction: an app's secret is sealed anew, which may make a key.
        """
        new = {
            "id": random.token_hex(8),
            "account_id": user,
            "kind": kind,
            "name": (name.strip() or ("动态码" if kind == "totp" else "通行密钥"))[:60],
            "created_at": at,
            "last_used_at": None,
        }
        if kind == "passkey":
            return new | self._prepared_passkey(owner, shown, at)
        with reading(self.engine) as connection:
            sealed = connection.execute(
                select(ceremony.c.secret).where(
                    ceremony.c.owner == owner, ceremony.c.kind == "totp", ceremony.c.until > at
                )
            ).scalar_one_or_none()
        if sealed is None:
            raise NoProof("too_late")
        secret = self.vault.open(user, bytes(sealed), owner)
        step = self.arts.totp_step(secret, shown, at, 0)
        if step is None:
            raise NoProof("wrong_second")
        kept = self.vault.seal(user, secret, _place(str(new["id"])))
        return new | {"sealed": kept, "counter": step}

    def _prepared_passkey(self, owner: str, shown: str, at: datetime) -> dict[str, Any]:
        with self.engine.begin() as connection:
            challenge = _take(connection, owner, "make", at)
        if challenge is None:
            raise NoProof("too_late")
        credential, public_key, counter = self.arts.made(shown, challenge)
        return {"credential": credential, "public_key": public_key, "counter": counter}

    def add(self, connection: Connection, owner: str, new: dict[str, Any], *, first: bool) -> None:
        """Keep a factor. `first`: only if there is none yet, as who has shown only the password may
        add one only then. Raises `NoProof`."""
        user = new["account_id"]
        # The account's row is locked, so that two first factors at once are one.
        connection.execute(select(account.c.id).where(account.c.id == user).with_for_update())
        there = connection.execute(
            select(func.count()).select_from(factor).where(factor.c.account_id == user)
        ).scalar_one()
        if there >= MOST_FACTORS or (first and there):
            raise NoProof("factor_there" if first and there else "too_many")
        if new["kind"] == "passkey":
            same = exists().where(factor.c.credential == new["credential"])
            if connection.execute(select(same)).scalar_one():
                raise NoProof("wrong_second")
        connection.execute(insert(factor).values(**new))
        connection.execute(delete(ceremony).where(ceremony.c.owner == owner))

    def remove(self, connection: Connection, user: str, name: str) -> str:
        """Remove a factor that is not the last; return its kind. Raises `NoProof`."""
        connection.execute(select(account.c.id).where(account.c.id == user).with_for_update())
        mine = factor.c.account_id == user
        others = select(func.count()).select_from(factor).where(mine, factor.c.id != name)
        kind = connection.execute(
            select(factor.c.kind).where(mine, factor.c.id == name)
        ).scalar_one_or_none()
        if kind is None:
            raise NoProof("not_found")
        last = others.correlate(None).scalar_subquery()
        gone = connection.execute(delete(factor).where(mine, factor.c.id == name, last > 0))
        if gone.rowcount != 1:
            raise NoProof("last_factor")
        return str(kind)

    # --- recovery codes ----------------------------------------------------------------

    def new_codes(self, connection: Connection, user: str, at: datetime) -> tuple[str, ...]:
        """Return ten new codes, told once; the former ones end."""
        codes = self.arts.new_codes()
        connection.execute(delete(recovery_code).where(recovery_code.c.account_id == user))
        connection.execute(
            insert(recovery_code),
            [
                {"digest": self._digest(user, one), "account_id": user, "made_at": at}
                for one in codes
            ],
        )
        return codes

    def keep_codes(self, connection: Connection, user: str, at: datetime) -> bool:
        """Note that the person keeps the list; False when there is none to keep."""
        kept = connection.execute(
            update(recovery_code)
            .where(recovery_code.c.account_id == user, recovery_code.c.kept_at.is_(None))
            .values(kept_at=at)
        )
        return bool(kept.rowcount)

    # --- within ------------------------------------------------------------------------

    def _passkeys(self, user: str) -> tuple[str, ...]:
        with reading(self.engine) as connection:
            return tuple(
                connection.execute(
                    select(factor.c.credential)
                    .where(factor.c.account_id == user, factor.c.kind == "passkey")
                    .order_by(factor.c.created_at)
                ).scalars()
            )

    def _begin(self, owner: str, kind: str, secret: bytes, until: datetime) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                delete(ceremony).where(ceremony.c.owner == owner, ceremony.c.kind == kind)
            )
            connection.execute(
                insert(ceremony).values(owner=owner, kind=kind, secret=secret, until=until)
            )


def _take(connection: Connection, owner: str, kind: str, at: datetime) -> bytes | None:
    """Return a challenge and use it up, in the caller's transaction."""
    mine = (ceremony.c.owner == owner, ceremony.c.kind == kind)
    secret = connection.execute(
        select(ceremony.c.secret).where(*mine, ceremony.c.until > at)
    ).scalar_one_or_none()
    gone = connection.execute(delete(ceremony).where(*mine))
    return bytes(secret) if secret is not None and gone.rowcount == 1 else None


def _place(factor_id: str) -> str:
    return f"factor:{factor_id}"
