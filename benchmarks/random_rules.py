"""Random rule packs and contexts, valid ones and hostile ones, for engine against twin.

Every shape that the format allows comes up: each comparison, `applies_to`, alarms and what ends
them, tables; values at the edges of doubles, texts with quotes, newlines and NUL. Seeded: a
difference that was found once is found again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

from rules.evaluate import plain_match
from rules.model import CLEAR, Definition
from rules.pack import ContextRefused, Pack, PackRefused
from rules.process import RulesProcess

NUMBERS = [0, 1, 2, 3, -1, 2.5, 0.1, 0.30000000000000004, 1e-05, 1e-7, 150, 150.5, -0.0, 1e15,
           2**53 - 1, -(2**53) + 1, 3.0]  # fmt: skip
TEXTS = ["", "a", "abc", "abc!", "站1", "站2", "噪音\n", '引"号', "back\\slash", "\x00", "😀",
         "true", "1", "null", "/", "\u2028", "x" * 300]  # fmt: skip
ORDERINGS = ["gt", "gte", "lt", "lte"]


FIELDS = {
    "pm": "number", "base": "number", "st": "text", "open": "boolean", "tags": "text_list",
    "vals": "number_list",
}  # fmt: skip


def build(*whens: Any, each: Any = (), tables: Any = ()) -> Pack:
    """Return a pack of conditions, one rule each. Raises `PackRefused`, or pydantic's
    `ValidationError`; both are `ValueError`. The examples are not honest and never asked."""

    def title(text: str) -> dict[str, str]:
        return {"zh": text, "en": text}

    extra = [*each, *({} for _ in whens[len(each) :])]
    rules = [
        {
            "id": f"R{n}", "title": title(f"规则 {n}"), "basis": "XKF-26",
            "in_force_from": "2020-01-01", "when": when, "then": {"hit": [f"R{n}"]},
            "examples": [{"given": {}, "holds": True}, {"given": {}, "holds": False}], **more,
        }
        for n, (when, more) in enumerate(zip(whens, extra, strict=True))
    ]  # fmt: skip
    return Pack.of(Definition.model_validate({
        "pack": "trial", "title": title("试验"), "version": "2026.1", "subject": "reading",
        "fields": {name: {"type": kind, "title": title(name)} for name, kind in FIELDS.items()},
        "outcome": {"hit": {"type": "text_list", "merge": "union", "title": title("命中")},
                    "row": {"type": "text_list", "merge": "union", "title": title("行")}},
        "rules": rules, "tables": list(tables),
    }))  # fmt: skip


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


def table(dice: Random) -> dict[str, Any]:
    """A decision table that answers with every row that matches."""
    columns = dice.sample(["pm", "base", "st", "open"], dice.randint(1, 3))
    return {
        "id": "T", "title": {"zh": "表", "en": "table"}, "basis": "XKF-26",
        "in_force_from": "2020-01-01", "hit": "R",
        "inputs": [{"field": name} for name in columns], "outputs": [{"name": "row"}],
        "rows": [[*(cell(dice, name) for name in columns), "甲"]
                 for _ in range(dice.randint(1, 8))],
    }  # fmt: skip


def cell(dice: Random, name: str) -> str:
    kind = dice.randrange(6)
    if kind == 0:
        return "-"
    if name == "open":
        one = dice.choice(["true", "false", "null", "not(true)"])
    elif name == "st":
        words = dice.sample(["a", "abc", "站1", "站2", "😀", "/"], dice.randint(1, 3))
        one = ", ".join(f'"{word}"' for word in words)
    else:
        points = ["-1", "0", "0.00001", "0.1", "0.3", "1", "2.5", "3", "150", "150.5"]
        low, high = sorted(dice.sample(range(len(points)), 2))
        one = dice.choice([f"[{points[low]}..{points[high]}]", f"({points[low]}..{points[high]})",
                           f">{points[low]}", f"<={points[high]}", points[low],
                           f"{points[low]}, >={points[high]}"])  # fmt: skip
    return f"not({one})" if kind == 1 and "not" not in one else one


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


def volume(engine: RulesProcess, at: datetime, seed: int, evaluations: int) -> int:
    """Ask random packs until so many rule evaluations were compared; return how many.

    Raises `AssertionError` at the first difference.
    """
    dice = Random(seed)  # noqa: S311 -- no secret hangs on it
    asked = 0
    while asked < evaluations:
        whens, each = [], []
        for _ in range(dice.randint(1, 25)):
            when, extra = condition(dice), extras(dice)
            try:
                build(when, each=[extra])
            except PackRefused:
                continue
            whens.append(when)
            each.append(extra)
        if not whens:
            continue
        contexts = [context(dice) for _ in range(150)]
        try:
            pack = build(*whens, each=each, tables=[table(dice)] if dice.random() < 0.5 else [])
        except PackRefused:  # a row of too many ways, or one that matches nothing
            pack = build(*whens, each=each)
        assert differences(engine, pack, contexts, at) == []
        asked += len(pack.slice_at(at).patterns) * len(contexts)
    return asked


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


def torture(engine: RulesProcess, at: datetime, seed: int, tries: int) -> int:
    """Offer hostile packs and contexts; return how many were taken, each answered rightly."""
    dice = Random(seed)  # noqa: S311 -- no secret hangs on it
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
