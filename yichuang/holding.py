"""How many people hold which role where, for refusals that say who could do it."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from cases.database import StoreUnwritable, reading
from cases.web_tables import office_holder

COUNTED_EVERY_S = 5.0
"""A refusal's hint may be so old; nothing is decided by it."""

_log = logging.getLogger("yichuang.holding")


Counts = Mapping[str, Mapping[str, int]]


class Holding:
    """Counts those whose account is open, by role and department. Safe in any threads."""

    def __init__(self, web: Engine) -> None:
        """`web` is the store of the accounts, which is only read."""
        self._web = web
        self._one = threading.Lock()
        self._counted = float("-inf")
        self._known: Counts | None = None

    def __call__(self) -> Counts | None:
        """Return role → department → number of people; None while the accounts are away."""
        with self._one:
            if time.monotonic() - self._counted > COUNTED_EVERY_S:
                self._known, self._counted = self._count(), time.monotonic()
            return self._known

    def _count(self) -> Counts | None:
        query = select(office_holder.c.grants).where(office_holder.c.disabled_at.is_(None))
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        try:
            with reading(self._web) as connection:
                for grants in connection.execute(query).scalars():
                    for role, department in grants:
                        found[role][department] += 1
        except (SQLAlchemyError, StoreUnwritable):
            _log.exception("who holds which role cannot be read; refusals name roles only")
            return None
        return found
