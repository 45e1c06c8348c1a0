"""Notices on a real store: told once, found once, tried by each channel for itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cases import notices_out
from cases.database import open_engine
from cases.notices_out import Notice, tell
from yichuang.stores import migrate

NOW = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOTICE = Notice("duty:zhzx", "escalated", "i1", "80", {"number": "1号"}, urgent=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    migrate(engine, "cases")
    yield engine
    engine.dispose()


def test_the_same_key_tells_once_and_another_key_again(store: Engine) -> None:
    other = Notice("duty:zhzx", "escalated", "i1", "100", {"number": "1号"}, urgent=True)
    with store.begin() as connection:
        assert tell(connection, NOTICE, NOW)
        assert not tell(connection, NOTICE, NOW + MINUTE)
        assert tell(connection, other, NOW)
        assert [one.id for one in notices_out.unfound(connection)] == [NOTICE.id, other.id]


def test_what_is_told_in_a_transaction_that_fails_was_not_told(store: Engine) -> None:
    with pytest.raises(RuntimeError), store.begin() as connection:
        tell(connection, NOTICE, NOW)
        raise RuntimeError("settling failed")
    with store.begin() as connection:
        assert notices_out.unfound(connection) == []


def test_an_urgent_notice_is_looked_up_before_an_older_one(store: Engine) -> None:
    plain = Notice("duty:zhzx", "lesson", "i1", "1")
    with store.begin() as connection:
        tell(connection, plain, NOW)
        tell(connection, NOTICE, NOW + MINUTE)
        assert [one.id for one in notices_out.unfound(connection)] == [NOTICE.id, plain.id]


def test_somebody_is_found_once(store: Engine) -> None:
    with store.begin() as connection:
        tell(connection, NOTICE, NOW)
        assert notices_out.found(connection, NOTICE.id, [("u:a", "in_app")], NOW)
        assert not notices_out.found(connection, NOTICE.id, [("u:b", "in_app")], NOW)
        assert notices_out.tray(connection, "u:b") == []
        assert [one.id for one in notices_out.tray(connection, "u:a")] == [NOTICE.id]


def test_a_failed_try_of_one_channel_leaves_the_other_alone(store: Engine) -> None:
    with store.begin() as connection:
        tell(connection, NOTICE, NOW)
        notices_out.found(connection, NOTICE.id, [("u:a", "email"), ("u:a", "sms")], NOW)
        ((_, mail),) = notices_out.due(connection, "email", NOW)
        notices_out.went(connection, mail, "queued", NOW, next_at=NOW + MINUTE, reason="away")
        assert notices_out.due(connection, "email", NOW) == []
        ((_, again),) = notices_out.due(connection, "email", NOW + MINUTE)
        assert (again.tries, again.reason) == (1, "away")
        ((_, sms),) = notices_out.due(connection, "sms", NOW)
        assert (sms.tries, sms.reason) == (0, "")


def test_what_has_arrived_does_not_fail_afterwards(store: Engine) -> None:
    with store.begin() as connection:
        tell(connection, NOTICE, NOW)
        notices_out.found(connection, NOTICE.id, [("u:a", "sms")], NOW)
        ((_, one),) = notices_out.due(connection, "sms", NOW)
        assert notices_out.went(connection, one, "delivered", NOW)
        assert not notices_out.went(connection, one, "failed", NOW, reason="late receipt")
        ((_, (kept,)),) = notices_out.of_incident(connection, "i1")
        assert (kept.state, kept.reason) == ("delivered", "")
