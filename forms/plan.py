"""方案指标: the seventeen numbers, each with its history and what is behind it, and the form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Annotated, ClassVar
from uuid import uuid4

from markupsafe import Markup
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from cases.charts import Series
from cases.charts import lines as line_chart
from cases.messages import Source
from cases.payments import first_fault, yuan
from cases.plan.figures import (
    Light,
    PlanLine,
    Point,
    expected,
    lights_counted,
    shown,
    value_of,
    year_end,
    yellow_from,
)
from cases.plan.messages import OBJECT, REPORT, Evidence, PlanReportAnswer, ReportFigure
from cases.plan_rows import KeptReport
from cases.plan_values import PER_PAGE, Behind
from cases.project_lists import MilestoneRow
from cases.project_public import RunningProgramme
from catalogue.kpis import Kpi
from forms.access_ports import Thing
from forms.fields import Field, Form
from forms.links import project_url
from forms.project_words import SHADES, SLIPPAGES
from forms.rendering import Page
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

LIGHTS: Mapping[Light, str] = {
    "green": N_("绿灯"), "yellow": N_("黄灯"), "red": N_("红灯"), "grey": N_("灰灯"),
}  # fmt: skip
PILLS: Mapping[Light, str] = {
    "green": "normal", "yellow": "warning", "red": "overdue", "grey": "paused",
}  # fmt: skip
FORMULAS = {
    "ratio": N_("分子 ÷ 分母"),
    "growth": N_("（分子 − 分母）÷ 分母"),
    "reduction": N_("（分母 − 分子）÷ 分母"),
    "mean": N_("分子 ÷ 分母"),
    "count": N_("分子"),
}
UNITS = {
    "percent": "%", "minutes": N_("分钟"), "count": N_("个"), "hundred_million_yuan": N_("亿元"),
}  # fmt: skip
COMMAND = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class NumberLine:
    """One number of the plan as pages show it."""

    code: str
    name: str
    target: str
    unit: str
    horizon: str
    value: str
    expected: str
    light: str
    """The colour in words."""
    pill: str
    """The class of its look."""
    beyond: bool
    department: str
    on: date | None
    since: datetime | None
    own: bool


@dataclass(frozen=True)
class StageLine:
    """One stage of the programme with its milestones."""

    name: str
    begins: date
    ends: date
    state: str
    milestones: tuple[MilestoneLine, ...]


@dataclass(frozen=True)
class MilestoneLine:
    """One milestone of the programme."""

    name: str
    due: date
    after: tuple[str, ...]
    evidence: str
    kpi: str
    """Code of the number that shows it; empty: papers alone do."""
    light: str
    pill: str
    planned_on: date | None = None
    """As the running programme plans it; None: none runs, or it has no such milestone."""
    reached_on: date | None = None
    expected_on: date | None = None
    slippage: str = ""
    """How late it is, in words; empty: no programme runs."""
    shade: str = ""


@dataclass(frozen=True)
class PlanPage(Page):
    """The seventeen numbers and the programme."""

    template: ClassVar[str] = "plan.html"

    lines: Annotated[tuple[NumberLine, ...], "Every number, in the plan's order."]
    counted: Annotated[tuple[tuple[str, str, int], ...], "Colour in words, its look, how many."]
    stages: Annotated[tuple[StageLine, ...], "The programme."]
    article: Annotated[str, "The article of the plan that has the stages."]
    reportable: Annotated[frozenset[str], "Codes of the numbers that the reader may report."]
    programme_no: Annotated[str, "Number of the programme's project; empty: none was opened."]
    programme_url: Annotated[str, "Its page; empty: not for this reader, or none was opened."]
    may_open: Annotated[bool, "May open the programme as a project: there is none."]
    statistics: Annotated[Mapping[str, int], "Counts of the running year."]


@dataclass(frozen=True)
class ReportLine:
    """One report as the page of its number lists it."""

    id: str
    on: date
    value: str
    numerator: int
    denominator: int
    revision: int
    stands: bool
    person: str
    note: str
    evidence: tuple[Evidence, ...]
    recorded_at: datetime


@dataclass(frozen=True)
class BehindLine:
    """One case or incident behind a number."""

    number: str
    link: str
    title: str
    department: str
    at: datetime
    amount: str


@dataclass(frozen=True)
class KpiPage(Page):
    """One number: definition, history, reports, and what is behind it."""

    template: ClassVar[str] = "plan_kpi.html"

    one: Annotated[NumberLine, "The number as it stands."]
    kpi: Annotated[Kpi, "Its definition."]
    formula: Annotated[str, "Its formula in words."]
    article: Annotated[str, "The article of the plan."]
    path: Annotated[tuple[tuple[date, str], ...], "Day and what must be reached by its end."]
    counts: Annotated[tuple[int, int] | None, "Numerator and denominator of the figure."]
    chart: Annotated[Markup, "Its history against its path to the plan's end."]
    limits: Annotated[tuple[str, str] | None, "Reached from here; yellow to here. None: no path."]
    judged_on: Annotated[date, "The day whose path these limits are of."]
    reports: Annotated[tuple[ReportLine, ...], "What was reported, the newest day first."]
    behind: Annotated[tuple[BehindLine, ...], "The lines that the reader may see."]
    seen: Annotated[int, "How many lines the reader may see."]
    every: Annotated[int, "How many there are."]
    page: Annotated[int, "Number of the page, from 1."]
    pages: Annotated[int, "How many pages."]
    may_report: Annotated[bool, "May report this number."]


@dataclass(frozen=True)
class PlanReportPage(Page):
    """The form of a report or of its correction."""

    template: ClassVar[str] = "plan_report.html"

    form: Annotated[Form, "All fields, with what was typed and what is wrong."]
    kpi: Annotated[Kpi, "The number that is reported."]
    command: Annotated[str, "Id of the command: posted again, it is the same report."]
    corrects: Annotated[str, "Id of the report that is corrected; empty: none is."]


# --- reading -------------------------------------------------------------------------------------


async def plan(visit: Visit) -> Response:
    """Every number with its light, and the programme."""
    found = await visit.ask(visit.ports.plan.lines)
    lines = tuple(number_line(visit, one) for one in found)
    counted = lights_counted({one.kpi.code: one.standing for one in found})
    programme = visit.ports.plan.programme()
    running = await visit.ask(visit.ports.plan.running)
    may = visit.ports.access.may
    opens = await visit.ask(may, visit.actor, "establish", "project")
    return await show(
        visit,
        PlanPage(
            title=visit.say(N_("方案指标")),
            lines=lines,
            counted=tuple(
                (visit.say(LIGHTS[light]), PILLS[light], n) for light, n in counted.items()
            ),
            stages=stage_lines(visit, lines, running),
            article=visit.ports.catalogue.cited(programme.basis),
            reportable=await visit.ask(visit.ports.plan.may_report, visit.actor),
            programme_no=running.number if running else "",
            programme_url=await project_url(visit, running.project) if running else "",
            may_open=running is None and opens.allowed,
            statistics=await visit.ask(visit.ports.plan.statistics),
        ),
    )


def number_line(visit: Visit, one: PlanLine) -> NumberLine:
    """Return a number in the reader's language."""
    kpi, stands = one.kpi, one.standing
    names = visit.ports.catalogue.departments(visit.language)
    sign = "≤" if kpi.direction == "at_most" else "≥"
    target = f"{kpi.target}–{kpi.most}" if kpi.most not in (None, kpi.target) else kpi.target
    return NumberLine(
        code=kpi.code,
        name=_name(visit, kpi.name, kpi.english),
        target=target if kpi.most else f"{sign} {target}",
        unit=visit.say(UNITS[kpi.unit]),
        horizon=visit.say(kpi.horizon),
        value=shown(stands.value),
        expected=shown(stands.expected),
        light=visit.say(LIGHTS[stands.light]),
        pill=PILLS[stands.light],
        beyond=stands.beyond,
        department=names.get(kpi.department, kpi.department),
        on=stands.on,
        since=one.since,
        own=kpi.own,
    )


def stage_lines(
    visit: Visit, lines: tuple[NumberLine, ...], running: RunningProgramme | None = None
) -> tuple[StageLine, ...]:
    """Return the programme; a milestone that a number shows bears the number's light.

    `running`: the project by which it is carried out; what it plans and has reached stands beside.
    """
    programme, kpis = visit.ports.plan.programme(), visit.ports.plan.kpis()
    begins, today = kpis.begins_on, datetime.now(visit.zone).date()
    by_code = {one.code: one for one in lines}
    names = {one.id: _name(visit, one.name, one.english) for one in programme.milestones}
    found = []
    for stage in programme.stages:
        first = year_end(begins, stage.first_year - 1) if stage.first_year > 1 else None
        begin = begins if first is None else date.fromordinal(first.toordinal() + 1)
        end = year_end(begins, stage.last_year)
        milestones = tuple(
            _as_it_runs(
                visit,
                MilestoneLine(
                    names[one.id], year_end(begins, one.year),
                    tuple(names[before] for before in one.depends),
                    visit.say(one.evidence), one.kpi,
                    by_code[one.kpi].light if one.kpi in by_code else "",
                    by_code[one.kpi].pill if one.kpi in by_code else "",
                ),
                running.milestones.get(one.id) if running else None,
            )
            for one in programme.milestones
            if one.stage == stage.id
        )  # fmt: skip
        state = N_("已到期") if today > end else N_("进行中") if today >= begin else N_("未开始")
        name = _name(visit, stage.name, stage.english)
        found.append(StageLine(name, begin, end, visit.say(state), milestones))
    return tuple(found)


def _as_it_runs(visit: Visit, line: MilestoneLine, row: MilestoneRow | None) -> MilestoneLine:
    if row is None:
        return line
    return replace(
        line,
        planned_on=row.plan_on,
        reached_on=row.actual_on,
        expected_on=row.forecast_on,
        slippage=visit.say(SLIPPAGES[row.slippage]),
        shade=SHADES[row.slippage],
    )


async def kpi(visit: Visit) -> Response:
    """One number: what it is, how it went, what is behind it."""
    line = await _line(visit)
    asked = visit.request.query_params.get("page", "1")
    page = max(1, int(asked)) if asked.isdecimal() and len(asked) < 7 else 1
    ports = visit.ports.plan
    code, kpis = line.kpi.code, ports.kpis()
    reports = () if line.kpi.own else await visit.ask(ports.reports, code)
    found = await visit.ask(ports.behind, visit.actor, code, page)
    points = await visit.ask(ports.history, code)
    people = dict(await visit.ask(visit.ports.reader.colleagues, ""))
    visit.saw_rows(len(found.lines) or len(reports) or 1)
    one = number_line(visit, line)
    return await show(
        visit,
        KpiPage(
            title=one.name,
            one=one,
            kpi=line.kpi,
            formula=visit.say(FORMULAS[line.kpi.formula]),
            article=visit.ports.catalogue.cited(line.kpi.basis),
            path=tuple(
                (year_end(kpis.begins_on, year), mark) for year, mark in line.kpi.path.items()
            ),
            counts=None
            if line.figure is None
            else (line.figure.numerator, line.figure.denominator),
            chart=_chart(visit, one, line.kpi, kpis.begins_on, points),
            limits=_limits(line),
            judged_on=line.standing.on or visit.ports.projects.today(),
            reports=tuple(_report_lines(line.kpi, reports, people)),
            behind=tuple(_behind(visit, line.kpi, row) for row in found.lines),
            seen=found.seen,
            every=found.every,
            page=page,
            pages=max(1, -(-found.seen // PER_PAGE)),
            may_report=code in await visit.ask(ports.may_report, visit.actor),
        ),
    )


async def _line(visit: Visit) -> PlanLine:
    code = visit.request.path_params["kpi"]
    for one in await visit.ask(visit.ports.plan.lines):
        if one.kpi.code == code:
            found: PlanLine = one
            return found
    raise not_found(visit)


def _limits(line: PlanLine) -> tuple[str, str] | None:
    asked = line.standing.expected
    return None if asked is None else (shown(asked), shown(yellow_from(line.kpi, asked)))


def _chart(
    visit: Visit, one: NumberLine, kpi: Kpi, begins_on: date, found: Sequence[Point]
) -> Markup:
    """Draw what was reached, and the path from the beginning of the plan to its last mark."""
    values = {p.on: p.value for p in found}
    days = sorted({begins_on, *(year_end(begins_on, year) for year in kpi.path), *values})
    series = [
        Series(visit.say(N_("实际")), [_drawn(values.get(day)) for day in days]),
        Series(visit.say(N_("目标路径")), [_drawn(expected(kpi, begins_on, day)) for day in days]),
    ]
    labels = [f"{day:%y-%m-%d}" for day in days]
    return Markup(line_chart(labels, series, unit=one.unit))  # noqa: S704 -- our own, texts escaped


def _drawn(value: Fraction | None) -> float | None:
    """A picture needs no exactness; below nothing it has no room."""
    return None if value is None else max(0.0, float(value))


def _report_lines(
    kpi: Kpi, reports: Sequence[KeptReport], people: Mapping[str, str]
) -> Iterator[ReportLine]:
    days: set[date] = set()
    for one in reports:
        yield ReportLine(
            one.id, one.on, shown(value_of(kpi, one.numerator, one.denominator)), one.numerator,
            one.denominator, one.revision, one.on not in days,
            people.get(one.actor, one.actor if one.actor.startswith("s:") else "—"), one.note,
            one.evidence, one.recorded_at,
        )  # fmt: skip
        days.add(one.on)


_PLACES = {"case": "cases", "incident": "incidents", "project": "projects"}


def _behind(visit: Visit, kpi: Kpi, row: Behind) -> BehindLine:
    names = visit.ports.catalogue.departments(visit.language)
    say = visit.say
    if kpi.source == "response":
        minutes, seconds = divmod(row.amount, 60)
        amount = say(N_("%(m)s 分 %(s)s 秒")) % {"m": minutes, "s": seconds}
    elif kpi.source == "fund":
        amount = say(N_("%(n)s 元")) % {"n": yuan(row.amount)}
    elif kpi.source == "approval_time":
        amount = f"{100 - 100 * row.amount // max(1, row.of)}%"
    else:
        amount = say(N_("计入分子")) if row.amount else say(N_("只计入分母"))
    link = f"/{_PLACES[row.kind]}/{row.id or row.number}"
    return BehindLine(
        row.number, link, row.title,
        names.get(row.department, row.department), row.at, amount,
    )  # fmt: skip


def _name(visit: Visit, name: str, english: str) -> str:
    return english if visit.language == "en" else name


# --- reporting -----------------------------------------------------------------------------------


async def report(visit: Visit) -> Response:
    """The form of a report, and what was posted of it."""
    line = await _line(visit)
    kpi = line.kpi
    thing = Thing(OBJECT, "-", department=kpi.department)
    may = await visit.ask(visit.ports.access.may, visit.actor, REPORT, thing)
    if kpi.own or not may.allowed:
        raise not_found(visit, (REPORT, thing))
    stands = await _corrected(visit, kpi)
    command = visit.text("command") if visit.posted else str(uuid4())
    if not COMMAND.fullmatch(command):
        raise Stop(400, visit.say(N_("表单不完整，请重新打开页面")), "no_command")
    form = Form(tuple(_fields(visit, kpi, stands)))
    page = PlanReportPage(
        title=visit.say(N_("更正填报") if stands else N_("填报指标")),
        form=form,
        kpi=kpi,
        command=command,
        corrects=stands.id if stands else "",
    )
    if not visit.posted:
        return await show(visit, page)
    return await _posted(visit, page)


async def _corrected(visit: Visit, kpi: Kpi) -> KeptReport | None:
    """Return the report that is to be corrected. Raises `Stop` 404 for one that is not there."""
    wanted = visit.text("corrects") or visit.request.query_params.get("corrects", "")
    if not wanted:
        return None
    for one in await visit.ask(visit.ports.plan.reports, kpi.code):
        if one.id == wanted:
            found: KeptReport = one
            return found
    raise not_found(visit)


def _fields(visit: Visit, kpi: Kpi, stands: KeptReport | None) -> Iterator[Field]:
    say = visit.say
    yield Field(
        "on", say(N_("统计日期")), "date", values=(stands.on.isoformat(),) if stands else (),
        hint=say(N_("数字是这一天结束时的")),
    )  # fmt: skip
    yield Field(
        "numerator", say(N_("分子")), "number", values=(str(stands.numerator),) if stands else (),
        hint=say(kpi.numerator),
    )  # fmt: skip
    if not kpi.countless:
        yield Field(
            "denominator", say(N_("分母")), "number",
            values=(str(stands.denominator),) if stands else (), hint=say(kpi.denominator),
        )  # fmt: skip
    yield Field(
        "note", say(N_("更正理由")) if stands else say(N_("说明")), "textarea", bool(stands),
        max_length=1000, wide=True,
    )  # fmt: skip
    yield Field("evidence", say(N_("佐证文件名称")), required=False, max_length=200, double=True)
    yield Field(
        "sha256", say(N_("佐证文件的 SHA-256")), required=False, max_length=64, double=True,
        hint=say(N_("六十四位十六进制数；文件由填报部门保存")),
    )  # fmt: skip


async def _posted(visit: Visit, page: PlanReportPage) -> Response:
    texts, wrong = visit.texts(), dict[str, str]()
    page = _with_form(page, Form(tuple(one.filled(texts) for one in page.form.fields)))
    raw: dict[str, object] = {
        "kpi": page.kpi.code, "department": page.kpi.department, "on": visit.text("on"),
        "denominator": 1, "note": visit.text("note"), "corrects": page.corrects,
        "evidence": _evidence(visit, wrong),
    }  # fmt: skip
    for name in ("numerator",) if page.kpi.countless else ("numerator", "denominator"):
        text = visit.text(name)
        if re.fullmatch(r"\d{1,19}", text, re.ASCII):
            raw[name] = int(text)
        else:
            wrong[name] = visit.say(N_("应是不为负的整数"))
    if not visit.text("on"):
        wrong["on"] = visit.say(N_("这一项必须填写"))
    if wrong:
        return await _again(visit, page, wrong)
    try:
        body = ReportFigure.model_validate(raw)
    except ValidationError as faults:
        path, _ = first_fault(faults.errors(include_url=False, include_input=False))
        return await _again(visit, page, {path.split(".")[0]: visit.say(N_("这一项填写有误"))})
    source = Source(door="web", session=visit.who.session, ip=visit.where.ip)
    answer: PlanReportAnswer = await visit.ask(
        visit.ports.plan.report, visit.actor, source, page.command, body
    )
    if answer.status == "refused":
        if answer.code in ("no_right", "forbidden", "label", "not_a_person"):
            raise Stop(403, visit.told(answer.reason), "no_permission")
        cited = f"（{visit.ports.catalogue.cited(answer.basis)}）" if answer.basis else ""
        return await _again(
            visit, page, {answer.field.removeprefix("body."): visit.told(answer.reason) + cited}
        )
    return RedirectResponse(f"/plan/{page.kpi.code}", 303)


def _evidence(visit: Visit, wrong: dict[str, str]) -> list[dict[str, str]]:
    name, digest = visit.text("evidence"), visit.text("sha256").lower()
    if not name and not digest:
        return []
    if not name:
        wrong["evidence"] = visit.say(N_("这一项必须填写"))
    if not SHA256.fullmatch(digest):
        wrong["sha256"] = visit.say(N_("应是六十四位十六进制数"))
    return [{"name": name, "sha256": digest}]


def _with_form(page: PlanReportPage, form: Form) -> PlanReportPage:
    return PlanReportPage(page.title, form, page.kpi, page.command, page.corrects)


async def _again(visit: Visit, page: PlanReportPage, wrong: Mapping[str, str]) -> Response:
    known = {one.name for one in page.form.fields}
    placed = {(name if name in known else "on"): said for name, said in wrong.items()}
    # A refusal is final for its id: what is corrected now is another command.
    fresh = PlanReportPage(
        page.title, page.form.with_errors(placed), page.kpi, str(uuid4()), page.corrects
    )
    return await show(visit, fresh, 422)
