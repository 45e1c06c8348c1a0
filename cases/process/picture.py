"""The map as SVG text: boxes from top to bottom, arrows with how often and how long. Pure.

No script and nothing outside the text, so that a page, a phone and a printer draw the same. What
colour says, words say too: a broader arrow was taken more often and its number stands on it; the
arrows that cost most time are drawn in another colour and carry a mark; what leads back is dashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from cases.charts import COLOURS, FONT, INK, LATE, SOFT
from cases.process.layout import Layout, Path, Spot, laid_out
from cases.process.mapped import BEGIN, END, Arrow, ProcessMap

RANK: Final = 40.0
"""Height of a rank; boxes stand on every other one."""
BOX: Final = 38.0
EDGE: Final = 14.0
SIZE: Final = 12
SMALL: Final = 11
PAPER, LINE, ARROW, COSTLY = "#fff", COLOURS[0], SOFT, LATE
MOST_COSTLY: Final = 3
"""Arrows that are marked, those on which most time went by in all."""
BROADEST: Final = 5.0


@dataclass(frozen=True, slots=True)
class MapWords:
    """What stands in the picture, in the reader's language."""

    act: Callable[[str], str]
    span: Callable[[float], str]
    """Seconds → words."""
    begin: str = "开始"
    end: str = "结束"
    times: str = "{n} 次"
    again: str = "重复 {n} 次，中位 {span}"
    costly: str = "▲"
    title: str = "流程图：{things} 件，{steps} 步"


def costly(whole: ProcessMap) -> frozenset[tuple[str, str]]:
    """Return the ends of the arrows on which most time went by in all."""
    timed = [one for one in whole.arrows if one.is_timed and one.whole > 0]
    most = sorted(timed, key=lambda one: (-one.whole, one.source, one.target))[:MOST_COSTLY]
    return frozenset((one.source, one.target) for one in most)


def process_svg(
    whole: ProcessMap, words: MapWords, links: Mapping[tuple[str, str], str] | None = None
) -> str:
    """Return the picture. `links`: ends of an arrow → the address of what lies behind it."""
    drawing = _Drawing(whole, words, links or {}, costly(whole))
    placed = laid_out(whole, drawing.widths(), drawing.word_widths())
    width, height = placed.width + 2 * EDGE, (placed.ranks - 1) * RANK + BOX + 2 * EDGE
    told = words.title.format(things=whole.things, steps=whole.steps)
    body = [
        _HEADS,
        *(piece for path in placed.paths for piece in drawing.path(path)),
        *(piece for act, spot in placed.boxes.items() for piece in drawing.box(act, spot, placed)),
        *(piece for path in placed.paths for piece in drawing.words_of(path)),
    ]
    # What holds links is no picture to a screen reader, but a group of them.
    role = "group" if "<a href=" in "".join(body) else "img"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" role="{role}" class="chart process" font-family="{FONT}" '
        f'aria-label="{escape(told, quote=True)}"><title>{escape(told)}</title>'
        f"{''.join(body)}</svg>"
    )


def _head(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" '
        f'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{colour}"/></marker>'
    )


_HEADS: Final = f"<defs>{_head('head', ARROW)}{_head('head-costly', COSTLY)}</defs>"


def length(text: str, size: int = SIZE) -> float:
    """Return about how many pixels a text is long."""
    return sum(size if ord(one) > 0x2E7F else size * 0.6 for one in text)


@dataclass(frozen=True)
class _Drawing:
    whole: ProcessMap
    words: MapWords
    links: Mapping[tuple[str, str], str]
    costly: frozenset[tuple[str, str]]

    def widths(self) -> dict[str, float]:
        loops = {one.source: one for one in self.whole.arrows if one.source == one.target}
        found = {BEGIN: self._wide([self.words.begin]), END: self._wide([self.words.end])}
        for box in self.whole.boxes:
            lines = [self.words.act(box.act), self._under(box.act, box.count, loops.get(box.act))]
            found[box.act] = self._wide(lines)
        return found

    def _wide(self, lines: Sequence[str]) -> float:
        return max(64.0, max(length(one) for one in lines) + 20)

    def _under(self, act: str, count: int, loop: Arrow | None) -> str:
        told = self.words.times.format(n=count)
        if loop is None:
            return told
        again = self.words.again.format(n=loop.count, span=self.words.span(loop.median))
        return f"{told} · {again}"

    def word_widths(self) -> dict[tuple[str, str], float]:
        return {
            (one.source, one.target): max(length(text, SMALL) for text in self._told(one)) + 8
            for one in self.whole.arrows
        }

    def _told(self, one: Arrow) -> list[str]:
        mark = f"{self.words.costly} " if (one.source, one.target) in self.costly else ""
        count = f"{mark}{self.words.times.format(n=one.count)}"
        return [count, self.words.span(one.median)] if one.is_timed else [count]

    def path(self, path: Path) -> Iterator[str]:
        one = path.arrow
        dear = (one.source, one.target) in self.costly
        most = max((each.count for each in self.whole.arrows), default=1)
        broad = 1.0 + (BROADEST - 1.0) * one.count / most
        dash = ' stroke-dasharray="6 4"' if path.is_back else ""
        yield (
            f'<path d="{_curve(path)}" fill="none" stroke="{COSTLY if dear else ARROW}" '
            f'stroke-width="{broad:.1f}"{dash} '
            f'marker-end="url(#{"head-costly" if dear else "head"})"/>'
        )

    def box(self, act: str, spot: Spot, placed: Layout) -> Iterator[str]:
        x, y = EDGE + spot.x - spot.width / 2, EDGE + spot.rank * RANK
        edge = act in (BEGIN, END)
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{spot.width:.1f}" height="{BOX}" '
            f'rx="{BOX / 2 if edge else 5:.0f}" fill="{PAPER}" '
            f'stroke="{LINE}"/>'
        )
        middle = EDGE + spot.x
        if edge:
            yield _text(middle, y + 24, self.words.begin if act == BEGIN else self.words.end)
            return
        count = next(one.count for one in self.whole.boxes if one.act == act)
        yield _text(middle, y + 16, self.words.act(act), bold=True)
        yield _text(middle, y + 31, self._under(act, count, placed.loops.get(act)), SMALL, SOFT)

    def words_of(self, path: Path) -> Iterator[str]:
        one = path.arrow
        x, y = EDGE + path.words.x, EDGE + path.words.rank * RANK + BOX / 2
        lines = self._told(one)
        wide = max(length(text, SMALL) for text in lines) + 8
        tall = 14.0 * len(lines) + 2
        dear = (one.source, one.target) in self.costly
        drawn = [
            f'<rect x="{x - wide / 2:.1f}" y="{y - tall / 2:.1f}" width="{wide:.1f}" '
            f'height="{tall:.1f}" fill="{PAPER}" fill-opacity="0.9"/>'
        ]
        for n, text in enumerate(lines):
            at = y - tall / 2 + 11.5 + 14 * n
            drawn.append(_text(x, at, text, SMALL, COSTLY if dear else INK))
        link = self.links.get((one.source, one.target), "")
        inside = "".join(drawn)
        yield f'<a href="{escape(link, quote=True)}">{inside}</a>' if link else inside


def _curve(path: Path) -> str:
    """Return a smooth line through the spots, leaving and reaching boxes upright."""
    first, last = path.spots[0], path.spots[-1]
    points = [(EDGE + one.x, EDGE + one.rank * RANK + BOX / 2) for one in path.spots]
    down = 1.0 if last.rank > first.rank else -1.0
    points[0] = (points[0][0], points[0][1] + down * BOX / 2)
    points[-1] = (points[-1][0], points[-1][1] - down * BOX / 2)
    drawn = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        bend = (y2 - y1) / 2
        drawn.append(f"C{x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}")
    return "".join(drawn)


def _text(
    x: float, y: float, words: str, size: int = SIZE, colour: str = INK, *, bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="{size}"{weight} '
        f'fill="{colour}">{escape(words)}</text>'
    )
