"""What is known of an incident, and the words of its stages. No clock, no rows.

Three axes stand apart and are never derived from one another: `grade` of the event (Ⅰ–Ⅳ), `level`
(the colour that a source gave), and `response` (the level of a response that was started).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from cases.incidents.place import Place
from cases.incidents.signal import Level
from cases.lives import Due
from cases.messages import Frozen
from catalogue.incident_types import Domain

Stage = Literal[
    "reported", "verified", "graded", "dispatched", "acknowledged", "under_way", "on_site",
    "handling", "answered", "checked", "closed", "archived", "unfounded", "merged",
]  # fmt: skip

STAGES: Final[Mapping[Stage, str]] = MappingProxyType(
    {
        "reported": "接报", "verified": "核实", "graded": "研判定级", "dispatched": "派发",
        "acknowledged": "签收", "under_way": "出动", "on_site": "到场", "handling": "处置",
        "answered": "反馈", "checked": "核查", "closed": "办结", "archived": "归档",
        "unfounded": "不实", "merged": "并案",
    }
)  # fmt: skip
"""In the order of a life; the last two are other ends."""

OVER: Final[frozenset[Stage]] = frozenset({"closed", "archived", "unfounded", "merged"})
"""Stages in which an incident no longer counts as open."""

Grade = Literal["", "extraordinary", "major", "serious", "ordinary", "none"]
GRADES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": "未定级", "extraordinary": "特别重大", "major": "重大", "serious": "较大",
        "ordinary": "一般", "none": "不分级",
    }
)  # fmt: skip

UnitState = Literal[
    "dispatched", "acknowledged", "under_way", "on_site", "answered", "refused", "disputed",
    "moved", "stood_down",
]  # fmt: skip
UNIT_STATES: Final[Mapping[UnitState, str]] = MappingProxyType(
    {
        "dispatched": "待签收", "acknowledged": "已签收", "under_way": "已出动",
        "on_site": "已到场", "answered": "已反馈", "refused": "已退单", "disputed": "待仲裁",
        "moved": "改派", "stood_down": "撤回",
    }
)  # fmt: skip
ACTIVE_UNITS: Final[frozenset[UnitState]] = frozenset(
    {"dispatched", "acknowledged", "under_way", "on_site", "answered", "disputed"}
)


class Refusal(Frozen):
    """One returned dispatch (退单)."""

    department: str
    ground: str
    at: AwareDatetime
    by: str


class Unit(Frozen):
    """One unit as it stands."""

    department: str
    lead: bool
    state: UnitState
    dispatched_at: AwareDatetime
    """Its clock runs from here, not from its acknowledgement."""
    n: int
    """Number of the dispatch within the incident: a unit may be sent again after it refused."""
    bound: bool = False
    """An arbiter ruled: it cannot be refused."""
    rung: int = 0
    """How often it was rung again, unsigned."""
    acknowledged_at: AwareDatetime | None = None
    acknowledged_by: str = ""
    set_out_at: AwareDatetime | None = None
    arrived_at: AwareDatetime | None = None
    answered_at: AwareDatetime | None = None
    progress_at: AwareDatetime | None = None
    """Its last sign of life since it acknowledged."""
    forgotten: int = 0
    """How often it was reminded of the incident it had acknowledged."""
    why: str = ""
    """Line of the responsibility table or ruling by which it was sent."""


class Rung(Frozen):
    """One step of the ladder: after so many minutes without acknowledgement, who is told."""

    key: str
    minutes: float
    told: tuple[str, ...]
    """Roles in the words of the pack `response`: duty_officer, unit_leader, commander, …"""
    article: str


class Limits(Frozen):
    """Limits from the rule packs as they were in force when it was reported; minutes from 接报."""

    graded: float
    dispatched: float
    acknowledged: float
    again: float
    """Minutes from a unit's dispatch after which it is rung again, unsigned."""
    rungs: tuple[Rung, ...]
    articles: dict[str, str]
    """Limit → article."""
    digest: str
    """Version of the pack `response`."""
    forget: int
    """Minutes without a sign of life after which an acknowledged unit is reminded."""
    arrive: float | None = None
    finish: float | None = None


class Report(Frozen):
    """One link of a reporting chain."""

    chain: str
    """Who reports."""
    to: str
    also_to: tuple[str, ...] = ()
    minutes: float
    article: str
    starts_at: AwareDatetime
    due_at: AwareDatetime
    sent_at: AwareDatetime | None = None
    sent_by: str = ""


class Response(Frozen):
    """A response that was started; `level` 1 to 4."""

    matter: str
    level: int
    expected_until: AwareDatetime
    measures: str
    started_at: AwareDatetime
    adjusted_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


class Lesson(Frozen):
    """What is to be done so that it does not happen again."""

    id: str
    department: str
    due_on: str
    due_at: AwareDatetime
    done_at: AwareDatetime | None = None


class Late(Frozen):
    """A limit that was not kept, for the after-action report."""

    key: str
    due_at: AwareDatetime
    article: str


class IncidentState(Frozen):
    """The whole of an incident as the rows keep it. No name, no free text about a person."""

    incident_id: str
    number: str
    seq: int
    stage: Stage
    type: str
    domain: Domain
    title: str
    place: Place
    owner: str = ""
    source: str = ""
    level: Level = ""
    grade: Grade = ""
    deaths: int = 0
    injured: int = 0
    loss_yuan: int = 0
    response: Response | None = None
    label_level: int = 1
    occurred_at: AwareDatetime
    reported_at: AwareDatetime
    updated_at: AwareDatetime
    verified_at: AwareDatetime | None = None
    graded_at: AwareDatetime | None = None
    dispatched_at: AwareDatetime | None = None
    acknowledged_at: AwareDatetime | None = None
    under_way_at: AwareDatetime | None = None
    arrived_at: AwareDatetime | None = None
    answered_at: AwareDatetime | None = None
    checked_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    evaluated_at: AwareDatetime | None = None
    archived_at: AwareDatetime | None = None
    limits: Limits
    units: tuple[Unit, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    reports: tuple[Report, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    signals: int = 0
    withdrawn: int = 0
    """How many of its signals their sources took back."""
    reworks: int = 0
    passed: tuple[str, ...] = ()
    """Keys of timers that rang."""
    late: tuple[Late, ...] = ()
    hands: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Act → who did it, deputies and whom they act for alike."""
    merged_into: str = ""
    kept_personal: str = ""
    """Last day until which personal data is kept with a reason; empty: it goes at the archive."""
    linked: str = Field(default="", exclude_if=lambda linked: not linked)
    """Digest over every link and unlink of a case in their order (`linking.chained`); left out of
    the JSON where there was none, so that states of before keep their digests."""
    timers: tuple[Due, ...] = ()
    """What is still to ring, the earliest first."""

    @property
    def open(self) -> bool:
        return self.stage not in OVER

    @property
    def active(self) -> tuple[Unit, ...]:
        """Units that are to do something, or have done it."""
        return tuple(unit for unit in self.units if unit.state in ACTIVE_UNITS)

    @property
    def lead(self) -> Unit | None:
        return next((unit for unit in self.active if unit.lead), None)

    @property
    def disputed(self) -> Unit | None:
        """The unit whose second refusal waits for the arbiter."""
        return next((unit for unit in self.units if unit.state == "disputed"), None)

    @property
    def departments(self) -> tuple[str, ...]:
        """Every department that was ever sent, or has a lesson: it may read."""
        named = [unit.department for unit in self.units]
        return tuple(dict.fromkeys([*named, *(one.department for one in self.lessons)]))

    @property
    def urgent(self) -> bool:
        """Whether it goes before others: red, or graded at the top two."""
        return self.level == "red" or self.grade in ("extraordinary", "major")
