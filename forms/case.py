"""One case: everything that decides on one screen, its documents and its files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from urllib.parse import quote
from uuid import uuid4

from starlette.responses import Response

from cases import approval
from cases.card_views import CardView
from cases.case_papers import RECIPIENT
from cases.facts import CaseFacts
from cases.masking import FILE_NAMES
from cases.messages import Outcome
from cases.state import Task
from cases.views import CaseView, OpinionView, Related, WorklistQuery
from catalogue.law import Article
from catalogue.matters import Matter
from forms.access_ports import Thing
from forms.act_decision import METHODS
from forms.act_scene import Act, Scene
from forms.acts import ACTS
from forms.cards import CardLine, lines_of
from forms.case_papers import papers_of
from forms.claims import doable
from forms.clock import ClockPanel, clock_panel
from forms.fields import Field, Form, Option, schema_fields
from forms.incident_ports import Linking
from forms.incident_words import STAGES
from forms.materials import named_views
from forms.reader_ports import File
from forms.reasons import ReasonPanel, panels_of
from forms.rendering import Page
from forms.showing import not_found, show
from forms.timeline import Names, Timeline, timeline_of
from forms.visit import Visit
from forms.words import ID_TYPES, N_

TABS = ("overview", "opinions", "timeline", "documents", "clock", "cards", "rulings")
REASON_LENGTH = 200
PURPOSES = {
    "identify": N_("核对身份"),
    "contact": N_("联系申请人"),
    "draft": N_("制作文书"),
    "deliver": N_("送达"),
    "oversee": N_("监督检查"),
    "other": N_("其他"),
}
"""What personal data may be shown for (个人信息保护法第六条: 明确、合理的目的)."""
REVEALED_SECONDS = 300
"""How long personal data stays on a screen that is left open (ours, 2026-11)."""
KNOWING = ("list", "read")
"""Acts of which either lets somebody know that a case exists."""


@dataclass(frozen=True)
class Fact:
    """One line of a table of facts. A masked value says so."""

    label: str
    value: str
    personal: bool = False
    group: str = ""
    heads: tuple[str, ...] = ()
    """Of a group that repeats: what its columns are called."""
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class OpinionColumn:
    """One department's piece of the review, with what it has said so far."""

    name: str
    department: str
    task: Task | None
    opinions: tuple[OpinionView, ...]


@dataclass(frozen=True)
class CasePage(Page):
    """The case, whole."""

    template: ClassVar[str] = "case.html"

    view: Annotated[CaseView, "The case as this reader may see it."]
    tab: Annotated[str, "Which part is open."]
    tabs: Annotated[tuple[str, ...], "The parts there are."]
    facts: Annotated[tuple[Fact, ...], "The form as lines."]
    people: Annotated[tuple[Fact, ...], "Applicant and agent as lines."]
    columns: Annotated[tuple[OpinionColumn, ...], "Opinions by department."]
    clock: Annotated[ClockPanel | None, "The case's periods and the ledger of one of them."]
    reasons: Annotated[tuple[ReasonPanel, ...], "Rulings with their reasons, the newest first."]
    related: Annotated[
        Related, "Other cases of the applicant, of the project, and of the same incidents."
    ]
    may_link: Annotated[bool, "The reader may link cases with incidents."]
    incident_stages: Annotated[Mapping[str, str], "Stage of an incident → word."]
    cards: Annotated[tuple[CardLine, ...], "Supervision cards in words, the newest first."]
    papers: Annotated[frozenset[str], "Ids of the documents that this reader may open."]
    main_acts: Annotated[tuple[Act, ...], "What may be done now."]
    other_acts: Annotated[tuple[Act, ...], "What may be done besides."]
    claimable: Annotated[
        tuple[Task, ...], "Open tasks of my department, held by nobody, that I may do."
    ]
    task_names: Annotated[Mapping[str, str], "Task key → what clerks call it."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    timeline: Annotated[Timeline, "One page of the signed steps, the newest first."]
    articles: Annotated[Mapping[str, Article], "Id of an article → its words."]
    may_audit: Annotated[bool, "The reader may open entries of the log."]
    methods: Annotated[Mapping[str, str], "Manner of service → what clerks call it."]
    people_names: Annotated[Mapping[str, str], "User id → name."]
    outcome: Annotated[Outcome | None, "What came of the act that led here."]
    before: Annotated[
        str, "Case number of the task that was just finished, of which this is the next."
    ]
    next_case: Annotated[str, "Case number of the next task of mine; empty when there is none."]
    public_code: Annotated[str, "With the number, what the applicant looks the case up by."]
    may_issue: Annotated[bool, "The reader may hand out the receipt of the case."]
    may_reveal: Annotated[bool, "The reader may see personal data, against a reason."]
    may_see_readers: Annotated[bool, "The reader may see who looked at the case."]
    form: Annotated[Form, "Why personal data must be seen."]
    command: Annotated[str, "Id for the one act that can be done from this page itself."]


async def facts_of(visit: Visit, act: str) -> CaseFacts:
    """Return the facts of the case in the path, once policy lets the visitor do `act` on it.

    Raises `Stop`: 404 when there is no such case or the visitor may not know of it, 403 when
    policy says no to who may.
    """
    facts = await visit.ask(visit.ports.reader.find, visit.request.path_params["case_no"])
    if facts is None:
        raise not_found(visit)
    if not await knows(visit, facts):
        raise not_found(visit, (act, Thing("case", facts.id)))
    await visit.demand(act, facts)
    if visit.seen is not None:
        visit.saw(facts.id)
    return facts


async def knows(visit: Visit, facts: CaseFacts) -> bool:
    """Return whether the visitor may know that there is this case: may list or read it."""
    for act in KNOWING:
        if (await visit.ask(visit.ports.access.may, visit.actor, act, facts)).allowed:
            return True
    return False


async def view_of(visit: Visit, facts: CaseFacts, revealed: Collection[str] = ()) -> CaseView:
    view = await visit.ask(visit.ports.reader.case, visit.actor, facts.id, revealed)
    if view is None:
        raise not_found(visit)
    return view


async def scene_of(visit: Visit, view: CaseView) -> Scene:
    """Return what the acts of this case depend on."""
    departments = visit.ports.catalogue.departments(visit.language)
    # 加签 and 转办 may go to any department; one's own colleagues stand first.
    people = await visit.ask(visit.ports.reader.colleagues, "")
    own = {code for code, _ in await visit.ask(visit.ports.reader.colleagues, _own(visit))}
    matter = Matter.model_validate(view.matter)
    materials = named_views(matter.materials, view.materials, visit.language)
    return Scene(
        view=view.model_copy(update={"materials": materials}),
        matter=matter,
        department=_own(visit),
        colleagues=tuple(sorted(people, key=lambda one: (one[0] not in own, one[1]))),
        departments=departments,
        language=visit.language,
        say=visit.say,
        zone=visit.zone,
    )


def _own(visit: Visit) -> str:
    return visit.actor.department


async def offered(visit: Visit, facts: CaseFacts) -> tuple[Act, ...]:
    """Return the acts that stage and policy both allow, in the order of `ACTS`."""
    state = await visit.ask(visit.ports.reader.state, facts.id)
    if state is None:
        return ()
    possible = set(approval.actions(state))
    found = []
    for verb, act in ACTS.items():
        if verb in possible:
            verdict = await visit.ask(visit.ports.access.may, visit.actor, verb, facts)
            if verdict.allowed:
                found.append(act)
    return tuple(found)


async def case(visit: Visit) -> Response:
    facts = await facts_of(visit, "read")
    return await show_case(visit, facts, await view_of(visit, facts))


async def reveal(visit: Visit) -> Response:
    """Show the fields that were asked for, after the entry that says who looked at which and why
    has committed."""
    facts = await facts_of(visit, "read_personal")
    masked_view = await view_of(visit, facts)
    reason = visit.text("reason")[:REASON_LENGTH]
    purpose = PURPOSES.get(visit.text("purpose"), "")
    wrong = {} if reason else {"reason": visit.say(N_("请写明查看个人信息的理由"))}
    if not purpose:
        wrong["purpose"] = visit.say(N_("请选择查看个人信息的用途"))
    asked = visit.texts().get("fields", [])
    fields = tuple(name for name in masked_view.personal if name in asked)
    if not fields:
        wrong["fields"] = visit.say(
            N_("请勾选要查看的项目：只看办事需要的（个人信息保护法第六条）")
        )
    if wrong:
        return await show_case(visit, facts, masked_view, wrong)
    command = visit.text("command") or str(uuid4())
    await visit.ask(
        visit.ports.disclosures.record, visit.who, visit.where, "read_personal", facts.id,
        f"{purpose}：{reason}", command, fields,
    )  # fmt: skip
    visit.seen = None  # told already, with its reason
    shown = await show_case(visit, facts, await view_of(visit, facts, fields))
    # Left open, the page goes back to the masked one by itself: a header, no script.
    masked = f"/cases/{quote(visit.request.path_params['case_no'], safe='')}"
    shown.headers["refresh"] = f"{REVEALED_SECONDS}; url={masked}"
    return shown


async def show_case(
    visit: Visit, facts: CaseFacts, view: CaseView, wrong: Mapping[str, str] | None = None
) -> Response:
    """Return the page of a case that the visitor may read."""
    query = visit.request.query_params
    tab = query.get("tab", "overview")
    done = query.get("done", "")
    acts = await offered(visit, facts)
    scene = await scene_of(visit, view)
    outcome = await visit.ask(visit.ports.reader.outcome, done) if done else None
    verdict = await visit.ask(visit.ports.access.may, visit.actor, "read_personal", facts)
    claims = any(act.verb == "claim" for act in acts)
    may_do = await doable(visit, facts)
    # Whoever holds number and code is handed what the applicant said: as good as printing it.
    issues = (await visit.ask(visit.ports.access.may, visit.actor, "print", facts)).allowed
    before = await _before(visit, query.get("after", ""))
    page = CasePage(
        title=" · ".join(
            # Read out first, so that whoever does not see the page knows that it is another case.
            part
            for part in (
                visit.say(N_("下一件")) if before else "",
                view.row.case_no,
                scene.matter.name_en if visit.language == "en" else view.row.matter_name,
            )
            if part
        ),
        view=scene.view,
        tab=tab if tab in TABS else "overview",
        tabs=TABS,
        facts=form_facts(scene.matter, view.form, visit),
        people=_people(view, visit),
        columns=_columns(scene),
        clock=await _clock(visit, view, scene) if tab in ("overview", "clock") else None,
        timeline=_timeline(
            visit, scene, await visit.ask(visit.ports.incidents.linkings, visit.actor, facts.id)
        ),
        reasons=await _reasons(visit, facts) if tab == "rulings" else (),
        related=await visit.ask(visit.ports.reader.related, visit.actor, facts.id, verdict.allowed),
        may_link=(
            await visit.ask(visit.ports.access.may, visit.actor, "link_case", "incident")
        ).allowed,
        incident_stages={stage: visit.say(words) for stage, words in STAGES.items()},
        cards=lines_of(visit, _own_cards(view), [act.verb for act in acts]),
        papers=await papers_of(visit, view, facts),
        main_acts=tuple(act for act in acts if act.main and act.verb != "claim"),
        other_acts=tuple(act for act in acts if not act.main),
        claimable=tuple(
            t
            for t in scene.tasks()
            if claims and t.department == scene.department and not t.holder and may_do(t.key)
        ),
        task_names={t.key: scene.task_name(t) for t in view.tasks},
        departments=scene.departments,
        articles=_articles(visit, view, outcome),
        may_audit=(
            await visit.ask(visit.ports.access.may, visit.actor, "audit_read", "audit")
        ).allowed,
        methods={code: visit.say(words) for code, words in METHODS.items()},
        people_names=dict(scene.colleagues),
        outcome=_told(visit, outcome) if outcome and outcome.case_id == facts.id else None,
        before=before,
        next_case=await next_of(visit, facts.id) if done else "",
        public_code=await visit.ask(visit.ports.reader.public_code, facts.id) if issues else "",
        may_issue=issues,
        may_reveal=verdict.allowed and set(view.personal) > set(view.revealed),
        may_see_readers=(
            await visit.ask(visit.ports.access.may, visit.actor, "case_readers", "audit")
        ).allowed,
        form=_reveal_form(visit, scene, view).with_errors(wrong or {}),
        command=str(uuid4()),
    )
    return await show(visit, page, 422 if wrong else 200)


def _reveal_form(visit: Visit, scene: Scene, view: CaseView) -> Form:
    """Return the form that asks which fields are to be shown, what for and why."""
    labels = {f"applicant.{key}": visit.say(label) for key, label in PERSON_LABELS.items()}
    labels |= {f.name: f.label for f in schema_fields(scene.matter.form, "form", visit.language)}
    labels[FILE_NAMES] = visit.say(N_("材料的文件名"))
    labels[RECIPIENT] = visit.say(N_("签收人"))
    # 联系电话 may be the applicant's and one of the form.
    whose = {
        "applicant": visit.say(N_("申请人")),
        "form": visit.say(N_("表单")),
        "service": visit.say(N_("送达")),
    }
    fields = tuple(
        Option(name, labels.get(name, name), whose.get(name.partition(".")[0], ""))
        for name in view.personal
    )
    purposes = tuple(Option(code, visit.say(words)) for code, words in PURPOSES.items())
    return Form(
        (
            Field("fields", visit.say(N_("要查看的项目")), "checks", options=fields,
                  values=view.revealed),
            Field("purpose", visit.say(N_("用途")), "select", options=purposes),
            Field("reason", visit.say(N_("查看理由")), max_length=REASON_LENGTH),
        )
    )  # fmt: skip


def _own_cards(view: CaseView) -> list[CardView]:
    """Return the cards with the number of their case, which its rows do not repeat."""
    no = view.row.case_no
    return [one.model_copy(update={"case_no": no}) for one in view.cards]


async def _clock(visit: Visit, view: CaseView, scene: Scene) -> ClockPanel:
    calendar = await visit.ask(visit.ports.catalogue.calendar, str(view.plan["calendar"]))
    calendar = calendar.of(str(view.plan["department"]))
    names = {task.key: scene.task_name(task) for task in view.tasks} | dict(scene.departments)
    address = f"/cases/{quote(view.row.case_no)}"
    return await visit.ask(clock_panel, visit, view, calendar, address, names)


async def _reasons(visit: Visit, facts: CaseFacts) -> tuple[ReasonPanel, ...]:
    found = await visit.ask(visit.ports.reasons.of_case, facts.id)
    return panels_of(visit, found)


def _told(visit: Visit, outcome: Outcome) -> Outcome:
    """Return the stored outcome with its refusal in the reader's language."""
    return outcome.model_copy(update={"reason": visit.told(outcome.reason)})


def _articles(visit: Visit, view: CaseView, outcome: Outcome | None) -> Mapping[str, Article]:
    cited = {item.basis for item in view.timeline} | {event.article for event in view.clock}
    cited |= {card.article for card in view.cards}
    if outcome:
        cited.add(outcome.basis)
    found = {basis: visit.ports.catalogue.article(basis) for basis in cited}
    return {basis: article for basis, article in found.items() if article is not None}


def _timeline(visit: Visit, scene: Scene, links: Sequence[Linking]) -> Timeline:
    view = scene.view
    tasks = {task.key: scene.task_name(task) for task in view.tasks}
    fields = schema_fields(scene.matter.form, "", visit.language)
    labels = {field.name.removeprefix("."): field.label for field in fields}
    address = f"/cases/{quote(view.row.case_no)}"
    return timeline_of(visit, view.timeline, address, Names(tasks, labels), links)


async def next_of(visit: Visit, case_id: str, finished: bool = False) -> str:
    """Return the number of the next case of mine; empty when there is none. `finished`: empty too
    while something of this case is still mine to do."""
    worklist = await visit.ask(visit.ports.reader.worklist, visit.actor, WorklistQuery())
    if finished and any(row.case_id == case_id for row in worklist.rows):
        return ""
    return next((row.case_no for row in worklist.rows if row.case_id != case_id), "")


async def _before(visit: Visit, command: str) -> str:
    """Return the number of the case that one's own command was about; empty for anything else."""
    outcome = await visit.ask(visit.ports.reader.outcome, command) if command else None
    facts = await visit.ask(visit.ports.reader.find, outcome.case_no) if outcome else None
    return outcome.case_no if outcome and facts and await knows(visit, facts) else ""


def form_facts(matter: Matter, values: Mapping[str, Any], visit: Visit) -> tuple[Fact, ...]:
    """Return the form's values as lines, in the order of the matter's schema."""
    found = []
    for field in schema_fields(matter.form, "form", visit.language):
        value: Any = values
        for part in field.name.split(".")[1:]:
            value = value.get(part) if isinstance(value, dict) else None
        if value is None and not field.asked.applies(values):
            continue  # in this case it is not filled in
        rows = value if field.kind == "rows" and isinstance(value, list) else []
        lines = tuple(
            tuple(_plain(row.get(c.name), c, visit) for c in field.columns)
            for row in rows
            if isinstance(row, dict)
        )
        text = "" if lines else _plain(value, field, visit)
        heads = tuple(column.label for column in field.columns) if lines else ()
        found.append(Fact(field.label, text, field.personal, field.group, heads, lines))
    return tuple(found)


def _plain(value: Any, field: Field, visit: Visit) -> str:
    labels = {option.value: option.label for option in field.options}
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return visit.say(N_("是")) if value else visit.say(N_("否"))
    if isinstance(value, list):
        return "、".join(labels.get(str(one), str(one)) for one in value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = labels.get(str(value), str(value))
    return f"{text} {field.unit}".strip()


PERSON_LABELS = {
    "name": N_("姓名或名称"),
    "id_type": N_("证件类型"),
    "id_number": N_("证件号码"),
    "legal_representative": N_("法定代表人"),
    "phone": N_("联系电话"),
}


def _people(view: CaseView, visit: Visit) -> tuple[Fact, ...]:
    found = []
    agent = view.applicant.get("agent")
    for group, person in ((N_("申请人"), view.applicant), (N_("代理人"), agent)):
        if not isinstance(person, dict):
            continue
        for key, label in PERSON_LABELS.items():
            value = str(person.get(key) or "")
            if key == "id_type":
                value = visit.say(ID_TYPES.get(value, value))
            if value:
                personal = key not in ("id_type",)
                found.append(Fact(visit.say(label), value, personal, visit.say(group)))
    return tuple(found)


def _columns(scene: Scene) -> tuple[OpinionColumn, ...]:
    """One column per step of the review that has a task or an opinion; the lead's at the end."""
    view = scene.view
    columns = []
    for task in view.tasks:
        if task.kind in ("review", "gather"):
            given = tuple(o for o in view.opinions if o.task == task.key)
            name = scene.departments.get(task.department, task.department)
            columns.append(OpinionColumn(scene.task_name(task), name, task, given))
    return tuple(columns)


def download(found: File) -> Response:
    """Return a file to be saved: never shown inside the site, whatever its bytes say."""
    response = Response(found.content, media_type=found.media_type)
    name = quote(found.name, safe="")
    response.headers["content-disposition"] = f"attachment; filename*=UTF-8''{name}"
    response.headers["content-security-policy"] = "sandbox; default-src 'none'"
    return response
