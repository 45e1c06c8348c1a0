"""The relay, on a real NATS server: at least once, in order, and only then marked."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from audit.tables import outbox_metadata
from cases.database import open_engine
from cases.tables import cases_metadata, outbox
from tests.stores import lay_out
from yichuang import subjects
from yichuang.bus import connect
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.relay import BATCH, Relay
from yichuang.settings import Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(_env_file=None, data=tmp_path_factory.mktemp("relay"))
    ground.prepare_folder(settings)
    ground.take_ports(settings, ("nats",))
    with subprocess.Popen(embedded.command(settings), stderr=subprocess.DEVNULL) as server:
        try:
            asyncio.run(_up(settings))
            yield settings
        finally:
            server.terminate()


async def _up(settings: Settings) -> None:
    deadline = time.monotonic() + 10
    while await embedded.answers(settings) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def store(tmp_path: Path, events: int, first: int = 0) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    lay_out(engine, cases_metadata, outbox_metadata)
    rows = [
        {
            "id": f"{tmp_path.name}-{n}",
            "case_id": "c",
            "seq": n,
            "subject": "evt.demo.zjj.case.accepted",
            "event": f'{{"n": {n}}}',
            "created_at": datetime.now(UTC),
        }
        for n in range(first, first + events)
    ]
    with engine.begin() as connection:
        connection.execute(outbox.insert(), rows)
    return engine


def unsent(engine: Engine) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(outbox.c.pos).where(outbox.c.sent_at.is_(None))).all())


async def published(settings: Settings) -> list[bytes]:
    bus = await connect(settings, "admin")
    js = bus.jetstream()
    info = await js.stream_info("EVT")
    found = [
        (await js.get_msg("EVT", seq)).data or b""
        for seq in range(info.state.first_seq, info.state.last_seq + 1)
    ]
    await js.purge_stream("EVT")
    await bus.close()
    return found


async def test_all_rows_reach_the_stream_in_order_and_are_marked(
    settings: Settings, tmp_path: Path
) -> None:
    engine = store(tmp_path, BATCH + 7)
    bus = await connect(settings, "relay")
    await subjects.declare(bus.jetstream(), "EVT")
    relay = Relay(engine, bus.jetstream(), "cases")
    assert [await relay.drain(), await relay.drain(), await relay.drain()] == [BATCH, 7, 0]
    assert unsent(engine) == 0
    assert await published(settings) == [f'{{"n": {n}}}'.encode() for n in range(BATCH + 7)]
    await bus.close()


async def test_a_crash_between_publishing_and_marking_doubles_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    engine = store(tmp_path, 5)
    bus = await connect(settings, "relay")
    await subjects.declare(bus.jetstream(), "EVT")
    await Relay(engine, bus.jetstream(), "cases").drain()
    with engine.begin() as connection:  # as if the mark had never been written
        connection.execute(outbox.update().values(sent_at=None))
    assert await Relay(engine, bus.jetstream(), "cases").drain() == 5
    assert len(await published(settings)) == 5
    await bus.close()
