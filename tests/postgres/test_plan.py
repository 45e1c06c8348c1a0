"""Reports and quarters of the plan on PostgreSQL: kept, counted as on SQLite, and never changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from cases import plan_book, plan_rows, plan_values
from cases.plan.messages import ReportFigure
from cases.plan_rows import NewReport
from cases.plan_tables import plan_report, plan_snapshot
from cases.projection import after_of
from catalogue.kpis import load_kpis
from tests.postgres.conftest import Stores

pytestmark = pytest.mark.long

KPIS = load_kpis()
NOW = datetime(2026, 11, 27, 4, 30, tzinfo=UTC)
BODY = ReportFigure(
    kpi="waste", department="cgj", on=date(2026, 9, 30), numerator=2**53 + 1, denominator=2**54
)


def new(key: str, revision: int, corrects: str = "") -> NewReport:
    body = BODY.model_copy(update={"corrects": corrects})
    return NewReport(key, key, "d", "u:qian", "nats", body, revision, NOW, "e")


def test_reports_and_quarters_are_kept_and_nobody_changes_them(stores: Stores) -> None:
    engine = stores["cases"]
    with engine.begin() as connection:
        plan_rows.put(connection, new("one", 1))
        plan_rows.put(connection, new("two", 2, "one"))
        plan_book.snapshot(connection, KPIS, "Asia/Shanghai", "2026Q3", date(2026, 9, 30), NOW, "e")
    with engine.connect() as connection:
        kept = plan_rows.newest(connection, date(2026, 12, 31), NOW)["waste"]
        assert (kept.id, kept.numerator) == ("two", 2**53 + 1)
        said = {row.id: after_of(row.digests) for row in connection.execute(select(plan_report))}
        assert list(plan_rows.check(connection, said)) == []
        assert len(plan_rows.snapshots(connection)) == 17
        found = plan_book.lines(connection, KPIS, "Asia/Shanghai", NOW)
        lines = {one.kpi.code: one for one in found}
        assert lines["waste"].standing.value == 100 * Fraction(2**53 + 1, 2**54)
        assert plan_values.statistics(connection, "Asia/Shanghai", NOW)["received"] == 0
    for again in (new("one", 3), new("three", 2, "one")):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            plan_rows.put(connection, again)
    for statement in (
        update(plan_report).values(numerator=1),
        delete(plan_report),
        text("TRUNCATE plan_report"),
        update(plan_snapshot).values(light="green"),
        delete(plan_snapshot),
    ):
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(statement)
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(statement)
