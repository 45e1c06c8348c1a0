"""Links between machines: in the clear they are refused, over TLS both ends are real ones."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from benchmarks.ground import free_port
from yichuang import bus, links
from yichuang.cli import parser_for
from yichuang.commands.tls import issue
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.settings import CHECKOUT, SettingMissing, Settings

FILE = CHECKOUT / "LICENSE"
"""Any file: what is looked at here is whether one was named."""

DATABASE = "postgresql+psycopg://u:p@db.city/y?schema=cases"
SAFE: dict[str, Any] = {
    "cases_url": SecretStr(f"{DATABASE}&sslmode=verify-full&sslrootcert=/ca.pem"),
    "temporal_address": "temporal.city:7233",
    "tls_ca": FILE,
    "nats_url": "tls://nats.city:4222",
    "host": "0.0.0.0",
    "tls_certificate": FILE,
    "tls_key": FILE,
}


def of(**changed: Any) -> Settings:
    return Settings(_env_file=None, **SAFE | changed)


def test_links_that_are_all_encrypted_are_taken() -> None:
    links.refuse_plain(of())
    links.refuse_plain(Settings(_env_file=None))  # everything on this machine


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cases_url": SecretStr(DATABASE)}, "YICHUANG_CASES_URL"),
        ({"web_url": SecretStr(DATABASE + "&sslmode=require")}, "YICHUANG_WEB_URL"),
        ({"web_url": SecretStr(DATABASE + "&sslmode=verify-ca")}, "YICHUANG_WEB_URL"),
        ({"tls_ca": None}, "YICHUANG_TLS_CA"),
        ({"nats_url": "nats://nats.city:4222"}, "YICHUANG_NATS_URL"),
        ({"nats_url": "ws://nats.city:4222"}, "YICHUANG_NATS_URL"),
        ({"tls_key": None}, "YICHUANG_TLS_KEY"),
    ],
)
def test_a_link_in_the_clear_is_refused_with_what_to_set(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingMissing, match=said):
        links.refuse_plain(of(**changed))


def test_loopback_a_socket_and_a_proxy_need_nothing_more() -> None:
    links.refuse_plain(of(cases_url=SecretStr(DATABASE.replace("db.city", "127.0.0.1"))))
    links.refuse_plain(of(cases_url=SecretStr("postgresql:///y?host=/run/postgresql")))
    links.refuse_plain(of(nats_url="nats://[::1]:4222"))
    links.refuse_plain(of(tls_key=None, trusted_proxy="10.0.0.1"))


def test_a_part_does_not_start_over_a_link_in_the_clear(tmp_path: Path) -> None:
    from yichuang.commands import run

    settings = Settings(_env_file=None, data=tmp_path, nats_url="nats://nats.city:4222")
    with pytest.raises(SettingMissing, match="YICHUANG_NATS_URL"):
        run.run(parser_for("run").parse_args(["run", "relay"]), settings)
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    issue(folder / "city", ["127.0.0.1"])
    issue(folder / "stranger", ["127.0.0.1"])
    return folder


def test_what_is_issued_is_private_and_kept_until_it_runs_out(certificates: Path) -> None:
    folder = certificates / "city"
    assert {p.name: p.stat().st_mode & 0o077 for p in folder.glob("*.key")} == {
        "ca.key": 0, "127.0.0.1.key": 0,
    }  # fmt: skip
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    issue(folder, ["127.0.0.1"])
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_a_host_gets_its_own_folder_and_a_new_certificate_for_another_name(tmp_path: Path) -> None:
    own = tmp_path / "given" / "web"
    issue(tmp_path / "ca", [f"web,localhost={os.getuid()}", "nats"], tmp_path / "given")
    assert {p.name for p in own.iterdir()} == {"ca.pem", "server.pem", "server.key"}
    assert (own / "server.key").stat().st_mode & 0o077 == 0
    before = (own / "server.pem").read_bytes()
    issue(tmp_path / "ca", ["web,localhost"], tmp_path / "given")
    assert (own / "server.pem").read_bytes() == before
    issue(tmp_path / "ca", ["web,localhost,yc.city"], tmp_path / "given")
    assert (own / "server.pem").read_bytes() != before


@pytest.fixture(scope="module")
def server(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a real nats-server that speaks TLS alone."""
    settings = Settings(_env_file=None, data=tmp_path_factory.mktemp("nats"))
    ground.prepare_folder(settings)
    port, folder = free_port(), certificates / "city"
    path = embedded.write_configuration(
        settings,
        listen=f"127.0.0.1:{port}",
        store=settings.data / "store",
        path=settings.data / "server.conf",
        tls=embedded.ServerTls(folder / "127.0.0.1.pem", folder / "127.0.0.1.key"),
    )
    words = [embedded.command(_at(settings, port))[0], "-c", str(path)]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as running:
        yield _at(settings, port).model_copy(update={"nats_url": f"tls://127.0.0.1:{port}"})
        running.terminate()


def _at(settings: Settings, port: int) -> Settings:
    return settings.model_copy(update={"nats_port": port})


async def _met(settings: Settings) -> bool:
    """Whether a role meets the server with these settings."""
    until = time.monotonic() + 10
    while True:
        try:
            connection = await bus.connect(settings, "relay", attempts=0)
        except (OSError, nats.errors.Error):
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.2)
        else:
            await connection.close()
            return True


async def test_nats_is_met_over_tls_and_only_under_the_citys_ca(
    server: Settings, certificates: Path
) -> None:
    ca = certificates / "city" / "ca.pem"
    assert await _met(server.model_copy(update={"tls_ca": ca}))
    stranger = certificates / "stranger" / "ca.pem"
    with pytest.raises((OSError, nats.errors.Error)):
        await bus.connect(server.model_copy(update={"tls_ca": stranger}), "relay", attempts=0)


async def test_the_pages_speak_tls_of_today_and_nothing_older(certificates: Path) -> None:
    async def hello(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("您好")

    folder, port = certificates / "city", free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            Starlette(routes=[Route("/", hello)]),
            port=port,
            log_config=None,
            ssl_certfile=folder / "127.0.0.1.pem",
            ssl_keyfile=folder / "127.0.0.1.key",
        )
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- it tells nobody
        await asyncio.sleep(0.02)
    modern = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=modern)
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    old = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        await asyncio.open_connection("127.0.0.1", port, ssl=old)
    server.should_exit = True
    await serving
    assert version in ("TLSv1.2", "TLSv1.3")
