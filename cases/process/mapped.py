"""Which step followed which in many cases: a directly-follows graph with times on its arrows.

The time of an arrow is the calendar time between two steps, nights and holidays included; what of
it counts against a limit, and against whom, is the ledger's to say (cases/clocks/attribution.py).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final, NamedTuple

BEGIN: Final = ""
"""Before the first step: source of the arrow into it."""
END: Final = "·"
"""After the last step of what is over: target of the arrow out of it."""

MOST_WAYS: Final = 10
"""Ways through that are listed, the commonest first."""
MOST_KEPT_WAYS: Final = 20_000
"""Different ways that are counted; what comes after counts as `other`, so that memory is bounded.
"""
TENTHS: Final = 9
"""Nine cases in ten took at most so long: the figure beside the median."""


class Happened(NamedTuple):
    """One step of one thing. A stream of them has all steps of a thing together."""

    thing: str
    act: str
    at: datetime
    is_over: bool
    """Nothing more is to come of the thing."""


@dataclass(frozen=True, slots=True)
class Box:
    """One kind of step."""

    act: str
    count: int
    """How often it happened."""
    things: int
    """In how many cases."""
    place: float
    """How far along its cases it stands on average: 0 first, 1 last."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One kind of step after another; seconds. Into `END` and out of `BEGIN` no time is told."""

    source: str
    target: str
    count: int
    median: float = 0.0
    nine_in_ten: float = 0.0
    longest: float = 0.0
    whole: float = 0.0
    """All of them together."""

    @property
    def is_timed(self) -> bool:
        return self.source != BEGIN and self.target != END


@dataclass(frozen=True, slots=True)
class Way:
    """One whole sequence of steps, of things that are over."""

    acts: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class ProcessMap:
    """What happened in all of them."""

    things: int
    over: int
    """Of them nothing more is to come."""
    steps: int
    boxes: tuple[Box, ...] = ()
    """The earliest first."""
    arrows: tuple[Arrow, ...] = ()
    """The commonest first."""
    ways: tuple[Way, ...] = ()
    different_ways: int = 0
    other_ways: int = 0
    """Things whose way was not counted, because there were more than `MOST_KEPT_WAYS`."""
    left_out: int = 0
    """Arrows that `without_rare` took away."""
    left_out_steps: int = 0
    """How often those were taken."""


def mapped(steps: Iterable[Happened]) -> ProcessMap:
    """Return the map of a stream, in which the steps of each thing stand together.

    Steps of a thing are ordered by their instants; those of one instant as they come. Memory grows
    with the number of steps by eight bytes each, and with the kinds of arrows.
    """
    reading = _Reading()
    for _, of_one in groupby(steps, key=attrgetter("thing")):
        reading.read(sorted(of_one, key=attrgetter("at")))
    return reading.done()


MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
TENTH: Final = 10


def told_as(seconds: float) -> int:
    """Return a time as precisely as pages tell it: whole seconds, or a tenth of the minutes, hours
    or days that it is long."""
    size = abs(seconds)
    unit = 1 if size < MINUTE else MINUTE if size < HOUR else HOUR if size < DAY else DAY
    least = max(1, unit // TENTH)
    return round(seconds / least) * least


@dataclass(slots=True)
class Times:
    """How long something took, many times over."""

    counts: Counter[int] = field(default_factory=Counter)
    """Seconds, as `told_as` says them → how often."""
    whole: float = 0.0
    """All of them together, not rounded."""

    def add(self, seconds: int, n: int) -> None:
        self.counts[seconds] += n

    def arrow(self, source: str, target: str) -> Arrow | None:
        """Return the arrow; None where nothing went along it."""
        ordered = sorted((took, n) for took, n in self.counts.items() if n > 0)
        count = sum(n for _, n in ordered)
        if not count:
            return None
        places = ((count - 1) // 2, count // 2, -(-count * TENTHS // 10) - 1)
        lower, upper, nine = (_at_place(ordered, place) for place in places)
        middle = (lower + upper) / 2
        return Arrow(source, target, count, middle, nine, ordered[-1][0], self.whole)


def _at_place(ordered: Sequence[tuple[int, int]], place: int) -> int:
    for took, n in ordered:
        if place < n:
            return took
        place -= n
    raise AssertionError("a place after the last")


def mapped_from(
    ways: Mapping[tuple[bool, tuple[str, ...]], int], times: Mapping[tuple[str, str], Times]
) -> ProcessMap:
    """Return the same map from how many things went each way (and are over), and how long it took.

    Of how many things it is does not matter.
    """
    reading = _Reading()
    for (is_over, acts), n in sorted(ways.items()):
        reading.count(acts, n, is_over)
    arrows = (time.arrow(*pair) for pair, time in times.items())
    return reading.done([one for one in arrows if one is not None])


def without_rare(whole: ProcessMap, percent: int) -> ProcessMap:
    """Return the map with as few arrows as tell `percent` of all that happened, each box reached.

    The commonest arrows are kept until so much is told, and for each box the commonest one that
    leads to it and the commonest that leads away: no box floats alone. What is left out is counted.
    """
    if percent >= 100:
        return whole
    wanted = sum(one.count for one in whole.arrows) * percent / 100
    kept: list[Arrow] = []
    reached: set[str] = set()
    left: set[str] = set()
    told = 0
    for one in whole.arrows:
        straight = one.source != one.target
        leads = straight and one.target not in reached
        leaves = straight and one.source not in left
        if told < wanted or leads or leaves:
            kept.append(one)
            told += one.count
            if straight:
                reached.add(one.target)
                left.add(one.source)
    gone = sum(one.count for one in whole.arrows) - told
    return ProcessMap(
        whole.things, whole.over, whole.steps, whole.boxes, tuple(kept), whole.ways,
        whole.different_ways, whole.other_ways, len(whole.arrows) - len(kept), gone,
    )  # fmt: skip


@dataclass
class _Reading:
    things: int = 0
    over: int = 0
    steps: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)
    places: dict[str, float] = field(default_factory=dict)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    times: dict[tuple[str, str], array[float]] = field(default_factory=dict)
    ways: Counter[tuple[str, ...]] = field(default_factory=Counter)
    other_ways: int = 0

    def read(self, steps: Sequence[Happened]) -> None:
        self.count(tuple(one.act for one in steps), 1, steps[-1].is_over)
        for one, following in pairwise(steps):
            pair = (one.act, following.act)
            took = (following.at - one.at).total_seconds()
            self.times.setdefault(pair, array("d")).append(took)

    def count(self, acts: tuple[str, ...], n: int, is_over: bool) -> None:
        """Count things that went the same way; how long it took is another matter."""
        self.things += n
        self.steps += n * len(acts)
        last = max(len(acts) - 1, 1)
        for place, act in enumerate(acts):
            self.counts[act] += n
            self.places[act] = self.places.get(act, 0.0) + n * place / last
        for act in set(acts):
            self.within[act] += n
        self.ends[BEGIN, acts[0]] += n
        if is_over:
            self.over += n
            self.ends[acts[-1], END] += n
            self._way(acts, n)

    def _way(self, acts: tuple[str, ...], n: int) -> None:
        if acts in self.ways or len(self.ways) < MOST_KEPT_WAYS:
            self.ways[acts] += n
        else:
            self.other_ways += n

    def done(self, timed: Sequence[Arrow] = ()) -> ProcessMap:
        boxes = sorted(
            (Box(act, n, self.within[act], self._place(act, n)) for act, n in self.counts.items()),
            key=lambda one: (one.place, one.act),
        )
        common = sorted(self.ways.items(), key=lambda one: (-one[1], one[0]))[:MOST_WAYS]
        return ProcessMap(
            self.things, self.over, self.steps, tuple(boxes),
            tuple(sorted((*self._arrows(), *timed), key=_commonest)),
            tuple(Way(acts, n) for acts, n in common), len(self.ways), self.other_ways,
        )  # fmt: skip

    def _place(self, act: str, n: int) -> float:
        # Rounded: what was added up in another order stands in the same place.
        return round(self.places[act] / n, 9)

    def _arrows(self) -> Iterator[Arrow]:
        for (source, target), n in self.ends.items():
            yield Arrow(source, target, n)
        for (source, target), took in self.times.items():
            ordered = sorted(took)
            n = len(ordered)
            middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
            nine = ordered[-(-n * TENTHS // 10) - 1]
            yield Arrow(source, target, n, middle, nine, ordered[-1], sum(ordered))


def _commonest(one: Arrow) -> tuple[int, str, str]:
    return -one.count, one.source, one.target
