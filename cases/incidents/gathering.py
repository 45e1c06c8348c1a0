"""What becomes of signals: the same again, joined by place, time and kind, many that are one.

Pure: the caller reads what is known (`Known`), asks for one signal after the other, and writes what
`Known` has noted. Instants are those of the happenings, so late signals and those out of order find
the incident they belong to. What is decided is never decided anew: two incidents that turn out to
be one are merged by a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from cases.incidents.signal import RANK, URGENT, Change, State
from catalogue.grid import distance_m

Point = tuple[float, float]
"""Longitude and latitude in WGS-84 degrees."""
Verb = Literal["report", "join", "withdraw"]
By = Literal["place", "street"]


@dataclass(frozen=True, slots=True)
class Burst:
    """So many of a kind within so many minutes, from one street or one place, are one incident."""

    count: int
    minutes: int
    by: By


@dataclass(frozen=True, slots=True)
class Kind:
    """What a type of incident says of merging. Radius in metres."""

    code: str
    radius_m: float
    minutes: int
    burst: Burst | None = None

    @property
    def reach(self) -> timedelta:
        """How far apart in time two signals of one incident may be."""
        widest = self.minutes if self.burst is None else max(self.minutes, self.burst.minutes)
        return timedelta(minutes=widest)


@dataclass(frozen=True, slots=True)
class Heard:
    """A signal as far as it is compared. `spot` is the pseudonym of its address."""

    id: str
    sender: str
    source: str
    type: str
    level: str
    occurred_at: datetime
    point: Point | None = None
    district: str = ""
    street: str = ""
    spot: str = ""
    reference: str = ""
    change: Change = "new"
    digest: str = ""

    @property
    def named(self) -> tuple[str, str, str]:
        return self.sender, self.source, self.reference


@dataclass(slots=True)
class Earlier:
    """A signal that was decided before; `state` and `incident_id` are the newest."""

    heard: Heard
    state: State
    incident_id: str = ""
    withdrawn_by: str = ""


@dataclass(slots=True)
class Gathering:
    """An open incident that signals made, with what finds it again."""

    incident_id: str
    type: str
    by: By
    point: Point | None
    district: str
    street: str
    spot: str
    first_at: datetime
    last_at: datetime
    signals: int
    level: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of one signal, and because of what."""

    signal_id: str
    state: State
    incident_id: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order that follows. `rank` 0 goes first."""

    signal_id: str
    incident_id: str
    verb: Verb
    rank: int


WindowOf = Callable[[Heard], str]
"""Returns the id of the planned window that a signal falls into, or an empty string."""


@dataclass
class Known:
    """What is known when signals are decided, and what was decided since: `turns` and the rest."""

    incident_id: Callable[[str], str]
    """Gives the id of the incident that a signal opens, the same for ever."""
    window_of: WindowOf = lambda _: ""
    turns: list[Turn] = field(default_factory=list)
    orders: list[Ordered] = field(default_factory=list)
    withdrawn: dict[str, str] = field(default_factory=dict)
    """Signal → the signal that took it back."""
    fresh: set[str] = field(default_factory=set)
    """Incidents opened since."""
    changed: dict[str, Gathering] = field(default_factory=dict)
    _named: dict[tuple[str, str, str], list[Earlier]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _noted: dict[str, list[Earlier]] = field(default_factory=lambda: defaultdict(list))
    _open: dict[str, dict[str, Gathering]] = field(default_factory=lambda: defaultdict(dict))

    def lay(self, gatherings: Iterable[Gathering], earlier: Iterable[Earlier]) -> None:
        """Take in what the store knows: open gatherings, and signals that bear a reference or were
        noted."""
        for one in gatherings:
            self._open[one.type][one.incident_id] = one
        for known in earlier:
            self._remember(known)

    def decide(self, heard: Heard, kind: Kind) -> Turn:
        """Return what becomes of a signal that was never decided before, and note all of it."""
        turn = self._cancelled(heard) if heard.change == "cancel" else self._decided(heard, kind)
        self._note(turn)
        self._remember(
            Earlier(heard, turn.state, turn.incident_id, self.withdrawn.get(heard.id, ""))
        )
        return turn

    # --- by reference ----------------------------------------------------------------------------

    def _cancelled(self, heard: Heard) -> Turn:
        """Take back every signal of the reference, and tell their incidents."""
        told = ""
        for known in self._named[heard.named]:
            if known.withdrawn_by or known.heard.change == "cancel":
                continue
            known.withdrawn_by = self.withdrawn[known.heard.id] = heard.id
            if known.incident_id and known.incident_id != told:
                told = known.incident_id
                self.orders.append(Ordered(heard.id, told, "withdraw", RANK[known.heard.level]))
        if told:
            return Turn(heard.id, "merged", told, "withdrawn")
        return Turn(heard.id, "noted", "", "withdrawn")

    def _decided(self, heard: Heard, kind: Kind) -> Turn:
        earlier = self._named[heard.named] if heard.reference else []
        cancel = next((one for one in earlier if one.heard.change == "cancel"), None)
        if cancel is not None:  # the cancel came first, or it speaks of what is over
            self.withdrawn[heard.id] = cancel.heard.id
            return Turn(heard.id, "noted", "", cancel.heard.id)
        again = self._again(heard, earlier)
        if again is not None:
            return again
        window = "" if heard.level == "red" else self.window_of(heard)
        if window:
            return Turn(heard.id, "suppressed", "", window)
        found = self._near(heard, kind)
        if found is not None:
            return self._joined(heard, found, "near")
        if kind.burst is not None and heard.level not in URGENT:
            return self._burst(heard, kind, kind.burst)
        return self._opened(heard, "place", "")

    def _again(self, heard: Heard, earlier: Sequence[Earlier]) -> Turn | None:
        """Return what becomes of a signal whose reference is known; None: as if it were not."""
        if not earlier:
            return None
        last = earlier[-1]
        risen = RANK[heard.level] < min(RANK[one.heard.level] for one in earlier)
        says_more = heard.change == "update" or risen
        if not says_more:
            return Turn(heard.id, "duplicate", last.incident_id, last.heard.id)
        gathering = self._open[heard.type].get(last.incident_id)
        if gathering is None:
            return None
        return self._joined(heard, gathering, last.heard.id)

    # --- by place, time and kind -----------------------------------------------------------------

    def _near(self, heard: Heard, kind: Kind) -> Gathering | None:
        """Return the open incident that a signal belongs to, the nearest of several."""
        found: list[tuple[float, datetime, str, Gathering]] = []
        for one in self._open[heard.type].values():
            if not one.first_at - kind.reach <= heard.occurred_at <= one.last_at + kind.reach:
                continue
            away = _apart(heard, one.point, one.spot)
            if one.by == "street" and one.street and one.street == heard.street:
                away = min(away, kind.radius_m)
            if away <= kind.radius_m:
                found.append((away, one.first_at, one.incident_id, one))
        return min(found, key=lambda each: each[:3])[3] if found else None

    def _burst(self, heard: Heard, kind: Kind, burst: Burst) -> Turn:
        """Open an incident with all of the window, if this signal makes it full."""
        others = [
            one for one in self._noted[heard.type]
            if not one.withdrawn_by and _of_one(heard, one.heard, kind, burst.by)
        ]  # fmt: skip
        window = _fullest(heard.occurred_at, others, timedelta(minutes=burst.minutes))
        if len(window) + 1 < burst.count:
            return Turn(heard.id, "noted", "", f"burst {len(window) + 1}/{burst.count}")
        turn = self._opened(heard, burst.by, f"burst {len(window) + 1}/{burst.count}")
        gathering = self.changed[turn.incident_id]
        for one in window:
            one.state, one.incident_id = "merged", turn.incident_id
            self._noted[heard.type].remove(one)
            self._grow(gathering, one.heard)
            self._note(Turn(one.heard.id, "merged", turn.incident_id, heard.id))
            self._order(one.heard, turn.incident_id, "join")
        return turn

    def _opened(self, heard: Heard, by: By, because: str) -> Turn:
        incident = self.incident_id(heard.id)
        gathering = Gathering(
            incident, heard.type, by, heard.point, heard.district, heard.street, heard.spot,
            heard.occurred_at, heard.occurred_at, 1, heard.level,
        )  # fmt: skip
        self._open[heard.type][incident] = self.changed[incident] = gathering
        self.fresh.add(incident)
        self._order(heard, incident, "report")
        return Turn(heard.id, "incident", incident, because)

    def _joined(self, heard: Heard, gathering: Gathering, because: str) -> Turn:
        self._grow(gathering, heard)
        self._order(heard, gathering.incident_id, "join")
        return Turn(heard.id, "merged", gathering.incident_id, because)

    # --- notes -----------------------------------------------------------------------------------

    def _grow(self, gathering: Gathering, heard: Heard) -> None:
        gathering.first_at = min(gathering.first_at, heard.occurred_at)
        gathering.last_at = max(gathering.last_at, heard.occurred_at)
        gathering.signals += 1
        if RANK[heard.level] < RANK[gathering.level]:
            gathering.level = heard.level
        self.changed[gathering.incident_id] = gathering

    def _order(self, heard: Heard, incident: str, verb: Verb) -> None:
        self.orders.append(Ordered(heard.id, incident, verb, RANK[heard.level]))

    def _note(self, turn: Turn) -> None:
        self.turns.append(turn)

    def _remember(self, known: Earlier) -> None:
        if known.heard.reference:
            self._named[known.heard.named].append(known)
        if known.state == "noted" and known.heard.change != "cancel":
            self._noted[known.heard.type].append(known)


def _apart(heard: Heard, point: Point | None, spot: str) -> float:
    """Return how far apart two are, in metres; infinite where it cannot be known."""
    if heard.point is not None and point is not None:
        return distance_m(heard.point, point)
    if heard.spot and heard.spot == spot:
        return 0.0
    return float("inf")


def _of_one(heard: Heard, other: Heard, kind: Kind, by: By) -> bool:
    if by == "street" and heard.street and heard.street == other.street:
        return True
    return _apart(heard, other.point, other.spot) <= kind.radius_m


def _fullest(at: datetime, others: Sequence[Earlier], within: timedelta) -> list[Earlier]:
    """Return the most others that lie, with the instant itself, within one span of that length."""
    near = sorted(
        (one for one in others if abs(one.heard.occurred_at - at) <= within),
        key=lambda one: (one.heard.occurred_at, one.heard.id),
    )
    best: list[Earlier] = []
    starts = {at, *(one.heard.occurred_at for one in near if one.heard.occurred_at <= at)}
    for start in sorted(starts):
        span = [one for one in near if start <= one.heard.occurred_at <= start + within]
        if at <= start + within and len(span) > len(best):
            best = span
    return best
