"""One installation for all tests of a file that say so: each has projects of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests import against_log
from tests.against_log import Log
from tests.projects.town import Town, installation, town_of
from yichuang.settings import Settings
from yichuang.worker import Workshop


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Settings, Workshop]]:
    with installation() as found:
        yield found


@pytest_asyncio.fixture
async def town(shared: tuple[Settings, Workshop]) -> AsyncIterator[Town]:
    """A city at work; nothing in it is far from today."""
    async with town_of(*shared) as one, one.working():
        yield one


@pytest.fixture
def trusted(tmp_path: Path) -> Log:
    return against_log.empty_log(tmp_path)
