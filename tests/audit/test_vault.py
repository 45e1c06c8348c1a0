from collections.abc import Callable
from hashlib import sha256

import pytest
from sqlalchemy import Engine, select

from audit.commitments import commitment, opens
from audit.tables import audit_subject_key
from audit.vault import KeyDestroyed, SealBroken, SubjectVault, UnknownSubject, pseudonym

MASTER = bytes(range(32))


def test_what_was_sealed_opens_for_its_subject_and_place_only(vault: SubjectVault) -> None:
    sealed = vault.seal("citizen:1", "张三".encode(), b"here")
    assert vault.open("citizen:1", sealed, b"here") == "张三".encode()
    vault.seal("citizen:2", b"x")
    for subject, aad in (("citizen:2", b"here"), ("citizen:1", b"there"), ("citizen:1", b"")):
        with pytest.raises(SealBroken):
            vault.open(subject, sealed, aad)


@pytest.mark.parametrize("place", [0, 3, 5, 20, -1])
def test_altered_bytes_do_not_open(vault: SubjectVault, place: int) -> None:
    sealed = bytearray(vault.seal("citizen:1", b"plain bytes"))
    sealed[place] ^= 1
    with pytest.raises(SealBroken):
        vault.open("citizen:1", bytes(sealed))
    with pytest.raises(SealBroken):
        vault.open("citizen:1", bytes(sealed)[:10])


def test_many_are_sealed_and_opened_in_order(vault: SubjectVault) -> None:
    items = [(f"citizen:{n % 3}", bytes([n]), b"place") for n in range(50)]
    sealed = vault.seal_many(items)
    again = [(subject, text, b"place") for (subject, _, _), text in zip(items, sealed, strict=True)]
    assert vault.open_many(again) == [bytes([n]) for n in range(50)]


def test_a_destroyed_key_opens_and_seals_nothing_ever_again(
    vault: SubjectVault, open_store: Callable[[str], Engine]
) -> None:
    sealed = vault.seal("citizen:1", b"plain")
    kept = vault.seal("citizen:2", b"plain")
    vault.destroy("citizen:1")
    vault.destroy("citizen:1")
    fresh = SubjectVault(open_store("keys"), MASTER)
    for holder in (vault, fresh):
        with pytest.raises(KeyDestroyed):
            holder.open("citizen:1", sealed)
        with pytest.raises(KeyDestroyed):
            holder.seal("citizen:1", b"again")
        with pytest.raises(KeyDestroyed):
            holder.salt("citizen:1", b"place")
        assert holder.open("citizen:2", kept) == b"plain"
    with open_store("keys").connect() as connection:
        rows = {row.id: row for row in connection.execute(select(audit_subject_key))}
    assert rows["citizen:1"].wrapped_key is None and rows["citizen:1"].destroyed_at is not None


def test_a_subject_destroyed_before_its_first_use_never_gets_a_key(vault: SubjectVault) -> None:
    vault.destroy("citizen:9")
    with pytest.raises(KeyDestroyed):
        vault.seal("citizen:9", b"x")


def test_a_reader_makes_no_key(vault: SubjectVault, open_store: Callable[[str], Engine]) -> None:
    with pytest.raises(UnknownSubject):
        vault.open("citizen:7", vault.seal("citizen:1", b"x"))
    with open_store("keys").connect() as connection:
        assert connection.scalars(select(audit_subject_key.c.id)).all() == ["citizen:1"]


def test_two_processes_agree_on_a_subjects_key(
    vault: SubjectVault, open_store: Callable[[str], Engine]
) -> None:
    other = SubjectVault(open_store("keys"), MASTER)
    sealed = vault.seal("citizen:1", b"x")
    assert other.open("citizen:1", sealed) == b"x"
    assert other.salt("citizen:1", b"p") == vault.salt("citizen:1", b"p")
    assert other.salt("citizen:1", b"p") != vault.salt("citizen:1", b"q")


def test_a_full_cache_forgets_and_reads_again(open_store: Callable[[str], Engine]) -> None:
    engine = open_store("keys")
    audit_subject_key.metadata.create_all(engine)
    small = SubjectVault(engine, MASTER, cached=2)
    sealed = {f"citizen:{n}": small.seal(f"citizen:{n}", b"x") for n in range(5)}
    assert all(small.open(subject, text) == b"x" for subject, text in sealed.items())


def test_another_master_key_opens_nothing(
    vault: SubjectVault, open_store: Callable[[str], Engine]
) -> None:
    sealed = vault.seal("citizen:1", b"x")
    with pytest.raises(SealBroken):
        SubjectVault(open_store("keys"), bytes(32)).open("citizen:1", sealed)
    with pytest.raises(ValueError, match="32 bytes"):
        SubjectVault(open_store("keys"), b"short")


def test_a_pseudonym_depends_on_pepper_kind_and_value() -> None:
    one = pseudonym(MASTER, "citizen", "110101199003070011")
    assert one == pseudonym(MASTER, "citizen", "110101199003070011")
    assert one.startswith("citizen:") and len(one) == 72
    others = {
        pseudonym(bytes(32), "citizen", "110101199003070011"),
        pseudonym(MASTER, "account", "110101199003070011"),
        pseudonym(MASTER, "citizen", "110101199003070012"),
    }
    assert len({one, *others}) == 4


def test_a_commitment_is_the_hash_the_plan_says_and_opens_to_its_content_only() -> None:
    # SHA-256("yichuang/commit/v1" ‖ 0 ‖ 32 zero bytes ‖ "x"), by another tool's arithmetic
    committed = commitment(bytes(32), b"x")
    assert committed == sha256(b"yichuang/commit/v1" + b"\0" + bytes(32) + b"x").digest()
    assert opens(committed, bytes(32), b"x")
    assert not opens(committed, bytes(32), b"y")
    assert not opens(committed, b"\1" * 32, b"x")
    assert not opens(committed, bytes(31), b"\0x")
    with pytest.raises(ValueError, match="32 bytes"):
        commitment(bytes(31), b"\0x")
