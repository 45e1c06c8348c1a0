"""durable_rules, in the one use in which it is right and safe: a stateless matcher.

Imported only by the child process: a native crash or hang here must not be anybody else's.
No `Host`, no events, no joins, no timers, no `sid`; one fact with a constant id goes in, the
rules that hold come out, and the fact is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence

import durable_rules_engine as engine

HANDLED, NOT_HANDLED = 0, 1
MOST_FIRINGS = 10_000
"""Firings of one fact in one shard; 56 branches make at most a few dozen. More is a runaway."""


class EngineFault(RuntimeError):
    """The engine refused, or answered what it never should; its state is not to be trusted."""


class RuleSets:
    """Compiled rule sets by key. One thread only; never freed, because freeing crashes."""

    def __init__(self) -> None:
        self._handles: dict[str, tuple[int, ...]] = {}

    def load(self, key: str, texts: Sequence[str]) -> None:
        """Compile the shards of one slice. Raises `EngineFault` when the engine refuses one."""
        try:
            self._handles[key] = tuple(
                engine.create_ruleset(f"{key}:{n}", text) for n, text in enumerate(texts)
            )
        except engine.error as error:
            raise EngineFault(str(error)) from error

    def held(self, key: str, fact: str, route: Sequence[int]) -> list[str]:
        """Return the ids of the rules that hold for a fact, each once, in no useful order.

        `route`: numbers of the shards to ask.

        Raises `EngineFault` when the engine errs; the process should then be replaced.
        """
        found: dict[str, None] = {}
        try:
            handles = self._handles[key]
            for number in route:
                self._drain(handles[number], fact, found)
        except engine.error as error:
            raise EngineFault(str(error)) from error
        return list(found)

    def _drain(self, handle: int, fact: str, found: dict[str, None]) -> None:
        status, state = engine.assert_fact(handle, fact)
        if status == HANDLED:
            started = engine.start_action_for_state(handle, state)
            action = started[1] if started else None
            firings = 0
            # An action reads `{"<rule id>":{"m":{…}}}`; a branch of `$or` fires on its own.
            while action:
                found[action[2 : action.index('"', 2)]] = None
                firings += 1
                if firings > MOST_FIRINGS:
                    raise EngineFault(f"more than {MOST_FIRINGS} firings of one fact")
                action = engine.complete_and_start_action(handle, state)
        elif status != NOT_HANDLED:
            raise EngineFault(f"expected the fact to be new, found status {status}")
        status, _ = engine.retract_fact(handle, fact)
        if status not in (HANDLED, NOT_HANDLED):
            raise EngineFault(f"expected the fact to be taken back, found status {status}")
