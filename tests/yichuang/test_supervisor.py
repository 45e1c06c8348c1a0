"""The supervisor against small programs of every bad habit."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from yichuang.embedded import ground
from yichuang.embedded.child import RotatingFile
from yichuang.embedded.parts import Part
from yichuang.settings import Settings
from yichuang.supervisor import GIVE_UP_AFTER, StartFailed, Supervisor

DECENT = """
import pathlib, signal, sys, time
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def note(what):
    with (folder / "story").open("a") as story:
        story.write(f"{what} {name}\\n")
def stop(*_):
    note("stops")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
note("starts")
(folder / name).write_text("up")
while True:
    time.sleep(0.02)
"""
DEAF = DECENT.replace("signal.signal(signal.SIGTERM, stop)", "signal.signal(15, signal.SIG_IGN)")
BROKEN = "print('no such table: 办件', flush=True); raise SystemExit(3)"
CHATTY = "import sys\nsys.stdout.write('x' * 5_000_000); sys.stdout.flush()\n" + DECENT
PARENT = (
    "import subprocess, sys\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n" + DECENT
)
FROZEN_ROLE = """
import sys, time
from yichuang import roles
from yichuang.settings import Settings
roles.ready(Settings(), sys.argv[1], "就绪")
time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(_env_file=None, data=tmp_path / "城 市")
    ground.prepare_folder(settings)
    return settings


def program(
    settings: Settings, name: str, source: str, *, stage: int = 0, stop_seconds: float = 2.0
) -> Part:
    """A part that is ready once its program has written a file named like itself."""

    async def answers(_settings: Settings) -> str | None:
        return "就绪" if (settings.data / name).exists() else None

    def command(_settings: Settings) -> list[str]:
        return [sys.executable, "-c", source, name, str(settings.data)]

    return Part(name, "试验", stage, command, stop_seconds, answers)


@contextlib.asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[None]:
    """Run until the first full readiness, hand over, and stop."""
    is_ready = asyncio.Event()
    task = asyncio.create_task(supervisor.run(is_ready.set))
    waiting = asyncio.create_task(is_ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield
    finally:
        supervisor.stop()
        await task


async def until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.02)


async def test_stages_start_one_after_the_other_and_stop_backwards(settings: Settings) -> None:
    parts = [program(settings, f"p{stage}", DECENT, stage=stage) for stage in (0, 1, 2)]
    async with running(Supervisor(settings, parts, tell=lambda _: None)):
        pass
    story = (settings.data / "story").read_text().splitlines()
    assert story == ["starts p0", "starts p1", "starts p2", "stops p2", "stops p1", "stops p0"]


async def test_one_line_is_told_per_part_as_it_becomes_ready(settings: Settings) -> None:
    told: list[str] = []
    parts = [program(settings, name, DECENT) for name in ("a", "b")]
    async with running(Supervisor(settings, parts, tell=told.append)):
        pass
    assert sorted(told) == ["✓ 试验 a          就绪", "✓ 试验 b          就绪"]


async def test_a_part_killed_hard_is_started_again(settings: Settings) -> None:
    told: list[str] = []
    supervisor = Supervisor(settings, [program(settings, "a", DECENT)], tell=told.append)
    async with running(supervisor):
        child = supervisor.watches[0].child
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        await until(lambda: len((settings.data / "story").read_text().splitlines()) == 2)
    assert "! 试验 a 停了（代码 -9），0.2 秒后重启" in told
    assert supervisor.watches[0].restarts == 1


async def test_pauses_grow_while_a_part_keeps_dying(settings: Settings) -> None:
    told: list[str] = []
    supervisor = Supervisor(settings, [program(settings, "a", DECENT)], tell=told.append)
    async with running(supervisor):
        for deaths in range(1, 4):
            await until(
                lambda n=deaths: (  # type: ignore[misc]  # bound now, for this round
                    len((settings.data / "story").read_text().splitlines()) == n
                )
            )
            child = supervisor.watches[0].child
            assert child is not None
            os.kill(child.pid, signal.SIGKILL)
        await until(lambda: supervisor.watches[0].restarts == 3)
    pauses = [line.partition("，")[2] for line in told if line.startswith("!")]
    assert pauses == ["0.2 秒后重启", "0.4 秒后重启", "0.8 秒后重启"]


async def test_a_part_that_never_comes_up_ends_the_start_with_its_last_words(
    settings: Settings,
) -> None:
    told: list[str] = []
    parts = [program(settings, "good", DECENT), program(settings, "bad", BROKEN)]
    with pytest.raises(StartFailed, match="bad 起不来（代码 3）：no such table: 办件"):
        await Supervisor(settings, parts, tell=told.append).run()
    assert sum("bad 停了" in line for line in told) == GIVE_UP_AFTER - 1
    assert ground.marked(settings) == []


async def test_a_part_deaf_to_the_request_is_forced_in_its_time(settings: Settings) -> None:
    supervisor = Supervisor(
        settings, [program(settings, "a", DEAF, stop_seconds=0.3)], tell=lambda _: None
    )
    async with running(supervisor):
        began = time.monotonic()
    assert 0.3 <= time.monotonic() - began < 2
    assert ground.marked(settings) == []


async def test_no_grandchild_is_left_behind(settings: Settings) -> None:
    supervisor = Supervisor(settings, [program(settings, "a", PARENT)], tell=lambda _: None)
    async with running(supervisor):
        assert len(ground.marked(settings, "a")) == 2
    assert ground.marked(settings) == []


async def test_a_part_that_floods_its_output_is_not_held_up(settings: Settings) -> None:
    async with running(Supervisor(settings, [program(settings, "a", CHATTY)], tell=lambda _: None)):
        assert (settings.data / "a").exists()
    assert (settings.log_folder / "a.log").stat().st_size >= 5_000_000


async def test_the_stores_are_prepared_between_the_servers_and_the_roles(
    settings: Settings,
) -> None:
    note = f"open({str(settings.data / 'story')!r}, 'a').write('prepared\\n')"
    parts = [program(settings, "server", DECENT), program(settings, "role", DECENT, stage=1)]
    prepare = ((sys.executable, "-c", note),)
    async with running(Supervisor(settings, parts, prepare=prepare, tell=lambda _: None)):
        pass
    story = (settings.data / "story").read_text().splitlines()
    assert story[:3] == ["starts server", "prepared", "starts role"]


async def test_a_failed_preparation_ends_the_start(settings: Settings) -> None:
    prepare = ((sys.executable, "-c", "raise SystemExit(1)"),)
    parts = [program(settings, "server", DECENT), program(settings, "role", DECENT, stage=1)]
    with pytest.raises(StartFailed, match="准备数据失败"):
        await Supervisor(settings, parts, prepare=prepare, tell=lambda _: None).run()
    assert "starts role" not in (settings.data / "story").read_text()


@pytest.mark.long
async def test_a_role_whose_beat_stands_still_is_started_again(settings: Settings) -> None:
    def command(_settings: Settings) -> list[str]:
        return [sys.executable, "-c", FROZEN_ROLE, "worker"]

    told: list[str] = []
    part = Part("worker", "办件执行", 0, command, 1.0)
    supervisor = Supervisor(settings, [part], tell=told.append, frozen_after=1.0)
    async with running(supervisor):
        await until(lambda: supervisor.watches[0].restarts == 1, 20)
    assert "! 办件执行 worker 无应答，强制重启" in told


def test_a_log_keeps_its_size_and_its_newest_words(tmp_path: Path) -> None:
    log = RotatingFile(tmp_path / "a.log", limit=100, files=3)
    for number in range(60):
        log.write(f"line {number:03}\n".encode())
    log.close()
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["a.log", "a.log.1", "a.log.2"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    assert (tmp_path / "a.log").read_text().endswith("line 059\n")
