"""告知利害关系人: who is touched by a licence is told before the decision (第三十六条)."""

from __future__ import annotations

from typing import Any

import pytest

from cases.state import CaseState
from tests.cases.test_approval_pauses import accepted, code_of, day
from tests.histories.sample import PlainSettlement, order

TOLD = {"told_interested": "王五（邻户），无异议", "told_on": "2026-03-04"}


def reviewed(**matter: Any) -> tuple[PlainSettlement, CaseState]:
    settlement, state = accepted(**matter)
    agree = {"task": "review-review", "result": "agree", "text": "同意"}
    state, _ = settlement.walk(state, order("opine", agree, at=day(3), who="u:reviewer"))
    return settlement, state


def decide(result: str = "grant", **more: str) -> Any:
    body = {"result": result, "reasons": "依法", **more}
    return order("decide", body, at=day(4), who="u:head")


@pytest.mark.parametrize("result", ["grant", "refuse"])
def test_a_matter_that_touches_others_is_decided_only_once_they_are_told(result: str) -> None:
    _, state = reviewed(涉及他人重大利益=True)
    assert code_of(state, decide(result)) == ("interested_not_told", "XKF-36")
    for alone in TOLD:
        half = {alone: TOLD[alone]}
        assert code_of(state, decide(result, **half)) == ("interested_not_told", "XKF-36")
    assert code_of(state, decide(result, **TOLD)) == ("", "")


def test_another_matter_needs_it_only_whole() -> None:
    _, state = reviewed()
    assert code_of(state, decide()) == ("", "")
    assert code_of(state, decide(**TOLD)) == ("", "")
    assert code_of(state, decide(told_on="2026-03-04"))[0] == "interested_not_told"


@pytest.mark.parametrize(
    ("ahead", "code"), [(-1, "told_out_of_time"), (0, ""), (4, ""), (5, "told_out_of_time")]
)
def test_they_were_told_between_the_receipt_and_the_decision(ahead: int, code: str) -> None:
    _, state = reviewed(涉及他人重大利益=True)
    on = day(ahead).date().isoformat()
    assert code_of(state, decide(**TOLD | {"told_on": on}))[0] == code


def test_an_end_without_a_decision_on_the_licence_tells_nobody() -> None:
    _, state = reviewed(涉及他人重大利益=True)
    assert code_of(state, decide("terminate")) == ("", "")


def test_the_event_gives_the_day_and_no_name() -> None:
    settlement, state = reviewed(涉及他人重大利益=True)
    after, events = settlement.walk(state, decide(**TOLD))
    decided = next(one for one in events if one.kind == "decided")
    assert decided.data["interested_told_on"] == "2026-03-04"
    assert "王五" not in after.model_dump_json() + decided.model_dump_json()
