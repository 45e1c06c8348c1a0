"""The rules of supervision and their addressees, as the worker asks for them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from activities.supervising import Reach
from cases.database import StoreUnwritable, reading
from cases.holders import Holders, holders_of
from cases.releasing import CARD_RULES
from cases.rulings import Ruling
from cases.web_tables import office_holder
from catalogue.city import City
from rules.evaluate import plain_match
from rules.pack import Pack
from yichuang.released import Released
from yichuang.ruling import CityRules

PACK = CARD_RULES
"""Id of the rule pack that gives cards."""

_log = logging.getLogger("yichuang.cards")


@dataclass(frozen=True)
class CityCardRules:
    """`activities.supervising.CardRules` over the register and the rules process."""

    rules: CityRules
    released: Released

    def in_force(self, at: datetime) -> str | None:
        """Return the digest of the version in force at an instant, as far as it is signed today."""
        pack = self.released.pack_at(PACK, at)
        return None if pack is None else pack.digest

    def held(
        self, digest: str, context: Mapping[str, JsonValue], at: datetime
    ) -> Collection[tuple[str, str]]:
        """Return the rules that hold, by the twin. The pack has no derived fields: one round."""
        return held_by(self.rules.pack(digest), context, at)

    def reach(self, digest: str) -> Reach:
        """Return how far that version looks."""
        pack = self.rules.pack(digest)
        return reach_of(pack)

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        """Return the ruling of that version, by the engine."""
        return self.rules.evaluate(digest, context, at)


def held_by(
    pack: Pack, context: Mapping[str, JsonValue], at: datetime
) -> tuple[tuple[str, str], ...]:
    """Return the rules of a pack that hold, by the twin."""
    rules = pack.slice_at(at)
    ids = plain_match(rules, {k: v for k, v in context.items() if v not in (None, [])})
    return tuple((one.id, one.basis) for one in rules.rules if one.id in ids)


def reach_of(pack: Pack) -> Reach:
    """Return how far the rules of a pack look past the end of a period."""
    days = pack.largest("yellow_open_working_days", "overdue_working_days")
    return Reach(int(days) + 1, max(100, int(pack.largest("elapsed_percent")) + 1))


@dataclass(frozen=True)
class CityAddressees:
    """`activities.supervising.Addressees` over the city and the accounts."""

    city: City
    web: Engine | None
    """The web store, read only; None: this process was given no way to it."""

    @property
    def centre(self) -> str:
        """Return the code of the first department that supervises (电子监察)."""
        return next(
            (one.code for one in self.city.departments if one.kind == "supervision"),
            self.city.departments[0].code,
        )

    @property
    def discipline(self) -> str:
        """Return the code of the body for discipline (纪检监察); the centre where there is none."""
        return next(
            (one.code for one in self.city.departments if one.kind == "discipline"), self.centre
        )

    def look(self) -> Holders | None:
        """Return who there is; None where the accounts cannot be read.

        A card must come all the same: then the centre is told too, and an alarm says why
        (`yichuang.card_watch`).
        """
        if self.web is None:
            return None
        try:
            with reading(self.web) as connection:
                return holders_of(tuple(row) for row in connection.execute(select(office_holder)))
        except (SQLAlchemyError, StoreUnwritable):
            _log.exception("the accounts cannot be read; every role is taken to be held")
            return None

    def upwards(self, department: str) -> tuple[str, ...]:
        """Return the department and those above it, the nearest first."""
        parents = {one.code: one.parent for one in self.city.departments}
        found: list[str] = []
        while department and department not in found:
            found.append(department)
            department = parents.get(department, "")
        return tuple(found)
