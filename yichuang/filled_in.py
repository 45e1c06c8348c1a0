"""What came with an order, checked against its type and against the matter's own form.

Every fault names its field (a path into the order) and says what to do; never the value, which
may be somebody's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import orjson
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError as Fault
from pydantic import ValidationError

from cases.messages import BODIES, OF_LAW, File, Frozen
from cases.settling import RuleForbids
from catalogue.form_schema import BARRED, judged, label_of, missing_of, untied
from catalogue.matters import Matter

_SAY: Mapping[str, str] = MappingProxyType(
    {
        "type": "“{label}”应为 {limit}",
        "enum": "“{label}”应为 {limit} 之一",
        "const": "“{label}”应为 {limit}",
        "minLength": "“{label}”至少 {limit} 个字",
        "maxLength": "“{label}”最多 {limit} 个字",
        "minimum": "“{label}”不能小于 {limit}",
        "maximum": "“{label}”不能大于 {limit}",
        "exclusiveMinimum": "“{label}”须大于 {limit}",
        "exclusiveMaximum": "“{label}”须小于 {limit}",
        "format": "“{label}”不是合格的 {limit}",
        "pattern": "“{label}”的格式不对，应符合 {limit}",
        "minItems": "“{label}”至少 {limit} 项",
        "maxItems": "“{label}”最多 {limit} 项",
        "additionalProperties": "表单没有字段“{label}”，请去掉",
        "unevaluatedProperties": "表单没有字段“{label}”，请去掉",
    }
)


def body_of(verb: str, raw: Mapping[str, Any]) -> Frozen:
    """Return the typed body of an order. Raises `RuleForbids` with the field at fault."""
    if verb not in BODIES or verb in OF_LAW:
        raise RuleForbids("unknown_verb", f"没有“{verb}”这种办理动作", "", "verb")
    try:
        return BODIES[verb].model_validate(raw)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        place = ".".join(("body", *(str(part) for part in first["loc"])))
        raise RuleForbids("invalid", f"{place}：{first['msg']}", "", place) from wrong


def check_filing(matter: Matter, body: File) -> None:
    """Raise `RuleForbids` unless a filing's form is whole and every field as it should be."""
    _check(matter, body.form, whole=True)


def check_corrections(matter: Matter, form: Mapping[str, Any]) -> None:
    """Raise `RuleForbids` unless each corrected field, by itself, is as it should be."""
    _check(matter, form, whole=False)


def _check(matter: Matter, form: Mapping[str, Any], *, whole: bool) -> None:
    validator = _validator(orjson.dumps(matter.form, option=orjson.OPT_SORT_KEYS), whole)
    faults = sorted(validator.iter_errors(dict(form)), key=lambda fault: list(map(str, fault.path)))
    if faults:
        raise _forbidden(matter, faults[0])


@lru_cache(maxsize=64)
def _validator(text: bytes, whole: bool) -> Draft202012Validator:
    schema: dict[str, Any] = orjson.loads(text)
    if not whole:
        # Corrections are some of the fields: what ties fields together is checked on the whole,
        # where the rest can be read (`activities.recording`).
        schema = untied(schema)
    return Draft202012Validator(judged(schema), format_checker=FormatChecker())


def _forbidden(matter: Matter, fault: Fault) -> RuleForbids:
    path = [str(part) for part in fault.path]
    instance: Any = fault.instance
    if fault.validator in ("required", "dependentRequired"):
        path.append(next(iter(missing_of(fault))))
        sentence = "请填写“{label}”"
    elif fault.validator == BARRED:
        sentence = "“{label}”在这种情况下不填，请去掉"
    elif fault.validator in ("additionalProperties", "unevaluatedProperties"):
        known = (fault.schema if isinstance(fault.schema, dict) else {}).get("properties", {})
        path.append(next((n for n in instance if n not in known), ""))
        sentence = _SAY[str(fault.validator)]
    else:
        sentence = _SAY.get(str(fault.validator), "“{label}”填写有误")
    place = ".".join(("body", "form", *path))
    label = label_of(matter.form, path) or place
    limit = fault.validator_value
    shown = "、".join(map(str, limit)) if isinstance(limit, list) else limit
    return RuleForbids("invalid", sentence.format(label=label, limit=shown), matter.code, place)
