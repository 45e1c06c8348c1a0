"""The articles that the machine itself rests on, by their ids in the law register.

A matter's own stand in its limits. XKF = 行政许可法 (2019 修正); MSF = 民事诉讼法 (2023 修正).
"""

from collections.abc import Sequence
from types import MappingProxyType

from cases.state import Plan

PROCEDURE_OF_LAW = "XKF-4"
"""依照法定的权限、范围、条件和程序: who holds a task, and what no other article orders."""
VESTED = "XKF-8"
"""不得擅自改变已经生效的行政许可."""
JOINT = "XKF-26"
"""转告有关部门分别提出意见后统一办理."""
APPLICATION = "XKF-29"
NOT_REQUIRED = "XKF-32-1"
NOT_COMPETENT = "XKF-32-2"
CORRECT_ON_SPOT = "XKF-32-3"
NOTICE = "XKF-32-4"
ACCEPT = "XKF-32-5"
REVIEW = "XKF-34-1"
ON_THE_SPOT = "XKF-34-2"
INSPECTION = "XKF-34-3"
INTERESTED_TOLD = "XKF-36"
"""发现行政许可事项直接关系他人重大利益的，应当告知该利害关系人."""
DECISION = "XKF-37"
GRANT = "XKF-38-1"
REASONS = "XKF-38-2"
CERTIFICATE = "XKF-39"
EXTENSION = "XKF-42-1x"
DELIVERY = "XKF-44"
PROCEDURE = "XKF-45"
HEARING_HOST = "XKF-48-3"
RECUSAL = "GWY-76"
"""公务员执行公务时，涉及本人或者近亲属利害关系的，应当回避."""
RECUSAL_ORDERED = "GWY-77"
"""本人应当申请回避；机关也可以不经申请直接作出回避决定."""
ELECTRONIC_SERVICE = "MSF-90"
RECEIPT_INSTANT = "DZQM-11"
MATERIALS = "ZXZW-7"
TOLERANCE = "AY-24"
COMMITMENT = "AY-25"
CHECKED_AFTERWARDS = "ZJ-14"
SCARCE = "XKF-57"
"""根据受理行政许可申请的先后顺序作出准予行政许可的决定."""
REVOCATION = "XKF-69"
FALSE_MATERIALS = "XKF-78"
"""申请人在一年内不得再次申请该行政许可."""
FRAUD = "XKF-79"
"""申请人在三年内不得再次申请该行政许可."""
WORKING_DAYS = "XKF-82"
"""行政许可法第八十二条: why another calendar moves an instant."""
RATING = "HCP-2"
CARDS = "YCJC-1"
"""Cards: numbered, append-only, revoked by a second event with reasons, never for a paused case."""
CASE = "办件状态"
"""Of an event that follows from where the case stands, not from an article. No *no* rests on it."""

HEARING_ANNOUNCED = "XKF-46"
"""向社会公告，并举行听证: a hearing that no one need ask for."""
HEARING_RIGHT = "XKF-47a"
"""五日内提出听证申请."""
HEARING_ORGANISED = "XKF-47b"
"""二十日内组织听证."""
HEARING_NOTICE = "XKF-48-1"
HEARING_RECORD = "XKF-48-end"
INSPECTORS = "XKF-55"
RENEWAL = "XKF-50"
WAITS = {"site_visit": "AY-37", "publicity": "BZ-19"}
"""Why the promised clock may stand: local law; the Act itself knows neither."""
RECEIPT_CONFIRMED = "XXGK-31"
SUPERVISION = "XKF-60"
"""上级行政机关……及时纠正行政许可实施中的违法行为: a pause without ground is one."""

_REQUIRED: MappingProxyType[tuple[str, str], str] = MappingProxyType(
    {
        ("ask_supplement", "lacking"): NOTICE,
        ("start_procedure", "kind"): PROCEDURE,
        ("start_procedure", "ground"): PROCEDURE,
        ("start_procedure", "expected_days"): PROCEDURE,
        ("extend", "reason"): EXTENSION,
        ("tell_hearing_right", "interest"): HEARING_RIGHT,
        ("notify_hearing", "hearing_at"): HEARING_NOTICE,
        ("notify_hearing", "place"): HEARING_NOTICE,
        ("notify_hearing", "host"): HEARING_HOST,
        ("assign_inspectors", "inspectors"): INSPECTORS,
        ("disallow_pause", "reason"): SUPERVISION,
        ("revoke_licence", "ground"): REVOCATION,
        ("revoke_licence", "reason"): REVOCATION,
        ("restore_pause", "reason"): SUPERVISION,
        ("reissue", "ground"): PROCEDURE_OF_LAW,
        ("reissue", "reason"): PROCEDURE_OF_LAW,
    }
)
"""Verb and field of its body → the article that asks for what the field must say."""


_OF_VERB: MappingProxyType[str, str] = MappingProxyType(
    {
        "file": APPLICATION,
        "confirm_receipt": RECEIPT_CONFIRMED,
        "pre_review": NOTICE,
        "ask_supplement": NOTICE,
        "supply": ACCEPT,
        "correct_on_spot": CORRECT_ON_SPOT,
        "accept": ACCEPT,
        "refuse_acceptance": NOT_COMPETENT,
        "not_required": NOT_REQUIRED,
        "claim": PROCEDURE_OF_LAW,
        "transfer": PROCEDURE_OF_LAW,
        "recuse": RECUSAL,
        "add_signer": JOINT,
        "remove_signer": JOINT,
        "opine": REVIEW,
        "inspect": INSPECTION,
        "gather": JOINT,
        "start_procedure": PROCEDURE,
        "end_procedure": PROCEDURE,
        "start_wait": WAITS["site_visit"],
        "end_wait": WAITS["site_visit"],
        "disallow_pause": SUPERVISION,
        "restore_pause": SUPERVISION,
        "tell_hearing_right": HEARING_RIGHT,
        "request_hearing": HEARING_RIGHT,
        "notify_hearing": HEARING_NOTICE,
        "assign_inspectors": INSPECTORS,
        "extend": EXTENSION,
        "return_step": DECISION,
        "decide": DECISION,
        "certify": CERTIFICATE,
        "serve": DELIVERY,
        "reissue": PROCEDURE_OF_LAW,
        "serve_reissued": DELIVERY,
        "close": DELIVERY,
        "rate": RATING,
        "rectify": RATING,
        "call_back": RATING,
        "withdraw": DECISION,
        "urge": SUPERVISION,
        "copy_to": PROCEDURE_OF_LAW,
        "check_afterwards": CHECKED_AFTERWARDS,
        "revoke_licence": REVOCATION,
        "issue_card": CARDS,
        "revoke_card": CARDS,
        "explain_card": CARDS,
        "review_explanation": CARDS,
        "record_step": PROCEDURE_OF_LAW,
        "retimed": WORKING_DAYS,
        "timer_fired": WORKING_DAYS,
    }
)
"""Verb → the article that gives it its place, and that is broken where it comes out of place.

Service and closing before a decision break 第四十四条 (自作出决定之日起), a decision before
acceptance 第三十七条 (进行审查后), a second acceptance 第三十二条, the end of a pause that never
began 第四十五条.
"""

_AT_INTAKE = frozenset(
    {
        "pre_review", "ask_supplement", "supply", "correct_on_spot", "accept", "refuse_acceptance",
        "not_required",
    }
)  # fmt: skip
_AFTER_DECISION = frozenset({"certify", "serve", "close"})
_LICENCES = "XKF-"
_OF_EVERYBODY = frozenset({SUPERVISION, WORKING_DAYS})


def broken_by(plan: Plan | None, verb: str, *, granted: bool = False) -> str:
    """Return the article that an order breaks which comes out of its place.

    `plan` None: there is no case yet. Where another law than 行政许可法 rules the matter, the
    article is that of its own notice, period or delivery. `granted`: the case has been.
    """
    basis = _OF_VERB.get(verb, PROCEDURE_OF_LAW)
    if plan is None:
        return APPLICATION
    if verb == "extend" and plan.extension is not None:
        return plan.extension.basis
    if not basis.startswith(_LICENCES) or basis in _OF_EVERYBODY:
        return basis
    if plan.notice.basis.startswith(_LICENCES):
        return VESTED if granted and verb in ("decide", "withdraw") else basis
    if verb in _AT_INTAKE:
        return plan.notice.basis
    return plan.delivery.basis if verb in _AFTER_DECISION else plan.statutory.basis


def asked_by(verb: str, path: Sequence[int | str]) -> str:
    """Return the article that asks for a field of an order's body, empty where none does."""
    return _REQUIRED.get((verb, str(path[0])), "") if path else ""
