"""`RulesProcess`: durable_rules in a process of its own, with the plain twin behind it.

A crash, a hang or a fault of the engine costs a restart and, at the second time for the same
context, its quarantine. The answer is then the twin's, with `engine="plain"`: nothing is lost,
nothing fails open, and the caller never waits longer than a few deadlines.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import JsonValue

from cases.rulings import Ruling
from rules import wire
from rules.child import READY
from rules.compile import fact_text
from rules.evaluate import decide, evaluate, plain_match
from rules.pack import Pack, Slice
from rules.plain import Fact

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds the rooms; the child imports `rules` from it."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What the child may use before it is ended or replaced."""

    deadline_s: float = 1.0
    """For one question; also for a batch of up to `batch` contexts."""
    start_s: float = 15.0
    memory_bytes: int = 1 << 30
    """RLIMIT_AS."""
    rss_kib: int = 300 * 1024
    """Peak resident set after which the child is replaced."""
    questions: int = 1_000_000
    """Measured flat over a million; replaced then all the same."""
    rule_sets: int = 500
    """Shards compiled; each keeps about 90 KiB for ever."""
    tries: int = 2
    batch: int = 256
    quarantine: int = 10_000
    """Contexts remembered; the oldest is forgotten first."""
    longest_pause_s: float = 60.0


@dataclass(frozen=True)
class Quarantined:
    """A context, or a whole set of rules, that the engine did not survive."""

    pack: str
    """Key of the slice: digest of the pack and number."""
    fact: str
    """SHA-256 (hex) of the fact; empty: the whole slice."""
    reason: str
    at: datetime


@dataclass(frozen=True)
class State:
    """How the child fares; for the status line."""

    pid: int | None
    starts: int
    questions: int
    """Asked of the present child."""
    rss_kib: int
    plain: int
    """Questions that the twin answered."""
    quarantined: int


class EngineSilent(RuntimeError):
    """The engine gave no answer that may be trusted; ask the twin."""


class _ChildFailed(Exception):
    """The child died, hung, or reported a fault."""


class _Child:
    """One run of the child process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.loaded: set[str] = set()
        self.rule_sets = 0
        self.questions = 0
        self.rss_kib = 0
        self._link, theirs = socket.socketpair()
        # The kernel's alarm in the child comes after our own deadline, and only matters
        # when nobody is left to keep that.
        alarm = 2 * limits.deadline_s + 1
        with theirs:
            try:
                # No environment: the engine needs none, and secrets have no business there.
                self._process = subprocess.Popen(  # noqa: S603 -- fixed arguments
                    [sys.executable, "-m", "rules.child", str(limits.memory_bytes), str(alarm)],
                    cwd=ROOT,
                    env={},
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                )
            except OSError as error:
                self._link.close()
                raise _ChildFailed(f"cannot start: {error}") from error
        self.pid = self._process.pid
        try:
            self._link.settimeout(limits.start_s)
            if wire.receive(self._link) != READY:
                raise _ChildFailed("expected the child to be ready")
            self._link.settimeout(limits.deadline_s)
        except (OSError, ValueError, _ChildFailed) as error:
            self.end()
            raise _ChildFailed(f"did not start: {error}") from error

    def ask(
        self, order: str, key: str, values: Sequence[str], routes: Sequence[Sequence[int]] = ()
    ) -> Any:
        """Return the child's answer. Raises `_ChildFailed`; the child is then to be ended."""
        try:
            wire.send(self._link, [order, key, values, routes])
            status, answer, self.rss_kib = wire.receive(self._link)
        except TimeoutError as error:
            raise _ChildFailed(f"no answer within {self._limits.deadline_s} s") from error
        except (OSError, ValueError, TypeError) as error:
            raise _ChildFailed(f"died: {error}") from error
        if status != "ok":
            raise _ChildFailed(str(answer))
        return answer

    def load(self, rules: Slice) -> None:
        self.ask("load", rules.key, rules.texts)
        self.loaded.add(rules.key)
        self.rule_sets += len(rules.texts)

    def held(
        self, rules: Slice, facts: Sequence[str], routes: Sequence[Sequence[int]]
    ) -> list[list[str]]:
        self.questions += len(facts)
        answer: list[list[str]] = self.ask("ask", rules.key, facts, routes)
        if len(answer) != len(facts):
            raise _ChildFailed(f"expected {len(facts)} answers, found {len(answer)}")
        return answer

    def worn(self) -> bool:
        limits = self._limits
        return (
            self.questions >= limits.questions
            or self.rule_sets > limits.rule_sets
            or self.rss_kib > limits.rss_kib
        )

    def end(self) -> None:
        """End the process and wait for it; it holds nothing worth saving."""
        self._link.close()
        self._process.kill()
        self._process.wait()


class RulesProcess:
    """Answers of rule packs, from any number of threads. Close it, or use it in a `with`.

    The child starts with the first question. `on_quarantine` is called, outside the lock, for
    each context the engine did not survive, so that somebody can be told.
    """

    def __init__(
        self,
        packs: Iterable[Pack] = (),
        limits: Limits | None = None,
        on_quarantine: Callable[[Quarantined], None] | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._on_quarantine = on_quarantine
        self._lock = threading.Lock()
        self._packs: dict[str, Pack] = {}
        self._child: _Child | None = None
        self._quarantine: OrderedDict[tuple[str, str], Quarantined] = OrderedDict()
        self._starts = self._plain = self._failures = 0
        self._paused_until = 0.0
        self._closed = False
        for pack in packs:
            self.add(pack)

    # --- asking --------------------------------------------------------------------------------

    def add(self, pack: Pack) -> None:
        """Let a pack be asked by its digest, and by its id until another version is added."""
        self._packs[pack.id] = self._packs[pack.digest] = pack

    def pack(self, name: str) -> Pack:
        """Return the pack of an id or a digest. Raises `KeyError`."""
        return self._packs[name]

    def evaluate(self, pack: Pack | str, context: Mapping[str, object], at: datetime) -> Ruling:
        """Return the ruling of a pack (itself, its id or its digest) on a context at an instant.

        Waits for the engine at most `tries` deadlines and restarts, else the twin answers
        (`engine="plain"`). Raises as `rules.evaluate.evaluate` does, and `KeyError` for an
        unknown pack.
        """
        asked = self._packs[pack] if isinstance(pack, str) else pack
        try:
            return evaluate(asked, context, at, self.match, "durable_rules")
        except EngineSilent:
            self._plain += 1
            return evaluate(asked, context, at)

    def evaluate_many(
        self, pack: Pack | str, contexts: Sequence[Mapping[str, object]], at: datetime
    ) -> list[Ruling]:
        """Return one ruling per context, in order: several times faster than one by one.

        A context that does not fit raises for the whole batch before anything is asked.
        """
        asked = self._packs[pack] if isinstance(pack, str) else pack
        given = [asked.admit(context) for context in contexts]
        found = self._matched(asked.slice_at(at), given)
        return [self._decided(asked, one, held, at) for one, held in zip(given, found, strict=True)]

    def match_many(
        self, pack: Pack, contexts: Sequence[Mapping[str, object]], at: datetime
    ) -> list[Collection[str]]:
        """Return, for each context, the ids of what holds before anything is derived."""
        rules = pack.slice_at(at)
        given = [pack.admit(context) for context in contexts]
        found = self._matched(rules, given)
        return [
            plain_match(rules, {**one, **rules.indices(one)}) if held is None else held
            for one, held in zip(given, found, strict=True)
        ]

    def _matched(
        self, rules: Slice, given: Sequence[dict[str, JsonValue]]
    ) -> list[list[str] | None]:
        """Return the engine's answer to each admitted context, None where it is silent."""
        if rules.scales:
            given = [one | rules.indices(one) for one in given]
        texts = list(map(fact_text, given))
        routes = dict(zip(texts, map(rules.shards.route, given), strict=True))
        asked = list(routes)
        known: dict[str, list[str]] = {}
        for start in range(0, len(asked), self._limits.batch):
            part = asked[start : start + self._limits.batch]
            try:
                held = self._held(rules, part, [routes[text] for text in part])
            except EngineSilent:
                continue  # one of them is poison; each is asked on its own when it is decided
            known.update(zip(part, held, strict=True))
        return [known.get(text) for text in texts]

    def _decided(
        self,
        pack: Pack,
        given: Mapping[str, JsonValue],
        held: Collection[str] | None,
        at: datetime,
    ) -> Ruling:
        """Return the ruling whose first round has been answered, unless `held` is None."""
        answers = [] if held is None else [held]

        def match(rules: Slice, fact: Fact) -> Collection[str]:
            return answers.pop() if answers else self.match(rules, fact)

        try:
            return decide(pack, given, at, match, "durable_rules")
        except EngineSilent:
            self._plain += 1
            return decide(pack, given, at, plain_match, "plain")

    def match(self, rules: Slice, fact: Fact) -> Collection[str]:
        """Return the ids of the rules that hold, by the engine. Raises `EngineSilent`."""
        return self._held(rules, [fact_text(fact)], [rules.shards.route(fact)])[0]

    # --- the child -----------------------------------------------------------------------------

    def _held(
        self, rules: Slice, facts: Sequence[str], routes: Sequence[Sequence[int]]
    ) -> list[list[str]]:
        if not any(routes):
            return [[] for _ in facts]
        single = hashlib.sha256(facts[0].encode()).hexdigest() if len(facts) == 1 else ""
        if self._quarantine and (
            (rules.key, "") in self._quarantine or (rules.key, single) in self._quarantine
        ):
            raise EngineSilent("in quarantine")
        # Somebody else's hang may hold the lock; the twin is better than a queue.
        if not self._lock.acquire(timeout=self._limits.deadline_s):
            raise EngineSilent("the engine is busy")
        try:
            held, poison = self._tried(rules, facts, routes, single)
        finally:
            self._lock.release()
        if poison is not None and self._on_quarantine is not None:
            self._on_quarantine(poison)
        if held is None:
            raise EngineSilent("no answer")
        return held

    def _tried(
        self, rules: Slice, facts: Sequence[str], routes: Sequence[Sequence[int]], single: str
    ) -> tuple[list[list[str]] | None, Quarantined | None]:
        """Ask, each failure with a new child. A batch is tried once: it is not one context."""
        reason, loading = "", False
        for _ in range(self._limits.tries if single else 1):
            if (child := self._running()) is None:
                return None, None
            try:
                loading = rules.key not in child.loaded
                if loading:
                    child.load(rules)
                    loading = False
                held = child.held(rules, facts, routes)
            except _ChildFailed as failure:
                reason = str(failure)
                logger.warning("rules child %s failed: %s", child.pid, reason)
                self._drop()
                continue
            self._failures = 0
            if child.worn():
                self._drop()
            return held, None
        self._failures += 1
        self._pause_if_hopeless()
        if not single:
            return None, None  # whoever asks one by one will find which it was
        return None, self._isolate(rules.key, "" if loading else single, reason)

    def _running(self) -> _Child | None:
        """Return the child, started when there is none; None while starting makes no sense."""
        if self._child is None and not self._closed and time.monotonic() >= self._paused_until:
            try:
                self._child = _Child(self._limits)
                self._starts += 1
            except _ChildFailed as failure:
                logger.error("rules child: %s", failure)
                self._failures += 1
                self._pause(self._failures)
        return self._child

    def _pause_if_hopeless(self) -> None:
        """After many failures in a row with no answer between, restarting helps nobody."""
        if self._failures > 5:
            self._pause(self._failures - 5)

    def _pause(self, times: int) -> None:
        pause = min(2.0 ** min(times, 10), self._limits.longest_pause_s)
        self._paused_until = time.monotonic() + pause

    def _drop(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def _isolate(self, key: str, fact: str, reason: str) -> Quarantined:
        poison = Quarantined(key, fact, reason, datetime.now(UTC))
        self._quarantine[key, fact] = poison
        while len(self._quarantine) > self._limits.quarantine:
            self._quarantine.popitem(last=False)
        logger.error("rules quarantine: %s", poison)
        return poison

    # --- care ----------------------------------------------------------------------------------

    def quarantined(self) -> tuple[Quarantined, ...]:
        """Return what the engine may not be asked any more, oldest first."""
        with self._lock:
            return tuple(self._quarantine.values())

    def release(self) -> None:
        """Empty the quarantine and end any pause: the engine is asked again."""
        with self._lock:
            self._quarantine.clear()
            self._failures, self._paused_until = 0, 0.0

    def state(self) -> State:
        """Return how the child fares."""
        with self._lock:
            child = self._child
            return State(
                pid=child.pid if child else None,
                starts=self._starts,
                questions=child.questions if child else 0,
                rss_kib=child.rss_kib if child else 0,
                plain=self._plain,
                quarantined=len(self._quarantine),
            )

    def close(self) -> None:
        """End the child. Later questions are answered by the twin."""
        with self._lock:
            self._closed = True
            self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def engine_trial(seconds: float) -> RulesProcess:
    """Return a process for one trial before publishing: one try, and nothing is kept."""
    return RulesProcess(limits=Limits(deadline_s=seconds, tries=1))
