"""A draft of the designer's desk as it is kept: by a button, or by the page itself while one types.

Which version a page shows travels with it (`seen`). What two windows type is both kept: the second
is a draft of its own, beside the first; the page by itself only says that there is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import uuid4

from starlette.responses import JSONResponse, Response

from forms.designer_boxes import desk_of
from forms.designer_changes import Moved
from forms.designer_ports import DESIGNS
from forms.designer_sheet import Sheet, kept, reopened
from forms.draft_ports import Draft, SavedDraft
from forms.drafting import GONE, PAGE, is_own, seen_by
from forms.fields import Field
from forms.notice_words import DRAFT as WORDS_DRAFT
from forms.rendering import clock_time
from forms.showing import not_found
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class Kept:
    """A draft of one's own."""

    id: str
    base: str
    rev: int
    """How often it was saved: what is sent is what was looked at."""
    sheet: Sheet
    version: int
    """The same as the store counts it."""


async def own_draft(visit: Visit) -> Kept:
    """Return the draft of the address. Raises `Stop` where the visitor has no such draft."""
    if (known := await _draft(visit, _wanted(visit))) is None:
        raise not_found(visit)
    return known


def _wanted(visit: Visit) -> str:
    return str(visit.request.path_params["draft"])


async def _draft(visit: Visit, wanted: str) -> Kept | None:
    draft: Draft | None = await visit.ask(visit.ports.drafts.find, visit.actor, wanted)
    if draft is None or not draft.matter.startswith(DESIGNS) or draft.matter == WORDS_DRAFT:
        return None
    values = cast(Mapping[str, Any], draft.values)
    return Kept(
        draft.id, values["base"], int(values["rev"]), reopened(values["sheet"]), draft.version
    )


async def begin(visit: Visit, base: str, sheet: Sheet) -> str:
    """Keep a draft that there was not; return its id."""
    draft = str(uuid4())
    _insist(visit, await _save(visit, draft, base, 0, sheet, 0))
    return draft


async def keep(visit: Visit, known: Kept, sheet: Sheet) -> str:
    """Keep what a button sent; return the draft it is in: another one if two windows saved."""
    saved = await _over(visit, known, sheet)
    if saved.theirs is not None:
        # Neither text is lost: the person puts them together.
        return await begin(visit, known.base, sheet)
    _insist(visit, saved)
    return known.id


@dataclass(frozen=True)
class Beside:
    """Another draft of the same matter, and in what this one differs from it."""

    id: str
    moves: tuple[Moved, ...]


async def beside(visit: Visit, sheet: Sheet) -> Beside | None:
    """Return what the address says this draft was kept beside; None: nothing, or no longer."""
    wanted = visit.request.query_params.get("other", "")[:36]
    if not wanted or (theirs := await _draft(visit, wanted)) is None:
        return None
    before, after = (_boxes(visit, one) for one in (theirs.sheet, sheet))
    moves = []
    for where in [*after, *(where for where in before if where not in after)]:
        was, now = before.get(where, ""), after.get(where, "")
        if was != now:
            way: Literal["come", "gone", "other"]
            way = "other" if was and now else "come" if now else "gone"
            moves.append(Moved(where, way, was, now))
    return Beside(theirs.id, tuple(moves))


def _boxes(visit: Visit, sheet: Sheet) -> dict[str, str]:
    """Return where a box stands, in words → what is in it."""
    desk, _ = desk_of(visit, sheet, visit.ports.catalogue.departments(visit.language), {})
    alone = (*desk.basics, *desk.limits, *desk.texts, *desk.others)
    boxes = {one.label: _said(one) for one in alone}
    for _, name, rows in desk.tables:
        for row in rows:
            for one in (*row.fields, *row.more):
                boxes[f"{name} {row.number + 1} · {one.label}"] = _said(one)
    return boxes


def _said(box: Field) -> str:
    labels = {one.value: one.label for one in box.options}
    return "、".join(labels.get(one, one) for one in box.values if one)


async def by_itself(visit: Visit, sheet: Sheet) -> Response:
    """Answer the page's script: what another window saved stays, and the page is told of it.

    A draft that was sent or dropped meanwhile is not begun again.
    """
    if (known := await _draft(visit, _wanted(visit))) is None:
        return JSONResponse({"gone": visit.say(GONE)}, 410)
    saved = await _over(visit, known, sheet)
    if saved.theirs is not None:
        said = visit.say(N_(
            "另一个窗口在 {at} 保存了这份草稿，没有覆盖它。这一页的内容还在："
            "点“保存草稿”会另存为一份，两份都在"
        ))  # fmt: skip
        at = clock_time(saved.theirs.saved_at, visit.zone)
        return JSONResponse({"clash": said.format(at=at)}, 409)
    if saved.gone or saved.refused:
        told = saved.refused or visit.say(GONE)
        return JSONResponse({"gone" if saved.gone else "refused": told}, 410 if saved.gone else 422)
    return JSONResponse({"seen": saved.version, "at": clock_time(saved.at, visit.zone)[:5]})


async def _over(visit: Visit, known: Kept, sheet: Sheet) -> SavedDraft:
    """Keep it in place of the version that the page shows, or of an earlier one of this page.

    The store compares once more: whoever saves between the two is not written over.
    """
    saved = await _save(visit, known.id, known.base, known.rev + 1, sheet, seen_by(visit))
    if saved.theirs is not None and is_own(visit, saved.theirs):
        rev = int(cast(Mapping[str, Any], saved.theirs.values)["rev"])
        version = saved.theirs.version
        saved = await _save(visit, known.id, known.base, rev + 1, sheet, version)
    return saved


async def _save(
    visit: Visit, draft: str, base: str, rev: int, sheet: Sheet, seen: int
) -> SavedDraft:
    name = sheet.one.get("name") or visit.say(N_("新事项"))
    title = f"{name} · {sheet.one.get('version', '')}"
    values = {"base": base, "rev": rev, "sheet": kept(sheet)}
    if page := visit.text(PAGE):
        values[PAGE] = page
    matter = f"{DESIGNS}{sheet.one.get('code', '')[:40]}"
    saved: SavedDraft = await visit.ask(
        visit.ports.drafts.save, visit.actor, draft, matter, title, values, seen
    )
    return saved


def _insist(visit: Visit, saved: SavedDraft) -> None:
    if saved.theirs is not None or saved.gone:
        raise Stop(409, visit.say(N_("另一处刚保存或删除了这份草稿，请返回上一页再保存一次")))
    if saved.refused:
        raise Stop(422, saved.refused, "not_saved")
