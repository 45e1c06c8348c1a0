"""季度复核: who holds what since when, and whether it is still needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Literal

from starlette.responses import RedirectResponse, Response

from forms.access_ports import Thing
from forms.account_ports import Reviewed
from forms.accounts import WHY, may, must_read, show_account
from forms.rendering import Page
from forms.role_words import role_names
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

RESULTS = {"": N_("未复核"), "kept": N_("确认保留"), "removal": N_("已提出收回")}


@dataclass(frozen=True)
class ReviewPage(Page):
    """Every open account with what it holds."""

    template: ClassVar[str] = "account_review.html"

    quarter: Annotated[str, "2026Q4."]
    lines: Annotated[tuple[Reviewed, ...], "One for each open account."]
    done: Annotated[int, "How many are reviewed."]
    roles: Annotated[Mapping[str, str], "Role → name."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    compartments: Annotated[Mapping[str, str], "Compartment → name."]
    results: Annotated[Mapping[str, str], "Result → words."]
    why: Annotated[Mapping[str, str], "Why it will end → words."]
    reviewable: Annotated[frozenset[str], "Accounts that this person may review."]
    fault: Annotated[str, "Why nothing was done; empty: nothing is wrong."]


async def review(visit: Visit, fault: str = "") -> Response:
    """The list of a quarter, to be worked through and printed."""
    await must_read(visit)
    lines: Sequence[Reviewed] = await visit.ask(visit.ports.lives.listing)
    visit.saw_rows(len(lines))
    reviews = await may(visit, "account_grant")
    open_ones = {one.account for one in lines if not one.result and one.account != visit.actor.id}
    page = ReviewPage(
        title=visit.say(N_("账号季度复核")),
        quarter=await visit.ask(visit.ports.lives.quarter),
        lines=tuple(lines),
        done=sum(1 for one in lines if one.result),
        roles=role_names(visit),
        departments=visit.ports.catalogue.departments(visit.language),
        compartments=await visit.ask(visit.ports.granting.compartments),
        results={code: visit.say(words) for code, words in RESULTS.items()},
        why={code: visit.say(words) for code, words in WHY.items()},
        reviewable=frozenset(open_ones if reviews else ()),
        fault=fault,
    )
    return await show(visit, page, 409 if fault else 200)


async def reviewed(visit: Visit) -> Response:
    """Confirm what an account holds, or propose that it be taken away."""
    key = visit.request.path_params["account"]
    await visit.demand("account_grant", Thing("account", key, about=key))
    result: Literal["kept", "removal"] = "removal" if visit.text("do") == "removal" else "kept"
    fault: str = await visit.ask(visit.ports.lives.review, visit.who, key, result)
    return (
        await review(visit, visit.told(fault))
        if fault
        else RedirectResponse("/accounts/review", 303)
    )


async def term(visit: Visit) -> Response:
    """Set until when an account is good."""
    key, typed = visit.request.path_params["account"], visit.text("last")
    await visit.demand("account_manage", Thing("account", key, about=key))
    try:
        last = date.fromisoformat(typed) if typed else None
    except ValueError:
        fault = visit.say(N_("请按 2026-11-22 的样子填写日期"))
        return await show_account(visit, key, fault=fault, status=422)
    fault = await visit.ask(visit.ports.lives.set_term, visit.who, key, last)
    if fault:
        return await show_account(visit, key, fault=visit.told(fault), status=409)
    return RedirectResponse(f"/accounts/{key}", 303)
