"""The approval case as a machine of values: orders in, events out, no clock, no file, no chance.

    open_case(command, matter, digest, case_no="", *, subject="", rule_digests=None,
        calendar=NONE) -> tuple[CaseState, tuple[Event, ...]]    the state *after* the events, seq 1
    impossible(state: CaseState | None, command) -> RuleForbids | None
    warrant_fault(command, now) -> RuleForbids | None   structure and expiry; no cryptography
    questions(state, command) -> tuple[Question, ...]
    decide(state, command, rulings: Mapping[str, Ruling]) -> tuple[Event, ...]   keyed by role;
        raises RuleForbids; asks `impossible` itself, but not `warrant_fault`
    evolve(state, event) -> CaseState
    apply(state, events) -> CaseState                   folds `evolve`; one settled step: seq + 1
    clock_rules(plan) -> tuple[ClockRule, ...]          what the periods of a case are made by
    timers_of(state, clock, calendar) -> tuple[Timer, ...]    `clock`: all its clock events so far
    timers_set(state, timers: Sequence[Timer], at) -> tuple[Event, ...]    () when nothing moved
    retimed(state, timers, why, at) -> tuple[Event, ...]      another calendar; `moved` names them
    timer_events(state, timer, rulings) -> tuple[Event, ...]    of one instant that came; a card
        (`card:…`) follows from the ruling under its role, and only from it
    questions_of_time(state, until) -> tuple[Question, ...]    for the earliest passed instant
    passed_timers(state, until, rulings) -> tuple[Event, ...]    of the *earliest* passed instant
        only: apply them, recompute the timers, ask again until (); then decide
    document_wishes(before, command, events, after) -> tuple[DocumentWish, ...]
    clock_events(events, seq) -> tuple[ClockEvent, ...]
    foretold(state, command, clock, calendar) -> Foretold | RuleForbids | None    nothing is done
    actions(state) -> tuple[str, ...]                   verbs that stage and matter allow

One settled step of a live or backfilled command, as `settle` walks it:

    at = approval.instant_of(state, command)            # never before state.last_at
    events = ()
    for timer in approval.pending_timers(now_state), the first of them, while it is due by at:
        passed = approval.timer_events(now_state, timer, the ruling on its card)
        now_state = fold(passed); events += passed; + timers_set(...) of the recomputed periods
    events += approval.decide(now_state, command, rulings)
    events += approval.timers_set(state_after, computed, at)
    state = approval.apply(state, events)

`timers_set` is an event too, so that history holds every instant that was computed.
"""

from cases.approval.articles import WORKING_DAYS
from cases.approval.cards import taken_back
from cases.approval.clocks import clock_rules
from cases.approval.evolving import KINDS, UnknownEvent, apply, evolve
from cases.approval.foretold import Foretold, foretold
from cases.approval.machine import (
    STAGE_NAMES,
    actions,
    decide,
    impossible,
    questions,
    questions_of_time,
    warrant_fault,
)
from cases.approval.opening import open_case, plan_of
from cases.approval.papers import document_wishes
from cases.approval.timing import (
    CLOCK_KINDS,
    Move,
    clock_events,
    moved,
    moved_cards,
    passed_timers,
    pending_timers,
    retimed,
    timer_events,
    timers_of,
    timers_set,
)
from cases.approval.walk import instant_of

__all__ = [
    "CLOCK_KINDS",
    "KINDS",
    "STAGE_NAMES",
    "WORKING_DAYS",
    "Foretold",
    "Move",
    "UnknownEvent",
    "actions",
    "apply",
    "clock_events",
    "clock_rules",
    "decide",
    "document_wishes",
    "evolve",
    "foretold",
    "impossible",
    "instant_of",
    "moved",
    "moved_cards",
    "open_case",
    "passed_timers",
    "pending_timers",
    "plan_of",
    "questions",
    "questions_of_time",
    "retimed",
    "taken_back",
    "timer_events",
    "timers_of",
    "timers_set",
    "warrant_fault",
]
