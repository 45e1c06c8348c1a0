"""The rules as `settle` asks them: by the digest that a case was filed under, old ones too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Engine

from cases import releases
from cases.database import reading
from cases.rulings import Ruling
from cases.settling import RuleForbids
from rules.evaluate import NoRuling
from rules.pack import ContextRefused, Pack
from rules.process import RulesProcess


class CityRules:
    """`activities.planning.Rules` over the rules process. `active` gives the packs in force."""

    def __init__(
        self, process: RulesProcess, active: Callable[[], Mapping[str, Pack]], cases: Engine
    ) -> None:
        self._process = process
        self._active = active
        self._cases = cases

    def digest(self, pack: str) -> str:
        """Return the digest of the version that is active now. Raises `KeyError`."""
        return self._active()[pack].digest

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        """Return the ruling of that version on the fields it knows.

        Raises `RuleForbids` when the case's facts do not fit the pack, or it has no answer.
        """
        pack = self.pack(digest)
        try:
            return self._process.evaluate(pack, pack.select(dict(context)), at)
        except (ContextRefused, NoRuling) as no:
            raise RuleForbids("no_ruling", f"规则没有答案：{no}", pack.id, "body.form") from no

    def pack(self, digest: str) -> Pack:
        """Return a version by its digest, in force still or not. Raises `LookupError`."""
        try:
            return self._process.pack(digest)
        except KeyError:
            # By its digest only: which version of an id is active, the register says.
            pack = Pack.from_stored(self._signed(digest))
            self._process.add(pack)
            return pack

    def _signed(self, digest: str) -> str:
        """Return the text of a version that was signed once, in force still or not."""
        with reading(self._cases) as connection:
            found = releases.of_digest(connection, "rules", digest)
        if found is None:
            raise LookupError(f"no signed rule pack has the digest {digest}")
        return found.content
