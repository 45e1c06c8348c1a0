"""What would come of an order if it were given now: nothing is done, nothing asked of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cases.approval.clocks import OF_A_TASK
from cases.approval.evolving import evolve
from cases.approval.machine import decide, impossible, in_time, questions
from cases.approval.papers import document_wishes
from cases.approval.timing import NO_RULINGS, Move, clock_events, moved, timers_of
from cases.messages import Command
from cases.settling import RuleForbids
from cases.state import CaseState, ClockEvent, Event, Stage
from catalogue.matters import DocumentKind
from catalogue.working_days import Calendar


@dataclass(frozen=True, slots=True)
class Foretold:
    """What an order brings about, as far as the case alone decides it."""

    stage: Stage | None
    """Where the case would go; None: it stays, or the rules decide."""
    ruled: bool
    """Which departments have it next, only the rules know."""
    documents: tuple[DocumentKind, ...]
    moves: tuple[Move, ...]
    """Instants of the whole case that begin, move or end."""
    articles: tuple[str, ...]
    """What the events rest on, each once."""


def foretold(
    state: CaseState, command: Command, clock: Sequence[ClockEvent], calendar: Calendar
) -> Foretold | RuleForbids | None:
    """Return what would come of the order, or why it is refused.

    `clock`: all clock events of the case. None: only the rules know, as where the law accepted the
    case meanwhile, or a card is to be issued.
    """
    no = impossible(state, command)
    if no is not None:
        return no
    before = in_time(state, command)
    if before is None:
        return None
    ruled = bool(questions(before, command))
    try:
        events = decide(before, command, NO_RULINGS)
    except RuleForbids:
        return None  # what a card says of a finding, its rules alone know
    after = before
    for event in events:
        after = evolve(after, event)
    told = (*clock, *clock_events(events, state.seq + 1))
    return Foretold(
        stage=None if ruled or after.stage == state.stage else after.stage,
        ruled=ruled,
        documents=tuple(one.kind for one in document_wishes(state, command, events, after)),
        moves=_of_the_case(moved(state.timers, timers_of(after, told, calendar))),
        articles=_articles(events),
    )


def _of_the_case(moves: Sequence[Move]) -> tuple[Move, ...]:
    return tuple(one for one in moves if one.key.partition(":")[0] not in OF_A_TASK)


def _articles(events: Sequence[Event]) -> tuple[str, ...]:
    found = (str(event.data.get("article", "")) for event in events)
    return tuple(dict.fromkeys(one for one in found if one))
