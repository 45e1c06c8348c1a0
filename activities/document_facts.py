"""What each 文书 says, as typed values: the fields of a kind are exactly what its template uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from catalogue.matters import DocumentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What every document has. Dates are words already: 2026年3月5日 (GB/T 9704-2012 §7.3.5.4)."""

    kind: ClassVar[DocumentKind]

    organ: str
    """Full name of the issuing organ, for letterhead and signature."""
    number: str
    """云市监许受〔2026〕12号."""
    title: str
    addressee: str
    """The applicant's name (主送)."""
    matter: str
    case_no: str
    issued_on: str
    address: str
    phone: str
    code: str
    """Verification code."""
    verify_address: str
    """Where the code can be checked, the code included."""
    sealed: bool = False
    """False: the page says 未加盖电子印章."""
    anew: str = ""
    """That it was issued again, why, and which one is void; empty: it was not."""


@dataclass(frozen=True, slots=True)
class MaterialLine:
    name: str
    originals: int
    copies: int
    form: str
    """纸质 or 电子."""


@dataclass(frozen=True, slots=True)
class LackingLine:
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Remedies:
    """Where to turn against a refusal (行政许可法第三十八条第二款)."""

    review_body: str
    court: str
    review_first: bool
    """The suit lies only against the review's decision (行政复议法第二十三条)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Letter):
    kind: ClassVar[DocumentKind] = "receipt"

    received_at: str
    channel: str
    receiver: str
    materials: tuple[MaterialLine, ...]
    notice: str
    """The period in which to tell what is missing: 5个工作日."""
    basis: str
    late: str = ""
    """What is said of a renewal that was asked for after its time; empty: it was in time."""
    query_code: str = ""
    """With the case's number, what its applicant looks it up by; empty: not printed."""
    status_address: str = ""
    """Where they do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplementNotice(Letter):
    kind: ClassVar[DocumentKind] = "supplement_notice"

    received_on: str
    lacking: tuple[LackingLine, ...]
    within_days: int
    supply_by: str
    provisional: bool
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceNotice(Letter):
    kind: ClassVar[DocumentKind] = "acceptance_notice"

    received_on: str
    accepted_on: str
    deemed: bool
    contact: str
    period: str
    """The statutory period: 20个工作日."""
    decide_by: str
    provisional: bool
    """The period runs past the last published holiday notice."""
    promised_by: str
    """Empty when the promise is not earlier than the law."""
    missing: tuple[str, ...]
    """Secondary materials to come (容缺受理)."""
    missing_by: str
    overdue: str
    """What happens when they do not come."""
    undertaking: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceRefusal(Letter):
    kind: ClassVar[DocumentKind] = "acceptance_refusal"

    received_on: str
    required: bool
    """False: no licence is needed at all (不受理)."""
    reason: str
    apply_to: str
    basis: str
    remedies: Remedies


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureNotice(Letter):
    kind: ClassVar[DocumentKind] = "procedure_notice"

    accepted_on: str
    procedure: str
    ground: str
    expected_days: int
    expected_until: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionNotice(Letter):
    kind: ClassVar[DocumentKind] = "extension_notice"

    accepted_on: str
    reason: str
    approved_by: str
    extension: str
    """10个工作日."""
    decide_by: str
    provisional: bool
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Letter):
    kind: ClassVar[DocumentKind] = "grant"

    accepted_on: str
    activity: str
    """What is granted: 行政许可, 行政确认, …"""
    conditions: str
    valid_until: str
    result: str
    """The certificate to be issued; empty: none."""
    delivery: str
    basis: str
    hearing_on: str = ""
    """Day of the hearing on whose record it rests; empty: none was held."""
    hearing_record: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Letter):
    kind: ClassVar[DocumentKind] = "refusal"

    accepted_on: str
    activity: str
    reasons: str
    basis: str
    remedies: Remedies
    hearing_on: str = ""
    """Day of the hearing on whose record it rests; empty: none was held."""
    hearing_record: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord(Letter):
    kind: ClassVar[DocumentKind] = "service_record"

    served_title: str
    served_number: str
    recipient: str
    relation: str
    method: str
    place: str
    served_at: str
    server: str
    refusal: str
    witnesses: tuple[str, ...]
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitNotice(Letter):
    kind: ClassVar[DocumentKind] = "wait_notice"

    accepted_on: str
    wait: str
    """现场核查 or 公示."""
    reason: str
    expected_days: int
    expected_until: str
    decide_by: str
    """Last day of the statutory period, which runs on; empty while it stands still."""
    provisional: bool
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingRightNotice(Letter):
    kind: ClassVar[DocumentKind] = "hearing_right_notice"

    accepted_on: str
    interest: str
    parties: tuple[str, ...]
    request_by: str
    basis: str
    costs: str
    """The article on which nobody pays for a hearing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingNotice(Letter):
    kind: ClassVar[DocumentKind] = "hearing_notice"

    requested_on: str
    """Empty: the authority holds it of its own accord."""
    announcement: str
    """Where it was announced to the public; empty where it was asked for and need not be."""
    hearing_at: str
    place: str
    host: str
    public: bool
    basis: str
    recusal: str
    """The article on who may preside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeemedRenewal(Letter):
    kind: ClassVar[DocumentKind] = "deemed_renewal"

    received_on: str
    licence_until: str
    result: str
    delivery: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPaper(Letter):
    """What both papers of a supervision card say; the addressee is the department responsible."""

    card: str
    """监察编号."""
    rule: str
    """监察规则编号 and its name."""
    since: str
    """When its condition first held."""
    why: str
    """期限10个工作日，已用10个工作日; empty for a card issued by hand."""
    found: str
    """What the supervisor found; empty for a card of the clock."""
    explain_within: str
    """1个工作日; empty: no explanation is asked for."""
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionOrder(CardPaper):
    kind: ClassVar[DocumentKind] = "supervision_order"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionAdvice(CardPaper):
    kind: ClassVar[DocumentKind] = "supervision_advice"

    public_basis: str
    """The article by which the reasons must be published; empty: they need not."""


DocumentFacts = (
    Receipt
    | SupplementNotice
    | AcceptanceNotice
    | AcceptanceRefusal
    | ProcedureNotice
    | ExtensionNotice
    | Grant
    | Refusal
    | ServiceRecord
    | WaitNotice
    | HearingRightNotice
    | HearingNotice
    | DeemedRenewal
    | SupervisionOrder
    | SupervisionAdvice
)

KINDS: dict[DocumentKind, type[Letter]] = {
    one.kind: one
    for one in (
        Receipt,
        SupplementNotice,
        AcceptanceNotice,
        AcceptanceRefusal,
        ProcedureNotice,
        ExtensionNotice,
        Grant,
        Refusal,
        ServiceRecord,
        WaitNotice,
        HearingRightNotice,
        HearingNotice,
        DeemedRenewal,
        SupervisionOrder,
        SupervisionAdvice,
    )
}
