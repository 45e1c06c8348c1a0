"""What the pages of the access policy need from the other rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cases.releases import Check
from policies.policy import Policy


@dataclass(frozen=True)
class PolicyInForce:
    """The policy that counts now."""

    policy: Policy
    text: str
    """Its rows as they were written, notes and decisions included."""
    since: datetime


@dataclass(frozen=True)
class PolicyProposal:
    """A version of the policy in the register, with what the gate found."""

    release: str
    policy: Policy
    text: str
    gate: tuple[Check, ...]


class Policies(Protocol):
    """The policy and what is proposed of it; only read."""

    def in_force(self) -> PolicyInForce: ...

    def proposal(self, release: str) -> PolicyProposal | None:
        """The version with that id; None: there is none, or it is of another kind."""
        ...

    def holders(self) -> Mapping[str, int]:
        """Role → how many open accounts of people hold it today."""
        ...


__all__ = ["Policies", "PolicyInForce", "PolicyProposal"]
