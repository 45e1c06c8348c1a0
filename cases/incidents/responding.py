"""签收、退单、仲裁、出动、到场、续报、反馈: what the units do.

The clock of a unit runs from its dispatch. A refusal needs a ground of the list and evidence, is
counted, and stops no clock; the second goes to the arbiter, whose ruling binds (YCYX-15).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import JsonValue

from cases.incidents import messages as m
from cases.incidents.state import ACTIVE_UNITS, IncidentState, Refusal, Stage, Unit
from cases.incidents.step import Known, Step, Taught, Tell, advanced, centre, role, unit
from cases.messages import Command
from cases.settling import RuleForbids

EVIDENCE_AT_LEAST = 4
"""Characters of evidence in words, where no file is named: 「已拍照」 is no evidence."""

AT_WORK = ("acknowledged", "under_way", "on_site")


def _unit_of(state: IncidentState, department: str) -> Unit:
    found = [one for one in state.units if one.department == department]
    if not found:
        raise RuleForbids("not_sent", "本事件没有派给这个单位", "", "body.department")
    return found[-1]


def _of(body: m.RefuseDispatch | m.OfUnit | m.Progress) -> dict[str, JsonValue]:
    """Return for which unit it is said, and how many files came with it."""
    files = {"files": len(body.attached)} if body.attached else {}
    return {"unit": body.department, **files}


def _changed(whole: IncidentState, one: Unit, /, **changed: Any) -> tuple[Unit, ...]:
    fresh = one.model_copy(update=changed)
    return tuple(fresh if other.n == one.n else other for other in whole.units)


def acknowledge(state: IncidentState, command: Command, body: m.Acknowledge, _known: Known) -> Step:
    """签收: the first one ends the fifteen minutes."""
    one, at = _unit_of(state, body.department), command.occurred_at
    if one.state != "dispatched":
        raise RuleForbids("wrong_state", "没有待签收的派单", "", "body.department")
    units = _changed(
        state, one, state="acknowledged", acknowledged_at=at, acknowledged_by=command.actor.id
    )
    changed: dict[str, Any] = {"units": units}
    if state.acknowledged_at is None:
        changed["acknowledged_at"] = at
    return Step(state=advanced(state, "acknowledged", **changed), said={"unit": body.department})


def refuse(state: IncidentState, command: Command, body: m.RefuseDispatch, _known: Known) -> Step:
    """退单: with ground and evidence; the second of the incident goes to the arbiter."""
    one, at = _unit_of(state, body.department), command.occurred_at
    if one.state != "dispatched":
        raise RuleForbids("wrong_state", "只有待签收的派单可以退", "YCYX-15", "body.department")
    if one.bound:
        raise RuleForbids("bound", "派单仲裁已经裁定，不得再退", "YCYX-15")
    if len(body.evidence) < EVIDENCE_AT_LEAST and not body.attached:
        raise RuleForbids("evidence_missing", "退单须附证据", "YCYX-15", "body.evidence")
    refusal = Refusal(department=one.department, ground=body.ground, at=at, by=command.actor.id)
    refusals = (*state.refusals, refusal)
    said: dict[str, JsonValue] = {
        **_of(body), "ground": body.ground, "count": len(refusals),
    }  # fmt: skip
    if len(refusals) >= 2:
        units = _changed(state, one, state="disputed")
        told: tuple[Tell, ...] = (
            role("arbiter", "refused", f"refuse:{one.n}", unit=one.department),
            centre(state, "refused", f"refuse:{one.n}", unit=one.department),
        )
        return Step(state=advanced(state, units=units, refusals=refusals), told=told, said=said)
    units = _changed(state, one, state="refused")
    after = advanced(state, units=units, refusals=refusals)
    told = (centre(state, "refused", f"refuse:{one.n}", unit=one.department),)
    return Step(state=_back(after), told=told, said=said)


def _back(state: IncidentState) -> IncidentState:
    """Return the state as before the dispatch where nobody is sent any more; the clock goes on."""
    if state.active or state.stage != "dispatched":
        return state
    before = "graded" if state.graded_at else "verified" if state.verified_at else "reported"
    return state.model_copy(update={"stage": before})


def arbitrate(state: IncidentState, command: Command, body: m.Arbitrate, known: Known) -> Step:
    """派单仲裁: binds at once and teaches the responsibility table."""
    one = state.disputed
    if one is None or one.department != body.department:
        raise RuleForbids("nothing_disputed", "没有待仲裁的退单", "YCYX-15", "body.department")
    if not body.ground:
        raise RuleForbids("ground_missing", "裁定须写明理由", "YCYX-15", "body.ground")
    said = {"unit": one.department, "ruling": body.ruling, "to": body.to}
    if body.ruling == "stands":
        # Its clock goes on from the dispatch: a refusal gains no time.
        units = _changed(state, one, state="dispatched", bound=True)
        return Step(
            state=advanced(state, units=units),
            told=(unit(state, one.department, "arbitrated", f"ruling:{one.n}"),),
            said=said,
            taught=Taught(department=one.department, ruling="stands"),
        )
    return _moved(state, one, command.occurred_at, body.to, known, said)


def _moved(
    state: IncidentState, one: Unit, at: datetime, to: str, known: Known, said: dict[str, Any]
) -> Step:
    if to not in known.departments:
        raise RuleForbids("unknown_department", "请写明改派哪个部门", "YCYX-15", "body.to")
    if to == one.department:
        raise RuleForbids("same_unit", "改派须是另一个单位", "YCYX-15", "body.to")
    there = next((other for other in state.active if other.department == to), None)
    units = _changed(state, one, state="moved")
    if there is not None:
        # It is at work already: it takes the lead over, and its dispatch stands.
        units = tuple(
            other.model_copy(update={"lead": other.lead or one.lead, "bound": True})
            if other.n == there.n
            else other
            for other in units
        )
    else:
        n = max(other.n for other in state.units) + 1
        units = (
            *units,
            Unit(
                department=to, lead=one.lead, state="dispatched", dispatched_at=at, n=n,
                bound=True, why=f"ruling:{state.incident_id}",
            ),
        )  # fmt: skip
    told = (
        unit(state, to, "arbitrated", f"ruling:{one.n}"),
        unit(state, one.department, "arbitrated", f"ruling:{one.n}"),
    )
    return Step(
        state=advanced(state, units=units),
        told=told,
        said=said,
        taught=Taught(department=to, ruling="moves"),
    )


def set_out(state: IncidentState, command: Command, body: m.OfUnit, _known: Known) -> Step:
    """出动."""
    one, at = _unit_of(state, body.department), command.occurred_at
    if one.state != "acknowledged":
        raise RuleForbids("wrong_state", "签收之后、到场之前才能出动", "", "body.department")
    units = _changed(state, one, state="under_way", set_out_at=at, progress_at=at, forgotten=0)
    changed: dict[str, Any] = {"units": units, "under_way_at": state.under_way_at or at}
    return Step(state=advanced(state, "under_way", **changed), said=_of(body))


def arrive(state: IncidentState, command: Command, body: m.OfUnit, _known: Known) -> Step:
    """到场."""
    one, at = _unit_of(state, body.department), command.occurred_at
    if one.state not in ("acknowledged", "under_way"):
        raise RuleForbids("wrong_state", "签收之后才能到场，到场只有一次", "", "body.department")
    units = _changed(state, one, state="on_site", arrived_at=at, progress_at=at, forgotten=0)
    changed: dict[str, Any] = {"units": units, "arrived_at": state.arrived_at or at}
    return Step(state=advanced(state, "on_site", **changed), said=_of(body))


def progress(state: IncidentState, command: Command, body: m.Progress, _known: Known) -> Step:
    """续报, by a unit at work or by the command centre."""
    if not body.department:
        return Step(state=advanced(state), said=_of(body))
    one, at = _unit_of(state, body.department), command.occurred_at
    if one.state not in AT_WORK:
        raise RuleForbids("wrong_state", "签收之后、反馈之前才能续报", "", "body.department")
    units = _changed(state, one, progress_at=at, forgotten=0)
    stage: Stage | None = "handling" if one.state == "on_site" else None
    return Step(state=advanced(state, stage, units=units), said=_of(body))


def answer(state: IncidentState, command: Command, body: m.OfUnit, _known: Known) -> Step:
    """反馈: the incident is answered when every unit that was sent has answered."""
    one, at = _unit_of(state, body.department), command.occurred_at
    if one.state not in AT_WORK:
        raise RuleForbids("wrong_state", "签收之后才能反馈，反馈只有一次", "", "body.department")
    if not body.text:
        raise RuleForbids("text_missing", "请写明处置结果", "", "body.text")
    units = _changed(state, one, state="answered", answered_at=at)
    said = _of(body)
    if any(other.state in ACTIVE_UNITS and other.state != "answered" for other in units):
        return Step(state=advanced(state, "handling", units=units), said=said)
    return Step(
        state=advanced(state, "answered", units=units, answered_at=at),
        told=(role("evaluator", "other", f"answered:{state.reworks}"),),
        said=said,
    )
