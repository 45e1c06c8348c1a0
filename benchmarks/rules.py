"""Contexts per second through the rule engine in its process, against the same predicates scanned.

Rules of the form kind == k, district == d, value > t, a reading in each context, at 10, 100 and
1,000 rules. Ours: the checked context, its JSON, the pipe, durable_rules in the child, the ids of
the rules that hold. The baseline, plain Python, asks each rule's compiled predicate in turn and
checks nothing. Both sides answer the same contexts in turn, and every answer is compared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from benchmarks.random_rules import torture, volume
from rules.evaluate import evaluate
from rules.model import Definition, Leaf, Rule
from rules.pack import Pack
from rules.process import RulesProcess

SIZES = (10, 100, 1000)
MAIN = 100
"""The size that `value` and `ratio` speak of."""
KINDS = 10
DISTRICTS = 5
CONTEXTS = 2000
ROUNDS = 7
AT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
EVALUATIONS = 1_000_000
"""Rule evaluations of random packs that are compared with the twin, at least."""
HOSTILE = 20_000
"""Hostile packs and contexts that are offered."""


def run(
    rounds: int = ROUNDS,
    contexts: int = CONTEXTS,
    evaluations: int = EVALUATIONS,
    hostile: int = HOSTILE,
) -> dict[str, Any]:
    """Return contexts per second at each size, ours and scanned in turn.

    Raises `AssertionError` where a random pack is answered otherwise than by the twin, or a hostile
    one is neither refused nor answered rightly.
    """
    found = {size: _measured(size, rounds, contexts) for size in SIZES}
    main = found[MAIN]
    return {
        "name": "rules",
        "value": main["engine"],
        "unit": "contexts/s",
        "baseline": main["scan"],
        "ratio": main["ratio"],
        "sizes": {str(size): one for size, one in found.items()},
        "compared": sum(one["compared"] for one in found.values()),
        "differences": sum(one["differences"] for one in found.values()),
        "random": _random(evaluations, hostile),
    }


def _random(evaluations: int, hostile: int) -> dict[str, int]:
    with RulesProcess() as engine:
        asked = volume(engine, AT, 7, evaluations)
        taken = torture(engine, AT, 8, hostile)
        state = engine.state()
    return {
        "evaluations": asked,
        "differences": 0,
        "hostile": hostile,
        "refused": hostile - taken,
        "answered_rightly": taken,
        "children_lost": state.quarantined,
    }


def _measured(size: int, rounds: int, contexts: int) -> dict[str, Any]:
    dice = Random(size)  # noqa: S311 -- no secret hangs on it
    pack = pack_of(size, dice)
    asked = [
        {"kind": f"k{dice.randrange(KINDS)}", "district": f"d{dice.randrange(DISTRICTS)}",
         "value": round(dice.random() * 100, 1)}
        for _ in range(contexts)
    ]  # fmt: skip
    rules = pack.slice_at(AT)
    predicates = [(rule.id, plain_predicate(rule)) for rule in rules.rules]

    def scan() -> list[list[str]]:
        return [[name for name, holds in predicates if holds(one)] for one in asked]

    with RulesProcess([pack]) as engine:
        ways: dict[str, Callable[[], Any]] = {
            "engine": lambda: engine.match_many(pack, asked, AT),
            "rulings": lambda: engine.evaluate_many(pack, asked, AT),
            "scan": scan,
            "twin": lambda: [evaluate(pack, one, AT) for one in asked],
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        answers = {name: way() for name, way in ways.items()}  # compiled, warm
        for number in range(rounds):
            for name in list(ways)[:: 1 if number % 2 else -1]:
                began = time.perf_counter()
                ways[name]()
                times[name].append(time.perf_counter() - began)
        assert engine.state().plain == 0
        assert engine.state().quarantined == 0
    differences = sum(
        set(ours) != set(scanned) or {one.rule for one in ruling.fired} != set(scanned)
        for ours, scanned, ruling in zip(
            answers["engine"], answers["scan"], answers["rulings"], strict=True
        )
    )
    rate = {name: round(contexts / statistics.median(each)) for name, each in times.items()}
    return {
        **rate,
        "ratio": round(rate["engine"] / rate["scan"], 3),
        "rulings_ratio": round(rate["rulings"] / rate["twin"], 3),
        "shards": len(rules.texts),
        "compared": size * contexts,
        "differences": differences,
    }


def plain_predicate(rule: Rule) -> Callable[[dict[str, Any]], bool]:
    """Return the rule as one writes it by hand in Python, in one expression."""
    (kind,), (district,) = rule.applies_to["kind"], rule.applies_to["district"]
    assert isinstance(rule.when, Leaf)
    limit: Any = rule.when.value
    return lambda one: one["kind"] == kind and one["district"] == district and one["value"] > limit


def pack_of(size: int, dice: Random) -> Pack:
    """Return a pack of so many rules on kind, district and value; its examples are never asked."""

    def title(text: str) -> dict[str, str]:
        return {"zh": text, "en": text}

    rules = [
        {
            "id": f"R{n}",
            "title": title(f"规则 {n}"),
            "basis": "XKF-26",
            "in_force_from": "2020-01-01",
            "applies_to": {
                "kind": [f"k{n % KINDS}"],
                "district": [f"d{dice.randrange(DISTRICTS)}"],
            },
            "when": {"field": "value", "op": "gt", "value": round(dice.random() * 100, 1)},
            "then": {"hit": [f"R{n}"]},
            "examples": [{"given": {}, "holds": True}, {"given": {}, "holds": False}],
        }
        for n in range(size)
    ]
    return Pack.of(Definition.model_validate({
        "pack": "bench",
        "title": title("测速"),
        "version": "2026.1",
        "fields": {
            "kind": {"type": "text", "title": title("项目")},
            "district": {"type": "text", "title": title("区")},
            "value": {"type": "number", "title": title("值")},
        },
        "outcome": {"hit": {"type": "text_list", "merge": "union", "title": title("命中")}},
        "rules": rules,
    }))  # fmt: skip
