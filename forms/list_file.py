"""A worklist as a file: what is on the page, masked as it is, with its label and who took it."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from urllib.parse import quote

from starlette.responses import Response

from cases.views import CaseRow, Worklist, WorklistQuery
from forms.lists import query_of
from forms.rendering import tally
from forms.visit import Visit
from forms.words import N_, word

MOST = 2_000
"""Lines of one file. Who needs the whole register asks the operator; a day's exports of 5,000 lines
are an anomaly of the access pack."""

HEAD = (
    N_("办件编号"), N_("事项"), N_("申请人"), N_("阶段"), N_("部门"), N_("收件时间"),
    N_("到期时间"),
)  # fmt: skip

_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


async def listed(visit: Visit) -> Response:
    """Hand out the list whose filters stand in the address; the entry says how many and which."""
    await visit.demand("list", "case")
    scope = visit.request.query_params.get("scope", "all")
    return await handed_out(visit, query_of(visit, scope if scope in ("mine", "team") else "all"))


async def handed_out(visit: Visit, query: WorklistQuery) -> Response:
    """Return the file of a list; its entry says how many lines and by which filters."""
    found, level, compartments = await visit.ask(
        visit.ports.reader.export, visit.actor, query, MOST
    )
    visit.saw(id=filters_of(query), lines=len(found.rows))
    label = visit.say(N_("敏感标记 {n} 级")).format(n=level) + (
        f"（{compartments.replace('|', '、')}）" if compartments else ""
    )
    text = _csv(visit, found, label)
    # With a byte order mark: spreadsheets of the office take the file for GBK otherwise.
    response = Response("\ufeff" + text, media_type="text/csv; charset=utf-8")
    name = quote(f"{label} {visit.say(N_('办件列表'))}.csv", safe="")
    response.headers["content-disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


def filters_of(query: WorklistQuery) -> str:
    """Return the filters as the log may name them: never the words that were searched for, which
    may be somebody's name."""
    said = query.model_dump(
        exclude_defaults=True, exclude={"text", "page", "size", "numbers", "exact"}
    )
    parts = [f"{name}={value}" for name, value in sorted(said.items())]
    chosen = ["text"] if query.text else []
    chosen += ["numbers"] if query.numbers else []
    return "&".join([*parts, *chosen])[:200] or "-"


def _csv(visit: Visit, found: Worklist, label: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    at = datetime.now(visit.zone).strftime("%Y-%m-%d %H:%M")
    by = f"{visit.who.name} {visit.actor.id}"
    took = visit.say(N_("{who} 于 {at} 导出，共 {n} 行（全部 {all} 行）")).format(
        who=by, at=at, n=len(found.rows), all=tally(found.total, found.counted_to)
    )
    # The label and the taker stand in the file itself, at both ends: a copy keeps them.
    writer.writerow([label, took])
    writer.writerow([visit.say(one) for one in HEAD])
    names = visit.ports.catalogue.departments(visit.language)
    for row in found.rows:
        writer.writerow(
            [safe_cell(one) for one in _line(visit, row, names.get(row.department, ""))]
        )
    writer.writerow([label, took])
    return out.getvalue()


def _line(visit: Visit, row: CaseRow, department: str) -> list[str]:
    def told(at: datetime | None) -> str:
        return at.astimezone(visit.zone).strftime("%Y-%m-%d %H:%M") if at else ""

    return [
        row.case_no, row.matter_name, row.applicant, visit.say(word("stage", row.stage)),
        department or row.department, told(row.received_at), told(row.due_at),
    ]  # fmt: skip


def safe_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_BEGINS_FORMULA) else text
