"""The demo's registers beside the city: a process of its own, each with its own NATS user."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from yichuang.demo_registers import TABLES
from yichuang.embedded import ground
from yichuang.settings import CHECKOUT, Settings, as_environment, environment
from yichuang.terminal import say


def with_demo(settings: Settings) -> Settings:
    """Return settings that connect the demo's registers where the city has connected none."""
    if settings.registers:
        return settings
    return settings.model_copy(update={"registers": dict.fromkeys(TABLES, "")})


@contextmanager
def beside(settings: Settings) -> Iterator[None]:
    """Run the demo's registers meanwhile; they look for NATS until it is there."""
    served = [code for code in TABLES if settings.registers.get(code) == ""]
    if not served:
        yield
        return
    service = subprocess.Popen(  # noqa: S603 -- our own interpreter and words
        [sys.executable, "-m", "yichuang.cli", "demo", "registers", *served],
        env={
            **environment(), **as_environment(settings),
            ground.MARK: ground.mark(settings, "registers"),
        },
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    say("演示的部门登记库（虚构）：申请表填信用代码 91990100MA0000001G，点“从登记库取信息”。")
    try:
        yield
    finally:
        service.terminate()
        try:
            service.wait(5)
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()
