"""The timetables of neighbouring laws, by the shipped calendar: both sides of each limit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cases import approval
from cases.approval import plan_of
from cases.clocks import due_of, late_by, ledger, newest, periods
from cases.clocks.model import Period
from cases.state import ClockEvent
from catalogue.check import check
from catalogue.clock_check import bases_of
from catalogue.clock_templates import TemplateUnknown, load_templates, template
from catalogue.load import load_catalogue
from tests.catalogue.test_catalogue import PACKS, broken, folder, line_of

__all__ = ["folder"]

CATALOGUE = load_catalogue()
TEMPLATES = load_templates()
CN = CATALOGUE.calendars["cn"]
ZONE = ZoneInfo("Asia/Shanghai")

Told = tuple[str, str] | tuple[str, str, dict[str, Any]]


def at(text: str) -> datetime:
    """A day, by day at ten; or an instant of Beijing."""
    said = datetime.fromisoformat(text)
    return said.replace(hour=said.hour or 10, tzinfo=ZONE)


def events(*told: Told) -> Iterator[ClockEvent]:
    for number, (kind, when, *detail) in enumerate(told):
        yield ClockEvent(
            id=f"{number}.0", kind=kind, at=at(when), article="",
            detail=detail[0] if detail else {},
        )  # fmt: skip


def found(code: str, key: str, *told: Told) -> Period:
    return newest(periods(TEMPLATES[code].rules, events(*told)))[key]


def last_day(code: str, key: str, *told: Told) -> date | None:
    due = due_of(found(code, key, *told), CN, "Asia/Shanghai")
    return None if due is None else due.day


HALF = {"n": 30, "unit": "day"}
THIRD = {"ground": "third_party", "name": "甲公司"}
OTHER = {"ground": "other_authority", "name": "市财政局"}


@pytest.mark.parametrize(
    ("code", "key", "told", "day"),
    [
        # 行政许可法. 2026-01-30: 春节 02-15…23, worked on 02-14 and 02-28 (domain.md §2.3).
        ("licence", "statutory", [("accepted", "2026-01-30")], "2026-03-05"),
        ("licence", "joint", [("accepted", "2026-03-02", {"joint": True})], "2026-05-08"),
        ("licence", "notice", [("received", "2026-04-29")], "2026-05-09"),
        ("licence", "lower_review", [("lower_accepted", "2026-02-10")], "2026-03-16"),
        ("licence", "delivery", [("decided", "2026-09-30", {"result": "grant"})], "2026-10-20"),
        ("licence", "assignment", [("accepted", "2026-02-13")], "2026-02-27"),
        ("licence", "hearing", [("hearing_requested", "2026-09-18")], "2026-10-22"),
        # Five calendar days; the fifth is a Saturday: on to Monday.
        ("licence", "hearing_request", [("hearing_right_told", "2026-11-23")], "2026-11-30"),
        ("licence", "hearing_request", [("hearing_right_told", "2026-11-24")], "2026-11-30"),
        ("licence", "hearing_request", [("hearing_right_told", "2026-11-25")], "2026-11-30"),
        ("licence", "hearing_request", [("hearing_right_told", "2026-11-26")], "2026-12-01"),
        ("licence", "hearing_notice", [("hearing_set", "2026-12-18")], "2026-12-11"),
        ("licence", "renewal_request", [("licence_ends", "2026-12-31")], "2026-12-01"),
        (
            "licence", "renewal",
            [("received", "2026-11-02", {"renewal": True, "licence_until": "2026-12-31"})],
            "2026-12-31",
        ),
        ("licence", "public_service", [("announced", "2026-11-02")], "2026-12-02"),
        # 政府信息公开条例
        ("information-disclosure", "notice", [("received", "2026-02-10")], "2026-02-26"),
        ("information-disclosure", "reply", [("received", "2026-01-30")], "2026-03-05"),
        (
            "information-disclosure", "reply",
            [("received", "2026-01-30"), ("extended", "2026-03-05", {"n": 20})], "2026-04-02",
        ),
        (
            "information-disclosure", "reply",
            [("received", "2026-03-02"), ("noticed", "2026-03-04"),
             ("supplied", "2026-03-11", {"complete": True})], "2026-04-09",
        ),
        (
            "information-disclosure", "third_party:甲公司",
            [("received", "2026-03-02"), ("paused", "2026-03-04", THIRD)], "2026-03-25",
        ),
        (
            "information-disclosure", "other_authority:市财政局",
            [("received", "2026-03-02"), ("paused", "2026-03-04", OTHER)], "2026-03-25",
        ),
        (
            "information-disclosure", "supplement",
            [("noticed", "2026-03-02", {"supply_within_days": 10})], "2026-03-12",
        ),
        # 信访工作条例
        ("petition", "registration", [("registered", "2026-02-10")], "2026-02-25"),
        ("petition", "direct_answer", [("received", "2026-02-10", {"direct": True})], "2026-02-25"),
        ("petition", "forwarded_answer", [("forwarded", "2026-02-10")], "2026-02-25"),
        ("petition", "objection", [("forwarded", "2026-02-13")], "2026-02-27"),
        ("petition", "handling", [("accepted", "2026-03-02")], "2026-05-01"),
        (
            "petition", "handling",
            [("accepted", "2026-03-02"), ("extended", "2026-04-30", HALF)], "2026-05-31",
        ),
        ("petition", "review_request", [("answered", "2026-03-02")], "2026-04-01"),
        ("petition", "review", [("review_requested", "2026-03-02")], "2026-04-01"),
        ("petition", "recheck_request", [("review_answered", "2026-03-02")], "2026-04-01"),
        ("petition", "recheck", [("recheck_requested", "2026-03-02")], "2026-04-01"),
        # 行政复议法: 2026-05-02 (60 days on) is a holiday, 05-06 the first day after it.
        ("administrative-review", "application", [("known", "2026-03-03")], "2026-05-06"),
        ("administrative-review", "application", [("known", "2026-03-02")], "2026-05-06"),
        ("administrative-review", "application", [("known", "2026-03-07")], "2026-05-06"),
        ("administrative-review", "application", [("known", "2026-03-08")], "2026-05-07"),
        ("administrative-review", "examination", [("received", "2026-04-29")], "2026-05-09"),
        ("administrative-review", "notice", [("received", "2026-04-29")], "2026-05-09"),
        ("administrative-review", "supplement", [("noticed", "2026-09-30")], "2026-10-20"),
        ("administrative-review", "copy", [("accepted", "2026-09-24")], "2026-10-12"),
        (
            "administrative-review", "copy",
            [("accepted", "2026-09-24", {"procedure": "summary"})], "2026-09-30",
        ),
        ("administrative-review", "answer", [("copy_received", "2026-09-30")], "2026-10-20"),
        (
            "administrative-review", "answer",
            [("copy_received", "2026-09-24", {"procedure": "summary"})], "2026-10-09",
        ),
        ("administrative-review", "hearing_notice", [("hearing_set", "2026-10-09")], "2026-09-24"),
        ("administrative-review", "decision", [("accepted", "2026-06-01")], "2026-07-31"),
        (
            "administrative-review", "decision",
            [("accepted", "2026-06-01"), ("extended", "2026-07-31", HALF)], "2026-08-31",
        ),
        (
            "administrative-review", "decision",
            [("accepted", "2026-06-01", {"procedure": "summary"})], "2026-07-01",
        ),
        # 保障中小企业款项支付条例
        ("sme-payment", "payment", [("delivered", "2026-03-02")], "2026-04-01"),
        (
            "sme-payment", "payment",
            [("delivered", "2026-03-02", {"agreed_days": 45})], "2026-04-16",
        ),
        (
            "sme-payment", "payment",
            [("delivered", "2026-03-02", {"agreed_days": 60})], "2026-05-01",
        ),
        (
            "sme-payment", "payment",
            [("delivered", "2026-03-02", {"agreed_days": 90})], "2026-05-01",
        ),
        ("sme-payment", "payment_limit", [("delivered", "2026-03-02")], "2026-05-01"),
        (
            "sme-payment", "payment",
            [("delivered", "2026-03-02"), ("inspected", "2026-03-12")], "2026-04-11",
        ),
        ("sme-payment", "confirmation", [("confirmation_requested", "2026-03-02")], "2026-04-01"),
        (
            "sme-payment", "publication",
            [("year_ended", "2026-12-31", {"publish_by": "2027-03-31"})], "2027-03-31",
        ),
        ("sme-payment", "complaint_transfer", [("complaint_accepted", "2026-09-30")], "2026-10-20"),
        ("sme-payment", "complaint", [("complaint_forwarded", "2026-03-02")], "2026-04-01"),
        # 政务数据共享 (one city's, unverified)
        ("data-sharing", "check", [("requested", "2026-09-30")], "2026-10-09"),
        ("data-sharing", "reply", [("forwarded", "2026-09-24", {"on_platform": True})],
         "2026-10-09"),
        ("data-sharing", "reply", [("forwarded", "2026-09-30", {"on_platform": False})],
         "2026-10-20"),
    ],
)  # fmt: skip
def test_the_last_day_of_a_period(code: str, key: str, told: list[Told], day: str) -> None:
    assert last_day(code, key, *told) == date.fromisoformat(day)


ENDS: dict[tuple[str, str], tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    ("licence", "statutory"): ("accepted", {}, "decided", {}),
    ("licence", "joint"): ("accepted", {"joint": True}, "decided", {}),
    ("licence", "notice"): ("received", {}, "noticed", {}),
    ("licence", "lower_review"): ("lower_accepted", {}, "lower_reviewed", {}),
    ("licence", "delivery"): ("decided", {"result": "grant"}, "delivered", {}),
    ("licence", "assignment"): ("accepted", {}, "inspectors_assigned", {}),
    ("licence", "hearing"): ("hearing_requested", {}, "hearing_held", {}),
    ("licence", "hearing_request"): ("hearing_right_told", {}, "hearing_requested", {}),
    ("information-disclosure", "notice"): ("received", {}, "noticed", {}),
    ("information-disclosure", "reply"): ("received", {}, "replied", {}),
    ("information-disclosure", "third_party:甲公司"): ("paused", THIRD, "resumed", THIRD),
    ("information-disclosure", "other_authority:市财政局"): ("paused", OTHER, "resumed", OTHER),
    ("petition", "registration"): ("registered", {}, "forwarded", {}),
    ("petition", "objection"): ("forwarded", {}, "returned", {}),
    ("petition", "handling"): ("accepted", {}, "decided", {}),
    ("petition", "review_request"): ("answered", {}, "review_requested", {}),
    ("petition", "review"): ("review_requested", {}, "review_answered", {}),
    ("petition", "recheck_request"): ("review_answered", {}, "recheck_requested", {}),
    ("petition", "recheck"): ("recheck_requested", {}, "recheck_answered", {}),
    ("administrative-review", "application"): ("known", {}, "received", {}),
    ("administrative-review", "examination"): ("received", {}, "accepted", {}),
    ("administrative-review", "supplement"): ("noticed", {}, "supplied", {"complete": True}),
    ("administrative-review", "copy"): ("accepted", {}, "copy_sent", {}),
    ("administrative-review", "answer"): ("copy_received", {}, "answered", {}),
    ("administrative-review", "decision"): ("accepted", {}, "decided", {}),
    ("sme-payment", "payment"): ("delivered", {}, "paid", {}),
    ("sme-payment", "payment_limit"): ("delivered", {}, "paid", {}),
    ("sme-payment", "confirmation"): ("confirmation_requested", {}, "confirmed", {}),
    ("sme-payment", "complaint_transfer"): ("complaint_accepted", {}, "complaint_forwarded", {}),
    ("sme-payment", "complaint"): ("complaint_forwarded", {}, "complaint_answered", {}),
    ("data-sharing", "check"): ("requested", {}, "forwarded", {}),
    ("data-sharing", "reply"): ("forwarded", {"on_platform": True}, "replied", {}),
}  # fmt: skip
"""Template and period → what begins it and what ends it."""


@pytest.mark.parametrize(("code", "key"), ENDS)
def test_an_act_at_a_minute_to_midnight_of_the_last_day_is_in_time_and_two_later_late(
    code: str, key: str
) -> None:
    begin, detail, end, said = ENDS[code, key]
    start: Told = (begin, "2026-09-18", detail)
    due = due_of(found(code, key, start), CN, "Asia/Shanghai")
    assert due is not None
    for moment, late in ((due.at - timedelta(minutes=1), 0), (due.at + timedelta(minutes=1), 1)):
        ended: Told = (end, moment.astimezone(ZONE).isoformat()[:19], said)
        period = newest(periods(TEMPLATES[code].rules, _exact(start, ended)))[key]
        assert period.end is not None and period.end.kind == end
        counted = ledger(period, CN, "Asia/Shanghai", moment)
        # A minute into a day off, nothing more is used: late by the instant, not by a unit.
        assert (period.end.at >= due.at) == bool(late)
        assert late_by(counted) <= late


def _exact(*told: Told) -> list[ClockEvent]:
    made = list(events(*told))
    second = datetime.fromisoformat(told[1][1]).replace(tzinfo=ZONE)
    return [made[0], made[1].model_copy(update={"at": second})]


@pytest.mark.parametrize(
    ("notified", "late"), [("2026-12-11T23:59:00", False), ("2026-12-12T00:01:00", True)]
)
def test_a_hearing_is_notified_on_the_seventh_day_before_at_the_latest(
    notified: str, late: bool
) -> None:
    told: list[Told] = [("hearing_set", "2026-12-18"), ("hearing_notified", notified)]
    period = newest(periods(TEMPLATES["licence"].rules, _exact(*told)))["hearing_notice"]
    assert (late_by(ledger(period, CN, "Asia/Shanghai", at("2026-12-18"))) > 0) == late


@pytest.mark.parametrize(("asked", "late"), [("2026-12-01T23:59:00", False),
                                             ("2026-12-02T00:01:00", True)])  # fmt: skip
def test_a_renewal_is_asked_for_on_the_thirtieth_day_before_at_the_latest(
    asked: str, late: bool
) -> None:
    detail = {"renewal": True, "licence_until": "2026-12-31"}
    told: list[Told] = [("licence_ends", "2026-12-31"), ("received", asked, detail)]
    period = newest(periods(TEMPLATES["licence"].rules, _exact(*told)))["renewal_request"]
    assert (late_by(ledger(period, CN, "Asia/Shanghai", at("2026-12-31"))) > 0) == late


# --- what stops a period, and what does not -------------------------------------------------------


def test_only_the_eight_stop_the_licence_and_nothing_moves_a_licences_last_day() -> None:
    start: Told = ("accepted", "2026-03-02")
    for ground, stops in (("hearing", True), ("site_visit", False), ("supplement", False)):
        pause: Told = ("paused", "2026-03-04", {"ground": ground, "name": "p-1"})
        resume: Told = ("resumed", "2026-03-11", {"ground": ground, "name": "p-1"})
        moved = last_day("licence", "statutory", start, pause, resume)
        assert (moved != last_day("licence", "statutory", start)) == stops
    asked: Told = ("received", "2026-03-02", {"renewal": True, "licence_until": "2026-04-30"})
    hearing: Told = ("paused", "2026-03-04", {"ground": "hearing", "name": "hearing-1"})
    more: Told = ("extended", "2026-03-10", {"n": 10, "unit": "working_day"})
    assert last_day("licence", "renewal", asked, hearing, more) == date(2026, 4, 30)


def test_the_time_of_the_third_party_is_not_the_authoritys() -> None:
    received: Told = ("received", "2026-03-02")
    asked: Told = ("paused", "2026-03-04", THIRD)
    given: Told = ("resumed", "2026-03-11", THIRD)
    assert last_day("information-disclosure", "reply", received, asked) is None
    # Six working days had a part of the consultation (03-04 … 03-11).
    assert last_day("information-disclosure", "reply", received, asked, given) == date(2026, 4, 8)


def test_silence_of_a_co_author_is_consent_and_of_a_third_party_it_is_not() -> None:
    rules = {one.clock: one for one in TEMPLATES["information-disclosure"].rules}
    assert rules["other_authority"].expiry == "deemed_consent"
    assert rules["third_party"].expiry == ""


def test_two_third_parties_have_a_period_each() -> None:
    second = THIRD | {"name": "乙公司"}
    told = events(
        ("received", "2026-03-02"),
        ("paused", "2026-03-04", THIRD),
        ("paused", "2026-03-06", second),
    )
    keys = newest(periods(TEMPLATES["information-disclosure"].rules, told))
    assert {"third_party:甲公司", "third_party:乙公司"} <= set(keys)


def test_a_suspended_review_stands_still_and_a_hearing_stops_a_recheck_alone() -> None:
    accepted: Told = ("accepted", "2026-06-01")
    held: Told = ("paused", "2026-06-03", {"ground": "suspension", "name": "s-1"})
    assert last_day("administrative-review", "decision", accepted, held) is None
    hearing: Told = ("paused", "2026-06-03", {"ground": "hearing", "name": "h-1"})
    assert last_day("petition", "recheck", ("recheck_requested", "2026-06-01"), hearing) is None
    assert last_day("petition", "review", ("review_requested", "2026-06-01"), hearing) == date(
        2026, 7, 1
    )


def test_late_payment_costs_five_ten_thousandths_a_day() -> None:
    payment = TEMPLATES["sme-payment"].rules[0]
    assert payment.interest is not None
    assert (payment.interest.per_day, payment.interest.basis) == (Decimal("0.0005"), "ZXQY-17")
    assert "万分之五" in CATALOGUE.law["ZXQY-17"].text


# --- the files -----------------------------------------------------------------------------------


def test_every_article_of_a_template_is_registered_and_says_how_many_days() -> None:
    numerals = {2: "二", 5: "五", 7: "七", 10: "十", 15: "十五", 20: "二十", 30: "三十",
                45: "四十五", 60: "六十", 3: "三"}  # fmt: skip
    for code, one in TEMPLATES.items():
        for index, rule in enumerate(one.rules):
            assert all(basis in CATALOGUE.law for _, basis in bases_of(rule, ("时限", index)))
            article = CATALOGUE.law[rule.limit.basis]
            assert rule.verified == article.verified, (code, rule.id)
            n = rule.limit.n
            if article.text and n and rule.clock != "supplement":
                assert numerals[n] in article.text or str(n) in article.text, (code, rule.id)


def test_an_unknown_template_is_told_with_those_there_are() -> None:
    with pytest.raises(TemplateUnknown, match="petition"):
        template("nothing")
    assert template("petition").title.zh == "信访"


PETITION = "clocks/petition.yaml"
LICENCE = "clocks/licence.yaml"
SHARING = "clocks/data-sharing.yaml"


@pytest.mark.parametrize(
    ("name", "old", "new", "mark", "message"),
    [
        (PETITION, "标识: petition", "标识: petitions", "标识: petitions", "文件名与标识不符"),
        (PETITION, "日历: cn", "日历: mars", "日历: mars", "没有日历「mars」"),
        (PETITION, "日历: cn", "日历: none", "时限: 5", "没有日历却按工作日计"),
        (PETITION, "依据: XFGZ-34}", "依据: XFGZ-99}", "时限: 60", "不在法条登记簿内"),
        (PETITION, "停表: [听证]", "停表: [午休]", "停表", "没有停表事由「午休」"),
        (PETITION, "届满: 失权", "届满: 作废", "届满: 作废", "没有届满后果「作废」"),
        (PETITION, "时限: 15, 单位: 自然日, 依据: XFGZ-22", "时限: 0, 单位: 自然日, 依据: XFGZ-22",
         "时限: 0", "时限为 0"),
        (PETITION, "延长: {时限: 30, 单位: 自然日", "延长: {时限: 30, 单位: 小时", "延长",
         "单位不能相加"),
        (PETITION, "义务人: 申请人", "义务人: 邻居", "义务人: 邻居", "不在清单内"),
        (PETITION, "时钟: handling", "钟: handling", "钟: handling", "没有「钟」这个要素"),
        (PETITION, "[{事件: registered}]", "[]", "起算: []", "起算"),
        ("clocks/sme-payment.yaml", "至多: 60", "至多: 29", "至多: 29", "至多只限制事件写明的期限"),
        (LICENCE, "提前: true", "提前: true\n    停表: [听证]", "提前: true", "倒计的时限不能停表"),
        (LICENCE, "到期日: licence_until", "到期日: licence_until\n    停表: [听证]",
         "到期日: licence_until", "到期日由事件给定"),
        (LICENCE, "日历: cn", "时区: Mars/Base\n日历: cn", "Mars/Base",
         "没有时区「Mars/Base」"),
        (SHARING, "    verified: false\n", "", "GPSJ-1", "时限却标为已核对"),
    ],
)  # fmt: skip
def test_a_fault_of_a_template_names_its_file_line_and_remedy(
    folder: Path, name: str, old: str, new: str, mark: str, message: str
) -> None:
    faults = [one for one in broken(folder, name, old, new) if message in one.message]
    assert faults, check(folder, PACKS)
    assert faults[0].file == name and faults[0].remedy
    assert faults[0].line == line_of(folder, name, mark)


# --- a case's own clocks say what the template says -----------------------------------------------


@pytest.mark.parametrize(
    ("matter", "clock"),
    [
        ("food-operation", "notice"),
        ("food-operation", "delivery"),
        ("food-operation", "hearing_request"),
        ("food-operation", "hearing"),
        ("radiation-renewal", "renewal"),
    ],
)
def test_a_cases_clock_is_the_templates_where_the_matter_has_no_number_of_its_own(
    matter: str, clock: str
) -> None:
    plan = plan_of(CATALOGUE.matter(matter, "2026.1"), "d" * 64)
    own = {rule.clock: rule for rule in approval.clock_rules(plan)}[clock]
    law = {rule.clock: rule for rule in TEMPLATES["licence"].rules}[clock]
    for name in ("id", "side", "limit", "roll", "expiry", "pauses", "due_field"):
        assert getattr(own, name) == getattr(law, name), name


def test_only_the_eight_stop_the_statutory_clock_of_any_shipped_licence() -> None:
    law = {rule.clock: rule for rule in TEMPLATES["licence"].rules}
    for matter in CATALOGUE.matters:
        if matter.type_code == "01" and matter.process == "approval":
            own = {rule.clock: rule for rule in approval.clock_rules(plan_of(matter, "d" * 64))}
            assert own["statutory"].pauses == law["statutory"].pauses


@pytest.mark.parametrize(
    ("told", "day"), [("2026-11-25", "2026-11-30"), ("2026-11-26", "2026-12-01")]
)
def test_the_five_days_of_a_case_are_calendar_days_and_roll_over_a_weekend(
    told: str, day: str
) -> None:
    plan = plan_of(CATALOGUE.matter("food-operation", "2026.1"), "d" * 64)
    found = newest(periods(approval.clock_rules(plan), events(("hearing_right_told", told))))
    due = due_of(found["hearing_request"], CN, "Asia/Shanghai")
    assert due is not None and due.day == date.fromisoformat(day)
