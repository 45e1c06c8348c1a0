"""Policy is asked again where an order is settled: for the actor as they stand then."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, update
from temporalio import activity

from benchmarks import ground
from benchmarks.step import CLERK, REVIEWER, SOURCE
from cases import delegations
from cases.database import open_engine
from cases.deputies import Delegation
from cases.messages import Actor, Grant, Outcome
from cases.reception import Request
from cases.release_tables import release
from cases.releasing import Propose
from cases.settling import Batch, Settled
from cases.standing import Standings
from cases.web_tables import account
from policies.policy import load_policy, whole_text
from tests.granting import regrant
from tests.yichuang.registry import (
    EDITOR,
    FILING,
    Town,
    city,
    person,
    settings,
    template,
)
from yichuang.holding import Holding
from yichuang.settings import Settings
from yichuang.temporal import make_worker

__all__ = ["settings", "template"]


def changed(town: Town, who: Actor, **values: Any) -> None:
    engine = open_engine(town.settings.store_url("web"))
    if "grants" not in values:
        with engine.begin() as connection:
            connection.execute(update(account).where(account.c.id == who.id).values(values))
    else:
        regrant(engine, who.id, **values)
    engine.dispose()


class Held:
    """The worker's own `settle`, which waits until it is let go."""

    def __init__(self, town: Town) -> None:
        self._settlement = town.shop.settlement
        self.reached, self.go = threading.Event(), threading.Event()

    @activity.defn(name="settle")
    def settle(self, batch: Batch) -> Settled:
        self.reached.set()
        assert self.go.wait(15)
        return self._settlement.settle(batch)


@asynccontextmanager
async def between(town: Town, who: Actor) -> AsyncIterator[asyncio.Task[Outcome]]:
    """Let `who` accept a case: inside, the order is admitted and not settled; then it is."""
    held = Held(town)
    held.go.set()
    with ThreadPoolExecutor(2) as threads:
        async with make_worker(town.door._client, "town", [held.settle], threads, 2):
            case = (await town.order(CLERK, "file", FILING)).case_id
            held.go.clear()
            held.reached.clear()
            waiting = asyncio.create_task(accepted(town, who, case))
            assert await asyncio.to_thread(held.reached.wait, 15)
            try:
                yield waiting
            finally:
                held.go.set()
            await waiting


async def accepted(town: Town, who: Actor, case: str) -> Outcome:
    request = Request(id=str(uuid4()), verb="accept", body={}, case_id=case)
    (outcome,) = await town.reception.handle(who, SOURCE, (request,))
    return outcome


NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("taken", "code"),
    [
        ({"name": "another"}, ""),
        ({"disabled_at": NOW}, "account_closed"),
        ({"grants": ()}, "right_ended"),
        ({"grants": [Grant(role="window_clerk", department="zjj")]}, "right_ended"),
    ],
)
async def test_what_ended_between_the_door_and_the_rows_no_longer_counts(
    settings: Settings, taken: dict[str, Any], code: str
) -> None:
    async with city(settings) as (town, _):
        async with between(town, CLERK) as waiting:
            changed(town, CLERK, **taken)
        outcome = await waiting
        assert (outcome.status, outcome.code) == ("refused" if code else "done", code)
        acts = [(one["act"], one["res"]) for one in town.entries(f"case:{outcome.case_id}")]
        assert acts == [("file", "ok"), ("accept", "deny" if code else "ok")]


async def test_a_right_gained_meanwhile_is_not_given_where_it_was_not_claimed(
    settings: Settings,
) -> None:
    async with city(settings) as (town, working), working():
        case = (await town.order(CLERK, "file", FILING)).case_id
        changed(town, CLERK, grants=())
        outcome = await accepted(town, CLERK, case)
        assert (outcome.status, outcome.code) == ("refused", "right_ended")
        assert "已收回" in outcome.reason


async def test_whoever_has_no_account_is_refused(settings: Settings) -> None:
    async with city(settings) as (town, working), working():
        case = (await town.order(CLERK, "file", FILING)).case_id
        ghost = CLERK.model_copy(update={"id": "u:ghost"})
        outcome = await accepted(town, ghost, case)
        assert (outcome.status, outcome.code) == ("refused", "account_closed")


async def test_an_editor_who_is_no_longer_one_proposes_nothing(settings: Settings) -> None:
    async with city(settings) as (town, working), working():
        changed(town, EDITOR, grants=())
        text = whole_text(load_policy().model, "")
        made = await town.door.propose(
            EDITOR, SOURCE, str(uuid4()), Propose(kind="calendar", text=text)
        )
        assert (made.status, made.code) == ("refused", "right_ended")


async def test_another_policy_in_force_decides_what_the_old_one_had_allowed(
    settings: Settings,
) -> None:
    async with city(settings) as (town, _):
        async with between(town, CLERK) as waiting:
            activate(town, _without("window_clerk", "accept"))
            await asyncio.sleep(1.1)  # as long as a version may go unseen
        outcome = await waiting
        assert (outcome.status, outcome.code) == ("refused", "no_right")


def activate(town: Town, text: str) -> None:
    """Put another policy in force, as two signatures leave it in the register."""
    at = datetime.now(UTC)
    with town.shop.cases.begin() as connection:
        row = connection.execute(select(release).where(release.c.kind == "policy")).mappings().one()
        digest = sha256(text.encode()).hexdigest()
        fresh = {"id": str(uuid4()), "version": digest[:32], "content": text, "digest": digest}
        connection.execute(
            insert(release).values(dict(row) | fresh | {"signed_at": at, "in_force_from": at})
        )


def _without(role: str, act: str) -> str:
    """Return the shipped policy without the rows by which a role may do an act."""
    policy = load_policy()
    rows = [f"{row} # {row.note}" for row in policy.rows if (row.role, row.act) != (role, act)]
    return whole_text(policy.model, "\n".join(rows))


# --- deputies ---

DEPUTY = person("deputy")


def lent(town: Town, until: datetime) -> str:
    """Let the reviewer's colleague act in the clerk's name."""
    engine = open_engine(town.settings.store_url("web"))
    now, key = datetime.now(UTC), str(uuid4())
    one = Delegation(
        id=key, delegator=CLERK.id, deputy=DEPUTY.id, grants=CLERK.grants, reason="leave",
        starts_at=now - timedelta(hours=1), ends_at=until, proposed_at=now - timedelta(hours=2),
    )  # fmt: skip
    with engine.begin() as connection:
        delegations.propose(connection, one)
        delegations.accept(connection, key, DEPUTY.id, now)
    engine.dispose()
    return key


@pytest.mark.parametrize("running", [True, False])
async def test_a_deputy_settles_as_long_as_the_delegation_runs(
    settings: Settings, running: bool
) -> None:
    async with city(settings) as (town, working), working():
        ground.admit(town.settings, DEPUTY)
        case = (await town.order(CLERK, "file", FILING)).case_id
        key = lent(town, datetime.now(UTC) + timedelta(days=1))
        if not running:
            engine = open_engine(town.settings.store_url("web"))
            with engine.begin() as connection:
                delegations.end(connection, key, CLERK.id, datetime.now(UTC), "ended")
            engine.dispose()
        acting = DEPUTY.model_copy(update={"on_behalf": CLERK.id, "grants": CLERK.grants})
        outcome = await accepted(town, acting, case)
        assert (outcome.status, outcome.code) == (
            ("done", "") if running else ("refused", "right_ended")
        )


# --- the accounts as they are read ---


def test_people_are_counted_by_role_and_office_and_nobody_who_has_left(settings: Settings) -> None:
    other = CLERK.model_copy(update={"id": "u:other-clerk"})
    ground.admit(settings, CLERK, other, REVIEWER)
    web = open_engine(settings.store_url("web"))
    counts = Holding(web)()
    assert counts is not None
    assert (counts["window_clerk"]["scjg"], counts["section_clerk"]["scjg"]) == (2, 1)
    with web.begin() as connection:
        connection.execute(update(account).where(account.c.id == other.id).values(disabled_at=NOW))
    left = Holding(web)()
    assert left is not None and left["window_clerk"]["scjg"] == 1
    assert Holding(open_engine("sqlite:////nowhere/at/all.sqlite", read_only=True))() is None


def test_an_account_is_read_as_it_stands(settings: Settings) -> None:
    who = REVIEWER.model_copy(
        update={"compartments": ("health",), "grants": (Grant(role="supervisor", department="*"),)}
    )
    ground.admit(settings, who)
    found = Standings(open_engine(settings.store_url("web"), read_only=True)).of(who.id, NOW)
    assert found is not None
    assert (found.kind, found.is_open, found.clearance) == ("human", True, 3)
    assert found.grants == {("supervisor", "*")} and found.compartments == {"health"}
    assert Standings(open_engine(settings.store_url("web"), read_only=True)).of("u:no", NOW) is None
