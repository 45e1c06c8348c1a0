"""What the open page asks in order to hand a citizen's suggestion in."""

from __future__ import annotations

from typing import Protocol

from cases.messages import Actor


class Suggestions(Protocol):
    """市民建议: in whose name the page files them."""

    def sender(self) -> Actor | None:
        """The city's own service for suggestions; None: it was closed, or there never was one."""
        ...
