"""Which order is possible when, and what follows: the table, its guard and `decide`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue, ValidationError

from cases import messages
from cases.approval import (
    articles,
    bars,
    cards,
    ending,
    hearing,
    intake,
    recusal,
    reissuing,
    review,
    served_again,
    waiting,
)
from cases.approval.evolving import evolve
from cases.approval.intake import Rulings, missing_materials
from cases.approval.review import people
from cases.approval.timing import passed_timers, pending_timers, timer_events
from cases.approval.walk import Walk, instant_of
from cases.messages import Command
from cases.separations import RECUSED
from cases.settling import Question, RuleForbids
from cases.state import CaseState, Event, Stage, Timer

BEFORE_DECISION: tuple[Stage, ...] = (
    "pre_review", "received", "supplement", "review", "gather", "decision",
)  # fmt: skip
AFTER_DECISION: tuple[Stage, ...] = (
    "certificate", "service", "closing", "rating", "rectification", "call_back",
)  # fmt: skip
ALIVE: tuple[Stage, ...] = (*BEFORE_DECISION, *AFTER_DECISION)
REVIEWING: tuple[Stage, ...] = ("review", "gather", "decision")


@dataclass(frozen=True)
class Row:
    """One verb: in which stages it may come, what forbids it, and what it does."""

    stages: tuple[Stage, ...]
    act: Callable[[Walk, Command, Any, Rulings], None]
    check: Callable[[CaseState, Command, Any], None] | None = None
    offered: Callable[[CaseState], bool] | None = None
    """Whether it has any sense in this case at all; None: wherever the stage allows it."""


TABLE: MappingProxyType[str, Row] = MappingProxyType(
    {
        "confirm_receipt": Row(
            ("pre_review", "received"), intake.confirm_receipt, intake.check_confirm_receipt,
            lambda state: state.unconfirmed,
        ),
        "pre_review": Row(("pre_review",), intake.pre_review, intake.check_pre_review),
        "ask_supplement": Row(
            ("received", "review", "gather"), intake.ask_supplement, intake.check_ask_supplement
        ),
        "supply": Row(
            ("received", "supplement", *REVIEWING), intake.supply, intake.check_supply
        ),
        "correct_on_spot": Row(
            ("received",), intake.correct_on_spot, intake.check_correct_on_spot
        ),
        "accept": Row(("received",), intake.accept, intake.check_accept),
        "refuse_acceptance": Row(
            ("received", "supplement"), intake.refuse_acceptance, intake.check_not_accepted
        ),
        "not_required": Row(
            ("received", "supplement"), intake.not_required, intake.check_not_accepted
        ),
        "claim": Row((*ALIVE, "ended"), review.claim, review.check_claim, review.any_open),
        "transfer": Row(
            (*ALIVE, "ended"), review.transfer, review.check_transfer, review.any_open
        ),
        "add_signer": Row(("review", "gather"), review.add_signer, review.check_add_signer),
        "remove_signer": Row(("review",), review.remove_signer, review.check_remove_signer),
        "opine": Row(("review", "supplement"), review.opine, review.check_opine),
        "inspect": Row(("review", "supplement"), review.inspect, review.check_inspect),
        "gather": Row(("gather",), review.gather),
        "start_procedure": Row(REVIEWING, review.start_procedure, review.check_start_procedure),
        "end_procedure": Row(
            ("supplement", *REVIEWING), review.end_procedure, review.check_end_procedure
        ),
        "start_wait": Row(
            REVIEWING, waiting.start_wait, waiting.check_start_wait, waiting.may_wait
        ),
        "end_wait": Row(
            ("supplement", *REVIEWING), waiting.end_wait, waiting.check_end_wait, waiting.is_waiting
        ),
        "disallow_pause": Row(
            ALIVE, waiting.disallow_pause, waiting.check_disallow_pause, waiting.may_disallow
        ),
        "restore_pause": Row(
            ALIVE, waiting.restore_pause, waiting.check_restore_pause,
            lambda state: bool(state.disallowed),
        ),
        "tell_hearing_right": Row(
            REVIEWING, hearing.tell_hearing_right, hearing.check_tell_hearing_right,
            hearing.may_tell,
        ),
        "request_hearing": Row(
            ("supplement", *REVIEWING), hearing.request_hearing, hearing.check_request_hearing,
            hearing.may_request,
        ),
        "notify_hearing": Row(
            ("supplement", *REVIEWING), hearing.notify_hearing, hearing.check_notify_hearing,
            hearing.may_notify,
        ),
        "assign_inspectors": Row(
            ("supplement", *REVIEWING), review.assign_inspectors, review.check_assign_inspectors,
            review.awaits_inspectors,
        ),
        "extend": Row(("supplement", *REVIEWING), review.extend, review.check_extend),
        "return_step": Row(REVIEWING, review.return_step, review.check_return_step),
        "decide": Row(("decision",), ending.decide, ending.check_decide),
        "certify": Row(("certificate",), ending.certify),
        "serve": Row(("service",), ending.serve, ending.check_serve),
        "close": Row(("closing",), ending.close),
        "rate": Row(("rating",), ending.rate, ending.check_rate),
        "rectify": Row(("rectification",), ending.rectify),
        "call_back": Row(("call_back",), ending.call_back),
        "withdraw": Row(BEFORE_DECISION, ending.withdraw),
        "urge": Row(ALIVE, ending.urge, ending.check_urge),
        "copy_to": Row(ALIVE, ending.copy_to),
        "recuse": Row(ALIVE, recusal.recuse, recusal.check_recuse),
        "check_afterwards": Row(
            AFTER_DECISION, ending.check_afterwards, ending.check_check_afterwards
        ),
        "revoke_licence": Row(
            ("closing", "rating", "rectification", "call_back", "ended"),
            bars.revoke_licence, bars.check_revoke_licence, bars.may_revoke,
        ),
        "reissue": Row(
            (*ALIVE, "ended"), reissuing.reissue, reissuing.check_reissue, reissuing.may_reissue
        ),
        "serve_reissued": Row(
            (*ALIVE, "ended"), reissuing.serve_reissued, reissuing.check_serve_reissued,
            lambda state: bool(served_again.unserved(state)),
        ),
        "issue_card": Row(ALIVE, cards.issue_card, cards.check_issue_card),
        "revoke_card": Row(
            ALIVE, cards.revoke_card, cards.check_revoke_card,
            lambda state: any(card.stands for card in state.cards),
        ),
        "explain_card": Row(
            ALIVE, cards.explain_card, cards.check_explain_card,
            lambda state: any(card.waits_for_explanation for card in state.cards),
        ),
        "review_explanation": Row(
            ALIVE, cards.review_explanation, cards.check_review_explanation,
            lambda state: any(c.stands and c.explanation == "given" for c in state.cards),
        ),
    }
)  # fmt: skip
"""The approval process. `file` opens the case; `timer_fired` is the law's own."""

OPEN_TABLE: MappingProxyType[str, Row] = MappingProxyType(
    {
        "record_step": Row(("review",), ending.record_step),
        "close": Row(("review",), ending.close),
        "withdraw": Row(("review",), ending.withdraw),
        "urge": Row(("review",), ending.urge, ending.check_urge),
        "copy_to": Row(("review",), ending.copy_to),
    }
)
"""The `open` process: steps in any order, as the authority recorded them."""

STAGE_NAMES: MappingProxyType[str, str] = MappingProxyType(
    {
        "pre_review": "预审", "received": "收件", "supplement": "待补正", "review": "审查",
        "gather": "汇总", "decision": "待决定", "certificate": "制证", "service": "送达",
        "closing": "待办结", "rating": "待评价", "rectification": "差评整改", "call_back": "回访",
        "ended": "归档",
    }
)  # fmt: skip


def table_of(state: CaseState) -> MappingProxyType[str, Row]:
    return OPEN_TABLE if state.plan.process == "open" else TABLE


def actions(state: CaseState) -> tuple[str, ...]:
    """Return the verbs that stage and matter allow; whether one may come, `impossible` tells."""
    return tuple(
        verb
        for verb, row in table_of(state).items()
        if state.stage in row.stages and (row.offered is None or row.offered(state))
    )


def impossible(state: CaseState | None, command: Command) -> RuleForbids | None:
    """Return why the order cannot be carried out now, None where it can.

    `state` None: the case is not filed yet. What time alone has done to the case by the order's
    instant counts. Cheap and pure; asks neither rules nor calendar.
    """
    try:
        then = None if state is None else in_time(state, command)
        if state is not None and then is None:
            _in_order(state, command)
        else:
            _refuse_impossible(then, command)
    except RuleForbids as no:
        return no
    return None


def in_time(state: CaseState, command: Command) -> CaseState | None:
    """Return the case after the instants that came before the order, as far as they are known.

    None: the law accepted it meanwhile, and only the rules know which departments have it now;
    what is possible then, `decide` tells.
    """
    own = command.body.get("timer") if command.verb == "timer_fired" else None
    until = instant_of(state, command)
    while gone := passed_timers(state, until):
        if own is not None and gone[0].data.get("timer") == own:
            break
        if questions_of_time(state, until):
            return None
        for event in gone:
            state = evolve(state, event)
    return state


def _refuse_impossible(state: CaseState | None, command: Command) -> None:
    body = _body(command)
    if state is None:
        if command.verb != "file":
            raise RuleForbids(
                "not_filed", "没有这个办件，请先提交申请", articles.APPLICATION, "verb"
            )
        return
    _in_order(state, command)
    if command.verb in messages.OF_LAW:
        if isinstance(body, messages.TimerFired):
            _the_timer(state, body)
        return
    _refuse_persons(state, command, body)


def _refuse_persons(state: CaseState, command: Command, body: messages.Frozen) -> None:
    """Refuse what the stage, a separation or the verb itself forbids to those who order."""
    row = table_of(state).get(command.verb)
    if row is None:
        raise RuleForbids(
            "wrong_process", "本事项的流程没有这一步", _broken(state, command.verb), "verb"
        )
    _in_stage(state, command.verb, row)
    _confirmed(state, command.verb)
    _separated(state, command)
    if row.check is not None:
        row.check(state, command, body)


def _in_order(state: CaseState, command: Command) -> None:
    """Refuse what no case of any stage can do: another's order, one from before its last step."""
    _body(command)
    if command.verb == "file":
        raise RuleForbids("already_filed", "本件已经收件，请勿重复提交", articles.APPLICATION)
    if command.case_id != state.case_id:
        raise RuleForbids("wrong_case", "命令属于另一个办件", "", "case_id")
    if state.stage == "ended" and not _outlasts(state, command.verb):
        raise RuleForbids("case_ended", "本件已经归档，不能再办理", _broken(state, command.verb))
    if command.backfill and state.last_at is not None and command.occurred_at < state.last_at:
        raise RuleForbids(
            "time_backwards",
            f"业务时间早于本件上一步（{state.last_at.isoformat()}），请按先后顺序补录",
            _broken(state, command.verb),
            "occurred_at",
        )


def _outlasts(state: CaseState, verb: str) -> bool:
    """Whether the act may come to a case that is archived: its table's own row says so; a task
    is handed on only where one is left."""
    row = table_of(state).get(verb)
    if row is None or "ended" not in row.stages:
        return False
    return row.offered is not review.any_open or review.any_open(state)


def _body(command: Command) -> messages.Frozen:
    if command.verb not in messages.BODIES:
        raise RuleForbids("unknown_verb", f"没有 {command.verb} 这个命令", "", "verb")
    try:
        return command.parsed()
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(str(part) for part in ("body", *first["loc"]))
        basis = articles.asked_by(command.verb, first["loc"])
        raise RuleForbids("bad_body", f"{place}：{first['msg']}", basis, place) from wrong


def _in_stage(state: CaseState, verb: str, row: Row) -> None:
    if state.stage in row.stages:
        return
    here = STAGE_NAMES[state.stage]
    if state.decided_at is not None and set(row.stages) <= set(BEFORE_DECISION):
        raise RuleForbids(
            "already_decided", f"本件已经作出决定，现在{here}", _broken(state, verb), "verb"
        )
    where = "、".join(STAGE_NAMES[stage] for stage in row.stages)
    raise RuleForbids(
        "wrong_stage", f"本件现在{here}；这一步只能在{where}时办理", _broken(state, verb), "verb"
    )


def _broken(state: CaseState, verb: str) -> str:
    return articles.broken_by(state.plan, verb, granted=state.decision == "grant")


INTAKE = frozenset({"pre_review", "ask_supplement", "accept", "refuse_acceptance", "not_required"})
"""What may be done with a request only once it is received."""


def _confirmed(state: CaseState, verb: str) -> None:
    if state.unconfirmed and verb in INTAKE:
        raise RuleForbids(
            "receipt_unconfirmed",
            "网上提交的申请以双方确认之日为收到之日，请先与申请人确认收到",
            articles.RECEIPT_CONFIRMED,
        )


def _separated(state: CaseState, command: Command) -> None:
    """Refuse an act whose opposite the same person has performed, in person or for another."""
    who = people(command)
    if who & set(state.hands.get(RECUSED, ())):
        raise RuleForbids("recused", "已经回避，不能再办理本件", articles.RECUSAL, "actor")
    for separation in state.plan.separations:
        if command.verb not in separation.acts:
            continue
        for other in separation.acts:
            if other != command.verb and who & set(state.hands.get(other, ())):
                raise RuleForbids(
                    "same_person",
                    f"同一人不得既办理 {other} 又办理 {command.verb}，请由其他人员办理",
                    separation.basis,
                )


def _the_timer(state: CaseState, body: messages.TimerFired) -> Timer:
    for timer in pending_timers(state):
        if timer.key == body.timer and timer.due_at == body.due_at:
            return timer
    raise RuleForbids("timer_stale", "这个期限已经不再适用", body.article, "body.timer")


def warrant_fault(command: Command, now: datetime) -> RuleForbids | None:
    """Return what is wrong with the warrant's form, None where it covers exactly this order.

    Judges expiry at `now`, the moment of admission. The signature is verified in `settle`.
    """
    warrant = command.warrant
    if warrant is None:
        return RuleForbids("no_warrant", "命令没有授权", "", "warrant")
    expected: dict[str, object] = {
        "command_id": command.id,
        "actor": command.actor.id,
        "on_behalf": command.actor.on_behalf,
        "act": command.verb,
        "object_id": command.case_id,
        "command_digest": command.digest(),
    }
    for name, value in expected.items():
        if getattr(warrant, name) != value:
            return RuleForbids("wrong_warrant", f"授权不是给这个命令的（{name}）", "", name)
    if now >= warrant.expires_at:
        return RuleForbids("warrant_expired", "授权已经过期，请重新提交", "", "warrant")
    return None


def questions(state: CaseState, command: Command) -> tuple[Question, ...]:
    """Return what the rules must be asked before `decide`.

    At acceptance: whether the materials are complete, which departments review, whether it is
    decided on the spot; at a deemed or repeated one the latter two. The contexts are those of
    rules/README.md, and in `routing` also every form value that is no personal data: the caller
    picks the fields that the pack knows.
    """
    roles: tuple[str, ...] = ()
    if command.verb == "accept" and state.accepted_at is None:
        roles = ("completeness", "routing", "on_the_spot")
    elif command.verb == "accept" or command.body.get("timer") == "notice":
        roles = ("routing", "on_the_spot")
    return _asked(state, roles, command.body)


def questions_of_time(state: CaseState, until: datetime) -> tuple[Question, ...]:
    """Return what the rules must be asked before the earliest instant that passed becomes law.

    A notice that was not given accepts the case: which departments review it then, and whether
    it is decided at once. () where no such instant passed by `until`.
    """
    for timer in pending_timers(state)[:1]:
        if timer.due_at <= until and timer.key == "notice":
            return _asked(state, ("routing", "on_the_spot"), {})
    return ()


def _asked(
    state: CaseState, roles: tuple[str, ...], body: Mapping[str, Any]
) -> tuple[Question, ...]:
    contexts = {"completeness": _completeness, "routing": _routing, "on_the_spot": _on_the_spot}
    return tuple(
        Question(role=role, context=contexts[role](state, body))
        for role in roles
        if role in state.plan.rules
    )


def _completeness(state: CaseState, body: Mapping[str, Any]) -> dict[str, JsonValue]:
    main, secondary = missing_materials(state)
    return {
        "required_missing": len(main),
        "secondary_missing": len(secondary),
        "tolerant_allowed": _tolerates(state, body),
        "undertaking_given": bool(body.get("undertaking")),
        "noticed": state.noticed,
    }


def _tolerates(state: CaseState, body: Mapping[str, Any]) -> bool:
    # On a commitment the undertaking stands in for secondary papers, whatever 容缺 says.
    return state.plan.tolerance is not None or body.get("mode") == "commitment"


def _routing(state: CaseState, body: Mapping[str, Any]) -> dict[str, JsonValue]:
    always = [step.department for step in state.plan.steps if step.always]
    return {**state.facts, "matter": state.plan.matter, "step_departments": [*always]}


def _on_the_spot(state: CaseState, body: Mapping[str, Any]) -> dict[str, JsonValue]:
    chosen = body.get("mode") == "commitment"
    return {
        "case_kind": state.plan.case_kind,
        "substantive_check": any(step.inspectors > 0 for step in state.plan.steps if step.always),
        "departments": sum(step.always for step in state.plan.steps),
        "commitment_allowed": state.plan.commitment is not None,
        "commitment_chosen": chosen,
        "undertaking_given": bool(body.get("undertaking")),
    }


def decide(state: CaseState, command: Command, rulings: Rulings) -> tuple[Event, ...]:
    """Return the events of the order. Raises `RuleForbids` when law or state forbids it.

    `rulings` are the answers to `questions`, by role. Of the warrant nothing is judged here.
    """
    _refuse_impossible(state, command)
    body = _body(command)
    if isinstance(body, messages.Retimed):
        return ()  # all of it is arithmetic: `timing.retimed`
    if isinstance(body, messages.TimerFired):
        return timer_events(state, _the_timer(state, body), rulings)
    walk = Walk.of(state, command)
    walk.emit("acted", verb=command.verb)
    table_of(state)[command.verb].act(walk, command, body, rulings)
    return tuple(walk.events)
