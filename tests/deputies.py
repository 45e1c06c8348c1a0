"""Delegations as they stand in a city's accounts: agreed, running, ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Engine

from cases import delegations
from cases.deputies import Delegation
from cases.messages import Actor


def delegated(web: Engine, delegator: Actor, deputy: Actor, now: datetime) -> str:
    """Have a delegation agreed that runs for a day; return its id."""
    one = Delegation(
        id=str(uuid4()), delegator=delegator.id, deputy=deputy.id, grants=delegator.grants,
        reason="leave", starts_at=now - timedelta(minutes=1), ends_at=now + timedelta(days=1),
        proposed_at=now - timedelta(minutes=2),
    )  # fmt: skip
    with web.begin() as connection:
        delegations.propose(connection, one)
        delegations.accept(connection, one.id, deputy.id, now)
    return one.id


def ended(web: Engine, key: str, by: Actor, now: datetime) -> None:
    """End it."""
    with web.begin() as connection:
        delegations.end(connection, key, by.id, now, "ended")


def in_the_name_of(deputy: Actor, delegator: Actor) -> Actor:
    """Return the deputy as they act for the other."""
    return deputy.model_copy(update={"on_behalf": delegator.id, "grants": delegator.grants})
