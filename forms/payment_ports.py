"""What the pages and the REST door ask of payment requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cases.messages import Actor, Source
from cases.payment_rows import KeptPayment
from cases.payments import PaymentAnswer, RequestPayment
from forms.reason_ports import RulingReasons
from rules.pack import Pack


class Payments(Protocol):
    """付费申请: asked, listed, shown with their reasons."""

    def packs(self) -> Mapping[str, Pack]:
        """The packs in force that judge payments, by id."""
        ...

    def may_read(self, actor: Actor) -> frozenset[str]:
        """The departments whose requests the actor may see."""
        ...

    def may_request(self, actor: Actor) -> frozenset[str]:
        """The departments for which the actor may ask."""
        ...

    def request(
        self, actor: Actor, source: Source, command_id: str, body: RequestPayment
    ) -> PaymentAnswer:
        """Have a request judged. Raises `NotNow`; repeat with the same id."""
        ...

    def listing(self, actor: Actor, outcome: str, page: int) -> tuple[Sequence[KeptPayment], int]:
        """One page of the requests that the actor may see, the newest first, and how many."""
        ...

    def waiting(self, actor: Actor, page: int) -> tuple[Sequence[KeptPayment], int] | None:
        """One page of those whose next step the actor may take, what has waited longest first, and
        how many. None: no such step is theirs anywhere."""
        ...

    def find(self, payment: str) -> KeptPayment | None: ...

    def reasons(self, one: KeptPayment) -> Sequence[RulingReasons]:
        """Why its packs said so, by pack."""
        ...
