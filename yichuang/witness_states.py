"""What the witnesses themselves remember of the log: the one thing that shows a log cut short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from audit.origins import Half, Origin
from audit.trust import TrustPolicy
from audit.witness_ask import WitnessAway, remembered


@dataclass(slots=True)
class Remembered:
    """The heads that witnesses remember, as notes, and what could not be learnt."""

    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def ask_all(
    policy: TrustPolicy,
    origin: str,
    urls: Sequence[str],
    files: Sequence[Path],
    today: date,
    ca: Path | None = None,
) -> Remembered:
    """Ask the witnesses at these addresses (an empty one: every witness of the policy) and read the
    files that witnesses wrote (`witness status --head`).

    Asked of the open shard `origin`, and of the shards up to `today` that there should not be yet:
    a store put back to before a turn shows the older one as the open one. Raises `OSError` for a
    file.
    """
    found = Remembered([path.read_text(encoding="utf-8") for path in files])
    every = [one.url for one in policy.witnesses if one.url]
    for url in dict.fromkeys(place for given in urls for place in ([given] if given else every)):
        try:
            note = remembered(url, origin, ca=ca)
            asked = [remembered(url, name, ca=ca) for name in later_shards(origin, today)]
            later = [one for one in asked if one is not None]
        except WitnessAway as away:
            found.missing.append(f"witness {away}")
            continue
        found.notes += later
        if note is None:
            found.missing.append(f"witness {url} has cosigned no head of {origin}")
        else:
            found.notes.append(note)
    if urls and not found.notes and not found.missing:
        found.missing.append("the policy has no witness with an address")
    return found


def later_shards(origin: str, today: date) -> list[str]:
    """Return the names of the shards after this one, up to the half-year of tomorrow."""
    named, last = Origin.parse(origin), Half.of(today + timedelta(days=1))
    half = last if named.half is None else _next(named.half)
    found = []
    while half <= last:
        found.append(str(named.of_half(half)))
        half = _next(half)
    return found


def _next(half: Half) -> Half:
    return Half(half.year, 2) if half.half == 1 else Half(half.year + 1, 1)
