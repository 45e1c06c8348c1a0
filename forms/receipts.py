"""Receipts of the log: handed out to whoever may have them, and the page that checks them."""

from __future__ import annotations

from starlette.responses import Response

from forms.access_ports import Thing
from forms.case import download, facts_of, view_of
from forms.reader_ports import File
from forms.receipt_page import VerifierPage, verifier_page
from forms.showing import not_found
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

PAGE = "yichuang-verify.html"
PROGRAM = "yichuang_verify.py"
POLICY = "log.policy"


async def verifier(visit: Visit) -> Response:
    """The page that checks receipts, with one script of its own and no other in the house."""
    page = await _page(visit)
    response = Response(page.content, media_type="text/html; charset=utf-8")
    response.headers["content-security-policy"] = page.content_policy
    return response


async def download_file(visit: Visit) -> Response:
    """The same page to keep, the program that is one file, and the city's policy of trust."""
    name = visit.request.path_params["file"]
    receipts = visit.ports.receipts
    if name == PAGE:
        return download(File(name, "text/html; charset=utf-8", (await _page(visit)).content))
    if name == PROGRAM:
        return download(File(name, "text/x-python", await visit.ask(receipts.program)))
    if name == POLICY:
        policy: str = await visit.ask(receipts.policy)
        return download(File(name, "text/plain; charset=utf-8", policy.encode()))
    raise not_found(visit)


async def own(visit: Visit) -> Response:
    """Hand the receipt to whoever holds number and code."""
    visit.slow_down("questions")
    reader = visit.ports.reader
    number = visit.text("case_no")
    found = await visit.ask(reader.public_status, number, visit.text("code"))
    facts = await visit.ask(reader.find, number) if found is not None else None
    if facts is None:
        raise Stop(422, visit.say(N_("编号与查询码不符，请核对收件凭证")), "wrong_code")
    return await _handed_out(visit, facts.id)


async def of_case(visit: Visit) -> Response:
    """Hand the receipt to the clerk, for the applicant."""
    facts = await facts_of(visit, "print")
    return await _handed_out(visit, facts.id)


async def of_step(visit: Visit) -> Response:
    """Hand out the receipt of one step of a case: what proves that it stands in the log."""
    facts = await facts_of(visit, "print")
    view = await view_of(visit, facts)
    seq = visit.request.path_params["seq"]
    entry = next((item.entry for item in view.timeline if str(item.seq) == seq), "")
    if not entry:
        raise not_found(visit)
    thing = Thing("case", facts.id)
    receipts = visit.ports.receipts
    file = await visit.ask(receipts.of_entry, visit.actor, visit.where, thing, entry)
    if file is None:
        raise Stop(409, visit.say(N_("这一步还没有写入日志，请过几秒再试")), "not_yet")
    return download(file)


async def _handed_out(visit: Visit, case_id: str) -> Response:
    paper = visit.text("as") != "file"
    receipts = visit.ports.receipts
    found = await visit.ask(receipts.of_case, visit.known, visit.where, case_id, paper)
    if found is None:
        raise not_found(visit)
    return download(found)


async def _page(visit: Visit) -> VerifierPage:
    policy = await visit.ask(visit.ports.receipts.policy)
    return verifier_page(visit.options.city_name, policy)
