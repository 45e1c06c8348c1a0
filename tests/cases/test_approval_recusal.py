"""回避: oneself at once, another by a head; then nothing of the case, and the work goes on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cases import approval
from cases.messages import Actor, Command, Warrant
from cases.queries import facts_of
from cases.separations import RECUSED
from cases.state import CaseState
from tests.cases.test_approval import at, code_of
from tests.histories.sample import PlainSettlement, order

SELF: dict[str, Any] = {"ground": "own_interest"}
OTHER: dict[str, Any] = {"person": "u:b", "ground": "relative"}


def by(command: Command, user: str, role: str, on_behalf: str = "") -> Command:
    """Return the order as somebody's with a warrant by that role."""
    actor = Actor(id=user, on_behalf=on_behalf)
    plain = command.model_copy(update={"actor": actor})
    at_once: datetime = command.occurred_at
    warrant = Warrant(
        command_id=plain.id, command_digest="d", actor=user, on_behalf=on_behalf, act=plain.verb,
        object_type="case", object_id=plain.case_id, policy="p", row="r", role=role,
        issued_at=at_once, expires_at=at_once, issuer="web",
    )  # fmt: skip
    return plain.model_copy(update={"warrant": warrant})


def now(state: CaseState) -> datetime:
    assert state.last_at is not None
    return state.last_at


@pytest.fixture
def accepted() -> tuple[PlainSettlement, CaseState]:
    """A case under review, with a task that u:b has claimed."""
    settlement, state = at("joint-with-hearing", 1)
    task = next(one for one in state.tasks if one.state == "open")
    claim = by(order("claim", {"task": task.key}, at=now(state)), "u:b", "section_clerk")
    return settlement, settlement.walk(state, claim)[0]


def ordered(
    case: tuple[PlainSettlement, CaseState], body: dict[str, Any], user: str, role: str
) -> CaseState:
    settlement, state = case
    return settlement.walk(state, by(order("recuse", body, at=now(state)), user, role))[0]


def held(state: CaseState, user: str) -> list[str]:
    return [one.key for one in state.tasks if one.state == "open" and one.holder == user]


def test_who_recuses_themself_loses_the_task_and_it_waits_for_another(
    accepted: tuple[PlainSettlement, CaseState],
) -> None:
    mine = held(accepted[1], "u:b")
    assert mine
    after = ordered(accepted, SELF, "u:b", "section_clerk")
    assert held(after, "u:b") == []
    assert after.hands[RECUSED] == ("u:b",)
    claim = by(order("claim", {"task": mine[0]}, at=now(after)), "u:c", "section_clerk")
    assert code_of(after, claim) == ""


@pytest.mark.parametrize(("user", "on_behalf"), [("u:b", ""), ("u:d", "u:b"), ("u:b", "u:d")])
def test_who_is_recused_does_nothing_more_not_even_as_deputy_or_through_one(
    accepted: tuple[PlainSettlement, CaseState], user: str, on_behalf: str
) -> None:
    before = accepted[1]
    task = next(one.key for one in before.tasks if one.state == "open")
    claim = order("transfer", {"task": task, "to": "u:x", "reason": "?"}, at=now(before))
    assert code_of(before, by(claim, user, "section_head", on_behalf)) != "recused"
    after = ordered(accepted, OTHER, "u:head", "section_head")
    assert code_of(after, by(claim, user, "section_head", on_behalf)) == "recused"
    assert code_of(after, by(claim, "u:c", "section_head")) != "recused"


@pytest.mark.parametrize(
    ("role", "code"),
    [
        ("section_head", ""), ("organ_head", ""), ("section_clerk", "rank_too_low"),
        ("window_clerk", "rank_too_low"), ("", "rank_too_low"),
    ],
)  # fmt: skip
def test_only_a_head_orders_another_to_recuse(
    accepted: tuple[PlainSettlement, CaseState], role: str, code: str
) -> None:
    command = by(order("recuse", OTHER, at=now(accepted[1])), "u:other", role)
    assert code_of(accepted[1], command) == code


def test_nobody_is_recused_twice(accepted: tuple[PlainSettlement, CaseState]) -> None:
    after = ordered(accepted, OTHER, "u:head", "organ_head")
    again = by(order("recuse", OTHER, at=now(after)), "u:head", "organ_head")
    assert code_of(after, again) == "already_recused"


def test_the_article_says_whether_it_was_ordered(
    accepted: tuple[PlainSettlement, CaseState],
) -> None:
    settlement, state = accepted
    for body, user, article in ((SELF, "u:b", "GWY-76"), (OTHER, "u:head", "GWY-77")):
        command = by(order("recuse", body, at=now(state)), user, "section_head")
        events = settlement.walk(state, command)[1]
        assert [one.data["article"] for one in events if one.kind == "recused"] == [article]


def test_policy_knows_of_the_recusal(accepted: tuple[PlainSettlement, CaseState]) -> None:
    after = ordered(accepted, OTHER, "u:head", "section_head")
    assert facts_of(after).recused == ("u:b",)
    assert "recuse" in approval.actions(after)
