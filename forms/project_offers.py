"""Which acts a project's page offers: what the state allows. Policy is asked after, the machine
decides at last: an offer is a courtesy, no gate."""

from __future__ import annotations

from collections.abc import Iterator

from cases.projects.state import Milestone, ProjectState


def offered(state: ProjectState) -> Iterator[str]:
    """Yield the verbs of what can be done now with the project as a whole."""
    running = state.stage == "running"
    securities = any(not one.ended for one in state.securities)
    found: dict[str, bool] = {
        "approve_estimate": running,
        "set_cost": running and state.estimate_fen > 0,
        "sign_contract": running and state.signed_on is None,
        "pay_capital": running and any(one.paid_fen < one.due.amount_fen for one in state.capital),
        "replan": running and any(not one.achieved for one in state.milestones),
        "add_milestone": running,
        "propose_change": running,
        "decide_change": any(one.state == "proposed" for one in state.changes),
        "add_security": running,
        "renew_security": securities,
        "end_security": securities,
        "add_risk": running,
        "close_risk": any(one.closed_at is None for one in state.risks),
        "step_in": running and state.signed_on is not None and not state.stepped_in,
        "end_step_in": state.stepped_in,
        "terminate": running,
        "list_assets": state.stage in ("running", "terminated"),
        "record_test": state.stage in ("running", "terminated"),
        "hand_over": state.stage in ("running", "terminated"),
        "finish": state.open,
    }
    yield from (verb for verb, now in found.items() if now)


def offered_for(state: ProjectState, one: Milestone) -> Iterator[str]:
    """Yield the verbs of what can be done now with one milestone, the most pressing first."""
    if state.stage != "running" or one.achieved:
        return
    ready = all(before.achieved for before in (state.milestone(key) for key in one.after) if before)
    if one.missing:
        yield "add_evidence"
    elif one.gate_open:
        yield "pass_gate"
        yield "return_gate"
    elif ready:
        yield "achieve"
    yield "forecast"
