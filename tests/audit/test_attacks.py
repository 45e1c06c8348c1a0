"""The tamperings of the plan's section 5 that need no witness: each is made on a real store whose
triggers the attacker, owning the database, has dropped. X: caught with the log's public key alone;
P: only with a head the auditor kept; and those that must not be claimed."""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import Connection, Engine, delete, select, text, update

from audit.canonical import canonical_bytes
from audit.check import verify_stores
from audit.merkle import Frontier, complete_root, leaf_hash
from audit.notes import Checkpoint, NoteKey, sign_note
from audit.outbox import record
from audit.tables import (
    audit_checkpoint,
    audit_entry,
    audit_outbox,
    audit_state,
    audit_tile,
)
from audit.verify import CLEAN, TAMPERED, Failure, VerifyReport

Draft = Callable[..., Any]
House = Any
Rows = list[list[Any]]

SIZE = 600
VICTIM = 321
SEALED_AT = (200, 400, 600)


@pytest.fixture
def attacked(house: House, draft: Draft) -> Iterator[House]:
    """A log of 600 entries in five streams under three heads, its triggers gone."""
    start = 0
    for size in SEALED_AT:
        with house.cases.begin() as connection:
            for number in range(start, size):
                record(connection, draft(number, f"case:C-{number % 5}"))
        house.sequencer.drain()
        house.sequencer.seal()
        start = size
    with house.log.begin() as connection:
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER audit_entry_no_{verb}"))
    assert house.verify().exit_code == CLEAN
    yield house


def _verify_log_alone(house: House, *pins: str) -> VerifyReport:
    return verify_stores(house.log, house.signer.verifier, pins=pins)


def _first(report: VerifyReport) -> Failure:
    assert report.first_wrong is not None
    return report.first_wrong


def _rows(connection: Connection) -> Rows:
    return [list(r) for r in connection.execute(select(audit_entry).order_by(audit_entry.c.seq))]


def _edited(body: bytes) -> bytes:
    return body.replace(b'"act":"case.decide"', b'"act":"case.refuse"')


def _edit(connection: Connection, index: int, **values: object) -> None:
    connection.execute(update(audit_entry).where(audit_entry.c.seq == index).values(**values))


def _rewrite(connection: Connection, rows: Rows, *, chains: bool = False) -> None:
    """Replace the log by these rows with every number, leaf, tile and frontier recomputed."""
    tails: dict[str, tuple[int, bytes]] = {}
    leaves = []
    for place, row in enumerate(rows):
        row[0] = place
        if chains:
            body = json.loads(row[5])
            seq, head = tails.get(row[2], (0, bytes(32)))
            body["s"].update(seq=seq + 1, prev=head.hex())
            row[3], row[5] = seq + 1, canonical_bytes(body)
        row[4] = leaf_hash(row[5])
        tails[row[2]] = (row[3], row[4])
        leaves.append(row[4])
    connection.execute(delete(audit_entry))
    columns = ("seq", "entry_id", "stream", "stream_seq", "leaf", "body")
    connection.execute(audit_entry.insert(), [dict(zip(columns, r, strict=True)) for r in rows])
    connection.execute(delete(audit_tile))
    roots = []
    for tile in range(len(leaves) // 256):
        hashes = leaves[tile * 256 : (tile + 1) * 256]
        roots.append(complete_root(hashes))
        connection.execute(audit_tile.insert().values(level=0, idx=tile, hashes=b"".join(hashes)))
    if roots:
        connection.execute(audit_tile.insert().values(level=1, idx=0, hashes=b"".join(roots)))
    frontier = _frontier(leaves)
    connection.execute(update(audit_state).values(size=frontier.size, peaks=frontier.packed()))


def _frontier(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier


def _resign(connection: Connection, key: NoteKey) -> None:
    """Sign every stored head anew over the leaves as they now are."""
    leaves = [row[4] for row in _rows(connection)]
    for size in connection.scalars(select(audit_checkpoint.c.size)).all():
        if size > len(leaves):
            connection.execute(delete(audit_checkpoint).where(audit_checkpoint.c.size == size))
            continue
        root = _frontier(leaves[:size]).root()
        note = sign_note(Checkpoint(key.name, size, root).text(), [key])
        connection.execute(
            update(audit_checkpoint)
            .where(audit_checkpoint.c.size == size)
            .values(root=root, note=note)
        )


def _stolen_key(house: House, tmp_path: Path) -> NoteKey:
    private = load_pem_private_key((tmp_path / "signer.pem").read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    return NoteKey(house.signer.verifier.name, private)


def test_1_an_edited_body_is_named(attacked: House) -> None:
    with attacked.log.begin() as connection:
        row = _rows(connection)[VICTIM]
        _edit(connection, VICTIM, body=_edited(row[5]))
    report = _verify_log_alone(attacked)
    first = _first(report)
    assert (report.exit_code, first.index, first.entry_id) == (TAMPERED, VICTIM, row[1])
    assert (first.expected, first.found) == (row[4].hex(), leaf_hash(_edited(row[5])).hex())
    assert dict(report.counts) == {"leaf": 1}


def test_2_an_edited_body_with_its_leaf_is_named(attacked: House) -> None:
    with attacked.log.begin() as connection:
        body = _edited(_rows(connection)[VICTIM][5])
        _edit(connection, VICTIM, body=body, leaf=leaf_hash(body))
    report = _verify_log_alone(attacked)
    assert (report.exit_code, _first(report).index) == (TAMPERED, VICTIM)
    assert {"tile", "chain", "checkpoint", "frontier"} <= report.counts.keys()


def test_3_an_edit_with_every_hash_recomputed_is_named_by_the_chain(attacked: House) -> None:
    with attacked.log.begin() as connection:
        rows = _rows(connection)
        rows[VICTIM][5] = _edited(rows[VICTIM][5])
        _rewrite(connection, rows)
    report = _verify_log_alone(attacked)
    assert (report.exit_code, _first(report).index) == (TAMPERED, VICTIM)
    assert {"chain", "checkpoint"} <= report.counts.keys()


def test_3b_with_the_chains_recomputed_too_the_heads_bracket_the_leaf(attacked: House) -> None:
    with attacked.log.begin() as connection:
        rows = _rows(connection)
        rows[VICTIM][5] = _edited(rows[VICTIM][5])
        _rewrite(connection, rows, chains=True)
    first = _first(_verify_log_alone(attacked))
    assert (first.check, first.index, first.until) == ("checkpoint", 200, 400)


def test_4_a_deleted_row_is_missed_at_its_place(attacked: House) -> None:
    with attacked.log.begin() as connection:
        connection.execute(delete(audit_entry).where(audit_entry.c.seq == VICTIM))
    first = _first(_verify_log_alone(attacked))
    assert (first.check, first.index) == ("sequence", VICTIM)


def _deleted(rows: Rows) -> Rows:
    return rows[:VICTIM] + rows[VICTIM + 1 :]


def _inserted(rows: Rows) -> Rows:
    added = list(rows[VICTIM])
    added[1] = "0" * 8 + rows[VICTIM][1][8:]
    added[5] = added[5].replace(rows[VICTIM][1].encode(), added[1].encode())
    added[2], added[3] = "case:C-9", 1
    return [*rows[:VICTIM], added, *rows[VICTIM:]]


def _swapped(rows: Rows) -> Rows:
    return [*rows[:VICTIM], rows[VICTIM + 1], rows[VICTIM], *rows[VICTIM + 2 :]]


def _cut_inside_a_batch(rows: Rows) -> Rows:
    return rows[: SIZE - 50]


@pytest.mark.parametrize("chains", [False, True])
@pytest.mark.parametrize("change", [_deleted, _inserted, _swapped, _cut_inside_a_batch])
def test_5_to_8a_rows_moved_and_everything_recomputed_is_caught(
    attacked: House, change: Callable[[Rows], Rows], chains: bool
) -> None:
    with attacked.log.begin() as connection:
        _rewrite(connection, change(_rows(connection)), chains=chains)
    report = _verify_log_alone(attacked)
    assert report.exit_code == TAMPERED and "checkpoint" in report.counts


def test_8b_a_log_cut_at_an_older_head_is_not_claimed_to_be_caught(attacked: House) -> None:
    pin = attacked.head()
    with attacked.log.begin() as connection:
        _rewrite(connection, _rows(connection)[:400])
        connection.execute(delete(audit_checkpoint).where(audit_checkpoint.c.size > 400))
    assert _verify_log_alone(attacked).exit_code == CLEAN
    assert _verify_log_alone(attacked, pin).counts.keys() == {"pin"}
    # And the store that produced the entries remembers them too.
    assert attacked.verify().counts.keys() == {"head of cases"}


def test_11_a_history_signed_anew_with_the_stolen_key_falls_to_a_kept_head(
    attacked: House, tmp_path: Path
) -> None:
    pin = attacked.head()
    with attacked.log.begin() as connection:
        rows = _rows(connection)
        rows[VICTIM][5] = _edited(rows[VICTIM][5])
        _rewrite(connection, rows, chains=True)
        _resign(connection, _stolen_key(attacked, tmp_path))
    assert _verify_log_alone(attacked).exit_code == CLEAN  # must not be claimed
    report = _verify_log_alone(attacked, pin)
    assert (report.exit_code, set(report.counts)) == (TAMPERED, {"pin"})


def test_12_heads_under_another_key_of_the_same_name_are_refused(attacked: House) -> None:
    own = NoteKey(attacked.signer.verifier.name, Ed25519PrivateKey.generate())
    with attacked.log.begin() as connection:
        _resign(connection, own)
    report = _verify_log_alone(attacked)
    assert (report.exit_code, report.counts["signature"]) == (TAMPERED, 3)


def test_13_a_clock_set_back_is_caught_though_correctly_signed(
    attacked: House, tmp_path: Path
) -> None:
    with attacked.log.begin() as connection:
        rows = _rows(connection)
        body = json.loads(rows[VICTIM][5])
        body["t"] = "2026-11-21T00:00:00.000000Z"
        rows[VICTIM][5] = canonical_bytes(body)
        _rewrite(connection, rows, chains=True)
        _resign(connection, _stolen_key(attacked, tmp_path))
    first = _first(_verify_log_alone(attacked))
    assert (first.check, first.index) == ("time", VICTIM)


def test_16_the_same_event_twice_is_caught(attacked: House, tmp_path: Path) -> None:
    with attacked.log.begin() as connection:
        for index in connection.exec_driver_sql("PRAGMA index_list(audit_entry)").fetchall():
            assert index[1].startswith("sqlite_autoindex")  # the attacker makes a table without
        connection.exec_driver_sql("ALTER TABLE audit_entry RENAME TO old")
        connection.exec_driver_sql("CREATE TABLE audit_entry AS SELECT * FROM old")
        rows = _rows(connection)
        again = list(rows[VICTIM])
        again[2] = "case:C-9"
        body = json.loads(again[5])
        body["s"]["id"] = "case:C-9"
        again[5] = canonical_bytes(body)
        _rewrite(connection, [*rows, again], chains=True)
        _resign(connection, _stolen_key(attacked, tmp_path))
    first = _first(_verify_log_alone(attacked))
    assert (first.check, first.index) == ("identity", SIZE)


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("a duplicate key", b'{"act":', b'{"act":"x","act":'),
        ("white space", b'{"act":', b'{"act": '),
        ("1.0 for 1", b'"v":1', b'"v":1.0'),
        ("NFD", "住建局".encode(), b"e\xcc\x81"),
        ("a bidi control", "住建局".encode(), "住\u202e局".encode()),
        ("a zero-width space", "住建局".encode(), "住\u200b局".encode()),
        ("an escaped letter", b'"act":"case', b'"act":"\\u0063ase'),
        ("an unknown field", b'"v":1', b'"v":1,"z":1'),
        ("a missing field", b'"res":"ok",', b""),
        ("another version", b'"v":1', b'"v":2'),
    ],
)
def test_18_another_spelling_is_caught_though_every_hash_fits(
    attacked: House, tmp_path: Path, what: str, old: bytes, new: bytes
) -> None:
    with attacked.log.begin() as connection:
        rows = _rows(connection)
        assert old in rows[-1][5], what
        rows[-1][5] = rows[-1][5].replace(old, new)
        _rewrite(connection, rows)
        _resign(connection, _stolen_key(attacked, tmp_path))
    first = _first(_verify_log_alone(attacked))
    assert (first.check, first.index) == ("spelling", SIZE - 1)


def test_20_a_head_of_the_test_system_under_the_same_key_is_refused(
    attacked: House, tmp_path: Path
) -> None:
    key = _stolen_key(attacked, tmp_path)
    note = sign_note(Checkpoint("test.example/audit", 600, bytes(32)).text(), [key])
    with attacked.log.begin() as connection:
        connection.execute(
            update(audit_checkpoint).where(audit_checkpoint.c.size == 600).values(note=note)
        )
    assert _verify_log_alone(attacked).counts["signature"] == 1


def test_22_an_entry_dropped_before_the_sequencer_is_missed(attacked: House, draft: Draft) -> None:
    for number in (700, 705, 710):
        attacked.record(draft(number, "case:C-0"))
    with attacked.cases.begin() as connection:
        middle = draft(705).id
        connection.execute(delete(audit_outbox).where(audit_outbox.c.entry_id == middle))
    assert attacked.verify().counts.keys() == {"outbox of cases"}
    attacked.sequencer.drain()
    attacked.sequencer.seal()
    first = _first(attacked.verify())
    assert (first.check, first.index, first.entry_id) == ("stream", SIZE + 1, draft(710).id)


def test_22b_the_last_entry_of_a_stream_dropped_before_the_sequencer_is_missed(
    attacked: House, draft: Draft
) -> None:
    attacked.record(draft(700, "case:C-0"))
    with attacked.cases.begin() as connection:
        connection.execute(delete(audit_outbox))
    assert attacked.verify().counts.keys() == {"head of cases"}


def test_23_a_size_with_a_leading_zero_is_refused(attacked: House, tmp_path: Path) -> None:
    key = _stolen_key(attacked, tmp_path)
    with attacked.log.begin() as connection:
        note = connection.scalar(
            select(audit_checkpoint.c.note).where(audit_checkpoint.c.size == 600)
        )
        assert note is not None
        padded = note.partition("\n\n")[0].replace("\n600\n", "\n0600\n") + "\n"
        connection.execute(
            update(audit_checkpoint)
            .where(audit_checkpoint.c.size == 600)
            .values(note=sign_note(padded, [key]))
        )
    assert _verify_log_alone(attacked).counts["signature"] == 1


def test_26_rows_appended_behind_the_writers_back_are_named(attacked: House) -> None:
    with attacked.log.begin() as connection:
        row = _rows(connection)[-1]
        row[0], row[1], row[3] = SIZE, "0" * 36, 1_000
        columns = ("seq", "entry_id", "stream", "stream_seq", "leaf", "body")
        connection.execute(audit_entry.insert().values(dict(zip(columns, row, strict=True))))
    first = _first(_verify_log_alone(attacked))
    assert (first.check, first.index) == ("surplus", SIZE)


@pytest.mark.parametrize("level", [0, 1])
def test_a_changed_tile_is_caught(attacked: House, level: int) -> None:
    with attacked.log.begin() as connection:
        here = (audit_tile.c.level == level, audit_tile.c.idx == 0)
        hashes = connection.scalar(select(audit_tile.c.hashes).where(*here))
        assert hashes is not None
        flipped = hashes[:-1] + bytes([hashes[-1] ^ 1])
        connection.execute(update(audit_tile).where(*here).values(hashes=flipped))
    report = _verify_log_alone(attacked)
    assert (report.exit_code, set(report.counts)) == (TAMPERED, {"tile"})


def test_a_surplus_tile_and_a_missing_one_are_caught(attacked: House) -> None:
    with attacked.log.begin() as connection:
        connection.execute(update(audit_tile).where(audit_tile.c.level == 0).values(level=5))
    assert _verify_log_alone(attacked).counts["tile"] >= 2


def test_the_hash_only_walk_names_an_edited_body_too(attacked: House) -> None:
    def walk() -> VerifyReport:
        return verify_stores(attacked.log, attacked.signer.verifier, strict=False)

    assert walk().exit_code == CLEAN
    with attacked.log.begin() as connection:
        _edit(connection, VICTIM, body=_edited(_rows(connection)[VICTIM][5]))
    assert _first(walk()).index == VICTIM


def test_a_log_is_not_verified_against_another_logs_key(attacked: House) -> None:
    other = NoteKey("test.example/audit", Ed25519PrivateKey.generate()).verifier
    report = verify_stores(attacked.log, other)
    assert set(report.counts) == {"origin", "signature"}


def _flip_in_file(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)
        file.seek(position)
        file.write(bytes([byte[0] ^ 0x41]))


def _dump(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        tables = (audit_entry, audit_tile, audit_state, audit_checkpoint)
        return [connection.execute(select(table)).fetchall() for table in tables]


def test_one_byte_changed_in_the_file_is_never_passed_over(
    house: House, draft: Draft, tmp_path: Path, open_store: Callable[[str], Engine]
) -> None:
    with house.cases.begin() as connection:
        for number in range(300):
            record(connection, draft(number, f"case:C-{number % 5}"))
    house.sequencer.drain()
    house.sequencer.seal()
    original = _dump(house.log)
    house.log.dispose()
    with closing(sqlite3.connect(tmp_path / "log.db")) as plain:
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    source = tmp_path / "log.db"
    rng = random.Random(17)
    named = 0
    for round_ in range(60):
        copy = tmp_path / f"copy{round_}.db"
        shutil.copy(source, copy)
        _flip_in_file(copy, rng.randrange(100, source.stat().st_size))
        engine = open_store(f"copy{round_}")
        report = verify_stores(engine, house.signer.verifier)
        if report.exit_code == CLEAN:
            assert _dump(engine) == original  # the byte lay in no row
        else:
            named += report.first_wrong is not None
        engine.dispose()
    assert named > 20  # the others: UNREADABLE, or in no row
