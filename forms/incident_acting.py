"""Doing something to an incident: the form of a verb, and what comes of it.

As with cases, the command's id is made with the form and travels in it: a double press, the back
button and a second try after a failure all name the same command and get the same outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from cases.incidents.messages import INCIDENT_BODIES, OF_CASES, OF_UNITS
from cases.incidents.state import IncidentState
from cases.messages import Outcome, Source
from cases.reception import NotNow
from forms.attaching import Taken, posted, take
from forms.fields import Form, Wrong, pydantic_sentence
from forms.incident import shown_of, state_of, thing_of
from forms.incident_fields import FIELDS, ActScene, body_of
from forms.incident_offers import own_units
from forms.incident_words import STAGES, VERBS
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.window import NOT_NOW
from forms.words import N_

DRAFTED = "report_up"
ATTACHING = frozenset({"refuse_dispatch", "progress", "arrive", "answer"})
"""Orders to which a form attaches files."""


@dataclass(frozen=True)
class IncidentActPage(Page):
    """One order as a form."""

    template: ClassVar[str] = "incident_act.html"

    state: Annotated[IncidentState, "The incident."]
    stage: Annotated[str, "Word of its stage."]
    button: Annotated[str, "What the button says."]
    verb: Annotated[str, "The order."]
    form: Annotated[Form, "Its fields."]
    command: Annotated[str, "Id of the command; the same at every try of this form."]
    department: Annotated[str, "Name of the unit for which it is done; empty: none."]
    text: Annotated[str, "What was reported."]
    taken: Annotated[Taken | None, "Attached files; None: the order takes none."]
    limit_mb: Annotated[int, "Largest file, in MB."]


@dataclass(frozen=True)
class IncidentConfirmPage(Page):
    """What is for good is asked once more."""

    template: ClassVar[str] = "incident_confirm.html"

    state: Annotated[IncidentState, "The incident."]
    sentence: Annotated[str, "What will come of it."]
    button: Annotated[str, "What the button says."]
    verb: Annotated[str, "The order."]
    said: Annotated[Sequence[tuple[str, str]], "What was typed: label, words."]
    hidden: Annotated[Sequence[tuple[str, str]], "The same, to be sent again."]
    command: Annotated[str, "Id of the command; the same as the form's."]


AT_ONCE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "archive": N_("归档后本事件不再变动；没有写明理由保留的个人信息即行销毁。"),
        "merge": N_("并案后本事件即行终结，已派的单位撤回，以后只在并入的事件中办理，不能再分开。"),
        "close": N_("办结后不再派发，时限不再计算，不能重新办理；随后只能评价、归档。"),
        "evaluate": N_("评价只能作一次，计入各处置单位的成绩。"),
    }
)
"""Order → what comes of it, where nothing takes it back however it is filled in."""

TAKEN_BACK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "grade": "`regrade`",
        "regrade": "graded anew",
        "dispatch": "the unit sends it back by `refuse_dispatch`; a further one may be sent",
        "acknowledge": "`refuse_dispatch`",
        "refuse_dispatch": "`arbitrate`, or sent again",
        "arbitrate": "sent again, to another unit",
        "set_out": "a fact of its moment; a report that follows mends it",
        "arrive": "a fact of its moment; a report that follows mends it",
        "progress": "the next report mends it",
        "answer": "`check` sends it back to be done again",
        "check": "until it is closed the response may go on",
        "start_response": "`end_response`",
        "adjust_response": "adjusted again",
        "end_response": "`start_response`",
        "report_up": "the report that follows mends it",
        "keep_personal": "written anew with another reason, or erased by `archive`",
        "add_lesson": "`finish_lesson`",
        "finish_lesson": "a further lesson may follow",
        "link_case": "`unlink_case`",
        "unlink_case": "`link_case`",
    }
)
"""Order → what takes it back, for whoever asks why it is not asked once more."""


def for_good(verb: str, body: Mapping[str, Any]) -> str:
    """Return what will come of an order that nothing takes back; empty for any other."""
    if verb == "verify" and body.get("true") is False:
        return N_("认定不实后，本事件即行终结，不再派发，所取得的个人信息销毁。")
    return AT_ONCE.get(verb, "")


async def act_page(visit: Visit) -> Response:
    """The empty form of an order."""
    verb, _, scene = await _scene(visit)
    return await _show(visit, verb, scene, Form(tuple(FIELDS[verb](scene))), str(uuid4()))


async def _scene(visit: Visit) -> tuple[str, IncidentState, ActScene]:
    verb = visit.request.path_params["verb"]
    if verb not in FIELDS:
        raise not_found(visit)
    department = await _department(visit, verb)
    state = await state_of(visit, verb, department)
    routed = await visit.ask(visit.ports.incidents.routed, state) if verb == "dispatch" else ()
    draft = await _draft(visit, state) if verb == DRAFTED else ""
    departments = visit.ports.catalogue.departments(visit.language)
    reads = True
    if verb in OF_CASES:
        reads = (await visit.ask(visit.ports.access.may, visit.actor, "list", "case")).allowed
    return verb, state, ActScene(visit, state, department, routed, departments, draft, reads)


async def _draft(visit: Visit, state: IncidentState) -> str:
    waiting = next((one for one in state.reports if one.sent_at is None), None)
    if waiting is None:
        return ""
    may = visit.ports.access.may
    if not (await visit.ask(may, visit.actor, "read_personal", thing_of(state))).allowed:
        return ""
    return await visit.ask(visit.ports.incidents.draft, state.incident_id, waiting.chain)


async def _department(visit: Visit, verb: str) -> str:
    """Return for which unit it is done: the address or the form names it; else the only own one."""
    if verb not in OF_UNITS:
        return ""
    named = visit.text("department") or visit.request.query_params.get("department", "")
    if named or verb == "progress":
        return named
    own = sorted(own_units(visit.actor) - {"*"})
    return own[0] if own else visit.actor.department


async def do(visit: Visit) -> Response:
    """Check what was typed, hand it in, go on."""
    verb, state, scene = await _scene(visit)
    command = visit.text("command") or str(uuid4())
    texts = visit.texts()
    fields = FIELDS[verb](scene)
    form = Form(tuple(one.filled(texts) for one in fields))
    body = body_of(scene, verb, fields, texts)
    if verb == "merge":
        found = await visit.ask(visit.ports.incidents.listed, visit.actor, body["into"])
        body["into"] = found or body["into"]
    if verb in OF_CASES:
        # What is not found stays as it was typed: the door refuses it as one that is not there.
        found = await visit.ask(visit.ports.reader.readable, visit.actor, body["case"])
        body["case"] = found or body["case"]
    taken = await posted(visit, thing_of(state)) if verb in ATTACHING else None
    if taken is not None:
        body["attached"] = taken.body()
    wrong = _errors(visit, verb, form, body)
    if taken is not None and taken.error:
        wrong.setdefault("", taken.error)
    if wrong:
        return await _show(visit, verb, scene, form.with_errors(wrong), command, 422, taken)
    step = visit.text("step")
    if step == "back":
        return await _show(visit, verb, scene, form, command, taken=taken)
    if (sentence := for_good(verb, body)) and step != "confirmed":
        return await _confirm(visit, verb, scene, form, command, sentence)
    if taken is not None:
        await take(visit, thing_of(state), taken.files)
    return await _ordered(visit, verb, scene, form, command, body, taken)


async def _ordered(
    visit: Visit, verb: str, scene: ActScene, form: Form, command: str, body: dict[str, Any],
    taken: Taken | None,
) -> Response:  # fmt: skip
    """Hand the order in; show the form again where it is refused or cannot be known now."""
    state = scene.state
    source = Source(door="web", ip=visit.where.ip, session=visit.who.session)
    try:
        outcome = await visit.ports.incidents.order(
            visit.actor, source, command, state.incident_id, verb, body
        )
    except NotNow:
        form = replace(form, errors=(Wrong(visit.say(NOT_NOW)),))
        return await _show(visit, verb, scene, form, command, 503, taken)
    if outcome.status == "refused":
        wrong = {_field(outcome, form): _refusal(visit, outcome)}
        # A refusal is final for its id: what is corrected now is another command.
        return await _show(visit, verb, scene, form.with_errors(wrong), str(uuid4()), 422, taken)
    if visit.text("back") == "board":
        return RedirectResponse("/incidents", 303)
    return RedirectResponse(f"/incidents/{state.incident_id}?done={command}", 303)


async def _confirm(
    visit: Visit, verb: str, scene: ActScene, form: Form, command: str, sentence: str
) -> Response:
    said = []
    for one in form.fields:
        words = {option.value: option.label for option in one.options}
        if one.kind != "hidden" and one.value:
            said.append((one.label, words.get(one.value, one.value)))
    page = IncidentConfirmPage(
        title=f"{visit.say(N_('请核对'))} · {scene.state.number}",
        state=scene.state,
        sentence=visit.say(sentence),
        button=visit.say(VERBS[verb]),
        verb=verb,
        said=said,
        hidden=[pair for pair in visit.typed() if pair[0] not in ("command", "step")],
        command=command,
    )
    return await show(visit, page)


def _errors(visit: Visit, verb: str, form: Form, body: dict[str, Any]) -> dict[str, str]:
    labels = {one.name: one.label for one in form.fields}
    wrong: dict[str, str] = {}
    try:
        INCIDENT_BODIES[verb].model_validate(body)
    except ValidationError as faults:
        for fault in faults.errors():
            name = (
                ".".join(str(part) for part in fault["loc"][:2])
                if verb == "evaluate"
                else str(fault["loc"][0])
            )
            name = name if name in labels else "lead" if verb == "dispatch" else name
            wrong.setdefault(name, pydantic_sentence(fault, labels.get(name, name), visit.say))
    return wrong


def _field(outcome: Outcome, form: Form) -> str:
    name = outcome.field.removeprefix("body.")
    names = [one.name for one in form.fields]
    if name == "units":
        name = "lead"
    return name if name in names else ""


def _refusal(visit: Visit, outcome: Outcome) -> str:
    if not outcome.basis:
        return visit.told(outcome.reason)
    return f"{visit.told(outcome.reason)}（{visit.ports.catalogue.cited(outcome.basis)}）"


async def _show(
    visit: Visit, verb: str, scene: ActScene, form: Form, command: str, status: int = 200,
    taken: Taken | None = None,
) -> Response:  # fmt: skip
    state = scene.state
    if taken is None and verb in ATTACHING:
        taken = Taken()
    shown = await shown_of(visit, state)
    words = visit.say(VERBS[verb])
    page = IncidentActPage(
        title=f"{words} · {state.number}",
        state=state,
        stage=visit.say(STAGES[state.stage]),
        button=words,
        verb=verb,
        form=form,
        command=command,
        department=scene.departments.get(scene.department, scene.department),
        text=shown.text,
        taken=taken,
        limit_mb=visit.options.upload_limit_bytes // (1024 * 1024),
    )
    return await show(visit, page, status)
