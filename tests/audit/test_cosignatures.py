"""The rows of cosignatures and of how it stands with witnesses, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit.cosignatures import (
    Standing,
    forget_standing,
    keep_cosignature,
    keep_standing,
    last_cosigned,
    standings,
)
from audit.logstore import LogDamaged, LogReader
from audit.reading import reading

AT = datetime(2026, 11, 26, 1, tzinfo=UTC)
LATER = AT + timedelta(minutes=10)


@pytest.fixture(params=["house", "postgres_house"])
def sealed(request: pytest.FixtureRequest, draft: Callable[..., Any]) -> Any:
    """A log with heads of 1, 2 and 3 entries."""
    house = request.getfixturevalue(request.param)
    for number in range(3):
        house.record(draft(number))
        house.sequencer.drain()
        house.sequencer.seal()
    return house


def keep(house: Any, size: int, name: str, line: str, at: datetime = AT) -> None:
    with house.log.begin() as connection:
        keep_cosignature(connection, size, name, line, at)


def test_the_newest_line_of_each_witness_on_a_head_is_kept(sealed: Any) -> None:
    keep(sealed, 2, "b", "— b first")
    keep(sealed, 2, "a", "— a first", LATER)
    keep(sealed, 2, "b", "— b second", LATER)
    keep(sealed, 2, "a", "— a older", AT)
    keep(sealed, 1, "b", "— b small")
    with reading(sealed.log) as connection:
        reader = LogReader(connection)
        lines = [(one.size, one.name, one.line) for one in reader.cosignatures()]
        assert lines == [(1, "b", "— b small"), (2, "a", "— a first"), (2, "b", "— b second")]
        assert reader.cosigned_note(2).endswith("\n— a first\n— b second\n")
        assert reader.cosigned_note(3).count("—") == 1
        with pytest.raises(LogDamaged):
            reader.cosigned_note(4)
        assert last_cosigned(connection, "b") == (2, LATER)
        assert last_cosigned(connection, "c") is None


def test_the_best_vouched_head_is_the_one_of_most_witnesses_then_the_newest(sealed: Any) -> None:
    def best(least: int) -> int | None:
        with reading(sealed.log) as connection:
            head = LogReader(connection).vouched_checkpoint(least)
        return head.size if head else None

    assert [best(least) for least in (0, 3, 4)] == [3, 3, None]
    keep(sealed, 1, "a", "— a")
    assert [best(least) for least in (0, 1, 2)] == [1, 1, 3]
    keep(sealed, 2, "a", "— a")
    assert best(0) == 2
    keep(sealed, 1, "b", "— b")
    assert [best(least) for least in (1, 2, 3)] == [1, 2, 3]


def test_how_it_stands_with_a_witness_is_kept_until_it_is_forgotten(sealed: Any) -> None:
    said = [
        Standing("a", AT),
        Standing("a", AT, AT, LATER, "no answer"),
        Standing("a", AT, LATER, None, ""),
    ]
    for one in said:
        with sealed.log.begin() as connection:
            keep_standing(connection, one)
        with reading(sealed.log) as connection:
            assert standings(connection) == [one]
    assert [one.silent_since for one in said] == [AT, AT, LATER]
    with sealed.log.begin() as connection:
        forget_standing(connection, "a")
        assert standings(connection) == []
