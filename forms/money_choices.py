"""What an order of money is about, chosen by its name: nobody types the id of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cases.fund_rows import KeptContract
from cases.project_lists import Filters
from cases.projects.state import ProjectState
from forms.fields import Field, Option
from forms.project import thing_of
from forms.visit import Visit
from forms.words import N_

MOST = 200
"""So many projects are listed; to a later one its own page leads."""


async def project_field(visit: Visit, asked: str) -> Field:
    """Return the choice among the projects under way that the reader may list.

    `asked`: the project that the address or the form names; it is a choice whatever the list holds.
    """
    found = await visit.ask(visit.ports.projects.listing, visit.actor, Filters(), 1, MOST)
    options = {row.id: f"{row.number} {row.title}" for row in found.rows}
    if asked and asked not in options:
        state: ProjectState | None = await visit.ask(visit.ports.projects.known, asked)
        told = state is not None and await _may_list(visit, state)
        options[asked] = f"{state.number} {state.title}" if state is not None and told else asked
    return Field(
        "project", visit.say(N_("项目")), "select", double=True, values=(asked,),
        options=tuple(Option(key, name) for key, name in options.items()),
        hint="" if found.total <= MOST else visit.say(N_("没有列出的，从项目页进入")),
    )  # fmt: skip


async def milestone_field(visit: Visit, project: str, asked: str) -> Field:
    """Return the choice among a project's milestones, each with its day; without one, a text."""
    state: ProjectState | None = await visit.ask(visit.ports.projects.known, project)
    label, hint = visit.say(N_("里程碑")), visit.say(N_("付费所依据的里程碑；须已完成并有佐证"))
    if state is None or not await _may_list(visit, state):
        return Field("milestone", label, "text", False, hint, max_length=200, values=(asked,))
    return Field(
        "milestone", label, "select", False, hint, tuple(_milestones(visit, state)), (asked,),
        double=True,
    )  # fmt: skip


async def _may_list(visit: Visit, state: ProjectState) -> bool:
    may = visit.ports.access.may
    return bool((await visit.ask(may, visit.actor, "list", thing_of(state))).allowed)


def _milestones(visit: Visit, state: ProjectState) -> Sequence[Option]:
    english = visit.language == "en"
    reached, waiting = visit.say(N_("{day} 完成")), visit.say(N_("未完成，计划 {day}"))
    return [
        Option(
            one.id,
            f"{one.english or one.title if english else one.title}（"
            + (
                reached.format(day=one.actual_on)
                if one.actual_on is not None
                else waiting.format(day=one.plan_on)
            )
            + "）",
        )
        for one in sorted(state.milestones, key=lambda one: not one.pays)
    ]


def contract_option(one: KeptContract, names: Mapping[str, str]) -> Option:
    """Return a contract as a choice: number, title, its project's name."""
    return Option(one.id, f"{one.number} {one.title}（{names.get(one.project, one.project)}）")
