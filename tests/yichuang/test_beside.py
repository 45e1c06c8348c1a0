"""What is done beside the main work: a fault ends one turn, is told, and is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from yichuang import beside as room
from yichuang import roles
from yichuang.beside import Job, Service, beside
from yichuang.embedded.parts import PARTS
from yichuang.settings import Settings
from yichuang.status import Standing, is_up, is_well, standing
from yichuang.store_trouble import troubles

(WEB,) = (one for one in PARTS if one.name == "web")
AT_ONCE = timedelta(milliseconds=1)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    settings = Settings(data=tmp_path)
    monkeypatch.setattr(roles, "_running", None)
    roles.start(settings, "web")
    roles.ready(settings, "web", "")
    yield settings


def stalled(settings: Settings) -> list[str]:
    note = roles.read_note(settings, "web")
    assert note is not None
    return list(note.stalled)


async def until(true: Callable[[], bool]) -> None:
    for _ in range(4_000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come true")


class Look:
    """Fails as told, one word a turn, and then succeeds."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.turns = 0

    def __call__(self) -> None:
        self.turns += 1
        if self.faults:
            raise self.faults.pop(0)


def test_an_unforeseen_fault_is_told_until_a_turn_succeeds_and_troubles_no_other(
    settings: Settings,
) -> None:
    good, bad = Look(), Look(*[ZeroDivisionError("x")] * 3)
    seen: list[list[str]] = []
    stood: list[Standing] = []

    async def play() -> None:
        jobs = (Job("坏的", bad, timedelta(seconds=0.2)), Job("好的", good, AT_ONCE))
        async with beside(jobs):
            await until(lambda: stalled(settings) == ["坏的"])
            seen.append([one.alarm.text for one in troubles(settings)])
            stood.append(await standing(settings, WEB))
            before = good.turns
            await until(lambda: good.turns > before)
            await until(lambda: bad.turns > 3 and not stalled(settings))

    asyncio.run(play())
    assert seen == [["web：坏的没有完成"]]
    assert (stood[0].state, "坏的" in stood[0].detail) == ("stalled", True)
    assert (is_well(stood, None), is_up(stood)) == (False, True)
    assert troubles(settings) == []


def test_what_passes_by_itself_is_no_stall(settings: Settings) -> None:
    busy = Look(*[TimeoutError("busy")] * 2)

    async def play() -> None:
        async with beside([Job("忙的", busy, AT_ONCE, (TimeoutError,))]):
            await until(lambda: busy.turns > 2)

    asyncio.run(play())
    assert stalled(settings) == []


def test_what_should_pass_and_does_not_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PASSES_WITHIN", timedelta(milliseconds=20))
    busy = Look(*[TimeoutError("busy")] * 200)

    async def play() -> None:
        async with beside([Job("忙的", busy, AT_ONCE, (TimeoutError,))]):
            await until(lambda: stalled(settings) == ["忙的"])
            busy.faults.clear()
            await until(lambda: not stalled(settings))

    asyncio.run(play())


def test_a_service_that_fell_is_told_and_started_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "AGAIN", timedelta(seconds=0.1))
    starts = 0

    async def serve() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise ConnectionResetError
        await asyncio.Event().wait()

    async def play() -> None:
        async with beside((), [Service("总线", serve)]):
            await until(lambda: stalled(settings) == ["总线"])
            await until(lambda: starts == 2 and not stalled(settings))

    asyncio.run(play())


@pytest.mark.parametrize("fault", [ConnectionResetError(), None])
def test_a_service_that_falls_at_once_stays_told_from_the_first_time_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    monkeypatch.setattr(room, "AGAIN", timedelta(seconds=0.05))
    said: list[str] = []

    def since() -> str:
        note = roles.read_note(settings, "web")
        assert note is not None
        return note.stalled.get("总线", "")

    async def serve() -> None:
        said.append(since())
        if fault is not None:
            raise fault

    async def play() -> None:
        async with beside((), [Service("总线", serve)]):
            await until(lambda: len(said) > 4)

    asyncio.run(play())
    assert said[0] == "" and len(set(said[1:])) == 1 and said[1]


def test_leaving_ends_all_of_it(settings: Settings) -> None:
    look = Look()

    async def play() -> int:
        async with beside([Job("好的", look, AT_ONCE)]):
            await until(lambda: look.turns > 1)
        turns = look.turns
        await asyncio.sleep(0.05)
        return look.turns - turns

    assert asyncio.run(play()) <= 1  # the one that a thread was in
