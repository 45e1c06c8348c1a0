"""A command's answer is its exit code, also when native threads are under way."""

import subprocess
import sys

import pytest

from yichuang.cli import UNHEARD
from yichuang.settings import CHECKOUT

STRAY = """
import asyncio, sys
from temporalio.client import Client
from yichuang.cli import leave

async def ask():
    tasks = [asyncio.create_task(Client.connect("127.0.0.1:1")) for _ in range(8)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

asyncio.run(ask())
print("answered")
leave(int(sys.argv[1]))
"""


@pytest.mark.parametrize("code", [0, 1])
def test_connections_under_way_do_not_change_the_answer(code: int) -> None:
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", STRAY, str(code)],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (code, "answered\n"), done.stderr


def test_an_unknown_command_is_refused_with_code_two() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "yichuang.cli", "dance"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "dance" in done.stderr


def test_who_stops_reading_hears_no_complaint() -> None:
    """`yichuang clock templates | head -0`: it is for nobody, and nothing is wrong."""
    process = subprocess.Popen(
        [sys.executable, "-m", "yichuang.cli", "clock", "templates"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()  # before it has written: what it wrote would be in the pipe still
    assert process.stderr.read() == ""
    assert process.wait() == UNHEARD == 141
    process.stderr.close()


def test_an_answer_that_is_read_to_its_end_is_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "yichuang.cli", "clock", "templates"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 5
