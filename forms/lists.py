"""The worklists: mine, my team's, all that I may see; and the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import quote, urlencode
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from cases.views import Worklist, WorklistQuery
from forms.bulk_fields import offered
from forms.case import knows
from forms.claims import doable
from forms.fields import Option
from forms.list_address import FILTERS, PATHS, address
from forms.rendering import Page
from forms.saved_filters import KEPT, NAME_LENGTH, owner
from forms.showing import DESKS, HOMES, STAGES_LISTED, show
from forms.visit import Visit
from forms.words import N_, word
from policies.kept_words import keep, kept

SIZES = (25, 50, 100)
MOST_KEPT = 1000
"""Characters of `kept`: a hundred typed ones, sealed."""


@dataclass(frozen=True)
class ListPage(Page):
    """Lines of work, due soonest first, with the filters that made them."""

    template: ClassVar[str] = "list.html"

    worklist: Annotated[Worklist, "The lines of this page and the counts."]
    query: Annotated[WorklistQuery, "The filters in force."]
    links: Annotated[Mapping[str, str], "Name of a link → its address: states, sizes, pages."]
    matters: Annotated[tuple[Option, ...], "Matters to filter by."]
    names: Annotated[Mapping[str, str], "Matter → its name in the reader's language."]
    stages: Annotated[tuple[Option, ...], "Stages to filter by, with counts in brackets."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    filtered: Annotated[bool, "Some filter is on: an empty list offers to clear it."]
    crossed: Annotated[bool, "The first day asked for is after the last."]
    given: Annotated[Mapping[str, str], "The filters in force, as a form posts them."]
    saved: Annotated[Sequence[tuple[str, str, bool]], "Address and name of kept filters; in force."]
    name_length: Annotated[int, "Characters that the name of a kept filter may have."]
    bulk_acts: Annotated[Sequence[tuple[str, str]], "Verb and button of what many cases can have."]
    claimable: Annotated[Mapping[str, str], "Case id and task → command id of the claim button."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]


async def home(visit: Visit) -> Response:
    """My work; who handles no cases goes on to the desk that is theirs."""
    if not (await visit.ask(visit.ports.access.may, visit.actor, "list", "case")).allowed:
        desks = [desk for group in DESKS.values() for desk in group]
        for act, thing, _, url in sorted(desks, key=lambda desk: HOMES.index(desk[3])):
            if (await visit.ask(visit.ports.access.may, visit.actor, act, thing)).allowed:
                return RedirectResponse(url, 303)
    return await _list(visit, "mine")


async def team(visit: Visit) -> Response:
    return await _list(visit, "team")


async def everything(visit: Visit) -> Response:
    """All that I may see. A whole case number in the search goes straight to the case."""
    text = visit.request.query_params.get("text", "").strip()
    facts = await visit.ask(visit.ports.reader.find, text) if text else None
    if facts is not None and await knows(visit, facts):
        return RedirectResponse(f"/cases/{quote(text, safe='')}", 303)
    return await _list(visit, "all")


async def find(visit: Visit) -> Response:
    """Lead from the search and the filters to their list, or straight to the case of a number.

    A form posts what is searched for, so that no name of a person stands in an address.
    """
    text = visit.text("text")
    facts = await visit.ask(visit.ports.reader.find, text) if text else None
    if facts is not None and await knows(visit, facts):
        return RedirectResponse(f"/cases/{quote(text, safe='')}", 303)
    given = {name: visit.text(name) for name in FILTERS if name not in ("text", "size")}
    if visit.text("size"):  # chosen once, it is how this person's lists are
        chosen = {"page_size": visit.text("size")}
        await visit.ask(visit.ports.preferences.prefer, owner(visit), chosen)
    given["kept"] = keep(text, visit.who.form_key) if text else ""
    path = PATHS.get(visit.text("scope"), PATHS["all"])
    return RedirectResponse(address(path, given), 303)


async def _list(visit: Visit, scope: Literal["mine", "team", "all"]) -> Response:
    await visit.demand("list", "case")
    query = query_of(visit, scope, int((await visit.preferences())["page_size"]))
    given = {name: str(value) for name, value in said_of(query).items() if name in KEPT}
    worklist = await visit.ask(visit.ports.reader.worklist, visit.actor, query)
    visit.saw_rows(len(worklist.rows))
    say = visit.say
    titles = {"mine": say(N_("待办")), "team": say(N_("团队队列")), "all": say(N_("全部办件"))}
    title = titles[scope]
    if query.stage:
        title = say(word("stage", query.stage))
    names = {
        m.code: m.name_en if visit.language == "en" else m.name
        for m in visit.ports.catalogue.matters()
    }
    may_do = await doable(visit, "case")
    page = ListPage(
        title=title,
        worklist=worklist,
        query=query,
        links=_links(query, worklist, visit.request.query_params.get("kept", "")),
        matters=tuple(Option(code, name) for code, name in names.items()),
        names=names,
        stages=tuple(
            Option(code, say(word("stage", code)), _note(worklist, code)) for code in STAGES_LISTED
        ),
        departments=visit.ports.catalogue.departments(visit.language),
        filtered=bool(given),
        crossed=bool(
            query.received_from
            and query.received_until
            and query.received_from > query.received_until
        ),
        given=given,
        saved=tuple(
            (f"/filters/{one.id}", one.name, (one.scope, dict(one.query)) == (scope, given))
            for one in await visit.ask(visit.ports.saved_filters.listing, owner(visit))
        ),
        name_length=NAME_LENGTH,
        bulk_acts=tuple((act.verb, act.button) for act in await offered(visit)),
        claimable={
            f"{row.case_id} {row.step}": str(uuid4())
            for row in worklist.rows
            if scope == "team" and row.step and not row.holder and may_do(row.step)
        },
        pages=page_numbers(worklist.page, worklist.pages),
    )
    return await show(visit, page)


def _note(worklist: Worklist, stage: str) -> str:
    """Return how many lines stand in a stage; empty where they were not counted."""
    whole = worklist.by_stage or worklist.total <= worklist.counted_to
    return str(worklist.by_stage.get(stage, 0)) if whole else ""


def said_of(query: WorklistQuery) -> dict[str, object]:
    """Return the filters of a query that say something, by name."""
    ours = {"scope", "page", "size", "exact", "numbers"}
    return query.model_dump(exclude_defaults=True, exclude=ours)


def query_of(visit: Visit, scope: str, size: int = SIZES[0]) -> WorklistQuery:
    """Return the filters of the address; one that cannot be read is left out. `size`: lines of a
    page where the address does not say."""
    given = {
        name: value.strip()
        for name, value in visit.request.query_params.items()
        if name in (*FILTERS, "page", "exact") and value.strip()
    }
    sealed = visit.request.query_params.get("kept", "")
    if 0 < len(sealed) <= MOST_KEPT:
        given["text"] = kept(sealed, visit.who.form_key)
    while True:
        try:
            return WorklistQuery.model_validate({"scope": scope, "size": size, **_numbers(given)})
        except ValidationError as unreadable:
            for error in unreadable.errors():
                given.pop(str(error["loc"][0]), None)


def _numbers(given: Mapping[str, str]) -> dict[str, object]:
    return {
        name: int(value) if name in ("size", "page") and value.isdecimal() else value
        for name, value in given.items()
    }


def _links(query: WorklistQuery, worklist: Worklist, sealed: str) -> Mapping[str, str]:
    values = said_of(query)
    if sealed:
        values.pop("text", None)

    def at(scope: str = query.scope, **changes: object) -> str:
        return address(PATHS[scope], {**values, "kept": sealed, **changes})

    links = {f"state:{state}": at(state=state) for state in ("", "warning", "overdue", "ended")}
    links |= {f"page:{n}": at(page=n) for n in page_numbers(worklist.page, worklist.pages) if n}
    links |= {f"scope:{scope}": at(scope) for scope in PATHS}
    links["previous"] = at(page=worklist.page - 1) if worklist.page > 1 else ""
    links["next"] = at(page=worklist.page + 1) if worklist.page < worklist.pages else ""
    links["clear"] = PATHS[query.scope]
    more = 0 < worklist.counted_to < worklist.total
    links["exact"] = at(exact=1, page=worklist.page) if more else ""
    # What was searched for may be somebody's name: it is put into no further address.
    exact = {"exact": 1} if query.exact else {}
    asked = urlencode({"scope": query.scope, **said_of(query), **exact})
    links["file"] = "" if query.text else f"/cases.csv?{asked}"
    return links


def page_numbers(page: int, pages: int) -> tuple[int, ...]:
    """Return the numbers to link: the ends, and two either side; 0 where some are left out."""
    near = sorted({1, pages, *range(max(1, page - 2), min(pages, page + 2) + 1)} - {0})
    found: list[int] = []
    for number in near:
        if found and number - found[-1] > 1:
            found.append(0)
        found.append(number)
    return tuple(found)
