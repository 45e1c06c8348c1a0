"""The files of a case: documents issued, materials handed in; an entry before each leaves."""

from __future__ import annotations

from uuid import uuid4

from starlette.responses import Response

from cases.masking import is_erased
from forms.case import download, facts_of, view_of
from forms.case_papers import printing
from forms.reader_ports import File
from forms.showing import not_found
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_


async def document(visit: Visit) -> Response:
    """Hand out a document of the case, to be kept."""
    return download(await handed_out(visit))


async def handed_out(visit: Visit) -> File:
    """Return a document of the case in the path, once its reading was recorded."""
    facts = await facts_of(visit, "read")
    wanted = visit.request.path_params["document"]
    view = await view_of(visit, facts)
    act = next((printing(d.kind) for d in view.documents if d.id == wanted), "print")
    await visit.demand(act, facts)
    found: File | None = await visit.ask(visit.ports.reader.document, visit.actor, facts.id, wanted)
    if found is None and is_erased(view.applicant):
        raise Stop(410, visit.say(N_("已依法删除")), "erased")
    if found is None:
        raise not_found(visit)
    await visit.ask(
        visit.ports.disclosures.record, visit.who, visit.where, "print", facts.id, wanted,
        str(uuid4()),
    )  # fmt: skip
    return found


HELD = {
    "waiting": N_("这份文件正在检查，检查通过后才能打开，请稍后再试"),
    "infected": N_("这份文件经检查含恶意内容，已隔离，不能打开；请通知申请人另交一份"),
}
"""Why nobody gets a file that is held, by `Uploads.held`."""


async def material(visit: Visit) -> Response:
    """Hand out a file that was handed in; it may show personal data, so it is recorded first."""
    facts = await facts_of(visit, "read_personal")
    view = await view_of(visit, facts)
    wanted = visit.request.path_params["upload"]
    if not any(f.upload == wanted for m in view.materials for f in m.handed_in):
        raise not_found(visit)
    found = await visit.ask(visit.ports.uploads.read, wanted, facts.id)
    if found is None:
        if is_erased(view.applicant):
            raise Stop(410, visit.say(N_("已依法删除")), "erased")
        held = await visit.ask(visit.ports.uploads.held, wanted, facts.id)
        if held:
            raise Stop(423, visit.say(HELD[held]), f"held_{held}")
        raise not_found(visit)
    await visit.ask(
        visit.ports.disclosures.record, visit.who, visit.where, "read_personal", facts.id, wanted,
        str(uuid4()),
    )  # fmt: skip
    return download(found)
