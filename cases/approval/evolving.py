"""`evolve`: how one event changes a case. Total: every event that was ever recorded applies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

from cases.separations import RECUSED
from cases.state import (
    Bar,
    Card,
    CaseState,
    Event,
    Hearing,
    OpinionGiven,
    Procedure,
    Reissue,
    Task,
    Timer,
    Wait,
)

Change = dict[str, Any]
"""Fields of the state that an event sets."""

DECISIONS = frozenset({"grant", "refusal"})
"""Kinds of document that 送达 brings to the addressee."""

_MOMENT = TypeAdapter(datetime)
_DAY = TypeAdapter(date)
_TASK = TypeAdapter(Task)
_TIMERS = TypeAdapter(tuple[Timer, ...])


class UnknownEvent(Exception):
    """History holds an event that this version cannot read: impossible, stop."""


def evolve(state: CaseState, event: Event) -> CaseState:
    """Return the state after the event.

    Raises `UnknownEvent` for a kind that no version of this machine ever made.
    """
    try:
        change = _CHANGES[event.kind]
    except KeyError as unknown:
        raise UnknownEvent(event.kind) from unknown
    update = change(state, event)
    if state.last_at is None or event.at > state.last_at:
        update["last_at"] = event.at
    return state.model_copy(update=update)


def apply(state: CaseState, events: Iterable[Event]) -> CaseState:
    """Return the state after one settled step: every event of it, and the next sequence number."""
    for event in events:
        state = evolve(state, event)
    return state.model_copy(update={"seq": state.seq + 1})


def with_task(state: CaseState, key: str, /, **update: Any) -> Change:
    """Return the change that updates one task."""
    return {
        "tasks": tuple(
            task.model_copy(update=update) if task.key == key else task for task in state.tasks
        )
    }


def task_of(state: CaseState, key: str) -> Task | None:
    return next((task for task in state.tasks if task.key == key), None)


# --- changes, one per kind of event ---


def _hands(state: CaseState, event: Event) -> Change:
    """The act is remembered with who did it and for whom: separations are judged by it."""
    verb = str(event.data["verb"])
    known = state.hands.get(verb, ())
    fresh = tuple(who for who in (event.by, event.on_behalf) if who and who not in known)
    return {"hands": {**state.hands, verb: known + fresh}} if fresh else {}


def _nothing(state: CaseState, event: Event) -> Change:
    return {}


def _filed(state: CaseState, event: Event) -> Change:
    change: Change = {"received_at": _since(event, "received_at")}
    if event.data.get("unconfirmed"):
        change["unconfirmed"] = True
    if event.data.get("licence_until") is not None:
        change["licence_until"] = _DAY.validate_python(event.data["licence_until"])
        change["requested_late"] = bool(event.data["requested_late"])
    return change


def _since(event: Event, name: str) -> datetime:
    """The instant that an event names, where it differs from the event's own (补录)."""
    named = event.data.get(name)
    return event.at if named is None else _MOMENT.validate_python(named)


def _stage_entered(state: CaseState, event: Event) -> Change:
    return {"stage": event.data["stage"]}


def _task_opened(state: CaseState, event: Event) -> Change:
    task = _TASK.validate_python(event.data["task"])
    others = tuple(known for known in state.tasks if known.key != task.key)
    # A reopened step counts its period anew.
    passed = {key: due for key, due in state.passed.items() if key != f"step:{task.key}"}
    return {"tasks": (*others, task), "passed": passed}


def _task_ended(state: CaseState, event: Event) -> Change:
    return with_task(state, str(event.data["task"]), state=event.data["state"])


def _noticed(state: CaseState, event: Event) -> Change:
    data = event.data
    change: Change = {
        "noticed": True,
        "noticed_at": event.at,
        "lacking": tuple(str(code) for code in _list(data["lacking"])),
        "supply_within_days": data["supply_within_days"],
        "supplement_from": data["back_to"],
    }
    if state.accepted_at is not None:
        change["supplement_pauses"] = (*state.supplement_pauses, (event.at, None))
    return change


def _supplied(state: CaseState, event: Event) -> Change:
    brought = {str(code) for code in _list(event.data["materials"])}
    fields = {str(name) for name in _list(event.data["fields"])}
    open_lacks = tuple(code for code in state.lacking if code not in brought | fields)
    change: Change = {
        "supplied_at": event.at,
        "handed_in": tuple(sorted({*state.handed_in, *brought})),
        "missing": tuple(code for code in state.missing if code not in brought),
        "facts": {**state.facts, **_dict(event.data["facts"])},
        "lacking": open_lacks,
    }
    if event.data.get("complete"):
        change["lacking"] = ()
        change["supplement_pauses"] = tuple(
            (since, until or event.at) for since, until in state.supplement_pauses
        )
    return change


def _corrected(state: CaseState, event: Event) -> Change:
    return {"facts": {**state.facts, **_dict(event.data["facts"])}}


def _accepted(state: CaseState, event: Event) -> Change:
    if event.data.get("again"):
        return {}
    return {
        "accepted_at": _since(event, "accepted_at"),
        "accept_mode": event.data["mode"],
        "missing": tuple(str(code) for code in _list(event.data["missing"])),
    }


def _deemed_accepted(state: CaseState, event: Event) -> Change:
    return {
        "accepted_at": _MOMENT.validate_python(event.data["accepted_at"]),
        "accept_mode": "deemed",
    }


def _claimed(state: CaseState, event: Event) -> Change:
    return with_task(state, str(event.data["task"]), holder=event.data["holder"])


def _signer_added(state: CaseState, event: Event) -> Change:
    key, signer = str(event.data["task"]), str(event.data["signer"])
    task = task_of(state, key)
    return {} if task is None else with_task(state, key, added=(*task.added, signer))


def _recused(state: CaseState, event: Event) -> Change:
    """The person stands among the hands as recused, and every open task is taken off them."""
    person = str(event.data["person"])
    known = state.hands.get(RECUSED, ())
    hands = {**state.hands, RECUSED: (*known, *(() if person in known else (person,)))}
    tasks = tuple(
        task.model_copy(
            update={
                "holder": "" if task.holder == person else task.holder,
                "signers": tuple(who for who in task.signers if who != person),
                "added": tuple(who for who in task.added if who != person),
            }
        )
        if task.state == "open"
        else task
        for task in state.tasks
    )
    return {"hands": hands, "tasks": tasks}


def _signer_removed(state: CaseState, event: Event) -> Change:
    key, signer = str(event.data["task"]), str(event.data["signer"])
    task = task_of(state, key)
    if task is None:
        return {}
    return with_task(
        state,
        key,
        added=tuple(who for who in task.added if who != signer),
        signers=tuple(who for who in task.signers if who != signer),
    )


def _opined(state: CaseState, event: Event) -> Change:
    key = str(event.data["task"])
    task = task_of(state, key)
    if task is None:
        return {}
    opinion = OpinionGiven.model_validate(
        {"signer": event.data["signer"], "result": event.data["result"]}
    )
    return with_task(state, key, opinions=(*task.opinions, opinion))


def _inspected(state: CaseState, event: Event) -> Change:
    return with_task(state, str(event.data["task"]), inspected=True)


def _gathered(state: CaseState, event: Event) -> Change:
    return {"proposal": event.data["proposal"]}


def _procedure_started(state: CaseState, event: Event) -> Change:
    procedure = Procedure.model_validate(event.data["procedure"])
    return {"procedures": (*state.procedures, procedure)}


def _procedure_ended(state: CaseState, event: Event) -> Change:
    wanted = event.data["procedure"]
    return {
        "procedures": tuple(
            one.model_copy(update={"ended_at": event.at}) if one.id == wanted else one
            for one in state.procedures
        )
    }


def _wait_started(state: CaseState, event: Event) -> Change:
    return {"waits": (*state.waits, Wait.model_validate(event.data["wait"]))}


def _wait_ended(state: CaseState, event: Event) -> Change:
    return {
        "waits": tuple(
            one.model_copy(update={"ended_at": event.at}) if one.id == event.data["name"] else one
            for one in state.waits
        )
    }


def _pause_disallowed(state: CaseState, event: Event) -> Change:
    return {"disallowed": (*state.disallowed, str(event.data["name"]))}


def _pause_restored(state: CaseState, event: Event) -> Change:
    name = str(event.data["name"])
    kept = tuple(one for one in state.disallowed if one != name)
    return {"disallowed": kept, "restored": (*state.restored, name)}


def _hearing_right_told(state: CaseState, event: Event) -> Change:
    known = state.hearing or Hearing()  # one held ex officio may have gone before
    return {"hearing": known.model_copy(update={"told_at": event.at})}


def _with_hearing(state: CaseState, **update: Any) -> Change:
    return {} if state.hearing is None else {"hearing": state.hearing.model_copy(update=update)}


def _hearing_requested(state: CaseState, event: Event) -> Change:
    return _with_hearing(state, requested_at=event.at)


def _hearing_lapsed(state: CaseState, event: Event) -> Change:
    return _with_hearing(state, lapsed=True)


def _hearing_notified(state: CaseState, event: Event) -> Change:
    known = state.hearing or Hearing()
    notified = {
        "notified_at": event.at,
        "hearing_at": _MOMENT.validate_python(event.data["hearing_at"]),
        "host": event.data["host"],
    }
    return {"hearing": known.model_copy(update=notified)}


def _hearing_held(state: CaseState, event: Event) -> Change:
    return _with_hearing(state, held_at=_MOMENT.validate_python(event.data["held_at"]))


def _hearing_cancelled(state: CaseState, event: Event) -> Change:
    return _with_hearing(state, cancelled=True)


def _inspectors_assigned(state: CaseState, event: Event) -> Change:
    return {"inspectors_assigned": True}


def _receipt_confirmed(state: CaseState, event: Event) -> Change:
    return {"received_at": event.at, "unconfirmed": False}


def _extended(state: CaseState, event: Event) -> Change:
    return {"extended": True}


def _returned(state: CaseState, event: Event) -> Change:
    return {"proposal": ""}


def _deemed_renewed(state: CaseState, event: Event) -> Change:
    return {"deemed_renewed": True}


def _decided(state: CaseState, event: Event) -> Change:
    ending = {"grant": "granted", "refuse": "refused", "terminate": "terminated"}
    result = str(event.data["result"])
    change: Change = {"decision": result, "decided_at": event.at, "ending": ending[result]}
    if event.data.get("check"):
        change["check"] = "due"
    return change | _bar(event)


def _bar(event: Event) -> Change:
    """Who may not apply again, from when: where the event says so."""
    years = event.data.get("barred_years")
    if not years:
        return {}
    bar = {"since": event.at, "years": years, "article": event.data["barred_by"]}
    return {"bar": Bar.model_validate(bar)}


def _licence_revoked(state: CaseState, event: Event) -> Change:
    return {"ending": "revoked"} | _bar(event)


def _served(state: CaseState, event: Event) -> Change:
    """The decision was served; one that was issued again before that was served with it."""
    at = _MOMENT.validate_python(event.data["served_at"])
    reissues = tuple(
        one.model_copy(update={"served_at": at})
        if one.kind in DECISIONS and one.served_at is None
        else one
        for one in state.reissues
    )
    return {"served_at": at, "reissues": reissues}


def _reissued(state: CaseState, event: Event) -> Change:
    known = {name: value for name, value in event.data.items() if name in Reissue.model_fields}
    one = Reissue.model_validate(known | {"at": event.at})
    return {"reissues": (*state.reissues, one)}


def _reissue_served(state: CaseState, event: Event) -> Change:
    at = _MOMENT.validate_python(event.data["served_at"])
    return {
        "reissues": tuple(
            one.model_copy(update={"served_at": at}) if one.step == event.data["step"] else one
            for one in state.reissues
        )
    }


def _ending(state: CaseState, event: Event) -> Change:
    return {"ending": event.data["ending"], "closed_at": event.at} | _bar(event)


def _closed(state: CaseState, event: Event) -> Change:
    change: Change = {"closed_at": event.at}
    if not state.ending:
        change["ending"] = event.data["ending"]
    return change


def _rated(state: CaseState, event: Event) -> Change:
    return {"grade": event.data["grade"], "rated_at": event.at, "rated": event.data["good"]}


def _called_back(state: CaseState, event: Event) -> Change:
    return {"rated": event.data["satisfied"]}


def _rating_lapsed(state: CaseState, event: Event) -> Change:
    return {"rated": True}


def _checked(state: CaseState, event: Event) -> Change:
    change: Change = {"check": event.data["result"]}
    if event.data["result"] == "untrue":
        change["ending"] = "revoked"
    return change


def _timers_set(state: CaseState, event: Event) -> Change:
    timers = _TIMERS.validate_python(event.data["timers"])
    due = {timer.key: timer.due_at for timer in timers}
    return {
        "timers": timers,
        "tasks": tuple(
            task.model_copy(update={"due_at": due.get(_clock_of(task), task.due_at)})
            for task in state.tasks
        ),
    }


def _clock_of(task: Task) -> str:
    """Return the key of the clock that runs for a task."""
    if task.kind == "explain":
        return task.key.replace("-", ":", 1)
    return f"step:{task.key}"


def _card_issued(state: CaseState, event: Event) -> Change:
    data = {name: value for name, value in event.data.items() if name in Card.model_fields}
    told = data.setdefault("told_at", event.at.isoformat())
    card = Card.model_validate({"at": event.at, "issued_by": event.by, **data})
    if event.by == "system":
        card = card.model_copy(update={"issued_by": ""})
    if card.explain_days:
        card = card.model_copy(
            update={"explanation": "due", "explain_from": _MOMENT.validate_python(told)}
        )
    return {"cards": (*state.cards, card)}


def _with_card(state: CaseState, event: Event, **update: Any) -> Change:
    """Return the change of what became of the card that the event names."""
    number = event.data["card"]
    return {
        "cards": tuple(
            one.model_copy(update=update) if one.number == number else one for one in state.cards
        )
    }


def _card_revoked(state: CaseState, event: Event) -> Change:
    return _with_card(state, event, revoked="system" if event.by == "system" else "person")


def _card_explained(state: CaseState, event: Event) -> Change:
    return _with_card(state, event, explanation="given")


def _explanation_missed(state: CaseState, event: Event) -> Change:
    return _with_card(state, event, explanation="missed")


def _explanation_reviewed(state: CaseState, event: Event) -> Change:
    if event.data["result"] == "accepted":
        return _with_card(state, event, explanation="accepted")
    return _with_card(state, event, explanation="returned", explain_from=event.at)


def _timer_passed(state: CaseState, event: Event) -> Change:
    due = _MOMENT.validate_python(event.data["due_at"])
    return {"passed": {**state.passed, str(event.data["timer"]): due}}


def _list(value: Any) -> list[Any]:
    return list(value)


def _dict(value: Any) -> dict[str, Any]:
    return dict(value)


_CHANGES: MappingProxyType[str, Callable[[CaseState, Event], Change]] = MappingProxyType(
    {
        "acted": _hands,
        "filed": _filed,
        "stage_entered": _stage_entered,
        "task_opened": _task_opened,
        "task_ended": _task_ended,
        "pre_reviewed": _nothing,
        "noticed": _noticed,
        "supplied": _supplied,
        "corrected": _corrected,
        "accepted": _accepted,
        "deemed_accepted": _deemed_accepted,
        "acceptance_refused": _ending,
        "found_not_required": _ending,
        "claimed": _claimed,
        "transferred": _claimed,
        "signer_added": _signer_added,
        "signer_removed": _signer_removed,
        "recused": _recused,
        "opined": _opined,
        "inspected": _inspected,
        "gathered": _gathered,
        "procedure_started": _procedure_started,
        "procedure_ended": _procedure_ended,
        "wait_started": _wait_started,
        "wait_ended": _wait_ended,
        "pause_disallowed": _pause_disallowed,
        "pause_restored": _pause_restored,
        "hearing_right_told": _hearing_right_told,
        "hearing_requested": _hearing_requested,
        "hearing_lapsed": _hearing_lapsed,
        "hearing_notified": _hearing_notified,
        "hearing_held": _hearing_held,
        "hearing_cancelled": _hearing_cancelled,
        "inspectors_assigned": _inspectors_assigned,
        "receipt_confirmed": _receipt_confirmed,
        "extended": _extended,
        "returned": _returned,
        "deemed_renewed": _deemed_renewed,
        "decided": _decided,
        "certified": _nothing,
        "served": _served,
        "reissued": _reissued,
        "reissue_served": _reissue_served,
        "closed": _closed,
        "rated": _rated,
        "rectified": _nothing,
        "called_back": _called_back,
        "rating_lapsed": _rating_lapsed,
        "withdrawn": _ending,
        "undertaking_lapsed": _nothing,
        "acceptance_revoked": _ending,
        "urged": _nothing,
        "copied": _nothing,
        "checked": _checked,
        "licence_revoked": _licence_revoked,
        "bars_judged": _nothing,
        "order_judged": _nothing,
        "step_recorded": _nothing,
        "card_issued": _card_issued,
        "card_withheld": _nothing,
        "card_revoked": _card_revoked,
        "card_explained": _card_explained,
        "explanation_missed": _explanation_missed,
        "explanation_reviewed": _explanation_reviewed,
        "timers_set": _timers_set,
        "retimed": _nothing,
        "timer_passed": _timer_passed,
    }
)

KINDS = frozenset(_CHANGES)
"""Every kind of event a case may have."""
