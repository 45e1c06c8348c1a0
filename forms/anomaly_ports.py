"""What the page of unusual access needs of the stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Anomaly:
    """One finding. `facts`: what the rule met, as words (Chinese, English) and a number."""

    title: str
    title_en: str
    basis: str
    level: str
    verified: bool
    note: str
    who: str
    name: str
    """Empty where the account is not known any more."""
    facts: Sequence[tuple[str, str, int]]
    entries: Sequence[str]
    raised_at: datetime
    cleared_at: datetime | None


class Anomalies(Protocol):
    """What was found unusual."""

    def listing(self) -> Sequence[Anomaly]:
        """What stands, and what was cleared in the last thirty days, the newest first."""
        ...
