"""The page before an act that is for good and is no act of a case: what will be done, what stands
and what it becomes, whom it binds; then, and only then, it is done.

Cases and incidents have pages of their own (`forms.act_confirming`, `forms.incident_acting`).
Which acts of the house are for good stands in `forms.finality`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar, Final

import orjson
from starlette.responses import Response

from catalogue.law import Article
from forms.fields import Form
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

STEP: Final = "step"
"""Said by the page's buttons: `confirmed`, or `back` to the form."""
CONFIRMED: Final = "confirmed"
BACK: Final = "back"
SHOWN: Final = "shown"
"""Hidden on the page: what it said stands, so that what came to pass since is told."""
OF_THE_PAGE: Final = frozenset({STEP, SHOWN, "command"})
"""Posted names that the page sets anew; everything else travels on as it was typed."""
MOST_SHOWN: Final = 20
"""Lines of what stands that are read back."""
_YUAN: Final = frozenset({"元", "yuan"})
_SUM: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,2})?", re.ASCII)


@dataclass(frozen=True)
class Standing:
    """One thing as it stands now and as the act makes it, in words."""

    label: str
    now: str
    then: str = ""
    """Empty: it stays as it is."""


@dataclass(frozen=True)
class Change:
    """What stands otherwise than the page showed it."""

    label: str
    was: str
    now: str


@dataclass(frozen=True)
class Asking:
    """An act that is for good, as the page before it says it."""

    sentence: str
    """What is done, with its amount; it stands on the button."""
    about: str
    """Number or name of what it is done to."""
    back: str
    """Address of the thing: where one goes who leaves it."""
    said: Sequence[tuple[str, str]] = ()
    """What was typed: label, words."""
    stands: Sequence[Standing] = ()
    follows: Sequence[str] = ()
    """What comes of it, a sentence each."""
    articles: Sequence[str] = ()
    """Ids of the articles that it rests on."""
    command: str = ""
    """Id of the command, the same at every try; empty: the act has none."""
    kept: Sequence[tuple[str, str]] = ()
    """Hidden fields that name the files which were kept at this try."""
    asks: bool = True
    """There is a form to go back to."""


@dataclass(frozen=True)
class ForGoodPage(Page):
    """What will be done for good, before it is done."""

    template: ClassVar[str] = "for_good.html"

    asking: Annotated[Asking, "The act in words."]
    action: Annotated[str, "Where the buttons post."]
    articles: Annotated[Mapping[str, Article], "Id of an article that it rests on → its words."]
    changed: Annotated[Sequence[Change], "What stands otherwise than this page showed it before."]
    hidden: Annotated[Sequence[tuple[str, str]], "Everything typed, as it travels on."]
    shown: Annotated[str, "What this page says stands, to be held against what stands later."]


def said_in(form: Form) -> list[tuple[str, str]]:
    """Return what was typed, to be read once more: label, words."""
    found = []
    for one in form.fields:
        words = {option.value: option.label for option in one.options}
        typed = [words.get(value, value) for value in one.values if value]
        if one.kind == "hidden" or not typed:
            continue
        said = "；".join(typed).replace("T", " ") if one.kind == "moment" else "；".join(typed)
        said = _grouped(said) if one.unit in _YUAN else said
        found.append((one.label, "✓" if one.kind == "check" else f"{said} {one.unit}".rstrip()))
    return found


def _grouped(typed: str) -> str:
    """Return a sum as the rest of the page writes sums; what is none stays as it was typed."""
    plain = re.sub(r"[,，\s]", "", typed)
    return f"{Decimal(plain):,.2f}" if _SUM.fullmatch(plain) else typed


def goes_back(visit: Visit) -> bool:
    """Return whether the form is wanted again, with what was typed."""
    return visit.text(STEP) == BACK


async def asked_first(visit: Visit, asking: Asking) -> Response | None:
    """Return the page that must be read before the act; None: it was confirmed as things stand.

    A command that has its answer already is not asked about: the caller looks before it calls.
    """
    confirmed, changed = visit.text(STEP) == CONFIRMED, _changed(visit, asking)
    if confirmed and not changed:
        return None
    found = {one: visit.ports.catalogue.article(one) for one in dict.fromkeys(asking.articles)}
    page = ForGoodPage(
        title=f"{visit.say(N_('请核对'))} · {asking.about or asking.sentence}",
        asking=asking,
        action=visit.request.url.path,
        articles={key: article for key, article in found.items() if article is not None},
        changed=changed,
        hidden=[*(pair for pair in visit.typed() if pair[0] not in OF_THE_PAGE), *asking.kept],
        shown=orjson.dumps([[one.label, one.now] for one in asking.stands]).decode(),
    )
    return await show(visit, page, 409 if changed else 200)


def _changed(visit: Visit, asking: Asking) -> tuple[Change, ...]:
    """Return what somebody else has made of it since the page was shown; nothing on a first look.

    What comes back is only compared and shown to whom it was shown: whoever alters it alters what
    they are told, and no more.
    """
    try:
        # Not the standard library's: that one recurses as deep as a stranger nests.
        lines = orjson.loads(visit.text(SHOWN) or "[]")
        known = lines[:MOST_SHOWN] if isinstance(lines, list) else ()
        was = {str(label): str(words) for label, words in known}
    except (ValueError, TypeError):
        return ()
    return tuple(
        Change(one.label, was[one.label], one.now)
        for one in asking.stands
        if one.label in was and was[one.label] != one.now
    )
