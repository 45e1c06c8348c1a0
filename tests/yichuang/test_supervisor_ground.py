"""What stands in the way of a start gets one sentence and exit code 2."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from yichuang.embedded import ground
from yichuang.settings import Settings, as_environment, environment


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data=tmp_path / "var")


def up(settings: Settings) -> tuple[int, str]:
    """Start NATS alone and return exit code and complaint; a start that succeeds is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "yichuang.cli", "up", "--only", "nats"],
        env={**environment(), **as_environment(settings)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stderr


def assert_refused(settings: Settings, pattern: str) -> None:
    code, complaint = up(settings)
    assert code == 2
    assert len(complaint.splitlines()) == 1
    assert re.search(pattern, complaint), complaint


def test_a_second_start_on_the_same_folder(settings: Settings) -> None:
    ground.prepare_folder(settings)
    with ground.held(settings):
        assert_refused(settings, f"已由另一个一窗（进程 {os.getpid()}）使用")


def test_a_busy_port(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        busy = Settings(_env_file=None, data=settings.data, nats_port=port)
        assert_refused(busy, f"端口 127.0.0.1:{port} 已被占用")


def test_a_file_in_the_place_of_the_folder(settings: Settings) -> None:
    settings.data.write_text("")
    assert_refused(settings, "不是目录")


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_disk(settings: Settings) -> None:
    with mounted(settings.data, "ro,size=1m"):
        assert_refused(settings, "只读的磁盘")


def test_a_full_disk(settings: Settings) -> None:
    with mounted(settings.data, "size=512k"):
        assert_refused(settings, "磁盘已满")


def test_a_disk_with_too_little_room(settings: Settings) -> None:
    with mounted(settings.data, "size=8m"):
        assert_refused(settings, r"只剩 \d MB")


def test_the_probe_leaves_nothing_behind(settings: Settings) -> None:
    ground.prepare_folder(settings)
    assert sorted(path.name for path in settings.data.iterdir()) == ["keys", "log", "run"]


def test_the_lock_goes_with_its_holder(settings: Settings) -> None:
    ground.prepare_folder(settings)
    with ground.held(settings):
        assert ground.is_held(settings)
    assert not ground.is_held(settings)


def test_a_port_once_taken_is_kept(settings: Settings) -> None:
    ground.prepare_folder(settings)
    ground.take_ports(settings, ("nats",))
    first = settings.nats
    assert ground.take_ports(settings, ("nats",)) == []
    assert settings.nats == first


def test_a_kept_port_that_a_stranger_took_is_replaced_and_told(settings: Settings) -> None:
    ground.prepare_folder(settings)
    ground.take_ports(settings, ("nats",))
    port = int(settings.nats.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        (told,) = ground.take_ports(settings, ("nats",))
    assert f"端口 {port} 已被别的程序占用" in told
    assert not settings.nats.endswith(f":{port}")


def sleeper(settings: Settings, data: Path | None = None) -> subprocess.Popen[bytes]:
    marked = ground.mark(settings, "worker") if data is None else f"worker@{data}"
    return subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        env={**environment(), ground.MARK: marked},
    )


def test_what_an_earlier_run_left_is_ended_and_nothing_else(settings: Settings) -> None:
    ours, other = sleeper(settings), sleeper(settings, settings.data / "other")
    try:
        while ground.marked(settings) != [ours.pid]:
            time.sleep(0.01)  # until the child has its environment
        assert ground.end(settings) == 1
        assert ours.wait(5) != 0
        assert other.poll() is None
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()
