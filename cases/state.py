"""A case as its workflow remembers it, and the facts that change it.

`decide` (cases/approval.py) turns an order into events; `evolve` turns state and event into the
next state. The workflow keeps the state, history keeps the events, the rows show them.
No personal data stands here: names and opinions go from the command to sealed rows.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from cases.messages import Frozen
from catalogue.matters import (
    Commitment,
    DocumentKind,
    Extension,
    Label,
    Limit,
    Material,
    Renewal,
    Scarcity,
    Separation,
    Step,
    Tolerance,
    WaitGround,
)

Stage = Literal[
    "pre_review",  # 预审
    "received",  # 收件 (formal review due)
    "supplement",  # 待补正
    "review",  # 审查
    "gather",  # 汇总 (all opinions in, the lead proposes)
    "decision",  # 待决定
    "certificate",  # 制证
    "service",  # 送达
    "closing",  # 待办结
    "rating",  # 办结, 待评价
    "rectification",  # 差评整改
    "call_back",  # 回访
    "ended",  # 归档: nothing further is expected
]

ENDINGS = (
    "withdrawn", "not_accepted", "not_required", "granted", "refused", "terminated", "revoked",
    "open",
)  # fmt: skip


class Plan(Frozen):
    """The part of the matter that steers the case, frozen when it was filed."""

    matter: str
    version: str
    digest: str
    """SHA-256 (hex) of the matter version's canonical JSON."""
    name: str
    department: str
    lead: str
    process: Literal["approval", "open"]
    case_kind: Literal["on_the_spot", "promised", "other"]
    zone: str
    calendar: str
    statutory: Limit
    promised: Limit
    notice: Limit
    delivery: Limit
    extension: Extension | None = None
    counts_from: Literal["acceptance", "receipt"] = "acceptance"
    receipt: Literal["entry", "confirmation"] = "entry"
    assignment: Limit | None = None
    renewal: Renewal | None = None
    scarcity: Scarcity | None = None
    concerns_safety: bool = False
    touches_others: bool = False
    procedures: tuple[str, ...] = ()
    promise_pauses: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    separations: tuple[Separation, ...] = ()
    tolerance: Tolerance | None = None
    commitment: Commitment | None = None
    materials: tuple[Material, ...] = ()
    documents: tuple[DocumentKind, ...] = ()
    fact_fields: tuple[str, ...] = ()
    """Form fields that are not personal data; only these reach `CaseState.facts` and the rules."""
    rules: dict[str, str] = Field(default_factory=dict)
    rule_digests: dict[str, str] = Field(default_factory=dict)
    """Rule role → digest of the pack in force at filing."""
    result: str = ""
    label: Label = Label()


class OpinionGiven(Frozen):
    """Who gave which opinion; the words themselves are a sealed row."""

    signer: str
    result: Literal["agree", "disagree", "needs_supplement"]


class Task(Frozen):
    """One piece of work that waits for somebody (待办)."""

    key: str
    """`receive`, `supplement`, `review-<step code>`, `gather`, `decide`, `certify`, …"""
    step: str
    department: str
    kind: Literal[
        "window",
        "review",
        "gather",
        "decide",
        "certify",
        "serve",
        "close",
        "rectify",
        "explain",
        "serve_again",
    ]
    state: Literal["open", "done", "cancelled"] = "open"
    holder: str = ""
    """User id after 签收; empty: in the team's queue."""
    signing: Literal["all", "any"] = "any"
    signers: tuple[str, ...] = ()
    """Who must sign (加签 adds); empty: anyone of the department."""
    added: tuple[str, ...] = ()
    """Signers that 加签 added: each must sign, whatever `signing` says."""
    opinions: tuple[OpinionGiven, ...] = ()
    inspectors_needed: int = 0
    inspected: bool = False
    opened_at: AwareDatetime
    due_at: AwareDatetime | None = None


class Procedure(Frozen):
    """A special procedure that stops the statutory clock (行政许可法第四十五条)."""

    id: str
    kind: str
    started_at: AwareDatetime
    expected_until: AwareDatetime
    ended_at: AwareDatetime | None = None
    host: str = ""


class Wait(Frozen):
    """A site visit or a publication for which the promised clock stands; the law's does not."""

    id: str
    ground: WaitGround
    started_at: AwareDatetime
    expected_until: AwareDatetime
    ended_at: AwareDatetime | None = None


class Hearing(Frozen):
    """A hearing, on request or ex officio (行政许可法第四十六至四十八条).

    Its pause is the procedure `hearing`. `told_at` None: nobody was told of a right to ask, the
    authority holds it of its own accord.
    """

    told_at: AwareDatetime | None = None
    requested_at: AwareDatetime | None = None
    lapsed: bool = False
    """Nobody asked within the five days."""
    notified_at: AwareDatetime | None = None
    hearing_at: AwareDatetime | None = None
    """When it is to be held, as notified last."""
    host: str = ""
    held_at: AwareDatetime | None = None
    cancelled: bool = False

    @property
    def is_owed(self) -> bool:
        """Whether it was asked for and neither held since nor cancelled."""
        if self.requested_at is None or self.cancelled:
            return False
        return self.held_at is None or self.held_at < self.requested_at


class Timer(Frozen):
    """An instant at which the law or a promise expects something, with its article."""

    key: str
    """`notice`, `statutory`, `promised`, `delivery`, `step:<task key>`, `undertaking`, …"""
    due_at: AwareDatetime
    article: str
    provisional: bool = False
    """The period runs past the last published holiday notice."""
    warn_at: AwareDatetime | None = None
    """From when the period is shown as 预警."""
    calendar_version: str = ""
    """By which version of its calendar it was computed; empty: nobody noted it."""

    @property
    def is_card(self) -> bool:
        """Whether a supervision card is due then, and nothing of the law."""
        return self.key.startswith("card:")

    @property
    def is_supervision(self) -> bool:
        """Whether it is about a card (监察牌) and no period of the case itself."""
        return self.key.startswith(("card:", "explain:"))


class Card(Frozen):
    """A supervision card (监察牌) of the case: what later steps must know of it.

    The whole of it stands in the event `card_issued` and in its row; a card never changes, what
    became of it is told by later events.
    """

    number: str
    """监察编号, an..20 (GB/T 39046-2020 表 11)."""
    rule: str
    """监察规则编号, an..20."""
    level: Literal["reminder", "warning", "yellow", "red"]
    clock: str
    """Key of the clock; `by_hand`: a supervisor issued it."""
    since: AwareDatetime | None = None
    """When the run of the clock began."""
    at: AwareDatetime
    """状态产生时间: the instant at which its condition first held."""
    told_at: AwareDatetime
    """When it was recorded; later than `at` when the worker was away. Explanations count from it.
    """
    department: str
    """责任部门."""
    digest: str = ""
    """Version of the rules that gave it."""
    issued_by: str = ""
    explain_days: int = 0
    """Working days for the written explanation; 0: none is asked for."""
    explain_from: AwareDatetime | None = None
    explanation: Literal["", "due", "missed", "given", "returned", "accepted"] = ""
    revoked: Literal["", "person", "system"] = ""

    @property
    def stands(self) -> bool:
        return not self.revoked

    @property
    def waits_for_explanation(self) -> bool:
        return self.stands and self.explanation in ("due", "missed", "returned")


class Bar(Frozen):
    """Why and since when the applicant may not apply for the same licence again."""

    since: AwareDatetime
    """The instant of the refusal or revocation; its day does not count."""
    years: int
    article: str


class Reissue(Frozen):
    """A document that was issued again (更正、补发), as later steps must know it."""

    document: str
    """Id of the former one, which is void since."""
    step: int
    """The step that issued it again."""
    at: AwareDatetime | None = None
    kind: str = ""
    """Kind of both; empty only where no store was asked."""
    ground: Literal["correction", "loss"]
    version: int = 2
    """The one first issued is version 1."""
    origin: int = 0
    """The step that issued version 1."""
    served_at: AwareDatetime | None = None
    """When it reached the addressee; None: not yet."""


class ClockEvent(Frozen):
    """One event that the clocks are derived from (`cases.clocks`).

    The kinds of an approval are those of `cases.approval.timing`; a template of another procedure
    names its own.
    """

    id: str = ""
    """`<step>.<n>`: the step that made it known, and its place there."""
    kind: str
    at: AwareDatetime
    """The legally relevant instant: of a deemed acceptance that of the receipt."""
    article: str
    detail: dict[str, JsonValue] = Field(default_factory=dict)


class CaseState(Frozen):
    """All that the workflow needs to decide what may happen next."""

    case_id: str
    case_no: str = ""
    plan: Plan
    seq: int = 0
    stage: Stage = "received"
    ending: str = ""
    """How it ended, one of `ENDINGS`; empty while it has not."""
    channel: str = "window"
    subject: str = ""
    """Pseudonym of the applicant."""
    backfilled: bool = False
    received_at: AwareDatetime | None = None
    accepted_at: AwareDatetime | None = None
    decided_at: AwareDatetime | None = None
    served_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    last_at: AwareDatetime | None = None
    """Business time of the newest event; business time never runs backwards in a case."""
    accept_mode: Literal["", "plain", "tolerant", "commitment", "deemed"] = ""
    decision: Literal["", "grant", "refuse", "terminate"] = ""
    proposal: Literal["", "grant", "refuse"] = ""
    noticed: bool = False
    """The one-time notice was given; there is no second one."""
    noticed_at: AwareDatetime | None = None
    supply_within_days: int = 0
    supplied_at: AwareDatetime | None = None
    supplement_from: Stage | None = None
    """The stage to which the case goes back when everything was supplied."""
    supplement_pauses: tuple[tuple[AwareDatetime, AwareDatetime | None], ...] = ()
    """Waits for the applicant after acceptance; they stop the promised clock at most."""
    lacking: tuple[str, ...] = ()
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    """Scalar form values that are not personal data, for the rules."""
    electronic_service: bool = False
    """The applicant agreed to electronic service (民事诉讼法第九十条)."""
    handed_in: tuple[str, ...] = ()
    """Codes of the materials received so far."""
    missing: tuple[str, ...] = ()
    """Secondary materials promised under 容缺受理."""
    tasks: tuple[Task, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    waits: tuple[Wait, ...] = ()
    hearing: Hearing | None = None
    disallowed: tuple[str, ...] = ()
    """Names of the pauses that supervision holds for unlawful now."""
    restored: tuple[str, ...] = ()
    """Names of those it once did, and took back."""
    inspectors_assigned: bool = False
    unconfirmed: bool = False
    """The request counts only from the day both sides confirm it (政府信息公开条例第三十一条)."""
    licence_until: date | None = None
    """Last day of the licence that is to be renewed."""
    requested_late: bool = False
    """The renewal was asked for after its time; it is handled all the same."""
    deemed_renewed: bool = False
    """逾期未作决定的，视为准予延续 (行政许可法第五十条第二款)."""
    extended: bool = False
    timers: tuple[Timer, ...] = ()
    passed: dict[str, AwareDatetime] = Field(default_factory=dict)
    """Timer key → the due instant that has passed and been recorded."""
    hands: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Act (verb) → user ids, both the person and whom they acted for."""
    check: Literal["", "due", "rectify", "true", "untrue"] = ""
    """告知承诺核查 after a decision on a commitment."""
    grade: int = 0
    rated: bool = False
    """Rated and, after a bad one, mended; or the time for rating has passed."""
    rated_at: AwareDatetime | None = None
    cards: tuple[Card, ...] = ()
    """Supervision cards, revoked ones too, in the order in which they were issued."""
    reissues: tuple[Reissue, ...] = ()
    """Documents issued again, in the order in which they were."""
    bar: Bar | None = None
    """行政许可法第七十八、七十九条: set by the refusal or revocation that brings it."""


class Event(Frozen):
    """What has happened: the settled effect of one command on the case.

    `kind` is the past tense of the verb (`filed`, `accepted`, `opined`, …; `cases/approval.py`
    lists them); `data` is what `evolve` needs, free of personal data.
    """

    kind: str
    at: AwareDatetime
    by: str
    on_behalf: str = ""
    data: dict[str, JsonValue] = Field(default_factory=dict)
