"""不得再次申请: who lied for a licence, or got it by fraud, waits (行政许可法第七十八、七十九条).

The bar is noted on the earlier case, by its refusal or by the revocation of its licence, and
judged when the same applicant files for the same matter again. It is no period in which anybody
must act: a last day that falls on a day off does not move it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from cases import messages
from cases.approval import articles
from cases.approval.served_again import end_void
from cases.approval.walk import Walk
from cases.clock import local_day
from cases.messages import Command
from cases.settling import RuleForbids
from cases.state import Bar, CaseState, Plan

BARRED_YEARS: MappingProxyType[str, int] = MappingProxyType(
    {
        articles.FALSE_MATERIALS: 1,  # 第七十八条: 申请人在一年内不得再次申请该行政许可
        articles.FRAUD: 3,  # 第七十九条: 申请人在三年内不得再次申请该行政许可
    }
)

_BY_GROUND: MappingProxyType[str, str] = MappingProxyType(
    {"false_materials": articles.FALSE_MATERIALS, "fraud": articles.FRAUD}
)

WHY: MappingProxyType[str, str] = MappingProxyType(
    {
        articles.FALSE_MATERIALS: "曾隐瞒有关情况或者提供虚假材料申请本许可",
        articles.FRAUD: "曾以欺骗、贿赂等不正当手段取得本许可",
    }
)


def barring(plan: Plan, ground: str) -> dict[str, JsonValue]:
    """Return what the event of a refusal or revocation says of applying again; often nothing."""
    article = _BY_GROUND.get(ground, "")
    if not article or not plan.concerns_safety:
        return {}
    return {"barred_by": article, "barred_years": BARRED_YEARS[article]}


def last_day(bar: Bar, zone: str) -> date:
    """Return the last day, in the matter's zone, on which one may not apply yet.

    The day of the refusal is day zero; a year ends on the day of the same date (民法典第二百零二
    条), on the last of February where there is none.
    """
    start = local_day(bar.since, zone)
    try:
        return start.replace(year=start.year + bar.years)
    except ValueError:  # 29 February
        return date(start.year + bar.years, 3, 1) - timedelta(days=1)


def check_may_apply(earlier: Sequence[tuple[str, Bar]], at: datetime, zone: str) -> None:
    """Refuse an application that was received at `at` while an earlier case bars it.

    `earlier`: case number and bar. One received before the bar began is judged as it then was.
    """
    standing = [
        (last_day(bar, zone), case_no, bar)
        for case_no, bar in earlier
        if bar.since <= at and local_day(at, zone) <= last_day(bar, zone)
    ]
    if not standing:
        return
    last, case_no, bar = max(standing, key=lambda one: one[0])
    again = last + timedelta(days=1)
    raise RuleForbids(
        "barred",
        f"申请人{WHY[bar.article]}（{case_no}），{bar.years} 年内不得再次申请；"
        f"自 {again.isoformat()} 起可以申请",
        bar.article,
        "body.applicant",
    )


# --- 撤销 ---


def may_revoke(state: CaseState) -> bool:
    return state.decision == "grant" and state.ending != "revoked"


def check_revoke_licence(state: CaseState, command: Command, body: messages.RevokeLicence) -> None:
    if state.decision != "grant":
        raise RuleForbids("nothing_granted", "本件没有准予许可，无从撤销", articles.REVOCATION)
    if state.ending == "revoked":
        raise RuleForbids("already_revoked", "本件的许可已经撤销", articles.REVOCATION)


def revoke_licence(
    walk: Walk, command: Command, body: messages.RevokeLicence, rulings: Mapping[str, Any]
) -> None:
    barred = barring(walk.state.plan, body.ground)
    walk.emit("licence_revoked", ground=body.ground, article=articles.REVOCATION, **barred)
    end_void(walk)
