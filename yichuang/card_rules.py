"""The rules of supervision and their addressees, as the worker asks for them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
from rules.model import All, AnyOf, Condition, Leaf
from rules.pack import Pack, Slice
from rules.plain import Predicate
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
    """Return the rules of a pack that hold, by the twin. The pack has no derived fields."""
    fact = {name: value for name, value in context.items() if value is not None and value != []}
    asked = _asked(pack.slice_at(at), fact.get("clock"))
    return tuple((name, basis) for name, basis, holds in asked if holds(fact))


_Asked = tuple[tuple[str, str, Predicate], ...]
_KEPT: dict[tuple[str, JsonValue], _Asked] = {}
_KEPT_AT_MOST = 500
"""Sets of rules by clock that are kept; a city has a version or two, and eight clocks."""


def _asked(rules: Slice, clock: Any) -> _Asked:
    """Return the rules that can hold on a clock (id, article, predicate), worked out once."""
    found = _KEPT.get((rules.key, clock))
    if found is None:
        if len(_KEPT) >= _KEPT_AT_MOST:
            _KEPT.clear()
        found = _KEPT[rules.key, clock] = tuple(
            (rule.id, rule.basis, holds)
            for rule, holds in zip(rules.rules, rules.predicates, strict=True)
            if _may_hold(rule.when, clock)
        )
    return found


def _may_hold(condition: Condition, clock: Any) -> bool:
    """Whether a condition can be true on a clock: no only where its own words exclude it."""
    match condition:
        case All():
            return all(_may_hold(part, clock) for part in condition.all)
        case AnyOf():
            return any(_may_hold(part, clock) for part in condition.any)
        case Leaf(field="clock", op="eq", of=None | ""):
            return bool(condition.value == clock)
        case Leaf(field="clock", op="in", of=None | "", value=list() as values):
            return clock in values
        case _:
            return True


_REACHES: dict[str, Reach] = {}


def reach_of(pack: Pack) -> Reach:
    """Return how far the rules of a pack look past the end of a period; worked out once."""
    found = _REACHES.get(pack.digest)
    if found is None:
        days = pack.largest("yellow_open_working_days", "overdue_working_days")
        percent = max(100, int(pack.largest("elapsed_percent")) + 1)
        found = _REACHES[pack.digest] = Reach(int(days) + 1, percent)
    return found


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
