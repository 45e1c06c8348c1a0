"""Whose personal data ends when: archived or untrue, kept with a day, merged into another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from audit.vault import KeyDestroyed
from cases import incident_ends
from cases.database import reading
from cases.incident_ended import ended
from cases.incident_rows import personal_place
from cases.incident_tables import incident_event
from cases.incidents.messages import personal_subject
from cases.incidents.personal import personal_key
from cases.messages import Actor, Command, Source
from tests.incidents.town import DUTY, Town

ZONE = "Asia/Shanghai"
CALLER = {"name": "王小明", "phone": "13900001111"}


def over(town: Town, at: datetime | None = None) -> set[str]:
    with reading(town.shop.cases) as connection:
        return set(ended(connection, at or datetime.now(UTC), ZONE))


def begin(town: Town, incident: str) -> None:
    with town.shop.cases.begin() as connection:
        incident_ends.begin(connection, incident, f"e-{incident}"[:36], datetime.now(UTC))


async def untrue(town: Town, incident: str) -> None:
    await town.done(DUTY, incident, "verify", {"true": False, "ground": "误报"})


def opened(town: Town, incident: str) -> bytes:
    """What was said of persons when it was reported."""
    with reading(town.shop.cases) as connection:
        query = select(incident_event).where(
            incident_event.c.incident_id == incident, incident_event.c.kind == "report"
        )
        row = connection.execute(query).one()
    order = Command(
        id=row.command_id, verb="report", case_id=incident, body={},
        actor=Actor(id="u:zhiban"), source=Source(door="web"), occurred_at=row.at,
    )  # fmt: skip
    vault = town.shop.incidents.sealer.vault
    return vault.open(personal_subject(incident), bytes(row.personal_sealed), personal_place(order))


async def test_a_merged_ones_data_ends_after_that_of_the_one_it_went_into_and_under_its_own_key(
    town: Town,
) -> None:
    first, second, last = [await town.reported(reporter=CALLER) for _ in range(3)]
    await town.done(DUTY, first, "merge", {"into": second})
    await town.done(DUTY, second, "merge", {"into": last})
    assert not over(town) & {first, second, last}
    await untrue(town, last)
    assert over(town) & {first, second, last} == {last}
    begin(town, last)
    assert over(town) & {first, second, last} == {second}
    begin(town, second)
    assert over(town) & {first, second, last} == {first}
    begin(town, first)
    assert not over(town) & {first, second, last}
    assert "王小明".encode() in opened(town, first)
    town.shop.incidents.sealer.vault.destroy(personal_key(first))
    with pytest.raises(KeyDestroyed):
        opened(town, first)
    assert "王小明".encode() in opened(town, last)


async def test_what_is_kept_with_a_reason_ends_when_its_last_day_is_over_and_what_merged_waits(
    town: Town,
) -> None:
    merged, kept = [await town.reported(reporter=CALLER) for _ in range(2)]
    await town.done(DUTY, merged, "merge", {"into": kept})
    until = (datetime.now(UTC) + timedelta(days=30)).date()
    await town.done(DUTY, kept, "keep_personal", {"reason": "诉讼", "until": until.isoformat()})
    await untrue(town, kept)
    noon = datetime(until.year, until.month, until.day, 4, tzinfo=UTC)
    assert not over(town, noon) & {merged, kept}
    assert over(town, noon + timedelta(days=1)) & {merged, kept} == {kept}
