"""Numbers repeat for nobody and leave no gap that no row tells of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cases import numbers
from cases.database import open_engine, reading
from cases.numbers import NumberLost, Series
from cases.tables import cases_metadata
from tests.stores import lay_out

AT = datetime(2026, 3, 2, tzinfo=UTC)
GRANT = numbers.document_series("scjg", "云市监", "grant", date(2026, 3, 2))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    one = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    lay_out(one, cases_metadata)
    yield one
    one.dispose()


def reserved(engine: Engine, command: str, *series: Series) -> list[str]:
    return [n.text for n in numbers.reserve(engine, command, "case", series or (GRANT,), AT)]


def test_a_document_number_is_spelled_as_gb_t_9704_says(engine: Engine) -> None:
    assert reserved(engine, "a") == ["云市监许准〔2026〕1号"]
    assert reserved(engine, "b") == ["云市监许准〔2026〕2号"]


def test_a_series_starts_anew_with_the_year(engine: Engine) -> None:
    reserved(engine, "a")
    next_year = numbers.document_series("scjg", "云市监", "grant", date(2027, 1, 1))
    assert reserved(engine, "b", next_year) == ["云市监许准〔2027〕1号"]


def test_a_retry_after_new_year_keeps_its_number(engine: Engine) -> None:
    reserved(engine, "a")
    next_year = numbers.document_series("scjg", "云市监", "grant", date(2027, 1, 1))
    assert reserved(engine, "a", next_year) == ["云市监许准〔2026〕1号"]


def test_a_case_number_has_letters_day_and_five_digits(engine: Engine) -> None:
    series = numbers.case_series("sc-jg", date(2026, 3, 2))
    assert reserved(engine, "a", series) == ["SCJG2026030200001"]


def test_the_same_command_gets_the_same_number_from_many_threads(engine: Engine) -> None:
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append(reserved(engine, "a"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["云市监许准〔2026〕1号"]] * 8


def test_a_used_number_is_used_for_good(engine: Engine) -> None:
    (number,) = numbers.reserve(engine, "a", "case", (GRANT,), AT)
    with engine.begin() as connection:
        numbers.use(connection, "a", [number], AT)
    with engine.begin() as connection:
        assert numbers.void(connection, "a", AT) == []
        with pytest.raises(NumberLost):
            numbers.use(connection, "a", [number], AT)


def test_a_voided_number_is_not_given_again(engine: Engine) -> None:
    (first,) = numbers.reserve(engine, "a", "case", (GRANT,), AT)
    with engine.begin() as connection:
        assert numbers.void(connection, "a", AT) == [first]
    assert reserved(engine, "a") == ["云市监许准〔2026〕2号"]
    with reading(engine) as connection:
        assert numbers.gaps(connection) == []


def test_a_row_that_is_gone_shows_as_a_gap(engine: Engine) -> None:
    reserved(engine, "a")
    reserved(engine, "b")
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM document_number WHERE n = 1")
        assert numbers.gaps(connection) == ["scjg/grant 2026 1"]
