"""Every write of the way from a step to a signed head fails once: before it is done, and after.

A write that fails after it was done (the answer is lost) is the harder one: whoever tries again
must find it. Each is tried on its own, so that every place is met.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from audit.logstore import LogReader, found_log
from audit.outbox import record, record_many
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import log_metadata, outbox_metadata
from audit.verify import CLEAN
from tests.audit.conftest import ORIGIN, House, make_draft, sqlite_engine

Way = Literal["before", "after"]
Done = TypeVar("Done")
TRIES = 5


@dataclass
class Faults:
    """Counts writes and lets one of them fail. 0: none."""

    place: int = 0
    way: Way = "before"
    count: int = 0
    met: list[str] = field(default_factory=list)

    def write(self, name: str, work: Callable[[], Done], error: type[Exception]) -> Done:
        """Do one write, or fail at it."""
        self.count += 1
        self.met.append(name)
        fails = self.count == self.place
        if fails and self.way == "before":
            raise error(f"{name} was not done")
        done = work()
        if fails:
            raise error(f"{name} was done, the answer is lost")
        return done


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *values: Any) -> Any:
        return _write(self.connection, sql, lambda: super(_Cursor, self).execute(sql, *values))

    def executemany(self, sql: str, *values: Any) -> Any:
        return _write(self.connection, sql, lambda: super(_Cursor, self).executemany(sql, *values))


class _Connection(sqlite3.Connection):
    faults: Faults | None = None

    def cursor(self, *_: Any) -> Any:
        return super().cursor(_Cursor)

    def commit(self) -> None:
        if not self.in_transaction:
            return
        _write(self, "COMMIT", super().commit)


def _write(connection: Any, sql: str, work: Callable[[], Done]) -> Done:
    word = sql.lstrip().split(" ", 1)[0]
    if connection.faults is None or word not in ("INSERT", "UPDATE", "DELETE", "COMMIT"):
        return work()
    name = " ".join(sql.split()[:3])
    done: Done = connection.faults.write(name, work, sqlite3.OperationalError)
    return done


def _opened(path: Path, faults: Faults) -> Engine:
    kind = type("_Failing", (_Connection,), {"faults": faults})
    return sqlite_engine(path, factory=kind)


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Faults], House]]:
    """Make houses whose writes can fail; the signer's memory too."""
    made: list[House] = []

    def make(faults: Faults) -> House:
        folder = tmp_path / f"{faults.way}-{faults.place}"
        folder.mkdir()
        place, faults.place = faults.place, 0
        engines = {name: _opened(folder / f"{name}.db", faults) for name in ("cases", "web", "log")}
        outbox_metadata.create_all(engines["cases"])
        outbox_metadata.create_all(engines["web"])
        log_metadata.create_all(engines["log"])
        found_log(engines["log"], ORIGIN)
        init_signer(folder / "signer.pem", folder / "signer.json", ORIGIN)
        for name in ("fsync", "replace"):
            monkeypatch.setattr(os, name, _failing(faults, name, getattr(os, f"_real_{name}")))
        signer = Signer(folder / "signer.pem", folder / "signer.json")
        sources = {"cases": engines["cases"], "web": engines["web"]}
        sequencer = Sequencer(engines["log"], sources, signer)
        house = House(engines["cases"], engines["web"], engines["log"], signer, sequencer)
        made.append(house)
        faults.place, faults.count = place, 0
        faults.met.clear()
        return house

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, f"_real_{name}", getattr(os, name), raising=False)
    yield make
    for house in made:
        house.signer.close()
        for engine in (house.cases, house.web, house.log):
            engine.dispose()


def _failing(faults: Faults, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: faults.write(name, lambda: real(*values), OSError)


def _at_last(work: Callable[[], object]) -> int:
    """Try until it is done, as a caller does; return how often it failed."""
    for failures in range(TRIES):
        try:
            work()
        except (DBAPIError, OSError):
            continue
        return failures
    raise AssertionError("it failed again although only one write was to fail")


def _a_day(house: House) -> int:
    """Record, append and seal a little of everything; return how often something failed."""

    def steps(engine: Engine, *numbers: int, stream: str = "case:C-1") -> None:
        with engine.begin() as connection:
            record_many(connection, [(make_draft(number, stream), ()) for number in numbers])

    def one(engine: Engine, number: int, stream: str) -> None:
        with engine.begin() as connection:
            record(connection, make_draft(number, stream))

    failed = _at_last(lambda: steps(house.cases, 1, 2, 3))
    failed += _at_last(lambda: one(house.web, 4, "sys:auth"))
    failed += _at_last(house.sequencer.drain)
    failed += _at_last(house.sequencer.seal)
    for number in (10, 20, 30):
        failed += _at_last(partial(steps, house.cases, number, number + 1))
    failed += _at_last(lambda: steps(house.cases, *range(200, 460), stream="case:C-2"))
    failed += _at_last(house.sequencer.drain)
    failed += _at_last(house.sequencer.seal)
    return failed


RECORDED = 3 + 1 + 6 + 260


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["before", "after"])
def test_each_write_may_fail_once(city: Callable[[Faults], House], way: Way) -> None:
    whole = Faults()
    assert _a_day(city(whole)) == 0
    assert {"COMMIT", "fsync", "replace"} < set(whole.met) and whole.count > 40
    for place in range(1, whole.count + 1):
        house = city(Faults(place, way))
        assert _a_day(house) == 1, (place, whole.met[place - 1])
        report = house.verify()
        assert report.exit_code == CLEAN, (place, whole.met[place - 1], report.as_json())
        with house.log.connect() as connection:
            assert LogReader(connection).state().size == RECORDED
