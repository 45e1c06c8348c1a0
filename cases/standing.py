"""Who still holds what: the accounts as they stand now, for whoever settles an order.

A door reads the accounts when it asks policy; between that and settling lie milliseconds, or an
outage. What was taken away meanwhile no longer counts. One prepared query a command, nothing is
kept between two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Engine, bindparam, or_, select

from cases.database import Instant, reading
from cases.delegations import deputyships
from cases.messages import Actor
from cases.settling import RuleForbids
from cases.sql import Prepared, look_up
from cases.web_tables import principal_now, printed_name

CLOSED = "account_closed"
ENDED = "right_ended"


@dataclass(frozen=True, slots=True)
class Standing:
    """One account as it stands."""

    kind: str
    is_open: bool
    grants: frozenset[tuple[str, str]]
    """Role and department of each."""
    clearance: int
    compartments: frozenset[str]


class Standings:
    """Reads the accounts. Safe in any number of threads."""

    def __init__(self, web: Engine) -> None:
        """`web` is the store of the accounts, which is only read."""
        self._web = web

    def of(self, user: str, at: datetime) -> Standing | None:
        """Return how an account stands at `at`, which is now; None: nobody has that id.

        Raises `DBAPIError`, `OSError` where the accounts cannot be read.
        """
        rows = look_up(self._web, _ONE, {"user": user, "at": at})
        if not rows:
            return None
        kind, is_open, in_term, grants, clearance, compartments = rows[0]
        return Standing(
            str(kind),
            bool(is_open) and bool(in_term),
            frozenset((role, where) for role, where in orjson.loads(grants)),
            int(clearance),
            frozenset(orjson.loads(compartments)),
        )

    def delegated(self, deputy: str, delegator: str, at: datetime) -> frozenset[tuple[str, str]]:
        """Return the grants (role, department) that `deputy` may use in the name of `delegator` at
        this moment; empty: none, or there is no such delegation (any more)."""
        with reading(self._web) as connection:
            return frozenset(
                (grant.role, grant.department)
                for one in deputyships(connection, deputy, at)
                if one.delegator == delegator
                for grant in one.grants
            )

    def names(self, users: Sequence[str]) -> Mapping[str, str]:
        """Return what a document prints of these people: id → name. Who is not known is left out.

        Raises as `of`.
        """
        wanted = select(printed_name).where(printed_name.c.id.in_(users))
        with reading(self._web) as connection:
            return {row.id: row.name for row in connection.execute(wanted)}


_ONE = Prepared(
    select(
        principal_now.c.kind,
        principal_now.c.is_open,
        or_(
            principal_now.c.valid_until.is_(None),
            principal_now.c.valid_until > bindparam("at", type_=Instant),
        ),
        principal_now.c.grants,
        principal_now.c.clearance,
        principal_now.c.compartments,
    ).where(principal_now.c.id == bindparam("user"))
)


def present(actor: Actor, held: Standing, grants: frozenset[tuple[str, str]]) -> Actor:
    """Return the actor with what was claimed and is still held; never with more than was claimed.

    `held` is the actor's own account; `grants` what they may use: their own, or a delegator's.
    Raises `RuleForbids` when the account is closed or is of another kind.
    """
    if not held.is_open:
        raise RuleForbids(CLOSED, "提交之后账号已停用，本命令不予办理", "", "actor")
    if held.kind != actor.kind:
        raise RuleForbids(CLOSED, "账号的类别与命令所称不符", "", "actor")
    return actor.model_copy(
        update={
            "grants": tuple(g for g in actor.grants if (g.role, g.department) in grants),
            "clearance": min(actor.clearance, held.clearance),
            "compartments": tuple(c for c in actor.compartments if c in held.compartments),
        }
    )
