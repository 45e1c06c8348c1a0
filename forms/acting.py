"""Doing something to a case: the form of a verb, its confirm page, its answer.

The command's id is made with the form and travels in it, so a double click, the back button and a
second try after a failure all name the same command and get the same outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from cases.approval.articles import broken_by
from cases.facts import CaseFacts
from cases.messages import BODIES
from cases.reception import NotNow, Request
from cases.state import Plan
from cases.views import CaseView
from catalogue.form_schema import untied
from forms.act_body import body_of
from forms.act_scene import Act, Scene
from forms.acts import ACTS
from forms.case import Fact, facts_of, form_facts, next_of, offered, scene_of, view_of
from forms.corrected_twice import corrected_since, newest, seen_of
from forms.fields import (
    Field,
    Form,
    MaterialRow,
    Posted,
    Wrong,
    pydantic_sentence,
    schema_errors,
)
from forms.filing import hand_over, refusal
from forms.materials import handed_in, lacking_rows, posted_rows, row_errors
from forms.rendering import Page
from forms.rows import changes_rows, in_rows
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.window import NOT_NOW, settle
from forms.words import N_, word


@dataclass(frozen=True)
class ActPage(Page):
    """One act as a form, the case in short beside it."""

    template: ClassVar[str] = "act.html"

    view: Annotated[CaseView, "The case."]
    act: Annotated[Act, "Verb, button, consequence."]
    form: Annotated[Form, "Its fields."]
    facts: Annotated[tuple[Fact, ...], "The filed form, for reading beside."]
    command: Annotated[str, "Id of the command; the same at every try of this form."]
    limit_mb: Annotated[int, "Largest file, in MB."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    seen: Annotated[int, "The last step of the case that this page shows."]

    def rests_on(self) -> tuple[str, ...]:
        """Return the article that the act rests on in this matter."""
        return (broken_by(Plan.model_validate(self.view.plan), self.act.verb),)


@dataclass(frozen=True)
class ConfirmPage(Page):
    """What will be done, in a sentence, before it is done for good."""

    template: ClassVar[str] = "confirm.html"

    view: Annotated[CaseView, "The case."]
    act: Annotated[Act, "Verb and button."]
    sentence: Annotated[str, "The outcome that the button brings about."]
    form: Annotated[Form, "What was typed, to be read once more."]
    hidden: Annotated[tuple[tuple[str, str], ...], "Everything typed, as it travels on."]
    command: Annotated[str, "Id of the command."]


async def act_page(visit: Visit) -> Response:
    """The empty form of a verb; `task` or `card` in the address chooses it."""
    act, facts = await _act(visit)
    view, scene = await _scene(visit, facts)
    fields = _fields(act, scene, None)
    given = visit.request.query_params
    chosen = {name: given[name] for name in ("task", "card") if given.get(name)}
    fields = tuple(replace(f, values=(chosen[f.name],)) if f.name in chosen else f for f in fields)
    return await _show(visit, act, view, scene, Form(fields), str(uuid4()))


async def _act(visit: Visit) -> tuple[Act, CaseFacts]:
    """Return the act in the path and the facts of its case, if policy lets the visitor do it."""
    act = ACTS.get(visit.request.path_params["verb"])
    if act is None:
        raise not_found(visit)
    return act, await facts_of(visit, act.verb)


async def _scene(visit: Visit, facts: CaseFacts) -> tuple[CaseView, Scene]:
    view = await view_of(visit, facts)
    return view, await scene_of(visit, view)


def _fields(act: Act, scene: Scene, rows: tuple[MaterialRow, ...] | None) -> tuple[Field, ...]:
    fields = []
    for field in act.fields(scene):
        if field.kind == "materials":
            asked = lacking_rows(scene.matter.materials, scene.view.materials)
            field = replace(field, rows=asked if rows is None else rows)
        fields.append(field)
    return tuple(fields)


async def _show(
    visit: Visit,
    act: Act,
    view: CaseView,
    scene: Scene,
    form: Form,
    command: str,
    status: int = 200,
    seen: int | None = None,
) -> Response:
    page = ActPage(
        title=f"{visit.say(word('verb', act.verb))} · {view.row.case_no}",
        view=view,
        act=act,
        form=form,
        facts=form_facts(scene.matter, view.form, visit),
        command=command,
        limit_mb=visit.options.upload_limit_bytes // (1024 * 1024),
        departments=scene.departments,
        seen=seen_of(visit, view) if seen is None else seen,
    )
    return await show(visit, page, status)


async def do(visit: Visit) -> Response:
    """Check what was typed, ask once more where it is for good, settle it, go on."""
    act, facts = await _act(visit)
    view, scene = await _scene(visit, facts)
    command = visit.text("command") or str(uuid4())
    fresh = await visit.ask(visit.ports.reader.outcome, command) is None
    if fresh:
        # Asked again after it was settled, the stage has moved on; the answer is the stored one.
        await _still_offered(visit, act, facts, view)
    texts = in_rows(scene.matter.form, "form", visit.texts(), visit.text("do"))
    rows = await _rows(visit, act, scene)
    form = Form(tuple(_typed(f, texts) for f in _fields(act, scene, rows)))
    if changes_rows(visit.text("do")):
        return await _show(visit, act, view, scene, form, command)
    body = body_of(act, scene, texts)
    if rows is not None:
        body["materials"] = [m.model_dump(mode="json") for m in handed_in(rows)]
    wrong = _errors(visit, act, scene, form, body, rows or ())
    both = corrected_since(visit, view, form, body) if fresh and not wrong else {}
    if wrong or both:
        status, seen = (422, None) if wrong else (409, newest(view))
        again = form.with_errors(wrong or both)
        return await _show(visit, act, view, scene, again, command, status, seen)
    if act.confirm and visit.text("step") != "confirmed":
        if visit.text("step") == "back":
            return await _show(visit, act, view, scene, form, command)
        return await _confirm(visit, act, view, scene, form, body, command)
    request = Request(id=command, verb=act.verb, body=body, case_id=facts.id)
    try:
        outcome = await settle(visit, request)
    except NotNow:
        form = replace(form, errors=(Wrong(visit.say(NOT_NOW)),))
        return await _show(visit, act, view, scene, form, command, 503)
    if outcome.status == "refused":
        wrong = {_field_name(outcome.field, form): refusal(visit, outcome)}
        # A refusal is final for its id: what is corrected now is another command.
        return await _show(visit, act, view, scene, form.with_errors(wrong), str(uuid4()), 422)
    await hand_over(visit, rows or (), facts.id)
    if act.verb == "recuse" and not body.get("person"):
        return RedirectResponse("/", 303)  # the case is no longer theirs to see
    return await _on(visit, facts, view, command)


async def _on(visit: Visit, facts: CaseFacts, view: CaseView, command: str) -> Response:
    """Lead to the case with what came of the act; or to the next one, for whoever wants that."""
    if (await visit.preferences())["go_on"] == "on":
        following = await next_of(visit, facts.id, finished=True)
        if following:
            return RedirectResponse(f"/cases/{following}?after={command}", 303)
    return RedirectResponse(f"/cases/{view.row.case_no}?done={command}", 303)


async def _still_offered(visit: Visit, act: Act, facts: CaseFacts, view: CaseView) -> None:
    if act.verb not in {one.verb for one in await offered(visit, facts)}:
        stage = visit.say(word("stage", view.row.stage))
        reason = visit.say(N_("本件现在处于“{stage}”，不能再“{verb}”")).format(
            stage=stage, verb=visit.say(word("verb", act.verb))
        )
        raise Stop(409, reason, "wrong_stage", visit.say(N_("请回到办件查看最新情况")))


async def _rows(visit: Visit, act: Act, scene: Scene) -> tuple[MaterialRow, ...] | None:
    if not any(f.kind == "materials" for f in act.fields(scene)):
        return None
    asked = lacking_rows(scene.matter.materials, scene.view.materials)
    return await posted_rows(visit, asked)


def _typed(field: Field, texts: Posted) -> Field:
    """Return the field with what was posted; a composer keeps the words beside its choices too."""
    if field.kind == "composer":
        notes = {o.value: next(iter(texts.get(f"why.{o.value}", ())), "") for o in field.options}
        return replace(field, values=tuple(texts.get(field.name, ())), notes=notes)
    return field.filled(texts)


def _errors(
    visit: Visit,
    act: Act,
    scene: Scene,
    form: Form,
    body: Mapping[str, Any],
    rows: tuple[MaterialRow, ...],
) -> dict[str, str]:
    labels = {f.name: f.label for f in form.fields}
    wrong: dict[str, str] = dict(row_errors(rows))
    try:
        BODIES[act.verb].model_validate(body)
    except ValidationError as faults:
        for fault in faults.errors():
            name = str(fault["loc"][0])
            wrong.setdefault(name, pydantic_sentence(fault, labels.get(name, name), visit.say))
    if any(f.name.startswith("form.") for f in form.fields):
        # Corrections are a part of the form: what is left out is not missing.
        partial = untied(scene.matter.form)
        found = schema_errors(partial, "form", body.get("form", {}), visit.language, visit.say)
        known = {part.name for f in form.fields for part in f.parts}
        wrong |= {k: v for k, v in found.items() if k in known}
    return wrong


def _field_name(pointer: str, form: Form) -> str:
    first = pointer.strip("/$.").replace("/", ".").removeprefix("body.").split(".")[0]
    return form.named(pointer) or next((f.name for f in form.fields if f.name == first), "")


async def _confirm(
    visit: Visit,
    act: Act,
    view: CaseView,
    scene: Scene,
    form: Form,
    body: Mapping[str, Any],
    command: str,
) -> Response:
    assert act.confirm is not None
    kept = [
        (name, text)
        for name, found in visit.texts().items()
        if name not in ("csrf", "command", "step", "do")
        for text in found
    ]
    page = ConfirmPage(
        title=f"{visit.say(N_('请核对'))} · {view.row.case_no}",
        view=view,
        act=act,
        sentence=act.confirm(scene, body),
        form=form,
        hidden=tuple(kept),
        command=command,
    )
    return await show(visit, page)
