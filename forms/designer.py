"""事项编制: a department drafts a matter, sees it as the window and the press will, and sends it.

A draft is its author's own and changes nothing. What is sent is a proposal as any other: the same
gate, the same dossier, another person's signature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, get_args
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from catalogue.matters import DocumentKind, Matter
from forms import designer_keeping
from forms.access_ports import Thing
from forms.designer_boxes import Desk, desk_of
from forms.designer_changes import Moved, differences
from forms.designer_keeping import Beside, Kept, own_draft
from forms.designer_ports import DESIGNS, Checked, Found, PaperFaulty
from forms.designer_sheet import (
    MANY,
    ONE,
    Sheet,
    Unwritten,
    Written,
    box_of,
    moved,
    posted_sheet,
    sheet_of,
    written,
)
from forms.draft_ports import Draft
from forms.fields import Field, Form, MaterialRow, Wrong, schema_fields
from forms.materials import empty_rows
from forms.notice_words import DRAFT as WORDS_DRAFT
from forms.notice_words import may_draft, words_release
from forms.release_ports import Release
from forms.rendering import Page
from forms.settled_finality import ask_to_drop
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

MOST_FAULTS: Final = 60
UNSAID: Final = {"没有 title": "title", "没有 x-en": "en"}
"""What is not there has no line of its own: what the check says of it → the box it is for."""


@dataclass(frozen=True)
class DesignerPage(Page):
    """What may be drafted, what is being drafted, what waits for a signature."""

    template: ClassVar[str] = "designer.html"

    groups: Annotated[Mapping[str, tuple[Matter, ...]], "Department → its matters in force."]
    drafts: Annotated[tuple[Draft, ...], "My own drafts, newest first."]
    waiting: Annotated[tuple[Release, ...], "Proposals of matters that nobody has signed."]
    words: Annotated[bool, "May draft the words of notices."]


@dataclass(frozen=True)
class DesignPage(Page):
    """One draft, every box of it."""

    template: ClassVar[str] = "design.html"

    form: Annotated[Form, "Every box, and the summary of what is wrong."]
    desk: Annotated[Desk, "The boxes by where they stand."]
    draft: Annotated[str, "Id of the draft."]
    seen: Annotated[int, "The version of the draft that the page shows."]
    base: Annotated[str, "The version that it began with; empty: a new matter."]
    checked: Annotated[bool, "The check has been asked."]
    other: Annotated[Beside | None, "What another window kept of the same."]
    papers: Annotated[tuple[DocumentKind, ...], "Documents that can be looked at."]
    articles: Annotated[Mapping[str, str], "Article of the law register → how it is cited."]


@dataclass(frozen=True)
class DesignFormPage(Page):
    """The form as the window would show it."""

    template: ClassVar[str] = "design_form.html"

    matter: Annotated[Matter, "The version looked at."]
    content: Annotated[tuple[Field, ...], "Its fields."]
    rows: Annotated[tuple[MaterialRow, ...], "Its materials."]
    limit_mb: Annotated[int, "Largest file, in MB."]
    back: Annotated[str, "Where one came from."]


@dataclass(frozen=True)
class DesignChangesPage(Page):
    """What the draft changes, and what sending it sets going."""

    template: ClassVar[str] = "design_changes.html"

    form: Annotated[Form, "What is wrong: nothing can be sent."]
    draft: Annotated[str, "Id of the draft."]
    rev: Annotated[int, "Which state of the draft this is."]
    matter: Annotated[Matter | None, "As it reads now; None: it is no matter yet."]
    before: Annotated[Matter | None, "The version in force; None: the matter is new."]
    moves: Annotated[tuple[Moved, ...], "Every difference."]
    open_cases: Annotated[int, "Open cases, which keep the version they were filed under."]


@dataclass(frozen=True)
class MatterReleasePage(Page):
    """One proposed or signed version of a matter."""

    template: ClassVar[str] = "matter_release.html"

    release: Annotated[Release, "The version in the register."]
    matter: Annotated[Matter, "What it says."]
    before: Annotated[Matter | None, "The version in force, where it is another."]
    moves: Annotated[tuple[Moved, ...], "Every difference."]
    gate: Annotated[Sequence[Any], "Every check of the gate."]
    open_cases: Annotated[int, "Open cases, which keep the version they were filed under."]
    papers: Annotated[tuple[DocumentKind, ...], "Documents that can be looked at."]
    people: Annotated[Mapping[str, str], "User id → name."]
    may_sign: Annotated[bool, "May activate it: somebody else proposed it."]
    may_withdraw: Annotated[bool, "Proposed it, and may take it back."]


# --- the desk ------------------------------------------------------------------------------------


async def designer(visit: Visit) -> Response:
    """The matters that this person may draft for, their drafts, and what waits."""
    names = visit.ports.catalogue.departments(visit.language)
    groups: dict[str, tuple[Matter, ...]] = {}
    for matter in _draftable(visit):
        if await _may(visit, matter.department):
            name = names.get(matter.department, matter.department)
            groups[name] = (*groups.get(name, ()), matter)
    known: Sequence[Release] = await visit.ask(visit.ports.releases.listing)
    page = DesignerPage(
        title=visit.say(N_("事项编制")),
        groups=groups,
        drafts=tuple(await _own_drafts(visit)),
        waiting=tuple(
            one for one in known if one.kind == "matter" and one.state in ("proposed", "blocked")
        ),
        words=await may_draft(visit),
    )
    return await show(visit, page)


def _draftable(visit: Visit) -> tuple[Matter, ...]:
    return tuple(one for one in visit.ports.catalogue.matters() if one.process == "approval")


async def _own_drafts(visit: Visit) -> Sequence[Draft]:
    found = await visit.ask(visit.ports.drafts.listing, visit.actor)
    return [one for one in found if one.matter.startswith(DESIGNS) and one.matter != WORDS_DRAFT]


def _thing(department: str) -> Thing:
    return Thing("release", "new:matter", department=department)


async def _may(visit: Visit, department: str) -> bool:
    may = visit.ports.access.may
    return (await visit.ask(may, visit.actor, "release_propose", _thing(department))).allowed


async def start(visit: Visit) -> Response:
    """Begin a draft: a change of a matter in force, or a new one in its likeness."""
    code = visit.text("matter")
    matter = next((one for one in _draftable(visit) if one.code == code), None)
    if matter is None:
        raise not_found(visit)
    await visit.demand("release_propose", _thing(matter.department))
    sheet = sheet_of(matter)
    today = datetime.now(visit.zone).date()
    sheet.one["since"], sheet.one["until"] = today.isoformat(), ""
    base = matter.version
    if visit.text("do") == "new":
        base = ""
        sheet.one |= {"code": "", "name": "", "name_en": "", "version": f"{today.year}.1"}
        sheet.one |= {"basic_code": "", "implementing_code": ""}
    else:
        taken = await visit.ask(visit.ports.designs.versions, code)
        sheet.one["version"] = next_version(taken, today.year)
    draft = await designer_keeping.begin(visit, base, sheet)
    return RedirectResponse(f"/designer/{draft}", 303)


def next_version(taken: Sequence[str], year: int) -> str:
    """Return the first version of a year that the register does not have."""
    number = 1
    while f"{year}.{number}" in taken:
        number += 1
    return f"{year}.{number}"


async def _checked(visit: Visit, sheet: Sheet) -> tuple[Checked | None, dict[str, str]]:
    """Return what the gate would say, and each finding by its box."""
    try:
        made = written(sheet)
    except Unwritten as wrong:
        return None, {wrong.box: wrong.told}
    checked: Checked = await visit.ask(visit.ports.designs.check, made.text)
    faults: dict[str, str] = {}
    for one in checked.found[:MOST_FAULTS]:
        box = _box(one, made)
        faults[box] = f"{faults[box]}；{one.told}" if box in faults else one.told
    faults |= await _own_faults(visit, sheet, faults)
    return checked, faults


def _box(one: Found, made: Written) -> str:
    """Return the box that a finding is for, also where the text has no line for what lacks."""
    box = box_of(one.loc, made)
    lacking = re.match("缺少「(.+?)」", one.told)
    if lacking is not None and len(one.loc) < 2:
        return {**ONE, **MANY}.get(lacking[1], box)
    for missing, column in UNSAID.items():
        if box.endswith(".key") and missing in one.told:
            return f"{box.removesuffix('key')}{column}"
    return box


async def _own_faults(visit: Visit, sheet: Sheet, known: Mapping[str, str]) -> dict[str, str]:
    """What the register would refuse although the text is sound: said here, before it is sent."""
    found: dict[str, str] = {}
    code, version = sheet.one.get("code", ""), sheet.one.get("version", "")
    taken = await visit.ask(visit.ports.designs.versions, code) if code else ()
    if version in taken and "version" not in known:
        free = next_version(taken, datetime.now(visit.zone).year)
        told = visit.say(N_("版本 {version} 已经登记过，请改用 {free}"))
        found["version"] = told.format(version=version, free=free)
    if not await _may(visit, sheet.one.get("department", "")) and "department" not in known:
        found["department"] = visit.say(N_("只能编制本部门的事项，请改选本部门"))
    return found


async def design(visit: Visit) -> Response:
    """The draft as it was left; `check` asks the gate."""
    return await _design(visit, await own_draft(visit), "check" in visit.request.query_params)


async def _design(visit: Visit, known: Kept, asked: bool) -> Response:
    faults: dict[str, str] = {}
    if asked:
        _, faults = await _checked(visit, known.sheet)
    departments = visit.ports.catalogue.departments(visit.language)
    desk, form = desk_of(visit, known.sheet, departments, faults)
    law = await visit.ask(visit.ports.rules.articles)
    page = DesignPage(
        title=known.sheet.one.get("name") or visit.say(N_("新事项")),
        form=form,
        desk=desk,
        draft=known.id,
        seen=known.version,
        base=known.base,
        checked=asked,
        other=await designer_keeping.beside(visit, known.sheet),
        papers=_papers(known.sheet.many.get("papers", ())),
        articles={key: article.cited for key, article in sorted(law.items())},
    )
    return await show(visit, page, 422 if asked and faults else 200)


def _papers(codes: Sequence[str]) -> tuple[DocumentKind, ...]:
    known: tuple[DocumentKind, ...] = get_args(DocumentKind)
    return tuple(one for one in known if one in codes)


async def keep(visit: Visit) -> Response:
    """Keep what was typed, and do what the button says: a row, the check, a look, the sending."""
    sheet = posted_sheet(visit.texts())
    what = visit.text("do")
    if what == "autosave":
        return await designer_keeping.by_itself(visit, sheet)
    known = await own_draft(visit)
    place = moved(sheet, what)
    into = await designer_keeping.keep(visit, known, sheet)
    if into != known.id:
        return RedirectResponse(f"/designer/{into}?other={quote(known.id)}", 303)
    here = f"/designer/{quote(known.id)}"
    if what == "check":
        return RedirectResponse(f"{here}?check", 303)
    if what == "changes":
        return RedirectResponse(f"{here}/changes", 303)
    return RedirectResponse(f"{here}#{place}" if place else here, 303)


async def drop(visit: Visit) -> Response:
    """Throw a draft of one's own away."""
    known = await own_draft(visit)
    sentence, here = visit.say(N_("丢弃这份草稿")), f"/designer/{quote(known.id)}"
    name = known.sheet.one.get("name", "")
    if asked := await ask_to_drop(visit, sentence, name, here):
        return asked
    await visit.ask(visit.ports.drafts.remove, visit.actor, known.id)
    return RedirectResponse("/designer", 303)


# --- looking at it -------------------------------------------------------------------------------


async def _matter(visit: Visit, known: Kept) -> Matter:
    """Return the draft as a matter. Raises `Stop` with where to see what is wrong."""
    checked, _ = await _checked(visit, known.sheet)
    if checked is None or checked.matter is None:
        reason = visit.say(N_("草稿还不成一个事项，看不到样子"))
        raise Stop(422, reason, "unreadable", visit.say(N_("请回到草稿，点“检查”看哪里要改")))
    return checked.matter


async def design_form(visit: Visit) -> Response:
    """The form as the window would show it."""
    known = await own_draft(visit)
    return await show(
        visit, _form_page(visit, await _matter(visit, known), f"/designer/{quote(known.id)}")
    )


def _form_page(visit: Visit, matter: Matter, back: str) -> DesignFormPage:
    return DesignFormPage(
        title=visit.say(N_("表单样子")),
        matter=matter,
        content=tuple(schema_fields(matter.form, "form", visit.language)),
        rows=empty_rows(matter.materials, visit.language),
        limit_mb=visit.options.upload_limit_bytes // (1024 * 1024),
        back=back,
    )


async def design_paper(visit: Visit) -> Response:
    """A document of the draft as PDF, with sample values."""
    known = await own_draft(visit)
    return await _paper(visit, await _matter(visit, known))


async def _paper(visit: Visit, matter: Matter) -> Response:
    kind = visit.request.path_params["kind"]
    if kind not in get_args(DocumentKind):
        raise not_found(visit)
    try:
        content: bytes = await visit.ask(visit.ports.designs.paper, matter, kind)
    except PaperFaulty as faulty:
        reason = visit.say(N_("这份文书印不出来：{why}")).format(why=faulty)
        remedy = visit.say(N_("请改正文书正文后再看"))
        raise Stop(422, reason, "unprintable", remedy) from faulty
    response = Response(content, media_type="application/pdf")
    response.headers["content-disposition"] = f'attachment; filename="sample-{kind}.pdf"'
    return response


# --- what it changes, and sending it -------------------------------------------------------------


async def changes(visit: Visit) -> Response:
    """Before and after in words, what is wrong, and what sending sets going."""
    return await _changes(visit, await own_draft(visit))


async def _changes(visit: Visit, known: Kept, told: str = "") -> Response:
    checked, faults = await _checked(visit, known.sheet)
    matter = None if checked is None else checked.matter
    before = None
    if matter is not None:
        in_force = visit.ports.catalogue.matters()
        before = next((one for one in in_force if one.code == matter.code), None)
    errors = [Wrong(text) for text in ((told,) if told else ()) + tuple(faults.values())]
    page = DesignChangesPage(
        title=visit.say(N_("改了什么")),
        form=Form((), tuple(errors)),
        draft=known.id,
        rev=known.rev,
        matter=matter,
        before=before,
        moves=() if matter is None else differences(before, matter),
        open_cases=0
        if before is None
        else await visit.ask(visit.ports.designs.open_cases, before.code),
    )
    return await show(visit, page, 422 if errors else 200)


async def send(visit: Visit) -> Response:
    """Propose the draft, exactly as it was shown, to the gate that every version passes."""
    known = await own_draft(visit)
    await visit.demand("release_propose", _thing(known.sheet.one.get("department", "")))
    if visit.text("rev") != str(known.rev):
        return await _changes(
            visit, known, visit.say(N_("草稿在别处又改过，请看过现在的改动再提交"))
        )
    _, faults = await _checked(visit, known.sheet)
    if faults:
        return await _changes(visit, known)
    made: Written = written(known.sheet)
    answer = await visit.ask(visit.ports.releases.propose, visit.who, "matter", made.text)
    if isinstance(answer, str):
        return await _changes(visit, known, visit.told(answer))
    await visit.ask(visit.ports.drafts.remove, visit.actor, known.id)
    return RedirectResponse(f"/releases/{quote(answer.id)}", 303)


# --- a version in the register -------------------------------------------------------------------


async def release(visit: Visit) -> Response:
    """What a proposed version says, what it changes, what the gate found, who signs."""
    known: Sequence[Release] = await visit.ask(visit.ports.releases.listing)
    wanted = visit.request.path_params["release"]
    words = next((one for one in known if one.id == wanted and one.kind == "template"), None)
    if words is not None:
        return await words_release(visit, words)
    row, matter, before, gate = await _registered(visit)
    thing = Thing("release", row.id, proposed_by=row.proposed_by, department=matter.department)
    may = visit.ports.access.may
    signing = (await visit.ask(may, visit.actor, "release_sign", thing)).allowed
    page = MatterReleasePage(
        title=f"{matter.name_en if visit.language == 'en' else matter.name} {row.version}",
        release=row,
        matter=matter,
        before=before,
        moves=differences(before, matter),
        gate=gate,
        open_cases=await visit.ask(visit.ports.designs.open_cases, matter.code),
        papers=_papers(matter.documents),
        people=dict(await visit.ask(visit.ports.reader.colleagues, "")),
        may_sign=row.state == "proposed" and signing and not row.needs_dossier,
        may_withdraw=row.state in ("proposed", "blocked") and row.proposed_by == visit.actor.id,
    )
    return await show(visit, page)


async def _registered(visit: Visit) -> tuple[Release, Matter, Matter | None, Sequence[Any]]:
    wanted = visit.request.path_params["release"]
    known: Sequence[Release] = await visit.ask(visit.ports.releases.listing)
    row = next((one for one in known if one.id == wanted and one.kind == "matter"), None)
    found = await visit.ask(visit.ports.designs.proposed, wanted)
    if row is None or found is None:
        raise not_found(visit)
    return row, found.matter, found.before, found.gate


async def release_form(visit: Visit) -> Response:
    """The form of a version in the register, as the window would show it."""
    row, matter, _, _ = await _registered(visit)
    return await show(visit, _form_page(visit, matter, f"/releases/{quote(row.id)}"))


async def release_paper(visit: Visit) -> Response:
    """A document of a version in the register as PDF, with sample values."""
    _, matter, _, _ = await _registered(visit)
    return await _paper(visit, matter)


__all__ = [
    "changes", "design", "design_form", "design_paper", "designer", "drop", "keep",
    "next_version", "release", "release_form", "release_paper", "send", "start",
]  # fmt: skip
