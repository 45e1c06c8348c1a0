"""听证: the right told, the hearing asked for, its time made known, held (第四十六至四十八条).

The time that the hearing takes is the special procedure `hearing`, which stops the statutory clock
(第四十五条); here stand the periods around it. One that the authority holds of its own accord
(第四十六条) is the procedure alone: it too is made known seven days before, and to the public.
What was in progress before that was asked is asked it as well, when it is to end.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from cases import messages
from cases.approval import articles
from cases.approval.intake import Rulings
from cases.approval.served_again import end_void
from cases.approval.walk import Walk
from cases.messages import Command
from cases.settling import RuleForbids
from cases.state import CaseState, Procedure

HEARING = "hearing"
NOTICE_DAYS = 7
"""第四十八条第一款第（一）项: 于举行听证的七日前. Calendar days: the last day for the notice
is the seventh before the day of the hearing."""
RECORD_WORDS = 10
"""第四十八条第二款: 根据听证笔录，作出行政许可决定. At least so many characters say how."""


def may_tell(state: CaseState) -> bool:
    return HEARING in state.plan.procedures and not was_told(state)


def was_told(state: CaseState) -> bool:
    return state.hearing is not None and state.hearing.told_at is not None


def may_request(state: CaseState) -> bool:
    hearing = state.hearing
    return (
        hearing is not None
        and was_told(state)
        and hearing.requested_at is None
        and not hearing.lapsed
    )


def is_owed(state: CaseState) -> bool:
    return state.hearing is not None and state.hearing.is_owed


def under_way(state: CaseState) -> Procedure | None:
    """Return the hearing that stops the clock now, None where there is none."""
    running = (one for one in state.procedures if one.kind == HEARING and one.ended_at is None)
    return next(running, None)


def may_notify(state: CaseState) -> bool:
    return is_owed(state) or under_way(state) is not None


def check_tell_hearing_right(
    state: CaseState, command: Command, body: messages.TellHearingRight
) -> None:
    if HEARING not in state.plan.procedures:
        raise RuleForbids("procedure_not_allowed", "本事项没有听证程序", articles.PROCEDURE, "verb")
    if was_told(state):
        raise RuleForbids("already_told", "听证权利已经告知", articles.HEARING_RIGHT)


def tell_hearing_right(
    walk: Walk, command: Command, body: messages.TellHearingRight, rulings: Rulings
) -> None:
    walk.emit("hearing_right_told", parties=len(body.parties), article=articles.HEARING_RIGHT)


def check_request_hearing(
    state: CaseState, command: Command, body: messages.RequestHearing
) -> None:
    hearing = state.hearing
    if hearing is None or not was_told(state):
        raise RuleForbids(
            "hearing_right_not_told", "尚未告知听证权利，请先出具听证权利告知书",
            articles.HEARING_RIGHT,
        )  # fmt: skip
    if hearing.lapsed:
        raise RuleForbids(
            "hearing_right_lapsed",
            "被告知听证权利之日起五日内没有提出，听证权利已经消灭",
            articles.HEARING_RIGHT,
        )
    if hearing.requested_at is not None:
        raise RuleForbids("already_requested", "已经提出听证申请", articles.HEARING_RIGHT)
    if body.by == "interested_party" and not body.requester:
        raise RuleForbids(
            "requester_missing", "请填写提出听证的利害关系人", articles.HEARING_RIGHT,
            "body.requester",
        )  # fmt: skip


def request_hearing(
    walk: Walk, command: Command, body: messages.RequestHearing, rulings: Rulings
) -> None:
    walk.emit("hearing_requested", requested_by=body.by, article=articles.HEARING_ORGANISED)


def lapse(walk: Walk) -> None:
    """逾期不提出: nobody asked within the five days."""
    hearing = walk.state.hearing
    if hearing is not None and was_told(walk.state) and hearing.requested_at is None:
        walk.emit("hearing_lapsed", article=articles.HEARING_RIGHT)


def check_notify_hearing(state: CaseState, command: Command, body: messages.NotifyHearing) -> None:
    if not may_notify(state):
        raise RuleForbids(
            "no_hearing_requested", "没有待举行的听证，无从通知", articles.HEARING_ORGANISED
        )
    if not is_owed(state) and not body.announcement:
        raise RuleForbids(
            "not_announced",
            "依职权举行听证的，须向社会公告；请写明公告的时间和载体",
            articles.HEARING_ANNOUNCED,
            "body.announcement",
        )
    days = _days_between(command.occurred_at, body.hearing_at, state.plan.zone)
    if days < NOTICE_DAYS:
        raise RuleForbids(
            "notice_too_late",
            f"听证通知须在举行听证的七日前送出，现仅提前 {max(days, 0)} 日；请改期",
            articles.HEARING_NOTICE,
            "body.hearing_at",
        )
    not_a_reviewer(state, body.host)


def _days_between(first: datetime, last: datetime, zone: str) -> int:
    tz = ZoneInfo(zone)
    return (last.astimezone(tz).date() - first.astimezone(tz).date()).days


def not_a_reviewer(state: CaseState, host: str) -> None:
    """Refuse a host who has reviewed the case, or holds its review."""
    reviewers = {*state.hands.get("opine", ()), *state.hands.get("inspect", ())}
    reviewers |= {task.holder for task in state.tasks if task.kind == "review" and task.holder}
    if host and host in reviewers:
        raise RuleForbids(
            "same_person",
            "听证主持人不得是审查本件的工作人员",
            articles.HEARING_HOST,
            "body.host",
        )


def notify_hearing(
    walk: Walk, command: Command, body: messages.NotifyHearing, rulings: Rulings
) -> None:
    walk.emit(
        "hearing_notified",
        hearing_at=body.hearing_at.isoformat(),
        host=body.host,
        public=body.public,
        announced=bool(body.announcement),
        article=articles.HEARING_NOTICE,
    )
    end_void(walk)


def check_held(state: CaseState, at: datetime) -> None:
    """Refuse to end a hearing before it can have been held as notified, whoever wanted it."""
    procedure = under_way(state)
    if procedure is None and not is_owed(state):
        return
    hearing = state.hearing
    since = None if is_owed(state) or procedure is None else procedure.started_at
    if (
        hearing is None
        or hearing.hearing_at is None
        or hearing.notified_at is None
        or (since is not None and hearing.notified_at < since)  # that was for another hearing
    ):
        raise RuleForbids(
            "hearing_not_notified",
            "听证的时间、地点尚未通知，不能结束听证；不再举行的请注明已取消",
            articles.HEARING_NOTICE,
        )
    if at < hearing.hearing_at:
        raise RuleForbids(
            "hearing_not_held",
            "通知的听证时间未到，不能结束听证；不再举行的请注明已取消",
            articles.HEARING_RECORD,
        )


def held(walk: Walk, cancelled: bool) -> None:
    """The procedure `hearing` ended: it has been held, or will not be."""
    owed = is_owed(walk.state)
    hearing = walk.state.hearing
    article = articles.HEARING_ORGANISED if owed else articles.HEARING_ANNOUNCED
    if cancelled or hearing is None or hearing.hearing_at is None:
        if owed:
            walk.emit("hearing_cancelled", article=article)
        return
    walk.emit("hearing_held", held_at=hearing.hearing_at.isoformat(), article=article)


def check_weighed(state: CaseState, record: str) -> None:
    """Refuse a decision that does not say how it rests on the record of the hearing held."""
    if state.hearing is None or state.hearing.held_at is None:
        if record:
            raise RuleForbids(
                "no_hearing_held",
                "本件没有举行听证，没有听证笔录可以依据",
                articles.HEARING_RECORD,
                "body.hearing_record",
            )
        return
    if len(record) < RECORD_WORDS:
        raise RuleForbids(
            "hearing_record_missing",
            "本件举行了听证，须根据听证笔录作出决定；"
            f"请写明如何采纳笔录（不少于 {RECORD_WORDS} 字）",
            articles.HEARING_RECORD,
            "body.hearing_record",
        )


def check_decidable(state: CaseState) -> None:
    """Refuse a decision over the heads of those who may still ask for a hearing, or have."""
    hearing = state.hearing
    if hearing is None:
        return
    if hearing.is_owed:
        raise RuleForbids(
            "hearing_due",
            "已有人要求听证，须举行听证并根据听证笔录作出决定",
            articles.HEARING_RECORD,
        )
    if was_told(state) and hearing.requested_at is None and not hearing.lapsed:
        raise RuleForbids(
            "hearing_right_open",
            "告知听证权利之日起五日内，申请人、利害关系人仍可要求听证，请期满后再作决定",
            articles.HEARING_RIGHT,
        )
