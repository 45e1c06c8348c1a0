"""What cards would be forecast if a version of their rules counted, or ceased to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Engine

from activities.looking_ahead import CardChange
from activities.planning import Planner
from activities.supervising import Addressees, Reach, Supervision
from cases import releases
from cases.database import reading
from cases.releases import Proposal, Release
from cases.retiming import Direction, Seen
from cases.rulings import Ruling
from cases.state import Timer
from rules.pack import Pack
from yichuang.card_rules import PACK, held_by, reach_of
from yichuang.released import Released
from yichuang.ruling import CityRules


@dataclass(frozen=True)
class CardRulesAsIf:
    """`activities.supervising.CardRules` of a register that is not so: for forecasts only."""

    counts: Callable[[datetime], Pack | None]
    """The version that would be in force at an instant."""
    known: dict[str, Pack] = field(default_factory=dict)

    def in_force(self, at: datetime) -> str | None:
        pack = self.counts(at)
        if pack is None:
            return None
        return self.known.setdefault(pack.digest, pack).digest

    def held(
        self, digest: str, context: Mapping[str, JsonValue], at: datetime
    ) -> Collection[tuple[str, str]]:
        return held_by(self.known[digest], context, at)

    def reach(self, digest: str) -> Reach:
        return reach_of(self.known[digest])

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        raise AssertionError("nothing is ruled by rules that are not in force")


@dataclass(frozen=True)
class CityCardChanges:
    """`activities.looking_ahead.CardChanges`, and the forecasts of now (`CardsNow`)."""

    engine: Engine
    planner: Planner
    rules: CityRules
    released: Released
    addressees: Addressees
    now: Callable[[], datetime]

    def __call__(self, one: Proposal | Release, direction: Direction) -> CardChange:
        """Return the forecasts now and then. Raises `ValueError` for a text that is no pack."""
        now = self.now()
        with reading(self.engine) as connection:
            rows = [row for row in releases.signed(connection, "rules") if row.name == PACK]

        def signed(others: Sequence[Release], at: datetime) -> Pack | None:
            row = next(releases.counting(others, at), None)
            return None if row is None else self.rules.pack(row.digest)

        if direction == "apply":
            fresh = Pack.from_stored(one.content)

            def then(at: datetime) -> Pack | None:
                return fresh if at >= now else signed(rows, at)
        else:
            assert isinstance(one, Release)
            left = [row for row in rows if row.id != one.id]

            def then(at: datetime) -> Pack | None:
                return signed(left, at)

        planner = replace(
            self.planner, supervision=Supervision(CardRulesAsIf(then), self.addressees)
        )

        def cards(seen: Seen) -> Sequence[Timer]:
            return planner.cards(seen.state, seen.clock, now)

        return CardChange(_version(signed(rows, now)), _version(then(now)), cards)

    def version(self) -> str:
        """Return the version in force at this moment, read anew."""
        self.released.look_again()
        return _version(self.released.pack_at(PACK, self.now()))

    def cards(self, seen: Seen, at: datetime) -> Sequence[Timer]:
        """Return the next cards of a case, as a step of it at that instant would find them."""
        return self.planner.cards(seen.state, seen.clock, at)


def _version(pack: Pack | None) -> str:
    return "" if pack is None else pack.version
