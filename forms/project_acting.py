"""Orders to a project as forms: opened, checked, handed in, refused with rule and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from cases.messages import Outcome, Source
from cases.projects.messages import PROJECT_BODIES, project_id_for
from cases.projects.state import ProjectState
from cases.reception import NotNow
from catalogue.project_templates import ProjectTemplate
from forms import attaching
from forms.access_ports import Thing
from forms.attaching import Taken
from forms.fields import Form, Wrong, pydantic_sentence
from forms.for_good import asked_first, goes_back
from forms.project import state_of, thing_of
from forms.project_fields import ESTABLISH, FIELDS, ActScene, body_of, takes_paper
from forms.project_finality import asking_of
from forms.project_words import VERBS
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.window import NOT_NOW
from forms.words import N_


@dataclass(frozen=True)
class ProjectActPage(Page):
    """One order as a form."""

    template: ClassVar[str] = "project_act.html"

    state: Annotated[ProjectState | None, "The project; None: a new one."]
    chosen: Annotated[ProjectTemplate | None, "Of a new one: its template."]
    templates: Annotated[Mapping[str, str], "Of a new one: template → name."]
    preview: Annotated[
        tuple[tuple[str, tuple[tuple[str, int, bool], ...]], ...],
        "Of a new one: stage → steps with days and whether two people must let it pass.",
    ]
    action: Annotated[str, "Where the form is posted."]
    button: Annotated[str, "What the button says."]
    form: Annotated[Form, "Its fields."]
    paper: Annotated[bool, "It brings a file."]
    taken: Annotated[Taken, "Files that were kept at an earlier try."]
    limit_mb: Annotated[int, "Largest file, in MB."]
    command: Annotated[str, "Id of the command; the same at every try of this form."]


# --- a new one -----------------------------------------------------------------------------------


async def new(visit: Visit) -> Response:
    """The form of a new project: first its template, then the rest with the steps it brings."""
    await visit.demand(ESTABLISH, "project")
    scene = _new_scene(visit, visit.request.query_params.get("template", ""))
    form = Form(tuple(FIELDS[ESTABLISH](scene)) if scene.chosen else ())
    return await _show(visit, ESTABLISH, scene, form, Taken(), str(uuid4()))


async def establish(visit: Visit) -> Response:
    """Open a project; what rules forbid comes back with their article."""
    scene = _new_scene(visit, visit.text("template"))
    if not scene.chosen:
        raise not_found(visit)
    thing = Thing("project", department=visit.text("department"))
    await visit.demand(ESTABLISH, thing)
    command = visit.text("command") or str(uuid4())
    return await _hand_in(visit, ESTABLISH, scene, command, project_id_for(command), thing)


def _new_scene(visit: Visit, template: str) -> ActScene:
    chosen = template if template in visit.ports.projects.templates else ""
    departments = visit.ports.catalogue.departments(visit.language)
    return ActScene(visit, None, departments, visit.ports.projects.today(), chosen)


# --- one that there is ---------------------------------------------------------------------------


async def act_page(visit: Visit) -> Response:
    """The empty form of an order."""
    verb, _, scene = await _scene(visit)
    return await _show(visit, verb, scene, Form(tuple(FIELDS[verb](scene))), Taken(), str(uuid4()))


async def do(visit: Visit) -> Response:
    """Check what was typed, hand it in, go on."""
    verb, state, scene = await _scene(visit)
    command = visit.text("command") or str(uuid4())
    return await _hand_in(visit, verb, scene, command, state.project_id, thing_of(state))


async def paper(visit: Visit) -> Response:
    """Hand out a file that an order to the project named; its entry comes first."""
    state = await state_of(visit)
    return await attaching.hand_out(visit, thing_of(state), visit.request.path_params["upload"])


async def _scene(visit: Visit) -> tuple[str, ProjectState, ActScene]:
    verb = visit.request.path_params["verb"]
    if verb not in FIELDS or verb == ESTABLISH:
        raise not_found(visit)
    state = await state_of(visit, verb)
    departments = visit.ports.catalogue.departments(visit.language)
    chosen = visit.request.query_params.get("for", "") or visit.text("milestone")
    today = visit.ports.projects.today()
    return verb, state, ActScene(visit, state, departments, today, chosen[:64])


async def _hand_in(
    visit: Visit, verb: str, scene: ActScene, command: str, project_id: str, thing: Thing
) -> Response:
    texts = visit.texts()
    fields = FIELDS[verb](scene)
    form = Form(tuple(one.filled(texts) for one in fields))
    body = body_of(scene, verb, fields, texts)
    taken = Taken()
    wrong: dict[str, str] = {}
    if takes_paper(verb):
        taken = await attaching.posted(visit, replace(thing, id=project_id))
        wrong = _with_paper(visit, body, taken)
    wrong |= _errors(visit, verb, form, body) if not wrong else {}
    if wrong:
        return await _show(visit, verb, scene, form.with_errors(wrong), taken, command, 422)
    if goes_back(visit):
        return await _show(visit, verb, scene, form, taken, command)
    if asked := await _asked(visit, verb, scene, form, body, command, taken):
        return asked
    if taken.files:
        await attaching.take(visit, replace(thing, id=project_id), taken.files)
    source = Source(door="web", ip=visit.where.ip, session=visit.who.session)
    order = visit.ports.projects.order
    try:
        outcome = await order(visit.actor, source, command, project_id, verb, body)
    except NotNow:
        form = replace(form, errors=(Wrong(visit.say(NOT_NOW)),))
        return await _show(visit, verb, scene, form, taken, command, 503)
    if outcome.status == "refused":
        found = {_field(outcome, form): _refusal(visit, outcome)}
        # A refusal is final for its id: what is corrected now is another command.
        again = str(uuid4())
        return await _show(visit, verb, scene, form.with_errors(found), taken, again, 422)
    return RedirectResponse(f"/projects/{project_id}?done={command}", 303)


async def _asked(
    visit: Visit, verb: str, scene: ActScene, form: Form, body: Mapping[str, Any], command: str,
    taken: Taken,
) -> Response | None:  # fmt: skip
    """Return the page before what is for good; None: it was read, or it is not for good."""
    if scene.state is None or await visit.ask(visit.ports.projects.answered, command):
        return None
    asking = asking_of(scene, verb, form, body, command, taken.hidden())
    return None if asking is None else await asked_first(visit, asking)


def _with_paper(visit: Visit, body: dict[str, Any], taken: Taken) -> dict[str, str]:
    """Put the file into the body; return what is wrong with it."""
    if taken.error:
        return {"": taken.error}
    if len(taken.files) != 1:
        return {"": visit.say(N_("请附上文件，一次一份"))}
    (one,) = taken.files
    body.setdefault("paper", {}).update({"sha256": one.sha256, "upload": one.upload})
    return {}


def _errors(visit: Visit, verb: str, form: Form, body: Mapping[str, Any]) -> dict[str, str]:
    labels = {one.name: one.label for one in form.fields}
    wrong: dict[str, str] = {}
    try:
        PROJECT_BODIES[verb].model_validate(body)
    except ValidationError as faults:
        for fault in faults.errors():
            name = _known(".".join(str(part) for part in fault["loc"]), labels)
            wrong.setdefault(name, pydantic_sentence(fault, labels.get(name, name), visit.say))
    return wrong


def _known(path: str, labels: Mapping[str, str]) -> str:
    """Return the field that a path of the body is about: itself or the list that holds it."""
    while path and path not in labels:
        path = path.rpartition(".")[0]
    return path


def _field(outcome: Outcome, form: Form) -> str:
    return _known(outcome.field.removeprefix("body."), {one.name: "" for one in form.fields})


def _refusal(visit: Visit, outcome: Outcome) -> str:
    if not outcome.basis:
        return visit.told(outcome.reason)
    return f"{visit.told(outcome.reason)}（{visit.ports.catalogue.cited(outcome.basis)}）"


async def _show(
    visit: Visit, verb: str, scene: ActScene, form: Form, taken: Taken, command: str,
    status: int = 200,
) -> Response:  # fmt: skip
    words, state = visit.say(VERBS[verb]), scene.state
    templates = visit.ports.projects.templates
    chosen = templates.get(scene.chosen) if state is None else None
    page = ProjectActPage(
        title=words if state is None else f"{words} · {state.title}",
        state=state,
        chosen=chosen,
        templates={} if state else {k: t.title_in(visit.language) for k, t in templates.items()},
        preview=_preview(visit, chosen),
        action="/projects/new" if state is None else f"/projects/{state.project_id}/do/{verb}",
        button=words,
        form=form,
        paper=takes_paper(verb),
        taken=taken,
        limit_mb=visit.options.upload_limit_bytes // (1024 * 1024),
        command=command,
    )
    return await show(visit, page, status)


def _preview(
    visit: Visit, chosen: ProjectTemplate | None
) -> tuple[tuple[str, tuple[tuple[str, int, bool], ...]], ...]:
    if chosen is None:
        return ()
    english = visit.language == "en"
    return tuple(
        (
            stage.en if english else stage.zh,
            tuple(
                (step.en if english else step.zh, step.days, step.gate)
                for step in chosen.steps
                if step.stage == stage.id
            ),
        )
        for stage in chosen.stages
    )
