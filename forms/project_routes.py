"""The routes of projects and of the leading group's dashboard."""

from __future__ import annotations

from starlette.routing import BaseRoute

from cases.projects.performing_messages import OBJECT, READ
from forms import (
    dashboard,
    performance,
    performance_acting,
    project,
    project_acting,
    project_list,
    project_sheet,
)
from forms.disclosure_ports import Shown
from forms.guard import page
from forms.project_rest import list_projects, order_project, read_project
from forms.rest import service_route


def project_routes(files: int) -> list[BaseRoute]:
    """Return them. `files`: bytes of a post that may carry files."""
    post = ("POST",)
    listed, read = Shown("list", "project"), Shown("read", "project")
    taken_out = Shown("export", "project")
    return [
        page("/dashboard", dashboard.dashboard, act="list", thing="project", shows=listed),
        page(
            "/dashboard/report",
            dashboard.report,
            act="list",
            thing="project",
            rate="export",
        ),
        page("/projects", project_list.listing, act="list", thing="project", shows=listed),
        page(
            "/projects.xlsx",
            project_list.exported,
            act="list",
            thing="project",
            shows=taken_out,
            rate="export",
        ),
        page("/projects/new", project_acting.new, act="establish", thing="project"),
        page(
            "/projects/new",
            project_acting.establish,
            act="establish",
            thing="project",
            methods=post,
        ),
        page("/projects/{project}", project.project, act="list", thing="project", shows=read),
        page(
            "/projects/{project}/milestones.xlsx",
            project_sheet.exported,
            act="list",
            thing="project",
            shows=taken_out,
            rate="export",
        ),
        page(
            "/projects/{project}/papers/{upload}",
            project_acting.paper,
            act="list",
            thing="project",
            rate="export",
        ),
        page(
            "/projects/{project}/do/{verb}",
            project_acting.act_page,
            act="list",
            thing="project",
            shows=read,
        ),
        page(
            "/projects/{project}/do/{verb}",
            project_acting.do,
            act="list",
            thing="project",
            shows=read,
            methods=post,
            body=files,
        ),
        *_of_performance(files),
        service_route("/projects", list_projects, "GET"),
        service_route("/projects/{project}", read_project, "GET"),
        service_route("/projects/{project}/commands/{verb}", order_project, "POST"),
    ]


def _of_performance(files: int) -> list[BaseRoute]:
    root, shown = "/projects/{project}/performance", Shown("read", OBJECT)
    return [
        page(root, performance.performance, act=READ, thing=OBJECT, shows=shown),
        page(
            f"{root}/files/{{upload}}",
            performance_acting.paper,
            act=READ,
            thing=OBJECT,
            rate="export",
        ),
        page(f"{root}/{{verb}}", performance_acting.act_page, act=READ, thing=OBJECT, shows=shown),
        page(
            f"{root}/{{verb}}",
            performance_acting.do,
            act=READ,
            thing=OBJECT,
            shows=shown,
            methods=("POST",),
            body=files,
        ),
    ]
