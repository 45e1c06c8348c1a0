"""What one case puts into the sums about its supervision cards, and which cards there are by them.

By the month in which a card arose: against which department, of which level, what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from cases.card_state import STATE
from cases.card_tables import card
from cases.months import month_at
from cases.seen import Group
from cases.tally_running import named
from cases.tally_share import BETWEEN, CARDS, Numbers, Share


@dataclass(frozen=True, slots=True)
class CardsSummed:
    """So many cards of one month are alike."""

    month: str
    department: str
    level: str
    state: str
    n: int


def put_cards(connection: Connection, found: Mapping[str, Share], zone: str) -> None:
    """Tell the cards of these cases, revoked ones too."""
    query = select(card.c.case_id, card.c.at, card.c.department, card.c.level, STATE).where(
        card.c.case_id.in_(list(found))
    )
    for case_id, at, department, level, state in connection.execute(query):
        found[case_id].add(CARDS, month_at(at, zone), named(department, level, state), 1)


def cards_of(sums: Iterable[tuple[str, Group, Numbers]]) -> list[CardsSummed]:
    """Return the cards of all groups."""
    found: dict[tuple[str, str], int] = {}
    for month, _, numbers in sums:
        for name, n in numbers.items():
            found[month, name] = found.get((month, name), 0) + n
    cards = []
    for (month, name), n in found.items():
        department, level, state = name.split(BETWEEN)
        if n:
            cards.append(CardsSummed(month, department, level, state, n))
    return cards
