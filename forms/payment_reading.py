"""Whose payments a reader may open: a link leads to no other."""

from __future__ import annotations

from collections.abc import Iterable

from cases.fund import PAYMENT
from forms.access_ports import Thing
from forms.visit import Visit


async def read_for(visit: Visit, departments: Iterable[str]) -> frozenset[str]:
    """Return the departments of these whose payments the reader may open."""
    found, may = set(), visit.ports.access.may
    for one in set(departments):
        asked = Thing(PAYMENT, department=one)
        if (await visit.ask(may, visit.actor, "payment_read", asked)).allowed:
            found.add(one)
    return frozenset(found)
