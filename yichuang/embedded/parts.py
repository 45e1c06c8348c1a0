"""The parts of the embedded city, as data: what starts each, when it is ready, what comes first."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from yichuang import roles
from yichuang.embedded import nats, temporal
from yichuang.settings import Settings

Probe = Callable[[Settings], Awaitable[str | None]]
"""Returns one line about the part when it answers, None when it does not."""


@dataclass(frozen=True)
class Part:
    """One process of the embedded city.

    `stage` orders the starts (stages one after the other, the parts of a stage together); the stop
    goes backwards, and `stop_seconds` is how long the part may take before it is forced.
    """

    name: str
    title: str
    stage: int
    command: Callable[[Settings], list[str]]
    stop_seconds: float
    answers: Probe | None = None
    changed: Callable[[Settings], bool] | None = None
    """Whether what the running server was told has changed since: it then reads it anew."""

    @property
    def is_role(self) -> bool:
        """Whether the part is one of our own roles, which notes its own readiness and beats."""
        return self.answers is None


def _role(name: str, title: str, stage: int, stop_seconds: float) -> Part:
    def command(_settings: Settings) -> list[str]:
        return [sys.executable, "-m", "yichuang.cli", "run", name]

    return Part(name, title, stage, command, stop_seconds)


SERVERS = 0
"""The stage of the servers that we did not write; the stores are prepared after it."""

# The times allowed for stopping sum to 8.5 s along the longest path: the issue allows ten.
PARTS: tuple[Part, ...] = (
    Part("temporal", "流程引擎", SERVERS, temporal.command, 2.0, temporal.answers),
    Part("nats", "消息总线", SERVERS, nats.command, 2.0, nats.answers, nats.changed),
    _role("signer", "日志签名", 1, 1.0),
    _role("witness", "日志见证", 1, 1.0),
    _role("sequencer", "日志排序", 2, 1.0),
    _role("worker", "办件执行", 3, 2.5),
    _role("relay", "事件外送", 3, 2.5),
    _role("gateway", "系统入口", 4, 2.0),
    _role("telemetry", "监测读数", 4, 2.0),
    _role("notifier", "通知发送", 4, 2.0),
    _role("signals", "信号", 4, 2.0),
    _role("web", "人员入口", 4, 2.0),
)


def chosen(names: str | None) -> tuple[Part, ...]:
    """Return the parts named, comma-separated; all of them for None. Raises `KeyError`."""
    if names is None:
        return PARTS
    by_name = {part.name: part for part in PARTS}
    return tuple(by_name[name.strip()] for name in names.split(","))


async def is_ready(part: Part, settings: Settings, pid: int) -> str | None:
    """Return one line about a part that does its work now, None while it does not yet."""
    if part.answers is not None:
        return await part.answers(settings)
    note = roles.read_note(settings, part.name)
    if note is None or note.pid != pid or not note.ready:
        return None
    return note.detail
