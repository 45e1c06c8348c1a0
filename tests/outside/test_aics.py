"""aics-tlog: the whole export with its bundles, the checkpoint and the witness's quorum."""

import shutil
from pathlib import Path

import pytest

from tests.outside.published import Published, another_root

outside = pytest.importorskip("aics_tlog", reason="aics-tlog needs Python 3.12")


def _head(published: Published, note: str, quorum: int = 1) -> object:
    parsed = outside.parse_note(note.encode())
    log = outside.parse_vkey(published.log.vkey)
    witness = outside.parse_vkey(published.witness.vkey)
    return outside.verify_checkpoint(parsed, log, [witness], quorum=quorum)


def test_the_head_and_every_tile_are_accepted(published: Published) -> None:
    assert _head(published, published.note).ok  # type: ignore[attr-defined]
    reader = outside.FileSystemTileReader(published.folder)
    outside.audit_tiles(reader, published.size, published.root)


def test_another_root_and_a_missing_cosignature_are_refused(published: Published) -> None:
    assert not _head(published, another_root(published.note)).ok  # type: ignore[attr-defined]
    bare = "".join(
        line for line in published.note.splitlines(keepends=True)
        if published.witness.name not in line
    )  # fmt: skip
    assert not _head(published, bare).ok  # type: ignore[attr-defined]


def test_a_changed_bundle_is_refused(published: Published, tmp_path: Path) -> None:
    copy = tmp_path / "out"
    shutil.copytree(published.folder, copy)
    bundle = copy / "tile" / "entries" / "001"
    content = bytearray(bundle.read_bytes())
    content[900] ^= 1
    bundle.write_bytes(content)
    with pytest.raises(outside.TileVerificationError):
        outside.audit_tiles(outside.FileSystemTileReader(copy), published.size, published.root)
