"""Incidents' rows held against the log: what somebody changed in the file is named, by column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import Engine

from tests import against_log
from tests.against_log import Log, wrong
from tests.incidents.town import BURST, DUTY, EVALUATOR, SIGNALS, WATER, Town
from yichuang.incident_door import incident_id_for

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
    "UPDATE incident_event SET role = 'x' WHERE seq = 2": "incident_event.role",
    "UPDATE incident_event SET stage = 'x' WHERE seq = 2": "incident_event.stage",
    "UPDATE incident_event SET command_id = 'x' WHERE seq = 2": "incident_event.command_id",
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
def trusted(tmp_path: Path) -> Log:
    return against_log.empty_log(tmp_path)


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
    return lambda sql: against_log.altered(town.shop.cases, tmp_path, sql)


async def test_rows_of_an_incident_follow_from_its_entries_and_each_change_of_one_is_named(
    incident: str, copied: Copied, trusted: Log
) -> None:
    assert wrong(copied(""), trusted, "incident") == []
    for attack, column in ATTACKS.items():
        found = wrong(copied(attack), trusted, "incident")
        assert column in {one.column for one in found}, (attack, found)
        assert {one.case_id for one in found} == {f"incident:{incident}"}


async def test_an_incident_without_an_entry_is_named(
    incident: str, copied: Copied, trusted: Log
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
    found = wrong(copied(forged), trusted, "incident")
    assert [(one.seq, one.column) for one in found] == [(99, "incident_event")]
