"""`forms.reason_ports.Reasons` over the stored rulings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forms.reason_ports import RulingReasons
from yichuang.stored_rulings import Stored, StoredRulings


@dataclass(frozen=True)
class WebReasons:
    """Each ruling made again before it is shown: what is explained is what was decided."""

    rulings: StoredRulings

    def of_case(self, case_id: str) -> Sequence[RulingReasons]:
        return [self.one(stored) for stored in self.rulings.of_case(case_id)]

    def one(self, stored: Stored) -> RulingReasons:
        """Return the reasons of one stored ruling."""
        known = (stored.seq, stored.pack, stored.version, stored.digest)
        if stored.ruling is None:
            return RulingReasons(*known, None, "erased")
        try:
            return RulingReasons(*known, self.rulings.why(stored))
        except LookupError:
            return RulingReasons(*known, None, "unknown")
        except ValueError:
            return RulingReasons(*known, None, "altered")
