"""项目进度图 (Gantt) as plain SVG: plan, forecast, actual, dependencies, critical path, today.

No script and nothing outside the text, so that a page, a phone and a printer draw the same. What
colour says, shape or words say too: the plan is a pale frame, what is done a full bar, what is
expected a dashed one; a critical row has a mark at its left edge; lateness stands in days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from html import escape
from typing import Final

from cases.charts import FONT, INK, RULE, SOFT
from cases.projects.state import ProjectState

ROW: Final = 26
"""Height of a row, in the picture's units."""
HEAD: Final = 44
FOOT: Final = 30
LABEL: Final = 250
"""Width of the titles."""
TAIL: Final = 96
"""Room at the right for the words of lateness."""
EARLY: Final = 6
"""So short is the bar of what is reached before it was to begin: no bar reaches into days to come.
"""
MOST_TITLE: Final = 17
"""Characters of a title that fit; the whole stands in the row's tooltip and in the table."""
PLAN, DONE, EXPECTED, CRITICAL, TODAY = "#b9c6cf", "#0b4a5e", "#4a5663", "#b3321f", "#8a6d00"
MOST_TICKS: Final = 14


@dataclass(frozen=True, slots=True)
class GanttRow:
    """One milestone as a row."""

    id: str
    title: str
    begins: date
    """When its work may begin by the plan: the day after what it waits for."""
    plan: date
    forecast: date | None = None
    actual: date | None = None
    depends: tuple[str, ...] = ()
    critical: bool = False
    gate: bool = False
    stage: str = ""
    """Name of its stage: a line with it stands above the stage's first row."""
    href: str = ""

    @property
    def late_days(self) -> int:
        """Return calendar days behind plan, by the actual day or the forecast; less than 0: early.

        Without either it is as planned.
        """
        return ((self.actual or self.forecast or self.plan) - self.plan).days


@dataclass(frozen=True, slots=True)
class GanttWords:
    """What stands in the picture, in the reader's language."""

    plan: str = "计划"
    actual: str = "实际"
    forecast: str = "预计"
    critical: str = "关键路径"
    gate: str = "关口"
    today: str = "今天"
    late: str = "滞后 {n} 天"
    early: str = "提前 {n} 天"
    title: str = "进度图：{n} 个里程碑，完成 {done} 个，滞后 {late} 个"


CHINESE: Final = GanttWords()


def rows_of(state: ProjectState, *, english: bool = False, linked: bool = False) -> list[GanttRow]:
    """Return a project's milestones as rows, stage by stage; `linked`: each leads to its line."""
    titles = {one.id: one.english if english else one.title for one in state.stages}
    places = {key: n for n, key in enumerate(titles)}
    ordered = sorted(state.milestones, key=lambda one: places.get(one.stage, len(places)))
    return [
        GanttRow(
            one.id, (one.english if english else "") or one.title, one.begins_on, one.plan_on,
            one.forecast_on, one.actual_on, one.after, one.critical, one.gate,
            titles.get(one.stage, one.stage), f"#m-{one.id}" if linked else "",
        )
        for one in ordered
    ]  # fmt: skip


def begins_of(starts_on: date, plan: Mapping[str, date], depends: Sequence[str]) -> date:
    """Return when work may begin: the day after the last planned day of what it waits for."""
    ends = [plan[one] for one in depends if one in plan]
    return max(ends) + timedelta(days=1) if ends else starts_on


def gantt_svg(
    rows: Sequence[GanttRow],
    today: date,
    words: GanttWords = CHINESE,
    *,
    part: slice | None = None,
    width: int = 980,
) -> str:
    """Return the picture of the rows, or of the `part` that one printed page holds.

    Every part has the same scale. A dependency on a row outside the part begins at its edge.
    """
    shown = list(rows if part is None else rows[part])
    scale = _Scale.of(rows, today, width)
    places = _places(shown)
    bottom = HEAD + ROW * (len(shown) + sum(1 for one in places.values() if one.stage))
    late = sum(1 for one in rows if one.late_days > 0)
    told = words.title.format(n=len(rows), done=sum(1 for one in rows if one.actual), late=late)
    height = bottom + FOOT
    body = [
        *scale.axis(bottom),
        *(piece for row in shown for piece in _row(row, places[row.id], scale, words)),
        *_arrows(shown, places, scale, bottom),
        *scale.today_line(today, bottom, words.today),
        *_legend(words, bottom),
    ]
    # What holds links is no picture to a screen reader, but a group of them.
    role = "group" if any(row.href for row in rows) else "img"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="{role}" '
        f'class="chart gantt" aria-label="{escape(told)}" font-family="{FONT}" font-size="12">'
        f"<title>{escape(told)}</title>{''.join(body)}</svg>"
    )


def gantt_parts(
    rows: Sequence[GanttRow], today: date, words: GanttWords = CHINESE, *, per: int = 28
) -> Iterator[str]:
    """Yield the picture cut into pieces of `per` rows, so that none is taller than a page."""
    for start in range(0, max(len(rows), 1), per):
        yield gantt_svg(rows, today, words, part=slice(start, start + per))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a row stands: its upper edge, and the stage to be named above it."""

    y: int
    stage: str = ""


def _places(rows: Sequence[GanttRow]) -> dict[str, _Place]:
    found: dict[str, _Place] = {}
    y, before = HEAD, ""
    for row in rows:
        stage = row.stage if row.stage != before else ""
        before = row.stage
        y += ROW if stage else 0
        found[row.id] = _Place(y, stage)
        y += ROW
    return found


@dataclass(frozen=True, slots=True)
class _Scale:
    """Days → the picture's units."""

    first: date
    last: date
    width: int
    ticks: tuple[tuple[date, str], ...] = field(default=())

    @classmethod
    def of(cls, rows: Sequence[GanttRow], today: date, width: int) -> _Scale:
        days = [day for row in rows for day in (row.begins, row.plan, row.forecast, row.actual)
                if day is not None]  # fmt: skip
        first, last = min(days, default=today), max(days, default=today)
        # A little air, so that nothing is drawn on the edge; never a picture without length.
        air = max((last - first).days // 50, 3)
        first, last = first - timedelta(days=air), last + timedelta(days=air)
        return cls(first, last, width, tuple(_ticks(first, last)))

    def x(self, day: date) -> float:
        """Return the place of a day's beginning; a day outside stands at the edge."""
        share = (day - self.first).days / (self.last - self.first).days
        return LABEL + (self.width - LABEL - TAIL) * min(max(share, 0.0), 1.0)

    def axis(self, bottom: int) -> Iterator[str]:
        for day, label in self.ticks:
            x = self.x(day)
            yield f'<path d="M{x:.1f} {HEAD - 8}V{bottom}" stroke="{RULE}" fill="none"/>'
            yield _text(x + 3, HEAD - 14, label, 11)

    def today_line(self, today: date, bottom: int, word: str) -> Iterator[str]:
        if self.first <= today <= self.last:
            x = self.x(today)
            yield (
                f'<path class="today" d="M{x:.1f} {HEAD - 26}V{bottom}" stroke="{TODAY}" '
                'stroke-width="1.5" stroke-dasharray="2 3" fill="none"/>'
            )
            yield _text(x, HEAD - 30, word, 11, "middle", TODAY)


def _ticks(first: date, last: date) -> Iterator[tuple[date, str]]:
    """Yield months, quarters, or years, whatever gives no more than `MOST_TICKS` lines."""
    months = (last.year - first.year) * 12 + last.month - first.month
    step = next((one for one in (1, 2, 3, 6, 12, 24, 60, 120, 240) if months / one <= MOST_TICKS),
                480)  # fmt: skip
    for year in range(first.year, last.year + 1):
        if step > 12 and year % (step // 12):
            continue
        for month in range(1, 13, min(step, 12)):
            day = date(year, month, 1)
            if first <= day <= last:
                yield day, f"{year}" if step >= 12 else f"{year % 100:02d}-{month:02d}"


def _row(row: GanttRow, place: _Place, scale: _Scale, words: GanttWords) -> Iterator[str]:
    y = place.y
    if place.stage:
        yield (
            f'<path d="M0 {y - ROW + 4}H{scale.width}" stroke="{RULE}" fill="none"/>'
            f'<text x="4" y="{y - 6}" fill="{SOFT}" font-weight="bold">{escape(place.stage)}</text>'
        )
    late = row.late_days
    said = words.late.format(n=late) if late > 0 else words.early.format(n=-late) if late else ""
    days = [f"{words.plan} {row.plan}"]
    days += [f"{words.forecast} {row.forecast}"] if row.forecast and not row.actual else []
    days += [f"{words.actual} {row.actual}"] if row.actual else []
    notes = [words.critical] if row.critical else []
    notes += [words.gate] if row.gate else []
    told = "，".join([row.title, *days, *notes, *([said] if said else [])])
    yield f'<g class="row" id="g-{escape(row.id)}"><title>{escape(told)}</title>'
    if row.critical:
        yield (
            f'<rect class="critical" x="0" y="{y + 3}" width="4" height="{ROW - 6}" '
            f'fill="{CRITICAL}"/>'
        )
    title = row.title if len(row.title) <= MOST_TITLE else row.title[: MOST_TITLE - 1] + "…"
    label = _text(10, y + 17, title, 12, colour=INK)
    yield f'<a href="{escape(row.href)}">{label}</a>' if row.href else label
    yield from _bars(row, y, scale)
    if said:
        end = max(scale.x(day) for day in (row.plan, row.forecast, row.actual) if day)
        yield _text(end + 8, y + 17, said, 11, colour=CRITICAL if late > 0 else SOFT)
    yield "</g>"


def _bars(row: GanttRow, y: int, scale: _Scale) -> Iterator[str]:
    left = scale.x(row.begins)
    yield _bar("plan", left, scale.x(row.plan), y + 5, 16, f'fill="{PLAN}"')
    if row.actual is not None:
        done = scale.x(row.actual)
        yield _bar("actual", min(left, done - EARLY), done, y + 9, 8, f'fill="{DONE}"')
    elif row.forecast is not None:
        style = f'fill="none" stroke="{EXPECTED}" stroke-width="1.5" stroke-dasharray="4 2"'
        done = scale.x(row.forecast)
        yield _bar("forecast", min(left, done - EARLY), done, y + 9, 8, style)
    if row.gate:
        x, middle = scale.x(row.plan), y + 13
        yield (
            f'<polygon class="gate" points="{x:.1f},{middle - 7} {x + 7:.1f},{middle} '
            f'{x:.1f},{middle + 7} {x - 7:.1f},{middle}" fill="#fff" stroke="{INK}" '
            'stroke-width="1.5"/>'
        )


def _bar(kind: str, begin: float, end: float, y: int, height: int, style: str) -> str:
    left, right = min(begin, end), max(begin, end)
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{y}" width="{max(right - left, 2):.1f}" '
        f'height="{height}" {style}/>'
    )


def _arrows(
    rows: Sequence[GanttRow], places: Mapping[str, _Place], scale: _Scale, bottom: int
) -> Iterator[str]:
    """Yield one elbow a dependency: from the planned end of the one to the begin of the other."""
    ends = {row.id: scale.x(row.plan) for row in rows}
    critical = {row.id for row in rows if row.critical}
    for row in rows:
        x, y = scale.x(row.begins), places[row.id].y + 13
        for before in row.depends:
            on_path = row.critical and before in critical
            colour = CRITICAL if on_path else SOFT
            start, top = (ends[before], places[before].y + 13) if before in places else (x, HEAD)
            turn = max(start + 4, x - 6)
            yield (
                f'<path class="depends" d="M{start:.1f} {top}H{turn:.1f}V{y}H{x:.1f}" '
                f'stroke="{colour}" stroke-width="{1.4 if on_path else 0.7}" fill="none" '
                'opacity="0.75"/>'
            )


def _legend(words: GanttWords, bottom: int) -> Iterator[str]:
    y, x = bottom + 10, 10
    samples = (
        (words.plan, f'<rect x="{{x}}" y="{y}" width="22" height="12" fill="{PLAN}"/>'),
        (words.actual, f'<rect x="{{x}}" y="{y + 2}" width="22" height="8" fill="{DONE}"/>'),
        (
            words.forecast,
            f'<rect x="{{x}}" y="{y + 2}" width="22" height="8" fill="none" stroke="{EXPECTED}" '
            'stroke-width="1.5" stroke-dasharray="4 2"/>',
        ),
        (words.critical, f'<rect x="{{x}}" y="{y - 2}" width="4" height="16" fill="{CRITICAL}"/>'),
        (
            words.gate,
            f'<rect x="{{x}}" y="{y}" width="10" height="10" fill="#fff" stroke="{INK}"/>',
        ),
    )
    for word, picture in samples:
        yield picture.replace("{x}", str(x))
        yield _text(x + 28, y + 10, word, 11)
        x += 28 + 26 + 12 * len(word)


def _text(
    x: float, y: float, words: str, size: int, anchor: str = "start", colour: str = SOFT
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{colour}">{escape(words)}</text>'
    )
