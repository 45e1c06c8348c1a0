"""报告突发事件: what a call-taker or the duty officer types becomes a signal, like any other.

The form's own id is the signal's: posted twice, it is one report. Who called is sealed with the
signal and goes at the incident's end (突发事件应对法第八十五条).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from cases.incidents.place import Place
from cases.incidents.signal import Reporter, Signal
from cases.reception import NotNow
from catalogue.incident_types import DOMAIN_TITLES, IncidentType
from forms.alarms import LEVELS
from forms.fields import Field, Form, Option
from forms.intake_ports import SignalFate
from forms.open311 import DEGREES
from forms.rendering import Page
from forms.showing import show
from forms.signals import STATES
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

CHANNELS: Final[Mapping[str, str]] = {
    "hotline": N_("12345 热线"),
    "linked": N_("110、119、120 联动"),
    "patrol": N_("巡查、网格员"),
    "duty": N_("值班员直报"),
    "other": N_("其他"),
}
"""How the report came; second word of the signal's source."""
COMMAND: Final = re.compile(r"[0-9a-f-]{36}")
LATEST: Final = timedelta(days=30)
"""As late as signals are taken (yichuang/signals/reading.py)."""


@dataclass(frozen=True)
class IntakePage(Page):
    """The form of a report, and what became of the last one."""

    template: ClassVar[str] = "intake.html"

    form: Annotated[Form, "What happened, where, who says so."]
    what: Annotated[tuple[Field, ...], "Fields of what happened."]
    where: Annotated[tuple[Field, ...], "Fields of where."]
    caller: Annotated[tuple[Field, ...], "Fields of who calls."]
    command: Annotated[str, "Id of the report: posted again, it is the same one."]
    taken: Annotated[str, "Id of the report that was taken just now; empty: none."]
    fate: Annotated[SignalFate | None, "What became of it; None: not known yet."]
    words: Annotated[Mapping[str, str], "State of a signal → word."]


async def new(visit: Visit) -> Response:
    """The empty form; with `taken` in the address, what became of that report."""
    taken = visit.request.query_params.get("taken", "")
    taken = taken if COMMAND.fullmatch(taken) else ""
    found: Sequence[SignalFate] = ()
    if taken:
        found = await visit.ask(visit.ports.intake.fates, taken)
    page = _page(visit, str(uuid4()), _fields(visit))
    return await show(visit, replace(page, taken=taken, fate=found[-1] if found else None))


async def report(visit: Visit) -> Response:
    """Hand the report in as a signal; what cannot be taken comes back beside its field."""
    command = visit.text("command")
    if not COMMAND.fullmatch(command):
        raise Stop(400, visit.say(N_("表单不完整，请重新打开页面")), "no_command")
    typed = [field.filled(visit.texts()) for field in _fields(visit)]
    page = _page(visit, command, typed)
    wrong: dict[str, str] = {}
    signal = _signal(visit, command, wrong)
    if signal is None:
        return await _again(visit, page, wrong)
    try:
        receipt = await visit.ports.intake.submit(signal)
    except NotNow:
        said = visit.say(N_("信号暂时收不下，请稍候再按一次“报告”；所填内容都在"))
        return await _again(visit, page, {"title": said}, 503)
    return RedirectResponse(f"/incidents/new?taken={receipt.id}", 303)


async def _again(
    visit: Visit, page: IntakePage, wrong: Mapping[str, str], status: int = 422
) -> Response:
    form = page.form.with_errors(wrong)
    return await show(visit, _page(visit, page.command, form.fields, form), status)


def _page(
    visit: Visit, command: str, fields: Sequence[Field], form: Form | None = None
) -> IntakePage:
    groups = {name: tuple(f for f in fields if f.group == name) for name in ("", "where", "who")}
    return IntakePage(
        title=visit.say(N_("报告突发事件")),
        form=form or Form(tuple(fields)),
        what=groups[""],
        where=groups["where"],
        caller=groups["who"],
        command=command,
        taken="",
        fate=None,
        words={state: visit.say(word) for state, word in STATES.items()},
    )


def _fields(visit: Visit) -> list[Field]:
    say, english = visit.say, visit.language == "en"
    order = list(DOMAIN_TITLES)
    types = sorted(visit.ports.intake.types().types, key=lambda one: order.index(one.domain))
    grid = visit.ports.intake.grid()
    none = Option("", say(N_("不知道")))
    districts = {one.code: one.name_en if english else one.name for one in grid.districts}
    cells = tuple(
        Option(one.id, f"{districts[one.district]} · {one.named(english)}") for one in grid.cells
    )
    now = datetime.now(visit.zone)
    levels = tuple(Option(code, say(word)) for code, word in LEVELS.items() if code)
    return [
        Field("channel", say(N_("来路")), "select", values=("hotline",),
              options=tuple(Option(code, say(word)) for code, word in CHANNELS.items())),
        Field("type", say(N_("类型")), "select",
              options=(Option("", say(N_("请选择"))), *(_option(one, english) for one in types))),
        Field("level", say(N_("来报级别")), "select", required=False,
              options=(Option("", say(N_("按类型"))), *levels)),
        Field("occurred_at", say(N_("发生时刻")), "moment", values=(f"{now:%Y-%m-%dT%H:%M}",)),
        Field("title", say(N_("一句话")), max_length=200, double=True),
        Field("text", say(N_("详情")), "textarea", required=False, max_length=1000, wide=True),
        Field("address", say(N_("地址")), required=False, max_length=1000, double=True,
              group="where", hint=say(N_("地址、网格、经纬度至少写一个"))),
        Field("cell", say(N_("网格")), "select", required=False, options=(none, *cells),
              group="where"),
        Field("lon", say(N_("经度")), required=False, max_length=16, group="where"),
        Field("lat", say(N_("纬度")), required=False, max_length=16, group="where"),
        Field("name", say(N_("来电人")), required=False, max_length=200, group="who",
              personal=True),
        Field("phone", say(N_("电话")), required=False, max_length=40, group="who", personal=True),
    ]  # fmt: skip


def _option(one: IncidentType, english: bool) -> Option:
    return Option(one.code, one.english if english else f"{DOMAIN_TITLES[one.domain]} · {one.name}")


def _signal(visit: Visit, command: str, wrong: dict[str, str]) -> Signal | None:
    """Return the signal; None when something is wrong, which `wrong` then says."""
    say, said = visit.say, visit.text
    kind = visit.ports.intake.types().by_code.get(said("type"))
    if kind is None:
        wrong["type"] = say(N_("请选择类型"))
    if said("channel") not in CHANNELS:
        wrong["channel"] = say(N_("请选择来路"))
    at = _moment(visit, wrong)
    place = _place(visit, wrong)
    if not said("title").strip():
        wrong["title"] = say(N_("请用一句话写明发生了什么"))
    if wrong or kind is None or at is None or place is None:
        return None
    caller = Reporter(name=said("name").strip()[:200], phone=said("phone").strip()[:40])
    try:
        return Signal.model_validate(
            {
                "id": command, "source": f"page/{said('channel')}", "type": kind.code,
                "level": said("level"), "title": said("title"), "text": said("text"),
                "place": place, "occurred_at": at,
                "reporter": None if caller == Reporter() else caller,
            }
        )  # fmt: skip
    except ValidationError as faults:
        first = str(faults.errors(include_url=False, include_input=False)[0]["loc"][0])
        wrong[first] = say(N_("填写有误"))
        return None


def _moment(visit: Visit, wrong: dict[str, str]) -> datetime | None:
    try:
        at = datetime.fromisoformat(visit.text("occurred_at"))
    except ValueError:
        wrong["occurred_at"] = visit.say(N_("请填写日期和时刻"))
        return None
    at, now = at.replace(tzinfo=visit.zone), datetime.now(visit.zone)
    if not now - LATEST <= at <= now + timedelta(minutes=1):
        wrong["occurred_at"] = visit.say(N_("发生时刻不得在将来，也不得早于三十日"))
        return None
    return at


def _place(visit: Visit, wrong: dict[str, str]) -> Place | None:
    say, grid = visit.say, visit.ports.intake.grid()
    address, cell = visit.text("address").strip(), grid.cell_by_id.get(visit.text("cell"))
    lon, lat = visit.text("lon").strip(), visit.text("lat").strip()
    if lon or lat:
        if not (re.fullmatch(DEGREES, lon) and re.fullmatch(DEGREES, lat)):
            wrong["lon"] = say(N_("经纬度应是 WGS-84 度数，两个都要写"))
            return None
        cell = grid.cell_at(float(lon), float(lat))
        if cell is None:
            wrong["lon"] = say(N_("这个点不在本市"))
            return None
        return Place(
            lon=float(lon), lat=float(lat), address=address, district=cell.district, cell=cell.id
        )
    if cell is not None:
        lon_of, lat_of = cell.centre
        return Place(
            lon=round(lon_of, 6), lat=round(lat_of, 6), address=address, district=cell.district,
            cell=cell.id,
        )  # fmt: skip
    if not address:
        wrong["address"] = say(N_("请写明地点：地址、网格或者经纬度"))
        return None
    return Place(address=address)
