"""The life of an incident: an order and what is known around it → what is so afterwards.

接报 → 核实 → 研判定级 → 派发 → 签收 → 出动 → 到场 → 处置(续报) → 反馈 → 核查 → 办结 → 归档/评估.
Pure: no clock, no rows; instants come with the orders. A *no* is `RuleForbids` with its article.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from cases.incidents import ending, linking, responding, ringing, sending
from cases.incidents import messages as m
from cases.incidents.chains import chain_of
from cases.incidents.signal import RANK
from cases.incidents.state import OVER, IncidentState
from cases.incidents.step import Known, Step, Tell, advanced, centre
from cases.incidents.timing import timers_of
from cases.lives import RING
from cases.messages import Command, Frozen
from cases.settling import RuleForbids

ENDED: Final = frozenset({"archived", "unfounded", "merged"})
"""Stages in which nothing more is ordered but what ends it for good."""


def step(state: IncidentState | None, command: Command, body: Frozen, known: Known) -> Step:
    """Return what is so once the order is carried out. Raises `RuleForbids`.

    `body` is the order's typed body; `known` what the machine must not look up itself.
    """
    at = command.occurred_at
    if state is None:
        if not isinstance(body, m.Report):
            raise RuleForbids("unknown_incident", "没有这个突发事件，请核对编号", "", "case_id")
        return _finished(_report(command, body, known), command, known)
    if isinstance(body, m.Report):
        raise RuleForbids("already_reported", f"已经接报，编号 {state.number}")
    if at < state.updated_at:
        # Orders of several doors, each with its clock: none is before what it follows.
        command = command.model_copy(update={"occurred_at": state.updated_at})
    if command.verb not in _AFTER_THE_END:
        _insist_open(state, command)
    done = _DOING[command.verb](state, command, body, known)
    return _finished(done, command, known)


def _insist_open(state: IncidentState, command: Command) -> None:
    if command.verb == "join" and state.stage in ENDED:
        raise RuleForbids("incident_over", "已经结束，新的信号另行接报", "YCYX-13")
    if state.stage == "merged":
        raise RuleForbids("merged", "已并案，请在并入的事件中办理", "YCYX-13", state.merged_into)
    if state.stage == "unfounded":
        raise RuleForbids("unfounded", "已核实为不实，不再办理")
    if state.stage == "archived":
        raise RuleForbids("archived", "已归档，不再办理", "TFSJ-94")


_AFTER_THE_END: Final = frozenset(
    {"archive", "keep_personal", "withdraw_signal", "add_lesson", "finish_lesson", RING}
)


def _finished(done: Step, command: Command, known: Known) -> Step:
    """Return the step with its number, its hands, its reports and what is still to ring."""
    state = done.state
    people = {command.actor.id, command.actor.on_behalf} - {"", "system"}
    hands = dict(state.hands)
    if people:
        acts = [command.verb, *(["dispatch"] if done.dispatched else [])]
        for act in dict.fromkeys(acts):
            hands[act] = tuple(sorted({*hands.get(act, ()), *people}))
    state = state.model_copy(update={"hands": hands, "updated_at": command.occurred_at})
    if known.links is not None:
        state = state.model_copy(update={"reports": chain_of(state, known.links)})
    elif state.reports:
        state = state.model_copy(update={"reports": chain_of(state, _links_of(state))})
    state = state.model_copy(update={"timers": timers_of(state)})
    return done.with_state(state)


def _links_of(state: IncidentState) -> Sequence[Any]:
    """Return the chain as it stands, so that the instants follow what was sent meanwhile."""
    return state.reports


# --- 接报 ---------------------------------------------------------------------------------------


def _report(command: Command, body: m.Report, known: Known) -> Step:
    at = command.occurred_at
    assert known.limits is not None
    state = IncidentState(
        incident_id=command.case_id,
        number=known.number,
        seq=1,
        stage="reported",
        type=body.type,
        domain=known.kind.domain,
        title=body.title,
        place=known.place or body.place,
        owner=body.owner,
        source=body.source,
        level=body.level or known.kind.level_default,
        deaths=body.deaths,
        injured=body.injured,
        occurred_at=min(body.occurred_at or at, at),
        reported_at=at,
        updated_at=at,
        limits=known.limits,
        signals=len(set(body.signal_ids)),
    )
    told = []
    if state.level in ("red", "orange"):
        told.append(centre(state, "reported", "reported"))
    done = Step(
        state=state,
        told=tuple(told),
        joined=tuple(dict.fromkeys(body.signal_ids)),
        said={"level": state.level, "signals": state.signals, "source": body.source},
    )
    if known.routed:
        return sending.direct(done, command, known)
    return done


def _join(state: IncidentState, _command: Command, body: Frozen, known: Known) -> Step:
    assert isinstance(body, m.Join)
    if state.stage in OVER:
        raise RuleForbids("incident_over", "已经办结，新的信号另行接报", "YCYX-13")
    fresh = tuple(one for one in dict.fromkeys(body.signal_ids) if one not in known.signals)
    higher = bool(body.level) and RANK[body.level] < RANK[state.level]
    changed: dict[str, Any] = {"signals": state.signals + len(fresh)}
    told: tuple[Tell, ...] = ()
    if higher:
        changed["level"] = body.level
        if body.level in ("red", "orange"):
            told = (centre(state, "reported", f"level:{body.level}"),)
    said = {"signals": len(fresh), "level": body.level if higher else "", "source": body.source}
    return Step(state=advanced(state, **changed), told=told, joined=fresh, said=said)


def _withdraw(state: IncidentState, _command: Command, body: Frozen, known: Known) -> Step:
    """A source took signals back: the duty officer is told and decides; nothing ends by itself."""
    assert isinstance(body, m.WithdrawSignal)
    gone = tuple(one for one in dict.fromkeys(body.signal_ids) if one in known.signals)
    if not gone:
        raise RuleForbids("unknown_signal", "撤回的信号不属于本事件", "", "body.signal_ids")
    told = (centre(state, "other", f"withdrawn:{gone[0]}"),) if state.open else ()
    return Step(
        state=advanced(state, withdrawn=state.withdrawn + len(gone)),
        told=told,
        withdrawn=gone,
        said={"signals": len(gone)},
    )


# --- every order --------------------------------------------------------------------------------

Doing = Callable[[IncidentState, Command, Any, Known], Step]

_DOING: Final[Mapping[str, Doing]] = MappingProxyType(
    {
        "join": _join,
        "withdraw_signal": _withdraw,
        "verify": sending.verify,
        "grade": sending.grade,
        "regrade": sending.regrade,
        "dispatch": sending.dispatch,
        "acknowledge": responding.acknowledge,
        "refuse_dispatch": responding.refuse,
        "arbitrate": responding.arbitrate,
        "set_out": responding.set_out,
        "arrive": responding.arrive,
        "progress": responding.progress,
        "answer": responding.answer,
        "check": ending.check,
        "close": ending.close,
        "evaluate": ending.evaluate,
        "archive": ending.archive,
        "start_response": ending.start_response,
        "adjust_response": ending.adjust_response,
        "end_response": ending.end_response,
        "report_up": ending.report_up,
        "merge": ending.merge,
        "keep_personal": ending.keep_personal,
        "add_lesson": ending.add_lesson,
        "finish_lesson": ending.finish_lesson,
        "link_case": linking.link,
        "unlink_case": linking.unlink,
        RING: ringing.ring,
    }
)


def handled_by(state: IncidentState, acts: Sequence[str]) -> tuple[str, ...]:
    """Return who did any of these acts, deputies and whom they act for alike."""
    return tuple(sorted({person for act in acts for person in state.hands.get(act, ())}))


def due(state: IncidentState, at: datetime) -> bool:
    """Tell whether something was to ring by `at` and has not."""
    return any(timer.due_at <= at for timer in state.timers)


__all__ = ["Known", "Step", "Tell", "due", "handled_by", "step"]
