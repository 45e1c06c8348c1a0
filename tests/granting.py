"""Changing what an account may do, as two security administrators do, for other tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select

from cases.accounts import Accounts, Happening, Recorder
from cases.database import reading
from cases.grant_changes import Gate, GrantChanges, Rights
from cases.messages import Grant
from cases.web_tables import account
from policies.identity import Credentials

GUARDS = ("guard-one", "guard-two")
"""Logins of the two who propose and approve."""


def _untold(_connection: Connection, _happening: Happening) -> None:
    """For a test that is not about what is told."""


def guards(engine: Engine, at: datetime | None = None) -> tuple[str, str]:
    """Return the ids of two security administrators, making them where they are not there."""
    accounts = Accounts(engine, Credentials(passes=1, memory_kib=8, lanes=1), _untold)
    with reading(engine) as connection:
        rows = connection.execute(
            select(account.c.login, account.c.id).where(account.c.login.in_(GUARDS))
        ).all()
    there = {row.login: row.id for row in rows}
    for login in GUARDS:
        if login not in there:
            there[login] = accounts.create_account(
                login, login, "", at=at or datetime.now(UTC), by="system",
                grants=[Grant(role="secadmin", department="*")],
            )[0]  # fmt: skip
    return there[GUARDS[0]], there[GUARDS[1]]


def regrant(
    engine: Engine,
    user: str,
    grants: Sequence[Grant] | None = None,
    *,
    clearance: int | None = None,
    compartments: Sequence[str] | None = None,
    at: datetime | None = None,
    record: Recorder = _untold,
    gate: Gate = lambda _holder, _after: (),
) -> str:
    """Let an account hold this and nothing else from now on; what is None stays as it is.

    Returns the change's id.
    """
    one, other = guards(engine, at)
    accounts = Accounts(engine, Credentials(passes=1, memory_kib=8, lanes=1), _untold)
    found = accounts.find(user)
    assert found is not None
    before = Rights.of(found)
    after = Rights(
        before.grants if grants is None else tuple(grants),
        before.clearance if clearance is None else clearance,
        before.compartments if compartments is None else tuple(compartments),
    )
    changes, moment = GrantChanges(engine, record, gate), at or datetime.now(UTC)
    key = changes.propose(user, after, "岗位调整", one, moment)
    changes.approve(key, other, moment)
    return key
