"""Projects over REST, for the systems of who carries them out and who operates them."""

from __future__ import annotations

from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cases.messages import Actor, Outcome, Source
from cases.project_lists import Filters, ProjectRow
from cases.projects.messages import OBJECT, PROJECT_BODIES, SYSTEM_VERBS
from cases.projects.state import Milestone, ProjectState, Security
from forms.disclosure_ports import Shown
from forms.noting import note_shown
from forms.openapi import PREFIX
from forms.ports import Ports
from forms.project import thing_of
from forms.rest import STATUS, Wrong, body_of, demand, key_of, nothing, problem

SIZE: Final = 50
"""Projects of one page."""


async def list_projects(request: Request, actor: Actor) -> Response:
    """One page of the projects that the service may list, those furthest behind first."""
    ports: Ports = request.app.state.ports
    await demand(ports, actor, "list", OBJECT)
    asked = request.query_params
    page = asked.get("page", "1")
    if not page.isascii() or not page.isdigit() or not 0 < int(page[:9]) < 10**6:
        errors = [{"pointer": "?page", "detail": "a whole number from 1"}]
        raise Wrong(problem(422, "invalid", "page 应是从 1 起的整数", errors=errors))
    filters = Filters(text=asked.get("text", "")[:200], stage=asked.get("stage", "")[:16])
    found = await run_in_threadpool(ports.projects.listing, actor, filters, int(page), SIZE)
    rows = [_row(one) for one in found.rows]
    await note_shown(request, actor, Shown("list", OBJECT, lines=len(rows)))
    return JSONResponse(
        {"total": found.total, "page": found.page, "pages": found.pages, "projects": rows}
    )


async def read_project(request: Request, actor: Actor) -> Response:
    """A project as it stands, without who gave or let pass what."""
    await demand(request.app.state.ports, actor, "read", OBJECT)
    state = await _found(request, actor)
    await note_shown(request, actor, Shown("read", OBJECT, state.project_id))
    return JSONResponse(project_told(state))


async def order_project(request: Request, actor: Actor) -> Response:
    """One order of a system to a project."""
    ports: Ports = request.app.state.ports
    await demand(ports, actor, "read", OBJECT)
    verb = request.path_params["verb"]
    if verb not in SYSTEM_VERBS:
        raise Wrong(problem(404, "unknown_verb", f"没有这个指令：{verb[:40]}"))
    key = key_of(request)
    body = await body_of(request, PROJECT_BODIES[verb])
    state = await _found(request, actor)
    source = Source(door="rest", ip=request.client.host if request.client else "")
    outcome = await ports.projects.order(actor, source, key, state.project_id, verb, body)
    return _answer(outcome)


async def _found(request: Request, actor: Actor) -> ProjectState:
    """Return the project of the path. Raises `Stop` 404 where it is not there, and where the
    service may not know of it, alike."""
    ports: Ports = request.app.state.ports
    state: ProjectState | None = await run_in_threadpool(
        ports.projects.known, request.path_params["project"]
    )
    if state is None:
        raise nothing()
    thing = thing_of(state)
    if not (await run_in_threadpool(ports.access.may, actor, "read", thing)).allowed:
        raise nothing(("read", thing))
    return state


def _answer(outcome: Outcome) -> Response:
    told = outcome.model_dump(mode="json")
    if outcome.status == "done":
        headers = {"location": f"{PREFIX}/projects/{outcome.case_id}"}
        if outcome.repeated:
            headers["idempotency-replayed"] = "true"
        return JSONResponse(told, 200, headers)
    pointer = "#/" + outcome.field.removeprefix("body.").replace(".", "/")
    errors = [{"pointer": pointer, "detail": outcome.reason}] if outcome.field else []
    return problem(
        STATUS.get(outcome.code, 409), outcome.code or "refused", outcome.reason,
        basis=outcome.basis, errors=errors, outcome=told,
    )  # fmt: skip


def _row(one: ProjectRow) -> dict[str, Any]:
    return {
        "project": one.id,
        "number": one.number,
        "title": one.title,
        "stage": one.stage,
        "template": one.template,
        "regime": one.regime,
        "department": one.department,
        "operator": one.operator,
        "slippage": one.slippage,
        "milestones": one.milestones,
        "achieved": one.achieved,
        "next_on": one.next_on.isoformat() if one.next_on else "",
    }


def project_told(state: ProjectState) -> dict[str, Any]:
    """Return what a system is told of a project: no person stands in it."""
    plain = state.model_dump(
        mode="json",
        include={
            "number", "seq", "stage", "template", "title", "department", "operator", "sector",
            "regime", "pay", "term_years", "starts_on", "ends_on", "contract_no", "estimate_fen",
            "total_fen", "duties", "assets", "tests",
        },
    )  # fmt: skip
    return {
        "project": state.project_id,
        **plain,
        "slippage": state.slippage,
        "milestones": [_milestone(one) for one in state.milestones],
        "securities": [_security(one) for one in state.securities],
    }


def _milestone(one: Milestone) -> dict[str, Any]:
    plain = one.model_dump(
        mode="json",
        include={
            "id", "stage", "title", "after", "needs", "gate", "pays", "begins_on", "baseline_on",
            "plan_on", "forecast_on", "actual_on", "critical", "slippage",
        },
    )  # fmt: skip
    papers = [{"name": given.paper.name, "sha256": given.paper.sha256} for given in one.evidence]
    return {
        **plain, "missing": list(one.missing), "evidence": papers, "gate_open": one.gate_open,
    }  # fmt: skip


def _security(one: Security) -> dict[str, Any]:
    return one.model_dump(
        mode="json",
        include={"id", "kind", "title", "issuer", "amount_fen", "until", "ended", "lapsed"},
    )
