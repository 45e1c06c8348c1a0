"""Embedded servers for the length of one order: those that do not answer yet, and only those."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from yichuang.embedded import ground
from yichuang.embedded.child import Child
from yichuang.embedded.parts import PARTS, Part
from yichuang.settings import CHECKOUT, SettingMissing, Settings, as_environment, environment

WITHIN_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.1
ASK_SECONDS: Final = 5.0


class ServerMissing(Exception):
    """A server does not come up; the text says which, and what it last said."""


@asynccontextmanager
async def serving(settings: Settings, names: Sequence[str]) -> AsyncIterator[None]:
    """Give a data folder whose servers answer; what was started here ends here.

    Raises `ServerMissing`, `ground.StartRefused`.
    """
    parts = [part for part in PARTS if part.name in names]
    absent = [part for part in parts if not await _answers(part, settings)]
    children: list[Child] = []
    try:
        if absent:
            for folder in (settings.run_folder, settings.log_folder):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            ground.take_ports(settings, tuple(part.name for part in absent))
        for part in absent:
            children.append(await _started(part, settings))
        yield
    finally:
        for child in children:
            await child.stop(5.0)


async def _answers(part: Part, settings: Settings) -> bool:
    """Whether the server of these settings answers. One that listens nowhere is not asked: the
    library of NATS would wait for it for ever."""
    assert part.answers is not None
    try:
        address = settings.temporal if part.name == "temporal" else settings.nats
        host, _, port = address.rpartition("/")[2].rpartition(":")
        if ground.is_free(host, int(port)):
            return False
        return await asyncio.wait_for(part.answers(settings), ASK_SECONDS) is not None
    except (SettingMissing, TimeoutError):
        return False


async def _started(part: Part, settings: Settings) -> Child:
    child = await Child.start(
        part.command(settings),
        {
            **environment(),
            **as_environment(settings),
            ground.MARK: ground.mark(settings, part.name),
        },
        settings.log_folder / f"{part.name}.log",
        CHECKOUT,
    )
    until = time.monotonic() + WITHIN_SECONDS
    while not await _answers(part, settings):
        if time.monotonic() > until or child.process.returncode is not None:
            last = child.last_line
            await child.stop(5.0)
            raise ServerMissing(f"{part.title} {part.name} 起不来：{last or '没有留下话'}")
        await asyncio.sleep(LOOK_SECONDS)
    return child
