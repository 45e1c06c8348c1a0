"""Passwords, codes and tokens."""

from __future__ import annotations

import pytest

from policies.identity import MAX_LENGTH, Credentials, PasswordRules


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return Credentials(passes=1, memory_kib=64, lanes=1)


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("Aa1!bcdefgh", "长度"),  # eleven
        ("Aa1!bcdefghi", ""),  # twelve
        ("Aa1!" + "bcdefghi" * 15 + "wxyz", ""),  # 128
        ("Aa1!" + "bcdefghi" * 15 + "wxyz5", "长度"),  # 129
        ("abcdefghijkl", "3 类"),
        ("abcdefghijk1", "3 类"),
        ("Abcdefghijk1", ""),
        ("Wang.Fang-12345", "登录名"),
        ("Aa1Aa1Aa1Aa1", "重复"),
        ("口令Aa12345678", ""),
    ],
)
def test_a_password_is_long_and_mixed_enough(password: str, says: str) -> None:
    fault = PasswordRules().fault(password, "wang.fang")
    assert (says in fault) if says else not fault


def test_a_hash_is_argon2id_and_matches_its_password_only(credentials: Credentials) -> None:
    stored = credentials.hash("Aa1!bcdefghi")
    assert stored.startswith("$argon2id$")
    assert credentials.matches(stored, "Aa1!bcdefghi")
    assert not credentials.matches(stored, "Aa1!bcdefghI")
    assert credentials.hash("Aa1!bcdefghi") != stored


def test_the_shipped_parameters_are_those_of_rfc_9106() -> None:
    stored = Credentials().hash("Aa1!bcdefghi")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_where_nothing_is_stored_nothing_matches(credentials: Credentials) -> None:
    assert not credentials.matches("", "")
    assert not credentials.matches("", "Aa1!bcdefghi")
    assert not credentials.matches("not a hash", "Aa1!bcdefghi")


def test_a_text_too_long_to_be_a_password_never_matches(credentials: Credentials) -> None:
    long = "x" * (MAX_LENGTH + 1)
    assert not credentials.matches(credentials.hash(long), long)


def test_a_hash_of_other_parameters_is_outdated(credentials: Credentials) -> None:
    stored = credentials.hash("Aa1!bcdefghi")
    assert not credentials.outdated(stored)
    assert Credentials(passes=2, memory_kib=64, lanes=1).outdated(stored)


def test_codes_differ_and_survive_being_copied_by_hand(credentials: Credentials) -> None:
    codes = {credentials.new_code() for _ in range(200)}
    assert len(codes) == 200
    code = codes.pop()
    assert len(code.replace("-", "")) == 20
    typed = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    assert credentials.code_digest(typed) == credentials.code_digest(code)
    assert credentials.code_digest(code) != credentials.code_digest(codes.pop())
