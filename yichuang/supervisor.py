"""Keeps the parts of the embedded city alive: starts them in order, starts again what dies."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from yichuang import roles
from yichuang.embedded import ground
from yichuang.embedded.child import Child
from yichuang.embedded.parts import PARTS, SERVERS, Part, is_ready
from yichuang.settings import CHECKOUT, Settings, as_environment, environment
from yichuang.terminal import say

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
HEALTHY_AFTER_SECONDS = 60.0
"""A part that has lived this long starts again at the shortest pause."""

GIVE_UP_AFTER = 5
"""Deaths of one part before it was ever ready, at the first start, that end the whole start."""

FROZEN_AFTER_SECONDS = 120.0
"""A ready role whose beat stands still this long is ended and started again: it holds its queue and
does nothing. Counted on the supervisor's own clock, so that a suspended machine harms nobody."""

LOOK_SECONDS = 0.1

REREAD_SECONDS = 0.5
"""How often the users of the message server are compared with the accounts."""


class StartFailed(Exception):
    """A part could not be brought up; the text says which and what it last said."""


@dataclass
class Watch:
    """What the supervisor knows of one part."""

    part: Part
    child: Child | None = None
    state: str = "waiting"
    restarts: int = 0
    since: str = ""
    detail: str = ""
    first_ready: asyncio.Event = field(default_factory=asyncio.Event)

    def turn(self, state: str, detail: str = "") -> None:
        self.state, self.detail, self.since = state, detail, datetime.now(UTC).isoformat()


class Supervisor:
    """Runs the parts until it is asked to stop. One per data folder, which the caller holds."""

    def __init__(
        self,
        settings: Settings,
        parts: Sequence[Part] = PARTS,
        *,
        prepare: Sequence[Sequence[str]] = (),
        tell: Callable[[str], None] = say,
        frozen_after: float = FROZEN_AFTER_SECONDS,
    ) -> None:
        """`prepare`: commands run after the servers are up and before our own roles."""
        self.settings = settings
        self.watches = [Watch(part) for part in parts]
        self.prepare = prepare
        self.tell = tell
        self.frozen_after = frozen_after
        self._stop = asyncio.Event()
        self._failed: str | None = None
        self._keepers: list[asyncio.Task[None]] = []

    def stop(self) -> None:
        """Ask for the end; asking again changes nothing."""
        self._stop.set()

    async def run(self, when_ready: Callable[[], None] = lambda: None) -> None:
        """Start all, keep all, and return when all has ended. Raises `StartFailed`."""
        try:
            await self._start_in_order()
            if not self._stop.is_set():
                when_ready()
            await self._stop.wait()
        finally:
            await self._end_in_order()
        if self._failed:
            raise StartFailed(self._failed)

    # --- starting ---------------------------------------------------------------------------

    async def _start_in_order(self) -> None:
        stages = sorted({watch.part.stage for watch in self.watches})
        is_prepared = not self.prepare
        for stage in stages:
            if stage > SERVERS and not is_prepared:
                is_prepared = await self._prepare_stores()
            group = [watch for watch in self.watches if watch.part.stage == stage]
            self._keepers += [asyncio.create_task(self._keep(watch)) for watch in group]
            for watch in group:
                await self._or_stop(watch.first_ready.wait())
            if self._stop.is_set():
                return
        if not is_prepared:
            await self._prepare_stores()

    async def _or_stop(self, waiting: Coroutine[Any, Any, object]) -> None:
        """Wait for something, or for the request to stop, whichever comes first."""
        tasks = [asyncio.create_task(waiting), asyncio.create_task(self._stop.wait())]
        _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()

    async def _prepare_stores(self) -> bool:
        """Run the preparing commands; their output is the operator's (it may hold one-time codes).

        It goes straight to the screen and to no file.
        """
        for words in self.prepare:
            process = await asyncio.create_subprocess_exec(
                *words, env=self._environment("prepare"), cwd=CHECKOUT, stdin=None
            )
            code = await process.wait()
            if code != 0:
                self._failed = f"准备数据失败（{' '.join(words[2:])}，代码 {code}）。"
                self.stop()
                return False
        return True

    def _environment(self, part: str) -> dict[str, str]:
        return {
            **environment(),
            **as_environment(self.settings),
            ground.MARK: ground.mark(self.settings, part),
            "PYTHONUNBUFFERED": "1",
        }

    # --- keeping ----------------------------------------------------------------------------

    async def _keep(self, watch: Watch) -> None:
        """Start a part, watch it, and start it again with growing pauses, until the end."""
        pause = FIRST_PAUSE_SECONDS
        deaths = 0
        while not self._stop.is_set():
            began = time.monotonic()
            code = await self._live(watch)
            if self._stop.is_set():
                return
            deaths += 1
            watch.restarts += 1
            if time.monotonic() - began >= HEALTHY_AFTER_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            name, last = watch.part.name, watch.child.last_line if watch.child else ""
            if not watch.first_ready.is_set() and deaths >= GIVE_UP_AFTER:
                self._failed = (
                    f"{watch.part.title} {name} 起不来（代码 {code}）：{last or '没有留下话'}；"
                    f"详见 {self.settings.log_folder / f'{name}.log'}"
                )
                self.stop()
                return
            watch.turn("down", last)
            self._note()
            self.tell(f"! {watch.part.title} {name} 停了（代码 {code}），{pause:.1f} 秒后重启")
            # What it had started of its own must not meet its successor.
            await asyncio.to_thread(ground.end, self.settings, name, within=0.5)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _live(self, watch: Watch) -> int:
        """Run the part once, from start to death, and return its exit code."""
        part = watch.part
        watch.turn("starting")
        watch.child = await Child.start(
            part.command(self.settings),
            self._environment(part.name),
            self.settings.log_folder / f"{part.name}.log",
            CHECKOUT,
        )
        self._note()
        ended = asyncio.create_task(watch.child.ended())
        watching = asyncio.create_task(self._watch(watch, watch.child))
        await asyncio.wait({ended, watching}, return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        return await ended

    async def _watch(self, watch: Watch, child: Child) -> None:
        """Tell when the part is ready; afterwards end a role whose beat stands still."""
        # Another process becomes ready: there is no event of ours to wait for.
        while (detail := await is_ready(watch.part, self.settings, child.pid)) is None:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        watch.turn("ready", detail)
        self._note()
        self.tell(f"✓ {watch.part.title} {watch.part.name:<10} {detail}")
        watch.first_ready.set()
        beat, changed = "", time.monotonic()
        while watch.part.is_role:
            await asyncio.sleep(roles.BEAT_SECONDS)
            note = roles.read_note(self.settings, watch.part.name)
            if note is not None and note.beat_at != beat:
                beat, changed = note.beat_at, time.monotonic()
            elif time.monotonic() - changed > self.frozen_after:
                self.tell(f"! {watch.part.title} {watch.part.name} 无应答，强制重启")
                child.send(signal.SIGKILL)
                return
        await self._reread(watch, child)

    async def _reread(self, watch: Watch, child: Child) -> None:
        """Let a server read its users anew whenever they have changed; for ever."""
        changed = watch.part.changed
        while changed is not None:
            await asyncio.sleep(REREAD_SECONDS)
            try:
                if await asyncio.to_thread(changed, self.settings):
                    child.send(signal.SIGHUP)
            except (OSError, SQLAlchemyError) as away:
                self.tell(f"! {watch.part.title} 的用户名单暂不能核对：{away}")
        await asyncio.Event().wait()

    def _note(self) -> None:
        """Write what `yichuang status` reads."""
        parts = [
            {
                "name": watch.part.name,
                "state": watch.state,
                "pid": watch.child.pid if watch.child else None,
                "started_ticks": watch.child.started_ticks if watch.child else None,
                "restarts": watch.restarts,
                "since": watch.since,
                "detail": watch.detail,
            }
            for watch in self.watches
        ]
        with contextlib.suppress(OSError):  # a full disk: the parts go on
            roles.write_whole(self.settings.run_folder / "supervisor.json", {"parts": parts})

    # --- ending -----------------------------------------------------------------------------

    async def _end_in_order(self) -> None:
        """Stop the stages backwards, doors first and servers last, and leave no process."""
        self._stop.set()
        stages = sorted({watch.part.stage for watch in self.watches}, reverse=True)
        for stage in stages:
            group = [w for w in self.watches if w.part.stage == stage and w.child is not None]
            await asyncio.gather(
                *(w.child.stop(w.part.stop_seconds) for w in group if w.child is not None)
            )
            for watch in group:
                watch.turn("stopped")
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.to_thread(ground.end, self.settings, None, within=0.5)
        self._note()


async def supervise(supervisor: Supervisor, when_ready: Callable[[], None] = lambda: None) -> None:
    """Run until Ctrl-C, SIGTERM or a closed terminal."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    await supervisor.run(when_ready)


PREPARE = ((sys.executable, "-m", "yichuang.cli", "init"),)
"""Makes schemas, keys and the log, and prints the one-time enrolments of a first start."""
