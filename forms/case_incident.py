"""From a case to the incident of which it came: its number is asked for, then the order's own form.

Only reads; what links them is `link_case` of the incident (forms/incident_acting.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from forms.case import facts_of
from forms.fields import Field, Form
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

UNKNOWN = N_("没有这个突发事件，或者您无权查看，请核对编号")


@dataclass(frozen=True)
class CaseIncidentPage(Page):
    """Which incident a case came of."""

    template: ClassVar[str] = "case_incident.html"

    case_no: Annotated[str, "Number of the case."]
    form: Annotated[Form, "The number of the incident."]


async def choose(visit: Visit) -> Response:
    """Ask for the incident's number; lead on to the form of the order where there is such a one."""
    await facts_of(visit, "read")
    await visit.demand("link_case", "incident")
    case_no = visit.request.path_params["case_no"]
    number = visit.request.query_params.get("number")
    typed = (number or "").strip()[:64]
    field = Field(
        "number", visit.say(N_("突发事件编号")), "text", True,
        visit.say(N_("您有权查看的突发事件；编号在事件看板和事件页上")),
        values=(typed,) if typed else (), double=True, max_length=64,
    )  # fmt: skip
    form = Form((field,))
    if number is None:
        return await _show(visit, case_no, form)
    found = await visit.ask(visit.ports.incidents.listed, visit.actor, typed) if typed else ""
    if not found:
        wrong = visit.say(UNKNOWN if typed else N_("请填写突发事件编号"))
        return await _show(visit, case_no, form.with_errors({"number": wrong}), 422)
    return RedirectResponse(f"/incidents/{found}/do/link_case?case={quote(case_no)}", 303)


async def _show(visit: Visit, case_no: str, form: Form, status: int = 200) -> Response:
    page = CaseIncidentPage(
        title=f"{visit.say(N_('关联突发事件'))} · {case_no}", case_no=case_no, form=form
    )
    return await show(visit, page, status)
