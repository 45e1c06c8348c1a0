"""One act as it was sent: what was typed, the order that it makes, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from cases.messages import BODIES
from cases.views import CaseView
from catalogue.form_schema import untied
from forms.act_body import body_of
from forms.act_scene import Act, Scene
from forms.fields import Field, Form, MaterialRow, Posted, pydantic_sentence, schema_errors
from forms.materials import handed_in, lacking_rows, posted_rows, row_errors
from forms.rows import in_rows
from forms.visit import Visit


@dataclass(frozen=True)
class Sending:
    """An act of one person on one case, as the form has it."""

    act: Act
    scene: Scene
    case_id: str
    command: str
    """Id of the command; the same at every try of one form."""
    form: Form
    body: Mapping[str, Any]
    rows: tuple[MaterialRow, ...] = ()

    @property
    def view(self) -> CaseView:
        return self.scene.view

    @property
    def asks(self) -> bool:
        """There is something to fill in."""
        return any(field.kind != "hidden" for field in self.form.fields)


def fields_of(
    act: Act, scene: Scene, rows: tuple[MaterialRow, ...] | None = None
) -> tuple[Field, ...]:
    """Return the fields of an act; `rows`: its materials as they were posted."""
    fields = []
    for field in act.fields(scene):
        if field.kind == "materials":
            asked = lacking_rows(scene.matter.materials, scene.view.materials, scene.language)
            field = replace(field, rows=asked if rows is None else rows)
        fields.append(field)
    return tuple(fields)


def untouched(act: Act, scene: Scene, case_id: str, command: str, form: Form) -> Sending:
    """Return the act as its form begins, before anything is typed."""
    begun = {field.name: field.values for field in form.fields if field.kind == "hidden"}
    return Sending(act, scene, case_id, command, form, body_of(act, scene, begun))


async def sent(visit: Visit, act: Act, scene: Scene, case_id: str, command: str) -> Sending:
    """Return what was posted; a row that was just added or removed counts already."""
    texts = in_rows(scene.matter.form, "form", visit.texts(), visit.text("do"))
    rows = await _rows(visit, act, scene)
    form = Form(tuple(_typed(one, texts) for one in fields_of(act, scene, rows)))
    body = body_of(act, scene, texts)
    if rows is not None:
        body["materials"] = [one.model_dump(mode="json") for one in handed_in(rows)]
    return Sending(act, scene, case_id, command, form, body, rows or ())


async def _rows(visit: Visit, act: Act, scene: Scene) -> tuple[MaterialRow, ...] | None:
    if not any(field.kind == "materials" for field in act.fields(scene)):
        return None
    asked = lacking_rows(scene.matter.materials, scene.view.materials, scene.language)
    return await posted_rows(visit, asked)


def _typed(field: Field, texts: Posted) -> Field:
    """Return the field with what was posted; a composer keeps the words beside its choices too."""
    if field.kind == "composer":
        notes = {o.value: next(iter(texts.get(f"why.{o.value}", ())), "") for o in field.options}
        return replace(field, values=tuple(texts.get(field.name, ())), notes=notes)
    return field.filled(texts)


def faults_of(visit: Visit, sending: Sending) -> dict[str, str]:
    """Return what is wrong, a sentence by field."""
    form, matter = sending.form, sending.scene.matter
    labels = {field.name: field.label for field in form.fields}
    wrong: dict[str, str] = dict(row_errors(sending.rows))
    try:
        BODIES[sending.act.verb].model_validate(sending.body)
    except ValidationError as faults:
        for fault in faults.errors():
            name = str(fault["loc"][0])
            wrong.setdefault(name, pydantic_sentence(fault, labels.get(name, name), visit.say))
    if any(field.name.startswith("form.") for field in form.fields):
        # Corrections are a part of the form: what is left out is not missing.
        partial, values = untied(matter.form), sending.body.get("form", {})
        found = schema_errors(partial, "form", values, visit.language, visit.say)
        known = {part.name for field in form.fields for part in field.parts}
        wrong |= {name: text for name, text in found.items() if name in known}
    return wrong


def field_named(pointer: str, form: Form) -> str:
    """Return the field that a refusal points at; empty: none of this form."""
    first = pointer.strip("/$.").replace("/", ".").removeprefix("body.").split(".")[0]
    return form.named(pointer) or next((f.name for f in form.fields if f.name == first), "")
