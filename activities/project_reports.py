"""The quarterly report of projects (项目季报) as HTML for the press. Same facts, same text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from activities.layout import environment, style_sheet
from cases.charts import Bar, bars
from cases.payments import yuan
from cases.project_lists import MilestoneRow, ProjectRow
from cases.projects.gantt import GanttRow, gantt_parts
from cases.projects.state import REGIMES, SLIPPAGES

MOST_PICTURES: Final = 6
"""Projects whose progress is drawn: the furthest behind."""


class NoQuarter(ValueError):
    """The words name no quarter: 2026Q4 is one."""


@dataclass(frozen=True, slots=True)
class Quarter:
    """Three months of legal time."""

    name: str
    first: date
    last: date

    @classmethod
    def named(cls, name: str) -> Quarter:
        """Return the quarter of a name like `2026Q4`. Raises `NoQuarter`."""
        year, _, number = name.partition("Q")
        if not (year.isdecimal() and len(year) == 4 and number in ("1", "2", "3", "4")):
            raise NoQuarter(f"季度应写作 2026Q4：{name}")
        month = int(number) * 3
        following = date(int(year) + month // 12, month % 12 + 1, 1)
        last = date.fromordinal(following.toordinal() - 1)
        return cls(name, date(int(year), month - 2, 1), last)

    @classmethod
    def of(cls, day: date) -> Quarter:
        """Return the quarter in which a day lies."""
        return cls.named(f"{day.year}Q{(day.month + 2) // 3}")

    @property
    def words(self) -> str:
        return f"{self.first.year}年第{'一二三四'[(self.first.month - 1) // 3]}季度"


@dataclass(frozen=True, slots=True)
class PlanFigure:
    """A number of the plan as it stands, in words."""

    title: str
    value: str
    expected: str
    light: str
    department: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarterFacts:
    """What a report is made of. Names are resolved already; money is fen."""

    city: str
    issuer: str
    quarter: Quarter
    made_at: datetime
    zone: str
    projects: Sequence[ProjectRow]
    milestones: Mapping[str, Sequence[MilestoneRow]]
    departments: Mapping[str, str]
    templates: Mapping[str, str]
    paid: Mapping[str, tuple[int, int]]
    """Project → 指标 and what was paid of it."""
    limit_fen: int
    allotted_fen: int
    paid_fen: int
    used_fen: int
    pictures: Mapping[str, Sequence[GanttRow]]
    """Project → its progress, of those that are drawn."""
    figures: Sequence[PlanFigure] = ()


def quarter_html(facts: QuarterFacts) -> str:
    """Return the whole report with its style sheet and charts inside."""
    return environment().get_template("quarterly_report.html").render(context_of(facts))


def context_of(facts: QuarterFacts) -> Mapping[str, object]:
    """Return what the template is rendered with."""
    quarter, today = facts.quarter, _local(facts).date()
    titles = {one.id: one.title for one in facts.projects}
    every = [one for rows in facts.milestones.values() for one in rows]
    own = {one.name: getattr(facts, one.name) for one in fields(facts) if one.name != "pictures"}
    counted = dict.fromkeys(SLIPPAGES, 0)
    for one in facts.projects:
        counted[one.slippage] += 1
    return own | {
        "css": style_sheet("report.css"),
        "made_on": _local(facts).strftime("%Y年%-m月%-d日 %H:%M"),
        "slippages": SLIPPAGES,
        "regimes": REGIMES,
        "counted": counted,
        "titles": titles,
        "reached": sorted(
            (one for one in every
             if one.actual_on and quarter.first <= one.actual_on <= quarter.last),
            key=lambda one: (one.actual_on, one.project_id, one.place),
        ),
        "missed": sorted(
            (one for one in every
             if one.actual_on is None and one.plan_on <= min(quarter.last, today)),
            key=lambda one: (one.plan_on, one.project_id, one.place),
        ),
        "money": Markup(_money(facts)),  # noqa: S704 -- our own SVG, words escaped
        "spending": Markup(_spending(facts)),  # noqa: S704
        "gantts": [
            (titles[key], [Markup(one) for one in gantt_parts(rows, today)])  # noqa: S704
            for key, rows in facts.pictures.items()
        ],
        "yuan": yuan,
    }  # fmt: skip


def _local(facts: QuarterFacts) -> datetime:
    return facts.made_at.astimezone(ZoneInfo(facts.zone))


def _money(facts: QuarterFacts) -> str:
    sums = (
        ("基金", facts.limit_fen), ("指标", facts.allotted_fen), ("拨付", facts.paid_fen),
        ("使用", facts.used_fen),
    )  # fmt: skip
    return bars([Bar(name, [fen // 100], yuan(fen)) for name, fen in sums], label_width=60)


def _spending(facts: QuarterFacts) -> str:
    """Return the projects with money as bars: paid, and what is left of its 指标."""
    titles = {one.id: one.title for one in facts.projects}
    known = [(titles[key], both) for key, both in facts.paid.items() if key in titles and both[0]]
    known.sort(key=lambda one: (-one[1][0], one[0]))
    rows = [
        Bar(title[:14], [paid // 100, max(allotted - paid, 0) // 100],
            f"{paid * 100 // allotted}%")
        for title, (allotted, paid) in known[:20]
    ]  # fmt: skip
    return bars(rows, ("已付", "未付"), label_width=190)
