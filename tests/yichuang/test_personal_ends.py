"""What was taken of people for an incident goes at its end, and the log says so first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from audit.entry import parse_entry
from audit.erasing import erased_in
from audit.logstore import LogReader
from audit.vault import KeyDestroyed
from cases import incident_ends
from cases.database import reading
from cases.incidents.personal import personal_key
from tests.activities.conftest import town_in
from tests.yichuang.test_erasing import LATE, Office
from yichuang.personal_ends import PersonalEnds, end_entry

INCIDENT = "6f0b4f5e-1111-4111-8111-000000000001"
OTHER = "6f0b4f5e-1111-4111-8111-000000000002"
REPORTER = "王小明 13900001111".encode()


class Ground:
    """An office with one incident's reporter sealed, and who looks for ends."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.archived: list[str] = []
        self.sealed = {
            one: office.town.vault.seal(personal_key(one), REPORTER, b"reporter")
            for one in (INCIDENT, OTHER)
        }
        self.ends = PersonalEnds(
            office.stores.cases, office.stores.log, office.town.vault, self._ended, lambda: LATE
        )

    def _ended(self, connection: Connection, at: datetime) -> Sequence[str]:
        known = {one.incident_id for one in incident_ends.since(connection, 0)}
        return [one for one in self.archived if one not in known]

    def open(self, incident: str) -> bytes:
        return self.office.town.vault.open(
            personal_key(incident), self.sealed[incident], b"reporter"
        )

    def entries(self) -> list[str]:
        with reading(self.office.stores.log) as connection:
            bodies = [parse_entry(one.body) for one in LogReader(connection).entries()]
        return [one["obj"]["id"] for one in bodies if one["act"] == "payload.erased"]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    town = town_in(tmp_path)
    office = Office(town, tmp_path)
    yield Ground(office)
    for name in ("web", "gateway", "log"):
        getattr(office.stores, name).dispose()
    town.engine.dispose()
    town.keys.dispose()


def test_nothing_is_destroyed_while_the_incident_goes_on(ground: Ground) -> None:
    assert ground.ends.look() == 0
    assert ground.open(INCIDENT) == REPORTER


def test_the_key_stays_until_the_log_has_the_entry_and_goes_then(ground: Ground) -> None:
    ground.archived = [INCIDENT]
    assert ground.ends.look() == 0
    assert ground.open(INCIDENT) == REPORTER
    ground.office.sequence()
    assert ground.entries() == [personal_key(INCIDENT)]
    assert ground.ends.look() == 1
    with pytest.raises(KeyDestroyed):
        ground.open(INCIDENT)
    assert ground.open(OTHER) == REPORTER
    assert ground.ends.look() == 0


def test_the_log_stands_by_the_destruction_and_names_its_ground(ground: Ground) -> None:
    ground.archived = [INCIDENT]
    ground.ends.look()
    ground.office.sequence()
    ground.ends.look()
    gone = erased_in(ground.office.stores.log)[personal_key(INCIDENT)]
    assert (gone.ground, gone.entry_id) == ("TFSJ-85", end_entry(INCIDENT))
    verdict = ground.office.verdict()
    assert verdict.exit_code == 0
    assert verdict.log.incomplete == []


def test_what_was_begun_and_cut_short_is_told_as_unfinished_and_carried_through(
    ground: Ground,
) -> None:
    ground.archived = [INCIDENT]
    ground.ends.look()
    ground.office.sequence()
    assert personal_key(INCIDENT) in str(ground.office.verdict().log.incomplete)
    ground.archived = []
    assert ground.ends.look() == 1
    assert ground.office.verdict().log.incomplete == []


def test_a_key_that_somebody_destroys_without_the_entry_is_found(ground: Ground) -> None:
    ground.office.town.vault.destroy(personal_key(INCIDENT))
    assert dict(ground.office.verdict().log.counts) == {"erasure": 1}


def test_nothing_can_be_sealed_for_an_ended_incident_again(ground: Ground) -> None:
    ground.archived = [INCIDENT]
    ground.ends.look()
    ground.office.sequence()
    ground.ends.look()
    with pytest.raises(KeyDestroyed):
        ground.office.town.vault.seal(personal_key(INCIDENT), REPORTER, b"reporter")


def test_an_end_is_followed_from_where_one_was(ground: Ground) -> None:
    ground.archived = [INCIDENT, OTHER]
    ground.ends.look()
    with reading(ground.office.stores.cases) as connection:
        first, second = incident_ends.since(connection, 0)
        assert list(incident_ends.since(connection, first.n)) == [second]
        assert list(incident_ends.since(connection, second.n)) == []
