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
from forms.citizen_ports import Citizen, OwnCase, ToSupply
from forms.fields import Field, Form, MaterialRow, Option, Wrong
from forms.filing import hand_over, refusal
from forms.lists import page_numbers
from forms.materials import empty_rows, handed_in, posted_rows, row_errors
from forms.ports import Draft
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_

AFTER: Final[Mapping[str, str]] = {
    "pre_review": N_("正在预审；有问题会一次告知您全部需要补正的内容。"),
    "received": N_("材料已收到，正在决定是否受理；需要补正的会一次告知。"),
    "supplement": N_("请按下面所列补正；补正期间不计入办理时限。"),
    "review": N_("已受理，各部门正在审查，您不用做什么。"),
    "gather": N_("各部门的意见正在汇总，您不用做什么。"),
    "decision": N_("正在作决定，您不用做什么。"),
    "certificate": N_("已经决定，正在制作证件。"),
    "service": N_("文书已经做好，将向您送达。"),
    "closing": N_("已经送达，正在办结。"),
    "rating": N_("已经办结，请您评价这次办理。"),
    "rectification": N_("您的差评已经转交整改，整改后会回访您。"),
    "call_back": N_("整改已经完成，工作人员将回访您。"),
    "ended": N_("已经归档。"),
}
"""What comes next, as the applicant reads it."""


@dataclass(frozen=True)
class MinePage(Page):
    """Every case of the citizen, and what was begun."""

    template: ClassVar[str] = "mine.html"

    citizen: Annotated[Citizen, "Whose page this is."]
    cases: Annotated[Sequence[OwnCase], "One page of their cases, the newest first."]
    drafts: Annotated[Sequence[Draft], "Begun applications."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]
    page: Annotated[int, "The number of this page."]


@dataclass(frozen=True)
class OwnCasePage(Page):
    """One case of the citizen."""

    template: ClassVar[str] = "own_case.html"

    own: Annotated[OwnCase, "The case."]
    after: Annotated[str, "What comes next."]
    filed: Annotated[bool, "It has just been filed."]
    to_supply: Annotated[ToSupply | None, "What is asked of the applicant; None: nothing."]
    rows: Annotated[tuple[MaterialRow, ...], "What may be handed in now."]
    rating: Annotated[Form, "The rating; without fields where there is none to give."]
    form: Annotated[Form, "Errors of what was sent."]
    command: Annotated[str, "Id of the next order; the same at every try."]
    limit_mb: Annotated[int, "Largest file, in MB."]


async def mine(visit: Visit) -> Response:
    """The list, twenty-five to a page."""
    citizen = _citizen(visit)
    given = visit.request.query_params.get("page", "1")
    page = max(1, int(given)) if given.isdecimal() and len(given) < 6 else 1
    cases, pages = await visit.ask(visit.ports.citizens.cases, citizen, page)
    drafts = await visit.ask(visit.ports.drafts.listing, citizen.actor)
    if cases:
        visit.saw(lines=len(cases), type="case")
    title = visit.say(N_("我的办件"))
    numbers = tuple(page_numbers(page, pages))
    return await show(visit, MinePage(title, citizen, cases, drafts, numbers, page))


async def own_case(visit: Visit) -> Response:
    """One case, with what can be done about it now."""
    own = await _own(visit)
    return await _shown(visit, own, str(uuid4()))


async def supply(visit: Visit) -> Response:
    """补正: hand in what the notice asks for."""
    own = await _own(visit)
    rows = await posted_rows(visit, await _rows(visit, own))
    wrong = dict(row_errors(rows))
    given = tuple(replace(row, originals="1" if row.upload else "", copies="") for row in rows)
    handed = handed_in(given)
    if not handed and not wrong:
        wrong = {"": visit.say(N_("请至少上传一份需要补正的材料"))}
    if wrong:
        return await _shown(visit, own, _command(visit), wrong, 422, rows)
    body = {"materials": [one.model_dump(mode="json") for one in handed]}
    return await _order(visit, own, "supply", body, rows)


async def rate(visit: Visit) -> Response:
    """评价: one grade and a word, after the case is done."""
    own = await _own(visit)
    grade = visit.text("grade")
    if grade not in words.GRADES:
        return await _shown(
            visit, own, _command(visit), {"grade": visit.say(N_("请选择一项"))}, 422
        )
    body = {"grade": int(grade), "text": visit.text("text")[:500], "channel": "computer"}
    return await _order(visit, own, "rate", body)


async def _order(
    visit: Visit, own: OwnCase, verb: str, body: dict[str, Any], rows: tuple[MaterialRow, ...] = ()
) -> Response:
    sender = await visit.ask(visit.ports.citizens.sender)
    command = _command(visit)
    if sender is None:
        said = visit.say(N_("在线办理已经停用，请到窗口办理"))
        return await _shown(visit, own, command, {"": said}, 503, rows)
    request = Request(id=f"{verb}:{command}", verb=verb, body=body, case_id=own.case_id)
    source = Source(door="web", ip=visit.where.ip)
    try:
        (outcome,) = await visit.ports.reception.handle(sender, source, (request,))
    except NotNow:
        return await _shown(visit, own, command, {"": visit.say(NOT_NOW)}, 503, rows)
    if outcome.status == "refused":
        wrong = {"": refusal(visit, outcome)}
        return await _shown(visit, own, str(uuid4()), wrong, 422, rows)
    await hand_over(visit, rows, own.case_id)
    return RedirectResponse(f"/mine/{own.status.case_no}", 303)


async def _shown(
    visit: Visit,
    own: OwnCase,
    command: str,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
    rows: tuple[MaterialRow, ...] = (),
) -> Response:
    wrong = wrong or {}
    asked = await visit.ask(visit.ports.citizens.to_supply, own.case_id)
    if asked is not None and not rows:
        rows = await _rows(visit, own)
    rating = Form(tuple(_rating(visit)) if own.status.stage == "rating" else ())
    errors = tuple(
        Wrong(text, f"f-{name.replace('.', '-')}" if name.startswith("file.") else "")
        for name, text in wrong.items()
        if name != "grade"
    )
    if "grade" in wrong:
        rating = rating.with_errors({"grade": wrong["grade"]})
        errors = (*rating.errors, *errors)
    visit.saw(own.case_id, type="case")
    page = OwnCasePage(
        title=own.status.matter_name,
        own=own,
        after=visit.say(AFTER.get(own.status.stage, "")) if own.status.stage in AFTER else "",
        filed=visit.request.query_params.get("filed") == "1",
        to_supply=asked,
        rows=rows if asked is not None else (),
        rating=rating,
        form=Form((), errors),
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


async def _rows(visit: Visit, own: OwnCase) -> tuple[MaterialRow, ...]:
    found: Sequence[Material] = await visit.ask(visit.ports.citizens.materials, own.case_id)
    return tuple(replace(row, required=False) for row in empty_rows(found))


async def _own(visit: Visit) -> OwnCase:
    """Return the case of the address, if it is the citizen's own. Raises `Stop` 404."""
    case_no = visit.request.path_params["case_no"]
    found = await visit.ask(visit.ports.citizens.case, _citizen(visit), case_no)
    if found is None:
        raise not_found(visit)
    return found


def _citizen(visit: Visit) -> Citizen:
    assert visit.citizen is not None
    return visit.citizen


def _command(visit: Visit) -> str:
    given = visit.text("command")
    return given if COMMAND.fullmatch(given) else str(uuid4())
