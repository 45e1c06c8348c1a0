"""待批准的权限变更: one security administrator has proposed, another settles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from forms.access_ports import Thing
from forms.account_ports import Change
from forms.accounts import CHANGE_STATES, may, must_read, show_account
from forms.rendering import Page
from forms.role_words import role_names
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class GrantsPage(Page):
    """Changes of rights: those that wait, and those that have been settled."""

    template: ClassVar[str] = "grants.html"

    waiting: Annotated[tuple[Change, ...], "Those that wait, the oldest first."]
    settled: Annotated[tuple[Change, ...], "The newest that have been settled."]
    roles: Annotated[Mapping[str, str], "Role → name."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    compartments: Annotated[Mapping[str, str], "Compartment → name."]
    change_states: Annotated[Mapping[str, str], "State of a change → words."]
    approvable: Annotated[frozenset[str], "Ids that this person may approve or refuse."]
    own: Annotated[frozenset[str], "Ids of this person's own proposals, which may be withdrawn."]
    fault: Annotated[str, "Why nothing was done; empty: nothing is wrong."]


async def grants(visit: Visit, fault: str = "") -> Response:
    """The list of changes, for those who propose, approve or audit them."""
    await must_read(visit)
    waiting: Sequence[Change] = await visit.ask(visit.ports.granting.waiting)
    settled: Sequence[Change] = await visit.ask(visit.ports.granting.settled)
    visit.saw_rows(len(waiting) + len(settled))
    approvable = {one.id for one in waiting if await may(visit, "grant_approve", thing_of(one))}
    page = GrantsPage(
        title=visit.say(N_("权限变更")),
        waiting=tuple(waiting),
        settled=tuple(settled),
        roles=role_names(visit),
        departments=visit.ports.catalogue.departments(visit.language),
        compartments=await visit.ask(visit.ports.granting.compartments),
        change_states={code: visit.say(words) for code, words in CHANGE_STATES.items()},
        approvable=frozenset(approvable),
        own=frozenset(one.id for one in waiting if one.proposer == visit.actor.id),
        fault=fault,
    )
    return await show(visit, page, 409 if fault else 200)


def thing_of(change: Change) -> Thing:
    """Return a change as policy is asked about it."""
    return Thing("account", change.id, about=change.account, proposed_by=change.proposer)


async def approve(visit: Visit) -> Response:
    """Let what another proposed come true."""
    found = await _named(visit)
    await visit.demand("grant_approve", thing_of(found))
    fault: str = await visit.ask(visit.ports.granting.approve, visit.who, found.id)
    return await _back(visit, found, visit.told(fault))


async def refuse(visit: Visit) -> Response:
    """Say no to what another proposed, with a reason."""
    found = await _named(visit)
    await visit.demand("grant_approve", thing_of(found))
    reason = visit.text("reason")
    fault: str = await visit.ask(visit.ports.granting.refuse, visit.who, found.id, reason)
    return await _back(visit, found, visit.told(fault))


async def withdraw(visit: Visit) -> Response:
    """Take one's own proposal back."""
    found = await _named(visit)
    fault: str = await visit.ask(visit.ports.granting.withdraw, visit.who, found.id)
    return await _back(visit, found, visit.told(fault))


async def _named(visit: Visit) -> Change:
    found: Change | None = await visit.ask(
        visit.ports.granting.find, visit.request.path_params["change"]
    )
    if found is None:
        raise not_found(visit)
    return found


async def _back(visit: Visit, found: Change, fault: str) -> Response:
    """Return to where the button was: the list, or the account."""
    from_list = visit.text("back") == "grants"
    if fault:
        if from_list:
            return await grants(visit, fault)
        return await show_account(visit, found.account, fault=fault, status=409)
    return RedirectResponse("/grants" if from_list else f"/accounts/{found.account}", 303)
