"""The packs in force as a project's orders ask them: by the version of the order's instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from cases.payments import stops_of
from cases.projects.step import Judged
from cases.rulings import Ruling
from cases.settling import RuleForbids
from rules.pack import Pack
from yichuang.payment_rules import Answers, Versions


@dataclass(frozen=True)
class CityProjectRules:
    """`cases.projects.step.Rules` over the register and the rules process."""

    answers: Answers
    versions: Versions

    def judge(self, pack: str, facts: Mapping[str, JsonValue], at: datetime) -> Judged:
        """Return what the pack says. Raises `RuleForbids` where the city has none in force."""
        found = self.versions.pack_at(pack, at)
        if found is None:
            raise RuleForbids("no_pack", f"规则包「{pack}」没有生效的版本，请先签署", pack)
        return judged(found, self.answers.evaluate(found.digest, dict(facts), at))


def judged(pack: Pack, ruling: Ruling) -> Judged:
    """Return a ruling as the machine asks for it."""
    stops = frozenset(key for key, spec in pack.definition.outcome.items() if spec.stops)
    return Judged(
        ruling.outcome, tuple(stops_of(stops, ruling)), tuple(one.basis for one in ruling.fired)
    )
