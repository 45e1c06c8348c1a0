"""Who owns the database signs a version in the program's name: the rows take it, it is named."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from activities.releasing import seeded
from audit.entry import What
from audit.outbox import record
from cases import releases
from cases.database import open_engine
from cases.release_tables import release
from cases.releases import SEED_SIGNER, Proposal, Release, release_id
from yichuang.initialise import initialise, log_verifier
from yichuang.log_entries import draft_of_the_log
from yichuang.log_stores import log_store, source_stores
from yichuang.settings import Settings
from yichuang.verifying import Verdict, verify_everything

NAME = "supervision"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("founded")
    initialise(Settings(_env_file=None, data=folder))
    return folder


@pytest.fixture
def city(founded: Path, tmp_path: Path) -> Iterator[Settings]:
    shutil.copytree(founded, tmp_path / "var")
    yield Settings(_env_file=None, data=tmp_path / "var")


def _verdict(city: Settings) -> Verdict:
    return verify_everything(log_store(city), log_verifier(city), source_stores(city))


def _named(city: Settings) -> set[tuple[str, str]]:
    return {(one.case_id.removeprefix("release:"), one.column) for one in _verdict(city).rows}


def _active(connection: Connection) -> Release:
    found = releases.active(connection, "rules", NAME, NOW)
    assert found is not None
    return found


def _forged(connection: Connection, **changed: object) -> str:
    """Put a version of the rules in force as the program's, and return its id."""
    known = _active(connection)
    row = dict(connection.execute(select(release).where(release.c.id == known.id)).mappings().one())
    key = release_id("rules", known.name, "9.9.9")
    row |= {"id": key, "version": "9.9.9", "needs_dossier": True, **changed}
    connection.execute(insert(release), row)
    return key


def test_the_shipped_versions_are_the_seeds_their_entries_tell_of(city: Settings) -> None:
    verdict = _verdict(city)
    assert (verdict.rows, verdict.exit_code) == ([], 2)  # nothing is signed yet
    with open_engine(city.store_url("cases")).connect() as connection:
        assert _active(connection).signed_by == SEED_SIGNER


def test_a_version_signed_as_a_seed_without_an_entry_is_named(city: Settings) -> None:
    with open_engine(city.store_url("cases")).begin() as connection:
        key = _forged(connection)  # the rows accept it
    assert (key, "signed_by") in _named(city)


@pytest.mark.parametrize("with_the_first_instant", [False, True])
def test_a_second_seed_of_a_name_is_named_though_its_entry_was_forged_too(
    city: Settings, with_the_first_instant: bool
) -> None:
    with open_engine(city.store_url("cases")).begin() as connection:
        key = _forged(connection)
        at = _active(connection).signed_at if with_the_first_instant else datetime.now(UTC)
        assert at is not None
        lived = What("log", "demo")  # anything at all that happened since the founding
        record(connection, draft_of_the_log(act="audit.verified", obj=lived, command_id="v"))
        record(connection, seeded(releases.find(connection, key), at))
    verdict = _verdict(city)
    assert verdict.exit_code == 1
    assert [(one.case_id, one.column) for one in verdict.rows] == [(f"release:{key}", "signed_by")]
    assert "counted before" in verdict.rows[0].expected


@pytest.mark.parametrize("forge_the_entry", [False, True])
def test_a_persons_proposal_signed_in_the_programs_name_is_named(
    city: Settings, forge_the_entry: bool
) -> None:
    with open_engine(city.store_url("cases")).begin() as connection:
        text = _active(connection).content
        proposal = Proposal("rules", "another", "1", text, needs_dossier=True)
        key = releases.propose(connection, proposal, "u:a", NOW).id
        row = {"signed_by": SEED_SIGNER, "signed_at": NOW, "in_force_from": NOW}
        connection.execute(update(release).where(release.c.id == key).values(row))
        if forge_the_entry:
            record(connection, seeded(releases.find(connection, key), datetime.now(UTC)))
    assert (key, "signed_by") in _named(city)


def test_a_seed_put_in_the_place_of_a_persons_signature_is_named(city: Settings) -> None:
    with open_engine(city.store_url("cases")).begin() as connection:
        known = _active(connection)
        change = {"in_force_from": NOW - timedelta(days=900)}
        connection.execute(update(release).where(release.c.id == known.id).values(change))
    assert (known.id, "signed_by") in _named(city)


def test_a_seed_that_two_people_revoked_stays_a_seed(city: Settings) -> None:
    with open_engine(city.store_url("cases")).begin() as connection:
        known = _active(connection)
        row = {"revoke_asked_by": "u:a", "revoke_asked_at": NOW, "revoke_reason": "旧"}
        connection.execute(update(release).where(release.c.id == known.id).values(row))
    # Its row is another than its entry says, for nobody recorded this; a seed it is all the same.
    assert _named(city) == {(known.id, "release")}


def test_what_a_person_has_proposed_is_not_signed_by_the_program(city: Settings) -> None:
    with open_engine(city.store_url("cases")).begin() as connection:
        proposal = Proposal("rules", "another", "1", _active(connection).content)
        releases.propose(connection, proposal, "u:a", NOW)
        assert not releases.seed(connection, proposal, NOW, NOW)
        (kept,) = [one for one in releases.everything(connection) if one.name == "another"]
    assert (kept.proposed_by, kept.signed_by) == ("u:a", "")
