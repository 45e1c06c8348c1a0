"""From an order of settling to what the 文书 says: dates in words, articles cited in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypedDict
from zoneinfo import ZoneInfo

from activities import document_facts as facts
from activities.card_papers import PUBLIC_REASONS, why_in_words
from activities.papers import ANEW, DocumentOrder
from cases import messages
from catalogue.city import City
from catalogue.law import Article
from catalogue.load import Catalogue
from catalogue.matters import LICENCE, DocumentKind, Matter, Unit

TITLES: Mapping[DocumentKind, str] = {
    "receipt": "收件凭证",
    "supplement_notice": "补正告知书",
    "acceptance_notice": "受理通知书",
    "acceptance_refusal": "不予受理决定书",
    "procedure_notice": "特别程序告知书",
    "extension_notice": "延期决定通知书",
    "grant": "准予{activity}决定书",
    "refusal": "不予{activity}决定书",
    "service_record": "送达回证",
    "wait_notice": "所需时间告知书",
    "hearing_right_notice": "听证权利告知书",
    "hearing_notice": "听证通知书",
    "deemed_renewal": "视为准予延续通知书",
    "supervision_order": "督办单",
    "supervision_advice": "监察建议书",
}
NOT_REQUIRED_TITLE = "不受理告知书"
"""行政许可法第三十二条第一款第（一）项: not a refusal, but word that no licence is needed."""

ACTIVITIES: Mapping[str, str] = {
    "01": "行政许可",
    "05": "行政给付",
    "07": "行政确认",
    "08": "行政奖励",
    "09": "行政裁决",
}
OTHER_ACTIVITY = "办理"

UNITS: Mapping[Unit, str] = {
    "on_the_spot": "当场",
    "minute": "分钟",
    "hour": "小时",
    "working_hour": "个工作小时",
    "day": "日",
    "working_day": "个工作日",
}
CHANNELS: Mapping[str, str] = {
    "window": "窗口",
    "computer": "网上（电脑端）",
    "mobile": "网上（移动端）",
    "post": "邮寄",
    "other": "其他",
}
METHODS: Mapping[str, tuple[str, str]] = {
    "direct": ("直接送达", "MSF-88"),
    "left": ("留置送达", "MSF-89"),
    "electronic": ("电子送达", "MSF-90"),
    "post": ("邮寄送达", "MSF-91"),
    "entrusted": ("委托送达", "MSF-91"),
    "public_notice": ("公告送达", "MSF-95"),
}
"""How served, and the article it rests on (the 行政许可法 has none of its own)."""

PROCEDURES: Mapping[str, str] = {
    "hearing": "听证",
    "tender": "招标",
    "auction": "拍卖",
    "inspection": "检验",
    "testing": "检测",
    "quarantine": "检疫",
    "appraisal": "鉴定",
    "expert_review": "专家评审",
}
WAITS: Mapping[str, str] = {"site_visit": "现场核查", "publicity": "公示"}
RANKS: Mapping[str, str] = {
    "organ_head": "本行政机关负责人",
    "government_head": "本级人民政府负责人",
}
OVERDUE: Mapping[str, str] = {
    "withdrawn": "视为撤回申请",
    "refused": "本机关将作出不予许可的决定",
    "revoked": "本机关将撤销受理并书面说明理由",
}

_INSTANT = timedelta(microseconds=1)


class _Common(TypedDict):
    organ: str
    number: str
    title: str
    addressee: str
    matter: str
    case_no: str
    issued_on: str
    address: str
    phone: str
    code: str
    verify_address: str
    anew: str


def facts_of(order: DocumentOrder, catalogue: Catalogue, verify_at: str) -> facts.DocumentFacts:
    """Return what the document says. `verify_at` is the address under which a code is checked.

    Raises `KeyError` for an article or department that the catalogue no longer has.
    """
    return _WRITERS[order.kind](_Desk(order, catalogue.law, verify_at.rstrip("/"), catalogue.city))


@dataclass(frozen=True, slots=True)
class _Desk:
    """An order with the words that every document needs."""

    order: DocumentOrder
    law: Mapping[str, Article]
    verify_at: str
    city: City

    @property
    def matter(self) -> Matter:
        return self.order.matter

    @property
    def activity(self) -> str:
        return ACTIVITIES.get(self.matter.type_code, OTHER_ACTIVITY)

    @property
    def is_licence(self) -> bool:
        return self.matter.type_code == LICENCE

    def common(self, title: str = "") -> _Common:
        order = self.order
        return _Common(
            organ=order.department.name,
            number=order.number,
            title=title or TITLES[order.kind].format(activity=self.activity),
            addressee=order.applicant.name,
            matter=self.matter.name,
            case_no=order.case.case_no,
            issued_on=self.day(order.issued_at),
            address=order.department.address,
            phone=self.matter.phone or order.department.phone,
            code=order.code,
            verify_address=f"{self.verify_at}/{order.code}",
            anew=_anew(order),
        )

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(ZoneInfo(self.matter.zone))

    def day(self, instant: datetime | None) -> str:
        return "" if instant is None else in_words(self.local(instant).date())

    def minute(self, instant: datetime | None) -> str:
        if instant is None:
            return ""
        local = self.local(instant)
        return f"{in_words(local.date())}{local.hour}时{local.minute:02d}分"

    def last_day(self, timer: str) -> str:
        """Return the last day of a period that runs; empty when it has no end now."""
        due = self._timer(timer)
        return "" if due is None else in_words(self.local(due - _INSTANT).date())

    def is_provisional(self, *timers: str) -> bool:
        """Tell whether any of these periods ends past the last published holiday notice."""
        return any(one.key in timers and one.provisional for one in self.order.case.timers)

    def cited(self, *articles: str) -> str:
        """Return the articles as a document cites them: each law named once, each clause once."""
        by_law: dict[str, list[str]] = {}
        for article in (self.law[one] for one in dict.fromkeys(articles)):
            clauses = by_law.setdefault(article.law, [])
            if article.clause not in clauses:
                clauses.append(article.clause)
        return "、".join(f"《{law}》{'、'.join(clauses)}" for law, clauses in by_law.items())

    def body(self, name: str, default: str = "") -> str:
        """Return a text of the order's body; empty when the order has none of that name."""
        return str(self.order.command.body.get(name) or default)

    def heard_on(self) -> str:
        """Return the day of the hearing on whose record the decision rests; empty: none."""
        held = self.order.facts.get("hearing_held_at")
        return self.day(datetime.fromisoformat(held)) if isinstance(held, str) else ""

    def remedies(self) -> facts.Remedies:
        department = self.order.department
        return facts.Remedies(
            review_body=department.review_body,
            court=department.court,
            # A refused disclosure goes to review first (行政复议法第二十三条第一款第（四）项).
            review_first=any(one.startswith("XXGK-") for one in self.matter.basis),
        )

    def _timer(self, key: str) -> datetime | None:
        return next((one.due_at for one in self.order.case.timers if one.key == key), None)


def in_words(day: date) -> str:
    """Return 2026年3月5日: Arabic digits, no padding (GB/T 9704-2012 §7.3.5.4)."""
    return f"{day.year}年{day.month}月{day.day}日"


def _anew(order: DocumentOrder) -> str:
    """Return what a document says that was issued again: why, and which one is void; often ""."""
    said = order.facts.get(ANEW)
    if not isinstance(said, dict):
        return ""
    former, version = said["replaces"], said["version"]
    why = (
        f"原{former}文书存在文字差错，现予更正，重新出具（第{version}版）"
        if said["ground"] == "correction"
        else f"原{former}文书遗失，现按原内容补发（第{version}版）"
    )
    return f"{why}；原文书自本文书出具之日起作废。"


def period(n: int, unit: Unit) -> str:
    """Return 20个工作日."""
    return UNITS[unit] if unit == "on_the_spot" else f"{n}{UNITS[unit]}"


def _receipt(desk: _Desk) -> facts.Receipt:
    order = desk.order
    names = {one.code: one.name for one in desk.matter.materials}
    handed = [
        messages.HandedIn.model_validate(one) for one in order.command.body.get("materials", ())
    ]
    return facts.Receipt(
        **desk.common(),
        received_at=desk.minute(order.case.received_at),
        channel=CHANNELS[order.case.channel],
        receiver=_who(order),
        materials=tuple(
            facts.MaterialLine(
                names.get(one.code, one.code),
                one.originals,
                one.copies,
                "电子" if one.upload else "纸质",
            )
            for one in handed
        ),
        notice=period(desk.matter.notice.n, desk.matter.notice.unit),
        basis=desk.cited(desk.matter.notice.basis),
        late=_late(desk),
        query_code=str(order.facts.get("public_code", "")),
        status_address=f"{desk.verify_at.removesuffix('/verify')}/status",
    )


def _late(desk: _Desk) -> str:
    renewal, case = desk.matter.renewal, desk.order.case
    if renewal is None or not case.requested_late or case.licence_until is None:
        return ""
    ahead = period(renewal.ahead.n, renewal.ahead.unit)
    silence = "" if renewal.late_renews else "；逾期未作决定的，不适用视为准予延续的规定"
    return (
        f"原许可证有效期至{in_words(case.licence_until)}，本申请未在有效期届满{ahead}前提出"
        f"（{desk.cited(renewal.ahead.basis)}），本机关仍予办理{silence}"
    )


def _who(order: DocumentOrder) -> str:
    """Return the name of whoever acted, a deputy with the delegator's, or of the system where
    nobody did."""
    known, behalf = order.facts.get("actor_name"), order.facts.get("behalf_name")
    if isinstance(known, str) and known:
        return f"{known}（代{behalf}）" if behalf else known
    return "网上受理系统" if order.command.actor.kind != "human" else order.command.actor.id


def _supplement_notice(desk: _Desk) -> facts.SupplementNotice:
    lacking = [
        messages.Lacking.model_validate(one) for one in desk.order.command.body.get("lacking", ())
    ]
    return facts.SupplementNotice(
        **desk.common(),
        received_on=desk.day(desk.order.case.received_at),
        lacking=tuple(facts.LackingLine(one.what, one.why) for one in lacking),
        within_days=desk.order.case.supply_within_days,
        supply_by=desk.last_day("supplement"),
        provisional=desk.is_provisional("supplement"),
        basis=desk.cited(desk.matter.notice.basis),
    )


def _acceptance_notice(desk: _Desk) -> facts.AcceptanceNotice:
    case, matter = desk.order.case, desk.matter
    deemed = case.accept_mode == "deemed"
    names = {one.code: one.name for one in matter.materials}
    decide_by, promised_by = desk.last_day("statutory"), desk.last_day("promised")
    return facts.AcceptanceNotice(
        **desk.common(),
        received_on=desk.day(case.received_at),
        accepted_on=desk.day(case.accepted_at),
        deemed=deemed,
        contact=desk.order.applicant.phone,
        period=period(matter.statutory.n, matter.statutory.unit),
        decide_by=decide_by,
        provisional=desk.is_provisional("statutory", "promised", "undertaking"),
        promised_by="" if promised_by == decide_by else promised_by,
        missing=tuple(names.get(code, code) for code in case.missing),
        missing_by=desk.last_day("undertaking"),
        overdue=OVERDUE[matter.tolerance.overdue] if matter.tolerance and case.missing else "",
        undertaking=desk.body("undertaking"),
        basis=_acceptance_basis(desk, deemed),
    )


def _acceptance_basis(desk: _Desk, deemed: bool) -> str:
    if desk.is_licence:
        return desk.cited("XKF-32-4" if deemed else "XKF-32-5")
    return desk.cited(desk.matter.notice.basis if deemed else desk.matter.statutory.basis)


def _acceptance_refusal(desk: _Desk) -> facts.AcceptanceRefusal:
    required = desk.order.facts.get("event") != "found_not_required"
    apply_to = desk.body("apply_to")
    if not desk.is_licence:
        basis = desk.cited(desk.matter.notice.basis)
    elif not required:
        basis = desk.cited("XKF-32-1")
    else:
        basis = desk.cited("XKF-32-2" if apply_to else "XKF-32")
    return facts.AcceptanceRefusal(
        **desk.common("" if required else NOT_REQUIRED_TITLE),
        received_on=desk.day(desk.order.case.received_at),
        required=required,
        reason=sentence(desk.body("reason")),
        apply_to=apply_to,
        basis=basis,
        remedies=desk.remedies(),
    )


def _procedure_notice(desk: _Desk) -> facts.ProcedureNotice:
    started = desk.order.case.procedures[-1]
    return facts.ProcedureNotice(
        **desk.common(),
        accepted_on=desk.day(desk.order.case.accepted_at),
        procedure=PROCEDURES[started.kind],
        ground=sentence(desk.body("ground")),
        expected_days=int(desk.body("expected_days", "0")),
        expected_until=desk.day(started.expected_until - _INSTANT),
        basis=desk.cited("XKF-45"),
    )


def _extension_notice(desk: _Desk) -> facts.ExtensionNotice:
    extension = desk.matter.extension
    assert extension is not None, f"事项 {desk.matter.code} 不允许延期，却要出具延期决定通知书"
    return facts.ExtensionNotice(
        **desk.common(),
        accepted_on=desk.day(desk.order.case.accepted_at),
        reason=sentence(desk.body("reason")),
        approved_by=RANKS[extension.rank],
        extension=period(extension.n, extension.unit),
        decide_by=desk.last_day("statutory"),
        provisional=desk.is_provisional("statutory"),
        basis=desk.cited(extension.basis),
    )


def _heard(desk: _Desk) -> tuple[str, ...]:
    return ("XKF-48-end",) if desk.heard_on() else ()


def _decision_basis(desk: _Desk, *articles: str) -> str:
    own = articles if desk.is_licence else ()
    return desk.cited(*desk.matter.basis, *own)


def _grant(desk: _Desk) -> facts.Grant:
    until = desk.body("valid_until")
    return facts.Grant(
        **desk.common(),
        accepted_on=desk.day(desk.order.case.accepted_at),
        activity=desk.activity,
        conditions=sentence(desk.body("conditions")),
        valid_until=in_words(date.fromisoformat(until)) if until else "",
        result=desk.matter.result,
        delivery=period(desk.matter.delivery.n, desk.matter.delivery.unit),
        basis=_decision_basis(desk, "XKF-38-1", *_heard(desk)),
        hearing_on=desk.heard_on(),
        hearing_record=sentence(desk.body("hearing_record")),
    )


def _refusal(desk: _Desk) -> facts.Refusal:
    return facts.Refusal(
        **desk.common(),
        accepted_on=desk.day(desk.order.case.accepted_at),
        activity=desk.activity,
        reasons=sentence(desk.body("reasons")),
        basis=_decision_basis(desk, "XKF-38-2", *_heard(desk)),
        remedies=desk.remedies(),
        hearing_on=desk.heard_on(),
        hearing_record=sentence(desk.body("hearing_record")),
    )


def _service_record(desk: _Desk) -> facts.ServiceRecord:
    verb = desk.order.command.verb
    kind = messages.ServeReissued if verb == "serve_reissued" else messages.Serve
    served = kind.model_validate(desk.order.command.body)
    method, article = METHODS[served.method]
    decision = TITLES[_served_kind(desk)].format(activity=desk.activity)
    number = desk.order.facts.get("served_number")
    return facts.ServiceRecord(
        **desk.common(),
        served_title=decision,
        served_number=number if isinstance(number, str) and number else "见送达文书",
        recipient=served.recipient,
        relation=served.relation,
        method=method,
        place=served.place or ("受送达人指定的电子系统" if served.method == "electronic" else ""),
        served_at=desk.minute(_reached_at(desk.order)),
        server=_who(desk.order),
        refusal=served.refusal,
        witnesses=served.witnesses,
        basis=desk.cited(desk.matter.delivery.basis, article),
    )


def _served_kind(desk: _Desk) -> DocumentKind:
    """Return the kind of what was served: the decision, or a document that was issued again."""
    known = desk.order.facts.get("served_kind")
    return next((kind for kind in TITLES if kind == known), _decision_kind(desk))


def _reached_at(order: DocumentOrder) -> datetime | None:
    said = order.facts.get("served_at")
    return datetime.fromisoformat(said) if isinstance(said, str) else order.case.served_at


def _decision_kind(desk: _Desk) -> DocumentKind:
    if desk.order.case.deemed_renewed:
        return "deemed_renewal"
    return "refusal" if desk.order.case.decision == "refuse" else "grant"


def _wait_notice(desk: _Desk) -> facts.WaitNotice:
    wait = desk.order.case.waits[-1]
    return facts.WaitNotice(
        **desk.common(),
        accepted_on=desk.day(desk.order.case.accepted_at),
        wait=WAITS[wait.ground],
        reason=sentence(desk.body("reason")),
        expected_days=int(desk.body("expected_days", "0")),
        expected_until=desk.day(wait.expected_until - _INSTANT),
        decide_by=desk.last_day("statutory"),
        provisional=desk.is_provisional("statutory"),
        basis=desk.cited(str(desk.order.facts["article"])),
    )


def _hearing_right_notice(desk: _Desk) -> facts.HearingRightNotice:
    return facts.HearingRightNotice(
        **desk.common(),
        accepted_on=desk.day(desk.order.case.accepted_at),
        interest=sentence(desk.body("interest")),
        parties=tuple(str(one) for one in desk.order.command.body.get("parties") or ()),
        request_by=desk.last_day("hearing_request"),
        basis=desk.cited("XKF-47a"),
        costs=desk.cited("XKF-47-2"),
    )


def _hearing_notice(desk: _Desk) -> facts.HearingNotice:
    hearing = desk.order.case.hearing
    assert hearing is not None, "听证通知书没有听证"
    told = messages.NotifyHearing.model_validate(desk.order.command.body)
    return facts.HearingNotice(
        **desk.common(),
        requested_on=desk.day(hearing.requested_at) if hearing.is_owed else "",
        announcement=told.announcement,
        hearing_at=desk.minute(hearing.hearing_at),
        place=told.place,
        host=told.host_name,
        public=told.public,
        basis=desk.cited("XKF-47b" if hearing.is_owed else "XKF-46", "XKF-48-1"),
        recusal=desk.cited("XKF-48-3"),
    )


def _deemed_renewal(desk: _Desk) -> facts.DeemedRenewal:
    case, renewal = desk.order.case, desk.matter.renewal
    assert renewal is not None and case.licence_until is not None, "不是延续事项"
    return facts.DeemedRenewal(
        **desk.common(),
        received_on=desk.day(case.received_at),
        licence_until=in_words(case.licence_until),
        result=desk.matter.result,
        delivery=period(desk.matter.delivery.n, desk.matter.delivery.unit),
        basis=desk.cited(renewal.basis),
    )


class _CardWords(_Common):
    card: str
    rule: str
    since: str
    why: str
    found: str
    explain_within: str
    basis: str


def _card_words(desk: _Desk) -> _CardWords:
    """Return what both papers of a card say; they go to the department responsible."""
    said, order = desk.order.facts, desk.order
    days = said.get("explain_days")
    return _CardWords(
        **{  # type: ignore[typeddict-item]  # the keys of `_Common`, some replaced
            **desk.common(),
            "addressee": desk.city.department(str(said["department"])).name,
            "phone": order.department.phone,
        },
        card=str(said["number"]),
        rule=f"{said['rule']} {said['title']}",
        since=desk.minute(datetime.fromisoformat(str(said["at"]))),
        why=why_in_words(said),
        found=sentence(desk.body("text")) if order.command.verb == "issue_card" else "",
        explain_within=period(days, "working_day") if isinstance(days, int) and days else "",
        basis=desk.cited(str(said["article"])),
    )


def _supervision_order(desk: _Desk) -> facts.SupervisionOrder:
    return facts.SupervisionOrder(**_card_words(desk))


def _supervision_advice(desk: _Desk) -> facts.SupervisionAdvice:
    public = desk.order.facts.get("public") is True
    return facts.SupervisionAdvice(
        **_card_words(desk), public_basis=desk.cited(PUBLIC_REASONS) if public else ""
    )


def sentence(text: str) -> str:
    """Return the text with a full stop at its end, as a paragraph needs."""
    text = text.strip()
    return text if not text or text[-1] in "。！？；." else f"{text}。"


_WRITERS: Mapping[DocumentKind, Callable[[_Desk], facts.DocumentFacts]] = {
    "receipt": _receipt,
    "supplement_notice": _supplement_notice,
    "acceptance_notice": _acceptance_notice,
    "acceptance_refusal": _acceptance_refusal,
    "procedure_notice": _procedure_notice,
    "extension_notice": _extension_notice,
    "grant": _grant,
    "refusal": _refusal,
    "service_record": _service_record,
    "wait_notice": _wait_notice,
    "hearing_right_notice": _hearing_right_notice,
    "hearing_notice": _hearing_notice,
    "deemed_renewal": _deemed_renewal,
    "supervision_order": _supervision_order,
    "supervision_advice": _supervision_advice,
}
