"""A new case at the window: choose the matter, fill one dense form, hand over the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar
from uuid import uuid4

from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from cases.facts import CaseFacts
from cases.messages import Outcome, Source
from cases.reception import NotNow, Request
from catalogue.matters import Matter
from forms import earlier, from_registers, words
from forms.designer_ports import DESIGNS
from forms.draft_ports import Draft
from forms.drafting import KEEPS, Begun, clash, keep, marked_seen, texts_of
from forms.fields import (
    Field,
    Form,
    MaterialRow,
    Option,
    Posted,
    Wrong,
    schema_fields,
    schema_values,
)
from forms.filing import faults_of, hand_over, person_fields, posted_person, refusal
from forms.materials import empty_rows, handed_in, posted_rows
from forms.rendering import Page
from forms.rows import changes_rows, in_rows
from forms.settled_finality import ask_to_drop
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class ChoosePage(Page):
    """Which matter; and the drafts begun before."""

    template: ClassVar[str] = "choose.html"

    groups: Annotated[Mapping[str, tuple[Matter, ...]], "Department name → its matters."]
    drafts: Annotated[tuple[Draft, ...], "My begun forms, newest first."]
    text: Annotated[str, "What was searched for."]
    barred: Annotated[Mapping[str, str], "Matter that this person may not file → why."]


@dataclass(frozen=True)
class NewCasePage(Page):
    """The whole filing on one page."""

    template: ClassVar[str] = "new_case.html"

    matter: Annotated[Matter, "The version in force today."]
    department: Annotated[str, "Name of the implementing department."]
    form: Annotated[Form, "Every field but the materials."]
    applicant: Annotated[tuple[Field, ...], "Who applies."]
    agent: Annotated[tuple[Field, ...], "Who acts for them; all optional."]
    content: Annotated[tuple[Field, ...], "The matter's own fields."]
    intake: Annotated[tuple[Field, ...], "How it came in, and how to serve."]
    rows: Annotated[tuple[MaterialRow, ...], "The list of materials."]
    command: Annotated[str, "Id of the filing; the same at every try of this form."]
    draft: Annotated[str, "Id of the draft that this form is kept under."]
    seen: Annotated[int, "The version of the draft that the page shows; 0: none was saved."]
    saved: Annotated[bool, "The draft has just been saved."]
    limit_mb: Annotated[int, "Largest file, in MB."]
    registers: Annotated[tuple[str, ...], "Registers that can fill something, by name."] = ()
    told: Annotated[tuple[str, ...], "What became of asking them."] = ()


async def choose(visit: Visit) -> Response:
    text = visit.request.query_params.get("text", "").strip()
    names = visit.ports.catalogue.departments(visit.language)
    groups: dict[str, tuple[Matter, ...]] = {}
    for matter in visit.ports.catalogue.matters():
        if text.lower() in f"{matter.name} {matter.name_en} {matter.basic_code}".lower():
            name = names.get(matter.department, matter.department)
            groups[name] = (*groups.get(name, ()), matter)
    known = await visit.ask(visit.ports.drafts.listing, visit.actor)
    drafts = tuple(one for one in known if not one.matter.startswith(DESIGNS))
    visit.saw_rows(len(drafts))
    barred = await _barred(visit, [one for some in groups.values() for one in some])
    page = ChoosePage(visit.say(N_("收件登记")), groups, drafts, text, barred)
    return await show(visit, page)


def _new(matter: Matter) -> CaseFacts:
    """Return a case of the matter that nobody has filed yet, as policy is asked about it."""
    label = matter.label
    return CaseFacts(
        id="new", matter=matter.code, department=matter.department, label_level=label.level,
        compartments=label.compartments,
    )  # fmt: skip


async def _barred(visit: Visit, matters: Sequence[Matter]) -> Mapping[str, str]:
    """Return why this person may not file some of the matters: said before anything is typed."""
    found = {}
    for one in matters:
        verdict = await visit.ask(visit.ports.access.may, visit.actor, "file", _new(one))
        if not verdict.allowed:
            parts = [visit.told(part) for part in (verdict.reason, verdict.remedy) if part]
            said = visit.say(N_("；")).join(parts)
            found[one.code] = said or visit.say(N_("您没有这项权限"))
    return found


def matter_of(visit: Visit, code: str) -> Matter:
    """Return the matter's version in force. Raises `Stop` 404."""
    for matter in visit.ports.catalogue.matters():
        if matter.code == code:
            return matter
    raise not_found(visit)


async def new_case(visit: Visit) -> Response:
    """The empty form, or a draft of mine."""
    matter = matter_of(visit, visit.request.path_params["matter"])
    await visit.demand("file", _new(matter))
    wanted = visit.request.query_params.get("draft", "")
    draft = await visit.ask(visit.ports.drafts.find, visit.actor, wanted) if wanted else None
    if draft is None:
        visit.seen = None
        page = _page(
            visit,
            matter,
            {},
            empty_rows(matter.materials, visit.language),
            str(uuid4()),
            str(uuid4()),
        )
        return await show(visit, page)
    visit.saw(draft.id)
    texts: Posted = texts_of(draft.values)
    visit.posted = _as_form(texts)
    texts = in_rows(matter.form, "form", texts)
    rows = await posted_rows(visit, empty_rows(matter.materials, visit.language))
    command = next(iter(texts.get("command", ())), str(uuid4()))
    page = replace(_page(visit, matter, texts, rows, command, draft.id), seen=draft.version)
    saved = visit.request.query_params.get("saved") == "1"
    return await show(visit, replace(page, saved=saved))


async def file_case(visit: Visit) -> Response:
    """File the case, or keep the draft; what was typed stays whatever happens."""
    matter = matter_of(visit, visit.request.path_params["matter"])
    texts = in_rows(matter.form, "form", visit.texts(), visit.text("do"))
    rows = await posted_rows(visit, empty_rows(matter.materials, visit.language))
    command = visit.text("command") or str(uuid4())
    draft = visit.text("draft") or str(uuid4())
    page = _page(visit, matter, texts, rows, command, draft)
    if changes_rows(visit.text("do")):
        return await show(visit, page)
    if visit.text("do") == from_registers.BUTTON:
        return await show(visit, await _shared(visit, matter, page, texts))
    if visit.text("do") == earlier.BUTTON:
        return await show(visit, await _said_before(visit, matter, page, texts))
    begun = _begun(visit, page)
    if visit.text("do") in KEEPS:
        kept = await keep(visit, begun, texts)
        return kept if isinstance(kept, Response) else await show(visit, _failed(page, kept), 422)
    both = await clash(visit, begun, texts)
    if both is not None:
        return both
    body = _body(visit, matter, texts, rows)
    wrong = faults_of(visit, matter, page.form, body, rows)
    if wrong:
        return await show(visit, _wrong(page, wrong), 422)
    return await _hand_over(visit, page, body)


async def _shared(visit: Visit, matter: Matter, page: NewCasePage, texts: Posted) -> NewCasePage:
    """Return the form with what the registers know of whom and what was typed."""
    shares = await from_registers.ask_at_window(visit, matter, texts)
    applicant = from_registers.filled(visit, page.applicant, shares)
    content = from_registers.filled(visit, page.content, shares)
    said = from_registers.told(visit, shares) or from_registers.nothing_typed(visit)
    form = replace(page.form, fields=(*applicant, *page.agent, *content, *page.intake))
    return replace(page, applicant=applicant, content=content, form=form, told=said)


async def _said_before(
    visit: Visit, matter: Matter, page: NewCasePage, texts: Posted
) -> NewCasePage:
    """Return the form with what earlier cases of the same applicant say."""
    found = await earlier.ask_earlier(visit, matter, texts)
    applicant = earlier.filled(visit, page.applicant, found)
    content = earlier.filled(visit, page.content, found)
    form = replace(page.form, fields=(*applicant, *page.agent, *content, *page.intake))
    return replace(page, applicant=applicant, content=content, form=form, told=(found.told,))


async def _hand_over(visit: Visit, page: NewCasePage, body: dict[str, Any]) -> Response:
    request = Request(id=page.command, verb="file", body=body, reference=page.command)
    try:
        outcome = await settle(visit, request)
    except NotNow:
        return await show(visit, _failed(page, visit.say(NOT_NOW)), 503)
    if outcome.status == "refused":
        wrong = {page.form.named(outcome.field): refusal(visit, outcome)}
        # A refusal is final for its id: what is corrected now is another command.
        fresh = replace(page, command=str(uuid4()))
        return await show(visit, _wrong(fresh, wrong), 422)
    await hand_over(visit, page.rows, outcome.case_id)
    await visit.ask(visit.ports.drafts.remove, visit.actor, page.draft)
    return RedirectResponse(f"/cases/{outcome.case_no}?done={page.command}", 303)


NOT_NOW = N_("系统暂时无法确认，请用同一页面重试；重试不会重复办理。")


async def settle(visit: Visit, request: Request) -> Outcome:
    """Hand one request to the reception. Raises `NotNow`."""
    where = visit.where
    source = Source(door="web", ip=where.ip, session=visit.who.session)
    (outcome,) = await visit.ports.reception.handle(visit.actor, source, (request,))
    return outcome


def _begun(visit: Visit, page: NewCasePage) -> Begun:
    matter = page.matter
    title = " · ".join(part for part in (matter.name, visit.text("applicant.name")) if part)
    address = f"/new/{matter.code}"
    command = page.command
    return Begun(matter.code, title, page.draft, command, command, address, page.form, page.rows)


async def remove_draft(visit: Visit) -> Response:
    """Remove one of one's own drafts that will not be gone on with."""
    draft = visit.text("draft")[:64]
    known = await visit.ask(visit.ports.drafts.find, visit.author, draft)
    if known is None:
        return RedirectResponse("/new", 303)
    if asked := await ask_to_drop(visit, visit.say(N_("删除这份草稿")), known.title, "/new"):
        return asked
    await visit.ask(visit.ports.drafts.remove, visit.author, draft)
    return RedirectResponse("/new", 303)


# --- fields --------------------------------------------------------------------------------------


def _page(
    visit: Visit,
    matter: Matter,
    texts: Posted,
    rows: tuple[MaterialRow, ...],
    command: str,
    draft: str,
) -> NewCasePage:
    applicant = person_fields(visit, "applicant", matter)
    agent = tuple(
        replace(f, required=False, values=()) for f in person_fields(visit, "agent", matter)
    )
    content = tuple(schema_fields(matter.form, "form", visit.language))
    intake = _intake(visit)
    if texts:
        applicant, agent, content, intake = (
            tuple(f.filled(texts) for f in part) for part in (applicant, agent, content, intake)
        )
    name = matter.name_en if visit.language == "en" and matter.name_en else matter.name
    return NewCasePage(
        title=f"{visit.say(N_('收件登记'))} · {name}",
        matter=matter,
        department=visit.ports.catalogue.departments(visit.language).get(
            matter.department, matter.department
        ),
        form=Form((*applicant, *agent, *content, *intake)),
        applicant=applicant,
        agent=agent,
        content=content,
        intake=intake,
        rows=rows,
        command=command,
        draft=draft,
        seen=marked_seen(0, texts),
        saved=False,
        limit_mb=visit.options.upload_limit_bytes // (1024 * 1024),
        registers=from_registers.names_of(visit, matter),
    )


def _intake(visit: Visit) -> tuple[Field, ...]:
    say = visit.say
    channels = tuple(
        Option(code, say(words.word("channel", code)))
        for code in ("window", "computer", "mobile", "post", "other")
    )
    return (
        Field("channel", say(N_("申请方式")), "select", options=channels, values=("window",)),
        Field("project_code", say(N_("项目代码")), required=False, max_length=24),
        Field("electronic_service", say(N_("申请人同意电子送达")), "check", required=False),
    )


# --- what was posted -----------------------------------------------------------------------------


def _body(
    visit: Visit, matter: Matter, texts: Posted, rows: Sequence[MaterialRow]
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "matter": matter.code,
        "version": matter.version,
        "channel": visit.text("channel") or "window",
        "applicant": posted_person(visit, "applicant"),
        "form": schema_values(matter.form, "form", texts),
        "materials": [m.model_dump(mode="json") for m in handed_in(rows)],
        "project_code": visit.text("project_code"),
        "electronic_service": visit.text("electronic_service") == "true",
    }
    if visit.text("agent.name"):
        body["agent"] = posted_person(visit, "agent")
    return body


def _wrong(page: NewCasePage, wrong: Mapping[str, str]) -> NewCasePage:
    """Return the page with its errors at the top and beside each field."""
    marked = page.form.with_errors({k: v for k, v in wrong.items() if not k.startswith("file.")})
    files = tuple(
        Wrong(text, f"f-{name.replace('.', '-')}")
        for name, text in wrong.items()
        if name.startswith("file.")
    )
    fields = {f.name: f for f in marked.fields}

    def again(part: tuple[Field, ...]) -> tuple[Field, ...]:
        return tuple(fields[f.name] for f in part)

    return replace(
        page,
        form=replace(marked, errors=(*marked.errors, *files)),
        applicant=again(page.applicant),
        agent=again(page.agent),
        content=again(page.content),
        intake=again(page.intake),
    )


def _failed(page: NewCasePage, sentence: str) -> NewCasePage:
    return replace(page, form=replace(page.form, errors=(Wrong(sentence),)))


def _as_form(texts: Mapping[str, Sequence[str]]) -> FormData:
    return FormData([(name, text) for name, found in texts.items() for text in found])
