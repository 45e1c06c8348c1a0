"""Passwords, codes and tokens."""

from __future__ import annotations

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

from policies.identity import MAX_LENGTH, MIN_CLASSES, MIN_LENGTH, Credentials, PasswordRules


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return Credentials(passes=1, memory_kib=64, lanes=1)


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("Kx7!bvqewrn", "长度"),  # eleven
        ("Kx7!bvqewrno", ""),  # twelve
        ("Aa1!" + "bcdefghi" * 15 + "wxyz", ""),  # 128
        ("Aa1!" + "bcdefghi" * 15 + "wxyz5", "长度"),  # 129
        ("abcdefghijkl", "3 类"),
        ("abcdefghijk1", "3 类"),
        ("Password2026!", "容易猜到"),
        ("Password1234!", "容易猜到"),
        ("Qwertyuiop123!", "容易猜到"),
        ("Aa123456789012", "容易猜到"),
        ("Correct-Horse-9", ""),
        ("Wang.Fang-12345", "登录名"),
        ("Aa1Aa1Aa1Aa1", "重复"),
        ("口令不相干Aa1甲乙丙丁", ""),
    ],
)
def test_a_password_is_long_and_mixed_enough(password: str, says: str) -> None:
    fault = PasswordRules().fault(password, "wang.fang")
    assert (says in fault) if says else not fault


@pytest.mark.parametrize("tail", ["", "1", "!", "1!"])
def test_no_common_password_that_fits_the_rules_is_taken(tail: str) -> None:
    fitting = [
        password
        for password in (word.capitalize() + tail for word in FREQUENCY_LISTS["passwords"])
        if len(password) >= MIN_LENGTH and classes(password) >= MIN_CLASSES
    ]
    assert len(fitting) > 50
    assert [one for one in fitting if not PasswordRules().fault(one, "wang.fang")] == []


def classes(password: str) -> int:
    kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    return sum(any(map(kind, password)) for kind in kinds)


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
