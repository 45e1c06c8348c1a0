"""Many live boards that see the same read once."""

from __future__ import annotations

import asyncio

import pytest

from forms.shared_looks import SharedLooks


class Store:
    """Counts how often it is read; a reading takes until it is let go."""

    def __init__(self) -> None:
        self.read, self.go = 0, asyncio.Event()

    async def look(self) -> int:
        self.read += 1
        await self.go.wait()
        return self.read


async def test_who_asks_the_same_while_it_is_read_gets_the_same_reading() -> None:
    looks, store = SharedLooks(), Store()
    asked = [asyncio.create_task(looks.ask(("board", 7), store.look)) for _ in range(50)]
    await asyncio.sleep(0)
    store.go.set()
    assert await asyncio.gather(*asked) == [1] * 50
    assert await looks.ask(("board", 7), store.look) == 1


async def test_after_another_change_and_for_another_view_it_is_read_for_itself() -> None:
    looks, store = SharedLooks(), Store()
    store.go.set()
    found = [await looks.ask(key, store.look) for key in (("a", 7), ("a", 8), ("b", 8), ("a", 8))]
    assert found == [1, 2, 3, 2]


@pytest.mark.parametrize(("fresh_seconds", "read"), [(600.0, 1), (0.0, 2)])
async def test_a_reading_serves_as_long_as_it_is_fresh(fresh_seconds: float, read: int) -> None:
    looks, store = SharedLooks(fresh_seconds), Store()
    store.go.set()
    await looks.ask("a", store.look)
    assert await looks.ask("a", store.look) == read


async def test_what_could_not_be_read_is_told_to_all_who_waited_and_read_anew() -> None:
    looks, tries = SharedLooks(), list[int]()

    async def away() -> int:
        tries.append(1)
        await asyncio.sleep(0)
        raise OSError("away")

    asked = [looks.ask("a", away) for _ in range(3)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(one) for one in found] == ["away"] * 3 and len(tries) == 1
    store = Store()
    store.go.set()
    assert await looks.ask("a", store.look) == 1


async def test_who_goes_away_takes_the_reading_from_nobody() -> None:
    looks, store = SharedLooks(), Store()
    first = asyncio.create_task(looks.ask("a", store.look))
    second = asyncio.create_task(looks.ask("a", store.look))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    store.go.set()
    assert await second == 1
