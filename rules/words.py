"""What people call the codes of rules: the pack's own words first, then the common ones.

For pages and terminals only: no word takes part in a ruling, and none is in a pack's digest but
those that the pack writes itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import yaml

from catalogue.load import HERE
from rules.model import Definition
from rules.shapes import Title

Language = Literal["zh", "en"]
WORDS_FILE = HERE / "rule_words.yaml"
MEASURES = "measures"
"""Under this name the file has units; no field is called so."""

Words = Mapping[str, Title]
"""Code → what it is called."""


@lru_cache(maxsize=1)
def common() -> Mapping[str, Words]:
    """Return field or outcome → words, as shipped. Raises `pydantic.ValidationError`."""
    raw: dict[str, dict[str, Any]] = yaml.safe_load(WORDS_FILE.read_text("utf-8"))
    return MappingProxyType(
        {
            name: {str(code): Title.model_validate(title) for code, title in some.items()}
            for name, some in raw.items()
        }
    )


def words_for(definition: Definition, name: str) -> Words:
    """Return the words of one field or outcome."""
    own: dict[str, Title] = {}
    for spec in (definition.fields.get(name), definition.outcome.get(name)):
        own |= {} if spec is None else spec.words
    return {**common().get(name, {}), **own}


def unit_in(unit: str, language: Language) -> str:
    """Return a unit in a language: 人, people; one that is the same in both stays."""
    known = common().get(MEASURES, {}).get(unit)
    return unit if known is None else said(known, language)


def words_of(definition: Definition) -> dict[str, Words]:
    """Return field or outcome → its words, those without any left out."""
    found = {
        name: words_for(definition, name) for name in (*definition.fields, *definition.outcome)
    }
    return {name: words for name, words in found.items() if words}


def said(title: Title, language: Language) -> str:
    """Return a title in a language."""
    return title.zh if language == "zh" else title.en


_DURATION = re.compile(
    r"P(?:(?P<W>\d+)W)?(?:(?P<D>\d+)D)?(?:T(?:(?P<H>\d+)H)?(?:(?P<M>\d+)M)?(?:(?P<S>\d+)S)?)?"
)
_UNITS = {
    "W": ("周", "week", "weeks"),
    "D": ("日", "day", "days"),
    "H": ("小时", "hour", "hours"),
    "M": ("分钟", "minute", "minutes"),
    "S": ("秒", "second", "seconds"),
}


def duration(text: str, language: Language = "zh") -> str:
    """Return an ISO 8601 duration in words: 2 小时, 30 minutes; another text as it is."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return text
    found = [(int(n), unit) for unit, n in match.groupdict().items() if n]
    parts = [(n, unit) for n, unit in found if n] or found[-1:]
    return " ".join(
        f"{n} {_UNITS[unit][0 if language == 'zh' else 1 if n == 1 else 2]}" for n, unit in parts
    )
