"""What stands on a project's page from the other rooms: its payments and curve, its performance."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup

from cases import fund as f
from cases.fund_rows import Claim, KeptContract
from cases.payment_rows import KeptPayment
from cases.projects.performance import KpiTree
from cases.projects.state import Milestone, ProjectState
from forms.fund_charts import money_curve_svg
from forms.fund_ports import ProjectView
from forms.fund_words import STAGE_WORDS
from forms.performance_views import address_of, history_of, may_read, pictured, radar_of
from forms.visit import Visit
from forms.words import N_

NOTHING: Final = Markup("")


@dataclass(frozen=True)
class PaymentLine:
    """One request for money of the project."""

    number: str
    url: str
    """Empty: not for this reader."""
    milestone: str
    amount_fen: int
    stage: str
    shade: str
    reason: str
    """Why it was stopped, returned or reversed; empty: it was not."""
    due_on: date | None


@dataclass(frozen=True)
class PerformanceSeen:
    """The newest evaluation and the years before, small."""

    url: str
    """Where the whole stands; empty: not for this reader, or none can be."""
    year: int = 0
    """0: nothing was evaluated yet."""
    radar: Markup = NOTHING
    history: Markup = NOTHING


async def view_of(visit: Visit, project: ProjectState) -> ProjectView | None:
    """Return the project's money; None: there is none, or the visitor may not read the fund."""
    found: ProjectView | None = await visit.ask(
        visit.ports.fund.project, visit.actor, project.project_id
    )
    return found


def curve_of(visit: Visit, view: ProjectView | None) -> Markup:
    """Return planned against paid by month; empty: nothing was booked."""
    points = view.curve if view else ()
    return pictured(
        money_curve_svg(
            [one.month for one in points],
            [one.planned_fen for one in points],
            [one.paid_fen for one in points],
            planned=visit.say(N_("计划")),
            paid=visit.say(N_("已拨付")),
            unit=visit.say(N_("万元")),
        )
    )


def payments_of(
    visit: Visit, project: ProjectState, view: ProjectView | None, opened: Collection[str]
) -> Iterator[PaymentLine]:
    """Yield the requests that stand on the project's contracts, the newest first.

    `opened`: departments whose payments the reader may open; to others no link leads.
    """
    english = visit.language == "en"
    for one, claim in view.payments if view else ():
        found = project.milestone(claim.milestone)
        title = "" if found is None else (found.english if english else "") or found.title
        stopped = one.verdict.outcome != "may_pay"
        stage = N_("停付") if stopped and claim.stage == "requested" else STAGE_WORDS[claim.stage]
        off = stopped or claim.stage in ("returned", "reversed")
        yield PaymentLine(
            one.number, f"/payments/{one.id}" if one.department in opened else "",
            title or claim.milestone, one.amount_fen,
            visit.say(stage), "overdue" if off else "normal", _reason(one, claim), one.due_on,
        )  # fmt: skip


def _reason(one: KeptPayment, claim: Claim) -> str:
    for verb in (f.REVERSE, f.RETURN):
        if verb in claim.steps:
            return str(claim.steps[verb].body.get("reason", ""))
    return "；".join(stop.title for stop in one.verdict.stops)


async def contracts_of(visit: Visit, project: ProjectState) -> Sequence[KeptContract]:
    """Return the project's contracts for which the visitor may ask payments."""
    found = await visit.ask(visit.ports.fund.contracts, visit.actor)
    return [one for one in found if one.project == project.project_id]


def request_url(project: ProjectState, one: Milestone, contracts: Sequence[KeptContract]) -> str:
    """Return where a payment on a milestone is asked for; empty: it proves none yet."""
    if not (contracts and one.achieved and one.pays and one.evidence):
        return ""
    asked = {"project": project.project_id, "milestone": one.id}
    if len(contracts) == 1:
        asked["contract"] = contracts[0].id
    return f"/payments/new?{urlencode(asked)}"


async def performance_of(visit: Visit, project: ProjectState) -> PerformanceSeen:
    """Return the performance as the project's page shows it."""
    state = await visit.ask(visit.ports.performances.known, project.project_id)
    if not await may_read(visit, project, state):
        return PerformanceSeen("")
    url = address_of(project.project_id)
    last = max(state.evaluations, key=lambda one: one.year, default=None) if state else None
    if state is None or last is None:
        return PerformanceSeen(url)
    newest = state.of_year(last.year)
    assert newest is not None
    scores = (await visit.ask(visit.ports.performances.shown, project.project_id)).scores
    tree = KpiTree(indicators=state.plans[newest.plan - 1].indicators)
    radar = radar_of(visit, tree, newest, scores[newest.seq])
    return PerformanceSeen(url, newest.year, radar, history_of(visit, state))
