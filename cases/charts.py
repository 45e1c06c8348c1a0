"""Pictures of figures as SVG text: bars and lines for pages and for print. Pure.

Our own rather than a library: a page may run no script and print must carry everything inside, so
a chart is some rectangles and words. Colours are always doubled by words or numbers beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

INK, SOFT, RULE = "#17202a", "#4a5663", "#d5dce2"
COLOURS = ("#0b4a5e", "#2f8f5b", "#b3321f", "#8b949b", "#b59f1f")
"""In order of series: dark on white, told apart in grey by their lightness too. Red is the third:
it is left to what is late, wherever three are drawn."""
LATE = COLOURS[2]
FONT = "Noto Sans CJK SC, Source Han Sans SC, Microsoft YaHei, sans-serif"


@dataclass(frozen=True, slots=True)
class Series:
    """One line or set of columns; None leaves a gap."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Bar:
    """One horizontal bar, in parts from the left; `words` stand at its end."""

    label: str
    parts: Sequence[float]
    words: str


def lines(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str = "",
    most: float | None = None,
    width: int = 640,
    height: int = 200,
) -> str:
    """Return a line chart; `most` fixes the top of the scale (100 for percentages)."""
    top = most or _round_up(max((v for s in series for v in s.values if v is not None), default=1))
    frame = _Frame(width, height, len(labels), top, unit)
    body = [frame.grid(unit), *(frame.label(n, text) for n, text in enumerate(labels))]
    for n, one in enumerate(series):
        body += frame.line(one, COLOURS[n % len(COLOURS)], n)
    return _svg(
        width, height + 22 * ((len(series) + 2) // 3), body, "，".join(_told(series, labels))
    )


def columns(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    unit: str = "",
    width: int = 640,
    height: int = 200,
) -> str:
    """Return grouped columns with their numbers on top."""
    top = _whole(max((v for s in series for v in s.values if v is not None), default=1))
    frame = _Frame(width, height, len(labels), top, unit)
    body = [frame.grid(unit), *(frame.label(n, text) for n, text in enumerate(labels))]
    for n, one in enumerate(series):
        body += frame.columns(one, COLOURS[n % len(COLOURS)], n, len(series))
    return _svg(
        width, height + 22 * ((len(series) + 2) // 3), body, "，".join(_told(series, labels))
    )


def bars(
    rows: Sequence[Bar], names: Sequence[str] = (), *, width: int = 640, label_width: int = 150
) -> str:
    """Return horizontal bars, one below the other; `names` are the parts, for the legend."""
    most = max((sum(row.parts) for row in rows), default=0) or 1
    room = width - label_width - 90
    body, y = [], 4
    for row in rows:
        body.append(_text(label_width - 8, y + 13, row.label, anchor="end"))
        x = float(label_width)
        for n, part in enumerate(row.parts):
            length = room * part / most
            if length:
                colour = COLOURS[n % len(COLOURS)]
                body.append(
                    f'<rect x="{x:.1f}" y="{y}" width="{max(length, 0.5):.1f}" height="16" '
                    f'fill="{colour}"/>'
                )
            x += length
        body.append(_text(x + 6, y + 13, row.words, colour=INK))
        y += 24
    if names:
        body += [_key(label_width, y + 2, n, name) for n, name in enumerate(names)]
        y += 24
    told = "，".join(f"{row.label} {row.words}" for row in rows)
    return _svg(width, y + 4, body, told)


class _Frame:
    """Where things stand in a chart with an upright scale."""

    LEFT, TOP, BOTTOM = 44, 18, 26
    """Room around the picture; more at the left where its figures are longer."""

    def __init__(self, width: int, height: int, places: int, top: float, unit: str) -> None:
        self.width, self.height, self.places = width, height, max(places, 1)
        self.top = top or 1
        ticks = (f"{number(self.top * part / 4)}{unit}" for part in range(5))
        self.left = max(self.LEFT, 8 + max(_length(one) for one in ticks))

    def x(self, n: int) -> float:
        return self.left + (self.width - self.left - 12) * (n + 0.5) / self.places

    def y(self, value: float) -> float:
        room = self.height - self.TOP - self.BOTTOM
        return self.TOP + room * (1 - min(value, self.top) / self.top)

    def grid(self, unit: str) -> str:
        found = []
        for part in range(5):
            value = self.top * part / 4
            y = self.y(value)
            found.append(
                f'<line x1="{self.left}" y1="{y:.1f}" x2="{self.width - 12}" y2="{y:.1f}" '
                f'stroke="{RULE}" stroke-width="1"/>'
            )
            found.append(
                _text(self.left - 6, y + 4, f"{number(value)}{unit}", anchor="end", size=11)
            )
        return "".join(found)

    def label(self, n: int, text: str) -> str:
        return _text(self.x(n), self.height - 8, text, anchor="middle", size=11)

    def line(self, one: Series, colour: str, place: int) -> list[str]:
        points = [(self.x(n), self.y(v)) for n, v in enumerate(one.values) if v is not None]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = f' stroke-dasharray="{4 * place} 3"' if place else ""
        body = [
            f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        ]
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        last = next((v for v in reversed(one.values) if v is not None), None)
        if last is not None and points:
            x, y = points[-1]
            # One series writes above its last point, the next below, where no label of the scale
            # stands: close ends stay legible. In ink: the colours of lines are too pale for words.
            below = place % 2 and y + 15 < self.y(0)
            up = y + 15 if below else y - 7
            body.append(_text(x, up, number(last), anchor="middle", size=11, colour=INK))
        return [*body, self.key(place, one.name)]

    def columns(self, one: Series, colour: str, place: int, of: int) -> list[str]:
        room = (self.width - self.left - 12) / self.places * 0.76 / of
        body = []
        for n, value in enumerate(one.values):
            if value is None:
                continue
            x = self.x(n) + (place - of / 2) * room
            y, foot = self.y(value), self.y(0)
            body.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{room - 1:.1f}" '
                f'height="{foot - y:.1f}" fill="{colour}"/>'
            )
            if value:
                body.append(
                    _text(x + room / 2, y - 3, number(value), anchor="middle", size=10, colour=INK)
                )
        return [*body, self.key(place, one.name)]

    def key(self, place: int, name: str) -> str:
        return _key(self.left, self.height + 2 + 22 * (place // 3), place % 3, name, place)


def _length(text: str) -> int:
    """Return about how many pixels a text of size 11 is long."""
    return sum(11 if ord(one) > 0x2E7F else 7 for one in text)


def number(value: float) -> str:
    """Return a figure as it stands in a picture: four digits, or whole with thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _key(left: float, y: float, place: int, name: str, colour: int | None = None) -> str:
    x = left + place * 190
    shade = COLOURS[(place if colour is None else colour) % len(COLOURS)]
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="12" height="12" fill="{shade}"/>' + _text(
        x + 17, y + 11, name
    )


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, colour: str = SOFT
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}" '
        f'font-family="{FONT}">{escape(words)}</text>'
    )


def _svg(width: int, height: float, body: Sequence[str], told: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" role="img" '
        f'class="chart" aria-label="{escape(told, quote=True)}">{"".join(body)}</svg>'
    )


def _told(series: Sequence[Series], labels: Sequence[str]) -> list[str]:
    return [
        f"{one.name}：" + " ".join(
            f"{label} {number(value)}" for label, value in zip(labels, one.values, strict=True)
            if value is not None
        )
        for one in series
    ]  # fmt: skip


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 4, 5, 8, 10 times a power of ten, so that quarters are short."""
    if value <= 0:
        return 1
    size = 1.0
    while size * 10 <= value:
        size *= 10
    while size > value:
        size /= 10
    return next(size * step for step in (1, 2, 4, 8, 10) if size * step >= value)


def _whole(value: float) -> float:
    """Return the top of a scale; a quarter of it is a whole number where such are shown."""
    top = _round_up(value)
    return top if value != int(value) else top + -top % 4
