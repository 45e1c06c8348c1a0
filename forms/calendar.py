"""工作日历: the year as a grid, what is provisional, and a notice before and after it is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, ClassVar
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from starlette.responses import RedirectResponse, Response

from cases.retiming import MovedDeadline
from catalogue.festivals import statutory
from catalogue.working_days import Calendar
from forms.access_ports import Thing
from forms.calendar_ports import CalendarSheet, CalendarVersion
from forms.fields import Field, Form
from forms.release_ports import Release
from forms.rendering import Page
from forms.settled_finality import ask_to_revoke
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

MOVES_AT_ONCE = 50
LARGEST_NOTICE = 300_000
"""Characters of a notice in JSON; twenty years of them are 51,000."""
OBJECT = "release"


@dataclass(frozen=True)
class Cell:
    """One day of the grid."""

    day: date
    mark: str
    """`off`, `on`, or empty: as the day of the week has it."""
    name: str
    working: bool
    known: bool
    today: bool


@dataclass(frozen=True)
class Month:
    """One month: weeks from Monday, empty places before the first and after the last day."""

    number: int
    weeks: tuple[tuple[Cell | None, ...], ...]
    working: int


@dataclass(frozen=True)
class Offer:
    """What this visitor may do about a version."""

    sign: bool = False
    look: bool = False
    withdraw: bool = False
    ask: bool = False
    revoke: bool = False


@dataclass(frozen=True)
class Moves:
    """One page of what a version would move."""

    version: CalendarVersion
    rows: tuple[MovedDeadline, ...]
    total: int
    page: int
    pages: int
    department: str
    links: Mapping[str, str]


@dataclass(frozen=True)
class CalendarPage(Page):
    """One calendar and its versions."""

    template: ClassVar[str] = "calendar.html"

    sheet: Annotated[CalendarSheet, "The calendar in force and its versions."]
    year: Annotated[int, "The year shown."]
    years: Annotated[tuple[int, ...], "Years that can be shown."]
    months: Annotated[tuple[Month, ...], "The year, month by month."]
    legend: Annotated[
        tuple[tuple[str, str, str], ...], "What for, the days off, the days worked in exchange."
    ]
    papers: Annotated[tuple[str, ...], "The notices of the year."]
    offers: Annotated[Mapping[str, Offer], "Version → what this visitor may do about it."]
    moves: Annotated[Moves | None, "What the chosen version would move, for who may see cases."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    people: Annotated[Mapping[str, str], "User id → name."]
    notice: Annotated[Form, "A notice to load; no fields for who may not propose."]
    change: Annotated[Form, "An ad-hoc change."]
    links: Annotated[Mapping[str, str], "Addresses of calendars and years."]


# --- the page ------------------------------------------------------------------------------------


async def calendar(visit: Visit) -> Response:
    """The calendar in force, and what waits for a signature."""
    return await _show(visit)


async def _show(
    visit: Visit, notice: Form | None = None, change: Form | None = None, status: int = 200
) -> Response:
    name = visit.text("name") or visit.request.query_params.get("name", "")
    sheet: CalendarSheet | None = await visit.ask(visit.ports.calendars.sheet, name)
    if sheet is None:
        raise not_found(visit)
    zone = ZoneInfo(visit.options.zone)
    today = datetime.now(UTC).astimezone(zone).date()
    year = _year(visit, sheet.calendar, today)
    offers = {one.id: await _offer(visit, one) for one in sheet.versions}
    may_propose = await _may(visit, "release_propose", OBJECT)
    page = CalendarPage(
        title=visit.say(N_("工作日历")),
        sheet=sheet,
        year=year,
        years=tuple(range(sheet.calendar.first.year, sheet.calendar.horizon.year + 2)),
        months=tuple(_months(visit, sheet.calendar, year, today)),
        legend=tuple(_legend(visit, sheet.calendar, year)),
        papers=sheet.calendar.papers.get(year, ()),
        offers=offers,
        moves=await _moves(visit, sheet),
        departments=visit.ports.catalogue.departments(visit.language),
        people=dict(await visit.ask(visit.ports.reader.colleagues, "")),
        notice=notice or (_notice_form(visit) if may_propose else Form(())),
        change=change or (_change_form(visit) if may_propose else Form(())),
        links=_links(sheet, year),
    )
    return await show(visit, page, status)


def _year(visit: Visit, shown: Calendar, today: date) -> int:
    asked = visit.request.query_params.get("year", "")
    year = int(asked) if asked.isdecimal() and len(asked) == 4 else today.year
    return min(max(year, shown.first.year), shown.horizon.year + 1)


def _months(visit: Visit, shown: Calendar, year: int, today: date) -> Iterator[Month]:
    for number in range(1, 13):
        first = date(year, number, 1)
        cells: list[Cell | None] = [None] * first.weekday()
        day = first
        while day.month == number:
            cells.append(_cell(visit, shown, day, today))
            day += timedelta(days=1)
        cells += [None] * (-len(cells) % 7)
        weeks = tuple(tuple(cells[n : n + 7]) for n in range(0, len(cells), 7))
        yield Month(number, weeks, sum(1 for one in cells if one is not None and one.working))


def _cell(visit: Visit, shown: Calendar, day: date, today: date) -> Cell:
    working, ordinal = shown.is_working(day), day.toordinal()
    usual = day.weekday() < 5
    mark = "on" if working and not usual else "off" if not working and usual else ""
    known = shown.is_known(ordinal, ordinal)
    guessed = statutory(day.year).get(day, "") if shown.festivals and not known else ""
    if day in shown.off or guessed:
        mark = "off"
    name = shown.names.get(day, guessed)
    return Cell(day, mark, name and visit.say(name), working, known, day == today)


def _legend(visit: Visit, shown: Calendar, year: int) -> Iterator[tuple[str, str, str]]:
    """Yield each name with its days off and the days worked in exchange."""
    names: dict[str, tuple[list[date], list[date]]] = {}
    for day in sorted((*shown.off, *shown.on)):
        name = shown.names.get(day, "")
        if name and day.year == year:
            off, on = names.setdefault(name, ([], []))
            (on if day in shown.on else off).append(day)
    for name, (off, on) in names.items():
        yield visit.say(name), _spans(off), _spans(on)


def _spans(days: list[date]) -> str:
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][-1] == timedelta(days=1):
            spans[-1].append(day)
        else:
            spans.append([day])
    said = []
    for span in spans:
        first = f"{span[0]:%m-%d}"
        said.append(first if len(span) == 1 else f"{first}～{span[-1]:%m-%d}")
    return "、".join(said)


def _links(sheet: CalendarSheet, year: int) -> Mapping[str, str]:
    links = {f"name:{name}": f"/calendar?{urlencode({'name': name})}" for name in sheet.names}
    own = sheet.calendar.name
    for one in (year - 1, year + 1):
        links[f"year:{one}"] = f"/calendar?{urlencode({'name': own, 'year': one})}"
    for version in sheet.versions:
        query = {"name": own, "year": year, "version": version.id}
        links[f"moves:{version.id}"] = f"/calendar?{urlencode(query)}#moves"
    return links


async def _moves(visit: Visit, sheet: CalendarSheet) -> Moves | None:
    """Return the list of the version asked for: to who may look ahead, or may list cases."""
    params = visit.request.query_params
    chosen = next((one for one in sheet.versions if one.id == params.get("version")), None)
    if chosen is None or chosen.preview is None or not await _may_see_cases(visit):
        return None
    asked = params.get("page", "1")
    page = max(1, int(asked)) if asked.isdecimal() and len(asked) < 7 else 1
    department = params.get("department", "")
    rows, total = await visit.ask(
        visit.ports.calendars.moves, visit.actor, chosen.preview.id, page, MOVES_AT_ONCE, department
    )
    pages = max(1, -(-total // MOVES_AT_ONCE))
    query = {"name": sheet.calendar.name, "version": chosen.id, "department": department}

    def at(**more: str | int) -> str:
        said = {key: value for key, value in {**query, **more}.items() if value}
        return f"/calendar?{urlencode(said)}#moves"

    links = {
        "all": at(department=""),
        "previous": at(page=page - 1) if page > 1 else "",
        "next": at(page=page + 1) if page < pages else "",
    }
    for code in chosen.preview.counts.departments:
        links[f"department:{code}"] = at(department=code)
    return Moves(chosen, tuple(rows), total, page, pages, department, links)


async def _may_see_cases(visit: Visit) -> bool:
    # Three administrators keep the house and see no case (GB/T 22239-2019 8.1.4.2 d).
    if await _may(visit, "release_look_ahead", OBJECT):
        return True
    return await _may(visit, "list", "case")


# --- what one may do -----------------------------------------------------------------------------


async def _may(visit: Visit, act: str, thing: Thing | str) -> bool:
    return (await visit.ask(visit.ports.access.may, visit.actor, act, thing)).allowed


async def _offer(visit: Visit, one: CalendarVersion) -> Offer:
    version = Thing(OBJECT, one.id, proposed_by=one.proposed_by)
    look = one.state in ("proposed", "active") and await _may(visit, "release_look_ahead", version)
    if one.state in ("proposed", "blocked"):
        ready = one.state == "proposed" and one.preview is not None
        return Offer(
            sign=ready and await _may(visit, "release_sign", version),
            look=look and one.state == "proposed",
            withdraw=one.proposed_by == visit.actor.id,
        )
    if one.state != "active":
        return Offer()
    if not one.revoke_asked_by:
        return Offer(ask=await _may(visit, "release_propose", version))
    asked = Thing(OBJECT, one.id, proposed_by=one.revoke_asked_by)
    ready = one.preview is not None
    return Offer(look=look, revoke=ready and await _may(visit, "release_sign", asked))


async def _named(visit: Visit) -> Release:
    release = visit.request.path_params["release"]
    known = await visit.ask(visit.ports.releases.listing)
    found: Release | None = next((one for one in known if one.id == release), None)
    if found is None:
        raise not_found(visit)
    return found


async def look_ahead(visit: Visit) -> Response:
    """See anew what a version, or taking it back, would move."""
    found = await _named(visit)
    await visit.demand("release_look_ahead", Thing(OBJECT, found.id))
    direction = "revert" if visit.text("direction") == "revert" else "apply"
    refused = await visit.ask(visit.ports.releases.look_ahead, visit.who, found.id, direction)
    return _done(found, visit.told(refused))


async def ask_revocation(visit: Visit) -> Response:
    """Ask that a version cease to count, and say why."""
    found = await _named(visit)
    await visit.demand("release_propose", Thing(OBJECT, found.id))
    reason = visit.text("reason").strip()
    if not reason:
        raise Stop(422, visit.say(N_("请写明撤销的理由")), "no_reason")
    refused = await visit.ask(visit.ports.releases.ask_revocation, visit.who, found.id, reason)
    return _done(found, visit.told(refused))


async def revoke(visit: Visit) -> Response:
    """Agree that a version cease to count, having seen what moves back."""
    found = await _named(visit)
    asked = Thing(OBJECT, found.id, proposed_by=found.revoke_asked_by)
    await visit.demand("release_sign", asked)
    back = "/calendar" if found.kind == "calendar" else "/releases"
    if first := await ask_to_revoke(visit, found, back):
        return first
    refused = await visit.ask(
        visit.ports.releases.revoke, visit.who, found.id, visit.text("preview")
    )
    return _done(found, visit.told(refused))


def _done(found: Release, refused: str) -> Response:
    if refused:
        raise Stop(409, refused, "not_done")
    if found.kind != "calendar":
        return RedirectResponse("/releases", 303)
    query = urlencode({"name": found.name, "version": found.id})
    return RedirectResponse(f"/calendar?{query}#v-{quote(found.id)}", 303)


# --- the next version ----------------------------------------------------------------------------


def _notice_form(visit: Visit) -> Form:
    return Form(
        (
            Field("notice", visit.say(N_("放假通知（holiday-cn JSON）")), "textarea", wide=True,
                  max_length=LARGEST_NOTICE, hint=visit.say(N_("粘贴年度文件，如 2027.json；"
                  "可一次粘贴多年"))),
        )
    )  # fmt: skip


def _change_form(visit: Visit) -> Form:
    say = visit.say
    hint = say(N_("日期如 2026-12-28，多个以空格分开；过去的日子也可"))
    return Form(
        (
            Field("off", say(N_("改为放假")), required=False, max_length=500, hint=hint),
            Field("on", say(N_("改为上班")), required=False, max_length=500),
            Field("reason", say(N_("节名或事由")), max_length=60),
            Field("paper", say(N_("通知的文号或网址")), max_length=300),
        )
    )


async def propose_notice(visit: Visit) -> Response:
    """Make the next version of a notice and have it checked; nothing counts before a signature."""
    await visit.demand("release_propose", OBJECT)
    form = _typed(visit, _notice_form(visit))
    made, faults = await visit.ask(
        visit.ports.calendars.with_notice, visit.text("name"), form.fields[0].value
    )
    if not made:
        wrong = form.with_errors({"notice": "\n".join(faults)})
        return await _show(visit, notice=wrong, status=422)
    return await _proposed(visit, made, form, "notice")


async def propose_change(visit: Visit) -> Response:
    """Make the next version with single days arranged otherwise and have it checked."""
    await visit.demand("release_propose", OBJECT)
    form = _typed(visit, _change_form(visit))
    typed = {one.name: one.value.strip() for one in form.fields}
    wrong = {
        name: visit.say(N_("请填写“{label}”")).format(label=label)
        for name, label in ((f.name, f.label) for f in form.fields)
        if name in ("reason", "paper") and not typed[name]
    }
    days: dict[str, list[date]] = {}
    for name in ("off", "on"):
        try:
            days[name] = [date.fromisoformat(word) for word in typed[name].split()]
        except ValueError:
            wrong[name] = visit.say(N_("日期应写成 2026-12-28"))
    if not wrong and not (days["off"] or days["on"]):
        wrong["off"] = visit.say(N_("请至少写一天"))
    if wrong:
        return await _show(visit, change=form.with_errors(wrong), status=422)
    made, faults = await visit.ask(
        visit.ports.calendars.with_change,
        visit.text("name"),
        days["off"],
        days["on"],
        typed["reason"],
        typed["paper"],
    )
    if not made:
        return await _show(visit, change=form.with_errors({"off": "\n".join(faults)}), status=422)
    return await _proposed(visit, made, form, "off")


def _typed(visit: Visit, form: Form) -> Form:
    return Form(tuple(replace(one, values=(visit.text(one.name),)) for one in form.fields))


async def _proposed(visit: Visit, text: str, form: Form, field: str) -> Response:
    made = await visit.ask(visit.ports.releases.propose, visit.who, "calendar", text)
    if isinstance(made, str):
        wrong = form.with_errors({field: visit.told(made)})
        where = {"notice": wrong} if field == "notice" else {"change": wrong}
        return await _show(visit, **where, status=422)
    query = urlencode({"name": made.name, "version": made.id})
    return RedirectResponse(f"/calendar?{query}#moves", 303)
