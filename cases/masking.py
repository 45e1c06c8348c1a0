"""Masking: what a reader without the warrant to reveal sees of personal data (脱敏)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pydantic import JsonValue

from cases.messages import Person
from catalogue.form_schema import is_personal, is_rows

FILE_NAMES = "materials"
"""What a reveal names the names of the files by, all together."""
HIDDEN = "***"
ERASED = "（已依法删除）"
"""Shown in place of what cannot be opened any more."""


def is_erased(applicant: Mapping[str, JsonValue]) -> bool:
    """Return whether an applicant as a view shows them is one whose data was erased."""
    return applicant.get("name") == ERASED


def mask_name(name: str) -> str:
    """Return a name with its middle hidden: 张三 → 张*, 张三丰 → 张*丰, 欧阳锋子 → 欧**子."""
    if len(name) <= 1:
        return "*" * len(name)
    if len(name) == 2:
        return f"{name[0]}*"
    return f"{name[0]}{'*' * (len(name) - 2)}{name[-1]}"


def mask_number(number: str) -> str:
    """Return a number of which the first three and the last two characters stay, if it is long."""
    if len(number) < 8:
        return HIDDEN if number else ""
    return f"{number[:3]}{'*' * (len(number) - 5)}{number[-2:]}"


def mask_file_name(name: str) -> str:
    """Return the ending of a file's name: people call their files after themselves."""
    stem, dot, ending = name.rpartition(".")
    return f"{HIDDEN}{dot}{ending}" if stem else HIDDEN if name else ""


def mask_person(person: Person, revealed: Collection[str] = ()) -> dict[str, JsonValue]:
    """Return the person as a reader sees them to whom these fields were revealed.

    The name of an organisation is public (企业信息公示); its people are not.
    """
    natural = person.kind == "natural_person"
    masked = {
        "name": mask_name(person.name) if natural else person.name,
        "id_number": mask_number(person.id_number) if natural else person.id_number,
        "phone": mask_number(person.phone),
        "legal_representative": mask_name(person.legal_representative),
    }
    return person.model_dump(mode="json") | {
        name: value for name, value in masked.items() if f"applicant.{name}" not in revealed
    }


def mask_form(
    form: Mapping[str, JsonValue],
    schema: Mapping[str, JsonValue],
    revealed: Collection[str] = (),
) -> dict[str, JsonValue]:
    """Return the form values with every field hidden that is not known to be free of people.

    A field is shown when the matter's form describes it without `x-personal`, or it was revealed;
    of a group, and of each row of one that repeats, the personal parts alone are hidden.
    """
    described = schema.get("properties")
    fields = described if isinstance(described, dict) else {}
    return {
        name: value if f"form.{name}" in revealed else _masked(value, fields.get(name))
        for name, value in form.items()
    }


def _masked(value: JsonValue, field: JsonValue) -> JsonValue:
    if not is_personal(field):
        return value
    if not isinstance(field, dict) or field.get("x-personal"):
        return HIDDEN
    if is_rows(field) and isinstance(value, list):
        return [_masked(one, field["items"]) for one in value]
    if isinstance(value, dict):
        parts = field.get("properties")
        known = parts if isinstance(parts, dict) else {}
        return {name: _masked(one, known.get(name)) for name, one in value.items()}
    return HIDDEN


def differing(
    prefix: str, plain: Mapping[str, JsonValue], masked: Mapping[str, JsonValue]
) -> Iterator[str]:
    """Yield the names of the fields that masking changes, as a reveal names them."""
    return (f"{prefix}.{name}" for name, value in plain.items() if value and value != masked[name])
