"""我的办件: what a citizen filed, where it stands, what they are asked for, and their rating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final
from uuid import uuid4

from starlette.responses import RedirectResponse, Response

from cases.messages import Source
from cases.reception import NotNow, Request
from catalogue.matters import Material
from forms import words
from forms.applying import COMMAND, NOT_NOW
from forms.citizen_ports import Beyond, Citizen, OwnCase, ToSupply
from forms.draft_ports import Draft
from forms.fields import Field, Form, MaterialRow, Option, Wrong
from forms.filing import hand_over, refusal
from forms.for_good import Asking, asked_first, goes_back, said_in
from forms.lists import page_numbers
from forms.materials import empty_rows, handed_in, posted_rows, row_errors
from forms.rendering import Page
from forms.rows import changes_rows
from forms.showing import not_found, show
from forms.status_code import status_code
from forms.supplementing import asked_fields, corrected, nothing_new
from forms.visit import Visit
from forms.whats_next import OnTheWay, after, way_of
from forms.words import N_

DONE: Final[Mapping[str, str]] = {
    "file": N_("申请已经提交。编号和查询码也可以给别人查进度用。"),
    "supply": N_("补正的材料已经提交。"),
    "rate": N_("谢谢，您的评价已经收到。"),
    "serve": N_("您已经领取文书，视为已经送达；现在可以下载。"),
    "serve_reissued": N_("您已经领取文书，视为已经送达；现在可以下载。"),
    "collected": N_("文书已经送达，可以下载。"),
    "withdraw": N_("申请已经撤回，本件终止办理。"),
}
"""What an order of theirs has done, as the page after it says."""


@dataclass(frozen=True)
class MinePage(Page):
    """Every case of the citizen, and what was begun."""

    template: ClassVar[str] = "mine.html"

    cases: Annotated[Sequence[OwnCase], "One page of their cases, the newest first."]
    drafts: Annotated[Sequence[Draft], "Begun applications."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]
    page: Annotated[int, "The number of this page."]


@dataclass(frozen=True)
class OwnCasePage(Page):
    """One case of the citizen."""

    template: ClassVar[str] = "own_case.html"

    own: Annotated[OwnCase, "The case."]
    way: Annotated[tuple[OnTheWay, ...], "The steps, and where the case is; empty: it was ended."]
    after: Annotated[str, "What comes next."]
    beyond: Annotated[Beyond, "By when, the papers, what may be done now."]
    code_image: Annotated[str, "The address of the status page as a QR code, as SVG."]
    done: Annotated[str, "What has just been done; empty: nothing."]
    to_supply: Annotated[ToSupply | None, "What is asked of the applicant; None: nothing."]
    rows: Annotated[tuple[MaterialRow, ...], "What may be handed in now."]
    rating: Annotated[Form, "The rating; without fields where there is none to give."]
    form: Annotated[Form, "Fields that are to be corrected; errors of what was sent."]
    command: Annotated[str, "Id of the next order; the same at every try."]
    limit_mb: Annotated[int, "Largest file, in MB."]


async def mine(visit: Visit) -> Response:
    """The list, twenty-five to a page."""
    citizen = citizen_at(visit)
    given = visit.request.query_params.get("page", "1")
    page = max(1, int(given)) if given.isdecimal() and len(given) < 6 else 1
    cases, pages = await visit.ask(visit.ports.citizens.cases, citizen, page)
    drafts = await visit.ask(visit.ports.drafts.listing, citizen.actor)
    if cases:
        visit.saw(lines=len(cases), type="case")
    title = visit.say(N_("我的办件"))
    numbers = tuple(page_numbers(page, pages))
    return await show(visit, MinePage(title, cases, drafts, numbers, page))


async def own_case(visit: Visit) -> Response:
    """One case, with what can be done about it now."""
    own = await own_of(visit)
    return await shown(visit, own, str(uuid4()))


async def supply(visit: Visit) -> Response:
    """补正: hand in the papers, and correct the fields, that the notice asks for."""
    own = await own_of(visit)
    asked = await visit.ask(visit.ports.citizens.to_supply, own.case_id)
    rows = await posted_rows(visit, await _rows(visit, own))
    said = corrected(visit, asked)
    if changes_rows(visit.text("do")):
        return await shown(visit, own, command_of(visit), rows=rows, fields=said.fields)
    wrong = {**row_errors(rows), **said.wrong}
    given = tuple(replace(row, originals="1" if row.upload else "", copies="") for row in rows)
    handed = handed_in(given)
    if not handed and not said.values and not wrong:
        wrong = {**nothing_new(visit, asked)}
    if wrong:
        return await shown(visit, own, command_of(visit), wrong, 422, rows, said.fields)
    body: dict[str, Any] = {"materials": [one.model_dump(mode="json") for one in handed]}
    if said.values:
        body["form"] = dict(said.values)
    return await order(visit, own, "supply", body, rows, said.fields)


async def rate(visit: Visit) -> Response:
    """评价: one grade and a word, after the case is done."""
    own = await own_of(visit)
    grade = visit.text("grade")
    if grade not in words.GRADES:
        return await shown(
            visit, own, command_of(visit), {"grade": visit.say(N_("请选择一项"))}, 422
        )
    rating = Form(tuple(one.filled(visit.texts()) for one in _rating(visit)))
    if goes_back(visit):
        return await shown(visit, own, command_of(visit), rated=rating)
    sentence, here = visit.say(N_("提交评价（只能评价一次）")), f"/mine/{own.status.case_no}"
    asking = Asking(
        sentence, own.status.case_no, here, said_in(rating), command=command_of(visit)
    )  # fmt: skip
    if asked := await asked_first(visit, asking):
        return asked
    body = {"grade": int(grade), "text": visit.text("text")[:500], "channel": "computer"}
    return await order(visit, own, "rate", body)


async def order(
    visit: Visit,
    own: OwnCase,
    verb: str,
    body: dict[str, Any],
    rows: tuple[MaterialRow, ...] = (),
    fields: tuple[Field, ...] = (),
) -> Response:
    """Give the order in the name of the city's door; show the case anew, or why it was refused."""
    sender = await visit.ask(visit.ports.citizens.sender)
    command = command_of(visit)
    if sender is None:
        said = visit.say(N_("在线办理已经停用，请到窗口办理"))
        return await shown(visit, own, command, {"": said}, 503, rows, fields)
    request = Request(id=f"{verb}:{command}", verb=verb, body=body, case_id=own.case_id)
    source = Source(door="web", ip=visit.where.ip)
    visit.slow_down("questions")
    try:
        (outcome,) = await visit.ports.reception.handle(sender, source, (request,))
    except NotNow:
        return await shown(visit, own, command, {"": visit.say(NOT_NOW)}, 503, rows, fields)
    if outcome.status == "refused":
        wrong = {Form(fields).named(outcome.field): refusal(visit, outcome)}
        return await shown(visit, own, str(uuid4()), wrong, 422, rows, fields)
    await hand_over(visit, rows, own.case_id)
    return RedirectResponse(f"/mine/{own.status.case_no}?done={verb}", 303)


async def shown(
    visit: Visit,
    own: OwnCase,
    command: str,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
    rows: tuple[MaterialRow, ...] = (),
    fields: tuple[Field, ...] = (),
    rated: Form | None = None,
) -> Response:
    """Show the case, with what is wrong with what was sent."""
    wrong = wrong or {}
    asked = await visit.ask(visit.ports.citizens.to_supply, own.case_id)
    beyond = await beyond_of(visit, own)
    if asked is not None and not rows:
        rows = await _rows(visit, own)
    rating = Form(tuple(_rating(visit)) if own.status.stage == "rating" else ())
    rating = rated if rated is not None and rating.fields else rating
    form = Form(fields or asked_fields(visit, asked))
    form = form.with_errors(
        {k: v for k, v in wrong.items() if k != "grade" and not k.startswith("file.")}
    )
    errors = (
        *form.errors,
        *(
            Wrong(text, f"f-{name.replace('.', '-')}")
            for name, text in wrong.items()
            if name.startswith("file.")
        ),
    )
    if "grade" in wrong:
        rating = rating.with_errors({"grade": wrong["grade"]})
        errors = (*rating.errors, *errors)
    visit.saw(own.case_id, type="case")
    said = visit.request.query_params.get("done", "")
    page = OwnCasePage(
        title=visit.say(own.status.matter_name),
        own=own,
        way=way_of(own.status, visit.say),
        after=after(own.status, visit.say),
        beyond=beyond,
        code_image=status_code(visit, own.status.case_no, own.code),
        done=visit.say(DONE[said]) if said in DONE else "",
        to_supply=asked,
        rows=rows if asked is not None else (),
        rating=rating,
        form=replace(form, errors=errors),
        command=command,
        limit_mb=visit.options.upload_limit_bytes // (1024 * 1024),
    )
    return await show(visit, page, status)


def _rating(visit: Visit) -> Sequence[Field]:
    grades = tuple(Option(code, visit.say(word)) for code, word in words.GRADES.items())
    return (
        Field("grade", visit.say(N_("您对这次办理是否满意")), "radios", options=grades),
        Field(
            "text", visit.say(N_("还想说的")), "textarea", required=False, max_length=500, wide=True
        ),
    )


async def beyond_of(visit: Visit, own: OwnCase) -> Beyond:
    """Return what lies ahead of the citizen's own case. Raises `Stop` 404."""
    found: Beyond | None = await visit.ask(visit.ports.citizens.beyond, own.case_id)
    if found is None:
        raise not_found(visit)
    return found


async def _rows(visit: Visit, own: OwnCase) -> tuple[MaterialRow, ...]:
    found: Sequence[Material] = await visit.ask(visit.ports.citizens.materials, own.case_id)
    return tuple(replace(row, required=False) for row in empty_rows(found, visit.language))


async def own_of(visit: Visit) -> OwnCase:
    """Return the case of the address, if it is the citizen's own. Raises `Stop` 404."""
    case_no = visit.request.path_params["case_no"]
    found = await visit.ask(visit.ports.citizens.case, citizen_at(visit), case_no)
    if found is None:
        raise not_found(visit)
    return found


def citizen_at(visit: Visit) -> Citizen:
    assert visit.citizen is not None
    return visit.citizen


def command_of(visit: Visit) -> str:
    given = visit.text("command")
    return given if COMMAND.fullmatch(given) else str(uuid4())
