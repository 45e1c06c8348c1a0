"""The shipped rules of supervision without a rules process, and who holds what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import JsonValue

from activities.supervising import Reach
from cases.rulings import Ruling
from rules.evaluate import evaluate
from rules.load import load_packs
from rules.pack import Pack
from yichuang.card_rules import reach_of

PACK = load_packs()["supervision"]


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
    can_look: bool = True
    centre: str = "dsjc"
    discipline: str = "jjjc"

    def resolve(self, role: str, department: str) -> str:
        for code in (department, "gov", "*"):
            if (role, code) in self.held:
                return f"r:{role}:{code}"
        return ""
