"""Planned windows in which signals are recorded and nothing follows from them (静默)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cases.incidents.gathering import Heard, Point
from catalogue.grid import distance_m

LONGEST: Final = timedelta(days=7)
"""How long one window may be (a design): what lasts longer is planned again, by somebody who looks
at it again."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which signals are kept from making incidents, and when. Empty says nothing of them.

    The end is not part of it; one that was lifted ends there.
    """

    id: str
    type: str
    source: str
    district: str
    street: str
    point: Point | None
    radius_m: float
    starts_at: datetime
    ends_at: datetime
    lifted_at: datetime | None = None

    def holds(self, heard: Heard) -> bool:
        """Whether a signal falls into it, by the instant of its happening."""
        ends = self.ends_at if self.lifted_at is None else min(self.ends_at, self.lifted_at)
        return (
            self.starts_at <= heard.occurred_at < ends
            and self.type in ("", heard.type)
            and self.source in ("", heard.source, heard.source.partition("/")[0])
            and self.district in ("", heard.district)
            and self.street in ("", heard.street)
            and self._is_near(heard)
        )

    def _is_near(self, heard: Heard) -> bool:
        if self.point is None:
            return True
        return heard.point is not None and distance_m(self.point, heard.point) <= self.radius_m


def matching(windows: Sequence[Window]) -> Callable[[Heard], str]:
    """Return what gives the id of the first window that a signal falls into, or nothing."""

    def find(heard: Heard) -> str:
        return next((one.id for one in windows if one.holds(heard)), "")

    return find
