"""核实、研判定级、派发: what the command centre does in the first five minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cases.incidents import messages as m
from cases.incidents.routing import CENTRE
from cases.incidents.state import ACTIVE_UNITS, OVER, IncidentState, Unit
from cases.incidents.step import Known, Step, Tell, advanced, unit
from cases.messages import Command
from cases.settling import RuleForbids
from catalogue.incident_types import GRADED

MOST_UNITS = 40
"""Dispatches of one incident, repeated ones included: more is a quarrel for a leader."""


def verify(state: IncidentState, command: Command, body: m.Verify, _known: Known) -> Step:
    """核实: so, or not so. A dispatch that went out at once is verified afterwards."""
    if state.verified_at is not None or state.stage in OVER:
        raise RuleForbids("verified_already", "已经核实过")
    at = command.occurred_at
    said = {"true": body.true}
    if body.true:
        return Step(state=advanced(state, "verified", verified_at=at), said=said)
    if not body.ground:
        raise RuleForbids("ground_missing", "请写明何以不实", "TFSJ-61", "body.ground")
    stood_down, told = stand_down(state, "other", "unfounded")
    changed = advanced(stood_down, verified_at=at, closed_at=at).model_copy(
        update={"stage": "unfounded"}
    )
    return Step(state=changed, told=told, said=said)


def grade(state: IncidentState, command: Command, body: m.Grade, known: Known) -> Step:
    """研判定级: once; later only 重新定级."""
    if state.verified_at is None:
        raise RuleForbids("wrong_stage", "尚未核实，不能定级")
    if state.graded_at is not None:
        raise RuleForbids("graded_already", "已经定级，变化的请重新定级", "SGBG-13")
    changed = _graded(state, body, known)
    return Step(
        state=advanced(state, "graded", graded_at=command.occurred_at, **changed),
        said=_figures(body, ""),
    )


def regrade(state: IncidentState, _command: Command, body: m.Grade, known: Known) -> Step:
    """重新定级 within the days that the law leaves: 30, of road traffic and fire 7."""
    if state.graded_at is None:
        raise RuleForbids("wrong_stage", "尚未定级")
    if not known.regrade_open:
        raise RuleForbids(
            "regrade_over",
            "自事故发生之日起三十日（道路交通、火灾七日）已过，不再重新定级",
            "SGBG-13",
        )
    if not body.ground:
        raise RuleForbids("ground_missing", "请写明重新定级的理由", "SGBG-13", "body.ground")
    return Step(
        state=advanced(state, **_graded(state, body, known)), said=_figures(body, state.grade)
    )


def _graded(state: IncidentState, body: m.Grade, known: Known) -> dict[str, Any]:
    hurt = bool(body.deaths or body.injured or body.loss_yuan)
    if state.domain not in GRADED and body.level != "none":
        raise RuleForbids(
            "not_graded", "社会安全事件、城市管理事项没有法定的四级，请选「不分级」", "TFSJ-3",
            "body.level",
        )  # fmt: skip
    if known.graded and (hurt or body.level != "none") and body.level != known.graded:
        raise RuleForbids(
            "grade_differs", f"按伤亡和损失的数字应为 {known.graded}，与所定的不符", "SGBG-3",
            "body.level",
        )  # fmt: skip
    return {
        "grade": body.level, "deaths": body.deaths, "injured": body.injured,
        "loss_yuan": body.loss_yuan,
    }  # fmt: skip


def _figures(body: m.Grade, before: str) -> dict[str, Any]:
    return {
        "level": body.level, "deaths": body.deaths, "injured": body.injured,
        "loss_yuan": body.loss_yuan, "before": before,
    }  # fmt: skip


# --- 派发 ---------------------------------------------------------------------------------------


def dispatch(state: IncidentState, command: Command, body: m.Dispatch, known: Known) -> Step:
    """派发 to one lead and any number of others; further units may be sent later."""
    if state.graded_at is None:
        raise RuleForbids("wrong_stage", "尚未核实定级，不能派发", "YCYX-7")
    if state.stage in ("answered", "checked", *OVER):
        raise RuleForbids("wrong_stage", "处置单位已经反馈，不再派发")
    wanted = [(one.department, one.lead, "") for one in body.units]
    return _sent(state, command, wanted, known)


def direct(done: Step, command: Command, known: Known) -> Step:
    """直派: what the responsibility table says goes out with the report itself (YCYX-16)."""
    wanted = [(one.department, one.lead, one.line) for one in known.routed]
    sent = _sent(done.state, command, wanted, known)
    # One order, one step: the report's own number stays.
    state = sent.state.model_copy(update={"seq": done.state.seq})
    return Step(
        state=state,
        told=(*done.told, *sent.told),
        said={**done.said, **sent.said},
        joined=done.joined,
        dispatched=True,
    )


def _sent(
    state: IncidentState, command: Command, wanted: Sequence[tuple[str, bool, str]], known: Known
) -> Step:
    names = [department for department, _, _ in wanted]
    _insist_units(state, wanted, known)
    first = max((one.n for one in state.units), default=0) + 1
    fresh = tuple(
        Unit(
            department=department, lead=lead, state="dispatched",
            dispatched_at=command.occurred_at, n=first + place, why=why,
        )
        for place, (department, lead, why) in enumerate(wanted)
    )  # fmt: skip
    told = tuple(
        unit(state, one.department, "dispatched", f"dispatch:{one.n}", lead=one.lead)
        for one in fresh
    )
    changed: dict[str, Any] = {"units": (*state.units, *fresh)}
    if state.dispatched_at is None:
        changed["dispatched_at"] = command.occurred_at
    lead = next((one.department for one in fresh if one.lead), "")
    return Step(
        state=advanced(state, "dispatched", **changed),
        told=told,
        said={"units": list(names), "lead": lead, "why": [why for _, _, why in wanted]},
    )


def _insist_units(
    state: IncidentState, wanted: Sequence[tuple[str, bool, str]], known: Known
) -> None:
    names = [department for department, _, _ in wanted]
    active = {one.department for one in state.active}
    unknown = [one for one in names if one not in known.departments]
    if unknown:
        raise RuleForbids("unknown_department", f"没有部门「{unknown[0]}」", "", "body.units")
    if len(set(names)) != len(names) or active & set(names):
        raise RuleForbids("sent_already", "同一单位不重复派发", "", "body.units")
    if (
        CENTRE in names
        and len(names) > 1
        and not any(lead for name, lead, _ in wanted if name == CENTRE)
    ):
        raise RuleForbids("centre_assists", "指挥中心指挥，不作协同单位", "YCYX-14", "body.units")
    leads = sum(lead for _, lead, _ in wanted) + (state.lead is not None)
    if leads != 1:
        raise RuleForbids("one_lead", "须有且只有一个牵头单位", "YCYX-14", "body.units")
    if len(state.units) + len(names) > MOST_UNITS:
        raise RuleForbids("too_many", f"派发次数超过 {MOST_UNITS} 次，请提请指挥长协调")


def stand_down(state: IncidentState, kind: Any, key: str) -> tuple[IncidentState, tuple[Tell, ...]]:
    """Return the state with every unit called back, and what they are told."""
    called = [one for one in state.units if one.state in ACTIVE_UNITS]
    units = tuple(
        one.model_copy(update={"state": "stood_down"}) if one in called else one
        for one in state.units
    )
    told = tuple(unit(state, one.department, kind, f"{key}:{one.n}") for one in called)
    return state.model_copy(update={"units": units}), told
