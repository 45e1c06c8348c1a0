"""Lists that must not read every case to show a page: what SQLite says it would read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import event

from cases.database import reading
from cases.delay_shares import ShareQuery, shared_clocks
from cases.process_rows import Sought, held_cases
from cases.published import granted_decisions
from cases.queries import Desk, Queries
from cases.tables import case
from tests.activities.conftest import Town

PLACES = ("zjj", "scjg", "bgs", "xf")
DESK = Desk(("u:boss",), PLACES, tuple(f"r:window_clerk:{one}" for one in (*PLACES, "rf", "ww")))


@contextmanager
def asked(town: Town) -> Iterator[list[tuple[str, Any]]]:
    """Yield the list of every statement that is run meanwhile, with its values."""
    found: list[tuple[str, Any]] = []

    def note(_1: Any, _2: Any, statement: str, values: Any, *_: Any) -> None:
        found.append((statement, values))

    event.listen(town.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(town.engine, "before_cursor_execute", note)


def plans(town: Town, statements: list[tuple[str, Any]], table: str) -> list[list[str]]:
    """Return how each statement that begins with rows of a table would be carried out."""
    with reading(town.engine) as connection:
        return [
            [
                str(row[3])
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
            ]
            for text, values in statements
            if text.startswith("SELECT") and table in text
        ]


def test_notices_are_found_by_who_was_told(town: Town) -> None:
    queries = Queries(town.engine, lambda rows: [b"" for _ in rows], lambda name: None)  # type: ignore[arg-type, return-value]
    with asked(town) as statements:
        queries.notices(DESK, where=case.c.department.in_(PLACES))
    (plan,) = plans(town, statements, "notification")
    assert plan[0].startswith("SEARCH notification USING INDEX ix_notification_recipient")


def test_what_was_granted_is_counted_and_paged_by_its_index_alone(town: Town) -> None:
    with asked(town) as statements, reading(town.engine) as connection:
        matters = ("construction-permit", "food-operation")
        granted_decisions(connection, lambda rows: [b"" for _ in rows], matters, date(2026, 1, 1))
    count, page = plans(town, statements, "case_file")
    assert count == [
        "SEARCH case_file USING COVERING INDEX ix_case_published (ending=? AND decided_at>?)"
    ]
    assert any("COVERING INDEX ix_case_published" in line for line in page)
    assert page[0].startswith("SEARCH case_file USING INDEX sqlite_autoindex_case_file")


def test_who_had_most_of_the_time_is_listed_along_its_index(town: Town) -> None:
    sought = Sought("case", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    query = ShareQuery("2026-01", "2026-12", holder="department:scjg")
    where = case.c.department.in_(PLACES)
    with asked(town) as statements, reading(town.engine) as connection:
        held_cases(connection, where, sought, ("department", "scjg"), 100, total=0)
        shared_clocks(connection, where, query, "Asia/Shanghai", 100)
    lists = [plan for plan in plans(town, statements, "clock_share") if len(plan) > 4]
    assert len(lists) == 2
    for plan in lists:
        assert any("clock_share USING INDEX ix_share_longest" in line for line in plan)
        before = [line for line in plan if not line.startswith("USE TEMP B-TREE")]
        assert len(plan) - len(before) <= 1, "the page is in its order by the index"
