"""Our own warnings on PostgreSQL: kept, listed and checked as on SQLite, and never changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from cases import warning_rows
from cases.projection import after_of
from cases.warning_rows import KeptAct, NewAct
from cases.warning_tables import warning_act
from cases.warnings import ADJUST, ISSUE, LIFT, Announced, Lifting
from tests.cases.test_warnings import BODY, PLACED
from tests.postgres.conftest import Stores

pytestmark = pytest.mark.long
AT = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


def put(stores: Stores, warning: str, seq: int, verb: str) -> str:
    said = Announced.model_validate(BODY | PLACED)
    lifting = Lifting(reason="已加固", reason_en="Secured") if verb == LIFT else None
    at = AT + timedelta(minutes=seq)
    act = KeptAct(warning, seq, verb, "u:a", said, lifting, "<alert/>", at, f"e{warning}{seq}")
    with stores["cases"].begin() as connection:
        return warning_rows.put(connection, NewAct(act, f"{warning}-{seq}", "d"))


def test_acts_are_kept_listed_and_bound_by_the_newest_entry(stores: Stores) -> None:
    put(stores, "one", 1, ISSUE)
    put(stores, "one", 2, ADJUST)
    said = {"two": put(stores, "two", 1, ISSUE), "one": put(stores, "one", 3, LIFT)}
    with stores["cases"].connect() as connection:
        newest = warning_rows.listing(connection)
        assert [(one.warning, one.seq) for one in newest] == [("one", 3), ("two", 1)]
        acts = warning_rows.acts(connection, "one")
        assert [one.verb for one in acts] == [ISSUE, ADJUST, LIFT]
        assert acts[0].said == Announced.model_validate(BODY | PLACED)
        answer = warning_rows.answered(connection, "one-2")
        assert answer is not None and (answer.seq, answer.repeated) == (2, True)
        assert list(warning_rows.check(connection, said)) == []
        assert [one.warning for one in warning_rows.check(connection, {"two": said["two"]})] == [
            "one"
        ]


def test_nobody_changes_what_was_announced(stores: Stores) -> None:
    after = put(stores, "one", 1, ISSUE)
    engine = stores["cases"]
    with engine.connect() as connection:
        (row,) = connection.execute(select(warning_act)).all()
    assert after_of(row.digests) == after
    for statement in (
        update(warning_act).values(level="blue"),
        delete(warning_act),
        text("TRUNCATE warning_act"),
    ):
        for mode in ("origin", "replica"):
            with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
                connection.execute(text(f"SET LOCAL session_replication_role = {mode}"))
                connection.execute(statement)
    fresh = {**row._mapping, "warning_id": "x", "command_id": "x"}
    for wrong in (
        {"category": "weather"}, {"level": "green"}, {"seq": 2}, {"command_id": "one-1"},
    ):  # fmt: skip
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(insert(warning_act).values(fresh | wrong))
