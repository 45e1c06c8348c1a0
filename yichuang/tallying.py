"""Keeps the sums of boards: puts cases that moved into them, and proves them case by case.

One of several workers does it (a lease). A share of all cases is summed anew in each round and
compared with what it has put in: a difference that no mark explains is a fault of ours, put right
and told.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from cases import leases, tally
from cases.database import one_moment

EVERY: Final = timedelta(seconds=5)
LEASE: Final = "tally"
LENGTH: Final = timedelta(seconds=60)
BUSY: Final = 20.0
"""Seconds of a round: what is left over comes in the next. Each transaction renews the lease."""
ROLLING: Final = 50
"""Cases proven in a round: 36,000 an hour."""

_log = logging.getLogger("yichuang.tallying")


class Tallying:
    """Rounds over one cases store. Any number of workers may run it."""

    def __init__(
        self,
        engine: Engine,
        zone: str,
        holder: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine, self._zone, self._now = engine, zone, now
        self._holder = holder or f"{socket.gethostname()}:{os.getpid()}"
        self._last = ""

    def look(self) -> int:
        """Work off marks for some seconds; return how many. Then prove a share of cases."""
        began, done = time.monotonic(), 0
        while time.monotonic() - began < BUSY:
            with self._engine.begin() as connection:
                if not leases.take(connection, LEASE, self._holder, self._now(), LENGTH):
                    return done
                n = tally.fold(connection, self._zone)
            done += n
            if n < tally.MOST:
                self._prove()
                break
        return done

    def _prove(self) -> None:
        with one_moment(self._engine) as connection:
            ids, wrong = tally.differing(connection, self._last, ROLLING, self._zone)
        self._last = ids[-1] if len(ids) == ROLLING else ""
        if wrong:
            self._put_right(wrong)

    def _put_right(self, wrong: Sequence[str]) -> None:
        _log.error("监察汇总与办件不符，已按办件重算：%s", "、".join(wrong))
        with self._engine.begin() as connection:
            for case_id in wrong:
                tally.mark(connection, case_id)
