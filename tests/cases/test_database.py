"""Every store is opened one way: durable, with one writer at a time, and it says when it cannot."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import StatementError

from cases.database import Instant, StoreUnwritable, open_engine, reading, schema_of

METADATA = MetaData()
COUNTER = Table("counter", METADATA, Column("n", Integer), Column("at", Instant))


def test_a_store_is_durable(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.sqlite'}")
    with engine.begin() as connection:
        said = [
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert said == ["wal", 2, 1]


def test_writers_that_read_first_lose_no_update(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.sqlite'}")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(COUNTER).values(n=0))

    def count() -> None:
        for _ in range(25):
            with engine.begin() as connection:
                n = connection.execute(select(COUNTER.c.n)).scalar_one()
                connection.execute(COUNTER.update().values(n=n + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert connection.execute(select(COUNTER.c.n)).scalar_one() == 100


def test_a_reader_waits_for_no_writer(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.sqlite'}")
    METADATA.create_all(engine)
    with engine.begin() as writer:
        writer.execute(insert(COUNTER).values(n=1))
        with reading(engine) as reader:
            assert reader.execute(select(COUNTER.c.n)).all() == []


def test_a_read_only_engine_cannot_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    METADATA.create_all(open_engine(url))
    with (
        pytest.raises(StoreUnwritable),
        open_engine(url, read_only=True).begin() as connection,
    ):
        connection.execute(insert(COUNTER).values(n=1))


def test_a_missing_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'none' / 'x.sqlite'}")
    with pytest.raises(StoreUnwritable, match=r"x\.sqlite 写不进去：打不开文件"), engine.begin():
        pass


def test_an_instant_comes_back_aware_and_in_utc(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.sqlite'}")
    METADATA.create_all(engine)
    moment = datetime(2026, 3, 2, 9, 0, 0, 123456, timezone(timedelta(hours=8)))
    with engine.begin() as connection:
        connection.execute(insert(COUNTER).values(n=1, at=moment))
        found = connection.execute(select(COUNTER.c.at)).scalar_one()
    assert found == moment and found.tzinfo is UTC


def test_a_naive_instant_is_refused(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.sqlite'}")
    METADATA.create_all(engine)
    naive = datetime(2026, 3, 2)  # noqa: DTZ001 -- what must not get in
    with pytest.raises(StatementError, match="no time zone"), engine.begin() as connection:
        connection.execute(insert(COUNTER).values(n=1, at=naive))


def test_the_schema_stands_in_the_address() -> None:
    assert schema_of("postgresql://u@h/d?schema=cases") == "cases"
    assert schema_of("sqlite:///x") == ""
