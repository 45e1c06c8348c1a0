"""Supervision cards (监察牌: 提示, 预警, 黄牌, 红牌): what a clock looks like at an instant, and
when a rule would first give one.

    Clock.of(period, calendar, zone, horizon) -> Clock     a period with its ledger
    facts(clock, at, seen) -> dict[str, JsonValue]         the rules' context (rules/README.md)
    instants(clock, since, until) -> Iterator[datetime]    where time alone can change the facts
    next_cards(clock, seen, since, until, held)            the first rules to hold, and when
    card_number(...), card_key(...), parts_of(key)         names that a retry makes alike

All pure. The rules themselves stand in `rules/packs/supervision.yaml`; what a card does to a case
stands in `cases/approval/cards.py`; `activities/supervising.py` brings them together.
"""

from cases.supervision.clock import Clock, Seen, facts
from cases.supervision.forecast import Found, instants, next_cards
from cases.supervision.names import (
    BY_HAND,
    LEVEL_CODES,
    LEVELS,
    card_key,
    card_number,
    parts_of,
    ruling_role,
)

__all__ = [
    "BY_HAND",
    "LEVELS",
    "LEVEL_CODES",
    "Clock",
    "Found",
    "Seen",
    "card_key",
    "card_number",
    "facts",
    "instants",
    "next_cards",
    "parts_of",
    "ruling_role",
]
