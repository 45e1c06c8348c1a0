"""A dossier is signed by two people while it is true; what was not tried does not count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import DBAPIError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.simulating import (
    AGAIN_AFTER,
    BUSY,
    DossierOfAnother,
    Progress,
    Simulating,
)
from activities.trials import Trials
from audit.tables import audit_outbox
from cases import dossier_rows, releases
from cases.dossier import GOOD_FOR, Dossier, DossierCheck, DossierSpan, Side
from cases.dossier_rows import SimulationOrder
from cases.release_tables import dossier, release
from cases.releases import Proposal, Release, ReleaseRefused
from tests.activities.conftest import create_stores

AT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
TRIALS = Trials(lambda _: False)


def rules(version: str) -> Proposal:
    return Proposal("rules", "supervision", version, f"text {version}", needs_dossier=True)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine, keys = create_stores(tmp_path)
    yield engine
    engine.dispose()
    keys.dispose()


@pytest.fixture
def proposed(engine: Engine) -> Release:
    with engine.begin() as connection:
        releases.seed(connection, Proposal("rules", "supervision", "1", "text 1"), AT, AT - DAY)
        return releases.propose(connection, rules("2"), "u:a", AT)


def made(one: Release, current: str, passed: bool = True, until: datetime = AT) -> Dossier:
    return Dossier(
        kind="rules",
        name=one.name,
        release=one.id,
        proposed=Side(version=one.version, digest=one.digest),
        current=Side(digest=current),
        span=DossierSpan(months=6, since=until - 180 * DAY, until=until),
        checks=(DossierCheck(name="check", passed=passed),),
    )


def current_of(engine: Engine, at: datetime = AT) -> str:
    with engine.begin() as connection:
        known = releases.active(connection, "rules", "supervision", at)
        return known.digest if known else ""


def keep(
    engine: Engine, one: Release, key: str = "d1", passed: bool = True, until: datetime = AT
) -> str:
    """Keep a dossier of a proposal and return its digest."""
    whole = made(one, current_of(engine), passed, until)
    order = SimulationOrder(
        id=key, release=one.id, release_digest=one.digest, months=6, until=until
    )
    with engine.begin() as connection:
        dossier_rows.put(connection, order, whole, until)
    return whole.digest


def endorse(engine: Engine, one: Release, digest: str, at: datetime = AT, by: str = "u:a") -> None:
    with engine.begin() as connection:
        on = TRIALS.insist(connection, one, digest, at)
        releases.endorse(connection, one.id, by, at, on.digest)


def sign(engine: Engine, one: Release, digest: str, at: datetime = AT, by: str = "u:b") -> Release:
    with engine.begin() as connection:
        TRIALS.insist_endorsed(connection, releases.find(connection, one.id), digest, at)
        return releases.sign(connection, one.id, by, at, at)


def refused(engine: Engine, one: Release, digest: str, at: datetime = AT) -> str:
    with pytest.raises(ReleaseRefused) as no:
        sign(engine, one, digest, at)
    return no.value.code


# --- what is signed ------------------------------------------------------------------------------


def test_two_people_sign_one_dossier_and_the_version_counts(
    engine: Engine, proposed: Release
) -> None:
    digest = keep(engine, proposed)
    endorse(engine, proposed, digest)
    kept = sign(engine, proposed, digest)
    assert (kept.state, kept.dossier, kept.endorsed_by, kept.signed_by) == (
        "active", digest, "u:a", "u:b",
    )  # fmt: skip
    assert current_of(engine, AT + DAY) == proposed.digest


def test_without_a_dossier_nothing_is_signed(engine: Engine, proposed: Release) -> None:
    assert refused(engine, proposed, "") == "no_dossier"


def test_a_dossier_that_the_proposer_has_not_signed_is_not_enough(
    engine: Engine, proposed: Release
) -> None:
    assert refused(engine, proposed, keep(engine, proposed)) == "not_endorsed"


def test_another_digest_than_the_newest_is_refused(engine: Engine, proposed: Release) -> None:
    first = keep(engine, proposed)
    endorse(engine, proposed, first)
    assert refused(engine, proposed, "0" * 64) == "dossier_stale"
    newer = keep(engine, proposed, "d2", until=AT + DAY)
    assert refused(engine, proposed, first, AT + DAY) == "dossier_stale"
    assert refused(engine, proposed, newer, AT + DAY) == "not_endorsed"
    endorse(engine, proposed, newer, AT + DAY)
    assert sign(engine, proposed, newer, AT + DAY).state == "active"


@pytest.mark.parametrize(("late", "code"), [(timedelta(0), ""), (timedelta(seconds=1), "stale")])
def test_a_dossier_is_good_for_its_days_and_no_longer(
    engine: Engine, proposed: Release, late: timedelta, code: str
) -> None:
    digest = keep(engine, proposed)
    endorse(engine, proposed, digest)
    at = AT + GOOD_FOR + late
    if code:
        assert refused(engine, proposed, digest, at) == f"dossier_{code}"
    else:
        assert sign(engine, proposed, digest, at).state == "active"


def test_a_dossier_with_a_failed_check_cannot_be_signed(engine: Engine, proposed: Release) -> None:
    digest = keep(engine, proposed, passed=False)
    with pytest.raises(ReleaseRefused, match="dossier_failed"):
        endorse(engine, proposed, digest)


def test_of_two_proposals_tried_against_one_version_only_the_first_counts(
    engine: Engine, proposed: Release
) -> None:
    with engine.begin() as connection:
        other = releases.propose(connection, rules("3"), "u:a", AT)
    one, two = keep(engine, proposed), keep(engine, other, "d2")
    endorse(engine, proposed, one)
    endorse(engine, other, two)
    assert sign(engine, proposed, one).state == "active"
    assert refused(engine, other, two) == "dossier_stale"


def test_who_signed_the_dossier_first_cannot_activate_it(engine: Engine, proposed: Release) -> None:
    digest = keep(engine, proposed)
    endorse(engine, proposed, digest, by="u:b")
    with pytest.raises(ReleaseRefused, match="same_person"):
        sign(engine, proposed, digest)


def test_a_version_that_became_a_change_meanwhile_is_not_signed_untried(engine: Engine) -> None:
    with engine.begin() as connection:
        one = releases.propose(connection, Proposal("matter", "food", "1", "{}"), "u:a", AT)
        assert TRIALS.insist_endorsed(connection, one, "", AT) is None
        with pytest.raises(ReleaseRefused, match="no_dossier"):
            Trials(lambda _: True).insist_endorsed(connection, one, "", AT)


# --- the rows themselves -------------------------------------------------------------------------

SIGNED: dict[str, Any] = {"signed_by": "u:b", "signed_at": AT, "in_force_from": AT}


@pytest.mark.parametrize("kind", ["rules", "matter"])
def test_the_rows_refuse_a_signature_without_a_dossier(engine: Engine, kind: Any) -> None:
    with engine.begin() as connection:
        one = releases.propose(
            connection, Proposal(kind, "x", "1", "{}", needs_dossier=kind == "matter"), "u:a", AT
        )
    for more in ({}, {"endorsed_by": "u:a", "endorsed_at": AT, "dossier": "0" * 64}):
        with pytest.raises(DBAPIError, match="needs its dossier"), engine.begin() as connection:
            connection.execute(update(release).where(release.c.id == one.id).values(SIGNED | more))


def test_the_rows_refuse_a_dossier_that_failed_or_is_of_another_text(
    engine: Engine, proposed: Release
) -> None:
    failed = keep(engine, proposed, passed=False)
    with engine.begin() as connection:
        other = releases.propose(connection, rules("3"), "u:a", AT)
    foreign = keep(engine, other, "d2")
    for digest in (failed, foreign):
        more = {"endorsed_by": "u:a", "endorsed_at": AT, "dossier": digest}
        with pytest.raises(DBAPIError, match="needs its dossier"), engine.begin() as connection:
            connection.execute(
                update(release).where(release.c.id == proposed.id).values(SIGNED | more)
            )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE dossier SET passed = 1",
        "DELETE FROM dossier",
        "INSERT OR REPLACE INTO dossier SELECT * FROM dossier",
    ],
)
def test_a_dossier_never_changes(engine: Engine, proposed: Release, change: str) -> None:
    keep(engine, proposed)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(change)


# --- making it -----------------------------------------------------------------------------------


class Fails(Exception):
    pass


class Counting:
    """Answers with a dossier, and counts how often it was asked; at first it fails."""

    def __init__(self, whole: Dossier, fail: int = 0) -> None:
        self.whole, self.fail, self.asked = whole, fail, 0

    async def __call__(self, order: SimulationOrder, progress: Progress) -> Dossier:
        self.asked += 1
        progress("rulings", 200)
        if self.asked <= self.fail:
            raise Fails
        return self.whole


class DiesOnce(Simulating):
    """A worker that dies when the dossier is made and not kept yet."""

    died = False

    def _keep(self, order: SimulationOrder, made: Dossier) -> Any:
        if not self.died:
            self.died = True
            raise Fails
        return Simulating._keep(self, order, made)


def entries(engine: Engine, act: str = "release_dossier") -> int:
    with engine.connect() as connection:
        bodies = connection.execute(select(audit_outbox.c.body)).scalars()
        return sum(f'"{act}"'.encode() in bytes(body) for body in bodies)


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(dossier.c.id)).all())


def test_dying_between_making_and_keeping_leaves_one_dossier_and_one_entry(
    engine: Engine, proposed: Release
) -> None:
    whole = made(proposed, current_of(engine))
    order = TRIALS.order("c1", proposed, AT)
    simulator = Counting(whole)
    activity = DiesOnce(engine, simulator, lambda: AT)

    async def attempts() -> list[Any]:
        found: list[Any] = []
        for _ in range(3):
            try:
                found.append(await ActivityEnvironment().run(activity.simulate, order))
            except Fails:
                found.append(None)
                assert (rows(engine), entries(engine)) == (0, 0)
        return found

    died, first, again = asyncio.run(attempts())
    assert died is None and first == again and first.digest == whole.digest
    assert (simulator.asked, rows(engine), entries(engine)) == (2, 1, 1)


def test_progress_is_told(engine: Engine, proposed: Release) -> None:
    activity = Simulating(engine, Counting(made(proposed, current_of(engine))), lambda: AT)
    told: list[Any] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: told.append(details)
    asyncio.run(environment.run(activity.simulate, TRIALS.order("c1", proposed, AT)))
    assert told == [("rulings", 200)] and rows(engine) == 1


def test_a_second_simulation_leaves_its_place_and_comes_again(
    engine: Engine, proposed: Release
) -> None:
    whole = made(proposed, current_of(engine))

    async def both() -> None:
        go, running = asyncio.Event(), asyncio.Event()

        async def slowly(order: SimulationOrder, progress: Progress) -> Dossier:
            running.set()
            await go.wait()
            return whole

        activity = Simulating(engine, slowly, lambda: AT)
        one, two = (TRIALS.order(name, proposed, AT) for name in ("c1", "c2"))
        first = asyncio.create_task(ActivityEnvironment().run(activity.simulate, one))
        await running.wait()
        with pytest.raises(ApplicationError) as busy:
            await ActivityEnvironment().run(activity.simulate, two)
        assert (busy.value.type, busy.value.next_retry_delay) == (BUSY, AGAIN_AFTER)
        go.set()
        await first
        await ActivityEnvironment().run(activity.simulate, two)

    asyncio.run(both())
    assert rows(engine) == 2


def test_a_dossier_of_another_version_is_not_kept(engine: Engine, proposed: Release) -> None:
    with engine.begin() as connection:
        other = releases.propose(connection, rules("3"), "u:a", AT)
    activity = Simulating(engine, Counting(made(other, "")), lambda: AT)
    with pytest.raises(DossierOfAnother):
        asyncio.run(ActivityEnvironment().run(activity.simulate, TRIALS.order("c1", proposed, AT)))
    assert rows(engine) == 0
