"""What became of a card, asked of its own marks: for lists and for sums."""

from __future__ import annotations

from sqlalchemy import case as when
from sqlalchemy import func, select

from cases.card_tables import card, card_mark
from cases.card_views import STATES

_NEWEST = (
    select(card_mark.c.kind)
    .where(card_mark.c.number == card.c.number, card_mark.c.kind != "withheld")
    .order_by(card_mark.c.seq.desc(), card_mark.c.n.desc())
    .limit(1)
    .correlate(card)
    .scalar_subquery()
)

STATE = func.coalesce(
    when(STATES, value=_NEWEST), when((card.c.explain_days > 0, "due"), else_="")
).label("state")
"""The state of a card as `cases.card_views.card_view` tells it."""
