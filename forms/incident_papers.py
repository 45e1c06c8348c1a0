"""An incident's papers, handed out as PDF: the brief, the report, the announcement, 信息报告."""

from __future__ import annotations

from starlette.responses import Response

from forms.case import download
from forms.incident_paper_ports import PAPERS, NothingToPrint
from forms.showing import not_found
from forms.stops import Stop
from forms.visit import Visit

MOST_CHAIN = 40
"""Characters of a link of a reporting chain."""


async def paper(visit: Visit) -> Response:
    """Hand out one paper as it stands now; whoever may not read the incident learns nothing."""
    wanted = visit.request.path_params["kind"]
    incident = visit.request.path_params["incident"]
    kind = next((one for one in PAPERS if one == wanted), None)
    if kind is None:
        return await _kept(visit, incident, wanted)
    thing = await visit.ask(visit.ports.incident_papers.thing, incident)
    if thing is None:
        raise not_found(visit)
    if not (await visit.ask(visit.ports.access.may, visit.actor, "read", thing)).allowed:
        raise not_found(visit, ("read", thing))
    await visit.demand("print", thing)
    chain = visit.request.query_params.get("chain", "")[:MOST_CHAIN]
    may = visit.ports.access.may
    typed = (await visit.ask(may, visit.actor, "read_personal", thing)).allowed
    try:
        found = await visit.ask(
            visit.ports.incident_papers.paper, visit.who, visit.where, incident, kind, chain, typed
        )
    except NothingToPrint as nothing:
        raise Stop(404, str(nothing), "nothing_to_print") from nothing
    return download(found)


async def _kept(visit: Visit, incident: str, wanted: str) -> Response:
    """Hand out a paper as it was issued, sent or filed; what people typed stands in all of them but
    an announcement, which is for everybody."""
    thing = await visit.ask(visit.ports.incident_papers.thing, incident)
    if thing is None:
        raise not_found(visit)
    if not (await visit.ask(visit.ports.access.may, visit.actor, "read", thing)).allowed:
        raise not_found(visit, ("read", thing))
    await visit.demand("print", thing)
    kept = await visit.ask(visit.ports.incident_papers.kept, visit.actor, incident)
    one = next((one for one in kept if one.id == wanted), None)
    if one is None:
        raise not_found(visit)
    if one.kind != "announcement":
        await visit.demand("read_personal", thing)
    try:
        found = await visit.ask(
            visit.ports.incident_papers.kept_file, visit.who, visit.where, incident, wanted
        )
    except NothingToPrint as nothing:
        raise Stop(404, str(nothing), "nothing_to_print") from nothing
    return download(found)
