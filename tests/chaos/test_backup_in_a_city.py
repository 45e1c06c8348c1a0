"""A living city is backed up in one instant, comes back whole, and every mixed age is named."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from audit.entry import EntryDraft, What, Who
from audit.outbox import record
from cases.database import open_engine, reading
from tests.chaos.city import City
from tests.yichuang.censused import town
from yichuang import keyring
from yichuang.backing_up import COPIES, MADE, RESTORED
from yichuang.backup_set import LIST, Manifest, faults, read_list
from yichuang.bus import connect
from yichuang.embedded.serving import serving
from yichuang.restoring import look
from yichuang.rollbacks import rollbacks
from yichuang.settings import CHECKOUT

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

WITHIN = 60.0


@dataclass
class Ground:
    """A city that was backed up as it lived, and two ages of it."""

    city: City
    folder: Path
    backup: Path
    secret: Path
    reviewed: str
    """A case that was accepted before the backup."""
    filed: str
    """One that was only filed then."""
    older: Path
    """The data folder that the backup became; the city's own has gone on."""

    def command(self, city: City, *words: str) -> subprocess.CompletedProcess[str]:
        return city.command(*words, "--key", str(self.secret))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("backups")
    secret = folder / "secret"
    secret.write_text("correct horse battery staple\n")
    with City(folder / "city") as city:
        city.start()
        made = Ground(city, folder, folder / "backup", secret, "", "", folder / "older")
        made.reviewed, made.filed = asyncio.run(_cases(city))
        with _filing(city):
            done = made.command(city, "backup", str(made.backup))
        assert done.returncode == 0, done.stdout + done.stderr
        asyncio.run(_more(city, made.filed))
        _in_the_web(city)
        city.answer("keys", "rotate")
        city.answer("keys", "rewrap")
        city.until(lambda: city.answer("audit", "verify")["exit_code"] == 0, WITHIN, "signed")
        city.stop()
        put_back = City(made.older)
        shutil.rmtree(made.older)
        done = made.command(put_back, "restore", str(made.backup))
        assert done.returncode == 0, done.stdout + done.stderr
        yield made


def copied(folder: Path, to: Path) -> City:
    """Return a copy of a stopped city's data, to be damaged.

    Made by another process: one that closes a store's file drops its own locks on it, and this one
    may still hold connections.
    """
    subprocess.run(["cp", "-a", str(folder), str(to)], check=True)
    return City(to)


def _in_the_web(city: City) -> None:
    """Let the web's store tell of something."""
    engine = open_engine(city.settings.store_url("web"))
    draft = EntryDraft(
        str(uuid4()), "sys:auth", datetime.now(UTC), Who("system", "system"), "sign_out",
        What("account", "account:none"),
    )  # fmt: skip
    with engine.begin() as connection:
        record(connection, draft)
    engine.dispose()


async def _cases(city: City) -> tuple[str, str]:
    async with town(city.settings, working=False) as there:
        one, two = await there.filed(), await there.filed()
        await there.accept(one)
        return one, two


async def _more(city: City, filed: str) -> None:
    async with town(city.settings, working=False) as there:
        await there.accept(filed)
        await there.filed()


class _filing:
    """Cases are filed and accepted, one after the other, for as long as this is held."""

    def __init__(self, city: City) -> None:
        self._city, self._enough = city, threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._file()))
        self.count = 0

    async def _file(self) -> None:
        async with town(self._city.settings, working=False) as there:
            while not self._enough.is_set():
                await there.accept(await there.filed())
                self.count += 1

    def __enter__(self) -> _filing:
        self._thread.start()
        while not self.count and self._thread.is_alive():
            self._enough.wait(0.05)
        return self

    def __exit__(self, *_error: object) -> None:
        self._enough.set()
        self._thread.join()
        assert self.count


def said(city: City, stream: str) -> list[str]:
    """Return the acts that the cases store has told of a stream, drained or not."""
    with reading(city.store("log")) as connection:
        query = "SELECT body FROM audit_entry WHERE stream = :s"
        bodies = list(connection.scalars(text(query), {"s": stream}))
    with reading(city.store("cases")) as connection:
        query = "SELECT body FROM audit_outbox WHERE stream = :s"
        bodies += connection.scalars(text(query), {"s": stream})
    return [json.loads(bytes(one))["act"] for one in bodies]


# --- there and back ------------------------------------------------------------------------------


def test_a_city_comes_back_whole_and_its_cases_go_on(ground: Ground, tmp_path: Path) -> None:
    with copied(ground.older, tmp_path / "back") as back:
        back.start()
        asyncio.run(_accept(back, ground.filed))
        back.until(lambda: back.answer("audit", "verify")["exit_code"] == 0, WITHIN, "signed")
        told = back.answer("audit", "reconcile")
        assert (told["exit_code"], told["differences"]) == (0, [])
        assert back.answer("restore", "--check")["agrees"]
        assert said(back, "sys:backup") == [RESTORED]
    assert said(copied(ground.city.folder, tmp_path / "made"), "sys:backup") == [MADE]


async def _accept(city: City, case: str) -> None:
    async with town(city.settings, working=False) as there:
        await there.accept(case)


async def test_an_order_that_waits_is_in_the_backup(ground: Ground, tmp_path: Path) -> None:
    city = copied(ground.city.folder, tmp_path / "standing")
    async with serving(city.settings, ["nats"]):
        bus = await connect(city.settings, "portal", attempts=0)
        await bus.jetstream().publish(f"cmd.{city.settings.city}.zjj.portal.case.file", b"{}")
        await bus.close()
    done = ground.command(city, "backup", str(tmp_path / "standing-backup"))
    assert done.returncode == 0, done.stderr
    back = City(tmp_path / "back")
    shutil.rmtree(back.folder)
    assert ground.command(back, "restore", str(tmp_path / "standing-backup")).returncode == 0
    async with serving(back.settings, ["nats"]):
        bus = await connect(back.settings, "admin", attempts=0)
        stream = await bus.jetstream().stream_info("CMD")
        await bus.close()
    assert stream.state.messages == 1


def test_no_key_and_no_persons_data_stands_in_a_backup_in_the_clear(ground: Ground) -> None:
    content = b"".join(path.read_bytes() for path in sorted(ground.backup.iterdir()))
    assert b"SQLite format" not in content
    for key in keyring.master_keys(ground.city.settings):
        assert key not in content and key.hex().encode() not in content
    assert b"correct horse" not in content


# --- what is no backup ---------------------------------------------------------------------------


def manifest_of(ground: Ground) -> Manifest:
    return read_list(ground.backup)[0]


def test_a_killed_backup_is_none_and_the_next_one_is_whole(ground: Ground, tmp_path: Path) -> None:
    city = copied(ground.city.folder, tmp_path / "city")
    unfinished = tmp_path / "backup"
    words = [sys.executable, "-m", "yichuang.cli", "backup", str(unfinished)]
    process = subprocess.Popen(
        [*words, "--key", str(ground.secret)],
        cwd=CHECKOUT,
        env=city.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "store/cases" in line:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    assert not (unfinished / LIST).exists()
    refused = ground.command(city, "restore", str(unfinished))
    assert refused.returncode != 0 and "没有做完" in refused.stderr
    done = ground.command(city, "backup", str(tmp_path / "again"))
    assert done.returncode == 0, done.stderr
    assert not (city.folder / COPIES).exists()


def test_a_full_disk_makes_no_backup_and_says_so(ground: Ground, tmp_path: Path) -> None:
    city = copied(ground.city.folder, tmp_path / "city")

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    words = [sys.executable, "-m", "yichuang.cli", "backup", str(tmp_path / "backup")]
    done = subprocess.run(
        [*words, "--key", str(ground.secret)],
        cwd=CHECKOUT,
        env=city.environment(),
        capture_output=True,
        text=True,
        preexec_fn=small_files_only,
    )
    assert done.returncode == 1 and "没有做成备份" in done.stderr, done.stderr
    assert not list((tmp_path / "backup").iterdir())


def test_a_damaged_part_is_named_and_nothing_is_put_back(ground: Ground, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(ground.backup, damaged)
    path = damaged / "store-web.part"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (damaged / "store-keys.part").unlink()
    (damaged / "more").write_bytes(b"")
    found = faults(damaged, read_list(damaged)[0])
    assert [one.split("（")[0] for one in found] == [
        "store-web.part",
        "缺 store-keys.part",
        "多出 more",
    ]
    back = City(tmp_path / "back")
    refused = ground.command(back, "restore", str(damaged))
    assert refused.returncode == 1 and "store-web.part" in refused.stderr
    assert list(tmp_path.iterdir()) == [damaged, back.folder] or not list(back.folder.iterdir())


def test_a_list_that_was_changed_is_refused(ground: Ground, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    shutil.copytree(ground.backup, forged)
    listed = forged / LIST
    listed.write_bytes(listed.read_bytes().replace(b'"size": ', b'"size": 1', 1))
    refused = ground.command(ground.city, "backup", "verify", str(forged))
    assert refused.returncode == 1 and "签名" in refused.stderr


def test_another_passphrase_and_a_full_folder_put_nothing_back(
    ground: Ground, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_text("another passphrase\n")
    back = City(tmp_path / "back")
    refused = back.command("restore", str(ground.backup), "--key", str(other))
    assert refused.returncode == 2 and "口令不对" in refused.stderr
    (back.folder / "there").write_text("already")
    refused = ground.command(back, "restore", str(ground.backup))
    assert refused.returncode == 1 and "不是空文件夹" in refused.stderr


def test_a_killed_restore_leaves_the_folder_and_the_next_one_is_whole(
    ground: Ground, tmp_path: Path
) -> None:
    back = City(tmp_path / "back")
    process = subprocess.Popen(
        [sys.executable, "-m", "yichuang.cli", "restore", str(ground.backup),
         "--key", str(ground.secret)],
        cwd=CHECKOUT,
        env=back.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "store/web" in line:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    assert not list(back.folder.iterdir())
    done = ground.command(back, "restore", str(ground.backup))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / ".back.restoring").exists()


# --- parts of different ages ---------------------------------------------------------------------


def put(older: Path, newer: Path, *names: str) -> None:
    """Put parts of the older data folder in the place of the newer ones."""
    for name in names:
        for path in newer.glob(f"{name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in older.glob(f"{name}*"):
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, newer / path.name)


MIXED: dict[str, tuple[str, ...]] = {
    "cases": ("cases.sqlite",),
    "web": ("web.sqlite",),
    "log": ("log.sqlite",),
    "keys": ("keys.sqlite",),
    "signer": ("signer",),
    "keys folder": ("keys",),
}


@pytest.mark.parametrize("part", sorted(MIXED))
def test_one_older_part_beside_newer_ones_is_named(
    ground: Ground, tmp_path: Path, part: str
) -> None:
    city = copied(ground.city.folder, tmp_path / "mixed")
    assert rollbacks(city.settings) == []
    if part == "keys":  # the folder of keys has a like name
        (city.folder / "keys.sqlite").unlink()
        shutil.copy2(ground.older / "keys.sqlite", city.folder / "keys.sqlite")
    elif part == "keys folder":
        shutil.rmtree(city.folder / "keys")
        shutil.copytree(ground.older / "keys", city.folder / "keys")
    else:
        put(ground.older, city.folder, *MIXED[part])
    assert part in {one.older for one in rollbacks(city.settings)}, rollbacks(city.settings)


@pytest.mark.parametrize("part", ["temporal", "cases"])
async def test_histories_and_rows_of_different_ages_are_named(
    ground: Ground, tmp_path: Path, part: str
) -> None:
    city = copied(ground.city.folder, tmp_path / "mixed")
    names = {"temporal": ("temporal",), "cases": ("cases.sqlite", "log.sqlite", "signer")}
    put(ground.older, city.folder, *names[part])
    found = await look(city.settings)
    assert not found.agrees and not found.unread
    newer = {"temporal": "cases", "cases": "temporal"}[part]
    assert (part, newer) in {(one.older, one.newer) for one in found.rollbacks}


def test_a_mixed_city_says_so_on_the_command_line(ground: Ground, tmp_path: Path) -> None:
    city = copied(ground.city.folder, tmp_path / "mixed")
    put(ground.older, city.folder, "log.sqlite")
    done = city.command("restore", "--check")
    assert done.returncode == 1 and "日志库比" in done.stdout, done.stdout
