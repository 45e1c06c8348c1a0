"""The stand-ins of the blind index: of an applicant when the case is filed, of what is sought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy import Engine

from audit.blind import Algorithm, token
from audit.vault import SubjectVault
from cases.blind_index import (
    FIELDS,
    Field,
    Indexed,
    IndexKey,
    Sought,
    Token,
    live_keys,
    values_in,
    values_of,
)
from cases.database import reading
from cases.messages import Person

if TYPE_CHECKING:
    from activities.sealing import Sealer

KEY_SUBJECT: Final = "index:"
"""How the keys store calls a key of the index, before its id."""


@dataclass(frozen=True, slots=True)
class Pen:
    """What writes stand-ins under one key of the index."""

    key: IndexKey
    own: Mapping[Field, bytes] = field(repr=False)
    """The key of each field, derived from the one of the index."""

    @classmethod
    def of(cls, vault: SubjectVault, key: IndexKey) -> Pen:
        """Raises `audit.vault.KeyDestroyed` for a key that was retired meanwhile, `UnknownSubject`
        for one that this keys store never had."""
        national, subject = key.algorithm == "hmac-sm3", KEY_SUBJECT + key.id
        purposes = ((one, b"index\x00" + one.encode()) for one in FIELDS)
        own = {one: vault.derived(subject, what, national=national) for one, what in purposes}
        return cls(key, own)

    def tokens(self, values: Mapping[Field, str]) -> tuple[Token, ...]:
        algorithm = cast("Algorithm", self.key.algorithm)
        return tuple(
            Token(self.key.id, name, token(algorithm, self.own[name], name, value))
            for name, value in values.items()
        )


@dataclass(frozen=True, slots=True)
class BlindIndex:
    """The index of one cases store. Safe in any number of threads."""

    engine: Engine
    sealer: Sealer

    def of(self, applicant: Person) -> Indexed:
        """Return what a case of this applicant is found by, under every living key."""
        keys = self._keys()
        values = values_of(applicant)
        tokens = tuple(one for key in keys for one in Pen.of(self.sealer.vault, key).tokens(values))
        return Indexed(keys, tokens, "" if keys else self.sealer.name_mac(applicant.name))

    def sought(self, text: str) -> Sought:
        """Return by what the cases of a name, number or telephone are found: under the old and the
        new key while one takes the other's place."""
        keys = self._keys()
        values = values_in(text)
        tokens = tuple(one for key in keys for one in Pen.of(self.sealer.vault, key).tokens(values))
        if any(one.state != "filling" for one in keys):
            return Sought(tokens)
        names = (self.sealer.name_mac(text),)
        return Sought(tokens, names, self.sealer.number_macs(text))

    def _keys(self) -> tuple[IndexKey, ...]:
        with reading(self.engine) as connection:
            return live_keys(connection)
