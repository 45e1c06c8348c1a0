"""Incidents' rows held against the log: what somebody changed in the file is named, by column."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import Engine

from audit.logstore import found_log
from audit.notes import NoteVerifier
from audit.signer import init_signer
from audit.tables import log_metadata
from cases.database import open_engine
from cases.integrity import Wrong
from tests.incidents.town import BURST, DUTY, EVALUATOR, SIGNALS, WATER, Town
from yichuang.incident_door import incident_id_for
from yichuang.verifying import verify_everything

FLIPPED = "CAST(replace(state, '\"seq\":', '\"seq\": ') AS TEXT)"
ATTACKS = {
    f"UPDATE incident SET state = {FLIPPED}": "incident.state",
    "UPDATE incident SET stage = 'archived'": "incident.stage",
    "UPDATE incident SET late = 7": "incident.late",
    "UPDATE incident SET dispatched_at = '2026-03-02 01:00:01.000000'": "incident.dispatched_at",
    "UPDATE incident SET due_at = '2036-03-02 01:00:01.000000'": "incident.due_at",
    "UPDATE incident_event SET kind = 'arrive' WHERE kind = 'grade'": "incident_event.kind",
    "UPDATE incident_event SET recorded_at = '2026-03-02 01:00:01.000000' WHERE seq = 2": (
        "incident_event.recorded_at"
    ),
    "UPDATE incident_event SET after = 'x' WHERE seq = 2": "incident_event.after",
    "UPDATE incident_event SET entry_id = 'x' WHERE seq = 2": "incident_event.entry_id",
    "DELETE FROM incident_event WHERE kind = 'acknowledge'": "incident_event",
    "UPDATE incident_unit SET state = 'refused'": "incident_unit[1].state",
    "DELETE FROM incident_unit": "incident_unit[1]",
    "UPDATE incident_hand SET person = 'u:nobody' WHERE act = 'acknowledge'": (
        "incident_hand[acknowledge/u:nobody]"
    ),
    "DELETE FROM incident_hand WHERE act = 'grade'": "incident_hand[grade/u:zhiban]",
    "DELETE FROM incident_signal WHERE signal_id = 'b'": "incident_signal",
    "UPDATE incident_signal SET withdrawn_at = NULL": "incident_signal.withdrawn_at",
}
"""What somebody with the file does → the column that is named."""

Copied = Callable[[str], Engine]


@pytest.fixture
def trusted(tmp_path: Path) -> tuple[Engine, NoteVerifier]:
    """An empty log: every entry of the store still waits for it."""
    log = open_engine(f"sqlite:///{tmp_path / 'log.sqlite'}")
    log_metadata.create_all(log)
    found_log(log, "test.invalid/log")
    return log, init_signer(tmp_path / "k", tmp_path / "s", "test.invalid/log")


@pytest_asyncio.fixture
async def incident(town: Town) -> str:
    """One that was sent and signed, with two signals, one of them taken back."""
    one = incident_id_for(str(uuid4()))
    await town.done(SIGNALS, one, "report", BURST | {"signal_ids": ["a"]})
    await town.done(SIGNALS, one, "join", {"signal_ids": ["b"], "text": "又报"})
    await town.done(SIGNALS, one, "withdraw_signal", {"signal_ids": ["a"], "text": "误报"})
    # What a source took back stays so, however often it comes.
    await town.done(SIGNALS, one, "join", {"signal_ids": ["a"], "text": "再报"})
    await town.done(DUTY, one, "verify", {"true": True})
    await town.done(DUTY, one, "grade", {"level": "none"})
    units = {"units": [{"department": "sw", "lead": True}]}
    await town.done(DUTY, one, "dispatch", units)
    await town.refused(EVALUATOR, one, "check", {"passed": True})
    await town.done(WATER, one, "acknowledge", {"department": "sw"})
    return one


@pytest.fixture
def copied(town: Town, tmp_path: Path) -> Copied:
    """The store after one statement of somebody who holds the file and drops its triggers."""

    def altered(sql: str) -> Engine:
        file = tmp_path / f"{uuid4()}.sqlite"
        with closing(sqlite3.connect(file)) as copy, copy:
            with closing(sqlite3.connect(str(town.shop.cases.url.database))) as original:
                original.backup(copy)
            named = copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in named.fetchall():
                copy.execute(f'DROP TRIGGER "{name}"')
            if sql:
                assert copy.execute(sql).rowcount > 0, sql
        return open_engine(f"sqlite:///{file}")

    return altered


def wrong(store: Engine, log: tuple[Engine, NoteVerifier]) -> list[Wrong]:
    verdict = verify_everything(*log, {"cases": store})
    store.dispose()
    assert verdict.unreadable == ""
    return [one for one in verdict.rows if one.case_id.startswith("incident:")]


async def test_rows_of_an_incident_follow_from_its_entries_and_each_change_of_one_is_named(
    incident: str, copied: Copied, trusted: tuple[Engine, NoteVerifier]
) -> None:
    assert wrong(copied(""), trusted) == []
    for attack, column in ATTACKS.items():
        found = wrong(copied(attack), trusted)
        assert column in {one.column for one in found}, (attack, found)
        assert {one.case_id for one in found} == {f"incident:{incident}"}


async def test_an_incident_without_an_entry_is_named(
    incident: str, copied: Copied, trusted: tuple[Engine, NoteVerifier]
) -> None:
    same = (
        "order_digest, kind, at, recorded_at, actor, on_behalf, role, department, stage, said,"
        " body_sealed, after"
    )
    forged = (
        f"INSERT INTO incident_event (incident_id, seq, command_id, entry_id, {same})"
        f" SELECT incident_id, 99, 'forged', 'forged', {same} FROM incident_event"
        f" WHERE incident_id = '{incident}' AND kind = 'grade'"
    )
    found = wrong(copied(forged), trusted)
    assert [(one.seq, one.column) for one in found] == [(99, "incident_event")]
