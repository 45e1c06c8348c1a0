"""Links to a project or an incident from a page that is about something else: for those alone who
may open it."""

from __future__ import annotations

from urllib.parse import quote

from forms.incident import thing_of as incident_thing
from forms.project import thing_of as project_thing
from forms.visit import Visit


async def project_url(visit: Visit, project: str) -> str:
    """Return the address of a project's page; empty where the reader may not open it."""
    state = await visit.ask(visit.ports.projects.known, project)
    if state is None:
        return ""
    may = await visit.ask(visit.ports.access.may, visit.actor, "read", project_thing(state))
    return f"/projects/{quote(project)}" if may.allowed else ""


async def incident_url(visit: Visit, incident: str) -> str:
    """Return the address of an incident's page; empty where the reader may not open it."""
    state = await visit.ask(visit.ports.incidents.known, incident)
    if state is None:
        return ""
    may = await visit.ask(visit.ports.access.may, visit.actor, "read", incident_thing(state))
    return f"/incidents/{quote(incident)}" if may.allowed else ""
