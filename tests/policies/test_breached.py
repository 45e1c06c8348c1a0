"""The city's own list of breached passwords."""

from __future__ import annotations

from hashlib import sha1
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.breached import BreachedPasswords, ListUnreadable
from policies.identity import PasswordRules
from yichuang.settings import SettingMissing, Settings
from yichuang.way_in import credentials_of

LEAKED = "Correct-Horse-9"


def written(folder: Path, passwords: set[str], end: str = "\n") -> BreachedPasswords:
    """Write a list as Have I Been Pwned gives it; counts of many lengths."""
    hashes = sorted(sha1(one.encode(), usedforsecurity=False).hexdigest() for one in passwords)
    lines = [f"{one.upper()}:{10 ** (n % 7)}" for n, one in enumerate(hashes)]
    path = folder / "breached.txt"
    path.write_text("\n".join(lines) + end, "ascii")
    return BreachedPasswords(path)


@pytest.mark.parametrize("end", ["\n", ""])
@pytest.mark.parametrize("size", [1, 2, 3, 17, 1000])
def test_every_password_of_the_list_is_found_and_no_other(
    tmp_path: Path, size: int, end: str
) -> None:
    inside = {f"in-{n}" for n in range(size)}
    known = written(tmp_path, inside, end)
    assert all(known.holds(one) for one in inside)
    assert not any(known.holds(f"out-{n}") for n in range(1000))


@given(st.sets(st.text(max_size=8), min_size=1, max_size=60), st.text(max_size=8))
@settings(max_examples=100, deadline=None)
def test_the_list_says_what_a_set_says(
    tmp_path_factory: pytest.TempPathFactory, inside: set[str], asked: str
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    assert written(folder, inside).holds(asked) is (asked in inside)


def test_a_breached_password_that_looks_strong_is_not_taken(tmp_path: Path) -> None:
    assert not PasswordRules().fault(LEAKED, "wang.fang")
    rules = PasswordRules(breached=written(tmp_path, {LEAKED, "a"}).holds)
    assert "泄露" in rules.fault(LEAKED, "wang.fang")
    assert not rules.fault("Correct-Horse-8", "wang.fang")


def test_a_list_that_is_not_there_or_is_no_list_takes_no_password(tmp_path: Path) -> None:
    away = PasswordRules(breached=BreachedPasswords(tmp_path / "away.txt").holds)
    with pytest.raises(FileNotFoundError):
        away.fault(LEAKED, "wang.fang")
    other = tmp_path / "other.txt"
    other.write_text("password\n123456\n" * 10)
    with pytest.raises(ListUnreadable):
        BreachedPasswords(other).holds(LEAKED)


def test_the_way_in_judges_by_the_list_that_the_setting_names(tmp_path: Path) -> None:
    known = written(tmp_path, {LEAKED})
    with_list = Settings(_env_file=None, data=tmp_path, breached_passwords=known.path)
    assert "泄露" in credentials_of(with_list).rules.fault(LEAKED, "wang.fang")
    assert not credentials_of(Settings(_env_file=None, data=tmp_path)).rules.fault(LEAKED, "w.f")
    away = with_list.model_copy(update={"breached_passwords": tmp_path / "away.txt"})
    with pytest.raises(SettingMissing, match="YICHUANG_BREACHED_PASSWORDS"):
        credentials_of(away)
