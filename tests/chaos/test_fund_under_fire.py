"""Money under fire: many payers with the same commands, killed again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fund import store, under_fire

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
"""A thousand payments by many workers take a minute alone, and more beside other work."""


def test_of_a_thousand_payments_none_is_made_twice_or_beyond_a_cap_and_no_fen_is_lost(
    tmp_path: Path,
) -> None:
    found = under_fire(store(tmp_path / "cases.sqlite"), 1_000, 4)
    assert found.faults == ()
    assert found.kills > 0 and found.paid > 0 and found.refused > 0
