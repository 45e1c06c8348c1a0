"""Casbin decides as the rows say: against a plain reading of them, and past its known traps."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import casbin
import pytest
from casbin.model import Model

from cases.facts import CaseFacts
from cases.messages import Actor, Grant
from policies.access import Access
from policies.engine import Engine
from policies.plain import answer
from policies.policy import MODEL_FILE, Policy, parse_policy
from policies.scopes import Thing
from policies.vocabulary import ACTS, ROLES
from policies.warrants import WarrantSigner

MODEL = MODEL_FILE.read_text("utf-8")
PARENTS = {"city": "", "market": "city", "food": "market", "fire": "city"}
PEOPLE = ("u:a", "u:b", "u:c", "s:a", "citizen:aaaa")


# --- the plain reading, on questions thrown at random ------------------------------------------


def _random_question(dice: random.Random, roles: Sequence[str]) -> tuple[Actor, CaseFacts, str]:
    places = ["*", *PARENTS, "unknown"]
    kind = dice.choices(("human", "service", "citizen"), (8, 2, 1))[0]
    ids = {"human": PEOPLE[:3], "service": ("s:a",), "citizen": ("citizen:aaaa",)}[kind]
    grants = tuple(
        Grant(role=dice.choice(roles), department=dice.choice(places))
        for _ in range(dice.randint(0, 3))
    )
    actor = Actor(
        id=dice.choice(ids), kind=kind, grants=grants,
        clearance=dice.randint(1, 3), on_behalf=dice.choice(("", "", "u:c")),
        compartments=dice.choice(((), ("x",), ("x", "y"))),
    )  # fmt: skip

    def some() -> tuple[str, ...]:
        return tuple(dice.sample(PEOPLE, dice.choice((0, 0, 1, 2))))

    case = CaseFacts(
        id="c", matter="m", department=dice.choice(places[1:]),
        departments=tuple(dice.sample(places[1:], dice.randint(0, 2))),
        label_level=dice.choice((1, 1, 2)), compartments=dice.choice(((), (), ("x",), ("y",))),
        closed=dice.random() < 0.2, applicant=dice.choice(PEOPLE),
        holder=dice.choice(("", *PEOPLE)),
        assignees=some(), recused=some() if dice.random() < 0.2 else (),
        hands={name: some() for name in ("recused", "accept", "opine") if dice.random() < 0.1},
        separations=dice.choice(((), (("accept", "decide"), ("opine", "host_hearing")))),
        task_departments={
            key: dice.choice(places[1:]) for key in ("t1", "t2")[: dice.randint(0, 2)]
        },
    )  # fmt: skip
    return actor, case, dice.choice(("", "", "t1", "t3"))


def test_casbin_and_a_plain_reading_of_the_rows_agree(
    policy: Policy, pens: dict[str, WarrantSigner], now: datetime
) -> None:
    access = Access(policy, PARENTS, pens["web"])
    dice, allowed = random.Random(20261122), 0
    # Roles that no case knows are drawn too, but do not make an allowed act a rarity.
    about_cases = sorted({row.role for row in policy.rows if row.object_type == "case"})
    roles = (*ROLES, *about_cases, *about_cases)
    for _ in range(8000):
        actor, case, task = _random_question(dice, roles)
        act = dice.choice(ACTS["case"])
        code = access.decide(actor, act, case, now, task).code
        expected = answer(policy, PARENTS, actor, act, case, task)
        assert code.replace("no_such_task", "no_right") == expected, (actor, act, case)
        allowed += expected == "allowed"
    assert 300 < allowed < 7700  # neither answer is so rare that agreement would say nothing


# --- traps ---------------------------------------------------------------------------------------


def test_casbin_alone_can_allow_on_an_empty_policy_and_we_never_ask_it(
    pens: dict[str, WarrantSigner], now: datetime
) -> None:
    model = Model()
    model.load_model_from_text(
        "[request_definition]\nr = sub\n[policy_definition]\np = sub, eft\n[policy_effect]\n"
        "e = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n[matchers]\n"
        "m = r.sub == p.sub\n"
    )
    assert casbin.Enforcer(model).enforce("")  # the trap is real: no row, and allowed

    policy = parse_policy(MODEL, "sysadmin, held, account, account_manage, always, allow # 管理")
    access = Access(policy, PARENTS, pens["web"])
    head = Actor(id="u:a", grants=(Grant(role="section_head", department="*"),))
    case = CaseFacts(id="c", matter="m", department="food")
    for act in ACTS["case"]:
        assert access.decide(head, act, case, now).code == "no_right"


def test_casbin_takes_Deny_for_nothing_and_our_rows_cannot_say_it() -> None:
    model = Model()
    model.load_model_from_text(
        "[request_definition]\nr = sub\n[policy_definition]\np = sub, eft\n[policy_effect]\n"
        "e = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n[matchers]\n"
        "m = r.sub == p.sub\n"
    )
    model["p"]["p"].policy = [["u:a", "allow"], ["u:a", "Deny"]]
    assert casbin.Enforcer(model).enforce("u:a")  # the trap is real
    with pytest.raises(Exception, match="不是词"):
        parse_policy(MODEL, "*, held, case, *, recused, Deny # 回避")


def test_the_matcher_stands_on_one_line_and_the_model_has_no_second_one() -> None:
    body = MODEL.split("[matchers]")[1].strip()
    assert len(body.splitlines()) == 1 and "#" not in body and "eval" not in body
    assert MODEL.count("m = ") == MODEL.count("e = ") == 1


def test_a_broken_predicate_means_no(pens: dict[str, WarrantSigner], now: datetime) -> None:
    row = "window_clerk, implementing, case, read, always, allow # 读"
    broken = parse_policy(MODEL.replace("p.scope", "p.nothing"), row)
    access = Access(broken, PARENTS, pens["web"])
    clerk = Actor(id="u:a", grants=(Grant(role="window_clerk", department="*"),))
    case = CaseFacts(id="c", matter="m", department="food")
    decision = access.decide(clerk, "read", case, now)
    assert (decision.allowed, decision.code) == (False, "policy_error")


def test_a_matcher_that_answers_with_a_word_means_no(
    pens: dict[str, WarrantSigner], now: datetime
) -> None:
    odd = MODEL.split("m = ")[0] + "m = p.role\n"
    policy = parse_policy(odd, "window_clerk, implementing, case, read, always, allow # 读")
    clerk = Actor(id="u:a", grants=(Grant(role="window_clerk", department="*"),))
    case = CaseFacts(id="c", matter="m", department="food")
    decision = Access(policy, PARENTS, pens["web"]).decide(clerk, "read", case, now)
    assert decision.code == "policy_error"


def test_nothing_of_the_subject_is_logged_by_casbin(
    access: Access, caplog: pytest.LogCaptureFixture, now: datetime
) -> None:
    with caplog.at_level(logging.INFO):
        nobody = Actor(id="u:secret-name")
        assert not access.decide(nobody, "read", Thing("release"), now).allowed
    assert "secret-name" not in caplog.text


def test_another_version_is_put_in_force_whole(
    policy: Policy, pens: dict[str, WarrantSigner], now: datetime
) -> None:
    access = Access(policy, PARENTS, pens["web"])
    clerk = Actor(id="u:a", grants=(Grant(role="window_clerk", department="food"),))
    case = CaseFacts(id="c", matter="m", department="food")
    assert access.decide(clerk, "accept", case, now).allowed
    access.swap(parse_policy(MODEL, "window_clerk, implementing, case, read, always, allow # 读"))
    assert not access.decide(clerk, "accept", case, now).allowed
    assert access.decide(clerk, "read", case, now).policy != policy.version


def test_each_enforcer_holds_only_the_rows_of_its_act(policy: Policy) -> None:
    enforcers: dict[Any, Any] = dict(Engine(policy)._enforcers)
    assert len(enforcers) == sum(len(acts) for acts in ACTS.values())
    for (object_type, act), enforcer in enforcers.items():
        for row in enforcer.model["p"]["p"].policy:
            assert row[2] == object_type and row[3] in (act, "*")


def test_departments_in_a_circle_are_refused(
    policy: Policy, pens: dict[str, WarrantSigner]
) -> None:
    with pytest.raises(ValueError, match="below itself"):
        Access(policy, {"a": "b", "b": "a"}, pens["web"])
