"""What is still lacking, what is put right: materials and the form of the application."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cases.masking import HIDDEN
from catalogue.form_schema import ALWAYS
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
    """Return what the composer says: each thing checked, with why.

    The notice is a paper of the office: its things are called in Chinese whoever wrote it in what
    language.
    """
    names = {m.code: m.name for m in scene.matter.materials}
    names |= {
        f.name.removeprefix("form."): f.label
        for f in schema_fields(scene.matter.form, "form", "zh")
    }
    names[OTHER] = "其他（写明内容）"
    found = []
    for code in posted.get("lacking", ()):
        if code not in names:
            continue
        why = next(iter(posted.get(f"why.{code}", ())), "").strip()
        what = (why or names[code]) if code == OTHER else names[code]
        found.append({"code": code, "what": what, "why": why})
    return {"lacking": found}


def corrections(scene: Scene) -> tuple[Field, ...]:
    """Every form field, empty: what stays empty is not changed.

    What depends on other fields is always shown: here they are empty, and say nothing.
    """
    return tuple(
        _correction(scene, one) for one in schema_fields(scene.matter.form, "form", scene.language)
    )


def _correction(scene: Scene, field: Field) -> Field:
    say = scene.say
    free = replace(field, required=False, values=(), asked=ALWAYS, when="")
    if field.kind == "check":
        yes_no = (Option("true", say(N_("是"))), Option("false", say(N_("否"))))
        return replace(free, kind="select", options=yes_no)
    if field.kind != "rows":
        return free
    kept = kept_rows(scene, field)
    hint = N_("这里填了，就以所填各行代替原有的全部各行；一行都不填则不变。")
    lines = free.filled(posted_of(free, kept)).lines if kept else (free.line("0"),)
    return replace(free, hint=say(hint), lines=lines)


def kept_rows(scene: Scene, field: Field) -> list[dict[str, Any]]:
    """Return the rows as they stand; none where a part of them is hidden from this reader."""
    value: Any = scene.view.form.get(field.name.removeprefix("form."))
    rows = value if isinstance(value, list) else []
    hidden = any(not isinstance(row, dict) or HIDDEN in row.values() for row in rows)
    return [] if hidden else rows


def posted_of(field: Field, rows: list[dict[str, Any]]) -> Posted:
    """Return rows as a form would have posted them."""
    found: dict[str, list[str]] = {field.name: [str(n) for n in range(len(rows))]}
    for n, row in enumerate(rows):
        for name, value in row.items():
            text = str(value).lower() if isinstance(value, bool) else _number(value)
            found[f"{field.name}.{n}.{name}"] = [text]
    return found


def _number(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)


def corrected(scene: Scene, posted: Posted) -> dict[str, Any]:
    """Return what was typed; rows that came back as they stand are no correction."""
    found = schema_values(scene.matter.form, "form", posted)
    same = [
        name
        for name, value in found.items()
        if isinstance(value, list)
        and any(isinstance(one, dict) for one in value)
        and value == scene.view.form.get(name)
    ]
    return {"form": {name: value for name, value in found.items() if name not in same}}
