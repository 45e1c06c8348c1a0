"""The servers of the large form over TLS, as docker-compose.yml starts them: real ones, by hand.

PostgreSQL is Debian's, for the one in the packages of tests is built without TLS. Temporal's own
development server has no TLS; a front with a certificate stands before it, as its frontend would.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from benchmarks.ground import free_port
from cases.database import open_engine
from yichuang.commands.tls import issue
from yichuang.embedded import ground, temporal
from yichuang.settings import CHECKOUT, Settings

COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    """Two authorities; what is given to `localhost` is readable to the server's own user."""
    folder = Path(tempfile.mkdtemp(prefix="yctls"))
    for name in ("city", "stranger"):
        issue(folder / name, ["localhost", "roles"], folder / name / "given")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _postgres() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("no PostgreSQL of Debian's here (built with TLS)")
    return found[-1].parent


@pytest.fixture(scope="module")
def database(certificates: Path) -> Iterator[int]:
    """A PostgreSQL with the file of rules and the words of docker-compose.yml; yields its port."""
    binaries, port = _postgres(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="ycpgtls"))
    given = folder / "tls"
    shutil.copytree(certificates / "city" / "given" / "localhost", given)
    rules = COMPOSE["configs"]["postgres-hba"]["content"]
    # The tests come from this machine; to the rules they must come from elsewhere.
    (folder / "pg_hba.conf").write_text(rules.replace("127.0.0.1/32", "127.0.0.9/32"))
    (folder / "password").write_text("pw")
    own: dict[str, Any] = {}
    if os.geteuid() == 0:
        own = {"user": "nobody", "group": "nogroup"}
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")
    data, password = str(folder / "data"), str(folder / "password")
    try:
        made = [str(binaries / "initdb"), "-D", data, "-U", "postgres", "--pwfile", password]
        subprocess.run([*made, "-A", "scram-sha-256"], check=True, capture_output=True, **own)
    except subprocess.CalledProcessError as refused:
        pytest.skip(f"PostgreSQL does not start here: {refused.stderr.decode()[-200:]}")
    words = COMPOSE["services"]["postgres"]["command"][1:]
    words = [one.replace("/tls/", f"{given}/") for one in words]
    words = [one.replace("/etc/yichuang/", f"{folder}/") for one in words]
    run = [str(binaries / "postgres"), "-D", data, "-p", str(port), "-k", str(folder), *words]
    with subprocess.Popen(run, stderr=subprocess.DEVNULL, **own) as server:
        until = time.monotonic() + 30
        ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(ready, check=False).returncode and time.monotonic() < until:
            time.sleep(0.1)
        yield port
        server.terminate()
    shutil.rmtree(folder, ignore_errors=True)


def _answer(port: int, how: str, host: str = "localhost") -> Any:
    engine = open_engine(f"postgresql+psycopg://postgres:pw@{host}:{port}/postgres?{how}")
    try:
        with engine.connect() as connection:
            query = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            return tuple(connection.execute(text(query)).one())
    finally:
        engine.dispose()


def test_the_database_is_met_over_tls_under_the_citys_ca_and_its_name_alone(
    database: int, certificates: Path
) -> None:
    url = COMPOSE["x-cases-url"]
    how = "&".join(re.findall(r"ssl\w+=[^&]+", url))
    ours = how.replace("/tls/ca.pem", str(certificates / "city" / "ca.pem"))
    encrypted, version = _answer(database, ours)
    assert encrypted and version in ("TLSv1.2", "TLSv1.3")
    theirs = how.replace("/tls/ca.pem", str(certificates / "stranger" / "ca.pem"))
    with pytest.raises(OperationalError, match="certificate verify failed"):
        _answer(database, theirs)
    with pytest.raises(OperationalError, match="no encryption"):
        _answer(database, "sslmode=disable")
    with pytest.raises(OperationalError, match="does not match"):
        _answer(database, ours, host="127.0.0.1")


@asynccontextmanager
async def _fronted(folder: Path, behind: int) -> AsyncIterator[int]:
    """TLS before a server, that asks for a certificate of the same CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "localhost.pem", folder / "localhost.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", behind)
        await asyncio.gather(passed(reader, outer), passed(inner, writer), return_exceptions=True)

    server = await asyncio.start_server(joined, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_temporal_is_met_over_tls_by_who_shows_a_certificate_of_the_city(
    certificates: Path, tmp_path: Path
) -> None:
    city, behind = certificates / "city", free_port()
    plain = Settings(_env_file=None, data=tmp_path, temporal_port=behind)
    ground.prepare_folder(plain)
    words = temporal.command(plain)
    server = await asyncio.create_subprocess_exec(
        *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 60
        while await _answers(plain) is None and time.monotonic() < until:  # noqa: ASYNC110 -- it tells nobody
            await asyncio.sleep(0.2)
        async with _fronted(city, behind) as port:
            met = plain.model_copy(
                update={
                    "temporal_address": f"localhost:{port}",
                    "temporal_tls": True,
                    "tls_ca": city / "ca.pem",
                    "tls_certificate": city / "roles.pem",
                    "tls_key": city / "roles.key",
                }
            )
            assert await _answers(met) is not None
            nameless = {"tls_certificate": None, "tls_key": None}
            assert await _answers(met.model_copy(update=nameless)) is None
            stranger = {"tls_ca": certificates / "stranger" / "ca.pem"}
            assert await _answers(met.model_copy(update=stranger)) is None
    finally:
        server.terminate()
        await server.wait()


async def _answers(settings: Settings) -> str | None:
    try:
        return await temporal.answers(settings)
    except RuntimeError:
        return None


def test_the_signer_is_asked_through_a_socket_and_has_no_network() -> None:
    signer = COMPOSE["services"]["signer"]
    assert signer["network_mode"] == "none"
    assert signer["environment"]["YICHUANG_SIGNER_ADDRESS"].startswith("unix:")
