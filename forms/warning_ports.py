"""What the pages ask of our own warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import JsonValue

from cases.messages import Actor, Source
from cases.warning_rows import KeptAct
from cases.warnings import WarningAnswer


class Warnings(Protocol):
    """预警: issued, adjusted, lifted, listed, and published to everybody."""

    def act(
        self,
        actor: Actor,
        source: Source,
        command_id: str,
        verb: str,
        warning: str,
        body: Mapping[str, JsonValue],
    ) -> WarningAnswer:
        """Have an act announced. Raises `NotNow`; repeat with the same id."""
        ...

    def answered(self, command_id: str) -> bool:
        """Whether an act of that id is settled, and will be answered again as it was."""
        ...

    def listing(self, actor: Actor) -> Sequence[KeptAct]:
        """The newest act of each warning, the newest first; empty for who may not read them."""
        ...

    def acts(self, actor: Actor, warning: str) -> Sequence[KeptAct]:
        """The acts of one warning in their order; empty: none that the actor may read."""
        ...

    def published(self, warning: str) -> Sequence[KeptAct]:
        """The acts of one warning, for everybody: what was announced is public."""
        ...

    def public(self) -> Sequence[KeptAct]:
        """The newest act of each warning, the newest first, for everybody."""
        ...
