"""The life of a project: an order and what is known around it → what is so afterwards.

立项 → 里程碑(佐证、关口) → 协议 → 建设 → 运营 → 变更/接管/终止 → 移交 → 办结. Pure: no clock, no
rows; instants come with the orders, days through `Known`. A *no* is `RuleForbids` with its article.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from cases.lives import RING
from cases.messages import Command, Frozen
from cases.projects import changing, founding, holding, reaching, timing
from cases.projects import messages as m
from cases.projects.state import ProjectState
from cases.projects.step import Known, Step
from cases.settling import RuleForbids


def step(state: ProjectState | None, command: Command, body: Frozen, known: Known) -> Step:
    """Return what is so once the order is carried out. Raises `RuleForbids`."""
    if state is None:
        if not isinstance(body, m.Establish):
            raise RuleForbids("unknown_project", "没有这个项目，请核对编号", "", "case_id")
        return _finished(founding.establish(command, body, known), None, command, known)
    if isinstance(body, m.Establish):
        raise RuleForbids("established_already", f"已经立项，编号 {state.number}")
    if command.occurred_at < state.updated_at:
        # Orders of several doors, each with its clock: none is before what it follows.
        command = command.model_copy(update={"occurred_at": state.updated_at})
    if state.stage == "finished" and command.verb != RING:
        raise RuleForbids("finished", "项目已经办结，不再办理")
    if command.verb in _RUNNING and state.stage != "running":
        raise RuleForbids("not_running", "项目已经移交、终止或者办结")
    return _finished(_DOING[command.verb](state, command, body, known), state, command, known)


def _finished(done: Step, before: ProjectState | None, command: Command, known: Known) -> Step:
    """Return the step with its hands, its chain of orders, its slippage and what is to ring."""
    state = done.state
    people = {command.actor.id, command.actor.on_behalf} - {"", "system"}
    hands = dict(state.hands)
    if people:
        known_hands = hands.get(command.verb, ())
        hands[command.verb] = tuple(sorted({*known_hands, *people}))
    orders = m.chained(
        before.orders if before else "", m.order_digest(command), command.occurred_at, done.said
    )
    state = state.model_copy(
        update={
            "hands": hands,
            "updated_at": command.occurred_at,
            "orders": orders,
        }
    )
    state = timing.settled(state, known.today)
    state = state.model_copy(update={"timers": timing.timers_of(state, known.end_of)})
    return Step(state=state, told=done.told, said=done.said)


Doing = Callable[[ProjectState, Command, Any, Known], Step]

_DOING: Final[Mapping[str, Doing]] = MappingProxyType(
    {
        "approve_estimate": founding.approve_estimate,
        "set_cost": founding.set_cost,
        "sign_contract": founding.sign_contract,
        "pay_capital": founding.pay_capital,
        "replan": reaching.replan,
        "forecast": reaching.forecast,
        "add_milestone": founding.add_milestone,
        "add_evidence": reaching.add_evidence,
        "pass_gate": reaching.pass_gate,
        "return_gate": reaching.return_gate,
        "achieve": reaching.achieve,
        "propose_change": changing.propose_change,
        "decide_change": changing.decide_change,
        "step_in": changing.step_in,
        "end_step_in": changing.end_step_in,
        "terminate": changing.terminate,
        "add_security": holding.add_security,
        "renew_security": holding.renew_security,
        "end_security": holding.end_security,
        "list_assets": changing.list_assets,
        "record_test": changing.record_test,
        "hand_over": changing.hand_over,
        "finish": changing.finish,
        "add_risk": holding.add_risk,
        "close_risk": holding.close_risk,
        RING: timing.ring,
    }
)

_RUNNING: Final = frozenset(
    {
        "approve_estimate", "set_cost", "sign_contract", "pay_capital", "replan", "forecast",
        "add_milestone", "add_evidence", "pass_gate", "return_gate", "achieve", "add_security",
        "add_risk",
    }
)  # fmt: skip
"""Orders to a project that is neither handed over nor terminated."""


def handled_by(state: ProjectState) -> tuple[str, ...]:
    """Return everybody who did anything, deputies and whom they act for alike."""
    return tuple(sorted({person for people in state.hands.values() for person in people}))


__all__ = ["Known", "Step", "handled_by", "step"]
