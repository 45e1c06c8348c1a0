"""The child may crash, hang, starve or be killed: the answer is right all the same.

The poison is real: rule sets that the validator would refuse, put past it by hand.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rules.check import tried_by_engine
from rules.compile import Shards
from rules.evaluate import evaluate
from rules.pack import Pack
from rules.process import ROOT, EngineSilent, Limits, Quarantined, RulesProcess

Build = Callable[..., Pack]
QUICK = Limits(deadline_s=0.3)
OVER = {"field": "pm", "op": "gt", "value": 150}


def threshold_rules(count: int) -> str:
    rules = {f"R{n}": {"pri": 1, "all": [{"m": {"$gt": {"pm": 1000 + n}}}]} for n in range(count)}
    return json.dumps(rules)


HANGS = threshold_rules(512)
"""Loads, and never returns from the first fact (reference page on durable_rules §3.2)."""
NEVER_LOADS = threshold_rules(513)
DIES_AT_ZERO = (
    '{"R0":{"pri":1,"all":[{"m":{"$and":[{"k":1},{"$ex":{"base":1}},'
    '{"$gt":{"pm":{"$div":{"$l":1,"$r":{"$m":"base"}}}}}]}}]}}'
)
"""An integer divided by a zero in the context: SIGFPE."""
REFUSED = '{"R0":{"pri":1,"all":[{"m":{"$and":[{"k":1},{"$gt":{"pm":1e-05}}]}}]}}'
"""A number the engine cannot read: no rule set at all."""


def smuggle(pack: Pack, at: datetime, *texts: str) -> Pack:
    """Put other text in the place of what the compiler made for this instant."""
    everywhere = tuple(range(len(texts)))
    pack.slice_at(at).__dict__["shards"] = Shards(texts, "", {}, everywhere)
    return pack


def gone(pid: int, within_s: float) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_the_child_answers_as_the_twin_does(
    shipped: dict[str, Pack], engine: RulesProcess, at: datetime
) -> None:
    context = {"matter": "m", "building_use": "public", "building_height_m": 51}
    pack = shipped["routing"]
    ruling = engine.evaluate(pack, context, at)
    assert ruling.engine == "durable_rules"
    assert ruling.model_copy(update={"engine": "plain"}) == evaluate(pack, context, at)


def test_a_pack_is_asked_by_id_by_digest_or_as_a_stored_old_version(
    shipped: dict[str, Pack], at: datetime
) -> None:
    new = shipped["completeness"]
    old = Pack.from_stored(
        new.stored.replace('"notice_working_days":5', '"notice_working_days":3')
        .replace('"version":"2026.1"', '"version":"2025.1"')
    )  # fmt: skip
    context = {"required_missing": 1, "secondary_missing": 0}
    with RulesProcess([old, new]) as engine:
        by_id = engine.evaluate("completeness", context, at)
        by_digest = engine.evaluate(old.digest, context, at)
        by_value = engine.evaluate(old, context, at)
        assert (by_id.version, by_id.outcome["notice_working_days"]) == ("2026.1", 5)
        assert (by_digest.version, by_digest.outcome["notice_working_days"]) == ("2025.1", 3)
        assert by_value == by_digest
        with pytest.raises(KeyError):
            engine.evaluate("no-such-pack", context, at)


def test_a_batch_answers_in_order_and_as_one_by_one(
    shipped: dict[str, Pack], engine: RulesProcess, at: datetime
) -> None:
    pack = shipped["completeness"]
    contexts = [
        {"required_missing": n % 3, "secondary_missing": n % 2, "undertaking_given": True,
         "tolerant_allowed": n % 5 == 0, "noticed": n % 7 == 0}
        for n in range(600)
    ]  # fmt: skip
    many = engine.evaluate_many(pack, contexts, at)
    assert many == [engine.evaluate(pack, context, at) for context in contexts]
    assert {ruling.engine for ruling in many} == {"durable_rules"}


def test_eight_threads_get_each_their_own_answer(
    pack_of: Build, engine: RulesProcess, at: datetime
) -> None:
    pack = pack_of(*({"field": "pm", "op": "eq", "value": n} for n in range(40)))

    def ask(n: int) -> bool:
        return [f.rule for f in engine.evaluate(pack, {"pm": n % 40}, at).fired] == [f"R{n % 40}"]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(1600)))
    assert engine.state().plain == 0


def test_a_killed_child_is_replaced_and_the_answer_is_the_engine_s(
    pack_of: Build, engine: RulesProcess, at: datetime
) -> None:
    pack = pack_of(OVER)
    for _ in range(3):
        ruling = engine.evaluate(pack, {"pm": 151}, at)
        assert (ruling.engine, len(ruling.fired)) == ("durable_rules", 1)
        pid = engine.state().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    assert engine.state().quarantined == 0


def test_a_stopped_child_costs_one_deadline(pack_of: Build, at: datetime) -> None:
    pack = pack_of(OVER)
    with RulesProcess(limits=QUICK) as engine:
        engine.evaluate(pack, {"pm": 151}, at)
        pid = engine.state().pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        ruling = engine.evaluate(pack, {"pm": 151}, at)
        assert ruling.engine == "durable_rules"
        assert QUICK.deadline_s <= time.monotonic() - started < QUICK.deadline_s + 3
        assert engine.state().pid != pid


@pytest.mark.parametrize(
    "poison", [HANGS, NEVER_LOADS, DIES_AT_ZERO], ids=["hang", "never loads", "crash"]
)
def test_a_poisonous_context_is_tried_twice_then_the_twin_answers(
    pack_of: Build, at: datetime, poison: str
) -> None:
    told: list[Quarantined] = []
    pack = smuggle(pack_of(OVER), at, poison)
    with RulesProcess(limits=QUICK, on_quarantine=told.append) as engine:
        ruling = engine.evaluate(pack, {"pm": 151, "base": 0}, at)
        assert (ruling.engine, [fired.rule for fired in ruling.fired]) == ("plain", ["R0"])
        assert engine.state().starts == 2
        assert [one.pack for one in told] == [pack.slice_at(at).key]

        again = engine.evaluate(pack, {"pm": 151, "base": 0}, at)
        assert again == ruling
        assert engine.state().starts == 2, "a quarantined context must not reach the engine"

        other = engine.evaluate(pack_of({"field": "pm", "op": "lt", "value": 1}), {"pm": 0}, at)
        assert other.engine == "durable_rules"
        engine.release()
        assert engine.quarantined() == ()


def test_only_the_poisonous_context_of_a_batch_is_answered_by_the_twin(
    pack_of: Build, at: datetime
) -> None:
    pack = smuggle(pack_of({"field": "pm", "op": "gte", "value": 1}), at, DIES_AT_ZERO)
    contexts = [{"pm": 1, "base": 2}, {"pm": 1, "base": 0}, {"pm": 1, "base": 3}]
    with RulesProcess(limits=QUICK) as engine:
        rulings = engine.evaluate_many(pack, contexts, at)
        assert [ruling.engine for ruling in rulings] == ["durable_rules", "plain", "durable_rules"]
        assert all(len(ruling.fired) == 1 for ruling in rulings)
        assert len(engine.quarantined()) == 1


def test_rules_that_the_engine_does_not_take_are_answered_by_the_twin(
    pack_of: Build, at: datetime
) -> None:
    pack = smuggle(pack_of(OVER), at, REFUSED)
    with RulesProcess(limits=QUICK) as engine:
        assert engine.evaluate(pack, {"pm": 151}, at).engine == "plain"
        assert engine.evaluate(pack, {"pm": 152}, at).engine == "plain"
        assert [(one.fact, "204" in one.reason) for one in engine.quarantined()] == [("", True)]
        assert engine.state().starts == 2


def test_a_child_that_cannot_start_leaves_the_twin_and_is_not_tried_every_time(
    pack_of: Build, at: datetime
) -> None:
    pack = pack_of(OVER)
    with RulesProcess(limits=Limits(memory_bytes=1 << 20)) as engine:
        assert engine.evaluate(pack, {"pm": 151}, at).engine == "plain"
        started = time.monotonic()
        for n in range(200):
            assert engine.evaluate(pack, {"pm": n}, at).engine == "plain"
        assert time.monotonic() - started < 1
        assert engine.state().starts == 0


def test_a_child_out_of_memory_is_replaced_not_trusted(pack_of: Build, at: datetime) -> None:
    """Many rule sets under a small address space: each answer is right, whoever gave it."""
    with RulesProcess(limits=Limits(memory_bytes=48 << 20)) as engine:
        for n in range(60):
            whens = [{"field": "pm", "op": "eq", "value": n + m} for m in range(56)]
            ruling = engine.evaluate(pack_of(*whens, version=f"2026.{n + 1}"), {"pm": n}, at)
            assert [fired.rule for fired in ruling.fired] == ["R0"]


@pytest.mark.parametrize(
    ("limits", "asked"), [(Limits(questions=50), 160), (Limits(rule_sets=3), 40)]
)
def test_a_worn_child_is_replaced_without_anybody_noticing(
    pack_of: Build, at: datetime, limits: Limits, asked: int
) -> None:
    packs = [
        pack_of({"field": "pm", "op": "gt", "value": n}, version=f"2026.{n + 1}") for n in range(8)
    ]
    with RulesProcess(limits=limits) as engine:
        for n in range(asked):
            ruling = engine.evaluate(packs[n % 8], {"pm": n % 8 + 1}, at)
            assert (ruling.engine, len(ruling.fired)) == ("durable_rules", 1)
        state = engine.state()
        assert state.starts > 3
        assert (state.plain, state.quarantined) == (0, 0)


def test_after_closing_the_twin_answers_and_no_process_is_left(
    pack_of: Build, at: datetime
) -> None:
    engine = RulesProcess()
    engine.evaluate(pack_of(OVER), {"pm": 151}, at)
    pid = engine.state().pid
    assert pid is not None
    engine.close()
    engine.close()
    assert gone(pid, 0.5)
    assert engine.evaluate(pack_of(OVER), {"pm": 151}, at).engine == "plain"


ORPHAN = """
import os, sys, threading, time
from datetime import UTC, datetime
from rules.compile import Shards
from rules.load import load_packs
from rules.process import Limits, RulesProcess
pack = load_packs()["routing"]
at = datetime(2026, 3, 2, tzinfo=UTC)
engine = RulesProcess(limits=Limits(deadline_s=float(sys.argv[1])))
engine.evaluate(pack, {"matter": "m"}, at)
print(engine.state().pid, flush=True)
if sys.argv[2]:
    rules = pack.slice_at(at)
    rules.__dict__["shards"] = Shards((sys.argv[2],), "", {}, (0,))
    rules.__dict__.pop("texts", None)
    object.__setattr__(rules, "key", "hanging")
    threading.Thread(target=engine.match, args=(rules, {"pm": 1}), daemon=True).start()
time.sleep(600)
"""


@pytest.mark.parametrize("hanging", ["", HANGS], ids=["idle", "hanging"])
def test_no_child_outlives_a_killed_parent(hanging: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, "1", hanging], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if hanging:
            time.sleep(0.3)
    finally:
        parent.kill()
        parent.communicate()
    assert gone(pid, 6)


@pytest.mark.parametrize(
    "poison", [HANGS, NEVER_LOADS, REFUSED], ids=["hang", "never loads", "refused"]
)
def test_publishing_tries_a_pack_in_a_child_that_may_die(
    pack_of: Build, at: datetime, poison: str
) -> None:
    pack = smuggle(pack_of(OVER), at, poison)
    started = time.monotonic()
    problems = tried_by_engine(pack, seconds=0.5)
    assert problems
    assert "规则引擎" in problems[0].message
    assert time.monotonic() - started < 4


def test_publishing_names_the_example_that_the_engine_answers_otherwise(pack_of: Build) -> None:
    when = {"field": "pm", "op": "gt", "value": 150}
    assert [p.loc for p in tried_by_engine(pack_of(when))] == [("rules", 0, "examples", 0)]


def test_match_says_when_it_has_no_answer(pack_of: Build, at: datetime) -> None:
    engine = RulesProcess()
    engine.close()
    facts: dict[str, Any] = {"pm": 1}
    with pytest.raises(EngineSilent):
        engine.match(pack_of(OVER).slice_at(at), facts)


def test_a_large_parent_does_not_make_its_child_look_worn(pack_of: Build, at: datetime) -> None:
    ballast = bytearray(400 * 1024 * 1024)
    ballast[::4096] = bytes([1]) * len(ballast[::4096])  # resident, not only reserved
    pack = pack_of(OVER)
    with RulesProcess([pack]) as engine:
        for n in range(20):
            engine.evaluate(pack, {"pm": n}, at)
        assert engine.state().starts == 1
        assert engine.state().rss_kib < 200 * 1024
    del ballast


def test_a_child_killed_in_the_middle_of_an_answer_is_replaced(
    pack_of: Build, at: datetime
) -> None:
    """Killed again and again from another thread while batches are under way: nothing is lost."""
    pack = pack_of(*({"field": "pm", "op": "eq", "value": n} for n in range(50)))
    contexts = [{"pm": n % 60} for n in range(3000)]
    told: list[Quarantined] = []
    with RulesProcess([pack], on_quarantine=told.append) as engine:
        engine.evaluate(pack, {"pm": 1}, at)
        ended = threading.Event()
        kills = 0

        def kill() -> None:
            nonlocal kills
            while not ended.wait(0.01):
                pid = engine.state().pid
                if pid is not None and Path(f"/proc/{pid}/cmdline").exists():
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
                    ended.wait(0.15)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            for _ in range(4):
                rulings = engine.evaluate_many(pack, contexts, at)
                assert [[f.rule for f in ruling.fired] for ruling in rulings] == [
                    [f"R{n % 60}"] if n % 60 < 50 else [] for n in range(3000)
                ]
        finally:
            ended.set()
            killer.join()
        assert kills > 0
        assert engine.evaluate(pack, {"pm": 1}, at).fired


def test_a_batch_of_the_largest_contexts_goes_through_the_pipe(
    pack_of: Build, at: datetime
) -> None:
    """190 texts of 4,000 bytes in each of sixty contexts: frames of six megabytes."""
    fields = {f"f{n}": {"type": "text", "title": {"zh": "文", "en": "text"}} for n in range(190)}
    pack = pack_of({"field": "f7", "op": "eq", "value": "y"}, fields=fields)
    context: dict[str, Any] = {f"f{n}": "x" * 4000 for n in range(190)}
    contexts = [context | {"f7": "y" if n % 2 else "z", "pm": n} for n in range(60)]
    with RulesProcess([pack], limits=Limits(deadline_s=10, batch=8)) as engine:
        rulings = engine.evaluate_many(pack, contexts, at)
        assert [len(ruling.fired) for ruling in rulings] == [n % 2 for n in range(60)]
        assert engine.state().quarantined == 0


def test_a_batch_larger_than_a_frame_is_answered_all_the_same(pack_of: Build, at: datetime) -> None:
    """The child refuses the frame and dies; one by one each context is small enough."""
    fields = {f"f{n}": {"type": "text", "title": {"zh": "文", "en": "text"}} for n in range(190)}
    pack = pack_of({"field": "f7", "op": "eq", "value": "y"}, fields=fields)
    context: dict[str, Any] = {f"f{n}": "x" * 4000 for n in range(190)}
    contexts = [context | {"f7": "y" if n % 2 else "z", "pm": n} for n in range(100)]
    with RulesProcess([pack], limits=Limits(deadline_s=10)) as engine:
        rulings = engine.evaluate_many(pack, contexts, at)
        assert [len(ruling.fired) for ruling in rulings] == [n % 2 for n in range(100)]


def test_the_child_cannot_take_more_memory_than_it_is_given(tmp_path: Path) -> None:
    """The limit is the kernel's: an allocation beyond it fails inside the child itself."""
    bomb = "import rules.child as c; c.limit(200 << 20); x = bytearray(300 << 20)"
    ended = subprocess.run(
        [sys.executable, "-c", bomb], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "MemoryError" in ended.stderr


def test_no_answer_depends_on_the_clock_of_the_machine(pack_of: Build) -> None:
    """The instant is part of the question: asked of last year or of next century, at any time."""
    pack = pack_of(OVER)
    with RulesProcess([pack]) as engine:
        for year in (1970, 2019, 2020, 2026, 2999):
            asked = datetime(year, 6, 1, tzinfo=UTC)
            ruling = engine.evaluate(pack, {"pm": 151}, asked)
            assert (len(ruling.fired), ruling.engine) == (int(year >= 2020), "durable_rules")
            assert ruling.context["at"] == asked.isoformat()
