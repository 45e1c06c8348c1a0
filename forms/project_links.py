"""A link to a project from a page that is about something else."""

from __future__ import annotations

from urllib.parse import quote

from forms.visit import Visit


async def project_url(visit: Visit, project: str) -> str:
    """Return the address of a project's page; empty where the reader may not open it."""
    lists = await visit.ask(visit.ports.access.may, visit.actor, "list", "project")
    if not lists.allowed:
        return ""
    shown = await visit.ask(visit.ports.projects.project, visit.actor, project)
    return f"/projects/{quote(project)}" if shown is not None else ""
