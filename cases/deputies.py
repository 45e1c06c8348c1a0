"""A delegation as a plain value: who acts for whom, with what, from when until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from cases.messages import Actor, Grant

LONGEST_DAYS = 90
"""Days for which a delegation may run: whoever is away longer is replaced by a grant of its own.
The house's rule; no law sets a number."""

Why = Literal["withdrawn", "refused", "ended", "time", "account", "grant"]
Phase = Literal["proposed", "waiting", "running", "ended"]

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "leave": "休假",
        "travel": "公务出差",
        "training": "培训学习",
        "duty": "轮值、借调",
        "other": "其他工作安排",
    }
)
"""Why somebody lets a colleague act for them; closed, so that nobody writes down an illness."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """One delegation as it was proposed, and what became of it."""

    id: str
    delegator: str
    deputy: str
    grants: tuple[Grant, ...]
    reason: str
    starts_at: datetime
    ends_at: datetime
    """The first moment at which it no longer runs."""
    proposed_at: datetime
    accepted_at: datetime | None = None
    ended_by: str = ""
    ended_at: datetime | None = None
    why: str = ""

    def phase(self, at: datetime) -> Phase:
        """Return where it stands at a moment, by its own row alone."""
        if self.ended_at is not None or at >= self.ends_at:
            return "ended"
        if self.accepted_at is None:
            return "proposed"
        return "running" if at >= self.starts_at else "waiting"


@dataclass(frozen=True, slots=True)
class Deputyship:
    """A delegation that counts now: the deputy may act for the delegator with these grants."""

    id: str
    deputy: str
    delegator: str
    grants: tuple[Grant, ...]
    """What was delegated and the delegator still holds."""
    ends_at: datetime

    def actor(self, own: Actor, department: str) -> Actor:
        """Return who acts: the deputy by id and clearance, with the delegated grants alone.

        `department` is the delegator's. Raises `ValueError` for another person's deputyship.
        """
        if own.id != self.deputy or own.on_behalf:
            raise ValueError(f"{own.id} is not the deputy of {self.id}")
        return own.model_copy(
            update={"on_behalf": self.delegator, "grants": self.grants, "department": department}
        )
