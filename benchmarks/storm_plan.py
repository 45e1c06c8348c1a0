"""A storm of signals with a known end: what is sent, and what must have become of it.

Everything follows from the count. Single ones and groups lie farther apart than their types merge;
the members of a group lie together. Of the repeats one half bears the id of what it repeats (the
same message again), the other an id of its own and the same reference (the same thing said anew).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cases.incidents.place import Place
from cases.incidents.signal import Signal

METRE: Final = 1 / 111_195
"""Degrees of latitude in a metre."""
WEST, SOUTH = 112.4, 33.1
"""A corner inside the city's grid."""
ACROSS: Final = 100
"""Spots in a row; each is `APART` metres from the next."""
APART: Final = 130
REPEATS: Final = 0.3
SINGLE, GROUPED, BURST, RED = "bin_full", "other", "noise", "gas_leak"
GROUP: Final = 8
BURST_PLACES: Final = ((112.42, 33.115), (112.47, 33.14), (112.53, 33.135))
"""Places in three streets: what bursts there is one incident each."""
BURST_SIZE: Final = 7


@dataclass
class Storm:
    """Signals in the order in which they are sent, and what they must come to."""

    sent: list[Signal] = field(default_factory=list)
    red: list[str] = field(default_factory=list)
    """Keys of the two red ones."""
    groups: list[set[str]] = field(default_factory=list)
    """Keys that must be of one incident, and of no other's."""
    again: dict[str, str] = field(default_factory=dict)
    """Keys of those that say anew what another one said."""

    @property
    def keys(self) -> set[str]:
        return {one.id for one in self.sent}


def storm(count: int, seed: int = 7) -> Storm:
    """Return a storm of `count` messages, 200 at least."""
    chance = random.Random(seed)  # noqa: S311 -- the same storm each time
    made, spots = Storm(), _spots()
    fresh = round(count * (1 - REPEATS))
    for n, (lon, lat) in enumerate(BURST_PLACES):
        _group(made, f"burst-{n}", BURST, lon, lat, BURST_SIZE)
    while fresh - len(made.sent) > fresh // 3:
        n = len(made.groups)
        _group(made, f"group-{n}", GROUPED, *next(spots), GROUP)
    while len(made.sent) < fresh - 2:
        n = len(made.groups)
        _group(made, f"single-{n}", SINGLE, *next(spots), 1)
    chance.shuffle(made.sent)
    for n, place in enumerate((0.4, 0.8)):
        one = _signal(f"red-{n}", RED, *next(spots), "red")
        made.sent.insert(round(len(made.sent) * place), one)
        made.red.append(one.id)
        made.groups.append({one.id})
        for _ in range(2):  # a leak merges within 200 m
            next(spots)
    _repeat(made, count, chance)
    return made


def _repeat(made: Storm, count: int, chance: random.Random) -> None:
    """Put repeats behind what they repeat."""
    originals = list(made.sent)
    for n in range(count - len(originals)):
        one = chance.choice(originals)
        place = made.sent.index(one)
        if n % 2:
            one = one.model_copy(update={"id": f"again-{n}"})
            made.again[one.id] = one.reference.removeprefix("R-")
        made.sent.insert(chance.randint(place + 1, len(made.sent)), one)


def _group(made: Storm, name: str, kind: str, lon: float, lat: float, size: int) -> None:
    keys = [f"{name}-{n}" for n in range(size)]
    made.sent += [_signal(key, kind, lon, lat) for key in keys]
    made.groups.append(set(keys))


def _signal(key: str, kind: str, lon: float, lat: float, level: str = "") -> Signal:
    return Signal.model_validate(
        {
            "id": key, "source": "portal", "type": kind, "level": level, "title": f"storm {key}",
            "text": f"said by {key}", "reference": f"R-{key}", "place": Place(lon=lon, lat=lat),
            "occurred_at": datetime.now(UTC),
        }
    )  # fmt: skip


def _spots() -> Iterator[tuple[float, float]]:
    n = 0
    while True:
        row, column = divmod(n, ACROSS)
        yield WEST + column * APART * METRE * 1.2, SOUTH + row * APART * METRE
        n += 1
