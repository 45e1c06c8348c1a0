"""The access policy for the pages: the register's texts, and how many people hold which role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select

from cases import releases
from cases.database import reading
from cases.releases import ReleaseRefused
from cases.web_tables import office_holder
from forms.policy_ports import PolicyInForce, PolicyProposal
from policies.policy import parse_whole, split
from yichuang.released import Released


@dataclass(frozen=True)
class WebPolicies:
    """`forms.policy_ports.Policies` over the register and the accounts, which are only read."""

    cases: Engine
    web: Engine
    released: Released

    def in_force(self) -> PolicyInForce:
        text, since = self.released.policy_text()
        return PolicyInForce(self.released.policy(), split(text)[1], since)

    def proposal(self, release: str) -> PolicyProposal | None:
        with reading(self.cases) as connection:
            try:
                found = releases.find(connection, release)
            except ReleaseRefused:
                return None
        if found.kind != "policy":
            return None
        text = split(found.content)[1]
        return PolicyProposal(found.id, parse_whole(found.content), text, found.gate)

    def holders(self) -> Mapping[str, int]:
        with reading(self.web) as connection:
            rows = connection.execute(select(office_holder)).all()
        return counted((row.id, row.grants) for row in rows if row.disabled_at is None)


def counted(rows: Iterable[tuple[str, Sequence[Sequence[str]]]]) -> Mapping[str, int]:
    """Return how many of these people hold each role, wherever they hold it."""
    people: dict[str, set[str]] = {}
    for who, grants in rows:
        for role, _ in grants:
            people.setdefault(role, set()).add(who)
    return {role: len(some) for role, some in people.items()}


__all__ = ["WebPolicies", "counted"]
