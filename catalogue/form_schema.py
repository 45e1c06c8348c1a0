"""What a matter's form may be made of, beyond single fields: conditions and repeating groups.

A form is JSON Schema 2020-12, and whatever validates it is the judge. Pages show the part of the
language that is read here; `catalogue.form_check` refuses the rest, so that no form asks for what
nobody is shown.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

Op = Literal["in", "given", "has", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"]

LIMITS: Final[tuple[Op, ...]] = (
    "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum",
)  # fmt: skip

MOST_ROWS: Final = 50
"""Rows of a repeating group; 公司法第四十二条 allows a limited company so many shareholders."""

TIES: Final = ("allOf", "if", "then", "else", "dependentRequired", "dependentSchemas")
"""Keywords by which one field depends on another."""


@dataclass(frozen=True)
class Claim:
    """One thing asked of a top-level field."""

    field: str
    op: Op
    values: tuple[Any, ...] = ()

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether it is so of a form's values; of what is not given, nothing is."""
        if self.field not in values:
            return False
        value, limit = values[self.field], self.values[0] if self.values else None
        match self.op:
            case "given":
                return True
            case "in":
                return any(same(value, one) for one in self.values)
            case "has":
                return isinstance(value, list) and any(
                    same(one, wanted) for one in value for wanted in self.values
                )
        if isinstance(value, bool) or not isinstance(value, int | float):
            return True  # as JSON Schema has it: a limit speaks of numbers only
        assert isinstance(limit, int | float)
        return {
            "minimum": value >= limit,
            "exclusiveMinimum": value > limit,
            "maximum": value <= limit,
            "exclusiveMaximum": value < limit,
        }[self.op]


@dataclass(frozen=True)
class When:
    """All of the tests hold; or, turned round, not all of them."""

    tests: tuple[Claim, ...]
    turned: bool = False

    def holds(self, values: Mapping[str, Any]) -> bool:
        return all(test.holds(values) for test in self.tests) is not self.turned


@dataclass(frozen=True)
class Asked:
    """When a field that is not always asked for is: `must` any of these, `only` all of those."""

    must: tuple[When, ...] = ()
    only: tuple[When, ...] = ()

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Return whether the field may be filled in at all."""
        return all(when.holds(values) for when in self.only)


ALWAYS: Final = Asked()
"""Of a field that depends on no other."""


def conditions(schema: Mapping[str, Any]) -> dict[str, Asked]:
    """Return the fields that a form asks for, or allows, under a condition only."""
    found: dict[str, Asked] = {}

    def note(names: object, when: When, *, may: bool) -> None:
        for name in names if isinstance(names, Sequence) else ():
            known = found.get(name, Asked())
            must = known.must if not may or when in known.must else (*known.must, when)
            only = known.only if may or when in known.only else (*known.only, when)
            found[str(name)] = Asked(must, only)

    for tests, then, other in _ties(schema):
        for part, when in ((then, When(tests)), (other, When(tests, turned=True))):
            note(part.get("required", ()), when, may=True)
            barred = [n for n, rule in part.get("properties", {}).items() if rule is False]
            note(barred, When(tests, turned=not when.turned), may=False)
    return found


def _ties(
    schema: Mapping[str, Any],
) -> Iterator[tuple[tuple[Claim, ...], Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each condition with what follows from it and what follows from its contrary."""
    for one in (schema, *(part for part in schema.get("allOf", ()) if isinstance(part, Mapping))):
        if isinstance(one.get("if"), Mapping):
            yield claims_of(one["if"]), one.get("then") or {}, one.get("else") or {}
    for name, needed in (schema.get("dependentRequired") or {}).items():
        yield (Claim(name, "given"),), {"required": needed}, {}
    for name, part in (schema.get("dependentSchemas") or {}).items():
        yield (Claim(name, "given"),), part, {}


def claims_of(condition: Mapping[str, Any]) -> tuple[Claim, ...]:
    """Return what an `if` asks; `catalogue.form_check` refuses what asks more."""
    found: list[Claim] = []
    for name, rule in (condition.get("properties") or {}).items():
        if not isinstance(rule, Mapping):
            continue
        if "const" in rule:
            found.append(Claim(name, "in", (rule["const"],)))
        if "enum" in rule:
            found.append(Claim(name, "in", tuple(rule["enum"])))
        if isinstance(rule.get("contains"), Mapping):
            one = rule["contains"]
            wanted = (one["const"],) if "const" in one else tuple(one.get("enum", ()))
            found.append(Claim(name, "has", wanted))
        found += [Claim(name, limit, (rule[limit],)) for limit in LIMITS if limit in rule]
    tested = {test.field for test in found}
    found += [Claim(n, "given") for n in condition.get("required", ()) if n not in tested]
    return tuple(found)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same: true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def is_rows(part: object) -> bool:
    """Return whether a property is a repeating group."""
    items = part.get("items") if isinstance(part, Mapping) else None
    return isinstance(items, Mapping) and items.get("type") == "object"


def is_personal(part: object) -> bool:
    """Return whether a property, or any part of it, is personal data."""
    if not isinstance(part, Mapping):
        return True  # of what nobody described it is not known
    inner = part["items"] if is_rows(part) else part
    parts = inner.get("properties", {}) if isinstance(inner, Mapping) else {}
    return bool(part.get("x-personal")) or any(is_personal(one) for one in parts.values())


def tied(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return only what ties fields together, and what is always required: for a whole form."""
    return {key: schema[key] for key in ("type", "required", *TIES) if key in schema}


def untied(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form's schema without what ties its fields together: for some of its fields."""
    free = {key: value for key, value in schema.items() if key not in ("required", *TIES)}
    if isinstance(parts := free.get("properties"), Mapping):
        free["properties"] = {
            name: untied(part) if _is_group(part) else part for name, part in parts.items()
        }
    return free


def _is_group(part: object) -> bool:
    """Return whether a property is fields under one name; their rows would be an array."""
    return isinstance(part, Mapping) and part.get("type") == "object"


def names_in(form: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of what a form says; of fields under one name each as `name.field` too."""
    inner = {
        f"{name}.{field}"
        for name, value in form.items()
        if isinstance(value, Mapping)
        for field in value
    }
    return frozenset(form) | inner


def corrected(form: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form with what is given in its place: of fields under one name those that are
    given, of rows all."""
    found = dict(form)
    for name, value in given.items():
        before = form.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            value = {**before, **value}
        found[name] = value
    return found


def said_in(form: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form says in the properties of a schema, such as `only` makes."""
    found: dict[str, Any] = {}
    for name, part in schema.get("properties", {}).items():
        value = form.get(name)
        if _is_group(part) and isinstance(value, Mapping):
            value = said_in(value, part)
        if value is not None:
            found[name] = value
    return found


def only(schema: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """Return an object's schema with the named properties alone, `name.field` being one field of
    a group; nothing of it is required, nothing tied. Empty: it has none of them."""
    found: dict[str, Any] = {}
    for name, part in schema.get("properties", {}).items():
        if name in names:
            found[name] = untied(part) if _is_group(part) else part
        elif _is_group(part):
            inner = {f"{name}.{field}": field for field in part.get("properties", {})}
            if some := only(part, [field for path, field in inner.items() if path in names]):
                found[name] = {**untied(part), "properties": some["properties"]}
    return {"type": "object", "properties": found} if found else {}


BARRED: Final = "not"
"""What `fault.validator` is where a form bars a field, of a schema from `judged`."""


def judged(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema as a validator tells of a barred field where it stands.

    Of a property that is `false` jsonschema (4.26) says that it is wrong and not which one it is.
    """
    return {key: _judged(value) if key in TIES else value for key, value in schema.items()}


def _judged(part: Any) -> Any:
    if isinstance(part, list):
        return [_judged(one) for one in part]
    if not isinstance(part, Mapping):
        return part
    return {
        key: {name: {"not": {}} if rule is False else rule for name, rule in value.items()}
        if key == "properties"
        else _judged(value)
        for key, value in part.items()
    }


def missing_of(fault: ValidationError) -> Iterator[str]:
    """Yield the fields that a `required` or `dependentRequired` misses."""
    given: Any = fault.instance
    wanted: Any = fault.validator_value or ()
    if fault.validator == "dependentRequired":
        wanted = [one for name, needed in wanted.items() if name in given for one in needed]
    for name in dict.fromkeys(wanted):
        if name not in given:
            yield name


def label_of(schema: Mapping[str, Any], path: Sequence[str]) -> str:
    """Return what the field at a path is called, with its row: 放射源明细第 2 行核素."""
    part: Any = schema
    title = ""
    for step in path:
        inner = part.get("properties") if isinstance(part, Mapping) else None
        if step.isdecimal() and isinstance(part, Mapping) and "items" in part:
            part = part["items"]
            title = f"{title}第 {int(step) + 1} 行"
        elif isinstance(inner, Mapping) and isinstance(inner.get(step), Mapping):
            part = inner[step]
            title += str(part.get("title", ""))
        else:
            break
    return title


def torn(schema: Mapping[str, Any], form: Mapping[str, Any]) -> dict[str, str]:
    """Return, by field, what of a whole form does not go together: missing, or not to be filled."""
    found: dict[str, str] = {}
    for fault in Draft202012Validator(judged(tied(schema))).iter_errors(dict(form)):
        path = [str(step) for step in fault.path]
        if fault.validator in ("required", "dependentRequired"):
            for name in missing_of(fault):
                label = label_of(schema, [*path, name]) or name
                found[".".join([*path, name])] = f"请填写“{label}”"
        elif fault.validator == BARRED and path:
            label = label_of(schema, path) or path[-1]
            found[".".join(path)] = f"“{label}”在这种情况下不填，请去掉"
    return found
