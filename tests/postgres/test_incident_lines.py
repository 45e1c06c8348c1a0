"""What rulings taught and which people's data ended, on PostgreSQL: as on SQLite, and for good."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DatabaseError

from cases import incident_ends
from cases.incident_lines import incident_line, learn, learned_lines
from tests.cases.test_incident_lines import AT, ruled
from tests.postgres.conftest import Stores

pytestmark = pytest.mark.long


def test_a_ruling_teaches_once_and_stays(stores: Stores) -> None:
    engine = stores["cases"]
    for _ in range(2):
        with engine.begin() as connection:
            learn(connection, ruled("c1"))
    for statement in (
        update(incident_line).values(department="gd"), delete(incident_line),
        text("TRUNCATE incident_line"),
    ):  # fmt: skip
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(statement)
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(statement)
    with engine.connect() as connection:
        assert [one.department for one in learned_lines(connection)] == ["rq"]


def test_an_end_is_begun_once_numbered_and_finished(stores: Stores) -> None:
    engine = stores["cases"]
    with engine.begin() as connection:
        assert incident_ends.begin(connection, "i1", "e1", AT)
        assert not incident_ends.begin(connection, "i1", "e1", AT)
        assert incident_ends.begin(connection, "i2", "e2", AT)
    with engine.connect() as connection:
        first, second = incident_ends.since(connection, 0)
        assert first.n < second.n
    with engine.begin() as connection:
        incident_ends.finish(connection, "i1", AT)
        assert [one.incident_id for one in incident_ends.unfinished(connection)] == ["i2"]
