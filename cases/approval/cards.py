"""监察牌: what a supervision card does to a case, by its instant or by a supervisor's hand.

A card is an event, and so is everything that becomes of it: revoked by a second event with
reasons, explained, the explanation accepted or returned, missed. A card that was forecast and is
not given says so too. What the rules answered is looked up here, never asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from cases import messages
from cases.approval import articles
from cases.approval.ending import end_if_nothing_is_due
from cases.approval.evolving import task_of
from cases.approval.intake import Rulings
from cases.approval.review import people
from cases.approval.walk import Walk
from cases.clock import due_at
from cases.messages import Command
from cases.rulings import Fired, Ruling
from cases.settling import RuleForbids
from cases.state import Card, CaseState, Event, Task, Timer
from cases.supervision.names import BY_HAND, LEVELS, card_number, parts_of, ruling_role
from catalogue.matters import Limit
from catalogue.working_days import Calendar

BY_HAND_ROLE = ruling_role(BY_HAND)
"""Role of the ruling on a card that a supervisor issues."""
EXPLAIN = "explain:"

WHY = (
    "limit", "used", "left", "elapsed_percent", "remaining_working_days", "overdue_working_days",
    "paused_at_left_working_days", "paused_total_percent", "yellow_open_working_days",
)  # fmt: skip
"""Facts that a card shows as its reasons."""


def is_paused(state: CaseState) -> bool:
    """Whether a special procedure runs: then the case gets no card, whatever a rule says.

    One that supervision has disallowed stops nothing. A site visit or a publication stops the
    promised clock alone: there the rule's own condition holds, since the law's clock runs on.
    """
    return any(one.ended_at is None and one.id not in state.disallowed for one in state.procedures)


def number_of(state: CaseState, timer: Timer) -> str:
    """Return the 监察编号 of the card that is due at a timer."""
    clock, rule = parts_of(timer.key)
    return card_number(state.case_id, rule, clock, timer.due_at, state.plan.zone)


def explanation_timers(state: CaseState, calendar: Calendar) -> tuple[Timer, ...]:
    """Return until when each written explanation that is still due must be given."""
    timers = []
    for card in state.cards:
        if not card.waits_for_explanation or card.explain_from is None:
            continue
        limit = Limit(n=card.explain_days, unit="working_day", basis=articles.CARDS)
        due = due_at(card.explain_from, [limit], calendar, state.plan.zone)
        assert due is not None  # nothing pauses an explanation
        timers.append(
            Timer(
                key=f"{EXPLAIN}{card.number}",
                due_at=due.at,
                article=articles.CARDS,
                provisional=due.provisional,
                calendar_version=due.calendar_version,
            )
        )
    return tuple(timers)


def card_due(walk: Walk, timer: Timer, rulings: Rulings) -> None:
    """The instant of a card, or of an explanation, came."""
    if not timer.is_card:
        if any(one.number == timer.key.removeprefix(EXPLAIN) and one.waits_for_explanation
               for one in walk.state.cards):  # fmt: skip
            walk.emit(
                "explanation_missed",
                card=timer.key.removeprefix(EXPLAIN),
                article=timer.article,
            )
        return
    number = number_of(walk.state, timer)
    ruling = rulings.get(ruling_role(number))
    if ruling is None:
        return  # asked only for what is possible; `settle` always brings the ruling
    clock, rule = parts_of(timer.key)
    fired = next((one for one in ruling.fired if one.rule == rule), None)
    why_not = _withheld(walk.state, clock, rule, ruling, fired)
    if fired is None or why_not:
        walk.emit("card_withheld", card=number, rule=rule, clock=clock, why=why_not,
                  article=timer.article)  # fmt: skip
        return
    _issue(walk, number, clock, fired, ruling)


def _withheld(state: CaseState, clock: str, rule: str, ruling: Ruling, fired: Fired | None) -> str:
    if is_paused(state) or ruling.context.get("is_paused") is not False:
        return "paused"
    if fired is None:
        return "rule_does_not_hold"
    since = _since(ruling)
    if any(
        one.rule == rule and one.clock == clock and one.since == since and one.revoked != "system"
        for one in state.cards
    ):
        return "issued_before"
    return ""


def _since(ruling: Ruling) -> datetime | None:
    """Return when the run of the clock began that the ruling is about."""
    text = ruling.context.get("since")
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _issue(walk: Walk, number: str, clock: str, fired: Fired, ruling: Ruling) -> None:
    then, context = fired.then, ruling.context
    department = str(context.get("department") or walk.state.plan.department)
    explain_days = int(_number(then.get("explain_within_working_days")))
    since = _since(ruling)
    walk.emit(
        "card_issued",
        number=number,
        rule=fired.rule,
        title=fired.title,
        article=fired.basis,
        level=str(then.get("level", "reminder")),
        clock=clock,
        **({} if since is None else {"since": since.isoformat()}),
        department=department,
        recipients=_texts(then.get("recipients")),
        explain_days=explain_days,
        document=str(then.get("document", "")),
        public=then.get("public_explanation") is True,
        digest=ruling.digest,
        unit=_unit(walk.state, clock),
        why={name: context[name] for name in WHY if name in context},
        ground=str(context.get("ground", "")),
    )
    if explain_days:
        key = f"explain-{number}"
        walk.open_task(
            Task(key=key, step=key, department=department, kind="explain", opened_at=walk.at)
        )


def _unit(state: CaseState, clock: str) -> str:
    """Return the unit in which a card tells its amounts; empty for one issued by hand."""
    plan, name = state.plan, clock.partition(":")[0]
    limits: Mapping[str, Limit] = {
        "statutory": plan.statutory, "promised": plan.promised, "notice": plan.notice,
        "delivery": plan.delivery,
    }  # fmt: skip
    if name in limits:
        return limits[name].unit
    if name == "step":
        task = task_of(state, clock.partition(":")[2])
        steps = {step.code: step.limit for step in plan.steps}
        limit = steps.get(task.step) if task else None
        return limit.unit if limit else "working_day"
    return "working_day" if name == "explain" else ""


def _texts(value: JsonValue) -> list[JsonValue]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _number(value: JsonValue) -> float:
    return value if isinstance(value, int | float) else 0


# --- by hand -------------------------------------------------------------------------------------


def check_issue_card(state: CaseState, command: Command, body: messages.IssueCard) -> None:
    if is_paused(state):
        raise RuleForbids("case_paused", "本件正在停表，停表期间不发牌；复表后再发", articles.CARDS)


def issue_card(walk: Walk, command: Command, body: messages.IssueCard, rulings: Rulings) -> None:
    ruling = rulings.get(BY_HAND_ROLE)
    graded = [one for one in ruling.fired if one.then.get("level") in LEVELS] if ruling else []
    if ruling is None or not graded:
        raise RuleForbids(
            "no_card_rule", "现行监察规则没有这一事由的牌，请核对规则包", articles.CARDS,
            "body.ground",
        )  # fmt: skip
    fired = max(graded, key=lambda one: LEVELS.index(one.then["level"]))
    number = card_number(
        walk.state.case_id, fired.rule, f"{BY_HAND}:{command.id}", walk.at, walk.state.plan.zone
    )
    _issue(walk, number, BY_HAND, fired, ruling)


def card_of(state: CaseState, number: str) -> Card:
    """Return the card. Raises `RuleForbids`: there is none of that number."""
    for card in state.cards:
        if card.number == number:
            return card
    raise RuleForbids("no_such_card", f"本件没有监察牌 {number}", articles.CARDS, "body.card")


def check_revoke_card(state: CaseState, command: Command, body: messages.RevokeCard) -> None:
    card = card_of(state, body.card)
    if card.revoked:
        raise RuleForbids("card_revoked", "这张牌已经撤销，不能再撤销", articles.CARDS, "body.card")
    if card.issued_by and card.issued_by in people(command):
        raise RuleForbids(
            "own_card", "发牌的人不得撤销自己发的牌，请由另一名监察员办理", articles.CARDS
        )


def revoke_card(walk: Walk, command: Command, body: messages.RevokeCard, rulings: Rulings) -> None:
    revoke(walk, body.card, "by_supervisor")


def revoke(walk: Walk, number: str, why: str, **more: Any) -> None:
    """Take a card back by an event of its own; an explanation is no longer asked for."""
    department = card_of(walk.state, number).department
    walk.emit(
        "card_revoked", card=number, why=why, department=department,
        article=articles.CARDS, **more,
    )  # fmt: skip
    walk.finish(f"explain-{number}", "cancelled")
    end_if_nothing_is_due(walk)


def taken_back(
    state: CaseState, cards: Sequence[Card], cause: str, at: datetime
) -> tuple[Event, ...]:
    """Return the events by which the system takes cards back: their condition never held.

    `cause` is the event that showed it (`retimed`, `pause_disallowed`).
    """
    walk = Walk(state, at, "system")
    for card in cards:
        revoke(walk, card.number, "condition_false", cause=cause)
    return tuple(walk.events)


def check_explain_card(state: CaseState, command: Command, body: messages.ExplainCard) -> None:
    task = task_of(state, body.task)
    if task is None or task.kind != "explain":
        raise RuleForbids("no_such_task", "没有这份待写的说明", articles.CARDS, "body.task")
    card = card_of(state, body.task.removeprefix("explain-"))
    if card.revoked:
        raise RuleForbids("card_revoked", "这张牌已经撤销，无须说明", articles.CARDS, "body.task")
    if not card.waits_for_explanation:
        raise RuleForbids("already_explained", "这张牌已经书面说明过", articles.CARDS, "body.task")


def explain_card(
    walk: Walk, command: Command, body: messages.ExplainCard, rulings: Rulings
) -> None:
    card = card_of(walk.state, body.task.removeprefix("explain-"))
    walk.emit(
        "card_explained",
        card=card.number,
        late=card.explanation == "missed",
        article=articles.CARDS,
    )
    walk.finish(body.task)
    end_if_nothing_is_due(walk)


def check_review_explanation(
    state: CaseState, command: Command, body: messages.ReviewExplanation
) -> None:
    card = card_of(state, body.card)
    if card.explanation != "given" or card.revoked:
        raise RuleForbids("nothing_to_review", "这张牌没有待审的说明", articles.CARDS, "body.card")
    if body.result == "returned" and not body.text:
        raise RuleForbids("reasons_missing", "退回说明须写明理由", articles.CARDS, "body.text")


def review_explanation(
    walk: Walk, command: Command, body: messages.ReviewExplanation, rulings: Rulings
) -> None:
    walk.emit(
        "explanation_reviewed",
        card=body.card,
        result=body.result,
        department=card_of(walk.state, body.card).department,
        article=articles.CARDS,
    )
    if body.result == "returned":
        card = card_of(walk.state, body.card)
        key = f"explain-{card.number}"
        walk.open_task(
            Task(key=key, step=key, department=card.department, kind="explain", opened_at=walk.at)
        )
