"""What is late of a project's performance rings until it is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from activities.alarming import Alarms
from cases import performance_rows
from cases.database import open_engine
from cases.payments import Terms
from cases.performance_rows import NewAct
from cases.projects import performing_messages as m
from cases.projects.performing_state import Performance
from cases.rulings import Ruling
from rules.evaluate import evaluate
from rules.load import load_packs
from tests.projects.test_performing import EVALUATOR, LEAD, OPERATOR, done, planned, scores
from yichuang.payment_rules import terms_of
from yichuang.performance_watch import PerformanceWatch
from yichuang.stores import migrate

PACKS = load_packs()


class Shipped:
    """The shipped pack, answered by the twin."""

    def terms(self, pack: str, at: datetime) -> Terms | None:
        return terms_of(PACKS[pack])

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        return evaluate(PACKS["project"], dict(context), at)


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    migrate(engine, "cases")
    yield engine
    engine.dispose()


def keep(engine: Engine, state: Performance, verb: str, body: dict[str, Any], at: datetime) -> None:
    key = f"c{state.seq}"
    one = NewAct(state, key, "d" * 64, "u:x", "", verb, body, at, f"e{state.seq}")
    with engine.begin() as connection:
        performance_rows.put(connection, one)


def test_a_year_without_evaluation_rings_until_one_is_given(cases: Engine) -> None:
    at = [datetime(2027, 1, 31, 2, tzinfo=UTC)]
    watch = PerformanceWatch(
        cases, Alarms("demo", "https://x"), Shipped(), "Asia/Shanghai", lambda: at[0]
    )
    state = planned()
    keep(cases, state, m.PLAN, {}, at[0])
    assert watch.look() == ([], [])
    at[0] = datetime(2027, 1, 31, 16, tzinfo=UTC)  # the first of February in Beijing
    assert watch.look() == (["performance_late:PRJ-1:evaluation"], [])
    assert watch.look() == ([], [])
    state = done(state, m.EVALUATE, scores(), EVALUATOR, at[0])
    keep(cases, state, m.EVALUATE, scores(), at[0])
    assert watch.look() == ([], ["performance_late:PRJ-1:evaluation"])


def test_a_task_rings_the_day_after_its_last_until_it_is_done(cases: Engine) -> None:
    at = [datetime(2026, 12, 1, 2, tzinfo=UTC)]
    watch = PerformanceWatch(
        cases, Alarms("demo", "https://x"), Shipped(), "Asia/Shanghai", lambda: at[0]
    )
    state = planned()
    keep(cases, state, m.PLAN, {}, at[0])
    state = done(state, m.EVALUATE, scores(), EVALUATOR, at[0])
    keep(cases, state, m.EVALUATE, scores(), at[0])
    task = {"year": 2026, "code": "A", "what": "更换水泵", "due_on": "2026-12-10"}
    state = done(state, m.RECTIFY, task, LEAD, at[0])
    keep(cases, state, m.RECTIFY, task, at[0])
    at[0] = datetime(2026, 12, 10, 15, 59, tzinfo=UTC)
    assert watch.look() == ([], [])
    at[0] = datetime(2026, 12, 10, 16, tzinfo=UTC)
    assert watch.look() == (["performance_late:PRJ-1:task:1"], [])
    shown = {"task": 1, "evidence": "验收单 7 号"}
    state = done(state, m.RECTIFIED, shown, OPERATOR, at[0])
    keep(cases, state, m.RECTIFIED, shown, at[0])
    assert watch.look() == ([], ["performance_late:PRJ-1:task:1"])


def test_five_years_without_a_mid_term_evaluation_ring(cases: Engine) -> None:
    at = datetime(2031, 2, 1, 2, tzinfo=UTC)
    watch = PerformanceWatch(
        cases, Alarms("demo", "https://x"), Shipped(), "Asia/Shanghai", lambda: at
    )
    keep(cases, planned(), m.PLAN, {}, at)
    assert watch.look()[0] == [
        "performance_late:PRJ-1:evaluation", "performance_late:PRJ-1:mid_term",
    ]  # fmt: skip
