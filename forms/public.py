"""Pages that need no sign-in: where a case stands, whether a document is ours, is the web alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from cases.views import Granted, PublicStatus
from forms.disclosure_ports import Shown
from forms.fields import Field, Form, Wrong
from forms.lists import page_numbers
from forms.reader_ports import VerifiedDocument
from forms.rendering import Page
from forms.showing import show
from forms.status_code import status_code
from forms.visit import Visit
from forms.whats_next import OnTheWay, after, way_of
from forms.words import N_


@dataclass(frozen=True)
class StatusPage(Page):
    """Where a case stands, for whoever holds its number and code."""

    template: ClassVar[str] = "status.html"

    form: Annotated[Form, "Number and code."]
    found: Annotated[PublicStatus | None, "The case, once both fit."]
    way: Annotated[tuple[OnTheWay, ...], "The steps, and where the case is."]
    after: Annotated[str, "What comes next."]
    code_image: Annotated[str, "The address of this very page as a QR code, as SVG."]


@dataclass(frozen=True)
class VerifyPage(Page):
    """Whether a document with a printed code was issued here."""

    template: ClassVar[str] = "verify.html"

    form: Annotated[Form, "The code."]
    found: Annotated[VerifiedDocument | None, "The document, once the code fits."]


@dataclass(frozen=True)
class GrantedPage(Page):
    """The licences granted and in force, for everybody."""

    template: ClassVar[str] = "granted.html"

    granted: Annotated[Granted, "The page of decisions."]
    departments: Annotated[Mapping[str, str], "Code of a department → its name."]
    article: Annotated[str, "The article that makes them public."]
    pages: Annotated[tuple[int, ...], "Page numbers to link; 0 stands for a gap."]
    links: Annotated[Mapping[str, str], "Name of a link → its address."]


async def status(visit: Visit) -> Response:
    """GET shows the form, POST the answer: number and code stay out of addresses and logs."""
    if visit.request.method != "POST":
        return await _status(visit, "", "")
    return await _status(visit, visit.text("case_no"), visit.text("code"))


async def scanned(visit: Visit) -> Response:
    """The same for who scanned the QR code of a case; like the paper it stands on, it is to be
    given to nobody who should not know."""
    given = visit.request.path_params
    return await _status(visit, given["case_no"][:64], given["code"][:64])


async def _status(visit: Visit, case_no: str, code: str) -> Response:
    say = visit.say
    fields = (
        Field("case_no", say(N_("办件编号")), max_length=64),
        Field("code", say(N_("查询码")), hint=say(N_("印在收件凭证上")), max_length=64),
    )
    title = say(N_("办件进度查询"))
    if visit.request.method != "POST" and not case_no:
        return await show(visit, StatusPage(title, Form(fields), None, (), "", ""))
    visit.slow_down("questions")
    typed = {"case_no": case_no, "code": code}
    form = Form(tuple(replace(f, values=(typed[f.name],)) for f in fields))
    found = await visit.ask(visit.ports.reader.public_status, case_no, code)
    if found is None:
        sentence = say(N_("编号与查询码不符，请核对收件凭证"))
        form = replace(form, errors=(Wrong(sentence, form.fields[0].id),))
        return await show(visit, StatusPage(title, form, None, (), "", ""), 422)
    facts = await visit.ask(visit.ports.reader.find, found.case_no)
    visit.seen = Shown("read", "case", facts.id if facts else "-")
    image = status_code(visit, found.case_no, code.strip().upper())
    page = StatusPage(title, form, found, way_of(found, say), after(found, say), image)
    return await show(visit, page)


async def verify(visit: Visit) -> Response:
    """The address printed on a document is /verify/<code>; by hand the code is typed."""
    say = visit.say
    given = visit.request.path_params.get("code") or visit.request.query_params.get("code", "")
    code = given.strip()
    field = Field("code", say(N_("验证码")), hint=say(N_("印在文书末页")), max_length=64)
    title = say(N_("文书真伪查验"))
    if not code:
        return await show(visit, VerifyPage(title, Form((field,)), None))
    visit.slow_down("questions")
    form = Form((replace(field, values=(code[:64],)),))
    found = await visit.ask(visit.ports.reader.verify, code[:64])
    if found is None:
        sentence = say(N_("没有这个验证码的文书"))
        form = replace(form, errors=(Wrong(sentence, field.id),))
    return await show(visit, VerifyPage(title, form, found), 200 if found else 422)


async def granted(visit: Visit) -> Response:
    """The licences granted and in force: the public has the right to read them (第四十条)."""
    visit.slow_down("questions")
    number = visit.request.query_params.get("page", "")
    page = int(number) if number.isdecimal() and len(number) < 9 else 1
    found = await visit.ask(visit.ports.reader.granted, visit.ports.catalogue.licences(), page)
    numbers = tuple(page_numbers(found.page, found.pages))
    return await show(
        visit,
        GrantedPage(
            title=visit.say(N_("准予许可决定公开")),
            granted=found,
            departments=visit.ports.catalogue.departments(visit.language),
            article=visit.ports.catalogue.cited("XKF-40"),
            pages=numbers,
            links={f"page:{n}": "/granted?" + urlencode({"page": n}) for n in numbers if n},
        ),
    )


async def alive(_visit: Visit) -> Response:
    """200 when pages can be shown; whether the other parts live is told by `yichuang status`."""
    return JSONResponse({"status": "ok"})
