"""One case from filing to its end on PostgreSQL, its numbers, and its entries in a signed log."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from audit.check import verify_stores
from audit.logstore import found_log
from audit.payloadcheck import check_payloads
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.verify import CLEAN, TAMPERED
from cases import numbers
from cases.messages import Outcome
from cases.state import CaseState
from cases.tables import command, document, document_number, outbox, step
from tests.activities.conftest import START, Town
from tests.postgres.conftest import the_tests_of
from yichuang.settings import Store
from yichuang.verifying import verify_everything

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.activities.test_settle",
        without=(
            # About SQLite's own files and pages.
            "test_no_plain_personal_data_stands_in_the_files",
            "test_a_full_disk_says_so_and_leaves_the_case_as_it_was",
        ),
    )
)

PATH: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("accept", {"mode": "plain"}, "u:window"),
    ("opine", {"task": "review-check", "result": "agree", "text": "符合条件"}, "u:reviewer"),
    ("urge", {"text": "请尽快办理"}, "u:window"),
    ("decide", {"result": "grant"}, "u:head"),
    ("serve", {"method": "direct", "recipient": "张三丰"}, "u:window"),
    ("close", {}, "u:window"),
    ("rate", {"grade": 1}, "u:window"),
)


def walk(town: Town, case: str = "c1") -> tuple[CaseState, list[Outcome]]:
    """Settle a case to its end; return its state and the outcomes."""
    state = town.filed(case)
    outcomes = []
    for verb, body, by in PATH:
        order = town.order(verb, dict(body), case=case, by=by)
        state, settled = town.settle(state, order)
        outcomes.append(settled.steps[0].outcome)
    return state, outcomes


def test_a_case_goes_from_filing_to_its_end(town: Town) -> None:
    state, outcomes = walk(town)
    assert {one.status for one in outcomes} == {"done"}, outcomes
    assert (state.stage, state.ending, state.seq) == ("ended", "granted", len(PATH) + 1)
    with town.engine.connect() as connection:
        seqs = connection.scalars(select(step.c.seq).order_by(step.c.seq)).all()
        kinds = connection.scalars(select(document.c.kind).order_by(document.c.seq)).all()
        assert list(seqs) == list(range(1, len(PATH) + 2))
        assert list(kinds) == ["acceptance_notice", "grant"]
        assert numbers.gaps(connection) == []
        assert len(connection.scalars(select(outbox.c.id)).all()) >= len(PATH)


def test_the_same_order_from_two_workers_at_once_is_one_step(town: Town) -> None:
    state = town.filed()
    order = town.order("accept", {"mode": "plain"})
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: town.settle(state, order)[1].steps[0].outcome, range(2)))
    assert {(one.status, one.seq, one.entry) for one in found} == {
        ("done", 2, found[0].entry),
    }
    assert found[0].documents == found[1].documents
    with town.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(step)) == 2
        assert numbers.gaps(connection) == []


def test_who_accepted_may_not_decide_even_where_the_state_has_forgotten(town: Town) -> None:
    state, _ = town.settle(town.filed(), town.order("accept", {"mode": "plain"}, by="u:a"))
    state, _ = town.settle(
        state,
        town.order("opine", {"task": "review-check", "result": "agree", "text": "同意"}, by="u:b"),
    )
    forgetful = state.model_copy(update={"hands": {}})
    refused = town.outcome(forgetful, town.order("decide", {"result": "grant"}, by="u:a"))
    assert (refused.status, refused.code) == ("refused", "same_person")


def test_numbers_from_many_threads_have_no_gap_and_no_repeat(town: Town) -> None:
    series = numbers.document_series("scjg", "云市监", "grant", date(2026, 3, 2))

    def reserve(n: int) -> str:
        return numbers.reserve(town.engine, f"order-{n}", "c1", [series], START)[0].text

    with ThreadPoolExecutor(6) as pool:
        given = list(pool.map(reserve, range(120)))
        again = list(pool.map(reserve, range(120)))
    assert given == again
    assert sorted(given) == sorted(f"云市监许准〔2026〕{n}号" for n in range(1, 121))


def test_one_order_in_two_threads_gets_one_number(town: Town) -> None:
    series = numbers.document_series("scjg", "云市监", "grant", date(2026, 3, 2))
    with ThreadPoolExecutor(4) as pool:
        for n in range(20):
            got = pool.map(
                lambda _, n=n: numbers.reserve(town.engine, f"o{n}", "c1", [series], START),
                range(4),
            )
            assert len({one[0].text for one in got}) == 1
    with town.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(document_number)) == 20
        assert numbers.gaps(connection) == []


@pytest.fixture
def sealed_log(
    town: Town, open_named: Callable[[Store], Engine], tmp_path: Path
) -> tuple[Engine, Signer]:
    """The log of a town in which three cases have ended, drained and signed."""
    for case in ("a", "b", "c"):
        walk(town, case)
    log = open_named("log")
    found_log(log, "city.example/log")
    init_signer(tmp_path / "log.key", tmp_path / "signed.json", "city.example/log")
    signer = Signer(tmp_path / "log.key", tmp_path / "signed.json")
    sequencer = Sequencer(log, {"cases": town.engine}, signer, trusted=signer.verifier)
    sequencer.drain()
    sequencer.seal()
    return log, signer


def test_every_step_is_in_a_log_that_verifies(
    town: Town, sealed_log: tuple[Engine, Signer]
) -> None:
    log, signer = sealed_log
    report = verify_stores(log, signer.verifier, producers={"cases": town.engine})
    held = check_payloads(log, {"cases": town.engine}, town.vault, report)
    assert (report.exit_code, report.streams) == (CLEAN, 3), report.as_json()
    with town.engine.connect() as connection:
        settled = connection.scalar(select(func.count()).select_from(command))
    assert report.entries == settled == 3 * (len(PATH) + 1)
    assert held > 0


def test_one_byte_changed_in_the_log_is_named(sealed_log: tuple[Engine, Signer]) -> None:
    log, signer = sealed_log
    with log.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        connection.exec_driver_sql(
            "UPDATE audit_entry SET body = set_byte(body, 40, get_byte(body, 40) # 1) "
            "WHERE seq = 11"
        )
    report = verify_stores(log, signer.verifier)
    assert report.exit_code == TAMPERED
    assert report.first_wrong is not None and report.first_wrong.index == 11


def test_every_row_is_held_against_the_log(town: Town, sealed_log: tuple[Engine, Signer]) -> None:
    log, signer = sealed_log
    verdict = verify_everything(log, signer.verifier, {"cases": town.engine}, [])
    assert (verdict.exit_code, verdict.steps) == (CLEAN, 3 * (len(PATH) + 1)), verdict.as_json()


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("UPDATE step SET actor = 'u:windov' WHERE seq = 2", "actor"),
        ("UPDATE case_file SET decided_by = 'u:window' WHERE decided_by <> ''", "decided_by"),
        ("UPDATE document SET digest = reverse(digest)", "document"),
        ("DELETE FROM opinion", "opinion"),
    ],
)
def test_a_changed_row_is_named(
    town: Town, sealed_log: tuple[Engine, Signer], statement: str, column: str
) -> None:
    log, signer = sealed_log
    with town.engine.begin() as connection:
        if "decided_by" in statement:
            connection.exec_driver_sql(
                "ALTER TABLE case_file DROP CONSTRAINT ck_case_file_accept_decide_apart"
            )
        connection.exec_driver_sql(statement)
    verdict = verify_everything(log, signer.verifier, {"cases": town.engine}, [])
    assert verdict.exit_code == TAMPERED
    assert verdict.rows and all(column in row.column for row in verdict.rows), verdict.as_json()
