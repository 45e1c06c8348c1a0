"""What filing a case asks, at the window and on line: the persons, the faults, the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from cases.messages import BODIES, Outcome
from catalogue.matters import Matter
from forms import words
from forms.fields import (
    Field,
    Form,
    MaterialRow,
    Option,
    pydantic_sentence,
    schema_errors,
)
from forms.materials import row_errors
from forms.visit import Visit
from forms.words import N_

PERSON = ("kind", "name", "id_type", "id_number", "legal_representative", "phone")


def person_fields(visit: Visit, prefix: str, matter: Matter) -> tuple[Field, ...]:
    say = visit.say
    kinds = tuple(
        Option(code, say(words.word("applicant", code))) for code in matter.applicant_kinds
    )
    ids = tuple(
        Option(code, say(label)) for code, label in words.ID_TYPES.items() if code != "other"
    )
    natural = "natural_person" in matter.applicant_kinds
    return (
        Field(f"{prefix}.kind", say(N_("类型")), "select", options=kinds,
              values=(kinds[0].value,) if kinds else ()),
        Field(f"{prefix}.name", say(N_("姓名或名称")), max_length=200, personal=True),
        Field(f"{prefix}.id_type", say(N_("证件类型")), "select", options=ids,
              values=("111" if natural else "USCC",)),
        Field(f"{prefix}.id_number", say(N_("证件号码")), max_length=18, personal=True),
        Field(f"{prefix}.legal_representative", say(N_("法定代表人")), required=False,
              max_length=200, personal=True),
        Field(f"{prefix}.phone", say(N_("联系电话")), max_length=18, personal=True),
    )  # fmt: skip


def posted_person(visit: Visit, prefix: str) -> dict[str, str]:
    found = {part: visit.text(f"{prefix}.{part}") for part in PERSON}
    return {part: text for part, text in found.items() if text}


def faults_of(
    visit: Visit,
    matter: Matter,
    form: Form,
    body: Mapping[str, Any],
    rows: Sequence[MaterialRow],
) -> dict[str, str]:
    labels = {f.name: f.label for f in form.fields}
    wrong: dict[str, str] = {}
    for name in ("applicant.id_number", "applicant.phone"):
        if name in labels and not visit.text(name):
            wrong[name] = visit.say(N_("请填写“{label}”")).format(label=labels[name])
    try:
        BODIES["file"].model_validate(body)
    except ValidationError as faults:
        for fault in faults.errors():
            name = ".".join(str(part) for part in fault["loc"])
            label = labels.get(name, name)
            wrong.setdefault(name, pydantic_sentence(fault, label, visit.say))
    wrong |= schema_errors(matter.form, "form", body["form"], visit.language, visit.say)
    return wrong | dict(row_errors(rows))


async def hand_over(visit: Visit, rows: Sequence[MaterialRow], case_id: str) -> None:
    """Note that the case has these files; a crash before it leaves them with their author."""
    uploads = [row.upload for row in rows if row.upload]
    if uploads:
        await visit.ask(visit.ports.uploads.hand_over, visit.author, uploads, case_id)


def refusal(visit: Visit, outcome: Outcome) -> str:
    """Return the sentence of a refusal with the article it rests on."""
    if not outcome.basis:
        return visit.told(outcome.reason)
    return f"{visit.told(outcome.reason)}（{visit.ports.catalogue.cited(outcome.basis)}）"
