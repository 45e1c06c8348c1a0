"""在线申请: a citizen files a case, with what is known of them filled in and their files taken.

What the identity provider vouched for is shown and not typed; for a body that is not a natural
person the citizen is the agent. The case is filed in the name of the city's own door, and is theirs
before the order is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final
from uuid import uuid4

from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from cases.messages import Source
from cases.reception import NotNow, Request
from catalogue.matters import Matter
from forms import from_registers, words
from forms.citizen_ports import Citizen
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
from forms.filing import faults_of, hand_over, refusal
from forms.guides import online_matters
from forms.materials import empty_rows, handed_in, posted_rows
from forms.rendering import Page
from forms.rows import changes_rows, in_rows
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_

COMMAND: Final = re.compile(r"[0-9a-f-]{36}")
SELF: Final = "natural_person"
KNOWN: Final = {"phone": "phone", "contact": "name"}
"""Fields of a matter's own form → what is known of the citizen that they ask for again."""
NOT_NOW = N_("系统暂时无法确认，请用同一页面重试；重试不会重复办理。")


@dataclass(frozen=True)
class ApplyPage(Page):
    """The application, on one page."""

    template: ClassVar[str] = "apply.html"

    matter: Annotated[Matter, "The version in force today."]
    department: Annotated[str, "Name of the department that decides."]
    citizen: Annotated[Citizen, "Who applies."]
    form: Annotated[Form, "Every field but the materials."]
    who: Annotated[tuple[Field, ...], "For whom, and what the provider did not say."]
    body: Annotated[tuple[Field, ...], "The organisation, where it is for one."]
    content: Annotated[tuple[Field, ...], "The matter's own fields."]
    service: Annotated[tuple[Field, ...], "How to serve."]
    rows: Annotated[tuple[MaterialRow, ...], "The list of materials."]
    command: Annotated[str, "Id of the filing; the same at every try of this form."]
    draft: Annotated[str, "Id of the draft that this form is kept under."]
    seen: Annotated[int, "The version of the draft that the page shows; 0: none was saved."]
    saved: Annotated[bool, "The draft has just been saved."]
    limit_mb: Annotated[int, "Largest file, in MB."]
    registers: Annotated[tuple[str, ...], "Registers that can fill something, by name."] = ()
    told: Annotated[tuple[str, ...], "What became of asking them."] = ()


def matter_of(visit: Visit) -> Matter:
    """Return the matter of the address. Raises `Stop` 404 where nobody applies for it on line."""
    code = visit.request.path_params["matter"]
    for one in online_matters(visit):
        if one.code == code:
            return one
    raise not_found(visit)


async def apply(visit: Visit) -> Response:
    """The form, with what is known filled in; or a draft of the citizen's own."""
    matter, citizen = matter_of(visit), visit.citizen
    assert citizen is not None
    wanted = visit.request.query_params.get("draft", "")
    draft: Draft | None = None
    if wanted:
        draft = await visit.ask(visit.ports.drafts.find, citizen.actor, wanted)
    if draft is None or draft.matter != _draft_key(matter):
        page = _page(
            visit,
            matter,
            citizen,
            {},
            empty_rows(matter.materials, visit.language),
            str(uuid4()),
            str(uuid4()),
        )
        return await show(visit, await _known(visit, page, citizen))
    texts: Posted = texts_of(draft.values)
    visit.posted = FormData([(name, one) for name, found in texts.items() for one in found])
    texts = in_rows(matter.form, "form", texts)
    rows = await posted_rows(visit, empty_rows(matter.materials, visit.language))
    command = next(iter(texts.get("command", ())), str(uuid4()))
    page = _page(visit, matter, citizen, texts, rows, command, draft.id)
    page = replace(page, seen=draft.version)
    saved = visit.request.query_params.get("saved") == "1"
    return await show(visit, replace(page, saved=saved))


async def _known(visit: Visit, page: ApplyPage, citizen: Citizen) -> ApplyPage:
    """Return the empty form with what registers know of the citizen, and what they said before."""
    shares = await from_registers.ask_on_line(visit, page.matter, citizen, {})
    before = await visit.ask(visit.ports.citizens.remembered, citizen, page.matter)
    if before is not None:
        visit.saw(type="case")
    page = _each(page, lambda part: from_registers.filled(visit, part, shares))
    page = _each(page, lambda part: from_registers.remembered(visit, part, before))
    return replace(page, told=from_registers.told(visit, shares))


def _each(page: ApplyPage, change: Callable[[tuple[Field, ...]], tuple[Field, ...]]) -> ApplyPage:
    who, body, content = change(page.who), change(page.body), change(page.content)
    form = replace(page.form, fields=(*who, *body, *content, *page.service))
    return replace(page, who=who, body=body, content=content, form=form)


async def hand_in(visit: Visit) -> Response:
    """File it, or keep the draft; what was typed stays whatever happens."""
    matter, citizen = matter_of(visit), visit.citizen
    assert citizen is not None
    rows = await posted_rows(visit, empty_rows(matter.materials, visit.language))
    kept = visit.text("command")
    command = kept if COMMAND.fullmatch(kept) else str(uuid4())
    draft = visit.text("draft") if COMMAND.fullmatch(visit.text("draft")) else str(uuid4())
    texts = in_rows(matter.form, "form", visit.texts(), visit.text("do"))
    page = _page(visit, matter, citizen, texts, rows, command, draft)
    if changes_rows(visit.text("do")):
        return await show(visit, page)
    if visit.text("do") == from_registers.BUTTON:
        visit.slow_down("questions")
        shares = await from_registers.ask_on_line(visit, matter, citizen, texts)
        said = from_registers.told(visit, shares) or from_registers.nothing_typed(visit)
        shared = _each(page, lambda part: from_registers.filled(visit, part, shares))
        return await show(visit, replace(shared, told=said))
    begun = _begun(page)
    if visit.text("do") in KEEPS:
        done = await keep(visit, begun, texts)
        return done if isinstance(done, Response) else await show(visit, _failed(page, done), 422)
    both = await clash(visit, begun, texts)
    if both is not None:
        return both
    body = _body(visit, page, citizen, texts)
    own = visit.text("applicant.kind") == SELF
    asked = replace(
        page.form, fields=tuple(f for f in page.form.fields if not own or f not in page.body)
    )
    found = faults_of(visit, matter, asked, body, rows)
    wrong = {_typed(name, page): said for name, said in found.items()} | dict(_missing(visit, page))
    if wrong:
        return await show(visit, _wrong(page, wrong), 422)
    return await _file(visit, page, citizen, body)


async def _file(visit: Visit, page: ApplyPage, citizen: Citizen, body: dict[str, Any]) -> Response:
    sender = await visit.ask(visit.ports.citizens.sender)
    if sender is None:
        return await show(
            visit, _failed(page, visit.say(N_("在线申请已经停用，请到窗口办理"))), 503
        )
    visit.slow_down("questions")
    reference = f"apply:{citizen.id}:{page.command}"
    # Theirs before the order is given: no crash leaves a case that nobody finds again.
    if not await visit.ask(visit.ports.citizens.files, citizen, reference):
        raise not_found(visit)
    request = Request(id=f"apply:{page.command}", verb="file", body=body, reference=reference)
    source = Source(door="web", ip=visit.where.ip)
    try:
        (outcome,) = await visit.ports.reception.handle(sender, source, (request,))
    except NotNow:
        return await show(visit, _failed(page, visit.say(NOT_NOW)), 503)
    if outcome.status == "refused":
        # A refusal is final for its id: what is corrected now is another command.
        fresh = replace(page, command=str(uuid4()))
        return await show(
            visit, _wrong(fresh, {page.form.named(outcome.field): refusal(visit, outcome)}), 422
        )
    await hand_over(visit, page.rows, outcome.case_id)
    await visit.ask(visit.ports.drafts.remove, citizen.actor, page.draft)
    return RedirectResponse(f"/mine/{outcome.case_no}?done=file", 303)


def _begun(page: ApplyPage) -> Begun:
    matter, address = page.matter, f"/apply/{page.matter.code}"
    key, order = _draft_key(matter), f"apply:{page.command}"
    name, command = matter.name, page.command
    return Begun(key, name, page.draft, command, order, address, page.form, page.rows)


def _draft_key(matter: Matter) -> str:
    return matter.code


# --- fields --------------------------------------------------------------------------------------


def _page(
    visit: Visit, matter: Matter, citizen: Citizen, texts: Posted,
    rows: tuple[MaterialRow, ...], command: str, draft: str,
) -> ApplyPage:  # fmt: skip
    who, body = tuple(_who(visit, matter, citizen)), tuple(_organisation(visit, matter))
    content = tuple(_content(visit, matter, citizen))
    consent = visit.say(N_("同意电子送达"))
    service: tuple[Field, ...] = (Field("electronic_service", consent, "check", required=False),)
    if texts:
        who, body, content, service = (
            tuple(one.filled(texts) for one in part) for part in (who, body, content, service)
        )
    names = visit.ports.catalogue.departments(visit.language)
    name = matter.name_en if visit.language == "en" and matter.name_en else matter.name
    return ApplyPage(
        title=f"{visit.say(N_('在线申请'))} · {name}",
        matter=matter,
        department=names.get(matter.department, matter.department),
        citizen=citizen,
        form=Form((*who, *body, *content, *service)),
        who=who,
        body=body,
        content=content,
        service=service,
        rows=rows,
        command=command,
        draft=draft,
        seen=marked_seen(0, texts),
        saved=False,
        limit_mb=visit.options.upload_limit_bytes // (1024 * 1024),
        registers=from_registers.names_of(visit, matter),
    )


def _who(visit: Visit, matter: Matter, citizen: Citizen) -> Iterator[Field]:
    say = visit.say
    kinds = tuple(
        Option(code, say(N_("本人")) if code == SELF else say(words.word("applicant", code)))
        for code in matter.applicant_kinds
    )
    yield Field(
        "applicant.kind", say(N_("为谁申请")), "select", options=kinds, values=(kinds[0].value,)
    )
    if not citizen.id_number:
        yield Field("own.id_number", say(N_("身份证号码")), max_length=18, personal=True)
    yield Field(
        "own.phone", say(N_("手机号码")), max_length=18, personal=True, values=(citizen.phone,)
    )


def _organisation(visit: Visit, matter: Matter) -> Iterator[Field]:
    say = visit.say
    if all(one == SELF for one in matter.applicant_kinds):
        return
    yield Field("applicant.name", say(N_("单位名称")), required=False, max_length=200)
    yield Field("applicant.id_number", say(N_("统一社会信用代码")), required=False, max_length=18)
    yield Field("applicant.legal_representative", say(N_("法定代表人")), required=False,
                max_length=200, personal=True)  # fmt: skip


def _content(visit: Visit, matter: Matter, citizen: Citizen) -> Iterator[Field]:
    for one in schema_fields(matter.form, "form", visit.language):
        known = KNOWN.get(one.name.removeprefix("form."), "")
        found = str(getattr(citizen, known)) if known else ""
        yield replace(one, values=(found,)) if found and not one.values else one


# --- what was posted -----------------------------------------------------------------------------


def _body(visit: Visit, page: ApplyPage, citizen: Citizen, texts: Posted) -> dict[str, Any]:
    own = {
        "kind": SELF, "name": citizen.name, "id_type": "111",
        "id_number": citizen.id_number or visit.text("own.id_number"),
        "phone": visit.text("own.phone"),
    }  # fmt: skip
    own = {part: text for part, text in own.items() if text}
    body: dict[str, Any] = {
        "matter": page.matter.code,
        "version": page.matter.version,
        "channel": "computer",
        "applicant": own,
        "form": schema_values(page.matter.form, "form", texts),
        "materials": [m.model_dump(mode="json") for m in handed_in(_counted(page.rows))],
        "electronic_service": visit.text("electronic_service") == "true",
    }
    if visit.text("applicant.kind") != SELF:
        organisation = {
            "kind": visit.text("applicant.kind"),
            "name": visit.text("applicant.name"),
            "id_type": "USCC",
            "id_number": visit.text("applicant.id_number"),
            "legal_representative": visit.text("applicant.legal_representative"),
            "phone": visit.text("own.phone"),
        }
        body["applicant"] = {part: text for part, text in organisation.items() if text}
        body["agent"] = own
    return body


def _counted(rows: Sequence[MaterialRow]) -> tuple[MaterialRow, ...]:
    """A file counts as one electronic original; nothing on paper comes this way."""
    return tuple(replace(row, originals="1" if row.upload else "", copies="") for row in rows)


def _missing(visit: Visit, page: ApplyPage) -> Iterator[tuple[str, str]]:
    say = visit.say
    must = say(N_("这一项必须填写"))
    if not visit.text("own.phone"):
        yield "own.phone", must
    if not page.citizen.id_number and not visit.text("own.id_number"):
        yield "own.id_number", must
    kind = visit.text("applicant.kind")
    if kind not in page.matter.applicant_kinds:
        yield "applicant.kind", say(N_("这一项填写有误"))
    elif kind != SELF:
        for name in ("applicant.name", "applicant.id_number"):
            if not visit.text(name):
                yield name, must
    for row in page.rows:
        if row.required and not row.tolerable and not row.upload and not row.error:
            yield f"file.{row.code}", f"{row.name}：{say(N_('请上传电子文件'))}"


def _typed(name: str, page: ApplyPage) -> str:
    """Return the field of this form that a fault of the order is about."""
    if any(one.name == name for one in page.form.fields):
        return name
    own = name.replace("applicant.", "own.").replace("agent.", "own.")
    return own if any(one.name == own for one in page.form.fields) else name


def _wrong(page: ApplyPage, wrong: Mapping[str, str]) -> ApplyPage:
    """Return the page with its errors at the top and beside each field."""
    marked = page.form.with_errors({k: v for k, v in wrong.items() if not k.startswith("file.")})
    files = tuple(
        Wrong(text, f"f-{name.replace('.', '-')}")
        for name, text in wrong.items()
        if name.startswith("file.")
    )
    fields = {one.name: one for one in marked.fields}
    rows = tuple(
        replace(row, error=row.error or wrong.get(f"file.{row.code}", "").partition("：")[2])
        for row in page.rows
    )

    def again(part: tuple[Field, ...]) -> tuple[Field, ...]:
        return tuple(fields[one.name] for one in part)

    return replace(
        page, form=replace(marked, errors=(*marked.errors, *files)), rows=rows,
        who=again(page.who), body=again(page.body), content=again(page.content),
        service=again(page.service),
    )  # fmt: skip


def _failed(page: ApplyPage, sentence: str) -> ApplyPage:
    return replace(page, form=replace(page.form, errors=(Wrong(sentence),)))
