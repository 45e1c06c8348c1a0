"""保函、保险、风险: what a project holds, and what may go wrong."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from cases.messages import Command
from cases.projects import messages as m
from cases.projects.state import ProjectState, Risk, Security
from cases.projects.step import Known, Step, advanced
from cases.settling import RuleForbids


def add_security(state: ProjectState, _command: Command, body: m.AddSecurity, known: Known) -> Step:
    """登记保函、保险; one that has lapsed already holds nothing."""
    if body.until < known.today:
        raise RuleForbids("lapsed", "到期日已经过去", "YCJX-11", "body.until")
    one = Security(
        id=str(len(state.securities) + 1), kind=body.kind, title=body.title, issuer=body.issuer,
        amount_fen=body.amount_fen, until=body.until,
    )  # fmt: skip
    said: dict[str, JsonValue] = {
        "security": one.id, "kind": one.kind, "amount_fen": one.amount_fen,
        "until": one.until.isoformat(),
    }  # fmt: skip
    return Step(state=advanced(state, securities=(*state.securities, one)), said=said)


def renew_security(
    state: ProjectState, _command: Command, body: m.RenewSecurity, known: Known
) -> Step:
    """续期, also of one that has lapsed."""
    found = _security(state, body.security)
    if body.until <= found.until or body.until < known.today:
        raise RuleForbids("not_later", "新的到期日须晚于原到期日和今天", "YCJX-11", "body.until")
    changed = _with(state, found.id, until=body.until, renewed=found.renewed + 1, lapsed=False)
    said: dict[str, JsonValue] = {"security": found.id, "until": body.until.isoformat()}
    return Step(state=advanced(changed), said=said)


def end_security(
    state: ProjectState, _command: Command, body: m.EndSecurity, _known: Known
) -> Step:
    """解除."""
    found = _security(state, body.security)
    return Step(state=advanced(_with(state, found.id, ended=True)), said={"security": found.id})


def add_risk(state: ProjectState, command: Command, body: m.AddRisk, _known: Known) -> Step:
    """登记风险."""
    one = Risk(
        id=str(len(state.risks) + 1), title=body.title, level=body.level, answer=body.answer,
        at=command.occurred_at,
    )  # fmt: skip
    said: dict[str, JsonValue] = {"risk": one.id, "level": one.level}
    return Step(state=advanced(state, risks=(*state.risks, one)), said=said)


def close_risk(state: ProjectState, command: Command, body: m.CloseRisk, _known: Known) -> Step:
    """销除风险."""
    found = next(
        (one for one in state.risks if one.id == body.risk and one.closed_at is None), None
    )
    if found is None:
        raise RuleForbids("unknown_risk", "没有这一项风险，或者已经销除", "YCJX-10", "body.risk")
    risks = tuple(
        one.model_copy(update={"closed_at": command.occurred_at}) if one.id == found.id else one
        for one in state.risks
    )
    return Step(state=advanced(state, risks=risks), said={"risk": found.id})


def _security(state: ProjectState, key: str) -> Security:
    found = next((one for one in state.securities if one.id == key and not one.ended), None)
    if found is None:
        raise RuleForbids(
            "unknown_security", "没有这一项保函、保险，或者已经解除", "YCJX-11", "body.security"
        )
    return found


def _with(state: ProjectState, key: str, **changed: Any) -> ProjectState:
    securities = tuple(
        one.model_copy(update=changed) if one.id == key else one for one in state.securities
    )
    return state.model_copy(update={"securities": securities})
