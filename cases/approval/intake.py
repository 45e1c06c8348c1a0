"""申请、预审、形式审查、受理: what happens before a case is reviewed, and its four results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from cases import messages
from cases.approval import articles
from cases.approval.bars import barring
from cases.approval.walk import Walk
from cases.messages import Command
from cases.rulings import Ruling
from cases.settling import RuleForbids
from cases.state import CaseState, Stage
from catalogue.form_schema import names_in
from catalogue.matters import Step

Rulings = Mapping[str, Ruling]


def missing_materials(state: CaseState) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the required materials not handed in: the main ones, and those that may be 容缺."""
    lacking = [one for one in state.plan.materials if one.required]
    lacking = [one for one in lacking if one.code not in state.handed_in]
    return (
        tuple(one.code for one in lacking if not one.tolerable),
        tuple(one.code for one in lacking if one.tolerable),
    )


def steps_for(state: CaseState, rulings: Rulings) -> tuple[Step, ...]:
    """Return the steps to review: those that always are, and those of the departments ruled in."""
    routing = rulings.get("routing")
    named = _texts(routing.outcome.get("departments")) if routing else ()
    return tuple(step for step in state.plan.steps if step.always or step.department in named)


def distribute(walk: Walk, rulings: Rulings) -> None:
    """分发: to the departments side by side, or straight to decision where nobody need review."""
    steps = steps_for(walk.state, rulings)
    if walk.state.accept_mode == "commitment" or _on_the_spot(walk.state, rulings) or not steps:
        walk.enter("decision")
        return
    walk.enter("review")
    for step in steps:
        walk.open_review(step)


def _on_the_spot(state: CaseState, rulings: Rulings) -> bool:
    ruling = rulings.get("on_the_spot")
    if ruling is None:
        return state.plan.case_kind == "on_the_spot"
    return ruling.outcome.get("decide_now") is True


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


# --- 确认收到 ---


def check_confirm_receipt(
    state: CaseState, command: Command, body: messages.ConfirmReceipt
) -> None:
    if not state.unconfirmed:
        raise RuleForbids(
            "nothing_to_confirm", "本件自收到之日起计算，无须双方确认", articles.RECEIPT_CONFIRMED
        )


def confirm_receipt(
    walk: Walk, command: Command, body: messages.ConfirmReceipt, rulings: Rulings
) -> None:
    walk.emit("receipt_confirmed", way=body.way, article=articles.RECEIPT_CONFIRMED)


# --- 预审 ---


def check_pre_review(state: CaseState, command: Command, body: messages.PreReview) -> None:
    if body.result == "returned":
        if not body.lacking:
            raise RuleForbids(
                "lacking_missing",
                "预审退回须一次性写明全部需要补正的内容",
                articles.NOTICE,
                "body.lacking",
            )
        _first_notice(state)


def pre_review(walk: Walk, command: Command, body: messages.PreReview, rulings: Rulings) -> None:
    walk.emit("pre_reviewed", result=body.result)
    if body.result == "passed":
        walk.enter("received")
    else:
        _notice(walk, body.lacking, 30, "pre_review")


# --- 一次性告知与补正 ---


def _first_notice(state: CaseState) -> None:
    if state.noticed:
        raise RuleForbids(
            "second_notice",
            "补正只能一次性告知，本件已经告知过；请受理或者作出不予受理决定",
            articles.NOTICE,
        )
    silent = state.accept_mode == "deemed"
    if silent or (state.accepted_at is not None and state.stage == "received"):
        raise RuleForbids(
            "already_accepted", "本件自收到材料之日起即为受理，不能再告知补正", articles.NOTICE
        )


def _notice(walk: Walk, lacking: Sequence[messages.Lacking], days: int, back_to: Stage) -> None:
    walk.emit(
        "noticed",
        lacking=[one.code for one in lacking],
        supply_within_days=days,
        back_to=back_to,
        article=walk.state.plan.notice.basis,
    )
    walk.enter("supplement")


def check_ask_supplement(state: CaseState, command: Command, body: messages.AskSupplement) -> None:
    _first_notice(state)


def ask_supplement(
    walk: Walk, command: Command, body: messages.AskSupplement, rulings: Rulings
) -> None:
    back_to: Stage = "received" if walk.state.accepted_at is None else "review"
    _notice(walk, body.lacking, body.supply_within_days, back_to)


def check_supply(state: CaseState, command: Command, body: messages.Supply) -> None:
    if not body.materials and not body.form:
        raise RuleForbids(
            "nothing_supplied", "请附上补正的材料或者填写更正的内容", articles.ACCEPT, "body"
        )
    if state.stage not in ("supplement", "received") and not state.missing:
        raise RuleForbids("nothing_lacking", "本件没有待补正或者容缺待补的材料", articles.ACCEPT)
    _known_materials(state, body.materials)


def _known_materials(state: CaseState, materials: Sequence[messages.HandedIn]) -> None:
    known = {one.code for one in state.plan.materials}
    for place, one in enumerate(materials):
        if known and one.code not in known:
            raise RuleForbids(
                "unknown_material",
                f"材料 {one.code} 不在本事项的材料清单内，不得要求或者收取",
                articles.MATERIALS,
                f"body.materials.{place}.code",
            )


def supply(walk: Walk, command: Command, body: messages.Supply, rulings: Rulings) -> None:
    state = walk.state
    fields = names_in(body.form)
    brought = {one.code for one in body.materials} | fields
    complete = state.stage == "supplement" and not set(state.lacking) - brought
    walk.emit(
        "supplied",
        materials=sorted(one.code for one in body.materials),
        fields=sorted(fields),
        facts=facts_of(state, body.form),
        complete=complete,
        made_good=bool(state.missing) and not set(state.missing) - brought,
        article=articles.ACCEPT,
    )
    if complete:
        _go_back(walk)


def _go_back(walk: Walk) -> None:
    """Everything was supplied: back to where the notice was given."""
    if walk.state.supplement_from != "review":
        walk.enter(walk.state.supplement_from or "received")
        return
    walk.enter("review")
    asked = {
        task.step
        for task in walk.state.tasks
        if task.kind == "review" and any(o.result == "needs_supplement" for o in task.opinions)
    }
    reopen(walk, asked)


def reopen(walk: Walk, steps: set[str]) -> None:
    """Open these review steps anew; where none is open afterwards, the review is over."""
    for task in walk.state.tasks:
        if task.kind == "review" and task.step in steps and task.state != "open":
            fresh = {"state": "open", "opinions": (), "holder": "", "inspected": False}
            fresh |= {"opened_at": walk.at, "due_at": None}
            walk.open_task(task.model_copy(update=fresh))
    end_review_if_done(walk)


def end_review_if_done(walk: Walk) -> None:
    """All departments have spoken: several are gathered by the lead, one goes to decision."""
    reviews = [t for t in walk.state.tasks if t.kind == "review" and t.state != "cancelled"]
    if walk.state.stage != "review" or any(task.state == "open" for task in reviews):
        return
    walk.enter("gather" if len(reviews) > 1 else "decision")


def facts_of(state: CaseState, form: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the form's values that are no personal data, for the rules."""
    return {name: form[name] for name in state.plan.fact_fields if name in form}


def check_correct_on_spot(state: CaseState, command: Command, body: messages.CorrectOnSpot) -> None:
    if not body.form:
        raise RuleForbids(
            "nothing_corrected", "请填写当场更正的内容", articles.CORRECT_ON_SPOT, "body.form"
        )


def correct_on_spot(
    walk: Walk, command: Command, body: messages.CorrectOnSpot, rulings: Rulings
) -> None:
    walk.emit("corrected", fields=sorted(body.form), facts=facts_of(walk.state, body.form))


# --- 受理、不予受理、不受理 ---


def check_accept(state: CaseState, command: Command, body: messages.Accept) -> None:
    if state.accepted_at is not None:
        if body.mode != "plain":
            raise RuleForbids("already_accepted", "本件已经受理，只能重新分发", articles.ACCEPT)
        return
    _mode_allowed(state, body)
    main, secondary = missing_materials(state)
    if main:
        raise RuleForbids(
            "materials_missing",
            f"缺少必备材料 {'、'.join(main)}：请一次性告知补正，或者补齐后受理",
            articles.ACCEPT,
        )
    if secondary and body.mode == "plain":
        raise RuleForbids(
            "materials_missing",
            f"缺少材料 {'、'.join(secondary)}：请告知补正，或者凭书面承诺容缺受理",
            articles.ACCEPT,
        )
    if body.mode == "tolerant" and not secondary:
        raise RuleForbids("nothing_missing", "材料齐全，请直接受理", articles.ACCEPT, "body.mode")


def _mode_allowed(state: CaseState, body: messages.Accept) -> None:
    if body.mode == "plain":
        return
    name = {"tolerant": "容缺受理", "commitment": "告知承诺"}[body.mode]
    granted = state.plan.tolerance if body.mode == "tolerant" else state.plan.commitment
    if granted is None:
        basis = articles.TOLERANCE if body.mode == "tolerant" else articles.COMMITMENT
        raise RuleForbids("mode_not_allowed", f"本事项不适用{name}", basis, "body.mode")
    if not body.undertaking:
        raise RuleForbids(
            "undertaking_missing",
            f"{name}须有申请人的书面承诺",
            granted.basis,
            "body.undertaking",
        )


def accept(walk: Walk, command: Command, body: messages.Accept, rulings: Rulings) -> None:
    again = walk.state.accepted_at is not None
    if not again:
        _allowed_by_rule(rulings, body)
    _, secondary = missing_materials(walk.state)
    walk.emit(
        "accepted",
        mode=body.mode,
        again=again,
        missing=list(secondary) if body.mode == "tolerant" else [],
        article=articles.ACCEPT,
    )
    distribute(walk, rulings)


_ENOUGH: Mapping[str, tuple[str, ...]] = {
    "plain": ("complete",),
    "tolerant": ("tolerant",),
    "commitment": ("complete", "tolerant"),
}
"""Mode of acceptance → results of the completeness pack that allow it (rules/README.md)."""


def _allowed_by_rule(rulings: Rulings, body: messages.Accept) -> None:
    ruling = rulings.get("completeness")
    if ruling is not None and ruling.outcome.get("acceptance") not in _ENOUGH[body.mode]:
        fired = ruling.fired[0] if ruling.fired else None
        raise RuleForbids(
            "not_complete",
            f"不能受理：{fired.title if fired else ruling.pack}",
            fired.basis if fired else articles.ACCEPT,
        )
    handling = rulings.get("on_the_spot")
    if body.mode == "commitment" and handling is not None:
        if handling.outcome.get("commitment") != "granted":
            raise RuleForbids(
                "commitment_excluded", "本件不适用告知承诺", articles.COMMITMENT, "body.mode"
            )


def check_not_accepted(state: CaseState, command: Command, body: object) -> None:
    if state.accepted_at is not None:
        raise RuleForbids(
            "already_accepted", "本件已经受理（或者依法视为受理），须作出决定", articles.NOTICE
        )


def refuse_acceptance(
    walk: Walk, command: Command, body: messages.RefuseAcceptance, rulings: Rulings
) -> None:
    barred = barring(walk.state.plan, body.ground)
    article = articles.FALSE_MATERIALS if body.ground else articles.NOT_COMPETENT
    walk.emit("acceptance_refused", ending="not_accepted", article=article, **barred)
    walk.enter("rating")


def not_required(
    walk: Walk, command: Command, body: messages.NotRequired, rulings: Rulings
) -> None:
    walk.emit("found_not_required", ending="not_required", article=articles.NOT_REQUIRED)
    walk.enter("rating")
