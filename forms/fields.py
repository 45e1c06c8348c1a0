"""Fields of a form: made from a JSON Schema, shown by one macro, read back from what was posted.

What was typed comes back on the page as it was typed, whether or not it could be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from pydantic import JsonValue

from catalogue.form_schema import (
    ALWAYS,
    BARRED,
    MOST_ROWS,
    Asked,
    conditions,
    is_personal,
    is_rows,
    judged,
    missing_of,
)
from forms import words
from forms.conditions import in_words
from forms.rows import is_typed
from forms.words import N_, Language, Say

Kind = Literal[
    "text", "textarea", "number", "date", "moment", "select", "radios", "check", "checks", "lines",
    "hidden", "password", "composer", "materials", "rows",
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
    columns: tuple[Field, ...] = ()
    """Of a repeating group: its fields, by their bare names."""
    lines: tuple[tuple[Field, ...], ...] = ()
    """Of a repeating group: its rows as they stand, each field by its full name."""
    most: int = 0
    """Of a repeating group: how many rows it may have."""
    asked: Asked = ALWAYS
    """When it must be filled in, and when it may, if that depends on other fields."""
    when: str = ""
    """The same in words, in the reader's language."""

    @property
    def id(self) -> str:
        """The HTML id, and the fragment that the error summary links to."""
        return "f-" + re.sub(r"[^A-Za-z0-9_-]", "-", self.name)

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def blank(self) -> tuple[Field, ...]:
        """One more row of a repeating group, under a number that no row has."""
        return self.line("__n__")

    @property
    def parts(self) -> Iterator[Field]:
        """The field and, of a repeating group, every field of its rows."""
        yield self
        for line in self.lines:
            yield from line

    def line(self, number: str, posted: Posted | None = None) -> tuple[Field, ...]:
        """Return a row of a repeating group, with what was posted for it."""
        fields = (replace(c, name=f"{self.name}.{number}.{c.name}") for c in self.columns)
        return tuple(one if posted is None else one.filled(posted) for one in fields)

    def filled(self, posted: Posted) -> Field:
        """Return the field with what was posted under its name."""
        found = tuple(posted.get(self.name, ()))
        if self.kind == "rows":
            return replace(self, lines=tuple(self.line(number, posted) for number in found))
        return replace(self, values=found)

    def wrong(self, error: str) -> Field:
        """Return the field with an error beside it; the first error stays."""
        return replace(self, error=self.error or error)

    def marked(self, found: Mapping[str, str]) -> Field:
        """Return the field with the errors that are about it or about a field of its rows."""
        lines = tuple(
            tuple(one.wrong(found[one.name]) if one.name in found else one for one in line)
            for line in self.lines
        )
        marked = replace(self, lines=lines)
        return marked.wrong(found[self.name]) if self.name in found else marked


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
        parts = [part for f in self.fields for part in f.parts]
        known = {part.name for part in parts}
        fields = tuple(f.marked(found) for f in self.fields)
        lines = [Wrong(found[part.name], part.id) for part in parts if part.name in found]
        lines += [Wrong(text) for name, text in found.items() if name not in known]
        return replace(self, fields=fields, errors=(*self.errors, *lines))

    def named(self, pointer: str) -> str:
        """Return the field that an outcome's path names (`form.x`, `body.form.x`, `/form/x`);
        empty: none of them."""
        name = pointer.strip("/$.").replace("/", ".")
        names = {part.name for f in self.fields for part in f.parts}
        return next((one for one in (name, name.removeprefix("body.")) if one in names), "")


# --- from a JSON Schema --------------------------------------------------------------------------


def schema_fields(
    schema: Mapping[str, Any], prefix: str, language: Language, group: str = ""
) -> Iterator[Field]:
    """Yield the fields of an object schema; nested objects become groups.

    Per property: `title`, `x-en`, `description`, `x-personal`, `x-unit`. Nothing else is guessed.
    An array of objects is one field whose rows repeat.
    """
    needed = schema.get("required", ())
    found: list[Field] = []
    for name, part in schema.get("properties", {}).items():
        label = _label(name, part, language)
        path = f"{prefix}.{name}"
        if part.get("type") == "object":
            found += schema_fields(part, path, language, label)
        elif is_rows(part):
            found.append(_rows(path, label, part, name in needed, group, language))
        else:
            found.append(_field(path, label, part, name in needed, group, language))
    yield from conditional(found, conditions(schema), prefix, language)


def _rows(
    name: str, label: str, part: Mapping[str, Any], required: bool, group: str, language: Language
) -> Field:
    made = Field(
        name,
        label,
        kind="rows",
        required=required,
        hint=_hint(part, language),
        personal=is_personal(part),
        wide=True,
        group=group,
        columns=tuple(
            replace(one, name=one.name.removeprefix("."), wide=False)
            for one in schema_fields(part["items"], "", language)
        ),
        most=int(part.get("maxItems", MOST_ROWS)),
    )
    return replace(made, lines=tuple(made.line(str(n)) for n in range(part.get("minItems") or 1)))


def conditional(
    fields: Sequence[Field], asked: Mapping[str, Asked], prefix: str, language: Language
) -> Iterator[Field]:
    """Yield the fields, those that depend on others with their condition, in words too."""
    labels = {f.name: f for f in fields}
    for one in fields:
        when = asked.get(one.name.removeprefix(f"{prefix}."))
        if when is None or one.required:
            yield one
            continue
        words = in_words(when, lambda name: labels.get(f"{prefix}.{name}"), language)
        yield replace(one, asked=when, when=words)


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
        hint=_hint(part, language),
        options=choices,
        values=_begins_with(part),
        max_length=length,
        low=str(part.get("minimum", "")),
        high=str(part.get("maximum", "")),
        personal=bool(part.get("x-personal")),
        wide=kind in {"textarea", "lines", "checks"},
        double=kind == "text" and (length or 0) > MEDIUM_TEXT,
        group=group,
        unit=str(part.get("x-unit", "")),
    )


def _hint(part: Mapping[str, Any], language: Language) -> str:
    said = str(part.get("description", ""))
    return words.translations(language).gettext(said) if said else ""


def _begins_with(part: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a field holds before anybody has typed, as a form would post it."""
    value = part.get("default")
    if value is None:
        return ()
    return (str(value).lower() if isinstance(value, bool) else str(value),)


def _choices(part: Mapping[str, Any], language: Language) -> tuple[Option, ...]:
    say = words.translations(language).gettext
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
    return tuple(Option(code, names.get(code) or say(code)) for code in codes)


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
        if is_rows(part):
            lines = [
                schema_values(part["items"], f"{path}.{number}", posted)
                for number in posted.get(path, ())
                if is_typed(posted, f"{path}.{number}")
            ]
            if lines:
                found[name] = list[JsonValue](lines)
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
    validator = Draft202012Validator(judged(schema), format_checker=FormatChecker())
    labels = dict(_labels(schema_fields(schema, prefix, language), prefix, values, say))
    found: dict[str, str] = {}
    for error in sorted(validator.iter_errors(values), key=_place):
        for name, sentence in _sentences(error, prefix, labels, say):
            found.setdefault(name, sentence)
    return found


def _place(error: ValidationError) -> list[tuple[int, str]]:
    return [(part, "") if isinstance(part, int) else (-1, str(part)) for part in error.path]


def _labels(
    fields: Iterable[Field], prefix: str, values: Mapping[str, JsonValue], say: Say
) -> Iterator[tuple[str, str]]:
    """Yield what each field is called; in a row, with the row's number."""
    for one in fields:
        yield one.name, one.label
        given = values.get(one.name.removeprefix(f"{prefix}."))
        for n in range(len(given) if isinstance(given, list) else 0):
            row = say(N_("{group}第 {n} 行")).format(group=one.label, n=n + 1)
            for column in one.columns:
                yield f"{one.name}.{n}.{column.name}", f"{row} {column.label}"


def _sentences(
    error: ValidationError, prefix: str, labels: Mapping[str, str], say: Say
) -> Iterator[tuple[str, str]]:
    parts = [prefix, *map(str, error.path)]
    if error.validator in ("required", "dependentRequired"):
        for missing in missing_of(error):
            name = ".".join([*parts, missing])
            yield name, say("请填写“{label}”").format(label=labels.get(name, missing))
        return
    # An entry of a list has no field of its own: the list's is at fault.
    path = ".".join(parts[:-1] if error.path and isinstance(error.path[-1], int) else parts)
    if error.validator == BARRED:
        label = labels.get(path, path)
        yield path, say(N_("“{label}”在这种情况下不填，请清空")).format(label=label)
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
    "maxItems": N_("“{label}”最多 {limit} 项"),
    "uniqueItems": N_("“{label}”里有重复的项"),
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
