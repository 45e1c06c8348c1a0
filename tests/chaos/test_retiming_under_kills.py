"""A notice is loaded on a real city while its worker and its engine die: what was seen moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import select

from benchmarks import ground
from benchmarks.step import SOURCE, steps_of_a_case
from cases import retiming
from cases.database import reading
from cases.messages import Actor, Grant
from cases.reception import NotNow
from cases.releasing import Propose, ReleaseAnswer, Revoke, Sign
from cases.retiming import MovedDeadline
from cases.tables import timer
from catalogue.calendar_file import written
from catalogue.holiday_cn import with_changes
from catalogue.load import HERE
from catalogue.reading import read_calendar_file
from tests.chaos.city import City
from yichuang import joining, temporal
from yichuang.refusals import RefusalLog
from yichuang.release_door import ReleaseDoor

pytestmark = [pytest.mark.long, pytest.mark.timeout(420)]

CASES = 30
FILING = steps_of_a_case()[0][2]


def person(name: str, role: str) -> Actor:
    return Actor(id=f"u:{name}", grants=(Grant(role=role, department="*"),), clearance=3)


EDITOR, SIGNER = person("editor", "catalogue_editor"), person("signer", "catalogue_signer")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with City(tmp_path_factory.mktemp("notice")) as one:
        token = one.service("bureau", ("scjg", "sp", "ck"))
        one.start()
        for number in range(CASES):
            answer = httpx2.post(
                f"{one.rest}/cases",
                json=FILING,
                headers={"authorization": f"Bearer {token}", "idempotency-key": f"file-{number}"},
                timeout=30,
            )
            assert answer.status_code == 201, answer.text
        yield one


def next_version() -> str:
    """Return the shipped calendar with the next two working days off."""
    found = read_calendar_file((HERE / "calendars" / "cn.yaml").read_text("utf-8"), "cn", [])
    assert found is not None
    days = [datetime.now(UTC).date() + timedelta(days=n) for n in range(1, 12)]
    off = [day for day in days if day.weekday() < 5 and day.year in found[0].years][:2]
    assert off, "the shipped calendar has run out: make_cn.py has a newer one to make"
    return written(with_changes(found[0], "two-days", off=off, name="临时放假", paper="国办"))


def instants(city: City) -> dict[tuple[str, str], tuple[datetime, bool, str]]:
    with reading(city.store("cases")) as connection:
        rows = connection.execute(select(timer)).all()
    return {
        (row.case_id, row.key): (row.due_at, row.provisional, row.calendar_version) for row in rows
    }


def seen(city: City, answer: ReleaseAnswer) -> dict[tuple[str, str], MovedDeadline]:
    with reading(city.store("cases")) as connection:
        found = next(
            one
            for one in retiming.of_release(connection, answer.release)
            if one.digest == answer.preview
        )
        moves, _ = retiming.moves_page(connection, found.id, 1, 10_000)
    return {(one.case_id, one.key): one for one in moves}


async def patiently(order: Callable[[], Awaitable[ReleaseAnswer]]) -> ReleaseAnswer:
    """Ask again with the same id until there is an answer: parts are dying."""
    until = time.monotonic() + 120
    while True:
        try:
            answer = await order()
        except NotNow:
            assert time.monotonic() < until
            await asyncio.sleep(1)
            continue
        assert answer.status == "done", answer
        return answer


async def door_of(city: City) -> ReleaseDoor:
    settings = city.settings
    ground.admit(settings, EDITOR, SIGNER)
    sealer = joining.sealer_of(settings, joining.vault_of(settings))
    return ReleaseDoor(
        await temporal.connect(settings, lazy=True),
        settings.temporal_task_queue,
        access=joining.access_of(settings, "web"),
        engine=city.store("cases"),
        refusals=RefusalLog(city.store("web"), "web", sealer.who),
    )


async def _loaded(city: City) -> None:
    door, text = await door_of(city), next_version()
    before = instants(city)
    made = await door.propose(EDITOR, SOURCE, "propose", Propose(kind="calendar", text=text))
    assert made.state == "proposed", made
    wanted = seen(city, made)
    assert len(wanted) == CASES

    signing = asyncio.create_task(
        patiently(
            lambda: door.sign(SIGNER, SOURCE, "sign", made.release, Sign(preview=made.preview))
        )
    )
    await asyncio.sleep(0.3)
    city.kill("worker")
    await signing
    city.kill("worker")
    await asyncio.to_thread(
        city.until,
        lambda: all(instants(city)[key][0] == one.due_after for key, one in wanted.items()),
        120,
        "moved as it was seen",
    )
    assert instants(city).keys() == before.keys()
    assert {version for _, _, version in instants(city).values()} == {"two-days"}

    asked = await patiently(
        lambda: door.ask_revocation(EDITOR, SOURCE, "ask", made.release, "通知有误")
    )
    revoking = asyncio.create_task(
        patiently(
            lambda: door.revoke(
                SIGNER, SOURCE, "revoke", made.release, Revoke(preview=asked.preview)
            )
        )
    )
    await asyncio.sleep(0.3)
    city.kill("temporal")
    await revoking
    city.kill("worker")
    await asyncio.to_thread(
        city.until, lambda: instants(city) == before, 150, "as it was before the notice"
    )


def test_what_was_seen_moves_and_moves_back_whatever_dies_meanwhile(city: City) -> None:
    asyncio.run(_loaded(city))
    city.until(city.is_whole, 90, "whole again")
    verdict = city.answer("audit", "verify")
    assert verdict["wrong_rows"] == 0, verdict
    checked = city.command("clocks", "check")
    assert checked.returncode == 0, checked.stdout
