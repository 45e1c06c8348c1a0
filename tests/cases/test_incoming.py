"""Files that come piece by piece: in order, once, and only their sender's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cases.database import open_engine
from cases.incoming import MOST_COMING, Coming, Incoming, TooManyComing
from cases.web_tables import web_metadata
from tests.stores import lay_out

NOW = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)


@pytest.fixture
def incoming(tmp_path: Path) -> Iterator[Incoming]:
    engine = open_engine(f"sqlite:///{tmp_path / 'web.sqlite'}")
    lay_out(engine, web_metadata)
    yield Incoming(engine)
    engine.dispose()


def _begun(incoming: Incoming, name: str = "f1", owner: str = "u:a") -> Coming:
    one = Coming(name, owner, b"sealed name", 10, NOW)
    incoming.begin(one)
    return one


def test_pieces_come_in_order_and_one_sent_twice_is_one(incoming: Incoming) -> None:
    first = _begun(incoming)
    assert incoming.add(first, 0, 4, b"aaaa") == 4
    assert incoming.add(first, 0, 4, b"aaaa") == 4
    second = incoming.find("u:a", "f1")
    assert second is not None and second.came == 4
    assert incoming.add(second, 4, 6, b"bbbbbb") == 10
    assert incoming.pieces("f1") == [(0, b"aaaa"), (4, b"bbbbbb")]


@pytest.mark.parametrize(("start", "size"), [(5, 2), (0, 11), (4, 7)])
def test_a_piece_that_leaves_a_gap_or_is_too_much_is_not_kept(
    incoming: Incoming, start: int, size: int
) -> None:
    one = _begun(incoming)
    if start == 4:
        incoming.add(one, 0, 4, b"aaaa")
        one = incoming.find("u:a", "f1") or one
    before = one.came
    assert incoming.add(one, start, size, b"x") == before


def test_nobody_else_finds_it_or_ends_it(incoming: Incoming) -> None:
    one = _begun(incoming)
    incoming.add(one, 0, 4, b"aaaa")
    assert incoming.find("u:b", "f1") is None
    incoming.drop("u:b", "f1")
    assert len(incoming.pieces("f1")) == 1
    incoming.drop("u:a", "f1")
    assert incoming.find("u:a", "f1") is None and incoming.pieces("f1") == []


def test_not_more_than_so_many_of_one_person_come_at_once(incoming: Incoming) -> None:
    for n in range(MOST_COMING):
        _begun(incoming, f"f{n}")
    with pytest.raises(TooManyComing):
        _begun(incoming, "one more")
    _begun(incoming, "theirs", "u:b")


def test_what_never_arrives_is_forgotten_with_its_pieces(incoming: Incoming) -> None:
    one = _begun(incoming)
    incoming.add(one, 0, 4, b"aaaa")
    assert incoming.forget(NOW) == 0
    assert incoming.forget(NOW + timedelta(seconds=1)) == 1
    assert incoming.pieces("f1") == []
