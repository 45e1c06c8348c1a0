"""The process that holds durable_rules: answers questions on its standard input until it ends.

Started by `rules.process` as `python -m rules.child <memory bytes> <alarm seconds>`. It sets its
own limits before the engine is loaded. A hang in native code holds the interpreter, so the alarm
is the kernel's: SIGALRM at its default ends the process, even when the parent is already gone.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from typing import Any

from rules import wire

READY = "ready"
PAGE_KIB = resource.getpagesize() // 1024


def limit(memory_bytes: int) -> None:
    """Bound the address space, leave no core file, and let Ctrl-C be the parent's affair."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def resident_kib(statm: int) -> int:
    """Return what this process holds in memory now, in KiB (proc(5), statm, second field).

    Not `ru_maxrss`: it keeps the parent's size from before `exec`, and a child of a parent of 400
    MB was then taken for worn at its first answer (seen 2026-11-22).
    """
    return int(os.pread(statm, 128, 0).split()[1]) * PAGE_KIB


def serve(link: socket.socket, alarm_seconds: float) -> None:
    """Answer until the parent closes the link."""
    from rules.engine import EngineFault, RuleSets  # loaded under the limits

    sets = RuleSets()
    statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def answer(message: list[Any]) -> Any:
        order, key, values, routes = message
        if order == "load":
            sets.load(key, values)
            return True
        return [sets.held(key, fact, route) for fact, route in zip(values, routes, strict=True)]

    wire.send(link, READY)
    while True:
        try:
            message = wire.receive(link)
        except wire.Closed:
            return
        signal.setitimer(signal.ITIMER_REAL, alarm_seconds)
        try:
            reply: list[Any] = ["ok", answer(message)]
        except (EngineFault, MemoryError) as fault:
            reply = ["fault", f"{type(fault).__name__}: {fault}"]
        reply.append(resident_kib(statm))
        wire.send(link, reply)
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    limit(int(sys.argv[1]))
    serve(socket.socket(fileno=0), float(sys.argv[2]))
