import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from audit.check import verify_stores
from audit.logstore import (
    LogFounded,
    LogMissing,
    LogMoved,
    LogReader,
    append,
    found_log,
)
from audit.merkle import leaf_hash, node_hash, verify_inclusion
from audit.notes import open_checkpoint
from audit.outbox import record, record_many
from audit.proofs import NotSealed, prove, verify_proof
from audit.reading import reading
from audit.sequencer import LogBehindSigner, OutboxAltered, Sequencer
from audit.signer import SignedHead, SignerUnavailable
from audit.tables import audit_checkpoint, audit_entry, audit_outbox, audit_tile
from audit.verify import CLEAN, INCOMPLETE, UNREADABLE
from cases.database import open_engine

Draft = Callable[..., Any]
House = Any
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def _waiting(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(audit_outbox)) or 0


def _fill(house: House, draft: Draft, count: int, start: int = 0, streams: int = 7) -> None:
    for first in range(start, start + count, 500):
        numbers = range(first, min(first + 500, start + count))
        for stream in range(streams):
            chosen = [n for n in numbers if n % streams == stream]
            with house.cases.begin() as connection:
                record_many(connection, [(draft(n, f"case:C-{stream}"), ()) for n in chosen])


def test_recorded_entries_reach_a_signed_log_and_leave_the_outbox(
    house: House, draft: Draft
) -> None:
    house.record(draft(0), draft(1))
    house.record(draft(2, "sys:web:auth"), store="web")
    assert house.sequencer.drain().appended == 3
    head = house.sequencer.seal()
    assert head is not None and head.size == 3
    assert open_checkpoint(house.head(), house.signer.verifier) == head
    assert _waiting(house.cases) == _waiting(house.web) == 0
    assert house.verify().exit_code == CLEAN


def test_streams_stand_in_the_log_in_their_own_order(house: House, draft: Draft) -> None:
    _fill(house, draft, 50)
    house.sequencer.drain()
    with house.log.connect() as connection:
        rows = LogReader(connection).stream("case:C-3")
    assert [row.stream_seq for row in rows] == list(range(1, 8))
    assert [row.index for row in rows] == sorted(row.index for row in rows)


def test_nothing_new_means_nothing_is_sealed(house: House, draft: Draft) -> None:
    assert house.sequencer.seal() is None
    house.record(draft(0))
    house.sequencer.drain()
    assert house.sequencer.seal() is not None
    assert house.sequencer.seal() is None


def test_an_unsealed_tail_and_a_waiting_row_are_incomplete(house: House, draft: Draft) -> None:
    house.record(draft(0))
    report = house.verify()
    assert report.exit_code == INCOMPLETE and "wait" in report.incomplete[0]
    house.sequencer.drain()
    report = house.verify()
    assert report.exit_code == INCOMPLETE and "signed head" in report.incomplete[0]


def test_rows_the_log_has_already_are_recognised_and_dropped(house: House, draft: Draft) -> None:
    house.record(draft(0), draft(1))
    with house.cases.connect() as connection:
        rows = connection.execute(select(audit_outbox)).mappings().all()
    house.sequencer.drain()
    with house.cases.begin() as connection:
        connection.execute(insert(audit_outbox), [dict(row) for row in rows])
    drained = house.sequencer.drain()
    assert (drained.appended, drained.known, drained.size) == (0, 2, 2)
    assert _waiting(house.cases) == 0


class _PowerCut(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.mark.parametrize(
    "boundary", ["taken", "appended", "committed", "forgotten", "signed", "sealed"]
)
def test_an_end_at_any_boundary_loses_and_doubles_nothing(
    house: House, draft: Draft, boundary: str
) -> None:
    _fill(house, draft, 20)
    house.sequencer.drain()
    house.sequencer.seal()
    _fill(house, draft, 20, start=20)

    def cut(step: str) -> None:
        if step == boundary:
            raise _PowerCut

    cutting = Sequencer(house.log, house.sources, house.signer, observe=cut)
    with pytest.raises(_PowerCut):
        cutting.drain()
        cutting.seal()
    house.sequencer.drain()
    house.sequencer.seal()
    report = house.verify()
    assert (report.exit_code, report.entries, report.sealed) == (CLEAN, 40, 40)


def test_a_waiting_row_whose_body_was_changed_stops_its_source_only(
    house: House, draft: Draft
) -> None:
    house.record(draft(0))
    house.record(draft(1, "sys:web:auth"), store="web")
    with house.cases.begin() as connection:
        connection.execute(update(audit_outbox).values(body=b"{}"))
    with pytest.raises(OutboxAltered, match=draft(0).id):
        house.sequencer.drain()
    assert (_waiting(house.cases), _waiting(house.web)) == (1, 0)


def test_two_stores_that_share_a_stream_are_told_so(house: House, draft: Draft) -> None:
    house.record(draft(0, "sys:auth:07"))
    house.record(draft(1, "sys:auth:07"), store="web")
    with pytest.raises(OutboxAltered, match="same stream"):
        house.sequencer.drain()


def test_a_sequencer_that_lost_the_race_writes_nothing(house: House, draft: Draft) -> None:
    with house.log.connect() as connection:
        before = LogReader(connection).state()
    house.record(draft(0))
    house.sequencer.drain()
    entry = ("id", "case:X", 1, leaf_hash(b"{}"), b"{}")
    with house.log.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_entry_no_DELETE".lower()))
        connection.execute(delete(audit_entry))  # so that only the fence is left to object
        with pytest.raises(LogMoved):
            append(connection, before, [entry])
        connection.rollback()


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entry SET body = 'x'", "DELETE FROM audit_entry"]
)
def test_the_log_table_refuses_changes(house: House, draft: Draft, statement: str) -> None:
    house.record(draft(0))
    house.sequencer.drain()
    with pytest.raises(DBAPIError, match="append-only"), house.log.begin() as connection:
        connection.execute(text(statement))


def test_a_log_is_founded_once_and_a_missing_one_is_said(
    house: House, open_store: Callable[[str], Engine]
) -> None:
    with pytest.raises(LogFounded):
        found_log(house.log, "city.example/audit/2027H1")
    empty = open_store("empty")
    audit_entry.metadata.create_all(empty)
    with pytest.raises(LogMissing):
        Sequencer(empty, {}, house.signer).drain()
    assert verify_stores(empty, house.signer.verifier).exit_code == UNREADABLE
    assert verify_stores(open_store("nothing"), house.signer.verifier).exit_code == UNREADABLE


def test_a_log_restored_from_a_backup_is_not_signed_again(
    house: House, draft: Draft, open_store: Callable[[str], Engine]
) -> None:
    house.record(draft(0), draft(1))
    house.sequencer.drain()
    house.sequencer.seal()
    restored = open_store("restored")
    audit_entry.metadata.create_all(restored)
    found_log(restored, house.signer.last().origin)
    house.record(draft(2))
    behind = Sequencer(restored, house.sources, house.signer)
    with pytest.raises(LogBehindSigner):
        behind.run(threading.Event())
    assert behind.size() == 0


def test_entries_are_sealed_by_the_running_sequencer(house: House, draft: Draft) -> None:
    stop = threading.Event()
    runner = threading.Thread(target=house.sequencer.run, args=(stop,))
    runner.start()
    house.record(*(draft(n) for n in range(30)))
    stop.set()
    runner.join(timeout=20)
    report = house.verify()
    assert (report.exit_code, report.entries) == (CLEAN, 30)


class _AwaySigner:
    def last(self) -> SignedHead:
        raise SignerUnavailable("away")

    def sign(self, origin: str, size: int, root: bytes, proof: object) -> str:
        raise SignerUnavailable("away")

    def found(self, body: bytes) -> None:
        raise SignerUnavailable("away")


def test_entries_are_appended_while_the_signer_is_away(house: House, draft: Draft) -> None:
    house.record(draft(0))
    stop = threading.Event()
    stop.set()
    Sequencer(house.log, house.sources, _AwaySigner()).run(stop)
    assert house.sequencer.size() == 1
    assert house.verify().exit_code == INCOMPLETE


def test_an_entry_is_proved_to_a_stranger_with_its_bytes_and_the_public_key(
    house: House, draft: Draft
) -> None:
    _fill(house, draft, 300)
    house.sequencer.drain()
    with house.log.connect() as connection, pytest.raises(NotSealed):
        prove(connection, draft(5).id)
    head = house.sequencer.seal()
    with house.log.connect() as connection:
        proof = prove(connection, draft(5).id)
    place, shown = verify_proof(proof.text, proof.entry.body, house.signer.verifier)
    assert (place, shown) == (proof.entry.index, head)
    with pytest.raises(ValueError, match="path leads"):
        verify_proof(proof.text, proof.entry.body + b" ", house.signer.verifier)
    assert proof.text.startswith(f"c2sp.org/tlog-proof@v1\nindex {place}\n")


@pytest.mark.parametrize("sizes", [[255, 1, 1], [256, 256], [300, 212, 513]])
def test_tiles_and_proofs_hold_across_tile_borders(
    house: House, draft: Draft, sizes: list[int]
) -> None:
    done = 0
    for size in sizes:
        _fill(house, draft, size, start=done)
        done += size
        house.sequencer.drain()
        house.sequencer.seal()
        report = house.verify()
        assert (report.exit_code, report.entries) == (CLEAN, done), report.failures
    with house.log.connect() as connection:
        reader = LogReader(connection)
        frontier = reader.state().frontier()
        for row in reader.entries():
            if row.index % 97 in (0, 96):
                _, head = verify_proof(
                    prove(connection, row.entry_id).text, row.body, house.signer.verifier
                )
                assert head.root == frontier.root()
        assert connection.scalar(
            select(func.count()).select_from(audit_tile).where(audit_tile.c.level == 0)
        ) == (done // 256)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_tiles_and_proofs_hold_across_65_536_entries(house: House, draft: Draft) -> None:
    _fill(house, draft, 65_500, streams=50)
    house.sequencer.drain()
    house.sequencer.seal()
    _fill(house, draft, 71, start=65_500, streams=50)
    house.sequencer.drain()
    house.sequencer.seal()
    with house.log.connect() as connection:
        reader = LogReader(connection)
        assert reader.tile_levels() == [0, 1, 2]
        for index in (0, 255, 256, 65_535, 65_536, 65_570):
            row = next(iter(reader.entries(index, index + 1)))
            proof = prove(connection, row.entry_id)
            assert verify_proof(proof.text, row.body, house.signer.verifier)[0] == index
    report = house.verify()
    assert (report.exit_code, report.entries) == (CLEAN, 65_571), report.failures


def test_every_signed_head_stands_after_its_entries_were_committed(
    house: House, draft: Draft
) -> None:
    sizes: list[int] = []

    def watch(step: str) -> None:
        if step == "signed":
            sizes.append(house.sequencer.size())

    watched = Sequencer(house.log, house.sources, house.signer, observe=watch)
    for number in range(3):
        house.record(draft(number))
        watched.drain()
        head = watched.seal()
        assert head is not None and head.size <= sizes[-1]


def test_the_root_is_what_two_leaves_give_by_hand(house: House, draft: Draft) -> None:
    first, second = house.record(draft(0), draft(1))
    house.sequencer.drain()
    head = house.sequencer.seal()
    assert head.root == node_hash(first.leaf, second.leaf)
    verify_inclusion(second.leaf, 1, 2, [first.leaf], head.root)


def test_on_the_houses_own_engines_a_verifier_blocks_no_writer(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.db'}")
    with reading(engine) as reader:
        assert reader.scalar(select(func.count()).select_from(audit_outbox)) == 0
        house.record(draft(0))  # would wait, and fail, behind a write lock
        assert reader.scalar(select(func.count()).select_from(audit_outbox)) == 0
    engine.dispose()


def test_a_head_lost_between_the_signers_memory_and_our_row_is_made_good(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    house.record(draft(0))
    house.sequencer.drain()
    first = house.sequencer.seal()
    with house.log.begin() as connection:
        connection.execute(delete(audit_checkpoint))
    assert house.sequencer.seal() == first
    with house.cases.begin() as connection:
        record(connection, draft(1))
    house.sequencer.drain()
    assert house.sequencer.seal().size == 2
    assert house.verify().exit_code == CLEAN


def test_an_earlier_head_that_another_sequencer_had_signed_meanwhile_is_extended(
    house: House, draft: Draft
) -> None:
    house.record(*(draft(n) for n in range(6)))
    house.sequencer.drain()

    class Overtaken:
        """Before it answers where it stands the log is as it was; right after, two are signed."""

        asked = 0

        def last(self) -> SignedHead:
            told: SignedHead = house.signer.last()
            self.asked += 1
            if self.asked == 1:
                with house.log.connect() as connection:
                    reader = LogReader(connection)
                    origin, two = reader.state().origin, reader.node(1, 0)
                house.signer.sign(origin, 2, two, [])
            return told

        def sign(self, origin: str, size: int, root: bytes, proof: Any) -> str:
            note: str = house.signer.sign(origin, size, root, proof)
            return note

        def found(self, body: bytes) -> None:
            house.signer.found(body)

    head = Sequencer(house.log, house.sources, Overtaken()).seal()
    assert head is not None and head.size == 6
    assert open_checkpoint(house.head(), house.signer.verifier) == head
    assert house.verify().exit_code == CLEAN
