"""From when a version counts, as whoever signs it chooses."""

from __future__ import annotations

from datetime import UTC, datetime

from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

SINCE = "since"
"""Name of the field; empty: from its signature on, never before the version's own first day."""


def since_of(visit: Visit) -> datetime | None:
    """Return the instant that was typed, in legal time; None: none was. Raises `Stop` 422."""
    typed = visit.text(SINCE).strip()
    if not typed:
        return None
    try:
        found = datetime.fromisoformat(typed)
        found = found if found.tzinfo else found.replace(tzinfo=visit.zone)
        return found.astimezone(UTC).astimezone(visit.zone)
    except (ValueError, OverflowError) as wrong:
        told = visit.say(N_("生效时刻写成 2026-12-01T00:00；不填的，签署后即生效。版本没有签署。"))
        raise Stop(422, told, "since") from wrong
