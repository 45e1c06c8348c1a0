"""A worker's refusal in the reader's language: over a bus or a store it came as Chinese text.

A sentence that `forms/locale` has is said whole; else the template that matches the whole text is
said, and so is what fills its places; else its clauses, if each has its English; else it stays as
it is. Matching takes each fixed part where it is first found, so it is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from forms.words import Language, Say, msgids, translations

LONGEST = 4000
"""A longer text is no sentence of the source; it is looked up whole and otherwise left."""
DEEPEST = 3
"""A refusal within a refusal within a refusal, and no further."""

_PLACE = re.compile(r"{(\w+)}")
_HAN = re.compile("[㐀-鿿]")


def fixed_of(template: str) -> str:
    """Return what of a template is not filled, places as a mark: what tells it from others."""
    return _PLACE.sub("\0", template)


@lru_cache(maxsize=2)
def templates(language: Language) -> tuple[str, ...]:
    """Return the templates of refusals, the one with the longest fixed text first."""
    found = [one for one in msgids(language, "refusals.po") if _PLACE.search(one)]
    return tuple(sorted(found, key=lambda one: (-len(_PLACE.sub("", one)), one)))


@lru_cache(maxsize=2)
def _parts(language: Language) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    return tuple(
        (one, tuple(_PLACE.split(one)[::2]), tuple(_PLACE.findall(one)))
        for one in templates(language)
    )


def filled(text: str, fixed: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return what stands between the fixed parts of a whole text; None: it does not match."""
    first, *middle, last = fixed
    if not text.startswith(first):
        return None
    end = len(text) - len(last)
    at, found = len(first), list[str]()
    for part in middle:
        place = text.find(part, at, end)
        if place < 0:
            return None
        found.append(text[at:place])
        at = place + len(part)
    if at > end or not text.endswith(last):
        return None
    return (*found, text[at:end])


def said(text: str, language: Language, say: Say, depth: int = DEEPEST) -> str:
    """Return a refusal in the language. `say`: a whole text in it; itself where there is none."""
    whole = say(text) if text else ""
    if whole != text or not _HAN.search(text) or len(text) > LONGEST or not depth:
        return whole
    for template, fixed, places in _parts(language):
        found = filled(text, fixed)
        if found is not None:
            parts = {
                name: _place(one, language, say, depth - 1)
                for name, one in zip(places, found, strict=True)
            }
            made = translations(language).gettext(template)
            return _filled_in(made, parts)
    return _clauses(text, language, say, depth)


def _filled_in(template: str, parts: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: parts[place[1]], template)


def _place(text: str, language: Language, say: Say, depth: int) -> str:
    """Return what fills a place: a text of its own, or several listed with 、."""
    if "、" in text and len(text) <= LONGEST:
        ours = text.split("、")
        each = [said(one, language, say, depth) for one in ours]
        if not any(one == its and _HAN.search(one) for one, its in zip(ours, each, strict=True)):
            return ", ".join(each)
    return said(text, language, say, depth)


def _clauses(text: str, language: Language, say: Say, depth: int) -> str:
    """Return a text of several sentences, if each of them has its English."""
    if "；" not in text:
        return text
    each = [said(one, language, say, depth - 1) for one in text.split("；")]
    return text if any(map(_HAN.search, each)) else "; ".join(each)
