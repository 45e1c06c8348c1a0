"""撤回申请 on line: one page that says what it does, and the order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar
from uuid import uuid4

from starlette.responses import RedirectResponse, Response

from forms.citizen_ports import OwnCase
from forms.fields import Field
from forms.mine import beyond_of, order, own_of
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class WithdrawPage(Page):
    """What withdrawing does, and the button that does it."""

    template: ClassVar[str] = "withdraw.html"

    own: Annotated[OwnCase, "The case."]
    reason: Annotated[Field, "Why; not needed."]
    command: Annotated[str, "Id of the order; the same at every try."]


async def ask(visit: Visit) -> Response:
    """The page before it is done; what can no longer be withdrawn leads back to the case."""
    own = await own_of(visit)
    if not (await beyond_of(visit, own)).withdrawable:
        return RedirectResponse(f"/mine/{own.status.case_no}", 303)
    visit.saw(own.case_id, type="case")
    field = Field(
        "reason", visit.say(N_("撤回的原因")), "textarea", required=False, max_length=500, wide=True
    )
    page = WithdrawPage(visit.say(N_("撤回申请")), own, field, str(uuid4()))
    return await show(visit, page)


async def withdraw(visit: Visit) -> Response:
    """Withdraw it: the case ends, and its clocks with it."""
    own = await own_of(visit)
    return await order(visit, own, "withdraw", {"reason": visit.text("reason")[:500]})
