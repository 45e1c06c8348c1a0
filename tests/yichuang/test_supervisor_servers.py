"""`yichuang up` with the real Temporal and NATS: killed hard, it goes on where it stood."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from yichuang.bus import connect
from yichuang.embedded import ground, temporal
from yichuang.settings import Settings, as_environment, environment
from yichuang.status import all_standing

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]
SERVERS = "temporal,nats"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = Settings(_env_file=None, data=tmp_path / "城 市")
    yield settings
    ground.end(settings, within=1)


def until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


@contextmanager
def up(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """`up` of both servers, ready; its screen is in <data>.screen."""
    with Path(f"{settings.data}.screen").open("ab") as screen:
        process = subprocess.Popen(
            [sys.executable, "-m", "yichuang.cli", "up", "--only", SERVERS],
            env={**environment(), **as_environment(settings)},
            stdout=screen,
            stderr=subprocess.STDOUT,
        )
    said_before = read_screen(settings).count("一窗已就绪")
    try:
        until(lambda: read_screen(settings).count("一窗已就绪") > said_before)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(20)


def read_screen(settings: Settings) -> str:
    return Path(f"{settings.data}.screen").read_text(encoding="utf-8")


def status(settings: Settings) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "yichuang.cli", "status", "--json", "--only", SERVERS],
        env={**environment(), **as_environment(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    said: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if said["well"] else 1)
    return said


def pids(settings: Settings) -> dict[str, int]:
    noted = json.loads((settings.run_folder / "supervisor.json").read_bytes())
    return {part["name"]: part["pid"] for part in noted["parts"]}


def states(settings: Settings) -> dict[str, str]:
    return {part["part"]: part["state"] for part in status(settings)["parts"]}


async def leave_work(settings: Settings) -> None:
    """Start a workflow that nobody executes, and publish a message."""
    client = await temporal.connect(settings)
    await client.start_workflow("anything", id="work-1", task_queue=settings.temporal_task_queue)
    admin = await connect(settings, "admin")
    await admin.jetstream().add_stream(name="CMD", subjects=["cmd.>"])
    await admin.jetstream().publish("cmd.demo.zjj.portal.case.file", b"{}")
    await admin.close()


async def found_work(settings: Settings) -> tuple[str, int]:
    """The id of the workflow and the number of messages that are there."""
    client: Client = await temporal.connect(settings)
    described = await client.get_workflow_handle("work-1").describe()
    admin = await connect(settings, "admin")
    messages = (await admin.jetstream().stream_info("CMD")).state.messages
    await admin.close()
    return described.id, messages


def test_ctrl_c_ends_everything_within_ten_seconds(settings: Settings) -> None:
    with up(settings) as process:
        assert states(settings) == {"temporal": "ready", "nats": "ready"}
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 10
    assert ground.marked(settings) == []
    assert states(settings) == {"temporal": "down", "nats": "down"}
    assert read_screen(settings).endswith("已全部停止。\n")


def test_the_namespace_keeps_closed_cases_as_long_as_the_setting_says(settings: Settings) -> None:
    async def kept() -> timedelta:
        client = await temporal.connect(settings)
        found = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace="yichuang")
        )
        return found.config.workflow_execution_retention_ttl.ToTimedelta()

    with up(settings):
        assert asyncio.run(kept()) == timedelta(days=90)


def test_temporal_writes_ahead_and_fully(settings: Settings) -> None:
    with up(settings):
        words = Path(f"/proc/{pids(settings)['temporal']}/cmdline").read_bytes().split(b"\0")
        assert {b"journal_mode=WAL", b"synchronous=FULL"} <= set(words)
        assert (settings.data / "temporal" / "temporal.sqlite-wal").exists()


@pytest.mark.parametrize("victim", ["temporal", "nats"])
def test_a_server_killed_hard_comes_back_with_its_work(settings: Settings, victim: str) -> None:
    with up(settings):
        asyncio.run(leave_work(settings))
        before = pids(settings)
        os.kill(before[victim], signal.SIGKILL)
        until(lambda: pids(settings)[victim] != before[victim])
        until(lambda: states(settings) == {"temporal": "ready", "nats": "ready"})
        assert asyncio.run(found_work(settings)) == ("work-1", 1)


def test_after_a_hard_kill_of_the_supervisor_its_children_are_gone(settings: Settings) -> None:
    with up(settings) as process:
        process.kill()
        process.wait()
        until(lambda: ground.marked(settings) == [], 5)


def test_after_a_hard_kill_of_everything_up_goes_on_where_it_stood(settings: Settings) -> None:
    with up(settings) as process:
        asyncio.run(leave_work(settings))
        at = settings.temporal, settings.nats
        for pid in [process.pid, *ground.marked(settings)]:
            # The supervisor's own death may have ended a child before its turn comes.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    with up(settings):
        assert (settings.temporal, settings.nats) == at
        assert asyncio.run(found_work(settings)) == ("work-1", 1)


def test_left_over_processes_are_ended_before_the_next_start(settings: Settings) -> None:
    ground.prepare_folder(settings)
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        env={**environment(), ground.MARK: ground.mark(settings, "worker")},
    ) as left:
        until(lambda: ground.marked(settings) == [left.pid])
        with up(settings):
            assert left.wait(1) != 0
    assert "已清理 1 个遗留进程" in read_screen(settings)


def test_status_tells_a_server_that_lives_and_does_not_answer(settings: Settings) -> None:
    with up(settings):
        pid = pids(settings)["nats"]
        os.kill(pid, signal.SIGSTOP)
        try:
            assert states(settings) == {"temporal": "ready", "nats": "silent"}
        finally:
            os.kill(pid, signal.SIGCONT)
        assert states(settings)["nats"] == "ready"


def test_a_worker_that_was_never_started_is_told_as_down_and_polls_nothing(
    settings: Settings,
) -> None:
    with up(settings):
        assert asyncio.run(temporal.pollers(settings)) == 0
        (worker,) = [one for one in asyncio.run(all_standing(settings)) if one.part == "worker"]
        assert worker.state == "down"
