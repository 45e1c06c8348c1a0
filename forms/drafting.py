"""Drafts: kept by a button, kept by themselves, and both versions side by side when two have saved.

Whoever saves second gets what was saved meanwhile beside what they typed, field by field; nothing
of either is lost before they have chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import JsonValue
from starlette.responses import JSONResponse, RedirectResponse, Response

from forms.draft_ports import Draft, SavedDraft
from forms.fields import Field, Form, MaterialRow, Posted
from forms.rendering import Page, clock_time
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

KEEPS: Final = ("draft", "autosave", "merge")
"""What buttons of a form say under `do` that keep it and hand nothing in."""
SEEN: Final = "seen"
"""Hidden field: the version of the draft that this page shows; 0: it was never saved."""
TAKE: Final = "take."
"""Before a field's name: whose version of it was chosen."""
PAGE: Final = "page"
"""Hidden field of `draft.js`: which open page this is, and how often it has sent itself."""
_MARK: Final = re.compile(r"([0-9a-f-]{36})\.(\d{1,6})")
_OURS: Final = ("csrf", "do", SEEN, PAGE, "draft", "command")
GONE: Final = N_("这份草稿已经提交或删除，没有再保存；页面上的内容还在")


@dataclass(frozen=True)
class Begun:
    """A form that is being filled in."""

    matter: str
    title: str
    draft: str
    command: str
    order: str
    """Id of the order that handing it in gives; empty: it hands in what is no order of a case."""
    address: str
    form: Form
    rows: tuple[MaterialRow, ...]

    @property
    def again(self) -> str:
        """The address at which the kept draft is gone on with."""
        return f"{self.address}?draft={self.draft}&saved=1"


@dataclass(frozen=True)
class Difference:
    """One field of which there are two versions."""

    name: str
    label: str
    mine: str
    theirs: str
    take: str
    """Which of them is offered: mine or theirs."""


@dataclass(frozen=True)
class DraftClashPage(Page):
    """What was typed here beside what was saved elsewhere meanwhile."""

    template: ClassVar[str] = "draft_clash.html"

    lines: Annotated[tuple[Difference, ...], "Fields that differ, in the order of the form."]
    hidden: Annotated[tuple[tuple[str, str], ...], "Everything typed, as it travels on."]
    begun: Annotated[Begun, "The form, its draft and its address."]
    theirs: Annotated[Draft, "What was saved meanwhile."]


def values_of(begun: Begun, texts: Posted) -> dict[str, JsonValue]:
    """Return what is kept of a form: every text that was typed, and which files came."""
    values: dict[str, JsonValue] = {
        name: list(found)
        for name, found in texts.items()
        if name not in ("csrf", "do", SEEN) and not name.startswith(TAKE)
    }
    # An earlier file that was put aside on the page is not kept either.
    return values | {f"upload.{row.code}": [row.upload] for row in begun.rows if row.upload}


def texts_of(values: Mapping[str, JsonValue]) -> dict[str, tuple[str, ...]]:
    """Return what a draft keeps, as a form would have posted it."""
    return {
        name: tuple(str(one) for one in value) if isinstance(value, list) else (str(value),)
        for name, value in values.items()
    }


async def keep(visit: Visit, begun: Begun, texts: Posted) -> Response | str:
    """Keep the draft as the button, or the page by itself, asks; a sentence where it cannot be."""
    if visit.text("do") == "autosave":
        return await _by_itself(visit, begun, texts)
    seen, values = seen_by(visit), values_of(begun, texts)
    if visit.text("do") == "merge":
        theirs = await visit.ask(visit.ports.drafts.find, visit.author, begun.draft)
        if theirs is None:
            return visit.say(GONE)
        if theirs.version != seen:
            return await _both(visit, begun, texts, theirs)
        values = _chosen(visit, values, theirs.values)
    saved = await _save(visit, begun, values, seen)
    if saved.theirs is not None:
        return await _both(visit, begun, texts, saved.theirs)
    if saved.gone:
        return visit.say(GONE)
    return saved.refused or RedirectResponse(begun.again, 303)


async def clash(visit: Visit, begun: Begun, texts: Posted) -> Response | None:
    """Return the page with both versions if the draft was saved elsewhere meanwhile."""
    theirs = await visit.ask(visit.ports.drafts.find, visit.author, begun.draft)
    if theirs is None or theirs.version == seen_by(visit) or is_own(visit, theirs):
        return None
    if not any(_differences(visit, begun, texts, theirs)):
        return None
    return await _both(visit, begun, texts, theirs)


async def _by_itself(visit: Visit, begun: Begun, texts: Posted) -> Response:
    """Answer the page's script; a form that was handed in meanwhile is not begun again."""
    if begun.order and await visit.ask(visit.ports.reader.outcome, begun.order) is not None:
        return JSONResponse({"gone": visit.say(GONE)}, 410)
    saved = await _save(visit, begun, values_of(begun, texts), seen_by(visit))
    if saved.theirs is not None:
        at = clock_time(saved.theirs.saved_at, visit.zone)
        said = visit.say(N_("另一处在 {at} 保存了这份草稿；这一页的内容还在，没有覆盖它"))
        return JSONResponse({"clash": said.format(at=at)}, 409)
    if saved.gone or saved.refused:
        said = saved.refused or visit.say(GONE)
        return JSONResponse({"gone" if saved.gone else "refused": said}, 410 if saved.gone else 422)
    return JSONResponse({SEEN: saved.version, "at": clock_time(saved.at, visit.zone)[:5]})


async def _save(
    visit: Visit, begun: Begun, values: Mapping[str, JsonValue], seen: int
) -> SavedDraft:
    draft = (visit.author, begun.draft, begun.matter, begun.title, values)
    saved: SavedDraft = await visit.ask(visit.ports.drafts.save, *draft, seen)
    if saved.theirs is not None and is_own(visit, saved.theirs):
        saved = await visit.ask(visit.ports.drafts.save, *draft, saved.theirs.version)
    return saved


def is_own(visit: Visit, saved: Draft) -> bool:
    """Tell whether a version is one that this same page sent before, whose answer it never got.

    What a page sent earlier and what comes late is none: the newer text stays.
    """
    here = _MARK.fullmatch(visit.text(PAGE))
    there = _MARK.fullmatch(_one(texts_of(saved.values), PAGE))
    return bool(here and there and here[1] == there[1] and int(there[2]) < int(here[2]))


def seen_by(visit: Visit) -> int:
    """Return the version of the draft that the posted page shows; 0: none."""
    text = visit.text(SEEN)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


# --- both versions -------------------------------------------------------------------------------


async def _both(visit: Visit, begun: Begun, texts: Posted, theirs: Draft) -> Response:
    hidden = [
        (name, text)
        for name, found in texts_of(values_of(begun, texts)).items()
        if name not in _OURS
        for text in found
    ]
    page = DraftClashPage(
        title=visit.say(N_("同一份草稿有两个版本")),
        lines=tuple(_differences(visit, begun, texts, theirs)),
        hidden=tuple(hidden),
        begun=begun,
        theirs=theirs,
    )
    return await show(visit, page, 409)


def _differences(visit: Visit, begun: Begun, texts: Posted, theirs: Draft) -> Iterator[Difference]:
    there = texts_of(theirs.values)
    for one in begun.form.fields:
        mine, other = _shown(visit, one, texts), _shown(visit, one, there)
        if mine != other:
            take = "theirs" if other and not mine else "mine"
            yield Difference(one.name, one.label, mine, other, take)
    for row in begun.rows:
        for part, label in (
            ("originals", N_("原件")), ("copies", N_("复印件")), ("upload", N_("电子文件")),
        ):  # fmt: skip
            name = f"{part}.{row.code}"
            mine, other = (row.upload if part == "upload" else _one(texts, name)), _one(there, name)
            if mine != other:
                said = visit.say(N_("已上传"))
                if part == "upload":
                    mine, other = (row.file_name if mine else ""), (said if other else "")
                take = "theirs" if other and not mine else "mine"
                yield Difference(name, f"{row.name} {visit.say(label)}", mine, other, take)


def _one(texts: Posted, name: str) -> str:
    return next(iter(texts.get(name, ())), "").strip()


def _shown(visit: Visit, field: Field, texts: Posted) -> str:
    """Return in words what a form holds for a field; of a repeating group, all of its rows."""
    if field.kind == "rows":
        lines = field.filled(texts).lines
        said = [
            "，".join(filter(None, (_shown(visit, one, texts) for one in line))) for line in lines
        ]
        return "\n".join(f"{n}. {one}" for n, one in enumerate(filter(None, said), 1))
    found = [text.strip() for text in texts.get(field.name, ()) if text.strip()]
    if field.kind == "check":
        return visit.say(N_("是")) if "true" in found else ""
    labels = {option.value: option.label for option in field.options}
    return "、".join(labels.get(one, one) for one in found)


def _chosen(
    visit: Visit, mine: Mapping[str, JsonValue], theirs: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return what was typed here, with each field as it was chosen."""
    taken = {name.removeprefix(TAKE) for name, how in visit.texts().items()
             if name.startswith(TAKE) and how[:1] == ["theirs"]}  # fmt: skip

    def is_taken(name: str) -> bool:
        return any(name == one or name.startswith(f"{one}.") for one in taken)

    kept = {name: texts for name, texts in mine.items() if not is_taken(name)}
    return kept | {name: texts for name, texts in theirs.items() if is_taken(name)}


def marked_seen(page_seen: int, posted: Posted) -> int:
    """Return the version that a page shows: the draft's, or what was posted with a page again."""
    text = _one(posted, SEEN)
    known = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
    return page_seen or known
