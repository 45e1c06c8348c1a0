"""Killed at the instant of a rung: between any two statements, after the commit, or for good."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from activities.incidents import IncidentSettlement
from cases import notices_out
from cases.database import open_engine, reading
from cases.incidents.orders import IncidentBatch
from cases.lives import Admitted, Due, ring_command
from tests.incidents.town import Town
from tests.mortal import Mortal
from workflows.incident import workflow_id
from yichuang.life_watch import GRACE, INCIDENTS, LifeWatch
from yichuang.settings import Settings
from yichuang.worker import LawfulRings, Workshop


@dataclass
class Ringing:
    """A worker's settlement that may die over the ring of an instant."""

    settlement: IncidentSettlement
    mortal: Mortal

    def ring(self, incident: str, due: Due, *, dies_at: int) -> bool:
        """Settle the ring of an instant; False when it died over it."""
        order = Admitted(command=ring_command(incident, due), admitted_at=due.due_at)
        batch = IncidentBatch(incident_id=incident, seq=0, commands=(order,))
        return self.mortal.survives(dies_at, lambda: self.settlement.settle(batch))


@pytest.fixture
def mortal(installed: tuple[Settings, Workshop]) -> Iterator[Ringing]:
    settings, shop = installed
    engine = open_engine(settings.store_url("cases"))
    assert isinstance(shop.incidents.law, LawfulRings)
    tomorrow = replace(shop.incidents.law, now=lambda: datetime.now(UTC) + timedelta(days=1))
    yield Ringing(replace(shop.incidents, engine=engine, law=tomorrow), Mortal(engine))
    engine.dispose()


async def test_killed_anywhere_over_a_rung_it_is_told_once_after_the_retry(
    town: Town, mortal: Ringing
) -> None:
    incident = await town.reported()
    for due in [one for one in town.state(incident).timers if one.key.startswith("rung:")]:
        before, seq, deaths = town.told(incident), town.state(incident).seq, 0
        while not await asyncio.to_thread(mortal.ring, incident, due, dies_at=deaths + 1):
            deaths += 1
            # Never the row without the telling, nor the telling without the row.
            settled = town.state(incident).seq - seq
            assert (settled, len(town.told(incident)) > len(before)) in ((0, False), (1, True))
        assert deaths > 5
        told = town.told(incident)
        assert len(told) > len(before) and town.state(incident).seq == seq + 1
        # The answer was lost on its way: the same instant again changes nothing.
        assert await asyncio.to_thread(mortal.ring, incident, due, dies_at=0)
        assert (town.told(incident), town.state(incident).seq) == (told, seq + 1)
    # The workflow knows of none of this: its own timers ring now.
    await town.sleep(90)
    twice = [one for one, n in _rungs(town, incident).items() if n > 1]
    assert twice == []
    passed = town.state(incident).passed
    assert len(passed) == len(set(passed))
    acts = [one["act"] for one in town.entries(f"incident:{incident}")]
    assert acts.count("timer_fired") == len(passed)


async def test_two_workers_that_ring_the_same_instant_tell_it_once(
    town: Town, mortal: Ringing
) -> None:
    incident = await town.reported()
    due = next(one for one in town.state(incident).timers if one.key.startswith("rung:"))
    order = Admitted(command=ring_command(incident, due), admitted_at=due.due_at)
    batch = IncidentBatch(incident_id=incident, seq=0, commands=(order,))
    both = [asyncio.to_thread(mortal.settlement.settle, batch) for _ in range(4)]
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert [one for one in answers if not isinstance(one, BaseException)]
    assert Counter(_rungs(town, incident).values()) == {1: 1}


async def test_a_life_lost_at_a_rung_is_taken_up_by_the_watch_and_every_rung_is_told_once(
    town: Town,
) -> None:
    incident = await town.reported()
    await town.sleep(7)
    handle = town.environment.client.get_workflow_handle(workflow_id(incident))
    await handle.terminate("lost")
    await town.sleep(10)
    assert _rungs(town, incident) == {}
    watches = [
        LifeWatch(town.shop.cases, town.environment.client, "town", INCIDENTS, town.now)
        for _ in range(2)
    ]
    assert await watches[0].look() >= 1
    await watches[1].look()
    await town.sleep(GRACE.total_seconds() / 60)
    await town.sleep(60)
    told = _rungs(town, incident)
    assert set(told.values()) == {1}
    assert {rung for rung, _ in told} == {"50", "80", "100", "150"}


def _rungs(town: Town, incident: str) -> Counter[tuple[str, str]]:
    """How often each rung was told to each recipient."""
    with reading(town.shop.cases) as connection:
        found = notices_out.of_incident(connection, incident)
    return Counter(
        (str(one.fields["rung"]), one.recipient) for one in found if "rung" in one.fields
    )
