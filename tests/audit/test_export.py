"""A log as C2SP tlog-tiles files: written under a signed head, checked with the files alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import update

from audit.entry import body_bytes, facts_of
from audit.export import UNWITNESSED, ExportConflict, Exported, NothingSealed, export_log
from audit.exported import fsck
from audit.logstore import LogDamaged, LogReader, append
from audit.merkle import leaf_hash
from audit.outbox import record
from audit.report import CLEAN, INCOMPLETE, TAMPERED, UNREADABLE, VerifyReport
from audit.tables import audit_entry
from audit.tilepaths import TilePath, tiles_of
from audit.trust import TrustPolicy
from tests.audit.conftest import House

Draft = Callable[..., Any]


def _grow(house: House, draft: Draft, start: int, size: int) -> None:
    with house.cases.begin() as connection:
        for number in range(start, size):
            record(connection, draft(number, f"case:C-{number % 5}"))
    house.sequencer.drain()
    house.sequencer.seal()


def _export(house: House, folder: Path) -> Exported:
    with house.log.connect() as connection:
        return export_log(LogReader(connection), folder, TrustPolicy.of(house.signer.verifier))


def _check(house: House, folder: Path, *pins: str) -> VerifyReport:
    return fsck(folder, house.signer.verifier, pins=pins)


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("tile/0/000", TilePath(0, 0)),
        ("tile/0/x001/x234/067.p/8", TilePath(0, 1_234_067, 8)),
        ("tile/entries/x001/000", TilePath(None, 1000)),
        ("tile/63/999", None),
        ("tile/0/000.p/256", None),
        ("tile/0/000.p/0", None),
        ("tile/0/1", None),
        ("tile/0/x000/001", None),
        ("tile/0/000/001", None),
        ("tile/01/000", None),
    ],
)
def test_a_path_has_one_spelling(path: str, tile: TilePath | None) -> None:
    assert TilePath.parse(path) == tile
    if tile is not None:
        assert str(tile) == path


def test_a_log_of_70000_has_the_tiles_the_specification_gives_it() -> None:
    names = [str(tile) for tile in tiles_of(70_000)]
    assert len(names) == len(set(names)) == 274 + 274 + 2 + 1
    assert {"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"} <= set(names)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600])
def test_an_export_holds_the_files_of_its_size_and_is_clean(
    house: House, draft: Draft, tmp_path: Path, size: int
) -> None:
    _grow(house, draft, 0, size)
    done = _export(house, tmp_path / "out")
    files = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*")
             if p.is_file()}  # fmt: skip
    assert files == {"checkpoint", UNWITNESSED, *(str(tile) for tile in tiles_of(size))}
    assert (done.size, done.added) == (size, len(files) - 2)
    report = _check(house, tmp_path / "out")
    assert (report.exit_code, report.entries, report.sealed) == (CLEAN, size, size)
    assert report.root == done.root.hex()


def test_an_export_beyond_65536_is_clean_and_named_where_it_is_not(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    facts = facts_of(draft(1), [])
    with house.log.begin() as connection:
        heads, rows = [(0, bytes(32))] * 100, []
        for number in range(65_536 + 300):
            seq, previous = heads[number % 100]
            name = f"{number:08x}-0000-4000-8000-000000000000"
            body = body_bytes({**facts, "id": name}, f"case:{number % 100}", seq + 1, previous)
            heads[number % 100] = (seq + 1, leaf_hash(body))
            rows.append((name, f"case:{number % 100}", seq + 1, leaf_hash(body), body))
        append(connection, LogReader(connection).state(), rows)
    house.sequencer.seal()
    _export(house, tmp_path / "out")
    assert _check(house, tmp_path / "out").exit_code == CLEAN
    _flip(tmp_path / "out" / "tile" / "1" / "001.p" / "1", 0)
    first = _check(house, tmp_path / "out").first_wrong
    assert first is not None and (first.check, first.index, first.until) == ("tile", 65_536, 65_792)


def test_a_second_export_adds_and_changes_nothing_that_is_there(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    _grow(house, draft, 0, 300)
    first = _export(house, tmp_path)
    before = {p: p.read_bytes() for p in (tmp_path / "tile").rglob("*") if p.is_file()}
    _grow(house, draft, 300, 700)
    second = _export(house, tmp_path)
    assert (first.size, second.size, second.kept) == (300, 700, 2)
    assert all(path.read_bytes() == content for path, content in before.items())
    assert _check(house, tmp_path).exit_code == CLEAN


def test_without_a_signed_head_nothing_is_exported(house: House, tmp_path: Path) -> None:
    with pytest.raises(NothingSealed):
        _export(house, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert _check(house, tmp_path / "out").exit_code == UNREADABLE


def test_a_log_whose_rows_do_not_give_the_signed_root_is_not_exported(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    _grow(house, draft, 0, 300)
    with house.log.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_entry_no_update")
        body = b"{}"
        row = {"body": body, "leaf": leaf_hash(body)}
        connection.execute(update(audit_entry).where(audit_entry.c.seq == 7).values(row))
    with pytest.raises(LogDamaged):
        _export(house, tmp_path / "out")
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_another_history_is_not_written_over_a_former_export(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    _grow(house, draft, 0, 300)
    _export(house, tmp_path)
    _flip(tmp_path / "tile" / "entries" / "000", 900)
    with pytest.raises(ExportConflict, match="tile/entries/000"):
        _export(house, tmp_path)


def test_a_shorter_log_is_not_written_over_a_longer_export(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    _grow(house, draft, 0, 300)
    _export(house, tmp_path)
    path = tmp_path / "checkpoint"
    path.write_text(path.read_text("utf-8").replace("\n300\n", "\n301\n"), "utf-8")
    with pytest.raises(ExportConflict, match="301"):
        _export(house, tmp_path)


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "checks", "first"),
    [
        (lambda f: _flip(f / "tile/entries/001", 900), {"leaf"}, (257, None)),
        (lambda f: _flip(f / "tile/0/001", 52 * 32), {"leaf", "tile", "chain"}, (308, None)),
        (lambda f: _flip(f / "tile/1/000.p/2", 3), {"tile", "frontier"}, (0, 256)),
        (lambda f: (f / "tile/0/000").unlink(), {"file", "tile"}, (0, 256)),
        (lambda f: (f / "tile/entries/001").unlink(), {"file", "sequence"}, (256, None)),
        (lambda f: _cut(f / "tile/entries/002.p/88", 10), {"file", "leaf"}, (599, None)),
        (lambda f: _cut(f / "tile/0/002.p/88", 32), {"file", "frontier"}, (512, 600)),
        (lambda f: _flip(f / "tile/0/001.p/44", 5), {"file"}, (256, 300)),
        (lambda f: _flip(f / "checkpoint", -20), {"signature"}, None),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    house: House, draft: Draft, tmp_path: Path,
    damage: Callable[[Path], object], checks: set[str], first: tuple[int, int | None] | None,
) -> None:  # fmt: skip
    _grow(house, draft, 0, 300)
    _export(house, tmp_path)
    _grow(house, draft, 300, 600)
    _export(house, tmp_path)
    assert _check(house, tmp_path).exit_code == CLEAN
    damage(tmp_path)
    report = _check(house, tmp_path)
    found = report.first_wrong
    assert (report.exit_code, checks <= report.counts.keys()) == (TAMPERED, True), report.counts
    assert (None if found is None else (found.index, found.until)) == first


def _cut(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def test_an_older_checkpoint_put_back_is_told_and_falls_to_a_kept_one(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    _grow(house, draft, 0, 300)
    _export(house, tmp_path)
    older = (tmp_path / "checkpoint").read_bytes()
    _grow(house, draft, 300, 600)
    _export(house, tmp_path)
    (tmp_path / "checkpoint").write_bytes(older)
    report = _check(house, tmp_path)
    assert (report.exit_code, report.sealed) == (INCOMPLETE, 300)
    assert _check(house, tmp_path, house.head()).counts.keys() == {"pin"}


def test_a_forged_head_of_any_size_does_not_make_the_check_run_for_ever(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    _grow(house, draft, 0, 300)
    _export(house, tmp_path)
    path = tmp_path / "checkpoint"
    forged = path.read_text("utf-8").replace("\n300\n", "\n900000000000000000\n")
    path.write_text(forged, "utf-8")
    report = _check(house, tmp_path)
    assert (report.exit_code, report.entries, "signature" in report.counts) == (TAMPERED, 300, True)


def test_a_purged_entry_is_exported_empty_with_what_is_left_of_it(
    house: House, draft: Draft, tmp_path: Path
) -> None:
    _grow(house, draft, 0, 300)
    with house.log.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_entry_no_update")
        gone = [LogReader(connection).entry(draft(n).id) for n in (7, 299)]
        for entry in gone:
            assert entry is not None
            row = update(audit_entry).where(audit_entry.c.seq == entry.index)
            connection.execute(row.values(body=b""))
    done = _export(house, tmp_path)
    lines = [
        orjson.loads((tmp_path / "purged" / name).read_bytes()) for name in ("000", "001.p/44")
    ]
    assert lines == [[e.index, e.entry_id, e.stream, e.stream_seq] for e in gone if e is not None]
    report = _check(house, tmp_path)
    assert report.root == done.root.hex()  # the tree stands on the leaves
    assert report.exit_code == TAMPERED  # for no entry tells of a purge
    (tmp_path / "purged" / "000").write_bytes(b"[7]\n")
    assert "file" in _check(house, tmp_path).counts
