"""A story for the papers out of what the rows hold: words for codes, stages with their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from cases.incidents.chains import RECIPIENTS, REPORTERS
from cases.incidents.messages import REFUSAL_GROUNDS
from cases.incidents.state import GRADES, STAGES, UNIT_STATES, IncidentState
from cases.incidents.story import (
    ChainReport,
    Happening,
    Kind,
    Lesson,
    ResponseAct,
    StageLimit,
    Story,
    UnitPart,
)
from cases.lives import RING
from catalogue.incident_types import DOMAIN_TITLES, GRADED
from catalogue.load import Catalogue

NUMERALS: Final[Mapping[int, str]] = {1: "一", 2: "二", 3: "三", 4: "四"}

ACTS: Final[Mapping[str, tuple[str, Kind]]] = {
    "report": ("接报", "stage"), "join": ("并入信号", "other"),
    "withdraw_signal": ("信号撤回", "other"), "verify": ("核实", "stage"),
    "grade": ("研判定级", "graded"), "regrade": ("重新定级", "graded"),
    "dispatch": ("派发", "stage"), "acknowledge": ("签收", "stage"),
    "refuse_dispatch": ("退单", "refused"), "arbitrate": ("仲裁裁定", "arbitrated"),
    "set_out": ("出动", "stage"), "arrive": ("到场", "stage"), "progress": ("续报", "progress"),
    "answer": ("反馈", "stage"), "check": ("核查", "stage"), "close": ("办结", "stage"),
    "evaluate": ("综合评价", "stage"), "archive": ("归档", "stage"),
    "start_response": ("启动应急响应", "response"), "adjust_response": ("调整应急响应", "response"),
    "end_response": ("解除应急响应", "response"), "report_up": ("信息报告", "reported_up"),
    "merge": ("并案", "stage"), "keep_personal": ("延期销毁个人信息", "other"),
    "link_case": ("关联办件", "other"), "unlink_case": ("解除关联", "other"),
    "add_lesson": ("列改进措施", "other"), "finish_lesson": ("改进措施完成", "other"),
}  # fmt: skip
"""Verb → what the office calls it, and what it is for the papers."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the incident as a reader may see it: opened, or with an empty text."""

    at: datetime
    verb: str
    """The order's verb; `timer_fired` of the law's own."""
    by: str = ""
    """Name of who did it; empty: the law, or not to be told."""
    department: str = ""
    """Code of the unit it concerns."""
    text: str = ""
    key: str = ""
    """Of a timer: which one rang."""
    ground: str = ""
    """Of a refusal: its code."""
    act: Literal["", "start", "adjust", "end"] = ""
    """Of a response."""
    matter: str = ""
    level: int = 0
    expected_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What the state does not hold: opened text, and the reader's own view of it."""

    text: str = ""
    """What was reported."""
    signals: Sequence[tuple[str, int]] = ()
    lessons: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Id of a lesson → its text, and what was done."""
    evaluation: str = ""
    evaluator: str = ""
    kept_reason: str = ""
    nearby: Sequence[tuple[float, float, str]] = ()


def story_of(
    state: IncidentState, told: Sequence[Told], words: Words, catalogue: Catalogue
) -> Story:
    """Return what the papers tell of an incident as it stands."""
    names = {one.code: one.short or one.name for one in catalogue.city.departments}
    kind = catalogue.incident_types.by_code.get(state.type)
    cell = catalogue.grid.cell_by_id.get(state.place.cell)
    district = catalogue.grid.district_by_code.get(state.place.district)
    response = state.response
    running = response is not None and response.ended_at is None
    return Story(
        number=state.number,
        title=state.title,
        type_name=kind.name if kind else state.type,
        domain_name=DOMAIN_TITLES[state.domain],
        stage=STAGES[state.stage],
        level=state.level,
        grade=GRADES[state.grade] if state.domain in GRADED else "",
        response=f"{NUMERALS[response.level]}级响应" if response is not None and running else "",
        reported_at=state.reported_at,
        text=words.text,
        address=state.place.address,
        district=district.name if district else "",
        cell=cell.name if cell else "",
        lon=state.place.lon,
        lat=state.place.lat,
        deaths=state.deaths,
        injured=state.injured,
        loss_yuan=state.loss_yuan,
        closed_at=state.closed_at,
        signals=words.signals,
        units=_units(state, names),
        stages=_stages(state, catalogue),
        timeline=tuple(_happening(one, names, state) for one in told),
        reports=tuple(
            ChainReport(
                _chain(one.chain, one.to), one.due_at, one.sent_at, _cited(one.article, catalogue)
            )
            for one in state.reports
        ),
        responses=tuple(_response(one) for one in told if one.act),
        lessons=tuple(
            Lesson(text, names.get(one.department, one.department), one.due_on,
                   done or ("已完成" if one.done_at else ""))
            for one in state.lessons
            for text, done in (words.lessons.get(one.id, ("", "")),)
        ),
        evaluation=words.evaluation,
        evaluator=words.evaluator,
        kept_personal=words.kept_reason if state.kept_personal else "",
        nearby=words.nearby,
    )  # fmt: skip


def _units(state: IncidentState, names: Mapping[str, str]) -> tuple[UnitPart, ...]:
    refused = [one.department for one in state.refusals]
    return tuple(
        UnitPart(
            names.get(one.department, one.department), one.lead, UNIT_STATES[one.state],
            one.dispatched_at, one.acknowledged_at, one.set_out_at, one.arrived_at,
            one.answered_at, one.rung, refused.count(one.department), one.why,
        )
        for one in state.units
    )  # fmt: skip


def _stages(state: IncidentState, catalogue: Catalogue) -> tuple[StageLimit, ...]:
    """Return the measured stages: all counted from 接报, always on a clock that never stops."""
    limits = state.limits
    # 15 minutes, the promise itself, is the rung at 100 %: the one that tells the commander.
    response = next((one for one in limits.rungs if "commander" in one.told), None)
    asked: Sequence[tuple[str, str, datetime | None, float | None]] = (
        ("verified", "核实", state.verified_at, None),
        ("graded", "研判定级", state.graded_at, limits.graded),
        ("dispatched", "派发", state.dispatched_at, limits.dispatched),
        ("acknowledged", "签收", state.acknowledged_at, limits.acknowledged),
        (
            "response",
            "响应（首个签收）",
            state.acknowledged_at,
            None if response is None else response.minutes,
        ),
        ("arrive", "到场", state.arrived_at, limits.arrive),
        ("finish", "处置完毕（反馈）", state.answered_at, limits.finish),
        ("closed", "办结", state.closed_at, None),
    )
    return tuple(
        StageLimit(
            key, title, state.reported_at, done,
            None if minutes is None else timedelta(minutes=minutes),
            _cited(_article(key, state), catalogue),
        )
        for key, title, done, minutes in asked
    )  # fmt: skip


def _article(key: str, state: IncidentState) -> str:
    if key == "response":
        return next((one.article for one in state.limits.rungs if "commander" in one.told), "")
    return state.limits.articles.get(key, "")


def _happening(one: Told, names: Mapping[str, str], state: IncidentState) -> Happening:
    who = names.get(one.department, one.department)
    if one.verb == RING:
        return _rang(one, who, state)
    what, kind = ACTS.get(one.verb, (one.verb, "other"))
    text = one.text
    if one.verb == "refuse_dispatch":
        ground = _GROUNDS.get(one.ground, one.ground)
        text = "；".join(said for said in (ground, one.text) if said)
    return Happening(one.at, what, one.by, text, kind, who)


_GROUNDS: Final[Mapping[str, str]] = {str(code): words for code, words in REFUSAL_GROUNDS.items()}


TOLD: Final[Mapping[str, str]] = {
    "duty_officer": "值班员", "unit_leader": "处置单位负责人", "commander": "指挥长",
    "city_leader": "分管市领导",
}  # fmt: skip
"""Words of the rule pack `response` for whom a rung tells."""

LIMITS: Final[Mapping[str, str]] = {
    "graded": "研判定级时限已到", "dispatched": "派发时限已到", "acknowledged": "签收时限已到",
    "arrive": "到场时限已到", "finish": "处置时限已到", "report": "信息报告期限已到",
    "report_soon": "信息报告期限过半", "response": "应急响应的预计期限已到",
    "lesson": "改进措施期限已到",
}  # fmt: skip
"""First word of a timer's key → what it means that it rang."""


def _rang(one: Told, who: str, state: IncidentState) -> Happening:
    """Return a timer of the law in words: rung again, told further up, or a limit passed."""
    first, _, rest = one.key.partition(":")
    if first == "again":
        return Happening(one.at, "再次催告", "", "未签收", "rung", who)
    if first == "forgotten":
        return Happening(one.at, "再次催告", "", "签收后久无进展", "rung", who)
    if first == "rung":
        told = next((rung.told for rung in state.limits.rungs if rung.key == rest), ())
        words = "、".join(TOLD.get(role, role) for role in told)
        return Happening(one.at, "升级告知", "", f"无人签收，告知{words}", "escalated", who)
    said = LIMITS.get(first, one.key)
    if first in ("report", "report_soon"):
        said = f"{said}（{REPORTERS.get(rest.partition(':')[0], rest)}）"
    return Happening(one.at, said, "", "", "other", who)


def _response(one: Told) -> ResponseAct:
    assert one.act
    return ResponseAct(
        one.at, one.act, one.matter, one.level or None, one.expected_until, one.text, one.by
    )


def _chain(chain: str, to: str) -> str:
    return f"{REPORTERS.get(chain, chain)} → {RECIPIENTS.get(to, to)}"


def _cited(article: str, catalogue: Catalogue) -> str:
    found = catalogue.law.get(article)
    return found.cited if found else ""
