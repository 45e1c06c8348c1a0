"""财政支出责任 on the page of performance: each year's share of the budget against its lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cases.projects import performing_messages as m
from cases.projects.fiscal import LINES_BP, Assumptions, FiscalYear, curve, reaching
from cases.projects.performance import hundredths
from cases.projects.performance_charts import fiscal_svg
from cases.projects.performing_messages import FiscalLine
from cases.projects.performing_state import Performance
from cases.projects.state import ProjectState
from forms.performance_views import pictured, thing_of
from forms.performance_words import DUTIES, LINES
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class DutyLine:
    """One line of what the project costs."""

    kind: str
    one: FiscalLine


@dataclass(frozen=True)
class YearOfDuty:
    """One year of the curve."""

    year: int
    own_fen: int
    duty_fen: int
    budget_fen: int
    share: str
    """Percent, exact to 0.0001 and never below what it is."""
    over: str
    """The highest line that it is above, in words; empty: none."""


@dataclass(frozen=True)
class FiscalShown:
    """What the project costs, and with all others."""

    on: Assumptions
    growth: str
    prices: str
    lines: tuple[DutyLine, ...]
    whole: bool
    """All projects are counted in; else this one alone, for who may read no other."""
    curve: Markup
    years: tuple[YearOfDuty, ...]
    highest: str
    highest_year: int
    over: str
    """The highest line that any year is above."""


async def fiscal_of(
    visit: Visit, project: ProjectState, state: Performance | None
) -> FiscalShown | None:
    """Return it; None: nothing was registered."""
    if state is None or state.fiscal is None:
        return None
    may = visit.ports.access.may
    whole = (await visit.ask(may, visit.actor, m.READ, thing_of(project, ""))).allowed
    duties = await visit.ask(visit.ports.performances.duties) if whole else state.duties()
    on = state.fiscal.assumptions
    found = curve(reaching(duties, on), on)
    highest = max(found, key=lambda one: one.share_percent)
    say = visit.say
    words = (say(N_("占比")), *(say(LINES[line]) for line in LINES))
    assert len(words) == 4
    return FiscalShown(
        on,
        percent(on.budget_growth_bp),
        percent(on.price_growth_bp),
        tuple(DutyLine(say(DUTIES[one.kind]), one) for one in state.fiscal.lines),
        whole,
        pictured(fiscal_svg(found, words)),
        tuple(_years(visit, project.project_id, found)),
        _share(highest),
        highest.year,
        _over(visit, highest),
    )


def percent(points: int) -> str:
    """Return basis points as a decimal percentage, with its sign where it falls."""
    return f"-{hundredths(-points)}" if points < 0 else hundredths(points)


def _years(visit: Visit, project: str, found: Sequence[FiscalYear]) -> Iterator[YearOfDuty]:
    for one in found:
        yield YearOfDuty(
            one.year, one.by_project.get(project, 0), one.duty_fen, one.budget_fen, _share(one),
            _over(visit, one),
        )  # fmt: skip


def _share(one: FiscalYear) -> str:
    return f"{one.share_percent:.4f}".rstrip("0").rstrip(".")


def _over(visit: Visit, one: FiscalYear) -> str:
    line = next((name for name in LINES if one.above(LINES_BP[name])), "")
    return visit.say(N_("超过 {line}")).format(line=visit.say(LINES[line])) if line else ""
