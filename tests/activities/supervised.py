"""The shipped rules of supervision without a rules process, and who holds what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import JsonValue

from activities.planning import Planner
from activities.settle import Settlement
from activities.supervising import Reach, Supervision
from cases.holders import Holders
from cases.rulings import Ruling
from catalogue.load import Catalogue, load_catalogue
from catalogue.matters import Matter
from catalogue.working_days import Calendar
from policies.warrants import WarrantSigner
from rules.evaluate import evaluate
from rules.load import load_packs
from rules.pack import Pack
from tests.activities.conftest import FORGERIES, Town, town_in
from yichuang.card_rules import reach_of
from yichuang.worker import LawfulPlanner, warrant_check

PACK = load_packs()["supervision"]
SHIPPED = load_catalogue()


@dataclass
class PackRules:
    """The shipped set, or another from an instant on, answered by the twin."""

    packs: list[tuple[datetime, Pack]] = field(
        default_factory=lambda: [(datetime(2020, 1, 1, tzinfo=UTC), PACK)]
    )
    denied: set[str] = field(default_factory=set)
    """Rules that the engine does not find, whatever the twin says."""

    def in_force(self, at: datetime) -> str | None:
        return next((pack.digest for since, pack in reversed(self.packs) if since <= at), None)

    def pack(self, digest: str) -> Pack:
        return next(pack for _, pack in self.packs if pack.digest == digest)

    def held(
        self, digest: str, context: Mapping[str, JsonValue], at: datetime
    ) -> Collection[tuple[str, str]]:
        fired = evaluate(self.pack(digest), context, at).fired
        return [(one.rule, one.basis) for one in fired]

    def reach(self, digest: str) -> Reach:
        return reach_of(self.pack(digest))

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        pack = self.pack(digest)
        ruling = evaluate(pack, pack.select(dict(context)), at)
        kept = tuple(one for one in ruling.fired if one.rule not in self.denied)
        return ruling.model_copy(update={"fired": kept})


@dataclass
class People:
    """Who holds what; the others are nobody."""

    held: set[tuple[str, str]] = field(
        default_factory=lambda: {
            ("section_head", "scjg"), ("organ_head", "scjg"), ("supervisor", "*"),
            ("government_head", "gov"),
        }
    )  # fmt: skip
    people: set[str] = field(default_factory=lambda: {"u:reviewer"})
    departments: set[str] = field(
        default_factory=lambda: {"scjg", "gov", "dsjc", "jjjc", "zjj", "zrzy", "xf", "rf", "ww"}
    )
    can_look: bool = True
    centre: str = "dsjc"
    discipline: str = "jjjc"

    def look(self) -> Holders | None:
        if not self.can_look:
            return None
        return Holders(
            frozenset(self.people), frozenset(self.departments), frozenset(self.held), {}
        )

    def upwards(self, department: str) -> tuple[str, ...]:
        return (department, "gov")


class ClockTown(Town):
    """A town whose clock stands where the test puts it."""

    now_at: datetime = datetime(2026, 3, 2, 1, tzinfo=UTC)


def city(matter: Matter, **calendars: Calendar) -> Catalogue:
    return Catalogue(
        matters=(matter,),
        law=SHIPPED.law,
        city=SHIPPED.city,
        calendars={**SHIPPED.calendars, **calendars},
    )


def supervised_town(
    folder: Path,
    matters: Catalogue,
    rules: PackRules | None = None,
    people: People | None = None,
) -> ClockTown:
    """Return a town whose worker has its pen, and whose cases are supervised."""
    return supervise(town_in(folder), matters, rules, people)


def supervise(
    plain: Town,
    matters: Catalogue,
    rules: PackRules | None = None,
    people: People | None = None,
) -> ClockTown:
    """Return a town over the same stores, whose cases are supervised."""
    town = ClockTown(plain.engine, plain.keys, plain.signer)
    town.matters = matters
    pen = WarrantSigner("worker", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    given = {one.name: getattr(town.planner, one.name) for one in fields(Planner)}
    town.planner = LawfulPlanner(
        **given
        | {
            "now": lambda: town.now_at,
            "supervision": Supervision(rules or PackRules(), people or People()),
            "verify": warrant_check({s.issuer: s.public_key for s in (town.signer, pen)}),
        },
        pen=pen,
    )
    town.settlement = Settlement(town.engine, town.planner, FORGERIES)
    return town
