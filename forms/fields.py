"""Fields of a form: made from a JSON Schema, shown by one macro, read back from what was posted.

What was typed comes back on the page as it was typed, whether or not it could be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from pydantic import JsonValue

from forms.words import N_, Language, Say

Kind = Literal[
    "text", "textarea", "number", "date", "moment", "select", "radios", "check", "checks", "lines",
    "hidden", "password", "composer", "materials",
]  # fmt: skip

LONG_TEXT = 200
"""Above so many characters a text gets several lines."""
MEDIUM_TEXT = 100
"""Above so many it gets a double width."""
FEW_CHOICES = 3
"""Up to so many choices are shown at once as radio buttons."""

Posted = Mapping[str, Sequence[str]]
"""What a form posted: every value of each name, in order."""


@dataclass(frozen=True)
class Option:
    """One choice. `note` stands small beside it."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class MaterialRow:
    """One line of the list of materials: what is asked, and what was handed in so far."""

    code: str
    name: str
    required: bool
    tolerable: bool
    issuer: str = ""
    originals_asked: int = 0
    copies_asked: int = 0
    originals: str = ""
    copies: str = ""
    upload: str = ""
    file_name: str = ""
    digest: str = ""
    error: str = ""


@dataclass(frozen=True)
class Field:
    """One field as the page shows it; `values` is what was typed, or what to begin with."""

    name: str
    label: str
    kind: Kind = "text"
    required: bool = True
    hint: str = ""
    options: tuple[Option, ...] = ()
    values: tuple[str, ...] = ()
    error: str = ""
    max_length: int | None = None
    low: str = ""
    high: str = ""
    personal: bool = False
    wide: bool = False
    double: bool = False
    autocomplete: str = "off"
    group: str = ""
    unit: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Of a composer: what was typed beside each choice."""
    rows: tuple[MaterialRow, ...] = ()
    """Of a list of materials."""

    @property
    def id(self) -> str:
        """The HTML id, and the fragment that the error summary links to."""
        return "f-" + re.sub(r"[^A-Za-z0-9_-]", "-", self.name)

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    def filled(self, posted: Posted) -> Field:
        """Return the field with what was posted under its name."""
        return replace(self, values=tuple(posted.get(self.name, ())))

    def wrong(self, error: str) -> Field:
        """Return the field with an error beside it; the first error stays."""
        return replace(self, error=self.error or error)


@dataclass(frozen=True)
class Wrong:
    """One line of the error summary: the sentence, and the id of the field it is about."""

    text: str
    target: str = ""


@dataclass(frozen=True)
class Form:
    """Fields with their errors, and sentences about the whole."""

    fields: tuple[Field, ...]
    errors: tuple[Wrong, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def with_errors(self, found: Mapping[str, str]) -> Form:
        """Return the form with errors by field name; one for no field goes to the top only."""
        known = {f.name for f in self.fields}
        fields = tuple(f.wrong(found[f.name]) if f.name in found else f for f in self.fields)
        lines = [Wrong(found[f.name], f.id) for f in self.fields if f.name in found]
        lines += [Wrong(text) for name, text in found.items() if name not in known]
        return replace(self, fields=fields, errors=(*self.errors, *lines))


# --- from a JSON Schema --------------------------------------------------------------------------


def schema_fields(
    schema: Mapping[str, Any], prefix: str, language: Language, group: str = ""
) -> Iterator[Field]:
    """Yield the fields of an object schema; nested objects become groups.

    Per property: `title`, `x-en`, `description`, `x-personal`, `x-unit`. Nothing else is guessed.
    """
    needed = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        label = _label(name, part, language)
        if part.get("type") == "object":
            yield from schema_fields(part, f"{prefix}.{name}", language, label)
            continue
        yield _field(f"{prefix}.{name}", label, part, name in needed, group, language)


def _label(name: str, part: Mapping[str, Any], language: Language) -> str:
    if language == "en" and part.get("x-en"):
        return str(part["x-en"])
    return _spelled_out(str(part.get("title") or name), _codes(part))[0]


def _codes(part: Mapping[str, Any]) -> tuple[str, ...]:
    source = part.get("items", part) if part.get("type") == "array" else part
    return tuple(str(value) for value in source.get("enum", ()))


def _spelled_out(title: str, codes: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return a title without its bracket, and the words that the bracket gives for the codes.

    The catalogue names the choices of an `enum` there: 建筑用途（residential 住宅、public 公共）.
    Any other bracket stays, as a unit does: 建筑高度（米）; not that of 选填, which each form says.
    """
    title = title.removesuffix("（选填）")
    match = re.fullmatch(r"(.+?)（(.+)）", title)
    pairs = [part.split(" ", 1) for part in re.split("[、，；]", match[2])] if match else []
    words = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    if match is None or not codes or set(words) != set(codes):
        return title, {}
    return match[1], words


def _field(
    name: str, label: str, part: Mapping[str, Any], required: bool, group: str, language: Language
) -> Field:
    choices = _choices(part, language)
    length = part.get("maxLength")
    kind = _kind(part, choices, length)
    return Field(
        name,
        label,
        kind=kind,
        required=required,
        hint=str(part.get("description", "")),
        options=choices,
        values=tuple(str(v) for v in [part["default"]] if v is not None)
        if "default" in part
        else (),
        max_length=length,
        low=str(part.get("minimum", "")),
        high=str(part.get("maximum", "")),
        personal=bool(part.get("x-personal")),
        wide=kind in {"textarea", "lines", "checks"},
        double=kind == "text" and (length or 0) > MEDIUM_TEXT,
        group=group,
        unit=str(part.get("x-unit", "")),
    )


def _choices(part: Mapping[str, Any], language: Language) -> tuple[Option, ...]:
    source = part.get("items", part) if part.get("type") == "array" else part
    if "oneOf" in source:
        return tuple(
            Option(str(one["const"]), _label(str(one["const"]), one, language))
            for one in source["oneOf"]
            if "const" in one
        )
    codes = _codes(part)
    names: Mapping[str, str] = source.get("x-en-enum", {})
    if language == "zh":
        names = _spelled_out(str(part.get("title", "")), codes)[1]
    return tuple(Option(code, names.get(code, code)) for code in codes)


def _kind(part: Mapping[str, Any], choices: Sequence[Option], length: int | None) -> Kind:
    match part.get("type"):
        case "boolean":
            return "check"
        case "array":
            return "checks" if choices else "lines"
        case "integer" | "number":
            return "number"
    if choices:
        return "radios" if len(choices) <= FEW_CHOICES else "select"
    if part.get("format") in {"date", "date-time"}:
        return "date" if part["format"] == "date" else "moment"
    return "textarea" if (length or 0) > LONG_TEXT else "text"


def schema_values(schema: Mapping[str, Any], prefix: str, posted: Posted) -> dict[str, JsonValue]:
    """Return what was posted as the JSON that the schema describes; empty fields are left out.

    What cannot be read as a number stays text, so that the validator names it.
    """
    found: dict[str, JsonValue] = {}
    for name, part in schema.get("properties", {}).items():
        path = f"{prefix}.{name}"
        if part.get("type") == "object":
            inner = schema_values(part, path, posted)
            if inner:
                found[name] = inner
            continue
        value = _read(part, [text.strip() for text in posted.get(path, ())])
        if value is not None:
            found[name] = value
    return found


def _read(part: Mapping[str, Any], texts: Sequence[str]) -> JsonValue:
    text = texts[0] if texts else ""
    match part.get("type"):
        case "boolean":
            # A box that is not checked posts nothing; a correction's list posts an empty text.
            return text == "true" if text or not texts else None
        case "array":
            lines = [line.strip() for one in texts for line in one.splitlines() if line.strip()]
            return list(lines) or None
        case "integer":
            return int(text) if re.fullmatch(r"-?\d{1,15}", text) else text or None
        case "number":
            numeric = re.fullmatch(r"-?\d{1,15}(\.\d{1,10})?", text)
            return float(text) if numeric else text or None
    return text or None


def schema_errors(
    schema: Mapping[str, Any],
    prefix: str,
    values: Mapping[str, JsonValue],
    language: Language,
    say: Say,
) -> dict[str, str]:
    """Return a sentence per wrong field, by field name."""
    validator = Draft202012Validator(dict(schema), format_checker=FormatChecker())
    labels = {f.name: f.label for f in schema_fields(schema, prefix, language)}
    found: dict[str, str] = {}
    for error in sorted(validator.iter_errors(values), key=lambda e: list(map(str, e.path))):
        for name, sentence in _sentences(error, prefix, labels, say):
            found.setdefault(name, sentence)
    return found


def _sentences(
    error: ValidationError, prefix: str, labels: Mapping[str, str], say: Say
) -> Iterator[tuple[str, str]]:
    path = ".".join([prefix, *(str(part) for part in error.path if not isinstance(part, int))])
    if error.validator == "required":
        wanted = error.validator_value
        assert isinstance(wanted, list)
        for missing in wanted:
            if isinstance(error.instance, dict) and missing not in error.instance:
                name = f"{path}.{missing}"
                yield name, say("请填写“{label}”").format(label=labels.get(name, missing))
        return
    template = _TYPES.get(str(error.validator_value)) if error.validator == "type" else None
    template = template or _RULES.get(str(error.validator), N_("“{label}”填写有误"))
    yield path, say(template).format(label=labels.get(path, path), limit=error.validator_value)


_RULES = {
    "minLength": N_("“{label}”至少 {limit} 个字"),
    "maxLength": N_("“{label}”最多 {limit} 个字"),
    "minimum": N_("“{label}”不能小于 {limit}"),
    "exclusiveMinimum": N_("“{label}”须大于 {limit}"),
    "maximum": N_("“{label}”不能大于 {limit}"),
    "exclusiveMaximum": N_("“{label}”须小于 {limit}"),
    "enum": N_("请从列表中选择“{label}”"),
    "oneOf": N_("请从列表中选择“{label}”"),
    "const": N_("请确认“{label}”"),
    "format": N_("“{label}”的格式不对"),
    "pattern": N_("“{label}”的格式不对"),
    "minItems": N_("“{label}”至少要有 {limit} 项"),
}
_TYPES = {"integer": N_("“{label}”应是整数"), "number": N_("“{label}”应是数字")}


# --- from pydantic --------------------------------------------------------------------------------

_PYDANTIC = {
    "missing": N_("请填写“{label}”"),
    "string_too_short": N_("请填写“{label}”"),
    "too_short": N_("请至少填写一项“{label}”"),
    "string_too_long": N_("“{label}”太长，最多 {max_length} 个字"),
    "literal_error": N_("请选择“{label}”"),
    "int_parsing": N_("“{label}”应是整数"),
    "greater_than_equal": N_("“{label}”不能小于 {ge}"),
    "less_than_equal": N_("“{label}”不能大于 {le}"),
}


def pydantic_sentence(error: Mapping[str, Any], label: str, say: Say) -> str:
    """Return the sentence for one error of pydantic's `errors()`."""
    template = _PYDANTIC.get(str(error["type"]), N_("“{label}”填写有误"))
    return say(template).format(label=label, **(error.get("ctx") or {}))
