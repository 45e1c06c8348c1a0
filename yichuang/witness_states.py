"""What the witnesses themselves remember of the log: the one thing that shows a log cut short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audit.trust import TrustPolicy
from audit.witness_ask import WitnessAway, remembered


@dataclass(slots=True)
class Remembered:
    """The heads that witnesses remember, as notes, and what could not be learnt."""

    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def ask_all(
    policy: TrustPolicy, origin: str, urls: Sequence[str], files: Sequence[Path]
) -> Remembered:
    """Ask the witnesses at these addresses (an empty one: every witness of the policy) and read the
    files that witnesses wrote (`witness status --head`). Raises `OSError` for a file."""
    found = Remembered([path.read_text(encoding="utf-8") for path in files])
    every = [one.url for one in policy.witnesses if one.url]
    for url in dict.fromkeys(place for given in urls for place in ([given] if given else every)):
        try:
            note = remembered(url, origin)
        except WitnessAway as away:
            found.missing.append(f"witness {away}")
            continue
        if note is None:
            found.missing.append(f"witness {url} has cosigned no head of {origin}")
        else:
            found.notes.append(note)
    if urls and not found.notes and not found.missing:
        found.missing.append("the policy has no witness with an address")
    return found
