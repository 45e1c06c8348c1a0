"""The timeline of a case: what each signed step changed, in words, filtered and in pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from urllib.parse import urlencode

from cases.approval.articles import CASE
from cases.passages import KINDS, Change
from cases.views import TimelineItem
from forms.incident_ports import Linking
from forms.rendering import due
from forms.role_words import role_names
from forms.visit import Visit
from forms.words import N_, timer_word, word

STEPS_A_PAGE = 50
"""Steps on one page of a timeline: some three screens."""
NEAR = 2
"""Pages on either side of the open one that are linked by number."""

FILTERS = {
    "": N_("全部"),
    "decision": N_("决定"),
    "document": N_("文书"),
    "clock": N_("时限"),
    "system": N_("系统"),
}


@dataclass(frozen=True)
class ChangeLine:
    """One thing that a step changed: what, from what, to what."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class StepLine:
    """One step with its changes in words."""

    item: TimelineItem
    changes: tuple[ChangeLine, ...]
    basis: str
    """Article, or its id in the register; empty where no article is the step's."""


@dataclass(frozen=True)
class LinkLine:
    """A step of an incident that linked it with the case, or no longer."""

    link: Linking
    words: str
    by: str
    role: str


@dataclass(frozen=True)
class Filter:
    """One filter of the timeline, with how many steps stand under it."""

    words: str
    url: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Timeline:
    """One page of it, the newest first."""

    lines: tuple[StepLine | LinkLine, ...]
    filters: tuple[Filter, ...]
    total: int
    every: int
    """Steps in all, whatever the filter."""
    page: int
    pages: tuple[int, ...]
    """Numbers to link; 0 stands for a gap."""
    url: str
    """Address of a page, without its number."""


@dataclass(frozen=True)
class Names:
    """What the codes in a change are called."""

    tasks: Mapping[str, str]
    fields: Mapping[str, str]


def timeline_of(
    visit: Visit,
    items: Sequence[TimelineItem],
    address: str,
    names: Names,
    links: Sequence[Linking] = (),
) -> Timeline:
    """Return what the address asks for: `show` is the filter, `page` or `step` the page.

    `links`: steps of incidents, which stand among all and under no filter of their own.
    """
    query = visit.request.query_params
    show = query.get("show", "")
    show = show if show in KINDS else ""
    chosen = [one for one in _merged(items, links) if not show or show in _kinds(one)]
    last = max(1, -(-len(chosen) // STEPS_A_PAGE))
    page = min(max(1, _page(chosen, query.get("step", ""), query.get("page", ""))), last)
    shown = chosen[(page - 1) * STEPS_A_PAGE : page * STEPS_A_PAGE]
    base = {"tab": "timeline"} | ({"show": show} if show else {})
    return Timeline(
        lines=tuple(
            _link(visit, one)
            if isinstance(one, Linking)
            else StepLine(one, _changes(visit, one, names), one.basis if one.basis != CASE else "")
            for one in shown
        ),
        filters=tuple(_filters(visit, (*items, *links), address, show)),
        total=len(chosen),
        every=len(items) + len(links),
        page=page,
        pages=_pages(page, last),
        url=f"{address}?{urlencode(base)}&page=",
    )


def _merged(
    items: Sequence[TimelineItem], links: Sequence[Linking]
) -> Sequence[TimelineItem | Linking]:
    """Return all of them, what was recorded last first; both are given in their order."""
    steps: list[TimelineItem | Linking] = list(reversed(items))
    return list(merge(steps, reversed(links), key=lambda one: one.recorded_at, reverse=True))


def _kinds(one: TimelineItem | Linking) -> Sequence[str]:
    return () if isinstance(one, Linking) else one.kinds


def _link(visit: Visit, one: Linking) -> LinkLine:
    linked = one.told.kind == "link_case"
    return LinkLine(
        one,
        visit.say(N_("关联突发事件") if linked else N_("解除与突发事件的关联")),
        one.told.who,
        role_names(visit).get(one.told.role, ""),
    )


def _page(chosen: Sequence[TimelineItem | Linking], step: str, page: str) -> int:
    """Return the page asked for, or the one on which a step of the case stands."""
    if step.isdecimal():
        wanted = int(step)
        place = next(
            (
                n
                for n, one in enumerate(chosen)
                if not isinstance(one, Linking) and one.seq == wanted
            ),
            0,
        )
        return place // STEPS_A_PAGE + 1
    return int(page) if page.isdecimal() and len(page) < 7 else 1


def _pages(page: int, last: int) -> tuple[int, ...]:
    wanted = sorted({1, last} | set(range(max(1, page - NEAR), min(last, page + NEAR) + 1)))
    found: list[int] = []
    for n in wanted:
        if found and n - found[-1] > 1:
            found.append(0)
        found.append(n)
    return tuple(found)


def _filters(
    visit: Visit, items: Sequence[TimelineItem | Linking], address: str, show: str
) -> Sequence[Filter]:
    found = []
    for code, words in FILTERS.items():
        count = sum(1 for one in items if not code or code in _kinds(one))
        query = {"tab": "timeline"} | ({"show": code} if code else {})
        found.append(Filter(visit.say(words), f"{address}?{urlencode(query)}", count, code == show))
    return found


def _changes(visit: Visit, item: TimelineItem, names: Names) -> tuple[ChangeLine, ...]:
    return tuple(_line(visit, one, names) for one in item.changes)


def _line(visit: Visit, change: Change, names: Names) -> ChangeLine:
    say = visit.say
    match change.what:
        case "stage":
            before = say(word("stage", change.before)) if change.before else ""
            return ChangeLine(say(N_("环节")), before, say(word("stage", change.after)))
        case "due":
            family, _, task = change.of.partition(":")
            label = say(timer_word(family))
            label = f"{label} · {names.tasks.get(task, task)}" if task else label
            return ChangeLine(
                label, due(change.due_before, visit.zone), due(change.due_after, visit.zone)
            )
        case "field":
            label = names.fields.get(change.of, change.of)
            if not (change.before or change.after):
                return ChangeLine(label, "", say(N_("已更正（个人信息，未显示）")))
            return ChangeLine(label, change.before or "—", change.after or "—")
        case "holder":
            label = say(N_("承办人"))
        case "signer":
            label = say(N_("签署人"))
    task = names.tasks.get(change.of, change.of)
    return ChangeLine(
        f"{label} · {task}", change.before or say(N_("无")), change.after or say(N_("无"))
    )
