"""The table of attacks against the plan's: each is noticed by whom it must be, and by nobody who
cannot know; and what the verifier names, on a store whose triggers the attacker has dropped."""

import functools
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, delete, select, text, update

from audit.attack_ground import Ground, LogPurged, LogTooSmall, lay_ground, resign, rewrite, rows_of
from audit.attack_proofs import attack_protocol, show_proofs
from audit.attacks import ALL, ATTACKS, WITNESS_ONLY, Attack, GroundUnsound, try_attacks
from audit.check import verify_stores
from audit.notes import NoteKey
from audit.outbox import record
from audit.reading import reading
from audit.tables import (
    audit_checkpoint,
    audit_entry,
    audit_outbox,
    audit_state,
    audit_tile,
)
from audit.verify import CLEAN, TAMPERED, Failure, VerifyReport
from tests.audit.conftest import sqlite_engine

Draft = Callable[..., Any]
House = Any

SIZE = 600
VICTIM = 321
SEALED_AT = (200, 400, 600)

EVERYWHERE = "X" * 3

PLAN = {
    **dict.fromkeys(
        "1 2 3 4 5 6 7 8a 12 13 16 17 17b 18a 18b 18c 18d 18e 18f 18g 20 22 23 24 25 26".split(),
        EVERYWHERE,
    ),
    **dict.fromkeys("8c 9 11 11b 21".split(), ".XX"),
    **dict.fromkeys("8b 11c".split(), "..X"),
}
"""Number of the attack → noticed with database and key alone, + pin and quorum, + the witness."""


@pytest.fixture
def attacked(house: House, draft: Draft) -> Iterator[House]:
    """A log of 600 entries in five streams, one counted closed, three heads, no triggers."""
    start = 0
    for size in SEALED_AT:
        with house.cases.begin() as connection:
            for number in range(start, size):
                record(connection, draft(number, f"case:C-{number % 5}", closes=number == 17))
        house.sequencer.drain()
        house.sequencer.seal()
        start = size
    with house.log.begin() as connection:
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER audit_entry_no_{verb}"))
    assert house.verify().exit_code == CLEAN
    yield house


def _laid(log: Engine, *how: Any) -> Ground:
    with reading(log) as connection:
        return lay_ground(connection, *how)


@pytest.fixture
def ground(attacked: House, tmp_path: Path) -> Iterator[Ground]:
    """A ground of 600 entries, the last three its own; heads of 150, 300, 450, 600."""
    open_store = functools.cache(sqlite_engine)
    laid = _laid(attacked.log, tmp_path / "ground", open_store, SIZE - 3)
    yield laid
    laid.close()


def _patterns(ground: Ground, folder: Path, *attacks: Attack) -> dict[str, str]:
    return {
        one.attack.number: "".join("X" if found else "." for found in one.found)
        for one in try_attacks(ground, folder, attacks or None)
    }


def test_33_attacks_are_noticed_as_the_plan_says_and_no_more_is_claimed(
    ground: Ground, tmp_path: Path
) -> None:
    assert len(ATTACKS) == 33
    assert _patterns(ground, tmp_path / "tries") == PLAN
    said = {one.number: "".join("X" if e else "." for e in one.expected) for one in ATTACKS}
    assert said == PLAN
    missed = [sum(pattern[n] == "." for pattern in PLAN.values()) for n in range(3)]
    assert missed == [7, 2, 0]


def test_a_deviation_in_either_direction_is_told(ground: Ground, tmp_path: Path) -> None:
    by_number = {one.number: one for one in ATTACKS}
    claimed = replace(by_number["8b"], expected=ALL)  # what nobody can notice must not be claimed
    modest = replace(by_number["1"], expected=WITNESS_ONLY)  # what is noticed must be claimed
    idle = Attack("0", "nothing at all", ALL, lambda _ground: None)
    tried = {
        one.attack.number: (one.found, one.as_expected)
        for one in try_attacks(ground, tmp_path / "tries", [claimed, modest, idle])
    }
    assert tried == {
        "8b": ((False, False, True), False),
        "1": ((True, True, True), False),
        "0": ((False, False, False), False),
    }


def test_a_copy_that_is_not_whole_is_not_attacked(ground: Ground, tmp_path: Path) -> None:
    rewrite(ground, rows_of(ground)[:-1])
    with pytest.raises(GroundUnsound):
        list(try_attacks(ground, tmp_path / "tries"))


def test_the_original_and_its_keys_take_no_part(attacked: House, tmp_path: Path) -> None:
    before = _dump(attacked.log)
    ground = _laid(attacked.log, tmp_path / "ground", functools.cache(sqlite_engine), 300)
    list(try_attacks(ground, tmp_path / "tries", ATTACKS[:3]))
    assert _dump(attacked.log) == before
    assert ground.key.verifier.public != attacked.signer.verifier.public
    copied = [row[4] for row in rows_of(ground)[:300]]
    assert copied == [row.body for row in before[0][:300]]


@pytest.mark.parametrize(("entries", "fits"), [(15, False), (16, True)])
def test_a_log_too_small_is_told(
    house: House, draft: Draft, tmp_path: Path, entries: int, fits: bool
) -> None:
    house.record(*(draft(number) for number in range(entries)))
    house.sequencer.drain()
    open_store = functools.cache(sqlite_engine)
    if not fits:
        with pytest.raises(LogTooSmall):
            _laid(house.log, tmp_path / "ground", open_store, SIZE)
        return
    ground = _laid(house.log, tmp_path / "ground", open_store, SIZE)
    assert _patterns(ground, tmp_path / "tries") == PLAN


def test_a_purged_log_is_told_and_not_attacked(attacked: House, tmp_path: Path) -> None:
    with attacked.log.begin() as connection:
        _edit(connection, 7, body=b"")
    with pytest.raises(LogPurged):
        _laid(attacked.log, tmp_path / "ground", functools.cache(sqlite_engine), 300)


def test_nine_variations_of_a_proof_and_two_attacks_on_the_protocol(ground: Ground) -> None:
    proofs = {one.number: one.refused for one in show_proofs(ground)}
    assert proofs == {**{f"p{n}": True for n in range(1, 9)}, "p9": False}
    protocol = list(attack_protocol(ground))
    assert [(one.number, one.refused) for one in protocol] == [("w1", True), ("w2", True)]
    assert len(ground.witness.evidence()) == 1  # the contradicting head is kept
    assert all(one.as_expected for one in (*show_proofs(ground), *attack_protocol(ground)))


@pytest.mark.parametrize(
    ("number", "check", "index", "until"),
    [
        ("1", "leaf", 225, None),
        ("2", "chain", 225, None),
        ("3", "checkpoint", 150, 300),
        ("4", "sequence", 225, None),
        ("13", "time", 225, None),
        ("16", "identity", 600, None),
        ("17b", "payload", 597, None),
        ("18a", "spelling", 599, None),
        ("22", "stream", 601, None),
        ("26", "surplus", 600, None),
    ],
)
def test_the_first_bad_entry_is_named(
    ground: Ground, number: str, check: str, index: int | None, until: int | None
) -> None:
    (attack,) = [one for one in ATTACKS if one.number == number]
    attack.make(ground)
    first = ground.judge()[0].first_wrong
    assert first is not None
    assert (first.check, first.index, first.until) == (check, index, until)


@pytest.mark.parametrize(
    ("old", "new"), [(b'"res":"ok",', b""), (b'"v":1', b'"v":2'), (b'"kind":"system"', b'"kind":7')]
)
def test_an_entry_of_another_shape_is_caught_though_every_hash_fits(
    ground: Ground, old: bytes, new: bytes
) -> None:
    rows = rows_of(ground)
    assert old in rows[-1][4]
    rows[-1][4] = rows[-1][4].replace(old, new)
    rewrite(ground, rows, chains=False)
    resign(ground)
    first = _first(ground.judge()[0])
    assert (first.check, first.index) == ("spelling", SIZE - 1)


def test_an_edit_with_every_hash_but_the_links_recomputed_is_named_by_the_chain(
    ground: Ground,
) -> None:
    rows = rows_of(ground)
    rows[VICTIM][4] = _edited(rows[VICTIM][4])
    rewrite(ground, rows, chains=False)
    assert _first(ground.judge()[0]).index == VICTIM
    assert {"chain", "checkpoint"} <= ground.judge()[0].counts.keys()


def _verify_log_alone(house: House, *pins: str) -> VerifyReport:
    return verify_stores(house.log, house.signer.verifier, pins=pins)


def _first(report: VerifyReport) -> Failure:
    assert report.first_wrong is not None
    return report.first_wrong


def _edited(body: bytes) -> bytes:
    return body.replace(b'"act":"case.decide"', b'"act":"case.refuse"')


def _body_at(connection: Connection, index: int) -> bytes:
    body = connection.scalar(select(audit_entry.c.body).where(audit_entry.c.seq == index))
    assert isinstance(body, bytes)
    return body


def _edit(connection: Connection, index: int, **values: object) -> None:
    connection.execute(update(audit_entry).where(audit_entry.c.seq == index).values(**values))


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
        _edit(connection, VICTIM, body=_edited(_body_at(connection, VICTIM)))
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
            record(connection, draft(number, f"case:C-{number % 5}", closes=number == 17))
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
