"""The packs in force as a payment request asks them: by the version of the relevant instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cases.payments import FactSpec, Terms
from cases.rulings import Ruling
from rules.model import Subject
from rules.pack import Pack

SUBJECTS: frozenset[Subject] = frozenset({"payment", "project"})
"""What a pack must be about to be asked of money: PPP's red lines are about the project."""


class Versions(Protocol):
    """What counted when, as `yichuang.released.Released` knows it."""

    def pack_at(self, name: str, at: datetime) -> Pack | None: ...


class Answers(Protocol):
    """What answers by digest, as `yichuang.ruling.CityRules` does."""

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling: ...


@dataclass(frozen=True)
class CityPaymentRules:
    """`activities.paying.PaymentRules` over the register and the rules process."""

    answers: Answers
    versions: Versions

    def terms(self, pack: str, at: datetime) -> Terms | None:
        found = self.versions.pack_at(pack, at)
        return None if found is None else terms_of(found)

    def evaluate(self, digest: str, context: dict[str, object], at: datetime) -> Ruling:
        return self.answers.evaluate(digest, context, at)


def terms_of(pack: Pack) -> Terms | None:
    """Return a version as payments see it; None: it is not about money."""
    whole = pack.definition
    if whole.subject not in SUBJECTS:
        return None
    return Terms(
        pack=whole.pack,
        digest=pack.digest,
        zone=whole.zone,
        fields={
            name: FactSpec(spec.type, spec.unit, spec.derived)
            for name, spec in whole.fields.items()
        },
        stops=frozenset(key for key, spec in whole.outcome.items() if spec.stops),
    )
