"""The board of open incidents with many people before it: how long until a change is on every
page, and how long a page takes that is opened anew.

The web's own process answers over HTTP, with sessions, policy and templates; the incidents and
their changes are written as rows, since how they come about is `bench incident`. Everybody sees
the same city, as the command centre does. Baseline: one person before the same board.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import orjson
from sqlalchemy import Engine, insert, update

from activities.sealing import Sealer
from benchmarks import ground
from benchmarks.intake import quantile
from cases.accounts import Place as From
from cases.database import open_engine
from cases.factor_tables import recovery_code
from cases.incident_tables import incident, incident_change
from cases.incidents.place import Place
from cases.incidents.signal import RANK
from cases.incidents.state import IncidentState, Limits
from cases.messages import Actor, Grant
from cases.web_tables import account
from forms.cookies import SESSION_COOKIE
from yichuang import joining, way_in
from yichuang.settings import Settings

OPEN: Final = 2_000
BOARDS: Final = 50
CHANGES: Final = 30
PAGES: Final = 40
APART_SECONDS: Final = 1.3
"""Between two changes: longer than the web's own look (forms/incident_stream.py)."""
PARTS: Final = "temporal,nats,web"
READY: Final = "一窗已就绪"
WAIT_SECONDS: Final = 120.0
OFTEN: Final = 1_000_000
"""Pages a minute: how often one person may ask is not what is looked at."""


def run(
    incidents: int = OPEN, boards: int = BOARDS, changes: int = CHANGES, pages: int = PAGES
) -> dict[str, Any]:
    """Return milliseconds from a committed change to the pages of so many people."""
    with ground.installed() as installed:
        settings = installed.model_copy(update={"pages_per_minute": OFTEN})
        _fill(open_engine(settings.store_url("cases")), incidents)
        cookies = _signed_in(settings, boards)
        words = [sys.executable, "-u", "-m", "yichuang.cli", "up", "--only", PARTS]
        city = ground.Process(settings, "up", words)
        try:
            city.start()
            city.until_it_says(READY)
            return asyncio.run(_run(settings, city, cookies, changes, pages))
        finally:
            city.stop()


async def _run(
    settings: Settings, city: ground.Process, cookies: Sequence[str], changes: int, pages: int
) -> dict[str, Any]:
    engine = open_engine(settings.store_url("cases"))
    opened = await _pages(settings, cookies[0], pages)
    one, one_cpu = await _told(settings, city, engine, cookies[:1], changes)
    many, many_cpu = await _told(settings, city, engine, cookies, changes)
    value, baseline = quantile(many, 0.95), quantile(one, 0.95)
    return {
        "name": "board", "value": value, "unit": "ms", "baseline": baseline,
        "ratio": round(baseline / value, 3), "boards": len(cookies),
        "p50": quantile(many, 0.5), "p99": quantile(many, 0.99),
        "one_p50": quantile(one, 0.5), "cpu_ms": many_cpu, "one_cpu_ms": one_cpu,
        "page_p50": quantile(opened, 0.5), "page_p95": quantile(opened, 0.95),
    }  # fmt: skip


# --- people before it ----------------------------------------------------------------------------


async def _told(
    settings: Settings, city: ground.Process, engine: Engine, cookies: Sequence[str], changes: int
) -> tuple[list[float], float]:
    """Return the seconds from each commit to each board, and ms of the city's CPU per change."""
    loop = asyncio.get_running_loop()
    sent: dict[int, float] = {}
    seen: list[tuple[int, float]] = []
    there, done = asyncio.Semaphore(0), asyncio.Event()

    async def listen(cookie: str) -> None:
        whole = False
        async for said in _events(settings, "/incidents/changes", cookie):
            if whole:
                seen.extend((seq, loop.time()) for seq, _, _ in said["changes"])
            else:
                whole = True
                there.release()
            if len(seen) >= changes * len(cookies):
                done.set()

    listeners = [asyncio.create_task(listen(cookie)) for cookie in cookies]
    for _ in cookies:
        await asyncio.wait_for(there.acquire(), WAIT_SECONDS)
    spent = city.cpu_seconds()
    for n in range(changes):
        seq = await asyncio.to_thread(_change, engine, n)
        sent[seq] = loop.time()
        await asyncio.sleep(APART_SECONDS)
    await asyncio.wait_for(done.wait(), WAIT_SECONDS)
    spent = city.cpu_seconds() - spent
    for one in listeners:
        one.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    assert {seq for seq, _ in seen} == set(sent)
    return [at - sent[seq] for seq, at in seen], round(spent / changes * 1000, 1)


async def _pages(settings: Settings, cookie: str, number: int) -> list[float]:
    took = []
    for _ in range(number):
        began = time.perf_counter()
        reader, writer = await _asked(settings, "/incidents", cookie)
        page = await reader.read()
        took.append(time.perf_counter() - began)
        writer.close()
        assert b'<tr id="i-' in page, page[:500]
    return took


async def _events(settings: Settings, path: str, cookie: str) -> AsyncIterator[dict[str, Any]]:
    """Yield what an EventSource would be told."""
    reader, writer = await _asked(settings, path, cookie)
    try:
        while line := await reader.readline():
            if line.startswith(b"data: "):
                said = orjson.loads(line[6:])
                if "changes" in said:
                    yield said
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _asked(
    settings: Settings, path: str, cookie: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a page; return where its answer comes from, behind its head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.web[1], limit=1 << 24)
    head = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nCookie: {SESSION_COOKIE}={cookie}\r\n\r\n"
    writer.write(head.encode())
    status = await reader.readline()
    assert b" 200 " in status, status
    while (await reader.readline()).strip():
        pass
    return reader, writer


def _signed_in(settings: Settings, number: int) -> list[str]:
    """Return the secrets of so many duty officers' sessions."""
    grant = Grant(role="duty_officer", department="zhzx")
    people = [Actor(id=f"u:board{n}", department="zhzx", grants=(grant,)) for n in range(number)]
    ground.admit(settings, *people)
    web = open_engine(settings.store_url("web"))
    sessions = way_in.sign_in_of(settings, web, _sealer(settings)).sessions
    at = datetime.now(UTC)
    found = []
    with web.begin() as connection:
        for one in people:
            connection.execute(
                update(account).where(account.c.id == one.id).values(password_changed_at=at)
            )
            connection.execute(
                insert(recovery_code).values(
                    digest=uuid4().hex * 2, account_id=one.id, made_at=at, kept_at=at
                )
            )
            found.append(sessions.open(connection, one.id, at, From("127.0.0.1", "bench")).secret)
    web.dispose()
    return found


def _sealer(settings: Settings) -> Sealer:
    keys = open_engine(settings.store_url("keys"), read_only=True)
    return joining.sealer_of(settings, joining.vault_of(settings, keys))


# --- the incidents -------------------------------------------------------------------------------


def _fill(engine: Engine, number: int) -> None:
    """Write so many open incidents, spread over the grid, of every level."""
    catalogue, now = joining.catalogue(), datetime.now(UTC)
    kinds = list(catalogue.incident_types.by_code.values())
    levels = list(RANK)
    rows = []
    for n in range(number):
        cell, kind = catalogue.grid.cells[n % len(catalogue.grid.cells)], kinds[n % len(kinds)]
        lon, lat = cell.centre
        state = IncidentState(
            incident_id=str(uuid4()), number=f"板〔2026〕{n:06d}号", seq=1, stage="reported",
            type=kind.code, domain=kind.domain, title=f"{kind.name}（{cell.name}）",
            place=Place(lon=lon, lat=lat, district=cell.district, cell=cell.id),
            level=levels[n % len(levels)],
            occurred_at=now, reported_at=now - timedelta(seconds=n), updated_at=now,
            limits=Limits(graded=3, dispatched=5, acknowledged=10, again=5, rungs=(),
                          articles={}, digest="0" * 64, forget=60),
        )  # fmt: skip
        rows.append(_row(state))
    with engine.begin() as connection:
        connection.execute(insert(incident), rows)
    engine.dispose()


def _row(state: IncidentState) -> dict[str, Any]:
    return {
        "id": state.incident_id, "number": state.number, "seq": 1, "stage": state.stage,
        "is_open": True, "type": state.type, "domain": state.domain, "level": state.level,
        "rank": RANK[state.level], "grade": "", "response_level": 0, "title": state.title,
        "address": "", "district": state.place.district, "cell": state.place.cell,
        "lon": state.place.lon, "lat": state.place.lat, "signals": 1, "late": 0,
        "reported_at": state.reported_at, "updated_at": state.updated_at, "lead": "",
        "merged_into": "", "state": state.model_dump_json(),
    }  # fmt: skip


def _change(engine: Engine, n: int) -> int:
    """Let an incident at the board's head have one more signal; return the change's number."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        head = incident.select().order_by(incident.c.rank, incident.c.reported_at).offset(n % 20)
        row = connection.execute(head.limit(1)).mappings().one()
        connection.execute(
            update(incident)
            .where(incident.c.id == row["id"])
            .values(signals=row["signals"] + 1, updated_at=now)
        )
        key = connection.execute(
            insert(incident_change).values(incident_id=row["id"], at=now, kind="join")
        ).inserted_primary_key
        assert key is not None
        return int(key[0])
