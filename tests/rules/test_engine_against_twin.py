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

from benchmarks.random_rules import (
    NUMBERS,
    TEXTS,
    build,
    condition,
    context,
    differences,
    extras,
    table,
    torture,
    volume,
)
from rules.evaluate import evaluate
from rules.pack import Pack, PackRefused
from rules.process import RulesProcess

Build = Callable[..., Pack]


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


def test_random_tables_have_rows_that_match_and_rows_that_do_not(at: datetime) -> None:
    """What `volume` compares is not nothing."""
    dice = Random(3)
    matched = asked = 0
    for _ in range(60):
        try:
            pack = build({"field": "pm", "op": "gt", "value": 1}, tables=[table(dice)])
        except PackRefused:
            continue
        rows = {row.rule for one in pack.slice_at(at).tables for row in one.rows}
        for _ in range(20):
            fired = {one.rule for one in evaluate(pack, context(dice), at).fired}
            matched += len(fired & rows)
            asked += len(rows)
    assert asked > 1_000
    assert asked / 20 < matched < asked / 2


def test_fifty_thousand_rule_evaluations_do_not_differ(
    pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    assert volume(lasting, at, seed=1, evaluations=50_000) >= 50_000


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_million_rule_evaluations_do_not_differ(
    pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    assert volume(lasting, at, seed=2, evaluations=1_000_000) >= 1_000_000


def test_rules_that_stand_apart_by_a_value_lose_no_answer(
    pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    """Hundreds of rules in many sets, each fact asked of few of them: by text, number, truth."""
    dice = Random(6)
    for gate in ("st", "pm", "open"):
        whens: list[Any] = []
        each: list[Any] = []
        while len(whens) < 200:
            when, extra = condition(dice, 2), extras(dice)
            pools: dict[str, list[Any]] = {
                "st": TEXTS[:8], "pm": NUMBERS[:8], "open": [True, False],
            }  # fmt: skip
            pool = pools[gate]
            values = [dice.choice(pool)] if gate == "open" else dice.sample(pool, 2)
            if dice.random() < 0.9:
                extra["applies_to"] = extra.get("applies_to", {}) | {gate: values}
            try:
                pack_of(when, each=[extra], subject="reading")
            except PackRefused:
                continue
            whens.append(when)
            each.append(extra)
        pack = pack_of(*whens, each=each, subject="reading")
        shards = pack.slice_at(at).shards
        assert len(shards.texts) > 4
        assert shards.field
        contexts = [context(dice) for _ in range(80)]
        routes = {shards.route(one) for one in contexts}
        assert min(map(len, routes)) < len(shards.texts)
        assert differences(lasting, pack, contexts, at) == []


def test_two_thousand_hostile_packs_are_refused_or_answered_rightly(
    pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    assert torture(lasting, at, seed=3, tries=2000) > 500


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_twenty_thousand_hostile_packs_are_refused_or_answered_rightly(
    pack_of: Build, lasting: RulesProcess, at: datetime
) -> None:
    assert torture(lasting, at, seed=4, tries=20_000) > 5000


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
