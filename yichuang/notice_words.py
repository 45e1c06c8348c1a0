"""The city's own words for notices as they count now, read from the register."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Engine

from cases import releases
from cases.database import reading
from catalogue.notice_words import NAME, NO_WORDS, NoticeWords, read_notice_words

FRESH_SECONDS: Final = 5.0
"""So long what was read is good: a version counts at the latest so much after its instant."""

_log = logging.getLogger("yichuang.notices")


@dataclass
class WordsInForce:
    """Any number of threads may ask; each reads for itself."""

    engine: Engine
    """The cases store, which is only read here."""
    now: Callable[[], datetime]
    _known: tuple[float, NoticeWords] | None = field(default=None, init=False)

    def __call__(self) -> NoticeWords:
        known = self._known
        if known is not None and time.monotonic() - known[0] < FRESH_SECONDS:
            return known[1]
        with reading(self.engine) as connection:
            one = releases.active(connection, "template", NAME, self.now())
        found = NO_WORDS if one is None else self._read(one)
        self._known = (time.monotonic(), found)
        return found

    def _read(self, one: releases.Release) -> NoticeWords:
        words, _, faults = read_notice_words(one.content)
        if words is None:
            # Its gate had read it. A notice must go out all the same: it is said as shipped.
            _log.error("words %s of notices cannot be read: %s", one.version, faults)
            return NO_WORDS
        return words
