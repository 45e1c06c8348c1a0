"""Accounts of the web store; the web process is their only writer.

Every change is told to the `record` that was handed in, inside the same transaction, so that it
becomes an entry of the log or does not happen. All instants are handed in, aware.
"""

from __future__ import annotations

import re
import secrets as random
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from cases.database import reading
from cases.factor_tables import forget as forget_factors
from cases.grant_tables import grant_change
from cases.messages import Actor, Grant
from cases.web_tables import account, old_password, session

ADMINISTRATORS = ("sysadmin", "secadmin", "auditadmin")
"""系统、安全、审计管理员: one person holds at most one, and then nothing else (三员分立,
GB/T 22239-2019 8.1.4.2 d)."""

LEAST: Mapping[str, int] = {"sysadmin": 1, "secadmin": 2, "auditadmin": 1}
"""How many of each a city never goes below: a change of rights needs two security administrators,
and whoever could close the last of the others would close the house (docs/decisions)."""

FIRST = (
    ("sysadmin", "sysadmin", "系统管理员"),
    ("secadmin", "secadmin", "安全管理员"),
    ("secadmin2", "secadmin", "安全管理员2"),
    ("auditadmin", "auditadmin", "审计管理员"),
)
"""Login, role and name of the accounts of the first start."""

LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,62}")
"""A closed alphabet: no two spellings of one login."""

DEFAULT_LOGINS = frozenset(
    {
        "admin", "administrator", "anonymous", "common", "default", "demo", "everyone", "guest",
        "manager", "nobody", "operator", "oracle", "postgres", "public", "root", "sa", "share",
        "shared", "super", "superuser", "system", "temp", "test", "user",
    }
)  # fmt: skip
"""Names that are nobody's, or everybody's (GB/T 22239-2019 8.1.4.2 b, c): no account has one."""

NKEY = re.compile(r"U[A-Z2-7]{55}")
"""A user's public nkey: base32 of prefix, 32 bytes and check (github.com/nats-io/nkeys)."""

TOKEN_LIFE = timedelta(days=180)
"""How long a service's bearer token is good. The house's own: two quarterly reviews."""

TOKEN_OVERLAP = timedelta(days=7)
"""How long the former token is good after a rotation: a week to bring the new one out."""

SERVICE_LOGIN = re.compile(r"[a-z0-9][a-z0-9-]{1,31}")
"""A service's login is one word of NATS subjects."""

OWN_USERS = frozenset(
    {"admin", "monitor", "gateway", "relay", "telemetry", "signals", "web", "system"}
)
"""NATS users of the city's own processes (yichuang/embedded/nats.py): no service is one."""

Kind = Literal["human", "service", "citizen"]


class Secrets(Protocol):
    """What `policies.identity.Credentials` knows about passwords, codes and tokens."""

    @property
    def history(self) -> int: ...
    @property
    def max_age(self) -> timedelta: ...
    @property
    def code_life(self) -> timedelta: ...
    def fault(self, password: str, login: str) -> str: ...
    def hash(self, password: str) -> str: ...
    def matches(self, stored: str, password: str) -> bool: ...
    def outdated(self, stored: str) -> bool: ...
    def new_code(self) -> str: ...
    def code_digest(self, code: str) -> str: ...
    def new_token(self) -> str: ...
    def digest(self, token: str) -> str: ...


@dataclass(frozen=True)
class Place:
    """Where a request came from."""

    address: str = ""
    agent: str = ""


@dataclass(frozen=True)
class Happening:
    """What an entry of the log is made from. No login name that might be somebody's, no secret."""

    act: str
    """sign_in, sign_out, enrol, password_change, account_create, grant_proposed, grant_refused,
    grant_withdrawn, account_grant, account_label, account_term, account_expire,
    account_sleep, account_wake, account_review, account_renew, account_close, token_rotated,
    service_key,
    session_revoke."""
    at: datetime
    account: str
    """Whom it is about; empty when the login belongs to nobody."""
    by: str
    """Who did it; empty when that is not known."""
    ok: bool
    why: str = ""
    """Code of the refusal, or what was changed."""
    place: Place = Place()
    session: str = ""


Recorder = Callable[[Connection, Happening], None]
"""Writes the entry into the open transaction."""


class AccountRefused(Exception):
    """What was asked of an account cannot be: final. `reason` is a Chinese sentence."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Account:
    """An account as lists and doors see it."""

    id: str
    kind: Kind
    login: str
    name: str
    department: str
    grants: tuple[Grant, ...]
    clearance: int
    compartments: tuple[str, ...]
    enrolled: bool
    disabled_at: datetime | None
    last_sign_in_at: datetime | None
    created_at: datetime
    nkey: str = ""
    token_until: datetime | None = None
    disabled_why: str = ""
    """closed, expired, asleep; empty: open."""
    valid_until: datetime | None = None
    """First moment at which it is no longer good; None: without end."""
    awake_since: datetime | None = None

    @property
    def last_seen(self) -> datetime:
        """The last moment at which it was used, or opened."""
        known = (self.last_sign_in_at, self.awake_since, self.created_at)
        return max(one for one in known if one is not None)

    @property
    def held(self) -> str:
        """What it holds, in the codes of the policy."""
        grants = " ".join(f"{grant.role}@{grant.department}" for grant in self.grants)
        return f"{grants} {self.clearance} {' '.join(self.compartments)}".strip()

    def actor(self) -> Actor:
        """Return who acts when this account acts as itself."""
        return Actor(
            id=self.id,
            kind=self.kind,
            department=self.department,
            grants=self.grants,
            clearance=self.clearance,
            compartments=self.compartments,
        )


@dataclass(frozen=True)
class Accounts:
    """People and services. Blocking; safe to share between threads."""

    engine: Engine
    secrets: Secrets
    record: Recorder

    # --- accounts ----------------------------------------------------------------------

    def create_account(
        self,
        login: str,
        name: str,
        department: str,
        *,
        at: datetime,
        by: str,
        kind: Kind = "human",
        grants: Sequence[Grant] = (),
        clearance: int = 1,
        compartments: Sequence[str] = (),
        user_id: str = "",
    ) -> tuple[str, str]:
        """Create an account; return its id and its one-time code (a service's: its token).

        The code is told once and kept only as a hash. Rights come with it only where the program
        itself makes the account (`by="system"`: first start, seed, demo). `user_id` is for
        citizens, whose id is the pseudonym of the applicant; others get a random one. Raises
        `AccountRefused`.
        """
        with self.engine.begin() as connection:
            return self._create(
                connection,
                Account(
                    id=user_id,
                    kind=kind,
                    login=normal_login(login),
                    name=name,
                    department=department,
                    grants=tuple(grants),
                    clearance=clearance,
                    compartments=tuple(sorted(set(compartments))),
                    enrolled=False,
                    disabled_at=None,
                    last_sign_in_at=None,
                    created_at=at,
                ),
                by,
                at,
            )

    def renew(self, user: str, by: str, at: datetime) -> str:
        """Return a new one-time code (a service's: token); the password and all sessions end.

        Raises `AccountRefused` when there is no such open account.
        """
        with self.engine.begin() as connection:
            row = _must_find(connection, user)
            service = row.kind == "service"
            code = self.secrets.new_token() if service else self.secrets.new_code()
            forget_factors(connection, user)
            # The hash stays among the former ones: a lost password must not come back either.
            store_password(connection, row, "", at, self.secrets.history)
            connection.execute(
                update(account)
                .where(account.c.id == user)
                .values(**self._entrance(row.kind, code, at))
            )
            self.record(connection, Happening("account_renew", at, user, by, True))
        return code

    def close(self, user: str, by: str, at: datetime) -> None:
        """Disable an account for good: sessions, token, code and what waits for it end at once.

        Raises `AccountRefused`: no such account, own account, or too few administrators would stay.
        """
        if user == by:
            raise AccountRefused("own_account", "不能停用自己的账号")
        with self.engine.begin() as connection:
            one_at_a_time(connection)
            row = _must_find(connection, user)
            connection.execute(
                update(account)
                .where(account.c.id == user)
                .values(
                    disabled_at=at,
                    disabled_why="closed",
                    enrolment="",
                    enrolment_until=None,
                    token="",
                    former_token="",
                )
            )
            short = too_few_administrators(connection)
            if short and any(role in short for role, _ in row.grants):
                raise AccountRefused("last_administrator", short_sentence(short))
            lapse(connection, user, by, at)
            forget_factors(connection, user)
            revoke(connection, user, at)
            self.record(connection, Happening("account_close", at, user, by, True))

    def note_refusal(self, act: str, user: str, by: str, at: datetime, why: str) -> None:
        """Record that a change of an account was asked for and refused."""
        with self.engine.begin() as connection:
            self.record(connection, Happening(act, at, user, by, False, why))

    def revoke_sessions(self, user: str, by: str, at: datetime) -> int:
        """End every session of an account at once; return how many there were."""
        with self.engine.begin() as connection:
            ended = revoke(connection, user, at)
            self.record(connection, Happening("session_revoke", at, user, by, True, str(ended)))
        return ended

    def first_administrators(self, at: datetime) -> tuple[tuple[str, str], ...]:
        """Create the administrators of an empty store; return (login, one-time code) each.

        Empty when there is any account: the codes are told once, at the first start. Two of them
        are security administrators, because one proposes and another approves.
        """
        made = []
        with self.engine.begin() as connection:  # all or none
            if connection.execute(select(account.c.id).limit(1)).first() is not None:
                return ()
            for login, role, title in FIRST:
                made.append((login, self._administrator(connection, login, role, title, at)))
        return tuple(made)

    def missing_security_administrator(self, at: datetime) -> tuple[tuple[str, str], ...]:
        """Create the second security administrator where there are people and only one, or none.

        For a city of an older program, or one whose last two can no longer appoint a successor:
        only who starts the program can do this, and the entry says so. Returns (login, one-time
        code) each; empty when two are there.
        """
        made = []
        with self.engine.begin() as connection:
            one_at_a_time(connection)
            if connection.execute(select(account.c.id).limit(1)).first() is None:
                return ()
            for _ in range(LEAST["secadmin"] - administrators(connection)["secadmin"]):
                taken = set(connection.execute(select(account.c.login)).scalars())
                login = next(name for n in range(2, 1000) if (name := f"secadmin{n}") not in taken)
                name = f"安全管理员{login.removeprefix('secadmin')}"
                made.append((login, self._administrator(connection, login, "secadmin", name, at)))
        return tuple(made)

    # --- reading -----------------------------------------------------------------------

    def find(self, user: str) -> Account | None:
        """Return an account by id, disabled ones too."""
        with reading(self.engine) as connection:
            row = connection.execute(select(account).where(account.c.id == user)).first()
        return None if row is None else account_of(row._mapping)

    def service(self, token: str, at: datetime | None = None) -> Actor | None:
        """Return the service that owns a bearer token that is good now (or then).

        For a while after a rotation the former token is good too.
        """
        moment, digest = at or datetime.now(UTC), self.secrets.digest(token)
        good = (account.c.token == digest) & (
            account.c.token_until.is_(None) | (account.c.token_until > moment)
        )
        former = (account.c.former_token == digest) & (account.c.former_token_until > moment)
        with reading(self.engine) as connection:
            row = connection.execute(
                select(account).where(
                    good | former,
                    account.c.kind == "service",
                    account.c.disabled_at.is_(None),
                )
            ).first()
        return None if row is None else account_of(row._mapping).actor()

    def rotate_token(self, user: str, by: str, at: datetime) -> str:
        """Return a service's next bearer token; the one before stays good for `TOKEN_OVERLAP`.

        Raises `AccountRefused`: no such open service.
        """
        token = self.secrets.new_token()
        with self.engine.begin() as connection:
            row = _must_find_service(connection, user)
            still = min(at + TOKEN_OVERLAP, row.token_until or at + TOKEN_OVERLAP)
            connection.execute(
                update(account)
                .where(account.c.id == user)
                .values(
                    token=self.secrets.digest(token),
                    token_until=at + TOKEN_LIFE,
                    former_token=row.token,
                    former_token_until=still if row.token else None,
                )
            )
            self.record(connection, Happening("token_rotated", at, user, by, True))
        return token

    def set_key(self, user: str, key: str, by: str, at: datetime) -> None:
        """Register a service's public nkey in the place of the one before.

        Raises `AccountRefused`: no such open service, no public key of a user, somebody else's.
        """
        if not NKEY.fullmatch(key):
            raise AccountRefused("bad_nkey", "公钥应为 U 开头的 56 个字符（nkey 用户公钥）")
        with self.engine.begin() as connection:
            _must_find_service(connection, user)
            same = (account.c.nkey == key) & (account.c.id != user)
            if connection.execute(select(account.c.id).where(same)).first() is not None:
                raise AccountRefused("nkey_taken", "这个公钥已登记在另一个账号上")
            connection.execute(update(account).where(account.c.id == user).values(nkey=key))
            self.record(connection, Happening("service_key", at, user, by, True, key))

    def seed_service(self, login: str, grants: Sequence[Grant], key: str, at: datetime) -> bool:
        """Make the account of a NATS user of the settings, once; return whether it was made.

        Its id is `s:` and its login, as it stands in the cases that it ordered. It has no token
        until somebody rotates one for it.
        """
        with self.engine.begin() as connection:
            user = f"s:{login}"
            same = (account.c.login == login) | (account.c.id == user)
            if connection.execute(select(account.c.id).where(same)).first() is not None:
                return False
            new = Account(
                user, "service", login, login, "", tuple(grants), 2, (), False, None, None, at
            )
            self._create(connection, new, "system", at)
            connection.execute(
                update(account)
                .where(account.c.id == user)
                .values(nkey=key, token="", token_until=None)
            )
            self.record(connection, Happening("service_key", at, user, "system", True, key))
        return True

    def listing(self) -> tuple[Account, ...]:
        """Return every account, disabled ones last, by login."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(account).order_by(account.c.disabled_at.is_not(None), account.c.login)
            ).all()
        return tuple(account_of(row._mapping) for row in rows)

    def colleagues(self, department: str = "") -> tuple[tuple[str, str], ...]:
        """Return (id, name) of the people active in a department; empty: everywhere."""
        wanted = select(account.c.id, account.c.name).where(
            account.c.kind == "human", account.c.disabled_at.is_(None)
        )
        if department:
            wanted = wanted.where(account.c.department == department)
        with reading(self.engine) as connection:
            return tuple(
                (row.id, row.name) for row in connection.execute(wanted.order_by(account.c.name))
            )

    def names(self, users: Sequence[str]) -> dict[str, str]:
        """Return id → display name of those who have an account."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(account.c.id, account.c.name).where(account.c.id.in_(sorted(set(users))))
            ).all()
        return {row.id: row.name for row in rows}

    # --- within ------------------------------------------------------------------------

    def _administrator(
        self, connection: Connection, login: str, role: str, title: str, at: datetime
    ) -> str:
        grants = (Grant(role=role, department="*"),)
        new = Account("", "human", login, title, "", grants, 1, (), False, None, None, at)
        return self._create(connection, new, "system", at)[1]

    def _create(
        self, connection: Connection, new: Account, by: str, at: datetime
    ) -> tuple[str, str]:
        if not LOGIN.fullmatch(new.login):
            raise AccountRefused("bad_login", "登录名只用小写字母、数字和 . _ @ -，2 至 63 个字符")
        if new.login in DEFAULT_LOGINS:
            raise AccountRefused(
                "default_login", f"「{new.login}」是默认或者通用的名字：一人一号，请用本人的登录名"
            )
        if new.kind == "service" and not (
            SERVICE_LOGIN.fullmatch(new.login) and new.login not in OWN_USERS
        ):
            raise AccountRefused(
                "bad_login",
                "业务系统的登录名也是它的消息用户名：只用小写字母、数字和 -，最多 32 个，"
                "且不与系统自用的用户同名",
            )
        seeded = new.kind == "service" and by == "system"
        if (new.kind == "citizen") != bool(new.id) and not seeded:
            raise AccountRefused("bad_id", "申请人账号须用其假名作编号，其他账号的编号由系统给定")
        check_grants(new.grants)
        rightless = not new.grants and new.clearance == 1 and not new.compartments
        if by != "system" and not rightless:
            raise AccountRefused("two_people", "新账号不带权限：权限由安全管理员另行提出、批准")
        user = new.id or f"{'s' if new.kind == 'service' else 'u'}:{random.token_hex(8)}"
        same = (account.c.login == new.login) | (account.c.id == user)
        if connection.execute(select(account.c.id).where(same)).first() is not None:
            raise AccountRefused("login_taken", f"登录名「{new.login}」已有人使用")
        service = new.kind == "service"
        code = self.secrets.new_token() if service else self.secrets.new_code()
        connection.execute(
            insert(account).values(
                id=user,
                kind=new.kind,
                login=new.login,
                name=new.name,
                department=new.department,
                grants=packed(new.grants),
                clearance=new.clearance,
                compartments=list(new.compartments),
                password="",
                created_at=at,
                created_by=by,
                **self._entrance(new.kind, code, at),
            )
        )
        self.record(connection, Happening("account_create", at, user, by, True))
        return user, code

    def _entrance(self, kind: str, code: str, at: datetime) -> dict[str, Any]:
        if kind == "service":
            return {
                "enrolment": "",
                "enrolment_until": None,
                "token": self.secrets.digest(code),
                "token_until": at + TOKEN_LIFE,
                "former_token": "",
                "former_token_until": None,
            }
        digest = self.secrets.code_digest(code)
        return {"enrolment": digest, "enrolment_until": at + self.secrets.code_life, "token": ""}


def normal_login(typed: str) -> str:
    """Return a login as it is kept: NFKC, lower case, no blanks around it."""
    return unicodedata.normalize("NFKC", typed).strip().casefold()[:200]


def check_grants(grants: Sequence[Grant]) -> None:
    """Raise `AccountRefused` when somebody would be administrator and anything else."""
    roles = {grant.role for grant in grants}
    if roles & set(ADMINISTRATORS) and len(roles) > 1:
        raise AccountRefused(
            "administrators_apart",
            "系统、安全、审计管理员互斥：一人只能任其一，且不得兼任业务角色"
            "（GB/T 22239-2019 8.1.4.2 d）",
        )


def account_of(values: Mapping[Any, Any]) -> Account:
    """Return the account of a row that selects the whole table."""
    return Account(
        id=values[account.c.id],
        kind=values[account.c.kind],
        login=values[account.c.login],
        name=values[account.c.name],
        department=values[account.c.department],
        grants=tuple(Grant(role=role, department=at) for role, at in values[account.c.grants]),
        clearance=values[account.c.clearance],
        compartments=tuple(values[account.c.compartments]),
        enrolled=bool(values[account.c.password] or values[account.c.token]),
        disabled_at=values[account.c.disabled_at],
        last_sign_in_at=values[account.c.last_sign_in_at],
        created_at=values[account.c.created_at],
        nkey=values[account.c.nkey],
        token_until=values[account.c.token_until],
        disabled_why=values[account.c.disabled_why],
        valid_until=values[account.c.valid_until],
        awake_since=values[account.c.awake_since],
    )


def store_password(
    connection: Connection,
    row: Row[Any],
    hashed: str,
    at: datetime,
    history: int,
    but: str = "",
) -> None:
    """Replace an account's password (`row` is its row before), remember the former one, and end
    its sessions but one."""
    if row.password:
        last = select(func.coalesce(func.max(old_password.c.n), 0))
        n = connection.execute(last.where(old_password.c.account_id == row.id)).scalar_one() + 1
        connection.execute(
            insert(old_password).values(account_id=row.id, n=n, password=row.password)
        )
        connection.execute(
            delete(old_password).where(
                old_password.c.account_id == row.id, old_password.c.n <= n - history
            )
        )
    connection.execute(
        update(account)
        .where(account.c.id == row.id)
        .values(password=hashed, password_changed_at=at)
    )
    revoke(connection, row.id, at, but)


def _must_find(connection: Connection, user: str) -> Row[Any]:
    row = connection.execute(
        select(account).where(account.c.id == user, account.c.disabled_at.is_(None))
    ).first()
    if row is None:
        raise AccountRefused("no_such_account", "没有这个账号，或账号已停用")
    return row


def _must_find_service(connection: Connection, user: str) -> Row[Any]:
    row = _must_find(connection, user)
    if row.kind != "service":
        raise AccountRefused("no_service", "只有业务系统的账号有令牌和公钥")
    return row


def revoke(connection: Connection, user: str, at: datetime, but: str = "") -> int:
    """End the sessions of an account, all but one; return how many there were."""
    ended = connection.execute(
        update(session)
        .where(session.c.account_id == user, session.c.revoked_at.is_(None))
        .where(session.c.id != but, session.c.ends_at > at)
        .values(revoked_at=at)
    )
    # Those that are over of themselves may still have a screen of the wall.
    connection.execute(
        update(session)
        .where(session.c.account_id == user, session.c.revoked_at.is_(None))
        .where(session.c.id != but)
        .values(revoked_at=at)
    )
    return int(ended.rowcount)


def one_at_a_time(connection: Connection) -> None:
    """Let no other change of accounts run until this transaction ends, as SQLite's one writer does.

    Two that each leave one administrator too few would both pass.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_CHANGING)))


_CHANGING = 0x61636374
"""Advisory lock (PostgreSQL) under which rights and the end of accounts change."""


def administrators(connection: Connection) -> dict[str, int]:
    """Return how many open accounts hold each administrator's role."""
    held = connection.execute(
        select(account.c.grants).where(account.c.kind == "human", account.c.disabled_at.is_(None))
    ).scalars()
    roles = [role for grants in held for role in {role for role, _ in grants}]
    return {role: roles.count(role) for role in ADMINISTRATORS}


def too_few_administrators(connection: Connection) -> tuple[str, ...]:
    """Return the administrators' roles of which there are fewer than `LEAST`."""
    there = administrators(connection)
    return tuple(role for role, least in LEAST.items() if there[role] < least)


def short_sentence(roles: Sequence[str]) -> str:
    """Say which administrators would be too few."""
    names = {"sysadmin": "系统管理员", "secadmin": "安全管理员", "auditadmin": "审计管理员"}
    words = {1: "一", 2: "二"}
    wanted = "、".join(f"{names[role]}不得少于{words[LEAST[role]]}名" for role in roles)
    return f"{wanted}：请先任命接任的人"


def lapse(connection: Connection, user: str, by: str, at: datetime) -> None:
    """End the change that waits for an account that has ended, in the caller's transaction."""
    connection.execute(
        update(grant_change)
        .where(grant_change.c.account_id == user, grant_change.c.state == "proposed")
        .values(state="lapsed", settled_by=by, settled_at=at)
    )


def packed(grants: Sequence[Grant]) -> list[list[str]]:
    """Return grants as they stand in a row: each once, in order."""
    return [list(pair) for pair in sorted({(grant.role, grant.department) for grant in grants})]
