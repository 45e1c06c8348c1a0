"""One installation for all tests of incidents: each has incidents of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.incidents.town import Town, installation, town_of
from yichuang.settings import Settings
from yichuang.worker import Workshop


@pytest.fixture(scope="module")
def installed() -> Iterator[tuple[Settings, Workshop]]:
    with installation() as found:
        yield found


@pytest_asyncio.fixture
async def town(installed: tuple[Settings, Workshop]) -> AsyncIterator[Town]:
    async with town_of(*installed) as one:
        yield one
