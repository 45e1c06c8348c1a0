"""Parts of a living city are killed at random; what was acknowledged must all be there, once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest

from tests.chaos import ledgers
from tests.chaos.city import City
from tests.chaos.clients import Integrators, Ledger, Line, in_crowd
from tests.chaos.scripts import INTEGRATORS, KINDS, REST, Script

pytestmark = [pytest.mark.long, pytest.mark.timeout(540)]

SEED = 20261122
VICTIMS = ("worker", "temporal", "nats", "gateway", "relay")
KILLS = 24
CASES = 40
AT_ONCE = 12
PAUSES = (1.5, 6.0)
"""Seconds from one kill to the next, at most; with progress it comes sooner."""


@pytest.fixture(scope="module")
def wounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wounded]:
    with City(tmp_path_factory.mktemp("kills"), {"nats_integrators": INTEGRATORS}) as city:
        token = city.service(REST, ["*"])
        city.start()
        run = Wounded(city)
        asyncio.run(run.run(token))
        city.until(city.is_whole, 60, "whole again")
        city.until(lambda: ledgers.unsent(city) == 0, 60, "relayed")
        yield run


async def _once(true: Callable[[], bool]) -> None:
    """Wait for something that no event of ours tells."""
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def _is_time(ledger: Ledger, answers: int, moment: float) -> bool:
    return ledger.answered >= answers or time.monotonic() >= moment


class Wounded:
    """A quiet run of each script, then a crowd of them under kills."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.quiet: dict[str, str] = {}
        """Script → case number of the run without kills."""
        self.bad: list[tuple[Script, str]] = []
        self.killed: list[str] = []
        """The parts, in the order of their deaths while cases were running."""
        self.lines: list[Line] = []
        self.kept: dict[str, dict[str, object] | None] = {}
        """Command id of an acknowledged NATS order → the answer that stream RPL holds."""

    async def run(self, token: str) -> None:
        """Carry out all of it; an order that is refused or never answered raises."""
        async with Integrators(self.city, token) as integrators:
            quiet = [partial(self._case, integrators, one, "quiet", True) for one in KINDS]
            self.quiet = {script.name: no for script, no in await in_crowd(quiet, len(quiet))}
            chosen = [KINDS[n % len(KINDS)] for n in range(CASES)]
            crowd = [
                partial(self._case, integrators, one, f"bad-{n}", n % 2 == 0)
                for n, one in enumerate(chosen)
            ]
            orders = sum(len(one.orders) for one in chosen)
            killing = asyncio.create_task(self._kill(integrators, orders // (KILLS + 4)))
            self.bad = await in_crowd(crowd, AT_ONCE)
            killing.cancel()
            self.lines = integrators.ledger.lines
            await self._collect(integrators)

    async def _case(
        self, integrators: Integrators, script: Script, name: str, patient: bool
    ) -> tuple[Script, str]:
        number = await integrators.carry_out(script, f"{name}-{script.name}", patient=patient)
        return script, number

    async def _kill(self, integrators: Integrators, progress: int) -> None:
        """Kill the parts in random order, each after so many answers or some seconds."""
        chance = random.Random(SEED)
        order = [VICTIMS[n % len(VICTIMS)] for n in range(KILLS)]
        chance.shuffle(order)
        ledger = integrators.ledger
        for part in order:
            before, until = ledger.answered, time.monotonic() + chance.uniform(*PAUSES)
            await _once(partial(_is_time, ledger, before + progress, until))
            await _once(partial(self.city.kill, part))
            self.killed.append(part)

    async def _collect(self, integrators: Integrators) -> None:
        """Read the answers that are kept, also of orders for whose answer nobody waited."""
        deadline = time.monotonic() + 90
        for line in self.lines:
            if not (line.event_id and line.is_acknowledged):
                continue
            while (found := await integrators.kept_answer(line)) is None:
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(0.2)
            self.kept[line.command_id] = found


def test_at_least_twenty_parts_died_while_cases_were_running(wounded: Wounded) -> None:
    assert len(wounded.killed) >= 20
    assert set(wounded.killed) == set(VICTIMS)


def test_every_acknowledged_message_has_its_answer(wounded: Wounded) -> None:
    unanswered = [one for one, answer in wounded.kept.items() if not (answer or {}).get("outcome")]
    assert wounded.kept and unanswered == []


def test_nothing_acknowledged_is_lost(wounded: Wounded) -> None:
    acknowledged = [line for line in wounded.lines if line.is_acknowledged]
    stored = ledgers.outcomes(wounded.city, [line.command_id for line in acknowledged])
    # Nobody waits for the answer to some orders: such a one may come after that which ends the
    # case. The door says no, keeps that answer itself, and gives no other.
    only_at_door = [line for line in acknowledged if line.command_id not in stored]
    answers = ledgers.door_outcomes(wounded.city, [line.command_id for line in only_at_door])
    lost = [line for line in only_at_door if line.command_id not in answers]
    assert len(acknowledged) > CASES * 4 and lost == []
    assert {answer["code"] for answer in answers.values()} <= {"case_ended"}
    told = {one: (wounded.kept[one] or {}).get("outcome") for one in answers}
    assert _once_said(told) == _once_said(answers)
    different = [
        (line, stored[line.command_id])
        for line in acknowledged
        if line.answer is not None
        and {**line.answer, "repeated": False} != {**stored[line.command_id], "repeated": False}
    ]
    assert different == []


def _once_said(answers: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Return the answers without the word that they were given before."""
    return {
        one: {**answer, "repeated": False}
        for one, answer in answers.items()
        if isinstance(answer, dict)
    }


def test_nothing_is_applied_twice(wounded: Wounded) -> None:
    assert ledgers.commands_twice(wounded.city) == []
    assert ledgers.steps_with_gaps(wounded.city) == []


def test_document_numbers_have_no_gap_and_no_repeat(wounded: Wounded) -> None:
    assert ledgers.number_faults(wounded.city) == []


def test_every_event_was_published_and_none_in_two_versions(wounded: Wounded) -> None:
    published = asyncio.run(ledgers.published(wounded.city))
    assert set(published) == ledgers.outbox_ids(wounded.city)
    assert [one for one, payloads in published.items() if len(payloads) > 1] == []


def test_every_case_ends_as_without_kills(wounded: Wounded) -> None:
    expected = {name: ledgers.shape_of(wounded.city, no) for name, no in wounded.quiet.items()}
    for script in KINDS:
        ends = (expected[script.name]["stage"], expected[script.name]["ending"])
        assert ends == script.ends
    assert len(wounded.bad) == CASES
    for script, number in wounded.bad:
        assert ledgers.shape_of(wounded.city, number) == expected[script.name], number


def test_the_log_verifies_once_it_is_drained(wounded: Wounded) -> None:
    city = wounded.city

    def is_sealed() -> bool:
        said = city.answer("audit", "status")
        return said["entries"] == said["sealed"] and not any(said["waiting"].values())

    city.until(is_sealed, 60, "sealed")
    verified = city.command("audit", "verify", "--json")
    assert verified.returncode == 0, verified.stdout[-3000:]
