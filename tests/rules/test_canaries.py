"""Every way in which durable_rules was seen to crash, hang or lie, by name.

Each is refused in the file, with line and remedy, or answered rightly by the engine itself. They
are written as somebody would write them into a pack.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from rules.check import tried_by_engine
from rules.compile import engine_text, fact_text
from rules.evaluate import evaluate
from rules.load import load_text
from rules.pack import ContextRefused, Pack
from rules.process import RulesProcess
from tests.rules.test_load import GOOD

OVER = {"field": "pm", "op": "gt", "value": 150}


class Plain(yaml.SafeDumper):
    """Writes a shared part out each time: references are refused before anything else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dumped(raw: dict[str, Any]) -> str:
    return yaml.dump(raw, Dumper=Plain, allow_unicode=True, sort_keys=False, width=4096)


def written(when: Any, **more: Any) -> str:
    """Return a pack's text with one rule of this condition; it is well-formed in all else."""
    raw: dict[str, Any] = yaml.safe_load(GOOD)
    raw["fields"] |= {
        "st": {"type": "text", "title": {"zh": "站", "en": "station"}},
        "n": {"type": "number", "title": {"zh": "数", "en": "number"}},
        "tags": {"type": "text_list", "title": {"zh": "词", "en": "words"}},
    }
    raw["rules"][0]["when"] = when
    raw |= more
    return dumped(raw)


def many(count: int) -> dict[str, Any]:
    groups = [
        {"any": [{"field": "pm", "op": "gt", "value": n} for n in range(at, min(at + 20, count))]}
        for at in range(0, count, 20)
    ]
    return {"any": groups}


def deep(levels: int) -> dict[str, Any]:
    when: dict[str, Any] = OVER
    for _ in range(levels):
        when = {"all": [when]}
    return when


PAIR = {"any": [OVER, {"field": "pm", "op": "gt", "value": 1}]}
CANARIES: list[tuple[str, Any, str]] = [
    # grammar that the engine takes in silence, and answers wrongly
    ("two fields in one comparison", {"pm": 5, "n": 99}, "when"),
    ("engine JSON: $gt of two fields", {"$gt": {"pm": 1, "n": 99}}, "when"),
    ("a misspelt operator", {"field": "pm", "op": "gtt", "value": 1}, "op"),
    ("an empty all", {"all": []}, "空的 all/any"),
    ("an empty any", {"any": []}, "空的 all/any"),
    ("an empty all inside", {"any": [OVER, {"all": []}]}, "空的 all/any"),
    ("$and: [] hangs at the first message", {"$and": []}, "when"),
    ("$or: []", {"$or": []}, "when"),
    ("neither all nor any", {}, "when"),
    ("a count", {**OVER, "count": 3}, "count"),
    ("a cap", {**OVER, "cap": 3}, "cap"),
    ("a time span", {**OVER, "span": 600}, "span"),
    ("a timer", {"field": "pm", "op": "timeout", "value": 1}, "op"),
    ("an alias that does not exist", {"field": "pm", "op": "gt", "value": {"a": "pm"}}, "不是数"),
    ("another message: a join", {"all": [{"m": OVER}, {"n": OVER}]}, "when"),
    ("none, $not pattern", {"none": [OVER]}, "when"),
    ("all and any at once", {"all": [OVER], "any": [OVER]}, "any"),
    # words of the engine as fields
    *((f"field {name}", {"field": name, "op": "exists"}, "不在 fields")
      for name in ("id", "sid", "$s", "$m", "k", "$i", "pm.a")),
    # regular expressions
    ("[一-龥]: SIGSEGV in the compiler", {"field": "st", "op": "mt", "value": "[一-龥]"}, "op"),
    ("((a*)*)*b hangs", {"field": "st", "op": "imt", "value": "((a*)*)*b"}, "op"),
    ("400 parentheses", {"field": "st", "op": "matches", "value": "(" * 400 + ")" * 400}, "op"),
    # arithmetic and numbers
    ("an integer by zero: SIGFPE", {**OVER, "value": {"$div": {"$l": 1, "$r": 0}}}, "不是数"),
    ("a division", {"field": "pm", "op": "gt", "of": "n", "div": 0}, "div"),
    ("of a missing field", {"field": "pm", "op": "gt", "of": "nope"}, "不在 fields"),
    ("not a number", {**OVER, "value": float("nan")}, "有限"),
    ("infinite", {**OVER, "value": float("inf")}, "有限"),
    ("beyond 2**53", {**OVER, "value": 2**53}, "2^53-1"),
    ("beyond 2**63", {**OVER, "value": 2**64}, "2^53-1"),
    # types
    ("text above text", {"field": "st", "op": "gt", "value": "a"}, "不能用 gt"),
    ("a text for a number", {**OVER, "value": "150"}, "不是数"),
    ("a truth for a number", {**OVER, "value": True}, "不是数"),
    ("null", {"field": "pm", "op": "eq", "value": None}, "不是数"),
    ("a date", {"field": "st", "op": "eq", "value": "2026-01-01"}, ""),
    ("an empty in", {"field": "st", "op": "in", "value": []}, "1 到 20"),
    ("a text of 65,539 bytes", {"field": "st", "op": "eq", "value": "x" * 65_539}, "65539 字节"),
    # limits
    ("65 true at once", many(65), "65 个"),
    ("64 true at once, above our own 56", many(64), "64 个"),
    ("a product of paths", {"all": [PAIR] * 6}, "分支 64 个"),
    ("16 groups", {"all": [{"field": "st", "op": "in", "value": ["a"]}] * 15}, "组"),
    ("21 parts", {"all": [OVER] * 21}, "21 个条件"),
    ("nested six deep", deep(6), "嵌套超过 5"),
    ("nested twenty deep", deep(20), "嵌套超过 5"),
    ("129 missing", {"all": [{"field": "pm", "op": "missing"}] * 129}, "129 个条件"),
]  # fmt: skip
RIGHT = {"a date"}
"""Nothing is wrong with these: a text that looks like a date is a text."""


@pytest.mark.parametrize(("name", "when", "says"), CANARIES, ids=[canary[0] for canary in CANARIES])
def test_a_canary_is_refused_with_line_and_remedy_or_is_right(
    name: str, when: Any, says: str
) -> None:
    started = time.monotonic()
    loaded, faults = load_text(written(when), "canary.yaml")
    assert time.monotonic() - started < 20, "a refusal may not hang"
    if name in RIGHT:
        # The pack's examples are those of another condition; only they may speak against it.
        assert {one.remedy for one in faults} == {"改例子或改规则"}
        return
    assert loaded is None
    named = [one for one in faults if says in one.message]
    assert named, [str(one) for one in faults]
    assert all(one.remedy and one.file == "canary.yaml" for one in faults)
    text = written(when).splitlines()
    start = next(n for n, line in enumerate(text, 1) if line.strip().startswith("when:"))
    end = next(n for n, line in enumerate(text, 1) if line.strip().startswith("then:"))
    assert all(start <= one.line <= end for one in named), (start, end, named)


@pytest.mark.parametrize("levels", [60, 200, 5000])
def test_nesting_without_measure_is_refused_not_a_crash(levels: int) -> None:
    block = "    when:\n      all:\n        - {field: pm, op: gt, value: 150}\n"
    assert block in GOOD
    leaf = "{field: pm, op: gt, value: 150}"
    text = GOOD.replace(block, f"    when: {'{all: [' * levels}{leaf}{']}' * levels}\n")
    loaded, faults = load_text(text, "canary.yaml")
    assert loaded is None
    assert faults
    assert all("嵌套" in fault.message and fault.remedy for fault in faults)


def test_names_that_share_a_hash_are_refused_with_their_line() -> None:
    number = {"type": "number", "title": {"zh": "数", "en": "number"}}
    raw = yaml.safe_load(GOOD)
    raw["fields"] |= {"flag_late_ratio0": number, "last_last_count2": number}
    text = dumped(raw)
    loaded, faults = load_text(text, "canary.yaml")
    assert loaded is None
    (fault,) = faults
    assert "散列相同" in fault.message
    assert text.splitlines()[fault.line - 1].strip() == "last_last_count2:"


def test_252_properties_are_refused_with_their_line() -> None:
    number = {"type": "number", "title": {"zh": "数", "en": "number"}}
    raw = yaml.safe_load(GOOD)
    raw["fields"] |= {f"f{n}": number for n in range(252)}
    loaded, faults = load_text(dumped(raw), "canary.yaml")
    assert loaded is None
    assert any("字段 253 个" in fault.message and fault.line == 6 for fault in faults)


def rules_of(pack_of: Callable[..., Pack], count: int, when: Callable[[int], Any]) -> Pack:
    return pack_of(*(when(n) for n in range(count)))


@pytest.mark.parametrize("count", [511, 512, 513, 600])
def test_512_rules_that_hang_the_engine_are_right_in_shards(
    pack_of: Callable[..., Pack], engine: RulesProcess, at: Any, count: int
) -> None:
    pack = rules_of(pack_of, count, lambda n: {"field": "pm", "op": "gt", "value": n})
    for value in (-1, 255.5, 1000):
        ruling = engine.evaluate(pack, {"pm": value}, at)
        assert ruling.model_copy(update={"engine": "plain"}) == evaluate(pack, {"pm": value}, at)
        assert ruling.engine == "durable_rules"


@pytest.mark.parametrize("count", [255, 256, 257])
def test_256_identical_rules_that_crash_the_engine_are_right_in_shards(
    pack_of: Callable[..., Pack], engine: RulesProcess, at: Any, count: int
) -> None:
    pack = rules_of(pack_of, count, lambda n: OVER)
    ruling = engine.evaluate(pack, {"pm": 151}, at)
    assert (ruling.engine, len(ruling.fired)) == ("durable_rules", count)


def test_129_rules_on_a_missing_field_are_right_in_shards(
    pack_of: Callable[..., Pack], engine: RulesProcess, at: Any
) -> None:
    pack = rules_of(pack_of, 129, lambda n: {"field": "st", "op": "missing"})
    ruling = engine.evaluate(pack, {"pm": 1}, at)
    assert (ruling.engine, len(ruling.fired)) == ("durable_rules", 129)


@pytest.mark.parametrize("number", [1e-05, 1e-7, 1.5e-300, 1e15, -1e-05])
def test_numbers_that_the_engine_cannot_read_are_spelled_so_that_it_can(
    pack_of: Callable[..., Pack], engine: RulesProcess, at: Any, number: float
) -> None:
    pack = pack_of({"field": "pm", "op": "eq", "value": number})
    assert len(engine.evaluate(pack, {"pm": number}, at).fired) == 1
    assert len(engine.evaluate(pack, {"pm": number * 2}, at).fired) == 0
    assert engine.state().plain == 0


BAD_CONTEXTS: list[dict[str, Any]] = [
    {"id": "c"}, {"sid": "1"}, {"$s": 1}, {"k": 2}, {"pm": float("nan")}, {"pm": float("inf")},
    {"pm": 2**53}, {"pm": "1"}, {"pm": True}, {"pm": None, "nope": 1}, {"st": "x" * 4001},
    {"st": "\ud800"}, {"tags": ["x"] * 201}, {"tags": [1]}, {"tags": [["a"]]}, {"st": {"a": 1}},
    {"st": b"a"}, {"a.b": 1},
]  # fmt: skip


@pytest.mark.parametrize("context", BAD_CONTEXTS, ids=[str(c)[:24] for c in BAD_CONTEXTS])
def test_a_context_that_the_engine_would_misread_is_refused_by_its_field(
    pack_of: Callable[..., Pack], at: Any, context: dict[str, Any]
) -> None:
    with pytest.raises(ContextRefused) as refused:
        evaluate(pack_of(OVER), context, at)
    assert refused.value.faults[0][0] in context


@pytest.mark.parametrize(
    "text",
    ["", '引"号', "back\\slash", "\n", "\x00", "\u2028", "😀", '"}],"x":1,"y":[{"', "x" * 4000],
)
def test_a_text_cannot_break_out_of_its_quotes(
    pack_of: Callable[..., Pack], engine: RulesProcess, at: Any, text: str
) -> None:
    short = text[:900]
    pack = pack_of({"field": "st", "op": "eq", "value": short})
    ruling = engine.evaluate(pack, {"st": text}, at)
    assert (ruling.engine, bool(ruling.fired)) == ("durable_rules", text == short)
    assert fact_text({"st": text}) == engine_text({"id": "c", "k": 1, "st": text})


def test_a_pack_of_every_right_canary_passes_the_engine_s_own_trial(
    pack_of: Callable[..., Pack],
) -> None:
    problems = tried_by_engine(rules_of(pack_of, 300, lambda n: {**OVER, "value": n}))
    # Only the made-up examples of these rules may be wrong.
    assert all(problem.loc[2:3] == ("examples",) for problem in problems)
