"""The first start makes everything once; the second changes nothing and shows no code again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cases.database import open_engine, reading
from cases.releases import signed
from yichuang import keyring
from yichuang.initialise import initialise, log_verifier
from yichuang.keyring import log_vkey_path
from yichuang.settings import Settings
from yichuang.signer import KEY_FILE, STATE_FILE


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "var", city="test")


def test_the_first_start_shows_three_codes_and_the_second_none(settings: Settings) -> None:
    codes = [line for line in initialise(settings) if "一次性登记码" in line]
    assert [line.split()[1] for line in codes] == [
        "sysadmin",
        "secadmin",
        "secadmin2",
        "auditadmin",
    ]
    assert initialise(settings) == []


def test_secrets_can_be_read_by_their_owner_only(settings: Settings) -> None:
    initialise(settings)
    secrets = [
        settings.master_key_path,
        settings.keys_folder / "pepper.key",
        settings.keys_folder / "webhooks.key",
        settings.signer_path / KEY_FILE,
        settings.signer_path / STATE_FILE,
        *(settings.keys_folder / "warrants").glob("*.key"),
    ]
    assert len(secrets) == 9
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}


def test_a_founding_cut_short_is_mended(settings: Settings) -> None:
    initialise(settings)
    trusted = log_verifier(settings)
    log_vkey_path(settings).unlink()
    initialise(settings)
    assert log_verifier(settings) == trusted


def test_a_signer_that_lost_its_memory_is_not_given_a_new_one(settings: Settings) -> None:
    initialise(settings)
    (settings.signer_path / STATE_FILE).unlink()
    assert initialise(settings) == []
    assert not (settings.signer_path / STATE_FILE).exists()


def test_every_shipped_matter_is_a_signed_seed(settings: Settings) -> None:
    initialise(settings)
    with reading(open_engine(settings.store_url("cases"))) as connection:
        matters = signed(connection, "matter")
    assert {one.name for one in matters} >= {"food-operation", "construction-permit"}
    assert {one.signed_by for one in matters} == {"seed:release"}


def test_the_keys_lie_beside_the_master_key_where_the_processes_share_a_volume(
    tmp_path: Path,
) -> None:
    maker = Settings(data=tmp_path / "init", master_key=tmp_path / "shared" / "master.key")
    initialise(maker)
    worker = Settings(data=tmp_path / "worker", master_key=tmp_path / "shared" / "master.key")
    assert keyring.pepper(worker) == keyring.pepper(maker)
    assert set(keyring.warrant_keys(worker)) == set(keyring.ISSUERS)
    assert log_verifier(worker) == log_verifier(maker)
