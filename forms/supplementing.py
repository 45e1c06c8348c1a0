"""补正 on line: the fields of the application that the notice asks for, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from catalogue.form_schema import ALWAYS
from forms.act_papers import posted_of
from forms.citizen_ports import ToSupply
from forms.fields import Field, Posted, schema_errors, schema_fields, schema_values
from forms.rows import in_rows
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class Corrected:
    """What was typed into the fields that are asked for."""

    fields: tuple[Field, ...]
    values: Mapping[str, Any]
    """Field → its new value; what stands as it stood is no correction."""
    wrong: Mapping[str, str]


def asked_fields(visit: Visit, asked: ToSupply | None) -> tuple[Field, ...]:
    """Return the fields that the notice asks for, with what the applicant said in them."""
    if asked is None:
        return ()
    return tuple(
        _begun(one, _said(asked.values, one.name.removeprefix("form.")))
        for one in _fields(visit, asked)
    )


def _fields(visit: Visit, asked: ToSupply) -> tuple[Field, ...]:
    # Its condition may hang on a field that is not asked for: the notice decides, not the form.
    return tuple(
        replace(one, required=False, asked=ALWAYS, when="")
        for one in schema_fields(asked.form, "form", visit.language)
    )


def _said(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field, `group.field` being one of a group."""
    group, _, field = name.partition(".")
    value = values.get(group)
    return value.get(field) if field and isinstance(value, Mapping) else value


def _new(typed: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what does not stand in the form already, of a group field by field."""
    found: dict[str, Any] = {}
    for name, value in typed.items():
        before = values.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            value = _new(value, before) or before
        if value != before:
            found[name] = value
    return found


def _begun(field: Field, value: Any) -> Field:
    """Return the field with a value of the form, as it would have been typed."""
    if value is None:
        return field
    if field.kind == "rows":
        return field.filled(posted_of(field, value)) if isinstance(value, list) else field
    if field.kind == "lines":
        return replace(field, values=("\n".join(map(str, value)),))
    if isinstance(value, list):
        return replace(field, values=tuple(map(str, value)))
    return replace(field, values=(_text(value),))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def corrected(visit: Visit, asked: ToSupply | None) -> Corrected:
    """Return what was posted into the fields that are asked for; anything else is not read."""
    if asked is None:
        return Corrected((), {}, {})
    texts: Posted = in_rows(asked.form, "form", visit.texts(), visit.text("do"))
    fields = tuple(one.filled(texts) for one in _fields(visit, asked))
    typed = schema_values(asked.form, "form", texts)
    values = _new(typed, asked.values)
    wrong = schema_errors(asked.form, "form", values, visit.language, visit.say)
    return Corrected(fields, values, wrong)


def nothing_new(visit: Visit, asked: ToSupply | None) -> Mapping[str, str]:
    """Return what to say where nothing was handed in and nothing corrected."""
    if asked is None or not asked.form:
        return {"": visit.say(N_("请至少上传一份需要补正的材料"))}
    return {"": visit.say(N_("请更正所列的项目，或者至少上传一份需要补正的材料"))}
