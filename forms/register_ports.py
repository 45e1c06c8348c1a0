"""What the forms ask departments' registers for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cases.messages import Actor
from catalogue.registers import Register
from forms.entrance_ports import Where


@dataclass(frozen=True)
class Shared:
    """What became of one question."""

    register: Register
    state: Literal["found", "none", "away"]
    values: Mapping[str, str]
    """Field of the form → what fills it."""


class Registers(Protocol):
    """Registers that are connected."""

    def offered(self, matter: str) -> Sequence[Register]:
        """Those that fill something of a matter's form."""
        ...

    async def ask(
        self, actor: Actor, where: Where, register: Register, key: Mapping[str, str], matter: str
    ) -> Shared:
        """Ask one, for at most as long as it may take; its entry has committed before this
        returns. A register that is slow, dead or not to be believed is `away`."""
        ...
