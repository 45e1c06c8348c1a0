"""A master key is replaced step by step: told, kept, swapped; destroyed when nothing needs it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from audit.masters import fingerprint, key_id
from audit.vault import SubjectVault
from cases.database import open_engine
from yichuang import cli, joining, keyring
from yichuang.initialise import initialise
from yichuang.master_keys import StillNeeded, holdings, retire, rewrap, rotate
from yichuang.rewrapping import CLEAN_LOOKS, VAULT_STORES, Rewrapper
from yichuang.settings import Settings, Store


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "var"
    initialise(Settings(_env_file=None, data=folder, city="test"))
    return folder


@pytest.fixture
def settings(made: Path, tmp_path: Path) -> Settings:
    shutil.copytree(made, tmp_path / "var", ignore=shutil.ignore_patterns("*.sock"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Settings(_env_file=None, data=tmp_path / "var", city="test", temporal_port=port)


def told(settings: Settings, store: Store = "cases") -> list[tuple[str, str, str]]:
    """Return act, object and digest of each entry about keys that is on its way."""
    engine = open_engine(settings.store_url(store))
    query = "SELECT body FROM audit_outbox WHERE stream = :stream ORDER BY pos"
    with engine.connect() as connection:
        bodies = connection.scalars(text(query), {"stream": f"sys:keys:{store}"}).all()
    engine.dispose()
    entries = [json.loads(bytes(one)) for one in bodies]
    return [(one["act"], one["obj"]["id"], one["obj"].get("doc", "")) for one in entries]


def test_a_rotation_is_told_and_keeps_the_older_key_as_it_was(settings: Settings) -> None:
    before = settings.master_key_path.read_bytes()
    new, old = rotate(settings)
    keys = keyring.master_keys(settings)
    assert [key_id(one).hex() for one in keys] == [new, old] and keys[1] == before
    assert told(settings)[-2:] == [
        ("key_made", "master", fingerprint(keys[0])),
        ("key_rotated", "master", fingerprint(keys[0])),
    ]
    files = [settings.master_key_path, *keyring.older_paths(settings)]
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}
    assert all(key.hex() not in str(told(settings)) for key in keys)


def test_the_youngest_older_key_comes_first_past_nine(settings: Settings) -> None:
    ids = [rotate(settings)[0] for _ in range(11)]
    assert [key_id(one).hex() for one in keyring.master_keys(settings)][:11] == ids[::-1]


@pytest.mark.parametrize("fault", ["untold", "unkept", "half"])
def test_a_rotation_cut_short_goes_on_with_the_same_key(settings: Settings, fault: str) -> None:
    before = settings.master_key_path.read_bytes()
    waiting = settings.master_key_path.with_name("master.key.next")

    def stop(_new: bytes) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        keyring.rotate_master(settings, stop)
    assert keyring.master_keys(settings) == (before,)
    if fault == "unkept":  # the older name is there, the key is not swapped yet
        older = settings.master_key_path.with_name("master.key.1")
        older.write_bytes(before)
        older.chmod(0o600)
        assert keyring.master_keys(settings) == (before,)
    next_key = waiting.read_bytes()
    if fault == "half":
        waiting.write_bytes(b"half")
    new, old = rotate(settings)
    assert (new == key_id(next_key).hex()) == (fault != "half")
    assert [key_id(one).hex() for one in keyring.master_keys(settings)] == [new, old]
    assert not waiting.exists()


def test_every_store_is_rewrapped_and_each_batch_is_told(settings: Settings) -> None:
    sealed = {}
    for store in VAULT_STORES:
        engine = open_engine(settings.store_url(store))
        sealed[store] = joining.vault_of(settings, engine).seal("citizen:1", store.encode())
        engine.dispose()
    new, old = rotate(settings)
    held = holdings(settings)
    own = {"web": 1, "gateway": 1, "signals": 1}
    assert held[old] == {"keys": held[old]["keys"]} | own
    assert rewrap(settings)["web"] == 1
    assert set(holdings(settings)) == {new}
    for store in VAULT_STORES:
        assert told(settings, "cases" if store == "keys" else store)[-1][:2] == (
            "key_rewrapped",
            f"master:{new}",
        )
        vault = joining.vault_of(settings, open_engine(settings.store_url(store)))
        assert vault.open("citizen:1", sealed[store]) == store.encode()


def test_a_running_rewrapper_notices_a_rotation_and_rests_when_it_is_done(
    settings: Settings,
) -> None:
    rewrapper = Rewrapper(settings, "gateway")
    joining.vault_of(settings, open_engine(settings.store_url("gateway"))).seal("org:1", b"x")
    for _ in range(CLEAN_LOOKS + 1):
        assert rewrapper.look() == 0
    rotate(settings)
    rewrapper.vault.masters.look()
    assert [rewrapper.look() for _ in range(3)] == [1, 0, 0]
    # What a process wrapped under the older key in its last second is found as well.
    with open_engine(settings.store_url("gateway")).begin() as connection:
        connection.execute(text("DELETE FROM audit_subject_key"))
    before = keyring.master_keys(settings)[1]
    SubjectVault(open_engine(settings.store_url("gateway")), before).seal("org:2", b"y")
    assert rewrapper.look() == 1
    rewrapper.close()


async def test_an_older_key_stays_while_something_may_need_it(settings: Settings) -> None:
    joining.vault_of(settings, open_engine(settings.store_url("keys"))).seal("citizen:1", b"x")
    new, old = rotate(settings)
    with pytest.raises(StillNeeded, match="现用"):
        await retire(settings, new)
    with pytest.raises(StillNeeded, match="keys 库还有"):
        await retire(settings, old)
    rewrap(settings)
    with pytest.raises(StillNeeded, match="不应答"):
        await retire(settings, old)
    with pytest.raises(LookupError):
        await retire(settings, "00" * 8)
    assert len(keyring.master_keys(settings)) == 2


def test_a_destroyed_key_is_gone_and_the_current_one_cannot_be_destroyed(
    settings: Settings,
) -> None:
    new, old = rotate(settings)
    with pytest.raises(LookupError):
        keyring.destroy_master(settings, bytes.fromhex(new))
    keyring.destroy_master(settings, bytes.fromhex(old))
    assert [key_id(one).hex() for one in keyring.master_keys(settings)] == [new]


def test_keys_that_cannot_be_read_for_a_while_go_on_in_a_running_process(
    settings: Settings,
) -> None:
    masters = keyring.masters(settings)
    (id, _), *_ = masters
    away = settings.master_key_path.with_name("away")
    os.replace(settings.master_key_path, away)
    masters.look()
    assert masters.current()[0] == id
    os.replace(away, settings.master_key_path)


def test_the_command_lists_ids_and_what_they_hold_and_never_a_key(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new, old = rotate(settings)
    command = cli.load("keys")
    args = cli.parser_for("keys").parse_args(["keys", "list", "--json"])
    assert command.run(args, settings) == 0
    said = capsys.readouterr().out
    assert [(one["id"], one["current"]) for one in json.loads(said)["keys"]] == [
        (new, True), (old, False)
    ]  # fmt: skip
    assert all(key.hex() not in said for key in keyring.master_keys(settings))
    args = cli.parser_for("keys").parse_args(["keys", "retire", "00"])
    assert command.run(args, settings) == 2
