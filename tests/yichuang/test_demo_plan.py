"""The demo's plan: what somebody does to a case next."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from cases.messages import Command
from cases.state import CaseState
from tests.histories.sample import MATTER, MONDAY, PlainSettlement, body_of_file, matter, order
from yichuang.demo import next_move

HERE = {"实施主体": "scjg", "办理环节": [MATTER["办理环节"][0] | {"办理部门": "scjg"}]}


def after(*orders: Command) -> CaseState:
    settlement = PlainSettlement(matter(**HERE))
    state: CaseState | None = None
    for command in (order("file", body_of_file()), *orders):
        state, _ = settlement.walk(state, command)
    assert state is not None and state.stage == "review"
    return state


@pytest.mark.parametrize("stop", ["received", "decision"])
def test_a_case_that_silence_has_accepted_stays_where_time_has_put_it(stop: str) -> None:
    left = after(order("urge", {"text": "请抓紧"}, at=MONDAY + timedelta(days=30)))
    assert next_move(left, stop, Random("1")) is None


def test_a_case_that_the_window_has_accepted_goes_on() -> None:
    accepted = after(order("accept", at=MONDAY + timedelta(hours=1)))
    move = next_move(accepted, "decision", Random("1"))
    assert move is not None and move.verb == "opine"
