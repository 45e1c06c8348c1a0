"""Orders to a project and their bodies: plain values that cross rooms, processes and decades.

The command itself is `cases.messages.Command`, whose `case_id` is the project's id; its `verb`
names the body's type in `PROJECT_BODIES`. Money is whole fen. Days are the city's own. What a law
demands may be left empty here: the machine then refuses it with the article. No personal data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Annotated, Final, Literal
from uuid import uuid5

from pydantic import Field, JsonValue, StrictBool, StrictInt, StringConstraints

from cases.lives import RING
from cases.messages import NAMESPACE, Code, Command, Frozen, Name, Remark, Text, TimerFired
from cases.payments import Fen, FenOrNone
from cases.projection import json_text
from catalogue.project_templates import Regime

OBJECT: Final = "project"
"""The object type of policy, and the first word of a project's stream in the log."""
MOST_MILESTONES: Final = 500
MOST_YEARS: Final = 200
"""Of a term, so that a longer one reaches the rule that refuses it (国办函〔2023〕115号)."""

MilestoneId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)]
PayMode = Literal["user", "government", "mixed"]
PAY_MODES: Final[Mapping[PayMode, str]] = MappingProxyType(
    {"user": "使用者付费", "government": "政府付费", "mixed": "可行性缺口补助"}
)
Mode = Literal["bot", "tot", "rot", "boo", "om", "other"]
MODES: Final[Mapping[Mode, str]] = MappingProxyType(
    {"bot": "BOT", "tot": "TOT", "rot": "ROT", "boo": "BOO", "om": "O&M", "other": "其他"}
)


class Paper(Frozen):
    """佐证文件: what proves something, by its digest; the file itself lies where it was put."""

    name: Name
    """Which paper it is; one that the milestone needs is named as the milestone names it."""
    sha256: Sha256
    upload: Annotated[str, StringConstraints(max_length=64)] = ""
    """Id under which this city keeps the file; empty: it is kept elsewhere."""


class NewMilestone(Frozen):
    """里程碑 beyond the template's."""

    id: MilestoneId
    stage: MilestoneId
    title: Name
    days: Annotated[StrictInt, Field(ge=1, le=14_610)]
    after: Annotated[tuple[MilestoneId, ...], Field(max_length=50)] = ()
    needs: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    gate: StrictBool = False
    pays: StrictBool = False


class PlannedDay(Frozen):
    """The day by which a milestone is to be reached."""

    milestone: MilestoneId
    on: date


class Establish(Frozen):
    """立项: opens the project from a template."""

    template: MilestoneId
    title: Name
    department: Code
    """实施机构."""
    sector: Short = ""
    mode: Mode = "other"
    pay: PayMode = "government"
    library_code: Short = ""
    """项目库编码."""
    regime: Regime
    procured_before_stop: StrictBool = False
    """Procured before the stop of February 2023 (国办函〔2025〕84号)."""
    user_pays: StrictBool = False
    started_by_2024: StrictBool = True
    """Building had begun by the end of 2024; asked of stock projects alone."""
    term_years: Annotated[StrictInt, Field(ge=0, le=MOST_YEARS)] = 0
    """Operation or concession, in years; 0: the project has no term."""
    starts_on: date
    feasibility_fen: FenOrNone = 0
    """投资估算 of the feasibility study; 0: none yet."""
    plans: Annotated[tuple[PlannedDay, ...], Field(max_length=MOST_MILESTONES)] = ()
    milestones: Annotated[tuple[NewMilestone, ...], Field(max_length=MOST_MILESTONES)] = ()
    leaves_out: Annotated[tuple[MilestoneId, ...], Field(max_length=MOST_MILESTONES)] = ()
    """Steps of the template that this project does not have."""


class ApproveEstimate(Frozen):
    """核定概算: what the project may cost."""

    estimate_fen: Fen
    design_fen: Fen
    """初步设计提出的投资概算; above the feasibility study by more than a tenth it is reported."""
    document: Name
    """批复文号."""
    reported: StrictBool = False
    """The excess was reported to the approving department (政府投资条例第十二条)."""


class SetCost(Frozen):
    """登记总投资: what the project costs as it is known now."""

    total_fen: Fen
    reason: Text


class CapitalDue(Frozen):
    """资本金 that a side owes by a day."""

    party: Literal["government", "operator"]
    due_on: date
    amount_fen: Fen


class SignContract(Frozen):
    """签订协议."""

    operator: Code
    """社会资本方 or project company, by its code in the city's catalogue."""
    number: Name
    signed_on: date
    ends_on: date
    capital: Annotated[tuple[CapitalDue, ...], Field(max_length=100)] = ()
    tender_days: Annotated[StrictInt, Field(ge=0, le=3650)] = 0
    """Days that bidders had; 0: not by tender."""
    sale_days: Annotated[StrictInt, Field(ge=0, le=3650)] = 0
    candidate_days: Annotated[StrictInt, Field(ge=0, le=3650)] = 0


class PayCapital(Frozen):
    """资本金到位."""

    item: Annotated[StrictInt, Field(ge=0, le=99)]
    """Place in the contract's list, from 0."""
    amount_fen: Fen
    paid_on: date
    paper: Paper


class Replan(Frozen):
    """调整计划: other days for milestones that are not reached."""

    plans: Annotated[tuple[PlannedDay, ...], Field(min_length=1, max_length=MOST_MILESTONES)]
    ground: Text


class Forecast(Frozen):
    """预计完成."""

    milestone: MilestoneId
    on: date
    reason: Remark = ""


class AddMilestone(Frozen):
    """增设里程碑."""

    milestone: NewMilestone
    on: date | None = None
    """Planned day; None: so many days after what it waits for."""


class AddEvidence(Frozen):
    """提交佐证."""

    milestone: MilestoneId
    paper: Paper


class PassGate(Frozen):
    """关口通过, by one of the people who must."""

    milestone: MilestoneId
    opinion: Remark = ""


class ReturnGate(Frozen):
    """关口退回: what has been passed is passed anew."""

    milestone: MilestoneId
    reason: Text


class Achieve(Frozen):
    """完成里程碑."""

    milestone: MilestoneId
    on: date


ChangeKind = Literal["site", "scope", "term", "price", "operator", "law"]
CHANGE_KINDS: Final[Mapping[ChangeKind, str]] = MappingProxyType(
    {
        "site": "建设地点", "scope": "建设规模、内容", "term": "期限", "price": "价格、付费",
        "operator": "更换特许经营者", "law": "法律变更",
    }
)  # fmt: skip


class ProposeChange(Frozen):
    """提出变更."""

    kind: ChangeKind
    ground: Text
    ends_on: date | None = None
    """Of a change of term: the new last day."""
    operator: Annotated[str, StringConstraints(max_length=64)] = ""
    """Of a change of operator: the new one."""
    selected_anew: StrictBool = False
    """The new operator was selected in open competition."""
    paper: Paper


class DecideChange(Frozen):
    """批准或者不批准变更."""

    change: Annotated[str, StringConstraints(max_length=16)]
    approve: StrictBool
    document: Short = ""
    """文号 of the new approval; site and scope need one (国办函〔2023〕115号)."""
    reason: Remark = ""


class StepIn(Frozen):
    """临时接管."""

    ground: Text
    by: Code
    """Who runs it meanwhile."""
    paper: Paper


class EndStepIn(Frozen):
    """结束接管."""

    reason: Text


class Terminate(Frozen):
    """提前终止."""

    ground: Literal["operator_fault", "government_fault", "force_majeure", "agreed", "law"]
    reason: Text
    on: date
    compensation_fen: FenOrNone = 0
    paper: Paper


TERMINATION_GROUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "operator_fault": "运营方违约", "government_fault": "政府方违约",
        "force_majeure": "不可抗力", "agreed": "双方协商", "law": "法律变更",
    }
)  # fmt: skip


class AddSecurity(Frozen):
    """登记保函、保险."""

    kind: Literal["guarantee", "insurance"]
    title: Name
    issuer: Name
    amount_fen: Fen
    until: date
    paper: Paper


SECURITY_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {"guarantee": "保函", "insurance": "保险"}
)


class RenewSecurity(Frozen):
    """续期."""

    security: Annotated[str, StringConstraints(max_length=16)]
    until: date
    paper: Paper


class EndSecurity(Frozen):
    """解除."""

    security: Annotated[str, StringConstraints(max_length=16)]
    reason: Text


class Asset(Frozen):
    """一项移交资产."""

    name: Name
    quantity: Annotated[StrictInt, Field(ge=1, le=10_000_000)]
    unit: Short
    condition: Literal["good", "repair", "worn_out"]


class ListAssets(Frozen):
    """资产清单: the whole list, in place of the one before."""

    assets: Annotated[tuple[Asset, ...], Field(min_length=1, max_length=2_000)]
    paper: Paper


class RecordTest(Frozen):
    """移交测试."""

    name: Name
    passed: StrictBool
    on: date
    paper: Paper


class HandOver(Frozen):
    """移交."""

    to: Code
    on: date
    paper: Paper


class Finish(Frozen):
    """项目办结."""

    summary: Text


class AddRisk(Frozen):
    """登记风险."""

    title: Name
    level: Literal["high", "medium", "low"]
    answer: Remark = ""
    """应对措施."""


class CloseRisk(Frozen):
    """销除风险."""

    risk: Annotated[str, StringConstraints(max_length=16)]
    reason: Text


PROJECT_BODIES: Final[Mapping[str, type[Frozen]]] = MappingProxyType(
    {
        "establish": Establish,
        "approve_estimate": ApproveEstimate,
        "set_cost": SetCost,
        "sign_contract": SignContract,
        "pay_capital": PayCapital,
        "replan": Replan,
        "forecast": Forecast,
        "add_milestone": AddMilestone,
        "add_evidence": AddEvidence,
        "pass_gate": PassGate,
        "return_gate": ReturnGate,
        "achieve": Achieve,
        "propose_change": ProposeChange,
        "decide_change": DecideChange,
        "step_in": StepIn,
        "end_step_in": EndStepIn,
        "terminate": Terminate,
        "add_security": AddSecurity,
        "renew_security": RenewSecurity,
        "end_security": EndSecurity,
        "list_assets": ListAssets,
        "record_test": RecordTest,
        "hand_over": HandOver,
        "finish": Finish,
        "add_risk": AddRisk,
        "close_risk": CloseRisk,
        RING: TimerFired,
    }
)
"""Verb → the type of its body."""

PROJECT_VERBS: Final[tuple[str, ...]] = tuple(verb for verb in PROJECT_BODIES if verb != RING)
"""What may be ordered by anybody; a timer of the law is the worker's alone."""

SYSTEM_VERBS: Final = (
    "forecast", "add_evidence", "achieve", "add_security", "renew_security", "list_assets",
    "record_test",
)  # fmt: skip
"""What a department's or an operator's own system may order; the rest is a person's."""


def project_id_for(key: str) -> str:
    """Return the id of the project that a sender's own key names, the same one for ever."""
    return str(uuid5(NAMESPACE, f"project\n{key}"))


def order_digest(command: Command) -> str:
    """Return SHA-256 (hex) of what is ordered and by whom; not when or from where."""
    actor = command.actor
    return digest_said(command.verb, command.case_id, command.body, actor.id, actor.on_behalf)


def digest_said(
    verb: str, project: str, body: Mapping[str, JsonValue], actor: str, on_behalf: str
) -> str:
    """Return the same of an order as its row keeps it."""
    said = [verb, project, body, actor, on_behalf]
    return hashlib.sha256(json_text(said).encode()).hexdigest()


def chained(before: str, digest: str, at: datetime, said: Mapping[str, JsonValue]) -> str:
    """Return SHA-256 (hex) over all orders so far, each with its instant and what it came to.

    `before`: the same over those before this one; empty: it is the first.
    """
    whole = json_text([before, digest, at.astimezone(UTC).isoformat(), dict(said)])
    return hashlib.sha256(whole.encode()).hexdigest()
