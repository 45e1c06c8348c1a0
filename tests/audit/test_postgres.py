"""The database half on a real PostgreSQL: locks, visibility and fences are not SQLite's."""

import functools
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import DBAPIError

from audit.attack_ground import lay_ground
from audit.attacks import ATTACKS, try_attacks
from audit.check import verify_stores
from audit.export import export_log
from audit.exported import fsck
from audit.logstore import LEADER_LOCK, LogReader
from audit.origins import Origin
from audit.outbox import EntryConflict, record, record_many, recorded
from audit.payloads import Payload, seal_payloads
from audit.proofs import prove, verify_proof
from audit.reading import reading
from audit.sequencer import OutboxAltered, Sequencer
from audit.shards import turn
from audit.sm3 import SM3
from audit.tables import audit_outbox, outbox_metadata
from audit.trust import TrustedLog, TrustPolicy
from audit.vault import KeyDestroyed, SubjectVault
from audit.verify import CLEAN, TAMPERED
from tests.audit.conftest import sqlite_engine
from tests.audit.test_second_tree import sm2_signer

Draft = Callable[..., Any]
House = Any
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
]


def test_entries_reach_a_signed_log_and_prove(postgres_house: House, draft: Draft) -> None:
    house = postgres_house
    vault = SubjectVault(house.keys, bytes(32))
    for number in range(600):
        entry = draft(number, f"case:C-{number % 7}")
        sealed = seal_payloads(vault, entry.id, [Payload("form", "citizen:1", b"{}")])
        with house.cases.begin() as connection:
            record(connection, entry, sealed)
        with house.cases.begin() as connection:
            assert not record(connection, entry, sealed).fresh
    house.record(draft(1_000, "sys:web:auth"), store="web")
    assert house.sequencer.drain().appended == 601
    house.sequencer.seal()
    report = house.verify()
    assert (report.exit_code, report.entries) == (CLEAN, 601), report.as_json()
    with house.cases.connect() as connection:
        place = recorded(connection, draft(3).id)
        assert place is not None and place.seq == 1
        assert connection.scalar(select(func.count()).select_from(audit_outbox)) == 0
    with house.log.connect() as connection:
        proof = prove(connection, draft(300).id)
    assert verify_proof(proof.text, proof.entry.body, house.signer.verifier)[0] == 300
    vault.destroy("citizen:1")
    with pytest.raises(KeyDestroyed):
        vault.seal("citizen:1", b"x")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command here")
def test_the_second_tree_grows_later_and_beside_the_first(
    postgres_house: House, draft: Draft, tmp_path: Path
) -> None:
    house = postgres_house
    for number in range(300):
        house.record(draft(number))
    house.sequencer.drain()
    second = sm2_signer(tmp_path)
    both = Sequencer(house.log, house.sources, house.signer, second=second)
    house.record(draft(300), draft(301))
    both.drain()
    both.seal()
    policy = TrustPolicy((TrustedLog(house.signer.verifier), TrustedLog(second.verifier)))
    report = verify_stores(house.log, policy, producers=house.sources)
    assert (report.exit_code, report.failures) == (CLEAN, [])
    assert report.second is not None
    assert (report.second.entries, report.second.sealed) == (302, 302)
    with house.log.connect() as connection:
        proof = prove(connection, draft(257).id, SM3)
    assert verify_proof(proof.text, proof.entry.body, second.verifier)[0] == 257
    second.close()


def test_many_writers_on_few_streams_leave_contiguous_chains(
    postgres_house: House, draft: Draft
) -> None:
    house = postgres_house
    stop = threading.Event()
    runner = threading.Thread(target=house.sequencer.run, args=(stop,))
    faults: list[BaseException] = []

    def write(worker: int) -> None:
        try:
            for number in range(worker * 100, worker * 100 + 60):
                house.record(draft(number, f"case:C-{number % 3}", at=draft(0).at))
        except DBAPIError as error:
            faults.append(error)

    writers = [threading.Thread(target=write, args=(worker,)) for worker in range(6)]
    for thread in (runner, *writers):
        thread.start()
    for writer in writers:
        writer.join(timeout=60)
    stop.set()
    runner.join(timeout=60)
    report = house.verify()
    assert not faults
    assert (report.exit_code, report.entries, report.streams) == (CLEAN, 360, 3)


def test_the_same_entry_from_two_workers_at_once_stands_once(
    postgres_house: House, draft: Draft
) -> None:
    house = postgres_house
    seqs: list[int] = []

    def write() -> None:
        for number in range(40):
            seqs.append(house.record(draft(number))[0].seq)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=60)
    house.sequencer.drain()
    assert house.sequencer.size() == 40
    assert sorted(set(seqs)) == list(range(1, 41)) and len(seqs) == 160


def test_a_row_that_becomes_visible_late_is_not_skipped(
    postgres_house: House, draft: Draft
) -> None:
    house = postgres_house
    with house.cases.connect() as slow:
        transaction = slow.begin()
        record(slow, draft(0, "case:slow"))
        house.record(draft(1, "case:fast"))
        assert house.sequencer.drain().appended == 1
        transaction.commit()
    assert house.sequencer.drain().appended == 1


def test_while_another_sequencer_leads_nothing_is_appended(
    postgres_house: House, draft: Draft
) -> None:
    house = postgres_house
    house.record(draft(0))
    with house.log.begin() as leader:
        leader.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LEADER_LOCK})
        assert house.sequencer.drain().appended == 0
    assert house.sequencer.drain().appended == 1


def test_two_running_sequencers_append_each_entry_once(postgres_house: House, draft: Draft) -> None:
    house = postgres_house
    second = Sequencer(house.log, house.sources, house.signer)
    stop = threading.Event()
    runners = [threading.Thread(target=s.run, args=(stop,)) for s in (house.sequencer, second)]
    for runner in runners:
        runner.start()
    house.record(*(draft(number) for number in range(150)))
    stop.set()
    for runner in runners:
        runner.join(timeout=60)
    house.sequencer.drain()
    house.sequencer.seal()
    report = house.verify()
    assert (report.exit_code, report.entries) == (CLEAN, 150), report.as_json()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entry SET body = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"],
)
def test_the_log_table_refuses_changes(postgres_house: House, draft: Draft, statement: str) -> None:
    house = postgres_house
    house.record(draft(0))
    house.sequencer.drain()
    with pytest.raises(DBAPIError, match="append-only"), house.log.begin() as connection:
        connection.execute(text(statement))


def test_an_edited_row_is_named(postgres_house: House, draft: Draft) -> None:
    house = postgres_house
    with house.cases.begin() as connection:
        record_many(connection, [(draft(number), ()) for number in range(300)])
    house.sequencer.drain()
    house.sequencer.seal()
    with house.log.begin() as connection:
        connection.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        connection.execute(text("UPDATE audit_entry SET body = body || 'x' WHERE seq = 77"))
    report = house.verify()
    assert (report.exit_code, report.first_wrong.index) == (TAMPERED, 77)


def test_faults_are_named_as_on_sqlite(postgres_house: House, draft: Draft) -> None:
    house = postgres_house
    house.record(draft(0))
    with pytest.raises(EntryConflict):
        house.record(draft(0, act="case.refuse"))
    house.record(draft(1), store="web")
    with pytest.raises(OutboxAltered, match="same stream"):
        house.sequencer.drain()
    with house.log.connect() as connection:
        assert LogReader(connection).state().size == 1
    with pytest.raises(DBAPIError), create_engine(house.web.url).begin() as connection:
        record(connection, draft(2))  # no such tables there: SQLAlchemy's own error


def test_a_shard_is_closed_into_a_schema_of_its_own_that_readers_may_see(
    postgres_house: House, draft: Draft
) -> None:
    outbox_metadata.create_all(postgres_house.log)
    sources = {**postgres_house.sources, "log": postgres_house.log}
    old = postgres_house.signer.verifier
    sequencer = Sequencer(postgres_house.log, sources, postgres_house.signer)
    postgres_house.record(*(draft(n) for n in range(300)))
    reader = f"reader_{uuid4().hex[:8]}"
    with postgres_house.log.begin() as connection:
        schema = connection.scalar(text("SELECT current_schema()"))
        connection.execute(text(f"CREATE ROLE {reader}"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {reader}"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}"))
    opening = Origin.parse("city.example/audit/2027H1")
    now = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    turn(postgres_house.log, sequencer, opening, lambda: now)
    postgres_house.record(draft(300))
    sequencer.drain()
    sequencer.seal()
    logs = (TrustedLog(old), TrustedLog(postgres_house.signer.verifier))
    report = verify_stores(postgres_house.log, TrustPolicy(logs), producers=sources)
    assert report.exit_code == CLEAN, report.as_json()
    assert (report.shards, report.entries, report.origin) == (2, 303, str(opening))
    with postgres_house.log.begin() as connection:
        connection.execute(text(f"SET LOCAL ROLE {reader}"))
        archived = connection.scalar(text(f"SELECT count(*) FROM {schema}_2026h2.audit_entry"))
    assert archived == 301
    with postgres_house.log.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema}_2026h2 CASCADE"))
        connection.execute(text(f"DROP OWNED BY {reader}"))
        connection.execute(text(f"DROP ROLE {reader}"))


def test_a_log_on_postgresql_is_exported_and_attacked_on_a_copy(
    postgres_house: House, draft: Draft, tmp_path: Path
) -> None:
    house = postgres_house
    for number in range(300):
        house.record(draft(number, f"case:C-{number % 7}"))
    house.sequencer.drain()
    house.sequencer.seal()
    with reading(house.log) as connection:
        done = export_log(
            LogReader(connection), tmp_path / "out", TrustPolicy.of(house.signer.verifier)
        )
    report = fsck(tmp_path / "out", house.signer.verifier)
    assert (report.exit_code, report.entries, report.root) == (CLEAN, 300, done.root.hex())
    with reading(house.log) as connection:
        ground = lay_ground(connection, tmp_path / "ground", functools.cache(sqlite_engine), 300)
    chosen = [one for one in ATTACKS if one.number in ("1", "8b", "11", "22")]
    assert all(one.as_expected for one in try_attacks(ground, tmp_path / "tries", chosen))
    assert house.verify().exit_code == CLEAN
