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


def test_a_national_vault_seals_with_sm4_and_opens_what_was_sealed_before(
    vault: SubjectVault, open_store: Callable[[str], Engine]
) -> None:
    before = vault.seal("citizen:1", b"before", b"place")
    national = SubjectVault(open_store("keys"), MASTER, national=True)
    after = national.seal("citizen:1", b"after", b"place")
    fresh = national.seal("citizen:2", b"fresh")  # its key is wrapped under SM4-GCM too
    assert (before[:4], after[:4]) == (b"YV\x01\x01", b"YV\x01\x02")
    assert len(after) == len(b"after") + 32
    for holder in (vault, national, SubjectVault(open_store("keys"), MASTER)):
        mixed = [("citizen:1", before, b"place"), ("citizen:1", after, b"place")]
        assert holder.open_many([*mixed, ("citizen:2", fresh, b"")]) == [
            b"before",
            b"after",
            b"fresh",
        ]
    with open_store("keys").connect() as connection:
        rows = {row.id: row.wrapped_key for row in connection.execute(select(audit_subject_key))}
    assert rows["citizen:1"][:4] == b"YV\x02\x01"
    assert rows["citizen:2"][:4] == b"YV\x02\x02"


def test_the_salt_of_a_commitment_is_the_same_in_both_profiles(
    vault: SubjectVault, open_store: Callable[[str], Engine]
) -> None:
    national = SubjectVault(open_store("keys"), MASTER, national=True)
    assert national.salt("citizen:1", b"place") == vault.salt("citizen:1", b"place")


@pytest.mark.parametrize("place", [0, 2, 3, 5, 20, -1])
def test_altered_bytes_under_sm4_do_not_open(
    open_store: Callable[[str], Engine], vault: SubjectVault, place: int
) -> None:
    national = SubjectVault(open_store("keys"), MASTER, national=True)
    sealed = bytearray(national.seal("citizen:1", b"plain bytes"))
    sealed[place] ^= 3 if place == 3 else 1  # 2 → 1: sealed by one, read by the other algorithm
    for holder in (national, vault):
        with pytest.raises(SealBroken):
            holder.open("citizen:1", bytes(sealed))
        with pytest.raises(SealBroken):
            holder.open("citizen:1", bytes(sealed)[:10])


def test_a_destroyed_key_is_gone_for_both_algorithms(
    vault: SubjectVault, open_store: Callable[[str], Engine]
) -> None:
    national = SubjectVault(open_store("keys"), MASTER, national=True)
    sealed = [vault.seal("citizen:1", b"a"), national.seal("citizen:1", b"b")]
    national.destroy("citizen:1")
    fresh = SubjectVault(open_store("keys"), MASTER)
    for text in sealed:
        for holder in (national, fresh):
            with pytest.raises(KeyDestroyed):
                holder.open("citizen:1", text)
