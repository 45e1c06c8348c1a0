"""值班: who is on duty now, the week, laying a rota out, standing in, handing over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from cases.messages import Actor
from cases.rota import AHEAD_DAYS
from forms.access_ports import Thing
from forms.duty_ports import DutyOverview, DutyWeek, Laying, Person, ShownHandover, StandIn
from forms.fields import Field, Form, Option, Wrong
from forms.rendering import Page
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

OBJECT = "duty"
PART_WORDS = {"duty": N_("值班员"), "leader": N_("带班领导")}
REASON_WORDS = {
    "swap": N_("调班"),
    "leave": N_("请假"),
    "illness": N_("临时不能到岗"),
    "reinforce": N_("加强值守"),
}
HOURS = re.compile(r"([01]?\d|2[0-3])[:：]([0-5]\d)")
SPLIT = re.compile(r"[、，,；;\s]+")
WEEKDAYS = (N_("一"), N_("二"), N_("三"), N_("四"), N_("五"), N_("六"), N_("日"))


@dataclass(frozen=True)
class DutyPage(Page):
    """Who is on duty now, where nobody is, and what waits for the reader."""

    template: ClassVar[str] = "duty.html"

    overview: Annotated[DutyOverview, "Desks, holes, own turns, what is asked, hand-overs."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    parts: Annotated[Mapping[str, str], "Part → word."]
    reasons: Annotated[Mapping[str, str], "Reason for standing in → word."]
    ahead: Annotated[int, "Days ahead in which holes are shown."]
    planned: Annotated[tuple[str, ...], "Departments whose rota the reader may plan."]


@dataclass(frozen=True)
class DutyWeekPage(Page):
    """A department's week, with what its planner may do."""

    template: ClassVar[str] = "duty_week.html"

    week: Annotated[DutyWeek, "Seven days."]
    department: Annotated[str, "Name of the department."]
    parts: Annotated[Mapping[str, str], "Part → word."]
    reasons: Annotated[Mapping[str, str], "Reason for standing in → word."]
    weekdays: Annotated[tuple[str, ...], "Monday first."]
    before: Annotated[str, "Address of the week before."]
    after: Annotated[str, "Address of the week after."]
    plans: Annotated[bool, "The reader may plan this rota."]
    me: Annotated[str, "User id of the reader."]
    form: Annotated[Form | None, "Laying the rota out; None: the reader may not."]


@dataclass(frozen=True)
class DutyStandInPage(Page):
    """Asking somebody to stand in for a turn."""

    template: ClassVar[str] = "duty_stand_in.html"

    shift: Annotated[str, "Id of the turn."]
    department: Annotated[str, "Name of the department."]
    plans: Annotated[bool, "The reader plans this rota: it counts at once."]
    form: Annotated[Form, "Who, from when until when, why."]


@dataclass(frozen=True)
class HandOverPage(Page):
    """Telling the next shift."""

    template: ClassVar[str] = "duty_hand_over.html"

    code: Annotated[str, "Department."]
    department: Annotated[str, "Name of the department."]
    incidents: Annotated[Sequence[tuple[str, str, str]], "Id, number, stage of what is open."]
    form: Annotated[Form, "The note."]


@dataclass(frozen=True)
class HandoverPage(Page):
    """One hand-over."""

    template: ClassVar[str] = "duty_handover.html"

    one: Annotated[ShownHandover, "What was told, and who took over."]
    department: Annotated[str, "Name of the department."]
    fault: Annotated[str, "Why nothing was done; empty: nothing is wrong."]


def own(visit: Visit) -> Actor:
    """Return the person of the session, in whoever's name they act now."""
    return visit.who.own or visit.actor


def _words(visit: Visit, table: Mapping[str, str]) -> Mapping[str, str]:
    return {code: visit.say(words) for code, words in table.items()}


async def _may_plan(visit: Visit, department: str) -> bool:
    thing = Thing(OBJECT, "-", department=department)
    return (await visit.ask(visit.ports.access.may, visit.actor, "duty_plan", thing)).allowed


# --- now ---------------------------------------------------------------------------------------


async def overview(visit: Visit) -> Response:
    port = visit.ports.duty
    page = DutyPage(
        title=visit.say(N_("值班")),
        overview=await visit.ask(port.overview, own(visit)),
        departments=visit.ports.catalogue.departments(visit.language),
        parts=_words(visit, PART_WORDS),
        reasons=_words(visit, REASON_WORDS),
        ahead=AHEAD_DAYS,
        planned=tuple(await visit.ask(port.planned_by, visit.actor)),
    )
    return await show(visit, page)


# --- a week ------------------------------------------------------------------------------------


async def week(visit: Visit) -> Response:
    return await _week(visit, None)


async def _week(visit: Visit, form: Form | None, status: int = 200) -> Response:
    code = visit.request.path_params["department"]
    names = visit.ports.catalogue.departments(visit.language)
    if code not in names:
        raise not_found(visit)
    first = _monday(visit)
    plans = await _may_plan(visit, code)
    page = DutyWeekPage(
        title=visit.say(N_("值班表")),
        week=await visit.ask(visit.ports.duty.week, code, first),
        department=names[code],
        parts=_words(visit, PART_WORDS),
        reasons=_words(visit, REASON_WORDS),
        weekdays=tuple(visit.say(one) for one in WEEKDAYS),
        before=_address(code, first - timedelta(days=7)),
        after=_address(code, first + timedelta(days=7)),
        plans=plans,
        me=own(visit).id,
        form=(form or _laying_form(visit, first)) if plans else None,
    )
    return await show(visit, page, status)


def _monday(visit: Visit) -> date:
    asked = _day(visit.request.query_params.get("week", ""))
    day = asked or datetime.now(visit.zone).date()
    return day - timedelta(days=day.weekday())


def _address(code: str, first: date) -> str:
    return f"/duty/of/{code}?{urlencode({'week': first.isoformat()})}"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _laying_form(visit: Visit, first: date) -> Form:
    say = visit.say
    return Form(
        (
            Field("part", say(N_("岗位")), "select", values=("duty",), options=tuple(
                Option(code, say(words)) for code, words in PART_WORDS.items())),
            Field("first", say(N_("起日")), "date", values=(first.isoformat(),)),
            Field("last", say(N_("止日（含）")), "date",
                  values=((first + timedelta(days=6)).isoformat(),)),
            Field("hours", say(N_("每天的接班时刻")), values=("08:00 20:00",),
                  hint=say(N_("如 08:00 20:00：两班；只写 08:00：一班二十四小时")), max_length=80),
            Field("crews", say(N_("值班组")), "lines", wide=True, max_length=2000,
                  hint=say(N_("一行一组，按行轮流；同组的人写姓名或登录名，用顿号隔开"))),
            Field("rest_crews", say(N_("休息日、节假日的值班组")), "lines", required=False,
                  wide=True, max_length=2000,
                  hint=say(N_("按工作日历；不写则与平日相同。休息日各组自己轮流，不影响平日的次序"))),
        )
    )  # fmt: skip


async def lay_out(visit: Visit) -> Response:
    """Write the turns of a span of days; nothing, unless all of it can be."""
    code = visit.request.path_params["department"]
    await visit.demand("duty_plan", Thing(OBJECT, "-", department=code))
    form = _laying_form(visit, _monday(visit))
    typed = Form(tuple(field.filled(visit.texts()) for field in form.fields))
    read = _laying(visit, code, typed)
    if isinstance(read, Form):
        return await _week(visit, read, 422)
    faults = await visit.ask(visit.ports.duty.lay_out, own(visit), visit.where.ip, read)
    if faults:
        return await _week(
            visit, replace(typed, errors=tuple(Wrong(visit.told(one)) for one in faults)), 422
        )
    return RedirectResponse(_address(code, read.first - timedelta(days=read.first.weekday())), 303)


def _laying(visit: Visit, code: str, typed: Form) -> Laying | Form:
    say, text = visit.say, visit.text
    wrong = {
        field.name: say(N_("请填写“{label}”")).format(label=field.label)
        for field in typed.fields
        if field.required and not field.value.strip()
    }
    first, last = _day(text("first")), _day(text("last"))
    for name, found in (("first", first), ("last", last)):
        if found is None:
            wrong.setdefault(name, say(N_("请按 2026-11-22 的样子填写日期")))
    hours = _hours(text("hours"))
    if not hours:
        wrong.setdefault("hours", say(N_("请按 08:00 20:00 的样子填写时刻")))
    if text("part") not in PART_WORDS:
        wrong.setdefault("part", say(N_("请选择岗位")))
    if wrong or first is None or last is None:
        return typed.with_errors(wrong)
    return Laying(
        code, text("part"), first, last, hours, _crews(text("crews")), _crews(text("rest_crews"))
    )


def _hours(text: str) -> tuple[time, ...]:
    """Return the instants of a day, each once; empty where one cannot be read."""
    words = [word for word in SPLIT.split(text) if word]
    found = [HOURS.fullmatch(word) for word in words]
    if not found or None in found:
        return ()
    return tuple(sorted({time(int(one[1]), int(one[2])) for one in found if one}))


def _crews(text: str) -> tuple[tuple[str, ...], ...]:
    lines = ([word for word in SPLIT.split(line) if word] for line in text.splitlines())
    return tuple(tuple(dict.fromkeys(line)) for line in lines if line)


async def withdraw(visit: Visit) -> Response:
    """Take a turn back."""
    shift = visit.request.path_params["shift"]
    code = await visit.ask(visit.ports.duty.department_of, shift)
    if not code:
        raise not_found(visit)
    await visit.demand("duty_plan", Thing(OBJECT, shift, department=code))
    fault = await visit.ask(visit.ports.duty.withdraw, own(visit), visit.where.ip, shift)
    if fault:
        raise Stop(409, visit.told(fault), "rota")
    return RedirectResponse(_address(code, _monday(visit)), 303)


# --- standing in -------------------------------------------------------------------------------


async def stand_in_page(visit: Visit) -> Response:
    return await _stand_in(visit, None)


async def _stand_in(visit: Visit, form: Form | None, status: int = 200) -> Response:
    shift = visit.request.path_params["shift"]
    code = await visit.ask(visit.ports.duty.department_of, shift)
    if not code:
        raise not_found(visit)
    people = await visit.ask(visit.ports.duty.people, code)
    page = DutyStandInPage(
        title=visit.say(N_("顶班")),
        shift=shift,
        department=visit.ports.catalogue.departments(visit.language).get(code, code),
        plans=await _may_plan(visit, code),
        form=form or _stand_in_form(visit, people),
    )
    return await show(visit, page, status)


def _stand_in_form(visit: Visit, people: Sequence[Person]) -> Form:
    say, query = visit.say, visit.request.query_params
    return Form(
        (
            Field("person", say(N_("顶班人")), "select",
                  options=tuple(Option(one.id, one.name) for one in people)),
            Field("reason", say(N_("事由")), "select",
                  options=tuple(Option(code, say(words)) for code, words in REASON_WORDS.items())),
            Field("starts", say(N_("起")), "moment", values=(query.get("starts", ""),)),
            Field("ends", say(N_("止")), "moment", values=(query.get("ends", ""),)),
        )
    )  # fmt: skip


async def stand_in(visit: Visit) -> Response:
    """Ask somebody to stand in; who plans the rota decides it."""
    shift = visit.request.path_params["shift"]
    port = visit.ports.duty
    code = await visit.ask(port.department_of, shift)
    if not code:
        raise not_found(visit)
    form = _stand_in_form(visit, await visit.ask(port.people, code))
    typed = Form(tuple(field.filled(visit.texts()) for field in form.fields))
    starts, ends = _moment(visit, "starts"), _moment(visit, "ends")
    wrong = {
        field.name: visit.say(N_("请填写“{label}”")).format(label=field.label)
        for field in typed.fields
        if not field.value
    }
    for name, found in (("starts", starts), ("ends", ends)):
        if found is None:
            wrong.setdefault(name, visit.say(N_("请填写日期和时刻")))
    if visit.text("reason") not in REASON_WORDS:
        wrong.setdefault("reason", visit.say(N_("请选择事由")))
    if wrong or starts is None or ends is None:
        return await _stand_in(visit, typed.with_errors(wrong), 422)
    asked = StandIn(shift, visit.text("person"), starts, ends, visit.text("reason"))
    plans = await _may_plan(visit, code)
    fault = await visit.ask(port.stand_in, own(visit), visit.where.ip, asked, plans)
    if fault:
        return await _stand_in(visit, replace(typed, errors=(Wrong(visit.told(fault)),)), 422)
    first = starts.astimezone(visit.zone).date()
    return RedirectResponse(_address(code, first - timedelta(days=first.weekday())), 303)


def _moment(visit: Visit, name: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(visit.text(name))
    except ValueError:
        return None
    return found.replace(tzinfo=visit.zone) if found.tzinfo is None else found


async def answer(visit: Visit) -> Response:
    """Agree to stand in, or end it."""
    override, port = visit.request.path_params["override"], visit.ports.duty
    code = await visit.ask(port.override_department, override)
    if not code:
        raise not_found(visit)
    plans = await _may_plan(visit, code)
    accept = visit.text("do") == "accept"
    fault = await visit.ask(port.answer, own(visit), visit.where.ip, override, accept, plans)
    if fault:
        raise Stop(409, visit.told(fault), "rota")
    return RedirectResponse("/duty", 303)


# --- handing over ------------------------------------------------------------------------------


async def hand_over_page(visit: Visit) -> Response:
    return await _hand_over(visit, None)


async def _hand_over(visit: Visit, form: Form | None, status: int = 200) -> Response:
    code = visit.request.path_params["department"]
    names = visit.ports.catalogue.departments(visit.language)
    if code not in names:
        raise not_found(visit)
    known = await visit.ask(visit.ports.duty.overview, own(visit))
    if code not in known.may_hand_over:
        raise Stop(409, visit.say(N_("只有正在值班、或者下班两小时以内的值班员才能交班")), "rota")
    page = HandOverPage(
        title=visit.say(N_("交班")),
        code=code,
        department=names[code],
        incidents=await visit.ask(visit.ports.duty.open_incidents, code),
        form=form or Form((_note(visit),)),
    )
    return await show(visit, page, status)


def _note(visit: Visit) -> Field:
    hint = visit.say(N_("未办结的逐件说明：到哪一步、等谁、什么时候要催；设备、车辆、天气"))
    return Field("note", visit.say(N_("交班说明")), "textarea", hint=hint, wide=True,
                 max_length=4000)  # fmt: skip


async def hand_over(visit: Visit) -> Response:
    code = visit.request.path_params["department"]
    note = visit.text("note")
    typed = Form((_note(visit).filled(visit.texts()),))
    if not note or len(note) > 4000:
        error = {"note": visit.say(N_("请填写“{label}”")).format(label=typed.fields[0].label)}
        return await _hand_over(visit, typed.with_errors(error), 422)
    fault = await visit.ask(visit.ports.duty.hand_over, own(visit), visit.where.ip, code, note)
    if fault:
        raise Stop(409, visit.told(fault), "rota")
    return RedirectResponse("/duty", 303)


async def handover(visit: Visit, fault: str = "") -> Response:
    id = visit.request.path_params["handover"]
    found = await visit.ask(visit.ports.duty.handover, own(visit), id)
    if found is None:
        raise not_found(visit)
    names = visit.ports.catalogue.departments(visit.language)
    page = HandoverPage(
        title=visit.say(N_("交接班")),
        one=found,
        department=names.get(found.department, found.department),
        fault=fault,
    )
    return await show(visit, page, 409 if fault else 200)


async def take_over(visit: Visit) -> Response:
    id = visit.request.path_params["handover"]
    fault = await visit.ask(visit.ports.duty.take_over, own(visit), visit.where.ip, id)
    if fault:
        return await handover(visit, visit.told(fault))
    return RedirectResponse("/duty", 303)
