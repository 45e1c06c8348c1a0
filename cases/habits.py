"""How people want their pages, and the filters of lists that they keep, in the web store.

Sealing and opening the filters is the caller's: here stand only bytes and owners.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from cases.database import reading
from cases.web_tables import preference, saved_filter

CHOICES: Mapping[str, tuple[str, ...]] = {
    "keys": ("on", "off"),
    "go_on": ("off", "on"),
    "page_size": ("25", "50", "100"),
    "digest": ("08:30", "07:30", "13:30", "17:00", "off"),
}
"""Name of a preference → its values, the first as it comes. keys: whether single keys press links
(WCAG 2.1.4 wants them switched off at will); go_on: whether the next task opens by itself after
one is finished; page_size: lines of a page of a list; digest: when on a
working day what waits is told, in the city's zone."""

MOST_FILTERS = 30
"""Filters that one person may keep, so that the list above the queue stays one to choose from."""


class NoSuchChoice(ValueError):
    """There is no such preference, or it has no such value."""


class TooManyFilters(Exception):
    """The owner keeps as many filters as one may; remove one first."""


@dataclass(frozen=True)
class SealedFilter:
    id: str
    sealed: bytes
    saved_at: datetime


@dataclass(frozen=True)
class Habits:
    """Preferences and kept filters. Blocking; safe to share between threads."""

    engine: Engine

    def preferences(self, owner: str) -> Mapping[str, str]:
        """Return every preference of an owner; what was never chosen as it comes."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(preference.c.name, preference.c.value).where(preference.c.owner == owner)
            ).all()
        chosen = {row.name: row.value for row in rows}
        return {
            name: chosen[name] if chosen.get(name) in values else values[0]
            for name, values in CHOICES.items()
        }

    def everybody(self, name: str) -> Mapping[str, str]:
        """Return what those who chose have chosen of one preference: owner → value."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(preference.c.owner, preference.c.value).where(preference.c.name == name)
            )
            return {row.owner: row.value for row in rows if row.value in CHOICES[name]}

    def prefer(self, owner: str, chosen: Mapping[str, str], at: datetime) -> None:
        """Keep these choices, whole. Raises `NoSuchChoice`: then none is kept."""
        for name, value in chosen.items():
            if value not in CHOICES.get(name, ()):
                raise NoSuchChoice(f"{name}={value}")
        for name, value in chosen.items():
            self._prefer(owner, name, value, at)

    def _prefer(self, owner: str, name: str, value: str, at: datetime) -> None:
        mine = (preference.c.owner == owner, preference.c.name == name)
        change = update(preference).where(*mine).values(value=value, changed_at=at)
        with self.engine.begin() as connection:
            if connection.execute(change).rowcount:
                return
        try:
            with self.engine.begin() as connection:
                connection.execute(
                    insert(preference).values(owner=owner, name=name, value=value, changed_at=at)
                )
        except IntegrityError:  # another tab was quicker: the later choice counts
            with self.engine.begin() as connection:
                connection.execute(change)

    def save_filter(self, owner: str, kept: SealedFilter) -> None:
        """Keep a filter, in place of the owner's former one of that id. Raises `TooManyFilters`."""
        values = {"sealed": kept.sealed, "saved_at": kept.saved_at}
        mine = saved_filter.c.owner == owner
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(saved_filter).where(mine, saved_filter.c.id == kept.id).values(values)
            )
            if changed.rowcount:
                return
            n = connection.execute(select(func.count()).select_from(saved_filter).where(mine))
            if n.scalar_one() >= MOST_FILTERS:
                raise TooManyFilters(owner)
            connection.execute(insert(saved_filter).values(owner=owner, id=kept.id, **values))

    def filters(self, owner: str) -> tuple[SealedFilter, ...]:
        """Return the owner's filters, the oldest first."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(saved_filter)
                .where(saved_filter.c.owner == owner)
                .order_by(saved_filter.c.saved_at, saved_filter.c.id)
            ).all()
        return tuple(SealedFilter(row.id, row.sealed, row.saved_at) for row in rows)

    def remove_filter(self, owner: str, filter_id: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                delete(saved_filter).where(
                    saved_filter.c.owner == owner, saved_filter.c.id == filter_id
                )
            )
