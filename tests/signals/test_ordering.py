"""Orders to incidents: after the commit, each once, red first, and elsewhere where it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from audit.vault import KeyDestroyed
from cases.messages import Outcome
from cases.reception import NotNow
from tests.signals.city import LATER, Town, incident_of, signal
from yichuang.signals.ordering import (
    AT_ONCE,
    BACK_OFF_SECONDS,
    KEPT_FREE,
    RED_BACK_OFF_SECONDS,
    Given,
    Ordering,
)
from yichuang.signals.role import WORDS_DAYS, old_days
from yichuang.signals.store import day_key


class Desk:
    """Takes orders as the incidents do: one answer to a command id, for ever."""

    def __init__(self, answer: Callable[[Given], str] = lambda _: "") -> None:
        self.answer = answer
        self.given: list[Given] = []
        self.known: dict[str, Outcome] = {}

    async def give(self, order: Given) -> Outcome:
        self.given.append(order)
        if order.command_id not in self.known:
            code = self.answer(order)
            self.known[order.command_id] = Outcome(
                command_id=order.command_id, case_id=order.incident_id, code=code,
                status="refused" if code else "done",
            )  # fmt: skip
        return self.known[order.command_id]

    def told(self) -> list[tuple[str, str, int]]:
        return [(one.verb, one.incident_id, len(one.said)) for one in self.given]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


async def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while not true():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.01)


async def worked(town: Town, desk: Desk, seconds: float = 60) -> None:
    """Give orders until none waits."""
    ordering = Ordering(town.engine, town.vault, town.store, desk)
    stop, arrived = asyncio.Event(), asyncio.Event()
    work = asyncio.create_task(ordering.run(stop, arrived))
    waiting = "SELECT count(*) FROM incident_order WHERE state = 'waiting'"
    await until(lambda: work.done() or town.rows(waiting) == [(0,)], seconds)
    stop.set()
    await work


async def test_an_incident_is_reported_and_what_joins_it_goes_in_one_order(town: Town) -> None:
    (first, *_) = town.deliver(signal("a", text="有烟"), *(signal(f"{n}") for n in range(120)))
    assert first.turn is not None
    desk = Desk()
    await worked(town, desk)
    incident = first.turn.incident_id
    assert desk.told() == [("report", incident, 1), ("join", incident, 100), ("join", incident, 20)]
    (said,) = desk.given[0].said
    assert said.words is not None
    assert said.words.text == "有烟"


async def test_an_order_that_was_cut_off_is_given_again_under_its_id(town: Town) -> None:
    town.deliver(signal("a"), signal("b"))

    def away(_: Given) -> str:
        raise NotNow("the world is away")

    desk = Desk(away)
    ordering = Ordering(town.engine, town.vault, town.store, desk)
    stop = asyncio.Event()
    work = asyncio.create_task(ordering.run(stop, asyncio.Event()))
    await until(lambda: bool(desk.given))
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    town.deliver(signal("c"))
    again = Desk()
    await worked(town, again)
    assert again.given[0].command_id == desk.given[0].command_id
    assert [one.verb for one in again.given] == ["report", "join"]


async def test_an_order_given_again_was_taken_up_when_it_was_given_first(town: Town) -> None:
    town.deliver(signal("a"))
    tries = 0

    def away(_: Given) -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise NotNow("the world is away")
        return ""

    desk = Desk(away)
    ordering = Ordering(town.engine, town.vault, town.store, desk)
    stop = asyncio.Event()
    work = asyncio.create_task(ordering.run(stop, asyncio.Event()))
    query = "SELECT begun_at, done_at FROM incident_order"
    await until(lambda: town.rows(query)[0][0] is not None)
    begun = town.rows(query)[0][0]
    await until(lambda: town.rows(query)[0][1] is not None)
    stop.set()
    await work
    assert tries == 2
    assert town.rows(query)[0][0] == begun


@pytest.mark.parametrize(
    ("level", "pauses"), [("red", RED_BACK_OFF_SECONDS), ("", BACK_OFF_SECONDS)]
)
async def test_what_the_incidents_could_not_take_is_given_again_red_ones_sooner(
    town: Town, monkeypatch: pytest.MonkeyPatch, level: str, pauses: tuple[float, ...]
) -> None:
    town.deliver(signal("a", "fire", level=level))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    def away(_: Given) -> str:
        if len(slept) < len(pauses):
            raise NotNow("the world is away")
        return ""

    ordering = Ordering(town.engine, town.vault, town.store, Desk(away))
    stop, pause = asyncio.Event(), asyncio.sleep
    monkeypatch.setattr("yichuang.signals.ordering.asyncio.sleep", sleep)
    work = asyncio.create_task(ordering.run(stop, asyncio.Event()))
    for _ in range(6_000):
        if town.rows("SELECT state FROM incident_order") == [("done",)]:
            break
        await pause(0.01)
    stop.set()
    await work
    assert tuple(slept) == pauses
    assert RED_BACK_OFF_SECONDS < BACK_OFF_SECONDS


async def test_red_ones_go_first_and_find_room_kept_free(town: Town) -> None:
    town.deliver(*(signal(f"{n}", north=n * 300) for n in range(40)))
    town.deliver(signal("red", "fire", level="red"))
    held = asyncio.Event()

    begun: list[str] = []

    class Slow(Desk):
        async def give(self, order: Given) -> Outcome:
            begun.append(order.said[0].heard.level)
            if begun[-1] != "red":
                await held.wait()
            return await super().give(order)

    ordering = Ordering(town.engine, town.vault, town.store, Slow())
    stop, arrived = asyncio.Event(), asyncio.Event()
    work = asyncio.create_task(ordering.run(stop, arrived))
    await until(lambda: len(begun) >= AT_ONCE - KEPT_FREE + 1)
    assert begun.count("red") == 1  # the last of 41 to come
    town.deliver(signal("red 2", "fire", level="red", north=2_000))
    arrived.set()
    await until(lambda: begun.count("red") == 2)
    assert begun.count("") == AT_ONCE - KEPT_FREE
    held.set()
    stop.set()
    await work


async def test_what_joins_an_incident_that_is_over_opens_another_one(town: Town) -> None:
    town.deliver(signal("a"))
    await worked(town, Desk())
    town.deliver(signal("b"), signal("c"))
    closed = incident_of(dict(town.rows("SELECT key, id FROM signal"))["a"])
    desk = Desk(lambda one: "incident_over" if one.incident_id == closed else "")
    await worked(town, desk)
    incidents = dict(town.rows("SELECT key, incident_id FROM signal"))
    assert incidents["b"] == incidents["c"] != incidents["a"]
    assert [one.verb for one in desk.given] == ["join", "report", "join"]
    acts = [
        orjson.loads(bytes(body))["act"]
        for (body,) in town.rows("SELECT body FROM audit_outbox WHERE stream = 'sys:signals'")
    ]
    assert acts[-1] == "signals_turned"


async def test_what_policy_refuses_is_refused_with_its_code(town: Town) -> None:
    town.deliver(signal("a"))
    await worked(town, Desk(lambda _: "not_allowed"))
    assert town.rows("SELECT state, incident_id, because FROM signal") == [
        ("refused", "", "not_allowed")
    ]
    assert town.rows("SELECT is_open FROM gathering") == [(0,)]


def test_words_of_what_came_to_nothing_are_gone_after_thirty_days(town: Town) -> None:
    town.deliver(signal("a", "noise", text="王某说"))
    for days, is_gone in ((WORDS_DAYS, False), (WORDS_DAYS + 1, True)):
        now = LATER + timedelta(days=days)
        town.store.forget(old_days(now), now)
        assert town.vault.is_destroyed(day_key(LATER)) == is_gone
    ((whose, sealed, one),) = town.rows("SELECT key_subject, sealed, id FROM signal")
    with pytest.raises(KeyDestroyed):
        town.vault.open(whose, sealed, one.encode())
    acts = [
        orjson.loads(bytes(body))["act"]
        for (body,) in town.rows("SELECT body FROM audit_outbox WHERE stream = 'sys:signals'")
    ]
    assert acts == ["signals_taken", "signals_forgotten", "signals_forgotten"]


def test_a_later_burst_joins_without_words_that_are_gone(town: Town) -> None:
    town.deliver(*(signal(f"{n}", "noise", minutes=n) for n in range(4)))
    town.vault.destroy(day_key(LATER))
    town.deliver(signal("4", "noise", minutes=5), at=LATER + timedelta(days=1))
    assert town.states()["0"] == ("merged", "4")
