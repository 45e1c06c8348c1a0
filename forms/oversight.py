"""What the supervisors' pages show, line by line, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from urllib.parse import quote, urlencode

from cases.boards import Board
from cases.charts import Series, columns, lines
from cases.clocks.attribution import attribute, holdings
from cases.clocks.model import Ledger
from cases.metrics import Group, Measured, Metric
from cases.oversight import Share, WatchedClock
from cases.state import ClockEvent, Plan
from catalogue.working_days import Calendar
from forms.fields import Option
from forms.metric_words import METRIC_FORMULAS, METRICS
from forms.visit import Visit
from forms.words import N_, timer_word, word


@dataclass(frozen=True)
class Figure:
    """One metric as the page shows it."""

    id: str
    title: str
    formula: str
    value: str
    before: str
    above: int
    below: int
    basis: str
    source: str
    counted: bool
    """A ratio of two counts; else a mere count."""
    above_url: str
    """Where the rows of the one count are; empty: it counts no rows, or none."""
    below_url: str


@dataclass(frozen=True)
class ShareText:
    """Whose so much of a clock is."""

    name: str
    amount: str
    parts: int
    """Of a hundred, for the bar."""


@dataclass(frozen=True)
class ClockRow:
    """One running clock as a line."""

    clock: WatchedClock
    title: str
    matter: str
    duty: str
    url: str
    shares: tuple[ShareText, ...]
    late: bool = False
    """It is over; no working day need have passed since, as on a Saturday."""


@dataclass(frozen=True)
class DepartmentRow:
    """One department among the others; bars are parts of a hundred."""

    name: str
    url: str
    closed: int
    on_time: str
    on_time_parts: int
    duration: str
    steps: int
    steps_on_time: str
    steps_mean: str
    open: int
    late: int
    yellow: int
    red: int
    """Cards that stand."""
    used: str
    used_parts: int
    links: Mapping[str, str]
    """Name of a count → where its rows are."""


@dataclass(frozen=True)
class ForecastRow:
    """One step that will probably be late."""

    case_no: str
    url: str
    matter: str
    department: str
    step: str
    median: str
    known: int
    used: int
    left: int
    case_left: int | None
    breaks: str


@dataclass(frozen=True)
class GroupRow:
    """A matter or a month among the others."""

    name: str
    url: str
    received: int
    closed: int
    values: tuple[str, ...]
    received_url: str
    closed_url: str


def address(path: str, **values: str) -> str:
    """Return a path with those values that are not empty."""
    kept = {name: value for name, value in values.items() if value}
    return path + (f"?{urlencode(kept)}" if kept else "")


def figures_of(visit: Visit, found: Board, link: Callable[[str], str]) -> Sequence[Figure]:
    """Return every metric; `link` gives where the rows behind a count are."""
    return [
        Figure(
            id=one.metric.id,
            title=visit.say(METRICS[one.metric.id]),
            formula=visit.say(METRIC_FORMULAS[one.metric.id]),
            value=value_text(one.metric, one.value),
            before=value_text(one.metric, past.value),
            above=one.above,
            below=one.below,
            basis=visit.say(visit.ports.catalogue.cited(one.metric.basis)),
            source=visit.say(one.metric.source),
            counted=bool(one.metric.below),
            above_url=link(one.metric.above) if one.above else "",
            below_url=link(one.metric.below) if one.below else "",
        )
        for one, past in zip(found.everything.measured(), found.before.measured(), strict=True)
    ]


def value_text(metric: Metric, value: Fraction | None) -> str:
    """Return a value as the page shows it: one decimal, a dash where nothing was counted."""
    if value is None:
        return "—"
    if metric.shown == "percent":
        return f"{float(value * 100):.1f}%"
    return f"{float(value):.1f}" if metric.shown == "days" else str(int(value))


def _percent(above: float, below: float) -> str:
    return f"{100 * above / below:.1f}%" if below else "—"


LINKED = ("closed", "steps", "steps_open", "steps_late", "yellow", "red")
"""Counts of a department that lead to their rows; those of steps and cards by whose they are."""


def departments_of(
    visit: Visit, names: Names, found: Board, link: Callable[[str, str], str]
) -> Sequence[DepartmentRow]:
    """Return departments side by side; `link`: count and department → where its rows are."""
    most = max((one.used for one in found.departments), default=0) or 1
    rows = []
    for one in sorted(found.departments, key=lambda line: -line.used):
        figures, steps = one.group.figures, one.steps
        closed = figures.get("closed", 0)
        on_time = one.group.value("YC-ZB-01")
        duration = one.group.value("YC-ZB-17")
        span = {"from": found.query.first, "until": found.query.last}
        rows.append(
            DepartmentRow(
                name=names.department(one.code),
                url=address("/supervision", **span, matter=found.query.matter, department=one.code),
                closed=closed,
                on_time=_percent(figures.get("on_time_promised", 0), closed),
                on_time_parts=0 if on_time is None else round(float(on_time * 100)),
                duration="—" if duration is None else f"{float(duration):.1f}",
                steps=steps.get("steps", 0),
                steps_on_time=_percent(steps.get("steps_on_time", 0), steps.get("steps", 0)),
                steps_mean=_mean(steps),
                open=steps.get("steps_open", 0),
                late=steps.get("steps_late", 0),
                yellow=steps.get("yellow", 0),
                red=steps.get("red", 0),
                used=f"{one.used:.1f}",
                used_parts=round(100 * one.used / most),
                links={name: link(name, one.code) for name in LINKED},
            )
        )
    return rows


def _mean(steps: Mapping[str, int]) -> str:
    n = steps.get("steps_in_days", 0)
    return f"{steps.get('steps_used', 0) / n:.1f}" if n else "—"


def outside_of(names: Names, found: Board) -> Sequence[ShareText]:
    inside = sum(one.used for one in found.departments)
    whole = inside + sum(found.outside.values()) or 1
    ordered = sorted(found.outside.items(), key=lambda one: -one[1])
    rows = [ShareText(names.say(N_("各部门合计")), f"{inside:.1f}", round(100 * inside / whole))]
    return rows + [
        ShareText(names.holder(kind, name), f"{n:.1f}", round(100 * n / whole))
        for (kind, name), n in ordered
    ]


SHOWN_BY_MATTER = ("YC-ZB-01", "YC-ZB-02", "YC-ZB-17", "YC-ZB-12", "YC-ZB-09", "YC-ZB-14")


def matters_of(
    visit: Visit, names: Names, found: Board, link: Callable[[str, str], str]
) -> Sequence[GroupRow]:
    """Return the matters side by side; `link`: count and matter → where its rows are."""
    span = {"from": found.query.first, "until": found.query.last}
    return [
        GroupRow(
            name=names.matter(group.key),
            url=address(
                "/supervision", **span, matter=group.key, department=found.query.department
            ),
            received=group.figures.get("received", 0),
            closed=group.figures.get("closed", 0),
            values=tuple(_shown(group.measured())),
            received_url=link("received", group.key),
            closed_url=link("closed", group.key),
        )
        for group in found.matters
    ]


def _shown(measured: Sequence[Measured]) -> Sequence[str]:
    by_id = {one.metric.id: one for one in measured}
    return [value_text(by_id[name].metric, by_id[name].value) for name in SHOWN_BY_MATTER]


def forecast_of(visit: Visit, names: Names, found: Board) -> Sequence[ForecastRow]:
    breaks = {
        "step": N_("环节超期"),
        "case": N_("全件超承诺"),
        "both": N_("环节和全件都超"),
    }
    return [
        ForecastRow(
            case_no=one.case_no,
            url=clock_url(one.case_no, f"step:{one.task}"),
            matter=names.matter(one.matter, one.matter_name),
            department=names.department(one.department),
            step=names.step(one.matter, one.task),
            median=f"{float(one.median):.1f}",
            known=one.known,
            used=one.used,
            left=one.left,
            case_left=one.case_left,
            breaks=visit.say(breaks[one.breaks]),
        )
        for one in found.forecast
    ]


def trend_of(visit: Visit, months: Sequence[Group]) -> str:
    series = []
    for metric in ("YC-ZB-01", "YC-ZB-02", "YC-ZB-14"):
        values = [one.value(metric) for one in months]
        shown = [None if value is None else round(float(value * 100), 1) for value in values]
        series.append(Series(visit.say(METRICS[metric]), shown))
    return lines([one.key[2:] for one in months], series, unit="%", most=100)


def volume_of(visit: Visit, months: Sequence[Group]) -> str:
    series = [
        Series(visit.say(N_("收件")), [one.figures.get("received", 0) for one in months]),
        Series(visit.say(N_("办结")), [one.figures.get("closed", 0) for one in months]),
    ]
    return columns([one.key[2:] for one in months], series)


def clock_url(case_no: str, key: str) -> str:
    """Return where the ledger of a clock stands, day by day."""
    return f"/cases/{quote(case_no, safe='')}?{urlencode({'tab': 'clock', 'clock': key})}"


def clock_row(visit: Visit, names: Names, one: WatchedClock) -> ClockRow:
    family, _, task = one.key.partition(":")
    title = visit.say(timer_word(family))
    if task:
        title = f"{title} · {names.step(one.matter, task)}"
    return ClockRow(
        clock=one,
        title=title,
        matter=names.matter(one.matter, one.matter_name),
        duty=names.department(one.duty),
        url=clock_url(one.case_no, one.key),
        shares=tuple(share_texts(names, one.shares, one.limit_unit)),
        late=not one.standing and one.due_at is not None and one.due_at <= datetime.now(UTC),
    )


def share_texts(names: Names, shares: Sequence[Share], unit: str) -> Sequence[ShareText]:
    """Return the shares of what was counted, the largest first."""
    counted = [one for one in shares if not one.paused]
    whole = sum(one.amount for one in counted) or Fraction(1)
    return [
        ShareText(
            names.holder(one.kind, one.name),
            amount_text(one.amount, unit),
            round(100 * one.amount / whole),
        )
        for one in counted
    ]


IN_DAYS = ("working_day", "day", "on_the_spot")
_HOUR = 3_600_000_000


def amount_text(amount: Fraction, unit: str) -> str:
    """Return days to two decimals at most, or hours where the clock is counted in less."""
    return f"{float(amount if unit in IN_DAYS else amount / _HOUR):.2f}".rstrip("0").rstrip(".")


class Names:
    """What matters, departments, steps and holders are called, in the reader's language."""

    def __init__(self, visit: Visit) -> None:
        self.say = visit.say
        self._departments = visit.ports.catalogue.departments(visit.language)
        english = visit.language == "en"
        matters = visit.ports.catalogue.matters()
        self._matters = {m.code: m.name_en if english else m.name for m in matters}
        self._steps = {
            (m.code, f"review-{step.code}"): step.name_en if english and step.name_en else step.name
            for m in matters
            for step in m.steps
        }
        self.matter_options = tuple(Option(code, name) for code, name in self._matters.items())
        self.department_options = tuple(
            Option(code, name) for code, name in self._departments.items()
        )

    def department(self, code: str) -> str:
        return self._departments.get(code, code)

    def matter(self, code: str, known: str = "") -> str:
        return self._matters.get(code) or known or code

    def step(self, matter: str, task: str) -> str:
        return self._steps.get((matter, task), task.removeprefix("review-"))

    def holder(self, kind: str, name: str) -> str:
        if kind == "applicant":
            return self.say(N_("申请人"))
        if kind == "procedure":
            return self.say(word("pause", name))
        return self.department(name)


# --- on the page of a case -----------------------------------------------------------------------


@dataclass(frozen=True)
class HolderLine:
    """What one holder used of a clock."""

    name: str
    kind: str
    used: str
    parts: int
    """Of a hundred of what was used."""
    over: str
    """Of it after the end; empty: nothing."""
    paused: str
    """Besides, while the clock stood; empty: nothing."""


@dataclass(frozen=True)
class SharedDay:
    """One day of the ledger, divided."""

    day: str
    state: str
    words: str


@dataclass(frozen=True)
class SharePanel:
    """谁用了多少: the chosen clock divided by rule YC-FT-1."""

    rule: str
    lines: tuple[HolderLine, ...]
    total: str
    unit: str
    days: tuple[SharedDay, ...]


def share_panel(
    visit: Visit,
    made: Ledger,
    events: Sequence[ClockEvent],
    plan: Plan,
    calendar: Calendar,
    now: datetime,
) -> SharePanel:
    """Return whose a clock of a case has been, and each day of it."""
    names, unit = Names(visit), made.period.rule.limit.unit
    held = holdings(events, plan.department, plan.lead)
    found = attribute(made, held, calendar.hours, plan.zone, now)
    whole = sum(found.used.values()) or Fraction(1)
    holders = sorted({*found.used, *found.paused}, key=lambda who: (-found.used.get(who, 0), who))
    days_words = {"working_day": N_("工作日"), "day": N_("日"), "on_the_spot": N_("日")}
    return SharePanel(
        rule=visit.ports.catalogue.cited(found.rule),
        lines=tuple(
            HolderLine(
                name=names.holder(who.kind, who.name),
                kind=who.kind,
                used=amount_text(found.used.get(who, Fraction(0)), unit),
                parts=round(100 * found.used.get(who, Fraction(0)) / whole),
                over=_some(found.over.get(who), unit),
                paused=_some(found.paused.get(who), unit),
            )
            for who in holders
        ),
        total=amount_text(Fraction(made.used), unit),
        unit=visit.say(days_words.get(unit, N_("小时"))),
        days=tuple(
            SharedDay(
                one.row.day.isoformat(),
                one.row.state,
                "、".join(
                    f"{names.holder(who.kind, who.name)} {_exact(share, unit)}"
                    for who, share in sorted(one.shares.items(), key=lambda s: (-s[1], s[0]))
                ),
            )
            for one in found.days
        ),
    )


def _some(amount: Fraction | None, unit: str) -> str:
    return amount_text(amount, unit) if amount else ""


def _exact(share: Fraction, unit: str) -> str:
    """Return a share of a day as the fraction it is where that is short, else two decimals."""
    if unit in IN_DAYS and share.denominator <= 60:
        return str(share)
    return f"{float(share if unit in IN_DAYS else share / _HOUR):.2f}"
