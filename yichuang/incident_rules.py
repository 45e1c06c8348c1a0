"""The packs `response`, `on_site`, `accidents` and `reporting` as incidents ask them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from pydantic import JsonValue

from cases.incidents.chains import Link, links_of
from cases.incidents.messages import Grade
from cases.incidents.state import Limits, Rung
from cases.rulings import Ruling
from cases.settling import RuleForbids
from catalogue.incident_types import IncidentType
from rules.model import Rule, leaves
from rules.pack import Pack

RESPONSE: Final = "response"
YUAN_10K: Final = 10_000


class Versions(Protocol):
    """What counted when, as `yichuang.released.Released` knows it."""

    def pack_at(self, name: str, at: datetime) -> Pack | None: ...


class Answers(Protocol):
    """What answers by digest, as `yichuang.ruling.CityRules` does."""

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling: ...


@dataclass(frozen=True)
class CityIncidentRules:
    """`activities.incidents.IncidentRules` over the register and the rules process."""

    answers: Answers
    versions: Versions

    def limits(self, kind: IncidentType, at: datetime) -> Limits:
        """Return the limits in force. Raises `RuleForbids` where the city has no such pack."""
        pack = self._pack(RESPONSE, at)
        found = response_limits(pack, at)
        arrive, finish, articles = self._on_site(kind, at)
        return found.model_copy(
            update={
                "arrive": arrive, "finish": finish, "forget": kind.forget_minutes,
                "articles": found.articles | articles,
            }
        )  # fmt: skip

    def grade(
        self, kind: IncidentType, body: Grade, days_since: int, at: datetime
    ) -> tuple[str, bool]:
        """As `activities.incidents.IncidentRules`."""
        if not kind.accident_kind:
            return "", True
        outcome = self._asked(
            "accidents",
            {
                "deaths": body.deaths,
                "serious_injuries": body.injured,
                "direct_loss_10k": body.loss_yuan / YUAN_10K,
                "accident_kind": kind.accident_kind,
                "days_since": days_since,
            },
            at,
        ).outcome
        return str(outcome["grade"]), bool(outcome.get("regrade_open", False))

    def links(self, kind: IncidentType, grade: str, at: datetime) -> tuple[Link, ...]:
        """As `activities.incidents.IncidentRules`."""

        def ask(reporter: str) -> Link | None:
            said = {"domain": kind.reporting, "reporter": reporter}
            ruling = self._asked("reporting", said | ({"grade": grade} if grade else {}), at)
            minutes, to = ruling.outcome.get("within_minutes"), ruling.outcome.get("report_to")
            if not isinstance(minutes, int | float) or not isinstance(to, str):
                return None
            also = ruling.outcome.get("also_to", [])
            others = tuple(str(one) for one in also) if isinstance(also, list) else ()
            return Link(reporter, to, float(minutes), ruling.fired[0].basis, others)

        return links_of(kind.reporting, ask)

    def _on_site(
        self, kind: IncidentType, at: datetime
    ) -> tuple[float | None, float | None, dict[str, str]]:
        if not kind.on_site:
            return None, None, {}
        # Where a pack tells town from country, the city itself is town.
        ruling = self._asked("on_site", {"type": kind.on_site, "area": "urban"}, at)
        arrive, finish = (_number(ruling.outcome.get(f"{one}_minutes")) for one in _SITE)
        articles = {
            key: fired.basis
            for fired in ruling.fired
            for key in _SITE
            if f"{key}_minutes" in fired.then
        }
        return arrive, finish, articles

    def _asked(self, name: str, context: Mapping[str, JsonValue], at: datetime) -> Ruling:
        return self.answers.evaluate(self._pack(name, at).digest, dict(context), at)

    def _pack(self, name: str, at: datetime) -> Pack:
        pack = self.versions.pack_at(name, at)
        if pack is None:
            raise RuleForbids("no_pack", f"规则包「{name}」没有生效的版本，请先签署", name)
        return pack


_SITE: Final = ("arrive", "finish")


def response_limits(pack: Pack, at: datetime) -> Limits:
    """Return the limits as the pack's own comparisons state them. Raises `RuleForbids`.

    A rule that speaks of a late stage gives its limit, one that names somebody to tell a rung, the
    one that redispatches the time of the second call: so a changed pack changes the timers.
    """
    limits: dict[str, float] = {}
    articles: dict[str, str] = {}
    rungs: list[Rung] = []
    for rule in pack.slice_at(at).rules:
        minutes = _minutes(rule)
        if minutes is None:
            continue
        late, told = rule.then.get("late", []), rule.then.get("told", [])
        for stage in late if isinstance(late, list) else []:
            limits[str(stage)], articles[str(stage)] = minutes, rule.basis
        if rule.then.get("redispatch"):
            limits["again"], articles["again"] = minutes, rule.basis
        if told and isinstance(told, list):
            key = rule.id.rpartition("-")[2]
            rungs.append(
                Rung(key=key, minutes=minutes, told=tuple(map(str, told)), article=rule.basis)
            )
    missing = {"graded", "dispatched", "acknowledged", "again"} - limits.keys()
    if missing:
        raise RuleForbids(
            "no_limits", f"规则包 {pack.id} 没有给出期限：{'、'.join(sorted(missing))}", pack.id
        )
    return Limits(
        graded=limits["graded"],
        dispatched=limits["dispatched"],
        acknowledged=limits["acknowledged"],
        again=limits["again"],
        rungs=tuple(sorted(rungs, key=lambda one: one.minutes)),
        articles=articles,
        digest=pack.digest,
        forget=60,
    )


def _minutes(rule: Rule) -> float | None:
    for leaf in leaves(rule.condition):
        if leaf.field in ("minutes_since", "minutes_since_dispatch"):
            return _number(leaf.value)
    return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
