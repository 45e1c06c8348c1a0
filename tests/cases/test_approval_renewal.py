"""延续: asked for thirty days ahead, decided by the licence's last day, or deemed granted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cases import approval
from cases.approval.renewal import last_request_day
from cases.settling import RuleForbids
from cases.state import CaseState, Event
from catalogue.load import load_catalogue
from catalogue.matters import Limit
from tests.cases.test_approval_pauses import code_of, day, do, timer
from tests.histories.sample import (
    MONDAY,
    RENEWAL,
    PlainSettlement,
    body_of_file,
    matter,
    order,
)
from workflows.approval import timer_command

CATALOGUE = load_catalogue()
MONTH_ON = (MONDAY + timedelta(days=30)).date()
"""The licence's last day when the application comes on the last day for it."""


def filed(until: date = MONTH_ON, **changed: Any) -> tuple[PlainSettlement, CaseState]:
    settlement = PlainSettlement(matter(**RENEWAL | changed))
    body = body_of_file(form={"licence_until": until.isoformat()})
    state, _ = settlement.walk(None, order("file", body))
    return settlement, state


def under_review(until: date = MONTH_ON, **changed: Any) -> tuple[PlainSettlement, CaseState]:
    settlement, state = filed(until, **changed)
    return settlement, do(settlement, state, "accept", 1)


def ring(settlement: PlainSettlement, state: CaseState) -> tuple[CaseState, tuple[Event, ...]]:
    due = timer(state, "renewal")
    assert due is not None
    return settlement.walk(state, timer_command("case-1", due))


def test_an_application_on_the_thirtieth_day_before_is_in_time_and_a_day_later_late() -> None:
    assert not filed(MONTH_ON)[1].requested_late
    assert filed(MONTH_ON - timedelta(days=1))[1].requested_late


def test_a_late_application_is_told_so_and_handled_all_the_same() -> None:
    _settlement, state = under_review(MONTH_ON - timedelta(days=1))
    assert state.stage == "review"
    assert timer(state, "renewal") is None  # silence renews only what was asked for in time


def test_a_matter_may_let_silence_renew_what_was_asked_for_late_too() -> None:
    renewal = RENEWAL["延续"] | {"逾期申请视为延续": True}
    _, state = under_review(MONTH_ON - timedelta(days=1), 延续=renewal)
    assert state.requested_late and timer(state, "renewal") is not None


def test_the_last_day_counted_back_in_working_days() -> None:
    fifteen = Limit(n=15, unit="working_day", basis="XKF-50")
    calendar = CATALOGUE.calendars["cn"]
    # Back over Saturday 10-10, which is worked, and the holidays of 10-01…07 and 09-25…27.
    assert last_request_day(date(2026, 10, 22), fifteen, calendar) == date(2026, 9, 24)
    thirty = Limit(n=30, unit="day", basis="XKF-50")
    assert last_request_day(date(2026, 10, 22), thirty, calendar) == date(2026, 9, 22)


def test_an_undecided_renewal_is_granted_by_law_as_the_licences_last_day_ends() -> None:
    settlement, state = under_review()
    due = timer(state, "renewal")
    assert due is not None
    assert due.due_at == datetime(2026, 4, 1, 16, tzinfo=UTC)  # 24:00 in Beijing on 1 April
    after, events = ring(settlement, state)
    assert (after.decision, after.decided_at, after.stage) == ("grant", due.due_at, "certificate")
    decided = next(one for one in events if one.kind == "decided")
    assert (decided.by, decided.data["article"]) == ("system", "XKF-50")
    assert not any(task.state == "open" and task.kind == "review" for task in after.tasks)


def test_the_deemed_renewal_is_a_document_and_no_grant_that_somebody_signed() -> None:
    settlement, state = under_review()
    due = timer(state, "renewal")
    assert due is not None
    command = timer_command("case-1", due)
    after, events = settlement.walk(state, command)
    kinds = [one.kind for one in approval.document_wishes(state, command, events, after)]
    assert kinds == ["deemed_renewal"]


def test_a_decision_on_the_last_day_is_the_authoritys_own() -> None:
    settlement, state = under_review()
    agree = {"task": "review-review", "result": "agree", "text": "同意"}
    state, _ = settlement.walk(state, order("opine", agree, at=day(2), who="u:reviewer"))
    due = timer(state, "renewal")
    assert due is not None
    just = due.due_at - timedelta(seconds=1)
    refuse = order("decide", {"result": "refuse", "reasons": "不符"}, at=just, who="u:head")
    after, _ = settlement.walk(state, refuse)
    assert (after.decision, after.deemed_renewed) == ("refuse", False)
    late = order("decide", {"result": "refuse", "reasons": "不符"}, at=due.due_at, who="u:head")
    assert code_of(state, late)[0] == "already_decided"


def test_neither_a_procedure_nor_an_extension_moves_the_licences_last_day() -> None:
    settlement, state = under_review()
    due = timer(state, "renewal")
    state = do(settlement, state, "start_procedure", 2, kind="testing", ground="检测",
               expected_days=9)  # fmt: skip
    extend = order("extend", {"reason": "复杂"}, at=day(3), who="u:o", role="organ_head")
    state, _ = settlement.walk(state, extend)
    assert timer(state, "renewal") == due
    state, _ = ring(settlement, state)
    assert state.deemed_renewed and all(one.ended_at for one in state.procedures)


def test_an_application_that_was_never_accepted_renews_nothing_by_silence() -> None:
    settlement, state = filed()
    lack = {"lacking": [{"code": "plan", "what": "平面图"}]}
    state = do(settlement, state, "ask_supplement", 2, **lack)
    after, events = ring(settlement, state)
    assert after.decision == "" and "deemed_renewed" not in [one.kind for one in events]


def test_an_application_accepted_by_silence_is_renewed_by_silence() -> None:
    settlement, state = filed()
    after, _ = ring(settlement, state)
    assert (after.accept_mode, after.deemed_renewed) == ("deemed", True)


@pytest.mark.parametrize("said", ["", "2026-02-30", "next year"])
def test_a_renewal_that_does_not_name_the_last_day_is_no_application(said: str) -> None:
    body = body_of_file(form={"licence_until": said})
    with pytest.raises(RuleForbids) as no:
        approval.open_case(order("file", body), matter(**RENEWAL), "d" * 64)
    assert (no.value.code, no.value.field) == (
        "licence_day_missing", "body.form.licence_until",
    )  # fmt: skip


def test_the_case_goes_on_to_certificate_service_and_archive() -> None:
    settlement, state = under_review()
    state, _ = ring(settlement, state)
    state = do(settlement, state, "certify", 32, certificate="许可证")
    state = do(settlement, state, "serve", 33, method="direct", recipient="李四")
    state = do(settlement, state, "close", 34)
    assert (state.stage, state.ending) == ("rating", "granted")


def test_the_shipped_renewal_is_deemed_granted_under_its_own_articles() -> None:
    shipped = CATALOGUE.matter("radiation-renewal", "2026.1")
    assert shipped.renewal is not None
    assert (shipped.renewal.basis, shipped.renewal.ahead.basis) == ("XKF-50", "FSX-13")
    assert CATALOGUE.law["FSX-13"].verified and "30日前" in CATALOGUE.law["FSX-13"].text
