"""Every setting stands in .env.example and in docs/operating.md, with its true default."""

import re

import pytest

from yichuang.settings import CHECKOUT, Settings

EXAMPLE = (CHECKOUT / ".env.example").read_text(encoding="utf-8")
MANUAL = (CHECKOUT / "docs" / "operating.md").read_text(encoding="utf-8")
NAMES = {f"YICHUANG_{field.upper()}" for field in Settings.model_fields}


def test_the_example_names_every_setting_and_no_other() -> None:
    assert set(re.findall(r"^# (YICHUANG_\w+)=", EXAMPLE, re.M)) == NAMES


def test_the_manual_has_a_row_for_every_setting_and_no_other() -> None:
    assert set(re.findall(r"^\| `(YICHUANG_\w+)` \|", MANUAL, re.M)) == NAMES


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    plain = Settings(_env_file=None)
    for name, value in re.findall(r"^# (YICHUANG_\w+)=(.*)$", EXAMPLE, re.M):
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == plain
