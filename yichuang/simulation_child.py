"""A simulation in a process of its own: reads only, gives way to everybody else.

Asked by `ChildSimulator`: settings come from the environment, the order on standard input; it
answers in lines of JSON on standard output, progress first, the dossier last.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from activities.simulating import Progress
from cases import releases
from cases.database import reading
from cases.dossier import Dossier
from cases.dossier_rows import SimulationOrder
from cases.releases import Proposal
from yichuang.settings import Settings, as_environment, environment, from_environment
from yichuang.simulating import simulate, span_of
from yichuang.simulation_ground import past_of

NICE = 10
"""Steps of a clerk come first on a machine that is busy."""
LARGEST = 256 * 1024 * 1024
"""Bytes of the longest line: a dossier of 100,000 differences has about 40 MiB."""


class SimulationFailed(Exception):
    """The process ended without a dossier; what it said last is in the message. Try again."""


class ChildSimulator:
    """`activities.simulating.Simulator` by a child process with these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, order: SimulationOrder, progress: Progress) -> Dossier:
        """Return the dossier. A caller that is cancelled takes the child with it."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "yichuang.simulation_child",
            env={**environment(), **as_environment(self._settings)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LARGEST,
        )
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(order.model_dump_json().encode())
            child.stdin.close()
            async for line in child.stdout:
                said = json.loads(line)
                if "dossier" in said:
                    await child.wait()
                    return Dossier.model_validate(said["dossier"])
                progress(said["what"], said["looked_at"])
            raise SimulationFailed(f"exit code {await child.wait()}")
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()


def main() -> int:
    """Answer one order."""
    os.nice(NICE)
    order = SimulationOrder.model_validate_json(sys.stdin.read())
    with past_of(from_environment()) as (past, _):
        with reading(past.cases) as connection:
            kept = releases.find(connection, order.release)
        one = Proposal(
            kind=kept.kind,  # type: ignore[arg-type]  # the register holds no other
            name=kept.name,
            version=kept.version,
            content=kept.content,
        )
        span = span_of(order.months, order.until)
        made = simulate(past, one, order.release, span, _tell)
    _say({"dossier": made.model_dump(mode="json")})
    return 0


def _tell(what: str, looked_at: int) -> None:
    _say({"what": what, "looked_at": looked_at})


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
