"""Which policy decides: the one in force now, whole; none where that cannot be confirmed."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest

from cases.facts import CaseFacts
from cases.messages import Actor
from policies.access import STALE, Access, AccessDenied
from policies.policy import Policy, PolicyStale, parse_policy
from policies.warrants import WarrantSigner
from tests.policies.conftest import DEPARTMENTS, Orders, People

Pens = dict[str, WarrantSigner]


def without(policy: Policy, role: str, act: str) -> Policy:
    rows = [f"{r} # {r.note}" for r in policy.rows if (r.role, r.act) != (role, act)]
    return parse_policy(policy.model, "\n".join(rows))


def test_while_versions_are_swapped_every_answer_is_that_of_the_version_it_names(
    policy: Policy, pens: Pens, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    stricter = without(policy, "window_clerk", "accept")
    right = {policy.version: True, stricter.version: False}
    access, clerk = Access(policy, DEPARTMENTS, pens["web"]), somebody("window_clerk@food")
    over, answers = threading.Event(), set()

    def swap() -> None:
        while not over.is_set():
            access.swap(stricter)
            access.swap(policy)

    def ask() -> None:
        for _ in range(150):
            one = access.decide(clerk, "accept", facts, now)
            answers.add((one.policy, one.allowed))

    swapping = threading.Thread(target=swap)
    asking = [threading.Thread(target=ask) for _ in range(4)]
    for one in (swapping, *asking):
        one.start()
    for one in asking:
        one.join()
    over.set()
    swapping.join()
    assert answers and answers <= set(right.items())


class Away:
    """A register that cannot be read."""

    def __call__(self) -> Policy:
        raise PolicyStale("the register is away")


@pytest.fixture
def stale(policy: Policy, pens: Pens) -> Access:
    return Access(policy, DEPARTMENTS, pens["web"], Away())


def test_a_policy_that_cannot_be_confirmed_means_no_with_a_sentence(
    stale: Access, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    clerk = somebody("window_clerk@food")
    no = stale.decide(clerk, "accept", facts, now)
    assert (no.allowed, no.code) == (False, STALE)
    assert "无法确认" in no.reason and no.remedy
    assert stale.may(clerk, "case", facts) == frozenset()
    assert not stale.ever(clerk, "accept", "case").allowed
    with pytest.raises(PolicyStale):
        stale.where(clerk, "list")


def test_nothing_is_warranted_by_a_policy_that_cannot_be_confirmed(
    stale: Access, access: Access, somebody: People, facts: CaseFacts, order: Orders, now: datetime
) -> None:
    command = order(somebody("window_clerk@food"), "accept")
    assert access.warrant(command, facts, now)
    with pytest.raises(AccessDenied) as no:
        stale.warrant(command, facts, now)
    assert no.value.code == STALE
    assert stale.again(command, command.actor, facts, "accept", now).code == STALE


def _refusal(access: Access, actor: Actor, act: str, facts: CaseFacts, at: datetime) -> str:
    no = access.decide(actor, act, facts, at)
    assert not no.allowed
    return no.reason + no.remedy


def test_a_refusal_names_the_row_that_stands_in_the_way_and_its_line(
    access: Access, policy: Policy, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    elsewhere = _refusal(access, somebody("window_clerk@fire"), "accept", facts, now)
    row = next(r for r in policy.rows if (r.role, r.act) == ("window_clerk", "accept"))
    assert f"策略第 {row.line} 行：{row}" in elsewhere
    forbidden = _refusal(access, somebody("sysadmin@*"), "accept", facts, now)
    row = next(r for r in policy.rows if (r.role, r.object_type) == ("sysadmin", "case"))
    assert f"策略第 {row.line} 行：{row}" in forbidden and "不能授权绕过" in forbidden


def test_a_refusal_says_which_offices_have_somebody_who_could(
    policy: Policy, pens: Pens, somebody: People, facts: CaseFacts, now: datetime
) -> None:
    held = {"window_clerk": {"food": 2, "fire": 9}, "section_head": {"market": 1}}
    access = Access(
        policy, DEPARTMENTS, pens["web"],
        holding=lambda: held, names={"food": "食品科", "fire": "消防"},
    )  # fmt: skip
    told = _refusal(access, somebody("section_clerk@food"), "accept", facts, now)
    assert "食品科综合窗口人员（2 人）" in told
    assert "消防" not in told  # their office has no case of this kind to accept
    empty = Access(policy, DEPARTMENTS, pens["web"], holding=dict)
    assert "无人担任" in _refusal(empty, somebody("section_clerk@food"), "accept", facts, now)
    away = Access(policy, DEPARTMENTS, pens["web"], holding=lambda: None)
    assert "现在" not in _refusal(away, somebody("section_clerk@food"), "accept", facts, now)
