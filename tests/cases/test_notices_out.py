"""Notices on real stores: told once, looked up once, tried by each channel for itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from cases import deliveries, notices_out
from cases.database import open_engine
from cases.deliveries import PAUSES, Delivery
from cases.notices_out import KeptNotice, Notice, tell
from yichuang.stores import migrate

NOW = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOTICE = Notice("duty:zhzx", "escalated", "i1", "80", {"number": "1号"}, urgent=True)
KEPT = KeptNotice(1, NOTICE.id, "i1", NOTICE.recipient, "escalated", NOTICE.fields, True, NOW)


def opened(folder: Path, store: str) -> Engine:
    engine = open_engine(f"sqlite:///{folder / f'{store}.sqlite'}")
    migrate(engine, store)  # type: ignore[arg-type]  # one of ours
    return engine


@pytest.fixture
def cases(tmp_path: Path) -> Iterator[Engine]:
    engine = opened(tmp_path, "cases")
    yield engine
    engine.dispose()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Engine]:
    engine = opened(tmp_path, "web")
    yield engine
    engine.dispose()


def only(found: Sequence[Delivery]) -> Delivery:
    assert len(found) == 1
    return found[0]


def test_the_same_key_tells_once_and_another_key_again(cases: Engine) -> None:
    other = Notice("duty:zhzx", "escalated", "i1", "100", {"number": "1号"}, urgent=True)
    with cases.begin() as connection:
        assert tell(connection, NOTICE, NOW)
        assert not tell(connection, NOTICE, NOW + MINUTE)
        assert tell(connection, other, NOW)
        assert [one.id for one in notices_out.after(connection, 0)] == [NOTICE.id, other.id]
        assert [one.id for one in notices_out.after(connection, 1)] == [other.id]


def test_what_is_told_in_a_transaction_that_fails_was_not_told(cases: Engine) -> None:
    with pytest.raises(RuntimeError), cases.begin() as connection:
        tell(connection, NOTICE, NOW)
        raise RuntimeError("settling failed")
    with cases.begin() as connection:
        assert notices_out.after(connection, 0) == []


def test_what_is_kept_is_what_was_told(cases: Engine) -> None:
    with cases.begin() as connection:
        tell(connection, NOTICE, NOW)
        (kept,) = notices_out.of_incident(connection, "i1")
    assert kept == KEPT


def test_whom_it_goes_to_is_looked_up_once(web: Engine) -> None:
    with web.begin() as connection:
        deliveries.found(connection, KEPT, [("u:a", "in_app")], NOW)
    with pytest.raises(IntegrityError), web.begin() as connection:
        deliveries.found(connection, KEPT, [("u:b", "in_app")], NOW)
    with web.begin() as connection:
        assert deliveries.tray(connection, "u:b") == []
        assert deliveries.tray(connection, "u:a") == [NOTICE.id]
        assert deliveries.known(connection, [NOTICE.id, "other"]) == {NOTICE.id}


def test_a_failed_try_of_one_channel_leaves_the_other_alone(web: Engine) -> None:
    with web.begin() as connection:
        deliveries.found(connection, KEPT, [("u:a", "email"), ("u:a", "sms")], NOW)
        mail = only(deliveries.due(connection, "email", NOW))
        assert deliveries.claim(connection, mail, NOW)
        deliveries.went(connection, mail, "queued", NOW, "away")
        assert deliveries.due(connection, "email", NOW + PAUSES[0] - timedelta(seconds=1)) == []
        again = only(deliveries.due(connection, "email", NOW + PAUSES[0]))
        assert (again.tries, again.reason) == (1, "away")
        sms = only(deliveries.due(connection, "sms", NOW))
        assert (sms.tries, sms.reason) == (0, "")


def test_a_try_belongs_to_one_and_comes_back_when_they_died(web: Engine) -> None:
    with web.begin() as connection:
        deliveries.found(connection, KEPT, [("u:a", "email")], NOW)
        mail = only(deliveries.due(connection, "email", NOW))
        assert deliveries.claim(connection, mail, NOW)
        assert not deliveries.claim(connection, mail, NOW)
        later = NOW + deliveries.CLAIM
        assert deliveries.due(connection, "email", later - timedelta(seconds=1)) == []
        assert only(deliveries.due(connection, "email", later)).tries == 1


def test_after_its_last_pause_it_has_failed_and_says_why(web: Engine) -> None:
    at = NOW
    with web.begin() as connection:
        deliveries.found(connection, KEPT, [("u:a", "email")], NOW)
        for n in range(len(PAUSES) + 1):
            one = only(deliveries.due(connection, "email", at))
            assert (one.tries, one.state) == (n, "queued")
            assert deliveries.claim(connection, one, at)
            deliveries.went(connection, one, "queued", at, "no answer")
            at += max(PAUSES)
        assert deliveries.due(connection, "email", at) == []
        found = deliveries.one(connection, NOTICE.id, "u:a", "email")
    assert found is not None
    assert (found.state, found.tries, found.reason) == ("failed", len(PAUSES) + 1, "no answer")


def test_what_has_arrived_does_not_fail_afterwards(web: Engine) -> None:
    with web.begin() as connection:
        deliveries.found(connection, KEPT, [("u:a", "sms")], NOW)
        one = only(deliveries.due(connection, "sms", NOW))
        assert deliveries.went(connection, one, "delivered", NOW)
        assert not deliveries.went(connection, one, "failed", NOW, "late receipt")
        kept = only(deliveries.of_notices(connection, [NOTICE.id])[NOTICE.id])
    assert (kept.state, kept.reason) == ("delivered", "")
