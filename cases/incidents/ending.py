"""核查、办结、评价、归档、并案; responses, reports up, lessons."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from cases.incidents import messages as m
from cases.incidents.sending import stand_down
from cases.incidents.state import OVER, IncidentState, Lesson, Response
from cases.incidents.step import Known, Step, Tell, advanced, centre, role, unit
from cases.messages import Command
from cases.settling import RuleForbids

_RESPONSE_FIELDS: Final = (
    ("matter", "事项"), ("level", "响应级别"), ("expected_until", "预计期限"),
    ("measures", "应急处置措施"),
)  # fmt: skip
"""突发事件应对法第七十二条第二款."""


def check(state: IncidentState, command: Command, body: m.Check, _known: Known) -> Step:
    """核查: passed, or 返工."""
    if state.stage != "answered":
        raise RuleForbids("wrong_stage", "处置单位全部反馈之后才能核查")
    said = {"passed": body.passed}
    if body.passed:
        return Step(state=advanced(state, "checked", checked_at=command.occurred_at), said=said)
    if not body.ground:
        raise RuleForbids("ground_missing", "请写明返工的理由", "", "body.ground")
    at = command.occurred_at
    again = tuple(
        one.model_copy(
            update={"state": "on_site", "answered_at": None, "progress_at": at, "forgotten": 0}
        )
        if one.state == "answered"
        else one
        for one in state.units
    )
    told = tuple(
        unit(state, one.department, "other", f"rework:{state.reworks + 1}")
        for one in again
        if one.state == "on_site"
    )
    changed = advanced(state, units=again, answered_at=None, reworks=state.reworks + 1)
    return Step(state=changed.model_copy(update={"stage": "handling"}), told=told, said=said)


def close(state: IncidentState, command: Command, _body: m.Close, _known: Known) -> Step:
    """办结: checked, and no response is running."""
    if state.stage != "checked":
        raise RuleForbids("wrong_stage", "核查通过之后才能办结")
    if _running(state):
        raise RuleForbids("response_running", "应急响应尚未解除，不能办结", "TFSJ-86")
    return Step(state=advanced(state, "closed", closed_at=command.occurred_at))


def evaluate(state: IncidentState, command: Command, body: m.Evaluate, _known: Known) -> Step:
    """综合评价, once."""
    if state.stage != "closed":
        raise RuleForbids("wrong_stage", "办结之后才能评价")
    if state.evaluated_at is not None:
        raise RuleForbids("evaluated_already", "已经评价过")
    sent = {one.department for one in state.units}
    strange = sorted(set(body.scores) - sent)
    if strange:
        raise RuleForbids("not_sent", f"没有派过「{strange[0]}」", "", "body.scores")
    if not body.scores:
        raise RuleForbids("scores_missing", "请给每个处置单位评分", "", "body.scores")
    return Step(
        state=advanced(state, evaluated_at=command.occurred_at), said={"scores": dict(body.scores)}
    )


def archive(state: IncidentState, command: Command, _body: m.Archive, _known: Known) -> Step:
    """归档: evaluated, lessons done, no response running."""
    if state.stage == "archived":
        raise RuleForbids("archived", "已经归档")
    if state.stage not in OVER:
        raise RuleForbids("wrong_stage", "办结之后才能归档", "TFSJ-94")
    if state.stage == "closed" and state.evaluated_at is None:
        raise RuleForbids("not_evaluated", "尚未评价，不能归档", "TFSJ-92")
    if any(one.done_at is None for one in state.lessons):
        raise RuleForbids("lessons_open", "整改措施尚未全部完成，不能归档", "TFSJ-92")
    if _running(state):
        raise RuleForbids("response_running", "应急响应尚未解除，不能归档", "TFSJ-86")
    archived = advanced(state, "archived", archived_at=command.occurred_at)
    return Step(
        state=archived.model_copy(update={"stage": "archived"}),
        said={"kept": state.kept_personal},
    )


def merge(state: IncidentState, command: Command, body: m.MergeInto, _known: Known) -> Step:
    """并案: units are called back; what was learnt goes on in the other incident."""
    if body.into == state.incident_id:
        raise RuleForbids("same_incident", "不能并入自己", "", "body.into")
    if state.stage in ("answered", "checked", *OVER):
        raise RuleForbids("wrong_stage", "处置单位已经反馈，不再并案")
    if _running(state):
        raise RuleForbids("response_running", "应急响应尚未解除，不能并案", "TFSJ-86")
    stood_down, told = stand_down(state, "merged", "merge")
    changed = advanced(stood_down, merged_into=body.into, closed_at=command.occurred_at).model_copy(
        update={"stage": "merged"}
    )
    return Step(state=changed, told=told, said={"into": body.into})


# --- responses ----------------------------------------------------------------------------------


def _running(state: IncidentState) -> bool:
    return state.response is not None and state.response.ended_at is None


def _insist_announced(body: m.Respond, at: datetime) -> None:
    for name, title in _RESPONSE_FIELDS:
        if not getattr(body, name):
            raise RuleForbids(
                "response_incomplete", f"公告须写明{title}", "TFSJ-72", f"body.{name}"
            )
    assert body.expected_until is not None
    if body.expected_until <= at:
        raise RuleForbids(
            "expected_in_the_past", "预计期限须在将来", "TFSJ-72", "body.expected_until"
        )


def _announced(body: m.Respond) -> dict[str, Any]:
    assert body.expected_until is not None
    return {
        "matter": body.matter, "level": body.level, "measures": body.measures,
        "expected_until": body.expected_until.isoformat(),
    }  # fmt: skip


def start_response(state: IncidentState, command: Command, body: m.Respond, _known: Known) -> Step:
    """启动应急响应: an announced act; the level is the plan's, not the event's grade."""
    if state.verified_at is None or state.stage in OVER:
        raise RuleForbids("wrong_stage", "核实之后、办结之前才能启动响应", "TFSJ-72")
    if _running(state):
        raise RuleForbids("response_running", "响应已经启动，请用「调整」", "TFSJ-72")
    _insist_announced(body, command.occurred_at)
    assert body.expected_until is not None
    response = Response(
        matter=body.matter, level=body.level, expected_until=body.expected_until,
        measures=body.measures, started_at=command.occurred_at,
    )  # fmt: skip
    return Step(
        state=advanced(state, response=response),
        told=_everybody(state, f"start:{state.seq + 1}", body.level),
        said=_announced(body),
    )


def adjust_response(state: IncidentState, command: Command, body: m.Respond, _known: Known) -> Step:
    """调整应急响应, announced anew with every field."""
    if not _running(state):
        raise RuleForbids("no_response", "没有启动的响应", "TFSJ-72")
    _insist_announced(body, command.occurred_at)
    assert state.response is not None
    response = state.response.model_copy(
        update={
            "matter": body.matter, "level": body.level, "measures": body.measures,
            "expected_until": body.expected_until, "adjusted_at": command.occurred_at,
        }
    )  # fmt: skip
    return Step(
        state=advanced(state, response=response),
        told=_everybody(state, f"adjust:{state.seq + 1}", body.level),
        said=_announced(body),
    )


def end_response(
    state: IncidentState, command: Command, _body: m.EndResponse, _known: Known
) -> Step:
    """解除应急响应."""
    if not _running(state):
        raise RuleForbids("no_response", "没有启动的响应", "TFSJ-86")
    assert state.response is not None
    response = state.response.model_copy(update={"ended_at": command.occurred_at})
    return Step(
        state=advanced(state, response=response),
        told=_everybody(state, f"end:{state.seq + 1}", 0),
        said={"level": state.response.level},
    )


def _everybody(state: IncidentState, key: str, level: int) -> tuple[Tell, ...]:
    units = [unit(state, one.department, "response", key, level=level) for one in state.active]
    leader = role("government_head", "response", key, level=level)
    return (centre(state, "response", key, level=level), leader, *units)


# --- reports, personal data, lessons ------------------------------------------------------------


def report_up(state: IncidentState, command: Command, body: m.ReportUp, _known: Known) -> Step:
    """信息报告: the link is done; the next one's time begins."""
    found = next((one for one in state.reports if one.chain == body.chain), None)
    if found is None:
        raise RuleForbids("no_such_report", "本事件没有这一级报告", "", "body.chain")
    if found.sent_at is not None:
        raise RuleForbids("reported_up_already", "这一级已经报告；新情况请续报", found.article)
    sent = found.model_copy(update={"sent_at": command.occurred_at, "sent_by": command.actor.id})
    reports = tuple(sent if one.chain == sent.chain else one for one in state.reports)
    return Step(
        state=advanced(state, reports=reports),
        said={"chain": body.chain, "to": found.to, "late": command.occurred_at > found.due_at},
    )


def keep_personal(
    state: IncidentState, command: Command, body: m.KeepPersonal, _known: Known
) -> Step:
    """Personal data stays until a day, with a written reason."""
    if state.stage == "archived":
        raise RuleForbids("archived", "已归档，个人信息已依法销毁", "TFSJ-85")
    if not body.reason:
        raise RuleForbids("ground_missing", "保留须写明理由", "TFSJ-85", "body.reason")
    if not body.until or date.fromisoformat(body.until) <= command.occurred_at.date():
        raise RuleForbids("day_missing", "请写明保留到哪一天", "TFSJ-85", "body.until")
    return Step(state=advanced(state, kept_personal=body.until), said={"until": body.until})


def add_lesson(state: IncidentState, command: Command, body: m.AddLesson, known: Known) -> Step:
    """教训 as a task with a department and a day."""
    if state.stage not in ("answered", "checked", "closed"):
        raise RuleForbids("wrong_stage", "反馈之后、归档之前才能记教训", "TFSJ-92")
    if body.department not in known.departments:
        raise RuleForbids("unknown_department", "没有这个部门", "", "body.department")
    if known.lesson_due_at is None or known.lesson_due_at <= command.occurred_at:
        raise RuleForbids("day_missing", "请写明哪一天前完成", "TFSJ-92", "body.due_on")
    lesson = Lesson(
        id=f"{len(state.lessons) + 1}", department=body.department, due_on=body.due_on,
        due_at=known.lesson_due_at,
    )  # fmt: skip
    told = (unit(state, body.department, "lesson", f"lesson:{lesson.id}", due=body.due_on),)
    return Step(
        state=advanced(state, lessons=(*state.lessons, lesson)),
        told=told,
        said={"lesson": lesson.id, "unit": body.department, "due_on": body.due_on},
    )


def finish_lesson(
    state: IncidentState, command: Command, body: m.FinishLesson, _known: Known
) -> Step:
    """A lesson is done, as its department says."""
    found = next((one for one in state.lessons if one.id == body.lesson), None)
    if found is None or found.department != body.department:
        raise RuleForbids("no_such_lesson", "本单位没有这项整改", "TFSJ-92", "body.lesson")
    if found.done_at is not None:
        raise RuleForbids("done_already", "已经完成")
    done = found.model_copy(update={"done_at": command.occurred_at})
    lessons = tuple(done if one.id == done.id else one for one in state.lessons)
    return Step(
        state=advanced(state, lessons=lessons), said={"lesson": done.id, "unit": done.department}
    )


__all__ = [
    "add_lesson", "adjust_response", "archive", "check", "close", "end_response", "evaluate",
    "finish_lesson", "keep_personal", "merge", "report_up", "start_response",
]  # fmt: skip
