"""One project: progress as a picture, milestones with gates and papers, money, what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Annotated, ClassVar

from markupsafe import Markup
from pydantic import JsonValue
from starlette.responses import Response

from cases.fund import FUND_READ
from cases.fund import OBJECT as FUND
from cases.fund_rows import KeptContract
from cases.payments import yuan
from cases.projects.gantt import GanttWords, gantt_svg, rows_of
from cases.projects.machine import handled_by
from cases.projects.state import Milestone, ProjectState
from forms import project_words as w
from forms.access_ports import Thing
from forms.payment_reading import read_for
from forms.project_beside import (
    PaymentLine,
    PerformanceSeen,
    contracts_of,
    curve_of,
    payments_of,
    performance_of,
    request_url,
    view_of,
)
from forms.project_offers import offered, offered_for
from forms.project_ports import ShownProject, ToldOf
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class Act:
    """One thing that can be done."""

    verb: str
    words: str
    url: str


@dataclass(frozen=True)
class MilestoneLine:
    """One milestone as a line."""

    one: Milestone
    title: str
    late_days: int
    slippage: str
    shade: str
    gate: str
    """Who let the gate pass; empty: it has none, or nobody did."""
    papers: tuple[tuple[str, str, str], ...]
    """Name, digest, address where this city keeps the file (empty: elsewhere)."""
    acts: tuple[Act, ...]
    pay_url: str
    """Where a payment on it is asked for; empty: it proves none, or not by this reader."""


@dataclass(frozen=True)
class StageLines:
    """The milestones of one stage."""

    title: str
    lines: tuple[MilestoneLine, ...]


@dataclass(frozen=True)
class ProjectEventLine:
    """One line of the history."""

    told: ToldOf
    words: str
    by: str
    facts: str


@dataclass(frozen=True)
class ProjectPage(Page):
    """One project."""

    template: ClassVar[str] = "project.html"

    shown: Annotated[ShownProject, "The project."]
    regime: Annotated[str, "Word of its regime."]
    kind: Annotated[str, "Name of its template."]
    stage: Annotated[str, "Word of its stage."]
    slippage: Annotated[str, "Word of the worst lateness of its open milestones."]
    shade: Annotated[str, "The pill of that word."]
    department: Annotated[str, "Name of 实施机构."]
    operator: Annotated[str, "Name of the operator; empty: none yet."]
    gantt: Annotated[Markup, "Its progress as a picture."]
    stages: Annotated[Sequence[StageLines], "Its milestones."]
    duties: Annotated[Sequence[str], "What the rules demand of it."]
    money_url: Annotated[str, "Where its money stands; empty: not for this reader."]
    curve: Annotated[Markup, "Planned against paid; empty: nothing booked, or not for them."]
    payments: Annotated[Sequence[PaymentLine], "Requests on its contracts, the newest first."]
    performance: Annotated[PerformanceSeen, "Its newest evaluation, and where the rest stands."]
    changes: Annotated[Sequence[tuple[str, str, str, str]], "Kind, state, ground, document."]
    securities: Annotated[
        Sequence[tuple[str, str, str, int, date, str]],
        "Kind, title, issuer, fen, until, what is the matter.",
    ]
    capital: Annotated[Sequence[tuple[str, date, int, int]], "Side, due on, fen due, fen paid."]
    risks: Annotated[Sequence[tuple[str, str, str]], "Level, title, answer, of open ones."]
    events: Annotated[Sequence[ProjectEventLine], "What happened, the newest first."]
    acts: Annotated[Sequence[Act], "What this reader may do now with the whole."]
    done: Annotated[bool, "A command was just settled."]


def thing_of(state: ProjectState) -> Thing:
    """Return the project as policy is asked about it."""
    engaged = tuple(one for one in (state.department, state.operator) if one)
    return Thing(
        "project", state.project_id, department=state.department, departments=engaged,
        hands=handled_by(state),
    )  # fmt: skip


async def state_of(visit: Visit, act: str = "read") -> ProjectState:
    """Return the project in the path, if policy lets the visitor do `act`.

    Raises `Stop`: 404 for one that is not there and for one that they may not know of alike; 403
    for an act that is not theirs on one that they may read.
    """
    key = visit.request.path_params["project"]
    state: ProjectState | None = await visit.ask(visit.ports.projects.known, key)
    if state is None:
        raise not_found(visit)
    thing = thing_of(state)
    if not (await visit.ask(visit.ports.access.may, visit.actor, "read", thing)).allowed:
        raise not_found(visit, ("read", thing))
    visit.saw(state.project_id, type="project")
    if act != "read":
        await visit.demand(act, thing)
    return state


async def project(visit: Visit) -> Response:
    """The page."""
    state = await state_of(visit)
    shown = await visit.ask(visit.ports.projects.project, visit.actor, state.project_id)
    if shown is None:
        raise not_found(visit)
    return await show(visit, await page_of(visit, shown))


async def page_of(visit: Visit, shown: ShownProject) -> ProjectPage:
    """Return everything that the page of a project shows."""
    say, state = visit.say, shown.state
    departments = visit.ports.catalogue.departments(visit.language)
    template = visit.ports.projects.templates.get(state.template)
    may = await _allowed(visit, state)
    today = visit.ports.projects.today()
    money = await view_of(visit, state)
    contracts = await contracts_of(visit, state)
    opened = await read_for(visit, [one.department for one, _ in money.payments] if money else [])
    sides = {"government": say(N_("政府方")), "operator": say(N_("运营方"))}
    return ProjectPage(
        title=state.title,
        shown=shown,
        regime=say(w.REGIMES[state.regime]),
        kind=state.template if template is None else template.title_in(visit.language),
        stage=say(w.STAGES[state.stage]),
        slippage=say(w.SLIPPAGES[state.slippage]),
        shade=w.SHADES[state.slippage],
        department=departments.get(state.department, state.department),
        operator=departments.get(state.operator, state.operator),
        gantt=Markup(picture(visit, state, today)),  # noqa: S704 -- our own SVG, words escaped
        stages=_stages(visit, shown, may, contracts),
        duties=[say(w.DUTIES[one]) if one in w.DUTIES else one for one in state.duties],
        money_url=await _money_url(visit, shown),
        curve=curve_of(visit, money),
        payments=list(payments_of(visit, state, money, opened)),
        performance=await performance_of(visit, state),
        changes=[
            (say(w.CHANGE_KINDS[one.kind]), say(w.CHANGE_STATES[one.state]), one.ground,
             one.document)
            for one in state.changes
        ],
        securities=[
            (say(w.SECURITY_KINDS[one.kind]), one.title, one.issuer, one.amount_fen, one.until,
             _matter(visit, one.ended, one.until, today))
            for one in state.securities
        ],
        capital=[
            (sides[one.due.party], one.due.due_on, one.due.amount_fen, one.paid_fen)
            for one in state.capital
        ],
        risks=[
            (say(w.RISK_LEVELS[one.level]), one.title, one.answer)
            for one in sorted(state.risks, key=lambda one: list(w.RISK_LEVELS).index(one.level))
            if one.closed_at is None
        ],
        events=[_event(visit, one, state.milestones) for one in shown.told],
        acts=[
            Act(verb, say(w.VERBS[verb]), f"/projects/{state.project_id}/do/{verb}")
            for verb in offered(state)
            if verb in may
        ],
        done="done" in visit.request.query_params,
    )  # fmt: skip


async def _money_url(visit: Visit, shown: ShownProject) -> str:
    """Return where the money of the project stands, if there is any and the visitor may read it."""
    if not shown.money.allotted_fen:
        return ""
    may = await visit.ask(visit.ports.access.may, visit.actor, FUND_READ, Thing(FUND))
    return f"/fund/projects/{shown.state.project_id}" if may.allowed else ""


async def _allowed(visit: Visit, state: ProjectState) -> frozenset[str]:
    """Return what policy lets the visitor do, of what is offered at all."""
    asked = {*offered(state), *(v for one in state.milestones for v in offered_for(state, one))}
    may, thing = visit.ports.access.may, thing_of(state)
    return frozenset(
        [v for v in sorted(asked) if (await visit.ask(may, visit.actor, v, thing)).allowed]
    )


def picture(visit: Visit, state: ProjectState, today: date) -> str:
    """Return the Gantt picture in the reader's language; each row leads to its line."""
    say, english = visit.say, visit.language == "en"
    words = GanttWords(
        say(N_("计划")), say(N_("实际")), say(N_("预计")), say(N_("关键路径")), say(N_("关口")),
        say(N_("今天")), say(N_("滞后 {n} 天")), say(N_("提前 {n} 天")),
        say(N_("进度图：{n} 个里程碑，完成 {done} 个，滞后 {late} 个")),
    )  # fmt: skip
    return gantt_svg(rows_of(state, english=english, linked=True), today, words)


def _stages(
    visit: Visit, shown: ShownProject, may: frozenset[str], contracts: Sequence[KeptContract]
) -> list[StageLines]:
    state, english = shown.state, visit.language == "en"
    found = []
    for stage in state.stages:
        lines = tuple(
            _milestone(visit, shown, one, may, contracts)
            for one in state.milestones
            if one.stage == stage.id
        )
        if lines:
            found.append(StageLines(stage.english if english else stage.title, lines))
    return found


def _milestone(
    visit: Visit, shown: ShownProject, one: Milestone, may: frozenset[str],
    contracts: Sequence[KeptContract],
) -> MilestoneLine:  # fmt: skip
    state, say = shown.state, visit.say
    late = ((one.actual_on or one.forecast_on or one.plan_on) - one.plan_on).days
    passed = "、".join(shown.names.get(by, by) for each in one.passes for by in each.by[:1])
    root = f"/projects/{state.project_id}"
    return MilestoneLine(
        one, _title(visit, one), late,
        say(w.SLIPPAGES[one.slippage]), w.SHADES[one.slippage], passed,
        tuple(
            (given.paper.name, given.paper.sha256,
             f"{root}/papers/{given.paper.upload}" if given.paper.upload else "")
            for given in one.evidence
        ),
        tuple(
            Act(verb, say(w.VERBS[verb]), f"{root}/do/{verb}?for={one.id}")
            for verb in offered_for(state, one)
            if verb in may
        ),
        request_url(state, one, contracts),
    )  # fmt: skip


def _matter(visit: Visit, ended: bool, until: date, today: date) -> str:
    if ended:
        return visit.say(N_("已解除"))
    return visit.say(N_("已到期")) if until < today else ""


def _event(visit: Visit, told: ToldOf, milestones: Sequence[Milestone]) -> ProjectEventLine:
    who = told.who or (visit.say(N_("时限")) if told.kind == "timer_fired" else "")
    if told.on_behalf:
        who = f"{who}（{visit.say(N_('代'))} {told.on_behalf}）"
    titles = {one.id: _title(visit, one) for one in milestones}
    facts = "；".join(
        said for said in (_said(visit, titles, key, one) for key, one in told.said.items()) if said
    )
    return ProjectEventLine(told, visit.say(w.VERBS.get(told.kind, told.kind)), who, facts[:300])


_UNSAID = frozenset({"sha256", "passes", "milestones", "change", "security", "risk"})
"""Digests, counts and places in lists: nothing that a reader of the history asks for."""
_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "regime": w.REGIMES, "kind": {**w.CHANGE_KINDS, **w.SECURITY_KINDS},
        "level": w.RISK_LEVELS, "state": w.CHANGE_STATES, "duties": w.DUTIES,
        "ground": w.TERMINATION_GROUNDS,
    }
)  # fmt: skip


def _said(visit: Visit, titles: Mapping[str, str], key: str, value: JsonValue) -> str:
    """Return one fact of an order in words: titles for milestones, yuan for fen, no codes."""
    if key in _UNSAID or value in ("", None, []):
        return ""
    if key.endswith("_fen") and isinstance(value, int):
        return visit.say(N_("{n} 元")).format(n=yuan(value)) if value else ""
    if key == "years":
        return visit.say(N_("{n} 年")).format(n=value)
    if key == "milestone":
        return titles.get(str(value), str(value))
    if key == "timer":
        kind, _, rest = str(value).partition(":")
        what = visit.say(w.TIMERS.get(kind, kind))
        milestone = titles.get(rest.partition(":")[0], "") if kind == "slip" else ""
        return f"{what}：{milestone}" if milestone else what
    if key == "template":
        known = visit.ports.projects.templates.get(str(value))
        return known.title_in(visit.language) if known else str(value)
    if key in ("department", "operator", "by", "to"):
        return visit.ports.catalogue.departments(visit.language).get(str(value), str(value))
    words = _WORDS.get(key, {})
    several = value if isinstance(value, list) else [value]
    return "、".join(visit.say(words[str(v)]) if str(v) in words else str(v) for v in several)


def _title(visit: Visit, one: Milestone) -> str:
    return (one.english if visit.language == "en" else "") or one.title
