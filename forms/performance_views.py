"""What several pages show of performance: who may read it, its address, its pictures."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from cases.projects import performing_messages as m
from cases.projects.performance import BRANCHES as BRANCH_KEYS
from cases.projects.performance import KpiTree
from cases.projects.performance_charts import FEWEST, history_svg, radar_svg
from cases.projects.performing_messages import Evaluate
from cases.projects.performing_state import Evaluation, Performance
from cases.projects.state import ProjectState
from forms.access_ports import Thing
from forms.performance_words import BRANCHES
from forms.visit import Visit
from forms.words import N_

MOST_CORNERS: Final = 12
"""Corners of a radar that can still be told apart; beyond, the three branches are drawn."""


def side_of(project: ProjectState, state: Performance | None, verb: str) -> str:
    """Return the department of which policy is asked about an order, as the door asks."""
    if verb in (m.EVALUATE, m.MID_TERM, m.FISCAL):
        return ""
    if verb in m.BY_OPERATOR:
        return state.plan.operator if state is not None else project.operator
    return state.plan.department if state is not None else project.department


def thing_of(project: ProjectState, department: str) -> Thing:
    """Return the performance of a project as policy is asked about it."""
    return Thing(m.OBJECT, project.project_id, department=department)


async def may_read(visit: Visit, project: ProjectState, state: Performance | None) -> bool:
    """Tell whether policy lets the visitor read it, as of one side or of the other."""
    sides = {project.department, project.operator}
    if state is not None:
        sides |= {state.plan.department, state.plan.operator}
    may = visit.ports.access.may
    for side in sorted(sides - {""}):
        if (await visit.ask(may, visit.actor, m.READ, thing_of(project, side))).allowed:
            return True
    return False


def address_of(project: str, verb: str = "") -> str:
    """Return the address of a project's performance, or of an order's form to it."""
    root = f"/projects/{project}/performance"
    return f"{root}/{verb.removeprefix('performance_')}" if verb else root


def pictured(svg: str) -> Markup:
    """Return a picture of our own as it stands in a page: its texts are escaped already."""
    return Markup(svg)  # noqa: S704 -- our own SVG


def history_of(visit: Visit, state: Performance | None) -> Markup:
    """Return score and coefficient by year as a picture; empty: no year is confirmed."""
    if state is None:
        return Markup("")
    words = visit.say(N_("得分")), visit.say(N_("系数（%）"))
    return pictured(history_svg(state, words))


def radar_of(visit: Visit, tree: KpiTree, one: Evaluation, given: Evaluate) -> Markup:
    """Return the radar of an evaluation: by indicator where their codes find room, else by branch.

    The codes are told by the table beside it.
    """
    points = {each.code: each.points for each in given.scores}
    axes = [(each.code, points[each.code]) for each in tree.scored]
    if not FEWEST < len(axes) <= MOST_CORNERS:
        axes = [
            (visit.say(BRANCHES[branch]), score)
            for branch, score in zip(BRANCH_KEYS, one.branches, strict=True)
        ]
    return pictured(radar_svg(axes))


def decimal(points: int) -> str:
    """Return ten-thousandths as a decimal text: 9000 → 0.9."""
    whole, rest = divmod(points, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")
