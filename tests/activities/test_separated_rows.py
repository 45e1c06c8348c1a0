"""Separations that the rows hold by themselves: plain SQL, either order, deputies, and races."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import IntegrityError

from cases.apart_tables import inspection, payment_hand, separated
from cases.payment_tables import payment
from cases.separations import BEYOND_CASES, HOST_HEARING
from cases.state import CaseState
from cases.store import inspector_digest
from cases.tables import hand, separation
from cases.tables import step as step_table
from cases.tables import task as task_table
from tests.activities.conftest import START, Town, food

APART = "separated acts of one case by one person"
MIGRATION = Path(__file__).parents[2] / "migrations/cases/0013_separated_by_rows.py"


@pytest.fixture
def state(town: Town) -> Iterator[CaseState]:
    """A case that u:window has filed and accepted, whose review asks for two inspectors."""
    steps = (
        {"环节编码": "check", "环节名称": "审查", "办理部门": "scjg", "核查人数": 2},
    )  # fmt: skip
    matter = food(办理环节=steps, 特别程序=("hearing",))
    town.matters = replace(town.matters, matters=(matter,))
    filed = town.filed()
    yield town.settle(filed, town.order("accept", {"mode": "plain"}))[0]


def sql(engine: Engine, statement: str, **values: Any) -> int:
    with engine.begin() as connection:
        return int(connection.execute(text(statement), values).rowcount)


def put(engine: Engine, case_id: str, act: str, person: str) -> None:
    with engine.begin() as connection:
        connection.execute(insert(hand), {"case_id": case_id, "act": act, "person": person})


def refused(engine: Engine, case_id: str, act: str, person: str) -> bool:
    try:
        put(engine, case_id, act, person)
    except IntegrityError as no:
        assert APART in str(no.orig)
        return True
    return False


# --- hands -----------------------------------------------------------------------------------


def test_who_accepted_does_not_come_to_stand_as_decider(town: Town, state: CaseState) -> None:
    assert refused(town.engine, state.case_id, "decide", "u:window")
    assert not refused(town.engine, state.case_id, "decide", "u:head")


def test_in_the_other_order_too(town: Town, state: CaseState) -> None:
    assert not refused(town.engine, state.case_id, "decide", "u:head")
    assert refused(town.engine, state.case_id, "accept", "u:head")


def test_acts_that_the_matter_does_not_separate_may_be_one_persons(
    town: Town, state: CaseState
) -> None:
    for act in ("urge", "serve", "close"):
        assert not refused(town.engine, state.case_id, act, "u:window")


def test_a_hand_is_not_moved_to_who_stands_on_the_other_side(town: Town, state: CaseState) -> None:
    put(town.engine, state.case_id, "decide", "u:head")
    with pytest.raises(IntegrityError, match=APART):
        sql(town.engine, "UPDATE hand SET person = 'u:window' WHERE act = 'decide'")


def test_another_case_is_another_matter(town: Town, state: CaseState) -> None:
    other = town.filed("c2")
    assert not refused(town.engine, other.case_id, "decide", "u:window")


@pytest.mark.parametrize(
    ("actor", "on_behalf", "stored"),
    [
        ("u:window", "", False),
        ("u:deputy", "u:window", False),
        ("u:window", "u:head", False),
        ("u:head", "", True),
        ("u:deputy", "u:head", True),
    ],
)
def test_a_step_of_either_person_of_a_deputyship_counts(
    town: Town, state: CaseState, actor: str, on_behalf: str, stored: bool
) -> None:
    columns = [one.name for one in step_table.columns]
    put_in = {"seq": "9", "command_id": "'x'", "entry_id": "'x'", "verb": "'decide'",
              "actor": ":a", "on_behalf": ":b"}  # fmt: skip
    chosen = ", ".join(put_in.get(name, name) for name in columns)
    statement = f"INSERT INTO step ({', '.join(columns)}) SELECT {chosen} FROM step WHERE seq = 2"
    try:
        sql(town.engine, statement, a=actor, b=on_behalf)
    except IntegrityError as no:
        assert APART in str(no.orig)
        assert not stored
    else:
        assert stored


# --- hearing ---------------------------------------------------------------------------------

HEARING = {"kind": "hearing", "ground": "申请人要求", "expected_days": 20, "host": "u:host"}


def test_who_presides_the_hearing_does_not_come_to_stand_as_reviewer(
    town: Town, state: CaseState
) -> None:
    state, settled = town.settle(state, town.order("start_procedure", HEARING, by="u:head"))
    assert settled.steps[0].outcome.status == "done", settled.steps[0].outcome
    with town.engine.connect() as connection:
        acts = connection.execute(
            select(separation.c.act).where(separation.c.person == "u:host")
        ).scalars()
        assert set(acts) == {HOST_HEARING}
    for act in ("opine", "inspect"):
        assert refused(town.engine, state.case_id, act, "u:host")
        assert not refused(town.engine, state.case_id, act, "u:other")
    assert not refused(town.engine, state.case_id, "serve", "u:host")


def test_a_reviewer_does_not_come_to_stand_as_presider(town: Town, state: CaseState) -> None:
    put(town.engine, state.case_id, "opine", "u:reviewer")
    values = {"case_id": state.case_id, "rule": 1000, "act": HOST_HEARING}
    with town.engine.begin() as connection:
        connection.execute(insert(separation), values | {"person": "u:somebody"})
    with pytest.raises(IntegrityError, match=APART), town.engine.begin() as connection:
        connection.execute(insert(separation), values | {"person": "u:reviewer"})


# --- races -----------------------------------------------------------------------------------


def test_of_two_that_race_to_both_sides_one_stands(town: Town, state: CaseState) -> None:
    for n in range(8):
        both, person = Barrier(2), f"u:racer{n}"

        def run(act: str, both: Barrier = both, person: str = person) -> bool:
            both.wait()
            return not refused(town.engine, state.case_id, act, person)

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(run, ("accept", "decide"))) == [False, True]


# --- inspections -----------------------------------------------------------------------------


def inspectors(town: Town, state: CaseState, *people: tuple[int, str]) -> None:
    with town.engine.begin() as connection:
        connection.execute(
            insert(inspection),
            [
                {"case_id": state.case_id, "seq": seq, "task": "review-check",
                 "inspector": inspector_digest(state.case_id, name)}
                for seq, name in people
            ],
        )  # fmt: skip


def inspected(town: Town) -> bool:
    try:
        sql(town.engine, "UPDATE task SET inspected = (1 = 1) WHERE key = 'review-check'")
    except IntegrityError as no:
        assert "two inspectors" in str(no.orig)
        return False
    return True


def test_an_inspection_of_nobody_or_one_does_not_count(town: Town, state: CaseState) -> None:
    assert not inspected(town)
    inspectors(town, state, (7, "甲"))
    assert not inspected(town)


def test_the_same_inspector_twice_is_one(town: Town, state: CaseState) -> None:
    inspectors(town, state, (7, "甲"), (8, "甲"))
    assert not inspected(town)
    with pytest.raises(IntegrityError):
        inspectors(town, state, (7, "甲"))


def test_two_inspectors_count(town: Town, state: CaseState) -> None:
    inspectors(town, state, (7, "甲"), (7, "乙"))
    assert inspected(town)


def test_plain_sql_does_not_insert_a_task_as_inspected(town: Town, state: CaseState) -> None:
    columns = [one.name for one in task_table.columns]
    put_in = {"key": "'forged'", "inspected": "(1 = 1)"}
    chosen = ", ".join(put_in.get(name, name) for name in columns)
    with pytest.raises(IntegrityError, match="two inspectors"):
        sql(town.engine, f"INSERT INTO task ({', '.join(columns)}) SELECT {chosen} FROM task "
            "WHERE key = 'review-check'")  # fmt: skip


def test_no_opinion_stands_before_the_inspection(town: Town, state: CaseState) -> None:
    opinion = (
        "INSERT INTO opinion (case_id, seq, task, department, signer, result, at, subject, "
        "words_sealed) SELECT case_id, 9, 'review-check', department, 'u:r', 'agree', "
        "recorded_at, subject, body_sealed FROM step WHERE seq = 2"
    )
    with pytest.raises(IntegrityError, match="before the inspection"):
        sql(town.engine, opinion)
    inspectors(town, state, (7, "甲"), (7, "乙"))
    assert inspected(town)
    assert sql(town.engine, opinion) == 1


@pytest.mark.parametrize(("people", "code"), [(["甲"], "too_few_inspectors"), (["甲", "甲"],
    "too_few_inspectors"), (["甲", "乙"], "")])  # fmt: skip
def test_an_order_to_inspect_names_two_people_and_leaves_a_row_of_each(
    town: Town, state: CaseState, people: list[str], code: str
) -> None:
    body = {"task": "review-check", "inspectors": people, "place": "现场", "findings": "符合",
            "inspected_at": state.last_at.isoformat() if state.last_at else ""}  # fmt: skip
    _, settled = town.settle(state, town.order("inspect", body, by="u:reviewer"))
    assert settled.steps[0].outcome.code == code
    with town.engine.connect() as connection:
        rows = connection.execute(select(inspection.c.inspector)).scalars().all()
    digests = {inspector_digest(state.case_id, name) for name in people}
    assert set(rows) == (set() if code else digests)


# --- payments --------------------------------------------------------------------------------


def pay(engine: Engine, act: str, person: str) -> None:
    with engine.begin() as connection:
        values = {"payment_id": "p1", "act": act, "person": person}
        connection.execute(insert(payment_hand), values)


def test_a_payment_is_three_peoples(town: Town) -> None:
    with town.engine.begin() as connection:
        connection.execute(
            insert(payment),
            {
                "id": "p1", "number": "n", "command_id": "c", "order_digest": "", "actor": "u:a",
                "department": "d", "project": "", "payee_code": "", "amount_fen": 1,
                "currency": "CNY", "budget_year": 2026, "body": "", "asked_at": START,
                "recorded_at": START, "outcome": "may_pay", "due_on": "", "verdict": "",
                "entry_id": "", "digests": "",
            },
        )  # fmt: skip
    request, review, disburse = BEYOND_CASES["payment"]
    pay(town.engine, request, "u:a")
    for act in (review, disburse):
        with pytest.raises(IntegrityError):
            pay(town.engine, act, "u:a")
    pay(town.engine, review, "u:b")
    with pytest.raises(IntegrityError):
        pay(town.engine, disburse, "u:b")
    pay(town.engine, disburse, "u:c")
    with pytest.raises(IntegrityError):
        pay(town.engine, "payment_forgive", "u:d")


# --- the migration ---------------------------------------------------------------------------


def test_the_migration_gives_older_cases_what_new_ones_have(town: Town, state: CaseState) -> None:
    found = runpy.run_path(str(MIGRATION))
    with town.engine.begin() as connection:

        def rows() -> set[tuple[Any, ...]]:
            return {tuple(row) for row in connection.execute(select(separated))}

        written = rows()
        assert {row[2] for row in written} == {"accept", "decide"}
        connection.execute(text("DELETE FROM separated"))
        name = "_SEPARATED_SQLITE" if connection.dialect.name == "sqlite" else (
            "_SEPARATED_POSTGRESQL")  # fmt: skip
        connection.execute(text(found[name]))
        assert rows() == written
