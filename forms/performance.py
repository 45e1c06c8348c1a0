"""项目绩效: the tree of indicators, each year from scores to what is payable, its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final

from markupsafe import Markup
from starlette.responses import Response

from cases.attached import Attached
from cases.projects import performing_messages as m
from cases.projects.performance import Indicator, KpiTree, Payable, PaymentTerms, hundredths
from cases.projects.performing_messages import Evaluate
from cases.projects.performing_state import Evaluation, Performance, Task
from cases.projects.state import ProjectState
from catalogue.performance import Coefficients
from forms.performance_fiscal import FiscalShown, fiscal_of
from forms.performance_offers import offered, offered_for_task, offered_for_year
from forms.performance_ports import ShownPerformance
from forms.performance_views import (
    address_of,
    decimal,
    history_of,
    may_read,
    radar_of,
    side_of,
    thing_of,
)
from forms.performance_words import AGAIN, BRANCHES, PARTS, SHADES, STAGES, TITLES
from forms.project import Act, state_of
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_

NO_WORDS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class IndicatorLine:
    """One line of the tree."""

    one: Indicator
    depth: int
    """0 at the top."""
    branch: str
    weight: str
    """Of a hundred."""
    scored: bool
    """Nothing stands under it: it is given a score."""


@dataclass(frozen=True)
class ScoreLine:
    """One score with what shows it."""

    code: str
    title: str
    weight: str
    points: str
    evidence: str
    digest: str
    address: str
    """Where this city keeps the file; empty: elsewhere, or none."""
    name: str
    """Name of that file."""


@dataclass(frozen=True)
class PartLine:
    """One part of what is payable, in fen."""

    name: str
    due_fen: int
    linked_fen: int
    payable_fen: int


@dataclass(frozen=True)
class YearShown:
    """One evaluation."""

    one: Evaluation
    stage: str
    shade: str
    score: str
    coefficient: str
    payable: Payable | None
    evaluators: str
    radar: Markup
    """Empty: there are too few corners."""
    scores: tuple[ScoreLine, ...]
    parts: tuple[PartLine, ...]
    files: tuple[Attached, ...]
    """Of the objection."""
    acts: tuple[Act, ...]


@dataclass(frozen=True)
class TaskShown:
    """One 整改任务."""

    one: Task
    title: str
    late: bool
    acts: tuple[Act, ...]


@dataclass(frozen=True)
class HistoryLine:
    """One order that was carried out."""

    words: str
    by: str
    at: Any
    said: str
    entry: str


@dataclass(frozen=True)
class PerformancePage(Page):
    """The performance of one project."""

    template: ClassVar[str] = "performance.html"

    project: Annotated[ProjectState, "The project."]
    state: Annotated[Performance | None, "What stands; None: no indicators were set yet."]
    terms: Annotated[PaymentTerms | None, "What the contract owes for a year."]
    shares: Annotated[Mapping[str, str], "Part → percent of it that hangs on performance."]
    table: Annotated[Coefficients | None, "How a score becomes a coefficient."]
    bands: Annotated[tuple[tuple[str, str, str], ...], "Score from, coefficient there, and at end."]
    department: Annotated[str, "Name of 实施机构."]
    operator: Annotated[str, "Name of the operator."]
    tree: Annotated[tuple[IndicatorLine, ...], "The indicators."]
    history: Annotated[Markup, "Score and coefficient by year; empty: no year is confirmed."]
    years: Annotated[tuple[YearShown, ...], "The evaluations, the newest first."]
    fiscal: Annotated[FiscalShown | None, "What it costs the budget; None: nothing registered."]
    tasks: Annotated[tuple[TaskShown, ...], "What must be put right."]
    mid_terms: Annotated[tuple[tuple[Any, str], ...], "Day and findings of each 中期评估."]
    told: Annotated[tuple[HistoryLine, ...], "What was done, the newest first."]
    acts: Annotated[tuple[Act, ...], "What this reader may do now with the whole."]
    done: Annotated[bool, "An order was just settled."]


async def read_by(visit: Visit) -> tuple[ProjectState, Performance | None]:
    """Return the project in the path with what stands of its performance.

    Raises `Stop` 404 where the visitor may not read either.
    """
    project = await state_of(visit)
    state: Performance | None = await visit.ask(visit.ports.performances.known, project.project_id)
    if not await may_read(visit, project, state):
        raise not_found(visit, (m.READ, thing_of(project, project.department)))
    visit.saw(project.project_id, type=m.OBJECT)
    return project, state


async def performance(visit: Visit) -> Response:
    """The page."""
    project, _ = await read_by(visit)
    found = await visit.ask(visit.ports.performances.shown, project.project_id)
    return await show(visit, await page_of(visit, project, found))


async def page_of(visit: Visit, project: ProjectState, found: ShownPerformance) -> PerformancePage:
    """Return everything that the page shows."""
    say, state = visit.say, found.state
    names = visit.ports.catalogue.departments(visit.language)
    may = await _allowed(visit, project, state)
    tables = visit.ports.performances.tables()
    plan = None if state is None else state.plan
    table = tables.get(plan.table) if plan else None
    operator = plan.operator if plan else project.operator
    return PerformancePage(
        title=f"{say(N_('项目绩效'))} · {project.title}",
        project=project,
        state=state,
        terms=plan.terms if plan else None,
        shares=_shares(plan.terms) if plan else {},
        table=table,
        bands=tuple(_bands(table)),
        department=names.get(project.department, project.department),
        operator=names.get(operator, operator),
        tree=tuple(_tree(visit, state.tree)) if state else (),
        history=history_of(visit, state),
        years=tuple(_years(visit, project, found, may)),
        fiscal=await fiscal_of(visit, project, state),
        tasks=tuple(_tasks(visit, project, state, may)),
        mid_terms=tuple(
            (one.body["on"], str(one.body["findings"])) for one in found.told
            if one.verb == m.MID_TERM
        ),
        told=tuple(_told(visit, found)),
        acts=tuple(
            _acts(visit, project, offered(state, visit.ports.projects.today()), may,
                  {m.PLAN: AGAIN} if state else NO_WORDS)
        ),
        done="done" in visit.request.query_params,
    )  # fmt: skip


async def _allowed(
    visit: Visit, project: ProjectState, state: Performance | None
) -> frozenset[str]:
    may, found = visit.ports.access.may, set()
    for verb in TITLES:
        thing = thing_of(project, side_of(project, state, verb))
        if (await visit.ask(may, visit.actor, verb, thing)).allowed:
            found.add(verb)
    return frozenset(found)


def _acts(
    visit: Visit, project: ProjectState, offers: Iterable[tuple[str, str]], may: frozenset[str],
    words: Mapping[str, str] = NO_WORDS,
) -> Iterator[Act]:  # fmt: skip
    for verb, query in offers:
        if verb in may:
            url = address_of(project.project_id, verb) + (f"?{query}" if query else "")
            yield Act(verb, visit.say(words.get(verb, TITLES[verb])), url)


def _shares(terms: PaymentTerms) -> Mapping[str, str]:
    return {
        "availability": hundredths(terms.linked_bp),
        "operation": hundredths(terms.operation_linked_bp),
    }


def _bands(table: Coefficients | None) -> Iterator[tuple[str, str, str]]:
    for band in () if table is None else table.bands:
        yield hundredths(band.since), decimal(band.at_from), decimal(band.at_to)


def _tree(visit: Visit, tree: KpiTree) -> Iterator[IndicatorLine]:
    scored = {one.code for one in tree.scored}
    for one in tree.indicators:
        yield IndicatorLine(
            one, one.code.count("."), visit.say(BRANCHES[one.branch]), hundredths(one.weight_bp),
            one.code in scored,
        )  # fmt: skip


# --- years ---------------------------------------------------------------------------------------


def _years(
    visit: Visit, project: ProjectState, found: ShownPerformance, may: frozenset[str]
) -> Iterator[YearShown]:
    state = found.state
    for one in reversed(state.evaluations if state else ()):
        assert state is not None
        tree = KpiTree(indicators=state.plans[one.plan - 1].indicators)
        given = found.scores[one.seq]
        newest = state.of_year(one.year) is one
        parts = one.payable.parts if one.payable else ()
        yield YearShown(
            one,
            visit.say(STAGES[one.stage]),
            SHADES[one.stage],
            hundredths(one.score),
            decimal(one.coefficient_bp),
            one.payable,
            "、".join(found.names.get(each, each) for each in one.evaluators),
            radar_of(visit, tree, one, given),
            tuple(_scores(project.project_id, tree, given)),
            tuple(
                PartLine(
                    visit.say(PARTS[each.part]), each.due_fen, each.linked_fen, each.payable_fen
                )
                for each in parts
            ),
            tuple(_objection_files(found, one)),
            tuple(_acts(visit, project, offered_for_year(one), may)) if newest else (),
        )


def _scores(project: str, tree: KpiTree, given: Evaluate) -> Iterator[ScoreLine]:
    known = {one.code: one for one in tree.indicators}
    files = {one.sha256: one for one in given.attached}
    for one in given.scores:
        indicator, file = known[one.code], files.get(one.digest or "")
        yield ScoreLine(
            one.code, indicator.title, hundredths(indicator.weight_bp), hundredths(one.points),
            one.evidence, one.digest or "",
            f"{address_of(project)}/files/{file.upload}" if file else "", file.name if file else "",
        )  # fmt: skip


def _objection_files(found: ShownPerformance, one: Evaluation) -> Iterator[Attached]:
    """Yield what was attached to the objection: the first one after the evaluation was given."""
    for told in reversed(found.told):
        if told.verb == m.OBJECT_TO and told.seq > one.seq and told.body["year"] == one.year:
            yield from m.ObjectTo.model_validate(told.body).attached
            return


# --- what must be put right ----------------------------------------------------------------------


def _tasks(
    visit: Visit, project: ProjectState, state: Performance | None, may: frozenset[str]
) -> Iterator[TaskShown]:
    today = visit.ports.projects.today()
    overdue = state.overdue(today) if state else ()
    titles = {
        one.code: one.title for plan in (state.plans if state else ()) for one in plan.indicators
    }
    for one in state.tasks if state else ():
        acts = tuple(_acts(visit, project, offered_for_task(one), may))
        yield TaskShown(one, titles.get(one.code, one.code), one in overdue, acts)


# --- history -------------------------------------------------------------------------------------


def _told(visit: Visit, found: ShownPerformance) -> Iterator[HistoryLine]:
    for one in found.told:
        by = one.who
        if one.on_behalf:
            by = f"{by}（{visit.say(N_('代'))} {one.on_behalf}）"
        yield HistoryLine(visit.say(TITLES[one.verb]), by, one.at, _said(one.body)[:300], one.entry)


_TEXTS: Sequence[str] = ("year", "reason", "ground", "answer", "what", "evidence", "findings")


def _said(body: Mapping[str, Any]) -> str:
    """Return what a history tells of an order: the year and what was written."""
    return "；".join(str(body[key]) for key in _TEXTS if body.get(key))
