"""What holds in every test: after every step, the stream it recorded in is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from audit import outbox
from audit.entry import NO_PREVIOUS, parse_entry
from audit.merkle import leaf_hash

# No test asserts a time: a busy machine is no fault of what is tried.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures", metavar="FOLDER", help="keep a picture of every page there, to be looked at"
    )
    parser.addoption(
        "--hour", metavar="MINUTES", type=float,
        help="how long the hour of a bad line takes (tests/forms/test_slow_hour.py)",
    )  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if minutes := config.getoption("--hour"):
        for item in items:
            item.add_marker(pytest.mark.timeout(minutes * 60 + 600))


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest) -> Path | None:
    """Return where pictures of pages are kept; None: nobody asked for them."""
    named = request.config.getoption("--pictures")
    if not named:
        return None
    folder = Path(named)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_ROWS = "SELECT seq, entry_id, leaf, body FROM audit_outbox WHERE entry_id IN "


def check_log(sql: Any, stream: str, places: Sequence[outbox.Recorded]) -> None:
    """Assert that what was just recorded stands in its stream as the verifier will want it.

    Each fresh entry is spelled canonically, says its own place, follows the leaf before it and has
    the leaf that is kept for it; the stream's head is the last of them.
    """
    fresh = [place for place in places if place.fresh]
    for start in range(0, len(fresh), 500):
        part = fresh[start : start + 500]
        marks = ",".join("?" * len(part))
        rows = sql.all(f"{_ROWS}({marks}) ORDER BY pos", tuple(place.id for place in part))
        before = sql.one(
            "SELECT leaf FROM audit_recorded WHERE stream = ? AND seq = ?",
            (stream, part[0].seq - 1),
        )
        previous = bytes(before[0]) if before else NO_PREVIOUS
        for place, (seq, entry_id, leaf, stored) in zip(part, rows, strict=True):
            said = parse_entry(bytes(stored))
            assert (said["id"], said["s"]["id"], said["s"]["seq"]) == (entry_id, stream, seq)
            assert said["s"]["prev"] == previous.hex()
            assert leaf_hash(bytes(stored)) == bytes(leaf) == place.leaf
            previous = bytes(leaf)
    if fresh:
        head = sql.one("SELECT seq, head FROM audit_stream WHERE stream = ?", (stream,))
        assert (head[0], bytes(head[1])) == (fresh[-1].seq, fresh[-1].leaf)


@pytest.fixture(autouse=True, scope="session")
def every_step_is_checked() -> Iterator[None]:
    """Look at the log after every step that this process records."""
    record = outbox._record

    def checked(sql: Any, stream: str, offers: Sequence[outbox.Offer]) -> list[outbox.Recorded]:
        places = record(sql, stream, offers)
        check_log(sql, stream, places)
        return places

    outbox._record = checked
    yield
    outbox._record = record
