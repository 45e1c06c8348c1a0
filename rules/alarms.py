"""When an alarm is due: a pure machine over what the rules said, hour after hour, by event time.

One machine per (pack, precedence group, de-duplication key). Its history is a fold over the hours
there is data for; nothing else enters, no clock and no order of arrival, so that a late reading is
answered by folding again from the earliest hour it changed.

- An hour stands for the time until the next one: a condition that held in the hours 10 and 11 has
  held for two hours, and `hold: PT2H` is fulfilled at 11.
- Missing data proves nothing. An hour without data, or one in which a rule cannot be judged because
  a mean is invalid, breaks a hold and a clear_hold; it neither raises an alarm nor clears one.
- Of the rules of a group only the highest level stands. The alarm is raised with the first of them,
  updated when another stands, cleared when none does.
- A rule that is no longer in force lets go at once: its successor of the same group takes over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Said = Literal["held", "clear", "neither", "unknown"]
"""What one rule says of one hour. `clear`: what ends its alarm holds; absent means `clear`."""
Kind = Literal["raised", "updated", "cleared"]

HOUR = 1
"""Hours since 1970-01-01T00:00Z count the steps; this is one of them."""

LEVELS = ("blue", "yellow", "orange", "red")
"""蓝、黄、橙、红, the lowest first (突发事件应对法 names the four colours)."""


@dataclass(frozen=True, slots=True)
class Guard:
    """How one rule raises an alarm: `hold` and `clear_hold` in hours (parts round up)."""

    rule: str
    level: str
    order: int
    """Among rules of one level the lowest stands: the rule's priority, then its place."""
    hold: int = 0
    clear_hold: int = 0

    @property
    def rank(self) -> tuple[int, int]:
        """Sort key: the greatest stands. A level that is no colour ranks below the four."""
        return (LEVELS.index(self.level) + 1 if self.level in LEVELS else 0, -self.order)


@dataclass(frozen=True, slots=True)
class Phase:
    """Where one rule stands. `since` and `clearing` are hours."""

    since: int | None = None
    """First hour of an unbroken run in which it held, while it has not raised yet."""
    open: bool = False
    clearing: int | None = None
    """First hour of an unbroken run in which its clear condition held."""


IDLE_PHASE = Phase()


@dataclass(frozen=True, slots=True)
class State:
    """A machine between two hours. Equal states go on alike."""

    phases: tuple[tuple[str, Phase], ...] = ()
    """By rule id, sorted; rules that do nothing are left out."""
    raised_at: int | None = None
    rule: str = ""
    """The rule that stands, while an alarm does."""

    def text(self) -> str:
        """Return the canonical text; empty for a machine that does nothing."""
        if self == IDLE:
            return ""
        phases = [[rule, p.since, int(p.open), p.clearing] for rule, p in self.phases]
        return json.dumps([phases, self.raised_at, self.rule], separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> State:
        """Return the state of a canonical text."""
        if not text:
            return IDLE
        phases, raised_at, rule = json.loads(text)
        return cls(
            tuple((name, Phase(since, bool(is_open), clearing))
                  for name, since, is_open, clearing in phases),
            raised_at,
            rule,
        )  # fmt: skip


IDLE = State()


@dataclass(frozen=True, slots=True)
class Step:
    """One hour with data: what each rule said, and the rules that were in force."""

    at: int
    guards: tuple[Guard, ...]
    said: Mapping[str, Said] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that happened to an alarm, which its `raised_at` names within its machine."""

    kind: Kind
    at: int
    raised_at: int
    rule: str
    """The rule that stands from now on; of a clearing, the one that stood last."""


def advance(state: State, previous: int | None, step: Step) -> tuple[State, tuple[Turn, ...]]:
    """Return the state after one hour and what happened in it.

    `previous` is the hour with data before it, None when there was none.
    """
    is_broken = previous is None or step.at - previous > HOUR
    known = dict(state.phases)
    phases: list[tuple[str, Phase]] = []
    standing: Guard | None = None
    for guard in sorted(step.guards, key=lambda one: one.rule):
        said = step.said.get(guard.rule, "clear")
        phase = _turned(guard, known.get(guard.rule, IDLE_PHASE), said, step.at, is_broken)
        if phase != IDLE_PHASE:
            phases.append((guard.rule, phase))
        if phase.open and (standing is None or guard.rank > standing.rank):
            standing = guard
    rule = standing.rule if standing else ""
    raised_at = state.raised_at
    if raised_at is None:
        if standing is None:
            return State(tuple(phases)), ()
        return State(tuple(phases), step.at, rule), (Turn("raised", step.at, step.at, rule),)
    if standing is None:
        return State(tuple(phases)), (Turn("cleared", step.at, raised_at, state.rule),)
    after = State(tuple(phases), raised_at, rule)
    return after, () if rule == state.rule else (Turn("updated", step.at, raised_at, rule),)


def _turned(guard: Guard, phase: Phase, said: Said, at: int, is_broken: bool) -> Phase:
    since = None if is_broken else phase.since
    clearing = None if is_broken else phase.clearing
    if phase.open:
        if said != "clear":
            return Phase(open=True)
        clearing = at if clearing is None else clearing
        if at - clearing + HOUR >= guard.clear_hold:
            return IDLE_PHASE
        return Phase(open=True, clearing=clearing)
    if said != "held":
        return IDLE_PHASE
    since = at if since is None else since
    return Phase(open=True) if at - since + HOUR >= guard.hold else Phase(since=since)


def together(said: Iterable[Mapping[str, Said]], rules: Sequence[str]) -> dict[str, Said]:
    """Return what several series of one key say of one hour.

    One that holds is enough to hold; all must say clear to clear.
    """
    many = list(said)
    if len(many) == 1:
        return dict(many[0])
    whole: dict[str, Said] = {}
    for rule in rules:
        words = {one.get(rule, "clear") for one in many}
        for word in ("held", "unknown", "neither"):
            if word in words:
                whole[rule] = word
                break
    return whole


def history(steps: Iterable[Step]) -> Iterator[Turn]:
    """Yield everything that happens to a machine's alarms, from its first hour on."""
    state, previous = IDLE, None
    for step in steps:
        state, turns = advance(state, previous, step)
        previous = step.at
        yield from turns
