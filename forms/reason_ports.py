"""What the pages ask of stored rulings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from rules.why import Why


@dataclass(frozen=True)
class RulingReasons:
    """A stored ruling with its reasons; without them `fault` says why: erased, unknown, altered."""

    seq: int
    pack: str
    version: str
    digest: str
    why: Why | None
    fault: Literal["", "erased", "unknown", "altered"] = ""


class Reasons(Protocol):
    """Why the rules said so."""

    def of_case(self, case_id: str) -> Sequence[RulingReasons]:
        """Every ruling of a case, the oldest first."""
        ...
