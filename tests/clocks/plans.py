"""The same numbers for both clocks: a timetable as the plan of a case, a calendar as a table."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from cases.approval.clocks import clock_rules
from cases.approval.opening import plan_of
from catalogue.clock_rules import ClockRule
from catalogue.matters import Extension, Limit, Matter
from catalogue.working_days import Calendar
from tests.clocks.by_day import DayTable
from tests.clocks.stories import TIMETABLES
from tests.clocks.timetable import EIGHT, Span, Timetable
from tests.histories.sample import matter

LIKELY_OFF = frozenset(
    date.fromisoformat(day)
    for day in (
        "2027-01-01 2027-02-05 2027-02-06 2027-02-07 2027-02-08 2027-04-05 2027-05-01 2027-05-02 "
        "2027-06-09 2027-09-15 2027-10-01 2027-10-02 2027-10-03 "
        "2028-01-01 2028-01-25 2028-01-26 2028-01-27 2028-01-28 2028-04-04 2028-05-01 2028-05-02 "
        "2028-05-28 2028-10-01 2028-10-02 2028-10-03"
    ).split()
)
"""全国年节及纪念日放假办法第二条 (2024-11-10) for the two years after the last notice: 元旦,
春节 from 除夕 to 初三, 清明, 劳动节, 端午, 中秋, 国庆节."""


def table_of(calendar: Calendar) -> DayTable:
    """Return what the other clock reads in place of the calendar: two lists of days, no counts."""
    likely = {day for day in LIKELY_OFF if day > calendar.horizon}
    return DayTable(
        off=calendar.off | likely,
        extra=calendar.on,
        horizon=calendar.horizon,
        hours=calendar.hours,
        every_day=calendar.every_day,
    )


@cache
def rules_of(index: int) -> tuple[ClockRule, ...]:
    """Return the clock rules of a licence with the numbers of `TIMETABLES[index]`."""
    timetable = TIMETABLES[index]
    return clock_rules(plan_of(matter(**_elements(timetable)), digest="0" * 64))


def timetable_for(matter: Matter) -> Timetable:
    """Return the numbers that a matter wrote down."""
    extension, renewal = matter.extension, matter.renewal
    return Timetable(
        zone=matter.zone,
        statutory=_span(matter.statutory),
        promised=_span(matter.promised),
        notice=_span(matter.notice),
        delivery=_span(matter.delivery),
        extension=None if extension is None else _span(extension),
        promise_pauses=frozenset(matter.promise_pauses),
        steps={
            f"review-{step.code}": _span(step.limit)
            for step in matter.steps
            if step.limit is not None
        },
        undertaking=None if matter.tolerance is None else _span(matter.tolerance.limit),
        assignment=None if matter.assignment is None else _span(matter.assignment),
        counts_from=matter.counts_from,
        late_renews=None if renewal is None else renewal.late_renews,
    )


def _span(limit: Limit | Extension) -> Span:
    return limit.n, limit.unit


def _elements(timetable: Timetable) -> dict[str, Any]:
    extension = timetable.extension
    undertaking = timetable.undertaking
    return {
        "时区": timetable.zone,
        "日历": "cn",
        "法定办结时限": _limit(timetable.statutory),
        "承诺办结时限": _limit(timetable.promised),
        "补正告知时限": _limit(timetable.notice),
        "送达时限": _limit(timetable.delivery),
        "延长审批": None if extension is None else _limit(extension) | {"批准人": "organ_head"},
        "特别程序": sorted(EIGHT),
        "承诺时限停表": sorted(timetable.promise_pauses),
        "办理环节": [
            {
                "环节编码": task.removeprefix("review-"),
                "环节名称": task,
                "办理部门": task.removeprefix("review-"),
                "环节时限": _limit(span),
            }
            for task, span in timetable.steps.items()
        ],
        "时限起算": timetable.counts_from,
        "检验指派时限": None if timetable.assignment is None else _limit(timetable.assignment),
        "延续": None
        if timetable.late_renews is None
        else {
            "有效期字段": "licence_until",
            "申请提前": _limit((30, "day")),
            "逾期申请视为延续": timetable.late_renews,
            "依据": "XKF-50",
        },
        "容缺受理": None
        if undertaking is None
        else {"补齐时限": _limit(undertaking), "逾期处理": "withdrawn", "依据": "AY-24"},
    }


def _limit(span: Span) -> dict[str, Any]:
    return {"时限": span[0], "单位": span[1], "依据": "XKF-42-1"}
