"""A Chinese sentence that remembers how it was made, so that a page can say it in another language.

It is a text like any other: the log, an answer and a comparison have the Chinese words. Only who
asks `in_words` sees the template and what fills it, and says both anew; nothing is read back out of
words. Where it passes a bus or a store it is the Chinese text alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

Part = str | int | tuple[str, ...]
"""What fills a place of a template; several are listed with 、."""


class Told(str):
    """A sentence of a template and its parts, each of which may be such a sentence itself."""

    __slots__ = ("parts", "template")
    template: str
    parts: dict[str, Part]

    def __new__(cls, template: str, /, **parts: Part) -> Self:
        """Return the sentence. Raises `KeyError` where a place of the template is not filled."""
        filled = {name: _listed(part, "、") for name, part in parts.items()}
        made = super().__new__(cls, template.format(**filled))
        made.template, made.parts = template, parts
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)  # what is copied or sent on is the words


def in_words(text: str, say: Callable[[str], str], comma: str) -> str:
    """Return a sentence in another language; a plain one is asked for whole.

    `say`: a text of the source in that language, itself where there is none. `comma`: stands
    between several.
    """
    if not isinstance(text, Told):
        return say(text) if text else ""

    def part(one: Part) -> Part:
        if isinstance(one, tuple):
            return tuple(in_words(each, say, comma) for each in one)
        return in_words(one, say, comma) if isinstance(one, str) else one

    filled = {name: _listed(part(one), comma) for name, one in text.parts.items()}
    return say(text.template).format(**filled)


def _listed(part: Part, comma: str) -> str | int:
    return comma.join(part) if isinstance(part, tuple) else part


__all__ = ["Part", "Told", "in_words"]
