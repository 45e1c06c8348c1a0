"""The rules in force, as the pages ask for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from cases import releases
from cases.database import reading
from catalogue.law import Article
from forms.rule_ports import PackInForce
from rules.pack import Pack
from rules.register import register


@dataclass(frozen=True)
class WebRules:
    """`forms.rule_ports.RulePacks` over the register, which is only read."""

    engine: Engine
    packs: Callable[[], Mapping[str, Pack]]
    """Those in force, parsed once."""
    now: Callable[[], datetime]

    def in_force(self) -> Sequence[PackInForce]:
        """Return every pack that counts now, by id."""
        known = self.packs()
        with reading(self.engine) as connection:
            rows = list(releases.counting(releases.signed(connection, "rules"), self.now()))
        return [
            PackInForce(known[one.name], one.id, one.in_force_from)
            for one in sorted(rows, key=lambda one: one.name)
            if one.name in known
            and known[one.name].digest == one.digest
            and one.in_force_from is not None
        ]

    def articles(self) -> Mapping[str, Article]:
        """Return the law register, by id."""
        return register()
