"""One incident: its life with limits, units and their clocks, what was told, what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, ClassVar
from uuid import NAMESPACE_URL, uuid5

from markupsafe import Markup
from starlette.responses import Response

from cases.attached import Attached
from cases.incident_tables import HANDLING
from cases.incidents.machine import ENDED, handled_by
from cases.incidents.map import LEVEL_NAMES, MapWords, Mark, map_svg
from cases.incidents.messages import asked_units
from cases.incidents.state import IncidentState, Unit
from cases.views import LinkedCases
from forms.access_ports import Thing
from forms.attaching import hand_out
from forms.duty_notices import CHANNELS, STATES
from forms.duty_ports import ShownNotice
from forms.incident_lines import PROMISE, Button
from forms.incident_offers import offered
from forms.incident_ports import ShownIncident, Told
from forms.incident_words import (
    DOMAINS,
    GRADES,
    KEYS,
    LEVELS,
    REPORTING,
    STAGES,
    STRAIGHT,
    UNIT_STATES,
    VERBS,
)
from forms.rendering import Page
from forms.role_words import role_names
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_


@dataclass(frozen=True)
class LifeStep:
    """One stage of the life, as the strip shows it."""

    words: str
    at: datetime | None
    due_at: datetime | None
    late: bool
    now: bool


@dataclass(frozen=True)
class UnitLine:
    """One unit that was sent."""

    unit: Unit
    name: str
    state: str
    by: str
    due_at: datetime | None
    """Until when it has to acknowledge, or to arrive; None: nothing is awaited of it."""
    awaited: str
    refused: tuple[tuple[datetime, str], ...]
    ruled_by: str
    """Id of the other incident whose ruling sends it here; empty: none does."""


@dataclass(frozen=True)
class Event:
    """One line of the timeline."""

    told: Told
    words: str
    by: str
    facts: str
    case_no: str = ""
    """Number of the case that it linked or unlinked, for who may know of it."""


@dataclass(frozen=True)
class ReportLine:
    """One link of the reporting chain."""

    chain: str
    who: str
    to: str
    due_at: datetime
    sent_at: datetime | None
    article: str


@dataclass(frozen=True)
class IncidentPage(Page):
    """One incident."""

    template: ClassVar[str] = "incident.html"

    shown: Annotated[ShownIncident, "The incident."]
    kind: Annotated[str, "Name of its type."]
    domain: Annotated[str, "Name of its domain."]
    level: Annotated[str, "Word of its warning level."]
    grade: Annotated[str, "Word of its grade."]
    stage: Annotated[str, "Word of its stage."]
    place: Annotated[str, "Address, cell, district."]
    promised_at: Annotated[datetime, "When the fifteen minutes end."]
    steps: Annotated[Sequence[LifeStep], "The stages of its life."]
    units: Annotated[Sequence[UnitLine], "Who was sent."]
    events: Annotated[Sequence[Event], "What happened, the newest first."]
    earlier: Annotated[int, "How many steps more there are, which the page leaves out."]
    cases: Annotated[LinkedCases, "A page of its cases that the reader may list."]
    may_unlink: Annotated[bool, "The reader may take a link back."]
    acts: Annotated[Sequence[Button], "What this reader may do now."]
    reports: Annotated[Sequence[ReportLine], "The reporting chain."]
    late: Annotated[
        Sequence[tuple[str, datetime, str]], "Limits that were not kept, with the article."
    ]
    lessons: Annotated[
        Sequence[tuple[str, str, datetime | None]], "Department, day, when it was done."
    ]
    notices: Annotated[Sequence[ShownNotice], "Who was told what, and how far it got."]
    channels: Annotated[Mapping[str, str], "Channel → word."]
    states: Annotated[Mapping[str, str], "How far a notice got → word."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    picture: Annotated[Markup, "Where it is."]
    command: Annotated[str, "Id of the command that was just settled; empty: none."]
    stream: Annotated[str, "Address that tells of its changes."]
    may_print: Annotated[bool, "The reader may have its papers."]
    papers: Annotated[
        Sequence[tuple[str, str, str, datetime]], "Kept papers: id, what, number, of when."
    ]
    files: Annotated[Sequence[Attached], "Attached to orders; empty for who may not see them."]


def thing_of(state: IncidentState, department: str = "", verb: str = "") -> Thing:
    """Return the incident as policy is asked about it; `department`: for which unit one does
    `verb`."""
    return Thing(
        "incident",
        state.incident_id,
        department=department,
        departments=asked_units(verb, department, state.departments),
        hands=handled_by(state, HANDLING),
    )


async def state_of(visit: Visit, act: str = "read", department: str = "") -> IncidentState:
    """Return the incident in the path, if policy lets the visitor do `act`.

    Raises `Stop`: 404 for one that is not there and for one that they may not know of alike; 403
    for an act that is not theirs on one that they may read.
    """
    state = await visit.ask(visit.ports.incidents.known, visit.request.path_params["incident"])
    if state is None:
        raise not_found(visit)
    may = await visit.ask(visit.ports.access.may, visit.actor, "read", thing_of(state))
    if not may.allowed:
        raise not_found(visit, ("read", thing_of(state)))
    visit.saw(state.incident_id, type="incident")
    if act != "read":
        await visit.demand(act, thing_of(state, department, act))
    return state


async def shown_of(visit: Visit, state: IncidentState) -> ShownIncident:
    """Return the incident for its page, opened as far as the visitor may."""
    may = await visit.ask(visit.ports.access.may, visit.actor, "read_personal", thing_of(state))
    personal = may.allowed
    found = await visit.ask(_shown, visit, state.incident_id, personal)
    if found is None:
        raise not_found(visit)
    return found


def _shown(visit: Visit, incident_id: str, personal: bool) -> ShownIncident | None:
    return visit.ports.incidents.incident(visit.actor, incident_id, personal=personal)


async def incident(visit: Visit) -> Response:
    state = await state_of(visit)
    shown = await shown_of(visit, state)
    return await show(visit, await page_of(visit, shown))


MOST_STEPS = 100
"""Steps that the page shows at first; a night of signals has hundreds."""


async def page_of(visit: Visit, shown: ShownIncident) -> IncidentPage:
    """Return everything that the page of an incident shows."""
    say, state, row = visit.say, shown.state, shown.row
    ports = visit.ports.incidents
    kind = ports.kinds.get(state.type)
    english = visit.language == "en"
    name = state.type if kind is None else kind.english if english else kind.name
    departments = visit.ports.catalogue.departments(visit.language)
    cell = ports.grid.cell_by_id.get(row.cell)
    district = ports.grid.district_by_code.get(row.district)
    cell_name = cell.named(english) if cell else ""
    district_name = district.named(english) if district else ""
    place = " · ".join(filter(None, (row.address, cell_name, district_name)))
    cited = visit.ports.catalogue.cited
    printing = await visit.ask(visit.ports.access.may, visit.actor, "print", thing_of(state))
    query = visit.request.query_params
    turned = query.get("cases", "")
    page = int(turned) if turned.isdecimal() and len(turned) < 7 else 1
    cases = await visit.ask(visit.ports.reader.of_incident, visit.actor, state.incident_id, page)
    told = shown.told if query.get("steps") == "all" else shown.told[:MOST_STEPS]
    unlink = await visit.ask(visit.ports.access.may, visit.actor, "unlink_case", thing_of(state))
    rung = rung_of(state, departments)
    return IncidentPage(
        title=f"{row.title}",
        shown=shown,
        kind=name,
        domain=say(DOMAINS[state.domain]),
        level=say(LEVELS[state.level]),
        grade=say(GRADES[state.grade]),
        stage=say(STAGES[state.stage]),
        place=place,
        promised_at=state.reported_at + PROMISE,
        steps=steps_of(visit, state),
        units=[_unit(visit, shown, one, departments) for one in state.units],
        events=[
            replace(_event(visit, one, departments, rung), case_no=cases.steps.get(one.seq, ""))
            for one in told
        ],
        earlier=len(shown.told) - len(told),
        cases=cases,
        may_unlink=unlink.allowed and state.stage not in ENDED,
        acts=await acts_of(visit, state),
        reports=[
            ReportLine(
                one.chain,
                say(REPORTING.get(one.chain, one.chain)),
                say(REPORTING.get(one.to, one.to)),
                one.due_at,
                one.sent_at,
                cited(one.article),
            )
            for one in state.reports
        ],
        late=[(_key(visit, one.key, rung), one.due_at, cited(one.article)) for one in state.late],
        lessons=[
            (departments.get(one.department, one.department), one.due_on, one.done_at)
            for one in state.lessons
        ],
        notices=await visit.ask(visit.ports.duty.told, state.incident_id),
        channels={code: say(word) for code, word in CHANNELS.items()},
        states={code: say(word) for code, word in STATES.items()},
        departments=departments,
        picture=_picture(visit, shown),
        command=query.get("done", "")[:64],
        stream=f"/incidents/{row.id}/changes?after={shown.change}",
        may_print=printing.allowed,
        papers=await _papers(visit, state) if printing.allowed else (),
        files=await _files(visit, state),
    )


async def _files(visit: Visit, state: IncidentState) -> Sequence[Attached]:
    """Return what was attached: a photograph shows people, so as what is personal is shown."""
    thing = thing_of(state)
    if not (await visit.ask(visit.ports.access.may, visit.actor, "read_personal", thing)).allowed:
        return ()
    return await visit.ask(visit.ports.attached.of, thing)


async def file(visit: Visit) -> Response:
    """Hand out a file that was attached to an order."""
    state = await state_of(visit)
    await visit.demand("read_personal", thing_of(state))
    return await hand_out(visit, thing_of(state), visit.request.path_params["upload"])


def steps_of(visit: Visit, state: IncidentState) -> list[LifeStep]:
    """Return the strip of the life: when each stage came, by when it had to."""
    since, limits, say = state.reported_at, state.limits, visit.say
    found = [
        ("reported", state.reported_at, None),
        ("verified", state.verified_at, None),
        ("graded", state.graded_at, limits.graded),
        ("dispatched", state.dispatched_at, limits.dispatched),
        ("acknowledged", state.acknowledged_at, limits.acknowledged),
        ("under_way", state.under_way_at, None),
        ("on_site", state.arrived_at, None),
        ("answered", state.answered_at, None),
        ("checked", state.checked_at, None),
        ("closed", state.closed_at, None),
        ("archived", state.archived_at, None),
    ]
    steps = []
    for stage, at, minutes in found:
        due_at = None if minutes is None else since + timedelta(minutes=minutes)
        late = due_at is not None and at is not None and at > due_at
        current = stage == state.stage or (stage == "on_site" and state.stage == "handling")
        steps.append(LifeStep(say(STAGES[stage]), at, due_at, late, current))
    return steps


def _unit(
    visit: Visit, shown: ShownIncident, one: Unit, departments: Mapping[str, str]
) -> UnitLine:
    due_at, awaited = None, ""
    if one.state == "dispatched":
        due_at = one.dispatched_at + timedelta(minutes=shown.state.limits.again)
        awaited = visit.say(N_("签收派单"))
    refused = tuple(
        (found.at, found.ground)
        for found in shown.state.refusals
        if found.department == one.department
    )
    learned = one.why.removeprefix("ruling:") if one.why.startswith("ruling:") else ""
    ruled_by = learned if learned != shown.state.incident_id else ""
    return UnitLine(
        one, departments.get(one.department, one.department), visit.say(UNIT_STATES[one.state]),
        shown.names.get(one.acknowledged_by, ""), due_at, awaited, refused, ruled_by,
    )  # fmt: skip


def _event(
    visit: Visit, told: Told, departments: Mapping[str, str], rung: Mapping[str, str]
) -> Event:
    roles = role_names(visit)
    who = told.who or (visit.say(N_("时限")) if told.kind == "timer_fired" else "")
    if told.on_behalf:
        who = f"{who}（{visit.say(N_('代'))} {told.on_behalf}）"
    where = "" if told.department == "*" else departments.get(told.department, told.department)
    by = " · ".join(filter(None, (who, where, roles.get(told.role, ""))))
    facts = "；".join(filter(None, (_fact(visit, name, value, departments, rung)
                                    for name, value in told.said.items())))  # fmt: skip
    return Event(told, visit.say(VERBS.get(told.kind, told.kind)), by, facts)


NAMED = {
    "deaths": N_("死亡"),
    "injured": N_("受伤"),
    "loss_yuan": N_("损失（元）"),
    "signals": N_("信号"),
    "files": N_("附件（份）"),
}


def _fact(
    visit: Visit,
    name: str,
    value: object,
    departments: Mapping[str, str],
    rung: Mapping[str, str],
) -> str:
    """Return what an order says in the clear, in words; empty for what the page shows elsewhere."""
    if value in ("", None, 0, [], False):
        return ""
    if name == "level" and isinstance(value, str):
        return visit.say(GRADES.get(value) or LEVELS.get(value, value))
    if name in ("department", "to", "lead") and isinstance(value, str):
        return departments.get(value, value)
    if name == "units" and isinstance(value, list):
        return "、".join(
            departments.get(str(one.get("department")), "") if isinstance(one, dict)
            else departments.get(str(one), str(one))
            for one in value
        )  # fmt: skip
    if name == "timer" and isinstance(value, str):
        return ring_words(visit.say, value, rung)
    if name == "key" and isinstance(value, str):
        return _key(visit, value, rung)
    if name in NAMED:
        return f"{visit.say(NAMED[name])} {value}"
    return ""


RINGS = {
    "graded": N_("定级时限"),
    "dispatched": N_("派发时限"),
    "acknowledged": N_("签收时限"),
    "again": N_("再次呼叫处置单位"),
    "rung": N_("升级提醒"),
    "forgotten": N_("签收后没有动静"),
    "report": N_("上报时限"),
    "report_soon": N_("上报时限过半"),
    "response": N_("响应预计期满"),
    "arrive": N_("到场时限"),
    "finish": N_("办结时限"),
    "lesson": N_("整改期限"),
}


def rung_of(state: IncidentState, departments: Mapping[str, str]) -> Mapping[str, str]:
    """Return whom a limit is about, by the first two parts of its key: a unit keeps its number."""
    found = {
        f"{word}:{one.n}": one.department for one in state.units for word in ("again", "forgotten")
    }
    found |= {f"lesson:{one.id}": one.department for one in state.lessons}
    return {key: departments.get(one, one) for key, one in found.items()}


def ring_words(say: Callable[[str], str], key: str, rung: Mapping[str, str]) -> str:
    """Return which limit of an incident rang, and whom, in words; the rest of its key is for
    machines. `rung`: as `rung_of` says."""
    words, whom = RINGS.get(key.partition(":")[0]), rung.get(":".join(key.split(":")[:2]), "")
    return key if words is None else " · ".join(filter(None, (say(words), whom)))


def _key(visit: Visit, key: str, rung: Mapping[str, str]) -> str:
    """Return a timer's key in words; what is unknown stays as it is."""
    if key.startswith("lesson:"):
        return ring_words(visit.say, key, rung)
    head, _, tail = key.partition(":")
    words = RINGS.get(head)
    return key if words is None else f"{visit.say(words)} {tail}".strip()


async def acts_of(visit: Visit, state: IncidentState) -> list[Button]:
    """Return what this reader may do now, each with the unit for which it would be."""
    found, used = [], set()
    for verb, department in offered(visit.actor, state):
        may = await visit.ask(
            visit.ports.access.may, visit.actor, verb, thing_of(state, department, verb)
        )
        if not may.allowed:
            continue
        key = KEYS.get(verb, "")
        key = "" if key in used else key
        used.add(key)
        url = f"/incidents/{state.incident_id}/do/{verb}"
        if department:
            url += f"?department={department}"
        command = str(
            uuid5(NAMESPACE_URL, f"{visit.csrf}\n{state.incident_id}\n{state.seq}\n{verb}")
        )
        words = visit.say(VERBS[verb])
        found.append(Button(verb, words, key, url, verb in STRAIGHT, command, department))
    return found


KEPT = {
    "announcement": N_("公告"),
    "report": N_("信息报告（报送稿）"),
    "brief": N_("领导专报（归档稿）"),
    "after_action": N_("事后评估报告（归档稿）"),
}


async def _papers(visit: Visit, state: IncidentState) -> Sequence[tuple[str, str, str, datetime]]:
    """Return the kept papers that this reader may have, the oldest act first."""
    may = await visit.ask(visit.ports.access.may, visit.actor, "read_personal", thing_of(state))
    kept = await visit.ask(visit.ports.incident_papers.kept, visit.actor, state.incident_id)
    return [
        (one.id, visit.say(KEPT[one.kind]), one.number, one.act_at)
        for one in sorted(kept, key=lambda one: (one.act_at, one.id))
        if may.allowed or one.kind == "announcement"
    ]


def _picture(visit: Visit, shown: ShownIncident) -> Markup:
    grid, row = visit.ports.incidents.grid, shown.row
    point = (row.lon, row.lat)
    if None in point:
        cell = grid.cell_by_id.get(row.cell)
        if cell is None:
            return Markup("")
        point = cell.centre
    lon, lat = point
    assert lon is not None and lat is not None
    mark = Mark(lon, lat, row.level, chief=True)
    english = visit.language == "en"
    words = MapWords(
        {level: visit.say(name) for level, name in LEVELS.items()} if english else LEVEL_NAMES,
        visit.say(N_("{n} 公里")),
        english,
    )
    return Markup(map_svg(grid, [mark], visit.say(N_("位置图")), words))  # noqa: S704 -- our own, escaped
