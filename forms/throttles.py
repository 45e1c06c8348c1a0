"""How often somebody may ask: counted in each process, per address or per account."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Literal

Rate = Literal["page", "search", "export"]
"""What a page costs: every page counts, a search and an export count besides on their own."""


@dataclass
class Throttles:
    """What one process counts: per address for strangers, per account for those who are known."""

    sign_ins: Throttle
    """Beside the lock of an account, this slows a list of names down."""
    questions: Throttle
    """A code of twelve characters cannot be guessed at such a rate."""
    wrong_tokens: Throttle
    refusals: Throttle
    """How many refusals of strangers are entries of their own."""
    people: Mapping[Rate, Throttle]
    services: Throttle
    """Requests of a system over REST."""


class Throttle:
    """At most `most` askings per key in a window of `seconds`; the oldest keys are forgotten."""

    KEYS = 10_000

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._seen: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = Lock()

    def full(self, key: str) -> bool:
        """Tell whether the next asking would have to wait; this one is not counted."""
        now = time.monotonic()
        with self._lock:
            times = [t for t in self._seen.get(key, ()) if t > now - self.seconds]
            return len(times) >= self.most

    def wait(self, key: str) -> float:
        """Count one asking; return the seconds to wait, 0 when it may go on."""
        now = time.monotonic()
        with self._lock:
            times = [t for t in self._seen.pop(key, []) if t > now - self.seconds]
            wait = times[0] + self.seconds - now if len(times) >= self.most else 0.0
            if not wait:
                times.append(now)
            self._seen[key] = times
            while len(self._seen) > self.KEYS:
                self._seen.popitem(last=False)
        return wait
