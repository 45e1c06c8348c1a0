"""决定、制证、送达、办结、好差评, 撤回, 催办, 抄送, 事后核查; and the steps of `open` matters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from cases import messages
from cases.approval import articles
from cases.approval.bars import barring
from cases.approval.hearing import check_decidable, check_weighed
from cases.approval.intake import Rulings
from cases.approval.review import open_task
from cases.approval.served_again import end_void
from cases.approval.waiting import end_pauses, no_pause_open
from cases.approval.walk import Walk, instant_of
from cases.messages import Command
from cases.settling import RuleForbids
from cases.state import CaseState

GOOD_AT_MOST = 3
"""GB/T 39046-2020 A.8: 4 不满意 and 5 非常不满意 are 差评."""


# --- 决定 ---


def check_decide(state: CaseState, command: Command, body: messages.Decide) -> None:
    no_pause_open(state, "作出决定")
    if body.result != "terminate":
        check_decidable(state)
        check_weighed(state, body.hearing_record)
        _check_told(state, command, body)
    if body.result == "grant" and state.missing:
        raise RuleForbids(
            "materials_missing",
            f"容缺的材料 {'、'.join(state.missing)} 尚未补齐，不能准予",
            state.plan.tolerance.basis if state.plan.tolerance else articles.ACCEPT,
        )
    if body.result != "grant" and not body.reasons:
        raise RuleForbids("reasons_missing", "须说明理由", articles.REASONS, "body.reasons")
    if body.ground and body.result != "refuse":
        raise RuleForbids(
            "not_a_refusal",
            "隐瞒有关情况或者提供虚假材料的，应当不予许可",
            articles.FALSE_MATERIALS,
            "body.ground",
        )


def _check_told(state: CaseState, command: Command, body: messages.Decide) -> None:
    """Refuse a decision that touches others of whom it is not said that, and when, they were told.

    Where the matter does not say so the officer may have found it so: then both are told or none.
    """
    if not (state.plan.touches_others or body.told_interested or body.told_on):
        return
    if not body.told_interested or not body.told_on:
        raise RuleForbids(
            "interested_not_told",
            "直接关系他人重大利益的，须先告知利害关系人并听取意见；请写明告知了谁、何日告知",
            articles.INTERESTED_TOLD,
            "body.told_on" if body.told_interested else "body.told_interested",
        )
    tz = ZoneInfo(state.plan.zone)
    on = date.fromisoformat(body.told_on)
    first = state.received_at.astimezone(tz).date() if state.received_at else on
    if not first <= on <= command.occurred_at.astimezone(tz).date():
        raise RuleForbids(
            "told_out_of_time",
            "告知利害关系人之日应在收到申请以后、作出决定以前",
            articles.INTERESTED_TOLD,
            "body.told_on",
        )


def decide(walk: Walk, command: Command, body: messages.Decide, rulings: Rulings) -> None:
    hearing = walk.state.hearing
    rests: dict[str, JsonValue] = {}
    if body.hearing_record and hearing is not None and hearing.held_at is not None:
        rests = {"hearing_held_at": hearing.held_at.isoformat()}
    if body.told_on:
        rests["interested_told_on"] = body.told_on
    settle_decision(walk, body.result, "", **barring(walk.state.plan, body.ground), **rests)


_DECIDED: Mapping[str, str] = {
    "grant": articles.GRANT,
    "refuse": articles.REASONS,
    "terminate": articles.DECISION,
}


def settle_decision(walk: Walk, result: str, article: str = "", **more: JsonValue) -> None:
    state = walk.state
    check = result == "grant" and state.accept_mode == "commitment"
    article = article or _DECIDED[result]
    walk.emit("decided", result=result, check=check, article=article, **more)
    if result == "terminate":
        walk.enter("closing")
    elif result == "grant" and state.plan.result:
        walk.enter("certificate")
    else:
        walk.enter("service")


def certify(walk: Walk, command: Command, body: messages.Certify, rulings: Rulings) -> None:
    walk.emit("certified", number=body.number)
    walk.enter("service")


def check_serve(state: CaseState, command: Command, body: messages.Serve) -> None:
    check_service(state, command, body, state.decided_at)


def check_service(
    state: CaseState, command: Command, body: messages.Serve, since: datetime | None
) -> None:
    """Refuse a service that cannot have been: before `since`, when what is served was made, after
    now, or by a way to which nobody agreed."""
    at = instant_of(state, command)
    served_at = body.served_at or at
    if served_at > at:
        raise RuleForbids(
            "in_the_future", "送达时间晚于现在", state.plan.delivery.basis, "body.served_at"
        )
    if since is not None and served_at < since:
        raise RuleForbids(
            "served_before_decision" if since == state.decided_at else "served_before_issue",
            "送达时间早于决定时间" if since == state.decided_at else "送达时间早于重新出具的时间",
            state.plan.delivery.basis,
            "body.served_at",
        )
    if body.method == "electronic" and not state.electronic_service and not command.backfill:
        raise RuleForbids(
            "no_consent",
            "受送达人没有同意电子送达，请改用其他方式",
            articles.ELECTRONIC_SERVICE,
            "body.method",
        )


def serve(walk: Walk, command: Command, body: messages.Serve, rulings: Rulings) -> None:
    served_at = body.served_at or walk.at
    walk.emit(
        "served",
        method=body.method,
        served_at=served_at.isoformat(),
        article=walk.state.plan.delivery.basis,
    )
    walk.enter("closing")


def close(walk: Walk, command: Command, body: messages.Close, rulings: Rulings) -> None:
    is_open = walk.state.plan.process == "open"
    walk.emit("closed", ending="open" if is_open else walk.state.ending, article=articles.CASE)
    walk.finish_all("done")
    walk.enter("ended" if is_open else "rating")


# --- 好差评 ---


def check_rate(state: CaseState, command: Command, body: messages.Rate) -> None:
    if state.rated_at is not None or state.rated:
        raise RuleForbids("already_rated", "本件已经评价", articles.RATING)


def rate(walk: Walk, command: Command, body: messages.Rate, rulings: Rulings) -> None:
    good = body.grade <= GOOD_AT_MOST
    walk.emit("rated", grade=body.grade, good=good, channel=body.channel, article=articles.RATING)
    if good:
        end_if_nothing_is_due(walk)
    else:
        walk.enter("rectification")


def rectify(walk: Walk, command: Command, body: messages.Rectify, rulings: Rulings) -> None:
    walk.emit("rectified")
    walk.enter("call_back")


def call_back(walk: Walk, command: Command, body: messages.CallBack, rulings: Rulings) -> None:
    walk.emit("called_back", satisfied=body.satisfied)
    if not body.satisfied:
        walk.enter("rectification")
        return
    walk.enter("rating")
    end_if_nothing_is_due(walk)


def end_if_nothing_is_due(walk: Walk) -> None:
    """归档, unless a commitment still waits for its check or a card for its explanation."""
    state = walk.state
    if any(card.waits_for_explanation for card in state.cards):
        return
    if state.stage == "rating" and state.rated and state.check not in ("due", "rectify"):
        walk.enter("ended")


def check_check_afterwards(
    state: CaseState, command: Command, body: messages.CheckAfterwards
) -> None:
    if state.check not in ("due", "rectify"):
        commitment = state.plan.commitment
        basis = commitment.basis if commitment else articles.CHECKED_AFTERWARDS
        raise RuleForbids("no_check_due", "本件没有待办的告知承诺核查", basis)


def check_afterwards(
    walk: Walk, command: Command, body: messages.CheckAfterwards, rulings: Rulings
) -> None:
    commitment = walk.state.plan.commitment
    walk.emit(
        "checked",
        result=body.result,
        article=commitment.basis if commitment else articles.CHECKED_AFTERWARDS,
    )
    end_void(walk)
    end_if_nothing_is_due(walk)


# --- 撤回、催办、抄送 ---


def withdraw(walk: Walk, command: Command, body: messages.Withdraw, rulings: Rulings) -> None:
    end_withdrawn(walk, articles.CASE)


def end_withdrawn(walk: Walk, article: str) -> None:
    end_pauses(walk, article)
    walk.finish_all()
    walk.emit("withdrawn", ending="withdrawn", article=article)
    walk.enter("ended")


def check_urge(state: CaseState, command: Command, body: messages.Urge) -> None:
    if body.task:
        open_task(state, body.task)


def urge(walk: Walk, command: Command, body: messages.Urge, rulings: Rulings) -> None:
    task = next((t for t in walk.state.tasks if t.key == body.task), None)
    walk.emit(
        "urged",
        task=body.task,
        holder=task.holder if task else "",
        department=task.department if task else "",
    )


def copy_to(walk: Walk, command: Command, body: messages.CopyTo, rulings: Rulings) -> None:
    walk.emit("copied", to=list(body.to))


# --- `open` matters ---


def record_step(walk: Walk, command: Command, body: messages.RecordStep, rulings: Rulings) -> None:
    walk.emit("step_recorded", step=body.step)
