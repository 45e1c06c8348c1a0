"""Several master keys: the current one wraps, every other one opens, each wrapping says whose."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import Engine, select, update

from audit.masters import LOOK_SECONDS, KeyUnknown, MasterKeys, fixed, key_id
from audit.tables import audit_subject_key, keys_metadata
from audit.vault import AES_GCM, NAMED, KeyDestroyed, SealBroken, SubjectVault, _Box

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture
def engine(open_store: Callable[[str], Engine]) -> Engine:
    """A fresh keys store."""
    engine = open_store("keys")
    keys_metadata.create_all(engine)
    return engine


def wrapped_of(engine: Engine, subject: str) -> bytes:
    query = select(audit_subject_key.c.wrapped_key).where(audit_subject_key.c.id == subject)
    with engine.connect() as connection:
        return bytes(connection.execute(query).scalar_one())


def make_old_form(engine: Engine, subject: str) -> None:
    """Put a subject's key back into the form that named no master key."""
    wrapped = wrapped_of(engine, subject)
    plain = _Box(OLD, b"wrap").open(subject, wrapped, b"key")
    before = _Box(OLD, b"wrap").seal(AES_GCM, subject, plain, b"key")
    with engine.begin() as connection:
        connection.execute(
            update(audit_subject_key)
            .where(audit_subject_key.c.id == subject)
            .values(wrapped_key=before)
        )


def test_a_wrapped_key_names_its_master_key(engine: Engine) -> None:
    SubjectVault(engine, NEW).seal("citizen:1", b"x")
    wrapped = wrapped_of(engine, "citizen:1")
    assert wrapped[:4] == NAMED[AES_GCM] and wrapped[4:12] == key_id(NEW)


@pytest.mark.parametrize("place", [2, 3, 4, 11, 12, 30, -1])
def test_an_altered_wrapping_does_not_open(engine: Engine, place: int) -> None:
    sealed = SubjectVault(engine, NEW).seal("citizen:1", b"x")
    wrapped = bytearray(wrapped_of(engine, "citizen:1"))
    wrapped[place] ^= 1
    with engine.begin() as connection:
        connection.execute(update(audit_subject_key).values(wrapped_key=bytes(wrapped)))
    with pytest.raises(SealBroken):
        SubjectVault(engine, fixed(NEW, OLD)).open("citizen:1", sealed)


def test_what_an_older_key_wrapped_opens_beside_the_new_one(engine: Engine) -> None:
    sealed = SubjectVault(engine, OLD).seal("citizen:1", b"plain")
    assert SubjectVault(engine, fixed(NEW, OLD)).open("citizen:1", sealed) == b"plain"
    with pytest.raises(SealBroken, match=key_id(OLD).hex()):
        SubjectVault(engine, NEW).open("citizen:1", sealed)


def test_a_wrapping_that_names_no_key_still_opens(engine: Engine) -> None:
    sealed = SubjectVault(engine, OLD).seal("citizen:1", b"plain")
    make_old_form(engine, "citizen:1")
    assert SubjectVault(engine, fixed(NEW, OLD)).open("citizen:1", sealed) == b"plain"
    with pytest.raises(SealBroken):
        SubjectVault(engine, NEW).open("citizen:1", sealed)


def test_rewrapping_frees_the_older_key_and_leaves_what_is_sealed(engine: Engine) -> None:
    subjects = [f"citizen:{n}" for n in range(7)]
    sealed = {one: SubjectVault(engine, OLD).seal(one, one.encode()) for one in subjects}
    salt = SubjectVault(engine, OLD).salt("citizen:1", b"place")
    make_old_form(engine, "citizen:3")
    vault = SubjectVault(engine, fixed(NEW, OLD))
    assert vault.under() == {key_id(OLD).hex(): 6, "": 1}
    told: list[tuple[bytes, int]] = []

    def tell(id: bytes, batch: Sequence[str]) -> None:
        told.append((id, len(batch)))

    assert [vault.rewrap(3, tell) for _ in range(4)] == [3, 3, 1, 0]
    assert told == [(key_id(NEW), 3), (key_id(NEW), 3), (key_id(NEW), 1)]
    assert vault.under() == {key_id(NEW).hex(): 7}
    alone = SubjectVault(engine, NEW)
    assert {one: alone.open(one, text).decode() for one, text in sealed.items()} == {
        one: one for one in subjects
    }
    assert alone.salt("citizen:1", b"place") == salt


def test_nothing_is_rewrapped_that_was_not_told(engine: Engine) -> None:
    SubjectVault(engine, OLD).seal("citizen:1", b"x")
    vault = SubjectVault(engine, fixed(NEW, OLD))

    def refuse(_id: bytes, _batch: Sequence[str]) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        vault.rewrap(3, refuse)
    assert vault.under() == {key_id(OLD).hex(): 1}


def test_a_key_destroyed_while_it_is_rewrapped_stays_destroyed(engine: Engine) -> None:
    sealed = SubjectVault(engine, OLD).seal("citizen:1", b"x")
    vault = SubjectVault(engine, fixed(NEW, OLD))

    def destroy(_id: bytes, _batch: Sequence[str]) -> None:
        SubjectVault(engine, OLD).destroy("citizen:1")

    assert vault.rewrap(3, destroy) == 1
    with pytest.raises(KeyDestroyed):
        SubjectVault(engine, fixed(NEW, OLD)).open("citizen:1", sealed)
    assert vault.rewrap(3) == 0


def test_a_new_key_seals_a_second_later_and_opens_at_once() -> None:
    keys, clock = [OLD], [0.0]
    masters = MasterKeys(lambda: list(keys), lambda: clock[0])
    keys.insert(0, NEW)
    assert masters.current()[1] == OLD
    assert masters.with_id(key_id(NEW)) == NEW
    keys.insert(0, other := os.urandom(32))
    clock[0] += LOOK_SECONDS
    assert masters.current() == (key_id(other), other)


def test_a_key_that_is_not_kept_is_named() -> None:
    with pytest.raises(KeyUnknown, match=key_id(OLD).hex()):
        fixed(NEW).with_id(key_id(OLD))


def test_there_is_always_a_master_key() -> None:
    with pytest.raises(ValueError, match="no master key"):
        fixed()
