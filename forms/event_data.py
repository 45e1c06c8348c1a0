"""The casework of the log as a file for process mining: OCEL 2.0 or XES, over what one may list.

Nobody is named in it (docs/process.md). The file's entry, with its digest, is committed before the
first byte leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from cases.months import NoMonth
from forms.board_query import board_query, months_offered
from forms.fields import Option
from forms.oversight import address
from forms.process_ports import EventDataAsked, EventDataRefused
from forms.rendering import Page
from forms.showing import show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

FORMS: Final = {
    "ocel": ("json", "application/json", N_("OCEL 2.0（JSON）")),
    "ocel-sqlite": ("sqlite", "application/vnd.sqlite3", N_("OCEL 2.0（SQLite）")),
    "xes": ("xes", "application/xml", N_("XES（IEEE 1849-2016）")),
}
"""Form → end of the file's name, media type, words."""

TRACES: Final = {
    "case": N_("办件"),
    "incident": N_("突发事件"),
    "project": N_("项目"),
    "payment": N_("付费申请"),
}
"""Of what XES makes its traces."""

REFUSED: Final = {
    "unsigned": N_("日志还没有签名的树头，一分钟后再试"),
    "tampered": N_("没有导出：日志与签名的不符，请立即告诉审计管理员"),
    "busy": N_("正在导出另一份，请稍后再试"),
}


@dataclass(frozen=True)
class EventDataPage(Page):
    """What may be taken away, and what is in it."""

    template: ClassVar[str] = "event_data.html"

    first: Annotated[str, "First month."]
    last: Annotated[str, "Last month."]
    months: Annotated[tuple[str, ...], "Months to choose from, the newest first."]
    forms: Annotated[tuple[Option, ...], "Forms to choose from."]
    traces: Annotated[tuple[Option, ...], "What a trace of XES is of."]
    back: Annotated[str, "Address of the map."]


async def choose(visit: Visit) -> Response:
    """What may be taken away, and of which months."""
    query = board_query(visit)
    page = EventDataPage(
        title=visit.say(N_("导出办事经过")),
        first=query.first,
        last=query.last,
        months=tuple(months_offered(visit)),
        forms=tuple(Option(code, visit.say(words)) for code, (_, _, words) in FORMS.items()),
        traces=tuple(Option(code, visit.say(words)) for code, words in TRACES.items()),
        back=address("/process", **{"from": query.first, "until": query.last}),
    )
    return await show(visit, page)


async def take(visit: Visit) -> Response:
    """One file; made anew, its entry first."""
    form, of = visit.request.path_params["form"], visit.request.query_params.get("of", "case")
    if form not in FORMS or of not in TRACES:
        raise Stop(404, visit.say(N_("没有这种格式，请选 OCEL 或 XES")), "no_form")
    query = board_query(visit)
    asked = EventDataAsked(form, query.first, query.last, of)
    try:
        made = await visit.ask(visit.ports.process.event_data, visit.who, visit.where, asked)
    except NoMonth as wrong:
        raise Stop(404, visit.told(str(wrong)), "no_month") from wrong
    except EventDataRefused as no:
        status = 503 if no.code == "busy" else 409
        raise Stop(status, visit.say(REFUSED[no.code]), no.code) from no
    visit.saw(lines=made.events)
    end, media_type, _ = FORMS[form]
    name = quote(f"办事经过-{query.first}-{query.last}.{end}", safe="")
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "content-security-policy": "sandbox; default-src 'none'",
        "repr-digest": f"sha-256=:{made.digest}:",
    }
    return FileResponse(
        made.path, media_type=media_type, headers=headers, background=BackgroundTask(made.discard)
    )
