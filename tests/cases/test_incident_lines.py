"""What a ruling teaches is written once and stays."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from cases.database import open_engine
from cases.incident_lines import Ruled, learn, learned_lines
from cases.incidents.place import Place
from cases.incidents.routing import route
from catalogue.load import load_catalogue
from yichuang.stores import migrate

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def ruled(command: str, kind: str = "manhole", department: str = "rq", hours: int = 0) -> Ruled:
    return Ruled(
        "i1", "云突〔2026〕000007号", command, kind, "jd1", department, "moves", "u:zhong",
        AT + timedelta(hours=hours),
    )  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    migrate(engine, "cases")
    yield engine
    engine.dispose()


def test_a_ruling_teaches_once_however_often_its_step_is_settled(engine: Engine) -> None:
    for _ in range(2):
        with engine.begin() as connection:
            learn(connection, ruled("c1"))
    with engine.begin() as connection:
        learn(connection, ruled("c2", hours=1))
        learn(connection, ruled("c3", kind="noise"))
    with engine.connect() as connection:
        assert len(learned_lines(connection, "manhole")) == 2
        assert len(learned_lines(connection)) == 3


def test_the_next_incident_of_the_kind_in_the_street_goes_where_the_ruling_said(
    engine: Engine,
) -> None:
    catalogue = load_catalogue()
    kind = catalogue.incident_types.by_code["manhole"]
    place = Place(cell=next(one.id for one in catalogue.grid.cells if one.department == "jd1"))

    def lead() -> str:
        with engine.connect() as connection:
            learned = learned_lines(connection, kind.code)
        return route(kind, place, catalogue.responsibility, catalogue.grid, learned)[0].department

    assert lead() == "sw"
    with engine.begin() as connection:
        learn(connection, ruled("c1"))
    assert lead() == "rq"
    with engine.begin() as connection:
        learn(connection, ruled("c2", department="cgj", hours=1))
    assert lead() == "cgj"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE incident_line SET department = 'gd'",
        "DELETE FROM incident_line",
        "INSERT OR REPLACE INTO incident_line SELECT id, incident_id, number, command_id, type, "
        "street, 'gd', ruling, ruled_by, ruled_at FROM incident_line",
    ],
)
def test_no_statement_changes_what_was_taught(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        learn(connection, ruled("c1"))
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    with engine.connect() as connection:
        assert [one.department for one in learned_lines(connection)] == ["rq"]
