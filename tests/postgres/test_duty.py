"""The rota on PostgreSQL: as on SQLite, read by the worker's own role through its view alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, insert, make_url, text
from sqlalchemy.exc import DatabaseError

from cases import duty
from cases.database import open_engine, reading
from cases.duty import Handover, on_duty
from cases.web_tables import account
from tests.cases.test_duty import HOUR, NOW, _person, put, stand_in
from tests.postgres.conftest import Stores, _command, the_tests_of
from yichuang.stores import let_in, migrate

pytestmark = pytest.mark.long

globals().update(
    the_tests_of(
        "tests.cases.test_duty",
        without=(
            "store",
            "test_the_past_of_the_rota_cannot_be_written_over_by_sql",
            # No store in them.
            "test_crews_take_turns_and_days_off_have_crews_of_their_own",
            "test_whatever_stands_in_a_turn_has_one_person_at_each_moment_of_it",
        ),
    )
)


def people(engine: Engine) -> Engine:
    with engine.begin() as connection:
        for user in ("u:day", "u:night", "u:spare", "u:head"):
            connection.execute(insert(account).values(_person(user)))
    return engine


@pytest.fixture
def store(stores: Stores) -> Engine:
    return people(stores["web"])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE duty_shift SET person = 'u:night'",
        "UPDATE duty_shift SET ends_at = starts_at + interval '1 hour'",
        "DELETE FROM duty_shift",
        "TRUNCATE duty_shift CASCADE",
        "UPDATE duty_override SET person = 'u:night'",
        "UPDATE duty_override SET accepted_by = 'u:head'",
        "UPDATE duty_override SET accepted_by = '', accepted_at = NULL",
        "DELETE FROM duty_override",
        "TRUNCATE duty_override",
        "UPDATE duty_handover SET incidents = '[]'",
        "UPDATE duty_handover SET note_sealed = '\\x00'",
        "UPDATE duty_handover SET taken_by = 'u:spare'",
        "DELETE FROM duty_handover",
        "TRUNCATE duty_handover",
        "INSERT INTO duty_shift SELECT * FROM duty_shift"
        " ON CONFLICT (id) DO UPDATE SET person = 'u:night'",
    ],
)
def test_the_past_of_the_rota_stays_whatever_sql_says(store: Engine, statement: str) -> None:
    put(store, "s1", "u:day", (0, 12))
    stand_in(store, "o1", "s1", "u:spare", (2, 4))
    told = Handover("h1", "zhzx", "u:day", NOW, "s1", (("i1", "1号", "on_site"),), b"sealed")
    with store.begin() as connection:
        duty.accept_override(connection, "o1", "u:spare", NOW)
        duty.hand_over(connection, told)
        duty.take_over(connection, "h1", "u:night", NOW)
    with pytest.raises(DatabaseError, match=r"does not change|is not deleted"):
        with store.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def split(server: str) -> Iterator[tuple[Engine, Engine]]:
    """The web store as its own role, and the same schema as the worker's, as in the large form."""
    name = f"duty_{uuid.uuid4().hex[:8]}"
    _command(server, f"CREATE DATABASE {name}")
    for role in ("web", "cases"):
        _command(server, f"CREATE ROLE {name}_{role}")
    admin = open_engine(make_url(server).set(database=name).render_as_string(hide_password=False))
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA web AUTHORIZATION {name}_web"))
        connection.execute(text(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC"))
    admin.dispose()
    url = make_url(server).set(drivername="postgresql+psycopg", database=name)
    web, worker = (
        create_engine(
            url,
            connect_args={"options": f"-c timezone=UTC -c search_path=web -c role={name}_{role}"},
        )
        for role in ("web", "cases")
    )
    migrate(web, "web")
    let_in(web, f"{name}_cases")
    yield web, worker
    for engine in (web, worker):
        engine.dispose()
    _command(server, f"DROP DATABASE {name} WITH (FORCE)")
    for role in ("web", "cases"):
        _command(server, f"DROP ROLE {name}_{role}")


def test_the_workers_role_reads_who_is_on_duty_and_nothing_else(
    split: tuple[Engine, Engine],
) -> None:
    web, worker = split
    people(web)
    put(web, "s1", "u:day", (0, 12))
    stand_in(web, "o1", "s1", "u:spare", (2, 4))
    with web.begin() as connection:
        duty.accept_override(connection, "o1", "u:spare", NOW)
    with reading(worker) as connection:
        first, second = (on_duty(connection, "zhzx", NOW + one * HOUR) for one in (1, 3))
    assert [[one.user for one in found] for found in (first, second)] == [["u:day"], ["u:spare"]]
    for statement in (
        "SELECT 1 FROM duty_shift", "SELECT 1 FROM duty_override", "SELECT 1 FROM duty_handover",
        "SELECT 1 FROM duty_contact", "SELECT 1 FROM account", "SELECT 1 FROM signal_window",
        "DELETE FROM duty_now", "CREATE VIEW mine AS SELECT 1",
    ):  # fmt: skip
        with pytest.raises(DatabaseError, match=r"permission denied|cannot delete"):
            with worker.begin() as connection:
                connection.execute(text(statement))
