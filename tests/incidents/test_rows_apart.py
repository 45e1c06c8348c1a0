"""The two centres stay apart in the rows, whoever writes; what was ordered is never changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import IntegrityError

from cases.database import open_engine
from cases.incident_tables import CHECKING, HANDLING, incident, incident_hand
from yichuang.stores import migrate

AT = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path}/cases.sqlite")
    migrate(engine, "cases")
    with engine.begin() as connection:
        connection.execute(
            insert(incident).values(
                id="i1", number="n", seq=1, stage="reported", is_open=True, type="other",
                domain="city", level="", rank=4, grade="", response_level=0, title="t",
                address="", district="", cell="", signals=0, late=0, reported_at=AT,
                updated_at=AT, lead="", merged_into="", state="{}",
            )
        )  # fmt: skip
    yield engine
    engine.dispose()


def write(engine: Engine, act: str, person: str) -> None:
    with engine.begin() as connection:
        connection.execute(insert(incident_hand).values(incident_id="i1", act=act, person=person))


@pytest.mark.parametrize("checking", CHECKING)
@pytest.mark.parametrize("handling", HANDLING)
def test_nobody_comes_to_stand_on_both_sides_in_either_order(
    engine: Engine, checking: str, handling: str
) -> None:
    write(engine, handling, "u:one")
    with pytest.raises(IntegrityError, match="checked by nobody who dispatched"):
        write(engine, checking, "u:one")
    write(engine, checking, "u:two")
    with pytest.raises(IntegrityError, match="checked by nobody who dispatched"):
        write(engine, handling, "u:two")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE incident_hand SET person = 'u:x'",
        "DELETE FROM incident_hand",
        "INSERT OR REPLACE INTO incident_hand VALUES ('i1', 'dispatch', 'u:one')",
    ],
)
def test_a_hand_is_never_changed(engine: Engine, statement: str) -> None:
    write(engine, "dispatch", "u:one")
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
