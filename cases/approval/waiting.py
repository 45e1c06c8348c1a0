"""停表: waits that stop the promised clock, and pauses that supervision finds unlawful.

The statutory clock stops for the eight procedures of 行政许可法第四十五条 and for nothing else.
Where a matter's promise says so (承诺时限停表), a site visit or a publication stops that clock.
Whether a pause was one at all is not for those to say who profit from it: supervision may disallow
it, once, with reasons, and the clocks count as if it had not been.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from cases import messages
from cases.approval import articles
from cases.approval.intake import Rulings
from cases.approval.walk import Walk
from cases.messages import Command
from cases.settling import RuleForbids
from cases.state import CaseState, Wait
from catalogue.matters import WaitGround

WAIT_NAMES: MappingProxyType[WaitGround, str] = MappingProxyType(
    {"site_visit": "现场核查", "publicity": "公示"}
)

SUPPLEMENT = "supplement"
"""Ground and name of the wait for the applicant's papers; there is one notice, so one wait."""


# --- 现场核查、公示 ---


def may_wait(state: CaseState) -> bool:
    return any(ground in state.plan.promise_pauses for ground in WAIT_NAMES)


def is_waiting(state: CaseState) -> bool:
    return any(one.ended_at is None for one in state.waits)


def check_start_wait(state: CaseState, command: Command, body: messages.StartWait) -> None:
    name, article = WAIT_NAMES[body.ground], articles.WAITS[body.ground]
    if body.ground not in state.plan.promise_pauses:
        raise RuleForbids(
            "wait_not_allowed",
            f"本事项的承诺时限不因{name}停表，法定时限更不因此停表；请在时限内办理",
            article,
            "body.ground",
        )
    if any(one.ground == body.ground and one.ended_at is None for one in state.waits):
        raise RuleForbids("wait_open", f"{name}正在进行，已经停表", article, "body.ground")


def start_wait(walk: Walk, command: Command, body: messages.StartWait, rulings: Rulings) -> None:
    number = 1 + sum(one.ground == body.ground for one in walk.state.waits)
    wait = Wait(
        id=f"{body.ground}-{number}",
        ground=body.ground,
        started_at=walk.at,
        expected_until=walk.at + timedelta(days=body.expected_days),
    )
    walk.emit(
        "wait_started",
        wait=wait.model_dump(mode="json"),
        ground=wait.ground,
        name=wait.id,
        expected_days=body.expected_days,
        article=articles.WAITS[body.ground],
    )


def check_end_wait(state: CaseState, command: Command, body: messages.EndWait) -> None:
    if body.wait not in {one.id for one in state.waits if one.ended_at is None}:
        raise RuleForbids(
            "no_such_wait",
            f"没有正在进行的停表 {body.wait}",
            articles.WAITS.get(body.wait.rpartition("-")[0], articles.PROCEDURE),
            "body.wait",
        )


def end_wait(walk: Walk, command: Command, body: messages.EndWait, rulings: Rulings) -> None:
    close_wait(walk, next(one for one in walk.state.waits if one.id == body.wait))


def close_wait(walk: Walk, wait: Wait, article: str = "") -> None:
    walk.emit(
        "wait_ended",
        ground=wait.ground,
        name=wait.id,
        article=article or articles.WAITS[wait.ground],
    )


def end_pauses(walk: Walk, article: str) -> None:
    """End whatever still stops a clock: the case is over, or decided by law."""
    for procedure in walk.state.procedures:
        if procedure.ended_at is None:
            walk.emit(
                "procedure_ended",
                procedure=procedure.id,
                kind=procedure.kind,
                ground=procedure.kind,
                name=procedure.id,
                article=article,
            )
    for wait in walk.state.waits:
        if wait.ended_at is None:
            close_wait(walk, wait, article)


def no_pause_open(state: CaseState, doing: str) -> None:
    """Refuse what cannot be done while a procedure or a wait is under way."""
    if any(one.ended_at is None for one in state.procedures):
        raise RuleForbids("procedure_open", f"特别程序尚未结束，不能{doing}", articles.PROCEDURE)
    for wait in state.waits:
        if wait.ended_at is None:
            name = WAIT_NAMES[wait.ground]
            raise RuleForbids(
                "wait_open", f"{name}尚未结束，不能{doing}", articles.WAITS[wait.ground]
            )


# --- 认定停表不当 ---


def pauses_of(state: CaseState) -> dict[str, str]:
    """Return what has stopped a clock of the case so far: name → ground."""
    found = {one.id: one.kind for one in state.procedures}
    found |= {one.id: one.ground for one in state.waits}
    if state.supplement_pauses:
        found[SUPPLEMENT] = SUPPLEMENT
    return found


def may_disallow(state: CaseState) -> bool:
    return bool(set(pauses_of(state)) - {*state.disallowed, *state.restored})


def check_disallow_pause(state: CaseState, command: Command, body: messages.DisallowPause) -> None:
    if body.pause not in pauses_of(state):
        raise RuleForbids(
            "no_such_pause", f"本件没有停表 {body.pause}", articles.SUPERVISION, "body.pause"
        )
    if body.pause in (*state.disallowed, *state.restored):
        raise RuleForbids(
            "already_disallowed",
            f"停表 {body.pause} 已经认定过一次，不能再次认定",
            articles.SUPERVISION,
            "body.pause",
        )


def disallow_pause(
    walk: Walk, command: Command, body: messages.DisallowPause, rulings: Rulings
) -> None:
    _judge(walk, "pause_disallowed", body.pause)


def check_restore_pause(state: CaseState, command: Command, body: messages.RestorePause) -> None:
    if body.pause not in state.disallowed:
        raise RuleForbids(
            "not_disallowed",
            f"停表 {body.pause} 没有被认定为不当，无从撤销认定",
            articles.SUPERVISION,
            "body.pause",
        )


def restore_pause(
    walk: Walk, command: Command, body: messages.RestorePause, rulings: Rulings
) -> None:
    _judge(walk, "pause_restored", body.pause)


def _judge(walk: Walk, kind: str, name: str) -> None:
    ground = pauses_of(walk.state)[name]
    walk.emit(kind, name=name, ground=ground, article=articles.SUPERVISION)
