"""`forms.anomalies.Anomalies` over the web store and the versions of the pack that found them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from cases import access_findings
from cases.access_findings import Finding
from cases.accounts import Accounts
from cases.database import reading
from forms.anomaly_ports import Anomaly
from rules.pack import Pack

SHOWN = timedelta(days=30)
"""How long a finding that was cleared stays on the list."""


@dataclass(frozen=True)
class WebAnomalies:
    """Findings with the words of the rule by whose version they were found."""

    web: Engine
    versions: Callable[[], Mapping[str, Pack]]
    """By digest."""
    people: Callable[[], Mapping[str, str]]
    now: Callable[[], datetime]

    def listing(self) -> Sequence[Anomaly]:
        with reading(self.web) as connection:
            found = access_findings.recent(connection, self.now() - SHOWN)
        names, versions = self.people(), self.versions()
        return [_shown(one, versions.get(one.pack), names) for one in found]


def people_of(accounts: Accounts, pseudonym_of: Callable[[str], str]) -> Mapping[str, str]:
    """Return the name of each person by the pseudonym of the account."""
    return {pseudonym_of(one.id): one.name for one in accounts.listing() if one.kind == "human"}


def _shown(one: Finding, pack: Pack | None, names: Mapping[str, str]) -> Anomaly:
    rules = {rule.id: rule for rule in pack.definition.rules} if pack else {}
    rule, fields = rules.get(one.rule), pack.definition.fields if pack else {}
    facts = []
    for name, n in sorted(one.facts.items()):
        title = fields[name].title if name in fields else None
        facts.append((title.zh if title else name, title.en if title else name, int(n)))
    return Anomaly(
        title=rule.title.zh if rule else one.rule,
        title_en=rule.title.en if rule else one.rule,
        basis=rule.basis if rule else "",
        level=str(rule.then.get("level", "")) if rule else "",
        verified=rule.verified if rule else False,
        note=rule.note if rule else "",
        who=one.who,
        name=names.get(one.who, ""),
        facts=facts,
        entries=one.entries,
        raised_at=one.raised_at,
        cleared_at=one.cleared_at,
    )
