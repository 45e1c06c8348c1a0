"""Filters of a list that somebody keeps under a name: to open, to rename, to throw away.

What is searched for may be somebody's name: it is sealed at rest, and stands in the address of the
list as `kept`, which the session alone can read. The address that colleagues may share has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar
from uuid import uuid4

from starlette.responses import RedirectResponse, Response

from cases.messages import Actor
from forms.fields import Field, Form
from forms.habit_ports import SavedFilter
from forms.list_address import FILTERS, PATHS, address
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_, word
from policies.kept_words import keep

NAME_LENGTH = 40
"""Characters of a name: it stands in one line above the queue."""
KEPT = tuple(name for name in FILTERS if name != "size")
"""What a filter keeps; how many lines a page has is the person's own choice."""


@dataclass(frozen=True)
class FilterLine:
    """One kept filter as the page shows it."""

    id: str
    name: str
    words: str
    """What it filters by."""
    shared: str
    """The address that a colleague may open too: without what is searched for."""
    search: bool
    """Something is searched for besides, which the address does not say."""


@dataclass(frozen=True)
class FiltersPage(Page):
    """One's own filters."""

    template: ClassVar[str] = "saved_filters.html"

    lines: Annotated[Sequence[FilterLine], "The filters, the oldest first."]
    form: Annotated[Form, "The name under which a filter is about to be kept; no field: none is."]
    given: Annotated[Mapping[str, str], "The filters that are about to be kept, and their scope."]
    at: Annotated[str, "Id of the filter that is about to be renamed; empty: a new one is kept."]
    done: Annotated[str, "What has just been done; empty: nothing."]
    name_length: Annotated[int, "Characters that a name may have."]


DONE = {
    "renamed": N_("已改名。"),
    "removed": N_("已删除。"),
}


def owner(visit: Visit) -> Actor:
    """Return whose habits count: the person's own, in whoever's name they act."""
    return visit.who.own or visit.actor


async def filters(visit: Visit) -> Response:
    said = DONE.get(visit.request.query_params.get("done", ""), "")
    return await _show(visit, done=visit.say(said) if said else "")


async def _show(
    visit: Visit,
    form: Form | None = None,
    given: Mapping[str, str] | None = None,
    at: str = "",
    done: str = "",
) -> Response:
    kept = await visit.ask(visit.ports.saved_filters.listing, owner(visit))
    page = FiltersPage(
        title=visit.say(N_("我的筛选")),
        lines=tuple(_line(visit, one) for one in kept),
        form=form or Form(()),
        given=given or {},
        at=at,
        done=done,
        name_length=NAME_LENGTH,
    )
    return await show(visit, page, 422 if form else 200)


def _line(visit: Visit, one: SavedFilter) -> FilterLine:
    query = {name: value for name, value in one.query.items() if name != "text"}
    path = PATHS.get(one.scope, PATHS["all"])
    return FilterLine(
        one.id, one.name, words_of(visit, one), address(path, query), "text" in one.query
    )


def words_of(visit: Visit, one: SavedFilter) -> str:
    """Return in words what a filter filters by, as the list's own fields call it."""
    say, query = visit.say, one.query
    scopes = {"mine": N_("待办"), "team": N_("团队队列"), "all": N_("全部办件")}
    states = {
        "open": N_("在办"), "warning": N_("预警"), "overdue": N_("超期"), "ended": N_("已办结"),
    }  # fmt: skip
    matters = {m.code: m for m in visit.ports.catalogue.matters()}
    matter = matters.get(query.get("matter", ""))
    english = visit.language == "en"
    departments = visit.ports.catalogue.departments(visit.language)
    parts = [
        say(scopes.get(one.scope, scopes["all"])),
        ((matter.name_en if english else matter.name) if matter else query.get("matter", "")),
        say(word("stage", query["stage"])) if query.get("stage") else "",
        say(states[query["state"]]) if query.get("state") in states else "",
        departments.get(query.get("department", ""), query.get("department", "")),
    ]
    since, until = query.get("received_from", ""), query.get("received_until", "")
    if since or until:
        said = N_("收件 {since} 至 {until}") if since and until else N_("收件自 {since}")
        said = said if since else N_("收件至 {until}")
        parts.append(say(said).format(since=since, until=until))
    if query.get("text"):
        parts.append(say(N_("查找“{text}”")).format(text=query["text"]))
    return " · ".join(part for part in parts if part)


async def save(visit: Visit) -> Response:
    """Keep the filters that a list posts under the name typed beside them."""
    given = {name: visit.text(name) for name in KEPT if visit.text(name)}
    scope = visit.text("scope") if visit.text("scope") in PATHS else "all"
    kept = SavedFilter(str(uuid4()), visit.text("name"), scope, given)
    wrong = await _keep(visit, kept)
    if wrong:
        form = _form(visit, kept.name).with_errors({"name": wrong})
        return await _show(visit, form, {**given, "scope": scope})
    return _opened(visit, kept)


async def _keep(visit: Visit, kept: SavedFilter) -> str:
    """Keep it; empty, or a sentence why not."""
    if not kept.name:
        return visit.say(N_("请给筛选起个名称"))
    if len(kept.name) > NAME_LENGTH:
        return visit.say(N_("名称最多 {n} 个字")).format(n=NAME_LENGTH)
    said: str = await visit.ask(visit.ports.saved_filters.save, owner(visit), kept)
    return said


def _form(visit: Visit, name: str) -> Form:
    label = visit.say(N_("筛选的名称"))
    return Form((Field("name", label, values=(name,), max_length=NAME_LENGTH),))


async def open_filter(visit: Visit) -> Response:
    """Lead to the list that a filter of one's own makes."""
    return _opened(visit, await _own(visit))


async def _own(visit: Visit) -> SavedFilter:
    wanted = visit.request.path_params["saved"]
    kept = await visit.ask(visit.ports.saved_filters.listing, owner(visit))
    for one in kept:
        if one.id == wanted:
            return one
    raise not_found(visit)


def _opened(visit: Visit, one: SavedFilter) -> Response:
    given = {name: one.query[name] for name in KEPT if name != "text" and one.query.get(name)}
    if one.query.get("text"):
        given["kept"] = keep(one.query["text"], visit.who.form_key)
    return RedirectResponse(address(PATHS.get(one.scope, PATHS["all"]), given), 303)


async def change(visit: Visit) -> Response:
    """Rename a filter, or throw it away. Thrown away twice is thrown away."""
    saved = visit.request.path_params["saved"]
    if visit.text("do") == "remove":
        await visit.ask(visit.ports.saved_filters.remove, owner(visit), saved)
        return RedirectResponse("/filters?done=removed", 303)
    one = replace(await _own(visit), name=visit.text("name"))
    wrong = await _keep(visit, one)
    if wrong:
        return await _show(visit, _form(visit, one.name).with_errors({"name": wrong}), at=one.id)
    return RedirectResponse("/filters?done=renamed", 303)
