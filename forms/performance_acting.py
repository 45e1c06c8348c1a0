"""Orders to a project's performance as forms: opened, checked, handed in, refused with source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from cases.attached import MOST_ATTACHED, Attached
from cases.messages import Source
from cases.projects import performing_messages as m
from cases.projects.performing_messages import PerformanceAnswer
from cases.projects.performing_state import Evaluation, Performance
from cases.projects.state import ProjectState
from cases.reception import NotNow
from forms import attaching
from forms.attaching import Taken
from forms.fields import Field, Form, Wrong, pydantic_sentence
from forms.for_good import asked_first, goes_back
from forms.performance import read_by
from forms.performance_duties import DutyRow, duty_rows, lines_of
from forms.performance_fields import (
    FIELDS,
    WITH_FILES,
    IndicatorRow,
    PerformanceScene,
    ScoreRow,
    body_of,
    indicator_rows,
    indicators_of,
    score_rows,
    scores_of,
)
from forms.performance_finality import asking_of
from forms.performance_views import address_of, side_of, thing_of
from forms.performance_words import AGAIN, BRANCHES, DUTIES, SAID, STAGES, TITLES
from forms.rendering import Page
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.window import NOT_NOW
from forms.words import N_

COMMAND: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
NO_FILES: Final = Taken()
NO_RIGHT: Final = frozenset({"no_right", "forbidden", "label", "not_a_person"})


@dataclass(frozen=True)
class PerformanceActPage(Page):
    """One order as a form."""

    template: ClassVar[str] = "performance_act.html"

    project: Annotated[ProjectState, "The project."]
    year: Annotated[Evaluation | None, "The evaluation that the order is about."]
    stage: Annotated[str, "Its stage in words; empty: there is none."]
    action: Annotated[str, "Where the form is posted."]
    back: Annotated[str, "The page one came from."]
    button: Annotated[str, "What the button says."]
    said: Annotated[str, "What the order does, one sentence."]
    form: Annotated[Form, "Its fields."]
    branches: Annotated[Mapping[str, str], "Branch → word."]
    indicators: Annotated[tuple[IndicatorRow, ...], "Of a plan: the tree, line by line."]
    scores: Annotated[tuple[ScoreRow, ...], "Of an evaluation: what is scored."]
    duties: Annotated[tuple[DutyRow, ...], "Of 财政支出责任: its lines."]
    kinds: Annotated[Mapping[str, str], "Kind of such a line → word."]
    most_files: Annotated[int, "How many files one evaluation may bring."]
    paper: Annotated[bool, "It may bring files."]
    taken: Annotated[Taken, "Files that were kept at an earlier try."]
    limit_mb: Annotated[int, "Largest file, in MB."]
    command: Annotated[str, "Id of the command; the same at every try of this form."]


@dataclass(frozen=True)
class _Typed:
    """A form as it was filled in."""

    form: Form
    indicators: tuple[IndicatorRow, ...] = ()
    scores: tuple[ScoreRow, ...] = ()
    duties: tuple[DutyRow, ...] = ()
    taken: Taken = NO_FILES


async def act_page(visit: Visit) -> Response:
    """The empty form of an order."""
    verb, scene = await _scene(visit)
    typed = _Typed(
        Form(tuple(FIELDS[verb](scene))),
        indicator_rows(scene.state, None) if verb == m.PLAN else (),
        score_rows(scene, {}) if verb == m.EVALUATE else (),
        duty_rows(scene.state, None) if verb == m.FISCAL else (),
    )
    return await _show(visit, verb, scene, typed, str(uuid4()))


async def do(visit: Visit) -> Response:
    """Check what was typed, hand it in, go on."""
    verb, scene = await _scene(visit)
    command = visit.text("command")
    if not COMMAND.fullmatch(command):
        raise Stop(400, visit.say(N_("表单不完整，请重新打开页面")), "no_command")
    fields = tuple(one.filled(visit.texts()) for one in FIELDS[verb](scene))
    typed = await _files(visit, verb, scene, _Typed(Form(fields)))
    if visit.text("more"):
        return await _show(visit, verb, scene, typed, command)
    wrong: dict[str, str] = {"": typed.taken.error} if typed.taken.error else {}
    body = _body(scene, verb, fields, typed, wrong)
    wrong = wrong or _errors(visit, verb, fields, body)
    if wrong:
        typed = replace(typed, form=typed.form.with_errors(wrong))
        return await _show(visit, verb, scene, typed, command, 422)
    if goes_back(visit):
        return await _show(visit, verb, scene, typed, command)
    if not await visit.ask(visit.ports.performances.answered, command):
        asking = asking_of(scene, verb, typed.form, body, command, typed.scores, _kept(typed))
        if asking is not None and (asked := await asked_first(visit, asking)):
            return asked
    return await _hand_in(visit, verb, scene, typed, body, command)


async def paper(visit: Visit) -> Response:
    """Hand out a file that an order named; its entry comes first."""
    project, _ = await read_by(visit)
    thing = thing_of(project, project.department)
    return await attaching.hand_out(visit, thing, visit.request.path_params["upload"])


async def _scene(visit: Visit) -> tuple[str, PerformanceScene]:
    verb = f"performance_{visit.request.path_params['verb']}"
    if verb not in FIELDS:
        raise not_found(visit)
    project, state = await read_by(visit)
    await visit.demand(verb, thing_of(project, side_of(project, state, verb)))
    if state is None and verb != m.PLAN:
        raise not_found(visit)
    asked = visit.request.query_params
    chosen = asked.get("year", "") or asked.get("task", "")
    today = visit.ports.projects.today()
    return verb, PerformanceScene(visit, project, state, today, chosen[:8])


async def _files(visit: Visit, verb: str, scene: PerformanceScene, typed: _Typed) -> _Typed:
    """Return the form with its tables and with the files that came, kept."""
    thing = thing_of(scene.project, scene.project.department)
    if verb == m.PLAN:
        return replace(typed, indicators=indicator_rows(scene.state, visit.texts()))
    if verb == m.EVALUATE:
        taken = {
            one.code: await attaching.posted(
                visit, thing, f"{attaching.FIELD}.{one.code}", f"{attaching.KEPT}.{one.code}"
            )
            for one in scene.known.tree.scored
        }
        return replace(typed, scores=score_rows(scene, taken))
    if verb == m.FISCAL:
        typed = replace(typed, duties=duty_rows(scene.state, visit.texts()))
    if verb in WITH_FILES:
        return replace(typed, taken=await attaching.posted(visit, thing))
    return typed


def _kept(typed: _Typed) -> list[tuple[str, str]]:
    """Return the hidden fields that carry the files on to the next try."""
    of_scores = [
        (f"{attaching.KEPT}.{row.one.code}", file.upload)
        for row in typed.scores
        for file in row.taken.files[-1:]
    ]
    return [*typed.taken.hidden(), *of_scores]


def _body(
    scene: PerformanceScene, verb: str, fields: tuple[Field, ...], typed: _Typed,
    wrong: dict[str, str],
) -> dict[str, Any]:  # fmt: skip
    body = body_of(scene, verb, fields, wrong)
    if verb == m.PLAN:
        body["indicators"] = indicators_of(scene, typed.indicators, wrong)
    elif verb == m.EVALUATE:
        body["scores"], body["attached"] = scores_of(scene, typed.scores, wrong)
    elif verb in WITH_FILES:
        body["attached"] = typed.taken.body()
    if verb == m.FISCAL:
        body["lines"] = lines_of(scene, typed.duties, wrong)
    return body


def _errors(
    visit: Visit, verb: str, fields: tuple[Field, ...], body: Mapping[str, Any]
) -> dict[str, str]:
    labels = {one.name: one.label for one in fields}
    wrong: dict[str, str] = {}
    try:
        m.BODIES[verb].model_validate(body)
    except ValidationError as faults:
        for fault in faults.errors():
            parts = [str(part) for part in fault["loc"]]
            name = next((one for one in reversed(parts) if one in labels), parts[0])
            wrong.setdefault(name, pydantic_sentence(fault, labels.get(name, name), visit.say))
    return wrong


async def _hand_in(
    visit: Visit, verb: str, scene: PerformanceScene, typed: _Typed, body: Mapping[str, Any],
    command: str,
) -> Response:  # fmt: skip
    project = scene.project.project_id
    files = [Attached.model_validate(one) for one in body.get("attached", ())]
    if files:
        await attaching.take(visit, thing_of(scene.project, scene.project.department), files)
    source = Source(door="web", ip=visit.where.ip, session=visit.who.session)
    try:
        answer = await visit.ports.performances.order(
            visit.actor, source, command, project, verb, body
        )
    except NotNow:
        form = replace(typed.form, errors=(Wrong(visit.say(NOT_NOW)),))
        return await _show(visit, verb, scene, replace(typed, form=form), command, 503)
    if answer.status == "refused":
        if answer.code in NO_RIGHT:
            raise Stop(403, visit.told(answer.reason), "no_permission")
        form = typed.form.with_errors({_place(answer, typed.form): _refusal(visit, answer)})
        # A refusal is final for its id: what is corrected now is another command.
        return await _show(visit, verb, scene, replace(typed, form=form), str(uuid4()), 422)
    year = f"#y-{body['year']}" if "year" in body else ""
    return RedirectResponse(f"{address_of(project)}?done={command}{year}", 303)


def _place(answer: PerformanceAnswer, form: Form) -> str:
    names = {one.name for one in form.fields}
    parts = answer.field.removeprefix("body.").split(".")
    return next((one for one in reversed(parts) if one in names), parts[0])


def _refusal(visit: Visit, answer: PerformanceAnswer) -> str:
    if not answer.basis:
        return visit.told(answer.reason)
    return f"{visit.told(answer.reason)}（{visit.ports.catalogue.cited(answer.basis)}）"


async def _show(
    visit: Visit, verb: str, scene: PerformanceScene, typed: _Typed, command: str,
    status: int = 200,
) -> Response:  # fmt: skip
    title = AGAIN if verb == m.PLAN and scene.state is not None else TITLES[verb]
    words, project = visit.say(title), scene.project
    year = _about(verb, scene.state, typed.form)
    page = PerformanceActPage(
        title=f"{words} · {project.title}",
        project=project,
        year=year,
        stage=visit.say(STAGES[year.stage]) if year else "",
        action=address_of(project.project_id, verb),
        back=address_of(project.project_id),
        button=words,
        said=visit.say(SAID[verb]),
        form=typed.form,
        branches={code: visit.say(word) for code, word in BRANCHES.items()},
        indicators=typed.indicators,
        scores=typed.scores,
        duties=typed.duties,
        kinds={code: visit.say(word) for code, word in DUTIES.items()},
        most_files=MOST_ATTACHED,
        paper=verb in WITH_FILES,
        taken=typed.taken,
        limit_mb=visit.options.upload_limit_bytes // (1024 * 1024),
        command=command,
    )
    return await show(visit, page, status)


def _about(verb: str, state: Performance | None, form: Form) -> Evaluation | None:
    """Return the evaluation that the form's year names; of an evaluation itself there is none."""
    if state is None or verb == m.EVALUATE:
        return None
    year = next((one.value for one in form.fields if one.name == "year"), "")
    return state.of_year(int(year)) if year.isdecimal() and len(year) == 4 else None
