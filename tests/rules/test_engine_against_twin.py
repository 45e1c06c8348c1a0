"""durable_rules against plain Python: random valid packs, random contexts, the same answers.

All of it runs in the child; an engine that hangs or dies fails a test, never the suite.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.evaluate import evaluate, plain_match
from rules.model import CLEAR
from rules.pack import ContextRefused, Pack, PackRefused
from rules.process import RulesProcess

Build = Callable[..., Pack]

NUMBERS = [0, 1, 2, 3, -1, 2.5, 0.1, 0.30000000000000004, 1e-05, 1e-7, 150, 150.5, -0.0, 1e15,
           2**53 - 1, -(2**53) + 1, 3.0]  # fmt: skip
TEXTS = ["", "a", "abc", "abc!", "站1", "站2", "噪音\n", '引"号', "back\\slash", "\x00", "😀",
         "true", "1", "null", "/", "\u2028", "x" * 300]  # fmt: skip
ORDERINGS = ["gt", "gte", "lt", "lte"]


def leaf(dice: Random) -> dict[str, Any]:
    kind = dice.randrange(8)
    if kind == 0:
        return {"field": dice.choice(["pm", "base", "st", "open", "tags", "vals"]),
                "op": dice.choice(["exists", "missing"])}  # fmt: skip
    if kind == 1:
        return {"field": "open", "op": dice.choice(["eq", "ne"]), "value": dice.random() < 0.5}
    if kind == 2:
        values = dice.sample(TEXTS, dice.randint(1, 5))
        return dice.choice(
            [{"field": "st", "op": "in", "value": values},
             {"field": "st", "op": dice.choice(["eq", "ne"]), "value": values[0]}]
        )  # fmt: skip
    if kind == 3:
        return {"field": "tags", "op": dice.choice(["any_item", "all_items"]),
                "item_op": dice.choice(["eq", "ne"]), "value": dice.choice(TEXTS)}  # fmt: skip
    if kind == 4:
        return {"field": "vals", "op": dice.choice(["any_item", "all_items"]),
                "item_op": dice.choice(["eq", "ne", *ORDERINGS]),
                "value": dice.choice(NUMBERS)}  # fmt: skip
    name, other = dice.choice([("pm", "base"), ("base", "pm"), ("pm", "pm")])
    if kind == 5:
        return {"field": name, "op": dice.choice(ORDERINGS), "of": other,
                "times": dice.choice([1, 0.8, 2, 0, -1]),
                "plus": dice.choice([0, 0, 1, -0.5])}  # fmt: skip
    if kind == 6:
        low, high = sorted(dice.sample(NUMBERS, 2))
        return dice.choice(
            [{"field": name, "op": "between", "value": [low, high]},
             {"field": name, "op": "in", "value": list({low: 0, high: 0})}]
        )  # fmt: skip
    return {"field": name, "op": dice.choice(["eq", "ne", *ORDERINGS]),
            "value": dice.choice(NUMBERS)}  # fmt: skip


def condition(dice: Random, depth: int = 4) -> dict[str, Any]:
    if depth == 1 or dice.random() < 0.4:
        return leaf(dice)
    shape = dice.choice(["all", "any", "not"])
    if shape == "not":
        return {"not": condition(dice, depth - 1)}
    return {shape: [condition(dice, depth - 1) for _ in range(dice.randint(1, 3))]}


def extras(dice: Random) -> dict[str, Any]:
    """What a rule may have beside `when`: values it is meant for, and an alarm with an end."""
    made: dict[str, Any] = {}
    if dice.random() < 0.4:
        gates: dict[str, list[Any]] = {"open": [dice.random() < 0.5]}
        gates["st"] = dice.sample(TEXTS, dice.randint(1, 6))
        gates["pm"] = list(dict.fromkeys(dice.sample(NUMBERS, dice.randint(1, 6))))
        names = dice.sample(sorted(gates), dice.randint(1, 3))
        made["applies_to"] = {name: gates[name] for name in names}
    if dice.random() < 0.5:
        clear = {"clear": condition(dice, 3)} if dice.random() < 0.5 else {}
        made["alarm"] = {"key": ["st"], **clear}
    return made


def context(dice: Random) -> dict[str, Any]:
    """Fields present three times in four; now and then one that is null or empty."""
    makers: dict[str, Callable[[], Any]] = {
        "pm": lambda: dice.choice(NUMBERS),
        "base": lambda: dice.choice(NUMBERS),
        "st": lambda: dice.choice(TEXTS),
        "open": lambda: dice.random() < 0.5,
        "tags": lambda: dice.choices(TEXTS, k=dice.randrange(4)),
        "vals": lambda: dice.choices(NUMBERS, k=dice.randrange(4)),
    }
    made = {name: make() for name, make in makers.items() if dice.random() < 0.75}
    return made | ({"st": None} if dice.random() < 0.05 else {})


def differences(
    engine: RulesProcess, pack: Pack, contexts: list[dict[str, Any]], at: datetime
) -> list[tuple[dict[str, Any], object]]:
    rules = pack.slice_at(at)
    rulings = engine.evaluate_many(pack, contexts, at)
    assert {ruling.engine for ruling in rulings} == {"durable_rules"}, engine.quarantined()
    return [
        (one, ruling.fired)
        for one, ruling in zip(contexts, rulings, strict=True)
        if {*(fired.rule for fired in ruling.fired), *(rule + CLEAR for rule in ruling.cleared)}
        != plain_match(rules, pack.admit(one))
    ]


@pytest.fixture(scope="module")
def lasting() -> Any:
    with RulesProcess() as process:
        yield process


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(dice=st.randoms(use_true_random=False))
def test_engine_and_twin_agree_on_a_random_rule(
    dice: Random, pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    """Hypothesis rolls the dice here, so that a difference shrinks to a small one."""
    try:
        each = [extras(dice), extras(dice)]
        pack = pack_of(condition(dice), condition(dice), each=each, subject="reading")
    except PackRefused:
        return
    assert differences(lasting, pack, [context(dice) for _ in range(12)], at) == []


def volume(build: Build, engine: RulesProcess, at: datetime, seed: int, packs: int) -> int:
    """Ask so many random packs; return the number of rule evaluations."""
    dice = Random(seed)
    asked = 0
    for _ in range(packs):
        whens, each = [], []
        for _ in range(dice.randint(1, 25)):
            when, extra = condition(dice), extras(dice)
            try:
                build(when, each=[extra], subject="reading")
            except PackRefused:
                continue
            whens.append(when)
            each.append(extra)
        if not whens:
            continue
        contexts = [context(dice) for _ in range(60)]
        pack = build(*whens, each=each, subject="reading")
        assert differences(engine, pack, contexts, at) == []
        asked += len(pack.slice_at(at).patterns) * len(contexts)
    return asked


def test_fifty_thousand_rule_evaluations_do_not_differ(
    pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    assert volume(pack_of, lasting, at, seed=1, packs=75) >= 50_000


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_million_rule_evaluations_do_not_differ(
    pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    assert volume(pack_of, lasting, at, seed=2, packs=1500) >= 1_000_000


def hostile(dice: Random, depth: int = 0) -> Any:
    """Any value at all, most of it no condition."""
    words = ["all", "any", "not", "field", "op", "value", "of", "times", "$and", "pm", "st",
             "eq", "gt", "in", "between", "exists", "id", "sid", "k", "$mt",
             "((a*)*)*b"]  # fmt: skip
    kind = dice.randrange(9)
    if kind == 0 and depth < 4:
        return {dice.choice(words): hostile(dice, depth + 1) for _ in range(dice.randrange(4))}
    if kind == 1 and depth < 4:
        return [hostile(dice, depth + 1) for _ in range(dice.randrange(4))]
    if kind == 2:
        return dice.choice([float("nan"), float("inf"), 2**70, -(2**63), 1e308, 5e-324, 1e-05])
    if kind == 3:
        return dice.choice(["\ud800", "x" * 70_000, "\x00", *words])
    return dice.choice([None, True, False, 0, 1, *words])


def mangled(dice: Random) -> Any:
    """A good condition with one thing replaced, at any depth."""
    when = condition(dice)
    at: Any = when
    while True:
        key = dice.choice(list(at)) if isinstance(at, dict) else dice.randrange(len(at))
        if isinstance(at[key], dict | list) and at[key] and dice.random() < 0.7:
            at = at[key]
            continue
        at[key] = hostile(dice)
        return when


def torture(build: Build, engine: RulesProcess, at: datetime, seed: int, tries: int) -> int:
    """Offer hostile packs and contexts; return how many were taken, each answered rightly."""
    dice = Random(seed)
    taken = 0
    for _ in range(tries):
        when = dice.choice([hostile, mangled, condition])(dice)
        try:
            pack = build(when)
        except ValueError:  # PackRefused and pydantic's ValidationError
            continue
        name = dice.choice(["pm", "st", "tags", "vals", "open", "id", "k", "sid", "pn"])
        bad = context(dice) | {name: hostile(dice)}
        try:
            pack.admit(bad)
        except ContextRefused:
            bad = context(dice)
        assert differences(engine, pack, [bad], at) == []
        taken += 1
    return taken


def test_two_thousand_hostile_packs_are_refused_or_answered_rightly(
    pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    assert torture(pack_of, lasting, at, seed=3, tries=2000) > 500


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_twenty_thousand_hostile_packs_are_refused_or_answered_rightly(
    pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    assert torture(pack_of, lasting, at, seed=4, tries=20_000) > 5000


def test_the_worst_shard_with_every_branch_true_does_not_overflow(
    pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    """Thresholds that are all true at once: the extreme reading of which alarms are made."""
    pairs = {"all": [{"any": [{"field": f, "op": "gt", "value": n} for n in (1, 2)]}
                     for f in ("pm", "base", "pm", "base", "pm")]}  # fmt: skip
    wide = [{"field": "pm", "op": "gt", "value": n} for n in range(20)]
    near_ratio = {"not": {"field": "pm", "op": "gt", "of": "base"}}
    packs = [
        pack_of(*[pairs] * 6),
        pack_of(*wide * 12),
        pack_of({"any": [{"any": wide}, {"any": wide}, {"any": wide[:16]}]}, *wide),
        pack_of(*[near_ratio] * 100),
        pack_of(*[{"field": "st", "op": "missing"}] * 250),
    ]
    for pack in packs:
        contexts: list[dict[str, Any]] = [
            {"pm": 2**53 - 1, "base": 2**53 - 1},
            {},
            {"pm": 1, "base": 2, "st": "a"},
        ]
        assert differences(lasting, pack, contexts, at) == []


def test_the_examples_of_every_pack_get_the_same_ruling_from_both(
    shipped: dict[str, Pack], lasting: RulesProcess, at: datetime
) -> None:
    for pack in shipped.values():
        contexts = [e.given for rule in pack.definition.rules for e in rule.examples]
        assert differences_in_outcome(lasting, pack, contexts, at) == []


def differences_in_outcome(
    engine: RulesProcess, pack: Pack, contexts: list[dict[str, Any]], at: datetime
) -> list[dict[str, Any]]:
    return [
        one
        for one in contexts
        if (ruling := engine.evaluate(pack, one, at)).engine != "durable_rules"
        or ruling.model_copy(update={"engine": "plain"}) != evaluate(pack, one, at)
    ]


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_hundred_thousand_questions_leave_the_memory_flat(pack_of: Build, at: datetime) -> None:
    dice = Random(5)
    whens: list[dict[str, Any]] = []
    while len(whens) < 60:
        when = condition(dice)
        try:
            pack_of(when)
        except PackRefused:
            continue
        whens.append(when)
    pack = pack_of(*whens)
    contexts = [context(dice) for _ in range(500)]
    with RulesProcess() as engine:
        engine.evaluate_many(pack, contexts, at)
        before = engine.state().rss_kib
        first = engine.evaluate_many(pack, contexts, at)
        for _ in range(400):
            last = engine.evaluate_many(pack, contexts, at)
        assert last == first
        assert engine.state().starts == 1
        assert engine.state().rss_kib - before < 2048
