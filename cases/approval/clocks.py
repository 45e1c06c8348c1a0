"""The licence's own clocks: which events start, stop and end each period, filled from the plan.

The structure is the Act's (行政许可法, ids of `catalogue/law.yaml`); the numbers are the matter's,
frozen into the case when it was filed, because another law may give others
(第四十二条第一款但书：法律、法规另有规定的，依照其规定).
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache

from cases.approval import articles
from cases.approval.walk import review_key
from cases.state import Plan
from catalogue.clock_rules import ClockRule, Title, Trigger
from catalogue.matters import Limit, Unit
from catalogue.words import PROCEDURES

GROUNDS = tuple(PROCEDURES.values())
"""行政许可法第四十五条: the eight procedures that stop the statutory clock, and no ninth."""

RATE_WITHIN = Limit(n=30, unit="day", basis=articles.RATING)
"""How long a closed case waits for its rating. No law fixes it; ours, 2026-11."""
RECTIFY_WITHIN = Limit(n=15, unit="working_day", basis=articles.RATING)
"""差评整改. Cities differ (5 working days in one, 15 in another; domain.md §3.4); the longer."""

WORKING_DAYS = "XKF-82"
"""行政许可法第八十二条: the Act's periods are counted in working days, without holidays."""

WITHOUT_TIMER = frozenset({"department"})
"""Clocks that are shown and divided, and at whose end nothing is expected."""

OF_A_TASK = frozenset({"step", "department", "explain", "by_hand"})
"""Families of periods that are of one task or card, not of the case."""

HEARING_REQUEST = "hearing_request"
"""Key of the five days in which a hearing may be asked for."""

_OVER = ("refused_acceptance", "withdrawn", "closed")
"""Events after which no period before the decision runs any more."""


def clock_rules(plan: Plan) -> tuple[ClockRule, ...]:
    """Return the rules of a case's clocks. Those of one plan are made once."""
    return _rules(plan.model_dump_json())


@lru_cache(maxsize=512)
def _rules(text: str) -> tuple[ClockRule, ...]:
    plan = Plan.model_validate_json(text)
    if plan.process == "open":
        return tuple(_until_decision(plan))
    return (
        *_before_acceptance(plan),
        *_until_decision(plan),
        *_hearing(plan),
        *_renewal(plan),
        *_steps(plan),
        *_departments(plan),
        *_after_decision(plan),
    )


def _before_acceptance(plan: Plan) -> tuple[ClockRule, ...]:
    return (
        _rule(
            "notice",
            "一次性告知时限",
            "One-time notice",
            plan.notice,
            starts=on("received"),
            ends=on("noticed", "accepted", "deemed_accepted", *_OVER),
            expiry="deemed_accepted",
        ),
        _rule(
            "supplement",
            "申请人补正期限",
            "Applicant's time to supplement",
            Limit(n=30, unit="day", basis=articles.NOTICE),
            starts=(Trigger(event="noticed", where={"back_to": ["received", "pre_review"]}),),
            ends=(
                Trigger(event="supplied", where={"complete": True}),
                *on("accepted", "deemed_accepted", *_OVER),
            ),
            side="applicant",
            roll=True,
            limit_field="supply_within_days",
        ),
    )


def _until_decision(plan: Plan) -> tuple[ClockRule, ...]:
    begun, over = _begun(plan), on("decided", *_OVER)
    # From receipt, what was asked for begins the period anew: until it comes, none runs.
    ended = over if plan.counts_from == "acceptance" else (*on("noticed"), *over)
    rules = [
        _rule(
            "statutory",
            "法定办结时限",
            "Statutory period",
            plan.statutory,
            starts=begun,
            ends=ended,
            extension=plan.extension,
            pauses=GROUNDS,
        ),
        _rule(
            "promised",
            "承诺办结时限",
            "Promised period",
            plan.promised,
            starts=begun,
            ends=ended,
            extension=plan.extension,
            pauses=plan.promise_pauses,
        ),
    ]
    if plan.tolerance is not None:
        rules.append(
            _rule(
                "undertaking",
                "容缺补齐期限",
                "Time to make an undertaking good",
                plan.tolerance.limit,
                starts=(Trigger(event="accepted", where={"mode": "tolerant"}),),
                ends=(
                    Trigger(event="supplied", where={"made_good": True}),
                    *on("undertaking_lapsed"),
                    *over,
                ),
                side="applicant",
                roll=True,
                expiry=plan.tolerance.overdue,
            )
        )
    if plan.assignment is not None:
        rules.append(
            _rule(
                "assignment",
                "指派检验人员期限",
                "Time to name inspectors",
                plan.assignment,
                starts=on("accepted", "deemed_accepted"),
                ends=(*on("inspectors_assigned"), *over),
            )
        )
    return tuple(rules)


def _begun(plan: Plan) -> tuple[Trigger, ...]:
    """What the period begins with: acceptance; or receipt, anew once everything was supplied
    (政府信息公开条例第三十条、第三十三条)."""
    if plan.counts_from == "acceptance":
        return on("accepted", "deemed_accepted")
    return (*on("received"), Trigger(event="supplied", where={"complete": True}))


def _hearing(plan: Plan) -> tuple[ClockRule, ...]:
    """听证: five days to ask for it, twenty working days to hold it (第四十七条第一款).

    The five days are the applicant's, not 行政机关实施行政许可的期限 (第八十二条): calendar days.
    """
    if "hearing" not in plan.procedures:
        return ()
    over = on("decided", *_OVER)
    return (
        _rule(
            HEARING_REQUEST,
            "要求听证的期限",
            "Time to ask for a hearing",
            Limit(n=5, unit="day", basis=articles.HEARING_RIGHT),
            starts=on("hearing_right_told"),
            ends=(*on("hearing_requested", "hearing_lapsed"), *over),
            side="applicant",
            roll=True,
            expiry="lapsed",
        ),
        _rule(
            "hearing",
            "组织听证期限",
            "Time to hold the hearing",
            Limit(n=20, unit="working_day", basis=articles.HEARING_ORGANISED),
            starts=on("hearing_requested"),
            ends=(*on("hearing_held", "hearing_cancelled"), *over),
        ),
    )


def _renewal(plan: Plan) -> tuple[ClockRule, ...]:
    """延续: decided by the licence's last day, or deemed granted. Nothing moves that day."""
    if plan.renewal is None:
        return ()
    asked = {} if plan.renewal.late_renews else {"requested_late": False}
    return (
        _rule(
            "renewal",
            "延续决定期限",
            "Time to decide on the renewal",
            Limit(n=0, unit="day", basis=plan.renewal.basis),
            starts=(Trigger(event="received", where={**asked}),),
            ends=on("decided", "deemed_renewed", *_OVER),
            due_field="licence_until",
            expiry="deemed_renewed",
        ),
    )


def _steps(plan: Plan) -> tuple[ClockRule, ...]:
    """Each opening of a step counts anew; special procedures stop it like the statutory clock."""
    return tuple(
        _rule(
            "step",
            step.name,
            step.name_en or step.code,
            step.limit,
            starts=(Trigger(event="step_opened", where={"task": review_key(step.code)}),),
            ends=(
                Trigger(event="step_done", where={"task": review_key(step.code)}),
                *on("decided", *_OVER),
            ),
            pauses=GROUNDS,
            key_by="task",
        )
        for step in plan.steps
        if step.limit is not None
    )


def _departments(plan: Plan) -> tuple[ClockRule, ...]:
    """A department's time in the case, all its steps together: a return does not make it anew."""
    limits: dict[tuple[str, Unit], list[Limit]] = defaultdict(list)
    for step in plan.steps:
        if step.limit is not None:
            limits[step.department, step.limit.unit].append(step.limit)
    seen: dict[str, tuple[Unit, list[Limit]]] = {}
    for (department, unit), own in limits.items():
        seen.setdefault(department, (unit, own))
    return tuple(
        _rule(
            "department",
            "部门用时",
            "Department's time",
            Limit(n=sum(one.n for one in own), unit=unit, basis=own[0].basis),
            starts=(Trigger(event="step_opened", where={"department": department}),),
            ends=(
                Trigger(event="step_done", where={"department": department}),
                *on("decided", *_OVER),
            ),
            pauses=GROUNDS,
            key_by="department",
            accumulates=True,
        )
        for department, (unit, own) in seen.items()
    )


def _after_decision(plan: Plan) -> tuple[ClockRule, ...]:
    rules = [
        _rule(
            "delivery",
            "送达期限",
            "Time to serve",
            plan.delivery,
            starts=(Trigger(event="decided", where={"result": ["grant", "refuse"]}),),
            ends=on("delivered", "closed", "withdrawn"),
        ),
        _rule(
            "rating",
            "评价期限",
            "Time to rate",
            RATE_WITHIN,
            starts=on("closed", "refused_acceptance"),
            ends=on("rated", "rating_lapsed"),
            side="applicant",
        ),
        _rule(
            "rectify",
            "差评整改期限",
            "Time to mend a bad rating",
            RECTIFY_WITHIN,
            starts=(
                Trigger(event="rated", where={"good": False}),
                Trigger(event="called_back", where={"satisfied": False}),
            ),
            ends=on("rectified"),
        ),
    ]
    if plan.commitment is not None:
        rules.append(
            _rule(
                "check",
                "告知承诺核查期限",
                "Time to check a commitment",
                plan.commitment.check_within,
                starts=(Trigger(event="decided", where={"check": True}),),
                ends=(Trigger(event="checked", where={"result": ["true", "untrue"]}),),
            )
        )
    return tuple(rules)


def on(*events: str) -> tuple[Trigger, ...]:
    """Return triggers on these kinds of event, whatever their detail."""
    return tuple(Trigger(event=event) for event in events)


def _rule(clock: str, zh: str, en: str, limit: Limit, **rest: object) -> ClockRule:
    return ClockRule.model_validate(
        {
            "id": limit.basis,
            "clock": clock,
            "title": Title(zh=zh, en=en),
            "limit": limit,
            "days_basis": WORKING_DAYS,
            **rest,
        }
    )
