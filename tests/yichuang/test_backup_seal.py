"""A part of a backup opens whole, under its own name and its own key, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yichuang import backup_seal
from yichuang.backup_seal import (
    PIECE_BYTES,
    SHORTEST_SECRET,
    TAG_BYTES,
    BackupKey,
    PartDamaged,
    SecretTooWeak,
    opened,
    seal,
)

KEY = BackupKey(b"k" * 32)
HEAD = len(backup_seal.MAGIC) + backup_seal.SALT_BYTES + backup_seal.PREFIX_BYTES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


def sealed(folder: Path, plain: bytes, name: str = "store/cases") -> Path:
    path = folder / "part"
    with path.open("wb") as file:
        seal(KEY, name, [plain], file)
    return path


def content(path: Path, key: BackupKey = KEY, name: str = "store/cases") -> bytes:
    return b"".join(opened(key, name, path))


@given(plain=st.binary(max_size=300))
def test_what_was_sealed_opens(folder: Path, plain: bytes) -> None:
    path = sealed(folder, plain)
    assert content(path) == plain
    assert plain == b"" or len(plain) < 8 or plain not in path.read_bytes()


@pytest.mark.parametrize(
    "size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES]
)
def test_every_length_around_a_piece_opens(folder: Path, size: int) -> None:
    plain = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert content(sealed(folder, plain)) == plain


@pytest.mark.parametrize("place", [0, 5, HEAD - 1, HEAD, HEAD + PIECE_BYTES, -1])
def test_one_changed_byte_is_found(folder: Path, place: int) -> None:
    path = sealed(folder, bytes(PIECE_BYTES + 100))
    changed = bytearray(path.read_bytes())
    changed[place] ^= 1
    path.write_bytes(changed)
    with pytest.raises(PartDamaged):
        content(path)


@pytest.mark.parametrize("left", [0, HEAD, HEAD + PIECE_BYTES + TAG_BYTES, -1])
def test_a_part_cut_off_anywhere_is_found(folder: Path, left: int) -> None:
    path = sealed(folder, bytes(PIECE_BYTES + 100))
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(PartDamaged):
        content(path)


def test_pieces_that_change_places_are_found(folder: Path) -> None:
    path = sealed(folder, bytes(3 * PIECE_BYTES))
    whole = path.read_bytes()
    size = PIECE_BYTES + TAG_BYTES
    one, two = whole[HEAD : HEAD + size], whole[HEAD + size : HEAD + 2 * size]
    path.write_bytes(whole[:HEAD] + two + one + whole[HEAD + 2 * size :])
    with pytest.raises(PartDamaged):
        content(path)


def test_a_part_opens_in_its_own_place_and_under_its_own_key_only(folder: Path) -> None:
    path = sealed(folder, b"rows")
    with pytest.raises(PartDamaged):
        content(path, name="store/web")
    with pytest.raises(PartDamaged):
        content(path, BackupKey(b"o" * 32))


def test_a_passphrase_of_sixteen_bytes_is_taken_and_of_fifteen_is_not() -> None:
    one = BackupKey.of(b"x" * SHORTEST_SECRET, b"s" * 16)
    assert one == BackupKey.of(b"x" * SHORTEST_SECRET, b"s" * 16)
    assert one.check != BackupKey.of(b"y" * SHORTEST_SECRET, b"s" * 16).check
    assert one.check != BackupKey.of(b"x" * SHORTEST_SECRET, b"t" * 16).check
    with pytest.raises(SecretTooWeak):
        BackupKey.of(b"x" * (SHORTEST_SECRET - 1), b"s" * 16)
