"""The monthly supervision report (电子监察月报) as HTML for the press. Same facts, same text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from markupsafe import Markup

from activities.layout import environment, style_sheet
from cases.boards import Board, DepartmentLine
from cases.charts import Bar, Series, bars, columns, lines
from cases.clocks.attribution import RULE
from cases.metrics import METRICS, Group, Metric
from cases.oversight import Share, WatchedClock
from catalogue.words import PROCEDURES

PERCENT = ("YC-ZB-01", "YC-ZB-02", "YC-ZB-14")
"""Metrics whose lines are drawn over the months."""

CARDS = (("reminders", "提示"), ("warnings", "预警"), ("yellow", "黄牌"), ("red", "红牌"))

CLOCKS: Mapping[str, str] = {
    "notice": "受理审查", "statutory": "法定时限", "promised": "承诺时限", "delivery": "送达时限",
    "step": "环节时限", "rectify": "差评整改", "check": "承诺核查",
}  # fmt: skip
GROUNDS: Mapping[str, str] = {
    **{code: word for word, code in PROCEDURES.items()},
    "site_visit": "现场核查", "publicity": "公示", "others": "第三方或其他机关",
    "technical_review": "技术审查", "elsewhere": "他处",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """What a report is made of. Names are resolved already; days are in the city's zone."""

    city: str
    issuer: str
    """Who it is issued for: 全市, or the departments of whoever asked."""
    board: Board
    departments: Mapping[str, str]
    matters: Mapping[str, str]
    zone: str
    articles: Mapping[str, str]
    """Id of an article → how it is cited."""
    horizon: date | None
    """Last day that a published holiday notice covers."""


@dataclass(frozen=True, slots=True)
class MetricLine:
    metric: Metric
    above: int
    below: int
    value: str
    before: str


def report_html(facts: ReportFacts) -> str:
    """Return the whole report with its style sheet and charts inside."""
    return environment().get_template("monthly_report.html").render(context_of(facts))


def context_of(facts: ReportFacts) -> Mapping[str, object]:
    """Return what the template is rendered with."""
    board = facts.board
    own = {one.name: getattr(facts, one.name) for one in fields(facts)}
    return own | {
        "css": style_sheet("report.css"),
        "month": month_words(board.query.first, board.query.last),
        "made_on": _local(board.now, facts.zone).strftime("%Y年%-m月%-d日 %H:%M"),
        "metrics": tuple(_metric_lines(board.everything, board.before)),
        "rule": RULE,
        "cards": tuple(
            (words, board.everything.figures.get(name, 0), board.before.figures.get(name, 0))
            for name, words in CARDS
        ),
        "trend": Markup(_trend(board.months)),  # noqa: S704 -- our own SVG, words escaped
        "volume": Markup(_volume(board.months)),  # noqa: S704
        "duration": Markup(_duration(board.months)),  # noqa: S704
        "department_bars": Markup(_department_bars(board.departments, facts)),  # noqa: S704
        "holder_bars": Markup(_holder_bars(facts)),  # noqa: S704
        "clock_words": CLOCKS,
        "shares_of": lambda one: shares_words(one, facts.departments),
        "over_of": lambda one: over_words(one, facts.departments),
        "value_of": value_words,
        "unit": lambda one: "日" if one.limit_unit == "day" else "个工作日",
    }


def month_words(first: str, last: str) -> str:
    """Return 2026年11月, or 2026年9月—11月."""
    year, month = first.split("-")
    if first == last:
        return f"{year}年{int(month)}月"
    other, until = last.split("-")
    return f"{year}年{int(month)}月—{'' if other == year else other + '年'}{int(until)}月"


def value_words(metric: Metric, value: Fraction | None) -> str:
    """Return a metric's value as a report shows it: one decimal, a dash where there is none."""
    if value is None:
        return "—"
    if metric.shown == "percent":
        return f"{float(value * 100):.1f}%"
    return f"{float(value):.1f}" if metric.shown == "days" else str(int(value))


def holder_words(kind: str, name: str, departments: Mapping[str, str]) -> str:
    """Return what a holder of rule YC-FT-1 is called."""
    if kind == "applicant":
        return "申请人"
    if kind == "procedure":
        return GROUNDS.get(name, name)
    return departments.get(name, name)


def shares_words(one: WatchedClock, departments: Mapping[str, str]) -> str:
    """Return whose a running clock has been so far: 市消防支队 3.5、申请人 2.0."""
    return "、".join(
        f"{holder_words(share.kind, share.name, departments)} {_days(share, one)}"
        for share in one.shares
        if not share.paused
    )


def over_words(one: WatchedClock, departments: Mapping[str, str]) -> str:
    """Return whose the days after the end are, the largest part first."""
    late = sorted((s for s in one.shares if s.over), key=lambda s: -s.over)
    return "、".join(
        f"{holder_words(s.kind, s.name, departments)} {_days(Share(s.kind, s.name, s.over), one)}"
        for s in late
    )


_HOUR_US = 3_600_000_000


def _days(share: Share, one: WatchedClock) -> str:
    if one.limit_unit in ("working_day", "day", "on_the_spot"):
        return _short(float(share.amount))
    return f"{_short(float(share.amount / _HOUR_US))} 小时"


def _short(amount: float) -> str:
    return f"{amount:.2f}".rstrip("0").rstrip(".")


def _metric_lines(now: Group, before: Group) -> list[MetricLine]:
    return [
        MetricLine(
            one.metric, one.above, one.below, value_words(one.metric, one.value),
            value_words(one.metric, past.value),
        )
        for one, past in zip(now.measured(), before.measured(), strict=True)
    ]  # fmt: skip


# --- charts --------------------------------------------------------------------------------------


def _labels(months: Sequence[Group]) -> list[str]:
    return [f"{one.key[2:4]}-{one.key[5:]}" for one in months]


def _percent(months: Sequence[Group], metric: str) -> Series:
    values = [one.value(metric) for one in months]
    title = next(one.title for one in METRICS if one.id == metric)
    shown = [None if value is None else round(float(value * 100), 1) for value in values]
    return Series(title, shown)


def _trend(months: Sequence[Group]) -> str:
    series = [_percent(months, metric) for metric in PERCENT]
    return lines(_labels(months), series, unit="%", most=100)


def _volume(months: Sequence[Group]) -> str:
    series = [
        Series("收件", [one.figures.get("received", 0) for one in months]),
        Series("办结", [one.figures.get("closed", 0) for one in months]),
    ]
    return columns(_labels(months), series)


def _duration(months: Sequence[Group]) -> str:
    values = [one.value("YC-ZB-17") for one in months]
    shown = [None if value is None else round(float(value), 1) for value in values]
    return lines(_labels(months), [Series("平均办理时长（工作日）", shown)])


def _department_bars(departments: Sequence[DepartmentLine], facts: ReportFacts) -> str:
    rows = [
        Bar(facts.departments.get(one.code, one.code), [one.used], f"{one.used:.1f} 个工作日")
        for one in sorted(departments, key=lambda one: -one.used)
        if one.used
    ]
    return bars(rows)


def _holder_bars(facts: ReportFacts) -> str:
    board = facts.board
    inside = sum(one.used for one in board.departments)
    rows = [Bar("部门", [inside], f"{inside:.1f} 个工作日")]
    rows += [
        Bar(holder_words(kind, name, facts.departments), [n], f"{n:.1f} 个工作日")
        for (kind, name), n in sorted(board.outside.items(), key=lambda one: -one[1])
    ]
    return bars(rows)


def _local(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone))
