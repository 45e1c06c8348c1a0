"""The rules as `settle` asks them: by the digest that a case was filed under, old ones too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine, select

from cases.database import reading
from cases.rulings import Ruling
from cases.settling import RuleForbids
from cases.tables import rule_pack
from rules.evaluate import NoRuling
from rules.pack import ContextRefused, Pack
from rules.process import RulesProcess


class CityRules:
    """`activities.planning.Rules` over the rules process. `active` are today's packs, by id."""

    def __init__(self, process: RulesProcess, active: Mapping[str, Pack], cases: Engine) -> None:
        self._process = process
        self._active = dict(active)
        self._cases = cases

    def digest(self, pack: str) -> str:
        """Return the digest of the version that is active now. Raises `KeyError`."""
        return self._active[pack].digest

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        """Return the ruling of that version on the fields it knows.

        Raises `RuleForbids` when the case's facts do not fit the pack, or it has no answer.
        """
        pack = self._pack(digest)
        try:
            return self._process.evaluate(pack, pack.select(dict(context)), at)
        except (ContextRefused, NoRuling) as no:
            raise RuleForbids("no_ruling", f"规则没有答案：{no}", pack.id, "body.form") from no

    def _pack(self, digest: str) -> Pack:
        try:
            return self._process.pack(digest)
        except KeyError:
            pack = Pack.from_stored(self._stored(digest))
            self._process.add(pack)
            # `add` makes a pack the one of its id; the active one must stay so.
            if pack.id in self._active:
                self._process.add(self._active[pack.id])
            return pack

    def _stored(self, digest: str) -> str:
        table = rule_pack.c
        with reading(self._cases) as connection:
            text: str = connection.execute(
                select(table.pack).where(table.digest == digest)
            ).scalar_one()
        return text
