"""The shipped rules of supervision: engine and twin agree on what no example foresaw."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from rules.evaluate import evaluate
from rules.load import load_packs
from rules.process import RulesProcess

PACK = load_packs()["supervision"]
AT = datetime(2026, 3, 31, tzinfo=UTC)
CLOCKS = ("promised", "statutory", "notice", "step", "explain", "delivery", "by_hand")
GROUNDS = ("off_system", "illegal_fee", "refusal_without_reasons", "refused_application",
           "late_forwarding", "other")  # fmt: skip


def contexts(number: int) -> list[dict[str, Any]]:
    """Return contexts around every limit; each field but the required ones is there or not."""
    dice = random.Random(20260331)
    values: dict[str, tuple[Any, ...]] = {
        "limit": (0, 1, 2, 10, 20),
        "elapsed_percent": (0, 74.9, 75, 89.9, 90, 99.99, 100, 150, 66.66666666666667),
        "remaining_working_days": (0, 1, 2, 5),
        "is_overdue": (True, False),
        "overdue_working_days": (0, 1, 3),
        "paused_at_left_working_days": (0, 1, 2),
        "paused_total_percent": (0, 99.9, 100, 100.1, 1000),
        "yellow_open_working_days": (0, 2, 3, 4),
        "ground": GROUNDS,
        "issued": (["reminder"], ["warning", "yellow"], []),
        "department": ("zjj", "市住建局"),
    }
    return [
        {
            "clock": dice.choice(CLOCKS),
            "is_paused": dice.random() < 0.2,
            **{name: dice.choice(some) for name, some in values.items() if dice.random() < 0.75},
        }
        for _ in range(number)
    ]


def test_engine_and_twin_agree_on_two_thousand_contexts() -> None:
    asked = contexts(2000)
    with RulesProcess([PACK]) as process:
        by_engine = process.evaluate_many("supervision", asked, AT)
    fired: set[str] = set()
    for context, ruling in zip(asked, by_engine, strict=True):
        twin = evaluate(PACK, context, AT)
        assert ruling.engine == "durable_rules"
        assert (ruling.fired, ruling.outcome) == (twin.fired, twin.outcome), context
        fired |= {one.rule for one in ruling.fired}
    assert fired == {one.id for one in PACK.definition.rules}  # every rule was tried both ways


def test_no_rule_fires_for_a_paused_clock() -> None:
    for context in contexts(2000):
        assert evaluate(PACK, {**context, "is_paused": True}, AT).fired == ()


def test_every_card_has_a_level_and_somebody_to_be_told() -> None:
    for one in PACK.definition.rules:
        assert one.then["level"] in ("reminder", "warning", "yellow", "red")
        assert one.then["recipients"]
        assert ("document" in one.then) <= (one.then["level"] in ("yellow", "red"))
