"""Versions that claim to have come with the program, held against the entries that would say so.

The rows let such a version count without two people (`cases.tables`), for a city must begin with
something. So who owns the database would sign in the program's name: here it is named. A name that
no version of this city ever had, put in together with a forged entry, is told from a true one only
by the program's own files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from audit.entry import entry_id
from cases.integrity import Wrong
from cases.releases import SEED_AUTHOR, SEED_SIGNER, Release

SEED: Final = "release_seed"
SIGN: Final = "release_sign"


_NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class _Seed:
    place: int
    at: str
    after: str


@dataclass(slots=True)
class Seeds:
    """What the entries say of seeds, and where a person first signed a version of each name."""

    _told: dict[str, _Seed] = field(default_factory=dict)
    _signed: dict[str, int] = field(default_factory=dict)

    def note(self, stream: str, place: int, body: dict[str, Any]) -> None:
        """Take in one entry of a release's stream, in any order; `place` orders the whole log."""
        act, thing = body["act"], body["obj"]
        if act == SIGN and body["res"] == "ok":
            self._signed[stream] = min(place, self._signed.get(stream, place))
        if act != SEED or body["who"]["kind"] != "system":
            return
        if body["id"] == entry_id(thing["id"], "seed"):
            self._told[thing["id"]] = _Seed(place, body["t"], body.get("after", ""))

    def wrong(self, register: Iterable[Release]) -> Iterator[Wrong]:
        """Yield every version signed in the program's name that no seed's entry made count."""
        claimed = [one for one in register if one.signed_by == SEED_SIGNER]
        first: dict[str, _Seed] = {}
        for one in sorted(claimed, key=self._place):
            fault = self._fault(one, first.get(_stream(one)))
            if fault is not None:
                yield Wrong(f"release:{one.id}", 0, "signed_by", fault, one.signed_by)
            else:
                first.setdefault(_stream(one), self._told[one.id])

    def _place(self, one: Release) -> int:
        told = self._told.get(one.id)
        return told.place if told else _NEVER

    def _fault(self, one: Release, first: _Seed | None) -> str | None:
        told = self._told.get(one.id)
        as_seeded = replace(
            one, revoke_asked_by="", revoke_asked_at=None, revoke_reason="",
            revoked_by="", revoked_at=None,
        )  # fmt: skip
        if one.proposed_by != SEED_AUTHOR:
            return f"a person's signature: {one.proposed_by} proposed it"
        if told is None or told.after != as_seeded.row_digest:
            return "an entry by which the program activated exactly this"
        founded = first is None or self._is_one_founding(first, told)
        if not founded or self._signed.get(_stream(one), _NEVER) < told.place:
            return "two people's signatures: a version of this name counted before"
        return None

    def _is_one_founding(self, first: _Seed, other: _Seed) -> bool:
        """Tell whether two seeds were put in by one transaction, which ends up in one piece.

        A newer program only proposes what it brings of a name that counts already.
        """
        between = range(first.place, other.place + 1)
        run = sum(1 for one in self._told.values() if one.at == first.at and one.place in between)
        return run == len(between)


def _stream(one: Release) -> str:
    return f"release:{one.kind}:{one.name}"
