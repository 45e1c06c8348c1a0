"""Where the boxes and arrows of a map stand: ranks from top to bottom, few crossings.

The usual four steps (Sugiyama, Tagawa and Toda, IEEE SMC-11, 1981): arrows that lead back are
turned, boxes get ranks by the longest way, each rank is ordered by the mean place of its
neighbours, and places are moved towards them. An arrow's words are a box of their own on a rank
between, so that no words lie over others. Our own rather than graphviz: a program beside Python
with an output that we would have to trust on a page, for some forty boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from cases.process.mapped import BEGIN, END, Arrow, ProcessMap

GAP: Final = 18.0
"""Least room between two things of one rank."""
SWEEPS: Final = 12
"""Times that ranks are ordered, downward and upward; more changed nothing on real maps."""
PLACINGS: Final = 24
"""Times that places are moved."""
THREAD: Final = 10.0
"""Width that an arrow takes on a rank that it only passes."""


@dataclass(slots=True)
class Spot:
    """One thing on one rank: a box, the words of an arrow, or an arrow that passes."""

    rank: int
    width: float
    x: float = 0.0
    """Its middle."""
    up: list[Spot] = field(default_factory=list)
    down: list[Spot] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Path:
    """An arrow with the spots it goes through, from its source to its target."""

    arrow: Arrow
    spots: tuple[Spot, ...]
    words: Spot
    """Where its words stand."""
    is_back: bool
    """It leads to a box that stands before."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything placed; `ranks` from the top."""

    boxes: Mapping[str, Spot]
    paths: tuple[Path, ...]
    loops: Mapping[str, Arrow]
    """Arrows from a box to itself, which are told inside the box."""
    ranks: int
    width: float


def laid_out(
    whole: ProcessMap, widths: Mapping[str, float], words: Mapping[tuple[str, str], float]
) -> Layout:
    """Return the layout; `widths` of the boxes by act, `words` of the arrows by their ends.

    Widths for `BEGIN` and `END` must be there. The same map gives the same layout.
    """
    loops = {one.source: one for one in whole.arrows if one.source == one.target}
    arrows = [one for one in whole.arrows if one.source != one.target]
    over = [END] if any(one.target == END for one in arrows) else []
    named = [BEGIN, *_downward(whole, arrows), *over]
    turned = _turned(arrows, {act: n for n, act in enumerate(named)})
    ranks = _ranks(named, turned)
    boxes = {act: Spot(2 * ranks[act], widths[act]) for act in named}
    levels: list[list[Spot]] = [[] for _ in range(2 * max(ranks.values()) + 1)]
    for spot in boxes.values():
        levels[spot.rank].append(spot)
    paths = [_path(one, above, below, boxes, levels, words) for one, above, below in turned]
    _order(levels)
    width = _place(levels)
    return Layout(boxes, tuple(paths), loops, len(levels), width)


def _downward(whole: ProcessMap, arrows: Sequence[Arrow]) -> list[str]:
    """Return the boxes in an order in which few steps lead back: what was done mostly, leads down.

    Greedy (Eades, Lin and Smyth, Information Processing Letters 47, 1993), by how often: ends go
    to the end, beginnings to the beginning, else whatever leads away most beyond what leads to it.
    """
    rest = [one.act for one in whole.boxes]  # by their mean places, which decide between equals
    head: list[str] = []
    tail: list[str] = []
    while rest:
        out = dict.fromkeys(rest, 0)
        into = dict.fromkeys(rest, 0)
        for one in arrows:
            if one.source in out and one.target in out:
                out[one.source] += one.count
                into[one.target] += one.count
        last = next((act for act in reversed(rest) if not out[act]), None)
        if last is not None:
            tail.insert(0, last)
            rest.remove(last)
            continue
        best = max(rest, key=lambda act: (not into[act], out[act] - into[act]))
        head.append(best)
        rest.remove(best)
    return head + tail


def _turned(arrows: Sequence[Arrow], places: Mapping[str, int]) -> list[tuple[Arrow, str, str]]:
    """Return each arrow with its upper and its lower end."""
    found = []
    for one in arrows:
        ends = sorted((one.source, one.target), key=lambda act: places[act])
        found.append((one, ends[0], ends[1]))
    return found


def _ranks(named: Sequence[str], turned: Sequence[tuple[Arrow, str, str]]) -> dict[str, int]:
    """Return the rank of each box: the longest way from the top; `END` below everything."""
    above: dict[str, list[str]] = {act: [] for act in named}
    for _, upper, lower in turned:
        above[lower].append(upper)
    ranks: dict[str, int] = {}
    for act in named:  # in their order, in which every arrow leads down
        ranks[act] = 1 + max((ranks[one] for one in above[act]), default=0 if act else -1)
    if END in ranks:
        ranks[END] = 1 + max(rank for act, rank in ranks.items() if act != END)
    return ranks


def _path(
    one: Arrow, above: str, below: str, boxes: Mapping[str, Spot], levels: list[list[Spot]],
    words: Mapping[tuple[str, str], float],
) -> Path:  # fmt: skip
    first, last = boxes[above], boxes[below]
    middle = (first.rank + last.rank) // 2
    middle += 1 - middle % 2  # words stand between two ranks of boxes
    spots = [first]
    told = first
    for rank in range(first.rank + 1, last.rank):
        wide = words[one.source, one.target] if rank == middle else THREAD
        spot = Spot(rank, wide)
        if rank == middle:
            told = spot
        levels[rank].append(spot)
        spots.append(spot)
    spots.append(last)
    for upper, lower in pairwise(spots):
        upper.down.append(lower)
        lower.up.append(upper)
    is_back = one.source == below
    return Path(one, tuple(reversed(spots) if is_back else spots), told, is_back)


def _order(levels: list[list[Spot]]) -> None:
    """Order each rank by the mean place of the neighbours above, then below, again and again."""
    for sweep in range(SWEEPS):
        downward = sweep % 2 == 0
        for level in levels if downward else reversed(levels):
            here = {id(spot): n for n, spot in enumerate(level)}
            keys = {
                id(spot): _mean(
                    [one.x for one in (spot.up if downward else spot.down)], here[id(spot)]
                )
                for spot in level
            }
            level.sort(key=lambda spot: (keys[id(spot)], here[id(spot)]))
            for n, spot in enumerate(level):
                spot.x = float(n)


def _mean(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _place(levels: list[list[Spot]]) -> float:
    """Give every spot its place, in order and apart; return the width of the whole."""
    for level in levels:
        x = 0.0
        for spot in level:
            spot.x = x + spot.width / 2
            x += spot.width + GAP
    for turn in range(PLACINGS):
        for level in levels if turn % 2 == 0 else reversed(levels):
            _draw_near(level, turn % 2 == 0)
    left = min(spot.x - spot.width / 2 for level in levels for spot in level)
    for level in levels:
        for spot in level:
            spot.x -= left
    return max(spot.x + spot.width / 2 for level in levels for spot in level)


def _draw_near(level: list[Spot], downward: bool) -> None:
    """Move the spots of a rank towards their neighbours, keeping order and room between them.

    Each spot wishes for the mean of its neighbours. From the left nobody stands nearer than room
    allows, from the right likewise; the middle of both is taken, which keeps order and room too.
    """
    wishes = [
        _mean(
            [one.x for one in ((spot.up if downward else spot.down) or spot.up or spot.down)],
            spot.x,
        )
        for spot in level
    ]
    from_left: list[float] = []
    for n, spot in enumerate(level):
        least = wishes[n]
        if n:
            least = max(least, from_left[-1] + (level[n - 1].width + spot.width) / 2 + GAP)
        from_left.append(least)
    from_right = [0.0] * len(level)
    for n in range(len(level) - 1, -1, -1):
        most = wishes[n]
        if n + 1 < len(level):
            most = min(most, from_right[n + 1] - (level[n + 1].width + level[n].width) / 2 - GAP)
        from_right[n] = most
    for n, spot in enumerate(level):
        spot.x = (from_left[n] + from_right[n]) / 2
