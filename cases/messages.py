"""Orders to a case and the answers: plain values that cross rooms, processes and years.

A command is an order (`Accept`), with an id that its sender chose and keeps: the same id always
gets the same outcome. `verb` names the body's type in `BODIES`. All instants are aware and UTC.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from cases.rulings import Ruling
from catalogue.matters import ProcedureKind, WaitGround

NAMESPACE = UUID("6f1d2c1e-3c5b-5b0e-9d0e-2a7d9b0f4c11")
"""Root of every name-based id of this system (RFC 9562, version 5)."""


def _legible(text: str) -> str:
    """Refuse what looks like nothing: a zero-width space is not white space to Python."""
    if not any(mark.isprintable() and not mark.isspace() for mark in text):
        raise PydanticCustomError("string_too_short", "String should have a visible character")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
    AfterValidator(_legible),
]
"""A sentence somebody must write: GB/T 39046-2020 gives opinions an..1000."""
Remark = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_legible),
]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def _real_day(text: str) -> str:
    if text:
        date.fromisoformat(text)
    return text


Day = Annotated[
    str, StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2})?$"), AfterValidator(_real_day)
]
"""An ISO date that the calendar has, or nothing."""
CommandId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]


class Frozen(BaseModel):
    """A value: no change after it is made, no field that nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def case_id_for(source: str, reference: str) -> str:
    """Return the case id that belongs to a sender's own reference, the same one for ever."""
    return str(uuid5(NAMESPACE, f"case\n{source}\n{reference}"))


# --- who ---------------------------------------------------------------------------------------


class Grant(Frozen):
    """A role held in a department (`*`: everywhere)."""

    role: str
    department: str


class Actor(Frozen):
    """Who acts, as the door has established it.

    `id` is the immutable user id (`u:…`, `s:…` for services, `system` for a timer of the law).
    """

    id: str
    kind: Literal["human", "service", "citizen", "system"] = "human"
    department: str = ""
    grants: tuple[Grant, ...] = ()
    clearance: int = 1
    compartments: tuple[str, ...] = ()
    on_behalf: str = ""
    """The user id of the colleague whose deputy this actor is; empty: acts as oneself."""


class Source(Frozen):
    """Where an order came in."""

    door: Literal["web", "nats", "rest", "worker"]
    ip: str = ""
    session: str = ""
    message: str = ""
    """CloudEvents `source` and `id` of the message that carried the order."""


class Warrant(Frozen):
    """Permission for exactly one command, signed by the door that asked policy for it.

    The worker refuses a command whose warrant is missing, altered, or for something else.
    `expires_at` is judged when the command is admitted, not when it is settled.
    """

    command_id: str
    command_digest: str
    """`Command.digest()` of the order it covers."""
    actor: str
    on_behalf: str = ""
    act: str
    object_type: str
    object_id: str
    policy: str
    """Version (digest) of the policy that decided."""
    row: str
    """The policy row that allowed, or the article for principal `system`."""
    role: str = ""
    department: str = ""
    issued_at: AwareDatetime
    expires_at: AwareDatetime
    issuer: str
    """Key name: web, gateway or worker."""
    signature: str = ""
    """Ed25519 over the canonical JSON of the other fields, base64."""


# --- what is ordered ---------------------------------------------------------------------------


class Person(Frozen):
    """An applicant or agent; personal data, sealed under the subject's key before it is stored."""

    kind: Literal[
        "natural_person", "enterprise", "institution", "society", "government", "other"
    ] = "natural_person"
    name: Name
    id_type: Code = "111"
    """GA/T 2000.156: 111 居民身份证; a legal person uses `USCC` 统一社会信用代码."""
    id_number: Annotated[str, StringConstraints(strip_whitespace=True, max_length=18)] = ""
    phone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=18)] = ""
    legal_representative: Annotated[str, StringConstraints(max_length=200)] = ""


class HandedIn(Frozen):
    """One material as it was handed in."""

    code: Code
    originals: int = Field(default=0, ge=0, le=999)
    copies: int = Field(default=0, ge=0, le=999)
    upload: str = ""
    """Id of an upload kept by the web; empty for paper."""
    digest: str = ""
    """SHA-256 (hex) of the uploaded bytes."""
    file_name: Annotated[str, StringConstraints(max_length=200)] = ""


class Lacking(Frozen):
    """One thing to correct, as the one-time notice names it."""

    code: Code
    """Material code or form field."""
    what: Text
    why: Remark = ""


class RecordStep(Frozen):
    """One step of an `open` matter, as the authority recorded it."""

    step: Name
    handler: Annotated[str, StringConstraints(max_length=200)] = ""
    group: Annotated[str, StringConstraints(max_length=200)] = ""
    remark: Remark = ""


class File(Frozen):
    """申请/收件: opens the case. `received_at` of the case is the command's `occurred_at`."""

    matter: Code
    version: str = ""
    """Filled by the door: the version in force at `occurred_at`."""
    channel: Literal["window", "computer", "mobile", "post", "other"] = "window"
    """GB/T 39046-2020 A.5."""
    applicant: Person
    agent: Person | None = None
    form: dict[str, JsonValue] = {}
    materials: tuple[HandedIn, ...] = ()
    reference: Annotated[str, StringConstraints(max_length=200)] = ""
    """The sender's own number for the case; with the sender it names the case for ever."""
    project_code: Annotated[str, StringConstraints(max_length=24)] = ""
    electronic_service: bool = False
    """The applicant agrees to electronic service (民事诉讼法第九十条)."""
    received_at: AwareDatetime | None = None
    """When the papers reached the authority, if not at the command's instant; the clocks start
    there. Only with the right to backfill (补录); it may lie before or after the command."""
    step: RecordStep | None = None
    """The first recorded step of an `open` matter, done by filing itself."""


class PreReview(Frozen):
    """预审: pass, or return with everything that is wrong told at once."""

    result: Literal["passed", "returned"]
    lacking: tuple[Lacking, ...] = ()


class AskSupplement(Frozen):
    """一次性告知: everything to correct, once (行政许可法第三十二条第一款第（四）项)."""

    lacking: Annotated[tuple[Lacking, ...], Field(min_length=1)]
    supply_within_days: int = Field(default=30, ge=1, le=365)


class Supply(Frozen):
    """补正: what the applicant brings after a notice or under an undertaking."""

    materials: tuple[HandedIn, ...] = ()
    form: dict[str, JsonValue] = {}
    """Corrected fields only."""


class CorrectOnSpot(Frozen):
    """当场更正 (行政许可法第三十二条第一款第（三）项)."""

    form: dict[str, JsonValue]


class Accept(Frozen):
    """受理."""

    mode: Literal["plain", "tolerant", "commitment"] = "plain"
    undertaking: Remark = ""
    """The applicant's written undertaking, for 容缺受理 and 告知承诺."""
    missing: tuple[Code, ...] = ()
    """Secondary materials to come, for 容缺受理."""


Falsehood = Literal["", "false_materials"]
"""隐瞒有关情况或者提供虚假材料 (行政许可法第七十八条), where a refusal rests on it."""


class RefuseAcceptance(Frozen):
    """不予受理."""

    reason: Text
    apply_to: Remark = ""
    """Where to apply instead."""
    ground: Falsehood = ""


class NotRequired(Frozen):
    """不受理: no licence is needed (行政许可法第三十二条第一款第（一）项)."""

    reason: Text


class Claim(Frozen):
    """签收: take a task out of the team's queue."""

    task: Code


class Transfer(Frozen):
    """转办: hand a task to a named colleague, with the reason."""

    task: Code
    to: Name
    reason: Text


class AddSigner(Frozen):
    """加签: one more person, or one more department, must give an opinion."""

    task: Code
    """The task to which a signer is added; for a whole department, the lead's task."""
    signer: Annotated[str, StringConstraints(max_length=200)] = ""
    department: Annotated[str, StringConstraints(max_length=64)] = ""
    reason: Text


class RemoveSigner(Frozen):
    """减签."""

    task: Code
    signer: Annotated[str, StringConstraints(max_length=200)] = ""
    reason: Text


class Opine(Frozen):
    """A department's opinion (审查意见)."""

    task: Code
    result: Literal["agree", "disagree", "needs_supplement"]
    text: Text
    conditions: Remark = ""


class Inspect(Frozen):
    """核查(勘验)笔录: at least as many officers as the step asks (第三十四条: two)."""

    task: Code
    inspectors: Annotated[tuple[Name, ...], Field(min_length=1)]
    place: Name
    inspected_at: AwareDatetime
    findings: Text


class Gather(Frozen):
    """汇总: the lead department sums the opinions up and proposes a decision."""

    proposal: Literal["grant", "refuse"]
    text: Text


class StartProcedure(Frozen):
    """特别程序 (行政许可法第四十五条); the applicant is told the time needed in writing."""

    kind: ProcedureKind
    ground: Text
    expected_days: int = Field(ge=1, le=365)
    host: Annotated[str, StringConstraints(max_length=200)] = ""
    """Who presides a hearing; never a reviewer of the case (第四十八条第一款第（三）项)."""


class EndProcedure(Frozen):
    """特别程序结束, 复表."""

    procedure: Code
    result: Text
    cancelled: bool = False
    """It did not take place (听证申请人撤回申请, …)."""


class StartWait(Frozen):
    """现场核查、公示停表: the promised clock stands, where the matter names the ground.

    The statutory clock runs on (行政许可法第四十五条 is a closed list).
    """

    ground: WaitGround
    reason: Text
    expected_days: int = Field(ge=1, le=365)


class EndWait(Frozen):
    """停表结束, 复表."""

    wait: Code
    result: Text


class DisallowPause(Frozen):
    """认定停表不当: the supervision finds that a pause had no lawful ground, or was no such thing.

    The clocks are counted as if it had not been. Once for each pause; never undone, only answered
    by `RestorePause`.
    """

    pause: Code
    """Id of a special procedure (`hearing-1`), of a wait (`site_visit-1`), or `supplement`."""
    reason: Text


class RestorePause(Frozen):
    """撤销停表不当的认定, with reasons; both stay on record."""

    pause: Code
    reason: Text


class TellHearingRight(Frozen):
    """告知听证权利: to applicant and those whose great interests are touched (第四十七条第一款)."""

    interest: Text
    """Which great interest stands between the applicant and others."""
    parties: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """利害关系人, besides the applicant."""


class RequestHearing(Frozen):
    """要求听证, within five days of being told (第四十七条第一款)."""

    by: Literal["applicant", "interested_party"] = "applicant"
    requester: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    """Name of an interested party; empty for the applicant."""
    reason: Remark = ""


class NotifyHearing(Frozen):
    """通知听证的时间、地点, at least seven days before (第四十八条第一款第（一）项)."""

    hearing_at: AwareDatetime
    place: Name
    host: Name
    """User id of who presides: nobody who reviews the case (第四十八条第一款第（三）项)."""
    host_name: Name
    """As the notice names them: applicant and interested parties may ask for another."""
    public: bool = True
    """第四十八条第一款第（二）项: hearings are held in public."""
    announcement: Remark = ""
    """Where and when it was announced to the public; a hearing that the authority itself holds
    must be (第四十六条), another where need be (第四十八条第一款第（一）项)."""


class AssignInspectors(Frozen):
    """指派检验、检测、检疫人员: two or more, within five working days (第五十五条第二款)."""

    inspectors: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]
    remark: Remark = ""


class ConfirmReceipt(Frozen):
    """确认收到: for requests that count from the day both confirm (政府信息公开条例第三十一条)."""

    way: Literal["phone", "message", "in_person", "other"]
    """How it was confirmed with the applicant."""
    remark: Remark = ""


class Extend(Frozen):
    """延期, once, before expiry, by the rank the matter names, with reasons (第四十二条)."""

    reason: Text


class ReturnStep(Frozen):
    """退回环节: back to an earlier step, with the reason."""

    to: Literal["review", "gather", "received"]
    tasks: tuple[Code, ...] = ()
    """Tasks to reopen when going back to `review`; empty: all."""
    reason: Text


class Decide(Frozen):
    """决定. A refusal needs its reasons (行政许可法第三十八条)."""

    result: Literal["grant", "refuse", "terminate"]
    reasons: Remark = ""
    conditions: Remark = ""
    valid_until: Day = ""
    """Last day of the licence, ISO date; empty: without term."""
    ground: Falsehood = ""
    """Of a refusal only."""
    hearing_record: Remark = ""
    """How the record of the hearing was weighed; needed where one was held (第四十八条第二款)."""
    told_interested: Remark = ""
    """Which interested third parties were told, and what they said (第三十六条)."""
    told_on: Day = ""
    """The day on which they were told, ISO date."""


class Certify(Frozen):
    """制证."""

    certificate: Name
    number: Annotated[str, StringConstraints(max_length=50)] = ""


class Serve(Frozen):
    """送达 (民事诉讼法第八十七条以下)."""

    method: Literal["direct", "left", "electronic", "post", "entrusted", "public_notice"]
    recipient: Name
    relation: Annotated[str, StringConstraints(max_length=100)] = "本人"
    served_at: AwareDatetime | None = None
    """When it reached the addressee; absent: the instant of the command."""
    place: Annotated[str, StringConstraints(max_length=200)] = ""
    refusal: Remark = ""
    witnesses: tuple[Name, ...] = ()


class Reissue(Frozen):
    """重新出具文书: 错误更正 or 遗失补发. What was decided stays as it is (行政许可法第八条)."""

    document: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]
    """Id of the document that is void from now on."""
    ground: Literal["correction", "loss"]
    reason: Text
    texts: Annotated[
        dict[Code, Text], Field(max_length=8, json_schema_extra={"additionalProperties": False})
    ] = Field(default_factory=dict)
    """Name of a text that was typed when it was issued → what it should have said. Which a kind
    has: `cases.approval.reissuing.CORRECTABLE`; of a correction only."""


class ServeReissued(Serve):
    """重新送达: what was issued again reaches its addressee, with a record of its own."""

    of_step: int = Field(ge=1, le=1_000_000)
    """The step that issued it again."""


class Close(Frozen):
    """办结."""

    remark: Remark = ""


class Rate(Frozen):
    """好差评: 1 非常满意 … 5 非常不满意 (GB/T 39046-2020 A.8); 4 and 5 open a mending loop."""

    grade: int = Field(ge=1, le=5)
    text: Remark = ""
    channel: Literal["window", "computer", "mobile", "phone", "other"] = "window"


class Rectify(Frozen):
    """差评整改."""

    cause: Text
    measures: Text


class CallBack(Frozen):
    """回访."""

    satisfied: bool
    text: Remark = ""


class Withdraw(Frozen):
    """撤回申请, before the decision."""

    reason: Remark = ""


class Urge(Frozen):
    """催办: asks who holds the case to get on; moves no clock."""

    task: Annotated[str, StringConstraints(max_length=64)] = ""
    text: Text


class Recuse(Frozen):
    """回避: somebody may no longer touch the case: who orders it, where no `person` is named;
    of another, a head orders it (公务员法第七十六、七十七条)."""

    person: Annotated[str, StringConstraints(max_length=200)] = ""
    ground: Literal["own_interest", "relative", "other"]
    remark: Remark = ""


class CopyTo(Frozen):
    """抄送: lets others know; asks nothing of them."""

    to: Annotated[tuple[Name, ...], Field(min_length=1)]
    text: Remark = ""


class CheckAfterwards(Frozen):
    """告知承诺核查."""

    result: Literal["true", "rectify", "untrue"]
    text: Text


class RevokeLicence(Frozen):
    """撤销许可 (行政许可法第六十九条), also when the case has long been archived."""

    ground: Literal["fraud", "other"]
    """以欺骗、贿赂等不正当手段取得 (第二款) · 第一款所列情形."""
    reason: Text


class Retimed(Frozen):
    """What instants are counted by has changed: they are derived again. Ordered by `system` only.

    `kind` says what has changed: a calendar, or the rules that give cards.
    """

    cause: str
    """Id of the act (the command that signed, or took a signature back)."""
    kind: Literal["calendar", "rules"]
    release: str = ""
    name: str
    version: str
    article: str
    reason: str = ""


CardNumber = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,20}$")]
"""监察编号, an..20 (GB/T 39046-2020 表 11)."""


class IssueCard(Frozen):
    """发牌: a supervisor issues a card by hand; which level, the rules of supervision say."""

    ground: Literal[
        "off_system", "illegal_fee", "refusal_without_reasons", "refused_application",
        "late_forwarding", "other",
    ]  # fmt: skip
    """体制外办理 · 违规收费 · 无正当理由不予许可 · 拒收申请 · 转报迟延 · 其他."""
    department: Annotated[str, StringConstraints(max_length=64)] = ""
    """责任部门; empty: the implementing one."""
    text: Text
    """What was found (监察结果描述)."""


class RevokeCard(Frozen):
    """撤牌: a second event with reasons; the card itself stays as it was."""

    card: CardNumber
    reason: Text


class ExplainCard(Frozen):
    """书面说明: the responsible department's answer to a card."""

    task: Code
    """`explain-<card number>`."""
    cause: Text
    measures: Text


class ReviewExplanation(Frozen):
    """Whether the written explanation will do."""

    card: CardNumber
    result: Literal["accepted", "returned"]
    text: Remark = ""


class TimerFired(Frozen):
    """An instant that the law gives came: acted by `system`, only the worker can order it."""

    timer: str
    due_at: AwareDatetime
    article: str


BODIES: Mapping[str, type[Frozen]] = MappingProxyType(
    {
        "file": File,
        "pre_review": PreReview,
        "ask_supplement": AskSupplement,
        "supply": Supply,
        "correct_on_spot": CorrectOnSpot,
        "accept": Accept,
        "refuse_acceptance": RefuseAcceptance,
        "not_required": NotRequired,
        "claim": Claim,
        "transfer": Transfer,
        "add_signer": AddSigner,
        "remove_signer": RemoveSigner,
        "opine": Opine,
        "inspect": Inspect,
        "gather": Gather,
        "start_procedure": StartProcedure,
        "end_procedure": EndProcedure,
        "start_wait": StartWait,
        "end_wait": EndWait,
        "disallow_pause": DisallowPause,
        "restore_pause": RestorePause,
        "tell_hearing_right": TellHearingRight,
        "request_hearing": RequestHearing,
        "notify_hearing": NotifyHearing,
        "assign_inspectors": AssignInspectors,
        "confirm_receipt": ConfirmReceipt,
        "extend": Extend,
        "return_step": ReturnStep,
        "decide": Decide,
        "certify": Certify,
        "serve": Serve,
        "reissue": Reissue,
        "serve_reissued": ServeReissued,
        "close": Close,
        "rate": Rate,
        "rectify": Rectify,
        "call_back": CallBack,
        "withdraw": Withdraw,
        "urge": Urge,
        "copy_to": CopyTo,
        "recuse": Recuse,
        "check_afterwards": CheckAfterwards,
        "revoke_licence": RevokeLicence,
        "record_step": RecordStep,
        "issue_card": IssueCard,
        "revoke_card": RevokeCard,
        "explain_card": ExplainCard,
        "review_explanation": ReviewExplanation,
        "timer_fired": TimerFired,
        "retimed": Retimed,
    }
)
"""Every verb and the type of its body."""

OF_LAW = frozenset({"timer_fired", "retimed"})
"""Verbs that never come in by a door: `system` alone orders them, warranted by an article."""


class Command(Frozen):
    """One order to one case.

    `id` is the idempotency key. `body` is the JSON of `BODIES[verb]`; `parsed()` gives it typed.
    """

    id: CommandId
    verb: str
    case_id: str
    body: dict[str, Any]
    actor: Actor
    source: Source
    occurred_at: AwareDatetime
    """Business time. In the past only for an actor with the right to backfill (补录)."""
    backfill: bool = False
    warrant: Warrant | None = None

    def parsed(self) -> Frozen:
        """Return the typed body. Raises `KeyError` for an unknown verb, `ValidationError` else."""
        return BODIES[self.verb].model_validate(self.body)

    def digest(self) -> str:
        """Return SHA-256 (hex) over everything but the warrant, in sorted compact JSON."""
        plain = self.model_dump(mode="json", exclude={"warrant"})
        text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


# --- what came of it ---------------------------------------------------------------------------


class DocumentRef(Frozen):
    """A document that a step issued."""

    id: str
    kind: str
    number: str
    digest: str
    """SHA-256 (hex) of the file."""
    code: str
    """Verification code printed on it."""


class Outcome(Frozen):
    """The final answer to a command; asked again, in a year, it is the same one.

    `refused` is a *no* by law, policy or state: final, with a code, a Chinese sentence that says
    what to do, and the article or field it rests on.
    """

    command_id: str
    case_id: str
    status: Literal["done", "refused"]
    case_no: str = ""
    seq: int = 0
    stage: str = ""
    code: str = ""
    reason: str = ""
    basis: str = ""
    field: str = ""
    documents: tuple[DocumentRef, ...] = ()
    entry: str = ""
    """Id of the log entry of the step."""
    recorded_at: datetime | None = None
    repeated: bool = False
    """True when the command had been settled before and this is its stored answer."""


__all__ = ["BODIES", "NAMESPACE", "OF_LAW", "Actor", "Command", "Outcome", "Ruling", "Warrant"]
