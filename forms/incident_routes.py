"""The routes of incidents: board, one incident, its orders, its papers, who is sent."""

from __future__ import annotations

from starlette.routing import BaseRoute

from forms import (
    incident,
    incident_acting,
    incident_board,
    incident_papers,
    incident_stream,
    intake,
    responsibility,
)
from forms.disclosure_ports import Shown
from forms.guard import page


def incident_routes(files: int) -> list[BaseRoute]:
    """Return them. `files`: bytes that a post of files may have."""
    post = ("POST",)
    return [
        page(
            "/incidents/{incident}/papers/{kind}",
            incident_papers.paper,
            act="print",
            thing="incident",
            rate="export",
        ),
        page("/responsibility", responsibility.responsibility, act="list", thing="incident"),
        page(
            "/incidents",
            incident_board.board,
            act="list",
            thing="incident",
            shows=Shown("list", "incident"),
        ),
        page("/incidents/new", intake.new, act="report", thing="incident"),
        page("/incidents/new", intake.report, act="report", thing="incident", methods=post),
        page(
            "/incidents/changes",
            incident_stream.changes,
            act="list",
            thing="incident",
            shows=Shown("list", "incident"),
            quiet=True,
        ),
        page(
            "/incidents/unit",
            incident_board.unit,
            act="list",
            thing="incident",
            shows=Shown("list", "incident"),
        ),
        page(
            "/incidents/unit/changes",
            incident_stream.unit_changes,
            act="list",
            thing="incident",
            shows=Shown("list", "incident"),
            quiet=True,
        ),
        page(
            "/incidents/{incident}",
            incident.incident,
            act="list",
            thing="incident",
            shows=Shown("read", "incident"),
        ),
        page(
            "/incidents/{incident}/changes",
            incident_stream.one_changes,
            act="list",
            thing="incident",
            shows=Shown("read", "incident"),
            quiet=True,
        ),
        page(
            "/incidents/{incident}/files/{upload}",
            incident.file,
            act="list",
            thing="incident",
            rate="export",
        ),
        page(
            "/incidents/{incident}/do/{verb}",
            incident_acting.act_page,
            act="list",
            thing="incident",
            shows=Shown("read", "incident"),
        ),
        page(
            "/incidents/{incident}/do/{verb}",
            incident_acting.do,
            act="list",
            thing="incident",
            methods=post,
            body=files,
            shows=Shown("read", "incident"),
        ),
    ]
