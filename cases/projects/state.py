"""What is known of a project, as its row keeps it and every entry binds it. No clock, no rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from cases.lives import Due
from cases.messages import Frozen
from cases.projects.messages import Asset, CapitalDue, ChangeKind, Mode, Paper, PayMode
from cases.projects.schedule import Slippage
from catalogue.project_templates import Regime

Stage = Literal["running", "handed_over", "terminated", "finished"]
STAGES: Final[Mapping[Stage, str]] = MappingProxyType(
    {
        "running": "进行中", "handed_over": "已移交", "terminated": "已提前终止",
        "finished": "已办结",
    }
)  # fmt: skip
OVER: Final = frozenset({"finished"})
"""Nothing more is awaited."""
REGIMES: Final[Mapping[Regime, str]] = MappingProxyType(
    {"stock": "存量项目", "concession": "特许经营", "government": "政府投资"}
)
SLIPPAGES: Final[Mapping[Slippage, str]] = MappingProxyType(
    {"none": "正常", "green": "轻微滞后", "yellow": "滞后", "red": "严重滞后"}
)


class StageOf(Frozen):
    """A stage of the template."""

    id: str
    title: str
    english: str


class Given(Frozen):
    """One paper with who gave it."""

    paper: Paper
    by: tuple[str, ...]
    """Who gave it, deputy and whom they act for alike."""
    at: AwareDatetime


class Passed(Frozen):
    """One person's yes at a gate."""

    by: tuple[str, ...]
    at: AwareDatetime


class Milestone(Frozen):
    """里程碑."""

    id: str
    stage: str
    title: str
    english: str
    days: int
    after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    gate: bool = False
    people: int = 2
    pays: bool = False
    end: bool = False
    added: bool = False
    """Beyond the template."""
    begins_on: date
    baseline_on: date
    """As it was first planned."""
    plan_on: date
    forecast_on: date | None = None
    actual_on: date | None = None
    critical: bool = False
    slippage: Slippage = "none"
    evidence: tuple[Given, ...] = ()
    passes: tuple[Passed, ...] = ()
    round: int = 1
    """From 1; a gate that was returned is passed anew in the next round."""

    @property
    def achieved(self) -> bool:
        return self.actual_on is not None

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the papers that it needs and has not."""
        there = {one.paper.name for one in self.evidence}
        return tuple(one for one in self.needs if one not in there)

    @property
    def gate_open(self) -> bool:
        """Whether people must still let it pass."""
        return self.gate and len(self.passes) < self.people


class Capital(Frozen):
    """资本金 with what was paid of it."""

    due: CapitalDue
    paid_fen: int = 0
    paid_on: date | None = None


class Change(Frozen):
    """变更."""

    id: str
    kind: ChangeKind
    state: Literal["proposed", "approved", "refused"]
    at: AwareDatetime
    by: tuple[str, ...]
    ground: str
    document: str = ""
    ends_on: date | None = None
    operator: str = ""
    selected_anew: bool = False
    duties: tuple[str, ...] = ()
    """What the rules demand with it (重新报批 …)."""


class Security(Frozen):
    """保函 or 保险."""

    id: str
    kind: Literal["guarantee", "insurance"]
    title: str
    issuer: str
    amount_fen: int
    until: date
    ended: bool = False
    renewed: int = 0
    lapsed: bool = False
    """Its last day has passed and it was neither renewed nor ended."""


class Risk(Frozen):
    """风险."""

    id: str
    title: str
    level: Literal["high", "medium", "low"]
    answer: str = ""
    at: AwareDatetime
    closed_at: AwareDatetime | None = None


class TestResult(Frozen):
    """移交测试; of several of one name the last counts."""

    name: str
    passed: bool
    on: date


class SteppedIn(Frozen):
    """临时接管."""

    by: str
    since: AwareDatetime
    until: AwareDatetime | None = None


class ProjectState(Frozen):
    """项目."""

    project_id: str
    number: str
    seq: int
    stage: Stage
    template: str
    title: str
    department: str
    operator: str = ""
    sector: str = ""
    mode: Mode = "other"
    pay: PayMode = "government"
    library_code: str = ""
    regime: Regime
    term_years: int = 0
    starts_on: date
    ends_on: date | None = None
    """Last day of the contract."""
    contract_no: str = ""
    signed_on: date | None = None
    feasibility_fen: int = 0
    estimate_fen: int = 0
    """概算 as approved; 0: none yet."""
    estimate_document: str = ""
    total_fen: int = 0
    """What it costs as it is known now."""
    duties: tuple[str, ...] = ()
    """What the rules demanded when it was established, or since, in the pack's words."""
    stages: tuple[StageOf, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    capital: tuple[Capital, ...] = ()
    changes: tuple[Change, ...] = ()
    securities: tuple[Security, ...] = ()
    risks: tuple[Risk, ...] = ()
    assets: tuple[Asset, ...] = ()
    tests: tuple[TestResult, ...] = ()
    step_ins: tuple[SteppedIn, ...] = ()
    handed_to: str = ""
    handed_on: date | None = None
    termination: str = ""
    terminated_on: date | None = None
    compensation_fen: int = 0
    year: int = 0
    """Years of its life that have turned: its workflow begins anew with each."""
    passed: tuple[str, ...] = ()
    """Keys of the instants that have rung and might be asked for again."""
    timers: tuple[Due, ...] = ()
    hands: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    orders: str = ""
    """SHA-256 (hex) over all orders so far, each bound to the one before."""
    established_at: AwareDatetime
    updated_at: AwareDatetime

    @property
    def open(self) -> bool:
        return self.stage not in OVER

    @property
    def slippage(self) -> Slippage:
        """Return the worst class among its milestones that are not reached."""
        order: tuple[Slippage, ...] = ("red", "yellow", "green")
        waiting = {one.slippage for one in self.milestones if not one.achieved}
        return next((one for one in order if one in waiting), "none")

    def milestone(self, key: str) -> Milestone | None:
        """Return the milestone of that id."""
        return next((one for one in self.milestones if one.id == key), None)

    @property
    def next_milestone(self) -> Milestone | None:
        """Return which one is to be reached next by plan."""
        waiting = [one for one in self.milestones if not one.achieved]
        return min(waiting, key=lambda one: (one.plan_on, one.id), default=None)

    @property
    def stepped_in(self) -> bool:
        return bool(self.step_ins) and self.step_ins[-1].until is None
