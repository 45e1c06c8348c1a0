"""The users of a NATS server elsewhere follow the accounts: a real server and the real command."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import nats
import pytest
from nats.errors import Error as NatsError
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from benchmarks.ground import free_port
from cases.messages import Grant
from tests.serving import accounts_of, web_store
from yichuang.bus import connect, inbox_of, seed_of
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.nats_users import ServerAway, UserList, reread
from yichuang.services import INTAKE
from yichuang.settings import CHECKOUT, Settings, as_environment, environment

NOW = datetime.now(UTC)


class City:
    """A server that stands by itself, its file, and the store of the accounts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.web = web_store(folder)
        self.accounts = accounts_of(self.web)
        url = SecretStr(f"sqlite:///{folder / 'web.sqlite'}")
        self.settings = Settings(
            _env_file=None, form="large", data=folder / "data", nats_seeds=folder / "seeds",
            nats_integrators={"portal": ("*",)}, web_url=url,
            nats_url=f"nats://127.0.0.1:{self.port}",
        )  # fmt: skip
        ground.prepare_folder(self.settings)

    @property
    def words(self) -> list[str]:
        return [
            "servers", "--config", str(self.folder / "server.conf"),
            "--listen", f"127.0.0.1:{self.port}", "--store", str(self.folder / "store"),
        ]  # fmt: skip

    def command(self, *more: str) -> list[str]:
        return [sys.executable, "-m", "yichuang.cli", *self.words, *more]

    @property
    def variables(self) -> dict[str, str]:
        kept = {k: v for k, v in environment().items() if not k.startswith("YICHUANG_")}
        return kept | as_environment(self.settings)

    def list(self) -> UserList:
        listen = f"127.0.0.1:{self.port}"
        where = self.folder / "server.conf"
        return UserList(self.settings, listen, self.folder / "store", where)

    def take_in(self, name: str) -> None:
        key = embedded.public_key(self.settings, name)
        self.accounts.seed_service(name, [Grant(role=INTAKE, department="zjj")], key, NOW)

    @contextmanager
    def server(self) -> Iterator[None]:
        program = embedded.command(self.settings.model_copy(update={"form": "embedded"}))[0]
        words = [program, "-c", str(self.folder / "server.conf")]
        with subprocess.Popen(words, stderr=subprocess.DEVNULL) as running:
            yield
            running.terminate()


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    made = City(tmp_path)
    made.take_in("portal")
    yield made
    made.web.dispose()


async def enters(settings: Settings, user: str) -> bool:
    try:
        bus = await connect(settings, user, attempts=0)
    except (OSError, NatsError, TimeoutError):
        return False
    await bus.close()
    return True


async def until(settings: Settings, user: str, wanted: bool) -> float:
    began = time.monotonic()
    while await enters(settings, user) is not wanted:
        assert time.monotonic() < began + 30, user
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_who_gets_an_account_comes_in_and_who_loses_it_is_let_go(city: City) -> None:
    city.list().write()
    with city.server():
        await until(city.settings, "portal", True)
        watching = await asyncio.create_subprocess_exec(
            *city.command("--watch"), cwd=CHECKOUT, env=city.variables
        )
        try:
            city.take_in("jz")
            added = await until(city.settings, "jz", True)
            gone = asyncio.Event()

            async def let_go() -> None:
                gone.set()

            held = await nats.connect(
                city.settings.nats, nkeys_seed=str(seed_of(city.settings, "jz")),
                inbox_prefix=inbox_of("jz").encode(), closed_cb=let_go, allow_reconnect=False,
            )  # fmt: skip
            city.accounts.close("s:jz", "u:sys", NOW)
            began = time.monotonic()
            await asyncio.wait_for(gone.wait(), 30)
            lost = time.monotonic() - began
            assert held.is_closed and not await enters(city.settings, "jz")
            assert await enters(city.settings, "portal")
            sys.stdout.write(f"account to NATS {added:.2f} s, taken back {lost:.2f} s\n")
        finally:
            watching.terminate()
            await watching.wait()


def test_once_by_hand_it_writes_and_lets_the_server_read(city: City) -> None:
    city.list().write()
    with city.server():
        asyncio.run(until(city.settings, "portal", True))
        city.take_in("jz")
        done = subprocess.run(
            city.command("--reload"), cwd=CHECKOUT, env=city.variables, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0 and "1 个 NATS" in done.stdout, done.stderr
        assert asyncio.run(enters(city.settings, "jz"))


async def test_accounts_that_cannot_be_read_bring_nobody_back(city: City) -> None:
    city.accounts.close("s:portal", "u:sys", NOW)
    city.take_in("jz")
    kept = city.list()
    kept.write()
    before = kept.path.read_text()
    city.web.dispose()
    (city.folder / "web.sqlite").rename(city.folder / "away")
    with pytest.raises(OperationalError):
        await kept.look()
    assert kept.path.read_text() == before
    (city.folder / "web.sqlite").unlink(missing_ok=True)
    (city.folder / "away").rename(city.folder / "web.sqlite")


async def test_a_file_that_the_server_has_not_read_is_asked_for_again(city: City) -> None:
    kept = city.list()
    with pytest.raises(ServerAway):  # written, and nobody there to read it
        await kept.look()
    with city.server():
        await until(city.settings, "portal", True)
        assert await kept.look() and not await kept.look()
        assert await reread(city.settings) == 1
        kept.path.write_text("listen: nonsense {")
        with pytest.raises(ServerAway, match="不认"):
            await reread(city.settings)
