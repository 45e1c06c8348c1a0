"""From rules and events to periods: which clocks ran, what stopped, lengthened and ended them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from pydantic import JsonValue

from cases.clocks.model import Cause, Part, Period, Stop
from cases.state import ClockEvent
from catalogue.clock_rules import ClockRule, Trigger
from catalogue.matters import Limit

PAUSED, RESUMED = "paused", "resumed"
DISALLOWED, RESTORED = "pause_disallowed", "pause_restored"
NOTICED, SUPPLIED = "noticed", "supplied"
EXTENDED = "extended"
SUPPLEMENT = "supplement"
"""Ground of the wait from a notice to the last paper that it asked for."""
ELSEWHERE = "elsewhere"
ENDS_WAITING = frozenset({"accepted", "decided", "withdrawn", "closed", "refused_acceptance"})
"""Events after which nobody waits for supplements, whatever was still lacking."""


@dataclass(slots=True)
class _Run:
    """A period while the history is read."""

    rule: ClockRule
    key: str
    start: Cause
    parts: list[Part]
    last_day: date | None
    department: str = ""
    end: Cause | None = None
    superseded: bool = False
    working: set[str] = field(default_factory=set)
    """Names of what keeps it running (tasks), for a period that accumulates."""
    gaps: list[Stop] = field(default_factory=list)


@dataclass(slots=True)
class _Pause:
    ground: str
    name: str
    since: Cause
    until: Cause | None = None
    unlawful: bool = False
    """Supervision found that it had no ground: it counts as if it had not been."""


class _History:
    """Reads events in their order. Total: what makes no sense changes nothing."""

    def __init__(self, rules: Sequence[ClockRule]) -> None:
        self.starts = _by_event(rules, lambda rule: rule.starts)
        self.ends = _by_event(rules, lambda rule: rule.ends)
        self.extendable = [rule.clock for rule in rules if rule.extension is not None]
        self.runs: list[_Run] = []
        self.newest: dict[str, _Run] = {}
        self.pauses: list[_Pause] = []
        self.keys: dict[tuple[str, str], str] = {}
        """(clock, name of a task) → the key it began under, for an end that does not say it."""

    def read(self, event: ClockEvent) -> None:
        cause = Cause(event.id, event.kind, event.at, event.article)
        detail = event.detail
        for rule, trigger in self.ends.get(event.kind, ()):
            told = self._told(rule, detail) if rule.key_by else detail
            if not trigger.where or _fits(trigger, told):
                self._end(rule, told, cause)
        for rule, trigger in self.starts.get(event.kind, ()):
            if not trigger.where or _fits(trigger, detail):
                self._start(rule, event, cause)
        self._pause(event, cause)
        if event.kind == EXTENDED:
            self._extend(event, cause)

    def _told(self, rule: ClockRule, detail: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the detail with the key's field, where only the start of the task told it."""
        if rule.key_by in detail:
            return detail
        key = self.keys.get((rule.clock, _name(detail)), "")
        return {**detail, rule.key_by: key.partition(":")[2]} if key else detail

    # --- starts and ends -------------------------------------------------------------------------

    def _start(self, rule: ClockRule, event: ClockEvent, cause: Cause) -> None:
        key, name = _key(rule, event.detail), _name(event.detail)
        self.keys[rule.clock, name] = key
        known = self.newest.get(key)
        if known is not None and rule.accumulates:
            _go_on(known, name, cause)
            return
        if known is not None and known.end is None:
            known.superseded, known.end = True, cause
        run = _Run(
            rule,
            key,
            cause,
            [_first_part(rule, event.detail, cause)],
            _last_day(rule, event.detail),
            str(event.detail.get("department", "")) if rule.key_by else "",
        )
        run.working.add(name)
        self.runs.append(run)
        self.newest[key] = run

    def _end(self, rule: ClockRule, detail: dict[str, JsonValue], cause: Cause) -> None:
        name = _name(detail)
        if rule.key_by and rule.key_by not in detail:
            keys = [key for key, run in self.newest.items() if run.rule is rule]
        else:
            keys = [_key(rule, detail)]
        for key in keys:
            run = self.newest.get(key)
            if run is None or run.end is not None or run.rule.clock != rule.clock:
                continue
            if rule.accumulates and name:
                run.working.discard(name)
                if run.working:
                    continue
            run.working.clear()
            run.end = cause

    # --- what moves an end -----------------------------------------------------------------------

    def _pause(self, event: ClockEvent, cause: Cause) -> None:
        kind, detail = event.kind, event.detail
        if kind == PAUSED:
            ground, name = ground_of(detail)
            if ground:
                self.pauses.append(_Pause(ground, name, cause))
        elif kind == RESUMED:
            self._resume(ground_of(detail)[1], cause)
        elif kind in (DISALLOWED, RESTORED):
            for one in self.pauses:
                if one.name == ground_of(detail)[1]:
                    one.unlawful = kind == DISALLOWED
        elif kind == NOTICED:
            self.pauses.append(_Pause(SUPPLEMENT, SUPPLEMENT, cause))
        elif (kind == SUPPLIED and detail.get("complete")) or kind in ENDS_WAITING:
            self._resume(SUPPLEMENT, cause)

    def _resume(self, name: str, cause: Cause) -> None:
        for one in self.pauses:
            if one.name == name and one.until is None and one.since.at <= cause.at:
                one.until = cause

    def _extend(self, event: ClockEvent, cause: Cause) -> None:
        named = event.detail.get("clock")
        for run in self.newest.values():
            rule = run.rule
            if rule.extension is None or run.end is not None or len(run.parts) > 1:
                continue  # once: a second extension lengthens nothing (行政许可法第四十二条)
            if named is not None and named != rule.clock:
                continue
            run.parts.append(Part(_granted(rule, event), cause))

    # --- what came of it -------------------------------------------------------------------------

    def periods(self) -> tuple[Period, ...]:
        return tuple(
            Period(
                rule=run.rule,
                key=run.key,
                start=run.start,
                parts=tuple(run.parts),
                stops=(*_stops(run, self.pauses), *run.gaps) if run.gaps
                else _stops(run, self.pauses),
                end=run.end,
                superseded=run.superseded,
                last_day=run.last_day,
                department=run.department,
            )
            for run in self.runs
        )  # fmt: skip


def periods(rules: Sequence[ClockRule], events: Iterable[ClockEvent]) -> tuple[Period, ...]:
    """Return the periods that ran, in the order in which they began.

    `events` stand in the order in which they became known, not that of their instants: a deemed
    acceptance lies at the receipt. Total: an end without a start, a second resumption, an event
    before its cause change nothing.
    """
    history = _History(rules)
    for event in events:
        history.read(event)
    return history.periods()


def newest(found: Iterable[Period]) -> dict[str, Period]:
    """Return the period that counts of each key."""
    return {period.key: period for period in found}


# --- reading one event -------------------------------------------------------------------------


def _by_event(
    rules: Sequence[ClockRule], which: object
) -> dict[str, list[tuple[ClockRule, Trigger]]]:
    found: dict[str, list[tuple[ClockRule, Trigger]]] = {}
    for rule in rules:
        for trigger in which(rule):  # type: ignore[operator]
            found.setdefault(trigger.event, []).append((rule, trigger))
    return found


def _fits(trigger: Trigger, detail: dict[str, JsonValue]) -> bool:
    for name, wanted in trigger.where.items():
        value = detail.get(name)
        if value not in wanted if isinstance(wanted, list) else value != wanted:
            return False
    return True


def _key(rule: ClockRule, detail: dict[str, JsonValue]) -> str:
    return f"{rule.clock}:{detail.get(rule.key_by, '')}" if rule.key_by else rule.clock


def _name(detail: dict[str, JsonValue]) -> str:
    return str(detail.get("task", ""))


def ground_of(detail: Mapping[str, JsonValue]) -> tuple[str, str]:
    """Return the ground of a pause, and the name by which its end and findings on it know it.

    A started procedure is told whole; a pause without a name goes by its ground.
    """
    procedure = detail.get("procedure")
    if isinstance(procedure, dict):
        ground, name = str(procedure.get("kind", "")), procedure.get("id")
    else:
        ground = str(detail.get("ground", detail.get("kind", "")))
        name = detail.get("name", procedure)
    return ground, str(name or ground)


def _last_day(rule: ClockRule, detail: dict[str, JsonValue]) -> date | None:
    text = detail.get(rule.due_field) if rule.due_field else None
    if not isinstance(text, str):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _first_part(rule: ClockRule, detail: dict[str, JsonValue], cause: Cause) -> Part:
    said = detail.get(rule.limit_field) if rule.limit_field else None
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        return Part(rule.limit, cause)
    n = said if rule.at_most is None else min(said, rule.at_most)
    return Part(rule.limit.model_copy(update={"n": n}), cause)


def _granted(rule: ClockRule, event: ClockEvent) -> Limit:
    more = rule.extension
    assert more is not None
    return Limit.model_validate(
        {
            "n": event.detail.get("n", more.n),
            "unit": event.detail.get("unit", more.unit),
            "basis": more.basis,
        }
    )


def _go_on(run: _Run, name: str, cause: Cause) -> None:
    """Run on after a gap, with what was used before."""
    if run.end is not None:
        if cause.at > run.end.at:  # else it was opened again before it was done: there is no gap
            run.gaps.append(Stop(ELSEWHERE, ELSEWHERE, run.end, cause))
        run.end = None
    run.working.add(name)


def _stops(run: _Run, pauses: Sequence[_Pause]) -> tuple[Stop, ...]:
    """Return the pauses of this run, cut off where it ended."""
    grounds = run.rule.pauses
    if not grounds or not pauses:
        return ()
    found = []
    for one in pauses:
        if one.ground not in grounds or one.unlawful:
            continue
        if one.until is not None and one.until.at <= run.start.at:
            continue
        until = one.until
        if run.end is not None:
            if one.since.at >= run.end.at:
                continue
            if until is None or until.at > run.end.at:
                until = run.end
        found.append(Stop(one.ground, one.name, one.since, until))
    return tuple(found)
