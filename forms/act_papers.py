"""What is still lacking, what is put right: materials and the form of the application."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from forms.act_scene import Scene
from forms.fields import Field, Option, Posted, schema_fields, schema_values
from forms.words import N_

OTHER = "other"


def lacking_field(scene: Scene) -> Field:
    """The composer of the one-time notice: every material and every form field can be named."""
    say = scene.say
    materials = [
        Option(
            m.code, m.name, say(N_("材料")) + (" · " + say(N_("未收到")) if not m.received else "")
        )
        for m in scene.view.materials
    ]
    fields = [
        Option(f.name.removeprefix("form."), f.label, say(N_("表单项")))
        for f in schema_fields(scene.matter.form, "form", scene.language)
    ]
    missing = tuple(m.code for m in scene.view.materials if m.required and not m.received)
    other = Option(OTHER, say(N_("其他（写明内容）")))
    return Field(
        "lacking",
        say(N_("需要补正的全部内容")),
        "composer",
        hint=say(N_("只能告知一次：把所有需要补正的内容一次勾全，并写明要求。")),
        options=(*materials, *fields, other),
        values=missing,
        wide=True,
    )


def lacking(scene: Scene, posted: Posted) -> dict[str, Any]:
    """Return what the composer says: each thing checked, with why."""
    names = {o.value: o.label for o in lacking_field(scene).options}
    found = []
    for code in posted.get("lacking", ()):
        if code not in names:
            continue
        why = next(iter(posted.get(f"why.{code}", ())), "").strip()
        what = (why or names[code]) if code == OTHER else names[code]
        found.append({"code": code, "what": what, "why": why})
    return {"lacking": found}


def corrections(scene: Scene) -> tuple[Field, ...]:
    """Every form field, empty: what stays empty is not changed."""
    say = scene.say
    yes_no = (Option("true", say(N_("是"))), Option("false", say(N_("否"))))
    return tuple(
        replace(f, required=False, values=(), kind="select", options=yes_no)
        if f.kind == "check"
        else replace(f, required=False, values=())
        for f in schema_fields(scene.matter.form, "form", scene.language)
    )


def corrected(scene: Scene, posted: Posted) -> dict[str, Any]:
    return {"form": schema_values(scene.matter.form, "form", posted)}
