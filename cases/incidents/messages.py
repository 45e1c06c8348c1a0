"""Orders to an incident and their bodies: plain values that cross rooms, processes and years.

The command itself is `cases.messages.Command`, whose `case_id` is the incident's id; its `verb`
names the body's type in `INCIDENT_BODIES`. What a law demands of an order may be left empty here:
the machine then refuses it with the article.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal
from uuid import uuid5

from pydantic import AwareDatetime, Field, StringConstraints

from cases.attached import Attachments
from cases.incidents.place import Place
from cases.incidents.signal import Level, Reporter
from cases.lives import RING
from cases.messages import NAMESPACE, Code, Command, Day, Frozen, Name, Remark, Text, TimerFired
from cases.projection import json_text

OBJECT: Final = "incident"
"""The object type of policy, and the first word of an incident's stream in the log."""

Grading = Literal["extraordinary", "major", "serious", "ordinary", "none"]
"""特别重大、重大、较大、一般 (突发事件应对法第三条); `none`: not an event that the law grades."""

RefusalGround = Literal["not_ours", "not_our_area", "duplicate", "done_already", "wrong_place"]

REFUSAL_GROUNDS: Final[Mapping[RefusalGround, str]] = MappingProxyType(
    {
        "not_ours": "不属本单位职责",
        "not_our_area": "不在本单位辖区",
        "duplicate": "与在办事件重复",
        "done_already": "事前已经处置完毕",
        "wrong_place": "位置有误，现场没有此事",
    }
)
"""Grounds on which a dispatch may be returned; there is no other."""

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Yuan = Annotated[int, Field(ge=0, le=10**13)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
TypeWord = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Department = Code
OptionalDepartment = Annotated[str, StringConstraints(max_length=64)]


class Report(Frozen):
    """接报: opens the incident; every limit counts from the instant of this order."""

    type: TypeWord
    title: Name
    text: Remark = ""
    place: Place = Place()
    occurred_at: AwareDatetime | None = None
    """When it happened, as far as the reporter knows."""
    source: Annotated[str, StringConstraints(max_length=100)] = ""
    """Who says so: a source of signals, or empty for a person at a page."""
    signal_ids: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    level: Level = ""
    """Colour that the source gives; neither the grade nor the level of a response."""
    deaths: Count = 0
    injured: Count = 0
    casualties: Remark = ""
    """Who was hurt, as reported: personal, sealed."""
    reporter: Reporter | None = None
    owner: OptionalDepartment = ""
    """Whose thing it is, where the report names it (the mark on a cover)."""


class Join(Frozen):
    """并入: further signals of the same happening."""

    signal_ids: Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]
    source: Annotated[str, StringConstraints(max_length=100)] = ""
    level: Level = ""
    """A higher colour than the incident has takes its place."""
    text: Remark = ""


class WithdrawSignal(Frozen):
    """A source took its signal back (a CAP Cancel): told, never silently forgotten."""

    signal_ids: Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]
    text: Remark = ""


class Verify(Frozen):
    """核实: it is so, or it is not (不实)."""

    true: bool
    ground: Remark = ""


class Grade(Frozen):
    """研判定级, and with the verb `regrade` 重新定级 within the days that the law leaves."""

    level: Grading
    deaths: Count = 0
    injured: Count = 0
    """重伤, acute industrial poisoning included."""
    loss_yuan: Yuan = 0
    ground: Remark = ""


class SentUnit(Frozen):
    """One unit that is sent."""

    department: Department
    lead: bool = False
    task: Remark = ""


class Dispatch(Frozen):
    """派发: one lead, any number of others."""

    units: Annotated[tuple[SentUnit, ...], Field(min_length=1, max_length=20)]
    ground: Remark = ""


class Acknowledge(Frozen):
    """签收."""

    department: Department


class RefuseDispatch(Frozen):
    """退单: with a ground of the list and evidence. The clock goes on."""

    department: Department
    ground: RefusalGround
    evidence: Remark = ""
    attached: Attachments = ()
    """Photographs and papers, as further evidence."""


class Arbitrate(Frozen):
    """派单仲裁: binds the unit, or moves the dispatch; nobody refuses it again."""

    department: Department
    """The unit whose refusal is ruled on."""
    ruling: Literal["stands", "moves"]
    to: OptionalDepartment = ""
    ground: Remark = ""


class OfUnit(Frozen):
    """出动、到场、反馈 of one unit."""

    department: Department
    text: Remark = ""
    attached: Attachments = ()


class Progress(Frozen):
    """续报: by a unit, or by the command centre (`department` empty)."""

    department: OptionalDepartment = ""
    text: Text
    attached: Attachments = ()


class Check(Frozen):
    """核查: passed, or back to work (返工)."""

    passed: bool
    ground: Remark = ""


class Close(Frozen):
    """办结."""

    text: Remark = ""


class Evaluate(Frozen):
    """综合评价: a mark from 1 to 5 for each unit, and what is to be said."""

    scores: Annotated[dict[Department, Annotated[int, Field(ge=1, le=5)]], Field(max_length=40)] = (
        Field(default_factory=dict)
    )
    text: Remark = ""


class Archive(Frozen):
    """归档 (突发事件应对法第九十四条)."""

    text: Remark = ""


class Respond(Frozen):
    """启动、调整应急响应: an announced act with matter, level, expected end and measures.

    突发事件应对法第七十二条; left empty, the machine refuses with that article.
    """

    matter: Remark = ""
    level: Literal[0, 1, 2, 3, 4] = 0
    """一级 to 四级; 0: not given."""
    expected_until: AwareDatetime | None = None
    measures: Remark = ""
    plan: Remark = ""


class EndResponse(Frozen):
    """解除应急响应, announced too (突发事件应对法第八十六条)."""

    text: Remark = ""


class ReportUp(Frozen):
    """信息报告: one link of the chain is reported."""

    chain: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
    """Who reports, as the incident's `reports` name it."""
    to: Annotated[str, StringConstraints(max_length=100)] = ""
    text: Text


class MergeInto(Frozen):
    """并案: this incident goes on in another."""

    into: Identifier
    ground: Remark = ""


class LinkCase(Frozen):
    """关联办件, and with the verb `unlink_case` 解除关联: an application that came of the incident,
    or is about it. The reason may be left empty here; the machine refuses without one."""

    case: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
    """Id of the case."""
    ground: Remark = ""


class KeepPersonal(Frozen):
    """Personal data stays beyond the end, with a written reason (突发事件应对法第八十五条)."""

    reason: Remark = ""
    until: Day = ""


class AddLesson(Frozen):
    """教训: what is to be done, by whom, until when."""

    text: Text
    department: Department
    due_on: Day


class FinishLesson(Frozen):
    """A lesson is done."""

    lesson: Identifier
    department: Department
    text: Text


INCIDENT_BODIES: Final[Mapping[str, type[Frozen]]] = MappingProxyType(
    {
        "report": Report,
        "join": Join,
        "withdraw_signal": WithdrawSignal,
        "verify": Verify,
        "grade": Grade,
        "regrade": Grade,
        "dispatch": Dispatch,
        "acknowledge": Acknowledge,
        "refuse_dispatch": RefuseDispatch,
        "arbitrate": Arbitrate,
        "set_out": OfUnit,
        "arrive": OfUnit,
        "progress": Progress,
        "answer": OfUnit,
        "check": Check,
        "close": Close,
        "evaluate": Evaluate,
        "archive": Archive,
        "start_response": Respond,
        "adjust_response": Respond,
        "end_response": EndResponse,
        "report_up": ReportUp,
        "merge": MergeInto,
        "keep_personal": KeepPersonal,
        "add_lesson": AddLesson,
        "finish_lesson": FinishLesson,
        "link_case": LinkCase,
        "unlink_case": LinkCase,
        RING: TimerFired,
    }
)
"""Verb → the type of its body."""

INCIDENT_VERBS: Final[tuple[str, ...]] = tuple(v for v in INCIDENT_BODIES if v != RING)
"""What may be ordered by anybody; a timer of the law is the worker's alone."""

OF_UNITS: Final = frozenset(
    {"acknowledge", "refuse_dispatch", "set_out", "arrive", "progress", "answer", "finish_lesson"}
)
"""Orders of a unit: policy asks for the department that the body names."""

OF_CASES: Final = frozenset({"link_case", "unlink_case"})
"""Orders that name a case: whoever gives them must be allowed to read it too."""

UNKNOWN_CASE: Final = "没有这个办件，或者您无权查看，请核对编号"
"""What is answered of a case that is not there and of one that may not be known of alike."""

SYSTEM_VERBS: Final = ("acknowledge", "set_out", "arrive", "progress", "answer")
"""What a unit's own system may order. A dispatch is refused by a person."""


def incident_id_for(key: str) -> str:
    """Return the id of the incident that a sender's own key names, the same one for ever."""
    return str(uuid5(NAMESPACE, f"incident\n{key}"))


def incident_subject(incident_id: str) -> str:
    """Return under which subject's key what was typed about the incident is sealed: its file,
    which is archived (第九十四条)."""
    return f"incident:{incident_id}"


PERSONAL: Final = frozenset({"reporter", "casualties"})
"""Fields of a report that are of persons."""


def personal_subject(incident_id: str) -> str:
    """Return under which subject's key reporter and casualties are sealed.

    Destroying that key destroys them, and leaves the log's entries as they are (第八十五条).
    """
    return f"incident-personal:{incident_id}"


def parted(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an order's body without what is of persons, and that."""
    rest = {name: value for name, value in body.items() if name not in PERSONAL}
    own = {name: value for name, value in body.items() if name in PERSONAL and value}
    return rest, own


def department_of(command: Command) -> str:
    """Return for which department the order speaks, as policy must ask; empty: for none."""
    if command.verb not in OF_UNITS:
        return ""
    named = command.body.get("department", "")
    return named if isinstance(named, str) else ""


def case_of(command: Command) -> str:
    """Return the id of the case that the order names; empty: it names none."""
    named = command.body.get("case", "") if command.verb in OF_CASES else ""
    return named if isinstance(named, str) else ""


def asked_units(verb: str, department: str, units: tuple[str, ...]) -> tuple[str, ...]:
    """Return the units that policy is told of: none where an order that units give names none,
    for it is the command centre's then."""
    return () if verb in OF_UNITS and not department else units


def order_digest(command: Command) -> str:
    """Return SHA-256 (hex) of what is ordered and by whom; not when or from where."""
    said = [
        command.verb, command.case_id, command.body, command.actor.id, command.actor.on_behalf,
    ]  # fmt: skip
    return hashlib.sha256(json_text(said).encode()).hexdigest()
